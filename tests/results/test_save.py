"""Saving: a file that is whole after every record, whoever else writes it."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep

import pytest

from dlmark.benchmark import ResultsError, SaveResults, load_results
from dlmark.machine import lock
from dlmark.record import RecordError, point
from dlmark.results import files
from dlmark.results.files import read_records

ROOT = Path(__file__).parents[2]
POINT = {"model": "AlexNet", "batch_size": 1, "framework": "mxnet"}


def write(folder, name="a.json", records=(POINT,)):
    path = Path(folder, name)
    path.write_text(json.dumps(list(records)))
    return path


# ---- saving ----


def test_what_is_added_is_in_the_file(tmp_path):
    SaveResults("a.json", tmp_path).add(POINT)
    assert json.loads((tmp_path / "a.json").read_text()) == [POINT]


def test_a_record_a_line_so_that_a_diff_can_be_read(tmp_path):
    results = SaveResults("a.json", tmp_path)
    for batch_size in (1, 2, 4):
        results.add(POINT | {"batch_size": batch_size})
    assert len((tmp_path / "a.json").read_text().splitlines()) == 5


def test_the_same_point_again_takes_the_place_of_the_older(tmp_path):
    results = SaveResults("a.json", tmp_path)
    for record in (POINT | {"throughput": 1.0}, POINT | {"batch_size": 2}, POINT | {"throughput": 3.0}):
        results.add(record)
    assert load_results("*", tmp_path)["throughput"].fillna(0).tolist() == [3.0, 0.0]


def test_another_run_goes_on_where_the_file_ends(tmp_path):
    SaveResults("a.json", tmp_path).add(POINT)
    results = SaveResults("a.json", tmp_path)
    results.add(POINT | {"batch_size": 2})
    assert results.get(POINT) == POINT and len(load_results("*", tmp_path)) == 2


@pytest.mark.parametrize("field, value", [("framework_version", "2"), ("threads", 3), ("precision", "int8"), ("host", "x"), ("source", "measured")])
def test_a_point_measured_under_other_conditions_is_another_point(field, value, tmp_path):
    results = SaveResults("a.json", tmp_path)
    results.add(POINT)
    results.add(POINT | {field: value})
    assert len(load_results("*", tmp_path, history=True)) == 2


def test_two_searches_of_the_largest_batch_are_one_point(tmp_path):
    search = POINT | {"memory_limit_mb": 2048}
    assert point(search | {"batch_size": 7}) == point(search | {"batch_size": 9}) != point(POINT)


def test_a_record_that_breaks_the_format_is_refused_and_changes_nothing(tmp_path):
    results = SaveResults("a.json", tmp_path)
    results.add(POINT)
    before = (tmp_path / "a.json").read_bytes()
    with pytest.raises(RecordError, match="a.json: new record: field throughput"):
        results.add(POINT | {"throughput": float("nan")})
    results.add(POINT | {"batch_size": 2})
    assert before[:-3] in (tmp_path / "a.json").read_bytes() and len(load_results("*", tmp_path)) == 2


def test_opening_a_bad_file_changes_nothing(tmp_path):
    (tmp_path / "a.json").write_text("[{")
    with pytest.raises(ResultsError, match="a.json"):
        SaveResults("a.json", tmp_path)
    assert (tmp_path / "a.json").read_text() == "[{"


def test_opening_makes_the_folder_but_no_file(tmp_path):
    SaveResults("a.json", tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_a_new_file_has_the_access_that_the_umask_leaves(tmp_path, umask):
    SaveResults("a.json", tmp_path).add(POINT)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_a_file_keeps_its_access(mode, tmp_path, umask):
    results = SaveResults("a.json", tmp_path)
    results.add(POINT)
    (tmp_path / "a.json").chmod(mode)
    results.add(POINT | {"batch_size": 2})
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == mode and len(load_results("*", tmp_path)) == 2


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_and_its_target_is_written_and_locked(is_there, tmp_path):
    for folder in ("links", "files"):
        (tmp_path / folder).mkdir()
    if is_there:
        write(tmp_path / "files", "target", [POINT])
    (tmp_path / "links" / "a.json").symlink_to(tmp_path / "files" / "target")
    results = SaveResults("a.json", tmp_path / "links")
    results.add(POINT | {"batch_size": 2})
    with lock.writing(tmp_path / "files" / ".target.lock", print):
        results.patience_s = 0.05
        with pytest.raises(ResultsError, match="can't be locked"):
            results.add(POINT | {"batch_size": 3})
    assert (tmp_path / "links" / "a.json").is_symlink() and len(read_records(tmp_path / "files" / "target")) == is_there + 1
    assert [len(list((tmp_path / folder).iterdir())) for folder in ("links", "files")] == [1, 1]


def test_a_link_to_itself_is_refused_and_stays(tmp_path):
    (tmp_path / "a.json").symlink_to("a.json")
    with pytest.raises(ResultsError, match="a.json: can't be written .Too many levels of symbolic links"):
        SaveResults("a.json", tmp_path)
    with pytest.raises(ResultsError, match="Too many levels"):
        files.write_records(tmp_path / "a.json", [POINT])
    assert (tmp_path / "a.json").is_symlink()


def test_a_file_where_the_folder_should_be_is_told_at_once(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(ResultsError, match="can't be written.*--results or DLMARK_RESULTS"):
        SaveResults("a.json", tmp_path / "results")


def test_a_folder_name_too_long_is_told_at_once(tmp_path):
    with pytest.raises(ResultsError, match="can't be written.*too long"):
        SaveResults("a.json", tmp_path / ("x" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_closed_folder_is_told_at_once(mode, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=mode)
    with pytest.raises(ResultsError, match="can't be written"):
        SaveResults("a.json", closed)


def test_a_full_disk_keeps_the_file_as_it_was(tmp_path):
    import resource

    results = SaveResults("a.json", tmp_path)
    results.add(POINT)
    before = (tmp_path / "a.json").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
        with pytest.raises(ResultsError, match="can't be written"):
            results.add(POINT | {"batch_size": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "a.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


ADDER = """
import sys
from dlmark.benchmark import SaveResults
results = SaveResults("a.json", sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for batch_size in range(1, 51):
    results.add({"model": sys.argv[2], "batch_size": batch_size})
"""


def test_two_processes_that_save_into_one_file_lose_nothing(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", ADDER, tmp_path, model], cwd=ROOT, **pipes) for model in ("A", "B")]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("go\n", timeout=60)
        assert process.returncode == 0
    saved = load_results("*", tmp_path)
    assert sorted(zip(saved["model"], saved["batch_size"])) == [(model, size) for model in "AB" for size in range(1, 51)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_another_process_saved_is_held_after_the_next_save(tmp_path):
    mine, other = SaveResults("a.json", tmp_path), SaveResults("a.json", tmp_path)
    other.add(POINT | {"batch_size": 2})
    mine.add(POINT)
    assert mine.records() == [POINT | {"batch_size": 2}, POINT]


def test_a_file_that_was_removed_is_written_again_with_all_that_is_held(tmp_path):
    results = SaveResults("a.json", tmp_path)
    results.add(POINT)
    results.path.unlink()
    results.add(POINT | {"batch_size": 2})
    assert len(load_results("*", tmp_path)) == 2


def test_a_lock_is_no_result(tmp_path):
    write(tmp_path)
    (tmp_path / ".a.json.lock").write_text("")
    assert list(load_results("*", tmp_path)["file"]) == ["a.json"]


def test_the_lock_that_a_kill_left_stops_nobody(tmp_path):
    (tmp_path / ".a.json.lock").write_text("")
    SaveResults("a.json", tmp_path).add(POINT)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_without_locks_there_is_saving_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    monkeypatch.setattr("dlmark.machine.claims.fcntl", None)
    SaveResults("a.json", tmp_path).add(POINT)
    assert len(load_results("*", tmp_path)) == 1


def test_many_records_replace_the_older_ones_of_their_points(tmp_path):
    results = SaveResults("a.json", tmp_path)
    results.replace([POINT, POINT | {"batch_size": 2}])
    results.replace([POINT | {"batch_size": 2, "throughput": 5.0}, POINT | {"batch_size": 3}])
    held = [POINT, POINT | {"batch_size": 2, "throughput": 5.0}, POINT | {"batch_size": 3}]
    assert results.records() == held == json.loads(results.path.read_text())


def test_of_many_records_one_that_breaks_the_format_keeps_all_from_being_saved(tmp_path):
    results = SaveResults("a.json", tmp_path)
    with pytest.raises(RecordError, match="a.json: new record: field throughput"):
        results.replace([POINT, POINT | {"batch_size": 2, "throughput": -1.0}])
    assert results.records() == [] and not results.path.exists()


SAVER = """
import sys
from dlmark.benchmark import SaveResults
results = SaveResults("a.json", sys.argv[1])
for number in range(1, 100_000):
    results.add({"model": "AlexNet", "batch_size": number, "block_times_s": [0.1] * 1_000})
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_in_the_middle_of_saving_loses_no_saved_point(seed, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SAVER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert [process.stdout.readline() for _ in range(2)] == ["1\n", "2\n"]
    sleep(0.05 + 0.2 * random.Random(seed).random())  # the kill should come anywhere within a save
    process.kill()
    said = [1, 2, *map(int, process.stdout.read().split())]
    process.wait()
    process.stdout.close()
    held = list(load_results("a.json", tmp_path)["batch_size"])
    assert held[: len(said)] == said and len(held) <= len(said) + 1
