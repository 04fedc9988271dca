"""What a command was asked for, once all of it is known to be there: framework, device, networks, and the fields of each record."""

import argparse
import difflib
import fnmatch
import os
import shlex
from collections.abc import Callable, Iterable, Mapping

from bench import adapters
from bench.networks import count
from bench.run.options import UsageError
from bench.run.task import Task
from dlmark.machine import device
from dlmark.measure import sweep
from dlmark.record.text import MAX_TEXT


class Asked:
    """The command line, looked up: what `opts` name is there, and goes together as far as that can be known beforehand."""

    def __init__(self, opts: argparse.Namespace, task: Task | None, workload: str, pieces: Iterable[str] = ()):
        """With a `task` its networks are measured, else the `pieces` of work. Raises UsageError or DeviceError."""
        self.opts, self.task = opts, task
        self.adapter = _adapter(opts.framework, opts.precision, opts.mode)
        self.framework, self.version = opts.framework, adapters.version(self.adapter)
        self.where = device.find(opts.device)
        ids = adapters.models(self.adapter, task.name) if task else {}
        known = list(ids if task else pieces)
        if not known:
            raise UsageError(f"{opts.framework} has no networks for {task.name} here: use --framework {' or '.join(_able(task.name))}")
        self.models = chosen_models(opts.models or (default_models(self.adapter, task, known) if task else "*"), known, ids)
        self.command = command(opts.prog, opts.argv)
        self.environment = self.adapter.environment(opts.threads) | device.only_visible(self.where)
        self.fields = self._fields(workload)

    def _fields(self, workload: str) -> dict:
        """What all records of the command have in common."""
        opts, task = self.opts, self.task
        mode = opts.mode or self.adapter.modes[0]
        choose: Callable[..., dict] = getattr(self.adapter, "settings", lambda *_: {})
        of_networks = {"task": task.name, "mode": mode, **choose(device.kind(self.where), opts.precision, mode)} if task else {}
        return sweep.common_fields(
            workload=workload,
            unit=task.unit if task else "calls/s",
            framework=opts.framework,
            framework_version=self.version,
            precision=opts.precision,
            **of_networks,
            **device.describe(self.where, opts.threads, self.adapter.libraries),
            command=self.command,
        )

    def jobs(self, sizes: list[int], own: dict[str, dict] | None = None, **fields) -> list[sweep.Job]:
        """A job for each network or piece of work; `fields` go into each record, `own` into those of one name. Raises UsageError for a size that can't be."""
        options = {"size": self.opts.size} if self.task and self.opts.size else {}
        each = {model: self._of_network(model) if self.task else (own or {}).get(model, {}) for model in self.models}
        return [sweep.Job(model, sizes, {**self.fields, **each[model], **fields}, options=options) for model in self.models]

    def _of_network(self, model: str) -> dict:
        """The shape of a network's input, and its counts, which are those of its usual shape alone."""
        usual, size = self.adapter.input_shape(self.task.name, model), self.opts.size
        try:
            shape = self.adapter.input_shape(self.task.name, model, size) if size else usual
        except NotImplementedError as error:
            raise UsageError(str(error)) from error
        counts = count.table().get(model)
        return {"input_shape": list(shape), **(counts._asdict() if counts and shape == usual else {})}


def _adapter(framework: str, precision: str, mode: str | None = None):
    if framework not in adapters.names():
        raise UsageError(f"unknown framework {framework!r}{close(framework, adapters.names())}")
    adapter = adapters.get(framework)
    if adapters.version(adapter) is None:
        raise UsageError(f"{framework} is not installed here. {adapter.install}")
    if precision not in adapter.precisions:
        raise UsageError(f"{framework} is measured in {', '.join(adapter.precisions)} here, not in {precision!r}")
    if mode and mode not in adapter.modes:
        raise UsageError(f"{framework} runs networks in the mode {' or '.join(adapter.modes)}, not in {mode!r}")
    return adapter


def _able(task: str) -> list[str]:
    """The frameworks that have networks for a task."""
    return [name for name in adapters.names() if adapters.models(adapters.get(name), task)] or ["another"]


def default_models(adapter, task: Task, known: list[str]) -> str:
    """The adapter's own choice, else the task's, as far as the framework has them; all of its own if it has none."""
    own = getattr(adapter, "defaults", ())
    chosen = (own() if callable(own) else own) or task.networks
    return ",".join(name for name in chosen if name in known) or "*"


def chosen_models(pattern: str, known: list[str], ids: Mapping[str, object] | None = None) -> list[str]:
    """Names out of `known` that the comma-separated names and globs mean, in their order; also by the frameworks' own `ids`. Raises UsageError."""
    chosen = []
    for part in (part.strip() for part in pattern.split(",")):
        found = [name for name in known if fnmatch.fnmatchcase(name.lower(), part.lower())] or _by_id(part, ids or {})
        if not found:
            raise UsageError(f"unknown network {part!r}{close(part, known)}")
        chosen += [name for name in found if name not in chosen]
    return chosen


def _by_id(name: str, ids: Mapping[str, object]) -> list[str]:
    """The networks of a framework's own id, such as resnet50_v1, torchvision/resnet50 or, with the name of its weights, timm/vit_base_patch16_224.augreg."""
    meant = name.lower().removeprefix("hf-hub:")
    parts = {shown: {str(own).lower(), *str(own).lower().split("/")} for shown, own in ids.items()}
    for wanted in (meant, meant.rpartition("/")[2], meant.rpartition("/")[2].partition(".")[0]):
        if found := [shown for shown, forms in parts.items() if wanted and wanted in forms]:
            return found
    return []


def command(prog: str, argv: list[str]) -> str:
    """The command that measures this again, without what is the user's own affair: the paths, --again and how it was started."""
    split = [word.replace("=", " ", 1).split(" ", 1) if word.startswith("--") else [word] for word in argv]
    words = [part for parts in split for part in parts if part not in ("--again", "--dry-run", "--end-with-stdin", "--held")]
    kept = [os.path.basename(word.rstrip("/")) if before in ("--images", "--labels", "--weights") else word
            for before, word in zip(["", *words], words) if not {"--results", "--session", "--budget", "--until", "--wait"} & {before, word}]  # fmt: skip
    line = shlex.join([*prog.split(), *kept])
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1].rstrip()}…"  # all networks by name are more than a record's text


def close(name: str, known: list[str]) -> str:
    """What may have been meant by a name that is unknown, or what there is, in words."""
    lower = {k.lower(): k for k in known}
    close = [lower[k] for k in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    return f"; did you mean {', '.join(close)}?" if close else f"; there are: {', '.join(known)}"
