"""PyTorch: the networks of torchvision and timm; eager, compiled, or replayed as a CUDA graph."""

import os
import re
import shlex
import shutil
import sys
import sysconfig

from bench.adapters.torch import pieces
from bench.adapters.torch.names import DEFAULTS, MODELS, SIDES

packages = ("torch",)
libraries = ("torchvision", "timm", "numpy", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13")
install = "make results FRAMEWORK=torch installs it; elsewhere: pip install torch torchvision timm"
modes = ("eager", "compiled", "compiled-max", "cuda-graph", "eager-nchw")
precisions = ("float32", "tf32", "bfloat16", "float16")
trains = True
untuned = {"DLMARK_AUTOTUNE": "off"}  # variables under which no algorithms are tried out
canary = "classification", "SqueezeNet-1.1"  # the network that shows whether the device drifts
models, defaults = MODELS, DEFAULTS
matrix_product, copy, small_call = pieces.matrix_product, pieces.copy, pieces.small_call

COMPILED = {"compiled": None, "compiled-max": "max-autotune"}  # the mode of torch.compile
FIXED = ("MaxViT-T",)  # networks whose windows fit one size alone


def input_shape(task: str, model: str, size: int | None = None) -> tuple[int, ...]:
    """Channels, height and width of one input. Raises NotImplementedError where the network takes no other `size`."""
    usual = SIDES.get(model, 224)
    if size not in (None, usual) and model in FIXED:
        raise NotImplementedError(f"{model} takes images of {usual} x {usual} alone: leave --size out")
    return (3, size or usual, size or usual)


def preprocessing(task: str, model: str, weights: str = "pretrained") -> dict:
    """How weights want images: `resize` of the short side, `crop`, `interpolation`, `mean` and `std`, `crop_mode` where it is another; and which they are, `of`.

    Those in a file want what the usual ones want, unless torchvision offers that file for others; only by its checksum is it known which they are.
    """
    package, _, name = models[task][model].partition("/")
    torchvision = _torchvision()  # which timm imports too
    if package == "timm":
        return _of_timm(name, weights)
    known = _weights_of(name, weights)
    own = known or torchvision.models.get_model_weights(name).DEFAULT
    how = own.transforms()
    which = {"of": f"torchvision {own}"} if known or weights == "pretrained" else {}
    return {"resize": how.resize_size[0], "crop": how.crop_size[0], "interpolation": how.interpolation.value,
            "mean": tuple(how.mean), "std": tuple(how.std), **which}  # fmt: skip


def _of_timm(name: str, weights: str) -> dict:
    import timm

    own = timm.models.get_pretrained_cfg(name)
    side = own.input_size[-1]
    which = {"of": f"timm {'.'.join(filter(None, [name, own.tag]))}"} if weights == "pretrained" else {}
    return {"resize": int(side / own.crop_pct), "crop": side, "interpolation": own.interpolation, "mean": own.mean, "std": own.std,
            "crop_mode": own.crop_mode, **which}  # fmt: skip


def _weights_of(name: str, file: str):
    """Which of torchvision's weights a file holds, whose addresses end with the first digits of its checksum; None where it holds others."""
    import hashlib

    if file == "pretrained":
        return None
    with open(file, "rb") as opened:
        checksum = hashlib.file_digest(opened, "sha256").hexdigest()
    offered = _torchvision().models.get_model_weights(name)
    return next((one for one in offered if checksum.startswith(one.url.rpartition("-")[2].partition(".")[0])), None)


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


def usual_s(device: str, mode: str | None) -> dict[str, float]:
    """Seconds that are to be expected of what comes before the first timed call; a first call on a GPU tries algorithms out, or compiles."""
    compiling = {"compiled": 30 if device == "cpu" else 40, "compiled-max": 120}
    return {"import_s": 3 if device == "cpu" else 6, "build_s": 5, "first_call_s": compiling.get(mode or "", 0.3 if device == "cpu" else 2)}


def go_together(device: str, precision: str, mode: str, training: bool = False) -> None:
    """Raises NotImplementedError where device, precision and mode do not."""
    import torch

    if training and mode == "cuda-graph":
        raise NotImplementedError("training is not captured in a CUDA graph here: use --mode compiled or eager")
    if device == "gpu":
        if precision in ("tf32", "bfloat16") and torch.cuda.get_device_capability() < (8, 0):
            raise NotImplementedError(f"{precision} needs an Ampere GPU or a newer one (compute capability 8.0): use float16 or float32 on this one")
    else:
        _must_be_of_a_cpu(precision, mode)
    if mode in COMPILED:
        _must_compile(device)


def _must_be_of_a_cpu(precision: str, mode: str) -> None:
    """Raises NotImplementedError for what only GPUs do, and for what this CPU has no instructions for."""
    import torch

    if mode == "cuda-graph":
        raise NotImplementedError("a CUDA graph needs a GPU: on a CPU use --mode eager or compiled")
    # Without these instructions the CPU computes in float32 and converts, which tells nothing of the format.
    quick = {"bfloat16": _multiplies_bfloat16, "float16": torch.ops.mkldnn._is_mkldnn_fp16_supported}
    if precision == "tf32" or precision in quick and not quick[precision]():
        raise NotImplementedError(f"this CPU has no instructions for {precision}: use float32")


def start(device: str = "cpu"):
    """Import the framework; return its name for the device. Raises NotImplementedError where it can't use it."""
    import torch

    if device == "cpu":
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or torch.get_num_threads()))
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise NotImplementedError(_why_no_device(torch))
    _knows(torch, torch.cuda.get_device_capability())
    torch.zeros(1, device="cuda")  # what the driver takes for any process is there before a network's memory is counted
    torch.cuda.synchronize()
    return torch.device("cuda", 0)


