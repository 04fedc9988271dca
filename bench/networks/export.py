"""Export one network to an ONNX file, and try out whether it answers as the network does.

    python -m bench.networks.export ResNet-v1-50 resnet.onnx                     the network with random weights
    python -m bench.networks.export ResNet-v1-50 resnet.onnx --precision int8    quantized, as it is measured

bench.networks.onnx_files runs it where a file is missing, in a process of its own, since the exporting frameworks change theirs.
"""

import argparse
import os
import sys
import threading
from pathlib import Path

import numpy as np

from bench import adapters
from bench.networks import onnx_files
from bench.run import scripts
from bench.run.contract import Arrays
from dlmark.machine import claims, stop

SAME = 1e-3  # how far an exported network's answers may be off, as a share of the largest
CALIBRATION_ITEMS = 16  # for the ranges of int8


def export(task: str, model: str, target: Path, precision: str = "float32", weights: str = "random", size: int | None = None) -> None:
    """Write the network's ONNX file at once or not at all. Changes this process: the framework and what it needs stay in it."""
    with claims.folder(target.parent) as beside:
        made = Path(beside) / "network.onnx"
        if precision == "int8":
            _quantize(onnx_files.path(task, model, size=size), made, _inputs(task, model, size, CALIBRATION_ITEMS))
        elif precision == "float16":
            _halve(onnx_files.path(task, model, weights=weights, size=size), made)
        else:
            adapter, inputs = adapters.get(onnx_files.source_of(task, model, weights)), _inputs(task, model, size, 2)
            network = adapter.load(task, model, weights=weights, size=size)
            expected = network.answers(inputs)
            adapter.export(network, made, inputs, onnx_files.OPSET)
            _must_be_same(task, model, made, inputs, expected)
        os.replace(made, target)


def _inputs(task: str, model: str, size: int | None, count: int) -> Arrays:
    """Fixed ones that resemble real ones, as the task makes them."""
    return scripts.task(task).as_real(onnx_files.input_shape(task, model, size), count, np.random.default_rng(5))


def _must_be_same(task: str, model: str, made: Path, inputs: Arrays, expected: Arrays) -> None:
    """Raises RuntimeError where the file's answers are not the network's."""
    readers = [name for name in ("onnxruntime", "openvino") if adapters.version(adapters.get(name))]
    if not readers:
        raise NotImplementedError("an exported network is tried out before it is kept: pip install onnxruntime, or openvino")
    answers = adapters.get(readers[0]).load(task, model, weights=str(made)).answers(inputs)
    if [answer.shape for answer in answers] != [right.shape for right in expected]:
        raise RuntimeError(
            f"the exported network's answers have the shapes {[answer.shape for answer in answers]}, the network's {[a.shape for a in expected]}"
        )
    error = float(np.max([np.abs(answer - right).max() / np.abs(right).max() for answer, right in zip(answers, expected)]))
    if not error <= SAME:
        raise RuntimeError(f"the exported network's answers are {error:.2g} of the largest off the network's; {SAME:g} is the limit")


def _quantize(float32: Path, made: Path, inputs: Arrays) -> None:
    """Static quantization with ranges from these inputs, as ONNX Runtime recommends it for its CPU kernels; OpenVINO reads it too."""
    import onnxruntime
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    places = onnxruntime.InferenceSession(str(float32), providers=["CPUExecutionProvider"]).get_inputs()

    class Items(quantization.CalibrationDataReader):
        def __init__(self):
            self._left = [{place.name: item[None] for place, item in zip(places, items)} for items in zip(*inputs)]

        def get_next(self) -> dict | None:
            return self._left.pop() if self._left else None

    prepared = made.with_name("prepared.onnx")
    quant_pre_process(str(float32), str(prepared), skip_symbolic_shape=True)  # batch normalization becomes part of the convolutions
    unsigned, signed = quantization.QuantType.QUInt8, quantization.QuantType.QInt8
    quantization.quantize_static(str(prepared), str(made), Items(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                                 activation_type=unsigned, weight_type=signed, reduce_range=not onnx_files.multiplies_bytes_safely())  # fmt: skip


def _halve(float32: Path, made: Path) -> None:
    """Weights, inputs and answers in float16."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(str(float32))), str(made))


def main(argv: list[str] | None = None) -> int:
    """Write one file."""
    parser = argparse.ArgumentParser(prog="python -m bench.networks.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = onnx_files.ids()
    parser.add_argument("model", metavar="MODEL", help="display name of a network")
    parser.add_argument("target", type=Path, metavar="FILE", help="the file to write")
    parser.add_argument("--task", choices=known, default=next(iter(known)), help="(default: %(default)s)")
    parser.add_argument("--size", type=int, metavar="SIDE", help="of the images (default: the network's own)")
    parser.add_argument("--precision", choices=("float32", "float16", "int8"), default="float32", help="(default: %(default)s)")
    parser.add_argument("--weights", default="random", help="random, pretrained (may download), or a file (default: %(default)s)")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input does")
    opts = parser.parse_args(argv)
    if opts.end_with_stdin:
        threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
    if opts.model not in known[opts.task]:
        parser.error(f"unknown network {opts.model!r}; there are: {', '.join(known[opts.task])}")
    export(opts.task, opts.model, opts.target.resolve(), opts.precision, opts.weights, opts.size)
    return 0


if __name__ == "__main__":
    sys.exit(stop.quietly(main))
