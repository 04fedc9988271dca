"""The session that a command measures in: begun, gone on with, or another."""

from datetime import UTC, datetime

import pytest

from bench.run.held import Held, Newest, session_of
from dlmark.measure import sweep
from dlmark.results.files import write_records

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIELDS = {"device": "A CPU", "host": "here", "framework": "numpy", "source": "measured"}
JOBS = [sweep.Job("MLP-64", [1, 2], FIELDS)]


def held(batch_size, session, **fields):
    return {"model": "MLP-64", "batch_size": batch_size, **FIELDS, "session": session, "measured_at": "2026-11-26T10:00:00Z", **fields}


def session(records, again=False, begun=None):
    return session_of(JOBS, FIELDS, records, again=again, begun=begun, clock=lambda: NOW)


@pytest.mark.parametrize("records, again, begun, expected", [
    ([], False, "new", "new"), ([held(1, "old")], False, "new", "old"), ([held(1, "old"), held(2, "old")], False, "new", "old"),
    ([held(1, "old", measured_at="2026-11-24T10:00:00Z")], False, "new", "new"),
    ([held(1, "old")], True, "new", "new"),  # again: all of it
    ([held(1, "old-again")], True, "new", "old-again"),  # it was stopped
    ([held(1, "old-again"), held(2, "old-again")], True, "new", "new"),  # it was done
    ([held(1, "new-again")], True, "new-again", "new-again"),  # another command of the same run has begun it
])  # fmt: skip
def test_a_command_goes_on_with_what_was_stopped(records, again, begun, expected):
    assert session(records, again, begun) == expected


def test_a_session_of_its_own_has_a_new_name():
    assert session([]).startswith("20261126T120000Z-") and session([], again=True).endswith("-again")


def test_a_file_that_is_only_looked_at_gives_each_session_and_the_newest(tmp_path):
    records = [held(1, "a", measured_at="2026-11-25T10:00:00Z"), held(1, "b")]
    write_records(tmp_path / "a.json", records)
    file = Held("a.json", str(tmp_path))
    assert [file.get(record) for record in records] == records == file.records()
    assert Newest(file.records()).get({**records[0], "session": None}) == records[1]
