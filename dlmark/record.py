"""One measurement: every field with its unit, the format version, and the check.

A result file is a JSON list of records. Field = JSON key = DataFrame column. Any field may be missing or null, except
`model`. Files may come from strangers: everything is bounded, and nothing is evaluated.
"""

import difflib
import math
from typing import NamedTuple

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
GRADES = ("A", "B", "C")

MAX_TEXT = 2_000
MAX_ITEMS = 100_000
MAX_TABLE = 100
LEAST_THROUGHPUT = 1e-9  # an image in 30 years
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
    "workload": Field("text", "", "inference or training"),
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
    "text": f"a text of at most {MAX_TEXT:,} characters", "number": "a number", "integer": "a whole number",
    "numbers": "a list of numbers", "integers": "a list of whole numbers", "texts": "a list of texts",
    "table": "an object of texts",
}  # fmt: skip


class RecordError(ValueError):
    """A record breaks the format; the message names file, record, field, what was expected and what came."""


def check(record: object, where: str = "record") -> dict:
    """Return `record` if it keeps the format, else raise RecordError. `where` starts the message."""
    if not isinstance(record, dict):
        raise RecordError(f"{where}: expected an object with fields such as model and throughput, got {_show(record)}")
    for name, value in record.items():
        if name not in FIELDS:
            raise RecordError(f"{where}: unknown field {_show(name)}{_suggest(name)}; the format is in dlmark/record.py")
        problem = value is not None and _problem(FIELDS[name], value)
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


def _problem(field: Field, value: object) -> str | None:
    """What was expected, where `value` is not it."""
    expected = EXPECTED[field.kind]
    if field.kind in ("numbers", "integers", "texts"):
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return f"{expected}, at most {MAX_ITEMS:,}"
        if field.kind != "texts" and _are_numbers(field, value):
            return None
        one = field._replace(kind=field.kind[:-1])
        return next((f"{expected} with, in each place, {p}" for item in value if (p := _problem(one, item))), None)
    if field.kind == "table":
        text = Field("text", "", "")
        fits = isinstance(value, dict) and len(value) <= MAX_TABLE and not any(_problem(text, t) for kv in value.items() for t in kv)
        return None if fits else expected
    if field.kind == "text":
        return None if isinstance(value, str) and len(value) <= MAX_TEXT and _is_unicode(value) else expected
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


# ---- rules on fields that are each right by themselves: what is wrong, or None ----


def _network(model):
    return None if model else "field model: expected the network's name, got nothing"


def _version(format_version):
    if (format_version or 1) > FORMAT_VERSION:
        return f"field format_version: this dlmark reads up to {FORMAT_VERSION}, got {format_version}: update dlmark"


def _status(status):
    if status is not None and status not in STATUSES:
        return f"field status: expected one of {', '.join(STATUSES)}, got {_show(status)}"


def _number_or_reason(status, throughput, reason):
    if throughput is not None and throughput < LEAST_THROUGHPUT:
        least = f"a number of at least {LEAST_THROUGHPUT:g}"
        return f"field throughput: expected {least}, got {_show(throughput)}; a point that failed has a status and a reason instead"
    if status is None or status == "ok":
        return None
    if throughput is not None:
        return f"field throughput: expected none where status is {status}, got {throughput}"
    if not reason:
        return f"field reason: expected one sentence where status is {status}, got nothing"


def _grade(grade):
    if grade is not None and grade not in GRADES:
        return f"field grade: expected one of {', '.join(GRADES)}, got {_show(grade)}"


def _blocks(block_times_s, round_blocks, contended_blocks):
    blocks = len(block_times_s or ())
    if round_blocks and sum(round_blocks) != blocks:
        return f"field round_blocks: expected numbers that add up to the {blocks} block_times_s, got {_show(round_blocks)}"
    if contended_blocks and max(contended_blocks) >= blocks:
        return f"field contended_blocks: expected places below {blocks}, got {_show(contended_blocks)}"


def _source(source):
    if source and source != MEASURED and not source.startswith(PUBLISHED):
        return f"field source: expected {MEASURED!r} or {PUBLISHED!r} and where, got {_show(source)}"


# Each rule with the fields that it is given, None where there is none: `check` goes by record, a fast load by column.
RULES = (
    (_network, ("model",)), (_version, ("format_version",)), (_status, ("status",)), (_grade, ("grade",)), (_source, ("source",)),
    (_number_or_reason, ("status", "throughput", "reason")), (_blocks, ("block_times_s", "round_blocks", "contended_blocks")),
)  # fmt: skip


def _contradiction(record: dict) -> str | None:
    """What is wrong with fields that are each right by themselves."""
    return next((problem for rule, names in RULES if (problem := rule(*map(record.get, names)))), None)


def _is_unicode(text: str) -> bool:
    """False for half a surrogate pair, which JSON can name and no file can hold."""
    try:
        return bool(text.encode()) or not text
    except UnicodeEncodeError:
        return False


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, FIELDS, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _show(value: object) -> str:
    text = repr(value[:80] if isinstance(value, (str, list)) else value)  # there may be millions of items
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
