"""What identifies a measurement: two records of one point measure the same thing."""

from collections.abc import Iterable

from dlmark.record.fields import PUBLISHED

# Two records of one point differ in none of these.
POINT = ("model", "task", "workload", "framework", "precision", "mode", "batch_size", "input_shape", "threads", "device", "host",
         "memory_limit_mb", "dataset", "images", "weights", "source", "method", "repetition", "condition")  # fmt: skip

# A largest batch is an outcome, so it does not tell two searches apart.
OUTCOMES = {"memory_limit_mb": "batch_size"}


def point(record: dict) -> tuple:
    """What identifies a measurement: two records with the same point measure the same thing, perhaps in two sessions or versions."""
    outcome = {result for cause, result in OUTCOMES.items() if record.get(cause) is not None}
    return tuple(task(record) if name == "task" else _hashable(record.get(name)) for name in POINT if name not in outcome)


def row(record: dict) -> tuple:
    """What identifies a record in its file: its point and its session. Where no session is stated, the framework's version stands for it."""
    return (record.get("session"), None if record.get("session") else record.get("framework_version"), *point(record))


def newest(records: Iterable[dict]) -> list[dict]:
    """Of each point that was measured the record of its newest session, of two at one time the later one; and all that was published. In their order."""
    records = list(records)
    last: dict[object, int] = {}
    for place, record in enumerate(records):
        key = place if is_published(record) else point(record)
        if key not in last or _measured_at(record) >= _measured_at(records[last[key]]):
            last[key] = place
    return [records[place] for place in sorted(last.values())]


def _measured_at(record: dict) -> str:
    return record.get("measured_at") or ""


def task(record: dict) -> str | None:
    """What the record's network is for. Before it was stated, it was classification; a ceiling is of no network."""
    return record.get("task") or (None if is_ceiling(record) else "classification")


def unit(record: dict) -> str:
    """The unit of the record's throughput. Before it was stated, a ceiling's was calls/s and any other's images/s."""
    return record.get("unit") or ("calls/s" if is_ceiling(record) else "images/s")


def items(record: dict) -> str:
    """What a batch of the record has so many of: images, clips, crops, tokens, calls."""
    return unit(record).removesuffix("/s")


def is_ceiling(record: dict) -> bool:
    """Whether the record says what a device can do at most, and is of no network."""
    return (record.get("workload") or "").lower() == "ceiling"


def is_ok(record: dict) -> bool:
    """Whether the record holds a number, and not the reason why there is none."""
    return record.get("status") in (None, "ok")


def is_published(record: dict) -> bool:
    """Whether the record was published elsewhere, and not measured by this benchmark."""
    return (record.get("source") or "").startswith(PUBLISHED)


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
