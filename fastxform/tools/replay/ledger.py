"""What a journal says of each record, and how its lines are written and read.

The file itself, who may write to it and when, is `journal`'s. Each line ends with a checksum of itself and of all lines
before it, so that one which was changed, lost, moved or repeated is noticed. Invariant: what is not surely what was
written is no ledger.
"""

import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fastxform.errors import InputError
from fastxform.tools.replay.locations import Span, spans
from fastxform.tools.replay.stores import Stored

HEAD: Final = b"fastxform journal 2 "

_STARTED: Final = 1
_ACKNOWLEDGED: Final = 2
_MAYBE_DUPLICATE: Final = 4

_LINE: Final = re.compile(rb"(.*) ([0-9a-f]{8})", re.DOTALL)
_EVENT: Final = re.compile(r"([>+?-]) (\d+:\d+-\d+(?:,\d+:\d+-\d+)*)", re.ASCII)
"""`>` is about to be put, `+` acknowledged, `?` may have arrived all the same, `-` answered and not taken."""

_RECORDS_PER_BYTE: Final = 1_100
"""More records than a byte of an object can hold: deflate makes 1,032 bytes of one, and a record is one at least."""


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


class Chain:
    """The checksum of all lines so far."""

    def __init__(self) -> None:
        self._checksum = 0

    def written(self, lines: list[str]) -> bytes:
        """Return lines as they are written next."""
        written = []
        for line in lines:
            self._checksum = zlib.crc32(line.encode(), self._checksum)
            written.append(f"{line} {self._checksum:08x}\n".encode())
        return b"".join(written)

    def read(self, line: bytes) -> str | None:
        """Return what the next line says, without its line end; None where it is not what was written."""
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        checksum = zlib.crc32(match[1], self._checksum)
        if f"{checksum:08x}".encode() != match[2]:
            return None
        self._checksum = checksum
        return match[1].decode(errors="replace")


def head_of(stream: str) -> str:
    """Return the first line of a journal, without its checksum."""
    return HEAD.decode() + json.dumps(stream)


def file_line(stored: Stored) -> str:
    """Return the line of an object."""
    return f"= {json.dumps(list(stored))}"


def event_line(event: str, ranges: list[Span]) -> str:
    """Return the line of what happened to records."""
    return f"{event} {','.join(f'{span.file}:{span.first}-{span.last}' for span in ranges)}"


def parse(path: Path, text: bytes, stream: str) -> tuple[PutLedger, Chain, int]:
    """Return what a journal says, its checksum, and how many of its bytes are whole lines.

    A last line without its end was cut short, and recorded nothing that was done yet.

    Raises:
        InputError: it is no journal, damaged, or of another stream.
    """
    ledger, chain = PutLedger(), Chain()
    *lines, rest = text.split(b"\n")
    if lines:
        _check_head(path, lines[0], chain, stream)
    for number, line in enumerate(lines[1:], 2):
        said = chain.read(line)
        if said is None or not _book(ledger, said):
            raise _damaged(path, number)
    if rest and chain.read(rest[:-1]) is not None:  # whole, and its line end is something else
        raise _damaged(path, len(lines) + 1)
    return ledger, chain, len(text) - len(rest)


def _damaged(path: Path, number: int) -> InputError:
    return InputError(f"{path}:{number}: the journal is damaged; without it every record is sent again")


def _check_head(path: Path, line: bytes, chain: Chain, stream: str) -> None:
    if not line.startswith(HEAD):
        raise InputError(f"{path}: is no journal of this version of fastxform; name another file with --journal")
    head = chain.read(line)
    if head is None:
        raise _damaged(path, 1)
    if head != head_of(stream):
        written = head.removeprefix(HEAD.decode())
        raise InputError(f"{path}: is the journal of {written}, not of {stream}; name another file with --journal")


def _book(ledger: PutLedger, said: str) -> bool:
    """Enter a line, and say whether it is one."""
    match = _EVENT.fullmatch(said)
    if match is None:
        stored = _read_file(said)
        if stored is not None:
            ledger.add_file(stored)
        return stored is not None
    ranges = [Span(*map(int, re.split("[:-]", part))) for part in match[2].split(",")]
    if not all(_is_possible(ledger, span) for span in ranges):
        return False
    for span in ranges:
        ledger.book(match[1], span)
    return True


def _is_possible(ledger: PutLedger, span: Span) -> bool:
    """Say whether an object can have these records: a byte is held for each of them."""
    if span.file >= len(ledger.files):
        return False
    return span.first <= span.last <= ledger.files[span.file].size_bytes * _RECORDS_PER_BYTE


def _read_file(line: str) -> Stored | None:
    if not line.startswith("= "):
        return None
    try:
        name, size_bytes, modified_ns = json.loads(line.removeprefix("= "))
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(name, str) or type(size_bytes) is not int or type(modified_ns) is not int:
        return None
    return Stored(name, size_bytes, modified_ns)
