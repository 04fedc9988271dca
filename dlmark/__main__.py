"""Command line of dlmark: check result files, show them, compare two of them, and hand them to other programs."""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dlmark.analysis import compare as comparing
from dlmark.analysis.plausible import Known, warnings
from dlmark.door.changes import ChangesError
from dlmark.machine import descriptors, stop
from dlmark.record import FORMAT_VERSION, GRADES, STATUSES, RecordError, newest, safe, schema, words
from dlmark.record.names import name_problem
from dlmark.results import migrate as migrating
from dlmark.results.files import ResultsError, matching, read_records, refuse_twins, results_folder
from dlmark.terminal.show import COLUMNS, chosen, find_records, in_order, show
from dlmark.terminal.table import print_table

FAILED = 2  # a command could not do its work; 1 is its answer no
MOST_WARNINGS = 50  # of one file
SHELL_PIPE_CLOSED = 141  # what a shell reports for a program that was ended by SIGPIPE


def check(paths: Sequence[str], plausible: bool = False) -> int:
    """Check each file; print what is wrong with it, or how many records it has. Returns 1 if any is wrong.

    With `plausible` also print, as a warning, what is possible and still unlikely: it changes nothing else.
    """
    wrong, others = 0, _results() if plausible else {}
    for path in paths:
        try:
            records = _checked(path)
            print(f"{safe(path)}: {len(records):,} records, all right")
        except (ResultsError, RecordError) as error:
            _complain(error)
            wrong += 1
            continue
        if plausible:
            _print_warnings(path, records, others)
    if wrong:
        print(f"{wrong} of {len(paths)} files are wrong; docs/result-format.ipynb describes the format", file=sys.stderr)
    return 1 if wrong else 0


def _checked(path: str) -> list[dict]:
    for folder in Path(path).parents:
        if problem := name_problem(folder):
            raise ResultsError(problem)
    records = read_records(path)
    refuse_twins(records, path)
    return records


def _print_warnings(path: str, records: list[dict], others: dict[Path, list[dict]]) -> None:
    """What is unlikely in `records` of the file `path`, by what the other files say."""
    known = Known(record for other in others if os.path.realpath(other) != os.path.realpath(path) for record in others[other])
    found = list(warnings(records, known))
    for number_of_record, sentence in found[:MOST_WARNINGS]:
        print(f"warning: {safe(path)}: record {number_of_record}: {safe(sentence)}")
    if len(found) > MOST_WARNINGS:
        print(f"warning: {safe(path)}: and {len(found) - MOST_WARNINGS:,} more")


def _results() -> dict[Path, list[dict]]:
    """The records of the results folder, by file. Files that are wrong are told of where they are checked themselves."""
    found, folder = {}, results_folder()
    for name in matching("*", folder):
        with suppress(ResultsError, RecordError):
            found[folder / name] = read_records(folder / name)
    return found


def show_records(opts: argparse.Namespace) -> int:
    """Print a table of records. Without a name: of all results."""
    wanted = {name: getattr(opts, name) for name in ("model", "framework", "device", "precision", "batch_size", "status", "source", "grade")}
    records = chosen(find_records(opts.names or ["*.json"], history=opts.history), wanted)
    if opts.sort:
        records = in_order(records, opts.sort, opts.descending)
    shown = records[: opts.limit]
    show(shown, opts.columns)
    if len(shown) < len(records):
        print(f"{len(shown):,} of {len(records):,} records; --limit says how many", file=sys.stderr)
    return 0


def compare(opts: argparse.Namespace) -> int:
    """Say of every point and every network of two result files whether B is faster, slower or the same."""
    a, b = (_of_session(read_records(path), session, path) for path, session in ((opts.a, opts.session_a), (opts.b, opts.session_b)))
    found = comparing.compare(a, b, within=opts.within / 100, any_device=opts.any_device)
    if not found.points:
        apart = comparing.apart_by(found.only_a, found.only_b)
        hint = "; --any-device compares different devices" if not opts.any_device and set(apart) == {"device"} else ""
        why = "; ".join(f"{name} {safe(was)} and {safe(now)}" for name, (was, now) in apart.items())
        raise ResultsError(f"{opts.a} and {opts.b} have no point in common ({len(found.only_a):,} only in A, {len(found.only_b):,} only in B)"
                           f"{f': they differ in {why}' if why else ''}{hint}")  # fmt: skip
    for text in found.differences:
        print(f"differs: {safe(text)}")
    _print_rows("point", found.points)
    _print_rows("network, all batch sizes", found.networks)
    _print_counts(found)
    return 1 if opts.fail_on_slower and any(row.verdict == comparing.SLOWER for row in found.networks) else 0


