"""Texts of strangers on a terminal: shown, and not obeyed."""

import unicodedata

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, invisible formats (bidirectional marks among them), half characters, line ends


def safe(text: str) -> str:
    """`text` with every character that could control a terminal, or turn the order of reading, written as an escape."""
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in UNSAFE else c for c in text)
