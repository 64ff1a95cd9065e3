"""The journal of a run: which records were about to be put, which were acknowledged, which are in doubt.

A text file that only grows: a head that names the stream, a line for each object of the input with its size and time,
one line for each thing that happened, with ranges of places. What to put is decided elsewhere. Invariant: what is told
to `began` is on the disk before `sync` returns, so that after an end at any place every record is known to be
acknowledged, untouched, or in flight.
"""

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Self

from fastxform.errors import InputError
from fastxform.tools.replay.locations import Location, Span, spans
from fastxform.tools.replay.stores import Stored

_HEAD: Final = "fastxform journal 1"

_STARTED: Final = 1
_ACKNOWLEDGED: Final = 2
_MAYBE_DUPLICATE: Final = 4

_EVENT: Final = re.compile(r"([>+?-]) (\d+:\d+-\d+(?:,\d+:\d+-\d+)*)")
"""`>` is about to be put, `+` acknowledged, `?` may have arrived all the same, `-` answered and not taken."""


class PutLedger:
    """What a journal says: a byte for each record."""

    def __init__(self) -> None:
        self.files: list[Stored] = []
        self._states: list[bytearray] = []

    def add_file(self, stored: Stored) -> None:
        """Enter an object; its number is its place in the journal."""
        self.files.append(stored)
        self._states.append(bytearray())

    def is_acknowledged(self, file: int, number: int) -> bool:
        """Say whether a record was taken."""
        states = self._states[file]
        return number < len(states) and bool(states[number] & _ACKNOWLEDGED)

    @property
    def acknowledged(self) -> int:
        """Count the records that were taken."""
        return sum(len(states) - states.count(0) - self._open(states) for states in self._states)

    def is_started(self) -> bool:
        """Tell whether a record was taken, may have been, or is on its way: whether a later run needs to know."""
        return any(states.count(0) < len(states) for states in self._states)

    def in_flight(self) -> list[Span]:
        """Return the records of calls without a known end."""
        return self._where(lambda state: state & _STARTED and not state & _ACKNOWLEDGED)

    def maybe_duplicates(self) -> list[Span]:
        """Return the records that may have arrived without an acknowledgement, or once too often."""
        return self._where(lambda state: state & _MAYBE_DUPLICATE)

    def book(self, event: str, span: Span) -> None:
        """Enter what happened to a range."""
        states = self._states[span.file]
        states.extend(bytes(max(0, span.last + 1 - len(states))))
        table = _TABLES[event]
        states[span.first : span.last + 1] = states[span.first : span.last + 1].translate(table)

    def _where(self, holds: Callable[[int], int | bool]) -> list[Span]:
        wanted = {state for state in range(8) if holds(state)}
        ranges = []
        for file, states in enumerate(self._states):
            if wanted.intersection(states):
                ranges += spans((file, number) for number, state in enumerate(states) if state in wanted)
        return ranges

    @staticmethod
    def _open(states: bytearray) -> int:
        return sum(states.count(state) for state in range(1, 8) if not state & _ACKNOWLEDGED)


def _table(change: Callable[[int], int]) -> bytes:
    return bytes(change(state) if state < 8 else state for state in range(256))


_TABLES: Final = {
    ">": _table(lambda state: state | _STARTED),
    "+": _table(lambda state: (state | _ACKNOWLEDGED) & ~_STARTED),
    "?": _table(lambda state: (state | _MAYBE_DUPLICATE) & ~_STARTED),
    "-": _table(lambda state: state & ~_STARTED),
}


