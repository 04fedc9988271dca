"""A load of many files: the fast check and the patient one agree, with one process and with several."""

import copy
import json
import math
import pickle
import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from two_readers import fast_records, patient_records

from dlmark.benchmark import load_results
from dlmark.record import FIELDS, MAX_ITEMS, MAX_NUMBER, MAX_TEXT, RecordError, check
from dlmark.results.files import ResultsError
from dlmark.results.reader import decode as fast
from dlmark.results.reader import frame as cells
from dlmark.results.reader import processes as loading
from dlmark.results.reader.columns import Columns, joined

FULL = {
    "model": "AlexNet", "batch_size": 8, "input_shape": [3, 224, 224], "library_versions": {"python": "3.11", "numpy": "1.26"},
    "throughput": 100.5, "throughput_half_width": 0.9, "calls_per_block": 1, "block_times_s": [0.08, 0.081, 0.079], "round_blocks": [2, 1], "contended_blocks": [2], "device_mem": 512,
    "temperature_c": 61, "accuracy": 0.5, "status": "ok", "flags": ["warm"], "grade": "B", "grade_reasons": ["one round only"], "source": "measured", "format_version": 1,
}  # fmt: skip
SLOW = {"block_times_s": [1, 2, 3], "throughput": 4.0, "throughput_half_width": 0.01}
VALUES = [
    None, True, False, 0, 1, 2, -1, -0.0, 1.0, 3.0, 1.5, 1e-400, 1e15, 1e15 + 1, 10**15, 10**15 + 1, 2**63, 2**64, 10**30, 10**400,
    math.nan, math.inf, -math.inf, "", "A", "ok", "crashed", "measured", "published: x", "é" * MAX_TEXT, "x" * (MAX_TEXT + 1), "\ud800",
    "\udc80x", "\U0001f600", "\x00", "\u2028", "a\u202eb", "\u3164", "e\u0301", "\u0301", " a", "2026-11-23T16:20:55Z", "2019-03-14", "inference", [], [1], [0], [1.0], [1e3], [True], [None], ["a"], ["\ud800"], [[1]], [0.1] * 3, [2, 1],
    {}, {"a": "b"}, {"a": 1}, {"\ud800": "a"}, {"": ""}, {"a": ""}, {"a": "\n"}, {"a\n": "b"}, ["", "a"], ["a\r"], [2, 2], [0, 0], {str(i): "" for i in range(101)}, [-1], [10**400], [1e15], [10**15 + 1],
]  # fmt: skip
NO_FAST = pytest.mark.skipif(fast.msgspec is None, reason="needs msgspec")


def mutated(rng) -> str:
    """A file of some records that differ from a good one in a value, a field, an item or a character."""
    records = [copy.deepcopy(FULL) for _ in range(rng.randint(1, 3))]
    record = rng.choice(records)
    for _ in range(rng.randint(0, 2)):
        record[rng.choice([*FIELDS, "unknown"])] = copy.deepcopy(rng.choice(VALUES))
    if rng.random() < 0.3:
        record.pop(rng.choice(list(record)))
    if rng.random() < 0.3:
        record.update(status="crashed", reason=rng.choice(["it fell", "", None]), throughput=rng.choice([None, 1.0]))
    text = json.dumps(records, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.3:
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice(['"', "\n", "0", "-", ".", "e", "\\", "{", "]", ",", " ", "\t", "\x01", "\ufeff", ""]) + text[place + 1 :]
    if rng.random() < 0.1:
        text = text.replace('"batch_size":', f'"batch_size": {rng.choice(["-1", "1.0", "2", "null"])}, "batch_size":', 1)
    return text


@NO_FAST
@pytest.mark.parametrize("seed", range(20))
def test_what_the_fast_check_accepts_the_patient_one_reads_the_same(seed, tmp_path):
    rng, path, accepted = random.Random(seed), tmp_path / "a.json", 0
    for _ in range(150):
        path.write_bytes(data := mutated(rng).encode(errors="surrogatepass"))
        found = fast_records(data)
        accepted += found is not None
        assert found is None or found == patient_records(path), data
    assert accepted > 10


@NO_FAST
@pytest.mark.parametrize("name", FIELDS)
def test_each_value_of_each_field_is_accepted_by_both_checks_or_by_none(name, tmp_path):
    path = tmp_path / "a.json"
    for value in VALUES:
        path.write_text(json.dumps([FULL | {name: value}]))
        assert fast_records(path.read_bytes()) == patient_records(path), value


@NO_FAST
@pytest.mark.parametrize("items", [MAX_ITEMS, MAX_ITEMS + 1])
def test_both_checks_bound_lists_alike(items, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"model": "A", "block_times_s": [0.5] * items}]))
    assert (fast_records(path.read_bytes()) is None) == (patient_records(path) is None) == (items > MAX_ITEMS)


