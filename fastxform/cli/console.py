"""The two channels of the command, data out and lines to the user, and how both are written.

Data is bytes, UTF-8 whatever the locale is; lines to the user go to standard error. Colours need the package `rich` and
a terminal. What is written is decided by the verbs. Invariant: a channel that was closed before the start swallows what
it is given, nothing but data goes to standard output, and without a terminal there is not one escape sequence.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, BinaryIO, Final, Literal, TextIO

from fastxform.errors import REASONS

Colour = Literal["red", "green", "yellow", "blue", "bold", "dim"]

_CONTROL_PICTURES: Final = 0x2400
_DELETE: Final = 0x7F
_DELETE_PICTURE: Final = "\u2421"
_ERASE_LINE: Final = "\r\x1b[K"


class Console:
    """Standard output as bytes and standard error as lines, looked up when the command starts."""

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        # The help of argparse goes through the text layer, everything else past it.
        self._text = stdout or sys.stdout or io.TextIOWrapper(io.BytesIO())
        self._out: BinaryIO = self._text.buffer
        self._err: TextIO = stderr or sys.stderr or io.StringIO()
        self._has_status = False
        self._paint_error = Paint(_has_colours(self._err))

    @property
    def is_interactive(self) -> bool:
        """Tell whether a person reads standard error at a terminal."""
        return self._err.isatty()

    @property
    def has_colours(self) -> bool:
        """Tell whether standard error takes colours."""
        return self._paint_error.enabled

    @property
    def data_is_visible(self) -> bool:
        """Tell whether data is written to a terminal, where a line of progress would break it."""
        return self._text.isatty()

    def data(self, data: bytes) -> None:
        """Write bytes to standard output, all of them also where it is not buffered and writes are short."""
        left = memoryview(data)
        while left:
            left = left[self._out.write(left) :]

    def line(self, text: str) -> None:
        """Write one line of text to standard output."""
        self.data(text.encode(errors="backslashreplace") + b"\n")

    def json(self, document: Mapping[str, Any]) -> None:
        """Write one JSON document, on one line, to standard output."""
        self.line(json.dumps(document, ensure_ascii=False))

    def note(self, text: str) -> None:
        """Write one line to standard error; where that cannot be written, there is nowhere left to say so."""
        with contextlib.suppress(OSError):
            self._erase_status()
            self._err.write(text.encode(errors="backslashreplace").decode() + "\n")

    def error(self, text: str) -> None:
        """Write one line to standard error that says what keeps the command from its work."""
        self.note(f"{self._paint_error('fastxform:', 'red')} {text}")

    def status(self, text: str) -> None:
        """Replace the line of progress at the terminal; an empty one takes it away."""
        with contextlib.suppress(OSError):
            self._erase_status()
            self._err.write(text)
            self._err.flush()
            self._has_status = bool(text)

    def flush(self) -> None:
        """Hand everything to the system."""
        self._text.flush()
        self._err.flush()

    def _erase_status(self) -> None:
        if self._has_status:
            self._err.write(_ERASE_LINE)
            self._has_status = False


class CappedNotes:
    """Lines about single records: the first ones are written, the others counted."""

    LIMIT: Final = 10

    def __init__(self, console: Console, noun: str) -> None:
        """Take what one line is about, as `failed record`."""
        self._console, self._noun = console, noun
        self._count = 0

    def add(self, text: str) -> None:
        """Write a line, or count it."""
        self._count += 1
        if self._count <= self.LIMIT:
            self._console.note(text)

    def end(self) -> None:
        """Say how many lines were not written."""
        if self._count > self.LIMIT:
            self._console.note(f"and {number_of(self._count - self.LIMIT, f'more {self._noun}')}")


class Paint:
    """Colours text on standard output, if somebody sees it: `NO_COLOR` and a dumb terminal are respected."""

    def __init__(self, enabled: bool | None = None) -> None:
        self.enabled = _has_colours(sys.stdout) if enabled is None else enabled

    def __call__(self, text: str, colour: Colour) -> str:
        """Return the text in a colour."""
        if not self.enabled:
            return text
        from rich.style import Style

        return Style.parse(colour).render(text)


def _has_colours(stream: TextIO | None) -> bool:
    if stream is None or not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return find_spec("rich") is not None


def visible(text: str) -> str:
    """Return one line with everything in it that cannot be seen: control characters, odd spaces, spaces at its end."""
    body = text.rstrip(" ")
    return "".join(map(_visible, body)) + "\u00b7" * (len(text) - len(body))


def _visible(character: str) -> str:
    code = ord(character)
    if code < ord(" "):
        return chr(_CONTROL_PICTURES + code)
    if code == _DELETE:
        return _DELETE_PICTURE
    return character if character.isprintable() else f"<U+{code:04X}>"


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Return rows of cells as lines with their columns aligned; those in `right` at their right side."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def explain(reason: str) -> str:
    """Return a reason with its meaning: `type:population: the value does not fit the type of the column`."""
    return f"{reason}: {REASONS.get(reason.partition(':')[0], 'unknown reason')}"


def counted(counts: Mapping[str, int]) -> str:
    """Return counts as `12 json, 3 utf8`, the most frequent first."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def number_of(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun in the right number: `1 call`, `2 calls`."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def amount(size_bytes: float) -> str:
    """Return a number of bytes for people: `5.6 MB`, decimal units."""
    for unit in ("bytes", "kB", "MB"):
        if size_bytes < 1000:
            return number_of(round(size_bytes), "byte") if unit == "bytes" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} GB"


def duration(seconds: float) -> str:
    """Return a time for people: `40 s`, `6 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3_600:.1f} h"
