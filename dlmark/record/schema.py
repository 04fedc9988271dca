"""The JSON Schema of result files, made of the one table of fields, for editors, browsers and other programs.

It says what one field may be, and which fields need each other. What only arithmetic tells, and which characters of the world's scripts
can be seen, `check` alone knows: BEYOND. The files stand in docs/: `python -m dlmark schema > docs/result-format.schema.json`.
"""

import math

from dlmark.record.checking import NO_NAMES
from dlmark.record.fields import (
    FIELDS,
    FORMAT_VERSION,
    GRADES,
    MAX_ITEMS,
    MAX_MEASURES,
    MAX_NUMBER,
    MAX_TABLE,
    STATUSES,
    WORKLOADS,
    Field,
)
from dlmark.record.rules import CLOCK, LEAST_CALLS, LEAST_THROUGHPUT, MAX_AXES, RESULTS, UNIT
from dlmark.record.text import MAX_TEXT

# Rules of which a schema can say a part at most.
BEYOND = ("_top5", "_clocks", "_percentiles", "_blocks", "_rounds", "_grade")

DAY = ("20(?:[1-9][0-9]-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
       "|(?:12|16|[2468][048]|[3579][26])-02-29)")  # fmt: skip
# Control and format characters, separators but the plain space, halves of pairs, and what is private.
UNSEEN = "\\u0000-\\u001f\\u007f-\\u00a0\\u00ad\\u0600-\\u0605\\u061c\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ud800-\\uf8ff\\ufeff\\ufff0-\\ufffb"
SEEN, NAME = f"^[^{UNSEEN}]*$", f"^(?! )[^{UNSEEN}]+$(?<! )"
SPECIAL: dict[str, dict] = {
    "workload": {"pattern": "^(?:" + "|".join("".join(f"[{c.upper()}{c}]" for c in word) for word in WORKLOADS) + ")$"},
    "status": {"enum": [*STATUSES, None]}, "grade": {"enum": [*GRADES, None]},
    "unit": {"pattern": f"^{UNIT}$"}, "source": {"pattern": "^measured$|^published: .*[^\\W_]"},
    "measured_at": {"pattern": f"^{DAY}{CLOCK}$"}, "published_date": {"pattern": f"^{DAY}$"},
    "format_version": {"maximum": FORMAT_VERSION}, "input_shape": {"maxItems": MAX_AXES}, "throughput": {"minimum": LEAST_THROUGHPUT},
}  # fmt: skip


def schema() -> dict:
    """The schema: a list of records, or published figures with what is common to them."""
    fields = {name: {"allOf": [_field(name, field), SPECIAL[name]]} if name in SPECIAL else _field(name, field) for name, field in FIELDS.items()}
    loose = {"type": "object", "properties": fields, "additionalProperties": False}
    model = {"required": ["model"], "properties": {"model": {"type": "string"}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"dlmark result file, format {FORMAT_VERSION}",
        "anyOf": [
            {"type": "array", "items": {"$ref": "#/$defs/record"}},
            {"type": "object", "required": ["common", "records"], "additionalProperties": False,
             "properties": {"common": {"$ref": "#/$defs/fields"}, "records": {"type": "array", "items": {"$ref": "#/$defs/fields"}}}},
        ],
        "$defs": {"fields": loose, "record": {"allOf": [{"$ref": "#/$defs/fields"}, model, *_rules()]}},
    }  # fmt: skip


def _field(name: str, field: Field) -> dict:
    """What may stand in one field, or null."""
    text: dict = {"type": "string", "maxLength": MAX_TEXT, "pattern": SEEN if name in NO_NAMES else NAME}
    any_name: dict = {"type": "string", "maxLength": MAX_TEXT, "pattern": NAME}
    number: dict = {"type": "integer" if field.kind.startswith("integer") else "number",
              "minimum": max(field.low, -MAX_NUMBER), "maximum": MAX_NUMBER if field.high == math.inf else field.high}  # fmt: skip
    one: dict = {  # by kind
        "text": text, "number": number, "integer": number,
        "texts": {"type": "array", "items": any_name, "maxItems": MAX_ITEMS},
        "numbers": {"type": "array", "items": number, "maxItems": MAX_ITEMS}, "integers": {"type": "array", "items": number, "maxItems": MAX_ITEMS},
        "table": {"type": "object", "propertyNames": any_name, "maxProperties": MAX_TABLE,
                  "additionalProperties": {"type": "string", "maxLength": MAX_TEXT, "pattern": SEEN}},
        "measures": {"type": "object", "propertyNames": any_name, "maxProperties": MAX_MEASURES, "additionalProperties": number},
    }[field.kind]  # fmt: skip
    return {"description": f"{field.meaning}{f' ({field.unit})' if field.unit else ''}", **one, "type": [one["type"], "null"]}


def _rules() -> list[dict]:
    """What fields ask of each other."""
    failed = _is("status", {"enum": [status for status in STATUSES if status != "ok"]})
    ok = _is("status", {"const": "ok"})
    results = [*RESULTS, "throughput", "memory_limit_mb"]
    return [
        {"if": failed, "then": {"allOf": [_is("reason", {"pattern": "\\S"}), *map(_none, [*RESULTS, "throughput"])]},
         "else": {"properties": {"reason": {"pattern": "^\\s*$"}}}},
        {"if": ok, "then": {"anyOf": list(map(_some, results))}},
        {"if": _some("throughput_half_width"), "then": _some("throughput")},
        {"if": _some("energy_j"), "then": _some("energy_s")},
        *({"if": _some(name), "then": _is("latency_calls", {"type": "integer", "minimum": least})} for name, least in LEAST_CALLS.items()),
        {"if": _some("grade"), "then": {"allOf": [_some("throughput"), _some("throughput_half_width")]}},
        {"if": _is("grade", {"const": "A"}), "then": {"properties": {"grade_reasons": {"maxItems": 0}}}},
        {"if": _is("grade", {"const": "B"}), "then": _is("grade_reasons", {"type": "array", "minItems": 1, "maxItems": 1})},
        {"if": _is("grade", {"const": "C"}), "then": _is("grade_reasons", {"type": "array", "minItems": 2})},
    ]  # fmt: skip


def _is(name: str, rule: dict) -> dict:
    return {"required": [name], "properties": {name: rule if "type" in rule or "enum" in rule or "const" in rule else {"type": "string", **rule}}}


def _some(name: str) -> dict:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _none(name: str) -> dict:
    return {"properties": {name: {"type": "null"}}}
