"""A report as lines, for a terminal and as Markdown: texts of strangers stay texts in both."""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from dlmark.record import safe

MOST_CHARACTERS = 300  # of one text of strangers


class Quoted(str):
    """A text that somebody else chose: a name, a path, a message that holds one."""


class Line(NamedTuple):
    """One line: depth 0 is a heading, 1 and 2 are items below it. Its parts are our words and texts of strangers."""

    depth: int
    parts: tuple[str, ...]


def line(depth: int, *parts: str) -> Line:
    """A line out of its parts."""
    return Line(depth, parts)


def as_text(lines: Iterable[Line]) -> str:
    """The report for a terminal."""
    return "".join(f"{'' if depth else chr(10)}{'  ' * depth}{''.join(map(_shown, parts))}\n" for depth, parts in lines).lstrip("\n")


def as_markdown(lines: Iterable[Line]) -> str:
    """The report in GitHub's Markdown: texts of strangers in code spans, where nothing is markup."""
    pieces = []
    for is_heading, some in groupby(lines, lambda one: one.depth == 0):
        for depth, parts in some:
            text = "".join(map(_marked, parts))
            pieces.append(f"### {text}\n\n" if is_heading else f"{'  ' * (depth - 1)}- {text}\n")
        pieces.append("" if is_heading else "\n")
    return "".join(pieces)


def _shown(part: str) -> str:
    return _cut(safe(part)) if isinstance(part, Quoted) else part


def _marked(part: str) -> str:
    if not isinstance(part, Quoted):
        return re.sub(r"([\\`*_{}\[\]<>#|~&@!])", r"\\\1", part)
    text = _cut(safe(part)) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"  # Markdown takes one blank off either side


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
