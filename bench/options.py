"""The options that every bench script has, what they mean, and what comes of a user's mistake."""

import argparse
import difflib
import fnmatch
import os
import shlex
import sys

from bench import adapters
from dlmark import device, sweep
from dlmark.benchmark import ResultsError, SaveResults, file_name
from dlmark.process import ProcessEnded, run_in_process
from dlmark.record import RecordError, point

# The networks of this benchmark's first page: what is measured unless others are named.
ORIGINAL_19 = (
    "AlexNet,DenseNet-121,DenseNet-161,DenseNet-169,DenseNet-201,ResNet-v1-18,ResNet-v1-34,ResNet-v1-50,ResNet-v1-101,"
    "ResNet-v1-152,ResNet-v2-18,ResNet-v2-34,ResNet-v2-50,SqueezeNet-1.0,SqueezeNet-1.1,VGG-11,VGG-13,VGG-16,VGG-19"
)


class UsageError(ValueError):
    """What the user asked for can't be; the message says what can."""


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options to one subcommand."""
    parser.add_argument("--framework", default="mxnet", help=f"one of: {', '.join(adapters.names())} (default: %(default)s)")
    parser.add_argument("--models", metavar="NAMES",
                        help="networks by name or glob, comma-separated: 'ResNet-v1-*,VGG-16'; all of them: '*'")  # fmt: skip
    parser.add_argument("--device", default="cpu", help="cpu, gpu or gpu:N as NVML counts them (default: %(default)s)")
    parser.add_argument("--precision", default="float32", help="number format of the network (default: %(default)s)")
    parser.add_argument("--threads", type=positive, default=device.cores(), help="CPU threads (default: all cores, %(default)s)")
    parser.add_argument("--results", metavar="DIR", help="folder of the result files (default: $DLMARK_RESULTS or results/)")
    parser.add_argument("--again", action="store_true", help="measure again what the results folder holds already")


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) and len(text) < 9):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


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


class Plan:
    """What one command is going to measure, once everything that was asked for is known to be there."""

    def __init__(self, opts: argparse.Namespace, workload: str, script: str, function: str):
        """Raises UsageError, DeviceError or ResultsError."""
        self.adapter = _adapter(opts.framework, opts.precision)
        self.framework, self.where = opts.framework, device.find(opts.device)
        known = list(self.adapter.models[workload])
        self.models = chosen_models(opts.models or _default_models(known), known)
        self.environment = self.adapter.environment(opts.threads) | device.only_visible(self.where)
        if self.where != "cpu":  # say at once, not in every record, that this build can't use the device
            list(_refused(run_in_process(_start_on, opts.framework, self.where, silence_s=300, environment=self.environment)))
        self.fields = sweep.common_fields(
            framework=opts.framework,
            framework_version=adapters.version(self.adapter),
            precision=opts.precision,
            mode=self.adapter.mode,
            **device.describe(self.where, opts.threads, self.adapter.libraries),
            command=command(script, opts.argv),
        )
        self.results = SaveResults(file_name(script, function, opts.framework, self.fields["device"]), opts.results)
        self._done: dict[tuple, dict] = {}
        self._kept = 0

    def jobs(self, sizes: list[int], **fields) -> list[sweep.Job]:
        """A job for each network; `fields` goes into each record."""
        shapes = {model: list(self.adapter.input_shape(model)) for model in self.models}
        return [sweep.Job(model, sizes, {**self.fields, "input_shape": shapes[model], **fields}) for model in self.models]

    def headline(self, points: int, wanted: int, estimate: str) -> str:
        """What is going to happen, in one line."""
        held = f"; {wanted - points} of {wanted} are in {self.results.path} already" if wanted > points else ""
        return f"{self.fields['device']}, {self.framework} {self.fields['framework_version']}: {points} to measure, {estimate}{held}"

    def keep(self, record: dict, points: int, show) -> None:
        """Save one record, and say it in the display as one of `points`."""
        self.results.add(record)
        self._kept += 1
        self._done[point(record)] = record
        show.say(f"[{self._kept}/{points}] {sweep.one_line(record)}")

    def change(self, records: list[dict]) -> None:
        """Save records that say more than before of points that are held already."""
        self.results.replace(records)
        self._done |= {point(record): record for record in records if point(record) in self._done}

    @property
    def done(self) -> list[dict]:
        """What this command has measured so far, a record a point."""
        return list(self._done.values())

    def finish(self) -> int:
        """Say what came of it, and what to do next. Returns the exit status: 1 if nothing but failures came of it."""
        print(f"{sweep.tally(self.done)}; saved in {self.results.path}. See it with: make html")
        broken = [record for record in self.done if record["status"] in ("crashed", "timed_out", "unsupported")]
        return 1 if self.done and len(broken) == len(self.done) else 0


def chosen_models(pattern: str, known: list[str]) -> list[str]:
    """Names out of `known` that the comma-separated names and globs mean, in their order. Raises UsageError."""
    chosen = []
    for part in (part.strip() for part in pattern.split(",")):
        found = [name for name in known if fnmatch.fnmatchcase(name.lower(), part.lower())]
        if not found:
            raise UsageError(f"unknown network {part!r}{_close(part, known)}")
        chosen += [name for name in found if name not in chosen]
    return chosen


def command(script: str, argv: list[str]) -> str:
    """The command that measures this again, without what is the user's own affair: the paths, and --again."""
    words = [word.replace("=", " ", 1).split(" ", 1) if word.startswith("--") else [word] for word in argv]
    words = [part for parts in words for part in parts if part != "--again"]
    kept = [os.path.basename(word.rstrip("/")) if before in ("--images", "--labels", "--weights") else word
            for before, word in zip(["", *words], words) if "--results" not in (before, word)]  # fmt: skip
    return shlex.join(["python", "-m", "bench." + script.removesuffix(".py"), *kept])


