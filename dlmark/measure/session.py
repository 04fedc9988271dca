"""A session: one run on one machine, under one set of versions, driver and settings. Its records depend on no other session's.

A run that was stopped is gone on with in its session for a day; what is measured later, or under other conditions, is another session.
"""

import platform
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from dlmark.record import MEASURED

GOES_ON_FOR = timedelta(days=1)
AGAIN = "-again"  # at the end of the name of a session that was asked for though all was held
# What has to be as it was, beside the libraries' versions, and what it is called.
CONDITIONS = {"framework_version": "", "driver_version": "driver", "cuda_version": "CUDA", "power_limit_w": "a power limit in W of",
              "layout": "layout", "autotune": "autotune", "compile_mode": "compile mode"}  # fmt: skip


def new(now: datetime | None = None, *, again: bool = False) -> str:
    """A name for a session that begins: its time, which people can read, and a number that no other has."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}{AGAIN * again}"


def differences(held: dict, fields: dict) -> list[str]:
    """What was otherwise where `held` was measured than `fields` say, such as "driver 550.54 instead of 535.129". What one of them lacks is no difference."""
    names = {name: words or fields.get("framework") or "framework" for name, words in CONDITIONS.items()}
    pairs = {words: (held.get(name), fields.get(name)) for name, words in names.items()}
    was, now = held.get("library_versions") or {}, fields.get("library_versions") or {}
    pairs |= {name: (_that_matters(name, was.get(name)), _that_matters(name, version)) for name, version in now.items() if name != platform.system()}
    return [f"{words} {now} instead of {was}" for words, (was, now) in pairs.items() if None not in (was, now) and was != now]


def _that_matters(name: str, version: str | None) -> str | None:
    """Of Python's own version the first two numbers."""
    return ".".join(version.split(".")[:2]) if name == "python" and version else version


def going_on(records: Iterable[dict], fields: dict, now: datetime, is_complete: Callable[[str], bool] | None = None) -> str | None:
    """The session that a run with these `fields` goes on with: the newest of the device, host and conditions, if it is of the last day.

    With `is_complete`, which says whether a session holds all that is asked for, it is one that was begun to measure again and is not complete.
    """
    last: dict[str, str] = {}
    for record in records:
        if record.get("session") and record.get("source") == MEASURED and _is_of(record, fields):
            last[record["session"]] = max(last.get(record["session"], ""), record.get("measured_at") or "")
    for session, measured_at in sorted(last.items(), key=lambda item: item[1], reverse=True):
        if not _is_recent(measured_at, now):
            break
        if is_complete is None or AGAIN in session and not is_complete(session):
            return session
    return None


def _is_of(record: dict, fields: dict) -> bool:
    return all(record.get(name) == fields.get(name) for name in ("device", "host", "framework")) and not differences(record, fields)


def _is_recent(measured_at: str, now: datetime) -> bool:
    if not measured_at:
        return False
    age = now - datetime.fromisoformat(measured_at)
    return age < GOES_ON_FOR


# ---- what a failure came from ----

# What bounds memory: that of a GPU, and beside it what the processes of the machine may take, of which the least counts.
MEMORY = {"the GPU's memory": ("memory_total_mb",), "memory": ("host_memory_mb", "granted_memory_mb")}
MORE = 1.02  # of the same memory a kernel tells a little more or less after each start


def mended(held: dict, fields: dict) -> list[str]:
    """What is otherwise now of that which the failure `held` came from, in words; without any of it the same would fail again.

    Out of memory comes from how much there is, what is unsupported or wrong from versions: also from a library that was missing then.
    """
    status = held.get("status")
    if status == "out_of_memory":
        pairs = {what: (_least(held, names), _least(fields, names)) for what, names in MEMORY.items()}
        return [f"{now:,.0f} MB of {what} instead of {was:,.0f}" for what, (was, now) in pairs.items() if was and now and now > MORE * was]
    if status not in ("unsupported", "wrong_output"):
        return []
    was, now = held.get("library_versions"), fields.get("library_versions")
    come = [f"{name} {now[name]} instead of none" for name in now if name not in was and name != platform.system()] if was and now else []
    return [*differences(held, fields), *come]


def _least(fields: dict, names: tuple[str, ...]) -> float | None:
    """The least of these fields; None where a record does not tell."""
    return min((mb for name in names if (mb := fields.get(name))), default=None)
