"""Published figures of MXNet's networks: imported with their sources, into files that hold nothing measured here.

    python -m bench.sources.published shared/reference

Reads the reference folder's CSV files and writes results/cnn.py__<function>__mxnet__<device>__published.json, each file
whole, so that the same folder always gives the same files. Every record says where it was published.

Left out, because it can't be compared: of this benchmark's own history the run of 2019-01 and the notebook (.md) of
2020-01, which timed batch by batch, where the published page (.html) of 2020-01 timed the whole loop (AlexNet on a V100:
5,659 and 5,636 against 13,185 images/s); of GluonCV's pages those before 2019-03-14, which timed the same way or asked
nvidia-smi inside the timed loop; of MXNet's page the tables that newer ones replaced. Left out because there is something
newer: the accuracies on GluonCV's throughput pages, which this benchmark measured again in 2020-01.

Names: a network has our name only where it surely is ours. GluonCV's MobileNetV2 differs from the Gluon zoo's and keeps
GluonCV's name; the networks of MXNet's symbol API are marked as such, but for VGG-16, which is the same.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.adapters import mxnet
from bench.run import options
from bench.run.options import UsageError
from dlmark.record import FIELDS, FORMAT_VERSION, PUBLISHED, check, point
from dlmark.results.files import OLD_NAMES, file_name, results_folder, write_set

SOURCE = r"[\w.-]+/[\w.-]+@[0-9a-f]{7,40}(\([\w.]+\))?:\S+"  # owner/repository@commit:path, at times with the release
THROUGHPUT, ACCURACY = "benchmark_throughput", "benchmark_accuracy"
DATASET = "ILSVRC 2012 validation"
PRECISIONS = {"fp32": "float32", "fp16": "float16"}
FIGURES = ("throughput", "accuracy", "accuracy_top5")
TASK = "classification"  # what all of these figures are of
ZOO_NAMES = {zoo_name: model for model, zoo_name in mxnet.models[TASK].items()}
ONE_OF_TWO_DIES = " (one of two dies)"

NO_INTERVAL = "single source, no interval published"
MEMORY = "memory: growth of nvidia-smi after the weights were loaded"
DEVICE_FROM_EC2 = "device named after the EC2 type that the page names"
CPU_UNKNOWN = "the source names the EC2 type, but neither the processor nor the number of threads"
SYMBOL_API = "run through MXNet's symbol API (benchmark_score.py)"
NO_WEIGHTS_VERSION = "the source does not say the version of the weights"
NO_VERSION = "the source does not say the framework's version"
FIRST_IMAGES = "accuracy over the first 5,056 validation images only"


class Table(NamedTuple):
    """One CSV file: the columns it must have, those with figures, which rows to leave out, and what the others become."""

    columns: str
    figures: str
    why_not: Callable[[dict], str | None]
    records: Callable[[list[dict]], list[tuple[str, dict]]]  # kept rows -> (result file, record)


# ---- MXNet's performance page ----


def perf_why_not(row: dict) -> str | None:
    """Why a row of mxnet_perf.csv is left out, if it is."""
    if row["status"] != "current":
        return "tables that newer ones replaced"
    return None if row["workload"] == "inference" else "training"


def perf_records(rows: list[dict]) -> list[tuple[str, dict]]:
    """Throughput through the symbol API, whose networks differ from the zoos' but for VGG-16."""
    return [perf_record(row) for row in rows]


def perf_record(row: dict) -> tuple[str, dict]:
    """One row: a throughput, or the source's word that the memory did not suffice."""
    device, about_device = row["device"], DEVICE_FROM_EC2
    if device.endswith(ONE_OF_TWO_DIES):
        device, about_device = device.removesuffix(ONE_OF_TWO_DIES), "one of the board's two dies"
    elif device.startswith("AWS EC2 "):
        device, about_device = device.replace("EC2 C", "EC2 c"), CPU_UNKNOWN  # as EC2 itself writes its types
    name = row["model"] if row["model"] == "VGG-16" else f"{row['model']} (symbol API)"
    run = as_run(row, NO_INTERVAL, SYMBOL_API, about_device)
    fields = {**run, "device": device, "mode": "graph", "published_date": row["first_seen"]}
    return published_file(THROUGHPUT, device), record(row, name, fields, outcome(row))


