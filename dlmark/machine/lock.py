"""One at a time: one run on a device, since two that share it would each measure the other, and one writer of a result file."""

import errno
import os
import platform
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from io import FileIO
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from dlmark.machine import claims, stop

TELL_S = 3.0  # after so long a wait is told
PATIENCE_S = 30.0  # and after so long it is given up: a result file is written in much less
LOOK_AGAIN_S = 0.02
FOLDER = "DLMARK_LOCKS"  # the variable that names another folder for the locks of devices
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)  # some network drives


class DeviceBusy(ValueError):
    """Another run holds the device; the message names its process and what to do."""


class NotToBeHad(ValueError):
    """A lock's file is not ours to lock, or is held for too long; the message says by whom."""


class Holder(NamedTuple):
    """What a lock's file says of who holds it."""

    pid: str
    since: str
    command: str
    host: str

    def __str__(self) -> str:
        where = f" on {self.host}" if self.host not in ("", platform.node()) else ""
        return f"process {self.pid}{where} ({self.command}), since {self.since}" if self.pid.isdecimal() else "another process"


@contextmanager
def hold(device_key: str, command: str, *, device: str | None = None, folder: str | os.PathLike | None = None):
    """Hold a device for as long as the block runs. Raises DeviceBusy if another run does, from whatever folder it came.

    `device_key` is the same for all who mean one physical device: a GPU's UUID, or cpu. `device` is its name for the
    user. The CPU is not measured while a GPU is, nor the other way round: each would take cores from the other. The lock
    belongs to the open file (flock(2)), so it ends with this process, however that ends.
    """
    import fcntl  # here, since Windows has none: there the results can be read, but nothing be measured

    path = _path(device_key, folder)
    try:
        file = _opened(path)
    except OSError as error:
        raise DeviceBusy(f"{path}: can't be opened, so nobody knows whether the device is free: {error.strerror}. "
                         f"Remove it, or name another folder with {FOLDER}.") from error  # fmt: skip
    except NotToBeHad as error:
        raise DeviceBusy(f"{error}, or name another folder with {FOLDER}.") from error
    with file:
        try:
            _take(file, fcntl)
        except BlockingIOError:
            raise DeviceBusy(_busy(device or device_key, _holder(file))) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            print(f"{path.parent} knows no locks, so nobody keeps a second run from the same device: start none", file=sys.stderr, flush=True)
        _sign(file, command)
        for other in _not_beside(path):  # with ours held first, so that of two runs that start at once at most one goes on
            if holder := _holder_of(other, fcntl):
                raise DeviceBusy(_busy("a GPU of this machine" if device_key == "cpu" else "the CPU", holder))
        yield
        # The file stays: were it removed, one run could lock the old file and the next a new one of the same name.


def _take(file: FileIO, fcntl) -> None:
    """Lock it; a run that only looks whether it is locked has it for a moment."""
    for _ in range(5):
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(LOOK_AGAIN_S)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _path(device_key: str, folder: str | os.PathLike | None) -> Path:
    """One file a user and device, the same from every clone of this project."""
    name = "".join(letter if letter.isalnum() else "-" for letter in device_key)
    return Path(folder or _folder()) / f"dlmark-{os.getuid()}-{name}.lock"


def _folder() -> str:
    """The same for all runs of a user, so not TMPDIR, of which a scheduler gives each job its own."""
    if named := os.environ.get(FOLDER):
        return named
    return next((folder for folder in ("/tmp", "/var/tmp", "/dev/shm") if os.access(folder, os.W_OK | os.X_OK)), None) or tempfile.gettempdir()


def _not_beside(path: Path) -> list[Path]:
    """The locks of the devices that are not measured while the one of `path` is."""
    cpu = _path("cpu", path.parent)
    return sorted(set(path.parent.glob(cpu.name.replace("cpu", "*"))) - {path}) if path == cpu else [cpu]


def _holder_of(path: Path, fcntl) -> Holder | None:
    """Who holds another device; None where nobody does, or where that can't be known."""
    try:
        with _opened(path, new=False) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(file)
    except (OSError, NotToBeHad):
        pass
    return None


