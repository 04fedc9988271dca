"""One measurement: every field with its unit, the format version, and the check.

A result file is a JSON list of records. Field = JSON key = DataFrame column. Any field may be missing or null, except
`model`. Files may come from strangers: everything is bounded, nothing is evaluated, texts are texts, and what a record says of
itself agrees.
"""

import difflib
import math
import re
from datetime import datetime
from functools import lru_cache
from inspect import signature
from statistics import median
from typing import NamedTuple
from unicodedata import category

FORMAT_VERSION = 1

MEASURED = "measured"
PUBLISHED = "published: "  # followed by owner/repository@commit:path

STATUSES = {
    "ok": "measured",
    "out_of_memory": "the device or the stated memory limit had no room for it",
    "unsupported": "the framework, network, precision and device do not go together",
    "time_cap": "it would have taken longer than the stated cap, so it was not measured",
    "timed_out": "the measuring process gave no sign of life within the watchdog's limit and was ended",
    "crashed": "the measuring process ended by itself",
    "wrong_output": "the network's answers are not those of the same network in float32, so its speed means nothing",
    "recompiled": "the framework compiled anew inside the timed part",
}
WORKLOADS = ("inference", "training", "ceiling")
GRADES = ("A", "B", "C")
WIDEST, SPREAD = 0.01, 0.02  # what grade A asks for: half-width and round_spread, as shares of the throughput
LEAST_CALLS = {"latency_p50_s": 30, "latency_p90_s": 100, "latency_p99_s": 1_000}
ROUNDED = 1e-4  # numbers that follow from each other agree to so much, as a share: some are rounded

MAX_TEXT = 2_000
MAX_AXES = 8  # of an input
MAX_MARKS = 5  # combining marks in a row; no language stacks more
MAX_ITEMS = 100_000
MAX_TABLE = 100
LEAST_THROUGHPUT = 1e-9  # an image in 30 years
TINY = 1e-300  # instead of a zero, to divide by
MAX_NUMBER = 1e15  # up to here a float and a DataFrame's integers are exact


class Field(NamedTuple):
    """How a field is written: `kind`, `unit`, what it means, and the range that its numbers must lie in."""

    kind: str  # text, number, integer, numbers, integers, texts or table (of texts)
    unit: str
    meaning: str
    low: float = 0
    high: float = math.inf


