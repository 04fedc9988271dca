"""Published figures come in with their sources, under the right names, and none is lost."""

import csv
import re
from pathlib import Path

import pytest

from bench.run import options
from bench.sources import published
from dlmark.benchmark import load_results
from dlmark.record import MEASURED, PUBLISHED
from dlmark.results.files import read_records

RESULTS = Path(__file__).parents[3] / "results"
K80_FILE = "cnn.py__benchmark_throughput__mxnet__tesla-k80__published.json"
V100_FILE = "cnn.py__benchmark_throughput__mxnet__tesla-v100-sxm2-16gb__published.json"
GLUONCV_FILE = "cnn.py__benchmark_accuracy__mxnet__gluoncv-zoo__published.json"

RUN = {"framework_version": "MXNet 1.2.0.rc1 cuDNN 7.0.5", "device": "Tesla V100-SXM2-16GB", "precision": "fp32", "batch_size": "64",
       "input_size": "224x224", "throughput_img_s": "100.5", "note": ""}  # fmt: skip
PERF = {**RUN, "workload": "inference", "model": "ResNet-50", "first_seen": "2018-05-09", "status": "current",
        "source": "apache/mxnet@dbc3b341:docs/perf.md"}  # fmt: skip
HISTORY = {**RUN, "task": "classification", "model": "resnet50_v1b", "framework": "MXNet + GluonCV", "device_mem_mb": "740",
           "framework_version": "MXNet 1.5.0 cu100 (inferred: envs/ at that commit)", "metric_value": "0.7762",
           "metric_name": "top1", "published_date": "2020-01-04", "source": "zhreshold/dlmark@89b83c3:gluoncv/x.html"}  # fmt: skip
GLUONCV = {**RUN, "task": "classification", "model": "resnet50_v1b", "framework_version": "", "device_mem_mb": "756.0",
           "first_seen": "2019-03-15", "method_era": "C: whole-loop timer", "source": "dmlc/gluon-cv@1f00105:docs/x.html"}  # fmt: skip
ZOO = {"zoo": "MXNet Gluon model zoo", "release": "1.5.1", "alias": "mobilenetv2_1.0", "network": "MobileNetV2 1.0", "top1": "0.7192",
       "top5": "0.9056", "origin": "Trained with script", "source": "apache/mxnet@c9818480(1.5.1):docs/model_zoo.md"}  # fmt: skip
TOP1 = {"category": "Classifications", "table": "ResNet", "model": "ResNet50_v1b", "metric_name": "Top-1", "metric_value": "77.67",
        "weights_hash": "0ecdba34", "note": "", "source": "dmlc/gluon-cv@56777561:docs/ResNet.csv"}  # fmt: skip
TOP5 = {**TOP1, "metric_name": "Top-5", "metric_value": "93.82"}


@pytest.fixture
def run(tmp_path):
    """Write the five CSV files, some with other rows than one good one, import them, and return the exit status."""
    tables = {"mxnet_perf": [PERF], "dlmark_history": [HISTORY], "gluoncv_throughput_history": [GLUONCV],
              "mxnet_model_zoo_accuracy": [ZOO], "gluoncv_model_zoo_accuracy": [TOP1, TOP5]}  # fmt: skip

    def run(**rows):
        for name, table in {**tables, **rows}.items():
            with open(tmp_path / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(table[0]))
                writer.writeheader()
                writer.writerows(table)
        return options.main(published.parser(), [str(tmp_path), "--results", str(tmp_path / "results")])

    run.results = tmp_path / "results"
    return run


def test_writes_the_source_of_every_figure(run):
    assert run() == 0
    sources = [r["source"] for path in run.results.iterdir() for r in read_records(path)]
    rows = (PERF, HISTORY, HISTORY, GLUONCV, ZOO, TOP1)  # the history's row has a throughput and an accuracy
    assert sorted(sources) == sorted("published: " + row["source"] for row in rows)


def test_writes_what_the_row_says(run):
    run()
    (record,) = (r for r in read_records(run.results / V100_FILE) if "symbol" in r["model"])
    assert record == {
        "model": "ResNet-50 (symbol API)", "workload": "inference", "framework": "mxnet", "framework_version": "1.2.0.rc1, cuDNN 7.0.5",
        "precision": "float32", "mode": "graph", "batch_size": 64, "input_shape": [3, 224, 224], "device": "Tesla V100-SXM2-16GB",
        "throughput": 100.5, "status": "ok", "flags": [published.NO_INTERVAL, published.SYMBOL_API, published.DEVICE_FROM_EC2],
        "source": "published: apache/mxnet@dbc3b341:docs/perf.md", "published_date": "2018-05-09", "format_version": 2, "task": "classification", "unit": "images/s",
    }  # fmt: skip


