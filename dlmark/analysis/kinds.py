"""Of what kind the throughputs of some rows are: only those of one unit, task and workload are compared."""

from collections.abc import Sequence

import pandas as pd

from dlmark.analysis.intervals import column, no_number
from dlmark.record.kind import Kind, kind

KIND = list(Kind._fields)
MOST_NAMED = 5  # values that a message names


def stated(data: pd.DataFrame) -> pd.DataFrame:
    """`data` with the columns unit, task and workload, filled where a record of older days does not state them."""
    rows = zip(*(column(data, name) for name in KIND))
    found = [kind({name: value for name, value in zip(KIND, row) if isinstance(value, str)}) for row in rows]
    return data.assign(**pd.DataFrame(found, data.index, KIND, dtype=object))


def one(data: pd.DataFrame, who: str, names: Sequence[str] = KIND) -> str | None:
    """The one unit of the numbers in `data`, which `who` compares. Raises ValueError where the rows are of several kinds in one of `names`.

    A row that failed has no number, so that its unit counts only where no row has one. Of no rows the unit is None.
    """
    rows = stated(data)
    numbers = rows if no_number(rows).all() else rows[~no_number(rows)]
    for name in names:
        there = sorted((numbers if name == "unit" else rows)[name].dropna().unique())
        if len(there) > 1:
            more = " …" * (len(there) > MOST_NAMED)
            raise ValueError(f"{who} needs rows of one {name}; data has {' and '.join(there[:MOST_NAMED])}{more}: "
                             f"choose with choice.rows(data, {name}={there[0]!r})")  # fmt: skip
    return next(iter(numbers["unit"]), None)
