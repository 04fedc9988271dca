"""One run on a device at a time: two that share it would each measure the other."""

import os
import stat
import tempfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


class DeviceBusy(ValueError):
    """Another run holds the device; the message names its process and what to do."""


@contextmanager
def hold(device_key: str, command: str, *, device: str | None = None, folder: str | os.PathLike | None = None):
    """Hold a device for as long as the block runs. Raises DeviceBusy if another run does, from whatever folder it came.

    `device_key` is the same for all who mean one physical device: a GPU's UUID, or cpu. `device` is its name for the
    user. The lock belongs to the open file (flock(2)), so it ends with this process, however that ends.
    """
    import fcntl  # here, since Windows has none: there the results can be read, but nothing be measured

    file = _open(_path(device_key, folder))
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DeviceBusy(_busy(device or device_key, os.pread(file, 4_096, 0))) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n{datetime.now():%Y-%m-%d %H:%M:%S}\n{command}\n".encode(errors="replace"), 0)
        yield
    finally:
        # The file stays: were it removed, one run could lock the old file and the next a new one of the same name.
        os.close(file)


def _path(device_key: str, folder: str | os.PathLike | None) -> Path:
    """One file a user and device, the same from every clone of this project."""
    name = "".join(letter if letter.isalnum() else "-" for letter in device_key)
    return Path(folder or tempfile.gettempdir()) / f"dlmark-{os.getuid()}-{name}.lock"


def _open(path: Path) -> int:
    """The lock's file, which no child inherits (PEP 446). Raises DeviceBusy where it is not ours to write."""
    try:
        # Anybody may write in the folder: neither a link nor a strange file is to be overwritten.
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise DeviceBusy(f"{path}: can't be opened, so nobody knows whether the device is free: {error.strerror}. "
                         "Remove it, or name another folder with TMPDIR.") from error  # fmt: skip
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_nlink != 1:
        os.close(file)
        raise DeviceBusy(f"{path}: expected a file of this user's own, got another. Remove it, or name another folder with TMPDIR.")
    return file


def _busy(device: str, text: bytes) -> str:
    """Who holds the device, since when, and what can be done."""
    pid, since, command = [*text.decode(errors="replace").splitlines(), "", "", ""][:3]
    if not pid.isdecimal():  # it has the lock, and is about to write
        return f"{device} is being measured by another run already: wait until it ends, or name another --device"
    return (f"{device} is being measured already, since {since} by process {pid} ({command}): wait until it ends, "
            f"or end it with `kill {pid}`, which loses no finished point, or name another --device")  # fmt: skip
