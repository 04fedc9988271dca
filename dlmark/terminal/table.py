"""One table for the terminal. Its texts may come from strangers: nothing in them is markup."""

import sys
from collections.abc import Sequence

from dlmark.record import safe
from dlmark.record.words import NONE

MAX_CELL = 300  # characters of a cell
SHORT = 12  # characters up to which a text is not broken into lines


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], title: str = "") -> None:
    """Print a table, under its title if it has one: as wide as the terminal, or as its content where there is none.

    Where the terminal is too narrow, what is the same in all rows becomes one line above the table.
    """
    from rich.console import Console
    from rich.text import Text

    cells = [[_cut(safe(row[place])) for row in rows] for place in range(len(headings))]
    columns = list(zip(headings, numeric, cells, strict=True))
    console = Console(file=sys.stdout)
    width = console.measure(_table(columns), options=console.options.update(max_width=100_000)).maximum
    if not console.is_terminal:
        console.width = width
    with console.capture() as printed:  # rich ends the program when a pipe closes; ours is to decide
        if title:
            console.print(Text(safe(title), "bold"), soft_wrap=True)
        if width > console.width and len(rows) > 1:
            alike = [f"{heading} {texts[0]}" for heading, _, texts in columns if len(set(texts)) == 1 and texts[0] not in ("", NONE)]
            if alike:
                console.print(Text(f"the same in all rows: {'; '.join(alike)}"))
            columns = [column for column in columns if len(set(column[-1])) > 1] or columns[:1]
        console.print(_table(columns))
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _table(columns: Sequence[tuple[str, bool, Sequence[str]]]):
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for place, (heading, is_number, texts) in enumerate(columns):
        whole = is_number or place == 0 or max(map(len, texts), default=0) <= SHORT
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=whole, overflow="fold")
    for row in zip(*(texts for _, _, texts in columns)):
        table.add_row(*map(Text, row))
    return table


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
