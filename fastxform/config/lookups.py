"""The tables `[lookups.NAME]`: rows of a file beside the configuration, or values in it, read into `LookupTable`s.

What a call finds is `query`'s. Invariant: a table has a key in every row and none twice, or there is a mistake that
says the line.
"""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa

from fastxform.config.diagnostics import Diagnostics, kind_of
from fastxform.config.keys import LOOKUP
from fastxform.config.locations import KeyPath
from fastxform.config.table import Table
from fastxform.core import json_text
from fastxform.core.json_values import json_value
from fastxform.core.values import Number, text_of
from fastxform.errors import near, shown
from fastxform.limits import FUNCTION_UNPACKED_LIMIT_BYTES
from fastxform.query.lookup_tables import LookupTable

VALUE: Final = "value"
"""The one column of a table whose values stand in the configuration."""

_JSON_ENDINGS: Final = (".json", ".jsonl", ".ndjson")
_SHOWN_COLUMNS: Final = 10

Row = dict[str, str | None]


class LookupFileError(ValueError):
    """What is wrong with a file, with its line where it has one, and the remedy."""


class LookupReader:
    """Reads the tables of a file; `broken` are the names of those with a mistake."""

    def __init__(self, diagnostics: Diagnostics, directory: str) -> None:
        self.diagnostics = diagnostics
        self.directory = directory
        self.broken: set[str] = set()

    def read(self, content: dict[str, Any]) -> dict[str, LookupTable]:
        """Return the tables by their names."""
        tables = {}
        for name, value in content.items():
            table = self._table(name, value)
            if table is None:
                self.broken.add(name)
            else:
                tables[name] = table
        return tables

    def _table(self, name: str, content: Any) -> LookupTable | None:
        location: KeyPath = ("lookups", name)
        if type(content) is not dict:
            message = f"must be a table below a line [lookups.{name}], not {kind_of(content)}"
            self.diagnostics.add(location, message)
            return None
        table = Table(self.diagnostics, location, content, LOOKUP)
        if not content.keys() <= set(LOOKUP.names):
            return None
        if ("file" in table) == ("values" in table):
            instead = ", not both" if "file" in table else ""
            self.diagnostics.add(location, f"takes one of file and values{instead}")
            return None
        noted = self.diagnostics.noted_location(location)
        if "values" in table:
            if "key" in table:
                table.fail("key", "is for file; with values the keys are the names in it")
            return self._values(table, name, noted)
        file, key = table.text("file"), table.text("key")
        if "key" not in table:
            self.diagnostics.add(location, "needs key, the column of the file whose text is looked for")
        if file is None or key is None:
            return None
        try:
            keys, columns = read_file(self.directory, file, key)
        except LookupFileError as err:
            table.fail("file", str(err))
            return None
        others = [column for column in columns if column != key]
        only = others[0] if len(others) == 1 else key if not others else None
        return LookupTable(name, keys, columns, only, noted)

    def _values(self, table: Table, name: str, noted: str) -> LookupTable | None:
        values = table.table("values")
        if values is None:
            return None
        if not values:
            table.fail("values", "names nothing")
            return None
        texts: list[str] = []
        for key, value in values.items():
            if type(value) not in (str, bool, int, Number):
                remedy = "; several columns are a file" if type(value) is dict else ""
                message = f"must be text, a number, true or false, not {kind_of(value)}{remedy}"
                self.diagnostics.add((*table.path, "values", key), message)
            else:
                texts.append(text_of(value) or "")
        if len(texts) < len(values):
            return None
        columns = {VALUE: pa.array(texts, pa.string())}
        return LookupTable(name, pa.array(list(values), pa.string()), columns, VALUE, noted)


