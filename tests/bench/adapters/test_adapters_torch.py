"""PyTorch's adapter: its networks, precisions and modes, on a CPU with real PyTorch."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from fed import prepared

from bench import adapters
from bench.adapters import torch as adapter
from bench.cnn import TASK
from bench.run import gate
from dlmark.measure import sweep
from dlmark.measure.process import ProcessEnded, run_in_process

needs_torch = pytest.mark.skipif(adapters.version(adapter) is None, reason="PyTorch is not installed here")
ENVIRONMENT = adapter.environment(1)


def alone(function, *args):
    """What `function` yields, in a process of its own with one thread."""
    return list(run_in_process(function, *args, silence_s=240, environment=ENVIRONMENT))


def answers(model, precision="float32", mode="eager", batch_size=2):
    network = adapter.load("classification", model, precision=precision, mode=mode)
    run, wait = prepared(adapter, network, model, batch_size)
    run()
    wait()
    images = np.random.default_rng(0).standard_normal((batch_size, *adapter.input_shape("classification", model)), dtype=np.float32)
    yield network.answers((images,))[0]


def test_names_and_sides_are_those_of_networks_that_there_are():
    known = adapter.models["classification"]
    assert len(known) >= 50 and set(adapter.defaults) <= set(known) and set(adapter.SIDES) <= set(known) and len(adapter.defaults) >= 30
    assert all(name.partition("/")[0] in ("torchvision", "timm") for name in known.values())


@needs_torch
@pytest.mark.parametrize("mode", ["eager", "eager-nchw"])
def test_a_network_answers_and_tells_images_apart(mode):
    (logits,) = alone(answers, "SqueezeNet-1.1", "float32", mode)
    assert logits.shape == (2, 1000) and logits.dtype == np.float32 and np.isfinite(logits).all() and np.ptp(logits, axis=0).max() > 0


@needs_torch
def test_random_weights_are_the_same_each_time_and_the_layout_changes_no_answer():
    (first,), (second,) = alone(answers, "ShuffleNetV2-1.0"), alone(answers, "ShuffleNetV2-1.0", "float32", "eager-nchw")
    assert np.abs(first - second).max() < 1e-4 * np.abs(first).max()


@needs_torch
def test_a_head_that_starts_at_zero_is_given_weights():
    """A vision transformer's would give every image the same answer, and any precision would pass the gate."""
    (logits,) = alone(answers, "ViT-Ti-16")
    assert np.ptp(logits, axis=0).max() > 1e-3


def gated(model, precision, mode, batch_size):
    network = adapter.load("classification", model, precision=precision, mode=mode)
    job = sweep.Job(model, [batch_size], {"precision": precision, "mode": mode, "input_shape": [3, 224, 224]})
    run, _ = prepared(adapter, network, model, batch_size)
    run()
    before = network.compilations()()
    fields = gate.Gate(TASK, adapter, job, "cpu").check(network, batch_size)
    yield fields, before, network.compilations()()


@needs_torch
def test_bfloat16_passes_the_gate_and_is_not_float32():
    try:
        ((fields, *_),) = alone(gated, "SqueezeNet-1.1", "bfloat16", "eager", 4)
    except ProcessEnded as end:
        assert end.status == "unsupported" and "no instructions for bfloat16" in end.reason
        pytest.skip(end.reason)
    assert "status" not in fields and 1e-5 < fields["gate_error"] < 0.1 and fields["gate_images"] == 8


@needs_torch
@pytest.mark.slow
def test_a_compiled_network_passes_the_gate_and_its_compilations_are_counted():
    ((fields, before, after),) = alone(gated, "SqueezeNet-1.1", "float32", "compiled", 1)
    assert "status" not in fields and fields["gate_error"] < 1e-3 and before == after >= 1


