"""Training throughput through the real command line, with NumPy as the framework, and MXNet and PyTorch where they are installed."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from bench import adapters
from bench import training as bench_training
from bench.adapters import numpy as numpy_adapter
from dlmark.measure import rounds, sweep, timing
from dlmark.measure.process import run_in_process
from dlmark.record import check

QUICK = ("--models", "MLP-64", "--batch-sizes", "2", "--seconds", "0.1", "--threads", "1", "--rounds", "1")


@pytest.fixture(scope="module")
def training(script):
    return partial(script, "training", "throughput")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, training):
    folder = tmp_path_factory.mktemp("training")
    done = training("--framework", "numpy", *QUICK, "--results", folder)
    assert done.returncode == 0, done.stderr
    return folder, done


# ---- the command ----


def test_a_network_and_batch_size_become_a_record_of_training(measured, saved):
    (record,) = saved(measured[0])
    assert (record["model"], record["batch_size"], record["status"], record["workload"]) == ("MLP-64", 2, "ok", "training")
    assert check(record)["throughput"] > 0 and record["first_call_s"] > 0 and record["grade"] and record["block_times_s"]
    assert "latency_p50_s" not in record and "gate_images" not in record


def test_the_file_is_named_after_script_function_framework_and_device(measured):
    (path,) = measured[0].iterdir()
    assert path.name.startswith("training.py__benchmark_throughput__numpy__") and path.name.endswith("-1-thread.json")


def test_a_second_run_measures_nothing(measured, training):
    (path,) = measured[0].iterdir()
    before = path.read_bytes()
    done = training("--framework", "numpy", *QUICK, "--results", measured[0])
    assert done.returncode == 0 and "0 to measure" in done.stdout and path.read_bytes() == before


@pytest.mark.slow
def test_a_step_takes_longer_than_a_call(measured, cnn, saved, tmp_path):
    done = cnn("throughput", "--framework", "numpy", *QUICK, "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    (step,), (call,) = saved(measured[0]), saved(tmp_path)
    assert 0 < step["throughput"] < call["throughput"]


@pytest.mark.slow
def test_each_point_has_two_rounds_unless_others_are_asked_for(tmp_path, training, saved):
    done = training("--framework", "numpy", *QUICK[:2], "--batch-sizes", "2,4", *QUICK[4:8], "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [(record["batch_size"], rounds.count(record) >= 2) for record in saved(tmp_path)] == [(2, True), (4, True)]


@pytest.mark.parametrize("words, said", [
    (("--framework", "nunpy"), "did you mean numpy?"), (("--framework", "numpy", "--models", "ResNet"), "unknown network 'ResNet'"),
    (("--framework", "numpy", "--batch-sizes", "0"), "at least 1"),
])  # fmt: skip
def test_a_mistake_is_told_in_one_sentence(words, said, training, tmp_path):
    done = training(*words, "--results", tmp_path)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_a_framework_that_is_not_trained_says_which_are(monkeypatch):
    monkeypatch.delattr(adapters.get("numpy"), "trains")
    with pytest.raises(bench_training.options.UsageError, match="numpy is not measured in training here: use --framework .*mxnet"):
        bench_training._must_train("numpy")


def test_the_default_networks_are_there_in_the_original_framework():
    known = adapters.models(adapters.get("mxnet"), "classification")
    assert {"AlexNet", "ResNet-v1-18", "ResNet-v1-50", "MobileNetV2-1.0"} <= set(known) & set(bench_training.TASK.networks)


# ---- the loss ----


def steps(losses, count=0):
    """Steps of which each takes the next of `losses`, and the last ones again and again; so many have been taken."""
    told, chance = [0], []
    loss = lambda: losses[told[0] - 1] if told[0] <= len(losses) else losses[-2 + (told[0] - len(losses) - 1) % 2]  # noqa: E731

    def run():
        told[0] += 1

    watched = bench_training.Steps(SimpleNamespace(run=run, wait=lambda: None, loss=loss, begin_chance_anew=lambda: chance.append(told[0])))
    for _ in range(count):
        watched.run()
    return watched, chance


@pytest.mark.parametrize("count", [1, 2, 3, 4, 20, 21])
def test_the_loss_is_compared_on_the_same_images_and_the_same_chance(count):
    watched, chance = steps([1.0, 5.0], count)  # nothing is learned, and the two batches have different losses
    assert "did not fall: 1 after the first step, 1 after" in watched.wrong()
    first, last = chance
    assert first == 0 and last % 2 == 0 and last + 1 >= bench_training.LEAST_STEPS and last >= count


def test_a_loss_that_fell_is_right_and_one_that_rose_or_is_no_number_is_not():
    assert steps([1.0, 5.0, 0.9, 5.0], 2)[0].wrong() is None
    assert "did not fall: 1 after the first step, 1.1 after 9" in steps([1.0, 5.0, 1.1, 5.0], 2)[0].wrong()
    assert "no finite number: 1 after the first step, nan after 9" in steps([1.0, 5.0, math.nan, 5.0], 2)[0].wrong()
    assert "inf after the first step" in steps([math.inf, 5.0, 1.0, 5.0], 3)[0].wrong()


def test_a_speed_at_which_nothing_is_learned_is_no_number(monkeypatch):
    monkeypatch.setattr(numpy_adapter.Network, "loss", lambda self: 2.5)
    job = sweep.Job("MLP-64", [1], {"precision": "float32", "mode": "eager", "input_shape": [3, 32, 32]})
    quick = timing.Rules(measure_s=0.05, warmup_floor_s=0.01, warmup_s=0.05, latency_s=0)
    options = {"task": bench_training.TASK, "training": True, "around": bench_training.Steps}
    starting, record = bench_training.timed.measure(job, "numpy", "cpu", quick, None, False, **options)
    assert starting == {"starting": 1, "model": "MLP-64"}
    assert record["status"] == "wrong_output" and "did not fall: 2.5" in record["reason"] and "block_times_s" not in record
    assert record["first_call_s"] > 0


# ---- NumPy's own training ----


def test_the_slopes_are_those_of_the_loss():
    layers = numpy_adapter.load("classification", "MLP-64", precision="float64").layers
    random = np.random.default_rng(5)
    images, labels = random.standard_normal((3, 3, 32, 32)), np.array([1, 0, 7])
    loss, slopes = numpy_adapter.gradients(layers, images, labels)
    for values, slope in zip(layers, slopes):
        for value, own in zip(values, slope):
            at = tuple(random.integers(size) for size in value.shape)
            before, step = value[at], 1e-6
            value[at] = before + step
            higher = numpy_adapter.gradients(layers, images, labels)[0]
            value[at] = before - step
            lower = numpy_adapter.gradients(layers, images, labels)[0]
            value[at] = before
            assert own.shape == value.shape and own[at] == pytest.approx((higher - lower) / (2 * step), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("model", numpy_adapter.models["classification"])
def test_steps_make_the_loss_smaller(model):
    network = numpy_adapter.load("classification", model, training=True)
    network.feed(bench_training.TASK.batches((3, 32, 32), 4, training=True))
    network.run()
    first = network.loss()
    for _ in range(20):  # 21 in all: the last has the first one's images
        network.run()
    network.wait()
    assert math.isfinite(first) and network.loss() < first


# ---- other frameworks ----


def with_dropout(framework, learns):
    """What is wrong with a network of which dropout leaves out half, that learns or does not."""
    adapter = adapters.get(framework)
    network = adapter.load("classification", "AlexNet", training=True, size=64 if framework == "torch" else None)
    shape = adapter.input_shape("classification", "AlexNet", 64 if framework == "torch" else None)
    network.feed(bench_training.TASK.batches(shape, 2, training=True))
    if not learns and framework == "torch":
        network._optimizer.param_groups[0]["lr"] = 0.0
    elif not learns:
        network._trainer.set_learning_rate(0)
    yield bench_training.Steps(network).wrong()


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["torch", "mxnet"])
def test_a_network_with_dropout_that_does_not_learn_is_found_out(framework):
    if not adapters.version(adapters.get(framework)):
        pytest.skip(f"{framework} is not installed here")
    (right,), (wrong,) = (run_in_process(with_dropout, framework, learns, silence_s=200, environment=adapters.get(framework).environment(2))
                          for learns in (True, False))  # fmt: skip
    assert right is None and "the loss did not fall" in wrong


@pytest.mark.slow
@pytest.mark.parametrize("framework, model, words", [
    ("mxnet", "CIFAR-ResNet-v1-20", ()), ("mxnet", "SqueezeNet-1.1", ()), ("torch", "SqueezeNet-1.1", ()), ("torch", "MobileNetV2", ()), ("torch", "ResNet-v1b-50", ()),
    ("torch", "SqueezeNet-1.1", ("--mode", "compiled")),
])  # fmt: skip
def test_a_network_is_trained_in_an_installed_framework(framework, model, words, tmp_path, training, saved):
    if framework not in adapters.names() or not adapters.version(adapters.get(framework)):
        pytest.skip(f"{framework} is not installed here")
    done = training("--framework", framework, "--models", model, *words, *QUICK[2:], "--results", tmp_path)
    (record,) = saved(tmp_path)
    assert done.returncode == 0 and record["status"] == "ok", record
    assert record["throughput"] > 0 and record["workload"] == "training"


@pytest.mark.slow
def test_a_precision_that_mxnet_does_not_train_in_is_refused_in_a_line(tmp_path, training):
    adapter = adapters.get("mxnet")
    if not adapters.version(adapter) or len(adapter.precisions) < 2:
        pytest.skip("MXNet is not installed here, or offers float32 alone")
    words = ("--models", "SqueezeNet-1.1", "--precision", adapter.precisions[1], "--batch-sizes", "2", "--rounds", "1")
    done = training("--framework", "mxnet", *words, "--results", tmp_path)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and "use --framework torch" in line and not list(tmp_path.glob("*.json"))
