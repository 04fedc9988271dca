"""What /proc and /sys tell, as far as they are there: they are not outside Linux, and in part not in a container."""

import re
from pathlib import Path


def read(path: str) -> str:
    """The text of a file, empty where there is none to read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def kib(path: str, name: str) -> int:
    """The number of a line such as "VmRSS:  123 kB"; 0 where there is none."""
    found = re.search(rf"^{name}:\s*(\d+) kB", read(path), re.MULTILINE)
    return int(found[1]) if found else 0
