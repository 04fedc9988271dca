"""MXNet beside newer libraries: the names that it needs come back, and only in the process that asks for them."""

import json
import os
import subprocess
import sys
import types
import venv
from pathlib import Path

import numpy as np
import pytest

from bench import adapters
from bench.adapters import mxnet as mxnet_adapter
from bench.compat import mxnet as mxnet_compat
from dlmark.measure.process import run_in_process

ROOT = Path(__file__).parents[3]
TYPES = ["bool", "int", "float", "object", "complex"]
VALUES = ["PZERO", "NZERO", "PINF", "NINF", "Inf", "NAN", "NaN"]
FUNCTIONS = ["alltrue", "sometrue", "product", "round_", "in1d", "msort", "trapz", "row_stack"]
FINANCE = ["mirr", "npv", "pmt", "ppmt", "pv", "rate"]
needs_mxnet = pytest.mark.skipif(adapters.version(mxnet_adapter) is None, reason="MXNet is not installed here")


@pytest.fixture(scope="module")
def restored():
    """NumPy as its newest versions are, without those names, after they were restored."""
    bare = types.ModuleType("numpy")
    kept = {name: value for name, value in vars(np).items() if name not in TYPES + VALUES + FUNCTIONS + FINANCE + ["__getattr__"]}
    vars(bare).update(kept, trapezoid=getattr(np, "trapezoid", None) or np.trapz)
    mxnet_compat._restore_numpy_names(bare)
    return bare


@pytest.mark.parametrize("name", TYPES)
def test_a_dropped_type_is_pythons_own(name, restored):
    assert np.zeros(1, getattr(restored, name)).dtype == np.dtype(eval(name))


@pytest.mark.parametrize("name, value", list(zip(VALUES, ["0.0", "-0.0", "inf", "-inf", "inf", "nan", "nan"])))
def test_a_dropped_value_is_what_it_was(name, value, restored):
    assert str(float(getattr(restored, name))) == value


@pytest.mark.parametrize("name, arguments, result", [
    ("alltrue", ([True, False],), False), ("sometrue", ([True, False],), True), ("product", ([2, 3],), 6), ("round_", (2.567, 1), 2.6),
    ("in1d", ([[1, 2], [3, 4]], [2, 3]), [False, True, True, False]), ("msort", ([[2, 1], [1, 2]],), [[1, 1], [2, 2]]),
    ("trapz", ([1.0, 2.0],), 1.5), ("row_stack", (([1], [2]),), [[1], [2]]),
])  # fmt: skip
def test_a_dropped_function_does_what_it_did(name, arguments, result, restored):
    assert np.array_equal(getattr(restored, name)(*arguments), result)


@pytest.mark.parametrize("name", FINANCE)
def test_a_dropped_function_of_finance_says_where_it_went(name, restored):
    with pytest.raises(NotImplementedError, match=f"numpy.{name} was dropped.*numpy-financial"):
        getattr(restored, name)(1)


def test_a_name_that_is_there_is_left_alone():
    module = types.ModuleType("numpy")
    vars(module).update(vars(np), product="mine")
    mxnet_compat._restore_numpy_names(module)
    assert module.product == "mine" and module.sum is np.sum


VERSIONS = ["0.9", "1.0", "1.0.1", "1.2", "1.9.1", "1.10", "1.10.post0", "2.0", "10.0"]


@pytest.mark.parametrize("older, newer", list(zip(VERSIONS, VERSIONS[1:])))
def test_loose_versions_are_ordered_as_versions_are(older, newer):
    older, newer = mxnet_compat.LooseVersion(older), mxnet_compat.LooseVersion(newer)
    assert older < newer and older <= newer and newer > older and newer >= older and older != newer and not newer < older


def test_a_loose_version_compares_with_a_text():
    assert mxnet_compat.LooseVersion("1.9.1") == "1.9.1" and mxnet_compat.LooseVersion("1.9.1") >= "1.4.0"


def test_distutils_comes_back_where_python_dropped_it():
    script = "import sys; sys.modules['distutils'] = None; import bench.compat.mxnet as c; del sys.modules['distutils']\n" + (
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'distutils': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide()); c._restore_distutils()\n"
        "from distutils.version import LooseVersion; assert LooseVersion('1.10') > '1.9'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def import_torch(prepare):
    import importlib

    if prepare:
        mxnet_compat.prepare()
        mxnet_compat.prepare()  # twice does no harm
    try:
        yield importlib.import_module("torch").__version__
    except ModuleNotFoundError as error:
        yield str(error)
    yield sum(isinstance(finder, mxnet_compat.HideTorch) for finder in sys.meta_path)


def test_torch_is_hidden_in_the_process_that_prepares_and_nowhere_else(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("__version__ = '2.0 (a stand-in)'")
    monkeypatch.syspath_prepend(tmp_path)
    shown = list(run_in_process(import_torch, False, silence_s=60))
    hidden = list(run_in_process(import_torch, True, silence_s=60))
    assert shown == ["2.0 (a stand-in)", 0]
    assert hidden == ["No module named 'torch' in the process that measures MXNet", 1]
    assert not any(isinstance(finder, mxnet_compat.HideTorch) for finder in sys.meta_path)


# ---- the same numbers beside NumPy 2 ----

# Trains a small network for three steps and runs one network of each zoo; prints what must not depend on NumPy.
SCRIPT = """
import json, sys
from bench.compat import mxnet as mxnet_compat
mxnet_compat.prepare()
import mxnet as mx, numpy
from mxnet import autograd, gluon
from bench.adapters import mxnet as adapter

mx.random.seed(0)
network = gluon.nn.HybridSequential()
network.add(gluon.nn.Conv2D(8, 3), gluon.nn.BatchNorm(), gluon.nn.Activation("relu"), gluon.nn.Dense(10))
network.initialize(mx.init.Xavier())
network.hybridize()
images, labels = mx.nd.random.uniform(-1, 1, (16, 3, 12, 12)), mx.nd.arange(16) % 10
loss, losses = gluon.loss.SoftmaxCrossEntropyLoss(), []
trainer = gluon.Trainer(network.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})
for step in range(3):
    with autograd.record():
        value = loss(network(images), labels)
    value.backward()
    trainer.step(16)
    losses.append(float(value.mean().asscalar()).hex())
shapes = {}
for model in ("SqueezeNet-1.1", "CIFAR-ResNet-v1-20", "MobileNetV3-small"):
    size = adapter.input_shape("classification", model)
    answer = adapter.load("classification", model).answers((numpy.zeros((1, *size), "float32"),))[0]
    shapes[model] = [*answer.shape, bool(numpy.isfinite(answer).all())]
print(json.dumps({"numpy": numpy.__version__, "losses": losses, "shapes": shapes}))
"""


def run_script(python):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([python, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@needs_mxnet
@pytest.mark.slow
def test_with_numpy_2_training_gives_the_same_losses_to_the_last_digit(tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "mxnet==1.9.1", "gluoncv==0.10.5.post0"], check=True)
    subprocess.run([*pip, "numpy>=2.1", *mxnet_adapter.install.rpartition("pip install ")[2].rstrip(".").split()], check=True)
    here, there = run_script(sys.executable), run_script(python)
    assert int(there["numpy"].partition(".")[0]) >= 2
    assert there["losses"] == here["losses"]
    assert there["shapes"] == here["shapes"] and all(finite for *_, finite in there["shapes"].values())
