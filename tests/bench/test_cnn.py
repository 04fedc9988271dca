"""The image-classification bench through its real command line, with NumPy as the framework."""

import os
import resource
import signal
from time import sleep

import numpy as np
import pytest

from bench import adapters
from bench import cnn as bench_cnn
from bench.adapters import numpy as numpy_adapter
from bench.run import asked, options
from bench.run import largest as search
from bench.run.asked import chosen_models
from dlmark.benchmark import load_results
from dlmark.machine import memory
from dlmark.measure import rounds, sweep
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.record import check

QUICK = ("--framework", "numpy", "--models", "MLP-64", "--seconds", "0.1", "--threads", "1")
ONCE = (*QUICK, "--rounds", "1")
LONG = ("--batch-sizes", "1,2", "--rounds", "200")  # still at work when a signal comes, however busy the machine is


def traceless(done):
    """One line for the user, and not Python's own account."""
    return "Traceback" not in done.stderr and "Traceback" not in done.stdout


# ---- throughput ----


@pytest.fixture(scope="module")
def measured(tmp_path_factory, cnn):
    folder = tmp_path_factory.mktemp("measured")
    done = cnn("throughput", *QUICK, "--batch-sizes", "4,1", "--results", folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_each_batch_size_becomes_a_record(measured, saved):
    assert [(r["model"], r["batch_size"], r["status"]) for r in saved(measured[0])] == [("MLP-64", 1, "ok"), ("MLP-64", 4, "ok")]


@pytest.mark.parametrize("name", [
    "workload", "framework", "framework_version", "precision", "mode", "input_shape", "threads", "device", "host", "library_versions",
    "throughput", "throughput_half_width", "block_times_s", "calls_per_block", "import_s", "build_s", "first_call_s", "warmup_s",
    "device_mem", "process_mem_mb", "flags", "grade", "grade_reasons", "round_blocks", "round_spread", "spent_s", "time_cap_s", "source", "measured_at", "command", "format_version",
])  # fmt: skip
def test_a_record_is_complete(name, measured, saved):
    assert all(record[name] is not None for record in saved(measured[0]))


def test_throughput_interval_and_grade_follow_from_the_raw_times(measured, saved):
    records = saved(measured[0])
    bare = [{name: value for name, value in record.items() if not name.startswith(("throughput", "grade", "round_spread"))} for record in records]
    assert rounds.settle(bare) == records


def test_each_point_has_two_rounds_the_second_in_reverse_order(measured, saved):
    # Only a round that was disturbed to the end is made up for with a third.
    assert all(rounds.count(record) == 2 or record["contended_blocks"] for record in saved(measured[0]))
    visits = [line.partition("] ")[2].partition(":")[0] for line in measured[1].stdout.splitlines() if line.startswith("[")]
    assert visits[:4] == ["MLP-64 batch 1", "MLP-64 batch 4", "MLP-64 batch 4", "MLP-64 batch 1"]


def test_the_canary_and_the_host_were_watched(measured, saved):
    for record in saved(measured[0]):
        assert record["canary_drift"] >= 0 and record["other_cpu_share"] >= 0 and record["cpu_per_wall"] > 0


def test_the_command_measures_it_again_and_leaves_the_folder_out(measured, saved):
    expected = "python -m bench.cnn throughput --framework numpy --models MLP-64 --seconds 0.1 --threads 1 --batch-sizes 4,1"
    assert {record["command"] for record in saved(measured[0])} == {expected}


def test_the_file_is_named_after_script_function_framework_and_device(measured):
    (path,) = measured[0].iterdir()
    assert path.name.startswith("cnn.py__benchmark_throughput__numpy__") and path.name.endswith("-1-thread.json")


def test_a_notebook_can_load_it(measured):
    assert list(load_results("cnn.py__benchmark_throughput.json", measured[0])["batch_size"]) == [1, 4]


def test_each_finished_point_is_told(measured):
    assert "[1/4] MLP-64 batch 1: " in measured[1].stdout and "[4/4] MLP-64 batch 1: " in measured[1].stdout


def test_a_second_run_measures_nothing(measured, cnn):
    (path,) = measured[0].iterdir()
    before = path.read_bytes()
    done = cnn("throughput", *QUICK, "--batch-sizes", "1,4", "--results", measured[0])
    assert done.returncode == 0 and "0 to measure" in done.stdout and "2 of 2 are in" in done.stdout
    assert path.read_bytes() == before


def test_again_measures_again(measured, tmp_path, cnn, saved):
    (path,) = measured[0].iterdir()
    (tmp_path / path.name).write_bytes(path.read_bytes())
    assert cnn("throughput", *ONCE, "--batch-sizes", "1", "--results", tmp_path, "--again").returncode == 0
    before, after = saved(measured[0]), saved(tmp_path)
    assert after[:2] == before and len(after) == 3 and after[2]["session"] != before[0]["session"]
    assert after[2]["block_times_s"] != before[0]["block_times_s"] and "--again" not in after[2]["command"] and "--session" not in after[2]["command"]
    lines = [file.read_text().splitlines() for file in (path, *tmp_path.iterdir())]
    assert lines[1][1] == lines[0][1] and lines[1][2].removesuffix(",") == lines[0][2]
    assert len(load_results("*", tmp_path)) == 2


@pytest.mark.slow
def test_a_gpu_that_is_lost_in_the_middle_becomes_records_that_say_so(nvml, cnn, saved, tmp_path, root):
    """NumPy stands in for the framework of a GPU, which NVML loses after some questions of each process."""
    (tmp_path / "sitecustomize.py").write_text("import bench.adapters.numpy\nbench.adapters.numpy.start = lambda device='cpu': None\n")
    environment = nvml.environment(LOST_AFTER="60") | {"PYTHONPATH": f"{tmp_path}:{root}"}
    words = ("--framework", "numpy", "--device", "gpu:0", "--models", "MLP-64,MLP-1024", "--batch-sizes", "1,8", "--seconds", "0.2", "--rounds", "1")
    done = cnn("throughput", *words, "--results", tmp_path / "results", environment=environment)
    records = saved(tmp_path / "results")
    assert len(records) == 4 and traceless(done)
    lost = [record for record in records if record["status"] == "crashed"]
    assert lost and all("gpu:0 is lost" in record["reason"] and record.get("throughput") is None for record in lost)


def until_the_first_point(process):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("[1/"):
            return lines
    raise AssertionError("ended before the first point: " + "".join(lines))


def test_a_kill_loses_no_finished_point_and_the_same_command_goes_on(tmp_path, start_cnn, cnn, saved):
    words = ("throughput", *QUICK, "--batch-sizes", "1,2", "--results", tmp_path)
    process = start_cnn(*words)
    until_the_first_point(process)
    process.kill()
    process.communicate()
    first = saved(tmp_path)
    assert first[0]["batch_size"] == 1
    done = cnn(*words)
    assert done.returncode == 0 and f"{2 - len(first)} to measure" in done.stdout
    for before, after in zip(first, saved(tmp_path)):
        assert after["block_times_s"][: len(before["block_times_s"])] == before["block_times_s"]
    assert all(rounds.count(record) >= 2 for record in saved(tmp_path))
    assert [record["batch_size"] for record in saved(tmp_path)] == [1, 2]


def test_ctrl_c_keeps_all_and_says_how_to_go_on(tmp_path, start_cnn, saved):
    process = start_cnn("throughput", *QUICK, *LONG, "--results", tmp_path)
    until_the_first_point(process)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to the parent and to the child
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "\nStopped. Every finished point is saved; the same command goes on from there.\n"
    assert saved(tmp_path)[0]["batch_size"] == 1


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_ctrl_c_while_the_measuring_process_starts_shows_no_traceback(delay_s, tmp_path, start_cnn):
    process = start_cnn("throughput", *QUICK, *LONG, "--results", tmp_path)
    assert "2 to measure" in process.stdout.readline()
    sleep(delay_s)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err


def test_a_point_that_would_take_too_long_is_recorded_and_not_measured(tmp_path, cnn, saved):
    done = cnn("throughput", *ONCE, "--batch-sizes", "1,50000", "--time-cap", "0.01", "--results", tmp_path)
    short, long = saved(tmp_path)
    assert done.returncode == 0 and short["status"] == "ok"
    assert long["status"] == "time_cap" and "more than the cap of 0.01 s" in long["reason"] and "throughput" not in long


def test_a_larger_cap_tries_again_what_a_smaller_one_cut():
    job = sweep.Job("MLP-64", [1], {})

    class Held:
        def get(self, record):
            return {"status": "time_cap", "time_cap_s": 10}

    assert sweep.missing(job, Held(), time_cap_s=11).batch_sizes == [1]
    assert sweep.missing(job, Held(), time_cap_s=10).batch_sizes == []


def test_out_of_memory_leaves_larger_batches_untried(tmp_path, cnn, saved):
    def a_small_machine():
        resource.setrlimit(resource.RLIMIT_DATA, (2 * 2**30, 2 * 2**30))

    sizes = "1,1000000,2000000"
    done = cnn("throughput", *ONCE, "--batch-sizes", sizes, "--time-cap", "900000", "--results", tmp_path, preexec_fn=a_small_machine)
    fits, fails, untried = saved(tmp_path)
    assert done.returncode == 0 and "1 measured, 2 out of memory" in done.stdout
    assert fits["status"] == "ok"
    assert fails["status"] == "out_of_memory" and "Unable to allocate" in fails["reason"]
    assert untried["reason"] == "not tried: batch 1000000 already ran out of memory"


# ---- the largest batch ----


def test_the_largest_batch_fits_and_the_next_does_not(tmp_path, cnn, saved):
    done = cnn("largest-batch-size", *QUICK[:4], "--threads", "1", "--memory-limit", "60", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = saved(tmp_path)
    assert record["status"] == "ok" and record["memory_limit_mb"] == 60 and record["trials"] >= 4
    assert "MLP-64 batch" in done.stdout and "the largest within 60 MB" in done.stdout
    largest = record["batch_size"]

    def tries(batch_size):
        job = sweep.Job("MLP-64", [batch_size], {"precision": "float32", "input_shape": [3, 32, 32]})
        environment = numpy_adapter.environment(1) | search.ALLOCATOR
        return list(run_in_process(search.try_batch, job, "numpy", "cpu", 60, bench_cnn.TASK, silence_s=60, environment=environment))

    margin = 1 + largest // 100  # what the allocator had free already differs by a page or so between processes
    ((used_mb, bounded_mb),) = tries(largest - margin)
    assert 0 < used_mb < 62  # resident memory also counts pages of the libraries, which the limit does not
    with pytest.raises(ProcessEnded) as ended:
        tries(largest + margin)
    assert ended.value.status == "out_of_memory"


def test_a_limit_that_holds_no_image_is_a_record_with_the_reason(tmp_path, cnn, saved):
    done = cnn("largest-batch-size", "--framework", "numpy", "--models", "MLP-1024", "--memory-limit", "1", "--results", tmp_path)
    (record,) = saved(tmp_path)
    assert done.returncode == 0
    assert (record["status"], record["reason"]) == ("out_of_memory", "not even one image fits into 1 MB")


def test_another_limit_is_another_point(tmp_path, cnn, saved):
    for limit in ("1", "2", "1"):
        done = cnn("largest-batch-size", "--framework", "numpy", "--models", "MLP-1024", "--memory-limit", limit, "--results", tmp_path)
    assert [record["memory_limit_mb"] for record in saved(tmp_path)] == [1, 2]
    assert "0 to measure" in done.stdout


def test_the_enforced_limit_is_of_growth(root):
    (grew,) = run_in_process(grow, 50, 40, silence_s=60)
    assert grew
    (grew,) = run_in_process(grow, 50, 60, silence_s=60)
    assert not grew


def grow(limit_mb, by_mb):
    memory.limit_growth(limit_mb)
    try:
        np.ones(by_mb * 2**17)
        yield True
    except MemoryError:
        yield False


# ---- a user's mistakes ----

MISTAKES = {
    "unknown network": (("--models", "MLP-46"), "unknown network 'MLP-46'; did you mean MLP-64"),
    "unknown glob": (("--models", "VGG-*"), "unknown network 'VGG-*'; there are: MLP-64, MLP-1024, MLP-1024x2"),
    "unknown framework": (("--framework", "nunpy"), "unknown framework 'nunpy'; did you mean numpy?"),
    "unknown device": (("--device", "tpu"), "unknown device 'tpu': expected cpu, gpu or gpu:N"),
    "missing device": (("--device", "gpu:77"), "no device gpu:77"),
    "unknown precision": (("--precision", "int4"), "numpy is measured in float32, float64 here, not in 'int4'"),
    "batch size of 0": (("--batch-sizes", "1,0"), "expected a whole number of at least 1, got '0'"),
    "batch size in words": (("--batch-sizes", "1,two"), "expected a whole number of at least 1, got 'two'"),
    "batch sizes with a gap": (("--batch-sizes", "1,,2"), "expected a whole number of at least 1, got ''"),
    "no time": (("--seconds", "0"), "expected a number of seconds above 0, got '0'"),
    "not a time": (("--time-cap", "nan"), "expected a number of seconds above 0, got 'nan'"),
    "no threads": (("--threads", "0"), "expected a whole number of at least 1, got '0'"),
    "unknown option": (("--bacth-sizes", "1"), "unrecognized arguments"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_line(mistake, cnn, tmp_path):
    words, expected = MISTAKES[mistake]
    done = cnn("throughput", "--framework", "numpy", *words, "--results", tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and expected in last and last.startswith("python -m bench.cnn") and traceless(done)
    assert list(tmp_path.iterdir()) == []


def test_results_that_cannot_be_written_are_told_before_measuring(cnn, tmp_path):
    (tmp_path / "file").write_text("")
    done = cnn("throughput", *QUICK, "--results", tmp_path / "file")
    assert done.returncode == 2 and "can't be written" in done.stderr and traceless(done)
    assert len(done.stderr.splitlines()) == 1 and done.stdout == ""


def test_a_broken_result_file_is_told_and_left_alone(measured, tmp_path, cnn):
    (path,) = measured[0].iterdir()
    (tmp_path / path.name).write_bytes(path.read_bytes()[:-50])
    done = cnn("throughput", *QUICK, "--batch-sizes", "1", "--results", tmp_path)
    assert done.returncode == 2 and "not readable JSON" in done.stderr and traceless(done)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()[:-50]


def test_a_framework_that_is_not_installed_says_how_to_install_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(numpy_adapter, "packages", ("no-such-package",))
    assert options.main(bench_cnn.parser(), ["throughput", "--framework", "numpy", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "python -m bench.cnn: numpy is not installed here. pip install numpy\n"


def test_help_tells_every_command(cnn):
    done = cnn("--help")
    assert done.returncode == 0 and all(name in done.stdout for name in ("throughput", "largest-batch-size", "accuracy"))


@pytest.mark.parametrize("pattern, chosen", [
    ("ResNet-v1-*,AlexNet", ["ResNet-v1-18", "ResNet-v1-50", "AlexNet"]), ("alexnet", ["AlexNet"]), ("*", ["AlexNet", "ResNet-v1-18", "ResNet-v1-50"]),
    ("AlexNet, alex*", ["AlexNet"]),
])  # fmt: skip
def test_networks_are_chosen_by_name_or_glob_each_once(pattern, chosen):
    assert chosen_models(pattern, ["AlexNet", "ResNet-v1-18", "ResNet-v1-50"]) == chosen


@pytest.mark.parametrize("framework, name, shown", [
    ("mxnet", "resnet50_v1", "ResNet-v1-50"), ("mxnet", "VGG16", "VGG-16"), ("torch", "resnet50", "ResNet-v1b-50"), ("torch", "torchvision/resnet50", "ResNet-v1b-50"),
    ("torch", "timm/vit_base_patch16_224", "ViT-B-16"), ("torch", "vit_base_patch16_224.augreg_in21k", "ViT-B-16"), ("jax", "ResNet50", "Keras-ResNet50"),
])  # fmt: skip
def test_a_network_is_found_by_the_frameworks_own_id_too(framework, name, shown):
    ids = adapters.get(framework).models["classification"]
    assert chosen_models(name, list(ids), ids) == [shown]


def test_an_id_of_another_library_is_refused_with_the_nearest_names():
    ids = adapters.get("mxnet").models["classification"]
    with pytest.raises(options.UsageError, match="unknown network 'resnet50'; did you mean .*ResNet-v1-50"):
        chosen_models("resnet50", list(ids), ids)


def test_a_command_that_names_more_networks_than_a_records_text_holds_is_shortened():
    words = asked.command("python -m bench.cnn throughput", ["--models", ",".join(f"a-network-{number}" for number in range(300))])
    assert check({"model": "A", "command": words}) and words.startswith("python -m bench.cnn throughput --models a-network-0,") and words.endswith("…")
