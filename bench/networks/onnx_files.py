"""ONNX files of the networks that the MXNet and PyTorch adapters build, for the frameworks that read such files.

`path` makes a file once and keeps it in .cache/onnx, or in the folder that DLMARK_CACHE names. A network is exported in a
process of its own, since the exporting frameworks change the process that they are in, and it is kept only if its answers
are those of the network that it comes from. Where no framework is installed to export one, a file that was copied into the
folder serves.
"""

import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from bench import adapters

ROOT = Path(__file__).parents[2]
RECIPE = 2  # in the files' names: it goes up when what this module makes of a network changes, or the random weights that it is given
OPSET = 13  # the newest that MXNet's exporter knows, and the first with a scale for each channel of a quantized weight

# Of GluonCV's networks those whose export has been compared with MXNet; the Gluon zoo's are all here.
GLUONCV = """
resnet18_v1b resnet34_v1b resnet50_v1b resnet101_v1b resnet152_v1b resnext50_32x4d se_resnet50_v1 se_resnext50_32x4d resnest50
mobilenetv3_large mobilenetv3_small googlenet darknet53 xception
""".split()


# ---- which networks there are ----


SOURCES = ("mxnet", "torch")  # the adapters that the files come from


def models(task: str) -> dict[str, str]:
    """Display name -> the adapter that it comes from, mxnet or torch; one that both have comes from mxnet where that is installed."""
    ours = adapters.get("mxnet")
    mxnet = {name: "mxnet" for name, own in adapters.models(ours, task).items() if own in (*ours.GLUON, *GLUONCV)}
    torch = dict.fromkeys(adapters.models(adapters.get("torch"), task), "torch")
    return mxnet | torch | (mxnet if _installed("mxnet") else {})


def ids() -> dict[str, dict[str, str]]:
    """Task -> display name -> adapter and the framework's own id, such as mxnet/resnet50_v1."""
    tasks = dict.fromkeys(task for source in SOURCES for task in adapters.get(source).models)
    return {task: {name: f"{source}/{adapters.get(source).models[task][name]}" for name, source in models(task).items()} for task in tasks}


def defaults() -> list[str]:
    """What is measured unless others are named: the original page's ResNets and the PyTorch adapter's choice, if they can be made here."""
    known = {name: source for task in ids() for name, source in models(task).items()}
    chosen = ["ResNet-v1-18", "ResNet-v1-50", "ResNet-v2-50", "MobileNet-1.0", *adapters.get("torch").defaults]
    return [name for name in chosen if _installed(known[name])] or chosen


def _installed(framework: str) -> str | None:
    """Its version, or None where it is not installed."""
    return adapters.version(adapters.get(framework))


def input_shape(task: str, model: str, size: int | None = None) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    return adapters.get(models(task)[model]).input_shape(task, model, size)


def preprocessing(task: str, model: str, weights: str = "pretrained") -> dict:
    """How the weights want images, as the adapter says that they come from; what an .onnx file holds wants what the usual ones want."""
    own = "pretrained" if weights.endswith(".onnx") else weights
    how: dict = getattr(adapters.get(source_of(task, model, own)), "preprocessing", lambda *_: {})(task, model, own)
    return how if own == weights else {name: value for name, value in how.items() if name != "of"}  # nobody knows which they are


# ---- where the files are ----


def folder() -> Path:
    """The folder that the files are kept in; it may not be there yet."""
    return Path(os.environ.get("DLMARK_CACHE") or ROOT / ".cache" / "onnx")


def path(task: str, model: str, precision: str = "float32", weights: str = "random", size: int | None = None) -> Path:
    """The ONNX file of a network, which is made first where it is missing.

    `precision` is float32, float16 or int8; `weights` is random, pretrained, or a file: .params of MXNet, .onnx, else a
    state_dict of PyTorch. The batch is any size; images come first in (batch, channels, height, width). Raises
    NotImplementedError where network, precision and weights do not go together or nothing installed makes it, and
    RuntimeError where its export fails.
    """
    if weights.endswith(".onnx"):
        return _own_file(weights, precision)
    if precision == "int8" and weights != "random":
        raise NotImplementedError(
            "int8 takes its ranges from random images here, which fits random weights only: quantize the network with real images "
            "and name its .onnx file with --weights"
        )
    source = source_of(task, model, weights)
    usual = size in (None, input_shape(task, model)[-1])
    target = folder() / _file_name(task, model, source, precision, weights, None if usual else size)
    if "*" in target.name:  # no framework is installed that says which version it would be
        return _made_elsewhere(target, model, _packages(task, model, source) + ["onnxruntime"] * (precision == "int8"))
    if not target.exists():
        _make(target, task, model, precision, weights, size)
    return target


