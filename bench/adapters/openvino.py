"""OpenVINO: the networks of the MXNet and PyTorch adapters, exported to ONNX; on a CPU."""

import os

import numpy as np

from bench import adapters
from bench.networks import onnx_files

packages = ("openvino",)  # any of these is the framework
libraries = ("onnx", "onnxruntime", "mxnet", "gluoncv", "torch", "torchvision", "timm", "numpy")
install = (
    "make results FRAMEWORK=openvino installs it; elsewhere: pip install openvino onnx onnxruntime (which quantizes), "
    "and mxnet or torch, which the networks come from (torch with onnxscript)."
)
modes = ("graph",)
precisions = ("float32", "bfloat16", "int8")


# The networks, their inputs and what pretrained weights want are those of the files.
models, defaults, input_shape, preprocessing = onnx_files.ids, onnx_files.defaults, onnx_files.input_shape, onnx_files.preprocessing


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before the import; OpenVINO has threads of its own, whose number is read from here."""
    return {"OMP_NUM_THREADS": str(threads)}


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record."""
    return {"layout": "NCHW"}


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    return [(precision, "graph") for precision in precisions if precision != "bfloat16" or _multiplies_bfloat16()]


def usual_s(device: str, mode: str | None) -> dict[str, float]:
    """Seconds that are to be expected of what comes before the first timed call, which compiles."""
    return {"import_s": 1, "build_s": 1, "first_call_s": 1.5}


def go_together(device: str, precision: str, mode: str = "graph", training: bool = False) -> None:
    """Raises NotImplementedError where device, precision and mode do not."""
    if precision == "bfloat16" and not _multiplies_bfloat16():
        raise NotImplementedError("this CPU has no instructions for bfloat16 (avx512_bf16 or amx_bf16): use float32 or int8")


def start(device: str = "cpu"):
    """Import the framework; return its core. Raises NotImplementedError where it can't use the device."""
    if device != "cpu":
        raise NotImplementedError("OpenVINO computes on Intel's GPUs, not on those that NVML finds: use --device cpu, or another framework")
    import openvino

    return openvino.Core()


def ready(task: str, model: str, precision: str = "float32", weights: str = "random", size: int | None = None) -> None:
    """Make the network's ONNX file where it is missing: before anything is timed, and outside of a limit on memory."""
    onnx_files.path(task, model, _stored(precision), weights, size)


class Network:
    """A network, compiled for one batch size at a time: OpenVINO is at its best when all shapes are known."""

    def __init__(self, core, model, precision: str):
        self._core, self._model = core, model
        self._compiled = None
        self._batch_size: int | None = None
        self._batches: list[list[np.ndarray]] = []
        self._requests: list = []
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
            shapes = {place.get_any_name(): place.get_partial_shape() for place in self._model.inputs}
            for shape in shapes.values():
                shape[0] = batch_size
            self._model.reshape(shapes)
            self._compiled, self._batch_size = self._core.compile_model(self._model, "CPU", self._options), batch_size
        return self._compiled

    def forget(self) -> None:
        """Let go of what was compiled."""
        self._compiled, self._batch_size = None, None

    def feed(self, batches) -> None:
        """What `run` takes in turn: tuples of arrays, (batch, …). The first call compiles."""
        self._requests = []
        self.forget()
        self._batches = [self._inputs(arrays) for arrays in batches]

    def _inputs(self, arrays) -> list[np.ndarray]:
        """As they go in: numbers that are not whole as float32, whole ones as the network counts."""
        kinds = [place.get_element_type().to_dtype() for place in self._model.inputs]
        return [np.ascontiguousarray(array, kind) for array, kind in zip(arrays, kinds)]

    def run(self) -> None:
        """Queue one call."""
        if not self._requests:
            self._requests = [_request(self.at(len(arrays[0])), arrays) for arrays in self._batches]
        self._requests.append(self._requests.pop(0))
        self._requests[0].wait()  # until the call before the last is done, whose request this is
        self._requests[0].start_async()

    def wait(self) -> None:
        """Wait until all calls are done."""
        for request in self._requests:
            request.wait()

    def answers(self, inputs) -> tuple[np.ndarray, ...]:
        """All that the network answers to these arrays, (batch, …): of a classifier its logits, (batch, classes)."""
        found = self.at(len(inputs[0]))(self._inputs(inputs))
        return tuple(found[place] for place in range(len(found)))


def load(task: str, model: str, device: str = "cpu", precision: str = "float32", *, mode: str = "graph", weights: str = "random",
         size: int | None = None) -> Network:  # fmt: skip
    """The network, with random weights, pretrained ones (may download), or those in a file: .onnx, .params or a state_dict."""
    core = start(device)
    go_together(device, precision)
    return Network(core, core.read_model(str(onnx_files.path(task, model, _stored(precision), weights, size))), precision)


def _stored(precision: str) -> str:
    """The number format of the file: bfloat16 is made of float32 when it is compiled."""
    return "float32" if precision == "bfloat16" else precision


def _multiplies_bfloat16() -> bool:
    """Whether the CPU itself does; without, OpenVINO would convert to and fro, which tells nothing of the format."""
    flags = adapters.cpu_flags()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _request(compiled, arrays: list[np.ndarray]):
    """A request that reads its inputs where they lie."""
    import openvino

    request = compiled.create_infer_request()
    for place, array in enumerate(arrays):
        request.set_input_tensor(place, openvino.Tensor(array, shared_memory=True))
    return request


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, of which the second is known beforehand as weights are, and what waits for it."""
    from openvino import opset13 as op

    core = start(device)
    go_together(device, precision)
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
    request = _request(network.at(len(numbers)), [numbers])

    def run(reads=numbers):  # the request itself does not keep what it reads alive
        request.wait()
        request.start_async()

    return run, request.wait
