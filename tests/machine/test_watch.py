"""The host is watched: who else took the CPU, and how long our threads waited for it."""

import multiprocessing
import os
from time import perf_counter, process_time

import pytest

from dlmark.machine import watch
from dlmark.machine.watch import Host, Reading
from dlmark.record import check

LINUX = pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the system does not tell how long threads wait")


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(watch, "CORES", 2)


def host(*readings):
    return Host(iter(readings).__next__)


def seen(**sums):
    """A host that looked before and after a block of 0.1 s."""
    looked = host(Reading(), Reading(**{"wall_s": 0.1, "own_s": 0.1, "busy_s": 0.1} | sums))
    looked.before()
    return looked


@LINUX
@pytest.mark.parametrize("sums, disturbed", [
    ({}, False), ({"waited_s": 0.005}, False), ({"waited_s": 0.01}, True), ({"stolen_s": 0.01}, False), ({"stolen_s": 0.02}, True),
    ({"busy_s": 0.19}, False),  # another core was busy, and ours had what they needed
])  # fmt: skip
def test_a_block_is_disturbed_if_our_threads_had_to_wait(sums, disturbed):
    assert seen(**sums).disturbed() is disturbed


@pytest.mark.parametrize("busy_s, disturbed", [(0.11, False), (0.14, True)])
def test_where_the_system_does_not_tell_the_others_use_decides(busy_s, disturbed, monkeypatch):
    monkeypatch.setattr(watch, "_tells_waiting", lambda: False)
    looked = seen(busy_s=busy_s)
    assert looked.disturbed() is disturbed and looked.fields()["cpu_wait_share"] is None


def test_the_fields_are_shares_of_all_the_blocks():
    looked = host(Reading(), Reading(1, 1, 1.5, 0.1, 0.2, 3), Reading(5, 2, 3, 0.1, 0.2, 9), Reading(6, 4, 5, 0.1, 0.2, 10))
    for _ in range(2):
        looked.before()
        looked.disturbed()
    fields = looked.fields()
    assert fields["other_cpu_share"] == pytest.approx(0.25) and fields["steal_share"] == pytest.approx(0.05)
    assert fields["cpu_per_wall"] == pytest.approx(1.5) and fields["involuntary_switches"] == 4
    check({"model": "A", **fields})


def test_a_sum_that_shrinks_counts_as_nothing():
    """A thread that ends takes its waiting along, and some hypervisors count steal back."""
    looked = host(Reading(0, 0, 0, 5.0, 5.0, 9), Reading(1, 1, 1, 4.9, 0.1, 9))
    looked.before()
    assert not looked.disturbed()
    check({"model": "A", **looked.fields()})


def test_a_host_that_has_seen_nothing_yet_has_zeros():
    assert Host().fields()["other_cpu_share"] == 0


def spin(seconds):
    until = perf_counter() + seconds
    while perf_counter() < until:
        pass


def spin_on(core):
    os.sched_setaffinity(0, {core})
    spin(60)


@LINUX
def test_a_real_program_on_our_core_disturbs_us():
    allowed = os.sched_getaffinity(0)
    other = multiprocessing.get_context("spawn").Process(target=spin_on, args=(min(allowed),), daemon=True)
    other.start()
    try:
        os.sched_setaffinity(0, {min(allowed)})
        looked = Host()
        disturbed = False
        for _ in range(100):  # the other program has to start first
            looked.before()
            spin(0.05)
            disturbed = disturbed or looked.disturbed()
            if disturbed:
                break
        assert disturbed and looked.fields()["cpu_wait_share"] > 0
    finally:
        os.sched_setaffinity(0, allowed)
        other.kill()


@LINUX
def test_our_own_work_is_our_own():
    before, start = watch.read(), process_time()
    spin(0.2)
    added = watch.read().since(before)
    assert added.own_s == pytest.approx(process_time() - start, abs=0.05) and added.busy_s >= added.own_s - 0.05
