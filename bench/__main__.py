"""Measure this machine: every GPU that NVML finds, else the CPU, with every framework that is installed.

    python -m bench                                      all of it
    python -m bench --preset quick                       a few networks, in minutes
    python -m bench --framework mxnet --models 'ResNet-*' --batch-sizes 1,8

`make results` is the same with the variables BENCH, FRAMEWORK, MODELS, BATCH_SIZES, DEVICE, PRESET and AGAIN.
"""

import argparse
import sys

from bench import adapters, cnn, options
from dlmark import device

BENCHES = {"cnn": cnn}
PRESETS = {
    "full": {"throughput": [], "largest-batch-size": []},
    "quick": {"throughput": ["--seconds", "2", "--time-cap", "20"]},
}
QUICK_MODELS, QUICK_SIZES = ("AlexNet", "ResNet-v1-18", "ResNet-v1-50", "SqueezeNet-1.1"), "1,8,32"


def commands(opts: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """The bench scripts to run and their arguments, in order. Raises UsageError."""
    if opts.bench not in BENCHES:
        raise options.UsageError(f"unknown bench {opts.bench!r}; there are: {', '.join(BENCHES)}")
    installed = [name for name in adapters.names() if adapters.version(adapters.get(name))]
    # NumPy stands in for a framework where there is none; nobody chooses a device by it.
    frameworks = [opts.framework] if opts.framework else [name for name in installed if name != "numpy"] or ["numpy"]
    devices = [opts.device] if opts.device else [f"gpu:{i}" for i in range(len(device.gpu_names()))] or ["cpu"]
    return [(opts.bench, _arguments(opts, sub, framework, where)) for framework in frameworks for where in devices for sub in PRESETS[opts.preset]]


def _arguments(opts: argparse.Namespace, sub: str, framework: str, where: str) -> list[str]:
    """One command: the user's choice, else the preset's, else the bench script's own."""
    quick = opts.preset == "quick"
    known = adapters.get(framework).models["classification"] if framework in adapters.names() else {}
    models = opts.models or (quick and ",".join(name for name in QUICK_MODELS if name in known))
    sizes = sub == "throughput" and (opts.batch_sizes or (quick and QUICK_SIZES))
    given = {"--framework": framework, "--device": where, "--models": models, "--batch-sizes": sizes, "--results": opts.results}
    return [sub, *(f"{name}={value}" for name, value in given.items() if value), *PRESETS[opts.preset][sub], *["--again"] * opts.again]


def run(opts: argparse.Namespace) -> int:
    """Run them one after another; where one can't be, the others still are. Returns the worst exit status."""
    worst = 0
    for bench, arguments in commands(opts):
        print(f"\npython -m bench.{bench} {' '.join(arguments)}", flush=True)
        status = options.main(BENCHES[bench].parser(), arguments)
        if status == 130:
            return status
        worst = max(worst, status)
    return worst


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m bench`."""
    main = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    main.add_argument("--bench", default="cnn", help=f"one of: {', '.join(BENCHES)} (default: %(default)s)")
    main.add_argument("--framework", help="one framework (default: all that are installed)")
    main.add_argument("--device", help="cpu, gpu or gpu:N (default: every GPU, else the CPU)")
    main.add_argument("--models", metavar="NAMES", help="networks by name or glob, comma-separated")
    main.add_argument("--batch-sizes", help="comma-separated")
    main.add_argument("--preset", choices=PRESETS, default="full", help="(default: %(default)s)")
    main.add_argument("--results", metavar="DIR", help="folder of the result files")
    main.add_argument("--again", action="store_true", help="measure again what is there already")
    main.set_defaults(run=run)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
