"""Adapters: each offers the contract, and what it offers runs. Parametrized over what is in bench/adapters."""

import inspect
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from fed import prepared
from PIL import Image

from bench import adapters
from bench.adapters import mxnet as mxnet_adapter
from bench.adapters import numpy as numpy_adapter
from bench.adapters.mxnet.names import display_name
from bench.cnn import ORIGINAL_19, TASK
from bench.run import options
from bench.run.largest import ALLOCATOR, try_batch
from dlmark.measure import sweep
from dlmark.measure.process import ProcessEnded, run_in_process

NAMES = adapters.names()
needs_mxnet = pytest.mark.skipif(adapters.version(mxnet_adapter) is None, reason="MXNet is not installed here")


def test_there_are_the_stand_in_and_the_original_framework():
    assert {"numpy", "mxnet"} <= set(NAMES)


# ---- the contract ----


@pytest.fixture(params=NAMES)
def adapter(request):
    return adapters.get(request.param)


@pytest.mark.parametrize("name, kind", [
    ("packages", tuple), ("libraries", tuple), ("install", str), ("modes", tuple), ("precisions", tuple),
])  # fmt: skip
def test_it_has_the_names_of_the_contract(name, kind, adapter):
    assert isinstance(getattr(adapter, name), kind)


@pytest.mark.parametrize("name, parameters", [
    ("input_shape", ["task", "model", "size"]), ("environment", ["threads"]), ("start", ["device"]),
    ("load", ["task", "model", "device", "precision", "mode", "weights", "size"]),
])  # fmt: skip
def test_it_has_the_functions_of_the_contract(name, parameters, adapter):
    there = list(inspect.signature(getattr(adapter, name)).parameters)
    assert [name for name in there if name != "training"] == parameters
    assert ("training" in there) == (name == "load" and getattr(adapter, "trains", False))


def test_it_is_measured_in_float32_first_with_which_the_gate_compares(adapter):
    assert adapter.precisions[0] == "float32"


def test_display_names_and_own_names_are_unique(adapter):
    offered = adapter.models() if callable(adapter.models) else adapter.models
    for models in offered.values():
        assert len(models) > 0 and len(set(map(str, models.values()))) == len(models)
        assert len({name.lower() for name in models}) == len(models)


def test_display_names_can_be_named_on_the_command_line(adapter):
    for model in adapters.models(adapter, "classification"):
        assert model == model.strip() and not set(model) & set(",*?[] ")


def test_each_network_has_an_input_of_three_channels(adapter):
    for model in adapters.models(adapter, "classification"):
        channels, height, width = adapter.input_shape("classification", model)
        assert channels == 3 and height == width >= 32


def test_another_size_of_its_inputs_can_be_asked_for(adapter):
    model = next(iter(adapters.models(adapter, "classification")))
    assert adapter.input_shape("classification", model, 352) == (3, 352, 352)


def test_the_thread_count_is_handed_on_as_text(adapter):
    environment = adapter.environment(3)
    assert "3" in environment.values() and all(isinstance(value, str) for value in environment.values())


@pytest.mark.parametrize("name", NAMES)
def test_its_import_imports_no_framework(name):
    script = f"import sys, json; before = set(sys.modules); import bench.adapters.{name}; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=options.__file__.rpartition("/bench/")[0])
    frameworks = {"mxnet", "gluoncv", "torch", "torchvision", "onnxruntime", "openvino", "jax", "keras", "tensorflow", "dlmark"}
    assert not {module.partition(".")[0] for module in json.loads(done.stdout)} & frameworks


# ---- NumPy ----


@pytest.mark.parametrize("precision", numpy_adapter.precisions)
@pytest.mark.parametrize("model", numpy_adapter.models["classification"])
def test_every_numpy_network_answers(model, precision):
    network = numpy_adapter.load("classification", model, precision=precision)
    images = np.random.default_rng(0).standard_normal((5, *numpy_adapter.input_shape("classification", model))).astype(np.float32)
    logits = network.answers((images,))[0]
    assert logits.shape == (5, 10) and logits.dtype == precision and np.isfinite(logits).all() and logits.std() > 0


def test_a_numpy_network_knows_one_image_from_another():
    network = numpy_adapter.load("classification", "MLP-64")
    images = np.random.default_rng(0).standard_normal((2, 3, 32, 32))
    assert not np.allclose(*network.answers((images,))[0])


def test_numpy_says_in_one_sentence_that_it_has_no_gpu():
    with pytest.raises(NotImplementedError, match="CPU only"):
        numpy_adapter.start("gpu:0")


# ---- MXNet ----

GLUON_34 = """alexnet densenet121 densenet161 densenet169 densenet201 inceptionv3 mobilenet0.25 mobilenet0.5 mobilenet0.75
mobilenet1.0 mobilenetv2_0.25 mobilenetv2_0.5 mobilenetv2_0.75 mobilenetv2_1.0 resnet101_v1 resnet101_v2 resnet152_v1
resnet152_v2 resnet18_v1 resnet18_v2 resnet34_v1 resnet34_v2 resnet50_v1 resnet50_v2 squeezenet1.0 squeezenet1.1 vgg11
vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn""".split()


