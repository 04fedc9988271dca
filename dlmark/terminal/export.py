"""Records as a CSV or Parquet file for other programs: every field that any record has, numbers in full."""

import csv
import io
import json
import re
import sys
from collections.abc import Sequence

from dlmark.record import FIELDS, safe
from dlmark.results.files import ResultsError

# Where a spreadsheet takes a text for a formula: these signs, also in full width, small or raised, at the start of a cell; and a semicolon
# begins the next cell, whatever quotes stand around, in all countries whose decimals have a comma.
FORMULA = re.compile(r"(^|;)(?=\s*[-=+@−＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋])")


def columns(records: Sequence[dict]) -> list[str]:
    """The fields that any record has, in the order of the format, and last the name of the record's file."""
    there = set().union(*records) if records else set()
    return [name for name in FIELDS if name in there] + ["file"]


def csv_text(records: Sequence[dict]) -> str:
    """The records as CSV: lists and tables as JSON, nothing where a field is missing.

    What a spreadsheet would run as a formula starts with an apostrophe, and characters that control a terminal are
    written as escapes: texts may come from strangers.
    """
    names = columns(records)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(record.get(name)) for name in names] for record in records)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False)
    return safe(FORMULA.sub(r"\1'", value)) if isinstance(value, str) else value


def parquet_bytes(records: Sequence[dict]) -> bytes:
    """The records as a Parquet file, with lists as lists and tables as maps. Raises ResultsError without pyarrow."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ResultsError(f"Parquet needs pyarrow ({error}): install it with `{sys.executable} -m pip install -e '.[parquet]'` in the "
                           "project's folder, or export with --csv") from error  # fmt: skip
    text, real, whole = pyarrow.string(), pyarrow.float64(), pyarrow.int64()
    types = {"text": text, "number": real, "integer": whole, "numbers": pyarrow.list_(real), "integers": pyarrow.list_(whole),
             "texts": pyarrow.list_(text), "table": pyarrow.map_(text, text),
             "measures": pyarrow.map_(text, real)}  # fmt: skip
    schema = pyarrow.schema([(name, types[FIELDS[name].kind] if name in FIELDS else text) for name in columns(records)])
    rows = [{name: list(v.items()) if isinstance(v := record.get(name), dict) else v for name in schema.names} for record in records]
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), file)
    return file.getvalue()
