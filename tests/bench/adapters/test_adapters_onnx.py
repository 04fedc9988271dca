"""ONNX Runtime's and OpenVINO's adapters, and the ONNX files that they read: real exports, on a CPU with the real frameworks."""

from pathlib import Path

import numpy as np
import pytest
from fed import prepared

from bench import adapters
from bench.adapters import mxnet as mxnet_adapter
from bench.adapters import onnxruntime as ort_adapter
from bench.adapters import openvino as openvino_adapter
from bench.cnn import TASK, compare
from bench.networks import onnx_files as onnx_export
from bench.run import canary, gate
from dlmark.machine import cpu
from dlmark.measure import sweep
from dlmark.measure.process import ProcessEnded, run_in_process

MODEL = "SqueezeNet-1.1"
READERS = ("onnxruntime", "openvino")


def needs(*names):
    missing = [name for name in names if adapters.version(adapters.get(name)) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


@pytest.fixture(params=READERS)
def reader(request):
    if adapters.version(adapters.get(request.param)) is None:
        pytest.skip(f"{request.param} is not installed here")
    return request.param


def alone(function, *args):
    """What `function` yields, in a process of its own with one thread."""
    return list(run_in_process(function, *args, silence_s=240, environment=mxnet_adapter.environment(1)))


def answers(framework, model, count=2, fed_with=None):
    """Logits of fixed images, after a few batches as they are measured."""
    adapter = adapters.get(framework)
    network = adapter.load("classification", model)
    run, wait = prepared(adapter, network, model, fed_with or count)
    for _ in range(3):
        run()
    wait()
    images = np.random.default_rng(0).standard_normal((count, *adapter.input_shape("classification", model)), dtype=np.float32)
    yield network.answers((images,))[0]


def asked(framework, model):
    """Logits of the same images, from a network that has measured nothing."""
    adapter = adapters.get(framework)
    images = np.random.default_rng(0).standard_normal((2, *adapter.input_shape("classification", model)), dtype=np.float32)
    yield adapter.load("classification", model).answers((images,))[0]


def gated(framework, precision, model, batch_size):
    """The gate's fields."""
    adapter = adapters.get(framework)
    network = adapter.load("classification", model, precision=precision)
    run, wait = prepared(adapter, network, model, batch_size)
    run()
    wait()
    fields = {"precision": precision, "mode": "graph", "input_shape": list(adapter.input_shape(TASK.name, model))}
    yield gate.Gate(TASK, adapter, sweep.Job(model, [batch_size], fields), "cpu").check(network, batch_size)


# ---- the answers ----


@needs("mxnet")
@pytest.mark.parametrize("model", [MODEL, *(pytest.param(name, marks=pytest.mark.slow) for name in ("ResNet-v1-18", "MobileNetV2-1.0"))])
def test_the_answers_are_mxnets_own(model, reader, cache):
    ((expected,), (read,)) = alone(asked, "mxnet", model), alone(answers, reader, model)
    assert read.shape == expected.shape == (2, 1000) and read.dtype == np.float32
    assert np.abs(read - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.abs(read[0] - read[1]).max() > 1e-2 * np.abs(read).max(), "the images can't be told apart, so agreement says nothing"


@needs("torch")
@pytest.mark.slow
@pytest.mark.parametrize("model", ["ShuffleNetV2-1.0", "ViT-Ti-16"])
def test_the_answers_are_pytorchs_own(model, reader, cache):
    ((expected,), (read,)) = alone(asked, "torch", model), alone(answers, reader, model)
    assert np.abs(read - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.abs(read[0] - read[1]).max() > 1e-2 * np.abs(read).max()


@needs("mxnet")
def test_a_batch_of_another_size_than_the_measured_one_gets_the_same_answers(reader, cache):
    ((three,), (two,)) = alone(answers, reader, MODEL, 3, 3), alone(answers, reader, MODEL, 3, 2)
    assert np.abs(three - two).max() < 1e-4 * np.abs(three).max()


@needs("mxnet", "onnxruntime")
@pytest.mark.slow
@pytest.mark.parametrize("model", [MODEL, "ResNet-v1-18"])
def test_int8_passes_the_gate_and_is_not_float32(model, reader, cache):
    (fields,) = alone(gated, reader, "int8", model, 4)
    assert "status" not in fields and 1e-3 < fields["gate_error"] < 0.1 and fields["gate_images"] == 8


@needs("mxnet", "openvino")
def test_bfloat16_passes_the_gate_or_says_that_the_cpu_lacks_it(cache):
    try:
        (fields,) = alone(gated, "openvino", "bfloat16", MODEL, 4)
    except ProcessEnded as end:
        assert end.status == "unsupported" and "no instructions for bfloat16" in end.reason and "\n" not in end.reason
        pytest.skip(end.reason)
    assert "status" not in fields and 1e-5 < fields["gate_error"] < 0.1


def halved(model):
    images = np.random.default_rng(0).standard_normal((2, *ort_adapter.input_shape("classification", model)), dtype=np.float32)
    network = ort_adapter._network(str(onnx_export.path(TASK.name, model, "float16")), "cpu", "float16")
    yield network.answers((images,))[0], ort_adapter.load("classification", model).answers((images,))[0]


@needs("mxnet", "onnxruntime")
@pytest.mark.slow
def test_float16_passes_the_gate_even_where_a_cpu_computes_it(cache):
    ((half, single),) = alone(halved, MODEL)
    fields = compare((half,), (single,), "float16")
    assert "status" not in fields and fields["gate_error"] > 1e-5


# ---- what is set ----


def ort_threads():
    yield ort_adapter.load("classification", MODEL).session.get_session_options().intra_op_num_threads


def openvino_settings(precision):
    compiled = openvino_adapter.load("classification", MODEL, precision=precision).at(2)
    asked = "INFERENCE_NUM_THREADS", "NUM_STREAMS"
    yield *(int(compiled.get_property(name)) for name in asked), compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    yield list(compiled.input(0).shape)


@needs("mxnet", "onnxruntime")
def test_onnx_runtime_has_the_threads_that_it_was_given(cache):
    assert alone(ort_threads) == [1]


@needs("mxnet", "openvino")
@pytest.mark.parametrize("threads", [1, cpu.cores()])
def test_openvino_has_the_threads_that_it_was_given_one_stream_and_float32(threads, cache):
    found, shape = run_in_process(openvino_settings, "float32", silence_s=120, environment=openvino_adapter.environment(threads))
    assert found == (threads, 1, "f32") and shape == [2, 3, 224, 224]


@needs("onnxruntime")
@pytest.mark.skipif(adapters.version(ort_adapter) is not None and Path("/dev/nvidia0").exists(), reason="there is a GPU here")
def test_onnx_runtime_without_a_cuda_provider_says_so_in_one_sentence():
    with pytest.raises(NotImplementedError, match="no CUDA provider: install onnxruntime-gpu.*--device cpu$"):
        ort_adapter.start("gpu")


def test_openvino_says_in_one_sentence_that_these_gpus_are_not_its():
    with pytest.raises(NotImplementedError, match="Intel's GPUs.*--device cpu, or another framework$"):
        openvino_adapter.start("gpu")


@needs("onnxruntime")
@pytest.mark.parametrize("kind, precision", [("cpu", "tf32"), ("cpu", "float16"), ("gpu", "int8")])
def test_what_does_not_go_together_is_told_in_one_sentence(kind, precision):
    with pytest.raises(NotImplementedError, match=rf"{'int8' if kind == 'gpu' else precision}.*: use "):
        ort_adapter.go_together(kind, precision)


def test_a_cpu_without_bfloat16_is_told(monkeypatch):
    monkeypatch.setattr(openvino_adapter, "start", lambda device: None)
    monkeypatch.setattr(openvino_adapter, "_multiplies_bfloat16", lambda: False)
    with pytest.raises(NotImplementedError, match="no instructions for bfloat16"):
        openvino_adapter.load("classification", MODEL, precision="bfloat16")
    assert openvino_adapter.combinations("cpu") == [("float32", "graph"), ("int8", "graph")]


def pieces(framework):
    """Seconds of each piece of work for the ceilings."""
    adapter = adapters.get(framework)
    products = [adapter.matrix_product("cpu", 512, precision) for precision in ("float32", "int8")]
    for run, wait in (*products, adapter.copy("cpu", 16), adapter.small_call("cpu")):
        yield canary._call_s(run, wait)


def test_products_a_copy_and_a_call_run_and_take_their_time(reader):
    *products_s, copy_s, call_s = alone(pieces, reader)
    assert call_s < copy_s and 2 * 16 * 2**20 / copy_s < 1e12
    assert all(call_s < product_s and 2 * 512**3 / product_s < 1e13 for product_s in products_s)


# ---- the command line ----


@needs("mxnet")
@pytest.mark.parametrize("precision", ["float32", pytest.param("int8", marks=pytest.mark.slow)])
def test_throughput_through_the_command_line(precision, reader, cache, tmp_path, cnn, saved):
    done = cnn("throughput", "--framework", reader, "--models", MODEL, "--batch-sizes", 1, "--seconds", 0.3, "--rounds", 1, "--threads", 1,
               "--precision", precision, "--results", tmp_path)  # fmt: skip
    (record,) = saved(tmp_path)
    assert done.returncode == 0 and record["status"] == "ok", (record, done.stderr)
    assert record["framework_version"] == adapters.version(adapters.get(reader)) and record["input_shape"] == [3, 224, 224]
    assert 1 < record["throughput"] < 100_000 and record["layout"] == "NCHW" and record["gate_images"] == 8
    assert ("gate_error" in record) == (precision == "int8")
