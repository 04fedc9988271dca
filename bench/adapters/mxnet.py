"""MXNet 1.9: the networks of the Gluon model zoo and of GluonCV, hybridized with static memory; on a CPU also with fused layers."""

import os
import re

packages = ("mxnet", "mxnet-cu112", "mxnet-cu110", "mxnet-cu102", "mxnet-cu117")  # any of these is the framework
libraries = ("numpy", "gluoncv")
install = (
    "MXNet 1.9.1 has wheels for x86-64 Linux and macOS and Python up to 3.12: pip install -r requirements.txt there. "
    "On newer Pythons and NumPy 2: pip install --no-deps mxnet==1.9.1 gluoncv==0.10.5.post0, "
    "then pip install requests scipy tqdm Pillow portalocker."
)
modes = ("hybridized", "fused")
precisions = ("float32", "bfloat16", "float16", "int8")
CALIBRATION_IMAGES = 8  # for the ranges of int8
canary = "SqueezeNet-1.1"  # the network that shows whether the device drifts

GLUON = """
alexnet densenet121 densenet161 densenet169 densenet201 inceptionv3 mobilenet0.25 mobilenet0.5 mobilenet0.75 mobilenet1.0
mobilenetv2_0.25 mobilenetv2_0.5 mobilenetv2_0.75 mobilenetv2_1.0 resnet18_v1 resnet34_v1 resnet50_v1 resnet101_v1
resnet152_v1 resnet18_v2 resnet34_v2 resnet50_v2 resnet101_v2 resnet152_v2 squeezenet1.0 squeezenet1.1 vgg11 vgg13 vgg16
vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn
""".split()

GLUONCV = """
darknet53 dla34 googlenet hrnet_w18_c hrnet_w18_small_v1_c hrnet_w18_small_v2_c hrnet_w30_c hrnet_w32_c hrnet_w40_c
hrnet_w44_c hrnet_w48_c hrnet_w64_c mobilenetv3_large mobilenetv3_small nasnet_4_1056 nasnet_5_1538 nasnet_6_4032
nasnet_7_1920 residualattentionnet56 residualattentionnet92 residualattentionnet128 residualattentionnet164
residualattentionnet200 residualattentionnet236 residualattentionnet452 resnest14 resnest26 resnest50 resnest101 resnest200
resnest269 resnet18_v1b resnet34_v1b resnet50_v1b resnet101_v1b resnet152_v1b resnet50_v1b_gn resnet101_v1b_gn resnet50_v1c
resnet101_v1c resnet152_v1c resnet50_v1d resnet101_v1d resnet152_v1d resnet50_v1e resnet101_v1e resnet152_v1e resnet50_v1s
resnet101_v1s resnet152_v1s resnet18_v1b_0.89 resnet50_v1d_0.86 resnet50_v1d_0.48 resnet50_v1d_0.37 resnet50_v1d_0.11
resnet101_v1d_0.76 resnet101_v1d_0.73 resnext50_32x4d resnext101_32x4d resnext101_64x4d resnext101e_64x4d se_resnet18_v1
se_resnet34_v1 se_resnet50_v1 se_resnet101_v1 se_resnet152_v1 se_resnet18_v2 se_resnet34_v2 se_resnet50_v2 se_resnet101_v2
se_resnet152_v2 se_resnext50_32x4d se_resnext101_32x4d se_resnext101_64x4d se_resnext101e_64x4d senet_154 senet_154e
shufflenet_v1 shufflenet_v2 xception xception71 cifar_resnet20_v1 cifar_resnet56_v1 cifar_resnet110_v1 cifar_resnet20_v2
cifar_resnet56_v2 cifar_resnet110_v2 cifar_wideresnet16_10 cifar_wideresnet28_10 cifar_wideresnet40_8
cifar_resnext29_32x4d cifar_resnext29_16x64d cifar_residualattentionnet56 cifar_residualattentionnet92
cifar_residualattentionnet452
""".split()