def _busy(device: str, holder: Holder) -> str:
    """Who holds the device, since when, and what can be done."""
    if not holder.pid.isdecimal():  # it has the lock, and is about to write
        return f"{device} is being measured by another run already: wait until it ends, or name another --device"
    return (f"{device} is being measured already, since {holder.since} by process {holder.pid} ({holder.command}): wait until it ends, "
            f"or end it with `kill {holder.pid}`, which loses no finished point, or name another --device")  # fmt: skip


# ---- a result file's: held for as long as it takes to write, and waited for ----


@contextmanager
def writing(path: Path, tell: Callable[[str], None], patience_s: float = PATIENCE_S):
    """Keep others from writing for as long as the block runs; `path` is the lock's file. Where files can't be locked, go on without.

    Waits for who holds it, which is told after some seconds. Raises NotToBeHad after `patience_s`, or at once where the file is not ours.
    """
    try:
        import fcntl
    except ImportError:  # Windows: there is one GPU a machine there more often than not
        yield
        return
    with _waited_for(path, tell, patience_s, fcntl) as file:
        _sign(file, " ".join(" ".join(sys.orig_argv).split())[:200], platform.node())
        try:
            yield
        finally:  # while it is still locked: whoever waits for it sees that it is gone, and makes another
            path.unlink(missing_ok=True)


def _waited_for(path: Path, tell: Callable[[str], None], patience_s: float, fcntl) -> FileIO:
    start, told = monotonic(), False
    while True:
        waited_s, file = monotonic() - start, None
        try:
            file = _opened(path)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if claims.is_at(path, file.fileno()):
                return file
            continue  # it was removed by the one who held it
        except BlockingIOError:
            holder = str(_holder(file))
            file.close()
        except _OfAnotherUser:  # who may be writing just now
            if waited_s > TELL_S:
                raise
            holder = "another user"
        except OSError as error:
            if file is None or error.errno not in NO_LOCKS:
                raise
            return file
        if waited_s > (min(patience_s, TELL_S) if stop.asked() else patience_s):
            raise NotToBeHad(f"{path}: held by {holder}, which has not let go of it for {waited_s:.0f} s: end that process, if it is stopped")
        if waited_s > TELL_S and not told:
            tell(f"waiting for {holder}, which holds {path}")
            told = True
        sleep(LOOK_AGAIN_S)


# ---- both ----


class _OfAnotherUser(NotToBeHad):
    """A regular file that is another user's."""


def _opened(path: Path, *, new: bool = True) -> FileIO:
    """A lock's file, made where there is none if `new`, which no child inherits (PEP 446). Raises NotToBeHad for what is not ours to write."""
    with_care = new * os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # anybody may write in the folder: no link is followed, and no pipe waited for
    try:
        _refuse_strange(path, os.lstat(path))
    except FileNotFoundError:
        pass
    file = open(path, "r+b", buffering=0, opener=lambda name, flags: os.open(name, flags | with_care, 0o600))
    _refuse_strange(path, os.fstat(file.fileno()))
    return file


def _refuse_strange(path: Path, found: os.stat_result) -> None:
    kind = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe", stat.S_IFDIR: "a folder"}.get(stat.S_IFMT(found.st_mode), "a device or socket")
    if not stat.S_ISREG(found.st_mode):
        raise NotToBeHad(f"{path}: expected a file of this user's own, got {kind}: remove it")
    if found.st_uid != os.getuid():
        raise _OfAnotherUser(f"{path}: expected a file of this user's own, got another's: remove it")
    if found.st_nlink > 1:
        raise NotToBeHad(f"{path}: expected a file of this user's own, got one of {found.st_nlink} names: remove it")


def _sign(file: FileIO, *words: str) -> None:
    os.ftruncate(file.fileno(), 0)
    text = "".join(f"{word}\n" for word in (os.getpid(), f"{datetime.now():%Y-%m-%d %H:%M:%S}", *words))
    os.pwrite(file.fileno(), text.encode(errors="replace"), 0)


def _holder(file: FileIO) -> Holder:
    return Holder(*[*os.pread(file.fileno(), 4_096, 0).decode(errors="replace").splitlines(), "", "", "", ""][:4])
