"""What one framework can do on one device and what is to be measured of it, answered in JSON with the framework's own Python.

    python -m bench.whole.answers < question

`ask` starts that, or answers itself where the framework's Python is this one.
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from types import ModuleType

from bench import adapters
from bench.run import options, probe
from bench.run.asked import close
from bench.run.plan import Plan
from bench.run.scripts import scripts
from dlmark.machine import device, stop

SILENCE_S = 600
QUICK_PAIRS = 2  # of precision and mode, with the preset of that name
PASSED_ON = {"models": "--models", "batch_sizes": "--batch-sizes", "size": "--size", "threads": "--threads", "rounds": "--rounds", "seconds": "--seconds",
             "sizes": "--sizes", "results": "--results", "session": "--session"}  # fmt: skip


def ask(python: str, question: dict) -> dict:
    """The answer of a framework's Python to a question: see `answer`. Where it gives none, `refused` says why."""
    if python == sys.executable:
        return answer(question)
    words = [python, "-m", "bench.whole.answers"]
    try:
        done = subprocess.run(words, input=json.dumps(question), capture_output=True, text=True, errors="replace", timeout=SILENCE_S)
        return json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"refused": f"{python} could not be asked: {error}"}
    except (ValueError, IndexError):
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or [f"it ended with status {done.returncode}"]
        return {"refused": f"{python} gave no answer: {last[0]}"}


def answer(question: dict) -> dict:
    """Of a framework on a device: its version, why the question is `refused`, why it is `unable` to use the device, what is `impossible`, a part a
    command, and what commands `said` instead: each with whether another framework may well be able to.

    The question holds `framework`, `device`, `benches` (name → subcommand → its options), `quick`, `again`, and what the user chose of PASSED_ON, precision and mode.
    """
    framework, where = question["framework"], question["device"]
    if framework not in adapters.names():
        return {"refused": f"unknown framework {framework!r}{close(framework, adapters.names())}"}
    adapter = adapters.get(framework)
    found: dict = {"version": adapters.version(adapter), "refused": None, "unable": None, "impossible": [], "parts": [], "said": []}
    if not found["version"]:
        return {**found, "refused": f"{framework} is not installed here. {adapter.install}"}
    pairs = _pairs(adapter, device.kind(where), question)
    ask_once = cache(lambda training: probe.ask(framework, where, pairs, question.get("threads"), training=training))  # each time it imports the framework
    for bench, subs in question["benches"].items():
        script = scripts()[bench]
        try:
            told = ask_once(hasattr(script, "TRAINS"))
        except device.DeviceError as error:  # lost since it was found
            return {**found, "unable": str(error)}
        if told.refused:
            return {**found, "unable": told.refused}
        found["impossible"] += [[*pair, reason] for pair, reason in told.pairs.items() if reason and [*pair, reason] not in found["impossible"]]
        possible = [pair for pair, reason in told.pairs.items() if not reason][: QUICK_PAIRS if question["quick"] else None]
        for sub, extra in subs.items():
            for place, pair in enumerate(_of_sub(script, sub, possible)):
                _add_part(found, question, adapter, bench, sub, extra, pair, place, told.import_s)
    return found


def _pairs(adapter: ModuleType, kind: str, question: dict) -> list[probe.Pair]:
    """Those of the adapter's that the user's choice leaves, else the user's own."""
    precision, mode = question.get("precision"), question.get("mode")
    offered = probe.pairs(adapter, kind)
    left = [pair for pair in offered if precision in (None, pair[0]) and mode in (None, pair[1])]
    return left or [(precision or adapter.precisions[0], mode or adapter.modes[0])]


def _of_sub(script: ModuleType, sub: str, pairs: Sequence[probe.Pair]) -> list[tuple[str, str | None]]:
    """The pairs in which a subcommand is measured."""
    if not hasattr(script, "TASK"):  # what a device can do at most is not a matter of the mode
        return list(dict.fromkeys((precision, None) for precision, _ in pairs))
    # The largest batch is asked for in the usual precision and mode alone: it is about memory.
    return list(pairs[:1] if sub == "largest-batch-size" else pairs)


