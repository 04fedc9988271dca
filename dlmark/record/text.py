"""What a text of a record is, and how any text is made harmless for a record, a message or a terminal."""

from typing import Any
from unicodedata import category

MAX_TEXT = 2_000
MAX_MARKS = 5  # combining marks in a row; no language stacks more

# Drawn as nothing, or as a blank, though Unicode counts them among the letters, marks and symbols: fillers, the braille cell
# without a dot, variation selectors and the like.
BLANK = {*map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180F, 0x2800, 0x3164, 0xFFA0, 0x1D159)),
         *map(chr, range(0x180B, 0x180E)), *map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0))}  # fmt: skip


def is_text(value: Any) -> bool:
    """Whether `value` is a text of characters that can be seen and of plain spaces, within the bounds of a field.

    By Unicode category: letters of all scripts, combining marks, numbers, punctuation, symbols, and of the separators U+0020 alone.
    So no control or format characters (bidirectional overrides, zero-width ones, soft hyphens, tags, byte order marks), no line ends
    of any kind, no halves of a pair, and nothing private or unassigned. Nor what deceives: a mark at the start, which would
    change what stands before the text, more than MAX_MARKS on end, which would cover other lines, and letters that are blank.
    """
    return isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable() and (value.isascii() or _is_honest(value))


def is_name(value: Any) -> bool:
    """Whether `value` is a text that says something: not empty, and with no space at its ends."""
    return is_text(value) and value != "" and value[0] != " " != value[-1]


# str.isprintable refuses the categories above, by the Unicode tables of the Python that runs: a character that a newer version of
# Unicode has assigned is refused by an older Python, and never the other way round.
def _is_honest(text: str) -> bool:
    characters = set(text)
    marks = {character for character in characters if category(character).startswith("M")}
    if not marks or characters & BLANK:
        return not characters & BLANK
    run = MAX_MARKS  # one more at the start is one too many
    for character in text:
        run = run + 1 if character in marks else 0
        if run > MAX_MARKS:
            return False
    return True


def plain(text: str) -> str:
    """`text` as a record may hold it: line ends become spaces, what can't be seen an escape, and the end of what is too long goes."""
    if is_text(text) and text == text.strip():
        return text
    seen = "".join(c if is_text(f"a{c}") else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    return (seen if is_text(seen[:MAX_TEXT]) else ascii(seen)[1:-1])[:MAX_TEXT].strip()


def shown(value: object) -> str:
    """`value` for a message, which may reach a terminal or a page."""
    value = value[:80] if isinstance(value, (str, list)) else value  # there may be millions of items
    text = repr(value)
    text = text if is_text(text[:MAX_TEXT]) else ascii(value)
    return text if len(text) <= 80 else text[:77] + "…"


def safe(text: str) -> str:
    """`text` with every character that no text of a record may hold written as an escape.

    So nothing controls the terminal, turns the order of reading, ends the line, or stands there unseen.
    """
    return text if is_text(text) else "".join(c if is_text(f"a{c}") else c.encode("unicode_escape").decode() for c in text)
