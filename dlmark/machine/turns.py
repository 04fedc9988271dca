"""Turns of several devices that are measured side by side: what the host bounds is measured while no other device is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dlmark.machine import claims
from dlmark.machine.lock import NO_LOCKS

try:
    import fcntl
except ImportError:  # outside Unix
    fcntl = None  # type: ignore[assignment]

VARIABLE = "DLMARK_TURNS"  # how many devices, and the file that they take turns by; for the measuring processes


@contextmanager
def shared_by(devices: int) -> Iterator[None]:
    """Let the processes that are started meanwhile take turns, where there are several devices."""
    if devices < 2:
        yield
        return
    with claims.folder() as folder:
        os.environ[VARIABLE] = f"{devices} {folder}/turns"
        try:
            yield
        finally:
            del os.environ[VARIABLE]


@contextmanager
def turn(*, alone: bool) -> Iterator[dict]:
    """Wait for a turn, `alone` or beside others that are not; gives the record's field that says how many could be measured meanwhile.

    Who waits to be alone keeps those who come later waiting, so that it gets its turn.
    """
    devices, _, path = os.environ.get(VARIABLE, "").partition(" ")
    if not path:
        yield {}
        return
    beside = 0 if alone and fcntl else int(devices) - 1
    with open(f"{path}.gate", "ab") as gate, open(path, "ab") as file:
        try:
            if fcntl:
                fcntl.flock(gate, fcntl.LOCK_EX)
                fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
                fcntl.flock(gate, fcntl.LOCK_UN)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            beside = int(devices) - 1  # where files can't be locked nobody keeps the others away
        yield {"devices_beside": beside}
