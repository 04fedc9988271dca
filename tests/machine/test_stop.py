"""Ctrl-C, SIGTERM and SIGHUP: one exit status and one line, whenever they come, and nothing is left behind."""

import os
import signal
import subprocess
import sys

import pytest
from user_signals import hear_signals

STOPPED = "\nStopped. Every finished point is saved; the same command goes on from there.\n"

# A command of the bench that says when it is at work, does something, and then sleeps until it is ended.
COMMAND = """
import argparse, sys, time
from bench.run import options
from dlmark.machine import claims, stop

def run(opts):
    with claims.folder() as folder:
        {before}
        print("at work", folder, flush=True)
        {then}
        time.sleep(60)

parser = argparse.ArgumentParser(prog="python -m bench")
parser.set_defaults(run=run)
sys.exit(options.main(parser, []))
"""


@pytest.fixture
def start(root, tmp_path):
    """Start Python in the project's folder, with temporary files of its own; what still runs at the end is killed."""
    started = []

    def run(*words, **options) -> subprocess.Popen:
        environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
        options = {"stderr": subprocess.PIPE, "preexec_fn": hear_signals, **options}
        started.append(subprocess.Popen([sys.executable, *words], cwd=root, env=environment, stdout=subprocess.PIPE, text=True, **options))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def command(before="pass", then="pass"):
    return "-c", COMMAND.format(before=before, then=then)


def ended(process):
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_each_signal_ends_a_command_with_its_status_a_line_and_nothing_left(number, status, start, tmp_path):
    process = start(*command())
    assert process.stdout.readline().startswith("at work") and list(tmp_path.iterdir())
    process.send_signal(number)
    assert ended(process) == (status, STOPPED) and not list(tmp_path.iterdir())


def test_a_signal_that_comes_within_exec_of_a_text_ends_it_with_the_same_status(start):
    """A plain KeyboardInterrupt would end the process by SIGINT here, after the right line: dataclasses and namedtuples use exec."""
    process = start(*command(then="exec('import os, signal; os.kill(os.getpid(), signal.SIGINT); [n for n in range(10_000)]')"))
    assert ended(process) == (130, STOPPED)


def test_a_second_signal_does_not_disturb_the_clean_up(start, tmp_path):
    slow = "import shutil, os; rmtree = shutil.rmtree; shutil.rmtree = lambda *w, **k: (os.kill(os.getpid(), signal.SIGINT), rmtree(*w, **k))"
    process = start(*command(before=f"import signal; {slow}"))
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, STOPPED) and not list(tmp_path.iterdir())


def test_a_clean_up_that_takes_too_long_can_be_cut_short(start):
    hangs = "import signal, shutil; shutil.rmtree = lambda *w, **k: (print('tidying up', flush=True), time.sleep(60))"
    process = start(*command(before=f"stop.TIDYING_S = 0; {hangs}"))
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "tidying up\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, STOPPED)


def test_what_is_being_saved_is_saved_first(start):
    process = start(*command(then="with stop.held_back(): import os, signal; os.kill(os.getpid(), signal.SIGTERM); print('saved', flush=True)"))
    assert process.communicate(timeout=60)[0].endswith("saved\n") and process.returncode == 143


def test_a_signal_that_the_caller_ignores_stays_ignored(start):
    process = start(*command(), preexec_fn=lambda: (hear_signals(), signal.signal(signal.SIGHUP, signal.SIG_IGN)))  # as nohup does
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (143, STOPPED)


def test_a_command_has_its_status_also_while_it_is_still_importing(start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("""
import sys
class Interrupts:  # Ctrl-C comes when the first of bench's own modules is looked for
    def find_spec(self, name, path=None, target=None):
        if name == "bench.adapters":
            import os, signal
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
""")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for words, line in {("bench.cnn", "--help"): STOPPED, ("bench",): STOPPED}.items():
        done = subprocess.run([sys.executable, "-m", *words], env=environment, capture_output=True, text=True, cwd=os.getcwd(),
                              preexec_fn=hear_signals)  # fmt: skip
        assert (done.returncode, done.stderr) == (130, line)


@pytest.mark.parametrize("closed", [[2], [0, 1, 2]])
def test_a_command_without_standard_streams_has_the_same_status(closed, start, tmp_path):
    at_work = tmp_path / "at work"
    os.mkfifo(at_work)

    def close():
        hear_signals()
        for number in closed:
            os.close(number)

    process = start(*command(before=f"open({str(at_work)!r}, 'w').close()"), preexec_fn=close, stderr=None)
    open(at_work).close()  # waits until it is
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_after_the_end_a_signal_changes_nothing(root):
    """Between its last word and the interpreter's end a command has only its exit status left to give."""
    late = "import atexit, os, signal; atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT)); import runpy, sys; sys.argv[0] = '-m'; "
    program = late + "sys.orig_argv = ['python', '-m', 'bench']; import bench; sys.argv = ['bench', '--dry-run', '--framework', 'numpy', '--device', 'cpu', " \
                     "'--preset', 'quick', '--results', '/nowhere']; runpy.run_module('bench', run_name='__main__', alter_sys=False)"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, preexec_fn=hear_signals)
    assert done.returncode == 0 and "In all: " in done.stdout, done.stderr


def test_the_library_leaves_the_signals_of_other_programs_alone(root):
    program = (
        "import signal, dlmark, bench; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, preexec_fn=hear_signals)
    assert done.stdout == "True True\n"


def test_dlmark_ends_quietly(start, tmp_path):
    os.mkfifo(tmp_path / "answer")
    process = start("-c", "import os, sys; from dlmark import __main__ as d; "
                    f"d.check = lambda *_: (print('at work', flush=True), open({str(tmp_path / 'answer')!r}).read()); sys.exit(d.main(['check', 'x']))")  # fmt: skip
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, "")