def _own_file(weights: str, precision: str) -> Path:
    """The user's own ONNX file: it is taken as it is."""
    own = Path(weights)
    if precision == "int8" and b"QuantizeLinear" not in own.read_bytes():
        raise NotImplementedError("int8 needs a quantized network, and the .onnx file holds none: quantize it, or use --precision float32")
    return own


def source_of(task: str, model: str, weights: str) -> str:
    """The adapter that makes the network with these weights."""
    if weights in ("random", "pretrained"):
        return models(task)[model]
    source = "mxnet" if weights.endswith(".params") else "torch"
    if model not in adapters.models(adapters.get(source), task):
        raise NotImplementedError(f"by its name the file holds weights for {source}, which has no {model}: name an .onnx file, or another network")
    return source


def _file_name(task: str, model: str, source: str, precision: str, weights: str, size: int | None = None) -> str:
    """Says all that the file depends on; with a * for a version that can't be known here."""
    made_with = [f"{package}-{_version(package) or '*'}" for package in _packages(task, model, source)]
    if precision == "int8":
        made_with += ["7-bit"] * (not multiplies_bytes_safely()) + [f"onnxruntime-{_version('onnxruntime') or '*'}"]
    if weights != "random":
        made_with.append("pretrained" if weights == "pretrained" else hashlib.sha256(Path(weights).read_bytes()).hexdigest()[:12])
    what = [model, *([str(size)] if size else []), precision, *made_with]
    return f"{'__'.join(what)}__{RECIPE}.onnx"


def _packages(task: str, model: str, source: str) -> list[str]:
    """The distributions that a network is made with."""
    adapter = adapters.get(source)
    own = adapter.models[task][model]
    if source == "torch":
        return ["torch", own.partition("/")[0]]
    return ["mxnet"] if own in adapter.GLUON else ["mxnet", "gluoncv"]


def _version(package: str) -> str | None:
    """Of a distribution; MXNet and ONNX Runtime have several names."""
    if package in ("mxnet", "onnxruntime"):
        return _installed(package)
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _made_elsewhere(target: Path, model: str, packages: list[str]) -> Path:
    found = sorted(target.parent.glob(target.name))
    if not found:
        missing = " and ".join(package for package in packages if not _version(package))
        raise NotImplementedError(f"{model} is made with {missing}, not installed here: install it, or copy the file that another machine has in .cache/onnx")
    return found[-1]


# ---- making one, in a process of its own ----


def _make(target: Path, task: str, model: str, precision: str, weights: str, size: int | None) -> None:
    """Run bench.networks.export for it, and wait. The process ends with this one, whose end of its standard input closes then."""
    from dlmark.machine import claims  # not above: adapters need this module, and nothing of dlmark
    from dlmark.measure import reasons

    target.parent.mkdir(parents=True, exist_ok=True)
    weights = weights if weights in ("random", "pretrained") else str(Path(weights).resolve())
    words = [model, str(target.resolve()), "--task", task, "--precision", precision, "--weights", weights, "--end-with-stdin"]
    words += ["--size", str(size)] if size else []
    environment = {**os.environ, "DLMARK_CACHE": str(folder().resolve())}  # it may be relative to where we are
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", "bench.networks.export", *words]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors) as process:
            status = process.wait()
        claims.clear_folders(target.parent)  # where it was killed
        errors.seek(0)
        last = reasons.of_last_words(errors.read().decode(errors="replace"))
    if status:
        raise _refusal(model, precision, last or f"the exporting process ended with status {status}")


def _refusal(model: str, precision: str, last: str) -> Exception:
    """What the exporting process's last line means."""
    if missing := re.match(r"ModuleNotFoundError: No module named '([^'.]+)", last):
        return NotImplementedError(f"{model} can't be exported without the package {missing[1]}: pip install {missing[1]}")
    if last.startswith("NotImplementedError: "):
        return NotImplementedError(last.partition(" ")[2])
    return RuntimeError(f"{model} could not be exported in {precision}: {last}")


def multiplies_bytes_safely() -> bool:
    """False on an x86 CPU that adds pairs of products in 16 bits, where they may overflow: weights then have to do with 7 bits."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    return any("vnni" in flag for flag in adapters.cpu_flags())