# The names that readers know, built from the zoos' own by these rules, the first that fits.
RULES = [
    (r"alexnet", "AlexNet"), (r"googlenet", "GoogLeNet"), (r"xception(\d*)", r"Xception\1"), (r"darknet(\d+)", r"DarkNet-\1"),
    (r"dla(\d+)", r"DLA-\1"), (r"densenet(\d+)", r"DenseNet-\1"), (r"inceptionv3", "InceptionV3"), (r"vgg(\d+)", r"VGG-\1"),
    (r"squeezenet(.+)", r"SqueezeNet-\1"), (r"shufflenet_(v\d)", r"ShuffleNet-\1"), (r"mobilenet(\d.+)", r"MobileNet-\1"),
    (r"mobilenetv(\d)_", r"MobileNetV\1-"), (r"hrnet_", "HRNet-"), (r"nasnet_", "NASNet-"), (r"senet_", "SENet-"),
    (r"residualattentionnet(\d+)", r"ResidualAttentionNet-\1"), (r"resnest(\d+)", r"ResNeSt-\1"),
    (r"resnext(\d+e?)_", r"ResNeXt-\1_"), (r"wideresnet(\d+)", r"WideResNet-\1"), (r"resnet(\d+)_(v\d[a-z]?)", r"ResNet-\2-\1"),
]  # fmt: skip


def display_name(zoo_name: str) -> str:
    """resnet50_v1d_0.48 -> ResNet-v1d-50_0.48"""
    prefix, rest = re.fullmatch(r"(cifar_|se_)?(.*)", zoo_name).groups()
    pattern, name = next(rule for rule in RULES if re.match(rule[0], rest))
    return {"cifar_": "CIFAR-", "se_": "SE-", None: ""}[prefix] + re.sub(f"^{pattern}", name, rest)


# workload -> display name -> the zoo's own name; first the Gluon zoo, then what GluonCV adds
models = {"classification": {display_name(name): name for name in GLUON + GLUONCV}}


def input_shape(model: str) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    name = models["classification"][model]
    size = 32 if name.startswith("cifar") else 299 if name in ("inceptionv3", "xception", "xception71") else 224
    return (3, size, size)


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before MXNet is imported."""
    # From this many numbers on an input is copied by threads of its own. They stay, OpenMP then counts more threads than cores and lets those
    # that wait fall asleep between layers: batch size 1 was up to 1.7 times slower behind batch size 32 than before it. So: never.
    never = str(2**31 - 1)
    return {"OMP_NUM_THREADS": str(threads), "MXNET_CPU_PARALLEL_SIZE": never, "MXNET_CUDNN_AUTOTUNE_DEFAULT": "1"}


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


def load(model: str, device: str = "cpu", precision: str = "float32", weights: str = "random", mode: str = "hybridized"):
    """The network on its device, with random weights, the zoo's pretrained ones, or those in a .params file."""
    context = start(device)
    _go_together(device, precision, mode)
    import mxnet as mx

    name = models["classification"][model]
    if name in GLUON:
        from mxnet.gluon.model_zoo.vision import get_model
    else:
        from gluoncv.model_zoo import get_model
    without_download = {} if name in GLUON or weights == "pretrained" else {"pretrained_base": False}
    try:
        network = get_model(name, pretrained=weights == "pretrained", ctx=context, **without_download)
    except (TypeError, Warning):  # networks without a base refuse the option, DarkNet by raising a Warning
        network = get_model(name, pretrained=weights == "pretrained", ctx=context)
    if weights == "random":
        mx.random.seed(0)
        network.initialize(mx.init.Xavier(), ctx=context)
    elif weights != "pretrained":
        network.load_parameters(weights, ctx=context)
    if precision != "float32":
        network = _converted(network, precision, context, (CALIBRATION_IMAGES, *input_shape(model)))
    network.context, network.precision = context, precision
    # What MXNet recommends on a CPU: oneDNN computes a convolution, its batch normalization and its activation in one go.
    network.backend = "MKLDNN" if mode == "fused" else None
    if network.backend:
        network(_images((1, *input_shape(model)), context))  # fusing takes weights that have their values
    _hybridize(network)
    return network


def _hybridize(network) -> None:
    """Anew: the graph and memory of another batch size go."""
    network.hybridize(backend=network.backend, static_alloc=True, static_shape=True)


