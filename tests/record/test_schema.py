"""The JSON Schema and the check: whatever one refuses the other refuses, but for what a schema can't say."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dlmark.record import FIELDS, GRADES, RULES, STATUSES, RecordError, check, schema
from dlmark.record.checking import _problem

SCHEMA = schema.schema()
FILE = Draft202012Validator(SCHEMA)
RECORD = Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": "#/$defs/record"})

# Of characters that every version of Unicode here sees alike; and of what stands in a text that nobody can see.
texts = st.text(st.characters(codec="utf-8", categories=("Lu", "Ll", "Nd", "Po", "Sm")), max_size=6)
odd = st.sampled_from(["", " ", "a ", " a", "a\nb", "\x00", "\u202e", "\u00a0", "\ue000", "\u200b", "a\u2028", "a b", "x" * 2_001])
numbers = st.floats(-2, 2_000) | st.integers(-2, 2_000) | st.sampled_from([1e15, 1e15 + 1, 1e300, -1e16])
whole = st.integers(-2, 2_000) | st.sampled_from([10**15, 10**15 + 1, 0.5])
anything = st.none() | st.booleans() | st.just("a") | st.just(3) | st.just([]) | st.just({}) | st.just([None]) | st.just({"a": None})
OF_KIND = {
    "text": texts | odd, "number": numbers, "integer": whole, "numbers": st.lists(numbers, max_size=3), "integers": st.lists(whole, max_size=10),
    "texts": st.lists(texts | odd, max_size=3), "table": st.dictionaries(texts | odd, texts | odd, max_size=3),
    "measures": st.dictionaries(texts | odd, numbers, max_size=3),
}  # fmt: skip
TELLING = {
    "status": st.sampled_from([*STATUSES, "OK", ""]), "grade": st.sampled_from([*GRADES, "D"]), "workload": st.sampled_from(["inference", "Training", "x"]),
    "reason": st.sampled_from(["", " ", "it fell"]), "source": st.sampled_from(["measured", "published: a/b@c:d", "published: ", "published: _", "x"]),
    "measured_at": st.sampled_from(["2026-11-23T16:20:55Z", "2026-02-29T00:00:00Z", "2028-02-29T23:59:59Z", "2026-11-23", "2026-11-31T00:00:00Z"]),
    "published_date": st.sampled_from(["2019-03-14", "2019-02-29", "2020-02-29", "2009-12-31", "2010-02-28", "2012-02-29", "2100-01-01", "soon"]), "unit": st.sampled_from(["images/s", "x", "a b/s", "/s"]),
    "grade_reasons": st.lists(st.just("one"), max_size=3), "latency_calls": st.sampled_from([29, 30, 100, 1_000]), "format_version": st.sampled_from([1, 2, 3]),
}  # fmt: skip


@st.composite
def records(draw):
    """A record of some fields, most of which tell something of the others."""
    names = draw(st.lists(st.sampled_from([*FIELDS, *TELLING, "throughput", "throughput_half_width", "unknown"]), max_size=7, unique=True))
    record = {"model": draw(st.sampled_from(["A", "A", "A", "", None]))} if draw(st.integers(0, 9)) else {}
    for name in names:
        usual = TELLING.get(name, OF_KIND[FIELDS[name].kind]) if name in FIELDS else st.just(1)
        record[name] = draw(usual if draw(st.integers(0, 5)) else OF_KIND[FIELDS[name].kind] | anything if name in FIELDS else usual)
    return record


def refusals(record: dict) -> set[str]:
    """What refuses a record: the names of rules, or that a field by itself is wrong."""
    alone = [name for name, value in record.items() if name not in FIELDS or value is not None and _problem(name, FIELDS[name], value)]
    return {"field"} if alone else {rule.__name__ for rule, names in RULES if rule(*map(record.get, names))}


@settings(max_examples=500, deadline=None)
@given(records())
def test_both_accept_or_both_refuse(record):
    found = refusals(record)
    try:
        accepted = bool(check(record))
    except RecordError:
        accepted = False
    assert accepted == (not found)
    if accepted or found - set(schema.BEYOND):
        assert RECORD.is_valid(record) == accepted, (found, [error.message for error in RECORD.iter_errors(record)])


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_may_be_null_and_has_its_bounds(name):
    field = FIELDS[name]
    assert RECORD.is_valid({"model": "A", name: None}) == (name != "model")
    if field.kind in ("number", "integer") and field.low > -math.inf:
        assert not RECORD.is_valid({"model": "A", name: field.low - 1})


def test_the_files_of_this_project_are_valid(root):
    for path in sorted((root / "results").glob("*.json")):
        errors = list(FILE.iter_errors(json.loads(path.read_text(encoding="utf-8"))))
        assert not errors, f"{path.name}: {errors[0].message[:300]}"


def test_a_set_with_common_fields_is_valid_and_one_without_records_is_not():
    common = {"device": "Tesla K80", "source": "published: a/b@c:d"}
    assert FILE.is_valid({"common": common, "records": [{"model": "A", "throughput": 1.0}]})
    assert not FILE.is_valid({"common": common}) and not FILE.is_valid({"common": {"troughput": 1}, "records": []})


def test_the_committed_schema_is_the_one_that_is_made_of_the_fields(root):
    assert json.loads((root / "docs" / "result-format.schema.json").read_text(encoding="utf-8")) == SCHEMA
