"""Results: patterns find the files they mean, a bad file is told apart from a good one, and a kill loses nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlmark.benchmark import ResultsError, load_results
from dlmark.record import RecordError
from dlmark.results import files
from dlmark.results.files import file_name, read_records, slug

ROOT = Path(__file__).parents[2]
POINT = {"model": "AlexNet", "batch_size": 1, "framework": "mxnet"}
NAMES = [
    "cnn.py__benchmark_accuracy__mxnet__v100.json",
    "cnn.py__benchmark_largest_batch_size__mxnet__t4.json",
    "cnn.py__benchmark_largest_batch_size__mxnet__v100.json",
    "cnn.py__benchmark_throughput__mxnet__v100.json",
    "detection.py__benchmark_accuracy__mxnet__v100.json",
]


def write(folder, name="a.json", records=(POINT,)):
    path = Path(folder, name)
    path.write_text(json.dumps(list(records)))
    return path


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        write(tmp_path, name)
    return tmp_path


# ---- which files ----


@pytest.mark.parametrize("pattern, found", [
    ("cnn.py__benchmark_largest_batch_size.json", NAMES[1:3]),
    ("cnn.py__benchmark_largest_batch_size", NAMES[1:3]),
    ("cnn*accuracy.json", NAMES[:1]),
    ("*accuracy.json", [NAMES[0], NAMES[4]]),
    ("*__mxnet__t4.json", NAMES[1:2]),
    ("cnn.py__benchmark_throughput__mxnet__v100.json", NAMES[3:4]),
    ("*", NAMES),
])  # fmt: skip
def test_a_pattern_means_these_files(pattern, found, folder):
    assert list(load_results(pattern, folder)["file"]) == found


def test_a_file_of_just_that_name_belongs_to_its_set(folder):
    write(folder, "cnn.py__benchmark_accuracy.json")
    assert len(load_results("cnn.py__benchmark_accuracy.json", folder)) == 2


def test_nothing_matching_lists_what_there_is(folder):
    with pytest.raises(ResultsError) as error:
        load_results("cnn*pose.json", folder)
    assert "'cnn*pose.json'" in str(error.value) and all(name in str(error.value) for name in NAMES)


def test_an_empty_folder_says_how_to_measure(tmp_path):
    with pytest.raises(ResultsError, match="make results"):
        load_results("*", tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ResultsError, match="nowhere"):
        load_results("*", tmp_path / "nowhere")


def test_the_environment_names_the_folder(folder, monkeypatch):
    monkeypatch.setenv("DLMARK_RESULTS", str(folder))
    assert len(load_results("*")) == len(NAMES)


def test_the_argument_goes_before_the_environment(folder, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DLMARK_RESULTS", str(tmp_path_factory.mktemp("other")))
    assert len(load_results("*", folder)) == len(NAMES)


def test_a_leftover_of_a_killed_save_is_not_read(folder):
    Path(folder, "tmpabc.tmp").write_text("[{")
    assert len(load_results("*", folder)) == len(NAMES)


# ---- what a frame holds ----


def test_rows_come_in_the_order_of_file_and_record(tmp_path):
    write(tmp_path, "b.json", [POINT | {"batch_size": n} for n in (4, 2)])
    write(tmp_path, "a.json", [POINT | {"batch_size": n} for n in (8, 1)])
    assert list(load_results("*", tmp_path)["batch_size"]) == [8, 1, 4, 2]


def test_a_record_without_status_is_ok(tmp_path):
    write(tmp_path, records=[POINT, POINT | {"status": "crashed", "reason": "fell"}])
    assert list(load_results("*", tmp_path)["status"]) == ["ok", "crashed"]


def test_a_file_without_records_gives_an_empty_frame_with_columns(tmp_path):
    write(tmp_path, records=[])
    data = load_results("*", tmp_path)
    assert len(data) == 0 and {"model", "batch_size", "throughput", "status"} <= set(data.columns)


def test_the_old_bare_form_loads(tmp_path):
    old = {"device": "Tesla V100", "model": "AlexNet", "batch_size": 1, "throughput": 600.5, "workload": "inference"}
    write(tmp_path, records=[old])
    assert load_results("*", tmp_path).iloc[0].to_dict() == {**old, "status": "ok", "file": "a.json"}


def test_the_old_misspelling_is_read_as_the_right_name(tmp_path):
    write(tmp_path, records=[{"model": "DensetNet-121"}, {"model": "DenseNet-161"}])
    assert list(load_results("*", tmp_path)["model"]) == ["DenseNet-121", "DenseNet-161"]


# ---- bad files ----

GOOD = json.dumps([POINT])
BAD = {
    "cut off": (GOOD[:-4].encode(), ResultsError, "not readable JSON"),
    "empty": (b"", ResultsError, "not readable JSON"),
    "not JSON": (b"<html>", ResultsError, "not readable JSON"),
    "not UTF-8": (GOOD.replace("AlexNet", "Alex\xe9").encode("latin-1"), ResultsError, "not readable JSON"),
    "NaN": (b'[{"model": "AlexNet", "throughput": NaN}]', ResultsError, "NaN is not a number in JSON"),
    "Infinity": (b'[{"model": "AlexNet", "throughput": -Infinity}]', ResultsError, "-Infinity is not a number in JSON"),
    "a number too large for a float": (b'[{"model": "AlexNet", "throughput": 1e999}]', RecordError, "record 0: field throughput"),
    "an integer too large for a float": (b'[{"model": "AlexNet", "throughput": 1' + b"0" * 400 + b"}]", RecordError, "record 0: field throughput"),
    "an integer of a million digits": (b'[{"model": "A", "batch_size": ' + b"9" * 10**6 + b"}]", ResultsError, "not readable JSON"),
    "not a list": (b'{"model": "AlexNet"}', RecordError, "expected a list of records, or an object of their common fields and records, got dict"),
    "not objects": (b"[1]", RecordError, "record 0: expected an object"),
    "one bad among good": (b'[{"model": "A"}, {"model": "B", "batch_size": 0}]', RecordError, "record 1: field batch_size"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, ResultsError, "not readable JSON"),
    "half a pair of a character": (b'[{"model": "\\ud800"}]', RecordError, "record 0: field model"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_with_what_is_wrong(kind, tmp_path):
    content, error_type, words = BAD[kind]
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(error_type) as error:
        load_results("*", tmp_path)
    assert "bad.json" in str(error.value) and words in str(error.value)
    assert len(str(error.value)) < 1_000


@pytest.mark.parametrize("depth", range(600, 1_001, 25))
def test_nesting_near_the_recursion_limit_is_refused_in_words(depth, tmp_path):
    (tmp_path / "bad.json").write_text('[{"model": "A", "flags": ' + "[" * depth + "]" * depth + "}]")
    with pytest.raises((ResultsError, RecordError), match="bad.json"):
        load_results("*", tmp_path)


def test_a_file_too_large_is_not_even_read(tmp_path):
    with open(tmp_path / "large.json", "wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(ResultsError, match="at most 256 MB"):
        load_results("*", tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)], ids=["a pipe", "a link to /dev/zero"])
def test_what_never_ends_is_not_even_read(make, tmp_path):
    """In a process of its own: without the refusal it waits, or takes all the memory that it is given here."""
    make(tmp_path / "bad.json")
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({2**31}, {2**31}))"
    program = f"{limited}\nfrom dlmark.__main__ import main; raise SystemExit(main(['check', {str(tmp_path / 'bad.json')!r}]))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "bad.json: expected a regular file, got a pipe, a device or the like; remove it" in done.stderr


def test_a_link_to_a_result_file_is_read(tmp_path):
    os.symlink(write(tmp_path), tmp_path / "link")
    assert read_records(tmp_path / "link") == [POINT]


def test_a_file_that_states_no_size_is_read_to_the_limit_only(monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 10)
    with pytest.raises(ResultsError, match="got 11 bytes or more"):
        read_records("/proc/self/status")


STRANGE = {
    "a link to itself": (lambda path: os.symlink(path.name, path), "Too many levels of symbolic links"),
    "a link to nothing": (lambda path: os.symlink("nowhere", path), "No such file or directory"),
    "a link to a device": (lambda path: os.symlink("/dev/zero", path), "expected a regular file"),
    "a pipe": (os.mkfifo, "expected a regular file"),
    "a folder": (os.mkdir, "Is a directory"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_file_is_refused_where_the_pattern_means_it_and_only_there(kind, folder):
    make, words = STRANGE[kind]
    make(folder / "x.json")
    assert len(load_results("cnn*", folder)) == 4
    for pattern in ("*", "x.json"):
        with pytest.raises(ResultsError, match=f"x.json.*{words}"):
            load_results(pattern, folder)


def test_a_name_that_is_not_utf_8_is_refused_where_the_pattern_means_it(folder):
    write(folder, os.fsdecode(b"x\xff.json"))
    assert len(load_results("cnn*", folder)) == 4
    with pytest.raises(ResultsError, match="expected a name in UTF-8"):
        load_results("*", folder)
    with pytest.raises(ResultsError, match="expected a name in UTF-8"):
        read_records(folder / os.fsdecode(b"x\xff.json"))


@pytest.mark.parametrize("last, words", [("1", None), ("-1", "field block_times_s"), ('"1"', "field block_times_s"), ("true", "field block_times_s")])
def test_many_block_times_are_checked_without_a_call_for_each(last, words, tmp_path, monkeypatch):
    """A file as large as may be has many millions of them."""
    calls = []
    problem = sys.modules["dlmark.record.checking"]._problem
    monkeypatch.setattr("dlmark.record.checking._problem", lambda *args: calls.append(args) or problem(*args))
    (tmp_path / "a.json").write_text(f'[{{"model": "A", "block_times_s": [{"0.5," * 1_000}{last}]}}]')
    if words is None:
        assert len(read_records(tmp_path / "a.json")[0]["block_times_s"]) == 1_001 and len(calls) == 2
    else:
        with pytest.raises(RecordError, match=words):
            read_records(tmp_path / "a.json")


# ---- names ----


def test_a_file_is_named_after_script_function_framework_and_device():
    name = file_name("cnn.py", "benchmark_accuracy", "mxnet", "Intel(R) Xeon(R) CPU @ 2.20GHz, 2 threads")
    assert name == "cnn.py__benchmark_accuracy__mxnet__intel-r-xeon-r-cpu-2.20ghz-2-threads.json"


@pytest.mark.parametrize("text, expected", [("NVIDIA H100 80GB HBM3", "nvidia-h100-80gb-hbm3"), ("../../etc", "..-..-etc"), ("--", "d8156bae")])
def test_a_slug_is_lower_case_with_single_dashes(text, expected):
    assert slug(text) == expected
