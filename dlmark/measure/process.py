"""Run a measurement in a process of its own, and say in one sentence how it ended."""

import ctypes
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

from dlmark.machine import claims, descriptors, stop
from dlmark.measure import reasons

LEAST_WAIT_S = 0.05
LONGEST_WAIT_S = 2_000_000  # the system counts a wait in milliseconds and 31 bits
PR_SET_PDEATHSIG = 1  # prctl(2), linux/prctl.h


class ProcessEnded(Exception):
    """The process ended before it was done. `status` is one of record.STATUSES, `reason` one sentence."""

    def __init__(self, status: str, reason: str):
        super().__init__(reason)
        self.status, self.reason = status, reason


def run_in_process(function: Callable[..., Iterator], *args, silence_s: float | Callable[[], float], environment: dict[str, str] | None = None) -> Iterator:
    """Yield what the generator `function(*args)` yields in a fresh process, with `environment` added.

    The process is spawned, not forked: forked children share one random state and a framework's locks. It ends when
    this one does, or the thread that asked for the first value, whatever ends them. Raises ProcessEnded if it fails,
    dies, or sends nothing for `silence_s`, or for as long as that says each time when it is asked.
    """
    context = multiprocessing.get_context("spawn")
    descriptors.open_standard()
    receiver, sender = context.Pipe(duplex=False)
    # A folder for all its temporary files, among them what a compiler keeps: it can't clear up after itself where it is killed.
    with claims.folder() as folder:
        kills, errors = _out_of_memory_kills(), os.path.join(folder, "errors")
        process = context.Process(target=_serve, args=(sender, errors, function, args), daemon=True)
        try:
            with _environment({"TMPDIR": folder, **(environment or {})}), _interrupts_held_back(), _standard_error_into(errors):
                process.start()
            sender.close()
            while (message := _next(receiver, process, silence_s() if callable(silence_s) else silence_s, errors, kills))[0] == "value":
                yield message[1]
            if message[0] == "failed":
                raise ProcessEnded(*message[1:])
        finally:
            if process.pid:
                process.kill()
                process.join()
            receiver.close()


def _serve(sender, errors_path: str, function: Callable[..., Iterator], args: tuple) -> None:
    """In the new process: send each value, then how it ended."""
    with open(errors_path, "wb") as errors:
        os.dup2(errors.fileno(), 2)  # a crash's last words, also those that C++ writes
    _end_with(multiprocessing.parent_process())
    _let_others_hear()
    try:
        for value in function(*args):
            sender.send(("value", value))
        sender.send(("done",))
    except BrokenPipeError:
        pass  # nobody listens any more
    except NotImplementedError as error:  # an adapter's word that it can't serve a case
        sender.send(("failed", "unsupported", reasons.of_error(str(error)) or "NotImplementedError"))
    except BaseException as error:  # whatever a framework raises has to be told to the parent
        text = f"{type(error).__name__}: {reasons.of_error(str(error))}".removesuffix(": ")
        status = "out_of_memory" if reasons.OUT_OF_MEMORY.search(f"{text} {error}") else "crashed"
        sender.send(("failed", status, text))
        os._exit(1)  # after out-of-memory a framework's own clean-up may hang or abort


def _let_others_hear() -> None:
    """This process hears no SIGTERM or SIGHUP, which come to its parent too; a library's own processes do, and end when it wants them to."""
    for number in set(stop.SIGNALS) - {signal.SIGINT}:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, set(stop.SIGNALS) - {signal.SIGINT})


def _end_with(parent) -> None:
    """End this process when its parent ends."""
    if sys.platform == "linux":  # by the kernel: the thread below never runs while a library hangs with Python's lock held
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent.pid:  # it ended before the kernel was asked
            os._exit(1)
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _next(receiver, process, silence_s: float, errors_path: str, kills: int) -> tuple:
    """The process's next message; one made here if it hangs or dies."""
    if not receiver.poll(min(silence_s, LONGEST_WAIT_S)):
        return "failed", "timed_out", f"gave no sign of life for {silence_s:g} s and was ended"
    try:
        return receiver.recv()
    except (EOFError, OSError):  # an OSError where it died in the middle of a message
        process.join()
        return "failed", *_how_it_died(process.exitcode, errors_path, _out_of_memory_kills() > kills)


def _how_it_died(exit_code: int, errors_path: str, for_memory: bool) -> tuple[str, str]:
    with open(errors_path, errors="replace") as file:
        words = file.read()[-20_000:]
    if exit_code == -signal.SIGKILL and for_memory:
        return "out_of_memory", "was killed by the system, which had run out of memory"
    how = f"ended by signal {_signal_name(-exit_code)}" if exit_code < 0 else f"ended with exit status {exit_code}"
    status = "out_of_memory" if reasons.OUT_OF_MEMORY.search(words) else "crashed"
    last = reasons.of_last_words(words)
    return status, f"{how}: {last}" if last else how


def _out_of_memory_kills() -> int:
    """How many processes the system has killed for want of memory (proc_vmstat(5), oom_kill)."""
    try:
        with open("/proc/vmstat") as file:
            return int(re.search(r"^oom_kill (\d+)$", file.read(), re.MULTILINE)[1])
    except (OSError, TypeError):  # not on Linux, or an old kernel
        return 0


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else str(number)


@contextmanager
def _interrupts_held_back():
    """Ctrl-C and its like come after the block; a process started in it never gets one, not even before its first line."""
    resource_tracker.ensure_running()  # it would let them through again if the block had to start it
    with stop.held_back():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, stop.SIGNALS)
        try:
            with _python_told_later():
                yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _python_told_later():
    """The mask is one thread's: where another thread takes the signal, Python would still interrupt the main one."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    came: list[tuple] = []
    usual = signal.signal(signal.SIGINT, lambda *call: came.append(call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came and callable(usual):
            usual(*came[0])


@contextmanager
def _standard_error_into(path: str):
    """A process started in the block inherits the file: what Python itself says before our first line there goes into it, too."""
    usual, file = os.dup(2), os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 2)
    os.close(file)
    try:
        yield
    finally:
        os.dup2(usual, 2)
        os.close(usual)


@contextmanager
def _environment(added: dict[str, str]):
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
