"""A measurement in a process of its own: what it yields comes through, and however it ends is told in one sentence."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic, sleep

import pytest

from dlmark.measure import process
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.measure.reasons import OUT_OF_MEMORY
from dlmark.record import MAX_TEXT, STATUSES, check

TESTS = Path(__file__).parent


def numbers(count):
    yield from range(count)


def one_then(what, *args):
    yield 1
    what(*args)


def variable(name):
    yield os.environ.get(name)


def raise_(error):
    raise error


def kill_itself(number):
    os.kill(os.getpid(), number)


def say_and_abort(words):
    os.write(2, words.encode())
    os.abort()


def ignore_everything():
    yield from ()
    sleep(600)


def how_it_ended(function, *args, silence_s=60.0):
    with pytest.raises(ProcessEnded) as ended:
        list(run_in_process(function, *args, silence_s=silence_s))
    return ended.value.status, ended.value.reason


def test_values_come_through_in_order():
    assert list(run_in_process(numbers, 4, silence_s=60)) == [0, 1, 2, 3]


def test_it_runs_in_another_process():
    assert list(run_in_process(pid, silence_s=60)) != [os.getpid()]


def pid():
    yield os.getpid()


def test_values_before_a_failure_come_through():
    seen = []
    with pytest.raises(ProcessEnded):
        for value in run_in_process(one_then, os._exit, 3, silence_s=60):
            seen.append(value)
    assert seen == [1]


ENDS = {
    "an exception": ((raise_, ValueError("no such layer")), "crashed", "ValueError: no such layer"),
    "exit": ((os._exit, 3), "crashed", "ended with exit status 3"),
    "sys.exit": ((sys.exit, 4), "crashed", "SystemExit: 4"),
    "abort": ((os.abort,), "crashed", "ended by signal SIGABRT"),
    "abort for memory": ((say_and_abort, "terminate called\nstd::bad_alloc\nmore\n"), "out_of_memory", "ended by signal SIGABRT: std::bad_alloc"),
    "a segmentation fault": ((kill_itself, signal.SIGSEGV), "crashed", "ended by signal SIGSEGV"),
    "a real-time signal": ((kill_itself, 40), "crashed", "ended by signal 40"),
    "somebody's kill": ((kill_itself, signal.SIGKILL), "crashed", "ended by signal SIGKILL"),
    "MemoryError": ((raise_, MemoryError()), "out_of_memory", "MemoryError"),
    "CUDA's words": ((raise_, RuntimeError("trace:\nCUDA error: out of memory\nat x.cc")), "out_of_memory", "RuntimeError: CUDA error: out of memory"),
    "NotImplementedError": ((raise_, NotImplementedError("No float16 here.")), "unsupported", "No float16 here."),
    "a wordless NotImplementedError": ((raise_, NotImplementedError()), "unsupported", "NotImplementedError"),
}  # fmt: skip


OF_MEMORY = [
    "CUDA out of memory. Tried to allocate 20.00 MiB", "cudaErrorMemoryAllocation: out of memory", "cudaErrorMemoryAllocation", "hipErrorOutOfMemory",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`", "CUBLAS_STATUS_ALLOC_FAILED",
    "GET was unable to find an engine to execute this computation", "RESOURCE_EXHAUSTED: Out of memory while trying to allocate", "std::bad_alloc",
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes", "DefaultCPUAllocator: not enough memory: you tried to allocate",
    "[ErrnoException] Cannot allocate memory", "cudaMalloc failed: error 2", "Failed to allocate memory for requested buffer of size 7",
    "MXNetError: Check failed: e == cudaSuccess: cudaMalloc failed: out of memory", "Allocation of 16 bytes failed", "Exception: bad allocation failed",
]  # fmt: skip
OF_OTHERS = [
    "CUDA error: an illegal memory access was encountered", "CUDA error: no kernel image is available", "CUDNN_STATUS_NOT_SUPPORTED", "CUBLAS_STATUS_EXECUTION_FAILED",
    "No working C++ compiler found", "cuDNN error: CUDNN_STATUS_BAD_PARAM", "memory format is not channels last", "CUDA driver version is insufficient for CUDA runtime version",
]  # fmt: skip


@pytest.mark.parametrize("words", OF_MEMORY)
def test_what_libraries_say_when_memory_runs_out_is_known(words):
    assert OUT_OF_MEMORY.search(words)


@pytest.mark.parametrize("words", OF_OTHERS)
def test_what_they_say_of_other_faults_is_not_taken_for_it(words):
    assert not OUT_OF_MEMORY.search(words)


@pytest.mark.parametrize("end", ENDS)
def test_each_end_has_its_status_and_a_sentence(end):
    what, status, reason = ENDS[end]
    assert how_it_ended(one_then, *what) == (status, reason)


def test_a_hang_is_ended_and_told():
    before = monotonic()
    status, reason = how_it_ended(ignore_everything, silence_s=1.5)
    assert (status, reason) == ("timed_out", "gave no sign of life for 1.5 s and was ended")
    assert monotonic() - before < 20


def test_a_message_cut_off_by_death_is_a_crash():
    status, reason = how_it_ended(cut_off)
    assert status == "crashed"
    assert "exit status 7" in reason


def cut_off():
    """Send a message's announced length and only its first bytes."""
    (sender,) = [c for c in gc.get_objects() if isinstance(c, Connection) and c.writable and not c.closed]
    os.write(sender.fileno(), (1_000_000).to_bytes(4, "big") + b"the first bytes of many")
    os._exit(7)
    yield