# ---- this benchmark's own history, and GluonCV's throughput pages ----


def history_why_not(row: dict) -> str | None:
    """Why a row of dlmark_history.csv is left out, if it is."""
    if row["task"] != "classification":
        return "other tasks than classification"
    comparable = row["published_date"].startswith("2017-12") or row["source"].endswith(".html")
    return None if comparable else "timed batch by batch, not comparable"


def history_records(rows: list[dict]) -> list[tuple[str, dict]]:
    """A throughput for each row, and an accuracy where the row has one."""
    timed = [(published_file(THROUGHPUT, row["device"]), timed_record(row, row["published_date"])) for row in rows]
    judged = [(published_file(ACCURACY, row["device"]), accuracy_record(row)) for row in rows if row["metric_name"] == "top1"]
    return timed + judged


def timed_record(row: dict, date: str) -> dict:
    """The throughput and memory of one row, of this benchmark's history or of a GluonCV page."""
    fields = {"device": row["device"], "device_mem": number(row, "device_mem_mb"), "published_date": date}
    return record(row, network(row["model"]), {**as_run(row, NO_INTERVAL, MEMORY), **fields}, outcome(row))


def accuracy_record(row: dict) -> dict:
    """The accuracy of one row of this benchmark's history."""
    flags, images = [NO_WEIGHTS_VERSION], None
    if "first 5056" in row["note"]:
        flags, images = [*flags, FIRST_IMAGES], 5056
    fields = {"device": row["device"], "published_date": row["published_date"], "images": images, "dataset": DATASET,
              "accuracy": number(row, "metric_value"),
              "weights": "GluonCV zoo" if "GluonCV" in row["framework"] else "Gluon model zoo"}  # fmt: skip
    return record(row, network(row["model"]), {**as_run(row, *flags), **fields}, {"status": "ok"})


def gluoncv_why_not(row: dict) -> str | None:
    """Why a row of gluoncv_throughput_history.csv is left out, if it is."""
    if row["task"] != "classification":
        return "other tasks than classification"
    return None if row["method_era"].startswith("C") else "timed batch by batch, or with nvidia-smi in the loop: not comparable"


def gluoncv_records(rows: list[dict]) -> list[tuple[str, dict]]:
    """A throughput for each row."""
    return [(published_file(THROUGHPUT, row["device"]), timed_record(row, row["first_seen"])) for row in rows]


# ---- the tables of accuracies ----


def zoo_why_not(row: dict) -> str | None:
    """Why a row of mxnet_model_zoo_accuracy.csv is left out, if it is."""
    return None if row["zoo"] == "MXNet Gluon model zoo" and row["release"] == "1.5.1" else f"{row['zoo']} {row['release']}"


def zoo_records(rows: list[dict]) -> list[tuple[str, dict]]:
    """Top-1 and top-5 of the Gluon model zoo's weights."""
    return [(published_file(ACCURACY, "gluon-zoo"), zoo_record(row)) for row in rows]


def zoo_record(row: dict) -> dict:
    """One row of the Gluon model zoo's page."""
    return record(row, ZOO_NAMES.get(row["alias"], row["network"]), {
        "precision": "float32", "accuracy": number(row, "top1"), "accuracy_top5": number(row, "top5"), "dataset": DATASET,
        "weights": f"Gluon model zoo {row['release']}", "flags": [f"the source says of the weights: {row['origin']}"],
    }, {"status": "ok"})  # fmt: skip


def gluoncv_zoo_why_not(row: dict) -> str | None:
    """Why a row of gluoncv_model_zoo_accuracy.csv is left out, if it is."""
    if row["category"] != "Classifications":
        return "other tasks than classification"
    if row["table"] == "CIFAR10":
        return "CIFAR-10"
    return None if row["metric_name"] in ("Top-1", "Top-5") else row["metric_name"]


