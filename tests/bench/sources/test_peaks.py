"""Peaks of data sheets come in with their sources, and without what nobody has looked up."""

import pytest

from bench.run import options
from bench.sources import peaks
from dlmark.benchmark import load_results

ROW = dict.fromkeys(peaks.COLUMNS, "") | {"nvml_name": "NVIDIA A", "unit": "board", "sources": "a data sheet", "fp32_tflops": "10", "tf32_tensor_tflops": "80",
                                          "mem_bandwidth_gb_s": "900"}  # fmt: skip


def imported(folder, *rows):
    lines = [",".join(peaks.COLUMNS), *(",".join(row[name] for name in peaks.COLUMNS) for row in rows)]
    (folder / peaks.TABLE).write_text("\n".join(lines) + "\n")
    assert options.main(peaks.parser(), [str(folder), "--results", str(folder / "results")]) == 0
    return load_results("device.py__benchmark_ceilings*", folder / "results")


def test_each_figure_becomes_a_record_with_its_source(tmp_path):
    data = imported(tmp_path, ROW)
    assert list(data["precision"].fillna("")) == ["float32", "tf32", ""] and list(data["tflops"].fillna(0)) == [10, 80, 0]
    assert data["bandwidth_gb_s"].max() == 900 and set(data["source"]) == {"published: a data sheet"} and set(data["workload"]) == {"ceiling"}


@pytest.mark.parametrize("from_memory, kept", [
    ("", ["float32", "tf32", "memory"]), ("tf32, int8", ["float32", "memory"]), ("int8 (4x fp32), tdp_w", ["float32", "tf32", "memory"]), ("mem_bandwidth_gb_s, tdp_w", ["float32", "tf32"]),
    ("all but fp32/bf16", ["float32"]),
])  # fmt: skip
def test_what_is_from_memory_is_left_out(from_memory, kept):
    made = peaks.records({**ROW, "from_memory": from_memory, "where": "line 2"})
    assert [one.get("precision", "memory") for one in made] == kept


@pytest.mark.parametrize("change", [{"unit": "board, 2 dies"}, {"sources": ""}, {"from_memory": "all"}])
def test_a_row_without_a_source_or_of_several_dies_has_none(change):
    assert peaks.records({**ROW, **change, "where": "line 2"}) == []


def test_a_figure_that_is_no_number_is_told_with_its_line(tmp_path, capsys):
    (tmp_path / peaks.TABLE).write_text(",".join(peaks.COLUMNS) + "\n" + ",".join({**ROW, "fp32_tflops": "many"}[name] for name in peaks.COLUMNS) + "\n")
    assert options.main(peaks.parser(), [str(tmp_path), "--results", str(tmp_path)]) == 2
    assert "line 2: fp32_tflops: expected a number, got 'many'" in capsys.readouterr().err