FIELDS = {
    # what was measured
    "model": Field("text", "", "network, by the name that readers know"),
    "workload": Field("text", "", "inference, training, or ceiling: what the device can do at most"),
    "framework": Field("text", "", "framework, as its adapter is named"),
    "framework_version": Field("text", "", "the framework's own version"),
    "precision": Field("text", "", "number format of the network: float32, float16, bfloat16, int8 …"),
    "mode": Field("text", "", "how the framework runs it: eager, hybridized, compiled, graph …"),
    "layout": Field("text", "", "order of the images' axes in memory, NCHW or NHWC, where it is chosen"),
    "autotune": Field("text", "", "whether the framework tries several algorithms at the first call: on or off, where it is chosen"),
    "compile_mode": Field("text", "", "how far the compiler goes, by the framework's own name for it"),
    "batch_size": Field("integer", "images", "images in one batch", low=1, high=10_000_000),
    "input_shape": Field("integers", "", "shape of one input: channels, height, width", low=1, high=10_000_000),
    "threads": Field("integer", "", "CPU threads that the framework was given", low=1, high=100_000),
    "parameters": Field("integer", "", "numbers that the network has learned, or would have"),
    "multiply_adds": Field("integer", "", "multiplications with an addition, in convolutions and matrix products, for one image"),
    "activations": Field("integer", "", "numbers that the convolutions and matrix products put out for one image"),
    # where
    "device": Field("text", "", "what NVML or /proc/cpuinfo reports; on a CPU with the thread count"),
    "host": Field("text", "", "the machine around it, and a short number that tells two alike machines apart"),
    "driver_version": Field("text", "", "version of the GPU's driver"),
    "library_versions": Field("table", "", "versions of Python and of the libraries that matter"),
    # throughput
    "throughput": Field("number", "images/s", "batch size over the median time to complete net(X); of several rounds their median"),
    "throughput_half_width": Field("number", "images/s", "half-width of the 95% interval, in which a second measurement is expected to fall"),
    "round_spread": Field("number", "", "difference between the slowest and the fastest round, as a share of the throughput"),
    "block_times_s": Field("numbers", "s", "raw time of each timed block of calls, round after round"),
    "round_blocks": Field("integers", "", "blocks of each round; each round has a process of its own", low=1),
    "calls_per_block": Field("integer", "", "calls in one block, with one wait at its end", low=1),
    "contended_blocks": Field("integers", "", "places in block_times_s, from 0, of the blocks that were disturbed by other programs"),
    "event_gap": Field("number", "", "largest difference between device events and wall clock, as a share of a round's time"),
    # latency, from a pass of its own
    "latency_p50_s": Field("number", "s", "median time of one call and one wait; from 30 calls on"),
    "latency_p90_s": Field("number", "s", "90th percentile; from 100 calls on"),
    "latency_p99_s": Field("number", "s", "99th percentile; from 1,000 calls on"),
    "latency_calls": Field("integer", "", "calls behind the percentiles"),
    # phases before the steady state
    "import_s": Field("number", "s", "importing the framework"),
    "build_s": Field("number", "s", "building the network and its weights"),
    "first_call_s": Field("number", "s", "first call at this batch size: compiling, autotuning, first memory"),
    "warmup_s": Field("number", "s", "warm-up after the first call, until two successive blocks agree"),
    "spent_s": Field("number", "s", "all the time that the point took: its rounds, and its share of starting processes"),
    # the host meanwhile
    "other_cpu_share": Field("number", "", "CPU time taken by other programs during the timed blocks, in cores", high=100_000),
    "steal_share": Field("number", "", "CPU time that the virtual machine did not get, in cores", high=100_000),
    "cpu_wait_share": Field("number", "", "time for which our threads waited for a core, as a share of the CPU time that they got in the timed blocks"),
    "cpu_per_wall": Field("number", "", "our own CPU time over wall time, in cores"),
    "involuntary_switches": Field("integer", "", "times that the system took a core from one of our threads during the timed blocks"),
    "canary_drift": Field("number", "", "change of a fixed piece of work between before and after, as a share"),
    # memory and state of the device
    "device_mem": Field("number", "MB", "peak growth of memory since before the network was built: resident on a CPU, the process's on a GPU (2^20 bytes)"),
    "allocator_mem_mb": Field("number", "MB", "peak of the framework's own allocator, where it tells (2^20 bytes)"),
    "process_mem_mb": Field("number", "MB", "peak resident memory of the measuring process (2^20 bytes)"),
    "memory_total_mb": Field("number", "MB", "memory of the GPU (2^20 bytes)"),
    "memory_limit_mb": Field("number", "MB", "limit within which the largest batch was sought (2^20 bytes)"),
    "trials": Field("integer", "", "batches that were tried in the search for the largest"),
    "energy_j": Field("number", "J", "energy per image in steady state, where the device counts it"),
    "energy_s": Field("number", "s", "seconds of steady load behind the energy"),
    "power_w": Field("number", "W", "power drawn: median of the samples under steady load"),
    "power_limit_w": Field("number", "W", "power limit that the device was set to"),
    "clock_mhz": Field("number", "MHz", "clock of the processing units: median of the samples under steady load"),
    "clock_min_mhz": Field("number", "MHz", "lowest clock among those samples"),
    "temperature_c": Field("number", "°C", "highest temperature among those samples", low=-273.15, high=1_000),
    "throttle_reasons": Field("texts", "", "reasons that the device gave for lowering its clocks"),
    "foreign_processes": Field("integer", "", "most processes of others that were seen on the GPU at once"),
    "samples": Field("integer", "", "samples of the device's state behind these figures"),
    "sampler_share": Field("number", "", "CPU time that the sampling took, in cores", high=100_000),
    # what the device can do
    "tflops": Field("number", "TFLOP/s", "floating-point operations a second of a large matrix product, two a multiply-add"),
    "bandwidth_gb_s": Field("number", "GB/s", "bytes read and written a second by a large copy (10^9 bytes)"),
    "overhead_s": Field("number", "s", "time of a call that has next to nothing to do"),
    # the gate: the answers on fixed images against those of the same network in float32
    "gate_error": Field("number", "", "largest difference of an answer, as a share of the largest answer in float32"),
    "gate_agreement": Field("number", "", "share of the images with the same first answer", high=1),
    "gate_images": Field("integer", "images", "images behind the gate"),
    # accuracy
    "accuracy": Field("number", "", "top-1 accuracy", high=1),
    "accuracy_top5": Field("number", "", "top-5 accuracy", high=1),
    "images": Field("integer", "images", "images behind the accuracy"),
    "dataset": Field("text", "", "the images behind the accuracy"),
    "weights": Field("text", "", "where the network's weights come from"),
    # how far to trust it
    "status": Field("text", "", "ok, or why there is no number: " + ", ".join(s for s in STATUSES if s != "ok")),
    "reason": Field("text", "", "one sentence on a status that is not ok"),
    "flags": Field("texts", "", "what to know before trusting the number"),
    "grade": Field("text", "", "A: all conditions of a good measurement hold; B: one is missed; C: more"),
    "grade_reasons": Field("texts", "", "the conditions that are missed"),
    "time_cap_s": Field("number", "s", "cap on one point's time under which it was measured or left out"),
    "source": Field("text", "", "measured, or published: and the repository, commit and path"),
    "published_date": Field("text", "", "day on which a published figure appeared, YYYY-MM-DD"),
    "measured_at": Field("text", "", "when it was measured, ISO 8601, UTC"),
    "command": Field("text", "", "command that measures it again"),
    # a study of the measuring itself
    "method": Field("text", "", "how it was timed, in a study that compares ways of timing"),
    "repetition": Field("integer", "", "which repetition of the study", low=1),
    "condition": Field("text", "", "what else ran on the machine, in a study"),
    "format_version": Field("integer", "", "version of this format", low=1),
}

