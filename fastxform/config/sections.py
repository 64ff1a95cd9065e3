"""The parts of the file beside the columns: output, routes, overflow and tests.

Each function reads one of them; what one part means for another is checked in `reader`. Invariant: what is returned can
be built on, also where mistakes were noted.
"""

from collections.abc import Iterable
from typing import Any, Final, cast

from fastxform import errors
from fastxform.config import defaults
from fastxform.config.columns import ColumnReader
from fastxform.config.diagnostics import Diagnostics, kind_of
from fastxform.config.keys import CHOICE, ICEBERG, OPERATIONS, OUTPUT, OVERFLOW, ROUTE, TEST
from fastxform.config.locations import KeyPath
from fastxform.config.model import Choice, Column, Example, Iceberg, Output, Overflow, Route
from fastxform.config.readers import READERS, Reader
from fastxform.config.table import Table
from fastxform.errors import nearest, shown

EVENT_NAMES: Final = ("INSERT", "MODIFY", "REMOVE")
_OUTCOMES: Final = ("expect", "result", "reason")

_NAMED_BY_REASONS: Final = ("path", "type", "pattern", "required", "expression", "quoting", "partition_key", "parse")
"""Reason codes that may be followed by a colon and a name."""


def read_output(diagnostics: Diagnostics, content: dict[str, Any]) -> Output:
    """Return how rows are written; the keys that the file leaves out are those of its `reader`."""
    if "bom" in content:
        diagnostics.add(("output", "bom"), _NO_MARK)
        content = {name: value for name, value in content.items() if name != "bom"}
    name = content.get("reader")
    reader = READERS.get(name) if isinstance(name, str) else None
    # What the file says comes first, and stays the place of its mistakes.
    table = Table(diagnostics, ("output",), ({} if reader is None else _keys_of(reader)) | content, OUTPUT)
    output = Output(
        format=cast(Any, table.choice("format")),
        delimiter=_delimiter(table),
        quoting=cast(Any, table.choice("quoting")),
        null=table.text("null") or "",
        newlines=cast(Any, table.choice("newlines")),
        escape_formulas=table.boolean("escape_formulas"),
        reader=table.text("reader"),
        escape=table.text("escape") or "",
        quote_empty=table.boolean("quote_empty"),
        timestamps=cast(Any, table.text("timestamps")),
        line_end=cast(Any, table.choice("line_end")),
        json=cast(Any, table.choice("json")),
        strict=reader is not None and not reader.tells_null,
        refuses="" if reader is None else reader.refuses,
    )
    _check_format(table, content, output)
    if reader is not None:
        _check_reader(table, content, str(name), reader)
    if output.quoting == "none":
        _check_unquoted(table, output)
    elif output.quote_empty and any(mark in output.null for mark in (output.delimiter, '"', "\r", "\n")):
        table.fail("null", "needs quotes, and with quote_empty a null has none")
    return output


_NO_MARK: Final = (
    "unknown key; Firehose joins the rows of many invocations to one object, so a byte order mark would stand before"
    " every row; tell the program that opens the file that it is UTF-8 (in Excel: Data, From Text/CSV, 65001)"
)
_CSV_KEYS: Final = ("delimiter", "quoting", "escape", "null", "quote_empty", "newlines", "escape_formulas")


def _keys_of(reader: Reader) -> dict[str, Any]:
    """Return the keys of a reader; what it leaves to the format is left out."""
    return {"format": reader.format} | {name: values[0] for name, values in reader.keys.items()}


def _check_format(table: Table, content: dict[str, Any], output: Output) -> None:
    wrong = _CSV_KEYS if output.format == "json" else ("json",)
    other = "CSV" if output.format == "json" else "JSON"
    for key in wrong:
        if key in content:
            table.fail(key, f"is for {other} output, and this output is {output.format.upper()}")


def _check_reader(table: Table, content: dict[str, Any], name: str, reader: Reader) -> None:
    """Refuse what the reader cannot take."""
    if "format" in content and content["format"] in ("csv", "json") and content["format"] != reader.format:
        table.fail("format", f"{name} reads {reader.format.upper()}; leave format out")
    for key, values in reader.keys.items():
        # A value of the wrong kind, or an unknown word, is a mistake already.
        wanted = OUTPUT.find(key)
        value = content.get(key)
        if value is None or value in values or (wanted.choices and value not in wanted.choices):
            continue
        words = " or ".join(json_word(value) for value in values)
        table.fail(key, f"{name} cannot take {json_word(value)}; leave {key} out, or write {words}")


def json_word(value: str | bool) -> str:
    """Return a value of the file as it is shown in a message."""
    return str(value).lower() if isinstance(value, bool) else shown(value)


def _check_unquoted(table: Table, output: Output) -> None:
    if output.quote_empty:
        table.fail("quote_empty", 'quotes, and quoting is none; write quoting = "minimal"')
    if any(mark in output.null for mark in (output.delimiter, "\r", "\n")):
        table.fail("null", "needs quotes, and quoting is none: every null would fail its record")
    if output.escape and output.escape == output.delimiter:
        table.fail("escape", "is the delimiter; take another delimiter")