def test_the_same_folder_gives_the_same_bytes(run):
    run()
    first = {path.name: path.read_bytes() for path in run.results.iterdir()}
    run()
    assert first == {path.name: path.read_bytes() for path in run.results.iterdir()}


def test_a_file_keeps_nothing_of_what_it_held(run):
    run(mxnet_perf=[PERF, {**PERF, "batch_size": "128"}])
    held = len(read_records(run.results / V100_FILE))
    run()
    assert len(read_records(run.results / V100_FILE)) == held - 1


def test_a_die_of_the_k80_is_a_k80_with_a_flag(run):
    run(mxnet_perf=[{**PERF, "device": "Tesla K80 (one of two dies)"}])
    (record,) = read_records(run.results / K80_FILE)
    assert record["device"] == "Tesla K80" and "one of the board's two dies" in record["flags"]


def test_out_of_memory_is_a_record_with_its_reason(run):
    run(mxnet_perf=[{**PERF, "device": "Tesla K80 (one of two dies)", "throughput_img_s": "", "note": "OOM in source"}])
    (record,) = read_records(run.results / K80_FILE)
    assert (record["status"], record["reason"]) == ("out_of_memory", "the source says: out of memory")
    assert "throughput" not in record


def test_an_inferred_version_says_so(run):
    run()
    (record,) = (r for r in read_records(run.results / V100_FILE) if "inferred" in r.get("framework_version", ""))
    assert record["framework_version"] == "1.5.0 cu100 (inferred)"
    assert "framework version inferred: envs/ at that commit" in record["flags"]


def test_an_accuracy_over_the_first_images_says_so(run):
    run(dlmark_history=[{**HISTORY, "device": "Tesla M60", "note": "accuracy on the first 5056 ILSVRC2012 val images only"}])
    (record,) = read_records(run.results / "cnn.py__benchmark_accuracy__mxnet__tesla-m60__published.json")
    assert record["images"] == 5056 and published.FIRST_IMAGES in record["flags"]


def test_top1_and_top5_become_one_record_of_fractions(run):
    run()
    (record,) = read_records(run.results / GLUONCV_FILE)
    assert (record["accuracy"], record["accuracy_top5"], record["weights"]) == (0.7767, 0.9382, "GluonCV zoo, 0ecdba34")


def test_other_weights_and_int8_are_records_of_their_own(run):
    others = [{**TOP1, "weights_hash": "117a384e", "note": "alternative weights"}, {**TOP1, "model": "ResNet50_v1b_int8"}]
    run(gluoncv_model_zoo_accuracy=[TOP1, *others])
    records = read_records(run.results / GLUONCV_FILE)
    assert {r["model"] for r in records} == {"ResNet-v1b-50"}
    assert [r["precision"] for r in records] == ["float32", "float32", "int8"]


@pytest.mark.parametrize("table, row, kept", [
    ("dlmark_history", {**HISTORY, "published_date": "2017-12-21", "source": "zhreshold/dlmark@3253d4b:gluon/cnn.md#n=5"}, True),
    ("dlmark_history", {**HISTORY, "published_date": "2019-01-25", "source": "zhreshold/dlmark@4837abd:cnn.md#n=11"}, False),
    ("dlmark_history", {**HISTORY, "source": "zhreshold/dlmark@89b83c3:cnn.md#n=66"}, False),
    ("dlmark_history", {**HISTORY, "task": "detection"}, False),
    ("gluoncv_throughput_history", {**GLUONCV, "method_era": "B: per-batch timer"}, False),
    ("mxnet_perf", {**PERF, "status": "superseded_draft"}, False),
    ("mxnet_perf", {**PERF, "workload": "training"}, False),
    ("mxnet_model_zoo_accuracy", {**ZOO, "release": "1.1.0"}, False),
    ("gluoncv_model_zoo_accuracy", {**TOP1, "table": "CIFAR10"}, False),
    ("gluoncv_model_zoo_accuracy", {**TOP1, "metric_name": "Speedup (to original ResNet)"}, False),
])  # fmt: skip
def test_leaves_out_what_cannot_be_compared_and_says_so(run, capsys, table, row, kept):
    assert run(**{table: [row]}) == 0
    held = {r["source"] for path in run.results.iterdir() for r in read_records(path)}
    assert (PUBLISHED + row["source"] in held) == kept
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(f"left out of {table}.csv"))
    assert ("nothing" in line) == kept


