"""The options that every bench script has, what they mean, and what comes of a user's mistake."""

import argparse
import errno
import io
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from time import sleep

from bench import adapters
from dlmark.machine import cpu, descriptors, device, lock, stop
from dlmark.measure import workers
from dlmark.record import RecordError, safe
from dlmark.results.files import ResultsError, results_folder
from dlmark.terminal.progress import as_events

EMPTY = re.compile("--[a-z-]+=")  # an option without its value, as a shell's unset variable leaves it: as if it were not there


class UsageError(ValueError):
    """What the user asked for can't be; the message says what can."""


def script(name: str, doc: str) -> tuple[argparse.ArgumentParser, argparse._SubParsersAction]:
    """The command line of bench/<name>.py, and what its subcommands are added to."""
    main = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    return main, main.add_subparsers(required=True, metavar="COMMAND")


def add_command(commands, run: Callable[[argparse.Namespace], int], **defaults) -> argparse.ArgumentParser:
    """Add the subcommand that `run` carries out, with the options that all have; `defaults` go into what it is given, `task` among them."""
    command = commands.add_parser(run.__name__.replace("_", "-"), help=run.__doc__.partition("\n")[0], description=run.__doc__, allow_abbrev=False)
    add_common(command)
    if defaults.get("task"):
        command.add_argument("--size", type=positive, metavar="SIDE", help="of the inputs (default: the network's own)")
    command.set_defaults(run=run, **defaults)
    return command


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options to one subcommand."""
    parser.add_argument("--framework", default="mxnet", help=f"one of: {', '.join(adapters.names())} (default: %(default)s)")
    parser.add_argument("--models", metavar="NAMES",
                        help="networks by name or glob, comma-separated: 'ResNet-v1-*,VGG-16'; all of them: '*'")  # fmt: skip
    parser.add_argument("--device", default="cpu", help="cpu, gpu or gpu:N as NVML counts them (default: %(default)s)")
    parser.add_argument("--precision", default="float32", help="number format of the network (default: %(default)s)")
    parser.add_argument("--mode", help="how the framework runs the network, such as eager or compiled (default: the adapter's first)")
    parser.add_argument("--threads", type=threads, default=cpu.cores(),
                        help="CPU threads: a number, or logical for one a thread of each core (default: one a core, %(default)s)")  # fmt: skip
    parser.add_argument("--wait", type=duration, default=0, metavar="TIME", help="wait for up to so long for a quiet machine, such as 10m (default: not)")
    parser.add_argument(
        "--budget", type=duration, metavar="TIME", help="end in time, such as 25m, with what fits; the same command goes on (default: no limit)"
    )
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)  # of the run that a command is a part of
    parser.add_argument("--results", metavar="DIR", help="folder of the result files (default: $DLMARK_RESULTS or results/)")
    parser.add_argument("--again", action="store_true", help="measure again, as another session, what the results folder holds already")
    parser.add_argument("--session", help=argparse.SUPPRESS)  # of several commands of one run, and of their records
    parser.add_argument("--dry-run", action="store_true", help="say what would be measured and about how long it takes, and do nothing")
    parser.add_argument("--held", action="store_true", help=argparse.SUPPRESS)  # the device, by the run that this command is a part of
    parser.add_argument("--end-with-stdin", action="store_true",
                        help="end when standard input does, and tell what happens in lines of JSON: for the workers of python -m bench")  # fmt: skip


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) and len(text) < 9):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def count(text: str) -> int:
    """A whole number, for argparse."""
    return 0 if text == "0" else positive(text)


def threads(text: str) -> int:
    """A number of threads, or `logical`, for argparse."""
    return cpu.logical_cores() if text == "logical" else positive(text)


def duration(text: str) -> float:
    """Seconds of a time such as 90, 90s, 25m or 1.5h, for argparse."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        value = float(number) * UNITS[unit]
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e7:
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 25m or 1.5h, got {text!r}")
    return value


UNITS = {"s": 1, "m": 60, "h": 3_600}


def seconds(text: str) -> float:
    """A time above 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return value


def batch_sizes(text: str) -> list[int]:
    """Comma-separated batch sizes, for argparse."""
    return sorted({positive(part.strip()) for part in text.split(",")})


def main(parser: argparse.ArgumentParser, argv: list[str] | None = None, part: list | None = None) -> int:
    """Run the command that `argv` names. Returns 0 when it is done, 1 if all of it failed, 2 after a user's mistake or where the results
    could not be saved in their file, 128 + N after a signal: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.

    With `part` it is a part of `python -m bench`, which holds the device, and says the whole plan and the whole
    outcome itself: the command's Plan is appended to the list, or the error that it ended with, which is not told.
    """
    argv = [word for word in (sys.argv[1:] if argv is None else argv) if not EMPTY.fullmatch(word)]
    opts = parser.parse_args(argv)
    opts.argv, opts.part, opts.prog = argv, part, parser.prog
    try:
        with stop.heard():
            return _status(parser.prog, opts)
    except KeyboardInterrupt:
        complain(stop.MESSAGE)
        return stop.asked() or 130


def _status(prog: str, opts: argparse.Namespace) -> int:
    """Run the command; a user's mistake, and what the machine refuses, is told in a line."""
    _prepare_streams(opts)
    try:
        _prepare_temporary_files(opts)
        with ExitStack() as opts.at_end:
            if getattr(opts, "end_with_stdin", False):
                opts.at_end.enter_context(as_events())
            return opts.run(opts)
    except (UsageError, ResultsError, RecordError, device.DeviceError, lock.DeviceBusy) as error:
        if opts.part is not None:
            opts.part.append(error)
            return 2
        words = str(error)
    except ModuleNotFoundError as error:
        words = f"this needs the package {error.name}: pip install {error.name}"
    except BrokenPipeError:  # the reader, such as head, has had enough
        descriptors.silence(sys.stdout)
        return 141
    except OSError as error:
        words = _refused(error)
    complain(f"{prog}: {safe(' '.join(words.splitlines()))}")
    return stop.asked() or 2


def _prepare_streams(opts: argparse.Namespace) -> None:
    descriptors.open_standard()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± shows the rest
    if getattr(opts, "end_with_stdin", False):
        threading.Thread(target=_end_with_stdin, daemon=True).start()


def _prepare_temporary_files(opts: argparse.Namespace) -> None:
    """Where no folder for them can be written, those of this process and its children go beside the results, where something must be."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        folder = results_folder(getattr(opts, "results", None)).absolute()
        if not getattr(opts, "dry_run", False):
            folder.mkdir(parents=True, exist_ok=True)
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        complain(f"No folder for temporary files can be written, so they lie in {safe(str(folder))} while this runs; TMPDIR names another")


def _end_with_stdin() -> None:
    os.read(0, 1)  # and not sys.stdin, which a thread would upset at the interpreter's end
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(workers.STOP_S)
    os._exit(1)


def _refused(error: OSError) -> str:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"too many open files for this system's limit: raise it with ulimit -n {descriptors.USUAL}"
    if error.errno == errno.ENOSPC and not error.filename:
        descriptors.silence(sys.stdout)  # most likely, for files are named
    what = f"{error.filename}: " if error.filename else ""
    return f"{what}{error.strerror or error}. Every finished point is saved; when that is mended, the same command goes on from there"


def complain(words: str) -> None:
    """Tell the user what ends the command, as far as somebody is there to be told: a terminal may be gone."""
    with suppress(OSError):
        print(words, file=sys.stderr, flush=True)
