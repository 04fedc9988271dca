"""What is said beforehand and in the end: what can't be, the list with its times, and the tables of what came of it."""

from pathlib import Path

from bench.run.budget import Until
from bench.run.held import Held, Newest, all_failed
from bench.whole.order import Part, Planned, Step
from dlmark.record import RecordError, safe
from dlmark.results.files import ResultsError
from dlmark.terminal import summary
from dlmark.terminal.progress import lasting

STEPS_SHOWN = 40


def say_the_plan(plan: Planned, lists: dict[str, list[Step]], until: Until) -> None:
    """What can't be, what each command is going to measure and why anew, in which order, and how long all takes."""
    print("Plan")
    for line in dict.fromkeys([*plan.unable, *plan.impossible]):
        print(safe(f"  {line}"))
    for part in plan.parts:
        own, expected_s = part.plan, expected_of(part, lists)
        anew = f"; {own['anew']}" if own["anew"] else ""
        print(safe(f"  {part} on {' and '.join(part.devices)}: {own['grid']}; {own['still']}, {lasting(expected_s)}{anew}"))
    for framework, part in {part.framework: part for part in reversed(plan.parts)}.items():
        print(f"  {framework}, for a network and batch size: {part.plan['costs']}; import {part.plan['import_s']:.1f} s just now")
    for where, steps in lists.items():
        _say_the_order(where, steps, until)
    names = list(dict.fromkeys(part.framework for part in plan.parts))
    each = [
        f"{name} {lasting(_together_s({where: [step for step in steps if step.part.framework == name] for where, steps in lists.items()}))}" for name in names
    ]
    apiece = f" ({'; '.join(each)})" if len(each) > 1 else ""
    print(f"  In all: {sum(len(part.plan['missing']) for part in plan.parts)} to measure, {lasting(_together_s(lists))}{apiece}", flush=True)


def expected_of(part: Part, lists: dict[str, list[Step]]) -> float:
    """How long a part takes, on the device that has the most of it."""
    own = [[step for step in steps if step.part.plan["arguments"] == part.plan["arguments"]] for where, steps in lists.items() if where in part.devices]
    return max((sum(step.expected_s for step in steps) for steps in own), default=0)


def _together_s(lists: dict[str, list[Step]]) -> float:
    """How long the devices take side by side: as long as the one with the most to do."""
    return max((sum(step.expected_s for step in steps) for steps in lists.values()), default=0)


def _say_the_order(where: str, steps: list[Step], until: Until) -> None:
    """The steps in their order, and how far the budget reaches."""
    if len(steps) < 2:
        return
    print(f"  In this order on {where}")
    at_s, reaches = 0.0, None
    for number, step in enumerate(steps, 1):
        at_s += step.expected_s
        if reaches is None and at_s > until.left_s:
            reaches = number
        if number <= STEPS_SHOWN:
            print(safe(f"    {number}. {step}: {step.expected_s:,.0f} s"))
    if len(steps) > STEPS_SHOWN:
        print(f"    … and {len(steps) - STEPS_SHOWN} more")
    if reaches:
        print(f"    The budget reaches to number {reaches}: the same command goes on from there")


def say_the_outcome(parts: list[Part]) -> None:
    """A table a device and framework, of this run and of what was held before; where it is, and what comes next."""
    tables: dict[str, list[dict]] = {}
    for part in parts:
        tables.setdefault(part.plan["title"], []).extend(_records(part))
    print()
    for title, records in tables.items():
        summary.show(records, title)
    if not any(tables.values()):
        print("Nothing was measured; the lines above say why.")
        return
    print("Saved in")
    for path in dict.fromkeys(part.plan["path"] for part in parts if tables[part.plan["title"]] and Path(part.plan["path"]).exists()):
        print(f"  {path}")
    print("Next: make html")


def status(parts: list[Part], since: str) -> int:
    """1 where nothing but failures came of what was measured since then (a time as the record has it), else 0."""
    return int(all_failed([record for part in parts for record in _records(part) if (record.get("measured_at") or "") >= since]))


def _records(part: Part) -> list[dict]:
    """The newest records of all that the part asked for, also those from earlier runs."""
    try:
        return Newest(Held.at(part.plan["path"]).records()).of(part.jobs)
    except (ResultsError, RecordError):
        return []  # told by the command that could not save in it