# Two records of one point differ in none of these; the newer replaces the older.
POINT = ("model", "workload", "framework", "framework_version", "precision", "mode", "batch_size", "input_shape",
         "threads", "device", "host", "memory_limit_mb", "dataset", "images", "weights", "source", "method", "repetition", "condition")  # fmt: skip

# A largest batch is an outcome, so it does not tell two searches apart.
OUTCOMES = {"memory_limit_mb": "batch_size"}

EXPECTED = {
    "text": f"a text of at most {MAX_TEXT:,} characters, all of which can be seen", "number": "a number", "integer": "a whole number",
    "numbers": "a list of numbers", "integers": "a list of whole numbers", "texts": "a list of texts",
    "table": f"an object of at most {MAX_TABLE} texts with names",
}  # fmt: skip
EXPECTED["name"] = EXPECTED["text"] + ", not empty, with no space at its ends"

# Any other text is a name: it says what was measured, where or how. These may be empty, or have rules of their own.
NO_NAMES = ("reason", "command", "workload", "status", "grade", "measured_at", "published_date")

class RecordError(ValueError):
    """A record breaks the format; the message names file, record, field, what was expected and what came."""


def check(record: object, where: str = "record") -> dict:
    """Return `record` if it keeps the format, else raise RecordError. `where` starts the message."""
    if not isinstance(record, dict):
        raise RecordError(f"{where}: expected an object with fields such as model and throughput, got {_show(record)}")
    for name, value in record.items():
        if name not in FIELDS:
            raise RecordError(f"{where}: unknown field {_show(name)}{_suggest(name)}; the format is in dlmark/record.py")
        problem = value is not None and _problem(name, FIELDS[name], value)
        if problem:
            raise RecordError(f"{where}: field {name}: expected {problem}, got {_show(value)}")
    problem = _contradiction(record)
    if problem:
        raise RecordError(f"{where}: {problem}")
    return record


def point(record: dict) -> tuple:
    """What identifies a measurement: two records with the same point measure the same thing."""
    outcome = {result for cause, result in OUTCOMES.items() if record.get(cause) is not None}
    return tuple(_hashable(record.get(name)) for name in POINT if name not in outcome)


def is_ok(record: dict) -> bool:
    """Whether the record holds a number, and not the reason why there is none."""
    return record.get("status") in (None, "ok")


def _problem(name: str, field: Field, value: object) -> str | None:
    """What was expected, where `value` is not it."""
    if field.kind in ("text", "texts", "table"):
        return _text_problem(name, field.kind, value)
    expected = EXPECTED[field.kind]
    if field.kind in ("numbers", "integers"):
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return f"{expected}, at most {MAX_ITEMS:,}"
        if _are_numbers(field, value):
            return None
        one = field._replace(kind=field.kind[:-1])
        return next((f"{expected} with, in each place, {p}" for item in value if (p := _problem(name, one, item))), None)
    types = (int,) if field.kind == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, types) or not abs(value) <= MAX_NUMBER:
        return f"{expected}{' (' + field.unit + ')' if field.unit else ''}"
    if not field.low <= value <= field.high:
        upper = "" if field.high == math.inf else f" and at most {field.high:g}"
        return f"{expected} of at least {field.low:g}{upper}{' (' + field.unit + ')' if field.unit else ''}"
    return None


