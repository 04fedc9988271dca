"""What one command is going to measure, and what it makes of it: checked beforehand, announced, saved, summed up."""

import argparse
import difflib
import fnmatch
import os
import shlex
from statistics import median

from bench import adapters
from bench.networks import count as networks
from bench.run.options import UsageError
from dlmark.machine import claims, device, lock
from dlmark.measure import rounds, sweep
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.record import is_ok, point
from dlmark.results.files import file_name, is_there, read_records, results_folder
from dlmark.results.rescue import RunResults
from dlmark.terminal import summary
from dlmark.terminal.progress import lasting, tell

# The networks of this benchmark's first page: what is measured unless others are named.
ORIGINAL_19 = (
    "AlexNet,DenseNet-121,DenseNet-161,DenseNet-169,DenseNet-201,ResNet-v1-18,ResNet-v1-34,ResNet-v1-50,ResNet-v1-101,"
    "ResNet-v1-152,ResNet-v2-18,ResNet-v2-34,ResNet-v2-50,SqueezeNet-1.0,SqueezeNet-1.1,VGG-11,VGG-13,VGG-16,VGG-19"
)


class Held:
    """A result file that is only looked at."""

    def __init__(self, name: str, folder: str | None):
        self.path = results_folder(folder) / name
        self.read()

    def read(self) -> None:
        """Look again at what the file holds."""
        records = read_records(self.path) if is_there(self.path) else []
        self._records = {point(record): record for record in records}

    def get(self, record: dict) -> dict | None:
        """The record that is held for the same point, if any."""
        return self._records.get(point(record))


