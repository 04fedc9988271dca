"""Tables of a page: texts of strangers stay texts."""

import pandas as pd
import pytest

from dlmark.plots.tables import grouped, shown
from dlmark.results.nothing import Nothing

EVIL = "<script>alert(1)</script>"


@pytest.mark.parametrize("table", [
    pd.DataFrame({"method": [EVIL]}), pd.DataFrame({"n": [1]}, index=[EVIL]), pd.DataFrame({EVIL: [1]}), pd.DataFrame({"n": [1]}, index=pd.Index(["a"], name=EVIL)),
])  # fmt: skip
def test_a_strangers_text_is_escaped_wherever_it_stands(table):
    html = shown(table, "t").to_html()
    assert "<script" not in html and "&lt;script&gt;" in html


def test_numbers_have_their_format_and_what_is_missing_is_a_dash():
    html = shown(pd.DataFrame({"x": [0.123456, None]}), "t", {"x": "{:.1%}"}, index=False).to_html()
    assert "12.3%" in html and "—" in html and "T_t" in html and 'class="dataframe"' in html


def test_a_table_without_rows_is_nothing_to_show():
    with pytest.raises(Nothing, match="There is nothing to show here: the table has no rows."):
        shown(pd.DataFrame({"x": []}), "t")


def test_a_format_for_a_column_that_is_not_there_is_passed_over():
    assert "1.0" in shown(pd.DataFrame({"x": [1.0]}), "t", {"x": "{:.1f}", "y": "{:.2f}"}).to_html()


def test_what_is_missing_is_a_group_too():
    data = pd.DataFrame({"device": ["b", None, "b", "a"], "model": ["x", "x", "y", "x"], "throughput": [1.0, 2.0, None, 3.0]})
    table = grouped(data, ["device"])
    assert table["device"].tolist()[0] == "b" and table["networks"].tolist() == [2, 1, 1] and table["points"].tolist() == [1, 1, 1]
    assert grouped(data, ["device"], sort=True, most=("throughput", "max"))["most"].tolist() == [3.0, 1.0, 2.0]