def tf32_switches():
    """Of matrix products and of convolutions: when a TF32 network was prepared, after a float32 one, prepared again."""
    adapter.go_together = lambda *_: None  # a CPU has no TF32, but it has the switches
    import torch

    def now():
        older = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        newer = torch.backends.cuda.matmul.fp32_precision == "tf32", torch.backends.cudnn.fp32_precision == "tf32"
        assert newer == older  # what is compiled reads these
        return older

    network = adapter.load("classification", "SqueezeNet-1.1", precision="tf32")
    prepared(adapter, network, "SqueezeNet-1.1", 1)
    yield now()
    images = np.zeros((1, 3, 224, 224), np.float32)
    adapter.load("classification", "SqueezeNet-1.1").answers((images,))[0]
    yield now()
    prepared(adapter, network, "SqueezeNet-1.1", 2)
    yield now()


@needs_torch
def test_the_gates_float32_network_does_not_switch_tf32_off_for_what_is_timed_next():
    assert alone(tf32_switches) == [(True, True), (False, False), (True, True)]


def compiled_anew(sizes):
    """How often the compiler has made a graph after each batch size; with a compiler that only captures, which takes no time."""
    import torch

    network = adapter.load("classification", "SqueezeNet-1.1")
    adapter._prepare_compiler("cpu")
    network.mode, network.call = "compiled", torch.compile(network.module, dynamic=False, backend="eager")
    for batch_size in sizes:
        run, _ = prepared(adapter, network, "SqueezeNet-1.1", batch_size)
        run()
        run()
        yield network.compilations()()


@needs_torch
def test_ten_batch_sizes_are_each_compiled():
    """PyTorch gives up after eight, and would then run what it calls compiled as it stands."""
    assert alone(compiled_anew, range(1, 11)) == list(range(1, 11))


@needs_torch
@pytest.mark.parametrize("words, reason", [
    ({"mode": "cuda-graph"}, "a CUDA graph needs a GPU"), ({"precision": "tf32"}, "this CPU has no instructions for tf32"),
])  # fmt: skip
def test_what_does_not_go_together_is_told_in_one_sentence(words, reason):
    with pytest.raises(NotImplementedError, match=reason):
        adapter.load("classification", "SqueezeNet-1.1", **words)


@needs_torch
@pytest.mark.parametrize("model", ["SqueezeNet-1.1", "ViT-Ti-16"])
def test_weights_of_a_users_own_are_not_called_those_of_the_makers(model, tmp_path):
    (tmp_path / "own.pth").write_bytes(b"other numbers")
    how = adapter.preprocessing("classification", model, str(tmp_path / "own.pth"))
    assert "of" not in how and how["mean"] and "of" in adapter.preprocessing("classification", model)


def test_a_network_of_one_size_says_so():
    with pytest.raises(NotImplementedError, match="MaxViT-T takes images of 224 x 224 alone: leave --size out"):
        adapter.input_shape("classification", "MaxViT-T", 256)


@needs_torch
def test_the_weights_own_preprocessing_is_told():
    assert adapter.preprocessing("classification", "EfficientNet-B4") == {"of": "torchvision EfficientNet_B4_Weights.IMAGENET1K_V1",
        "resize": 384, "crop": 380, "interpolation": "bicubic", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}  # fmt: skip
    own = adapter.preprocessing("classification", "ViT-B-16")
    assert (own["resize"], own["crop"], own["interpolation"], own["mean"]) == (248, 224, "bicubic", (0.5, 0.5, 0.5))


@needs_torch
@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="there is a GPU here")
def test_a_build_without_a_gpu_says_so():
    with pytest.raises(NotImplementedError, match="is made for CPUs: install one that is built for CUDA, or use --device cpu"):
        adapter.start("gpu")


@pytest.mark.parametrize("said, told", [
    ("The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by downloading and installing a new version",
     "PyTorch is built for CUDA 13.0, and the driver is too old for it: update the driver, or install a build for an older CUDA"),
    ("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com",
     "PyTorch, built for CUDA 13.0, finds no device: Found no NVIDIA driver on your system"),
])  # fmt: skip
def test_a_driver_that_does_not_fit_is_told_as_such(said, told):
    def init():
        raise RuntimeError(said)

    assert adapter._why_no_device(SimpleNamespace(version=SimpleNamespace(cuda="13.0", hip=None), cuda=SimpleNamespace(init=init))) == told


