"""Tell what happens: one line a finished point, and below it what is being measured, with the time left."""

import json
import sys
from contextlib import contextmanager

from dlmark.record import safe


class Progress:
    """A display that `say`s lines and shows a bar over `total` units of work, whatever they are, under them."""

    def __init__(self, display, task):
        self._display, self._task = display, task

    def say(self, line: str) -> None:
        """Print a line above the bar. It may hold texts of strangers, such as a record's or what a library wrote."""
        from rich.text import Text

        try:
            self._display.console.print(Text(safe(line.expandtabs())), soft_wrap=True)
        except BrokenPipeError:  # nobody reads it any more, and so wants no more
            raise
        except OSError:
            pass  # a log on a disk that is full: the results may be on another

    def done(self, number: int, of: int, line: str) -> None:
        """Say that one of so many points is done."""
        self.say(f"[{number}/{of}] {line}")

    def at(self, what: str) -> None:
        """Name what is being done now."""
        self._display.update(self._task, description=safe(what))

    def advance(self, work: float) -> None:
        """Add to the work done; the estimate of the time left follows from it."""
        self._display.advance(self._task, work)


class Events:
    """The same for a program that reads what this one prints: a line of JSON for each thing that happens, see `event`."""

    def say(self, line: str) -> None:
        """A line for people."""
        self._print(say=line)

    def done(self, number: int, of: int, line: str) -> None:
        """One of so many points is done."""
        self._print(done=number, of=of, say=line)

    def at(self, what: str) -> None:
        """What is being done now."""
        self._print(at=what)

    def advance(self, work: float) -> None:
        """Work that is done."""
        self._print(advance=work)

    def _print(self, **what) -> None:
        print(json.dumps({EVENT: 1, **what}), flush=True)


EVENT = "dlmark"  # which of the lines are events, and in which form


def event(line: str) -> dict | None:
    """What a line of Events tells; None of any other line, such as a library's own."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get(EVENT) == 1 else None


_shown: list[Progress | Events] = []  # the one that is on the screen


@contextmanager
def as_events():
    """What happens in the block is told in lines of JSON."""
    _shown.append(Events())
    try:
        yield
    finally:
        _shown.pop()


@contextmanager
def progress(total: float):
    """Show a Progress while the block runs. Without a terminal only the lines appear, each with the share done.

    Inside another one's block it is that one, whose `total` is that of all.
    """
    if _shown:
        yield _shown[-1]
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (rich.TextColumn("{task.description}", markup=False), rich.BarColumn(), rich.TaskProgressColumn(), rich.TextColumn("about"),
               rich.TimeRemainingColumn(), rich.TextColumn("left"))  # fmt: skip
    console = Console()
    is_screen = console.is_terminal and console.file.isatty()  # FORCE_COLOR, which Jupyter sets, makes a terminal of a pipe, and a line of each frame
    # A long period: points differ so much in cost that only the average over the run is worth showing.
    with rich.Progress(*columns, speed_estimate_period=3_600, console=console, disable=not is_screen) as display:
        _shown.append(Progress(display, display.add_task("starting", total=total)))
        try:
            yield _shown[-1]
        finally:
            _shown.pop()


def tell(line: str) -> None:
    """Say something that does not belong to the output: above the bar where there is one, else on standard error."""
    if _shown:
        _shown[-1].say(line)
    else:
        print(safe(line), file=sys.stderr, flush=True)


def lasting(seconds: float) -> str:
    """A time that nobody knows exactly, as people say it: under a minute, about 7 min, about 2 h 10 min."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute" if seconds else "no time"
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"
