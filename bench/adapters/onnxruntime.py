"""ONNX Runtime: the networks of the MXNet and PyTorch adapters, exported to ONNX; on a CPU, or through CUDA on a GPU."""

import os
from dataclasses import dataclass

import numpy as np

from bench.networks import onnx_files as onnx_export

packages = ("onnxruntime-gpu", "onnxruntime")  # any of these is the framework
libraries = ("onnx", "mxnet", "gluoncv", "torch", "torchvision", "timm", "numpy")
install = (
    "make results FRAMEWORK=onnxruntime installs it; elsewhere: pip install onnxruntime onnx, for a GPU onnxruntime-gpu, "
    "and mxnet or torch, which the networks come from (torch with onnxscript)."
)
modes = ("graph",)
precisions = ("float32", "tf32", "float16", "int8")
canary = "SqueezeNet-1.1"  # the network that shows whether the device drifts

# workload -> display name -> the adapter that it comes from, and the id there
models = {"classification": onnx_export.ids()}
defaults = onnx_export.defaults()

CUDA = "CUDAExecutionProvider"


def input_shape(model: str) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    return onnx_export.input_shape(model)


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before the import; ONNX Runtime has threads of its own, whose number is read from here."""
    return {"OMP_NUM_THREADS": str(threads)}


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record."""
    return {"layout": "NCHW", **({"autotune": "on"} if device == "gpu" else {})}


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    return [(precision, "graph") for precision in (("float32", "int8") if device == "cpu" else ("float32", "tf32", "float16"))]


def start(device: str = "cpu") -> str:
    """Import the framework; return its name for the device. Raises NotImplementedError where it can't use it."""
    import onnxruntime

    if device == "cpu":
        return "cpu"
    if CUDA not in onnxruntime.get_available_providers():
        raise NotImplementedError("this build of ONNX Runtime has no CUDA provider: install onnxruntime-gpu instead of it, or use --device cpu")
    onnxruntime.preload_dlls()  # CUDA's libraries, where they are installed as Python packages
    return "cuda"


def ready(model: str, precision: str = "float32", weights: str = "random") -> None:
    """Make the network's ONNX file where it is missing: before anything is timed, and outside of a limit on memory."""
    onnx_export.path(model, _stored(precision), weights)


@dataclass
class Network:
    """A session, the device that it computes on, and the kind of number that goes in."""

    session: object
    device: str
    numbers: type

    def bound(self, shape: tuple[int, ...], images: np.ndarray):
        """An input on the device, bound to the session together with a place for the answers there."""
        import onnxruntime

        images = np.ascontiguousarray(images.reshape(shape), dtype=self.numbers)
        binding = self.session.io_binding()
        binding.bind_ortvalue_input(self.session.get_inputs()[0].name, onnxruntime.OrtValue.ortvalue_from_numpy(images, self.device, 0))
        binding.bind_output(self.session.get_outputs()[0].name, self.device, 0)
        return binding

    def queue(self):
        """What queues a bound input without waiting for the device."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        if self.device != "cpu":  # else each call waits for the GPU before it returns
            options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        return lambda binding: self.session.run_with_iobinding(binding, options)


def load(model: str, device: str = "cpu", precision: str = "float32", weights: str = "random", mode: str = "graph") -> Network:
    """The network on its device, with random weights, pretrained ones (may download), or those in a file: .onnx, .params or a state_dict."""
    where = start(device)
    _go_together(device, precision)
    file = onnx_export.path(model, _stored(precision), weights)
    return _network(str(file), where, precision)


def _go_together(device: str, precision: str) -> None:
    """Raises NotImplementedError for what does not."""
    if device == "cpu" and precision in ("tf32", "float16"):
        raise NotImplementedError(f"ONNX Runtime computes in {precision} on GPUs only: use float32 or int8 on a CPU")
    if device != "cpu" and precision == "int8":
        raise NotImplementedError("ONNX Runtime's CUDA provider has no int8 convolutions: use float16 or tf32, or int8 on a CPU")


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
    on_gpu = {"device_id": "0", "use_tf32": str(int(precision == "tf32")), "cudnn_conv_algo_search": "EXHAUSTIVE"}
    providers = ["CPUExecutionProvider"] if where == "cpu" else [(CUDA, on_gpu), "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model, options, providers=providers)
    if where != "cpu" and session.get_providers()[0] != CUDA:
        raise NotImplementedError(
            "ONNX Runtime's CUDA provider could not be loaded, for want of the CUDA and cuDNN libraries that it was built for: "
            "pip install onnxruntime-gpu[cuda,cudnn], or use --device cpu"
        )
    return Network(session, where, np.float16 if precision == "float16" else np.float32)


def prepare(network: Network, model: str, batch_size: int):
    """What runs one batch, and what waits until the device is done with it."""
    random, shape, queue = np.random.default_rng(3), (batch_size, *input_shape(model)), network.queue()
    bindings = [network.bound(shape, random.uniform(-1, 1, shape)) for _ in range(2)]

    def run():
        bindings.reverse()
        queue(bindings[0])

    return run, bindings[0].synchronize_outputs


def predict(network: Network, images: np.ndarray) -> np.ndarray:
    """Logits of normalized images, (batch, channels, height, width) -> (batch, classes)."""
    session = network.session
    (logits,) = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: np.asarray(images, network.numbers)})
    return logits.astype(np.float32)


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    where = start(device)
    _go_together(device, precision)
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
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", onnx_export.OPSET)], ir_version=8)
    network = _network(file.SerializeToString(), where, precision)
    if precision == "int8":
        network.numbers = np.uint8
    queue, binding = network.queue(), network.bound(shape, random.uniform(0, 100 if precision == "int8" else 1, shape))
    return (lambda: queue(binding)), binding.synchronize_outputs
