"""Several devices side by side take turns where the host bounds what is measured."""

import multiprocessing
import os
from time import monotonic, sleep

from dlmark.machine import turns
from dlmark.record import check


def measure(path, alone, seconds, begins, ends):
    os.environ[turns.VARIABLE] = f"3 {path}"
    with turns.turn(alone=alone) as beside:
        begins.put((monotonic(), alone, beside["devices_beside"]))
        sleep(seconds)
        ends.put((monotonic(), alone))


def run(path, *alone):
    """When each begins and ends, of processes that start one after the other."""
    context = multiprocessing.get_context("fork")
    begins, ends = context.SimpleQueue(), context.SimpleQueue()
    processes = []
    for one in alone:
        processes.append(context.Process(target=measure, args=(path, one, 0.4, begins, ends)))
        processes[-1].start()
        sleep(0.1)
    for process in processes:
        process.join(20)
    return [begins.get() for _ in alone], [ends.get() for _ in alone]


def test_what_is_measured_alone_has_no_other_beside_it(tmp_path):
    begins, ends = run(tmp_path / "turns", False, True, False)
    (first, *_), (second, is_alone, beside), (third, *_) = begins
    assert is_alone and beside == 0 and second >= ends[0][0] and third >= ends[1][0]  # nobody overtakes who waits to be alone


def test_others_are_measured_side_by_side_and_say_so(tmp_path):
    begins, ends = run(tmp_path / "turns", False, False)
    assert begins[1][0] < ends[0][0] and [beside for *_, beside in begins] == [2, 2]


def test_one_device_needs_no_turns():
    with turns.shared_by(1), turns.turn(alone=True) as beside:
        assert beside == {} and turns.VARIABLE not in os.environ


def test_the_processes_that_are_started_know_of_the_others():
    with turns.shared_by(4):
        with turns.turn(alone=False) as beside:
            assert check({"model": "A", **beside})["devices_beside"] == 3
    assert turns.VARIABLE not in os.environ
