"""A session: which run goes on with one, and what makes a later measurement another."""

import platform
from datetime import UTC, datetime

import pytest

from dlmark.measure import session

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIELDS = {"device": "H200", "host": "here", "framework": "torch", "framework_version": "2.13.0", "driver_version": "550.54", "power_limit_w": 700,
          "layout": "NHWC", "library_versions": {platform.system(): "6.1", "python": "3.11.2", "cudnn": "9.1"}}  # fmt: skip


def held(**fields):
    return {**FIELDS, "session": "a", "measured_at": "2026-11-26T10:00:00Z", "source": "measured", **fields}


@pytest.mark.parametrize("now, words", [
    ({}, []), ({"driver_version": "535.129"}, ["driver 535.129 instead of 550.54"]), ({"framework_version": "2.14"}, ["torch 2.14 instead of 2.13.0"]),
    ({"driver_version": None}, []), ({"layout": "NCHW"}, ["layout NCHW instead of NHWC"]), ({"power_limit_w": 500}, ["a power limit in W of 500 instead of 700"]),
    ({"library_versions": {"cudnn": "9.2"}}, ["cudnn 9.2 instead of 9.1"]), ({"library_versions": {"another": "1"}}, []),
    ({"library_versions": {"python": "3.11.9"}}, []), ({"library_versions": {"python": "3.12.1"}}, ["python 3.12 instead of 3.11"]),
    ({"library_versions": {platform.system(): "6.2"}}, []), ({"host": "elsewhere"}, []),
])  # fmt: skip
def test_what_differs_from_today_is_told_in_words(now, words):
    assert session.differences(held(), {**FIELDS, **now}) == words


@pytest.mark.parametrize("records, expected", [
    ([], None), ([held()], "a"), ([held(), held(session="b", measured_at="2026-11-26T11:00:00Z")], "b"),
    ([held(measured_at="2026-11-25T12:00:01Z")], "a"), ([held(measured_at="2026-11-25T12:00:00Z")], None), ([held(measured_at=None)], None),
    ([held(), held(measured_at="2026-11-20T11:00:00Z")], "a"),  # the session's last point counts
    ([held(driver_version="535")], None), ([held(host="elsewhere")], None), ([held(device="T4")], None), ([held(session=None)], None),
    ([held(source="published: a/b@c:d")], None),
])  # fmt: skip
def test_a_run_goes_on_with_the_newest_session_of_the_last_day_under_the_same_conditions(records, expected):
    assert session.going_on(records, FIELDS, NOW) == expected


@pytest.mark.parametrize("name, complete, expected", [("a-again", False, "a-again"), ("a-again", True, None), ("a", False, None)])
def test_to_measure_again_goes_on_only_with_what_was_begun_for_that_and_is_not_complete(name, complete, expected):
    assert session.going_on([held(session=name)], FIELDS, NOW, lambda session: complete) == expected


def test_a_name_tells_when_it_began_and_no_two_are_alike():
    assert session.new(NOW).startswith("20261126T120000Z-") and session.new(NOW) != session.new(NOW) and session.new(again=True).endswith("-again")
