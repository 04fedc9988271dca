"""Tables of a page, whose texts may come from strangers."""

import pandas as pd
from pandas.io.formats.style import Styler

from dlmark.record import FIELDS, STATUSES
from dlmark.results.nothing import Nothing

COUNTED = {"networks": ("model", "nunique"), "points": ("throughput", "count")}


def shown(table: pd.DataFrame, name: str, formats: dict[str, object] | str | None = None, *, index: bool = True) -> Styler:
    """`table` as a page shows it: texts escaped, numbers by `formats` (of DataFrame.style.format), what is missing as a dash.

    `name` is the table's in the page, so that its HTML is the same at every build. A format for a column that is not there is
    passed over. Raises Nothing if the table has no rows.
    """
    if table.empty:
        raise Nothing("the table has no rows")
    if isinstance(formats, dict):
        formats = {column: text for column, text in formats.items() if column in table}
    look = table.style.format(formats, escape="html", na_rep="—").format_index(escape="html").format_index(escape="html", axis="columns")
    look = look.format_index_names(escape="html").format_index_names(escape="html", axis="columns")
    look = look if index else look.hide(axis="index")
    return look.set_uuid(name).set_table_attributes('class="dataframe"')


def grouped(data: pd.DataFrame, columns: list[str], *, sort: bool = False, **told: tuple[str, str]) -> pd.DataFrame:
    """A row for each combination of values in `columns`, in the order in which they come: how many networks and throughputs it has.

    `told` is what else to tell in the place of these, as DataFrame.agg takes it.
    """
    return data.groupby(columns, sort=sort, dropna=False).agg(**(told or COUNTED)).reset_index()


def fields() -> Styler:
    """The fields of a record, for the page on the format."""
    return _described([(name, field.kind, field.unit, field.meaning) for name, field in FIELDS.items()], "field", "type", "unit", "meaning")


def statuses() -> Styler:
    """The statuses of a record, for the page on the format."""
    return _described(list(STATUSES.items()), "status", "meaning")


def _described(rows: list[tuple], *columns: str) -> Styler:
    # Whole texts, no index, and the same HTML at every build.
    return pd.DataFrame(rows, columns=columns).style.hide(axis="index").set_uuid(columns[0]).set_table_attributes('class="dataframe"')
