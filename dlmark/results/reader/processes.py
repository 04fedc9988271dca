"""Many result files into columns, every record checked: the work is shared out among processes where it is large."""

import gc
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from dlmark.record import RecordError, names
from dlmark.results import journal
from dlmark.results.files import MAX_FILE_BYTES, ResultsError, opened, read_records, target_of
from dlmark.results.reader import decode as fast
from dlmark.results.reader.columns import Columns, Part

CHUNK_BYTES = 2**19  # of files that are decoded and checked at once: what they become fits into a core's cache
SHARE_BYTES = 32 * 2**20  # below it a process takes longer to start than to help
MAX_PROCESSES = 8


@contextmanager
def without_garbage_collection():
    """Nothing here holds itself, and looking for what does takes longer than all else."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def load(paths: Sequence[Path]) -> list[Part]:
    """The records of `paths`, in that order, in one or several parts.

    Raises ResultsError or RecordError for the first bad file.
    """
    shares = _shares(paths)
    with ExitStack() as stack:
        helpers = [stack.enter_context(_helper(share)) for share in shares[1:]]
        return [read(shares[0]), *(_result(*helper, share) for helper, share in zip(helpers, shares[1:]))]


def read(paths: Sequence[Path]) -> Part:
    """The records of `paths` as columns."""
    columns, known = Columns(), {}
    for chunk in _chunks(paths):
        found = fast.decode(list(chunk.values()), known) if None not in chunk.values() else None
        if found and _agree(chunk, *found):
            columns.add(*found)
            continue
        for path in chunk:  # it has the good messages, and accepts what is right but unusual
            columns.add_records(read_records(path))
    return columns.packed()


def _chunks(paths: Sequence[Path]) -> Iterator[dict[Path, bytes | None]]:
    """The contents of some files at a time; None for one that read_records will refuse to read."""
    chunk, held = {}, 0
    for path in paths:
        chunk[path] = data = _bytes(path)
        held += len(data or b"")
        if data is None or held >= CHUNK_BYTES:
            yield chunk
            chunk, held = {}, 0
    yield chunk


def _agree(paths: Iterable[Path], counts: Sequence[int], columns: dict[str, object]) -> bool:
    """Whether the records of each file are what its name says."""
    ends = accumulate(counts)
    return all(_agrees(names.claim(path.name), columns, end - count, end) for path, count, end in zip(paths, counts, ends))


def _agrees(claim: names.Claim | None, columns: dict[str, object], start: int, end: int) -> bool:
    if claim is None:
        return True
    cells = {name: columns[name][start:end] for name in names.CLAIMED if name in columns}
    if claim.result:
        numbers = columns.get(claim.result)
        cells[claim.result] = [None] * (end - start) if numbers is None else [None if n != n else True for n in numbers[start:end].tolist()]
    return not any(claim.problem(dict(zip(cells, values))) for values in set(zip(*cells.values())))


def _bytes(path: Path) -> bytes | None:
    try:
        if journal.size(journal.beside(target_of(path) if os.path.islink(path) else path)):
            return None  # the patient way reads it too
        with opened(path) as file:
            return file.read() if os.fstat(file.fileno()).st_size <= MAX_FILE_BYTES else None
    except (OSError, ResultsError):
        return None


def _shares(paths: Sequence[Path]) -> list[Sequence[Path]]:
    """`paths` in runs of about as many bytes each, one a process."""
    ends, total = [], 0
    for path in paths:
        ends.append(total := total + _size(path))
    number = max(1, min(_cores(), MAX_PROCESSES, total // SHARE_BYTES)) if sys.executable and fast.msgspec else 1
    shares = [[] for _ in range(number)]
    for path, end in zip(paths, ends):
        shares[end * number // (total + 1)].append(path)
    return shares


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # whoever reads it will tell
        return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---- helpers: processes that read a share each ----


@contextmanager
def _helper(share: Sequence[Path]):
    """A process that reads `share`. It is a fresh interpreter: a fork would take locks along that other threads hold."""
    for path in share:  # so that whoever watches what this process reads, as the site's build does, learns of it
        with suppress(OSError, ResultsError), opened(path):
            pass
    command = [sys.executable, "-P", "-c", "from dlmark.results.reader.processes import help_out; help_out()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    with tempfile.TemporaryFile() as task, tempfile.TemporaryFile() as answer:
        pickle.dump(share, task)
        task.seek(0)
        process = subprocess.Popen(command, stdin=task, stdout=answer, env=environment)
        try:
            yield process, answer
        finally:
            process.kill()
            process.wait()


def help_out() -> None:
    """What a helper does: take paths from standard input, and write their columns, or what is wrong with them, to standard output."""
    gc.disable()
    try:
        result = read(pickle.load(sys.stdin.buffer))
    except (ResultsError, RecordError) as error:
        result = error
    pickle.dump(result, sys.stdout.buffer, protocol=5)
    sys.stdout.flush()
    os._exit(0)  # to free all that it has read would take a while


def _result(helper: subprocess.Popen, answer: BinaryIO, share: Sequence[Path]) -> Part:
    if helper.wait():  # it was killed, for its memory perhaps, or had no room for the answer
        return read(share)
    answer.seek(0)
    result = pickle.load(answer)
    if isinstance(result, Exception):
        raise result
    return result
