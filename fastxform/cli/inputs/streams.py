"""JSON that is too large to be read as a whole: a list, or documents one behind the other, an element at a time.

What an element is of is decided in `envelopes`. Invariant: no more than one element and one block of the input is in
memory beside the beginning that was read already, and what is no JSON is an `InputError` that says where.
"""

import codecs
import json
from collections.abc import Callable, Iterator
from typing import Final

from fastxform.cli.inputs.envelopes import InputRecord, NotUnwrappedError, element_reader
from fastxform.cli.inputs.reader import DOCUMENT_LIMIT_BYTES, InputReader
from fastxform.errors import InputError

_BLOCK_BYTES: Final = 1 << 20
_CUT_CHARACTERS: Final = 16
"""Where what lacks its end is found to be no JSON: before a word or an escape at most."""

_WHITE: Final = " \t\r\n"
SCAN: Final = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode  # no limit on digits
"""Returns the JSON value that begins at a place of a text, and where it ends."""


class LargeInput:
    """An input that has more than is read as a whole; what was read of it is its beginning."""

    def __init__(self, reader: InputReader, beginning: bytes) -> None:
        self._reader = reader
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._number = "", 0, 0
        try:
            self._text = self._decoder.decode(beginning)
        except UnicodeDecodeError:
            self._text = ""  # no JSON, which it need not be
        self._at = _skip(self._text, 0)
        self._is_list = self._text.startswith("[", self._at)
        self._at += self._is_list

    def records(self) -> tuple[str, Iterator[InputRecord]] | None:
        """Return what they are and the records; None where the input is neither a list nor documents.

        Raises:
            InputError: it is one document, or a list of what no records can be had out of.
        """
        start = _skip(self._text, self._at)
        try:
            _, end = SCAN(self._text, start)
        except RecursionError:
            return None
        except ValueError as err:
            if isinstance(err, json.JSONDecodeError) and self._is_cut(err):
                raise InputError(
                    f"{self._reader.name}: one document of more than {DOCUMENT_LIMIT_BYTES} bytes, which no stream "
                    "takes; an event of Firehose has 6 MB at most"
                ) from err
            return None
        first = self._text[start:end].encode()
        if not first.startswith(b"{"):
            return None
        if not self._is_list:
            return "documents one behind the other, each read as a record", map(InputRecord, self._elements())
        try:
            note, read = element_reader(first)
        except NotUnwrappedError as err:
            raise InputError(f"{self._reader.name}: {err}") from err
        return f"{note}, read one at a time", self._each(read)

    def _is_cut(self, err: json.JSONDecodeError) -> bool:
        """Tell whether a value is no JSON since its end is not there yet."""
        return err.msg.startswith("Unterminated string") or len(self._text) - err.pos <= _CUT_CHARACTERS

    def _each(self, read: Callable[[bytes], InputRecord]) -> Iterator[InputRecord]:
        for element in self._elements():
            try:
                yield read(element)
            except NotUnwrappedError as err:
                raise InputError(f"{self._reader.name}: element {self._number}: {err}") from err

    def _elements(self) -> Iterator[bytes]:
        while self._has_more():
            self._number += 1
            yield self._next()

    def _has_more(self) -> bool:
        """Go to where the next element begins; tell whether there is one."""
        while True:
            self._at = _skip(self._text, self._at)
            if self._text.startswith(",", self._at) and self._number:
                self._at += 1
            elif self._is_list and self._text.startswith("]", self._at):
                return False
            elif self._at < len(self._text):
                return True
            elif not self._read():
                if self._is_list:
                    raise InputError(f"{self._reader.name}: the list ends early, behind element {self._number}")
                return False

    def _next(self) -> bytes:
        """Return the element that begins here."""
        while True:
            try:
                _, end = SCAN(self._text, self._at)
            except (ValueError, RecursionError) as err:
                if len(self._text) - self._at <= DOCUMENT_LIMIT_BYTES and self._read():
                    continue
                what = "element" if self._is_list else "document"
                raise InputError(f"{self._reader.name}: {what} {self._number} is not JSON, or is cut off") from err
            element = self._text[self._at : end].encode()
            self._at = end
            return element

    def _read(self) -> bool:
        """Read a block more, less what is done with; tell whether there was one."""
        block = self._reader.rest(_BLOCK_BYTES)
        try:
            more = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as err:
            raise InputError(f"{self._reader.name}: is not UTF-8 behind element {self._number}") from err
        self._text = self._text[self._at :] + more
        self._at = 0
        return bool(block)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _WHITE:
        at += 1
    return at