def _of_session(records: list[dict], session: str | None, path: str) -> list[dict]:
    """The newest records, or those of one session."""
    if session is None:
        return newest(records)
    found = [record for record in records if record.get("session") == session]
    if not found:
        there = sorted({record["session"] for record in records if record.get("session")})
        raise ResultsError(f"{path} holds no session {session!r}; there are: {', '.join(there) or 'none'}")
    return found


def _print_rows(heading: str, rows: list[comparing.Row]) -> None:
    is_point = rows[0].a is not None
    varying = [name for name in rows[0].what if name == "model" or len({str(row.what[name]) for row in rows}) > 1]
    its_unit = words.common_unit(record for row in rows for record in (row.a, row.b) if record)
    said = words.with_interval if its_unit else words.with_interval_and_unit
    texts = []
    for row in rows:
        name = ", ".join(f"batch {v}" if key == "batch_size" else str(v) for key in varying if (v := row.what[key]) is not None)
        numbers = [said(row.a), said(row.b)] if is_point else []
        texts.append([name, *numbers, _percent(row.change), _percent(row.bound, "±"), row.verdict, row.reason])
    headings = [heading, *[f"{name}{f', {its_unit}' if its_unit else ''}" for name in "AB"] * is_point, "B against A", "by chance", "verdict", "note"]
    print()
    print_table(headings, texts, [False, *[True, True] * is_point, True, True, False, False])


def _percent(log_ratio: float | None, sign: str = "") -> str:
    return "—" if log_ratio is None else f"{sign}{100 * math.expm1(log_ratio):{'' if sign else '+'}.1f}%"


def _print_counts(found: comparing.Comparison) -> None:
    print()
    for name, rows in (("points", found.points), ("networks", found.networks)):
        counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("SAME", "FASTER", "SLOWER", "UNSURE")}
        print(f"{len(rows):,} {name}: " + ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items()))
    print(f"Only in A: {len(found.only_a):,} points. Only in B: {len(found.only_b):,} points.")
    for name, repeated in (("A", found.repeated_a), ("B", found.repeated_b)):
        if repeated:
            print(f"{name} has {repeated:,} points more than once; the newest of each was compared.")
    judged = sum(row.bound is not None for row in found.points)
    print(f"Of the {judged:,} points with two intervals about {words.number(found.expected_by_chance(), 2)} (one in 20) are expected to differ by chance.")


def migrate_files(opts: argparse.Namespace) -> int:
    """Bring result files to today's format, version 2: every number stays. Published sets state their common fields once."""
    for path in opts.files:
        changed = migrating.migrate(path)
        print(f"{safe(path)}: {f'{changed:,} records brought to format {FORMAT_VERSION}' if changed else 'is in it already'}")
    return 0


def print_schema(opts: argparse.Namespace) -> int:
    """Print the JSON Schema of result files, for editors and other programs. What follows from several fields together, only check knows."""
    print(json.dumps(schema.schema(), indent=1, ensure_ascii=False))
    return 0


def export(opts: argparse.Namespace) -> int:
    """Write all fields of all records as CSV or Parquet; - writes to the standard output."""
    from dlmark.terminal.export import csv_text, parquet_bytes

    records = find_records([opts.pattern], history=opts.history)
    path = opts.csv or opts.parquet
    content = csv_text(records).encode() if opts.csv else parquet_bytes(records)
    if path == "-" and opts.parquet and sys.stdout.isatty():
        raise ResultsError("Parquet is not for a terminal: name a file, or send the output into one")
    if path == "-":
        sys.stdout.buffer.write(content)
        return 0
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise ResultsError(f"{path}: can't be written: {error.strerror}") from error
    print(f"{safe(path)}: {len(records):,} records", file=sys.stderr)
    return 0


def at_the_door(opts: argparse.Namespace) -> int:
    """Say what a pull request with these result files is told: what is wrong, what to look at, what it changes. Runs nothing of them."""
    from dlmark.door import door

    return door.run(opts.files, opts.base, opts.head, opts.summary)