def gluoncv_zoo_records(rows: list[dict]) -> list[tuple[str, dict]]:
    """One record of each network and file of weights: its top-1 and its top-5 row together."""
    made: dict[tuple, dict] = {}
    for row in rows:
        key = tuple(row[name] for name in ("table", "model", "weights_hash", "note", "source"))
        held = made.setdefault(key, gluoncv_zoo_record(row))
        field = {"Top-1": "accuracy", "Top-5": "accuracy_top5"}[row["metric_name"]]
        if field in held:
            raise UsageError(f"{row['where']}: a second {row['metric_name']} of {row['model']}, weights {row['weights_hash']}")
        held[field] = round(number(row, "metric_value") / 100, 6)
    return [(published_file(ACCURACY, "gluoncv-zoo"), in_order(fields)) for fields in made.values()]


def gluoncv_zoo_record(row: dict) -> dict:
    """A record of one network and file of weights, still without its accuracies."""
    name = row["model"].removesuffix("_int8")
    return record(row, network(name), {
        "precision": "float32" if name == row["model"] else "int8", "dataset": DATASET,
        "weights": f"GluonCV zoo, {row['weights_hash']}", "flags": [row["note"]] if row["note"] else None,
    }, {"status": "ok"})  # fmt: skip


RUN = "model framework_version device precision batch_size input_size throughput_img_s source"
TABLES = {
    "mxnet_perf.csv": Table(RUN + " workload first_seen status note", "throughput_img_s", perf_why_not, perf_records),
    "dlmark_history.csv": Table(RUN + " task framework device_mem_mb metric_value metric_name published_date note",
                                "throughput_img_s metric_value", history_why_not, history_records),
    "gluoncv_throughput_history.csv": Table(RUN + " task device_mem_mb first_seen method_era", "throughput_img_s",
                                            gluoncv_why_not, gluoncv_records),
    "mxnet_model_zoo_accuracy.csv": Table("zoo release alias network top1 top5 origin source", "top1 top5",
                                          zoo_why_not, zoo_records),
    "gluoncv_model_zoo_accuracy.csv": Table("category table model metric_name metric_value weights_hash note source",
                                            "metric_value", gluoncv_zoo_why_not, gluoncv_zoo_records),
}  # fmt: skip


# ---- what the tables share ----


def record(row: dict, model: str, fields: dict, outcome: dict) -> dict:
    """A record of `model` with the row's source. Raises UsageError where that does not say owner/repository@commit:path."""
    if not re.fullmatch(SOURCE, row["source"]):
        raise UsageError(f"{row['where']}: source: expected owner/repository@commit:path, got {row['source']!r}")
    return in_order({"model": model, "task": TASK, "workload": "inference",
                     "unit": "images/s" if outcome.get("throughput") else None, "framework": "mxnet", **fields, **outcome,
                     "source": PUBLISHED + row["source"], "format_version": FORMAT_VERSION})  # fmt: skip


def in_order(fields: dict) -> dict:
    """The fields that hold something, in the order of the format."""
    return {name: fields[name] for name in sorted(fields, key=list(FIELDS).index) if fields[name] is not None}


def as_run(row: dict, *flags: str) -> dict:
    """How the network was run, with `flags` and what else to know about the framework's version. Raises UsageError."""
    version, _, inferred = row["framework_version"].removeprefix("MXNet ").partition(" (inferred: ")
    if inferred:
        version, flags = f"{version} (inferred)", (*flags, f"framework version inferred: {inferred.removesuffix(')')}")
    elif not version:
        flags = (*flags, NO_VERSION)
    if row["precision"] not in PRECISIONS or not re.fullmatch(r"\d+x\d+", row["input_size"]):
        raise UsageError(f"{row['where']}: expected a precision of {', '.join(PRECISIONS)} and an input_size such as 224x224, "
                         f"got {row['precision']!r} and {row['input_size']!r}")  # fmt: skip
    size = number(row, "batch_size")
    return {"framework_version": version.replace(" cuDNN", ", cuDNN") or None, "precision": PRECISIONS[row["precision"]],
            "batch_size": int(size) if size.is_integer() else size, "input_shape": [3, *map(int, row["input_size"].split("x"))],
            "flags": list(flags)}  # fmt: skip


def outcome(row: dict) -> dict:
    """The row's throughput, or why it has none. Raises UsageError where the row does not tell."""
    if not row["throughput_img_s"] and "OOM in source" in row.get("note", ""):
        return {"status": "out_of_memory", "reason": "the source says: out of memory"}
    return {"throughput": number(row, "throughput_img_s"), "status": "ok"}


