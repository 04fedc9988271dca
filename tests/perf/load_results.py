"""Time of load_results on 10,000 files with 1,000,000 records, checked, beside json and record.check on a part of them.

    python tests/perf/load_results.py [--files 10000] [--records 100] [--fields 39] [--part 20] [--repeats 3]

Each measurement is a fresh process on the cores of --cores; the files lie in the page cache. Memory is the peak of
resident pages (VmHWM), of the process and of the largest that helped it. The folder is temporary and goes at the end.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

OURS = """
import resource, sys, time
import numpy, pandas
from dlmark.benchmark import load_results
start = time.perf_counter()
data = load_results("*", sys.argv[1])
seconds = time.perf_counter() - start
"""
# What load_results was before: json, the check of each record, and a DataFrame made of dicts.
JSON_AND_CHECK = """
import resource, sys, time
from pathlib import Path
import pandas
from dlmark.results.files import matching, read_records
start = time.perf_counter()
folder = Path(sys.argv[1])
names = matching("*", folder)
data = pandas.DataFrame([{**record, "file": name} for name in names for record in read_records(folder / name)])
data["status"] = data["status"].fillna("ok")
seconds = time.perf_counter() - start
"""
REPORT = """
mine = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
helper = resource.getrusage(resource.RUSAGE_CHILDREN)
own = resource.getrusage(resource.RUSAGE_SELF)
cpu = sum((own.ru_utime, own.ru_stime, helper.ru_utime, helper.ru_stime))
print(len(data), seconds, cpu, mine, helper.ru_maxrss / 1024)
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="files in the folder (default: %(default)s)")
    parser.add_argument("--records", type=int, default=100, help="records a file (default: %(default)s)")
    parser.add_argument("--fields", type=int, default=39, help="fields of a measured record (default: %(default)s, all there are)")
    parser.add_argument("--part", type=int, default=20, help="one file in this many is read by json too (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="measurements, of which the fastest counts (default: %(default)s)")
    parser.add_argument("--cores", default="0,1", help="cores that the processes may use (default: %(default)s)")
    opts = parser.parse_args(argv)
    os.sched_setaffinity(0, map(int, opts.cores.split(",")))
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as part:
        size = write_folder(Path(whole), Path(part), opts)
        print(f"{opts.files:,} files, {opts.fields} fields a record, {size / 2**20:,.0f} MB; load average {os.getloadavg()[0]:.1f}")
        ours = best("load_results", OURS, whole, opts.repeats)
        old = best("json and check", JSON_AND_CHECK, part, opts.repeats)
    print(f"a record: {old['s'] / old['records'] / (ours['s'] / ours['records']):.1f} times as fast as json and check")
    print(f"{ours['records']:,} records in {ours['s']:.1f} s and {(ours['mb'] + ours['helper_mb']) / 1024:.2f} GB, helper and all")


def write_folder(whole: Path, part: Path, opts: argparse.Namespace) -> int:
    """Write the files, and every so many a second time into `part`; returns the bytes in `whole`."""
    rng, size = random.Random(0), 0
    for number in range(opts.files):
        records = (dict(list(record(rng, number, place).items())[: opts.fields]) for place in range(opts.records))
        lines = (json.dumps(record, ensure_ascii=False) for record in records)
        name, text = f"cnn.py__benchmark_throughput__mxnet__amd-epyc-{number}-2-threads.json", "[\n" + ",\n".join(lines) + "\n]\n"
        size += (whole / name).write_bytes(text.encode())
        if number % opts.part == 0:
            (part / name).write_text(text, encoding="utf-8")
    return size


def record(rng: random.Random, file: int, place: int) -> dict:
    """A record with the fields that bench.cnn writes: of a failed point in one of 50."""
    common = {
        "model": f"ResNet-v1-{18 + place // 10}", "batch_size": 2 ** (place % 10), "workload": "inference", "framework": "mxnet",
        "framework_version": "1.9.1", "precision": "float32", "mode": "hybridized", "device": f"AMD EPYC {file}, 2 threads",
        "host": f"2-core virtual machine, 24 GB, Linux, no. {file:06x}", "threads": 2,
        "library_versions": {"Linux": "6.18", "python": "3.11.7", "numpy": "1.26.4", "gluoncv": "0.10.5.post0"},
        "command": "python -m bench.cnn throughput --framework mxnet --seconds 4 --models AlexNet,DenseNet-121",
        "source": "measured", "format_version": 1, "input_shape": [3, 224, 224], "time_cap_s": 60,
        "measured_at": f"2026-11-{1 + file % 28:02}T{rng.randrange(24):02}:{place % 60:02}:{rng.randrange(60):02}Z",
    }  # fmt: skip
    if rng.random() < 0.02:
        return {**common, "status": "out_of_memory", "reason": f"no room for {rng.randrange(10**9)} bytes"}
    return {**common, **numbers(rng, common["batch_size"])}


def numbers(rng: random.Random, batch_size: int) -> dict:
    """What a measured point holds besides: ten blocks in five rounds, latencies, phases and the host meanwhile."""
    typical_s = rng.uniform(0.09, 0.12)
    blocks = [rounded(typical_s * rng.uniform(0.99, 1.01)) for _ in range(10)]
    medians = [(blocks[place] + blocks[place + 1]) / 2 for place in range(0, 10, 2)]
    throughput = rounded(batch_size * 8 / sorted(medians)[2])
    sure = rng.random() < 0.75
    return {
        "throughput": throughput, "throughput_half_width": rounded(throughput / (110 if sure else 90)), "round_spread": rounded(max(medians) / min(medians) - 1),
        "block_times_s": blocks, "round_blocks": [2] * 5, "calls_per_block": 8,
        "contended_blocks": [rng.randrange(10)] if rng.random() < 0.1 else [],
        "latency_p50_s": rounded(blocks[0] / 8), "latency_calls": rng.randrange(30, 100), "first_call_s": rounded(rng.random()),
        "warmup_s": rounded(rng.random()), "import_s": 1.69579, "build_s": 0.0059008, "device_mem": rounded(rng.uniform(300, 900)),
        "process_mem_mb": rounded(rng.uniform(500, 1100)), "other_cpu_share": rounded(rng.random() / 50),
        "cpu_per_wall": rounded(1 + rng.random()), "involuntary_switches": rng.randrange(100), "status": "ok",
        "flags": ["interval wider than the target of ±1.0% when the time was up"] if rng.random() < 0.1 else [],
        "grade": "A" if sure else "B", "grade_reasons": [] if sure else ["interval of ±1.1%, wider than ±1%"],
    }  # fmt: skip


def rounded(value: float) -> float:
    return float(f"{value:.6g}")


def best(name: str, code: str, folder: str, repeats: int) -> dict[str, float]:
    """The fastest of some measurements, each of which is printed."""
    runs = [measured(name, code, folder) for _ in range(repeats)]
    return min(runs, key=lambda run: run["s"])


def measured(name: str, code: str, folder: str) -> dict[str, float]:
    process = subprocess.run([sys.executable, "-c", code + REPORT, folder], cwd=ROOT, capture_output=True, text=True, check=True)
    records, seconds, cpu, mine, helper = map(float, process.stdout.split())
    print(f"{name:15} {records:9,.0f} records: {seconds:6.2f} s, {cpu:6.2f} s of CPU; {mine:6,.0f} MB, helper {helper:5,.0f} MB", flush=True)
    return {"records": int(records), "s": seconds, "cpu": cpu, "mb": mine, "helper_mb": helper}


if __name__ == "__main__":
    main()