# ---- the command line ----


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dlmark", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    checks = commands.add_parser("check", help="check result files", description=check.__doc__)
    checks.add_argument("files", nargs="+", metavar="FILE")
    checks.add_argument("--plausible", action="store_true", help="also warn of what is possible and still unlikely")
    checks.set_defaults(run=lambda opts: check(opts.files, opts.plausible))
    _add_show(commands)
    compares = commands.add_parser("compare", help="compare two result files", description=compare.__doc__, epilog=comparing.__doc__)
    compares.add_argument("a", metavar="A", help="result file")
    compares.add_argument("b", metavar="B", help="result file that is set against it")
    compares.add_argument("--within", type=_percentage, default=5, metavar="PERCENT",
                          help="SAME means that a difference of so many percent would have shown (default 5)")  # fmt: skip
    compares.add_argument("--any-device", action="store_true", help="compare points of different devices")
    compares.add_argument("--fail-on-slower", action="store_true", help="exit with status 1 if a network is SLOWER")
    for name in "ab":
        compares.add_argument(
            f"--session-{name}", metavar="NAME", help=f"a session of {name.upper()} (default: the newest of each point); A and B may be one file"
        )
    compares.set_defaults(run=compare)
    doors = commands.add_parser("door", help="what a pull request with result files is told", description=at_the_door.__doc__)
    doors.add_argument("files", nargs="*", metavar="FILE", help="result files (default: those that git says differ from the base)")
    doors.add_argument("--base", metavar="COMMIT", help="branch or commit that they are set against (default: origin's main branch)")
    doors.add_argument("--head", metavar="COMMIT", help="a commit to look at in git's own store, in place of the files that lie here")
    doors.add_argument("--summary", metavar="FILE", help="add the report to this file, as Markdown")
    doors.set_defaults(run=at_the_door)
    migrates = commands.add_parser("migrate", help="bring files to today's format", description=migrate_files.__doc__)
    migrates.add_argument("files", nargs="+", metavar="FILE")
    migrates.set_defaults(run=migrate_files)
    schemas = commands.add_parser("schema", help="the JSON Schema of result files", description=print_schema.__doc__)
    schemas.set_defaults(run=print_schema)
    exports = commands.add_parser("export", help="write records as CSV or Parquet", description=export.__doc__)
    exports.add_argument("pattern", nargs="?", default="*.json", help="file, folder, or pattern in the results folder (default: all)")
    target = exports.add_mutually_exclusive_group(required=True)
    target.add_argument("--csv", metavar="FILE", help="file, or - for the standard output")
    target.add_argument("--parquet", metavar="FILE", help="the same; needs pyarrow")
    _add_history(exports)
    exports.set_defaults(run=export)
    return parser


def _add_show(commands) -> None:
    shows = commands.add_parser("show", help="print a table of records", description=show_records.__doc__,
                                epilog="GLOB: * is any text, case does not matter; several are separated by commas.")  # fmt: skip
    shows.add_argument("names", nargs="*", metavar="PATTERN|FILE", help="file, folder, or pattern in the results folder (default: all)")
    for name in ("model", "framework", "precision", "status"):
        known = ": " + ", ".join(STATUSES) if name == "status" else ""
        shows.add_argument(f"--{name}", type=_globs, metavar="GLOB", help=f"only records with this {name}{known}")
    shows.add_argument("--device", type=lambda text: [text if "*" in text else f"*{text}*"], metavar="GLOB", help="a part of its name will do")
    shows.add_argument("--batch-size", type=_globs, metavar="1,8", help="only these batch sizes")
    shows.add_argument("--grade", type=_globs, metavar="A,B", help=f"only these grades: {', '.join(GRADES)} or none")
    shows.add_argument("--source", type=_globs, metavar="measured|published", help="measured by this benchmark, or published by others")
    shows.add_argument("--sort", metavar="FIELD", help="smallest first")
    shows.add_argument("--descending", action="store_true", help="largest first")
    shows.add_argument("--limit", type=_count, metavar="N", help="at most so many records")
    shows.add_argument("--columns", type=_globs, default=list(COLUMNS), metavar="NAMES", help=f"of {', '.join(COLUMNS)}, or any field")
    _add_history(shows)
    shows.set_defaults(run=show_records)


def _add_history(command: argparse.ArgumentParser) -> None:
    command.add_argument("--history", action="store_true", help="all sessions of a point, and not the newest alone")


def _globs(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _percentage(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected percents above 0, such as 5, got {text!r}")
    return value


def _complain(error: Exception) -> None:
    """Print an error as one line: it may hold texts of strangers."""
    print(safe(" ".join(str(error).split("\n"))), file=sys.stderr)


def main(argv: list[str] | None = None) -> int:
    """Run the command that `argv` names; returns the exit status."""
    descriptors.open_standard()
    opts = _parser().parse_args(argv)
    return stop.quietly(_status, opts)


def _status(opts: argparse.Namespace) -> int:
    try:
        status = opts.run(opts)
        sys.stdout.flush()
        return status
    except (ResultsError, RecordError, ChangesError) as error:
        _complain(error)
    except BrokenPipeError:  # the reader, such as head, has had enough
        descriptors.silence(sys.stdout)
        return SHELL_PIPE_CLOSED
    except OSError as error:  # such as no room where the output goes
        descriptors.silence(sys.stdout)
        _complain(OSError(f"{error.filename or 'the output'}: {error.strerror}"))
    return FAILED


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without ± shows the rest
    sys.exit(main())
