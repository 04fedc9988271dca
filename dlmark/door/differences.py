"""What a result file changes in the one that the base holds: which points are new, measured again, edited or gone."""

from collections.abc import Sequence

from dlmark.door.report import Line, Quoted, line
from dlmark.record import row, words

# Worked out from the raw times of a whole file, so that a new point may move them.
WORKED_OUT = ("throughput", "throughput_half_width", "round_spread", "grade", "grade_reasons", "canary_drift")
MOST = 5  # points that are named


def between(before: Sequence[dict], now: Sequence[dict]) -> tuple[list[Line], list[Line]]:
    """What to know and what to look at: points that others measured and this changes or removes."""
    old, new = ({row(record): record for record in records} for records in (before, now))
    if not old:
        return [], []
    pairs = [(old[key], new[key]) for key in old if key in new and old[key] != new[key]]
    kinds = {kind: [pair for pair in pairs if _kind(*pair) == kind] for kind in ("again", "edited", "anew")}
    notes = [line(1, f"Beside the base: {len(new.keys() - old.keys()):,} new points, {sum(old[key] == new.get(key) for key in old):,} the same, "
                     f"{len(kinds['anew']):,} worked out anew from the same raw times")]  # fmt: skip
    gone = [old[key] for key in old if key not in new]
    warnings = _named(f"{len(gone):,} points of the base are removed", [_name(record) for record in gone])
    warnings += _named(f"{len(kinds['again']):,} points of the base are replaced by other measurements", [_change(*pair) for pair in kinds["again"]])
    warnings += _named(f"{len(kinds['edited']):,} points of the base differ, though they were measured at the same time: by hand?",
                       [_change(*pair) for pair in kinds["edited"]])  # fmt: skip
    if not (new.keys() - old.keys() or gone or kinds["again"]):
        warnings += _named(f"{len(kinds['anew']):,} points of the base have other figures from the same raw times, and no point is new that could move them",
                           [_change(*pair) for pair in kinds["anew"]])  # fmt: skip
    return notes, warnings


def _kind(old: dict, new: dict) -> str:
    differ = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    if differ <= set(WORKED_OUT) and old.get("block_times_s"):
        return "anew"
    return "again" if old.get("measured_at") != new.get("measured_at") else "edited"


def _named(heading: str, texts: list[str]) -> list[Line]:
    if not texts:
        return []
    more = [line(2, f"and {len(texts) - MOST:,} more")] if len(texts) > MOST else []
    return [line(1, heading), *(line(2, Quoted(text)) for text in texts[:MOST]), *more]


def _name(record: dict) -> str:
    """Network, batch size, the settings that tell it from others, and the machine."""
    batch = f"batch {record['batch_size']}" if record.get("batch_size") else None
    return ", ".join(filter(None, [record["model"], batch, *(record.get(name) for name in ("precision", "mode", "method", "host"))]))


def _change(old: dict, new: dict) -> str:
    differ = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    if old.get("throughput") and new.get("throughput") and "throughput" in differ:
        return f"{_name(new)}: {words.speed(old)} to {words.speed(new)}"
    return f"{_name(new)}: {', '.join(differ[:4])}{' …' if len(differ) > 4 else ''}"
