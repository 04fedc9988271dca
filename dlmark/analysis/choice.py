"""What a page shows of the results that there are: rows by their values, and the device with the most of them."""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import pandas as pd

from dlmark.analysis.kinds import KIND, stated
from dlmark.results.nothing import Nothing

MOST_NAMED = 5  # values that a message names


def rows(data: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """The rows of `data` that have, in each column that is named, the value or one of the values of a list.

    For example `rows(thr, source='measured', batch_size=[1, 8])`. Where a record of older days does not state its unit, task or
    workload, it has the one that it had then. Raises Nothing if there is none, and ValueError for a
    column that `data` lacks.
    """
    found = _with(data, wanted)
    if found.empty:
        raise Nothing(f"no result has {', '.join(_sought(name, value) for name, value in wanted.items())}")
    return found


def most_measured(data: pd.DataFrame, *parts: Mapping[str, object]) -> str:
    """The device with the most throughputs in `data`.

    `parts` are what the page draws of it, each as `rows` takes it, for example {'batch_size': 32}. A device with throughputs
    in more of these parts goes before one with more in all, so that many points of an odd kind do not take the page. Of
    equals it is the first by name. Raises Nothing if no row with a throughput names its device.
    """
    _require(data, ["device", "throughput"])
    known = data[data["throughput"].notna() & data["device"].notna()]
    if known.empty:
        raise Nothing("no result has a throughput and a device")
    table = known["device"].value_counts().rename("all").to_frame()
    drawn = [set(_with(known, part)["device"]) for part in parts]
    table["parts"] = [sum(value in values for values in drawn) for value in table.index]
    return table.sort_index().sort_values(["parts", "all"], ascending=False, kind="stable").index[0]


def with_accuracy(data: pd.DataFrame, accuracies: pd.DataFrame) -> pd.DataFrame:
    """The rows of `data` whose network has an accuracy in `accuracies`, with it; of several accuracies of a network the first."""
    _require(accuracies, ["model", "accuracy"])
    known = accuracies[accuracies["accuracy"].notna()].drop_duplicates("model").set_index("model")["accuracy"]
    found = data.assign(accuracy=data["model"].map(known))
    return found[found["accuracy"].notna()]


def _require(data: pd.DataFrame, columns: Iterable[str]) -> None:
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"expected a DataFrame from load_results, got {type(data).__name__}")
    if missing := [name for name in columns if name not in data]:
        raise ValueError(f"expected column(s) {missing}, got {list(data.columns)}; load_results(…, every_field=True) has them all")


def _with(data: pd.DataFrame, wanted: Mapping[str, object]) -> pd.DataFrame:
    _require(data, [name for name in wanted if name not in KIND])
    for name, value in wanted.items():
        data = data[(stated(data) if name in KIND else data)[name].isin(_listed(value))]
    return data


def _listed(value: Any) -> list:
    return [value] if isinstance(value, (str, Real)) else list(dict.fromkeys(value))


def _sought(name: str, value: object) -> str:
    values = _listed(value)
    texts = [str(value) for value in values[:MOST_NAMED]] or ["that is known"]
    return f"the {name.replace('_', ' ')} {' or '.join(texts)}" + " …" * (len(values) > MOST_NAMED)
