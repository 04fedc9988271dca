"""What a contribution changes, read out of git as data: nothing of it is checked out, followed or run."""

import os
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dlmark.record.names import claim

FOLDER = "results/"
MAX_FILES = 200  # result files in one contribution
MAX_FILE_BYTES = 32 * 2**20
MAX_BYTES = 64 * 2**20  # all of them together
MAX_NAME = 250  # characters of a file's name
MAX_LIST_BYTES = 8 * 2**20  # git's list of what differs
MAX_COMPLAINT_BYTES = 10_000
GIT_S = 60  # one command of git

MODES = {"120000": "a symbolic link", "160000": "a submodule", "100755": "a file that is marked as a program"}
BASES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


class ChangesError(ValueError):
    """Git can't say what a contribution changes; the message says why."""


class Change(NamedTuple):
    """A result file that is new, changed, removed or the same, and what it held before and holds now, unless it is refused unread."""

    path: str
    kind: str
    refusal: str = ""
    before: bytes | None = None
    after: bytes | None = None


class Contribution(NamedTuple):
    """What differs from the base: the result files, and the paths of all else, which a person has to read."""

    changes: list[Change]
    others: list[str]


class _Entry(NamedTuple):
    """One path of git's list; an empty mode means that there is none any more, an empty name of the content that it lies on the disk."""

    path: str
    mode: str
    before: str
    after: str


def between(repository: Path, base: str, head: str) -> Contribution:
    """What the commit `head` changes in the commit `base`, from git's own store."""
    listed = _git(repository, "diff-tree", "-r", *RAW, base, head, most=MAX_LIST_BYTES)
    return _contribution(repository, list(_entries(listed)))


def on_disk(repository: Path, base: str) -> Contribution:
    """What the working tree has otherwise than the commit `base`; of files that git does not know those of results/."""
    listed = _git(repository, "diff", *RAW, base, most=MAX_LIST_BYTES)
    new = _git(repository, "ls-files", "-z", "--others", "--exclude-standard", "--", FOLDER, most=MAX_LIST_BYTES)
    there = [entry._replace(after="") for entry in _entries(listed)]
    there += [_Entry(path, _mode(repository / path), "", "") for path in _names(new)]
    found = _contribution(repository, there)
    return found._replace(changes=[change for change in found.changes if change.refusal or change.before != change.after])


def named(paths: Sequence[str], repository: Path, base: str | None) -> Contribution:
    """The files that `paths` name, beside what the commit `base` holds under the same path in the repository."""
    changes, left = [], MAX_BYTES
    for path in paths:
        before = _blob(repository, f"{base}:./{path}") if base and not os.path.isabs(path) else None
        change = _from_disk(Path(path), path, "new" if before is None else "changed", before, left)
        change = change._replace(kind="the same") if before is not None and before == change.after else change
        left -= len(change.after or b"")
        changes.append(change)
    return Contribution(_not_too_many(changes), [])


def base_commit(repository: Path, wanted: str | None, of: str = "HEAD") -> str:
    """The commit that a contribution begins from: where `of` and `wanted`, or the branch that it will be merged into, parted."""
    for ref in [wanted] if wanted else BASES:
        if commit := _commit(repository, ref):
            return _git(repository, "merge-base", commit, _commit(repository, of) or of).decode().strip()
    raise ChangesError(f"git knows no commit {wanted!r}" if wanted else f"git knows none of {', '.join(BASES)}: name one with BASE= or --base")


def commit(repository: Path, ref: str) -> str:
    """The full name of the commit that `ref` means."""
    if found := _commit(repository, ref):
        return found
    raise ChangesError(f"git knows no commit {ref!r}")


def top(folder: Path) -> Path:
    """The top folder of the repository that `folder` lies in."""
    try:
        return Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    except ChangesError as error:
        raise ChangesError(f"{error}. Go into a clone of the project, or name the result files") from error


# ---- git ----

RAW = ("-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv")


