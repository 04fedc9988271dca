"""What is possible and still unlikely in a record: a warning each, for whoever reads a contribution.

What can't be is refused by dlmark.record. Here a number is set against what is known from elsewhere: the peaks of devices and the
sizes of networks in the other result files, today's date, and the customs of this benchmark.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

from dlmark.measure.rounds import blocks
from dlmark.record import FIELDS, is_published, task, unit, words

ABOVE = 1.1  # a peak is exceeded by more than a measurement of it may be off
TIMES = 2.0  # numbers that measure the same thing in two ways are further apart than that
NAMELESS = re.compile(r"\W*(gpu|cpu|cuda|test|device|unknown|none|null|n/a|my \w+|\w)?\W*", re.IGNORECASE)


class Known:
    """What other records say of devices and networks."""

    def __init__(self, records: Iterable[dict]):
        self._peaks: dict[tuple, dict[bool, float]] = {}
        self._networks: dict[tuple, dict[str, set]] = {}
        for record in records:
            if record.get("tflops") is not None:
                stated = is_published(record)
                of_device = self._peaks.setdefault((record.get("device"), record.get("precision")), {})
                of_device[stated] = max(of_device.get(stated, 0.0), record["tflops"])
            sizes = self._networks.setdefault(_network(record), {})
            for name in ("parameters", "multiply_adds"):
                if record.get(name) is not None:
                    sizes.setdefault(name, set()).add(record[name])

    def peak(self, record: dict, stated: bool = False) -> float | None:
        """TFLOP/s of a record's device in its precision: as its maker states it, else, unless `stated`, the highest measured."""
        of_device = self._peaks.get((record.get("device"), record.get("precision")), {})
        return of_device.get(True, None if stated else of_device.get(False))

    def sizes(self, record: dict, name: str) -> set[int]:
        """What other records of the same network have in `name`, which is parameters or multiply_adds."""
        return self._networks.get(_network(record), {}).get(name, set())


def warnings(records: Iterable[dict], known: Known, now: datetime | None = None) -> Iterator[tuple[int, str]]:
    """Yield the number of a record and a sentence, for all that is unlikely in `records`."""
    for number, record in enumerate(records):
        for rule in RULES:
            if sentence := rule(record, known, now or datetime.now(UTC)):
                yield number, sentence


def _network(record: dict) -> tuple:
    shape = record.get("input_shape")
    return record.get("model"), task(record), record.get("workload"), sorted(shape) == [3, 224, 224] if shape else True


# ---- rules: a sentence, or None ----


def _faster_than_the_device(record, known, now):
    peak, throughput = known.peak(record), record.get("throughput")
    multiply_adds = record.get("multiply_adds") or min(known.sizes(record, "multiply_adds"), default=None)
    if record.get("workload") != "ceiling" and peak and throughput and multiply_adds:
        tflops = 2 * multiply_adds * throughput / 1e12
        if tflops > ABOVE * peak:
            return (f"a throughput of {words.speed(record)} means {_tflops(tflops)}, and {record['device']} does at most {_tflops(peak)} in {record['precision']}"
                    ": more only with convolutions that leave out multiplications, as Winograd's do")  # fmt: skip


def _ceiling_above_the_peak(record, known, now):
    peak = known.peak(record, stated=True)
    if peak and (record.get("tflops") or 0) > ABOVE * peak:
        return f"{_tflops(record['tflops'])}, and by its maker {record['device']} does at most {_tflops(peak)} in {record['precision']}"


def _tflops(value: float) -> str:
    return words.quantity(value, "TFLOP/s", 3)


def _other_network(record, known, now):
    for name in ("parameters", "multiply_adds"):
        others = known.sizes(record, name)
        if record.get(name) is not None and others and record[name] not in others:
            return f"{name} {record[name]:,}, and other files have {', '.join(f'{size:,}' for size in sorted(others)[:3])} for {record['model']}"