def test_mxnet_has_the_19_networks_of_the_original_page():
    original = ORIGINAL_19
    assert len(original) == 19 and set(original) <= set(mxnet_adapter.models["classification"])


def test_mxnet_has_all_34_networks_of_the_gluon_zoo():
    assert len(GLUON_34) == 34 and set(GLUON_34) == set(mxnet_adapter.GLUON)


@pytest.mark.parametrize("zoo, shown", [
    ("resnet50_v1", "ResNet-v1-50"), ("densenet121", "DenseNet-121"), ("vgg16_bn", "VGG-16_bn"), ("squeezenet1.1", "SqueezeNet-1.1"),
    ("mobilenetv2_0.25", "MobileNetV2-0.25"), ("mobilenet1.0", "MobileNet-1.0"), ("cifar_resnet20_v1", "CIFAR-ResNet-v1-20"),
    ("se_resnext50_32x4d", "SE-ResNeXt-50_32x4d"), ("resnet50_v1d_0.48", "ResNet-v1d-50_0.48"), ("inceptionv3", "InceptionV3"),
])  # fmt: skip
def test_a_network_carries_the_name_that_readers_know(zoo, shown):
    assert display_name(zoo) == shown and mxnet_adapter.models["classification"][shown] == zoo


def answers(model):
    """Shape, finiteness and spread of a random network's answers, after one batch as it is measured."""
    network = mxnet_adapter.load("classification", model)
    run, wait = prepared(mxnet_adapter, network, model, 1)
    run()
    wait()
    logits = network.answers((np.random.default_rng(0).standard_normal((1, *mxnet_adapter.input_shape("classification", model))),))[0]
    yield logits.shape, bool(np.isfinite(logits).all()), float(logits.std())


@needs_mxnet
def test_a_gluon_network_answers():
    ((shape, finite, spread),) = run_in_process(answers, "SqueezeNet-1.1", silence_s=120, environment=mxnet_adapter.environment(1))
    assert shape == (1, 1000) and finite and spread > 0


def off_float32(precision):
    """How far the answers in a precision are off those in float32, as a share of the largest, after a batch as it is measured."""
    images = np.random.default_rng(0).standard_normal((2, 3, 224, 224))
    network = mxnet_adapter.load("classification", "SqueezeNet-1.1", precision=precision)
    run, wait = prepared(mxnet_adapter, network, "SqueezeNet-1.1", 1)
    run()
    wait()
    expected = mxnet_adapter.load("classification", "SqueezeNet-1.1").answers((images,))[0]
    yield float(np.abs(network.answers((images,))[0] - expected).max() / np.abs(expected).max())


@needs_mxnet
@pytest.mark.parametrize("precision, least, most", [("bfloat16", 1e-3, 2e-2), ("int8", 2e-3, 1e-1)])
def test_mxnet_in_a_reduced_precision_gives_other_answers_but_not_far_off(precision, least, most):
    if precision == "bfloat16" and "avx512_bf16" not in adapters.cpu_flags():
        pytest.skip("this CPU has no instructions for bfloat16")
    (off,) = run_in_process(off_float32, precision, silence_s=120, environment=mxnet_adapter.environment(1))
    assert least < off < most


def fused(model, *sizes):
    """For batches of several sizes, one after the other: how far the answers of fused layers are off, and how many fused ones there are."""
    images = np.random.default_rng(0).standard_normal((max(sizes), *mxnet_adapter.input_shape("classification", model)))
    expected = mxnet_adapter.load("classification", model).answers((images,))[0]
    network = mxnet_adapter.load("classification", model, mode="fused")
    for batch_size in sizes:
        run, wait = prepared(mxnet_adapter, network, model, batch_size)
        run()
        wait()
        off = np.abs(network.answers((images[:batch_size],))[0] - expected[:batch_size]).max() / np.abs(expected).max()
        yield float(off), sum("sg_mkldnn" in name for name in network.block._cached_graph[1].get_internals().list_outputs())


@needs_mxnet
def test_mxnets_fused_layers_answer_as_single_ones_do_at_each_batch_size():
    for off, layers in run_in_process(fused, "MobileNetV2-0.25", 1, 3, 1, silence_s=120, environment=mxnet_adapter.environment(1)):
        assert off < 1e-5 and layers > 30


@pytest.mark.parametrize("device, precision, words", [("gpu", "float32", "on CPUs only: use --mode hybridized"), ("cpu", "int8", "fused layers already")])
def test_where_mxnet_has_no_fused_layers_of_its_own_it_says_so(device, precision, words):
    with pytest.raises(NotImplementedError, match=words):
        mxnet_adapter.go_together(device, precision, "fused")


@needs_mxnet
def test_mxnet_says_in_one_sentence_that_float16_is_for_gpus():
    with pytest.raises(ProcessEnded) as ended:
        list(run_in_process(off_float32, "float16", silence_s=120, environment=mxnet_adapter.environment(1)))
    assert ended.value.status == "unsupported" and ended.value.reason.endswith("use bfloat16 or int8 on a CPU")


