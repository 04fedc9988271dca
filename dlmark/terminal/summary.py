"""What came of it, in a table: a line a network."""

import re
from collections import Counter
from collections.abc import Iterable

from dlmark.record import is_ok, safe, unit, words
from dlmark.record.kind import kind
from dlmark.terminal.table import print_table

REASONS_SHOWN = 5
COLUMNS = ("network", "measured", "best", "at batch", "grades", "largest batch", "quality", "not measured")  # of the table
RIGHT = ("measured", "best", "at batch", "largest batch")


def rows(records: Iterable[dict]) -> list[dict[str, str]]:
    """A row a network, in the order in which they come, with the texts of COLUMNS; a text is empty where nothing is known.

    A network with several tasks or workloads has a row for each, since nothing is the best of both.
    """
    networks: dict[tuple, list[dict]] = {}
    for record in records:
        networks.setdefault((record["model"], kind(record).task, kind(record).workload), []).append(record)
    rows_of = Counter(model for model, *_ in networks)
    return [{"network": key[0] if rows_of[key[0]] == 1 else ", ".join(filter(None, key)), **_row(held)} for key, held in networks.items()]


def _row(records: list[dict]) -> dict[str, str]:
    measured = [record for record in records if is_ok(record)]
    timed = sorted((r for r in measured if r.get("throughput")), key=lambda r: r["throughput"])
    best = {unit(record): record for record in timed}.values()  # of each unit the last, which is the fastest
    largest = [r for r in measured if r.get("memory_limit_mb") is not None]
    qualities = [text for r in measured if (text := ", ".join(f"{name} {value}" for name, value in words.quality(r).items()))]
    grades = Counter(r["grade"] for r in measured if r.get("grade"))
    failed = Counter(words.status(r) for r in records if not is_ok(r))
    return {
        "measured": f"{len(measured)} of {len(records)}",
        "best": "; ".join(map(words.speed_and_share, best)),
        "at batch": "; ".join(f"{record['batch_size']:,}" for record in best if kind(record).workload != "ceiling"),
        "grades": _counted(dict(sorted(grades.items()))),
        "largest batch": f"{largest[-1]['batch_size']:,} in {words.memory(largest[-1]['memory_limit_mb'])}" if largest else "",
        "quality": qualities[-1] if qualities else "",
        "not measured": _counted(failed),
    }


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def reasons(records: Iterable[dict]) -> list[str]:
    """Why points are missing, the commonest reason first; those that differ in their figures only are told once."""
    alike: dict[tuple, list[str]] = {}
    for record in records:
        if not is_ok(record):
            reason = record.get("reason") or "no reason given"
            alike.setdefault((words.status(record), re.sub(r"\d[\d.,]*", "#", reason)), []).append(reason)
    told = sorted(alike.items(), key=lambda item: -len(item[1]))
    lines = [f"{len(found)} {status}{', such as' if len(set(found)) > 1 else ''}: {found[0]}" for (status, _), found in told[:REASONS_SHOWN]]
    return lines + [f"and {len(told) - REASONS_SHOWN} more reasons, in the file"] * (len(told) > REASONS_SHOWN)


def show(records: Iterable[dict], title: str) -> None:
    """Print the table of `records` with its title, and under it why points are missing. Nothing where there is no record.

    The texts may come from strangers.
    """
    records = list(records)
    if not records:
        return
    found = rows(records)
    filled = [name for name in COLUMNS if any(row[name] for row in found)]
    print_table(filled, [[row[name] for name in filled] for row in found], [name in RIGHT for name in filled], title)
    for line in reasons(records):
        print(safe(line))
