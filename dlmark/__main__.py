"""Command line of dlmark: check result files."""

import argparse
import sys
from collections.abc import Sequence

from dlmark.benchmark import ResultsError, read_records, refuse_twins
from dlmark.record import RecordError


def check(paths: Sequence[str]) -> int:
    """Check each file; print what is wrong with it, or how many records it has. Returns 1 if any is wrong."""
    wrong = 0
    for path in paths:
        try:
            records = read_records(path)
            refuse_twins(records, path)
            print(f"{path}: {len(records):,} records, all right")
        except (ResultsError, RecordError) as error:
            print(error, file=sys.stderr)
            wrong += 1
    if wrong:
        print(f"{wrong} of {len(paths)} files are wrong; docs/result-format.ipynb describes the format", file=sys.stderr)
    return 1 if wrong else 0


def main(argv: list[str] | None = None) -> int:
    """Run the command that `argv` names; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dlmark", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    checks = commands.add_parser("check", help="check result files", description=check.__doc__)
    checks.add_argument("files", nargs="+", metavar="FILE")
    checks.set_defaults(run=lambda opts: check(opts.files))
    opts = parser.parse_args(argv)
    return opts.run(opts)


if __name__ == "__main__":
    sys.exit(main())