@needs_mxnet
def test_mxnet_out_of_memory_is_told_as_such():
    job = sweep.Job("SqueezeNet-1.1", [512], {"precision": "float32", "input_shape": [3, 224, 224]})
    environment = mxnet_adapter.environment(1) | ALLOCATOR
    with pytest.raises(ProcessEnded) as ended:
        list(run_in_process(try_batch, job, "mxnet", "cpu", 200, TASK, silence_s=120, environment=environment))
    assert ended.value.status == "out_of_memory", ended.value.reason


@needs_mxnet
def test_mxnet_says_in_one_sentence_that_this_build_has_no_gpu():
    with pytest.raises(ProcessEnded) as ended:
        list(run_in_process(start_on_gpu, silence_s=120))
    assert ended.value.status == "unsupported" and "MXNet" in ended.value.reason and "\n" not in ended.value.reason


def start_on_gpu():
    from bench.adapters import mxnet

    if os.path.exists("/dev/nvidia0"):
        raise NotImplementedError("MXNet has a GPU here")
    mxnet.start("gpu:0")
    yield "it started"


def save_prejudiced(path, order):
    """Parameters with which CIFAR-ResNet-v1-20 always answers the classes in `order`, whatever it sees."""
    network = mxnet_adapter.load("classification", "CIFAR-ResNet-v1-20")
    network.answers((np.zeros((1, 3, 32, 32)),))[0]  # shapes are known after the first batch
    import mxnet as mx

    network = network.block
    network.output.weight.set_data(mx.nd.zeros_like(network.output.weight.data()))
    bias = np.zeros(10)
    bias[order] = np.arange(len(order), 0, -1)
    network.output.bias.set_data(mx.nd.array(bias))
    network.save_parameters(path)
    yield "saved"


@pytest.mark.slow
@needs_mxnet
def test_mxnet_accuracy_with_weights_from_a_file_is_what_they_were_made_for(tmp_path, cnn, saved):
    counts = {0: 1, 1: 2, 2: 3, 3: 6, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 3}  # images of each class, 20 in all
    for label, count in counts.items():
        (tmp_path / "images" / str(label)).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (40, 40), (20 * label, 255 - 20 * label, 40 * number)).save(tmp_path / "images" / str(label) / f"{number}.jpeg")
    order = [3, 9, 1, 0, 4]
    list(run_in_process(save_prejudiced, str(tmp_path / "w.params"), order, silence_s=120, environment=mxnet_adapter.environment(1)))
    done = cnn("accuracy", "--models", "CIFAR-ResNet-v1-20", "--images", tmp_path / "images", "--weights", tmp_path / "w.params",
               "--batch-size", 8, "--results", tmp_path / "results")  # fmt: skip
    (record,) = saved(tmp_path / "results")
    assert done.returncode == 0 and record["status"] == "ok", record
    assert record["accuracy"] == counts[3] / 20
    assert record["accuracy_top5"] == pytest.approx(sum(counts[label] for label in order) / 20)


@pytest.mark.slow
@needs_mxnet
def test_mxnet_throughput_through_the_command_line(tmp_path, cnn, saved):
    done = cnn("throughput", "--models", "SqueezeNet-1.1", "--batch-sizes", "1", "--seconds", "0.3", "--threads", "1", "--results", tmp_path)
    (record,) = saved(tmp_path)
    assert done.returncode == 0 and record["status"] == "ok", record
    assert record["framework_version"] == adapters.version(mxnet_adapter) and record["input_shape"] == [3, 224, 224]
    assert 1 < record["throughput"] < 100_000 and record["device_mem"] > 1 and "gluoncv" in record["library_versions"]


# Networks that can't be built or run, and why. Whoever mends one takes it out.
GROUP_NORM = "MXNet 1.9 refuses how GluonCV's group normalization reshapes (keep_highest=-1)"
CANNOT = {"ResNet-v1b-50_gn": GROUP_NORM, "ResNet-v1b-101_gn": GROUP_NORM}


def answers_of_many(models):
    import gc

    for model in models:
        try:
            (answer,) = answers(model)
        except Exception as error:  # all are told, not only the first
            answer = f"{type(error).__name__}: {error}"
        yield model, answer
        gc.collect()


ZOO = mxnet_adapter.models["classification"]
TRIED = [name for name in ZOO if ZOO[name] in mxnet_adapter.GLUON or name in CANNOT or list(ZOO).index(name) % 3 == 0]  # all 129 take 3 minutes


@needs_mxnet
@pytest.mark.thorough
@pytest.mark.parametrize("part", range(4))
def test_the_gluon_zoo_and_a_third_of_gluoncvs_build_and_answer(part):
    models, wrong = TRIED[part::4], {}
    for model, answer in run_in_process(answers_of_many, models, silence_s=300, environment=mxnet_adapter.environment(2)):
        good = isinstance(answer, tuple) and answer[0] in ((1, 1000), (1, 10)) and answer[1]
        if good == (model in CANNOT):
            wrong[model] = answer
    assert not wrong