def _why_no_device(torch) -> str:
    """Why PyTorch finds no CUDA device, and what to do: a CPU's build, a driver too old for its CUDA, or what CUDA says."""
    if not (torch.version.cuda or torch.version.hip):
        return "this build of PyTorch is made for CPUs: install one that is built for CUDA, or use --device cpu"
    try:
        torch.cuda.init()
        why = "no GPU is visible to it"
    except (RuntimeError, AssertionError) as error:
        why = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
    if "too old" in why:
        return f"PyTorch is built for CUDA {torch.version.cuda}, and the driver is too old for it: update the driver, or install a build for an older CUDA"
    return f"PyTorch, built for CUDA {torch.version.cuda}, finds no device: {why}"


def _knows(torch, capability: tuple[int, int]) -> None:
    """Raises NotImplementedError where this build holds nothing that runs on a GPU of this compute capability."""
    built = torch.cuda.get_arch_list()
    major, minor = capability
    if built and not any(_runs_on(arch, major, minor) for arch in built):
        raise NotImplementedError(
            f"this build of PyTorch is made for {', '.join(built)} and the GPU is sm_{major}{minor}: install a build of PyTorch that lists it"
        )


def _runs_on(arch: str, major: int, minor: int) -> bool:
    """Whether code for sm_80, sm_90a, sm_100f or compute_90 … runs on a GPU of a compute capability (CUDA C++ Programming Guide, 5.0 Feature sets).

    Machine code runs on its generation from its minor number on; with an a on that one GPU alone, with an f on its family; what is still to be
    compiled (compute_) on all that are newer, unless an a or f binds it.
    """
    found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", arch)
    if not found:
        return False
    kind, of, at_least, bound = found[1], int(found[2]), int(found[3]), found[4]
    if bound == "a":
        return (of, at_least) == (major, minor)
    if kind == "compute" and not bound:
        return (of, at_least) <= (major, minor)
    return of == major and at_least <= minor


def load(task: str, model: str, device: str = "cpu", precision: str = "float32", *, mode: str = "eager", weights: str = "random", size: int | None = None,
         training: bool = False):  # fmt: skip
    """The network on its device, with random weights, pretrained ones (may download), or those in a file of a state_dict.

    In training its weights are float32, and autocast casts where the precision is lower.
    """
    where = start(device)
    import torch

    from bench.adapters.torch import network

    go_together(device, precision, mode, training)
    if mode in COMPILED:
        _prepare_compiler(device)
    # Random weights are the same in every precision, and so are what batch normalization learns of them.
    network.allow_tf32(False)
    torch.backends.cudnn.benchmark = False
    torch.manual_seed(0)
    module = _build(models[task][model], weights == "pretrained", size).eval()
    if weights == "random":
        _let_answers_differ(module.to(where), input_shape(task, model, size), training)
    elif weights != "pretrained":
        _fill(module, _saved(weights))
        if hasattr(module, "transform_input"):  # Inception's and GoogLeNet's own weights want other numbers, which torchvision makes inside
            module.transform_input = _weights_of(models[task][model].partition("/")[2], weights) is not None
    torch.backends.cudnn.benchmark = os.environ.get("DLMARK_AUTOTUNE") != "off"
    kind = network.Trained if training else network.Graphs if mode == "cuda-graph" else network.Network
    return kind(module, where, precision, mode)


