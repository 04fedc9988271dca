"""ONNX Runtime's and OpenVINO's adapters, and the ONNX files that they read: real exports, on a CPU with the real frameworks."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench import adapters
from bench.adapters import mxnet as mxnet_adapter
from bench.adapters import onnxruntime as ort_adapter
from bench.adapters import openvino as openvino_adapter
from bench.adapters import torch as torch_adapter
from bench.networks import onnx_files as onnx_export
from bench.run import canary, gate
from dlmark.machine import device
from dlmark.measure import sweep
from dlmark.measure.process import ProcessEnded, run_in_process

MODEL = "SqueezeNet-1.1"
READERS = ("onnxruntime", "openvino")


def needs(*names):
    missing = [name for name in names if adapters.version(adapters.get(name)) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder for the files, which all these tests share."""
    folder = tmp_path_factory.mktemp("onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLMARK_CACHE", str(folder))
        yield folder


@pytest.fixture(params=READERS)
def reader(request):
    if adapters.version(adapters.get(request.param)) is None:
        pytest.skip(f"{request.param} is not installed here")
    return request.param


def alone(function, *args):
    """What `function` yields, in a process of its own with one thread."""
    return list(run_in_process(function, *args, silence_s=240, environment=mxnet_adapter.environment(1)))


def answers(framework, model, count=2, prepared=None):
    """Logits of fixed images, after a few batches as they are measured."""
    adapter = adapters.get(framework)
    network = adapter.load(model)
    run, wait = adapter.prepare(network, model, prepared or count)
    for _ in range(3):
        run()
    wait()
    images = np.random.default_rng(0).standard_normal((count, *adapter.input_shape(model)), dtype=np.float32)
    yield adapter.predict(network, images)


def asked(framework, model):
    """Logits of the same images, from a network that has measured nothing."""
    adapter = adapters.get(framework)
    images = np.random.default_rng(0).standard_normal((2, *adapter.input_shape(model)), dtype=np.float32)
    yield adapter.predict(adapter.load(model), images)


def gated(framework, precision, model, batch_size):
    """The gate's fields."""
    adapter = adapters.get(framework)
    network = adapter.load(model, precision=precision)
    run, wait = adapter.prepare(network, model, batch_size)
    run()
    wait()
    yield gate.Gate(adapter, sweep.Job(model, [batch_size], {"precision": precision, "mode": "graph"}), "cpu").check(network, batch_size)


# ---- which networks there are ----


def test_the_gluon_zoo_and_all_of_pytorchs_networks_are_offered():
    known = onnx_export.models()
    gluon = {name for name, own in mxnet_adapter.models["classification"].items() if own in mxnet_adapter.GLUON}
    assert len(gluon) == 34 and gluon | set(torch_adapter.models["classification"]) <= set(known)
    assert set(known) == set(ort_adapter.models["classification"]) == set(openvino_adapter.models["classification"])


@pytest.mark.parametrize("installed, source", [({"mxnet", "torch"}, "mxnet"), ({"torch"}, "torch"), (set(), "torch")])
def test_a_network_that_both_have_comes_from_mxnet_where_that_is_installed(installed, source, monkeypatch):
    monkeypatch.setattr(onnx_export, "_installed", lambda name: "1.0" if name in installed else None)
    assert onnx_export.models()["VGG-16"] == source and onnx_export.models()["ResNet-v1-50"] == "mxnet"
    assert onnx_export.models()["ViT-B-16"] == "torch"


@pytest.mark.parametrize("installed, has, lacks", [
    ({"mxnet", "torch"}, {"ResNet-v1-50", "ViT-B-16"}, set()), ({"mxnet"}, {"ResNet-v1-50", "AlexNet"}, {"ViT-B-16"}),
    ({"torch"}, {"AlexNet", "ViT-B-16"}, {"ResNet-v1-50"}), (set(), {"AlexNet"}, set()),
])  # fmt: skip
def test_only_networks_that_can_be_made_here_are_measured_unasked(installed, has, lacks, monkeypatch):
    monkeypatch.setattr(onnx_export, "_installed", lambda name: "1.0" if name in installed else None)
    chosen = onnx_export.defaults()
    assert has <= set(chosen) <= set(onnx_export.models()) and not lacks & set(chosen) and len(chosen) == len(set(chosen))