def _git(repository: Path, *words: str, most: int = MAX_FILE_BYTES, or_nothing: bool = False) -> bytes:
    """What a command of git prints; with `or_nothing` it may also fail without a word. Its own store is all that it looks at."""
    environment = {**os.environ, "GIT_NO_REPLACE_OBJECTS": "1", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        with tempfile.TemporaryFile() as said, subprocess.Popen(["git", *words], cwd=repository, env=environment, stdin=subprocess.DEVNULL,
                                                                stdout=subprocess.PIPE, stderr=said) as process:  # fmt: skip
            timer = threading.Timer(GIT_S, process.kill)
            timer.start()
            out = process.stdout.read(most + 1)
            if len(out) > most:
                process.kill()
            status = process.wait()
            timer.cancel()
            said.seek(0)
            complaint = said.read(MAX_COMPLAINT_BYTES).decode(errors="replace").strip()
    except FileNotFoundError:
        raise ChangesError("git is needed to see what differs, and is not there: install it") from None
    if len(out) > most:
        raise ChangesError(f"git {words[0]} printed more than {most:,} bytes: send a contribution of this size in parts")
    if status and (complaint or not or_nothing):
        raise ChangesError(f"git {words[0]}: {complaint.splitlines()[-1] if complaint else f'ended with status {status}'}")
    return out


def _commit(repository: Path, ref: str) -> str:
    """The full name of the commit that `ref` means, empty if there is none."""
    return _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", or_nothing=True).decode().strip()


def _blob(repository: Path, name: str) -> bytes | None:
    """The content that `name` means, None if there is none."""
    try:
        return _git(repository, "cat-file", "blob", name)
    except ChangesError:
        return None


def _names(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _entries(listed: bytes) -> Iterator[_Entry]:
    """Entries of git's raw format: `:old-mode new-mode old-object new-object status`, NUL, path, NUL."""
    fields = listed.split(b"\0")
    for head, path in zip(fields[::2], fields[1::2]):
        _, mode, before, after, _ = head.decode().split(" ")
        yield _Entry(os.fsdecode(path), "" if mode == "000000" else mode, before.strip("0") and before, after)


# ---- files ----


def _contribution(repository: Path, entries: Sequence[_Entry]) -> Contribution:
    ours = [entry for entry in entries if entry.path.startswith(FOLDER)]
    others = [entry.path for entry in entries if not entry.path.startswith(FOLDER)]
    return Contribution(_not_too_many(_read(repository, ours) if len(ours) <= MAX_FILES else [Change(e.path, "new") for e in ours]), others)


def _not_too_many(changes: list[Change]) -> list[Change]:
    """`changes`, or all of them refused."""
    if len(changes) <= MAX_FILES:
        return changes
    why = f"one of {len(changes):,} files, and at most {MAX_FILES} are looked at in one contribution: send them in parts"
    return [Change(change.path, change.kind, why) for change in changes]


def _read(repository: Path, entries: Sequence[_Entry]) -> list[Change]:
    """Each entry with its content, as long as there is room."""
    changes, left = [], MAX_BYTES
    for entry in entries:
        kind = "removed" if not entry.mode else "changed" if entry.before else "new"
        before = _blob(repository, entry.before) if entry.before else None
        if why := _unfit(entry):
            change = Change(entry.path, kind, why)
        elif kind == "removed":
            change = Change(entry.path, kind, "", before)
        elif entry.after:
            change = _from_git(repository, entry, kind, before, left)
        else:
            change = _from_disk(repository / entry.path, entry.path, kind, before, left)
        left -= len(change.after or b"")
        changes.append(change)
    return changes


def _unfit(entry: _Entry) -> str:
    """Why an entry is no result file, whatever it holds."""
    if entry.mode not in ("", "100644"):
        return f"expected a regular file, got {MODES.get(entry.mode, f'mode {entry.mode}')}"
    return _misnamed(entry.path.removeprefix(FOLDER)) if entry.mode else ""


def _misnamed(name: str) -> str:
    if claim(name) and name == name.lower() and len(name) <= MAX_NAME:
        return ""
    return f"expected a name as `make results` gives it, script__function__framework__device.json in small letters, directly in {FOLDER}"


def _from_git(repository: Path, entry: _Entry, kind: str, before: bytes | None, left: int) -> Change:
    size = int(_git(repository, "cat-file", "-s", entry.after))  # before it is unpacked
    if why := _too_large(size, left):
        return Change(entry.path, kind, why)
    return Change(entry.path, kind, "", before, _git(repository, "cat-file", "blob", entry.after))


def _from_disk(path: Path, name: str, kind: str, before: bytes | None, left: int) -> Change:
    """A file as it lies there. Links are not followed, and what would keep a reader waiting is not opened for long."""
    if why := _misnamed(path.name):
        return Change(name, kind, why)
    try:
        with open(path, "rb", opener=lambda p, flags: os.open(p, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                return Change(name, kind, "expected a regular file, got a folder, a pipe, a device or the like")
            if why := _too_large(found.st_size, left):
                return Change(name, kind, why)
            return Change(name, kind, "", before, file.read(MAX_FILE_BYTES))
    except OSError as error:
        return Change(name, kind, f"can't be read: {'it is a symbolic link' if path.is_symlink() else error.strerror}")


def _too_large(size: int, left: int) -> str:
    if size > MAX_FILE_BYTES:
        return f"expected at most {MAX_FILE_BYTES // 2**20} MB, got {size:,} bytes"
    return "" if size <= left else f"the files of a contribution may have {MAX_BYTES // 2**20} MB together, and this is over it: send them in parts"


def _mode(path: Path) -> str:
    """The mode that git would give to a file."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return "120000"
    return "100755" if mode & stat.S_IXUSR else "100644"
