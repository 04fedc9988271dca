"""ONNX files of MXNet's networks, by its own exporter."""

import sys
import types
from pathlib import Path

import mxnet as mx
import numpy as np
import onnx

from bench.adapters.mxnet import input_names


def export(network, file: Path, inputs: tuple[np.ndarray, ...], opset: int) -> None:
    """Write a network that has answered to `inputs`, after which all its shapes are known; the batch is any size."""
    _restore_onnx_mapping()
    names, shapes = input_names(len(inputs)), [array.shape[1:] for array in inputs]
    symbol = network.block(*map(mx.sym.var, names))
    symbol = mx.sym.Group(list(symbol)) if isinstance(symbol, (list, tuple)) else symbol
    wanted = set(symbol.list_inputs())
    values = {name: value.data() for name, value in network.block.collect_params().items() if name in wanted}
    mx.onnx.export_model(symbol, values, [(1, *shape) for shape in shapes], [np.float32] * len(inputs), str(file),
                         dynamic=True, dynamic_input_shapes=[("batch", *shape) for shape in shapes])  # fmt: skip
    made = onnx.load(str(file))
    made.opset_import[0].version = opset  # it names onnx's newest, in which some of the operators that it wrote mean something else
    made.ir_version = 8
    onnx.save(made, str(file))


def _restore_onnx_mapping() -> None:
    """Put back the module that MXNet's exporter uses and onnx 1.19 dropped."""
    if hasattr(onnx, "mapping"):
        return
    names = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool".split()
    numbers = {np.dtype(name): onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in names}
    onnx.mapping = sys.modules["onnx.mapping"] = types.ModuleType("onnx.mapping")
    onnx.mapping.NP_TYPE_TO_TENSOR_TYPE, onnx.mapping.TENSOR_TYPE_TO_NP_TYPE = numbers, {number: kind for kind, number in numbers.items()}
