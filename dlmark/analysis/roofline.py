"""What limits a network on a device: its multiply-adds and bytes against what the device can do at most.

The model is the roofline: S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model for
multicore architectures", Communications of the ACM 52(4), 2009, pages 65 to 76. Work of F floating-point operations and B bytes
takes at least F over the device's operations a second and at least B over its bytes a second; the longer of the two times is its
ceiling, and F over B, the intensity, says which it is. Here both rates are measured ones (bench/device.py), not those of a data sheet.
"""

import math
from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

import pandas as pd

from dlmark.analysis import kinds
from dlmark.record import PUBLISHED
from dlmark.results.nothing import Nothing

BYTES = {"float64": 8, "float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2, "int8": 1}  # of one number in memory
FAR = 2.0  # a network that takes this many times its ceiling's time is not limited by that ceiling alone
FLAT = 0.25  # the time of a call grows with less than this power of the batch size: twice the images take less than 19% longer
NEEDED = ["model", "device", "precision", "batch_size", "throughput", "parameters", "multiply_adds", "activations"]
NEEDED_OF_CEILINGS = ["device", "precision", "tflops", "bandwidth_gb_s"]
# Points that differ in none of these differ in the batch size alone.
SERIES = ["model", "task", "workload", "unit", "framework", "framework_version", "precision", "mode", "threads", "device", "host", "input_shape"]


class Ceilings(NamedTuple):
    """What a device can do at most in one precision; `overhead_s` is the time of a call that has next to nothing to do."""

    tflops: float  # TFLOP/s, two operations a multiply-add
    bandwidth_gb_s: float  # GB/s (10^9 bytes), read and written together
    overhead_s: float = 0.0


class Limit(NamedTuple):
    """Where a network stands under the roof of its device."""

    flop_per_byte: float  # intensity
    achieved_tflops: float  # TFLOP/s
    attainable_tflops: float  # TFLOP/s: the roof at this intensity
    ceiling_percent: float  # achieved, in percent of attainable
    limited_by: str  # compute, bandwidth or host


def limit(record: Mapping, ceilings: Ceilings, growth: float | None = None) -> Limit | None:
    """Set one throughput against `ceilings`; None where the record lacks a number, or its precision has no known size.

    A call of `batch_size` images does 2 x multiply_adds x images operations, and moves at least the parameters once and each
    activation twice, once out of the layer that makes it and once into the next. `growth` is the power of the batch size with which
    the time of a call grows; None where there is no other batch size to tell.

    It is limited by the host if the call takes over twice its ceiling's time and either such a call's overhead alone is half of that,
    or its time hardly grows with the batch: what then takes the time is there whatever the size. Else it is limited by compute or by
    bandwidth, whichever takes longer.

    Limits of the rule. Bytes are counted for convolutions and matrix products that each write to memory: caches and fused layers move
    fewer, so a small network may stand above 100 percent, and other layers move more. Kernels that are too small to fill a GPU also
    take a fixed time, which looks like the host's. A network far below its roof whose time does grow is limited by neither roof but
    by how its layers are computed; it then has the name of the nearer roof, and the percentage says how far that is.
    """
    numbers = [record.get(name) for name in ("batch_size", "throughput", "parameters", "multiply_adds", "activations")]
    size = BYTES.get(record.get("precision"))
    rates = (ceilings.tflops, ceilings.bandwidth_gb_s)
    if size is None or not all(_is_positive(number) for number in (*numbers, *rates)):
        return None
    images, images_per_s, parameters, multiply_adds, activations = numbers
    call_s, operations = images / images_per_s, 2 * multiply_adds * images
    moved = size * (parameters + 2 * activations * images)
    compute_s, bandwidth_s = operations / (ceilings.tflops * 1e12), moved / (ceilings.bandwidth_gb_s * 1e9)
    ceiling_s = max(compute_s, bandwidth_s)
    overhead_s = ceilings.overhead_s if _is_positive(ceilings.overhead_s) else 0.0
    fixed = overhead_s >= call_s / 2 or (growth is not None and growth < FLAT)
    roof = "compute" if compute_s >= bandwidth_s else "bandwidth"
    return Limit(
        flop_per_byte=operations / moved,
        achieved_tflops=operations / call_s / 1e12,
        attainable_tflops=operations / ceiling_s / 1e12,
        ceiling_percent=100 * ceiling_s / call_s,
        limited_by="host" if call_s > FAR * ceiling_s and fixed else roof,
    )


def _is_positive(number: object) -> bool:
    return isinstance(number, Real) and float(number) > 0 and math.isfinite(number)


def limits(data: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """`data`, throughputs from load_results, with the columns of Limit for each row.

    `ceilings` are the records of bench/device.py. A row is set against the highest that any framework reached on its device in its
    precision, and against its own framework's overhead. The columns are empty where something is not known, where there is no
    throughput, and for training, whose operations and bytes are others. Raises ValueError where columns are missing.
    """
    _require(data, NEEDED, "data")
    _require(ceilings, NEEDED_OF_CEILINGS, "ceilings")
    found, grown = Measured(ceilings), growths(data)
    rows = zip(data.to_dict("records"), grown)
    all_limits = [_limit_of(row, found, None if math.isnan(growth) else growth) for row, growth in rows]
    columns = {name: [getattr(one, name, None) for one in all_limits] for name in Limit._fields}
    kinds = {name: object if name == "limited_by" else float for name in columns}
    return data.assign(**{name: pd.Series(values, data.index, dtype=kinds[name]) for name, values in columns.items()})


def _limit_of(row: dict, measured: "Measured", growth: float | None) -> Limit | None:
    if row.get("workload") in ("training", "ceiling"):
        return None
    return limit(row, measured.of(row), growth)


def by_framework(placed: pd.DataFrame) -> pd.DataFrame:
    """A row a network of what `limits` gives, by growing intensity: percent of the ceiling in each framework, and what limits the fastest.

    Columns: model, one a framework with the best of its ways, `limited by` and `operations a byte`. Raises Nothing if no row is placed,
    and ValueError for rows of several units, tasks or workloads, of which none is the fastest.
    """
    known = placed[placed["ceiling_percent"].notna() & placed["framework"].notna()]
    if known.empty:
        raise Nothing("no result has a ceiling of its device and precision")
    kinds.one(known, "by_framework")
    table = known.groupby(["model", "framework"])["ceiling_percent"].max().unstack("framework")
    fastest = known.sort_values("throughput").groupby("model").last()
    own = {"limited by": fastest["limited_by"], "operations a byte": fastest["flop_per_byte"]}
    return _beside_names(table, own).sort_values("operations a byte").reset_index()


def data_sheets(ceilings: pd.DataFrame) -> pd.DataFrame:
    """What makers state of each device: TFLOP/s, a column a precision, `bandwidth_gb_s` and `source`. Raises Nothing for none."""
    known = ceilings[ceilings["tflops"].notna() & ceilings["device"].notna() & ceilings["precision"].notna()]
    if known.empty:
        raise Nothing("no result states a device's TFLOP/s in a precision")
    table = known.groupby(["device", "precision"])["tflops"].mean().unstack("precision")
    devices = ceilings.groupby("device")
    sources = devices["source"].first().map(lambda text: text.removeprefix(PUBLISHED) if isinstance(text, str) else None)
    return _beside_names(table, {"bandwidth_gb_s": devices["bandwidth_gb_s"].max(), "source": sources}).reset_index()


def _beside_names(table: pd.DataFrame, own: dict[str, pd.Series]) -> pd.DataFrame:
    """`table`, whose columns have names out of the results, with columns of our own; a name that is one of ours gets a mark."""
    ours = {*own, table.index.name}
    return table.rename(columns=lambda name: f"{name} (in the results)" if name in ours else name).assign(**own)


class Measured:
    """The ceilings that were measured, by device; for each the highest."""

    def __init__(self, ceilings: pd.DataFrame):
        framework = ceilings["framework"] if "framework" in ceilings else pd.Series("", ceilings.index)
        overhead_s = ceilings["overhead_s"] if "overhead_s" in ceilings else pd.Series(math.nan, ceilings.index)
        self._tflops = ceilings.groupby(["device", "precision"])["tflops"].max().to_dict()
        self._bandwidth = ceilings.groupby("device")["bandwidth_gb_s"].max().to_dict()
        self._overhead_s = overhead_s.groupby([ceilings["device"], framework]).min().to_dict()

    def of(self, row: Mapping) -> Ceilings:
        """What counts for a row with its device, precision and framework; NaN for what was not measured."""
        device, precision = row.get("device"), row.get("precision")
        rates = self._tflops.get((device, precision), math.nan), self._bandwidth.get(device, math.nan)
        return Ceilings(*rates, self._overhead_s.get((device, row.get("framework", "")), math.nan))

    def roofs(self) -> dict[tuple[str, str], Ceilings]:
        """The ceilings of each device and precision that has both rates."""
        both = {(device, precision): self.of({"device": device, "precision": precision}) for device, precision in self._tflops}
        return {key: one for key, one in both.items() if _is_positive(one.tflops) and _is_positive(one.bandwidth_gb_s)}


def growths(data: pd.DataFrame) -> list[float]:
    """For each row the power of the batch size with which the time of a call grows, from it to the next larger batch (from the
    next smaller, for the largest); NaN where the network has no other batch size under the same conditions."""
    rows = kinds.stated(data)
    keys = [tuple(str(value) for value in row) for row in rows[[name for name in SERIES if name in rows]].itertuples(index=False)]
    points = list(zip(keys, data["batch_size"].astype(float), data["throughput"].astype(float)))
    series: dict[tuple, dict[float, float]] = {}
    for key, images, images_per_s in points:
        if images > 0 and images_per_s > 0:
            series.setdefault(key, {})[images] = images / images_per_s
    return [_growth(series.get(key, {}), images) for key, images, _ in points]


def _growth(call_s: dict[float, float], images: float) -> float:
    larger, smaller = [b for b in call_s if b > images], [b for b in call_s if b < images]
    if images not in call_s or not larger + smaller:
        return math.nan
    other = min(larger) if larger else max(smaller)
    return math.log(call_s[other] / call_s[images]) / math.log(other / images)


def _require(frame: pd.DataFrame, columns: list[str], what: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"limits needs DataFrames from load_results, got {type(frame).__name__} as {what}")
    if missing := [name for name in columns if name not in frame]:
        raise ValueError(f"limits needs column(s) {missing} in {what}; it has {list(frame.columns)}")
