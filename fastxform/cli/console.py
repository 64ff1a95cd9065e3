"""The two channels of the command: data out, words to the user.

Data is bytes, UTF-8 whatever the locale says; words are lines on standard error. What is said is decided by the
verbs. Invariant: a channel that was closed before the start swallows what it is given, and no word ever goes into
the data.
"""

import contextlib
import io
import json
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, TextIO


class Console:
    """Standard output as bytes and standard error as lines, looked up when the command starts."""

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        # The help of argparse goes through the text layer, everything else past it.
        self._text = stdout or sys.stdout or io.TextIOWrapper(io.BytesIO())
        self._out: BinaryIO = self._text.buffer
        self._err: TextIO = stderr or sys.stderr or io.StringIO()

    @property
    def is_interactive(self) -> bool:
        """Tell whether a person reads standard error at a terminal."""
        return self._err.isatty()

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
            self._err.write(text.encode(errors="backslashreplace").decode() + "\n")

    def status(self, text: str) -> None:
        """Replace the last line at the terminal, where there is one."""
        self._err.write(f"\r\x1b[K{text}")
        self._err.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        self._text.flush()
        self._err.flush()
