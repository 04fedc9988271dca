"""ONNX files of the networks that the MXNet and PyTorch adapters build, for the frameworks that read such files.

    python -m bench.networks.onnx_files ResNet-v1-50 resnet.onnx                     the network with random weights
    python -m bench.networks.onnx_files ResNet-v1-50 resnet.onnx --precision int8    quantized, as it is measured

`path` makes a file once and keeps it in .cache/onnx, or in the folder that DLMARK_CACHE names. A network is exported in a
process of its own, since the exporting frameworks change the process that they are in, and it is kept only if its answers
are those of the network that it comes from. Where no framework is installed to export one, a file that was copied into the
folder serves.
"""

import argparse
import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np

from bench import adapters

ROOT = Path(__file__).parents[2]
RECIPE = 1  # in the files' names: it goes up when what this module makes of a network changes, or the random weights that it is given
OPSET = 13  # the newest that MXNet's exporter knows, and the first with a scale for each channel of a quantized weight
SAME = 1e-3  # how far an exported network's answers may be off, as a share of the largest
CALIBRATION_IMAGES = 8

# Of GluonCV's networks those whose export has been compared with MXNet; the Gluon zoo's are all here.
GLUONCV = """
resnet18_v1b resnet34_v1b resnet50_v1b resnet101_v1b resnet152_v1b resnext50_32x4d se_resnet50_v1 se_resnext50_32x4d resnest50
mobilenetv3_large mobilenetv3_small googlenet darknet53 xception
""".split()


# ---- which networks there are ----


def models() -> dict[str, str]:
    """Display name -> the adapter that it comes from, mxnet or torch; one that both have comes from mxnet where that is installed."""
    ours = adapters.get("mxnet")
    mxnet = {name: "mxnet" for name, own in ours.models["classification"].items() if own in (*ours.GLUON, *GLUONCV)}
    torch = dict.fromkeys(adapters.get("torch").models["classification"], "torch")
    return mxnet | torch | (mxnet if _installed("mxnet") else {})


def ids() -> dict[str, str]:
    """Display name -> adapter and the framework's own id, such as mxnet/resnet50_v1."""
    return {name: f"{source}/{adapters.get(source).models['classification'][name]}" for name, source in models().items()}


def defaults() -> list[str]:
    """What is measured unless others are named: the original page's ResNets and the PyTorch adapter's choice, if they can be made here."""
    known = models()
    chosen = ["ResNet-v1-18", "ResNet-v1-50", "ResNet-v2-50", "MobileNet-1.0", *adapters.get("torch").defaults]
    return [name for name in chosen if _installed(known[name])] or chosen


@cache
def _installed(framework: str) -> str | None:
    """Its version, or None where it is not installed."""
    return adapters.version(adapters.get(framework))


def input_shape(model: str) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    return adapters.get(models()[model]).input_shape(model)


# ---- where the files are ----


def folder() -> Path:
    """The folder that the files are kept in; it may not be there yet."""
    return Path(os.environ.get("DLMARK_CACHE") or ROOT / ".cache" / "onnx")


def path(model: str, precision: str = "float32", weights: str = "random") -> Path:
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
    source = _source(model, weights)
    target = folder() / _file_name(model, source, precision, weights)
    if "*" in target.name:  # no framework is installed that says which version it would be
        return _made_elsewhere(target, model, _packages(model, source) + ["onnxruntime"] * (precision == "int8"))
    if not target.exists():
        _make(target, model, precision, weights)
    return target


def _own_file(weights: str, precision: str) -> Path:
    """The user's own ONNX file: it is taken as it is."""
    own = Path(weights)
    if precision == "int8" and b"QuantizeLinear" not in own.read_bytes():
        raise NotImplementedError("int8 needs a quantized network, and the .onnx file holds none: quantize it, or use --precision float32")
    return own


def _source(model: str, weights: str) -> str:
    """The adapter that makes the network with these weights."""
    if weights in ("random", "pretrained"):
        return models()[model]
    source = "mxnet" if weights.endswith(".params") else "torch"
    if model not in adapters.get(source).models["classification"]:
        raise NotImplementedError(f"by its name the file holds weights for {source}, which has no {model}: name an .onnx file, or another network")
    return source


