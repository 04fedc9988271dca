"""What the tries share: a run of the bench that is always ended, what it said, and what its files hold."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from dlmark.measure import rounds
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.record import RecordError, is_ok
from dlmark.results.files import ResultsError, read_records, refuse_twins

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SIZES = (1, 2, 4)
WORDS = ("throughput", "--framework", "numpy", "--models", "MLP-64", "--batch-sizes", ",".join(map(str, SIZES)),
         "--threads", "1", "--seconds", "0.02", "--rounds", "2")  # fmt: skip
LASTS_S = 2.5  # such a run, about
PATIENCE_S = 60.0  # a run that has not ended by then hangs
AT_ONCE = 2  # tries side by side
RESULTS = "cnn.py__benchmark_throughput__*.json"


class Untried(Exception):
    """This can't be tried here; the message says why."""


@dataclass
class Task:
    """How often to try, with which random numbers, where, and until when."""

    number: int
    seed: int
    folder: Path
    until: float = float("inf")  # time.monotonic() after which no other try begins

    def random(self, place: int) -> Random:
        """The random numbers of one try, the same each time."""
        return Random(f"{self.seed} {place}")

    def own_folder(self, place: int) -> Path:
        """An empty folder for one try."""
        path = self.folder / f"{place:06}"
        path.mkdir()
        return path

    def out_of_time(self) -> bool:
        """Whether no other try may begin."""
        return time.monotonic() > self.until

    def side_by_side(self, one: Callable[[int], list[list[str]]], places: Iterable[int], at_once: int = AT_ONCE) -> Iterator[list[str]]:
        """Yield what `one(place)` found in each of its tries, some places at a time, until the time is up; the first in any case."""

        def attempt(place: int) -> list[list[str]]:
            try:
                return one(place)
            except Untried:
                raise
            except Exception:  # a fault of the test's own must not end all that comes after, nor pass for nothing found
                return [[f"the try itself failed: {traceback.format_exc()}"]]

        left, running = iter(places), set()
        with ThreadPoolExecutor(at_once) as pool:
            begun = 0
            while True:
                while len(running) < at_once and not (begun and self.out_of_time()) and (place := next(left, None)) is not None:
                    running.add(pool.submit(attempt, place))
                    begun += 1
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from future.result()

    def in_a_process(self, one: Callable[..., list[list[str]]], places: Iterable, *args, silence_s: float = PATIENCE_S) -> Iterator[list[str]]:
        """Yield what `one(folder, place, *args)` found in each of its tries, all in one process, and in a new one where that died or hung."""
        places, at = list(places), 0
        while at < len(places):
            try:
                for found in run_in_process(_each, one, self.folder, places[at:], args, silence_s=silence_s):
                    at += 1
                    yield from found
                    if self.out_of_time():
                        return
            except ProcessEnded as end:
                yield [f"{places[at]!r:.300}: the process {end.status.replace('_', ' ')}: {end.reason}"]
                at += 1


def _each(one: Callable[..., list[list[str]]], folder: Path, places: list, args: tuple) -> Iterator[list[list[str]]]:
    for place in places:
        yield one(folder, place, *args)


class Row(NamedTuple):
    """One promise, the test that tries it, and how often: in all, and in the short part (0: not there)."""

    name: str
    promise: str
    test: str
    tries: Callable[[Task], Iterator[list[str]]]  # yields what each try found: nothing, or sentences on what was broken
    full: int
    short: int
    seconds: float  # that a try takes, about


# ---- a run of the bench ----


