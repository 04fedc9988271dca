"""MXNet 1.9: the networks of the Gluon model zoo and of GluonCV, hybridized with static memory; on a CPU also with fused layers."""

import math
import os

from bench import adapters
from bench.adapters.mxnet import pieces
from bench.adapters.mxnet.names import GLUON, MODELS

packages = ("mxnet", "mxnet-cu112", "mxnet-cu110", "mxnet-cu102", "mxnet-cu117")  # any of these is the framework
libraries = ("numpy", "gluoncv")
install = (
    "MXNet 1.9.1 has wheels for x86-64 Linux and macOS and Python up to 3.12: pip install -r requirements.txt there. "
    "On newer Pythons and NumPy 2: pip install --no-deps mxnet==1.9.1 gluoncv==0.10.5.post0, "
    "then pip install requests scipy tqdm Pillow portalocker."
)
modes = ("hybridized", "fused")
precisions = ("float32", "bfloat16", "float16", "int8")
trains = True
untuned = {"MXNET_CUDNN_AUTOTUNE_DEFAULT": "0"}  # variables under which no algorithms are tried out
CALIBRATION_IMAGES = 16  # for the ranges of int8
LEARNT_FROM = 4  # images whose statistics random weights have
canary = "classification", "SqueezeNet-1.1"  # the network that shows whether the device drifts

models = MODELS
matrix_product, copy, small_call = pieces.matrix_product, pieces.copy, pieces.small_call


def input_shape(task: str, model: str, size: int | None = None) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    name = models[task][model]
    side = size or (32 if name.startswith("cifar") else 299 if name in ("inceptionv3", "xception", "xception71") else 224)
    return (3, side, side)


def preprocessing(task: str, model: str, weights: str = "pretrained") -> dict:
    """How the zoos' weights want images, as GluonCV's evaluation of them (scripts/classification) and of CIFAR's gives them; resized as OpenCV does."""
    name, side = models[task][model], input_shape(task, model)[-1]
    if name.startswith("cifar"):
        mean, std, short = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010), side
    else:
        mean, std, short = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), math.ceil(side / 0.875)
    which = {"of": f"{'Gluon' if name in GLUON else 'GluonCV'} zoo, {_short_hash(name)}"} if weights == "pretrained" else {}
    return {"resize": short, "crop": side, "interpolation": "bilinear-4", "mean": mean, "std": std, **which}


def _short_hash(name: str) -> str:
    """Of the zoo's file of weights."""
    start()
    if name in GLUON:
        from mxnet.gluon.model_zoo.model_store import short_hash
    else:
        from gluoncv.model_zoo.model_store import short_hash
    return short_hash(name)


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before MXNet is imported."""
    # From this many numbers on an input is copied by threads of its own. They stay, OpenMP then counts more threads than cores and lets those
    # that wait fall asleep between layers: batch size 1 was up to 1.7 times slower behind batch size 32 than before it. So: never.
    never = str(2**31 - 1)
    # Float32 means float32: cuDNN computes its convolutions in TF32 from Ampere on unless NVIDIA's libraries are told not to.
    return {"OMP_NUM_THREADS": str(threads), "MXNET_CPU_PARALLEL_SIZE": never, "MXNET_CUDNN_AUTOTUNE_DEFAULT": "1", "NVIDIA_TF32_OVERRIDE": "0"}


def usual_s(device: str, mode: str | None) -> dict[str, float]:
    """Seconds that are to be expected of what comes before the first timed call; on a GPU that tries algorithms out."""
    return {"import_s": 2 if device == "cpu" else 6, "build_s": 1.5, "first_call_s": 0.5 if device == "cpu" else 5}


def go_together(device: str, precision: str, mode: str, training: bool = False) -> None:
    """Raises NotImplementedError where device, precision and mode do not."""
    if training and (precision != "float32" or mode != "hybridized"):
        raise NotImplementedError(f"MXNet is trained here in float32 and hybridized, not in {precision} and {mode}: use --framework torch")
    if mode == "fused" and device != "cpu":
        raise NotImplementedError("MXNet fuses layers through oneDNN, on CPUs only: use --mode hybridized on a GPU")
    if mode == "fused" and precision == "int8":
        raise NotImplementedError("MXNet's int8 networks are made of fused layers already: use --mode hybridized")
    if precision == "float16" and device == "cpu":
        raise NotImplementedError("MXNet computes in float16 on GPUs only: use bfloat16 or int8 on a CPU")
    if precision in ("bfloat16", "int8") and device != "cpu":
        raise NotImplementedError(f"MXNet computes in {precision} on CPUs only: use float16 on a GPU")
    if precision == "bfloat16" and "avx512_bf16" not in adapters.cpu_flags():
        raise NotImplementedError("this CPU has no instructions for bfloat16 (avx512_bf16): use float32 or int8")


def start(device: str = "cpu"):
    """Import the framework; return its name for the device. Raises NotImplementedError where it can't use it."""
    from bench.compat import mxnet as mxnet_compat

    mxnet_compat.prepare()
    import mxnet as mx

    if device == "cpu":
        return mx.cpu()
    if not mx.context.num_gpus():
        raise NotImplementedError("this build of MXNet runs on the CPU only: install mxnet-cu112==1.9.1, or use --device cpu")
    if _compute_capability() >= (9, 0):
        raise NotImplementedError(
            "MXNet 1.9.1 holds machine code for Maxwell to Ada GPUs and can't run on newer ones (Hopper, Blackwell): measure this device with another framework"
        )
    return mx.gpu()


