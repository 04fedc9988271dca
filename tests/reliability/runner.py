"""Try what the project promises, and count.

    python tests/reliability                           all of it, in at most 20 minutes
    python tests/reliability --short                   a part of it, in at most 2
    python tests/reliability --only kill,cut --seed 7  some of it again, with the same random numbers

`make reliability` also writes the table of docs/reliability.md. The exit status is 1 where a promise was broken.
"""

import argparse
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

from dlmark.terminal.progress import lasting, progress
from reliability import ROWS, table
from reliability.trying import Row, Task, Untried

MINUTES = {"full": 19.0, "short": 1.8}  # after which each promise left is tried once, and that is all
SHOWN = 3  # violations of a promise that are printed in full


@dataclass
class Outcome:
    """What the tries of one row came to."""

    row: Row
    wanted: int
    tried: int = 0
    found: int = 0
    first: list[str] = field(default_factory=list)
    untried: str = ""  # why it was not tried


def attempt(row: Row, task: Task, show) -> Outcome:
    """Try one row, count, and print the first violations."""
    outcome = Outcome(row, task.number)
    try:
        for problems in row.tries(task):
            outcome.tried += 1
            show.advance(row.seconds)
            show.at(f"{row.name}: {outcome.tried:,} of {task.number:,} tried, {outcome.found:,} found")
            if problems:
                outcome.found += 1
                outcome.first.append("\n".join(problems))
                if outcome.found <= SHOWN:
                    _print(show, f"FOUND by {row.name}, seed {task.seed}:", "\n".join(problems))
    except Untried as reason:
        outcome.untried = str(reason)
    show.advance(row.seconds * (task.number - outcome.tried))  # of those that were left out
    return outcome


def _print(show, *texts: str) -> None:
    for line in "\n".join(texts).splitlines():
        show.say(line)


def run(opts: argparse.Namespace) -> list[Outcome]:
    """Try all rows, each until its share of the time is up."""
    numbers = {row.name: row.short if opts.short else row.full for row in ROWS if not opts.only or row.name in opts.only.split(",")}
    numbers = {name: max(1, round(number * opts.share)) for name, number in numbers.items() if number}
    rows = [row for row in ROWS if row.name in numbers]
    left_s = sum(row.seconds * numbers[row.name] for row in rows)
    end, outcomes = time.monotonic() + 60 * opts.minutes, []
    print(f"seed {opts.seed}; {lasting(left_s)}, at most {opts.minutes:g} min", flush=True)
    with progress(left_s) as show:
        for row in rows:
            own_s = row.seconds * numbers[row.name]
            share_s = (end - time.monotonic()) * own_s / left_s
            left_s -= own_s
            longest_s = max(share_s, end - time.monotonic() - left_s)  # so that those after it have what they need, or their share
            with tempfile.TemporaryDirectory(prefix="dlmark-reliability-", ignore_cleanup_errors=True) as folder:
                start = time.monotonic()
                outcomes.append(attempt(row, Task(numbers[row.name], opts.seed, Path(folder), start + longest_s), show))
            _print(show, f"{table.line(outcomes[-1])} ({time.monotonic() - start:.0f} s)")
    return outcomes


def main(argv: list[str] | None = None) -> int:
    """Returns 1 where a promise was broken, 2 where nothing has that name."""
    parser = argparse.ArgumentParser(prog="python tests/reliability", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer tries of each promise")
    parser.add_argument("--only", metavar="NAMES", help=f"of {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--share", type=float, default=1.0, metavar="F", help="this share of the tries of each promise, at least one")
    parser.add_argument("--minutes", type=float, help="when no other try begins, but for the first of a promise (default: 19, short 1.8)")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="of the random numbers (default: another each time)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the table between the markers of this file")
    opts = parser.parse_args(argv)
    opts.minutes = opts.minutes or MINUTES["short" if opts.short else "full"]
    if unknown := set(filter(None, (opts.only or "").split(","))) - {row.name for row in ROWS}:
        parser.error(f"no promise {', '.join(sorted(unknown))}; there are: {', '.join(row.name for row in ROWS)}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would all that is started here
    start = time.monotonic()
    outcomes = run(opts)
    text = table.markdown(outcomes, opts.seed, time.monotonic() - start)
    print(f"\n{text}")
    if opts.table:
        table.write(opts.table, lambda old: table.with_rows_again(old, outcomes) if opts.only and old.strip() else text)
    return 1 if any(outcome.found for outcome in outcomes) else 0
