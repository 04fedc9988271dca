"""PyTorch: the networks of torchvision and timm; eager, compiled, or replayed as a CUDA graph."""

import os

packages = ("torch",)
libraries = ("torchvision", "timm", "numpy")
install = "make results FRAMEWORK=torch installs it; elsewhere: pip install torch torchvision timm"
modes = ("eager", "compiled", "compiled-max", "cuda-graph", "eager-nchw")
precisions = ("float32", "tf32", "bfloat16", "float16")
canary = "SqueezeNet-1.1"  # the network that shows whether the device drifts

# The names that readers know, with package and name there. A network has the name of another adapter's only where the two have
# the same layers: torchvision's ResNet strides in the 3 x 3 convolution, which the Gluon zoo calls v1b.
NETWORKS = """
AlexNet torchvision/alexnet
VGG-11 torchvision/vgg11
VGG-13 torchvision/vgg13
VGG-16 torchvision/vgg16
VGG-19 torchvision/vgg19
VGG-11_bn torchvision/vgg11_bn
VGG-16_bn torchvision/vgg16_bn
ResNet-v1b-18 torchvision/resnet18
ResNet-v1b-34 torchvision/resnet34
ResNet-v1b-50 torchvision/resnet50
ResNet-v1b-101 torchvision/resnet101
ResNet-v1b-152 torchvision/resnet152
ResNeXt-50_32x4d torchvision/resnext50_32x4d
ResNeXt-101_32x8d torchvision/resnext101_32x8d
WideResNet-50-2 torchvision/wide_resnet50_2
DenseNet-121 torchvision/densenet121
DenseNet-161 torchvision/densenet161
DenseNet-169 torchvision/densenet169
DenseNet-201 torchvision/densenet201
SqueezeNet-1.0 torchvision/squeezenet1_0
SqueezeNet-1.1 torchvision/squeezenet1_1
InceptionV3 torchvision/inception_v3
GoogLeNet torchvision/googlenet
MobileNetV2 torchvision/mobilenet_v2
MobileNetV3-Small-1.0 torchvision/mobilenet_v3_small
MobileNetV3-Large-1.0 torchvision/mobilenet_v3_large
MobileNetV4-Conv-Small timm/mobilenetv4_conv_small
MobileNetV4-Conv-Medium timm/mobilenetv4_conv_medium
MNASNet-1.0 torchvision/mnasnet1_0
ShuffleNetV2-1.0 torchvision/shufflenet_v2_x1_0
EfficientNet-B0 torchvision/efficientnet_b0
EfficientNet-B2 torchvision/efficientnet_b2
EfficientNet-B4 torchvision/efficientnet_b4
EfficientNetV2-S torchvision/efficientnet_v2_s
EfficientNet-Lite0 timm/tf_efficientnet_lite0
EfficientNet-Lite1 timm/tf_efficientnet_lite1
EfficientNet-Lite2 timm/tf_efficientnet_lite2
RegNetY-800MF torchvision/regnet_y_800mf
RegNetY-3.2GF torchvision/regnet_y_3_2gf
RegNetY-16GF torchvision/regnet_y_16gf
ConvNeXt-T torchvision/convnext_tiny
ConvNeXt-S torchvision/convnext_small
ConvNeXt-B torchvision/convnext_base
ViT-Ti-16 timm/vit_tiny_patch16_224
ViT-S-16 timm/vit_small_patch16_224
ViT-B-16 timm/vit_base_patch16_224
ViT-L-16 timm/vit_large_patch16_224
Swin-T torchvision/swin_t
Swin-S torchvision/swin_s
Swin-B torchvision/swin_b
MaxViT-T torchvision/maxvit_t
""".split()
models = {"classification": dict(zip(NETWORKS[::2], NETWORKS[1::2]))}

# What is measured unless others are named: the original page's networks as far as they are the same here, and what came after them.
defaults = """
AlexNet VGG-16 ResNet-v1b-18 ResNet-v1b-34 ResNet-v1b-50 ResNet-v1b-101 ResNet-v1b-152 ResNeXt-50_32x4d WideResNet-50-2 DenseNet-121
DenseNet-201 SqueezeNet-1.1 InceptionV3 MobileNetV2 MobileNetV3-Small-1.0 MobileNetV3-Large-1.0 MobileNetV4-Conv-Medium
ShuffleNetV2-1.0 EfficientNet-B0 EfficientNet-B4 EfficientNetV2-S RegNetY-800MF RegNetY-3.2GF RegNetY-16GF ConvNeXt-T ConvNeXt-B
ViT-Ti-16 ViT-S-16 ViT-B-16 ViT-L-16 Swin-T Swin-B
""".split()

COMPILED = {"compiled": None, "compiled-max": "max-autotune"}  # the mode of torch.compile

