"""The two checks of a record, by row and by column, accept the same: tried on what hypothesis makes of the rules."""

import json
from itertools import accumulate
from statistics import median

import hostile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlmark.record import FIELDS, GRADES, LEAST_CALLS, NO_NAMES, RULES, STATUSES, RecordError, check, is_text
from dlmark.results.reader import decode as fast
from dlmark.results.reader import screen

pytestmark = pytest.mark.skipif(fast.msgspec is None, reason="needs msgspec")

TEXTS = [text for texts in hostile.STRINGS.values() for text in texts]
MOMENTS = ["2026-11-23T16:20:55Z", "2026-02-28T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T16:20:55", "2026-11-23T16:20:55Z2026", "2026-11-23", "zzz", ""]
FACTORS = st.sampled_from([1] * 12 + [1 + 5e-5, 1 - 5e-5, 1 + 1.01e-4, 1.02, 0.9, 1_000])


def mostly(right, *others):
    """`right` seven times of eight, else one of `others`."""
    return st.sampled_from([right] * 7 * len(others) + list(others))


@st.composite
def timed(draw):
    """A record with block times, and a throughput and spread that are theirs, or nearly, or not at all."""
    rounds = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    seconds = st.sampled_from(draw(mostly([0.099, 0.1, 0.1000001, 0.102], [0.0, 1e-9, 0.1, 1e15])))
    times = draw(st.lists(seconds, min_size=sum(rounds), max_size=sum(rounds)))
    batch, calls = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    ends = list(accumulate(rounds, initial=0))
    medians = sorted(median(times[a:b]) for a, b in zip(ends, ends[1:]))
    throughput = min(1e15, max(1e-9, batch * calls / max(median(medians), 1e-9) * draw(FACTORS)))
    spread = min(1e15, (medians[-1] / max(medians[0], 1e-9) - 1) * draw(FACTORS))
    reasons = draw(st.lists(st.sampled_from(["x", "y", "z"]), max_size=3))
    right = {
        "batch_size": batch, "calls_per_block": calls, "block_times_s": times, "round_blocks": rounds, "throughput": throughput,
        "throughput_half_width": throughput * draw(st.sampled_from([0.005, 0.01, 0.02])), "round_spread": spread if len(rounds) > 1 else None,
        "contended_blocks": draw(st.sampled_from([[], [], [0], [len(times) - 1], None])), "grade_reasons": reasons, "grade": GRADES[min(2, len(reasons))],
    }  # fmt: skip
    others = {"batch_size": [None], "round_blocks": [None, [], [*rounds, 1]], "contended_blocks": [[0, 0], [len(times)]], "grade": GRADES,
              "throughput": [None], "throughput_half_width": [0, None], "round_spread": [0.0, None], "throttle_reasons": [["x"]],
              "foreign_processes": [1]}  # fmt: skip
    name = draw(st.sampled_from([None, *others]))
    return right if name is None else {**right, name: draw(st.sampled_from(others[name]))}


NUMBERS = {
    **{name: st.sampled_from([0.1, 0.2, 0.3]) for name in LEAST_CALLS}, "latency_calls": st.sampled_from([29, 30, 100, 999, 1_000]),
    "accuracy": st.sampled_from([0.5, 0.6]), "accuracy_top5": st.sampled_from([0.5, 0.6]), "clock_mhz": st.sampled_from([1, 2]),
    "clock_min_mhz": st.sampled_from([1, 2]), "energy_j": st.just(1.0), "energy_s": st.just(2.0), "tflops": st.just(1.0),
    "memory_limit_mb": st.just(100), "format_version": st.sampled_from([1, 3]), "input_shape": st.lists(st.just(1), max_size=9),
    "throughput": st.sampled_from([1e-10, 1e-9, 5]), "throughput_half_width": st.just(1.0),
}  # fmt: skip
WORDS = {
    "status": st.sampled_from(list(STATUSES)), "reason": st.sampled_from(["", " ", "x"]), "workload": st.sampled_from(["inference", "Inference", "x"]),
    "quality": st.dictionaries(st.sampled_from(TEXTS), st.sampled_from([-1, 0.5]), max_size=2), "unit": st.sampled_from(["images/s", "x"]),
    "source": st.sampled_from(["measured", "published: ", "published: x", "x"]), "measured_at": st.sampled_from(MOMENTS),
    "published_date": st.sampled_from(["2019-03-14", "2019-02-29", "soon"]), "mode": st.sampled_from(TEXTS), "command": st.sampled_from(TEXTS),
    "flags": st.lists(st.sampled_from(TEXTS), max_size=2), "library_versions": st.dictionaries(st.sampled_from(TEXTS), st.sampled_from(TEXTS), max_size=2),
}  # fmt: skip


@st.composite
def records(draw):
    """A record that is right in most of its fields."""
    numbers = draw(st.fixed_dictionaries({}, optional=NUMBERS)) if draw(st.booleans()) else {}
    words = draw(st.fixed_dictionaries({}, optional=WORDS)) if draw(st.booleans()) else {}
    return {"model": "A", **(draw(timed()) if draw(st.booleans()) else {}), **numbers, **words}


def is_accepted(record) -> bool:
    try:
        return bool(check(record))
    except RecordError:
        return False


def is_accepted_fast(*some) -> bool:
    return fast.decode([json.dumps(some).encode()], {}) is not None


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(records(), min_size=1, max_size=3))
def test_both_checks_accept_the_same_records(some):
    assert is_accepted_fast(*some) == all(map(is_accepted, some))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(timed())
def test_both_checks_accept_the_same_block_times(record):
    assert is_accepted_fast({"model": "A", **record}, {"model": "B"}) == is_accepted({"model": "A", **record})


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=8), st.sampled_from([name for name, field in FIELDS.items() if field.kind == "text" and name not in NO_NAMES]))
def test_both_checks_accept_the_same_texts(text, field):
    record = {"model": "A", field: text}
    assert is_accepted_fast(record) == is_accepted(record)


@pytest.mark.parametrize("kind", hostile.STRINGS)
@pytest.mark.parametrize("field", ["model", "reason", "command", "flags", "library_versions", "measured_at", "source", "grade"])
def test_both_checks_accept_the_same_hostile_texts(kind, field):
    for text in hostile.STRINGS[kind]:
        record = {"model": "A", "status": "crashed", "reason": "x"}
        record[field] = {"flags": [text], "library_versions": {text: text}}.get(field, text)
        assert is_accepted_fast(record, {"model": "B"}) == is_accepted(record), text


def test_every_rule_on_several_fields_has_a_glance():
    assert screen.GLANCES.keys() == {rule.__name__ for rule, names in RULES if len(names) > 1}


def test_texts_with_a_rule_of_their_own_are_texts_by_it():
    for name in screen.FORMS:
        assert not any(is_accepted({"model": "A", name: text}) for text in TEXTS if not is_text(text))


@pytest.mark.parametrize("rows", [1, 40])
def test_one_wrong_record_among_many_is_found(rows):
    right = {"model": "A", "batch_size": 1, "calls_per_block": 1, "block_times_s": [0.1, 0.1], "throughput": 10.0}
    assert is_accepted_fast(*[right] * rows) and not is_accepted_fast(*[right] * rows, {**right, "throughput": 20.0}, *[right] * rows)
