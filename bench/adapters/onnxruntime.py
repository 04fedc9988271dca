"""ONNX Runtime: the networks of the MXNet and PyTorch adapters, exported to ONNX; on a CPU, or through CUDA on a GPU."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.networks import onnx_files

packages = ("onnxruntime-gpu", "onnxruntime")  # any of these is the framework
libraries = ("onnx", "mxnet", "gluoncv", "torch", "torchvision", "timm", "numpy", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13")
install = (
    "make results FRAMEWORK=onnxruntime installs it; elsewhere: pip install onnxruntime onnx, for a GPU onnxruntime-gpu, "
    "and mxnet or torch, which the networks come from (torch with onnxscript)."
)
modes = ("graph",)
precisions = ("float32", "tf32", "float16", "int8")
untuned = {"DLMARK_AUTOTUNE": "off"}  # variables under which no algorithms are tried out
canary = "classification", "SqueezeNet-1.1"  # the network that shows whether the device drifts

CUDA = "CUDAExecutionProvider"
FORMATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8,
           "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}  # fmt: skip

# The networks, their inputs and what pretrained weights want are those of the files.
models, defaults, input_shape, preprocessing = onnx_files.ids, onnx_files.defaults, onnx_files.input_shape, onnx_files.preprocessing


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before the import; ONNX Runtime has threads of its own, whose number is read from here."""
    return {"OMP_NUM_THREADS": str(threads)}


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record."""
    return {"layout": "NCHW", **({"autotune": "on"} if device == "gpu" else {})}


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    return [(precision, "graph") for precision in (("float32", "int8") if device == "cpu" else ("float32", "tf32", "float16"))]


def usual_s(device: str, mode: str | None) -> dict[str, float]:
    """Seconds that are to be expected of what comes before the first timed call; on a GPU that tries algorithms out."""
    return {"import_s": 1 if device == "cpu" else 5, "build_s": 1.5, "first_call_s": 0.2 if device == "cpu" else 5}


def go_together(device: str, precision: str, mode: str = "graph", training: bool = False) -> None:
    """Raises NotImplementedError where device, precision and mode do not."""
    if device == "cpu" and precision in ("tf32", "float16"):
        raise NotImplementedError(f"ONNX Runtime computes in {precision} on GPUs only: use float32 or int8 on a CPU")
    if device != "cpu" and precision == "int8":
        raise NotImplementedError("ONNX Runtime's CUDA provider has no int8 convolutions: use float16 or tf32, or int8 on a CPU")


def start(device: str = "cpu") -> str:
    """Import the framework; return its name for the device. Raises NotImplementedError where it can't use it."""
    import onnxruntime

    if device == "cpu":
        return "cpu"
    if CUDA not in onnxruntime.get_available_providers():
        raise NotImplementedError("this build of ONNX Runtime has no CUDA provider: install onnxruntime-gpu instead of it, or use --device cpu")
    onnxruntime.preload_dlls()  # CUDA's libraries, where they are installed as Python packages
    return "cuda"


def ready(task: str, model: str, precision: str = "float32", weights: str = "random", size: int | None = None) -> None:
    """Make the network's ONNX file where it is missing: before anything is timed, and outside of a limit on memory."""
    onnx_files.path(task, model, _stored(precision), weights, size)


