"""Bench scripts: one a workload, any framework, any device. Run from the project's folder: python -m bench.cnn --help."""

import sys

if sys.argv[:1] == ["-m"]:  # one of them is the command: before all else, signals are listened to, and the limit on open files is looked at
    from dlmark.machine import descriptors, stop

    if stop.is_command("bench") and (problem := descriptors.too_few()):
        print(f"python -m bench: {problem}", file=sys.stderr)
        sys.exit(2)
