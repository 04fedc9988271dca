"""What identifies a measurement: two records of one point measure the same thing."""

from dlmark.record.fields import PUBLISHED

# Two records of one point differ in none of these; the newer replaces the older.
POINT = ("model", "workload", "framework", "framework_version", "precision", "mode", "batch_size", "input_shape",
         "threads", "device", "host", "memory_limit_mb", "dataset", "images", "weights", "source", "method", "repetition", "condition")  # fmt: skip

# A largest batch is an outcome, so it does not tell two searches apart.
OUTCOMES = {"memory_limit_mb": "batch_size"}


def point(record: dict) -> tuple:
    """What identifies a measurement: two records with the same point measure the same thing."""
    outcome = {result for cause, result in OUTCOMES.items() if record.get(cause) is not None}
    return tuple(_hashable(record.get(name)) for name in POINT if name not in outcome)


def is_ok(record: dict) -> bool:
    """Whether the record holds a number, and not the reason why there is none."""
    return record.get("status") in (None, "ok")


def is_published(record: dict) -> bool:
    """Whether the record was published elsewhere, and not measured by this benchmark."""
    return (record.get("source") or "").startswith(PUBLISHED)


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