@dataclass
class Network:
    """A session, the device that it computes on, and what it is fed with."""

    session: Any
    device: str

    def feed(self, batches) -> None:
        """What `run` takes in turn, on the device: tuples of arrays, (batch, …)."""
        self._bindings = []  # the memory of what was fed before goes first
        self._bindings = [self.bound(arrays) for arrays in batches]
        self._queue = self.queue()

    def run(self) -> None:
        """Queue one call."""
        self._bindings.append(self._bindings.pop(0))
        self._queue(self._bindings[0])

    def wait(self) -> None:
        """Wait until the device is done."""
        self._bindings[0].synchronize_outputs()

    def answers(self, inputs) -> tuple[np.ndarray, ...]:
        """All that the network answers to these arrays, (batch, …): of a classifier its logits, (batch, classes)."""
        found = self.session.run(None, self._by_name(inputs))
        return tuple(answer.astype(np.float32) for answer in found)

    def _by_name(self, arrays) -> dict[str, np.ndarray]:
        """The inputs by their names, in the formats that the network takes."""
        return {place.name: np.ascontiguousarray(array, FORMATS[place.type]) for place, array in zip(self.session.get_inputs(), arrays)}

    def bound(self, arrays):
        """Inputs on the device, bound to the session together with places for the answers there."""
        import onnxruntime

        binding = self.session.io_binding()
        for name, array in self._by_name(arrays).items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array, self.device, 0))
        for answer in self.session.get_outputs():
            binding.bind_output(answer.name, self.device, 0)
        return binding

    def queue(self):
        """What queues bound inputs without waiting for the device."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        if self.device != "cpu":  # else each call waits for the GPU before it returns
            options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        return lambda binding: self.session.run_with_iobinding(binding, options)


def load(task: str, model: str, device: str = "cpu", precision: str = "float32", *, mode: str = "graph", weights: str = "random",
         size: int | None = None) -> Network:  # fmt: skip
    """The network on its device, with random weights, pretrained ones (may download), or those in a file: .onnx, .params or a state_dict."""
    where = start(device)
    go_together(device, precision)
    file = onnx_files.path(task, model, _stored(precision), weights, size)
    return _network(str(file), where, precision)


def _stored(precision: str) -> str:
    """The number format of the file: TF32 is a way of computing with float32."""
    return "float32" if precision == "tf32" else precision


def _network(model: str | bytes, where: str, precision: str) -> Network:
    """A network out of a file, or of its content."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)  # 0: one for each core
    options.inter_op_num_threads = 1  # one operator after the other
    options.log_severity_level = 3
    # Float32 means float32: TF32, which is the provider's default, is a precision of its own here.
    # By default its memory grows by powers of two, which says little of what a network needs.
    search = "HEURISTIC" if os.environ.get("DLMARK_AUTOTUNE") == "off" else "EXHAUSTIVE"
    on_gpu = {"device_id": "0", "arena_extend_strategy": "kSameAsRequested", "use_tf32": str(int(precision == "tf32")), "cudnn_conv_algo_search": search}
    providers = ["CPUExecutionProvider"] if where == "cpu" else [(CUDA, on_gpu), "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model, options, providers=providers)
    if where != "cpu" and session.get_providers()[0] != CUDA:
        raise NotImplementedError(
            "ONNX Runtime's CUDA provider could not be loaded, for want of the CUDA and cuDNN libraries that it was built for: "
            "pip install onnxruntime-gpu[cuda,cudnn], or use --device cpu"
        )
    return Network(session, where)


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    where = start(device)
    go_together(device, precision)
    if precision == "int8":  # bytes by weights of signed bytes, as in a quantized network
        return _operator("MatMulInteger", ["a", "weights"], (size, size), where, precision)
    return _operator("MatMul", ["a", "a"], (size, size), where, precision)


def copy(device: str = "cpu", mb: int = 256):
    """What copies `mb` times 2^20 bytes within the device's memory, and what waits for it."""
    return _operator("Identity", ["a"], (mb * 2**18,), start(device))


def small_call(device: str = "cpu"):
    """What makes a call that has next to nothing to do, and what waits for it."""
    return _operator("Identity", ["a"], (1,), start(device))


def _operator(operator: str, inputs: list[str], shape: tuple[int, ...], where: str, precision: str = "float32"):
    """What runs a graph of one operator, and what waits for it."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    kinds = {"float16": (TensorProto.FLOAT16, TensorProto.FLOAT16), "int8": (TensorProto.UINT8, TensorProto.INT32)}
    goes_in, comes_out = kinds.get(precision, (TensorProto.FLOAT, TensorProto.FLOAT))
    a, out = helper.make_tensor_value_info("a", goes_in, shape), helper.make_tensor_value_info("out", comes_out, shape)
    known = [numpy_helper.from_array(random.integers(-127, 128, shape, dtype=np.int8), "weights")] if "weights" in inputs else []
    graph = helper.make_graph([helper.make_node(operator, inputs, ["out"])], operator, [a], [out], known)
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", onnx_files.OPSET)], ir_version=8)
    network = _network(file.SerializeToString(), where, precision)
    queue, binding = network.queue(), network.bound((random.uniform(0, 100 if precision == "int8" else 1, shape),))
    return (lambda: queue(binding)), binding.synchronize_outputs
