"""Bench scripts: one a workload, any framework, any device. Run from the project's folder: python -m bench.cnn --help."""

import sys

from dlmark import descriptors, stop

if stop.is_command("bench") and (problem := descriptors.too_few()):
    print(f"python -m bench: {problem}", file=sys.stderr)
    sys.exit(2)
