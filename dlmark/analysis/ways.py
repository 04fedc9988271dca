"""One network on one device in every framework, precision and mode: which way is fastest, how sure that is, and what it costs.

A way is a framework in one precision and mode. What reduced precision costs is told by the gate: how far the answers on fixed
images are off those in float32. What compiling costs is told by the first call, and by the images that repay it.
"""

import math

import pandas as pd

from dlmark.analysis import kinds
from dlmark.analysis.ranks import ranks
from dlmark.results.nothing import NothingToDraw

WAY = ["framework", "precision", "mode"]
LIMITS = ["ceiling_percent", "limited_by"]


def ways(data: pd.DataFrame) -> pd.DataFrame:
    """The ways of one network at one batch size on one device, the fastest first, a row each; of a way with several records the newest.

    Columns: framework, precision, mode; `throughput` in `unit`, and `half_width` of its 95% interval as a share; `rank`, with =
    for a tie; `behind`, how many times as fast the fastest is, from `behind_low` to `behind_high` with 95% probability;
    `gate_error`, `gate_agreement`; `first_call_s`, and `repaid_by`, the images, or what else `unit` counts, after which what the first call takes more than the
    quickest one of the same framework and precision has been won back: infinite where it never is; and `ceiling_percent` and
    `limited_by` where `data` went through dlmark.analysis.roofline.limits. Raises NothingToDraw where none has a throughput, and
    ValueError for several networks, batch sizes, devices, units, tasks or workloads.
    """
    known = data[data["throughput"].notna()]
    unit, points = kinds.one(known, "ways"), newest(known)
    for name in ("model", "batch_size", "device"):
        there = sorted(points[name].dropna().unique())
        if not there:
            raise NothingToDraw(f"no result has a throughput and a {name.replace('_', ' ')}")
        if len(there) > 1:
            raise ValueError(f"expected rows of one {name}, got {', '.join(map(str, there[:5]))}: choose one with data[data.{name} == …]")
    points = points.sort_values("throughput", ascending=False).reset_index(drop=True)
    reach = _reach(points)
    log = points["throughput"].map(math.log)
    behind = log.iloc[0] - log
    chance = ((reach**2 + reach.iloc[0] ** 2) / 2) ** 0.5  # as dlmark.analysis.compare
    chance.iloc[0] = 0.0
    table = points.reindex(columns=[*WAY, "throughput"]).assign(unit=unit)
    table["half_width"] = points["throughput_half_width"] / points["throughput"] if "throughput_half_width" in points else math.nan
    table["rank"] = ranks(points)
    for name, value in {"behind": behind, "behind_low": behind - chance, "behind_high": behind + chance}.items():
        table[name] = value.map(math.exp)
    for name in ("gate_error", "gate_agreement", "first_call_s"):
        table[name] = points[name] if name in points else math.nan
    table["repaid_by"] = [_repaid_by(points, row) for row in points.index]
    return table.join(points[[name for name in LIMITS if name in points]])


def fastest(data: pd.DataFrame) -> pd.DataFrame:
    """For each network and batch size of one device the fastest way, and how sure that is: a row each.

    Columns: model, batch_size, `way`, `throughput` in `unit`, and `half_width` of its 95% interval as a share, `ties` (the ways that it can't
    be told from), `next` (the fastest that is clearly slower) and `times` as fast as that one, from `times_low` to `times_high`; and
    `ceiling_percent` and `limited_by` of the fastest as in `ways`.
    """
    rows, limits = [], [name for name in LIMITS if name in data]
    known = data[data["throughput"].notna()]
    for (model, batch_size), points in known.groupby(["model", "batch_size"], sort=False):
        table = ways(points)
        if len(table) < 2:
            continue
        names = [" ".join(part for part in way if isinstance(part, str)) for way in table[WAY].itertuples(index=False)]
        rank = table["rank"].str.rstrip("=")
        slower = table.index[rank != rank[0]]
        after = slower[0] if len(slower) else None
        others = (None, None, None, None) if after is None else (names[after], *table.loc[after, ["behind", "behind_low", "behind_high"]])
        ties = ", ".join(names[1 : len(table) if after is None else after])
        rows.append((model, batch_size, names[0], *table.loc[0, ["throughput", "unit", "half_width"]], ties, *others, *table.loc[0, limits]))
    columns = ["model", "batch_size", "way", "throughput", "unit", "half_width", "ties", "next", "times", "times_low", "times_high", *limits]
    return pd.DataFrame(rows, columns=columns)


def beside_inference(training: pd.DataFrame, inference: pd.DataFrame) -> pd.DataFrame:
    """Each throughput of `training` beside that of `inference` in the same way, at the same batch size: a row each; both of one device.

    Columns: framework, precision, mode, model, batch_size; throughput and device_mem of training, and with _inference at the end
    the other's; `unit` of both throughputs, which are of one task; `times`, how many times longer a step of training takes, and
    `by_chance`, what that may be off by, as a share. Raises ValueError where one of the two has rows of several workloads.
    """
    key, told = [*WAY, "model", "batch_size"], ["throughput", "throughput_half_width", "device_mem"]
    sides = [kinds.stated(newest(part.dropna(subset=["batch_size", "throughput"]))) for part in (training, inference)]
    for side in sides:
        kinds.one(side, "beside_inference", ["workload"])
    both = sides[0].merge(sides[1][[*key, "task", "unit", *told]], on=[*key, "task", "unit"], suffixes=("", "_inference"))
    widths = [both[f"throughput_half_width{end}"] / both[f"throughput{end}"] for end in ("", "_inference")]
    both = both.assign(times=both["throughput_inference"] / both["throughput"], by_chance=(widths[0] ** 2 + widths[1] ** 2) ** 0.5)
    return both[[*key, "throughput", "throughput_inference", "unit", "times", "by_chance", "device_mem", "device_mem_inference"]]


def newest(points: pd.DataFrame) -> pd.DataFrame:
    """Of each way, which may have been measured in two versions or on two hosts, the newest record of each network and batch size."""
    if "measured_at" in points:
        points = points.sort_values("measured_at", kind="stable", na_position="first")
    rows = kinds.stated(points)
    point = [name for name in ("model", *kinds.KIND, "batch_size", "device", *WAY) if name in rows]
    return points[~rows.duplicated(point, keep="last")].sort_index()


def _reach(points: pd.DataFrame) -> pd.Series:
    """The half-width of each row's interval in logarithms; without an interval nothing can be told."""
    if "throughput_half_width" not in points:
        return pd.Series(math.inf, index=points.index)
    share = (points["throughput_half_width"] / points["throughput"]).fillna(math.inf)
    return share.map(math.log1p)


def _repaid_by(points: pd.DataFrame, row: int) -> float:
    """Images until a slow first call is won back, against the first way of the same framework and precision with the quickest one."""
    one = points.loc[row]
    alike = points[(points["framework"] == one["framework"]) & (points["precision"] == one["precision"])]
    if "first_call_s" not in points or alike["first_call_s"].isna().all() or pd.isna(one["first_call_s"]):
        return math.nan
    quickest = alike.loc[alike["first_call_s"].idxmin()]
    if quickest.name == row:
        return 0.0
    won_s = 1 / quickest["throughput"] - 1 / one["throughput"]
    return (one["first_call_s"] - quickest["first_call_s"]) / won_s if won_s > 0 else math.inf