class Run:
    """`python -m bench.cnn …` while it runs and after."""

    def __init__(self, process: subprocess.Popen, witness):
        self.process, self._out, self._err, self._witnessed = process, bytearray(), bytearray(), bytearray()
        pipes = (process.stdout, self._out), (process.stderr, self._err), (witness, self._witnessed)
        self._readers = [threading.Thread(target=_read, args=pair, daemon=True) for pair in pipes]
        for reader in self._readers:
            reader.start()

    @property
    def said(self) -> str:
        """What it printed so far."""
        return bytes(self._out).decode(errors="replace")

    @property
    def complained(self) -> str:
        """What it wrote to the standard error so far."""
        return bytes(self._err).decode(errors="replace")

    def join(self) -> None:
        """Read what it said to the end, unless another process still holds the other end."""
        for reader in self._readers:
            reader.join(2)

    def announced(self) -> list[tuple[str, int]]:
        """Network and batch size of each point that it said it has measured, in order."""
        return [(name, int(size)) for name, size in re.findall(r"^\[\d+/\d+\] (.+?) batch (\d+): [\d,.]+ images/s", self.said, re.MULTILINE)]

    def measured(self) -> dict[tuple[str, int], dict]:
        """What it measured, told by found_by_python before it was saved: of each point the last that is ok."""
        records = [json.loads(line) for line in bytes(self._witnessed).split(b"\n")[:-1]]
        return {(record["model"], record["batch_size"]): record for record in records if is_ok(record)}

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def until(self, happened: Callable[[], bool], within_s: float = PATIENCE_S) -> bool:
        """Wait for something to happen while it runs; returns whether it did."""
        end = time.monotonic() + within_s
        while self.is_running() and time.monotonic() < end:
            if happened():
                return True
            time.sleep(0.001)
        return False

    def ended(self, within_s: float = PATIENCE_S) -> bool:
        """Wait for its end; returns whether that came."""
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        self.join()
        return True

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send it a signal, or all its group, as a terminal does."""
        if self.is_running():
            (os.killpg if group else os.kill)(self.process.pid, number)

    def met_only_python(self) -> bool:
        """Whether Ctrl-C came while Python itself started, before any line of the project: that is not ours to mend."""
        return not self.said and "KeyboardInterrupt" in self.complained and f'File "{ROOT}/' not in self.complained.replace(str(HERE), "")

    def stragglers(self, patience_s: float = 3.0) -> list[int]:
        """Its processes that are still there after it has ended, and some patience."""
        end = time.monotonic() + patience_s
        while (left := of_session(self.process.pid)) and time.monotonic() < end:
            time.sleep(0.02)
        return left

    def problems(self, statuses: Iterable[int] = (0,), within_s: float = PATIENCE_S) -> list[str]:
        """What is wrong with how it ended: it hangs, shows a traceback, leaves a process, has none of the exit `statuses`."""
        if not self.ended(within_s):
            return [f"did not end within {within_s:g} s; {self.tail()}"]
        found = []
        if self.process.returncode not in statuses:
            found.append(f"exit status {self.process.returncode}, expected {' or '.join(map(str, statuses))}; {self.tail()}")
        if any(word in self.said + self.complained for word in ("Traceback", "Exception ignored", "Fatal Python error")):
            found.append(f"traceback; {self.tail()}")
        if left := self.stragglers():
            found.append(f"left processes {left}; {self.tail()}")
        return found

    def tail(self) -> str:
        """The last of what it said, and its command, to find out more with."""
        words = " ".join(map(str, self.process.args))
        return f"command: {words}\n--- stdout\n{self.said[-600:]}\n--- stderr\n{self.complained[-1500:]}"


@contextmanager
def started(folder: Path, *words, results: Path | None = None, before: Iterable = (), environment: dict | None = None, **options):
    """Start the bench in `folder`, in a session of its own: results/ and tmp/ are its folders. Nothing of it is left after the block."""
    results, tmp = results or folder / "results", folder / "tmp"
    tmp.mkdir(exist_ok=True)
    read, write = os.pipe()
    settings = {
        **os.environ,
        "TRIES_WITNESS": str(write),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(tmp),
        "DLMARK_LOCKS": str(tmp),
        "XDG_STATE_HOME": str(tmp / "state"),
        "PYTHONPATH": f"{HERE / 'found_by_python'}:{ROOT}",
        **(environment or {}),
    }
    command = [*before, sys.executable, "-m", "bench.cnn", *(words or WORDS), "--results", results]
    process = subprocess.Popen([*map(str, command)], cwd=ROOT, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, bufsize=0, start_new_session=True, pass_fds=(write,), **options)  # fmt: skip
    os.close(write)
    run = Run(process, open(read, "rb", buffering=0))
    try:
        yield run
    finally:
        end_session(process)
        run.join()


def _read(pipe, into: bytearray) -> None:
    with pipe:
        while part := pipe.read(65_536):
            into += part


def end_session(process: subprocess.Popen) -> None:
    """Kill a process and all of its session."""
    for _ in range(200):
        for pid in (left := of_session(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if process.poll() is not None and not left:
            return
        time.sleep(0.01)


def of_session(number: int) -> list[int]:
    """The processes of a session that are alive (proc(5), stat)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # it has just ended
            continue
        if int(session) == number and state not in "ZX":
            found.append(int(path.parent.name))
    return found


