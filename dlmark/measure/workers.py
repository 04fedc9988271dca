"""Run the commands of several devices at once, a worker a device, and tell all that they say in one place."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable

from dlmark.machine import stop

STOP_S = 5  # a worker that was asked to stop and has not by then is killed


def run(workers: dict[str, Iterable[list[str]]], tell: Callable[[str, str], None]) -> int:
    """Run each worker's commands, one after another, all workers at once; `tell(worker, line)` gets every line they print.

    A worker takes each command when the one before has ended: what makes them may look at what has come so far.

    A command ends when its standard input does, if it looks: so a worker can learn that this process is gone. One
    that fails or dies stops no other. Returns the worst exit status, 128 + N for a death by signal N. Whatever ends
    this function, such as Ctrl-C, ends the workers first.
    """
    crew = _Crew(workers)
    try:
        for worker, line in crew.lines():
            tell(worker, line)
    finally:
        crew.stop()
    return max(crew.statuses, default=0)


class _Crew:
    """The workers' threads and the processes that they have running."""

    def __init__(self, workers: dict[str, Iterable[list[str]]]):
        self.statuses: list[int] = []
        self._said: queue.Queue = queue.Queue()  # (worker, line), or (worker, None) when it is done
        self._running: set[subprocess.Popen] = set()
        self._stopping, self._gate = False, threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=item, daemon=True) for item in workers.items()]
        for thread in self._threads:
            thread.start()

    def lines(self):
        """Yield (worker, line) as they come, until all are done."""
        at_work = len(self._threads)
        while at_work:
            worker, line = self._said.get()
            if line is None:
                at_work -= 1
            else:
                yield worker, line

    def stop(self) -> None:
        """End what is still running: first so that it can tidy up, then for good. A shell's background job would not hear Ctrl-C."""
        with self._gate:
            self._stopping = True
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with self._gate:  # a process that is still in the set has not been waited for: its number is its own
            for process in self._running:
                os.killpg(process.pid, number)

    def _work(self, worker: str, commands: Iterable[list[str]]) -> None:
        try:
            for command in commands:
                process = self._start(command)
                if process is None or self._ended(worker, self._until_it_ends(worker, process)):
                    break
        except OSError as error:  # too many open files or processes, say: nobody is to wait for this worker
            self.statuses.append(1)
            self._said.put((worker, f"can't go on: {error.strerror}; its finished points are saved, the same command goes on"))
        finally:
            self._said.put((worker, None))

    def _ended(self, worker: str, status: int) -> bool:
        """Whether somebody wanted the worker to end, which is said where it can't have said so itself."""
        self.statuses.append(status if status >= 0 else 128 - status)
        if status < 0:  # somebody, or the system for want of memory, wanted it gone
            self._said.put((worker, f"ended by {signal.Signals(-status).name}; its finished points are saved, the same command goes on"))
        return status < 0 or status in stop.STATUSES

    def _start(self, command: list[str]) -> subprocess.Popen | None:
        """A process in a group of its own, so that Ctrl-C comes through us; None once all are to stop."""
        environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TTY_COMPATIBLE")}
        with self._gate:
            if self._stopping:
                return None
            process = subprocess.Popen(command, process_group=0, text=True, errors="replace", env={**environment, "PYTHONUNBUFFERED": "1"},
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
            self._running.add(process)
            return process

    def _until_it_ends(self, worker: str, process: subprocess.Popen) -> int:
        """Pass on what it says. Returns its exit status, less than 0 after a signal."""

        def read() -> None:
            for line in process.stdout:
                self._said.put((worker, line.rstrip()))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        # Wait without reaping, so that its number stays its own until it has left the set.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._gate:
            self._running.remove(process)
        os.killpg(process.pid, signal.SIGKILL)  # what it left behind would keep the pipe open
        reader.join()
        process.stdin.close()
        process.stdout.close()
        return process.wait()
