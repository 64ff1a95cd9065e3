"""What is said of the user's own code when it raises or returns something else than it has to: once for each kind.

At a desk the traceback is shown; in Lambda one line with the type of the exception, its file and line, and never its
message, which may hold values of records. Invariant: what is said changes no answer.
"""

import os
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

from fastxform.settings import is_lambda

_KINDS_LIMIT: Final = 100
"""Kinds that one pipeline tells apart: code that raises in ever new lines says no more than that."""


class OwnCodeFaults:
    """The kinds of faults that were said already, of one pipeline."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._seen: set[str] = set()
        self._is_lambda = is_lambda(environ)

    def say(self, message: str) -> None:
        """Write one line of what the code returned."""
        if message not in self._seen and len(self._seen) < _KINDS_LIMIT:
            self._seen.add(message)
            _write(f"fastxform: map_batch {message}; its rows fail with map_batch\n")

    def raised(self, error: BaseException, function: Callable[..., Any]) -> None:
        """Write what the code raised."""
        file, line = _location(error.__traceback__, function)
        kind = f"raised {type(error).__name__} in {file}, line {line}"
        if kind in self._seen or len(self._seen) >= _KINDS_LIMIT:
            return
        self._seen.add(kind)
        text = f"fastxform: map_batch {kind}; the rows on which it raises fail with map_batch\n"
        if not self._is_lambda:
            # Few functions raise.
            import traceback

            # The first frame is the call, which is not the user's.
            own = error.__traceback__ and error.__traceback__.tb_next
            text = "".join(traceback.format_exception(type(error), error, own)) + text
        _write(text)


def _location(trace: TracebackType | None, function: Callable[..., Any]) -> tuple[str, int]:
    """Return the innermost line in the file of the function, of others where it has no line there."""
    code = getattr(function, "__code__", None)
    file, line, is_own = "a built-in", 0, False
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        own = code is not None and name == code.co_filename
        if own or not is_own:
            file, line, is_own = name, trace.tb_lineno, own
        trace = trace.tb_next
    return file, line


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
    except Exception:  # a closed or broken stream is no reason to fail a batch
        return
