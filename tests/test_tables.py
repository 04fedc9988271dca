"""Tables of a page: texts of strangers stay texts."""

import pandas as pd
import pytest

from dlmark.tables import shown

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
