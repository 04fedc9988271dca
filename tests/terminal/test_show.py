"""Records as a table: which are chosen, in what order, as which texts, and for other programs."""

import csv
import io
import json
import os
import re
import sys

import pytest

from dlmark.benchmark import ResultsError
from dlmark.record import safe
from dlmark.terminal import table
from dlmark.terminal.export import csv_text, parquet_bytes
from dlmark.terminal.show import chosen, find_records, in_order, note, show

RECORD = {"model": "VGG-16", "batch_size": 8, "throughput": 123.456, "throughput_half_width": 2.34, "grade": "A", "latency_p50_s": 0.0135567,
          "device_mem": 1_234.5, "framework": "mxnet", "framework_version": "1.9.1", "precision": "float32", "device": "CPU, 2 threads",
          "source": "measured", "file": "a.json"}  # fmt: skip
LOST = {"model": "VGG-19", "status": "out_of_memory", "reason": "needed 9 GB", "source": "measured"}
PUBLISHED = {"model": "AlexNet", "batch_size": 64, "throughput": 9_000.0, "device": "Tesla V100", "source": "published: a/b@1:x.md"}
RECORDS = [RECORD, LOST, PUBLISHED]
HOSTILE = "\x1b]0;gone\x07\x1b[2Jred\u202eder [bold]bold[/bold] :smile:\n\r"


def models(records):
    return [record["model"] for record in records]


def lines(capsys):
    return capsys.readouterr().out.splitlines()


# ---- which records ----


@pytest.fixture
def results(tmp_path, monkeypatch):
    (tmp_path / "x__mxnet__cpu.json").write_text(json.dumps([{"model": "VGG-16"}]))
    (tmp_path / "y.json").write_text(json.dumps([{"model": "AlexNet"}]))
    monkeypatch.setenv("DLMARK_RESULTS", str(tmp_path))
    return tmp_path


def test_finds_records_by_pattern_file_and_folder(results):
    assert models(find_records(["x.json"])) == models(find_records(["x*"])) == ["VGG-16"]
    assert models(find_records([str(results / "y.json")])) == ["AlexNet"]
    assert models(find_records([str(results)])) == ["VGG-16", "AlexNet"]


def test_a_file_that_two_names_mean_is_read_once(results):
    assert models(find_records(["y.json", "*.json", str(results)])) == ["AlexNet", "VGG-16"]


def test_says_what_there_is_where_nothing_matches(results):
    with pytest.raises(ResultsError, match=r"(?s)no result file matches 'z' in .*\. There are:\n  x__mxnet__cpu.json\n  y.json"):
        find_records(["z"])


@pytest.mark.parametrize("name", ["x__mxnet__cpu.json", "*"])
def test_a_link_to_itself_is_refused_where_a_name_means_it(name, results, tmp_path):
    (tmp_path / "loop.json").symlink_to("loop.json")
    if name == "*":
        with pytest.raises(ResultsError, match="loop.json: can't be read: Too many levels of symbolic links"):
            find_records([name])
    else:
        assert models(find_records([name])) == ["VGG-16"]


def test_a_pipe_that_is_named_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ResultsError, match="pipe: expected a regular file"):
        find_records([str(tmp_path / "pipe")])


@pytest.mark.parametrize("wanted, expected", [
    ({"model": ["vgg-*"]}, ["VGG-16", "VGG-19"]),
    ({"model": ["VGG-19", "AlexNet"]}, ["VGG-19", "AlexNet"]),
    ({"batch_size": ["1", "8"]}, ["VGG-16"]),
    ({"status": ["ok"]}, ["VGG-16", "AlexNet"]),
    ({"status": ["out*"]}, ["VGG-19"]),
    ({"source": ["published"]}, ["AlexNet"]),
    ({"grade": ["A", "B"]}, ["VGG-16"]),
    ({"grade": ["none"]}, ["VGG-19", "AlexNet"]),
    ({"device": ["*v100*"], "model": None}, ["AlexNet"]),
    ({"source": ["measured"], "status": ["ok"]}, ["VGG-16"]),
])  # fmt: skip
def test_chooses_records_by_their_fields(wanted, expected):
    assert models(chosen(RECORDS, wanted)) == expected


def test_says_what_values_there_are_where_a_filter_leaves_nothing():
    with pytest.raises(ResultsError, match="no record has batch size 3 or 4; there are: 64; 8; none"):
        chosen(RECORDS, {"batch_size": ["3", "4"]})


