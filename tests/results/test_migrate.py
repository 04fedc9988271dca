"""Files of earlier formats are brought to today's: every number stays, and what is not known is left out."""

import json
import shutil

import pytest

from dlmark.__main__ import main
from dlmark.record import RecordError
from dlmark.results.files import read_records
from dlmark.results.migrate import migrate

OLD = {"model": "AlexNet", "workload": "Inference", "batch_size": 1, "throughput": 1.5, "source": "measured", "format_version": 1}
CEILING = {"model": "call", "workload": "ceiling", "throughput": 7, "overhead_s": 1 / 7}
PUBLISHED = {"model": "VGG-16", "device": "Tesla K80", "workload": "inference", "throughput": 2.5, "source": "published: a/b@c:d"}
BARE = {"device": "Tesla V100", "model": "DensetNet-121", "batch_size": 4, "throughput": 100.0, "workload": "Inference", "device_mem": 900.0}


def brought(tmp_path, *records):
    (tmp_path / "a.json").write_text(json.dumps(records))
    assert migrate(tmp_path / "a.json") == len(records)
    return read_records(tmp_path / "a.json")


def test_what_a_record_is_about_is_stated(tmp_path):
    measured, ceiling = brought(tmp_path, OLD, CEILING)
    assert measured == {**OLD, "workload": "inference", "task": "classification", "unit": "images/s", "format_version": 2}
    assert ceiling == {**CEILING, "unit": "calls/s", "format_version": 2}


def test_the_bare_form_of_the_original_page_keeps_its_numbers(tmp_path):
    (record,) = brought(tmp_path, BARE)
    assert {name: record[name] for name in BARE} == {**BARE, "model": "DenseNet-121", "workload": "inference"} and record["task"] == "classification"


def test_which_session_measured_it_is_left_out_as_nobody_knows(tmp_path):
    assert all("session" not in record for record in brought(tmp_path, OLD, CEILING))


def test_published_figures_state_once_what_they_share(tmp_path):
    brought(tmp_path, PUBLISHED, {**PUBLISHED, "model": "VGG-19"})
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["common"]["device"] == "Tesla K80" and written["records"][0] == {"model": "VGG-16"}


def test_a_file_of_today_stays_byte_for_byte(tmp_path):
    brought(tmp_path, OLD)
    before = (tmp_path / "a.json").read_bytes()
    assert migrate(tmp_path / "a.json") == 0 and (tmp_path / "a.json").read_bytes() == before


def test_a_file_that_is_wrong_is_refused_and_stays(tmp_path):
    (tmp_path / "a.json").write_text('[{"model": 3}]')
    with pytest.raises(RecordError, match="field model"):
        migrate(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == '[{"model": 3}]'


def test_the_command_says_what_it_did(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps([OLD]))
    assert [main(["migrate", str(tmp_path / "a.json")]) for _ in range(2)] == [0, 0]
    assert capsys.readouterr().out.splitlines() == [f"{tmp_path}/a.json: 1 records brought to format 2", f"{tmp_path}/a.json: is in it already"]


def test_the_files_of_this_project_are_in_todays_format(root, tmp_path):
    for path in (root / "results").glob("*.json"):
        shutil.copy(path, tmp_path)
        assert migrate(tmp_path / path.name) == 0, path.name
