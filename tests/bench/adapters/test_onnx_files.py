"""The ONNX files: which networks there are, what they are named after, and real exports."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from bench import adapters
from bench.adapters import mxnet as mxnet_adapter
from bench.adapters import onnxruntime as ort_adapter
from bench.adapters import openvino as openvino_adapter
from bench.adapters import torch as torch_adapter
from bench.cnn import TASK
from bench.networks import export
from bench.networks import onnx_files as onnx_export

MODEL = "SqueezeNet-1.1"


def needs(*names):
    missing = [name for name in names if adapters.version(adapters.get(name)) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


# ---- which networks there are ----


def test_the_gluon_zoo_and_all_of_pytorchs_networks_are_offered():
    known = onnx_export.models(TASK.name)
    gluon = {name for name, own in mxnet_adapter.models["classification"].items() if own in mxnet_adapter.GLUON}
    assert len(gluon) == 34 and gluon | set(torch_adapter.models["classification"]) <= set(known)
    assert set(known) == set(ort_adapter.models()["classification"]) == set(openvino_adapter.models()["classification"])


@pytest.mark.parametrize("installed, source", [({"mxnet", "torch"}, "mxnet"), ({"torch"}, "torch"), (set(), "torch")])
def test_a_network_that_both_have_comes_from_mxnet_where_that_is_installed(installed, source, monkeypatch):
    monkeypatch.setattr(onnx_export, "_installed", lambda name: "1.0" if name in installed else None)
    assert onnx_export.models(TASK.name)["VGG-16"] == source and onnx_export.models(TASK.name)["ResNet-v1-50"] == "mxnet"
    assert onnx_export.models(TASK.name)["ViT-B-16"] == "torch"


@pytest.mark.parametrize("installed, has, lacks", [
    ({"mxnet", "torch"}, {"ResNet-v1-50", "ViT-B-16"}, set()), ({"mxnet"}, {"ResNet-v1-50", "AlexNet"}, {"ViT-B-16"}),
    ({"torch"}, {"AlexNet", "ViT-B-16"}, {"ResNet-v1-50"}), (set(), {"AlexNet"}, set()),
])  # fmt: skip
def test_only_networks_that_can_be_made_here_are_measured_unasked(installed, has, lacks, monkeypatch):
    monkeypatch.setattr(onnx_export, "_installed", lambda name: "1.0" if name in installed else None)
    chosen = onnx_export.defaults()
    assert has <= set(chosen) <= set(onnx_export.models(TASK.name)) and not lacks & set(chosen) and len(chosen) == len(set(chosen))


# ---- the files ----


@needs("mxnet", "onnxruntime")
def test_an_export_is_made_once_and_named_after_what_made_it(cache):
    first = onnx_export.path(TASK.name, MODEL)
    made_at = first.stat().st_mtime_ns
    assert onnx_export.path(TASK.name, MODEL) == first and first.stat().st_mtime_ns == made_at
    assert first.parent == cache and f"mxnet-{adapters.version(mxnet_adapter)}" in first.name and not list(cache.glob("dlmark-*"))


@needs("mxnet", "onnxruntime")
def test_another_version_of_the_exporter_makes_another_file(cache, monkeypatch):
    before = onnx_export._file_name(TASK.name, MODEL, "mxnet", "float32", "random")
    monkeypatch.setattr(onnx_export, "_installed", lambda name: "9.9")
    assert onnx_export._file_name(TASK.name, MODEL, "mxnet", "float32", "random") != before


@needs("mxnet", "onnxruntime")
def test_an_export_whose_answers_are_others_is_not_kept(cache):
    shape = onnx_export.input_shape(TASK.name, MODEL)
    images = np.random.default_rng(0).standard_normal((2, *shape), dtype=np.float32)
    network = ort_adapter.load("classification", MODEL)
    right = network.answers((images,))[0]
    export._must_be_same(TASK.name, MODEL, onnx_export.path(TASK.name, MODEL), (images,), (right,))
    with pytest.raises(RuntimeError, match="the exported network's answers are"):
        export._must_be_same(TASK.name, MODEL, onnx_export.path(TASK.name, MODEL), (images,), (right[::-1],))
    with pytest.raises(RuntimeError, match="nan of the largest"):
        export._must_be_same(TASK.name, MODEL, onnx_export.path(TASK.name, MODEL), (images,), (right * np.nan,))


@needs("mxnet", "onnxruntime")
def test_an_export_that_fails_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DLMARK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "broken.params").write_bytes(b"no parameters")
    with pytest.raises(RuntimeError, match="SqueezeNet-1.1 could not be exported in float32: ") as raised:
        onnx_export.path(TASK.name, MODEL, weights=str(tmp_path / "broken.params"))
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
    command = [sys.executable, "-m", "bench.networks.export", model, str(folder / "network.onnx")]
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
    command = [sys.executable, "-m", "bench.networks.export", MODEL, str(tmp_path / "network.onnx"), "--end-with-stdin"]
    with subprocess.Popen(command, cwd=onnx_export.ROOT, stdin=subprocess.PIPE) as process:
        process.stdin.close()
        assert process.wait(timeout=30) == 1
    assert not (tmp_path / "network.onnx").exists()


def test_a_file_made_elsewhere_serves_where_no_framework_can_make_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DLMARK_CACHE", str(tmp_path))
    monkeypatch.setattr(onnx_export, "_installed", lambda name: None)
    with pytest.raises(NotImplementedError, match="ResNet-v1-50 is made with mxnet.*not installed here: install it, or copy"):
        onnx_export.path(TASK.name, "ResNet-v1-50")
    made = tmp_path / onnx_export._file_name(TASK.name, "ResNet-v1-50", "mxnet", "float32", "random").replace("*", "1.9.1")
    made.write_bytes(b"")
    assert onnx_export.path(TASK.name, "ResNet-v1-50") == made


def test_weights_in_a_file_come_from_the_framework_that_wrote_it(tmp_path):
    assert onnx_export.source_of(TASK.name, MODEL, "squeezenet.params") == "mxnet" and onnx_export.source_of(TASK.name, MODEL, "squeezenet.pth") == "torch"
    with pytest.raises(NotImplementedError, match="holds weights for mxnet, which has no ViT-B-16: name an"):
        onnx_export.source_of(TASK.name, "ViT-B-16", "vit.params")


def test_int8_of_real_weights_needs_a_file_that_is_quantized_already(tmp_path):
    with pytest.raises(NotImplementedError, match="quantize the network with real images"):
        onnx_export.path(TASK.name, MODEL, "int8", "pretrained")
    (tmp_path / "float.onnx").write_bytes(b"Conv")
    (tmp_path / "quantized.onnx").write_bytes(b"QuantizeLinear")
    with pytest.raises(NotImplementedError, match="needs a quantized network"):
        onnx_export.path(TASK.name, MODEL, "int8", str(tmp_path / "float.onnx"))
    assert onnx_export.path(TASK.name, MODEL, "int8", str(tmp_path / "quantized.onnx")) == tmp_path / "quantized.onnx"