@pytest.mark.parametrize("descending, expected", [(False, ["VGG-16", "AlexNet", "VGG-19"]), (True, ["AlexNet", "VGG-16", "VGG-19"])])
def test_what_has_no_value_comes_last_in_either_order(descending, expected):
    assert models(in_order(RECORDS, "throughput", descending)) == expected


def test_sorts_by_a_field_of_lists():
    records = [{"model": "b", "flags": ["y"]}, {"model": "a", "flags": ["x"]}]
    assert models(in_order(records, "flags")) == ["a", "b"]


@pytest.mark.parametrize("call", [lambda: in_order(RECORDS, "thruput"), lambda: show(RECORDS, ["thruput"])])
def test_an_unknown_field_gets_a_suggestion(call):
    with pytest.raises(ResultsError, match="'thruput' .did you mean throughput"):
        call()


# ---- as which texts ----


@pytest.mark.parametrize("record, text", [
    (LOST, "out of memory: needed 9 GB"),
    ({"grade_reasons": ["interval over 1%", "throttled"]}, "interval over 1%; throttled"),
    ({"accuracy": 0.5492}, "top-1 54.92%"),
    ({"memory_limit_mb": 2_048}, "largest batch within 2,048 MB"),
    ({}, ""),
])  # fmt: skip
def test_a_note_says_what_a_reader_would_ask(record, text):
    assert note(record) == text


def test_nothing_that_controls_a_terminal_is_left():
    text = safe("".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x200B, 0x2028])))
    assert text.isprintable() and text.startswith("\\x00\\x01")


@pytest.mark.parametrize("text", ["ResNet-v1-50", "Prüfung ±1 °C", "深度", "a\\b"])
def test_an_ordinary_text_stays_as_it_is(text):
    assert safe(text) == text


def test_a_hostile_text_is_shown_and_not_obeyed(capsys):
    show([{**RECORD, "model": HOSTILE, "device": HOSTILE, "status": "crashed", "reason": HOSTILE}])
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\u202e" not in out and "\r" not in out
    assert out.count("\\x1b]0;gone\\x07\\x1b[2Jred\\u202eder [bold]bold[/bold] :smile:") == 3


def test_a_pipe_gets_a_record_a_line_uncut(capsys):
    show([{**LOST, "reason": "because " * 30}, RECORD])
    heading, rule, first, second = lines(capsys)
    assert heading.split()[:3] == ["model", "batch", "images/s"] and set(rule) == {"─"}
    assert first.endswith("because") and first.count("because") == 30
    assert second.split() == "VGG-16 8 123.5 ± 2.3 A 13.6 ms 1,234 MB mxnet 1.9.1 float32 CPU, 2 threads".split()


def test_a_very_long_text_is_cut(capsys):
    show([{**LOST, "reason": "x" * 2_000}], ["reason"])
    assert lines(capsys)[-1] == "x" * (table.MAX_CELL - 1) + "…"


def test_no_records_are_headings_alone(capsys):
    show([])
    headings, _ = lines(capsys)
    assert headings.split()[:3] == ["model", "batch", "throughput"]


BOXES = {**RECORD, "model": "Toy", "unit": "boxes/s", "task": "boxes"}
PRODUCT = {"model": "matrix product 64", "workload": "ceiling", "throughput": 2_000.0, "throughput_half_width": 20.0, "tflops": 1.25}


def test_a_column_of_one_unit_has_it_as_its_heading(capsys):
    show([BOXES, {**BOXES, "status": "crashed", "reason": "x", "throughput": None}], ["model", "throughput"])
    heading, _, first, second = lines(capsys)
    assert heading.split(None, 1)[1] == "boxes/s (95%)" and first.split() == ["Toy", "123.5", "±", "2.3"] and second.split() == ["Toy", "—"]


def test_where_several_units_are_shown_each_number_has_its_own(capsys):
    show([BOXES, RECORD, PRODUCT], ["model", "throughput"])
    heading, _, *rows = lines(capsys)
    assert heading.endswith(" throughput (95%)")
    for row, text in zip(rows, ("123.5 ± 2.3 boxes/s", "123.5 ± 2.3 images/s", "1.250 ± 0.013 TFLOP/s"), strict=True):
        assert row.endswith(f" {text}")