def _delimiter(table: Table) -> str:
    delimiter = table.text("delimiter") or ""
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        table.fail(
            "delimiter",
            r'must be one ASCII character other than a quote, CR, LF and NUL; a TAB is "\t"',
        )
        return ","
    return delimiter


def read_route(diagnostics: Diagnostics, columns: ColumnReader, path: KeyPath, content: dict[str, Any]) -> Route:
    """Return one route; its `where` is not compiled yet."""
    table = Table(diagnostics, path, content, ROUTE)
    own = table.table("columns") or {}
    iceberg = table.table("iceberg")
    return Route(
        where=table.text("where"),
        columns=columns.read((*path, "columns"), own),
        iceberg=None if iceberg is None else _iceberg(diagnostics, (*path, "iceberg"), iceberg),
        location=diagnostics.noted_location(path),
    )


def _iceberg(diagnostics: Diagnostics, path: KeyPath, content: dict[str, Any]) -> Iceberg:
    table = Table(diagnostics, path, content, ICEBERG)
    database = table.text("database")
    _check_name(table, ("database",), database)
    for key in ("database", "table"):
        if key not in table:
            diagnostics.add(path, f"needs {key}")
    name = table.value("table")
    table_from = _choice(table, "table") if type(name) is dict else None
    if type(name) is str:
        if not name.strip():
            table.fail("table", "must not be empty")
        _check_name(table, ("table",), name)
    elif name is not None and type(name) is not dict:
        table.fail("table", f"must be text, or from a column, not {kind_of(name)}")
    for value, word in (table_from.values if table_from is not None else {}).items():
        _check_name(table, ("table", "values", value), word)
    operation = table.value("operation")
    operation_from = None
    if type(operation) is dict and ("from" in operation or "values" in operation):
        operation = None
        operation_from = _choice(table, "operation")
        for value, word in (operation_from.values if operation_from is not None else {}).items():
            _check_operation(table, ("operation", "values", value), word)
    return Iceberg(
        database or "",
        name if type(name) is str else "",
        _operation(table, operation),
        _key_names(table),
        table_from,
        operation_from,
    )


def _check_name(table: Table, keys: KeyPath, name: str | None) -> None:
    if name and "-" in name:
        message = f"{shown(name)} has a hyphen, and Firehose takes none in the names of Iceberg tables"
        table.diagnostics.add((*table.path, *keys), message)


def _choice(table: Table, key: str) -> Choice | None:
    """Return what a column decides on; None where it is a mistake."""
    inner = Table(table.diagnostics, (*table.path, key), table.value(key), CHOICE)
    column, values = inner.text("from"), inner.table("values")
    for needed in CHOICE.names:
        if needed not in inner:
            table.fail(key, f'needs {needed}; write {{ from = "op", values = {{ c = "insert" }} }}')
    if values is not None and not values:
        inner.fail("values", "names nothing")
    words: dict[str, str] = {}
    for value, word in (values or {}).items():
        if type(word) is str and word.strip():
            words[value] = word
        else:
            table.diagnostics.add((*inner.path, "values", value), f"must be text, not {kind_of(word)}")
    return None if column is None or not words else Choice(column, words)


def _key_names(table: Table) -> tuple[str, ...]:
    value = table.value("keys")
    if value is None:
        return ()
    if type(value) is not list or not value or not all(type(name) is str for name in value):
        table.fail("keys", 'must be a list of names of columns, such as ["id"]')
        return ()
    return tuple(dict.fromkeys(value))


def check_columns_of(diagnostics: Diagnostics, path: KeyPath, iceberg: Iceberg, columns: Iterable[Column]) -> None:
    """Check that the columns that a table's description names are there, and can be known in time."""
    known = {column.name: column for column in columns}
    for key, choice in (("table", iceberg.table_from), ("operation", iceberg.operation_from)):
        column = None if choice is None else known.get(choice.column)
        location = (*path, key, "from")
        if choice is not None and column is None:
            diagnostics.add(location, f"there is no column {shown(choice.column)}; {nearest(choice.column, known)}")
        elif column is not None and column.expr is not None:
            diagnostics.add(location, f"{shown(column.name)} is computed with expr; name a column with a path")
    visible = [column.name for column in known.values() if not column.hidden]
    for name in iceberg.keys:
        if name not in visible:
            diagnostics.add((*path, "keys"), f"the output has no column {shown(name)}; {nearest(name, visible)}")


def _operation(table: Table, operation: Any) -> str | dict[str, str] | None:
    if operation is None:
        return None
    if type(operation) is str:
        _check_operation(table, ("operation",), operation)
        return operation
    if type(operation) is not dict:
        table.fail("operation", f"must be a word, or a table from eventName to words, not {kind_of(operation)}")
        return None
    if not operation:
        table.fail("operation", f"must name an operation for one of {', '.join(EVENT_NAMES)}")
    location = (*table.path, "operation")
    for event, word in operation.items():
        if event not in EVENT_NAMES:
            table.diagnostics.add((*location, event), f"unknown eventName; {nearest(event, EVENT_NAMES)}")
        if type(word) is str:
            _check_operation(table, ("operation", event), word)
        else:
            table.diagnostics.add((*location, event), f"must be one of {', '.join(OPERATIONS)}, not {kind_of(word)}")
    return {event: word for event, word in operation.items() if type(word) is str}