def _add_part(found: dict, question: dict, adapter: ModuleType, bench: str, sub: str, extra: list[str], pair, place: int, import_s: float) -> None:
    """Add the part of one command to an answer, or what it said instead."""
    script = scripts()[bench]
    arguments = _arguments(question, adapter, script, sub, [*extra, *_fewer(script, sub, extra, place)], pair)
    plans: list = []
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            status = options.main(script.parser(), [*arguments, "--dry-run"], plans)
        except SystemExit as end:  # an option that argparse refuses, which it says in its last line
            status = int(end.code or 0)
    if status in stop.STATUSES:
        raise stop.Stopped
    errors = [plan for plan in plans if isinstance(plan, Exception)]
    found["said"] += [[str(error), isinstance(error, options.UsageError)] for error in errors] or [[line, False] for line in said.getvalue().splitlines()[-1:]]
    # Where the adapter offers but one way, nobody needs to be told which.
    precision, mode = pair if hasattr(adapter, "combinations") else (question.get("precision"), question.get("mode"))
    found["parts"] += [{"bench": bench, "sub": sub, "place": place, "precision": precision, "mode": mode, "arguments": arguments, **_planned(plan, script, import_s)}
                       for plan in plans if isinstance(plan, Plan)]  # fmt: skip


def _arguments(question: dict, adapter: ModuleType, script: ModuleType, sub: str, extra: list[str], pair) -> list[str]:
    """One command: the user's choice, else the preset's, else the bench script's own."""
    task = getattr(script, "TASK", None)
    known = adapters.models(adapter, task.name) if task else {}
    quick = ",".join(name for name in task.quick if name in known) if question["quick"] and task else None
    takes = _takes(script, sub)
    chosen = {option: question.get(name) or (quick if name == "models" else None) for name, option in PASSED_ON.items()}
    given = {"--framework": question["framework"], "--device": question["device"], "--precision": pair[0], "--mode": pair[1], **chosen}
    said = [f"{name}={value}" for name, value in given.items() if value and name in takes]
    return [sub, *extra, *said, *["--again"] * bool(question.get("again"))]  # of an option that is given twice the last counts


def _fewer(script: ModuleType, sub: str, extra: list[str], place: int) -> list[str]:
    """Beside the recommended precision and mode three batch sizes are enough where nobody names any, the ends and the middle: all would take days."""
    usual = _command(script, sub).get_default("batch_sizes")
    sizes = usual.split(",") if isinstance(usual, str) and place and "--batch-sizes" not in extra else []
    return ["--batch-sizes", ",".join([sizes[0], sizes[len(sizes) // 2], sizes[-1]])] if len(sizes) > 3 else []


def _takes(script: ModuleType, sub: str) -> set[str]:
    """The options of a script's subcommand."""
    return set(_command(script, sub)._option_string_actions)


def _command(script: ModuleType, sub: str) -> argparse.ArgumentParser:
    (commands,) = (action for action in script.parser()._actions if isinstance(action, argparse._SubParsersAction))
    return commands.choices[sub]


def _planned(plan: Plan, script: ModuleType, import_s: float) -> dict:
    """A command's plan, as data."""
    to_do, costs, task = plan.to_do, plan.costs, getattr(script, "TASK", None)
    jobs = {job.model: job for job in to_do.wanted}
    largest = max(to_do.wanted[0].batch_sizes)
    return {
        "title": plan.title, "path": str(plan.results.path), "trains": hasattr(script, "TRAINS"), "session": plan.session, "goes_on": plan.goes_on, "rounds": plan.effort.rounds,
        "grid": to_do.grid(), "still": to_do.still(), "anew": to_do.anew(), "missing": [[job.model, b] for job in to_do.missing for b in job.batch_sizes],
        "jobs": [[job.model, job.batch_sizes, job.fields] for job in to_do.wanted],
        "few": [model for model in jobs if not task or model in task.quick] or list(jobs)[:3],
        "points": [[model, b, visits, to_do.seconds[model, b]] for (model, b), visits in to_do.visits.items() if visits],
        "process_s": {model: costs.process_s(job, gated=True) for model, job in jobs.items()}, "command_s": costs.command_s(),
        "costs": costs.words(to_do.wanted[0], largest), "import_s": import_s,
    }  # fmt: skip


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        told = answer(json.load(sys.stdin))
    print(json.dumps(told))
