"""The results of a run: what can't be put into the file is kept in another, and the next run that opens the file takes it up."""

import errno
import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

from dlmark.machine import claims, stop
from dlmark.record import RecordError, check, row
from dlmark.results.files import ResultsError, read_records, refuse_twins, results_folder, target_of, write_claimed
from dlmark.results.journal import goes_before
from dlmark.results.save import SaveResults, on_standard_error

IMPATIENCE_S = 1.0  # after a wait in vain: the next is not to keep the measuring waiting as long


class RunResults(SaveResults):
    """A result file that a run saves into, whatever becomes of the file meanwhile: edited into something wrong, or without room.

    What could not be saved is kept beside the file, where `load_results` does not look, or in another folder if that can't be; it is tried
    again with each save and in `close`. Each change is told once.
    """

    def __init__(self, name: str, folder: str | os.PathLike | None = None, tell: Callable[[str], None] = on_standard_error):
        """Open as SaveResults does, and take up what earlier runs had to keep elsewhere."""
        self._mine: set[tuple] = set()  # the points that this run has measured
        self._unsaved: dict[tuple, dict] = {}
        self._refused: list[dict] = []  # what breaks the format, which only a fault of ours can
        self._kept = _Kept(results_folder(folder) / name)
        self._problem, self._told = "", ""
        super().__init__(name, folder, tell)
        self._take_up()

    @property
    def saved_in(self) -> str:
        """Where the points of this run are, in words."""
        return str(self.path) if not self._problem else f"{str(self._kept) or 'no file'}, since {self._problem.removesuffix('.')}"

    def update(self, change: Callable[[list[dict]], list[dict]]) -> None:
        """Write what `change` makes of all the records; where that can't be, keep what it makes. Raises nothing for that."""
        self._try(lambda: SaveResults.update(self, change), change)

    def replace(self, records: Iterable[dict]) -> None:
        """Save as SaveResults does, by way of the journal; what is measured by this run stays in the file until its end."""
        new = list(records)
        self._mine |= {row(record) for record in new}
        self._try(lambda: SaveResults.append(self, new), lambda held: [*held, *new])

    def _try(self, save: Callable[[], None], change: Callable[[list[dict]], list[dict]]) -> None:
        """`save`, or keep elsewhere what it would have saved: what `change` makes of all the records."""
        with stop.held_back():
            try:
                save()
            except (ResultsError, RecordError) as error:
                self._keep(change, str(error))
            else:
                self._all_saved()

    def close(self) -> None:
        """Write the file whole, also what could not be saved before. Raises ResultsError, which says where it is, if it can't be."""
        if self._problem:
            self.update(lambda held: held)
        self.fold()
        where = self._where()
        self._kept.let_go()
        if self._problem:
            raise ResultsError(f"{self._problem} {where}")

    def _look(self) -> None:
        """Take over what the file holds, and what this run measured that is not in it any more: an editor wrote an older version back."""
        before = self._records
        super()._look()
        if self._records is not before:
            mine = {key: before[key] for key in self._mine if key in before}
            mine = {key: record for key, record in mine.items() if not goes_before(self.get(record) or {}, record, of_equals=True)}
            self._records |= mine
            self._is_behind = bool(mine)
        self._records |= self._unsaved
        self._is_behind = self._is_behind or bool(self._unsaved)

    def _keep(self, change: Callable[[list[dict]], list[dict]], problem: str) -> None:
        """Hold in memory what could not be saved, and write that where it can be."""
        held = self.records()
        known = set(map(id, held))
        for record in change(held):
            if id(record) not in known:
                self._hold(record)
        # Where the file is not what it was, what it held before may be lost with it.
        kept = list((self._unsaved if self._is_as_it_was_left() else self._records).values()) + self._refused
        self._problem, self.patience_s = problem.removesuffix(".") + ".", IMPATIENCE_S
        self._kept.write(kept)
        self._tell_once(f"{self._problem} {self._where()}; the measuring goes on")

    def _hold(self, record: dict) -> None:
        try:
            key = row(check(record))
        except RecordError:
            self._refused.append(record)
        else:
            self._records[key] = self._unsaved[key] = record

    def _all_saved(self) -> None:
        self._unsaved.clear()
        if self._problem and not self._refused:
            self._kept.remove()
            self._problem, self.patience_s = "", SaveResults.patience_s
            self._tell_once(f"{self.path}: all that was kept elsewhere is saved in it now")

    def _where(self) -> str:
        """Where what is not in the file is, in a sentence."""
        measured = f"What could not be saved ({_points(len(self._unsaved) + len(self._refused))}) is kept in"
        if self._kept.is_all:
            return f"{measured} {self._kept} until the next run takes it up"
        if str(self._kept):
            return f"{measured} part in {self._kept}, and the rest in memory only: make room"
        return f"{measured} memory only, since no file can be written: make room"

    def _tell_once(self, line: str) -> None:
        about = f"{self._problem} {self._kept.about()}"  # that there is one point more is no news
        if about != self._told:
            self._told = about
            self.tell(line)

    def _take_up(self) -> None:
        """Put what dead runs kept elsewhere into the file, and remove it there."""
        for path, claim in _left(self.path):
            try:
                found = read_records(path)
                refuse_twins(found, path)
                SaveResults.update(self, partial(_with_newer, found))
                _remove(path, self.path)
                self.tell(f"{self.path}: took up {_points(len(found))} that an earlier run had kept in {path}")
            except (ResultsError, RecordError) as error:
                self.tell(f"{path}: what an earlier run kept can't be taken up: {error}")
            finally:
                os.close(claim)