def _go_together(device: str, precision: str, mode: str) -> None:
    """Raises NotImplementedError for what does not."""
    if mode == "fused" and device != "cpu":
        raise NotImplementedError("MXNet fuses layers through oneDNN, on CPUs only: use --mode hybridized on a GPU")
    if mode == "fused" and precision == "int8":
        raise NotImplementedError("MXNet's int8 networks are made of fused layers already: use --mode hybridized")


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    if device == "gpu":
        return [("float32", "hybridized"), ("float16", "hybridized")]
    return [("float32", "hybridized"), ("float32", "fused"), ("int8", "hybridized"), ("bfloat16", "fused")]


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record."""
    return {"layout": "NCHW", **({"autotune": "on"} if device == "gpu" else {})}


def _converted(network, precision: str, context, shape: tuple[int, ...]):
    """The network in another number format, as MXNet's own tools make it. Raises NotImplementedError where the device has it not."""
    import mxnet as mx

    on_cpu = context.device_type == "cpu"
    if precision == "float16":
        if on_cpu:
            raise NotImplementedError("MXNet computes in float16 on GPUs only: use bfloat16 or int8 on a CPU")
        network.cast("float16")
        return network
    if not on_cpu:
        raise NotImplementedError(f"MXNet computes in {precision} on CPUs only: use float16 on a GPU")
    images = _images(shape, context)
    network.hybridize()
    network(images)
    mx.nd.waitall()  # after it all shapes are known
    if precision == "bfloat16":
        if "avx512_bf16" not in _cpu_flags():
            raise NotImplementedError("this CPU has no instructions for bfloat16 (avx512_bf16): use float32 or int8")
        from mxnet.contrib import amp

        return amp.convert_hybrid_block(network, target_dtype="bfloat16", ctx=context)
    from mxnet.contrib.quantization import quantize_net

    calibration = mx.io.NDArrayIter(images, batch_size=shape[0])
    return quantize_net(network, quantized_dtype="auto", calib_data=calibration, calib_mode="naive", ctx=context)


def _images(shape: tuple[int, ...], context):
    """Random images; not out of MXNet's own generator, which gives weights their values as late as in the first call."""
    import mxnet as mx
    import numpy as np

    return mx.nd.array(np.random.default_rng(3).standard_normal(shape), ctx=context, dtype="float32")


