"""Published sets, whose common fields are stated once: they are read as if each record had them, in both ways of reading."""

import json

import pytest
from two_readers import fast_records, patient_records

from dlmark.benchmark import load_results
from dlmark.record import RecordError
from dlmark.results import files
from dlmark.results.reader import decode as fast

COMMON = {"framework": "mxnet", "device": "Tesla K80", "source": "published: a/b@c:d", "input_shape": [3, 224, 224], "unit": "images/s"}
ROWS = [{"model": "AlexNet", "batch_size": 1, "throughput": 1.5}, {"model": "VGG-16", "batch_size": 2, "throughput": 2.5, "precision": "float16"}]
NAME = "cnn.py__benchmark_throughput__mxnet__tesla-k80__published.json"
NO_FAST = pytest.mark.skipif(fast.msgspec is None, reason="needs msgspec")


@pytest.fixture
def path(tmp_path):
    files.write_set(tmp_path / NAME, [{**COMMON, **row} for row in ROWS])
    return tmp_path / NAME


def test_what_all_records_share_is_written_once(path):
    written = json.loads(path.read_text())
    assert written == {"common": COMMON, "records": ROWS} and path.read_text().count("Tesla K80") == 1
    assert len(path.read_text().splitlines()) == len(ROWS) + 3  # a record a line


@NO_FAST
def test_both_ways_of_reading_give_each_record_what_is_common(path):
    assert fast_records(path.read_bytes()) == [{**COMMON, **row} for row in ROWS] == patient_records(path)


def test_a_set_loads_as_a_list_of_the_same_records_does(path):
    as_set = load_results("*", path.parent)
    files.write_records(path, [{**COMMON, **row} for row in ROWS])
    assert as_set.equals(load_results("*", path.parent)) and as_set["device"].tolist() == ["Tesla K80"] * 2


@pytest.mark.parametrize("content, words", [
    ({"common": COMMON, "records": [{"model": "A", "device": "other"}]}, "record 0: field device is stated in common already"),
    ({"common": [], "records": []}, "expected \"common\""), ({"common": {}, "records": {}}, "expected \"common\""),
    ({"common": COMMON}, "expected a list of records, or an object"), ({"common": {}, "records": [], "more": 1}, "expected a list of records, or an object"),
    ({"common": {"device": 3}, "records": [{"model": "A"}]}, "record 0: field device: expected a text"),
    ({"common": {}, "records": [3]}, "record 0: expected an object with fields"),
    ({"common": {"troughput": 3}, "records": [{"model": "A"}]}, "unknown field 'troughput'"),
])  # fmt: skip
def test_a_set_that_is_wrong_is_refused_in_words(content, words, path):
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError, match=words.replace("(", r"\(")):
        load_results("*", path.parent)
    assert patient_records(path) is None and (fast.msgspec is None or fast_records(path.read_bytes()) is None)
