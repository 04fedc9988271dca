"""How sure is a number, and what does it cost? The same points, timed in several ways, in turn, again and again.

    python -m bench.how_sure methods --repetitions 5
    python -m bench.how_sure savings
    python -m bench.how_sure loaded --repetitions 5
    python -m bench.how_sure slower

notebooks/how-sure.ipynb shows what comes out. Every finished point is saved at once; the same command goes on where it was
stopped. Nothing else should run on the machine meanwhile.
"""

import argparse
import multiprocessing
import sys
from contextlib import contextmanager
from dataclasses import replace
from statistics import mean
from time import monotonic, perf_counter, sleep

from bench import adapters, cnn, options
from bench.canary import Canary
from dlmark import device, sweep, timing
from dlmark.progress import progress

MODELS, BATCH_SIZES = "AlexNet,ResNet-v1-18,ResNet-v1-50", "1,2,4,8"
DLMARK = "dlmark"
LOAD_S = 1.0  # the other program works for this long, and rests for as long
SLOWED, SLOWER = "ResNet-v1-18", 0.05


# ---- ways of timing that others use: each gives the seconds of one call ----


def original_loop(run, wait, batch_size: int) -> float:
    """One call to warm up, then 1000 // batch size of them queued: the loop of this benchmark's first page."""
    run()
    wait()
    calls, start = max(1, 1_000 // batch_size), perf_counter()
    for _ in range(calls):
        run()
    wait()
    return (perf_counter() - start) / calls


def timm_loop(run, wait, batch_size: int) -> float:
    """10 calls to warm up, 40 timed one by one, their mean: as benchmark.py of timm does by default."""
    times = []
    for _ in range(50):
        start = perf_counter()
        run()
        wait()
        times.append(perf_counter() - start)
    return mean(times[10:])


def measure_by_loop(job: sweep.Job, framework: str, where: str, loop):
    """Yield a record for each batch size, timed by `loop`, or if that is None by the framework's own timer."""
    adapter = adapters.get(framework)
    network = adapter.load(job.model, device.kind(where), job.fields["precision"])
    for batch_size in job.batch_sizes:
        yield {"starting": batch_size, "model": job.model}
        if loop is None:
            call_s = adapter.own_timer(network, job.model, batch_size)
        else:
            call_s = loop(*adapter.prepare(network, job.model, batch_size), batch_size)
        yield job.record(batch_size, throughput=batch_size / call_s, status="ok", measured_at=sweep.now())


def measure_one_slower(job: sweep.Job, framework: str, *args):
    """As cnn.measure_throughput, but each call of SLOWED takes 5% longer."""
    adapter = adapters.get(framework)
    prepare = adapter.prepare

    def prepare_slower(*words):
        run, wait = prepare(*words)

        def run_slower():
            start = perf_counter()
            run()
            wait()
            until = perf_counter() + SLOWER * (perf_counter() - start)
            while perf_counter() < until:
                pass

        return run_slower, wait

    if job.model == SLOWED:
        adapter.prepare = prepare_slower  # in this process, which ends with the job
    yield from cnn.measure_throughput(job, framework, *args)


# ---- the study ----


class Study:
    """What one command is going to do, and the ways of doing one repetition of it."""

    def __init__(self, opts: argparse.Namespace, methods: int):
        self.plan, self.opts = options.Plan(opts, cnn.WORKLOAD, "how_sure.py", "benchmark_methods"), opts
        self.rules = timing.Rules(target=0.01 if self.plan.where == "cpu" else 0.005, latency_s=0)
        self.points = len(self.plan.models) * len(opts.batch_sizes)
        self.total = self.points * opts.repetitions * methods

    def jobs(self, method: str, repetition: int, condition: str = "nothing else", *, process_a_point: bool = False) -> list[sweep.Job]:
        """The jobs of one repetition; none if the results hold it already."""
        jobs = self.plan.jobs(self.opts.batch_sizes, method=method, repetition=repetition, condition=condition)
        if not any(sweep.missing(job, self.plan.results, self.opts.again).batch_sizes for job in jobs):
            return []
        return [replace(job, batch_sizes=[b]) for job in jobs for b in job.batch_sizes] if process_a_point else jobs

    def by_loop(self, show, method: str, loop, repetition: int, *, process_a_point: bool) -> None:
        """One repetition in a way that others use."""
        jobs = self.jobs(method, repetition, process_a_point=process_a_point)
        args = (self.plan.framework, self.plan.where, loop)
        for record in sweep.run(jobs, measure_by_loop, *args, silence_s=600, environment=self.plan.environment):
            if "starting" in record:
                show.at(f"{method}, repetition {repetition}: {record['model']} batch {record['starting']}")
            else:
                self.plan.keep(record, self.total, show)
                show.advance(1)

    def by_dlmark(self, show, repetition: int, condition: str = "nothing else", *, method: str = DLMARK, process_a_point: bool = False,
                  measure=cnn.measure_throughput, **changed) -> None:  # fmt: skip
        """One repetition in our way: two rounds and the canary, with the rules `changed`."""
        jobs, start = self.jobs(method, repetition, condition, process_a_point=process_a_point), monotonic()
        if not jobs:
            return
        canary = Canary(self.plan.framework, self.plan.where, self.plan.environment)
        for number in (1, 2, 2):  # as cnn.throughput
            todo = jobs if number == 1 else sweep.next_round(jobs, self.plan.results, 2)
            rules = replace(self.rules, **changed)
            cnn.one_round(self.plan, todo, number, rules, None, canary, 2 * self.total, show, measure)
        # The canary's time, and this process's own, belong to the cost: every point has an even share.
        records = [self.plan.results.get(job.record(b)) for job in jobs for b in job.batch_sizes]
        rest_s = (monotonic() - start - sum(record["spent_s"] for record in records)) / len(records)
        self.plan.change([{**record, "spent_s": round(record["spent_s"] + rest_s, 3)} for record in records])


def methods(opts: argparse.Namespace) -> int:
    """Time the same points in our way, by the original page's loop, by timm's and by the framework's own timer, in turn."""
    study = Study(opts, 4)
    own = getattr(study.plan.adapter, "own_timer_name", None)
    with _announced(study) as show:
        for repetition in range(1, opts.repetitions + 1):
            study.by_dlmark(show, repetition)
            if own:
                study.by_loop(show, own, None, repetition, process_a_point=False)
            study.by_loop(show, "timm's loop", timm_loop, repetition, process_a_point=False)
            study.by_loop(show, "original loop", original_loop, repetition, process_a_point=True)
    return study.plan.finish()


def savings(opts: argparse.Namespace) -> int:
    """Time the same points in our way, with a process for each point, and without stopping early."""
    study = Study(opts, 2)
    with _announced(study) as show:
        for repetition in range(1, opts.repetitions + 1):
            study.by_dlmark(show, repetition, method=f"{DLMARK}, a process a point", process_a_point=True)
            study.by_dlmark(show, repetition, method=f"{DLMARK}, no early stop", target=0.0)
    return study.plan.finish()


def shorter(opts: argparse.Namespace) -> int:
    """Time the same points in our way, with at most 1 s of blocks in a visit."""
    study = Study(opts, 1)
    with _announced(study) as show:
        for repetition in range(1, opts.repetitions + 1):
            study.by_dlmark(show, repetition, method=f"{DLMARK}, 1 s of blocks", measure_s=1.0)
    return study.plan.finish()


def loaded(opts: argparse.Namespace) -> int:
    """Time the same points in our way while another program keeps one core busy half of the time."""
    study = Study(opts, 1)
    with _announced(study) as show, _another_program():
        for repetition in range(1, opts.repetitions + 1):
            study.by_dlmark(show, repetition, f"one core busy for {LOAD_S:g} s of every {2 * LOAD_S:g} s")
    return study.plan.finish()


def slower(opts: argparse.Namespace) -> int:
    """Time the same points in our way three times: as they are, with one network made slower on purpose, and as they are."""
    study = Study(opts, 3)
    with _announced(study) as show:
        for repetition in range(1, opts.repetitions + 1):
            study.by_dlmark(show, repetition, f"before {SLOWED} is made {SLOWER:.0%} slower")
            study.by_dlmark(show, repetition, f"{SLOWED} made {SLOWER:.0%} slower", measure=measure_one_slower)
            study.by_dlmark(show, repetition, f"after {SLOWED} was made {SLOWER:.0%} slower")
    return study.plan.finish()


@contextmanager
def _announced(study: Study):
    print(study.plan.headline(study.total, study.total, f"{study.opts.repetitions} repetitions of {study.points} points"))
    with progress(study.total) as show:
        yield show


@contextmanager
def _another_program():
    process = multiprocessing.get_context("spawn").Process(target=_busy_half_of_the_time, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()


def _busy_half_of_the_time() -> None:
    while True:
        until = perf_counter() + LOAD_S
        while perf_counter() < until:
            pass
        sleep(LOAD_S)


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main = argparse.ArgumentParser(prog="python -m bench.how_sure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = main.add_subparsers(required=True, metavar="COMMAND")
    for run, repetitions in ((methods, 5), (savings, 1), (shorter, 5), (loaded, 5), (slower, 1)):
        command = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__, allow_abbrev=False)
        options.add_common(command)
        command.add_argument("--batch-sizes", type=options.batch_sizes, default=BATCH_SIZES, help="comma-separated (default: %(default)s)")
        command.add_argument("--repetitions", type=options.positive, default=repetitions, help="(default: %(default)s)")
        command.set_defaults(run=run, models=MODELS)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
