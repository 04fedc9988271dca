"""JAX's adapter. JAX is in this environment or, as it wants another NumPy, in .venv-jax, whose interpreter then runs what is tested."""

import json
import os
import subprocess

import numpy as np
import pytest
from jax_interpreter import PYTHON, ROOT, alone, needs_jax

from bench import adapters
from bench.adapters import jax as adapter

# ---- without JAX ----


def test_there_are_networks_for_every_default():
    known = adapter.models["classification"]
    assert len(known) >= 12 and set(adapter.defaults) <= set(known) and set(adapter.SIDES) <= set(known) and len(adapter.defaults) >= 12


def test_its_networks_that_no_other_framework_has_are_called_keras():
    others = set(adapters.get("mxnet").models["classification"]) | set(adapters.get("torch").models["classification"])
    for model in adapter.models["classification"]:
        assert model.startswith("Keras-") == (model not in others), model


def test_what_is_compared_on_a_gpu_is_named_and_a_cpu_has_float32_alone():
    assert adapter.combinations("cpu") == [("float32", "compiled")]
    assert [precision for precision, _ in adapter.combinations("gpu")] == ["float32", "tf32", "bfloat16", "float16"]
    assert adapter.settings("gpu", "float32", "compiled") == {"layout": "NHWC", "autotune": "on"}


# ---- with JAX ----


@needs_jax
@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="there is a GPU here")
def test_a_build_without_a_gpu_says_so():
    (said,) = alone("""
try:
    adapter.start("gpu")
except NotImplementedError as error:
    say(reason=str(error))
""")
    assert "JAX finds no GPU" in said["reason"] and "--device cpu" in said["reason"] and "\n" not in said["reason"]


@needs_jax
@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float16"])
def test_a_precision_that_a_cpu_only_imitates_is_refused(precision):
    (said,) = alone("""
try:
    adapter.load("classification", "Keras-MobileNet", precision=sys.argv[1])
except NotImplementedError as error:
    say(reason=str(error))
""", precision)  # fmt: skip
    assert precision in said["reason"] and "use --precision float32" in said["reason"]


@needs_jax
def test_what_waits_waits_for_all_that_was_queued():
    (said,) = alone("""
import jax
adapter.start("cpu")
work = jax.jit(lambda a: a @ a @ a @ a)
a, queued = np.ones((512, 512), np.float32), []
run, wait = adapter.pieces.queued(lambda: queued.append(work(a)) or queued[-1])
for _ in range(20):
    run()
wait()
say(ready=[bool(out.is_ready()) for out in queued])
""")
    assert said["ready"] == [True] * 20


@needs_jax
def test_the_pieces_of_work_for_the_ceilings_do_what_they_say():
    (said,) = alone("""
results = []
queued = adapter.pieces.queued
adapter.pieces.queued = lambda call: queued(lambda: results.append(call()) or results[-1])
for run, wait in (adapter.matrix_product("cpu", 64), adapter.copy("cpu", 1), adapter.small_call("cpu")):
    run()
    wait()
a = np.random.default_rng(0).random((64, 64), np.float32)
say(product=float(np.abs(np.asarray(results[0]) - a @ a).max()), copied=results[1].nbytes, sum=np.asarray(results[2]).tolist())
""")
    assert said["product"] < 1e-4 and said["copied"] == 2**20 and said["sum"] == [2.0]


@needs_jax
def test_the_ceilings_need_no_keras_and_a_network_says_that_it_does():
    (said,) = alone("""
sys.modules["keras"] = None  # as where it is not installed
for run, wait in (adapter.matrix_product("cpu", 64), adapter.copy("cpu", 1), adapter.small_call("cpu")):
    run()
    wait()
try:
    adapter.load("classification", "Keras-MobileNet")
except NotImplementedError as error:
    say(reason=str(error))
""")
    assert "pip install keras" in said["reason"] and "\n" not in said["reason"]


@needs_jax
def test_keras_runs_on_jax_whatever_else_it_is_told_to():
    (said,) = alone("""
import os
os.environ["KERAS_BACKEND"] = "numpy"
adapter.start("cpu")
keras = adapter._keras()
say(backend=keras.backend.backend(), layout=keras.config.image_data_format())
""")
    assert said == {"backend": "jax", "layout": "channels_last"}


@needs_jax
def test_images_come_in_the_range_and_the_layout_that_keras_trained_with():
    """White is 255 in every channel before it is scaled; `caffe` takes each channel's mean away, blue first."""
    (said,) = alone("""
adapter.start("cpu")
white = ((1 - adapter.MEAN) / adapter.STD * np.ones((1, 3, 2, 4))).astype(np.float32)
say(**{way: adapter.scaled(white, way)[0, 0, 0].tolist() for way in ("pixels", "tf", "torch", "caffe")}, shape=adapter.scaled(white, "tf").shape)
""")
    assert said["shape"] == [1, 2, 4, 3]
    assert said["pixels"] == pytest.approx([255] * 3, abs=1e-3) and said["tf"] == pytest.approx([1] * 3, abs=1e-5)
    assert said["torch"] == pytest.approx([2.2489, 2.4286, 2.6400], abs=1e-3)
    assert said["caffe"] == pytest.approx([255 - 103.939, 255 - 116.779, 255 - 123.68], abs=1e-3)


