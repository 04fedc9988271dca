"""Peaks that makers state for their accelerators: imported with their sources, to stand beside the ceilings measured by bench/device.py.

    python -m bench.sources.peaks shared/reference

Reads the folder's accelerator_peaks.csv and writes results/device.py__benchmark_ceilings__data-sheets__published.json, whole. A
figure for which no source was read is left out, and so are whole boards of several dies, since NVML lists each die, and operations
on integers, which are not floating-point operations.
"""

import argparse
import re
import sys
from pathlib import Path

from bench.run import options
from bench.run.options import UsageError
from bench.sources.published import in_order, number, rows_of
from dlmark.record import FORMAT_VERSION, PUBLISHED, check
from dlmark.results.files import results_folder, write_set

TABLE = "accelerator_peaks.csv"
FILE = "device.py__benchmark_ceilings__data-sheets__published.json"
PRECISIONS = {"fp32_tflops": "float32", "tf32_tensor_tflops": "tf32", "fp16_tensor_tflops": "float16", "bf16_tensor_tflops": "bfloat16"}
BANDWIDTH = "mem_bandwidth_gb_s"
SHORT = {"fp32_tflops": "fp32", "tf32_tensor_tflops": "tf32", "fp16_tensor_tflops": "fp16", "bf16_tensor_tflops": "bf16", BANDWIDTH: BANDWIDTH}
COLUMNS = ["nvml_name", "unit", "sources", "from_memory", "note", *SHORT]
WHOLE_BOARD = "board, 2 dies"


def records(row: dict) -> list[dict]:
    """A record for each figure of one device that has a source: of a precision in TFLOP/s, or of the memory in GB/s."""
    if row["unit"] == WHOLE_BOARD or not row["sources"]:
        return []
    kept = [name for name in SHORT if row[name] and not _is_from_memory(row["from_memory"], SHORT[name])]
    flags = ["as the maker states it, not measured", *([row["note"]] if row["note"] else [])]
    common = {"workload": "ceiling", "device": row["nvml_name"], "flags": flags, "status": "ok",
              "source": PUBLISHED + row["sources"], "format_version": FORMAT_VERSION}  # fmt: skip
    figures = [{"bandwidth_gb_s": number(row, name), "model": "memory bandwidth"} if name == BANDWIDTH else
               {"tflops": number(row, name), "model": "peak", "precision": PRECISIONS[name]} for name in kept]  # fmt: skip
    return [check(in_order({**common, **figure}), row["where"]) for figure in figures]


def _is_from_memory(from_memory: str, short: str) -> bool:
    """Whether the table says that no source was read for a figure; such as "all", "all but fp16/bf16" or "tf32, int8"."""
    named = re.findall(r"\w+", re.sub(r"\(.*?\)", "", from_memory))  # in brackets stands how it was worked out
    return (short not in named) if from_memory.startswith("all but") else from_memory == "all" or short in named


def run(opts: argparse.Namespace) -> int:
    """Import the table."""
    rows = rows_of(Path(opts.reference) / TABLE, COLUMNS)
    made = [one for row in rows for one in records(row)]
    if not made:
        raise UsageError(f"{Path(opts.reference) / TABLE}: no figure with a source")
    path = results_folder(opts.results) / FILE
    write_set(path, made)
    print(f"{path}: {len(made)} figures of {len({one['device'] for one in made})} devices; "
          f"{sum(not records(row) for row in rows)} of {len(rows)} rows have none that is kept")  # fmt: skip
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main = argparse.ArgumentParser(prog="python -m bench.sources.peaks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    main.add_argument("reference", metavar="REFERENCE_FOLDER", help=f"folder that holds {TABLE}")
    main.add_argument("--results", metavar="DIR", help="folder of the result files (default: $DLMARK_RESULTS or results/)")
    main.set_defaults(run=run)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
