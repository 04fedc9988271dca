"""Before a CPU is measured it is looked who else uses it."""

import os
import subprocess
import sys

import pytest

from dlmark.machine import quiet
from dlmark.machine.quiet import Busy

LOUD = Busy(1.2, [("chrome", 77, 0.9), ("backup", 78, 0.3)])
QUIET = Busy(0.01, [])


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(quiet, "CORES", 2)


def waited(wait_s, *looks):
    """What is told, and whether it was quiet in the end, where each look takes a minute."""
    told, times = [], iter(range(0, 6_000, 60))
    return quiet.wait(wait_s, told.append, looked=iter(looks).__next__, clock=times.__next__), told


@pytest.mark.parametrize("first", [QUIET, None])
def test_a_quiet_machine_and_one_that_does_not_tell_are_measured_without_a_word(first):
    assert waited(0, first) == (True, [])


def test_what_is_in_the_way_is_named_with_what_to_do():
    is_quiet, (line,) = waited(0, LOUD)
    assert not is_quiet and line.startswith("this machine is not quiet: other programs use 1.2 of 2 cores: chrome (process 77) 0.9, backup (process 78) 0.3.")
    assert "end these programs, or let it wait for quiet (WAIT=10m)" in line


def test_quiet_is_waited_for_and_told_once():
    is_quiet, (line,) = waited(600, LOUD, LOUD, QUIET)
    assert is_quiet and line.startswith("waiting for up to 10 minutes for a quiet machine: other programs use 1.2 of 2 cores")


def test_who_has_waited_long_enough_measures_all_the_same():
    is_quiet, lines = waited(100, LOUD, LOUD, LOUD, LOUD)
    assert not is_quiet and len(lines) == 2 and lines[1].startswith("still not quiet after 2 minutes: other programs use 1.2")


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="the system does not tell")
def test_a_program_that_works_is_seen_by_its_name():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as worker:
        try:
            busy = quiet.look(0.3)
        finally:
            worker.kill()
    assert busy.cores > 0.1 and any(pid == worker.pid and name.startswith("python") for name, pid, _ in busy.programs)


def test_a_name_that_a_terminal_would_obey_is_shown_safely(rooted):
    files = {"proc/stat": "cpu 1 0 1 9 0 0 0 0", "proc/7/stat": "7 (a) \x1b[31m) S " + " ".join(["0"] * 20)}
    (program,) = quiet._each_s(rooted(files)).values()
    assert "\x1b" not in program[0] and program[0].startswith("a) ")


def test_where_the_system_does_not_tell_nobody_looks(rooted):
    assert quiet.look(0, root=rooted({})) is None and quiet.look(0.01, root=rooted({"proc/stat": "cpu 0 0 0 0 0 0 0 0"})) is None
