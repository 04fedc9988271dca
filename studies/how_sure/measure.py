"""How sure is a number, and what does it cost? The same points, timed in several ways, in turn, again and again.

    python -m studies.how_sure methods --repetitions 5
    python -m studies.how_sure savings
    python -m studies.how_sure loaded --repetitions 5
    python -m studies.how_sure slower --rounds 10

notebooks/how-sure.ipynb shows what comes out. Every finished point is saved at once; the same command goes on where it was
stopped. Nothing else should run on the machine meanwhile.
"""

import argparse
import multiprocessing
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import mean
from time import monotonic, perf_counter, sleep

from bench import adapters, cnn
from bench.run import in_rounds, options, throughput
from bench.run.canary import Canary
from bench.run.plan import Plan
from dlmark.machine import device
from dlmark.measure import sweep
from dlmark.terminal.progress import progress

MODELS, BATCH_SIZES = "AlexNet,ResNet-v1-18,ResNet-v1-50", "1,2,4,8"
DLMARK = "dlmark"
LOAD_S = 1.0  # the other program works for this long, and rests for as long
TIME_CAP_S = 60  # no point of the study takes nearly as long
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
    network = adapter.load(cnn.TASK.name, job.model, device.kind(where), job.fields["precision"])
    for batch_size in job.batch_sizes:
        yield {"starting": batch_size, "model": job.model}
        network.feed(cnn.TASK.batches(tuple(job.fields["input_shape"]), batch_size))
        call_s = network.own_timer() if loop is None else loop(network.run, network.wait, batch_size)
        yield job.record(batch_size, throughput=batch_size / call_s, status="ok", measured_at=sweep.now())


class Slower:
    """A network each call of which takes 5% longer."""

    def __init__(self, network):
        self._network, self.wait = network, network.wait

    def run(self) -> None:
        """One call, waited for, and as much again of its time."""
        start = perf_counter()
        self._network.run()
        self.wait()
        until = perf_counter() + SLOWER * (perf_counter() - start)
        while perf_counter() < until:
            pass


measure_usual = partial(throughput.measure, task=cnn.TASK)


def measure_one_slower(job: sweep.Job, *args):
    """As usual, but each call of SLOWED takes 5% longer."""
    yield from throughput.measure(job, *args, task=cnn.TASK, around=Slower if job.model == SLOWED else throughput.itself)


# ---- the study ----


@dataclass(frozen=True)
class Condition:
    """Our way of timing, with what differs from it, and what else goes on."""

    name: str = "nothing else"
    method: str = DLMARK
    process_a_point: bool = False
    rules: dict = field(default_factory=dict)
    measure: Callable = measure_usual


class Study:
    """What one command is going to do, and the ways of doing one repetition of it."""

    def __init__(self, opts: argparse.Namespace, methods: int):
        self.plan, self.opts = Plan(opts, "how_sure.py", "benchmark_methods", task=cnn.TASK), opts
        self.rules = replace(in_rounds.rules(device.kind(self.plan.where)), latency_s=0, energy_s=0)
        self.points = len(self.plan.asked.models) * len(opts.batch_sizes)
        self.total = self.points * opts.repetitions * methods

    def jobs(self, method: str, repetition: int, condition: str = "nothing else", *, process_a_point: bool = False) -> list[sweep.Job]:
        """The jobs of one repetition."""
        jobs = self.plan.jobs(self.opts.batch_sizes, method=method, repetition=repetition, condition=condition)
        return [replace(job, batch_sizes=[b]) for job in jobs for b in job.batch_sizes] if process_a_point else jobs

    def by_loop(self, show, method: str, loop, repetition: int, *, process_a_point: bool) -> None:
        """One repetition in a way that others use; nothing if the results hold it already."""
        jobs = self.jobs(method, repetition, process_a_point=process_a_point)
        if not any(sweep.missing(job, self.plan.newest, self.opts.again).batch_sizes for job in jobs):
            return
        args = (self.plan.framework, self.plan.where, loop)
        for record in sweep.run(jobs, measure_by_loop, *args, silence_s=600, environment=self.plan.environment):
            if "starting" in record:
                show.at(f"{method}, repetition {repetition}: {record['model']} batch {record['starting']}")
            else:
                self.plan.keeping.keep(record, self.total, show)
                show.advance(1)

    def by_dlmark(self, show, repetition: int, *conditions: Condition, meanwhile: Callable[[], None] = lambda: None) -> None:
        """One repetition in our way, under each condition in turn: all their first rounds, `meanwhile`, all their second ones, and so on."""
        wanted = [self.jobs(c.method, repetition, c.name, process_a_point=c.process_a_point) for c in conditions]
        first = [[sweep.missing(job, self.plan.newest, self.opts.again) for job in jobs] for jobs in wanted]
        canary, last = Canary(self.plan.framework, self.plan.where, self.plan.environment), self.opts.rounds
        for number in [*range(1, last + 1), last]:  # as in_rounds.measure: the last again, for what was disturbed to the end
            for condition, jobs, new in zip(conditions, wanted, first):
                todo = [job for job in new if job.batch_sizes] if number == 1 else sweep.next_round(jobs, self.plan.results, number)
                self._round(show, todo, number, canary, condition)
            if number == 1:
                meanwhile()

    def _round(self, show, jobs: list[sweep.Job], number: int, canary: Canary, condition: Condition) -> None:
        """One round, of which every point has its share of the canary's time and this process's own."""
        before, start = self._spent_s(jobs) if number > 1 else 0.0, monotonic()
        if not jobs:
            return
        rules = replace(self.rules, **condition.rules)
        silence_s = in_rounds.longest_silence_s(rules, TIME_CAP_S)
        in_rounds.one_round(self.plan, jobs, number, rules, None, silence_s, canary, self.opts.rounds * self.total, show, condition.measure)
        records = self._records(jobs)
        rest_s = (monotonic() - start - (self._spent_s(jobs) - before)) / len(records)
        self.plan.keeping.change([{**record, "spent_s": round((record.get("spent_s") or 0) + rest_s, 3)} for record in records])
        self.plan.keeping.settle()  # which saves them

    def _records(self, jobs: list[sweep.Job]) -> list[dict]:
        return [self.plan.results.get(job.record(b)) for job in jobs for b in job.batch_sizes]

    def _spent_s(self, jobs: list[sweep.Job]) -> float:
        return sum(record.get("spent_s") or 0 for record in self._records(jobs))


