"""The journal of a run's results: it is read with its file, goes into it, and no row that did not change is written otherwise."""

import json
import os

import pytest

from dlmark.benchmark import SaveResults, load_results
from dlmark.record import RecordError
from dlmark.results import journal
from dlmark.results.files import read_records
from dlmark.results.rescue import RunResults

NAME = "a.json"


def a(batch_size, **fields):
    return {"model": "AlexNet", "batch_size": batch_size, "session": "one", "measured_at": "2026-11-26T10:00:00Z", **fields}


def sizes(folder):
    return load_results("*", folder)["batch_size"].tolist()


@pytest.fixture
def killed(tmp_path):
    """The folder of a run that was killed after its third point."""
    results = RunResults(NAME, tmp_path, print)
    for batch_size in (1, 2, 4):
        results.add(a(batch_size))
    return tmp_path


def test_what_a_killed_run_saved_is_read_with_the_file(killed):
    assert sizes(killed) == [1, 2, 4] == [record["batch_size"] for record in read_records(killed / NAME)]
    assert len(json.loads((killed / NAME).read_text())) == 1


def test_the_next_run_puts_it_into_the_file(killed):
    RunResults(NAME, killed, print)
    assert [record["batch_size"] for record in json.loads((killed / NAME).read_text())] == [1, 2, 4]
    assert os.listdir(killed) == [NAME]


def test_a_run_that_ends_leaves_the_file_alone_behind(tmp_path):
    results = RunResults(NAME, tmp_path, print)
    results.add(a(1))
    results.add(a(2))
    results.close()
    assert os.listdir(tmp_path) == [NAME] and len(json.loads((tmp_path / NAME).read_text())) == 2


def test_a_point_adds_a_line_and_leaves_the_file_as_it_is(killed):
    before = (killed / NAME).stat()
    results = RunResults(NAME, killed, print)
    folded = (killed / NAME).stat()
    results.add(a(8))
    assert (killed / NAME).stat().st_ino == folded.st_ino != before.st_ino
    assert journal.beside(killed / NAME).read_text().count("\n") == 1


def test_a_line_that_was_cut_off_is_left_out_and_the_next_one_is_not(killed):
    with open(journal.beside(killed / NAME), "a") as file:
        file.write('\n{"model": "AlexNet", "batch_s')
    assert sizes(killed) == [1, 2, 4]
    journal.add(journal.beside(killed / NAME), [journal.line(a(8))])
    assert sizes(killed) == [1, 2, 4, 8]


def test_a_journal_without_its_file_counts_for_nothing(killed):
    (killed / NAME).unlink()
    results = RunResults(NAME, killed, print)
    assert results.records() == [] and os.listdir(killed) == []


def test_a_journal_that_its_file_has_taken_over_changes_nothing_in_it(killed):
    stale = journal.beside(killed / NAME).read_bytes()
    results = SaveResults(NAME, killed)
    results.add(a(2, throughput=5.0))  # as the settling at a run's end does
    journal.beside(killed / NAME).write_bytes(stale)  # the run ended before it could remove it
    os.utime(journal.beside(killed / NAME), ns=(0, 0))
    assert load_results("*", killed).set_index("batch_size").throughput[2] == 5.0


def test_a_journal_that_breaks_the_format_is_named(killed):
    journal.add(journal.beside(killed / NAME), ['{"model": "AlexNet", "batch_size": "two"}'])
    with pytest.raises(RecordError, match=r"its journal \.a\.json\.journal: field batch_size"):
        read_records(killed / NAME)


def test_a_journal_that_has_grown_large_goes_into_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("dlmark.results.save.LEAST_FOLD_BYTES", 100)
    results = RunResults(NAME, tmp_path, print)
    for batch_size in range(1, 30):
        results.add(a(batch_size))
    assert len(json.loads((tmp_path / NAME).read_text())) > 10 and len(read_records(tmp_path / NAME)) == 29


def test_two_runs_that_add_to_one_file_see_each_others_points(tmp_path):
    one, other = RunResults(NAME, tmp_path, print), RunResults(NAME, tmp_path, print)
    one.add(a(1))
    other.add(a(2))
    one.add(a(4))
    other.add(a(8))
    assert len(other.records()) == 4
    one.close()
    other.add(a(16))
    other.close()
    assert sizes(tmp_path) == [1, 2, 4, 8, 16]


def test_a_row_that_did_not_change_is_byte_for_byte_what_it_was(tmp_path):
    odd = '{"model": "AlexNet",  "batch_size": 1e0, "throughput": 1.50, "device": "\\u00e9"}'.replace("1e0", "1")
    (tmp_path / NAME).write_text(f"[\n{odd}\n]\n")
    results = RunResults(NAME, tmp_path, print)
    results.add(a(2))
    results.close()
    assert (tmp_path / NAME).read_text().splitlines()[1] == odd + ","