def load(task: str, model: str, device: str = "cpu", precision: str = "float32", *, mode: str = "hybridized", weights: str = "random", size: int | None = None,
         training: bool = False):  # fmt: skip
    """The network on its device, with random weights, the zoo's pretrained ones, or those in a .params file."""
    context = start(device)
    go_together(device, precision, mode, training)
    name, shape = models[task][model], input_shape(task, model, size)
    block = _built(name, weights, context)
    if size:
        _must_take(block, model, shape, context)
    if weights == "random":
        _let_answers_differ(block, shape, context, training)
    if precision != "float32":
        block = _converted(block, precision, context, (CALIBRATION_IMAGES, *shape))
    # What MXNet recommends on a CPU: oneDNN computes a convolution, its batch normalization and its activation in one go.
    backend = "MKLDNN" if mode == "fused" else None
    if backend:
        block(_images((1, *shape), context))  # fusing takes weights that have their values
    return (Trained if training else Network)(block, context, precision, backend)


def _built(name: str, weights: str, context):
    """The zoo's network with its weights."""
    import mxnet as mx

    if name in GLUON:
        from mxnet.gluon.model_zoo.vision import get_model
    else:
        from gluoncv.model_zoo import get_model
    without_download = {} if name in GLUON or weights == "pretrained" else {"pretrained_base": False}
    try:
        block = get_model(name, pretrained=weights == "pretrained", ctx=context, **without_download)
    except (TypeError, Warning):  # networks without a base refuse the option, DarkNet by raising a Warning
        block = get_model(name, pretrained=weights == "pretrained", ctx=context)
    if weights == "random":
        mx.random.seed(0)
        block.initialize(mx.init.Xavier(), ctx=context)
    elif weights != "pretrained":
        block.load_parameters(weights, ctx=context)
    return block


def _let_answers_differ(block, shape: tuple[int, ...], context, training: bool) -> None:
    """Give batch normalization the statistics of what comes, layer by layer, as it has in a trained network.

    Its bias is 1, but for training: with 0 half of all numbers are cut off at each layer, and rounding grows with depth as it does in no
    trained network. In training 1 would make the first steps of a deep network too large for its loss to fall.
    """
    import mxnet as mx

    norms = []
    block.apply(lambda part: norms.append(part) if isinstance(part, mx.gluon.nn.BatchNorm) else None)
    block(_images((1, *shape), context))  # after it all shapes are known, and the weights have their values
    if not norms:
        return

    def learn(norm, inputs) -> None:
        (images,) = inputs
        mean = images.mean(axis=1, exclude=True)
        off = mx.nd.broadcast_sub(images, mean.reshape((1, -1, *[1] * (images.ndim - 2))))
        norm.running_mean.set_data(mean)
        norm.running_var.set_data(off.square().mean(axis=1, exclude=True))
        if not training:
            norm.beta.set_data(mx.nd.ones_like(mean))

    hooks = [norm.register_forward_pre_hook(learn) for norm in norms]
    block(_images((LEARNT_FROM, *shape), context))
    mx.nd.waitall()
    for hook in hooks:
        hook.detach()


def _must_take(block, model: str, shape: tuple[int, ...], context) -> None:
    """Raises NotImplementedError where the network does not take inputs of this shape: its pooling may want more, its classifier another number."""
    import mxnet as mx

    try:
        block(_images((1, *shape), context))
        mx.nd.waitall()
    except (ValueError, mx.MXNetError) as error:
        raise NotImplementedError(f"{model} takes no images of {shape[1]} x {shape[2]} in MXNet: leave --size out, or ask for a larger one") from error


def export(network, file, inputs, opset: int) -> None:
    """Write the ONNX file of a network that was loaded here and has answered to `inputs`."""
    from bench.adapters.mxnet import onnx_file

    onnx_file.export(network, file, inputs, opset)


def input_names(count: int) -> list[str]:
    """Names for the inputs of a graph."""
    return ["data"] if count == 1 else [f"data{place}" for place in range(count)]