def _file_name(model: str, source: str, precision: str, weights: str) -> str:
    """Says all that the file depends on; with a * for a version that can't be known here."""
    made_with = [f"{package}-{_version(package) or '*'}" for package in _packages(model, source)]
    if precision == "int8":
        made_with += ["7-bit"] * (not _multiplies_bytes_safely()) + [f"onnxruntime-{_version('onnxruntime') or '*'}"]
    if weights != "random":
        made_with.append("pretrained" if weights == "pretrained" else hashlib.sha256(Path(weights).read_bytes()).hexdigest()[:12])
    return f"{model}__{precision}__{'__'.join(made_with)}__{RECIPE}.onnx"


def _packages(model: str, source: str) -> list[str]:
    """The distributions that a network is made with."""
    adapter = adapters.get(source)
    own = adapter.models["classification"][model]
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


def _make(target: Path, model: str, precision: str, weights: str) -> None:
    """Run this module for it, and wait. The process ends with this one, whose end of its standard input closes then."""
    from dlmark.machine import claims  # not above: adapters need this module, and nothing of dlmark

    target.parent.mkdir(parents=True, exist_ok=True)
    weights = weights if weights in ("random", "pretrained") else str(Path(weights).resolve())
    words = [model, str(target.resolve()), "--precision", precision, "--weights", weights, "--end-with-stdin"]
    environment = {**os.environ, "DLMARK_CACHE": str(folder().resolve())}  # it may be relative to where we are
    with tempfile.TemporaryFile() as errors:
        command, pipes = [sys.executable, "-m", "bench.networks.onnx_files", *words], {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=errors, **pipes) as process:
            status = process.wait()
        claims.clear_folders(target.parent)  # where it was killed
        errors.seek(0)
        lines = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    if status:
        raise _refusal(model, precision, lines[-1] if lines else f"the exporting process ended with status {status}")


def _refusal(model: str, precision: str, last: str) -> Exception:
    """What the exporting process's last line means."""
    if missing := re.match(r"ModuleNotFoundError: No module named '([^'.]+)", last):
        return NotImplementedError(f"{model} can't be exported without the package {missing[1]}: pip install {missing[1]}")
    if last.startswith("NotImplementedError: "):
        return NotImplementedError(last.partition(" ")[2])
    return RuntimeError(f"{model} could not be exported in {precision}: {last}")


def export(model: str, target: Path, precision: str = "float32", weights: str = "random") -> None:
    """Write the network's ONNX file at once or not at all. Changes this process: the framework and what it needs stay in it."""
    from dlmark.machine import claims

    with claims.folder(target.parent) as beside:
        made = Path(beside) / "network.onnx"
        if precision == "int8":
            _quantize(path(model), made, input_shape(model))
        elif precision == "float16":
            _halve(path(model, weights=weights), made)
        else:
            {"mxnet": _from_mxnet, "torch": _from_torch}[_source(model, weights)](model, made, weights)
        os.replace(made, target)


def _from_mxnet(model: str, made: Path, weights: str) -> None:
    adapter = adapters.get("mxnet")
    network = adapter.load(model, weights=weights)
    shape, images = adapter.input_shape(model), _images(2, adapter.input_shape(model))
    expected = adapter.predict(network, images)  # after it all shapes are known
    import mxnet as mx
    import onnx

    _restore_onnx_mapping(onnx)
    symbol = network(mx.sym.var("data"))
    symbol = symbol[0] if isinstance(symbol, (list, tuple)) else symbol  # NASNet: logits and an auxiliary output
    wanted = set(symbol.list_inputs())
    values = {name: value.data() for name, value in network.collect_params().items() if name in wanted}
    mx.onnx.export_model(symbol, values, [(1, *shape)], np.float32, str(made), dynamic=True, dynamic_input_shapes=[("batch", *shape)])
    file = onnx.load(str(made))
    file.opset_import[0].version = OPSET  # it names onnx's newest, in which some of the operators that it wrote mean something else
    file.ir_version = 8
    onnx.save(file, str(made))
    _must_be_same(model, made, images, expected)


