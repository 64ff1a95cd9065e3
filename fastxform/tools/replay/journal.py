"""The journal of a run: which records were about to be put, which were acknowledged, which are in doubt.

A text file that only grows: a head that names the stream, a line for each object of the input with its size and time,
one line for each thing that happened, with ranges of locations; `ledger` reads and writes the lines. What to put is
decided elsewhere. Invariant: what is given to `began` is on the disk before `sync` returns, so that after an end at any
place every record is known to be acknowledged, untouched, or in flight; and a file that is not a journal of the same
stream is left as it is.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from fastxform.errors import InputError
from fastxform.tools.replay.ledger import HEAD, Chain, PutLedger, event_line, file_line, head_of, parse
from fastxform.tools.replay.locations import Location, Span, spans
from fastxform.tools.replay.stores import Stored


class Journal:
    """An open journal, which no other run can open."""

    def __init__(self, path: Path, file: BinaryIO, ledger: PutLedger, chain: Chain) -> None:
        self.path = path
        self.ledger = ledger
        self.interrupted: list[Span] = []
        self._file = file
        self._chain = chain
        self._unwritten = b""
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
        file = _open(path)
        try:
            _lock(path, file)
            ledger, chain, whole_bytes = parse(path, _read(path, file, head_of(stream).encode()), stream)
            file.truncate(whole_bytes)
            file.seek(whole_bytes)
            journal = cls(path, file, ledger, chain)
            journal._begin(stream, files, is_new=not whole_bytes)
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
        self._unwritten += self._chain.written(self._lines)
        self._lines.clear()
        if not self._unwritten:
            return
        start = self._file.tell()
        try:
            left = memoryview(self._unwritten)
            while left:
                left = left[os.write(self._file.fileno(), left) :]
            os.fsync(self._file.fileno())
        except OSError as err:
            with contextlib.suppress(OSError):  # half a line would spoil what is written behind it
                self._file.truncate(start)
                self._file.seek(start)
            raise InputError(f"{self.path}: {err.strerror or err}; nothing more is put without a journal") from err
        self._unwritten = b""

    def close(self) -> None:
        """Write what is noted, and let another run have it."""
        try:
            self.sync()
        finally:
            self._file.close()

    def remove(self) -> None:
        """Remove the file, while no other run can have it, unless another stands in its place by now."""
        with contextlib.suppress(OSError):
            if os.path.samestat(self.path.lstat(), os.fstat(self._file.fileno())):
                self.path.unlink()

    def _begin(self, stream: str, files: Sequence[Stored], *, is_new: bool) -> None:
        known = {stored.name: stored for stored in self.ledger.files}
        if is_new:
            self._lines.append(head_of(stream))
        for stored in files:
            _check_unchanged(self.path, known.get(stored.name), stored)
            if stored.name not in known:
                self._lines.append(file_line(stored))
                self.ledger.add_file(stored)
        self.interrupted = self.ledger.in_flight()
        for span in self.interrupted:  # their calls have ended by now, and nobody knows how
            self._book("?", [span])
        self.sync()

    def _note(self, event: str, locations: Iterable[Location]) -> None:
        self._book(event, spans(locations))

    def _book(self, event: str, ranges: list[Span]) -> None:
        if ranges:
            self._lines.append(event_line(event, ranges))
            for span in ranges:
                self.ledger.book(event, span)


def _open(path: Path) -> BinaryIO:
    """Open a file that is there, or make one: never over another, nor where a link points to that leads nowhere."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is no file, and a journal is one; name another with --journal")
        try:
            return path.open("x+b", buffering=0)
        except FileExistsError:
            return path.open("r+b", buffering=0)
    except OSError as err:
        raise InputError(f"{path}: {err.strerror or err}") from err


def _read(path: Path, file: BinaryIO, head: bytes) -> bytes:
    """Return the bytes of a journal, or of the beginning of one; of anything else no more is read than the first."""
    first = file.read(len(HEAD)) or b""
    if first not in (HEAD, b""):
        raise InputError(f"{path}: is no journal of this version of fastxform; name another file with --journal")
    text = first + (file.read() or b"")
    if b"\n" not in text and not head.startswith(text[: len(head)]):
        raise InputError(f"{path}: is no journal of this version of fastxform; name another file with --journal")
    return text


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
