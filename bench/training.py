"""Training: images a second of one step, which is forward, backward and the update of all weights.

    python -m bench.training throughput --framework mxnet
    python -m bench.training throughput --framework torch --device gpu --precision bfloat16 --mode compiled --batch-sizes 32,128

The step is that of stochastic gradient descent with momentum 0.9 and cross-entropy, on images and labels that lie on the device.
A number counts only if the loss stayed finite and changed. Every finished point is saved at once, as by bench.cnn.
"""

if not __package__:  # python bench/training.py
    import as_module

    as_module.run(__file__)

import argparse
import math
import sys
from dataclasses import replace
from functools import partial
from types import ModuleType, SimpleNamespace

from bench import adapters, cnn
from bench.run import in_rounds, options
from bench.run.plan import Plan
from dlmark.machine import device
from dlmark.measure import sweep, timing

WORKLOAD = "training"
MODELS = "AlexNet,ResNet-v1-18,ResNet-v1-50,ResNet-v1b-18,ResNet-v1b-50,MobileNetV2-1.0,MobileNetV2"
BATCH_SIZES = {"cpu": [8, 32], "gpu": [32, 64, 128, 256]}
NEEDS = "load_training", "prepare_training"
OF_TIMES = ("import_s", "build_s", "first_call_s", "time_cap_s")  # what a record without a number keeps


# ---- one network, in a process of its own ----


class Steps:
    """The steps of one network at one batch size, and the losses of the first and of a later one on the same images."""

    def __init__(self, run, wait, loss):
        self._run, self.wait, self._loss = run, wait, loss
        self._count, self._first = 0, math.nan

    def run(self) -> None:
        """Queue one step. The first is waited for: only then is its loss known."""
        self._run()
        self._count += 1
        if self._count == 1:
            self._first = self._loss()

    def wrong(self) -> str | None:
        """What is wrong with the losses, in one sentence; None if nothing is."""
        if self._count % 2 == 0:  # two batches alternate, and the first step had the first one
            self.run()
        self.wait()
        last = self._loss()
        if not (math.isfinite(self._first) and math.isfinite(last)):
            return f"the loss is no finite number: {self._first:g} after the first step, {last:g} after {self._count}"
        if self._first == last:
            return f"the loss did not change: {last:g} after the first step as after {self._count}"
        return None


def measure_training(job: sweep.Job, framework: str, where: str, rules: timing.Rules, time_cap_s: float | None, is_first_round: bool):
    """Yield a record for each batch size as cnn.measure_throughput does, of steps instead of calls; none counts whose loss is wrong."""
    adapter, now = adapters.get(framework), {}

    def prepare(network, model: str, batch_size: int):
        now["steps"] = Steps(*adapter.prepare_training(network, model, batch_size))
        return now["steps"].run, now["steps"].wait

    trained = SimpleNamespace(**{**vars(adapter), "load": partial(_load, adapter), "prepare": prepare})
    adapters.get = lambda name: trained  # in this process, which ends with the job: what is run is a step
    for record in cnn.measure_throughput(job, framework, where, replace(rules, latency_s=0), time_cap_s, False):
        wrong = now["steps"].wrong() if record.get("block_times_s") else None
        if wrong:
            kept = {name: record[name] for name in OF_TIMES if name in record}
            record = job.record(record["batch_size"], status="wrong_output", reason=wrong, **kept, measured_at=sweep.now())
        yield record


def _load(adapter: ModuleType, model: str, kind: str, precision: str, weights: str = "random", mode: str | None = None):
    return adapter.load_training(model, kind, precision, mode or adapter.modes[0])


# ---- the command ----


def throughput(opts: argparse.Namespace) -> int:
    """Measure the training of every network at every batch size that the results do not hold yet, in rounds."""
    known = _known(opts.framework)
    opts.models = opts.models or ",".join(name for name in MODELS.split(",") if name in known) or "*"
    plan = Plan(opts, "classification", "training.py", "benchmark_throughput")
    kind = device.kind(plan.where)
    jobs = plan.jobs(opts.batch_sizes or BATCH_SIZES[kind], workload=WORKLOAD)
    return in_rounds.measure(plan, jobs, opts, in_rounds.rules(kind, opts.seconds, energy=opts.energy), measure_training)


def _known(framework: str) -> list[str]:
    """The networks of a framework that can be trained. Raises UsageError where it can't; what is not there at all the plan will say."""
    if framework not in adapters.names():
        return []
    adapter = adapters.get(framework)
    if not all(hasattr(adapter, name) for name in NEEDS):
        able = [name for name in adapters.names() if all(hasattr(adapters.get(name), need) for need in NEEDS)]
        raise options.UsageError(f"{framework} is not measured in training here: use --framework {' or '.join(able)}")
    return list(adapter.models["classification"])


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = main.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("throughput", help=throughput.__doc__, description=throughput.__doc__, allow_abbrev=False)
    options.add_common(command)
    in_rounds.add_options(command, time_cap_s=60)
    default = "; ".join(f"on a {kind.upper()} {','.join(map(str, sizes))}" for kind, sizes in BATCH_SIZES.items())
    command.add_argument("--batch-sizes", type=options.batch_sizes, help=f"comma-separated (default: {default})")
    command.set_defaults(run=throughput)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
