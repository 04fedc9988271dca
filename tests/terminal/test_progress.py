"""What happens is told above one bar, whatever the texts hold."""

from dlmark.terminal.progress import progress

HOSTILE = "\x1b]0;gone\x07\x1b[2Jred\u202eder [bold]bold[/bold] :smile:\r"
HARMLESS = "\\x1b]0;gone\\x07\\x1b[2Jred\\u202eder [bold]bold[/bold] :smile:\\r"


def test_a_hostile_line_is_said_and_not_obeyed(capsys):
    with progress(1) as show:
        show.say(f"gpu:0\t{HOSTILE}")
    assert capsys.readouterr().out == f"gpu:0   {HARMLESS}\n"


def test_the_parts_of_a_run_share_one_display():
    with progress(3) as whole:
        with progress(1) as first:
            first.advance(1)
        with progress(2) as second:
            second.at("the second part")
        assert first is second is whole and whole._display.tasks[0].completed == 1 and len(whole._display.tasks) == 1
    with progress(1) as later:
        assert later is not whole


def test_colours_that_are_forced_make_no_terminal_of_a_pipe(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as Jupyter does
    with progress(1) as show:
        show.at("a network")
        show.done(1, 1, "a point")
    assert capsys.readouterr().out == "[1/1] a point\n"