# Sides of the images that a network was made for, where it is not 224.
SIDES = {"InceptionV3": 299, "EfficientNet-B2": 288, "EfficientNet-B4": 380, "EfficientNetV2-S": 384, "EfficientNet-Lite1": 240, "EfficientNet-Lite2": 260}


def input_shape(model: str) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    side = SIDES.get(model, 224)
    return (3, side, side)


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before PyTorch is imported."""
    return {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record: channels last is what PyTorch recommends for convolutions."""
    fields = {"layout": "NCHW" if mode == "eager-nchw" else "NHWC"}
    if device == "gpu":
        fields["autotune"] = "on"
    if mode in COMPILED:
        fields["compile_mode"] = COMPILED[mode] or "default"
    return fields


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    if device == "cpu":
        return [("float32", "eager"), ("bfloat16", "eager"), ("float32", "compiled"), ("bfloat16", "compiled")]
    eager = [(precision, "eager") for precision in precisions]
    compiled = [(precision, "compiled") for precision in ("bfloat16", "float16", "tf32", "float32")]
    return [*eager, *compiled, ("bfloat16", "compiled-max"), ("bfloat16", "cuda-graph"), ("float32", "eager-nchw")]


def start(device: str = "cpu"):
    """Import the framework; return its name for the device. Raises NotImplementedError where it can't use it."""
    import torch

    if device == "cpu":
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or torch.get_num_threads()))
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise NotImplementedError("this build of PyTorch finds no CUDA device: install one that is built for CUDA, or use --device cpu")
    _knows(torch, torch.cuda.get_device_capability())
    torch.zeros(1, device="cuda")  # what the driver takes for any process is there before a network's memory is counted
    torch.cuda.synchronize()
    return torch.device("cuda", 0)


def _knows(torch, capability: tuple[int, int]) -> None:
    """Raises NotImplementedError where this build holds nothing that runs on a GPU of this compute capability."""
    built = torch.cuda.get_arch_list()
    major, minor = capability
    same = [arch for arch in built if arch.startswith("sm_") and int(arch[3:-1]) == major and int(arch[-1]) <= minor] if built else ["?"]
    newer = [arch for arch in built if arch.startswith("compute_") and int(arch.rpartition("_")[2]) <= 10 * major + minor]
    if not same and not newer:
        raise NotImplementedError(
            f"this build of PyTorch is made for {', '.join(built)} and the GPU is sm_{major}{minor}: install a build of PyTorch that lists it"
        )


class Network:
    """A network as it is measured: what is called, and how its inputs lie in memory."""

    def __init__(self, module, device, precision: str, mode: str):
        import torch

        self.device, self.precision, self.mode = device, precision, mode
        self.dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision, torch.float32)
        self.layout = torch.contiguous_format if mode == "eager-nchw" else torch.channels_last
        self.module = module.to(device=device, dtype=self.dtype, memory_format=self.layout)
        self.call = torch.compile(self.module, dynamic=False, mode=COMPILED[mode]) if mode in COMPILED else self.module
        self.graphs: list[tuple] = []  # CUDA graph, its input and its output

    def tensor(self, images):
        """Images on the device, in the network's number format and layout."""
        return images.to(device=self.device, dtype=self.dtype).contiguous(memory_format=self.layout)

    def set_precision(self) -> None:
        """Float32 means float32: TF32 is a precision of its own here. For all networks of this process, so anew before each is called."""
        _allow_tf32(self.precision == "tf32")


