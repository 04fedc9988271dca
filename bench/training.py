"""Training: images a second of one step, which is forward, backward and the update of all weights.

    python -m bench.training throughput --framework mxnet
    python -m bench.training throughput --framework torch --device gpu --precision bfloat16 --mode compiled --batch-sizes 32,128

The step is that of stochastic gradient descent with momentum 0.9 and cross-entropy, on images and labels that lie on the device.
A number counts only if the loss stayed finite and fell on the same images. Every finished point is saved at once, as by bench.cnn.
"""

if not __package__:  # python bench/training.py
    import as_module

    as_module.run(__file__)

import argparse
import math
import sys
from dataclasses import replace
from functools import partial

from bench import adapters, cnn
from bench.run import in_rounds, options
from bench.run import throughput as timed
from bench.run.plan import Plan
from dlmark.machine import device

MODELS = "AlexNet,ResNet-v1-18,ResNet-v1-50,ResNet-v1b-18,ResNet-v1b-50,MobileNetV2-1.0,MobileNetV2"
TASK = replace(cnn.TASK, networks=MODELS.split(","))
TRAINS = True  # what is measured is training
BATCH_SIZES = {"cpu": [8, 32], "gpu": [32, 64, 128, 256]}
LEAST_STEPS = 9  # after which a loss has fallen that falls at all: with momentum, and half of the numbers left out
PRESETS = {"full": {"throughput": []}, "quick": {"throughput": ["--time-cap", "20"]}}


class Steps:
    """The steps of one network at one batch size, and the losses of the first and of a later one on the same images.

    Before both chance begins anew, so that dropout leaves out the same numbers: then only the weights can make another loss.
    """

    def __init__(self, network):
        self._network, self.wait = network, network.wait
        self._begin_chance_anew = getattr(network, "begin_chance_anew", lambda: None)
        self._count, self._first = 0, math.nan

    def run(self) -> None:
        """Queue one step. The first is waited for: only then is its loss known."""
        if self._count == 0:
            self._begin_chance_anew()
        self._network.run()
        self._count += 1
        if self._count == 1:
            self._first = self._network.loss()

    def wrong(self) -> str | None:
        """What is wrong with the losses, in one sentence; None if nothing is."""
        while self._count < LEAST_STEPS - 1 or self._count % 2:  # two batches alternate, and the first step had the first one
            self.run()
        self._begin_chance_anew()
        self.run()
        self.wait()
        last = self._network.loss()
        if not (math.isfinite(self._first) and math.isfinite(last)):
            return f"the loss is no finite number: {self._first:g} after the first step, {last:g} after {self._count}"
        if not last < self._first:
            return f"the loss did not fall: {self._first:g} after the first step, {last:g} after {self._count} on the same images"
        return None


def throughput(opts: argparse.Namespace) -> int:
    """Measure the training of every network at every batch size that the results do not hold yet, in rounds."""
    _must_train(opts.framework)
    plan = Plan(opts, opts.script, "benchmark_throughput", task=opts.task, workload="training")
    kind = device.kind(plan.where)
    jobs = plan.jobs(opts.batch_sizes or BATCH_SIZES[kind])
    rules = replace(in_rounds.rules(kind, opts.seconds, energy=opts.energy), latency_s=0)
    return in_rounds.measure(plan, jobs, opts, rules, partial(timed.measure, task=opts.task, training=True, around=Steps), gated=False)


def _must_train(framework: str) -> None:
    """Raises UsageError where the framework can't; what is not there at all the plan will say."""
    if framework in adapters.names() and not getattr(adapters.get(framework), "trains", False):
        able = [name for name in adapters.names() if getattr(adapters.get(name), "trains", False)]
        raise options.UsageError(f"{framework} is not measured in training here: use --framework {' or '.join(able)}")


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main, commands = options.script("training", __doc__)
    command = options.add_command(commands, throughput, task=TASK, script="training.py")
    in_rounds.add_options(command, time_cap_s=60)
    default = "; ".join(f"on a {kind.upper()} {','.join(map(str, sizes))}" for kind, sizes in BATCH_SIZES.items())
    command.add_argument("--batch-sizes", type=options.batch_sizes, help=f"comma-separated (default: {default})")
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