# ---- what its files hold ----


def held(results: Path) -> tuple[dict[tuple[str, int], dict], list[str]]:
    """The records by network and batch size, and what is wrong with the files."""
    records, problems = {}, []
    for path in sorted(results.glob(RESULTS)) if results.is_dir() else []:
        try:
            found = read_records(path)
            refuse_twins(found, path)
        except (ResultsError, RecordError) as error:
            problems.append(f"the file is not whole: {error}")
            continue
        records |= {(record["model"], record["batch_size"]): record for record in found}
    return records, problems


def count_rounds(points: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """How many rounds of each point were announced."""
    counts: dict[tuple[str, int], int] = {}
    for point in points:
        counts[point] = counts.get(point, 0) + 1
    return counts


def lost(promised: dict[tuple[str, int], int], records: dict[tuple[str, int], dict]) -> list[str]:
    """The points of which fewer rounds are held than were promised."""
    found = {point: rounds.count(records.get(point, {})) for point in promised}
    return [f"lost: {name} batch {size}: {number} rounds announced, {found[name, size]} held"
            for (name, size), number in promised.items() if found[name, size] < number]  # fmt: skip


def incomplete(records: dict, wanted: Iterable[tuple[str, int]]) -> list[str]:
    """The points that a run that went to its end should have measured, and has not."""
    return [f"not complete: {name} batch {size}: {record}" for name, size in wanted
            if not (record := records.get((name, size))) or not is_ok(record) or rounds.count(record) < 2]  # fmt: skip


def leftovers(folder: Path, results: Path | None = None) -> list[str]:
    """What stands in the folders of a run that should have cleared up: all but result files and the device's lock."""
    results = results or folder / "results"
    names = [path.name for path in results.iterdir() if not path.match(RESULTS)] if results.is_dir() else []
    names += [path.name for path in (folder / "tmp").iterdir() if path.name != "state"]
    names += [path.name for path in (folder / "tmp" / "state").rglob("*") if path.is_file()]
    names = [name for name in names if not LEFT.fullmatch(name)]
    return [f"not cleared: {', '.join(sorted(names))}"] if names else []


def lost_times(was_measured: dict, records: dict) -> list[str]:
    """The points of which a time that was measured is not held."""
    return [f"lost: {name} batch {size}: {len(missing)} of {len(record['block_times_s'])} block times"
            for (name, size), record in was_measured.items()
            if (missing := set(record["block_times_s"]) - set(records.get((name, size), {}).get("block_times_s", ())))]  # fmt: skip


# The device's lock, which is to stay; and what Python's tempfile makes to find out where it may write, which is gone after a moment.
LEFT = re.compile(r"dlmark-\d+-.*\.lock|[a-z0-9_]{8}")


def ends_complete(folder: Path, promised: dict[tuple[str, int], int], *words, wanted=tuple(("MLP-64", size) for size in SIZES),
                  results: Path | None = None, **options) -> list[str]:  # fmt: skip
    """Give the command again and see that it takes up what was promised, measures the rest, and leaves nothing."""
    results = results or folder / "results"
    with started(folder, *words, results=results, **options) as run:
        problems = run.problems()
        found = re.search(r": (\d+) to measure", run.said)
        if found and int(found[1]) > len(set(wanted) - promised.keys()):
            problems.append(f"measured anew: {found[1]} to measure, though {sorted(promised)} were announced; {run.tail()}")
    records, broken = held(results)
    return [f"in the run after: {p}" for p in [*problems, *broken, *lost(promised, records), *incomplete(records, wanted), *leftovers(folder, results)]]