def _allow_tf32(allowed: bool) -> None:
    """In products of matrices and in convolutions."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def load(model: str, device: str = "cpu", precision: str = "float32", weights: str = "random", mode: str = "eager"):
    """The network on its device, with random weights, pretrained ones (may download), or those in a file of a state_dict."""
    where = start(device)
    import torch

    _go_together(torch, device, precision, mode)
    if mode in COMPILED:
        _prepare_compiler(device)
    torch.backends.cudnn.benchmark = True
    # Random weights are the same in every precision, and so are what batch normalization learns of them.
    _allow_tf32(False)
    torch.manual_seed(0)
    module = _build(models["classification"][model], weights == "pretrained").eval()
    if weights == "random":
        _let_answers_differ(module.to(where), input_shape(model))
    elif weights != "pretrained":
        _fill(module, torch.load(weights, map_location="cpu", weights_only=True))
    return Network(module, where, precision, mode)


def _go_together(torch, device: str, precision: str, mode: str) -> None:
    """Raises NotImplementedError for what does not."""
    if device == "gpu":
        if precision in ("tf32", "bfloat16") and torch.cuda.get_device_capability() < (8, 0):
            raise NotImplementedError(f"{precision} needs an Ampere GPU or a newer one (compute capability 8.0): use float16 or float32 on this one")
        return
    if mode == "cuda-graph":
        raise NotImplementedError("a CUDA graph needs a GPU: on a CPU use --mode eager or compiled")
    # Without these instructions the CPU computes in float32 and converts, which tells nothing of the format.
    quick = {"bfloat16": _multiplies_bfloat16, "float16": torch.ops.mkldnn._is_mkldnn_fp16_supported}
    if precision == "tf32" or precision in quick and not quick[precision]():
        raise NotImplementedError(f"this CPU has no instructions for {precision}: use float32")


def _multiplies_bfloat16() -> bool:
    """On x86 oneDNN takes bfloat16 without instructions for it, too, and converts."""
    import torch

    if torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _prepare_compiler(device: str) -> None:
    """Weights frozen on a CPU, as PyTorch recommends for inference there."""
    import torch._dynamo.config
    import torch._inductor.config

    torch._inductor.config.freezing = device == "cpu"
    if hasattr(torch._dynamo.config, "fail_on_recompile_limit_hit"):  # else it goes on without being compiled, and says nothing
        torch._dynamo.config.fail_on_recompile_limit_hit = True


def _build(name: str, pretrained: bool):
    package, _, name = name.partition("/")
    try:
        from bench.compat.torchvision import torchvision

        torchvision()  # which timm imports too
        if package == "timm":
            import timm

            return timm.create_model(name, pretrained=pretrained)
    except ModuleNotFoundError as error:
        raise NotImplementedError(f"the networks of PyTorch are those of torchvision and timm: pip install {error.name}") from error
    options = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    module = torchvision().models.get_model(name, weights="DEFAULT" if pretrained else None, **options)
    if options:  # the second classifiers are for training
        module.aux_logits, module.AuxLogits, module.aux1, module.aux2 = False, None, None, None
    return module


def _let_answers_differ(module, shape: tuple[int, ...]) -> None:
    """Random weights with which different images have different answers: heads that start at zero get values, and batch
    normalization the statistics of what comes, as it has in a trained network."""
    import torch

    for part in module.modules():
        if isinstance(part, (torch.nn.Linear, torch.nn.Conv2d)) and not part.weight.any():
            torch.nn.init.trunc_normal_(part.weight, std=0.02)
    norms = [part for part in module.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the mean of all that comes
        norm.train()
    images = torch.randn(8, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        module(images.to(next(module.parameters()).device))
    for norm, momentum in zip(norms, usual):
        norm.momentum = momentum
        norm.eval()


def _fill(module, saved: dict) -> None:
    """Load a state_dict, by position where another package named the same parameters otherwise."""
    own = module.state_dict()
    if saved.keys() != own.keys():
        if [value.shape for value in saved.values()] != [value.shape for value in own.values()]:
            raise ValueError("the file holds parameters of other shapes than the network's: it is of another network")
        saved = dict(zip(own, saved.values()))
    module.load_state_dict(saved)


def _quiet(network: Network):
    """Without gradients; what is compiled knows no inference mode."""
    import torch

    return torch.no_grad() if network.mode in COMPILED else torch.inference_mode()


def prepare(network: Network, model: str, batch_size: int):
    """What runs one batch, and what waits until the device is done with it."""
    import torch

    _clear(network)
    random = torch.Generator().manual_seed(3)
    inputs = [network.tensor(torch.rand(batch_size, *input_shape(model), generator=random) * 2 - 1) for _ in range(2)]

    def run():
        inputs.reverse()
        with _quiet(network):
            network.call(inputs[0])

    def replay():
        if not network.graphs:  # in the first call, which is timed apart
            for images in inputs:
                network.graphs.append(_captured(network, images))
        network.graphs.reverse()
        network.graphs[0][0].replay()

    return (replay if network.mode == "cuda-graph" else _first_apart(run, network)), _wait(network.device)


def _clear(network: Network) -> None:
    """Forget what was compiled and captured for another batch size, and its memory."""
    import torch

    network.set_precision()
    network.graphs = []
    if network.mode in COMPILED:
        torch._dynamo.reset()  # else the ninth batch size would be one too many for it
    if network.device.type == "cuda":
        torch.cuda.empty_cache()


def _first_apart(run, network: Network):
    """On a GPU count the allocator's memory from after the first call: what choosing algorithms takes is not what the network needs."""
    if network.device.type != "cuda":
        return run
    is_first = True

    def counted():
        nonlocal is_first
        run()
        if is_first:
            is_first = False
            _count_memory_anew()

    return counted


def _count_memory_anew() -> None:
    import torch

    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def _captured(network: Network, images) -> tuple:
    """A CUDA graph of one call, with the memory of its input and of its output."""
    import torch

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside), _quiet(network):
        for _ in range(3):  # what a capture can't hold, such as choosing algorithms, happens before it
            network.call(images)
    torch.cuda.current_stream().wait_stream(aside)
    if not network.graphs:
        _count_memory_anew()
    graph = torch.cuda.CUDAGraph()
    pool = network.graphs[0][0].pool() if network.graphs else None  # one replays after the other, so they can share their memory
    with torch.cuda.graph(graph, pool=pool), _quiet(network):
        answers = network.call(images)
    return graph, images, answers


