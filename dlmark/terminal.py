"""Texts of strangers on a terminal: shown, and not obeyed."""

from dlmark.record import is_text


def safe(text: str) -> str:
    """`text` with every character that no text of a record may hold written as an escape.

    So nothing controls the terminal, turns the order of reading, ends the line, or stands there unseen.
    """
    return text if is_text(text) else "".join(c if is_text(f"a{c}") else c.encode("unicode_escape").decode() for c in text)