@NO_FAST
def test_a_field_given_twice_is_read_as_the_patient_check_reads_it(tmp_path):
    (tmp_path / "a.json").write_text('[{"model": "A", "batch_size": 0, "batch_size": 2}]')
    assert list(load_results("*", tmp_path)["batch_size"]) == [2]


def is_right(record):
    try:
        return bool(check(record))
    except RecordError:
        return False


# ---- columns ----


@pytest.fixture(params=["fast", "patient"])
def way(request, monkeypatch):
    """Both ways of reading; the patient one is all that there is without msgspec."""
    if request.param == "patient":
        monkeypatch.setattr(fast, "msgspec", None)


def frame(tmp_path, *files):
    for number, records in enumerate(files):
        (tmp_path / f"{number}.json").write_text(json.dumps(records))
    return load_results("*", tmp_path)


def test_values_come_back_as_they_were_saved(way, tmp_path):
    row = frame(tmp_path, [FULL]).iloc[0].to_dict()
    row["block_times_s"] = row["block_times_s"].tolist()
    assert row == {**FULL, "file": "0.json"} and isinstance(row["library_versions"], dict)


def test_the_times_of_blocks_are_arrays_that_can_not_be_changed(way, tmp_path):
    data = frame(tmp_path, [FULL, {"model": "A"}, {"model": "A", "block_times_s": []}], [FULL | SLOW])
    first, none, empty, last = data["block_times_s"]
    assert first.tolist() == FULL["block_times_s"] and math.isnan(none) and empty.tolist() == [] and last.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_rows_survive_pickle_and_copies(way, tmp_path):
    data = frame(tmp_path, [FULL, {"model": "A"}], [FULL])
    for other in (pickle.loads(pickle.dumps(data)), data.copy(), copy.deepcopy(data)):
        pd.testing.assert_frame_equal(other, data)


def test_texts_have_the_type_that_pandas_gives_them(way, tmp_path):
    data = frame(tmp_path, [FULL, {"model": "A"}])
    texts = [name for name in data if name == "file" or FIELDS[name].kind == "text"]
    assert {data[name].dtype for name in texts} == {pd.Series(["a", math.nan]).dtype}
    assert {data[name].dtype for name in ("flags", "library_versions", "block_times_s")} == {np.dtype(object)}


def test_whole_numbers_stay_whole_where_each_record_has_one(way, tmp_path):
    data = frame(tmp_path, [FULL, FULL], [FULL | {"device_mem": 1.5}])
    assert data["batch_size"].dtype == np.int64 and data["device_mem"].dtype == np.float64


def test_a_number_that_a_record_lacks_is_nan(way, tmp_path):
    data = frame(tmp_path, [{"model": "A"}], [FULL, {"model": "B", "batch_size": None}])
    assert data["batch_size"].dtype == np.float64 and data["batch_size"].isna().tolist() == [True, False, True]


def test_a_text_list_or_table_that_a_record_lacks_is_missing(way, tmp_path):
    data = frame(tmp_path, [{"model": "A"}], [FULL, {"model": "B", "flags": None, "block_times_s": []}])
    for name in ("grade", "flags", "library_versions"):
        assert data[name].isna().tolist() == [True, False, True]
    assert [times.tolist() for times in data["block_times_s"][1:]] == [FULL["block_times_s"], []]


def test_there_is_a_column_only_for_fields_with_a_value(way, tmp_path):
    assert set(frame(tmp_path, [{"model": "A", "threads": None, "flags": ["images"]}])) == {"model", "status", "flags", "file"}


def test_both_ways_give_the_same_frame(tmp_path, monkeypatch):
    rng = random.Random(0)
    records = [{name: value for name, value in FULL.items() if name == "model" or rng.random() < 0.9} for _ in range(400)]
    records = [record for record in records if is_right(record)]
    assert len(records) > 60
    first = frame(tmp_path, records[:50], [], records[50:])
    monkeypatch.setattr(fast, "msgspec", None)
    pd.testing.assert_frame_equal(first, load_results("*", tmp_path))