def predict(network: Network, images):
    """Logits of normalized images, (batch, channels, height, width) -> (batch, classes), as NumPy arrays."""
    import torch

    network.set_precision()
    images = network.tensor(torch.from_numpy(images).float())
    with _quiet(network):
        if network.graphs and network.graphs[0][1].shape == images.shape:
            graph, inputs, answers = network.graphs[0]
            inputs.copy_(images)
            graph.replay()
        else:
            answers = network.call(images)
        return answers.float().cpu().numpy()


def events(network: Network):
    """On a GPU: what marks a place in the device's queue, and the seconds between two marks."""
    import torch

    if network.device.type != "cuda":
        return None

    def mark():
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    return mark, lambda first, last: first.elapsed_time(last) / 1_000


def compilations(network: Network):
    """How often the compiler has made a graph so far."""
    if network.mode not in COMPILED:
        return lambda: 0
    from torch._dynamo.utils import counters

    return lambda: counters["stats"]["unique_graphs"]


def allocator_peak_mb(network: Network) -> float | None:
    """Peak of PyTorch's allocator on the GPU since the batch size was prepared."""
    import torch

    return torch.cuda.max_memory_allocated() / 2**20 if network.device.type == "cuda" else None


def release() -> None:
    """Give memory that is no longer used back to the device."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


own_timer_name = "torch.utils.benchmark.Timer.blocked_autorange"


def own_timer(network: Network, model: str, batch_size: int) -> float:
    """Seconds of one call, as PyTorch's own tool times it with its defaults: the median of blocks over 0.2 s."""
    import torch
    from torch.utils.benchmark import Timer

    run, _ = prepare(network, model, batch_size)
    return Timer("run()", globals={"run": run}, num_threads=torch.get_num_threads()).blocked_autorange().median


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    where = start(device)
    import torch

    _go_together(torch, device, precision, "eager")
    _allow_tf32(precision == "tf32")
    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision, torch.float32)
    a = torch.rand(size, size, device=where).to(dtype)
    out = torch.empty_like(a)
    return (lambda: torch.mm(a, a, out=out)), _wait(where)


def copy(device: str = "cpu", mb: int = 256):
    """What copies `mb` times 2^20 bytes within the device's memory, and what waits for it."""
    where = start(device)
    import torch

    source = torch.ones(mb * 2**18, device=where)
    target = torch.empty_like(source)
    return (lambda: target.copy_(source)), _wait(where)


def _wait(where):
    import torch

    return torch.cuda.synchronize if where.type == "cuda" else lambda: None


def small_call(device: str = "cpu"):
    """What adds two tensors of one number, which is next to nothing to do, and what waits for it."""
    where = start(device)
    import torch

    one, out = torch.ones(1, device=where), torch.empty(1, device=where)
    return (lambda: torch.add(one, one, out=out)), _wait(where)


def load_training(model: str, device: str = "cpu", precision: str = "float32", mode: str = "eager"):
    """The network as it is trained: float32 weights, which autocast casts where the precision is lower."""
    start(device)
    import torch

    if mode == "cuda-graph":
        raise NotImplementedError("training is not captured in a CUDA graph here: use --mode compiled or eager")
    _go_together(torch, device, precision, mode)
    network = load(model, device, "tf32" if precision == "tf32" else "float32", mode=mode)
    network.precision = precision
    network.module.train()
    return network


def prepare_training(network: Network, model: str, batch_size: int):
    """What runs one step (forward, backward, update), what waits for it, and what gives the last step's loss."""
    import torch

    _clear(network)
    on_gpu = network.device.type == "cuda"
    random = torch.Generator().manual_seed(3)
    inputs = [network.tensor(torch.rand(batch_size, *input_shape(model), generator=random) * 2 - 1) for _ in range(2)]
    labels = torch.arange(batch_size, device=network.device) % 10
    low = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(network.precision)
    # On a GPU one kernel updates all weights, the fastest of PyTorch's three ways; on a CPU its own default stays.
    optimizer = torch.optim.SGD(network.module.parameters(), lr=0.001, momentum=0.9, fused=on_gpu or None)
    scaler = torch.amp.GradScaler(network.device.type, enabled=network.precision == "float16")
    losses = [None]

    def run():
        inputs.reverse()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(network.device.type, dtype=low, enabled=low is not None):
            loss = torch.nn.functional.cross_entropy(network.call(inputs[0]), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses[0] = loss.detach()

    return _first_apart(run, network), _wait(network.device), lambda: losses[0].item()
