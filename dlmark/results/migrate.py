"""Bring result files of earlier formats to today's: every number stays, and what is not known is left out."""

from pathlib import Path

from dlmark.record import FIELDS, FORMAT_VERSION, RecordError, check, is_published, task, unit
from dlmark.results.files import read_records, refuse_twins, write_records, write_set


def migrate(path: str | Path) -> int:
    """Write the file in today's format, if it is not; returns how many records that changed. Raises ResultsError or RecordError, and then leaves it.

    Published sets state their common fields once. Which session measured a record, no earlier format tells: it stays without one.
    """
    path = Path(path)
    records = read_records(path)
    refuse_twins(records, path)
    new = [check(migrated(record), f"{path}: record {number}") for number, record in enumerate(records)]
    _must_keep(records, new, path)
    if new == records:
        return 0
    (write_set if new and all(map(is_published, new)) else write_records)(path, new)
    return sum(before != after for before, after in zip(records, new))


def migrated(record: dict) -> dict:
    """The record in today's format, its fields in the format's order."""
    if (record.get("format_version") or 1) >= FORMAT_VERSION:
        return record
    stated: dict = {"format_version": FORMAT_VERSION}
    if record.get("workload"):
        stated |= {"workload": record["workload"].lower(), "task": task(record)}
    if record.get("throughput") is not None:
        stated["unit"] = unit(record)
    together = {**record, **stated}
    return {name: together[name] for name in FIELDS if together.get(name) is not None}


def _must_keep(before: list[dict], after: list[dict], path: Path) -> None:
    """Raises RecordError where a value that was there is not any more."""
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        lost = [name for name, value in old.items() if value is not None and new.get(name) != value and name not in ("format_version", "workload")]
        if lost:
            raise RecordError(f"{path}: record {number}: {lost[0]} would be lost; the file stays as it is")
