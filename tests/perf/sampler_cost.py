"""What the sampler costs: CPU time over wall time, and throughput with and without it in turn. The limit is 0.2%.

    python tests/perf/sampler_cost.py [--repeats 20] [--threads 2] [--real]

It samples the stand-in for NVML (tests/nvml), so a real driver's own time comes on top: on a machine with a GPU,
--real samples gpu:0. The sampler paces itself by the CPU time that it takes, whatever takes it.
"""

import argparse
import os
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep

sys.path.insert(0, str(Path(__file__).parents[1]))
from nvml_stand_in import Nvml, compile_into

from dlmark.machine import sampler
from dlmark.measure.process import run_in_process

LIMIT = 0.002
# Noise hides a cost of 0.2%; at many times the samples it shows, and a share of it is the cost of the usual pace.
WAYS = {"without": None, "with": {}, "with, often": {"interval_s": 0.002, "max_cost": 1}}


def cpu_time(seconds: float):
    """Yield, for two ways of pacing, CPU time over wall time of a process that only samples, and samples a second."""
    for pacing, options in (("as it is", {}), ("0.1 s without pacing", {"max_cost": 1})):
        with sampler.watch("gpu:0", **options) as seen:
            start, cpu_start = perf_counter(), process_time()
            sleep(seconds)
            share = (process_time() - cpu_start) / (perf_counter() - start)
        yield pacing, share, len(seen.samples) / seen.watched_s


def throughput(repeats: int, work_s: float):
    """Yield, for each way in turn, the (wall seconds, CPU seconds, samples a second) of a fixed piece of work."""
    import numpy as np

    matrix = np.random.default_rng(0).standard_normal((256, 256)).astype("float32")

    def work(products):
        start, cpu_start = perf_counter(), process_time()
        for _ in range(products):
            matrix @ matrix
        return perf_counter() - start, process_time() - cpu_start

    work(200)
    products = round(work_s * 200 / work(200)[0])
    for repeat in range(repeats):
        times = {}
        for way in sorted(WAYS, reverse=repeat % 2):
            with nullcontext() if WAYS[way] is None else sampler.watch("gpu:0", **WAYS[way]) as seen:
                spent = work(products)
            times[way] = (*spent, (len(seen.samples) - 1) / spent[0] if seen else 0)  # the last comes after the work
        yield times


def interval(changes: list[float]) -> str:
    """The median and its 95% interval by bootstrap, in percent."""
    import numpy as np

    draws = np.random.default_rng(0).choice(changes, (4_000, len(changes)))
    low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
    return f"{median(changes):+.3%} (95% interval {low:+.3%} to {high:+.3%})"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="turns of a piece without, with, and with many samples (default: %(default)s)")
    parser.add_argument("--work-s", type=float, default=1.5, help="time of one piece of work (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of the work (default: %(default)s)")
    parser.add_argument("--real", action="store_true", help="sample this machine's own gpu:0")
    opts = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {"OPENBLAS_NUM_THREADS": str(opts.threads), "PYTHONPATH": str(Path(__file__).parents[2])}
        if not opts.real:
            compile_into(folder)
            environment |= Nvml(folder).environment(PROCESSES="self:512,1:256")
        for pacing, share, rate in run_in_process(cpu_time, 10.0, silence_s=60, environment=environment):
            verdict = "" if share < LIMIT else f", over the limit of {LIMIT:.1%}"
            print(f"sampling alone, {pacing}: {share:.3%} of a core at {rate:.1f} samples a second{verdict}")
        turns = list(run_in_process(throughput, opts.repeats, opts.work_s, silence_s=600, environment=environment))
    print(f"{opts.repeats} turns of {opts.work_s:g} s of matrix products on {opts.threads} threads, with the sampler against without:")
    usual = median(turn["with"][2] for turn in turns)
    for way in ("with", "with, often"):
        rate = median(turn[way][2] for turn in turns)
        for place, name in enumerate(("wall time", "CPU time")):
            changes = [usual / rate * (turn[way][place] / turn["without"][place] - 1) for turn in turns]
            print(f"  {name} for {usual:.1f} samples a second, from {rate:.1f}: {interval(changes)}")


if __name__ == "__main__":
    main()
