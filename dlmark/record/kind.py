"""What a throughput is of. Two of different kinds are never compared, ranked or drawn together."""

from typing import NamedTuple

from dlmark.record.identity import task, unit


class Kind(NamedTuple):
    """Unit, task and workload of a record; a ceiling has no task."""

    unit: str
    task: str | None
    workload: str


def kind(record: dict) -> Kind:
    """The kind of a record. Before a workload was stated it was inference; the first files write it with a capital."""
    return Kind(unit(record), task(record), (record.get("workload") or "inference").lower())