def _start_on(framework: str, where: str):
    """In a process of its own: raises NotImplementedError with the reason if the framework can't use the device."""
    adapters.get(framework).start(device.kind(where))
    yield from ()


def _refused(process):
    try:
        yield from process
    except ProcessEnded as end:
        raise UsageError(f"{end.status.replace('_', ' ')}: {end.reason}") from end


def main(parser: argparse.ArgumentParser, argv: list[str] | None = None) -> int:
    """Run the command that `argv` names. Returns 0 when it is done, 1 if all of it failed, 2 after a user's mistake, 130 after Ctrl-C."""
    argv = sys.argv[1:] if argv is None else argv
    opts = parser.parse_args(argv)
    opts.argv = argv
    try:
        return opts.run(opts)
    except (UsageError, ResultsError, RecordError, device.DeviceError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"{parser.prog}: this needs the package {error.name}: pip install {error.name}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. Every finished point is saved; the same command goes on from there.", file=sys.stderr)
        return 130


def _adapter(framework: str, precision: str):
    if framework not in adapters.names():
        raise UsageError(f"unknown framework {framework!r}{_close(framework, adapters.names())}")
    adapter = adapters.get(framework)
    if adapters.version(adapter) is None:
        raise UsageError(f"{framework} is not installed here. {adapter.install}")
    if precision not in adapter.precisions:
        raise UsageError(f"{framework} is measured in {', '.join(adapter.precisions)} here, not in {precision!r}")
    return adapter


def _default_models(known: list[str]) -> str:
    """The original networks, as far as the framework has them; all of its own if it has none."""
    return ",".join(name for name in ORIGINAL_19.split(",") if name in known) or "*"


def _close(name: str, known: list[str]) -> str:
    lower = {k.lower(): k for k in known}
    close = [lower[k] for k in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    return f"; did you mean {', '.join(close)}?" if close else f"; there are: {', '.join(known)}"