class Plan:
    """What one command is going to measure, once everything that was asked for is known to be there."""

    def __init__(self, opts: argparse.Namespace, workload: str, script: str, function: str):
        """Holds the device until the command ends, unless it is a dry run. Raises UsageError, DeviceError, DeviceBusy or ResultsError."""
        self.adapter = _adapter(opts.framework, opts.precision, opts.mode)
        self.framework, self.where = opts.framework, device.find(opts.device)
        known = list(self.adapter.models[workload])
        self.models = chosen_models(opts.models or _default_models(self.adapter, known), known)
        self.command = command(opts.prog, opts.argv)
        self.environment = self.adapter.environment(opts.threads) | device.only_visible(self.where)
        if not opts.dry_run:
            self._take_device(opts)
        self.fields = sweep.common_fields(
            framework=opts.framework,
            framework_version=adapters.version(self.adapter),
            precision=opts.precision,
            mode=opts.mode or self.adapter.modes[0],
            **self._settings(opts),
            **device.describe(self.where, opts.threads, self.adapter.libraries),
            command=self.command,
        )
        self.results = self._opened(file_name(script, function, opts.framework, self.fields["device"]), opts)
        self.wanted: list[sweep.Job] = []  # every point that was asked for
        self.missing: list[sweep.Job] = []  # those of them that are to be measured
        self.visits: dict[tuple, int] = {}  # (network, batch size) -> how many times it is going to be timed
        self.expected_s = 0.0
        self._done: dict[tuple, dict] = {}
        self._kept = 0
        self._opts = opts

    def _settings(self, opts: argparse.Namespace) -> dict:
        """What the adapter chooses that changes speed, as fields of the record."""
        choose = getattr(self.adapter, "settings", lambda *_: {})
        return choose(device.kind(self.where), opts.precision, opts.mode or self.adapter.modes[0])

    def _opened(self, name: str, opts: argparse.Namespace) -> Held | RunResults:
        """The result file, which has another try at the command's end where something could not be saved in it."""
        if opts.dry_run:
            return Held(name, opts.results)
        results = RunResults(name, opts.results, tell)
        opts.at_end.callback(results.close)
        return results

    def _take_device(self, opts: argparse.Namespace) -> None:
        claims.clear_folders()  # of runs that were killed
        if opts.part is None:  # else the caller holds it for all of its commands
            opts.at_end.enter_context(hold(self.where, self.command))
        if self.where != "cpu":  # say at once, not in every record, that this build can't use the device
            list(_refused(run_in_process(_start_on, opts.framework, self.where, silence_s=300, environment=self.environment)))

    def jobs(self, sizes: list[int], **fields) -> list[sweep.Job]:
        """A job for each network; `fields` goes into each record."""
        counts = {model: networks.table()[model]._asdict() for model in self.models if model in networks.table()}
        own = {model: {"input_shape": list(self.adapter.input_shape(model)), **counts.get(model, {})} for model in self.models}
        return [sweep.Job(model, sizes, {**self.fields, **own[model], **fields}) for model in self.models]

    def announce(self, wanted: list[sweep.Job], missing: list[sweep.Job], formula_s: float, note: str = "") -> bool:
        """Say what of the `wanted` jobs is `missing`, and how long that takes; True if that is all, for a dry run.

        `formula_s` is the bench's own estimate for all that is to be done: it counts where no held record tells.
        """
        self.wanted, self.missing = wanted, missing
        single = {(job.model, b): sweep.Job(job.model, [b], job.fields) for job in wanted for b in job.batch_sizes}
        self.visits = {one: sweep.visits([job], missing, self.results, getattr(self._opts, "rounds", 1)) for one, job in single.items()}
        self.expected_s = self._expected_s(single, formula_s)
        if self._opts.part is not None:
            self._opts.part.append(self)
        if self._opts.dry_run and self._opts.part is None:
            say_what_is_here([self.where], [self.framework])
            print(f"Plan\n  {self.grid()}: {', '.join(self.models)}")
        if self._opts.part is None or not self._opts.dry_run:
            estimate = ", ".join(filter(None, [lasting(self.expected_s), note if self.work else ""]))
            print(self._headline(count(missing), count(wanted), estimate), flush=True)
        return self._opts.dry_run

    def grid(self) -> str:
        """Networks x batch sizes, in words."""
        networks = f"{len(self.wanted)} network{'s' if len(self.wanted) != 1 else ''}"
        job = self.wanted[0]
        if "memory_limit_mb" in job.fields:
            return f"{networks} within {job.fields['memory_limit_mb']:,.0f} MB"
        return f"{networks} x batch size{'s' if len(job.batch_sizes) != 1 else ''} {', '.join(map(str, job.batch_sizes))}"

    def headline(self, points: int, wanted: int, estimate: str) -> str:
        """What is going to happen, in one line, for a command that does not `announce` it. Raises UsageError in a dry run."""
        if self._opts.dry_run:
            raise UsageError("this command has no --dry-run: leave it out, or see --help for what it measures")
        return self._headline(points, wanted, estimate)

    def _headline(self, points: int, wanted: int, estimate: str) -> str:
        held = f"; {wanted - points} of {wanted} are in {self.results.path} already" if wanted > points else ""
        return f"{self.fields['device']}, {self.framework} {self.fields['framework_version']}: {points} to measure, {estimate}{held}"

    @property
    def work(self) -> int:
        """How many times anything is going to be timed, in all rounds."""
        return sum(self.visits.values())

    @property
    def networks(self) -> list[str]:
        """The networks that have something to be timed."""
        return list(dict.fromkeys(model for (model, _), visits in self.visits.items() if visits))

    def still(self) -> str:
        """How many points are held, and what is still to be done, in words."""
        points, missing = count(self.wanted), count(self.missing)
        lacking = sum(visits > 0 for visits in self.visits.values()) - missing
        return f"{points - missing} of {points} points are held{f', {lacking} of them with a round to go' if lacking else ''}, {missing} to measure"

    def _expected_s(self, single: dict[tuple, sweep.Job], formula_s: float) -> float:
        """What a visit took before; where that is unknown, what the network's others took, or all, or what the formula says."""
        spent = {one: seconds for one, job in single.items() if (seconds := self._spent_s(job))}
        networks: dict[str, list[float]] = {}
        for (model, _), seconds in spent.items():
            networks.setdefault(model, []).append(seconds)
        otherwise = median(spent.values()) if spent else formula_s / max(1, self.work)
        usual = {model: median(networks.get(model, [otherwise])) for model, _ in single}
        return sum(visits * spent.get(one, usual[one[0]]) for one, visits in self.visits.items())

    def _spent_s(self, job: sweep.Job) -> float | None:
        """What a visit of a held point took, if it was measured under the same cap, which stands for the same effort."""
        held = self.results.get(job.record(job.batch_sizes[0])) or {}
        if not is_ok(held) or held.get("time_cap_s") != getattr(self._opts, "time_cap", None) or not held.get("spent_s"):
            return None
        return held["spent_s"] / max(1, rounds.count(held))

    def keep(self, record: dict, points: int, show) -> None:
        """Save one record, and say it in the display as one of `points`."""
        self.results.add(record)
        self._kept += 1
        self._done[point(record)] = record
        show.say(f"[{self._kept}/{max(points, self._kept)}] {sweep.one_line(record)}")

    def change(self, records: list[dict]) -> None:
        """Save records that say more than before of points that are held already."""
        self.results.replace(records)
        self._done |= {point(record): record for record in records if point(record) in self._done}

    def settle(self) -> None:
        """Work out interval and grade of all that the file holds, since each point says something of the others."""
        self.results.update(rounds.settle)
        self._done = {key: self.results.get(record) or record for key, record in self._done.items()}

    @property
    def done(self) -> list[dict]:
        """What this command has measured so far, a record a point."""
        return list(self._done.values())

    def records(self) -> list[dict]:
        """The records that are held of all that was asked for, also those from earlier runs."""
        held = (self.results.get(job.record(b)) for job in self.wanted for b in job.batch_sizes)
        return [record for record in held if record]

    def finish(self) -> int:
        """Say what came of it, and what to do next. Returns the exit status: 1 if nothing but failures came of it."""
        alone = self._opts.part is None and not self._opts.end_with_stdin
        if alone:
            summary.show(self.records(), f"{self.fields['device']}, {self.framework} {self.fields['framework_version']}")
        print(f"{sweep.tally(self.done)}; saved in {self.results.saved_in}{'. See it with: make html' if alone else ''}", flush=True)
        broken = [record for record in self.done if record["status"] in ("crashed", "timed_out", "unsupported")]
        return 1 if self.done and len(broken) == len(self.done) else 0


