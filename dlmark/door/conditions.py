"""What a measured record has to say beside its number, and what it costs where it does not."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dlmark.door.report import Line, Quoted, line
from dlmark.measure.rounds import missed_conditions
from dlmark.record import GRADES, is_ok, is_published


class Condition(NamedTuple):
    """Fields that belong together, of which records they are asked, and what is lost without them."""

    names: tuple[str, ...]
    asked: Callable[[dict], bool]
    cost: str


def _always(record: dict) -> bool:
    return True


def _on_cpu(record: dict) -> bool:
    return re.search(r"\d threads?$", record.get("device") or "") is not None


def _on_gpu(record: dict) -> bool:
    return not _on_cpu(record)


def _is_of_network(record: dict) -> bool:
    return record.get("workload") != "ceiling"


def _is_timed(record: dict) -> bool:
    """A throughput by our way of timing: neither a largest batch, nor another way in a study that compares them."""
    return record.get("throughput") is not None and (record.get("method") is None or "block_times_s" in record)


def _is_gated(record: dict) -> bool:
    return _is_timed(record) and record.get("workload") == "inference"


CONDITIONS = (
    Condition(("device", "host"), _always, "nobody can tell which machine it was"),
    Condition(("framework", "framework_version", "library_versions"), _always, "nobody can tell what a newer version changes"),
    Condition(("driver_version",), _on_gpu, "nobody can tell what a newer driver changes"),
    Condition(("threads",), _on_cpu, "it can't be set beside other CPUs"),
    Condition(("precision",), _always, "it can't be set beside other numbers"),
    Condition(("mode",), _is_of_network, "it can't be set beside other numbers"),
    Condition(("measured_at", "command"), _always, "nobody can measure it again, or tell which one is newer"),
    Condition(("block_times_s", "calls_per_block"), _is_timed, "throughput and interval can't be worked out again"),
    Condition(("throughput_half_width", "grade"), _is_timed, "it is shown as less sure, and compare can't judge it"),
    Condition(("gate_images",), _is_gated, "nobody knows whether the network's answers were right"),
    Condition(("canary_drift",), _is_timed, "a grade"),
    Condition(("other_cpu_share",), _is_timed, "a grade"),
)  # fmt: skip


def lacking(records: Sequence[dict]) -> list[Line]:
    """What measured records lack, a line a field, and one on grades that are better than what their own fields allow."""
    measured = [record for record in records if not is_published(record) and is_ok(record)]
    lines = []
    for condition in CONDITIONS:
        asked = [record for record in measured if condition.asked(record)]
        for name in condition.names:
            without = sum(record.get(name) is None for record in asked)
            if without:
                lines.append(line(1, f"{without:,} of {len(asked):,} have no ", Quoted(name), f", which costs: {condition.cost}"))
    claims = [record for record in measured if _claims_too_much(record)]
    if claims:
        named = Quoted(f"{claims[0]['model']}, batch {claims[0].get('batch_size')}")
        lines.append(line(1, f"{len(claims):,} claim a better grade than their own fields allow; the first is ", named, ": ",
                          Quoted("; ".join(missed_conditions(claims[0])))))  # fmt: skip
    return lines


def _claims_too_much(record: dict) -> bool:
    if None in (record.get("grade"), record.get("throughput"), record.get("throughput_half_width")):
        return False
    return record["grade"] < GRADES[min(2, len(missed_conditions(record)))]
