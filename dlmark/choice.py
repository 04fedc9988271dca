"""What a page shows of the results that there are: rows by their values, and the device with the most of them."""

import pandas as pd

from dlmark.nothing import Nothing


def rows(data: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """The rows of `data` that have in each column that is named the value, or one of the values of a list.

    For example `rows(thr, source='measured', batch_size=[1, 8])`. Raises Nothing if there is none, and ValueError for a
    column that `data` lacks.
    """
    _require(data, list(wanted))
    lists = {name: value if isinstance(value, (list, tuple, set)) else [value] for name, value in wanted.items()}
    found = data
    for name, values in lists.items():
        found = found[found[name].isin(values)]
    if found.empty:
        sought = " and ".join(f"{name} {' or '.join(map(str, values))}" for name, values in lists.items())
        raise Nothing(f"no result has {sought}" if sought else "there is no result")
    return found


def most_measured(data: pd.DataFrame, *parts: pd.DataFrame, of: str = "device") -> object:
    """The device with the most throughputs in `data`, or of whatever column `of` names.

    `parts` are rows of `data` that the page draws by themselves: a device that has throughputs in more of them comes before one that
    has more in all, so that one with many points of an odd kind does not take the page. Of equals the first by name. Raises
    Nothing if no device has a throughput.
    """
    counts = [_counts(part, of) for part in (data, *parts)]
    table = pd.DataFrame({"all": counts[0], "parts": sum((count.gt(0).reindex(counts[0].index, fill_value=False).astype(int) for count in counts[1:]), 0)})
    if table.empty:
        raise Nothing(f"no result with a throughput names its {of.replace('_', ' ')}")
    return table.sort_index().sort_values(["parts", "all"], ascending=False, kind="stable").index[0]


def _counts(data: pd.DataFrame, of: str) -> pd.Series:
    """How many throughputs each has; without those that have none."""
    _require(data, [of, "throughput"])
    return data.loc[data["throughput"].notna(), of].value_counts()


def _require(data: pd.DataFrame, columns: list[str]) -> None:
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"expected a DataFrame from load_results, got {type(data).__name__}")
    if missing := [name for name in columns if name not in data]:
        raise ValueError(f"expected column(s) {missing}; data has {list(data.columns)}: load_results(…, every_field=True) gives all")