def say_what_is_here(chosen: list[str], measured: list[str]) -> None:
    """The devices and the frameworks that were found, and for each that is left out what to do."""
    print("Devices")
    for where, name in {**{f"gpu:{number}": name for number, name in enumerate(device.gpu_names())}, "cpu": "cpu"}.items():
        left_out = "" if where in chosen or name is None else f"; left out: DEVICE={where} measures it"
        print(f"  {where}: {_described(where, name)}{left_out}")
    print("Frameworks")
    for name in adapters.names():
        adapter = adapters.get(name)
        version = adapters.version(adapter)
        left_out = "" if name in measured else f"; left out: FRAMEWORK={name} measures it"
        print(f"  {name} {version}{left_out}" if version else f"  {name} is not installed. {adapter.install}")


def _described(where: str, name: str | None) -> str:
    if where == "cpu":
        return f"{device.cpu_name()}, {device.host()}"
    if name is None:
        return "lost; see dmesg and nvidia-smi, reset the GPU or restart the machine"
    try:
        return f"{name}, {device.memory_total_mb(where):,.0f} MB"
    except device.DeviceError:  # a GPU that shares the CPU's memory has none to tell
        return f"{name}, memory unknown"


def count(jobs: list[sweep.Job]) -> int:
    """How many points the jobs have."""
    return sum(len(job.batch_sizes) for job in jobs)


def hold(where: str, command: str):
    """Hold a device, which NVML may number anew at the next boot, by what it is."""
    key = device.only_visible(where).get("CUDA_VISIBLE_DEVICES", where)
    return lock.hold(key, command, device=where if key == where else f"{where} ({key})")


def chosen_models(pattern: str, known: list[str]) -> list[str]:
    """Names out of `known` that the comma-separated names and globs mean, in their order. Raises UsageError."""
    chosen = []
    for part in (part.strip() for part in pattern.split(",")):
        found = [name for name in known if fnmatch.fnmatchcase(name.lower(), part.lower())]
        if not found:
            raise UsageError(f"unknown network {part!r}{_close(part, known)}")
        chosen += [name for name in found if name not in chosen]
    return chosen


def command(prog: str, argv: list[str]) -> str:
    """The command that measures this again, without what is the user's own affair: the paths, --again and how it was started."""
    words = [word.replace("=", " ", 1).split(" ", 1) if word.startswith("--") else [word] for word in argv]
    words = [part for parts in words for part in parts if part not in ("--again", "--dry-run", "--end-with-stdin")]
    kept = [os.path.basename(word.rstrip("/")) if before in ("--images", "--labels", "--weights") else word
            for before, word in zip(["", *words], words) if "--results" not in (before, word)]  # fmt: skip
    return shlex.join([*prog.split(), *kept])


def _start_on(framework: str, where: str):
    """In a process of its own: raises NotImplementedError with the reason if the framework can't use the device."""
    adapters.get(framework).start(device.kind(where))
    yield from ()


def _refused(process):
    try:
        yield from process
    except ProcessEnded as end:
        raise UsageError(f"{end.status.replace('_', ' ')}: {end.reason}") from end


def _adapter(framework: str, precision: str, mode: str | None = None):
    if framework not in adapters.names():
        raise UsageError(f"unknown framework {framework!r}{_close(framework, adapters.names())}")
    adapter = adapters.get(framework)
    if adapters.version(adapter) is None:
        raise UsageError(f"{framework} is not installed here. {adapter.install}")
    if precision not in adapter.precisions:
        raise UsageError(f"{framework} is measured in {', '.join(adapter.precisions)} here, not in {precision!r}")
    if mode and mode not in adapter.modes:
        raise UsageError(f"{framework} runs networks in the mode {' or '.join(adapter.modes)}, not in {mode!r}")
    return adapter


def _default_models(adapter, known: list[str]) -> str:
    """The adapter's own choice, else the original networks, as far as the framework has them; all of its own if it has none."""
    chosen = getattr(adapter, "defaults", ORIGINAL_19.split(","))
    return ",".join(name for name in chosen if name in known) or "*"


def _close(name: str, known: list[str]) -> str:
    lower = {k.lower(): k for k in known}
    close = [lower[k] for k in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    return f"; did you mean {', '.join(close)}?" if close else f"; there are: {', '.join(known)}"
