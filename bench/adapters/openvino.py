"""OpenVINO: the networks of the MXNet and PyTorch adapters, exported to ONNX; on a CPU."""

import os

import numpy as np

from bench.networks import onnx_files as onnx_export

packages = ("openvino",)  # any of these is the framework
libraries = ("onnx", "onnxruntime", "mxnet", "gluoncv", "torch", "torchvision", "timm", "numpy")
install = (
    "make results FRAMEWORK=openvino installs it; elsewhere: pip install openvino onnx onnxruntime (which quantizes), "
    "and mxnet or torch, which the networks come from (torch with onnxscript)."
)
modes = ("graph",)
precisions = ("float32", "bfloat16", "int8")

# workload -> display name -> the adapter that it comes from, and the id there
models = {"classification": onnx_export.ids()}
defaults = onnx_export.defaults()


def input_shape(model: str) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    return onnx_export.input_shape(model)


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before the import; OpenVINO has threads of its own, whose number is read from here."""
    return {"OMP_NUM_THREADS": str(threads)}


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record."""
    return {"layout": "NCHW"}


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    return [(precision, "graph") for precision in precisions if precision != "bfloat16" or _multiplies_bfloat16()]


def start(device: str = "cpu"):
    """Import the framework; return its core. Raises NotImplementedError where it can't use the device."""
    if device != "cpu":
        raise NotImplementedError("OpenVINO computes on Intel's GPUs, not on those that NVML finds: use --device cpu, or another framework")
    import openvino

    return openvino.Core()


def ready(model: str, precision: str = "float32", weights: str = "random") -> None:
    """Make the network's ONNX file where it is missing: before anything is timed, and outside of a limit on memory."""
    onnx_export.path(model, _stored(precision), weights)


class Network:
    """A network, compiled for one batch size at a time: OpenVINO is at its best when all shapes are known."""

    def __init__(self, core, model, precision: str):
        self._core, self._model = core, model
        self._compiled, self._batch_size = None, None
        self._options = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",  # else it takes bfloat16 where the CPU has it
            "PERFORMANCE_HINT": "LATENCY",  # one batch at a time on all threads, as every other framework here
            "NUM_STREAMS": "1",
            **({"INFERENCE_NUM_THREADS": threads} if (threads := os.environ.get("OMP_NUM_THREADS")) else {}),
            "ENABLE_HYPER_THREADING": "YES",  # as many threads as were asked for, also where two share a core
        }

    def at(self, batch_size: int):
        """Compiled for this batch size; the memory of another one goes."""
        if self._batch_size != batch_size:
            self.forget()
            shape = self._model.input(0).get_partial_shape()
            shape[0] = batch_size
            self._model.reshape(shape)
            self._compiled, self._batch_size = self._core.compile_model(self._model, "CPU", self._options), batch_size
        return self._compiled

    def forget(self) -> None:
        """Let go of what was compiled."""
        self._compiled, self._batch_size = None, None


def load(model: str, device: str = "cpu", precision: str = "float32", weights: str = "random", mode: str = "graph") -> Network:
    """The network, with random weights, pretrained ones (may download), or those in a file: .onnx, .params or a state_dict."""
    core = start(device)
    _knows(precision)
    return Network(core, core.read_model(str(onnx_export.path(model, _stored(precision), weights))), precision)


def _knows(precision: str) -> None:
    """Raises NotImplementedError for a precision that this CPU has no instructions for."""
    if precision == "bfloat16" and not _multiplies_bfloat16():
        raise NotImplementedError("this CPU has no instructions for bfloat16 (avx512_bf16 or amx_bf16): use float32 or int8")


def _stored(precision: str) -> str:
    """The number format of the file: bfloat16 is made of float32 when it is compiled."""
    return "float32" if precision == "bfloat16" else precision


def _multiplies_bfloat16() -> bool:
    """Whether the CPU itself does; without, OpenVINO would convert to and fro, which tells nothing of the format."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = file.read().split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def prepare(network: Network, model: str, batch_size: int):
    """What runs one batch, and what waits until the device is done with it. The first call compiles."""
    network.forget()
    random, shape = np.random.default_rng(3), (batch_size, *input_shape(model))
    inputs = [random.uniform(-1, 1, shape).astype(np.float32) for _ in range(2)]
    requests: list = []

    def run():
        if not requests:
            requests.extend(_request(network.at(batch_size), images) for images in inputs)
        requests.reverse()
        requests[0].wait()  # until the call before the last is done, whose request this is
        requests[0].start_async()

    def wait():
        for request in requests:
            request.wait()

    return run, wait


def _request(compiled, images: np.ndarray):
    """A request that reads its input where it lies."""
    import openvino

    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(images, shared_memory=True))
    return request


def predict(network: Network, images: np.ndarray) -> np.ndarray:
    """Logits of normalized images, (batch, channels, height, width) -> (batch, classes)."""
    return network.at(len(images))(np.asarray(images, np.float32))[0]


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, of which the second is known beforehand as weights are, and what waits for it."""
    from openvino import opset13 as op

    core = start(device)
    _knows(precision)
    random = np.random.default_rng(0)
    a = op.parameter([size, size], np.float32)
    left, weights = a, op.constant(random.uniform(-1, 1, (size, size)).astype(np.float32))
    if precision == "int8":  # as in a quantized network: numbers are rounded to bytes where they come in, and the weights are bytes
        left = op.fake_quantize(a, *(np.float32(end) for end in (0, 1, 0, 1)), levels=256)
        whole = op.constant(random.integers(-127, 128, (size, size), dtype=np.int8))
        weights = op.multiply(op.convert(whole, np.float32), op.constant(np.full((size, 1), 1 / 127, np.float32)))
    product = op.matmul(left, weights, False, True)
    return _operator(core, product, a, random.uniform(0, 1, (size, size)), precision)


def copy(device: str = "cpu", mb: int = 256):
    """What copies the positive of `mb` times 2^18 numbers, since a mere copy is left out, and what waits for it."""
    return _positive(device, mb * 2**18)


def small_call(device: str = "cpu"):
    """What makes a call that has next to nothing to do, and what waits for it."""
    return _positive(device, 1)


def _positive(device: str, count: int):
    from openvino import opset13 as op

    core, a = start(device), op.parameter([count], np.float32)
    return _operator(core, op.relu(a), a, np.ones(count))


def _operator(core, result, a, numbers: np.ndarray, precision: str = "float32"):
    """What runs a graph of one operator, and what waits for it."""
    import openvino

    network, numbers = Network(core, openvino.Model([result], [a]), precision), np.asarray(numbers, np.float32)
    request = _request(network.at(len(numbers)), numbers)

    def run():
        request.wait()
        request.start_async()

    run.reads = numbers  # the request itself does not keep what it reads alive
    return run, request.wait