def read_file(directory: str, name: str, key: str) -> tuple[pa.Array, dict[str, pa.Array]]:
    """Return the keys and the columns, the key's too, of a CSV file with a header, or of JSON lines by their ending.

    Raises:
        LookupFileError: the file cannot be read, or a row of it is wrong.
    """
    text = _text(directory, name)
    rows = _json_rows(text, name) if name.lower().endswith(_JSON_ENDINGS) else _csv_rows(text, name, key)
    keys: dict[str, int] = {}
    columns: dict[str, list[str | None]] = {}
    for number, (line, row) in enumerate(rows):
        value = row.get(key)
        if not value:
            known = f"; it has {_listed(row)}" if key not in row else ""
            raise LookupFileError(f"{name} line {line}: has no {shown(key)}, the key{known}")
        if (first := keys.setdefault(value, line)) != line:
            message = f"{name} line {line}: the key {shown(value)} stands in line {first} too; leave one of them"
            raise LookupFileError(message)
        for column in row:
            if column not in columns:
                columns[column] = [None] * number
        for column, values in columns.items():
            values.append(row.get(column))
    if not keys:
        raise LookupFileError(f"{name} holds no row, so that every look-up would be null")
    return pa.array(list(keys), pa.string()), {name: pa.array(texts, pa.string()) for name, texts in columns.items()}


def _text(directory: str, name: str) -> str:
    if os.path.isabs(name) or ".." in name.replace("\\", "/").split("/"):
        message = f"{shown(name)} does not lie beside the configuration, with which it is packed; put it there"
        raise LookupFileError(message)
    try:
        # `pathlib` would be 4 ms of a cold start.
        with open(os.path.join(directory, name), "rb") as file:
            content = file.read(FUNCTION_UNPACKED_LIMIT_BYTES + 1)
    except FileNotFoundError as err:
        raise LookupFileError(
            f"there is no file {shown(name)} beside the configuration{_near(directory, name)}"
        ) from err
    except IsADirectoryError as err:
        raise LookupFileError(f"{shown(name)} is a directory; name the file in it") from err
    except OSError as err:
        raise LookupFileError(f"cannot read {shown(name)}: {err.strerror}") from err
    except ValueError as err:
        raise LookupFileError(f"cannot read {shown(name)}: {err}") from err
    if len(content) > FUNCTION_UNPACKED_LIMIT_BYTES:
        raise LookupFileError(f"{name} is larger than all of a function may be, 250 MB; take fewer rows or columns")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise LookupFileError(f"{name} line {line}: is not UTF-8; save the file in that encoding") from err


def _near(directory: str, name: str) -> str:
    folder = os.path.join(directory, os.path.dirname(name))
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return ""
    close = near(os.path.basename(name), names)
    return f"; did you mean {close}?" if close else ""


def _json_rows(text: str, name: str) -> Iterator[tuple[int, Row]]:
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        raw = written.strip().encode()
        if not json_text.is_json(raw):
            raise LookupFileError(f"{name} line {line}: is not JSON; write one object a line")
        if not raw.startswith(b"{"):
            raise LookupFileError(f"{name} line {line}: is no object; write one object a line")
        members = json_text.members_of(raw)
        yield line, {member: _text_of(json_value(value)) for member, value in members.items()}


def _text_of(value: Any) -> str | None:
    # Of exactly the type `str`, as Arrow takes it fastest.
    text = text_of(value)
    return None if text is None else str(text)


def _csv_rows(text: str, name: str, key: str) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as err:
            raise LookupFileError(f"{name} line {line}: is not CSV: {err}") from err
        if fields is None:
            if header is None:
                raise LookupFileError(f"{name} is empty; its first line names the columns")
            return
        if not fields:
            continue
        if header is None:
            header = fields
            _check_header(fields, name, key)
        elif len(fields) != len(header):
            message = f"{name} line {line}: has {len(fields)} fields, and the header {len(header)}"
            raise LookupFileError(f"{message}; quote fields that hold a comma")
        else:
            yield line, dict(zip(header, fields, strict=True))


def _check_header(header: list[str], name: str, key: str) -> None:
    if header[0].lstrip().startswith("{"):
        raise LookupFileError(f"{name} looks like JSON lines; give it a name that ends in .jsonl")
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise LookupFileError(f"{name} line 1: the header names {shown(twice)} twice")
    if key in header:
        return
    close = near(key, header)
    other = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), None)
    if other is not None:
        remedy = f"its fields are separated by {other!r}; save it with commas"
    else:
        remedy = f"did you mean {close}?" if close else f"it has {_listed(header)}"
    raise LookupFileError(f"{name} line 1: the header has no {shown(key)}, the key; {remedy}")


def _listed(names: Iterable[str]) -> str:
    written = list(map(shown, names))
    more = f" and {len(written) - _SHOWN_COLUMNS} more" if len(written) > _SHOWN_COLUMNS else ""
    return ", ".join(written[:_SHOWN_COLUMNS]) + more if written else "no member"