# ---- the files ----


@needs("mxnet", "onnxruntime")
def test_an_export_is_made_once_and_named_after_what_made_it(cache):
    first = onnx_export.path(MODEL)
    made_at = first.stat().st_mtime_ns
    assert onnx_export.path(MODEL) == first and first.stat().st_mtime_ns == made_at
    assert first.parent == cache and f"mxnet-{adapters.version(mxnet_adapter)}" in first.name and not list(cache.glob("dlmark-*"))


@needs("mxnet", "onnxruntime")
def test_another_version_of_the_exporter_makes_another_file(cache, monkeypatch):
    before = onnx_export._file_name(MODEL, "mxnet", "float32", "random")
    monkeypatch.setattr(onnx_export, "_installed", lambda name: "9.9")
    assert onnx_export._file_name(MODEL, "mxnet", "float32", "random") != before


@needs("mxnet", "onnxruntime")
def test_an_export_whose_answers_are_others_is_not_kept(cache):
    shape = onnx_export.input_shape(MODEL)
    images = np.random.default_rng(0).standard_normal((2, *shape), dtype=np.float32)
    network = ort_adapter.load(MODEL)
    right = ort_adapter.predict(network, images)
    onnx_export._must_be_same(MODEL, onnx_export.path(MODEL), images, right)
    with pytest.raises(RuntimeError, match="the exported network's answers are"):
        onnx_export._must_be_same(MODEL, onnx_export.path(MODEL), images, right[::-1])
    with pytest.raises(RuntimeError, match="nan of the largest"):
        onnx_export._must_be_same(MODEL, onnx_export.path(MODEL), images, right * np.nan)


@needs("mxnet", "onnxruntime")
def test_an_export_that_fails_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DLMARK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "broken.params").write_bytes(b"no parameters")
    with pytest.raises(RuntimeError, match="SqueezeNet-1.1 could not be exported in float32: ") as raised:
        onnx_export.path(MODEL, weights=str(tmp_path / "broken.params"))
    assert "\n" not in str(raised.value) and not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("last, kind, told", [
    ("ModuleNotFoundError: No module named 'onnx'", NotImplementedError, "without the package onnx: pip install onnx$"),
    ("NotImplementedError: this and that: use the other", NotImplementedError, "^this and that: use the other$"),
    ("MemoryError: bad_alloc", RuntimeError, "VGG-16 could not be exported in int8: MemoryError: bad_alloc$"),
])  # fmt: skip
def test_what_the_exporting_process_says_is_handed_on(last, kind, told):
    with pytest.raises(kind, match=told):
        raise onnx_export._refusal("VGG-16", "int8", last)


def half_made(folder, model):
    """Start an export and kill it as soon as it writes."""
    command = [sys.executable, "-m", "bench.networks.onnx_files", model, str(folder / "network.onnx")]
    with subprocess.Popen(command, cwd=onnx_export.ROOT) as process:
        while process.poll() is None and not any(path.stat().st_size for path in folder.glob("dlmark-*/*")):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    return process.returncode


@needs("mxnet", "onnxruntime")
@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_no_half_file(tmp_path):
    assert half_made(tmp_path, "ResNet-v1-18") == -signal.SIGKILL
    assert list(tmp_path.glob("dlmark-*/*")) and not (tmp_path / "network.onnx").exists()


@needs("mxnet", "onnxruntime")
@pytest.mark.slow
def test_an_export_ends_with_who_asked_for_it(tmp_path):
    command = [sys.executable, "-m", "bench.networks.onnx_files", MODEL, str(tmp_path / "network.onnx"), "--end-with-stdin"]
    with subprocess.Popen(command, cwd=onnx_export.ROOT, stdin=subprocess.PIPE) as process:
        process.stdin.close()
        assert process.wait(timeout=30) == 1
    assert not (tmp_path / "network.onnx").exists()


