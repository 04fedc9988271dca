"""What a run keeps beside its results file, as tests make it and look at it."""

import json
from pathlib import Path

import pytest

from dlmark.benchmark import ResultsError, load_results

NAME = "cnn.py__benchmark_throughput__numpy__a-cpu.json"
FIELDS = {"model": "AlexNet", "framework": "numpy", "device": "A CPU", "measured_at": "2026-11-26T10:00:00Z"}


def a(batch_size, **fields):
    return {**FIELDS, "batch_size": batch_size, **fields}


def kept_in(folder):
    return sorted(path for path in Path(folder).rglob(f"{NAME}.rescued-*"))


def sizes(folder, pattern="*"):
    return sorted(load_results(pattern, folder)["batch_size"])


def close(results):
    with pytest.raises(ResultsError) as error:
        results.close()
    return str(error.value)


def kept(tmp_path, *records):
    """A file that an earlier run kept beside the results."""
    (tmp_path / "results").mkdir(exist_ok=True)
    path = tmp_path / "results" / f"{NAME}.rescued-0123abcd"
    path.write_text(json.dumps(records))
    return path
