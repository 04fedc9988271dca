"""Files and folders that belong to a running process: a lock on each says so, and ends with the process, however that ends.

So what dead processes left can be told from what is in use, also by other containers and after a process number was given anew.
"""

import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is measured there, and nothing cleared
    fcntl = None

FOLDER = re.compile(r"dlmark-[0-9a-f]{16}")
TEMPORARY = re.compile(r"\..+\.json(\.rescued-[0-9a-f]{8})?\.[0-9a-f]{8}\.tmp|\..+\.json\.lock")


def claim(path: str | os.PathLike) -> int | None:
    """A descriptor that holds a file or folder of this user; None where somebody else does, or it is none, or can't be held."""
    if fcntl is None:
        return None
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            file = os.open(path, os.O_RDWR | flags)  # network drives lock only what may be written
        except IsADirectoryError:
            file = os.open(path, os.O_RDONLY | flags)
    except OSError:
        return None
    try:
        found = os.fstat(file)
        if found.st_uid == os.getuid() and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(path, file):  # who held it may have removed it
                return file
    except OSError:  # somebody holds it, or it can't be locked here
        pass
    os.close(file)
    return None


def is_at(path: str | os.PathLike, file: int) -> bool:
    """Whether `path` still is the file or folder behind the descriptor `file`."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def new_file(target: Path) -> tuple[int, Path]:
    """A new temporary file beside `target`, held by this process, with the access that the umask leaves."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    return _new(lambda: target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp"), lambda path: os.open(path, flags, 0o666))


@contextmanager
def folder(parent: str | os.PathLike | None = None) -> Iterator[str]:
    """A new folder in `parent`, or that for temporary files, held by this process; removed after the block, or by the next `clear_folders`."""

    def make(path: Path) -> int:
        path.mkdir(mode=0o700)
        return os.open(path, os.O_RDONLY)

    held, path = _new(lambda: Path(parent or tempfile.gettempdir(), f"dlmark-{secrets.token_hex(8)}"), make)
    try:
        yield str(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(held)


def _new(name: Callable[[], Path], make: Callable[[Path], int]) -> tuple[int, Path]:
    """Make something and hold it; again under another name, where somebody who clears up came in between."""
    while True:
        path = name()
        file = make(path)
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.lexists(path):
                return file, path
        except BlockingIOError:
            pass
        except OSError:  # where nothing can be locked nothing is cleared
            return file, path
        os.close(file)


def clear_folders(parent: str | os.PathLike | None = None) -> None:
    """Remove the folders of dead processes of this user from `parent`, or that for temporary files."""
    _clear(parent or tempfile.gettempdir(), FOLDER, lambda path: shutil.rmtree(path, ignore_errors=True))


def clear_files(parent: Path) -> None:
    """Remove the temporary files and the locks that dead processes of this user left in a folder of results."""
    _clear(parent, TEMPORARY, os.unlink)


def _clear(parent: str | os.PathLike, name: re.Pattern, remove) -> None:
    try:
        with os.scandir(os.fspath(parent)) as entries:
            paths = [entry.path for entry in entries if name.fullmatch(entry.name)]
    except OSError:  # whoever wants to write there will tell
        return
    for path in paths:
        file = claim(path)
        if file is not None:
            with suppress(OSError):  # else the next run tries again
                remove(path)
            os.close(file)