@pytest.mark.parametrize("error", [NotImplementedError, ValueError])
def test_a_long_message_still_makes_a_valid_reason(error):
    status, reason = how_it_ended(one_then, raise_, error("a line\n" * 5_000 + "x" * 5_000))
    assert 0 < len(reason) <= MAX_TEXT and "\n" not in reason
    check({"model": "m", "status": status, "reason": reason})


def test_a_reason_can_be_written_to_a_file():
    _, reason = how_it_ended(one_then, raise_, ValueError("no \udcff.jpg"))
    assert reason == "ValueError: no ?.jpg"


def test_every_status_is_one_that_a_record_can_have():
    assert {status for _, status, _ in ENDS.values()} | {"timed_out"} <= set(STATUSES)


def test_a_silence_longer_than_the_system_can_count_is_allowed():
    assert list(run_in_process(numbers, 1, silence_s=1e7)) == [0]


def test_environment_reaches_the_child():
    assert list(run_in_process(variable, "DLMARK_TEST", silence_s=60, environment={"DLMARK_TEST": "here"})) == ["here"]


@pytest.mark.parametrize("before", [None, "as it was"])
def test_environment_stays_as_it_was_here(before, monkeypatch):
    monkeypatch.delenv("DLMARK_TEST", raising=False)
    if before:
        monkeypatch.setenv("DLMARK_TEST", before)
    values = run_in_process(variable, "DLMARK_TEST", silence_s=60, environment={"DLMARK_TEST": "there"})
    assert next(values) == "there"
    assert os.environ.get("DLMARK_TEST") == before
    values.close()


def forever(path):
    Path(path).write_text(str(os.getpid()))
    yield "started"
    sleep(600)


def stuck(path):
    """Hang as a library does that keeps Python's lock, so that no other thread of the process gets to run."""
    Path(path).write_text(str(os.getpid()))
    signal.alarm(60)  # ends it where nothing else does
    yield "started"
    ctypes.PyDLL(None).pause()


def parent_of(name, path):
    """What the process that is going to be killed runs."""
    values = run_in_process({"forever": forever, "stuck": stuck}[name], path, silence_s=600)
    print(next(values), flush=True)
    list(values)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def soon(fact, within_s=20):
    end = monotonic() + within_s
    while not fact() and monotonic() < end:
        sleep(0.02)
    return fact()


def test_the_child_is_ended_when_nobody_wants_more(tmp_path):
    values = run_in_process(forever, str(tmp_path / "pid"), silence_s=60)
    next(values)
    values.close()
    assert not is_running((tmp_path / "pid").read_text())


@pytest.mark.parametrize("name", ["forever", "stuck"])
def test_the_child_dies_with_a_killed_parent(name, tmp_path):
    script = f"from test_process import parent_of\nif __name__ == '__main__': parent_of({name!r}, {str(tmp_path / 'pid')!r})"
    (tmp_path / "parent.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parents[1])])}
    parent = subprocess.Popen([sys.executable, tmp_path / "parent.py"], env=environment, stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "started\n"
    child = (tmp_path / "pid").read_text()
    assert is_running(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert soon(lambda: not is_running(child))


@pytest.fixture
def ctrl_c():
    """Ctrl-C as a user's command has it: a shell's background job, such as these tests may be, does not hear it."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


def test_ctrl_c_that_another_thread_takes_comes_when_the_process_has_started(ctrl_c):
    waits, reached, (came, wakes) = threading.Event(), False, os.pipe()
    os.set_blocking(wakes, False)
    other = threading.Thread(target=waits.wait, daemon=True)
    other.start()
    usual = signal.set_wakeup_fd(wakes)
    with pytest.raises(KeyboardInterrupt), process._interrupts_held_back():
        signal.pthread_kill(other.ident, signal.SIGINT)
        os.read(came, 1)  # waits until the other thread has taken it
        reached = True
    signal.set_wakeup_fd(usual)
    waits.set()
    os.close(came), os.close(wakes)
    assert reached
