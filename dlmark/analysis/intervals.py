"""What a row of results says of its number: measured here or not, there or not, and how sure."""

import numpy as np
import pandas as pd

from dlmark.record import MEASURED


def is_measured(data: pd.DataFrame) -> pd.Series:
    """Which rows this benchmark measured."""
    return column(data, "source").eq(MEASURED)


def no_number(data: pd.DataFrame) -> pd.Series:
    """Which rows say why there is no number."""
    return ~column(data, "status").fillna("ok").eq("ok")


def interval(points: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Low and high end of each throughput's interval; both missing where it has none."""
    throughput = points["throughput"].where(~no_number(points)).astype(float)
    half_width = points["throughput_half_width"].astype(float) if "throughput_half_width" in points else np.nan
    return throughput - half_width, throughput + half_width


def column(data: pd.DataFrame, name: str) -> pd.Series:
    """A column of `data`, of nothing where there is none."""
    return data[name] if name in data else pd.Series(None, index=data.index, dtype=object)