ANSWERS = """
model = sys.argv[1]
network = adapter.load("classification", model)
run, wait = prepared(model, network, 4)
run()
wait()
compiled = network.compilations()
before = compiled()
answers = network.answers((images(model, 4),))[0]
run()
wait()
same = compiled() - before
network.answers((images(model, 3),))[0]
other = compiled() - before
job = job_of(model, "float32")
say(shape=answers.shape, dtype=str(answers.dtype), finite=bool(np.isfinite(answers).all()), apart=float(np.ptp(answers, axis=0).max() / np.abs(answers).max()),
    answers=answers[:, :5].tolist(), same=same, other=other, gate=gate.Gate(TASK, adapter, job, "cpu").check(network, 4))
"""


@pytest.fixture(scope="module")
def answered():
    """What ANSWERS says of a small network."""
    (said,) = alone(ANSWERS, "Keras-MobileNet")
    return said


@needs_jax
@pytest.mark.slow
def test_a_network_answers_and_tells_images_apart(answered):
    assert answered["shape"] == [4, 1000] and answered["dtype"] == "float32" and answered["finite"] and answered["apart"] > 0.01
    assert answered["gate"] == {"gate_images": 8}


@needs_jax
@pytest.mark.slow
def test_random_weights_are_the_same_each_time(answered):
    (again,) = alone(ANSWERS, "Keras-MobileNet", threads=2)
    assert np.abs(np.subtract(again["answers"], answered["answers"])).max() < 1e-3 * np.abs(answered["answers"]).max()


@needs_jax
@pytest.mark.slow
def test_a_compilation_is_seen_when_a_shape_is_new_and_only_then(answered):
    assert answered["same"] == 0 and answered["other"] >= 1


@needs_jax
@pytest.mark.thorough
def test_rounded_weights_are_those_of_float32():
    """bfloat16 is refused on a CPU for its speed alone: here the refusal is put aside, and the gate compares as on a GPU."""
    (said,) = alone("""
model = "Keras-MobileNet"
adapter._go_together = lambda *_: None
network = adapter.load("classification", model, precision="bfloat16")
job = job_of(model, "bfloat16")
say(dtype=str(network.weights[0][0].dtype), **gate.Gate(TASK, adapter, job, "cpu").check(network, 4))
""")
    assert said["dtype"] == "bfloat16" and "status" not in said and 1e-5 < said["gate_error"] < 0.1


@needs_jax
@pytest.mark.slow
def test_float32_asks_a_gpu_for_float32_and_tf32_for_tf32_in_one_process():
    """What is handed to XLA says for each convolution and product how exact it has to be: HIGH is TF32, DEFAULT may be."""
    (said,) = alone("""
import re
model, levels = "Keras-MobileNet", {}
adapter._go_together = lambda *_: None
loaded = {precision: adapter.load("classification", model, precision=precision) for precision in ("float32", "tf32")}
for precision, network in loaded.items():
    text = network._compiled.lower(*network.weights, network._images(images(model, 1))).as_text()
    levels[precision] = sorted(set(re.findall(r"precision (\\w+)>", text)))
    levels[precision + " work"] = len(re.findall(r"stablehlo.(?:convolution|dot_general)", text)) - text.count("precision_config")
say(**levels)
""")
    assert said == {"float32": ["HIGHEST"], "tf32": ["HIGH"], "float32 work": 0, "tf32 work": 0}


@needs_jax
@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core here")
def test_one_thread_takes_one_core():
    (said,) = alone("""
run, wait = adapter.matrix_product("cpu", 1024)
run()
wait()
wall, spent = time.perf_counter(), time.process_time()
for _ in range(20):
    run()
wait()
say(cores=(time.process_time() - spent) / (time.perf_counter() - wall))
""")
    assert said["cores"] < 1.1


@needs_jax
@pytest.mark.slow
def test_throughput_through_the_command_line_has_its_settings_and_its_gate(tmp_path):
    words = ["throughput", "--framework", "jax", "--models", "Keras-MobileNet", "--batch-sizes", "1", "--seconds", "0.3", "--rounds", "1"]
    done = subprocess.run([PYTHON, "-m", "bench.cnn", *words, "--threads", "1", "--results", tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.json")
    (record,) = json.loads(path.read_text(encoding="utf-8"))
    assert record["status"] == "ok" and record["gate_images"] == 8 and record["throughput"] > 0.1, record
    assert (record["mode"], record["layout"], record["threads"]) == ("compiled", "NHWC", 1) and {"jaxlib", "keras"} <= set(record["library_versions"])


@needs_jax
@pytest.mark.slow
def test_training_lowers_the_loss_and_leaves_the_networks_own_weights():
    (said,) = alone("""
model = "Keras-MobileNet"
network = adapter.load("classification", model, training=True)
run, wait = prepared(model, network, 2, training=True)
losses = []
for _ in range(20):
    run()
    wait()
    losses.append(network.loss())
say(losses=losses, answers=bool(np.isfinite(network.answers((images(model, 1),))[0]).all()))
""")
    assert 0 < said["losses"][-2] < said["losses"][0] and said["answers"]