def _from_torch(model: str, made: Path, weights: str) -> None:
    adapter = adapters.get("torch")
    network = adapter.load(model, "cpu", "float32", weights, "eager")
    images = _images(2, adapter.input_shape(model))
    expected = adapter.predict(network, images)
    import torch

    module = network.module.to(memory_format=torch.contiguous_format)
    program = torch.onnx.export(module, (torch.from_numpy(images),), input_names=["data"], output_names=["logits"],
                                dynamic_shapes=({0: "batch"},), dynamo=True, verbose=False)  # fmt: skip
    program.save(str(made), external_data=False)
    _must_be_same(model, made, images, expected)


def _restore_onnx_mapping(onnx) -> None:
    """Put back the module that MXNet's exporter uses and onnx 1.19 dropped."""
    if hasattr(onnx, "mapping"):
        return
    import types

    names = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool".split()
    numbers = {np.dtype(name): onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in names}
    onnx.mapping = sys.modules["onnx.mapping"] = types.ModuleType("onnx.mapping")
    onnx.mapping.NP_TYPE_TO_TENSOR_TYPE, onnx.mapping.TENSOR_TYPE_TO_NP_TYPE = numbers, {number: kind for kind, number in numbers.items()}


def _must_be_same(model: str, made: Path, images: np.ndarray, expected: np.ndarray) -> None:
    """Raises RuntimeError where the file's answers are not the network's."""
    readers = [name for name in ("onnxruntime", "openvino") if _installed(name)]
    if not readers:
        raise NotImplementedError("an exported network is tried out before it is kept: pip install onnxruntime, or openvino")
    reader = adapters.get(readers[0])
    answers = reader.predict(reader.load(model, weights=str(made)), images)
    error = np.abs(answers - expected).max() / np.abs(expected).max()
    if not error <= SAME:
        raise RuntimeError(f"the exported network's answers are {error:.2g} of the largest off the network's; {SAME:g} is the limit")


def _quantize(float32: Path, made: Path, shape: tuple[int, ...]) -> None:
    """Static quantization with ranges from fixed random images, as ONNX Runtime recommends it for its CPU kernels; OpenVINO reads it too."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(quantization.CalibrationDataReader):
        def __init__(self):
            self._left = list(_images(CALIBRATION_IMAGES, shape))

        def get_next(self) -> dict | None:
            return {name: self._left.pop()[None]} if self._left else None

    name = _input_name(float32)
    prepared = made.with_name("prepared.onnx")
    quant_pre_process(str(float32), str(prepared), skip_symbolic_shape=True)  # batch normalization becomes part of the convolutions
    unsigned, signed = quantization.QuantType.QUInt8, quantization.QuantType.QInt8
    quantization.quantize_static(str(prepared), str(made), Images(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                                 activation_type=unsigned, weight_type=signed, reduce_range=not _multiplies_bytes_safely())  # fmt: skip


def _halve(float32: Path, made: Path) -> None:
    """Weights, inputs and answers in float16."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(str(float32))), str(made))


def _input_name(file: Path) -> str:
    import onnxruntime

    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).get_inputs()[0].name


def _multiplies_bytes_safely() -> bool:
    """False on an x86 CPU that adds pairs of products in 16 bits, where they may overflow: weights then have to do with 7 bits."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _images(count: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, *shape), dtype=np.float32)


def main(argv: list[str] | None = None) -> int:
    """Write one file."""
    parser = argparse.ArgumentParser(prog="python -m bench.networks.onnx_files", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=models(), metavar="MODEL", help="display name of a network")
    parser.add_argument("target", type=Path, metavar="FILE", help="the file to write")
    parser.add_argument("--precision", choices=("float32", "float16", "int8"), default="float32", help="(default: %(default)s)")
    parser.add_argument("--weights", default="random", help="random, pretrained (may download), or a file (default: %(default)s)")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input does")
    opts = parser.parse_args(argv)
    if opts.end_with_stdin:
        threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
    export(opts.model, opts.target.resolve(), opts.precision, opts.weights)
    return 0


if __name__ == "__main__":
    from dlmark.machine import stop

    sys.exit(stop.quietly(main))
