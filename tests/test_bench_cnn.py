"""The image-classification bench through its real command line, with NumPy as the framework."""

import os
import resource
import signal
from time import sleep

import numpy as np
import pytest
from PIL import Image

from bench import cnn as bench_cnn
from bench.adapters import numpy as numpy_adapter
from bench.run import options
from bench.run.plan import chosen_models
from dlmark.benchmark import load_results
from dlmark.machine import device
from dlmark.measure import rounds, sweep
from dlmark.measure.process import ProcessEnded, run_in_process

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
    assert after[0]["block_times_s"] != before[0]["block_times_s"] and "--again" not in after[0]["command"]
    assert after[1]["block_times_s"] == before[1]["block_times_s"] and len(after) == 2


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
    assert "MLP-64 batch" in done.stdout and "is the largest within 60 MB" in done.stdout
    largest = record["batch_size"]

    def tries(batch_size):
        job = sweep.Job("MLP-64", [batch_size], {"precision": "float32"})
        environment = numpy_adapter.environment(1) | bench_cnn.ALLOCATOR
        return list(run_in_process(bench_cnn.try_batch, job, "numpy", "cpu", 60, silence_s=60, environment=environment))

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
    device.limit_memory_growth(limit_mb)
    try:
        np.ones(by_mb * 2**17)
        yield True
    except MemoryError:
        yield False


# ---- accuracy ----