# ---- several processes ----


@pytest.fixture
def shared_out(monkeypatch):
    """However few files there are, their reading is shared out among three processes."""
    monkeypatch.setattr(loading, "SHARE_BYTES", 1)
    monkeypatch.setattr(loading, "_cores", lambda: 3)


def write(folder, number, records):
    path = folder / f"{number:03}.json"
    path.write_text(records if isinstance(records, str) else json.dumps(records))
    return path


@NO_FAST
def test_several_processes_give_the_same_frame_as_one(tmp_path, monkeypatch):
    for number in range(20):
        write(tmp_path, number, [FULL | {"threads": number + 1, "host": f"h{number}"}, {"model": "DensetNet-121", "import_s": number}])
    alone = load_results("*", tmp_path)
    monkeypatch.setattr(loading, "SHARE_BYTES", 1)
    monkeypatch.setattr(loading, "_cores", lambda: 3)
    pd.testing.assert_frame_equal(alone, load_results("*", tmp_path))
    assert set(alone["model"]) == {"AlexNet", "DenseNet-121"}


@NO_FAST
@pytest.mark.parametrize("bad", [0, 7, 11])
def test_a_bad_file_in_any_process_is_named_with_record_and_field(bad, shared_out, tmp_path):
    for number in range(12):
        write(tmp_path, number, [FULL])
    write(tmp_path, bad, [FULL, FULL | {"troughput": 1}])
    with pytest.raises(RecordError, match=rf"{bad:03}.json: record 1: unknown field 'troughput' \(did you mean throughput\?\)"):
        load_results("*", tmp_path)


@NO_FAST
def test_of_several_bad_files_the_first_is_named(shared_out, tmp_path):
    for number in range(12):
        write(tmp_path, number, "[{" if number > 3 else [FULL])
    with pytest.raises(ResultsError, match="004.json"):
        load_results("*", tmp_path)


@NO_FAST
def test_the_work_of_a_process_that_was_killed_is_done_all_the_same(shared_out, tmp_path, monkeypatch):
    for number in range(12):
        write(tmp_path, number, [FULL])
    monkeypatch.setattr(loading.sys, "executable", "/bin/false")
    assert len(load_results("*", tmp_path)) == 12


WATCHED = """
import sys
from dlmark.results.reader import processes as loading
from dlmark.benchmark import load_results
loading.SHARE_BYTES, loading._cores = 1, lambda: 3
opened = set()
sys.addaudithook(lambda event, arguments: opened.add(str(arguments[0])) if event == "open" else None)
load_results("*", sys.argv[1])
print(*sorted(path for path in opened if path.endswith(".json")), sep="\\n")
"""


@NO_FAST
def test_whoever_watches_the_process_sees_every_file_opened(root, tmp_path):
    paths = [str(write(tmp_path, number, [FULL])) for number in range(12)]
    watched = subprocess.run([sys.executable, "-c", WATCHED, tmp_path], cwd=root, capture_output=True, text=True, check=True)
    assert watched.stdout.split() == paths and not watched.stderr


def test_parts_are_joined_in_their_order():
    parts = [Columns(), Columns(), Columns()]
    parts[0].add_records([{"model": "A", "batch_size": 1, "grade": "A"}])
    parts[1].add_records([{"model": "B", "flags": ["x"], "block_times_s": [0.5]}])
    parts[2].add_records([{"model": "A", "batch_size": 2, "grade": "B"}])
    data = cells.frame(joined([part.packed() for part in parts]), ["a", "b", "c"]).fillna("-").astype(str)
    assert data["model"].tolist() == ["A", "B", "A"] and data["batch_size"].tolist() == ["1.0", "-", "2.0"]
    assert data["grade"].tolist() == ["A", "-", "B"] and data["flags"].tolist() == ["-", "['x']", "-"]
    assert data["block_times_s"].tolist() == ["-", "[0.5]", "-"] and data["file"].tolist() == ["a", "b", "c"]


def test_a_number_is_bounded_where_a_float_is_exact():
    assert float(MAX_NUMBER) == int(MAX_NUMBER)