def _more_memory_than_there_is(record, known, now):
    told = re.search(r"(\d+) ?GB\b", record.get("device") or "")
    total = record.get("memory_total_mb") or (int(told[1]) * 1024 if told else math.inf)
    for name in ("device_mem", "allocator_mem_mb"):
        if (record.get(name) or 0) > total:
            return f"{name} {record[name]:,.0f} MB, and the device has {total:,.0f} MB"


def _in_the_future(record, known, now):
    tomorrow = (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")  # some clock is always wrong
    return next((f"{name} {record[name]} lies in the future" for name in ("measured_at", "published_date") if (record.get(name) or "") > tomorrow), None)


def _odd_batch(record, known, now):
    batch_size = record.get("batch_size") or 1
    if batch_size > 1 and batch_size % 2 and record.get("memory_limit_mb") is None:
        return f"batch_size {batch_size} is odd"


def _power_by_energy(record, known, now):
    energy_j, throughput, power_w = (record.get(name) or 0 for name in ("energy_j", "throughput", "power_w"))
    if energy_j and throughput and power_w and not 1 / TIMES < energy_j * throughput / power_w < TIMES:
        return f"energy_j x throughput is {energy_j * throughput:,.0f} W, and power_w is {power_w:,.0f}"


def _power_beyond_its_limit(record, known, now):
    power_w, limit = record.get("power_w"), record.get("power_limit_w")
    if power_w and limit and power_w > ABOVE * limit:
        return f"power_w {power_w:,.0f}, and the limit is {limit:,.0f} W"


def _too_sure(record, known, now):
    if record.get("throughput_half_width") == 0:
        return "throughput_half_width of zero: no measurement is that sure"


def _not_the_median(record, known, now):
    throughput, images = record.get("throughput"), (record.get("batch_size") or 0) * (record.get("calls_per_block") or 0)
    medians = [median(times) for times in blocks(record)] if record.get("block_times_s") else []
    if throughput and images and medians and min(medians) > 0:
        expected = images / math.exp(median(map(math.log, medians)))
        if abs(throughput / expected - 1) > 1e-3:
            return f"throughput {words.number(throughput, 6)}, and the median of its rounds gives {words.quantity(expected, unit(record), 6)}"


def _answers_before_it_is_asked(record, known, now):
    p50, throughput, batch_size = (record.get(name) for name in ("latency_p50_s", "throughput", "batch_size"))
    if p50 and throughput and batch_size and p50 * TIMES < batch_size / throughput:
        return f"latency_p50_s {p50:g}, and by the throughput a call takes {batch_size / throughput:.3g} s"


def _less_time_than_its_blocks(record, known, now):
    blocks_s = sum(record.get("block_times_s") or ())
    if record.get("spent_s") is not None and record["spent_s"] < 0.99 * blocks_s:
        return f"spent_s {record['spent_s']:g}, and the blocks alone took {blocks_s:.3g} s"


def _perfect(record, known, now):
    return next((f"{name} of exactly {record[name]:g}" for name in ("accuracy", "accuracy_top5") if record.get(name) in (0, 1)), None)


def _no_device(record, known, now):
    if record.get("device") is not None and NAMELESS.fullmatch(record["device"]):
        return f"device {record['device']!r} looks like no device's name"


def _looks_like_another(record, known, now):
    texts = {name: record[name] for name in record if FIELDS[name].kind == "text" and record[name]}
    return next((f"{name} {text!r} is written with marks of their own: another text looks the same"
                 for name, text in texts.items() if not unicodedata.is_normalized("NFC", text)), None)  # fmt: skip


RULES = (
    _faster_than_the_device, _ceiling_above_the_peak, _other_network, _more_memory_than_there_is, _in_the_future, _odd_batch,
    _power_by_energy, _power_beyond_its_limit, _too_sure, _not_the_median, _answers_before_it_is_asked, _less_time_than_its_blocks,
    _perfect, _no_device, _looks_like_another,
)  # fmt: skip
