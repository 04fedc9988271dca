"""The table of what was tried and what was found, as it stands in docs/reliability.md."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from dlmark.machine import cpu, host
from dlmark.terminal.progress import lasting
from reliability.trying import ROOT

BEGIN, END = "<!-- reliability table: written by make reliability -->", "<!-- end of the reliability table -->"


def markdown(outcomes: list, seed: int, seconds: float) -> str:
    """When, of what, where and how long; and a row a promise."""
    about = f"{datetime.now(UTC):%Y-%m-%d}, commit {_commit()}, on a {_host()}, {lasting(seconds)}, seed {seed}; rows that were tried again alone name their own commit."
    return "\n".join([about, "", "| promise | test | tried | found | at commit |", "|---|---|---:|---:|---|", *map(_row, outcomes)])


def with_rows_again(old: str, outcomes: list) -> str:
    """The table with the rows of `outcomes`, which were tried again alone, in the place of theirs."""
    again = {_of(row): row for row in map(_row, outcomes)}
    return "\n".join(again.get(_of(line), line) for line in old.strip().splitlines())


def _row(o) -> str:
    return f"| {_cell(o.row.promise)} | {_cell(o.row.test)} | {_tried(o)} | {_found(o)} | {_commit()} |"


def _of(line: str) -> tuple[str, ...]:
    """What tells a row apart: its promise and its test."""
    return tuple(line.split(" | ")[:2])


def line(outcome) -> str:
    """One outcome for the terminal."""
    return f"{outcome.row.name}: {_tried(outcome)} tried, {_found(outcome)} found: {outcome.row.promise}"


def write(path: Path, make: Callable[[str], str]) -> None:
    """Put what `make` makes of the table between the markers of a file in its place. Raises ValueError where it has none."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    old, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path}: expected the markers {BEGIN} and {END}, between which the table goes")
    text = make(old)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _tried(outcome) -> str:
    if outcome.untried:
        return f"not tried: {_cell(outcome.untried)}"
    return f"{outcome.tried:,}" + ("" if outcome.tried >= outcome.wanted else f" of {outcome.wanted:,}, the time was up")


def _found(outcome) -> str:
    return f"{outcome.found:,}" if outcome.tried else "—"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _host() -> str:
    """The machine without the number that tells two alike ones apart."""
    return f"{host.name().rpartition(',')[0]} ({cpu.name()})"


def _commit() -> str:
    """The commit that was tried, and whether it was changed."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", ".", ":!docs/reliability.md")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")
