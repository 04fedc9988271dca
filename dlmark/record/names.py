"""Names of result files: how they are made, and what they claim of the records inside.

A name says script, function, framework and device: `cnn.py__benchmark_throughput__mxnet__tesla-v100-sxm2-16gb.json`. Published
figures lie in files that end in `__published.json`, with a name of their source in the place of the device, or of both, where it
has figures of several. A name of any other form claims nothing.
"""

import hashlib
import os
import re
from typing import NamedTuple

from dlmark.record import RecordError, is_published, is_text, safe

LONGEST = 80  # characters of one part of a name; file systems take 255 in all
WORKLOADS = {"cnn.py": "inference", "how_sure.py": "inference", "training.py": "training", "device.py": "ceiling"}
RESULTS = {"benchmark_throughput": "throughput", "benchmark_accuracy": "accuracy", "benchmark_largest_batch_size": "memory_limit_mb"}
CLAIMED = ("framework", "device", "workload", "source", "status")  # fields that a name may claim something of, beside RESULTS

_WORD, _SLUG = r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*", r"[a-z0-9.-]+"
_FORM = re.compile(rf"({_WORD}\.py)__({_WORD})__({_SLUG})(?:__({_SLUG}))??(__published)?\.json")


class Claim(NamedTuple):
    """What a file's name says of its records; None where it says nothing."""

    script: str
    function: str
    framework: str | None
    place: str | None  # the device, or the source of published figures
    published: bool

    @property
    def result(self) -> str | None:
        """The number that each record has that says it is ok."""
        return RESULTS.get(self.function)

    def problem(self, record: dict) -> str | None:
        """What the name says and `record` does not, in words."""
        workload, source, device = (record.get(name) for name in ("workload", "source", "device"))
        if self.published != is_published(record):
            return f"{'published' if self.published else 'measured'} records, and source is {safe(repr(source))}"
        if self.framework and record.get("framework") and slug(record["framework"]) != self.framework:
            return f"framework {self.framework}, and framework is {safe(repr(record['framework']))}"
        if self.place and device and slug(device) != self.place:
            return f"device {self.place}, and device is {safe(repr(device))}"
        if workload and workload.lower() != WORKLOADS.get(self.script, workload.lower()):
            return f"{self.script}, which is about {WORKLOADS[self.script]}, and workload is {workload}"
        if self.result and record.get("status") == "ok" and record.get(self.result) is None:
            return f"{self.function}, and there is no {self.result}"
        return None


def claim(name: str) -> Claim | None:
    """What the file name `name` claims; None if it has another form."""
    found = _FORM.fullmatch(name)
    if not found:
        return None
    script, function, first, second, published = found.groups()
    if second is None or second == "published":  # one source of published figures, of whatever framework and device
        return Claim(script, function, None, None, True) if published or second else None
    return Claim(script, function, first, second, bool(published))


def refuse(path: str | os.PathLike, records: list[dict]) -> None:
    """Raise RecordError for the first of `records` that is not what the name of its file says."""
    claimed = claim(os.path.basename(path))
    if claimed:
        for number, record in enumerate(records):
            if problem := claimed.problem(record):
                raise RecordError(f"{safe(str(path))}: record {number}: the file's name says {problem}: rename the file, or move the record")


def name_problem(path: str | os.PathLike) -> str | None:
    """What is wrong with a path's last name, in words, if it can't be read as it stands; it may come from a stranger's pull request."""
    name = os.path.basename(path)
    if not is_text(name):
        return f"{safe(str(path))}: expected a name in UTF-8, all of whose characters can be seen, got {safe(name)}: rename it"
    return None


def file_name(script: str, function: str, framework: str, device: str) -> str:
    """Name of the file that holds the records of one script, function, framework and device."""
    return f"{script}__{function}__{slug(framework)}__{slug(device)}.json"


def slug(text: str) -> str:
    """`text` in lower case, with one dash for whatever is not a letter of the Latin alphabet, a digit or a dot.

    It is never empty: where that leaves out letters of other alphabets, or all that there is, or is too long for a file's name, a
    number made of the whole text comes last. So two devices that are called differently in Chinese do not share a file.
    """
    short = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
    lost = any(not character.isascii() and character.isalnum() for character in text)
    if short and not lost and len(short) <= LONGEST:
        return short
    number = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    return "-".join(filter(None, (short[: LONGEST - 9].strip("-"), number)))
