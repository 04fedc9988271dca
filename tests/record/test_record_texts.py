"""Texts of a record: what can't be seen is refused, and hostile ones are texts."""

import hostile
import pytest

from dlmark.record import (
    MAX_MARKS,
    RecordError,
    check,
    is_name,
    is_text,
    plain,
)


def refusal(record, where="results/a.json: record 3"):
    with pytest.raises(RecordError) as error:
        check(record, where)
    return str(error.value)


@pytest.mark.parametrize("character", [
    "\x00", "\t", "\n", "\r", "\x1b", "\x1c", "\x1f", "\x7f", "\x85", "\x9f",  # control
    "\xad", "\u061c", "\u200b", "\u200d", "\u200e", "\u202e", "\u2060", "\u2066", "\ufeff", "\U000e0041",  # format
    "\u2028", "\u2029", "\ud800", "\udfff", "\ue000", "\U0010fffd", "\u0378", "\uffff", "\xa0", "\u2003", "\u3000", "\u1680",
    "\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\u17b4", "\u180b", "\ufe0f", "\U000e0100",  # blank all the same
])  # fmt: skip
@pytest.mark.parametrize("record", [{"mode": "a{}b"}, {"reason": "a{}b", "status": "crashed"}, {"command": "{}"}, {"flags": ["x", "a{}b"]},
                                    {"library_versions": {"a{}b": "1"}}, {"library_versions": {"a": "1{}"}}])  # fmt: skip
def test_what_can_not_be_seen_is_refused_in_every_text_and_shown_escaped(record, character):
    def filled(value):
        if isinstance(value, dict):
            return {filled(key): filled(item) for key, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value.replace("{}", character)

    message = refusal({"model": "A", **{name: filled(value) for name, value in record.items()}})
    assert "can be seen" in message and is_text(message)


@pytest.mark.parametrize("text", hostile.STRINGS["scripts and symbols"])
def test_letters_marks_and_symbols_of_all_scripts_pass(text):
    check({"model": text, "reason": text, "status": "crashed", "flags": [text], "library_versions": {text: text}})


@pytest.mark.parametrize("kind", ["line ends", "directives", "controls", "bidirectional", "invisible", "no character", "stacked marks"])
@pytest.mark.parametrize("field", ["model", "mode", "command"])
def test_hostile_texts_of_these_kinds_are_refused(kind, field):
    assert not hostile.accepted(field)[kind]


@pytest.mark.parametrize("kind", ["tags", "attributes", "handlers", "addresses", "templates", "bokeh", "mathematics", "Markdown"])
def test_hostile_texts_of_plain_characters_are_texts(kind):
    assert not hostile.refused("command")[kind]


@pytest.mark.parametrize("name", ["", " ", "   ", " A", "A ", "\u3000"])
@pytest.mark.parametrize("field", ["model", "framework", "device", "precision", "source"])
def test_a_name_is_not_empty_and_not_padded(field, name):
    assert f"field {field}: expected" in refusal({"model": "A", field: name})


@pytest.mark.parametrize("field", ["flags", "grade_reasons", "throttle_reasons"])
def test_an_item_of_a_list_is_not_empty(field):
    assert f"field {field}: expected" in refusal({"model": "A", field: ["a", ""]})


def test_marks_follow_a_letter_and_are_few():
    check({"model": "Res" + "\u0301" * MAX_MARKS + "Net"})
    for text in ("\u0301ResNet", "\u20ddResNet", "\u0903ResNet", "Res" + "\u0301" * (MAX_MARKS + 1) + "Net"):
        assert "field model: expected" in refusal({"model": text})


@pytest.mark.parametrize("name", ["\x1b[2J", "a\u202eb", "\u3164", "\ud800", "x" * 10_000])
def test_an_unknown_field_is_shown_safely(name):
    message = refusal({"model": "A", name: 1})
    assert "unknown field" in message and is_text(message) and len(message) < 400


@pytest.mark.parametrize("text", [text for texts in hostile.STRINGS.values() for text in texts])
def test_whatever_an_error_says_becomes_a_text(text):
    made = plain(text)
    assert is_text(made) and made == made.strip() and (made == text or not is_name(text))


def test_what_is_a_text_already_stays():
    assert plain("Intel(R) Xeon(R) CPU           E5-2670 0 @ 2.60GHz") == "Intel(R) Xeon(R) CPU           E5-2670 0 @ 2.60GHz"
    assert plain("one\n\ttwo \x1b[31mred") == "one two \\x1b[31mred"
