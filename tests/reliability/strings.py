"""Texts that want to be run, fetched or obeyed, in every place of a result that holds text: shown as text, or refused."""

import csv
import io
import json
import os
import subprocess
import sys
import traceback
import unicodedata
import xml.etree.ElementTree as xml
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from random import Random

import hostile

from dlmark import __main__ as command_line
from dlmark.record import FIELDS, RecordError, check
from dlmark.record.words import one_line
from dlmark.terminal import progress, summary
from dlmark.terminal.export import csv_text, parquet_bytes
from reliability import mutants
from reliability.networks import saved
from reliability.trying import HERE, ROOT, Row, Task, Untried, leftovers, started

TEXTS = list(dict.fromkeys(text for texts in hostile.STRINGS.values() for text in texts))
PLACES = [name for name, field in FIELDS.items() if field.kind in ("text", "texts", "table")]
PAIRS = [(text, name) for text in TEXTS for name in PLACES]
BASE = {"model": "A", "batch_size": 1, "throughput": 1.0, "device": "A device", "measured_at": "2026-01-01T00:00:00Z"}
BATCH = 50
OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # the categories of what a terminal might obey, or a reader not see
STARTS = "=+-@−"  # what a spreadsheet takes for the start of a formula, after NFKC
SHOWN_WHOLE = 40  # characters that no table breaks or cuts
ANSWERS = 24  # networks of one run that fail with such a text
RUNS = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "socket.getaddrinfo", "webbrowser.open"}


def _chosen(task: Task, all_of_them: list) -> list:
    return all_of_them if task.number >= len(all_of_them) else Random(f"{task.seed}").sample(all_of_them, task.number)


def _in_batches(task: Task, one: Callable, chosen: list) -> Iterator[list[str]]:
    return task.in_a_process(one, [chosen[at : at + BATCH] for at in range(0, len(chosen), BATCH)])


def record_with(text: str, places: list[str] = PLACES) -> dict | None:
    """A record with the text in all the places that take it; None where none does."""
    record = dict(BASE)
    for name in places:
        value = {"text": text, "texts": [text], "table": {text: text}}[FIELDS[name].kind]
        try:
            check({**record, name: value})
        except RecordError:
            continue
        record[name] = value
    return record if record != BASE else None


def _and_runs_nothing(look: Callable[[str], list[str]], text: str) -> list[str]:
    events = _events()
    events.clear()
    try:
        problems = look(text)
    except Exception:  # whatever it is, a text must not cause it
        problems = [traceback.format_exc()]
    return [f"{text[:200]!r}: {problem}" for problem in [*problems, *(f"it made Python do: {event}" for event in events)]]


@cache
def _events() -> list[str]:
    done: list[str] = []
    sys.addaudithook(lambda event, arguments: done.append(f"{event} {arguments!r:.200}") if event in RUNS else None)
    return done


# ---- check and load ----


def read(task: Task) -> Iterator[list[str]]:
    """Each text in each place, through both ways of reading."""
    return _in_batches(task, read_both_ways, _chosen(task, PAIRS))


def read_both_ways(folder: Path, pairs: list[tuple[str, str]]) -> list[list[str]]:
    """Refused or accepted by both alike, and nothing run."""
    found = []
    for text, name in pairs:
        value = {"text": text, "texts": [text], "table": {text: text}}[FIELDS[name].kind]
        data = json.dumps([{**BASE, name: value}], ensure_ascii=len(found) % 2 == 0).encode(errors="surrogatepass")
        found.append(mutants.both(folder, data, 0))
    return found


# ---- terminal ----


def terminal(task: Task) -> Iterator[list[str]]:
    """Each text in all places, and as a file's name, through the commands and the lines of a run."""
    return _in_batches(task, shown, _chosen(task, TEXTS))


def shown(folder: Path, texts: list[str]) -> list[list[str]]:
    """No command prints anything that a terminal obeys; a short text stands there as it is."""
    return [_and_runs_nothing(lambda text: _printed(folder, text), text) for text in texts]