def network(name: str) -> str:
    """Our name of a network of the Gluon or GluonCV zoo; the source's own where it may be another network."""
    for old, new in OLD_NAMES.items():
        name = name.replace(old, new)
    zoo_name = name.lower()
    return zoo_name if zoo_name.startswith("mobilenetv2_") else ZOO_NAMES.get(zoo_name, name)


def number(row: dict, column: str) -> float:
    """A cell as a number. Raises UsageError."""
    try:
        return float(row[column])
    except ValueError:
        raise UsageError(f"{row['where']}: {column}: expected a number, got {row[column]!r}") from None


def published_file(function: str, where: str) -> str:
    """Name of the file of published figures of one device or zoo, beside that of its measurements and never the same."""
    return file_name("cnn.py", function, "mxnet", where).removesuffix(".json") + "__published.json"


# ---- reading, checking, writing ----


def rows_of(path: Path, columns: list[str]) -> list[dict]:
    """The rows of a CSV file, each with its place in the file as `where`. Raises UsageError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, restval="")
            rows = [{**row, "where": f"{path}: line {reader.line_num}"} for row in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: can't be read ({why}). Name the folder that holds {', '.join(TABLES)}.") from error
    missing = [name for name in columns if name not in (reader.fieldnames or [])]
    if missing:
        raise UsageError(f"{path}: missing column(s) {', '.join(missing)}; it has {', '.join(reader.fieldnames or ['none'])}")
    ragged = next((row["where"] for row in rows if None in row), None)
    if ragged:
        raise UsageError(f"{ragged}: more cells than the {len(reader.fieldnames)} columns")
    return rows


def read(path: Path, table: Table) -> tuple[list[tuple[str, dict]], Counter]:
    """(result file, record) of every row that is kept, and how many rows were left out for which reason."""
    rows = rows_of(path, table.columns.split())
    reasons = [table.why_not(row) for row in rows]
    kept = [row for row, reason in zip(rows, reasons) if reason is None]
    made = table.records(kept)
    figures_in = sum(bool(row[name]) for row in kept for name in table.figures.split())
    figures_out = sum(name in fields for _, fields in made for name in FIGURES)
    if figures_in != figures_out:
        raise UsageError(f"{path}: its rows hold {figures_in} figures, the records made of them {figures_out}")
    return made, Counter(reason for reason in reasons if reason)


def refuse_collisions(name: str, records: list[dict]) -> None:
    """Raise UsageError where one record would take another's place, or breaks the format."""
    held: set[tuple] = set()
    for fields in records:
        if point(check(fields, name)) in held:
            raise UsageError(f"{name}: two figures for one point: {fields['model']}, batch size {fields.get('batch_size')}, "
                             f"{fields['source']}, weights {fields.get('weights')}")  # fmt: skip
        held.add(point(fields))


def run(opts: argparse.Namespace) -> int:
    """Import every table; nothing is written before all of them have been read and checked."""
    files: dict[str, list[dict]] = {}
    left_out: dict[str, Counter] = {}
    for csv_name, table in TABLES.items():
        made, left_out[csv_name] = read(Path(opts.reference) / csv_name, table)
        for name, fields in made:
            files.setdefault(name, []).append(fields)
    for name, records in files.items():
        refuse_collisions(name, records)
    for name in sorted(files):
        path = results_folder(opts.results) / name
        write_set(path, files[name])  # whole, without what it held before
        print(f"{path}: {len(files[name])} records")
    for csv_name, reasons in left_out.items():
        print(f"left out of {csv_name}: " + ("; ".join(f"{n} rows ({why})" for why, n in sorted(reasons.items())) or "nothing"))
    print("left out of every row of gluoncv_throughput_history.csv: the accuracy (this benchmark measured it again in 2020-01)")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main = argparse.ArgumentParser(prog="python -m bench.sources.published", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    main.add_argument("reference", metavar="REFERENCE_FOLDER", help="folder of the CSV files with published figures")
    main.add_argument("--results", metavar="DIR", help="folder of the result files (default: $DLMARK_RESULTS or results/)")
    main.set_defaults(run=run)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
