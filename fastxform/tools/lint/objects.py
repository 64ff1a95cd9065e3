"""What a transform writes into CSV and JSON objects, held against what their reader is set to.

The wanted columns and options are those of the statement that `fastxform.tools.reader_ddl` makes, read by the same
`reader_tables`; so a statement agrees with its transform. CSV has no names, so that the order of its columns counts;
JSON is read by name. Invariant: a text column takes every value, and a number never one with fewer digits.
"""

import re
from collections.abc import Iterator
from typing import Final

from fastxform.config.model import Spec
from fastxform.errors import ConfigError
from fastxform.tools import reader_ddl
from fastxform.tools.lint.finding import Finding
from fastxform.tools.lint.reader_tables import DIALECTS, PARQUET, ReaderTable, read_table

_LOCATION: Final = "s3://bucket/prefix"
_DECIMAL: Final = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_WHOLE_DIGITS: Final = 19
"""Of the largest int64."""


def compare(spec: Spec, text: str, name: str, ddl_name: str) -> tuple[Finding, ...]:
    """Return where a reader is set to something else than a transform writes.

    Args:
        spec: the transform, which writes to no Iceberg table.
        text: the statements that the reader was given.
        name: the file of the transform, for places.
        ddl_name: the file of the statements, for places.

    Raises:
        InputError: the text cannot be read.
    """
    reader = spec.output.reader
    if reader is not None and reader not in DIALECTS:
        message = f"the reader {reader} has no table definition, so there is nothing to compare with"
        return (Finding("error", "no-table", name, message),)
    told = read_table(text, ddl_name, reader or "athena-json")
    target = reader_ddl.GLUE_PARQUET if _is(told, PARQUET) else reader
    if target is None:
        message = "no route names an Iceberg table and [output] no reader, so there is nothing to compare with"
        return (Finding("error", "no-table", name, message),)
    try:
        statement = reader_ddl.statement(spec, told.name.rpartition(".")[2], _LOCATION, "", target)
    except ConfigError as error:
        return tuple(Finding("error", "mistake", mistake.location, mistake.message) for mistake in error.mistakes)
    wanted = read_table(statement, ddl_name, reader or "athena-json")
    return tuple(_ReaderComparison(spec, wanted, told, ddl_name).findings())


def _is(table: ReaderTable, serde: str) -> bool:
    return table.options is not None and table.options.get("serde") == serde


class _ReaderComparison:
    """How a reader has to be set, and how it is set."""

    def __init__(self, spec: Spec, wanted: ReaderTable, told: ReaderTable, ddl_name: str) -> None:
        self.spec, self.wanted, self.told = spec, wanted, told
        line = f":{told.line}" if told.line else ""
        self.location = f"{ddl_name}{line}: {told.name}"

    def findings(self) -> Iterator[Finding]:
        """Yield everything that differs."""
        yield from self._options()
        written = [column.name.lower() for column in self.wanted.columns]
        found = [column.name.lower() for column in self.told.columns]
        is_csv = self.spec.output.format == "csv"
        if is_csv and written != found:
            message = f"has the columns {', '.join(found)}, and a row has {', '.join(written)}; CSV is read by position"
            yield Finding("error", "columns", self.location, message)
            return
        yield from self._columns()
        unread = [name for name in found if name not in written]
        if unread and not is_csv:
            message = f"{', '.join(unread)}: no column of the transform, so always null"
            yield Finding("warning", "column-unknown", self.location, message)

    def _options(self) -> Iterator[Finding]:
        if self.told.unknown is not None:
            message = f"reads with the file format {self.told.unknown}, which is not here, so it is not compared"
            yield Finding("warning", "options", self.location, message)
        if self.wanted.options is None or self.told.options is None:
            return
        for key, wanted in self.wanted.options.items():
            told = self.told.options.get(key)
            if told is None or told.lower() == wanted.lower():
                continue
            message = f"is read with {key} = {told!r}, and the rows are written for {wanted!r}; write that"
            yield Finding("error", "options", self.location, message)
            if key == "serde":
                return  # the other options are of another serde

    def _columns(self) -> Iterator[Finding]:
        kinds = {column.name.lower(): column.type for column in self.told.columns}
        columns = reader_ddl.visible_columns(self.spec)
        for column, wanted in zip(columns, self.wanted.columns, strict=True):
            kind = kinds.get(column.name.lower())
            if kind is None:
                message = f"{self.told.name} has no such column, so its value is not read; add it, or make it hidden"
                yield Finding("error", "column-missing", column.location, message)
            elif not _fits(wanted.type, kind):
                message = f"is read as {wanted.type}, and {self.told.name} has {kind}; make them agree, or take string"
                yield Finding("error", "type", column.location, message)


def _fits(wanted: str, told: str) -> bool:
    """Tell whether a type takes every value of the wanted one."""
    if told in (wanted, "string"):
        return True
    wide = _DECIMAL.fullmatch(told)
    if wide is None:
        return False
    precision, scale = int(wide[1]), int(wide[2])
    narrow = _DECIMAL.fullmatch(wanted)
    whole, fraction = (int(narrow[1]) - int(narrow[2]), int(narrow[2])) if narrow else (_WHOLE_DIGITS, 0)
    return (narrow is not None or wanted == "bigint") and precision - scale >= whole and scale >= fraction
