"""The tries of `make reliability`: a few of each find nothing, a broken stand-in is found, and the table is written."""

import json
import os
import random
import subprocess
import sys

import pytest
from reliability import ROWS, cuts, kills, mutants, strings, table
from reliability.runner import Outcome, attempt
from reliability.trying import HERE, ROOT, Row, Task, Untried, lost, lost_times

from dlmark.benchmark import SaveResults

A = Row("a", "nothing | breaks", "it is\ntried", lambda task: iter([[], ["it broke", "twice"], []]), 3, 3, 1)
B = A._replace(name="b", promise="another holds")


class Display:
    """Takes down what the runner says."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)

    def at(self, what): ...

    def advance(self, work): ...


# The others start runs, as `make reliability SHORT=1` of .ci/run does.
QUICK = ("cut-write", "cut-file", "bytes", "tokens", "strings-read", "strings-terminal", "strings-csv", "strings-parquet")
SHORT = [pytest.param(row, id=row.name, marks=[] if row.name in QUICK else pytest.mark.thorough) for row in ROWS if row.short]


@pytest.mark.parametrize("row", SHORT)
def test_a_few_tries_find_nothing(row, tmp_path):
    outcome = attempt(row, Task(max(1, row.short // 10), 1, tmp_path), Display())
    if outcome.untried:
        pytest.skip(outcome.untried)
    assert outcome.first == [] and outcome.tried == outcome.wanted


def test_names_and_numbers_of_the_promises_are_in_order():
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(0 <= row.short <= row.full and row.seconds > 0 for row in ROWS)
    assert sum(row.full for row in ROWS if row.name in ("bytes", "tokens", "structures")) == 100_000


# ---- the counters count ----


class WritesInPlace(SaveResults):
    """Saves as nobody should: over the old file."""

    def add(self, record):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(json.dumps([*self.records(), record], ensure_ascii=False))


def test_a_writer_that_writes_in_place_is_found_by_the_cuts(tmp_path):
    (problems,) = cuts.cut_write(tmp_path, 100, save=WritesInPlace)
    assert "the old file is not whole" in problems[0]


IN_PLACE = f"""
import os, runpy, time

def in_place(path, lines):
    open(path, "w").close()
    if os.path.exists(f"{{path}}.again"):  # the run after the one that was killed
        os._exit(1)
    open(f"{{path}}.again", "w").close()
    time.sleep(60)

def break_(benchmark):
    benchmark.write_lines = in_place

