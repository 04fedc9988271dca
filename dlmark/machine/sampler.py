"""Watch a GPU in the background while it is measured: clocks, power, heat, throttling, processes of others, memory.

    with sampler.watch("gpu:0") as seen:
        ...  # the timed blocks
    record = {..., **seen.fields(), "flags": [*flags, *seen.flags]}

On a CPU nothing is watched. What is seen is reported; nothing is discarded for it.
"""

import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import perf_counter, thread_time

from dlmark.machine import device

INTERVAL_S = 0.1
# CPU time of the sampling over the time watched: where samples cost more, the interval grows. What is measured loses up
# to twice that, with woken cores and cold caches, and is to lose no more than 0.2% (tests/perf/sampler_cost.py).
MAX_COST = 0.001
LONGEST_INTERVAL_S = 1.0
LEAST_SAMPLES = 3  # under load, below which nothing is said of power and clocks
PATIENCE_S = 10.0  # a driver that hangs does not answer at all
MIN_ENERGY_S = 2.0  # the counter moves every 20 to 100 ms: below this its steps would show


@dataclass
class Seen:
    """What was seen of one device: plain data, so that it can be sent from the measuring process."""

    device: str
    samples: list[dict] = field(default_factory=list)  # of the device's state under load, in the order of time
    processes: list[dict] = field(default_factory=list)  # before and after: the list of them costs as much as all the rest
    cost_s: float = 0.0  # CPU time of the sampling
    watched_s: float = 0.0
    lost: str | None = None  # one sentence, if the device dropped out

    def fields(self) -> dict:
        """The record's fields; a field is None where the device can't tell, and there is none at all on a CPU."""
        if self.device == "cpu":
            return {}
        throttled, few = self._told("throttle_reasons"), len(self.samples) < LEAST_SAMPLES
        return {
            "power_w": None if few else _of(median, self._told("power_w")),
            "clock_mhz": None if few else _of(median, self._told("clock_mhz")),
            "clock_min_mhz": None if few else _of(min, self._told("clock_mhz")),
            "temperature_c": _of(max, self._told("temperature_c")),
            "throttle_reasons": [r for r in device.THROTTLE.values() if any(r in rs for rs in throttled)] if throttled else None,
            "foreign_processes": _of(max, self._told("foreign_processes")),
            "samples": len(self.samples),
            "sampler_share": self.cost_share,
        }

    @property
    def flags(self) -> list[str]:
        """What to know before trusting the fields."""
        return [f"the device was watched only in part: {self.lost}"] if self.lost else []

    @property
    def process_memory_peak_mb(self) -> float | None:
        """The most GPU memory that this process held, before or after; None where nobody tells."""
        return _of(max, self._told("process_memory_mb"))

    @property
    def cost_share(self) -> float:
        """CPU time of the sampling over the time watched."""
        return self.cost_s / self.watched_s if self.watched_s else 0.0

    def _told(self, name: str) -> list:
        return [sample[name] for sample in [*self.samples, *self.processes] if sample.get(name) is not None]


@contextmanager
def watch(
    where: str,
    interval_s: float = INTERVAL_S,
    *,
    own_pids: Collection[int] = (),
    max_cost: float = MAX_COST,
    patience_s: float = PATIENCE_S,
) -> Iterator[Seen]:
    """Sample `where`, cpu or gpu:N, at the start of the block and every `interval_s` until its end; its processes before and after.

    Processes other than this one and `own_pids` count as foreign. Where the sampling would take more CPU time than
    `max_cost` of the time, the interval grows, up to a second. A device that drops out ends the sampling and not the
    block: `seen.lost` says so. At the end a driver that hangs is waited for `patience_s`.
    """
    seen, stop = Seen(where), threading.Event()
    processes = partial(_processes, where, {os.getpid(), *own_pids})
    if where == "cpu" or not _answers(where, processes, seen):
        yield seen
        return
    thread = threading.Thread(target=_sample_until, args=(stop, seen, where, processes, interval_s, max_cost), name="sampler", daemon=True)
    start = perf_counter()
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(patience_s)
        seen.watched_s = perf_counter() - start
        if thread.is_alive():
            seen.lost = f"{where} did not answer within {patience_s:g} s: the driver hangs; see dmesg and nvidia-smi"


def energy_per_item(before_j: float | None, after_j: float | None, seconds: float, items: float) -> dict:
    """The record's fields energy_j, per item, and energy_s, of a steady load between two readings of device.energy_j.

    Both are None where the device has no counter, where its counter stood still or went back, and under 2 s.
    """
    is_told = before_j is not None and after_j is not None and after_j > before_j
    if not is_told or seconds < MIN_ENERGY_S or items < 1:
        return {"energy_j": None, "energy_s": None}
    return {"energy_j": (after_j - before_j) / items, "energy_s": seconds}


def _processes(where: str, own_pids: set[int]) -> dict:
    held = device.processes(where)
    return {"foreign_processes": device.strangers(held, own_pids), "process_memory_mb": (held or {}).get(os.getpid())}


def _answers(where: str, processes, seen: Seen) -> bool:
    """Load the library now, outside what is measured; False where the device is lost already."""
    try:
        device.state(where)
        seen.processes.append(processes())
    except device.DeviceError as error:
        seen.lost = str(error)
    return seen.lost is None


def _sample_until(stop: threading.Event, seen: Seen, where: str, processes, interval_s: float, max_cost: float) -> None:
    """In the thread: sample until `stop` is set, and then look at the processes once more. NVML is asked without the interpreter's lock."""
    start, cpu_start = perf_counter(), thread_time()
    try:
        while not stop.is_set():
            seen.samples.append(device.state(where))
            seen.cost_s = thread_time() - cpu_start
            owed_s = seen.cost_s / max_cost - (perf_counter() - start)
            stop.wait(max(interval_s, min(owed_s, LONGEST_INTERVAL_S)))
        seen.processes.append(processes())
    except device.DeviceError as error:
        seen.lost = str(error)


def _of(statistic, values: list):
    return statistic(values) if values else None