class Journal:
    """An open journal, which no other run can open."""

    def __init__(self, path: Path, file: BinaryIO, ledger: PutLedger) -> None:
        self.path = path
        self.ledger = ledger
        self.interrupted: list[Span] = []
        self._file = file
        self._lines: list[str] = []

    @classmethod
    def open(cls, path: Path, stream: str, files: Sequence[Stored]) -> Self:
        """Open a journal, or begin one; objects that it does not know are entered behind those it does.

        Args:
            path: The file.
            stream: LocationNames the stream and all else that must be the same in a run that goes on.
            files: The input; the numbers of places are those of `ledger.files` from now on.

        Raises:
            InputError: another run has it, it is none, or it belongs to another stream or other objects.
        """
        try:
            if path.exists() and not path.is_file():
                raise InputError(f"{path}: is no file, and a journal is one; name another with --journal")
            file = path.open("a+b", buffering=0)
        except OSError as err:
            raise InputError(f"{path}: {err.strerror or err}") from err
        try:
            _lock(path, file)
            file.seek(0)
            text = file.read() or b""
            whole = text.rfind(b"\n") + 1
            file.truncate(whole)  # a line that was cut short told of nothing that was done yet
            ledger = parse(path, text[:whole], stream)
            journal = cls(path, file, ledger)
            journal._begin(stream, files, is_new=not whole)
        except BaseException:
            file.close()
            raise
        return journal

    def began(self, locations: Iterable[Location]) -> None:
        """Note that these are about to be put."""
        self._note(">", locations)

    def acknowledged(self, locations: Iterable[Location]) -> None:
        """Note that these were taken."""
        self._note("+", locations)

    def maybe_duplicate(self, locations: Iterable[Location]) -> None:
        """Note that these may have been taken."""
        self._note("?", locations)

    def refused(self, locations: Iterable[Location]) -> None:
        """Note that these were answered and not taken."""
        self._note("-", locations)

    def sync(self) -> None:
        """Have everything on the disk.

        Raises:
            InputError: it cannot be written.
        """
        if not self._lines:
            return
        data = memoryview("".join(self._lines).encode())
        self._lines.clear()
        try:
            while data:
                data = data[os.write(self._file.fileno(), data) :]
            os.fsync(self._file.fileno())
        except OSError as err:
            raise InputError(f"{self.path}: {err.strerror or err}; nothing more is put without a journal") from err

    def close(self) -> None:
        """Write what is noted, and let another run have it."""
        try:
            self.sync()
        finally:
            self._file.close()

    def _begin(self, stream: str, files: Sequence[Stored], *, is_new: bool) -> None:
        known = {stored.name: stored for stored in self.ledger.files}
        if is_new:
            self._lines.append(f"{_HEAD} {json.dumps(stream)}\n")
        for stored in files:
            _check_unchanged(self.path, known.get(stored.name), stored)
            if stored.name not in known:
                self._lines.append(f"= {json.dumps(list(stored))}\n")
                self.ledger.add_file(stored)
        self.interrupted = self.ledger.in_flight()
        for span in self.interrupted:  # their calls have ended by now, and nobody knows how
            self._book("?", [span])
        self.sync()

    def _note(self, event: str, locations: Iterable[Location]) -> None:
        self._book(event, spans(locations))

    def _book(self, event: str, ranges: list[Span]) -> None:
        if ranges:
            self._lines.append(f"{event} {','.join(f'{s.file}:{s.first}-{s.last}' for s in ranges)}\n")
            for span in ranges:
                self.ledger.book(event, span)


def parse(path: Path, text: bytes, stream: str) -> PutLedger:
    """Return what a journal says.

    Raises:
        InputError: it is no journal, damaged, or of another stream.
    """
    ledger = PutLedger()
    lines = text.decode(errors="replace").split("\n")[:-1]
    if lines:
        _check_head(path, lines[0], stream)
    for number, line in enumerate(lines[1:], 2):
        match = _EVENT.fullmatch(line)
        stored = _read_file(line) if match is None else None
        if stored is not None:
            ledger.add_file(stored)
        if match is None:
            if stored is None:
                raise InputError(f"{path}:{number}: the journal is damaged; without it every record is sent again")
            continue
        for part in match[2].split(","):
            span = Span(*map(int, re.split("[:-]", part)))
            if span.file >= len(ledger.files):
                raise InputError(f"{path}:{number}: the journal is damaged; without it every record is sent again")
            ledger.book(match[1], span)
    return ledger


def _check_head(path: Path, head: str, stream: str) -> None:
    if not head.startswith(_HEAD + " "):
        raise InputError(f"{path}: is no journal of this version of fastxform; name another file with --journal")
    written = head.removeprefix(_HEAD + " ")
    if written != json.dumps(stream):
        raise InputError(f"{path}: is the journal of {written}, not of {stream}; name another file with --journal")


def _read_file(line: str) -> Stored | None:
    if not line.startswith("= "):
        return None
    try:
        name, size_bytes, modified_ns = json.loads(line.removeprefix("= "))
    except (TypeError, ValueError):
        return None
    return Stored(name, size_bytes, modified_ns)


def _lock(path: Path, file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        raise InputError(f"{path}: another run is using this journal; wait for its end, or name another file") from err


def _check_unchanged(path: Path, before: Stored | None, now: Stored) -> None:
    if before is None or before == now:
        return
    what = "its time"
    if before.size_bytes != now.size_bytes:
        what = f"its size, {before.size_bytes} bytes then and {now.size_bytes} now"
    raise InputError(
        f"{now.name}: has changed since {path} was begun ({what}), so its lines may be others; "
        "put the old one back, or name another journal, which sends all of it again"
    )