def _multiplies_bfloat16() -> bool:
    """On x86 oneDNN takes bfloat16 without instructions for it, too, and converts."""
    import torch

    if torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _must_compile(device: str) -> None:
    """Raises NotImplementedError where what torch.compile writes can't be compiled further: C++ for a CPU, C for what starts Triton's kernels on a GPU."""
    on_cpu = ("C++", "CXX", ("clang++",) if sys.platform == "darwin" else ("g++",))
    language, variable, usual = on_cpu if device == "cpu" else ("C", "CC", ("gcc", "clang"))
    named = shlex.split(os.environ.get(variable, ""))[:1] or usual
    if not any(map(shutil.which, named)):
        raise NotImplementedError(f"torch.compile needs a {language} compiler, and there is no {' or '.join(named)}: install one, or use --mode eager")
    if not os.path.exists(header := os.path.join(sysconfig.get_path("include"), "Python.h")):
        python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        raise NotImplementedError(f"torch.compile needs Python's {os.path.basename(header)}: install {python}-dev, or use --mode eager")


def _prepare_compiler(device: str) -> None:
    """Weights frozen on a CPU, as PyTorch recommends for inference there."""
    import torch._dynamo.config
    import torch._inductor.config

    torch._inductor.config.freezing = device == "cpu"
    if hasattr(torch._dynamo.config, "fail_on_recompile_limit_hit"):  # else it goes on without being compiled, and says nothing
        torch._dynamo.config.fail_on_recompile_limit_hit = True


def _build(name: str, pretrained: bool, size: int | None = None):
    package, _, name = name.partition("/")
    try:
        torchvision = _torchvision()  # which timm imports too
        if package == "timm":
            import timm

            return timm.create_model(name, pretrained=pretrained, **({"img_size": size} if size and name.startswith("vit") else {}))
    except ModuleNotFoundError as error:
        raise NotImplementedError(f"the networks of PyTorch are those of torchvision and timm: pip install {error.name}") from error
    options = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    module = torchvision.models.get_model(name, weights="DEFAULT" if pretrained else None, **options)
    if options:  # the second classifiers are for training
        module.aux_logits, module.AuxLogits, module.aux1, module.aux2 = False, None, None, None
    return module


def _torchvision():
    from bench.compat.torchvision import torchvision

    return torchvision()


def _let_answers_differ(module, shape: tuple[int, ...], training: bool) -> None:
    """Random weights with which different images have different answers: heads that start at zero get values, and batch
    normalization the statistics of what comes, as it has in a trained network.

    Its bias is 1, but for training: with 0 half of all numbers are cut off at each layer, and rounding grows with depth as it does in no
    trained network. In training 1 would make the first steps of a deep network too large for its loss to fall.
    """
    import numpy as np
    import torch

    from bench.networks.lifelike import pictures

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
        if norm.bias is not None and not training:
            torch.nn.init.ones_(norm.bias)
    images = torch.from_numpy(pictures(shape, 8, np.random.default_rng(1)))
    with torch.no_grad():
        module(images.to(next(module.parameters()).device))
    for norm, momentum in zip(norms, usual):
        norm.momentum = momentum
        norm.eval()


def _saved(file: str):
    """What a file holds. Raises ValueError where that is more than numbers: it could do anything when it is loaded."""
    import pickle

    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError("the file holds a whole network or other objects, which are not loaded: save what the network's state_dict() gives") from error


def _fill(module, saved) -> None:
    """Load a state_dict, or a checkpoint of a training that holds one; by position where another package named the same parameters otherwise."""
    own = module.state_dict()
    saved = next((saved[name] for name in ("state_dict", "model_state_dict", "model") if isinstance(saved, dict) and isinstance(saved.get(name), dict)), saved)
    if not isinstance(saved, dict) or not all(hasattr(value, "shape") for value in saved.values()):
        raise ValueError("the file holds no state_dict: save what the network's state_dict() gives")
    saved = {name.removeprefix("module."): value for name, value in saved.items()}  # which DataParallel puts before each
    if own.keys() <= saved.keys():  # the second classifiers of training are among the others
        saved = {name: saved[name] for name in own}
    if saved.keys() != own.keys():
        if [value.shape for value in saved.values()] != [value.shape for value in own.values()]:
            raise ValueError("the file holds parameters of other shapes than the network's: it is of another network")
        saved = dict(zip(own, saved.values()))
    module.load_state_dict(saved)


def export(network, file, inputs, opset: int) -> None:
    """Write the ONNX file of a network that was loaded here, with any size of batch; PyTorch's exporter chooses the operators' set itself."""
    import torch

    module, names = network.module.to(memory_format=torch.contiguous_format), [f"data{place or ''}" for place in range(len(inputs))]
    program = torch.onnx.export(module, tuple(map(torch.from_numpy, inputs)), input_names=names,
                                dynamic_shapes=tuple({0: "batch"} for _ in inputs), dynamo=True, verbose=False)  # fmt: skip
    program.save(str(file), external_data=False)


def release() -> None:
    """Give memory that is no longer used back to the device."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


own_timer_name = "torch.utils.benchmark.Timer.blocked_autorange"
