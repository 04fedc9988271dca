"""Sessions of one point: the newest is what is loaded, shown and compared, and all of them are there for who asks."""

import json

import pytest

from dlmark.benchmark import SaveResults, load_results
from dlmark.record import newest
from dlmark.results.files import read_records

MEASURED = {"model": "AlexNet", "batch_size": 1, "framework": "mxnet", "framework_version": "1.9.1", "source": "measured", "input_shape": [3, 224, 224]}
OLD = {**MEASURED, "session": "a", "measured_at": "2026-11-01T10:00:00Z", "throughput": 1.0}
NEW = {**MEASURED, "session": "b", "measured_at": "2026-11-02T10:00:00Z", "throughput": 2.0, "framework_version": "1.9.2"}
OTHER = {**OLD, "batch_size": 2, "throughput": 3.0}
PUBLISHED = {**MEASURED, "source": "published: a/b@c:d", "throughput": 4.0}


@pytest.fixture
def write(tmp_path):
    def written(*records, name="a.json"):
        (tmp_path / name).write_text(json.dumps(records))
        return tmp_path

    return written


def throughputs(data):
    return data["throughput"].tolist()


@pytest.mark.parametrize("records, expected", [
    ([OLD, NEW], [2.0]), ([NEW, OLD], [2.0]), ([OLD, OTHER, NEW], [3.0, 2.0]), ([OLD, OTHER], [1.0, 3.0]),
    ([{**OLD, "session": None}, NEW], [2.0]), ([{**OLD, "measured_at": None}, NEW], [2.0]),
    ([{**NEW, "measured_at": OLD["measured_at"]}, OLD], [1.0]),
    ([{**OLD, "session": None}, {**NEW, "session": None}], [2.0]),
    ([OLD, {**NEW, "task": "classification"}], [2.0]), ([OLD, {**NEW, "task": "detection"}], [1.0, 2.0]),
    ([OLD, {**NEW, "input_shape": [3, 299, 299]}], [1.0, 2.0]),
    ([PUBLISHED, {**PUBLISHED, "framework_version": "2"}], [4.0, 4.0]),
    ([PUBLISHED, OLD, NEW], [4.0, 2.0]),
])  # fmt: skip
def test_of_each_point_the_newest_is_loaded(records, expected, write):
    folder = write(*records)
    assert throughputs(load_results("*", folder)) == expected == [record["throughput"] for record in newest(read_records(folder / "a.json"))]
    assert throughputs(load_results("*", folder, history=True)) == [record["throughput"] for record in records]


def test_two_searches_for_the_largest_batch_are_of_one_point_whatever_they_found(write):
    folder = write({**OLD, "memory_limit_mb": 1_000}, {**NEW, "memory_limit_mb": 1_000, "batch_size": 99})
    assert load_results("*", folder)["batch_size"].tolist() == [99]


def test_sessions_of_two_files_stand_beside_each_other(write):
    write(OLD)
    folder = write(NEW, name="b.json")
    assert throughputs(load_results("*", folder)) == [1.0, 2.0]


def test_the_index_has_no_gap_and_what_only_older_sessions_have_is_no_column(write):
    data = load_results("*", write({**OLD, "clock_mhz": 1_000}, NEW, OTHER))
    assert data.index.tolist() == [0, 1] and "clock_mhz" not in data


def test_a_session_and_a_point_of_another_session_leave_every_other_row_byte_for_byte(tmp_path):
    results = SaveResults("a.json", tmp_path)
    results.replace([OLD, OTHER])
    before = (tmp_path / "a.json").read_bytes().splitlines()[1:-1]
    results.add(NEW)
    results.add({**NEW, "batch_size": 2})
    after = (tmp_path / "a.json").read_bytes().splitlines()[1:-1]
    assert [line.removesuffix(b",") for line in after[:2]] == [line.removesuffix(b",") for line in before] and len(after) == 4
