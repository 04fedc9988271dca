"""A record in words: numbers with their units, and statuses. The terminal, the pages and the plots all say them in this way."""

import math
from collections import Counter
from collections.abc import Iterable

from dlmark.record.identity import is_ceiling, is_ok, items, unit

NONE = "—"
STILL = {"tflops": "TFLOP/s", "bandwidth_gb_s": "GB/s"}  # what a ceiling is told in, instead of calls a second


def number(value: float | None, digits: int = 4) -> str:
    """A number to so many significant digits, with its thousands apart and never with an exponent."""
    if value is None or value != value:
        return NONE
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{min(15, max(0, places))}f}"


def quantity(value: float | None, its_unit: str, digits: int = 4) -> str:
    """A number with its unit: 3,350 GB/s."""
    return NONE if number(value, digits) == NONE else f"{number(value, digits)} {its_unit}"


def memory(mb: float | None) -> str:
    """Megabytes, whole ones from ten up."""
    return quantity(mb, "MB", 2)


def status(record: dict) -> str:
    """A status as people read it: "ok", "out of memory" …"""
    return (record.get("status") or "ok").replace("_", " ")


def failure(record: dict) -> str:
    """Why there is no number, with the reason."""
    return f"{status(record)}: {record.get('reason') or 'no reason given'}"


def speed(record: dict) -> str:
    """How fast it is, with the unit: 73.17 images/s, or of a ceiling 1.25 TFLOP/s, 12 GB/s or 5.1 µs a call; empty where it does not tell."""
    value, its_unit = speed_in_unit(record)
    return quantity(value, its_unit) if value is not None else ""


def speed_in_unit(record: dict) -> tuple[float | None, str]:
    """The same as a number and its unit."""
    for name, its_unit in STILL.items():
        if record.get(name) is not None:
            return record[name], its_unit
    if record.get("overhead_s") is not None:
        return record["overhead_s"] * 1e6, "µs a call"
    return record.get("throughput"), unit(record)


def half_width(record: dict) -> float | None:
    """The half-width of its interval, as a share of the throughput; None where it has none."""
    width, throughput = record.get("throughput_half_width"), record.get("throughput")
    return width / throughput if number(width) != NONE and throughput else None


def interval(record: dict) -> str:
    """Its interval as a share: ±2.4%; empty where it has none."""
    share = half_width(record)
    return "" if share is None else f"±{share:.1%}"


def speed_and_share(record: dict) -> str:
    """How fast it is and how sure that is, in a line of text: 73.17 images/s ±2.4%."""
    return " ".join(filter(None, [speed(record), interval(record)]))


def with_interval(record: dict) -> str:
    """The number and its half-width, as the table's column under the unit has them: 73.17 ± 2.0."""
    value, _ = speed_in_unit(record)
    share = half_width(record)
    return number(value) + ("" if share is None or number(value) == NONE else f" ± {number(share * value, 2)}")


def with_interval_and_unit(record: dict) -> str:
    """The same with its unit."""
    text = with_interval(record)
    return text if text == NONE else f"{text} {speed_in_unit(record)[1]}"


def common_unit(records: Iterable[dict]) -> str | None:
    """The unit of all numbers of speed among the records, or of the records themselves where none has a number; None where they have several, or there is none."""
    records = list(records)
    units = {speed_in_unit(record)[1] for record in records if speed_in_unit(record)[0] is not None} or set(map(unit, records))
    return units.pop() if len(units) == 1 else None


def point(record: dict) -> str:
    """What was measured: network and batch size; a piece of work by its name alone."""
    of_batch = record.get("batch_size") and not is_ceiling(record)
    return f"{record['model']} batch {record['batch_size']}" if of_batch else record["model"]


def outcome(record: dict) -> str:
    """What came of it, in one line."""
    if not is_ok(record):
        return failure(record)
    if record.get("throughput"):
        grade = f", grade {record['grade']}" if record.get("grade") else ""
        flags = f" ({'; '.join(record['flags'])})" if record.get("flags") else ""
        return f"{speed_and_share(record)}{grade}{flags}"
    if qualities := quality(record):
        return ", ".join(f"{name} {text}" for name, text in qualities.items()) + (f" of {record['images']:,} {items(record)}" if record.get("images") else "")
    if record.get("memory_limit_mb") is not None:
        return f"the largest within {memory(record['memory_limit_mb'])}, after {record.get('trials') or '?'} trials"
    return speed(record)


def quality(record: dict) -> dict[str, str]:
    """Each metric of the network's quality, by name; top-1 and top-5 as percent."""
    named = {"top-1": record.get("accuracy"), "top-5": record.get("accuracy_top5")}
    found = {name: f"{value:.2%}" for name, value in named.items() if value is not None}
    return found | {name: number(value) for name, value in (record.get("quality") or {}).items()}


def one_line(record: dict) -> str:
    """A record as one line."""
    return f"{point(record)}: {outcome(record)}"


def tally(records: Iterable[dict]) -> str:
    """How many points were measured, and how many not and why, in one line."""
    counts = Counter("measured" if is_ok(record) else status(record) for record in records)
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "nothing to measure"