def _are_numbers(field: Field, values: list) -> bool:
    """Whether all are right, without a call for each of what may be millions; where not, the calls find out which is wrong."""
    if not values or not set(map(type, values)) <= ({int} if field.kind == "integers" else {int, float}):
        return False
    within = max(field.low, -MAX_NUMBER) <= min(values) and max(values) <= min(field.high, MAX_NUMBER)
    return within and math.isfinite(sum(values))  # NaN is neither above nor below


def _text_problem(name: str, kind: str, value: object) -> str | None:
    """The same for a text, a list or a table of texts."""
    if kind == "texts":
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return f"{EXPECTED[kind]}, at most {MAX_ITEMS:,}"
        return None if all(map(is_name, value)) else f"{EXPECTED[kind]} with, in each place, {EXPECTED['name']}"
    if kind == "table":
        fits = isinstance(value, dict) and len(value) <= MAX_TABLE and all(map(is_name, value)) and all(map(is_text, value.values()))
        return None if fits else f"{EXPECTED[kind]}, each {EXPECTED['text']}"
    if name in NO_NAMES:
        return None if is_text(value) else EXPECTED["text"]
    return None if is_name(value) else EXPECTED["name"]


# ---- what a text is ----

# Drawn as nothing, or as a blank, though Unicode counts them among the letters, marks and symbols: fillers, the braille cell
# without a dot, variation selectors and the like.
BLANK = {*map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180F, 0x2800, 0x3164, 0xFFA0, 0x1D159)),
         *map(chr, range(0x180B, 0x180E)), *map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0))}  # fmt: skip


def is_text(value: object) -> bool:
    """Whether `value` is a text of characters that can be seen and of plain spaces, within the bounds of a field.

    By Unicode category: letters of all scripts, combining marks, numbers, punctuation, symbols, and of the separators U+0020 alone.
    So no control or format characters (bidirectional overrides, zero-width ones, soft hyphens, tags, byte order marks), no line ends
    of any kind, no halves of a pair, and nothing private or unassigned. Nor what deceives: a mark at the start, which would
    change what stands before the text, more than MAX_MARKS on end, which would cover other lines, and letters that are blank.
    """
    return isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable() and (value.isascii() or _is_honest(value))


def is_name(value: object) -> bool:
    """Whether `value` is a text that says something: not empty, and with no space at its ends."""
    return is_text(value) and value != "" and value[0] != " " != value[-1]


# str.isprintable refuses the categories above, by the Unicode tables of the Python that runs: a character that a newer version of
# Unicode has assigned is refused by an older Python, and never the other way round.
def _is_honest(text: str) -> bool:
    characters = set(text)
    marks = {character for character in characters if category(character).startswith("M")}
    if not marks or characters & BLANK:
        return not characters & BLANK
    run = MAX_MARKS  # one more at the start is one too many
    for character in text:
        run = run + 1 if character in marks else 0
        if run > MAX_MARKS:
            return False
    return True