GREYS = [12 + 25 * k for k in range(10)]
# (grey that is painted, class that the folder says): 15 right, 3 among the first five answers, 2 not (the sixth, and the last)
PICTURES = [(k, k) for k in range(10)] + [(k, k) for k in range(5)] + [(9, 5), (3, 2), (7, 8), (0, 5), (1, 9)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The pictures in one folder a class, and flat with a file of labels; and weights that know greys from each other."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "flat").mkdir()
    sizes = [(32, 32), (64, 48), (37, 200), (300, 33)]
    with open(root / "labels.txt", "w") as labels:
        for number, (grey, label) in enumerate(PICTURES):
            image = Image.new("RGB", sizes[number % len(sizes)], (GREYS[grey],) * 3)
            folder = root / "folders" / f"class {label}"
            folder.mkdir(parents=True, exist_ok=True)
            image.save(folder / f"{number}.{'png' if number % 2 else 'PNG'}")
            image.save(root / "flat" / f"{number}.png")
            labels.write(f"{number}.png{', ' if number % 2 else ' '}{label}\n")
    means = [float(np.mean((grey / 255 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225])) for grey in GREYS]
    share = np.full((3 * 32 * 32, 1), 1 / (3 * 32 * 32))
    # The nearest mean m has the largest 2·m·x − m², which is linear in x, the mean of the image.
    np.savez(root / "greys.npz", w0=share * 2 * np.array(means), b0=-np.square(means))
    return root


@pytest.fixture
def accuracy(cnn, pictures, tmp_path):
    def run(*words, weights=pictures / "greys.npz"):
        about = ("--framework", "numpy", "--models", "MLP-64", "--weights", weights, "--dataset", "greys", "--results", tmp_path / "results")
        return cnn("accuracy", *about, *words)

    return run


@pytest.mark.parametrize("layout", ["folders", "flat"])
def test_top_1_and_top_5_are_what_the_pictures_say(layout, pictures, accuracy, tmp_path, saved):
    words = ("--images", pictures / "folders") if layout == "folders" else ("--images", pictures / "flat", "--labels", pictures / "labels.txt")
    done = accuracy(*words, "--batch-size", "7")  # 7, 7 and 6 images
    assert done.returncode == 0, done.stderr
    (record,) = saved(tmp_path / "results")
    assert (record["accuracy"], record["accuracy_top5"], record["images"]) == (0.75, 0.9, 20)
    assert (record["dataset"], record["batch_size"], record["status"]) == ("greys", 7, "ok")
    assert "top-1 75.00%, top-5 90.00% of 20 images" in done.stdout


def test_random_weights_do_not_know_the_pictures(pictures, accuracy, tmp_path, saved):
    assert accuracy("--images", pictures / "folders", weights="random").returncode == 0
    assert saved(tmp_path / "results")[0]["accuracy"] < 0.5


def test_a_hidden_folder_is_no_class(pictures, accuracy, tmp_path, saved):
    folders = tmp_path / "folders"
    folders.mkdir()
    for path in (pictures / "folders").iterdir():
        (folders / path.name).symlink_to(path)
    (folders / ".ipynb_checkpoints").mkdir()
    assert accuracy("--images", folders).returncode == 0
    assert saved(tmp_path / "results")[0]["accuracy"] == 0.75


def broken(pictures, tmp_path, what):
    """A folder of pictures with one thing wrong, and the command's words for it."""
    flat, labels = tmp_path / "flat", tmp_path / "labels.txt"
    flat.mkdir()
    for path in (pictures / "flat").iterdir():
        (flat / path.name).write_bytes(path.read_bytes())
    labels.write_text((pictures / "labels.txt").read_text() + {"word": "a.png cat\n", "lost": "lost.png 1\n", "one word": "0.png\n"}.get(what, ""))
    if what == "no labels file":
        labels.unlink()
    if what == "empty labels":
        labels.write_text("\n")
    return ("--images", flat, "--labels", labels)


@pytest.mark.parametrize("what, words", [
    ("word", "line 21: expected a file name and a class number"), ("one word", "line 21: expected"),
    ("lost", "1 of its 21 images are not in"), ("no labels file", "no file"), ("empty labels", "0 of its 0 images"),
])  # fmt: skip
def test_labels_that_do_not_fit_the_images_are_told(what, words, pictures, accuracy, tmp_path):
    done = accuracy(*broken(pictures, tmp_path, what))
    assert done.returncode == 2 and words in done.stderr and "labels.txt" in done.stderr and traceless(done)


@pytest.mark.parametrize("folder, words", [("nowhere", "no folder"), ("flat", "--labels names the file"), ("empty", "no images")])
def test_a_wrong_folder_of_images_is_told(folder, words, pictures, accuracy):
    (pictures / "empty").mkdir(exist_ok=True)
    done = accuracy("--images", pictures / folder)
    assert done.returncode == 2 and words in done.stderr and traceless(done)


def test_a_missing_file_of_weights_is_told_at_once(pictures, accuracy, tmp_path):
    done = accuracy("--images", pictures / "folders", weights=pictures / "nowhere.npz")
    assert done.returncode == 2 and "nowhere.npz" in done.stderr and traceless(done)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut off"])
def test_an_unreadable_image_is_named_in_the_record(content, pictures, accuracy, tmp_path, saved):
    words = broken(pictures, tmp_path, "image")
    (tmp_path / "flat" / "13.png").write_bytes(content)
    done = accuracy(*words)
    (record,) = saved(tmp_path / "results")
    assert record["status"] == "crashed" and "13.png can't be read as an image" in record["reason"] and traceless(done)


def test_fewer_outputs_than_classes_are_told_in_the_record(pictures, accuracy, tmp_path, saved):
    np.savez(tmp_path / "two.npz", w0=np.zeros((3072, 2)), b0=np.zeros(2))
    accuracy("--images", pictures / "folders", weights=tmp_path / "two.npz")
    assert "2 outputs, but the images have 10 classes" in saved(tmp_path / "results")[0]["reason"]


def test_answers_that_are_no_numbers_are_not_counted(pictures, accuracy, tmp_path, saved):
    np.savez(tmp_path / "nan.npz", w0=np.full((3072, 10), np.nan), b0=np.zeros(10))
    accuracy("--images", pictures / "folders", weights=tmp_path / "nan.npz")
    (record,) = saved(tmp_path / "results")
    assert record["status"] == "crashed" and "finite" in record["reason"] and "accuracy" not in record


def test_a_framework_without_pretrained_weights_says_so(pictures, accuracy, tmp_path, saved):
    accuracy("--images", pictures / "folders", weights="pretrained")
    (record,) = saved(tmp_path / "results")
    assert record["status"] == "unsupported" and "name an .npz file" in record["reason"]


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