@pytest.mark.parametrize("source_name, ours", [
    ("DensetNet-121", "DenseNet-121"), ("ResNet-v1-50", "ResNet-v1-50"), ("resnet50_v1d_0.48", "ResNet-v1d-50_0.48"),
    ("SE_ResNext50_32x4d", "SE-ResNeXt-50_32x4d"), ("ResNeSt14", "ResNeSt-14"), ("MobileNet1.0", "MobileNet-1.0"),
    ("ResNext101_64x4d_v1", "ResNext101_64x4d_v1"), ("MobileNetV2_1.0", "mobilenetv2_1.0"), ("mobilenetv2_0.25", "mobilenetv2_0.25"),
])  # fmt: skip
def test_a_network_has_our_name_where_it_is_ours(source_name, ours):
    assert published.network(source_name) == ours


def test_the_gluon_zoos_mobilenetv2_is_ours(run):
    run()
    (record,) = read_records(run.results / "cnn.py__benchmark_accuracy__mxnet__gluon-zoo__published.json")
    assert record["model"] == "MobileNetV2-1.0"


@pytest.mark.parametrize("rows, says", [
    ({"mxnet_perf": [{k: v for k, v in PERF.items() if k != "source"}]}, "missing column(s) source"),
    ({"mxnet_perf": [PERF, PERF]}, "two figures for one point: ResNet-50 (symbol API)"),
    ({"mxnet_perf": [{**PERF, "throughput_img_s": ""}]}, "line 2: throughput_img_s: expected a number"),
    ({"mxnet_perf": [{**PERF, "throughput_img_s": "nan"}]}, "throughput: expected a number"),
    ({"mxnet_perf": [{**PERF, "batch_size": "1.5"}]}, "batch_size: expected a whole number"),
    ({"mxnet_perf": [{**PERF, "precision": "fp8"}]}, "expected a precision of fp32, fp16"),
    ({"mxnet_perf": [{**PERF, "source": "a blog"}]}, "expected owner/repository@commit:path"),
    ({"dlmark_history": [{**HISTORY, "metric_name": "top5"}]}, "its rows hold 2 figures, the records made of them 1"),
    ({"gluoncv_model_zoo_accuracy": [TOP1, TOP1]}, "a second Top-1 of ResNet50_v1b"),
])  # fmt: skip
def test_a_table_that_cannot_be_right_is_one_line_and_nothing_is_written(run, capsys, rows, says):
    assert run(**rows) == 2
    out, err = capsys.readouterr()
    assert says in err and len(err.splitlines()) == 1 and out == ""
    assert not run.results.exists()


def test_a_row_with_too_many_cells_is_named(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(options.UsageError, match="line 3: more cells than the 2 columns"):
        published.rows_of(tmp_path / "x.csv", ["a"])


def test_a_folder_without_the_tables_is_one_line(tmp_path, capsys):
    assert options.main(published.parser(), [str(tmp_path / "nowhere")]) == 2
    err = capsys.readouterr().err
    assert "Name the folder that holds mxnet_perf.csv" in err and len(err.splitlines()) == 1


def test_load_results_finds_the_accuracies_of_the_zoos(run):
    run()
    assert GLUONCV_FILE in set(load_results("cnn*accuracy.json", run.results)["file"])


@pytest.mark.parametrize("path", sorted(RESULTS.glob("cnn.py__*__published.json")), ids=lambda path: path.name)
def test_a_published_file_holds_only_figures_with_a_source(path):
    for record in read_records(path):
        assert re.fullmatch(re.escape(PUBLISHED) + published.SOURCE, record["source"])


@pytest.mark.parametrize("path", sorted(set(RESULTS.glob("*.json")) - set(RESULTS.glob("*__published.json"))), ids=lambda path: path.name)
def test_a_file_of_measurements_holds_nothing_published(path):
    assert {record.get("source", MEASURED) for record in read_records(path)} <= {MEASURED}


@pytest.mark.parametrize("path", sorted(RESULTS.glob("cnn.py__*__published.json")), ids=lambda path: path.name)
def test_a_published_file_holds_one_device(path):
    assert len({record.get("device") for record in read_records(path)}) == 1
