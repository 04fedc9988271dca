"""The gate: wrong answers stop a number from counting, and near ones are told how near they are."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench.adapters import numpy as adapter
from bench.cnn import TASK, compare
from bench.run import gate
from dlmark.measure import sweep
from dlmark.record import check

SHAPE = {"input_shape": [3, 32, 32]}
JOB = sweep.Job("MLP-64", [2], {"precision": "float32", "mode": "other", **SHAPE})


class Answering:
    """A network that gives `answer(logits, images)` instead of NumPy's logits."""

    def __init__(self, answer):
        self._answer, self._sound = answer, adapter.load("classification", "MLP-64")

    def answers(self, inputs):
        return (self._answer(self._sound.answers(inputs)[0], inputs[0]),)


def gated(answer, job=JOB, batch_size=2):
    """What the gate says of such a network."""
    return gate.Gate(TASK, adapter, job, "cpu").check(Answering(answer), batch_size)


def test_right_answers_pass_and_tell_how_near_they_are():
    fields = gated(lambda logits, images: logits * 1.0001)
    assert 0 < fields["gate_error"] < 2e-4 and fields["gate_agreement"] == 1 and fields["gate_images"] == 8 and "status" not in fields
    check({"model": "A", **fields})


@pytest.mark.parametrize("answer, words", [
    (lambda logits, images: logits * 1.5, "50.0% of the largest off those in float32; 0.1% is the limit in float32"),
    (lambda logits, images: logits * np.nan, "an answer that is not a finite number"),
    (lambda logits, images: logits[:1], "answers of the shape"),
    (lambda logits, images: np.ones_like(logits), "the same answer to different images"),
])  # fmt: skip
def test_wrong_answers_have_a_status_and_a_reason(answer, words):
    fields = gated(answer)
    assert fields["status"] == "wrong_output" and words in fields["reason"]
    check({"model": "A", **fields})


def test_a_coarser_format_may_be_further_off():
    job = sweep.Job("MLP-64", [2], {"precision": "bfloat16", "mode": "eager", **SHAPE})
    fields = gated(lambda logits, images: logits * 1.03, job)
    assert "status" not in fields and fields["gate_error"] == pytest.approx(0.03, abs=0.001)


def logits_of(answers):
    """Rows of ten logits, of which each row's largest is that of its answer."""
    found = np.random.default_rng(0).uniform(-0.9, 0.9, (len(answers), 10))
    found[range(len(answers)), answers] = 1
    return found


@pytest.mark.parametrize("precision", ["float32", "tf32", "float16", "bfloat16", "int8"])
@pytest.mark.parametrize("changed, right", [(0, True), (2, True), (3, False), (4, False)])
def test_first_answers_that_change_count_as_well_as_how_far_they_are_off(precision, changed, right):
    expected = logits_of(range(8))
    answers = expected.copy()
    for row in range(changed):  # by next to nothing
        expected[row, 9], answers[row, 9] = 0.99999, 1.00001
    fields = compare((answers,), (expected,), precision)
    assert fields["gate_error"] < 1e-3 and fields["gate_agreement"] == 1 - changed / 8 and ("status" not in fields) == right
    assert right or "its first answers on 8 fixed images are only in" in fields["reason"] and check({"model": "A", **fields})


def test_int8_of_which_half_the_first_answers_changed_and_a_third_is_off_does_not_hold():
    """What EfficientNet-B0 once passed with, when its ranges came from noise."""
    expected = logits_of(range(8))
    answers = expected + np.random.default_rng(1).uniform(-0.34, 0.34, expected.shape)
    fields = compare((answers,), (expected,), "int8")
    assert fields["status"] == "wrong_output" and "15.0% is the limit in int8" in fields["reason"]


@pytest.mark.parametrize("batch_size, images", [(1, 8), (3, 9), (8, 8), (32, 32)])
def test_it_answers_in_whole_batches_of_the_size_that_it_is_ready_for(batch_size, images):
    sizes = []

    def answer(logits, given):
        sizes.append(len(given))
        return logits

    assert gated(answer, batch_size=batch_size)["gate_images"] == 8
    assert set(sizes) == {batch_size} and sum(sizes) == images


def test_float32_in_the_usual_mode_is_what_the_others_are_compared_with():
    job = sweep.Job("MLP-64", [2], {"precision": "float32", "mode": adapter.modes[0], **SHAPE})
    assert gated(lambda logits, images: logits, job) == {"gate_images": 8}
    assert gated(lambda logits, images: logits * np.inf, job)["status"] == "wrong_output"


@pytest.mark.slow
def test_a_network_with_wrong_answers_has_no_throughput(cnn, tmp_path, saved, root):
    """Through the real command line: in float64, whose network is made to answer noise."""
    (tmp_path / "sitecustomize.py").write_text(
        "from bench.adapters import numpy as adapter\n"
        "right = adapter.Network._forward\n"
        "adapter.Network._forward = lambda self, images: (right(self, images) + (self.layers[0][0].dtype == 'float64') * images.reshape(len(images), -1)[:, :10])\n"
    )
    words = ("throughput", "--framework", "numpy", "--models", "MLP-64", "--batch-sizes", "1,2", "--rounds", "2", "--seconds", "0.1",
             "--precision", "float64", "--results", tmp_path / "results")  # fmt: skip
    done = cnn(*words, environment={"PYTHONPATH": f"{tmp_path}:{root}"})
    records = saved(tmp_path / "results")
    assert done.returncode == 0 and len(records) == 2, done.stderr
    assert all(record["status"] == "wrong_output" and record.get("throughput") is None and "is the limit in float64" in record["reason"] for record in records)


@pytest.mark.parametrize("precision, mode", [("float32", "eager"), ("float32", "other"), ("float16", "eager")])
def test_every_batch_size_has_to_get_through_with_float32_loaded_once(precision, mode):
    job, loaded = sweep.Job("MLP-64", [2, 16], {"precision": precision, "mode": mode, **SHAPE}), []

    def load(*args):
        loaded.append(args)
        return adapter.load(*args)

    network = Answering(lambda logits, images: logits * (1.5 if len(images) == 16 else 1))  # right for two images, wrong for sixteen
    closed = gate.Gate(TASK, SimpleNamespace(modes=("eager", "other"), load=load), job, "cpu")
    first, again, wrong = (closed.check(network, batch_size) for batch_size in (2, 2, 16))
    assert first == again and "status" not in first and wrong["status"] == "wrong_output"
    assert len(loaded) == ((precision, mode) != ("float32", "eager"))