@pytest.mark.parametrize("built, capability, runs", [
    (["sm_80", "sm_90"], (9, 0), True), (["sm_80", "sm_86"], (8, 9), True), (["sm_80"], (9, 0), False), (["sm_80", "compute_80"], (9, 0), True),
    (["sm_75", "sm_80"], (7, 0), False), (["sm_90", "sm_100"], (10, 0), True), (["sm_90a"], (9, 0), True), (["sm_90a"], (10, 0), False),
    (["sm_100f"], (10, 3), True), (["sm_100f"], (12, 0), False), (["compute_90a"], (9, 0), True), (["compute_90a"], (10, 0), False),
    (["sm_120", "compute_120"], (12, 1), True), (["odd"], (9, 0), False), ([], (9, 0), True),
])  # fmt: skip
def test_a_gpu_that_a_build_knows_nothing_of_is_told(built, capability, runs):
    torch = SimpleNamespace(cuda=SimpleNamespace(get_arch_list=lambda: built))
    if runs:
        adapter._knows(torch, capability)
    else:
        with pytest.raises(NotImplementedError, match="this build of PyTorch is made for"):
            adapter._knows(torch, capability)


def fill(state, path=None):
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    adapter._fill(module, {name: torch.ones(shape) for name, shape in state.items()})
    yield [float(p.sum()) for p in module.parameters()]


@needs_torch
def test_weights_whose_names_another_package_chose_are_taken_by_position():
    assert alone(fill, {"a": (3, 2), "b": (3,), "c": (1, 3), "d": (1,)}) == [[6, 3, 3, 1]]


@needs_torch
def test_weights_of_another_network_are_refused():
    with pytest.raises(ProcessEnded, match="it is of another network"):
        alone(fill, {"a": (3, 2)})


@needs_torch
def test_throughput_through_the_command_line_has_its_settings_and_its_gate(tmp_path, cnn, saved):
    words = ("throughput", "--framework", "torch", "--models", "SqueezeNet-1.1", "--batch-sizes", "1", "--seconds", "0.3", "--rounds", "1",
             "--threads", "1", "--results", tmp_path)  # fmt: skip
    done = cnn(*words)
    (record,) = saved(tmp_path)
    assert done.returncode == 0 and record["status"] == "ok", (record, done.stderr)
    assert (record["mode"], record["layout"], record["threads"]) == ("eager", "NHWC", 1) and record["gate_images"] == 8
    assert record["parameters"] == 1_235_496 and record["multiply_adds"] > 3e8


@needs_torch
def test_a_mode_that_there_is_not_is_told(tmp_path, cnn):
    done = cnn("throughput", "--framework", "torch", "--mode", "fast", "--results", tmp_path)
    assert done.returncode == 2 and "torch runs networks in the mode eager or compiled" in done.stderr and not os.listdir(tmp_path)


def answers_of_many(models):
    for model in models:
        try:
            network = adapter.load("classification", model)
            images = np.random.default_rng(0).standard_normal((2, *adapter.input_shape("classification", model)), dtype=np.float32)
            logits = network.answers((images,))[0]
            yield model, (logits.shape == (2, 1000), bool(np.isfinite(logits).all()), float(np.ptp(logits, axis=0).max() / np.abs(logits).max()))
        except Exception as error:  # all are told, not only the first
            yield model, f"{type(error).__name__}: {error}"


@needs_torch
@pytest.mark.thorough
@pytest.mark.parametrize("part", range(4))
def test_every_network_builds_and_tells_images_apart(part):
    found = dict(alone(answers_of_many, list(adapter.models["classification"])[part::4]))
    wrong = {model: answer for model, answer in found.items() if not (isinstance(answer, tuple) and all(answer[:2]) and answer[2] > 0.01)}
    assert not wrong, json.dumps(wrong, default=str)