def _cpu_flags() -> list[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return file.read().split()
    except OSError:  # outside Linux
        return []


def prepare(network, model: str, batch_size: int):
    """What runs one batch, and what waits until the device is done with it."""
    import mxnet as mx

    _hybridize(network)
    shape = (batch_size, *input_shape(model))
    inputs = [_as_input(network, _images(shape, network.context)) for _ in range(2)]
    mx.nd.waitall()

    def run():
        inputs.reverse()
        network(inputs[0])

    return run, mx.nd.waitall


def predict(network, images):
    """Logits of normalized images, (batch, channels, height, width) -> (batch, classes), as NumPy arrays."""
    import mxnet as mx

    logits = network(_as_input(network, mx.nd.array(images, ctx=network.context)))
    logits = logits[0] if isinstance(logits, (list, tuple)) else logits  # NASNet: logits and an auxiliary output
    return logits.astype("float32").asnumpy()


def _as_input(network, images):
    """Images in the format that goes in: float32, which bfloat16 and int8 networks turn into their own."""
    return images.astype("float16") if network.precision == "float16" else images


own_timer_name = "mxnet.test_utils.check_speed"


def own_timer(network, model: str, batch_size: int) -> float:
    """Seconds of one call, as MXNet's own tool times it: one call to warm up, the mean of 20."""
    os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"  # else it fuses layers that the hybridized network does not
    import mxnet as mx
    from mxnet.test_utils import check_speed

    inputs = mx.nd.random.uniform(-1, 1, (batch_size, *input_shape(model)), ctx=network.context)
    network(inputs).wait_to_read()  # the first call makes the parameters
    symbol = network(mx.sym.var("data"))
    location = {"data": inputs, **{name: value.data(network.context) for name, value in network.collect_params().items()}}
    location = {name: value for name, value in location.items() if name in symbol.list_arguments()}
    return check_speed(symbol, location=location, ctx=network.context, N=20, grad_req="null", typ="forward")


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    context = start(device)
    import mxnet as mx
    import numpy as np

    if precision not in {"cpu": ("float32", "bfloat16", "int8"), "gpu": ("float32", "float16")}[device]:
        raise NotImplementedError(f"MXNet has no product of two {precision} matrices on a {device.upper()}: use --precision float32")
    if precision == "int8":
        return _bytes_product(mx, np, size), mx.nd.waitall
    a = mx.nd.random.uniform(-1, 1, (size, size), ctx=context)
    if device == "cpu":  # a full layer without a bias goes through oneDNN as the networks do; dot is five times slower and knows no bfloat16
        a = a.astype(np.dtype([("bfloat16", np.uint16)]) if precision == "bfloat16" else precision)
        return (lambda: mx.nd.FullyConnected(a, a, no_bias=True, num_hidden=size)), mx.nd.waitall
    a = a.astype(precision)
    out = mx.nd.empty((size, size), ctx=context, dtype=precision)
    return (lambda: mx.nd.dot(a, a, out=out)), mx.nd.waitall


def _bytes_product(mx, np, size: int):
    """What multiplies bytes by weights of signed bytes, as the full layer of a quantized network does."""
    random = np.random.default_rng(0)
    images = mx.nd.array(random.integers(0, 256, (size, size)), dtype="uint8")
    weights = mx.nd.array(random.integers(-127, 128, (size, size)), dtype="int8")
    ranges = [mx.nd.array([end]) for end in (0, 1, -1, 1)]  # of the images' and the weights' numbers
    return lambda: mx.nd.contrib.quantized_fully_connected(images, weights, *ranges, num_hidden=size, no_bias=True, flatten=False)


def copy(device: str = "cpu", mb: int = 256):
    """What copies `mb` times 2^20 bytes within the device's memory, and what waits for it."""
    context = start(device)
    import mxnet as mx

    source = mx.nd.ones(mb * 2**18, ctx=context)
    target = mx.nd.empty(mb * 2**18, ctx=context)
    return (lambda: source.copyto(target)), mx.nd.waitall


def _compute_capability() -> tuple[int, int]:
    """Of the one GPU that this process sees."""
    import pynvml

    pynvml.nvmlInit()
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    handle = pynvml.nvmlDeviceGetHandleByUUID(gpu) if gpu.startswith("GPU-") else pynvml.nvmlDeviceGetHandleByIndex(0)
    return tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle))


def small_call(device: str = "cpu"):
    """What adds two arrays of one number, which is next to nothing to do, and what waits for it."""
    context = start(device)
    import mxnet as mx

    one, out = mx.nd.ones(1, ctx=context), mx.nd.empty(1, ctx=context)
    return (lambda: mx.nd.elemwise_add(one, one, out=out)), mx.nd.waitall


def load_training(model: str, device: str = "cpu", precision: str = "float32", mode: str = "hybridized"):
    """The network as it is trained, with random weights."""
    if precision != "float32" or mode != "hybridized":
        raise NotImplementedError(f"MXNet is trained here in float32 and hybridized, not in {precision} and {mode}: use --framework torch")
    return load(model, device)


def prepare_training(network, model: str, batch_size: int):
    """What runs one step (forward, backward, update), what waits for it, and what gives the last step's loss."""
    import mxnet as mx

    _hybridize(network)
    shape = (batch_size, *input_shape(model))
    inputs = [_images(shape, network.context) for _ in range(2)]
    labels = mx.nd.arange(batch_size, ctx=network.context) % 10
    entropy = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    entropy.hybridize(static_alloc=True, static_shape=True)
    trainer = mx.gluon.Trainer(network.collect_params(), "sgd", {"learning_rate": 0.001, "momentum": 0.9})
    losses = [None]
    mx.nd.waitall()

    def run():
        inputs.reverse()
        with mx.autograd.record():
            logits = network(inputs[0])
            losses[0] = entropy(logits[0] if isinstance(logits, (list, tuple)) else logits, labels)
        losses[0].backward()
        trainer.step(batch_size)

    return run, mx.nd.waitall, lambda: float(losses[0].mean().asscalar())