def test_a_ceiling_is_shown_in_its_own_unit(capsys):
    show([PRODUCT, {**PRODUCT, "tflops": 0.5}], ["throughput"])
    heading, _, *rows = lines(capsys)
    assert heading.strip() == "TFLOP/s (95%)" and [row.strip() for row in rows] == ["1.250 ± 0.013", "0.5000 ± 0.0050"]


def test_throughputs_of_two_units_are_in_no_order():
    records = [{**BOXES, "throughput": 10.0}, {**RECORD, "throughput": 5.0}, {**BOXES, "throughput": 1.0}]
    assert [record["throughput"] for record in in_order(records, "throughput")] == [1.0, 10.0, 5.0]
    assert [record["throughput"] for record in in_order(records, "throughput", descending=True)] == [5.0, 10.0, 1.0]


def test_any_field_can_be_a_column(capsys):
    show([RECORD], ["model", "throughput_half_width", "file", "flags"])
    assert lines(capsys)[-1].split() == ["VGG-16", "2.34", "a.json", "—"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_narrow_terminal_says_once_what_is_the_same_in_all_rows(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setenv("TERM", "dumb")
    show([{**RECORD, "batch_size": size} for size in (8, 16)])
    same, *table = terminal.getvalue().splitlines()
    assert same.startswith("the same in all rows: model VGG-16; images/s (95%) 123.5 ± 2.3; grade A")
    assert [line.strip() for line in table[-2:]] == ["8", "16"]


# ---- for other programs ----


def read_csv(records):
    return list(csv.DictReader(io.StringIO(csv_text(records))))


def test_csv_has_every_field_that_any_record_has():
    rows = read_csv(RECORDS)
    assert set(rows[0]) == set().union(*RECORDS) and rows[1]["throughput"] == ""


def test_no_records_are_a_csv_of_one_line():
    assert csv_text([]) == "file\n"


def test_csv_keeps_numbers_in_full():
    value = 0.1 + 0.2
    row = read_csv([{**RECORD, "throughput": value, "block_times_s": [value], "temperature_c": -5.5}])[0]
    assert float(row["throughput"]) == value and json.loads(row["block_times_s"]) == [value] and row["temperature_c"] == "-5.5"


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1+1", "－1", "＠SUM(A1)", "﹢1"])
def test_csv_holds_no_formula(start):
    assert read_csv([{**RECORD, "reason": start}])[0]["reason"].startswith("'")


@pytest.mark.parametrize("reason", ["x;=1+1", "x; ＝1+1", 'x";@SUM(A1)'])
def test_csv_holds_no_formula_where_a_semicolon_begins_the_next_cell(reason):
    for text in csv_text([{**RECORD, "reason": reason, "flags": [reason]}]).split(";")[1:]:
        assert text.startswith("'")


@pytest.mark.parametrize("text", ["AMD EPYC, 2 threads", "a=b", "1 - 2; 3 + 4", "NVIDIA A100-SXM4", "5@6"])
def test_csv_leaves_an_ordinary_text_as_it_is(text):
    assert read_csv([{**RECORD, "reason": text}])[0]["reason"] == text


def test_csv_holds_nothing_that_controls_a_terminal():
    row = read_csv([{**RECORD, "reason": HOSTILE, "flags": [HOSTILE]}])[0]
    assert "\x1b" not in row["reason"] + row["flags"] and json.loads(row["flags"]) is not None


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ResultsError, match=re.escape("-m pip install -e '.[parquet]'` in the project's folder")):
        parquet_bytes(RECORDS)


def test_parquet_keeps_lists_and_numbers():
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow", exc_type=ImportError)
    from pyarrow import parquet

    record = {**RECORD, "block_times_s": [0.1 + 0.2], "input_shape": [3, 224, 224], "flags": ["=1"], "library_versions": {"numpy": "1"}}
    first, second, _ = parquet.read_table(pyarrow.BufferReader(parquet_bytes([record, LOST, PUBLISHED]))).to_pylist()
    assert {name: first[name] for name in record} == {**record, "library_versions": [("numpy", "1")]}
    assert second["throughput"] is None and second["block_times_s"] is None


def test_the_default_columns_are_there_for_every_result_of_this_repository(capsys, root):
    records = find_records([os.fspath(root / "results")])
    show(records)
    assert len(lines(capsys)) == len(records) + 2
