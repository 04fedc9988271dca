"""Tables of a page, whose texts may come from strangers."""

import pandas as pd
from pandas.io.formats.style import Styler


def shown(table: pd.DataFrame, name: str, formats: dict[str, object] | str | None = None, *, index: bool = True) -> Styler:
    """`table` as a page shows it: texts escaped, numbers by `formats` (of DataFrame.style.format), what is missing as a dash.

    `name` is the table's in the page, so that its HTML is the same at every build.
    """
    look = table.style.format(formats, escape="html", na_rep="—").format_index(escape="html").format_index(escape="html", axis="columns")
    look = look.format_index_names(escape="html").format_index_names(escape="html", axis="columns")
    look = look if index else look.hide(axis="index")
    return look.set_uuid(name).set_table_attributes('class="dataframe"')