def _check_operation(table: Table, keys: KeyPath, word: str) -> None:
    if word in OPERATIONS:
        return
    remedy = "write update, which also inserts a row that is not there" if word.lower() in ("upsert", "merge") else None
    message = f"unknown operation {shown(word)}; {remedy or nearest(word, OPERATIONS)}"
    table.diagnostics.add((*table.path, *keys), message)


def emits_changes(routes: Iterable[Route]) -> bool:
    """Tell whether any route can emit an update or a delete."""
    words = frozenset[str]().union(*(route.iceberg.operations for route in routes if route.iceberg is not None))
    return not words.isdisjoint(("update", "delete"))


def read_overflow(diagnostics: Diagnostics, content: dict[str, Any], *, changes: bool) -> Overflow:
    """Return what happens to records that do not fit; `changes` tells that a route can emit an update or a delete.

    A change that comes back later would overwrite a newer one, so it is not sent back unless the file says so.
    """
    table = Table(diagnostics, ("overflow",), content, OVERFLOW)
    policy = "fail" if changes and "policy" not in table else table.choice("policy")
    stream = table.text("stream")
    if stream is not None:
        from fastxform.puts.target import is_stream

        if not is_stream(stream):
            diagnostics.add(("overflow", "stream"), "is neither the name nor the ARN of a Firehose or Kinesis stream")
    return Overflow(
        policy=cast(Any, policy),
        workers=cast(int, table.integer("workers")),
        reserve_ms=cast(int, table.integer("reserve_ms")),
        stream=stream,
    )


class ExampleReader:
    """Reads `[[tests]]`; the names are those that a reason may be followed by, `directory` is where files are."""

    def __init__(
        self, diagnostics: Diagnostics, directory: str, columns: set[str], partition_keys: set[str], layers: set[str]
    ) -> None:
        self.diagnostics = diagnostics
        self.layers = layers
        self.directory = directory
        self.columns = columns
        self.partition_keys = partition_keys

    def read(self, index: int, content: dict[str, Any]) -> Example:
        """Return one test."""
        table = Table(self.diagnostics, ("tests", index), content, TEST)
        given = [outcome for outcome in _OUTCOMES if outcome in table]
        if len(given) != 1:
            instead = f", not {' and '.join(given)}" if given else ""
            self.diagnostics.add(table.path, f"takes one of {', '.join(_OUTCOMES)}{instead}")
        return Example(
            name=table.text("name") or f"test {index + 1}",
            input=self._input(table),
            expect=table.text("expect"),
            result=table.text("result"),
            reason=self._reason(table),
            metadata=self._metadata(table),
            now_ms=table.integer("now_ms"),
        )

    def _input(self, table: Table) -> bytes:
        if ("input" in table) == ("input_file" in table):
            instead = ", not both" if "input" in table else ""
            self.diagnostics.add(table.path, f"takes one of input and input_file{instead}")
            return b""
        if "input_file" in table:
            return self._input_file(table)
        value = table.value("input")
        if type(value) is str:
            return value.encode()
        if type(value) is not dict:
            table.fail("input", f"must be text or a table, not {kind_of(value)}")
            return b""
        return self._json(table, "input", value).encode()

    def _input_file(self, table: Table) -> bytes:
        from pathlib import Path

        name = table.text("input_file")
        if name is None:
            return b""
        try:
            return Path(self.directory, name).read_bytes()
        except OSError as err:
            table.fail("input_file", f"cannot read {shown(name)}: {err.strerror}")
        except ValueError as err:
            table.fail("input_file", f"cannot read {shown(name)}: {err}")
        return b""

    def _json(self, table: Table, key: str, value: Any) -> str:
        try:
            return defaults.json_text(value)
        except defaults.DefaultError as err:
            table.fail(key, str(err))
            return ""

    def _metadata(self, table: Table) -> dict[str, Any] | None:
        metadata = table.table("metadata")
        if metadata is not None:
            self._json(table, "metadata", metadata)
        return metadata

    def _reason(self, table: Table) -> str | None:
        reason = table.text("reason")
        if reason is None:
            return None
        code, colon, name = reason.partition(":")
        if code not in errors.REASONS:
            table.fail("reason", f"unknown reason {shown(code)}; {nearest(code, errors.REASONS)}")
        elif colon and code not in _NAMED_BY_REASONS:
            table.fail("reason", f"the reason {code} is followed by no name")
        elif colon and name not in (right := self._names(code)):
            table.fail("reason", f"unknown name {shown(name)} after the reason {code}; {nearest(name, sorted(right))}")
        return reason

    def _names(self, code: str) -> set[str]:
        if code == "partition_key":
            return self.partition_keys
        if code == "parse":
            return self.layers
        return self.columns | ({"where"} if code == "expression" else {"*"} if code == "type" else set())