def test_a_file_made_elsewhere_serves_where_no_framework_can_make_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DLMARK_CACHE", str(tmp_path))
    monkeypatch.setattr(onnx_export, "_installed", lambda name: None)
    with pytest.raises(NotImplementedError, match="ResNet-v1-50 is made with mxnet.*not installed here: install it, or copy"):
        onnx_export.path("ResNet-v1-50")
    made = tmp_path / onnx_export._file_name("ResNet-v1-50", "mxnet", "float32", "random").replace("*", "1.9.1")
    made.write_bytes(b"")
    assert onnx_export.path("ResNet-v1-50") == made


def test_weights_in_a_file_come_from_the_framework_that_wrote_it(tmp_path):
    assert onnx_export._source(MODEL, "squeezenet.params") == "mxnet" and onnx_export._source(MODEL, "squeezenet.pth") == "torch"
    with pytest.raises(NotImplementedError, match="holds weights for mxnet, which has no ViT-B-16: name an"):
        onnx_export._source("ViT-B-16", "vit.params")


def test_int8_of_real_weights_needs_a_file_that_is_quantized_already(tmp_path):
    with pytest.raises(NotImplementedError, match="quantize the network with real images"):
        onnx_export.path(MODEL, "int8", "pretrained")
    (tmp_path / "float.onnx").write_bytes(b"Conv")
    (tmp_path / "quantized.onnx").write_bytes(b"QuantizeLinear")
    with pytest.raises(NotImplementedError, match="needs a quantized network"):
        onnx_export.path(MODEL, "int8", str(tmp_path / "float.onnx"))
    assert onnx_export.path(MODEL, "int8", str(tmp_path / "quantized.onnx")) == tmp_path / "quantized.onnx"


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
    assert "status" not in fields and 1e-3 < fields["gate_error"] < 0.5 and fields["gate_images"] == 8


@needs("mxnet", "openvino")
def test_bfloat16_passes_the_gate_or_says_that_the_cpu_lacks_it(cache):
    try:
        (fields,) = alone(gated, "openvino", "bfloat16", MODEL, 4)
    except ProcessEnded as end:
        assert end.status == "unsupported" and "no instructions for bfloat16" in end.reason and "\n" not in end.reason
        pytest.skip(end.reason)
    assert "status" not in fields and 1e-5 < fields["gate_error"] < 0.1


def halved(model):
    images = np.random.default_rng(0).standard_normal((2, *ort_adapter.input_shape(model)), dtype=np.float32)
    network = ort_adapter._network(str(onnx_export.path(model, "float16")), "cpu", "float16")
    yield ort_adapter.predict(network, images), ort_adapter.predict(ort_adapter.load(model), images)


@needs("mxnet", "onnxruntime")
@pytest.mark.slow
def test_float16_passes_the_gate_even_where_a_cpu_computes_it(cache):
    ((half, single),) = alone(halved, MODEL)
    fields = gate.compare(half, single, "float16")
    assert "status" not in fields and fields["gate_error"] > 1e-5


# ---- what is set ----


def ort_threads():
    yield ort_adapter.load(MODEL).session.get_session_options().intra_op_num_threads


def openvino_settings(precision):
    compiled = openvino_adapter.load(MODEL, precision=precision).at(2)
    asked = "INFERENCE_NUM_THREADS", "NUM_STREAMS"
    yield *(int(compiled.get_property(name)) for name in asked), compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    yield list(compiled.input(0).shape)


@needs("mxnet", "onnxruntime")
def test_onnx_runtime_has_the_threads_that_it_was_given(cache):
    assert alone(ort_threads) == [1]


@needs("mxnet", "openvino")
@pytest.mark.parametrize("threads", [1, device.cores()])
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
        ort_adapter._go_together(kind, precision)


def test_a_cpu_without_bfloat16_is_told(monkeypatch):
    monkeypatch.setattr(openvino_adapter, "start", lambda device: None)
    monkeypatch.setattr(openvino_adapter, "_multiplies_bfloat16", lambda: False)
    with pytest.raises(NotImplementedError, match="no instructions for bfloat16"):
        openvino_adapter.load(MODEL, precision="bfloat16")
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