def methods(opts: argparse.Namespace) -> int:
    """Time the same points in our way, by the original page's loop, by timm's and by the framework's own timer, in turn.

    The others come between our rounds, which so lie minutes apart, as they do in a sweep over many networks.
    """
    study = Study(opts, 4)
    own = getattr(study.plan.asked.adapter, "own_timer_name", None)
    with _announced(study) as show:
        for repetition in range(1, opts.repetitions + 1):

            def others():
                if own:
                    study.by_loop(show, own, None, repetition, process_a_point=False)
                study.by_loop(show, "timm's loop", timm_loop, repetition, process_a_point=False)
                study.by_loop(show, "original loop", original_loop, repetition, process_a_point=True)

            study.by_dlmark(show, repetition, Condition(), meanwhile=others)
    return study.plan.finish()


def savings(opts: argparse.Namespace) -> int:
    """Time the same points in our way, with a process for each point, and without stopping early."""
    study = Study(opts, 2)
    with _announced(study) as show:
        for repetition in range(1, opts.repetitions + 1):
            study.by_dlmark(show, repetition, Condition(method=f"{DLMARK}, a process a point", process_a_point=True))
            study.by_dlmark(show, repetition, Condition(method=f"{DLMARK}, no early stop", rules={"target": 0.0}))
    return study.plan.finish()


def loaded(opts: argparse.Namespace) -> int:
    """Time the same points in our way while another program keeps one core busy half of the time."""
    study = Study(opts, 1)
    with _announced(study) as show, _another_program():
        for repetition in range(1, opts.repetitions + 1):
            study.by_dlmark(show, repetition, Condition(f"one core busy for {LOAD_S:g} s of every {2 * LOAD_S:g} s"))
    return study.plan.finish()


def slower(opts: argparse.Namespace) -> int:
    """Time the same points in our way three times, a round of each in turn: as they are, with one network made slower, and as they are."""
    study = Study(opts, 3)
    with _announced(study) as show:
        for repetition in range(1, opts.repetitions + 1):
            study.by_dlmark(show, repetition, Condition(f"before {SLOWED} is made {SLOWER:.0%} slower"),
                            Condition(f"{SLOWED} made {SLOWER:.0%} slower", measure=measure_one_slower),
                            Condition(f"after {SLOWED} was made {SLOWER:.0%} slower"))  # fmt: skip
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
    main = argparse.ArgumentParser(prog="python -m studies.how_sure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = main.add_subparsers(required=True, metavar="COMMAND")
    for run, repetitions in ((methods, 5), (savings, 1), (loaded, 5), (slower, 1)):
        command = options.add_command(commands, run, task=cnn.TASK)
        command.add_argument("--batch-sizes", type=options.batch_sizes, default=BATCH_SIZES, help="comma-separated (default: %(default)s)")
        command.add_argument("--rounds", type=options.positive, default=2, help="of our way (default: %(default)s)")
        command.add_argument("--repetitions", type=options.positive, default=repetitions, help="(default: %(default)s)")
        command.set_defaults(models=MODELS)
    return main
