"""What a run can't put into its results file is kept elsewhere, told once, and taken up by the next run: nothing measured is lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rescued import NAME, a, close, kept, kept_in, sizes

from dlmark.benchmark import SaveResults
from dlmark.machine import lock
from dlmark.results.files import read_records
from dlmark.results.rescue import RunResults

pytestmark = pytest.mark.usefixtures("own_state")


# ---- the file is replaced by something wrong ----


def not_json(path):
    path.write_text("<<<<<<< HEAD")


def a_wrong_record(path):
    path.write_text('[{"model": "AlexNet", "batch_size": 0}]')


def twins(path):
    path.write_text(json.dumps([a(1), a(1)]))


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def a_link_to_itself(path):
    path.unlink()
    path.symlink_to(path.name)


def a_lock_that_is_a_pipe(path):
    os.mkfifo(path.with_name(f".{path.name}.lock"))


def mended(path):
    """Take away whatever stands in the place of the file, or of its lock."""
    for wrong in (path, path.with_name(f".{path.name}.lock")):
        if wrong.is_dir():
            wrong.rmdir()
        else:
            wrong.unlink(missing_ok=True)


WRONGS = [not_json, a_wrong_record, twins, a_folder, a_pipe, a_link_to_itself, a_lock_that_is_a_pipe]


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_is_measured_while_the_file_is_wrong_is_kept_beside_it_and_told_in_one_line(wrong, opened, tmp_path):
    results, told = opened
    wrong(results.path)
    for batch_size in (2, 3):
        results.add(a(batch_size))
    results.update(lambda held: [{**record, "layout": "B"} for record in held])
    assert [record["batch_size"] for record in results.records()] == [1, 2, 3] and {r["layout"] for r in results.records()} == {"B"}
    (line,) = told
    (kept,) = kept_in(tmp_path / "results")
    assert NAME in line and str(kept) in line and "\n" not in line and "goes on" in line
    assert {2, 3} <= {record["batch_size"] for record in json.loads(kept.read_text())}
    assert str(kept) in results.saved_in and str(kept) in close(results)


@pytest.mark.parametrize("wrong", WRONGS)
def test_the_next_run_takes_it_up(wrong, opened, tmp_path):
    results, _ = opened
    wrong(results.path)
    results.add(a(2))
    close(results)
    mended(results.path)
    told = []
    again = RunResults(NAME, tmp_path / "results", told.append)
    expected = [2] if wrong is a_lock_that_is_a_pipe else [1, 2]  # there the file was well, and this test removed it
    assert sizes(tmp_path / "results") == expected == sorted(record["batch_size"] for record in again.records())
    assert len(told) == 1 and "took up" in told[0] and not kept_in(tmp_path)


def test_a_file_that_is_mended_meanwhile_gets_all_that_was_kept(opened, tmp_path):
    results, told = opened
    before = results.path.read_bytes()
    not_json(results.path)
    results.add(a(2))
    results.path.write_bytes(before)
    results.add(a(3))
    assert sizes(tmp_path / "results") == [1, 2, 3] and not kept_in(tmp_path) and results.saved_in == str(results.path)
    assert len(told) == 2 and "saved in it now" in told[1]
    results.close()


def test_what_another_process_wrote_meanwhile_stays(opened, tmp_path):
    results, _ = opened
    before = results.path.read_bytes()
    not_json(results.path)
    results.add(a(2))
    results.path.write_bytes(before)
    SaveResults(NAME, tmp_path / "results").add(a(7))
    results.add(a(3))
    assert sizes(tmp_path / "results") == [1, 2, 3, 7]


def test_an_older_version_that_an_editor_writes_back_takes_no_point_of_this_run_away(opened, tmp_path):
    results, told = opened
    SaveResults(NAME, tmp_path / "results").add(a(7))
    results.add(a(2, block_times_s=[1.0]))
    before = results.path.read_bytes()
    results.add(a(2, block_times_s=[1.0, 1.0]))
    results.add(a(3))
    results.path.write_bytes(before)
    SaveResults(NAME, tmp_path / "results").add(a(7, layout="another's, and newer"))
    results.add(a(4))
    held = {record["batch_size"]: record for record in read_records(results.path)}
    assert sorted(held) == [1, 2, 3, 4, 7] and held[2]["block_times_s"] == [1.0, 1.0] and held[7]["layout"] == "another's, and newer"


def test_a_point_that_another_run_measures_later_stays_its(opened, tmp_path):
    results, _ = opened
    SaveResults(NAME, tmp_path / "results").add(a(1, measured_at="2026-11-26T11:00:00Z"))
    results.add(a(2))
    assert results.get(a(1))["measured_at"] == "2026-11-26T11:00:00Z"


def test_the_end_of_a_run_is_one_more_try(opened, tmp_path):
    results, _ = opened
    not_json(results.path)
    results.add(a(2))
    results.path.unlink()
    results.close()
    assert sizes(tmp_path / "results") == [1, 2]


def test_a_folder_that_was_removed_is_made_again_with_all_points(opened, tmp_path):
    results, told = opened
    results.path.unlink()
    results.path.parent.rmdir()
    results.add(a(2))
    assert sizes(tmp_path / "results") == [1, 2] and not told


def test_a_record_that_breaks_the_format_is_kept_too_and_stops_nothing(opened, tmp_path):
    results, told = opened
    results.add(a(2, throughput=float("nan")))
    results.add(a(3))
    assert sizes(tmp_path / "results") == [1, 3] and "new record: field throughput" in told[0]
    (kept,) = kept_in(tmp_path / "results")
    assert '"batch_size": 2' in kept.read_text() and "field throughput" in close(results)


# ---- taking up ----


def test_what_a_living_run_keeps_is_not_taken_up_by_another(opened, tmp_path):
    results, _ = opened
    before = results.path.read_bytes()
    not_json(results.path)
    results.add(a(2))
    results.path.write_bytes(before)
    another = subprocess.run(
        [sys.executable, "-c", "import sys; from dlmark.results.rescue import RunResults; RunResults(*sys.argv[1:])", NAME, tmp_path / "results"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True)  # fmt: skip
    assert another.returncode == 0 and another.stderr == "" and kept_in(tmp_path / "results") and sizes(tmp_path / "results") == [1]


KILLED = """
import os, signal, sys
from dlmark.results.rescue import RunResults
results = RunResults(sys.argv[1], sys.argv[2])
results.path.write_text("oops")
results.add({"model": "AlexNet", "framework": "numpy", "device": "A CPU", "batch_size": 2})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_kept_is_taken_up(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, NAME, tmp_path / "results"], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL and len(done.stderr.splitlines()) == 1 and kept_in(tmp_path / "results")
    mended(tmp_path / "results" / NAME)
    RunResults(NAME, tmp_path / "results", print)
    assert sizes(tmp_path / "results") == [2] and not kept_in(tmp_path)