class _Kept:
    """The file in which a run keeps what it can't save, or several where one would be too large; they are the run's for as long as it lives."""

    def __init__(self, results: Path):
        self._results, self._usual = results, secrets.token_hex(4)
        self._claims: dict[Path, int] = {}
        self._last: list[Path] = []  # the folder that had room, which is asked first: what is told is not to change with each point
        self.is_all = False  # whether they hold all that was last to be kept

    def __str__(self) -> str:
        first, *others = self._claims or [""]
        return f"{first} and {len(others)} more files like it" if others else str(first)

    def about(self) -> str:
        """What a user should hear of when it changes."""
        return f"{self.is_all} {len(self._claims) > 1} {min((path.parent for path in self._claims), default='')}"

    def write(self, records: list[dict]) -> None:
        """Write them anew, in the first folder where that can be. Where all can't be, what was kept before stays too."""
        before, self._claims = self._claims, {}
        self.is_all = self._in_pieces(records, self._usual)
        for path, claim in before.items():
            if path in self._claims:
                os.close(claim)
            elif self.is_all:
                _remove(path, self._results)
                os.close(claim)
            else:
                self._claims[path] = claim

    def _in_pieces(self, records: list[dict], token: str) -> bool:
        too_large = False
        for folder in chain(self._last, _folders(self._results, make=True)):
            path = folder / f"{self._results.name}.rescued-{token}"
            try:
                self._claims[path] = write_claimed(path, (json.dumps(record, default=str) for record in records))  # whatever it is
                self._last = [folder]
                return True
            except OSError as error:
                too_large = too_large or error.errno == errno.EFBIG
        half = len(records) // 2
        return too_large and half > 0 and all([self._in_pieces(part, secrets.token_hex(4)) for part in (records[:half], records[half:])])  # noqa: C419, both are tried

    def remove(self) -> None:
        """Remove what there is."""
        for path in self._claims:
            _remove(path, self._results)
        self.let_go()

    def let_go(self) -> None:
        """Leave it to whoever comes next."""
        while self._claims:
            os.close(self._claims.popitem()[1])


def _remove(path: Path, results: Path) -> None:
    """Remove a file that was kept, and its folder, if that is one of ours and nothing else is in it."""
    with suppress(OSError):
        path.unlink()
        if path.parent != target_of(results).parent:
            path.parent.rmdir()


def _folders(results: Path, *, make: bool) -> Iterator[Path]:
    """Where what can't be saved is kept: beside the results, else in a folder of this user's own, one for each folder of results."""
    with suppress(OSError):
        results = target_of(results)
    yield results.parent
    key = hashlib.sha256(os.fsencode(results.parent)).hexdigest()[:12]
    state = Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser())
    for folder in (state / "dlmark" / f"rescued-{key}", Path(tempfile.gettempdir()) / f"dlmark-{os.getuid()}-rescued-{key}"):
        with suppress(OSError):
            if make:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = os.lstat(folder)
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
                yield folder
                folder.rmdir()  # which fails where something is kept in it


def _left(results: Path) -> Iterator[tuple[Path, int]]:
    """What runs that are dead kept for `results`, each with a claim on it."""
    name = re.compile(re.escape(results.name) + r"\.rescued-[0-9a-f]{8}")
    for folder in _folders(results, make=False):
        with suppress(OSError):
            claims.clear_files(folder)
            for path in sorted(folder / entry for entry in os.listdir(folder) if name.fullmatch(entry)):
                claim = claims.claim(path)
                if claim is not None:
                    yield path, claim


def _points(number: int) -> str:
    return f"{number} point{'s' * (number != 1)}"


def _with_newer(found: list[dict], held: list[dict]) -> list[dict]:
    return [*held, *_newer(found, held)]


def _newer(found: list[dict], held: list[dict]) -> list[dict]:
    """Those of the `found` records that go before what is held of their rows."""
    of_row = {row(record): record for record in held}
    return [record for record in found if goes_before(record, of_row.get(row(record)) or {}, of_equals=True)]