def _printed(folder: Path, text: str) -> list[str]:
    everywhere = {**BASE, **{name: {"text": text, "texts": [text], "table": {text: text}}[FIELDS[name].kind] for name in PLACES}}
    record = record_with(text) or BASE
    paths = [_file(folder, "refused.json", everywhere), _file(folder, "a.json", record), _file(folder, "b.json", {**record, "throughput": 2.0})]
    named = _named(folder, text, record)
    os.environ["DLMARK_RESULTS"] = str(folder / "none")  # where a name that is no file is sought
    problems = []
    for words in (["check", *paths, *named], ["show", *paths[1:]], ["show", *(named or paths[1:])], ["show", "--columns", ",".join(PLACES), paths[1]], ["compare", *paths[1:]],
                  ["show", f"--model={_word(text)}", paths[1]], ["show", "--", _word(text)], ["export", paths[1], "--csv", str(folder / "out.csv")]):  # fmt: skip
        status, out = _command(folder, words)
        problems += [f"dlmark {words[0]}: {problem}" for problem in obeyed(out)]
        if status not in (0, 1, 2):
            problems.append(f"dlmark {words[0]}: status {status}")
        if (
            words == ["show", *paths[1:]]
            and record.get("model") == text
            and len(text) < SHOWN_WHOLE
            and text.isascii()
            and text.isprintable()
            and text.strip() not in out
        ):
            problems.append(f"not shown as it is: {out!r}")
    for path in named:
        os.remove(path)
    return problems + [f"the lines of a run: {problem}" for problem in obeyed(_lines_of_a_run(record))]


def _command(folder: Path, words: list[str]) -> tuple[int, str]:
    """The exit status of a command, and all that it wrote: into files, since it may close what it writes to."""
    paths = folder / "out", folder / "err"
    with open(paths[0], "w", errors="replace") as out, open(paths[1], "w", errors="replace") as err, redirect_stdout(out), redirect_stderr(err):
        status = command_line.main(words)
    return status, "".join(path.read_bytes().decode(errors="replace") for path in paths)


def _file(folder: Path, name: str, record: dict) -> str:
    path = folder / name
    path.write_bytes(json.dumps([record], ensure_ascii=True).encode())
    return str(path)


def _word(text: str) -> str:
    """The text as a word of a command line, which holds no NUL and nothing that no bytes stand for."""
    try:
        return os.fsdecode(os.fsencode(text)).replace("\0", "") or "x"
    except UnicodeEncodeError:
        return "x"


def _named(folder: Path, text: str, record: dict) -> list[str]:
    """A file whose name is the text, where a file can have such a name."""
    try:
        return [_file(folder, f"{text}.json", record)] if text and "/" not in text else []
    except (OSError, ValueError):  # too long, or no name for a file
        return []


def _lines_of_a_run(record: dict) -> str:
    out = io.StringIO()
    failed = {**record, "status": "crashed", "reason": record.get("reason") or "x", "throughput": None}
    with redirect_stdout(out), progress.progress(1) as show:
        for one in (record, failed):
            show.say(one_line({"reason": "x", **one}))
            show.at(one["model"])
        summary.show([record, failed], str(record.get("device")))
    return out.getvalue()


def obeyed(text: str) -> list[str]:
    """The characters of a terminal's output that it would obey, or that nobody would see."""
    found = sorted({c for c in text if c != "\n" and unicodedata.category(c) in OBEYED})
    return [f"it prints {', '.join(f'U+{ord(c):04X}' for c in found)}"] if found else []


# ---- for other programs ----


def spreadsheet(task: Task) -> Iterator[list[str]]:
    """Each text in all places as CSV, opened with each separator that a spreadsheet may take for the right one."""
    return _in_batches(task, as_csv, _chosen(task, TEXTS))


def as_csv(folder: Path, texts: list[str]) -> list[list[str]]:
    """No cell is a formula."""
    return [_and_runs_nothing(_formulas, text) for text in texts]


def _formulas(text: str) -> list[str]:
    # Also what the format refuses: whoever exports should not have to trust the check.
    everywhere = {**BASE, **{name: {"text": text, "texts": [text], "table": {text: text}}[FIELDS[name].kind] for name in PLACES}}
    written = csv_text([everywhere, {**BASE, "file": f"{text}.json"}])
    problems = obeyed(written)
    for separator in ",;\t":
        cells = [cell for row in csv.reader(io.StringIO(written), delimiter=separator) for cell in row]
        problems += [f"a formula, separated by {separator!r}: {cell!r}" for cell in cells if is_formula(cell)][:1]
    return problems


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would work the cell out, rather than show it."""
    start = unicodedata.normalize("NFKC", cell.strip()[:1])
    if start not in tuple(STARTS):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def parquet(task: Task) -> Iterator[list[str]]:
    """Each text in all places that take it, written as Parquet and read back."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise Untried(f"needs the package pyarrow ({error})") from error
    return _in_batches(task, as_parquet, _chosen(task, TEXTS))