@pytest.mark.parametrize("there, was_kept, stays", [
    ({"measured_at": "2026-11-26T11:00:00Z"}, {"measured_at": "2026-11-26T10:00:00Z"}, "there"),
    ({"measured_at": "2026-11-26T10:00:00Z"}, {"measured_at": "2026-11-26T11:00:00Z"}, "kept"),
    ({"compile_mode": "a"}, {"compile_mode": "b"}, "kept"),
    # One goes on from the other: the clock, which may have been set back, tells nothing.
    ({"block_times_s": [1.0], "measured_at": "2026-11-26T11:00:00Z"}, {"block_times_s": [1.0, 2.0], "measured_at": "2026-11-26T10:00:00Z"}, "kept"),
    ({"block_times_s": [1.0, 2.0], "measured_at": "2026-11-26T10:00:00Z"}, {"block_times_s": [1.0], "measured_at": "2026-11-26T11:00:00Z"}, "there"),
])  # fmt: skip
def test_of_two_records_of_a_point_the_one_that_goes_on_or_is_newer_stays(there, was_kept, stays, tmp_path):
    kept(tmp_path, a(1, layout="kept", **was_kept), a(2))
    (tmp_path / "results" / NAME).write_text(json.dumps([a(1, layout="there", **there)]))
    results = RunResults(NAME, tmp_path / "results", print)
    assert results.get(a(1))["layout"] == stays and results.get(a(2))


def test_what_was_kept_is_checked_like_any_other_file_and_left_where_it_is_wrong(tmp_path):
    path = kept(tmp_path, {"model": "AlexNet", "batch_size": 0})
    told = []
    results = RunResults(NAME, tmp_path / "results", told.append)
    assert results.records() == [] and path.exists() and len(told) == 1 and "field batch_size" in told[0] and path.name in told[0]


@pytest.mark.parametrize("how", ["a link", "a pipe"])
def test_nothing_strange_is_taken_up(how, tmp_path):
    path = kept(tmp_path, a(2))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere") if how == "a link" else os.mkfifo(path)
    assert RunResults(NAME, tmp_path / "results", print).records() == []


def test_what_was_kept_is_no_result(tmp_path):
    kept(tmp_path, a(2))
    (tmp_path / "results" / NAME).write_text(json.dumps([a(1)]))
    assert sizes(tmp_path / "results") == [1]


# ---- a lock that somebody holds ----


def test_a_lock_that_is_held_for_long_keeps_what_is_measured_and_the_run_goes_on(opened, tmp_path, monkeypatch):
    results, told = opened
    results.patience_s = 0.1
    with lock.writing(results.path.with_name(f".{NAME}.lock"), told.append):
        results.add(a(2))
    assert f"held by process {os.getpid()}" in told[0] and kept_in(tmp_path / "results")
    results.add(a(3))
    assert sizes(tmp_path / "results") == [1, 2, 3] and not kept_in(tmp_path)


# ---- a whole run ----

BREAKS_ITS_FILE = """
import sys
from bench import cnn
from bench.run import keeping, options
keep = keeping.Keeping.keep

def keep_and_break(self, *words):
    keep(self, *words)
    if self._kept == 1:  # as somebody's editor would
        self.results.path.write_text("oops")

keeping.Keeping.keep = keep_and_break
sys.exit(options.main(cnn.parser()))
"""


@pytest.mark.slow
def test_a_run_whose_file_is_broken_measures_to_the_end_and_the_next_has_all_points(root, cnn, saved, tmp_path):
    words = ("throughput", "--framework", "numpy", "--models", "MLP-64", "--batch-sizes", "1,2,4", "--seconds", "0.05", "--rounds", "1",
             "--threads", "1", "--results", str(tmp_path / "results"))  # fmt: skip
    done = subprocess.run([sys.executable, "-c", BREAKS_ITS_FILE, *words], cwd=root, capture_output=True, text=True, timeout=120)
    (kept,) = (tmp_path / "results").glob("*.rescued-*")
    assert done.returncode == 2 and "[3/3] MLP-64 batch 4: " in done.stdout and f"3 measured; saved in {kept}, since " in done.stdout
    assert done.stdout.count("not readable JSON") == 2 and str(kept) in done.stderr and len(done.stderr.splitlines()) == 1
    kept.with_name(kept.name.partition(".rescued")[0]).unlink()
    again = cnn(*words)
    assert again.returncode == 0 and "0 to measure" in again.stdout and "took up 3 points" in again.stderr
    assert [record["batch_size"] for record in saved(tmp_path / "results")] == [1, 2, 4]