def plain(text: str) -> str:
    """`text` as a record may hold it: line ends become spaces, what can't be seen an escape, and the end of what is too long goes."""
    if is_text(text) and text == text.strip():
        return text
    seen = "".join(c if is_text(f"a{c}") else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    return (seen if is_text(seen[:MAX_TEXT]) else ascii(seen)[1:-1])[:MAX_TEXT].strip()


# ---- rules on fields that are each right by themselves: what is wrong, or None ----


def _network(model):
    return None if model else "field model: expected the network's name, got nothing"


def _version(format_version):
    if (format_version or 1) > FORMAT_VERSION:
        return f"field format_version: this dlmark reads up to {FORMAT_VERSION}, got {format_version}: update dlmark"


def _status(status):
    return _one_of("status", STATUSES, status)


def _workload(workload):
    return _one_of("workload", WORKLOADS, workload and workload.lower())  # the first files of this benchmark say Inference


def _one_of(name, known, value):
    if value is not None and value not in known:
        return f"field {name}: expected one of {', '.join(known)}, got {_show(value)}"


def _axes(input_shape):
    if len(input_shape or ()) > MAX_AXES:
        return f"field input_shape: expected at most {MAX_AXES} numbers, got {len(input_shape)}"


def _source(source):
    published = source and source.startswith(PUBLISHED) and any(map(str.isalnum, source.removeprefix(PUBLISHED)))
    if source and source != MEASURED and not published:
        return f"field source: expected {MEASURED!r} or {PUBLISHED!r} and where, got {_show(source)}"


def _measured_at(measured_at):
    if measured_at is not None and not (is_day(measured_at[:10]) and _CLOCK.fullmatch(measured_at, 10)):
        return f"field measured_at: expected a time in UTC, written as 2026-11-23T16:20:55Z, got {_show(measured_at)}"


def _published_date(published_date):
    if published_date is not None and not is_day(published_date):
        return f"field published_date: expected a day, written as 2019-03-14, got {_show(published_date)}"


CLOCK = "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
_DAY, _CLOCK = re.compile("20[1-9][0-9]-[0-9][0-9]-[0-9][0-9]"), re.compile(CLOCK)


@lru_cache(1_024)
def is_day(text: str) -> bool:
    """Whether there was such a day since 2010, before which nothing here was measured."""
    try:
        return bool(_DAY.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


def _number_or_reason(status, throughput, reason):
    if throughput is not None and throughput < LEAST_THROUGHPUT:
        least = f"a number of at least {LEAST_THROUGHPUT:g}"
        return f"field throughput: expected {least}, got {_show(throughput)}; a point that failed has a status and a reason instead"
    is_told = bool(reason and not reason.isspace())
    if status is None or status == "ok":
        return f"field reason: expected none where the status is ok, got {_show(reason)}" if is_told else None
    if throughput is not None:
        return f"field throughput: expected none where status is {status}, got {throughput}"
    if not is_told:
        return f"field reason: expected one sentence where status is {status}, got nothing"


def _result(status, throughput, accuracy, accuracy_top5, tflops, bandwidth_gb_s, overhead_s, memory_limit_mb):
    others = {"accuracy": accuracy, "accuracy_top5": accuracy_top5, "tflops": tflops, "bandwidth_gb_s": bandwidth_gb_s, "overhead_s": overhead_s}
    found = [name for name, value in others.items() if value is not None]
    if found and status not in (None, "ok"):
        return f"field {found[0]}: expected none where status is {status}, got {others[found[0]]}"
    if status == "ok" and not found and throughput is None and memory_limit_mb is None:
        return "field status: expected ok only beside a throughput, an accuracy, a ceiling or a memory limit, got none of them"


def _interval(throughput_half_width, throughput):
    if throughput_half_width is not None and throughput is None:
        return f"field throughput_half_width: expected none without a throughput, got {throughput_half_width}"


def _energy(energy_j, energy_s):
    if energy_j is not None and energy_s is None:
        return f"field energy_s: expected the seconds behind energy_j {energy_j}, got nothing"


def _top5(accuracy, accuracy_top5):
    return _at_most("accuracy", accuracy, "accuracy_top5", accuracy_top5)


def _clocks(clock_min_mhz, clock_mhz):
    return _at_most("clock_min_mhz", clock_min_mhz, "clock_mhz", clock_mhz)


def _percentiles(latency_p50_s, latency_p90_s, latency_p99_s, latency_calls):
    known = {name: value for name, value in zip(LEAST_CALLS, (latency_p50_s, latency_p90_s, latency_p99_s)) if value is not None}
    lacking = next((name for name in known if (latency_calls or 0) < LEAST_CALLS[name]), None)
    if lacking:
        return f"field {lacking}: expected one only from {LEAST_CALLS[lacking]:,} latency_calls on, got {_show(known[lacking])} of {latency_calls or 0}"
    pairs = zip(known, list(known)[1:])
    return next((problem for a, b in pairs if (problem := _at_most(a, known[a], b, known[b]))), None)


def _at_most(name, value, other, most):
    if value is not None and most is not None and value > most:
        return f"field {name}: expected at most the {other} of {_show(most)}, got {_show(value)}"


def _grade(grade, grade_reasons, throughput, throughput_half_width, round_spread, throttle_reasons, foreign_processes):
    if grade is None or grade not in GRADES:
        return _one_of("grade", GRADES, grade)
    if throughput is None or throughput_half_width is None:
        return f"field grade: expected one only beside a throughput and its half-width, got {grade}"
    reasons = len(grade_reasons or ())
    right = GRADES[min(2, reasons)]
    if grade != right:
        return f"field grade: expected {right} where there are {reasons} grade_reasons, got {grade}"
    # The other conditions can change after a record was graded: the canary's drift is known only when it has sung again.
    missed = (throughput_half_width / throughput > WIDEST) + (round_spread is None or round_spread > SPREAD)
    missed += bool(throttle_reasons) + bool(foreign_processes)
    if missed > reasons:
        return f"field grade: expected a reason for each condition that is missed, by interval, rounds, clocks and others' processes {missed}, got {grade} with {reasons}"


def _blocks(block_times_s, round_blocks, contended_blocks):
    blocks = len(block_times_s or ())
    if round_blocks and sum(round_blocks) != blocks:
        return f"field round_blocks: expected numbers that add up to the {blocks} block_times_s, got {_show(round_blocks)}"
    if contended_blocks and max(contended_blocks) >= blocks:
        return f"field contended_blocks: expected places below {blocks}, got {_show(contended_blocks)}"
    if contended_blocks and any(a >= b for a, b in zip(contended_blocks, contended_blocks[1:])):
        return f"field contended_blocks: expected each place once, in their order, got {_show(contended_blocks)}"


def _rounds(throughput, round_spread, batch_size, calls_per_block, block_times_s, round_blocks, contended_blocks):
    """Throughput and spread are those of the rounds' medians. Which of the rounds counts has changed, and disturbed blocks may be
    left out or not; but no throughput is beyond that of the fastest round or below that of the slowest."""
    if not block_times_s or throughput is None and round_spread is None:
        return None
    if throughput is not None and not (batch_size and calls_per_block):
        missing = "calls_per_block" if batch_size else "batch_size"
        return f"field {missing}: expected a whole number beside throughput and block_times_s, got nothing"
    fastest, slowest = _round_medians(block_times_s, round_blocks or [len(block_times_s)], set(contended_blocks or ()))
    if throughput is not None:
        images, low, high = batch_size * calls_per_block, fastest * (1 - ROUNDED), slowest * (1 + ROUNDED)
        if not low <= images / throughput <= high:
            between = " to ".join(f"{images / max(seconds, TINY):.6g}" for seconds in dict.fromkeys((slowest, fastest)))
            return f"field throughput: expected {between}, as {batch_size} images x {calls_per_block} calls over its block_times_s give, got {throughput}"
    if round_spread is not None:
        return _spread_problem(round_spread, len(round_blocks or [0]), slowest / max(fastest, TINY) - 1, bool(contended_blocks))


def _spread_problem(spread, rounds, most, disturbed):
    if rounds < 2:
        return f"field round_spread: expected none of one round, got {spread}"
    near = ROUNDED * (1 + most)
    if spread > most + near or spread < most - near and not disturbed:
        return f"field round_spread: expected {'at most ' if disturbed else ''}{most:.6g}, as the rounds' block_times_s give, got {spread}"


def _round_medians(times, round_blocks, disturbed):
    """The shortest and the longest median of a round, with and without its disturbed blocks."""
    medians, start = [], 0
    for blocks in round_blocks:
        own, places = times[start : start + blocks], range(start, start + blocks)
        quiet = [seconds for seconds, place in zip(own, places) if place not in disturbed] if disturbed else own
        medians += [median(own), median(quiet or own)]
        start += blocks
    return min(medians), max(medians)


# Each rule with the fields that it is given, None where there is none: `check` goes by record, a fast load by column (dlmark/fast.py).
RULES = tuple((rule, tuple(signature(rule).parameters)) for rule in (
    _network, _version, _status, _workload, _axes, _source, _measured_at, _published_date,
    _number_or_reason, _result, _interval, _energy, _top5, _clocks, _percentiles, _blocks, _rounds, _grade,
))  # fmt: skip


def _contradiction(record: dict) -> str | None:
    """What is wrong with fields that are each right by themselves."""
    return next((problem for rule, names in RULES if (problem := rule(*map(record.get, names)))), None)


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, FIELDS, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _show(value: object) -> str:
    """`value` for a message, which may reach a terminal or a page."""
    value = value[:80] if isinstance(value, (str, list)) else value  # there may be millions of items
    text = repr(value)
    text = text if is_text(text[:MAX_TEXT]) else ascii(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def describe():
    """The fields as a table, for the page on the format."""
    return _table([(name, field.kind, field.unit, field.meaning) for name, field in FIELDS.items()], "field", "type", "unit", "meaning")


def describe_statuses():
    """The statuses as a table, for the page on the format."""
    return _table(list(STATUSES.items()), "status", "meaning")


def _table(rows: list[tuple], *columns: str):
    import pandas as pd

    # Whole texts, no index, and the same HTML at every build.
    return pd.DataFrame(rows, columns=columns).style.hide(axis="index").set_uuid(columns[0]).set_table_attributes('class="dataframe"')
