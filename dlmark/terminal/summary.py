"""What came of it, in a table: a line a network."""

import re
from collections import Counter
from collections.abc import Iterable

from dlmark.record import is_ok, safe

REASONS_SHOWN = 5
COLUMNS = {  # of the table, each with where its text is aligned
    "network": "left", "measured": "right", "best images/s": "right", "at batch": "right", "grades": "left",
    "largest batch": "right", "top-1": "right", "not measured": "left",
}  # fmt: skip


def rows(records: Iterable[dict]) -> list[dict[str, str]]:
    """A row a network, in the order in which they come, with the texts of COLUMNS; a text is empty where nothing is known."""
    networks: dict[str, list[dict]] = {}
    for record in records:
        networks.setdefault(record["model"], []).append(record)
    return [{"network": model, **_row(held)} for model, held in networks.items()]


def _row(records: list[dict]) -> dict[str, str]:
    measured = [record for record in records if is_ok(record)]
    best = max((r for r in measured if r.get("throughput")), key=lambda r: r["throughput"], default=None)
    largest = [r for r in measured if r.get("memory_limit_mb") is not None]
    accuracies = [r["accuracy"] for r in measured if r.get("accuracy") is not None]
    grades = Counter(r["grade"] for r in measured if r.get("grade"))
    failed = Counter(r["status"].replace("_", " ") for r in records if not is_ok(r))
    return {
        "measured": f"{len(measured)} of {len(records)}",
        "best images/s": _throughput(best) if best else "",
        "at batch": f"{best['batch_size']:,}" if best else "",
        "grades": _counted(dict(sorted(grades.items()))),
        "largest batch": f"{largest[-1]['batch_size']:,} in {largest[-1]['memory_limit_mb']:,.0f} MB" if largest else "",
        "top-1": f"{accuracies[-1]:.2%}" if accuracies else "",
        "not measured": _counted(failed),
    }


def _throughput(record: dict) -> str:
    half_width = record.get("throughput_half_width")
    return f"{record['throughput']:,.1f}" + (f" ±{half_width / record['throughput']:.1%}" if half_width is not None else "")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def reasons(records: Iterable[dict]) -> list[str]:
    """Why points are missing, the commonest reason first; those that differ in their figures only are told once."""
    alike: dict[tuple, list[str]] = {}
    for record in records:
        if not is_ok(record):
            reason = record.get("reason") or "no reason given"
            alike.setdefault((record["status"].replace("_", " "), re.sub(r"\d[\d.,]*", "#", reason)), []).append(reason)
    told = sorted(alike.items(), key=lambda item: -len(item[1]))
    lines = [f"{len(found)} {status}{', such as' if len(set(found)) > 1 else ''}: {found[0]}" for (status, _), found in told[:REASONS_SHOWN]]
    return lines + [f"and {len(told) - REASONS_SHOWN} more reasons, in the file"] * (len(told) > REASONS_SHOWN)


def show(records: Iterable[dict], title: str, console=None) -> None:
    """Print the table of `records` with its title, and under it why points are missing. Nothing where there is no record.

    The texts may come from strangers.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    records = list(records)
    if not records:
        return
    console = console or Console()
    found = rows(records)
    table = Table(title=Text(safe(title), "bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    filled = [name for name in COLUMNS if any(row[name] for row in found)]
    for name in filled:
        table.add_column(name, justify=COLUMNS[name], no_wrap=name != "not measured")
    for row in found:
        table.add_row(*(Text(safe(row[name])) for name in filled))
    # A file or a pipe has no width: there a line is as long as it needs to be.
    console.print(table, **({} if console.is_terminal else {"width": 160}))
    for line in reasons(records):
        console.print(Text(safe(line)), soft_wrap=True)