def as_parquet(folder: Path, texts: list[str]) -> list[list[str]]:
    """It comes back as it was."""
    return [_and_runs_nothing(_back_from_parquet, text) for text in texts]


def _back_from_parquet(text: str) -> list[str]:
    import pyarrow
    from pyarrow.parquet import read_table

    record = {**(record_with(text) or BASE), "file": "a.json"}
    (back,) = read_table(pyarrow.BufferReader(parquet_bytes([record]))).to_pylist()
    expected = {name: list(value.items()) if isinstance(value, dict) else value for name, value in record.items()}
    return [f"{name} came back as {back.get(name)!r}" for name, value in expected.items() if back.get(name) != value]


# ---- a real run, and the pages ----


def said_by_a_network(task: Task) -> Iterator[list[str]]:
    """Networks that fail with such a text as their word: it is in the record and on the terminal, and obeyed nowhere."""
    chosen = _chosen(task, TEXTS)

    def one(place: int) -> list[list[str]]:
        folder, texts = task.own_folder(place), chosen[place : place + ANSWERS]
        said = folder / "said.json"
        said.write_text(json.dumps(texts))
        words = ("throughput", "--framework", "failing", "--models", ",".join(f"says-{n}" for n in range(len(texts))), "--batch-sizes", "1",
                 "--threads", "1", "--seconds", "0.02", "--rounds", "1")  # fmt: skip
        with started(folder, *words, environment={"TRIES_SAID": str(said)}) as run:
            problems = run.problems((0, 1))
        records = saved(folder / "results")
        found = [[f"{text!r}: no record that it crashed: {records.get(f'says-{n}')}; {run.tail()}"] if records.get(f"says-{n}", {}).get("status") not in ("crashed", "out_of_memory") else []
                 for n, text in enumerate(texts)]  # fmt: skip
        found[-1] += [*problems, *leftovers(folder), *obeyed(run.said + run.complained)]
        return found

    return task.side_by_side(one, range(0, len(chosen), ANSWERS))


def pages(task: Task) -> Iterator[list[str]]:
    """What the browser's own test says: every text that a record may hold, in every field, on every page."""
    test = HERE.parent / "site" / "test_site_hostile.py"
    if not test.exists():
        raise Untried(f"{test.relative_to(ROOT)} is not there")
    report = task.folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow or not slow", f"--junit-xml={report}", test]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=900)
    suite = next(xml.parse(report).getroot().iter("testsuite")) if report.exists() else None
    if suite is None or int(suite.get("tests")) == int(suite.get("skipped")):
        raise Untried(f"it did not run: {done.stdout.strip().splitlines()[-1:] or done.stderr.strip()[-200:]}")
    broken = [case for case in suite.iter("testcase") if case.find("failure") is not None or case.find("error") is not None]
    yield from ([f"{case.get('name')}: {(case.find('failure') or case.find('error')).get('message')}"] for case in broken)
    accepted = [pair for pair in PAIRS if record_with(pair[0], [pair[1]])]
    yield from ([] for _ in range(len(accepted) - len(broken)))


COUNT = f"{len(TEXTS)} texts of {len(hostile.STRINGS)} kinds"
ROWS = [
    Row("strings-read", "a hostile text is refused or taken as text by both ways alike, and runs nothing", f"{COUNT} in {len(PLACES)} fields", read, len(PAIRS), 2_000, 0.001),
    Row("strings-terminal", "the terminal obeys none of them", f"{COUNT}, in all fields and as a file's name, through check, show, compare, export and the lines of a run", terminal, len(TEXTS), 60, 0.05),
    Row("strings-run", "a network that fails with such a word is a record all the same", f"{COUNT}, each raised by a network of a real run", said_by_a_network, len(TEXTS), 24, 0.13),
    Row("strings-csv", "no cell of a CSV file is a formula", f"{COUNT}, in all fields, read with each separator", spreadsheet, len(TEXTS), len(TEXTS), 0.003),
    Row("strings-parquet", "a Parquet file holds them as they are", f"{COUNT}, in all fields, written and read back", parquet, len(TEXTS), 60, 0.01),
    Row("strings-pages", "no page runs, fetches or shows as markup any of them", "tests/site/test_site_hostile.py: texts x fields, in Chromium", pages, 1, 0, 120),
]  # fmt: skip