class Network:
    """A network in its process: what it is fed with, and what runs it."""

    def __init__(self, block, context, precision: str, backend: str | None):
        self.block, self.context, self.precision, self._backend = block, context, precision, backend
        self._batches: list[tuple] = []
        self._hybridize()

    def _hybridize(self) -> None:
        """Anew: the graph and memory of another batch size go."""
        self.block.hybridize(backend=self._backend, static_alloc=True, static_shape=True)

    def feed(self, batches) -> None:
        """What `run` takes in turn, on the device: tuples of arrays, (batch, …); in training the last array holds the labels."""
        import mxnet as mx

        self._batches = []  # the memory of what was fed before goes first
        self._hybridize()
        self._batches = [tuple(map(self._on_device, arrays)) for arrays in batches]
        mx.nd.waitall()

    def run(self) -> None:
        """Queue one call."""
        self._batches.append(self._batches.pop(0))
        self.block(*self._batches[0])

    def wait(self) -> None:
        """Wait until the device is done."""
        import mxnet as mx

        mx.nd.waitall()

    def answers(self, inputs) -> tuple:
        """All that the network answers to these arrays, (batch, …): of a classifier its logits, (batch, classes), first."""
        found = self.block(*map(self._on_device, inputs))
        return tuple(answer.astype("float32").asnumpy() for answer in (found if isinstance(found, (list, tuple)) else (found,)))

    def _on_device(self, array):
        """An array there. What is not whole goes in as float32, which bfloat16 and int8 networks turn into their own."""
        import mxnet as mx

        is_whole = array.dtype.kind in "iub"
        there = mx.nd.array(array, ctx=self.context, dtype="float32")
        return there.astype("float16") if self.precision == "float16" and not is_whole else there

    def own_timer(self) -> float:
        """Seconds of one call, as MXNet's own tool times it: one call to warm up, the mean of 20."""
        os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"  # else it fuses layers that the hybridized network does not
        import mxnet as mx
        from mxnet.test_utils import check_speed

        inputs = dict(zip(input_names(len(self._batches[0])), self._batches[0]))
        self.block(*inputs.values())  # the first call makes the parameters
        mx.nd.waitall()
        symbol = self.block(*map(mx.sym.var, inputs))
        location = {**inputs, **{name: value.data(self.context) for name, value in self.block.collect_params().items()}}
        location = {name: value for name, value in location.items() if name in symbol.list_arguments()}
        return check_speed(symbol, location=location, ctx=self.context, N=20, grad_req="null", typ="forward")


class Trained(Network):
    """A network that learns: a call is a step."""

    def feed(self, batches) -> None:
        """As Network's."""
        import mxnet as mx

        super().feed(batches)
        self._entropy, self._last = mx.gluon.loss.SoftmaxCrossEntropyLoss(), mx.nd.zeros(1)
        self._entropy.hybridize(static_alloc=True, static_shape=True)
        self._trainer = mx.gluon.Trainer(self.block.collect_params(), "sgd", {"learning_rate": 0.001, "momentum": 0.9})

    def run(self) -> None:
        """Queue one step: forward, backward, update."""
        import mxnet as mx

        self._batches.append(self._batches.pop(0))
        *inputs, labels = self._batches[0]
        with mx.autograd.record():
            answers = self.block(*inputs)
            self._last = self._entropy(answers[0] if isinstance(answers, (list, tuple)) else answers, labels)  # NASNet: an auxiliary output, too
        self._last.backward()
        self._trainer.step(len(labels))

    def begin_chance_anew(self) -> None:
        """What dropout leaves out from here on is always the same."""
        import mxnet as mx

        mx.random.seed(0)

    def loss(self) -> float:
        """The cross-entropy of the last step."""
        return float(self._last.mean().asscalar())


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    if device == "gpu":
        return [("float32", "hybridized"), ("float16", "hybridized")]
    return [("float32", "hybridized"), ("float32", "fused"), ("int8", "hybridized"), ("bfloat16", "fused")]


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record."""
    return {"layout": "NCHW", **({"autotune": "on"} if device == "gpu" else {})}


def _converted(network, precision: str, context, shape: tuple[int, ...]):
    """The network in another number format, as MXNet's own tools make it."""
    import mxnet as mx

    if precision == "float16":
        network.cast("float16")
        return network
    images = _images(shape, context)
    network.hybridize()
    network(images)
    mx.nd.waitall()  # after it all shapes are known
    if precision == "bfloat16":
        from mxnet.contrib import amp

        return amp.convert_hybrid_block(network, target_dtype="bfloat16", ctx=context)
    from mxnet.contrib.quantization import quantize_net

    calibration = mx.io.NDArrayIter(images, batch_size=shape[0])
    return quantize_net(network, quantized_dtype="auto", calib_data=calibration, calib_mode="naive", ctx=context)


def _images(shape: tuple[int, ...], context):
    """Made-up pictures; not out of MXNet's own generator, which gives weights their values as late as in the first call."""
    import mxnet as mx
    import numpy as np

    from bench.networks.lifelike import pictures

    return mx.nd.array(pictures(shape[1:], shape[0], np.random.default_rng(3)), ctx=context, dtype="float32")


def _compute_capability() -> tuple[int, int]:
    """Of the one GPU that this process sees."""
    import pynvml

    pynvml.nvmlInit()
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    handle = pynvml.nvmlDeviceGetHandleByUUID(gpu) if gpu.startswith("GPU-") else pynvml.nvmlDeviceGetHandleByIndex(0)
    return tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle))


own_timer_name = "mxnet.test_utils.check_speed"