runpy.run_path({str(HERE / "found_by_python" / "sitecustomize.py")!r})["Changed"].CHANGES["dlmark.results.save"] = break_
"""


def test_a_writer_that_writes_in_place_is_found_by_the_kills(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(IN_PLACE)
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    (tmp_path / "own").mkdir()
    found = kills.one_folder(tmp_path / "own", random.Random(WHILE_WRITING), kills._kill, (-9,), 1, environment=environment)
    assert "the file is not whole" in found[0][0]


# With this seed the moment is a later temporary file than ever comes: the run is ended while it writes the first time, for a minute.
WHILE_WRITING = next(seed for seed in range(1_000) if (r := random.Random(seed)).random() >= 0.5 and r.randrange(1, 10) == 9)


def test_a_way_of_reading_that_accepts_too_much_is_found(tmp_path):
    data = b'[{"troughput": 1}]'
    (tmp_path / "a.json").write_bytes(data)
    assert mutants.disagreement(tmp_path / "a.json", data) == []
    (problem,) = mutants.disagreement(tmp_path / "a.json", data, fast=lambda data: [{"model": "A"}])
    assert "the patient one as None" in problem


def test_a_file_that_takes_a_process_along_is_found_and_the_others_are_tried(tmp_path):
    found = list(Task(3, 1, tmp_path).in_a_process(_dies_at_1, range(3)))
    assert found[0] == found[2] == [] and "1: the process crashed: ended with exit status 7" in found[1][0]


def _dies_at_1(folder, place):
    if place == 1:
        os._exit(7)
    return [[]]


def test_a_try_that_fails_by_itself_does_not_pass_for_one_that_found_nothing(tmp_path):
    ((problem,),) = Task(1, 1, tmp_path).side_by_side(lambda place: 1 / place, range(1))
    assert "the try itself failed" in problem and "ZeroDivisionError" in problem


def test_when_the_time_is_up_no_try_begins_but_the_first(tmp_path):
    outcome = attempt(A._replace(tries=lambda task: task.side_by_side(lambda place: [[]], range(3))), Task(3, 1, tmp_path, until=0), Display())
    assert (outcome.tried, outcome.wanted) == (1, 3)


@pytest.mark.parametrize("text", ["\x1b[2J", "a\rb", "\u202e", "\u2028"])
def test_what_a_terminal_would_obey_is_found(text):
    assert strings.obeyed(f"model {text}\n") and not strings.obeyed("Prüfung ±1 °C\n")


@pytest.mark.parametrize(
    "cell, is_one", [("=1", True), (" ＝1", True), ("\t=1", True), ("-x", True), ("-1.5", False), ("'=1", False), ("a=b", False), ("", False)]
)
def test_what_a_spreadsheet_would_work_out_is_found(cell, is_one):
    assert strings.is_formula(cell) == is_one


def test_a_point_with_fewer_rounds_or_other_times_than_were_measured_is_lost():
    held = {("A", 1): {"block_times_s": [0.1, 0.2], "round_blocks": [1, 1]}}
    assert lost({("A", 1): 2}, held) == [] and len(lost({("A", 1): 3, ("B", 1): 1}, held)) == 2
    assert lost_times({("A", 1): {"block_times_s": [0.2]}}, held) == [] and len(lost_times({("A", 1): {"block_times_s": [0.3]}}, held)) == 1


# ---- the runner and its table ----


def test_a_violation_is_counted_and_printed_in_full(tmp_path):
    display = Display()
    outcome = attempt(A, Task(3, 5, tmp_path), display)
    assert (outcome.tried, outcome.found) == (3, 1) and display.lines == ["FOUND by a, seed 5:", "it broke", "twice"]


def test_what_can_not_be_tried_says_why(tmp_path):
    def refuse(task):
        raise Untried("needs root")
        yield

    outcome = attempt(A._replace(tries=refuse), Task(3, 1, tmp_path), Display())
    assert "| not tried: needs root | — |" in table.markdown([outcome], 1, 60)


def test_the_table_goes_between_its_markers_and_nothing_else_changes(tmp_path):
    path = tmp_path / "a.md"
    path.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write(path, lambda old: table.markdown([Outcome(A, 3, 3, 1), Outcome(A, 3, 2, 0)], 5, 90))
    text = path.read_text()
    assert text.startswith(f"before\n{table.BEGIN}\n") and text.endswith(f"{table.END}\nafter\n") and "old" not in text
    assert "| nothing \\| breaks | it is tried | 3 | 1 |" in text and "| 2 of 3, the time was up | 0 |" in text and "seed 5;" in text


def test_rows_that_are_tried_again_alone_take_the_place_of_theirs():
    old = table.markdown([Outcome(A, 3, 3, 1), Outcome(B, 3, 3, 0)], 5, 90)
    again = table.with_rows_again(old, [Outcome(A, 9, 9, 0)])
    assert "| it is tried | 9 | 0 |" in again and "| 3 | 1 |" not in again and again.count("\n") == old.count("\n") and B.promise in again


def test_a_file_without_the_markers_is_refused(tmp_path):
    (tmp_path / "a.md").write_text("no table\n")
    with pytest.raises(ValueError, match="expected the markers"):
        table.write(tmp_path / "a.md", str)


def test_the_page_has_the_markers_and_a_row_for_each_promise(root):
    text = (root / "docs" / "reliability.md").read_text(encoding="utf-8")
    written = text.partition(table.BEGIN)[2].partition(table.END)[0]
    assert all(f"| {row.promise} |" in written for row in ROWS)


@pytest.fixture(scope="module")
def run(root):
    def run(*words):
        return subprocess.run([sys.executable, "tests/reliability", *map(str, words)], cwd=root, capture_output=True, text=True, timeout=120)

    return run


def test_the_command_tries_counts_and_writes_the_table(run, tmp_path):
    (tmp_path / "a.md").write_text(f"{table.BEGIN}\n{table.END}\n")
    done = run("--only", "cut-file,strings-csv", "--short", "--share", "0.1", "--seed", "3", "--table", tmp_path / "a.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cut-file: 6 tried, 0 found" in done.stdout and "| 53 | 0 |" in (tmp_path / "a.md").read_text() and "seed 3" in done.stdout


def test_an_unknown_promise_is_named(run):
    done = run("--only", "kil")
    assert done.returncode == 2 and "no promise kil; there are: kill, term" in done.stderr
