"""The tables of columns, the shared ones and those of routes, read into `Column`s.

Expressions are only taken over here, `expressions` compiles them. Invariant: a column with a mistake keeps its name,
and is in `broken` where its type is not known, so that what names it makes no second mistake of it.
"""

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import pyarrow as pa

from fastxform.config import defaults
from fastxform.config.diagnostics import Diagnostics, is_name, kind_of
from fastxform.config.keys import COLUMN, OUTPUT, ROUTE, TOP_LEVEL
from fastxform.config.locations import KeyPath
from fastxform.config.model import Column
from fastxform.config.table import Table
from fastxform.core.structs import replace
from fastxform.core.values import Value
from fastxform.datatypes.logical import Type, UnknownTypeError, parse_type
from fastxform.errors import near, nearest, shown
from fastxform.query import paths

if TYPE_CHECKING:
    from fastxform.config.layers import LayerReader

LOG_RECORD: Final = ("logGroup", "logStream", "owner", "messageType", "subscriptionFilters", "policyLevel")
LOG_EVENT: Final = ("id", "timestamp", "message", "extractedFields")
"""What paths address where the source is cloudwatch-logs: members of the record, or of each of its events."""

_LOG_TEXTS: Final = ("logGroup", "logStream", "owner", "messageType", "policyLevel", "id", "timestamp", "message")

_SOURCES: Final = ("path", "expr", "meta", "rest")
_NOT_OF_EXPR: Final = ("required", "default", "pattern", "invalid", "nulls", "format", "spread")
_WHOLE: Final = "@"
"""The path of the record itself."""


class ColumnReader:
    """Reads tables of columns; `broken` collects the names of those whose type is not known."""

    def __init__(
        self, diagnostics: Diagnostics, source: str, invalid: str = "fail", layers: "LayerReader | None" = None
    ) -> None:
        self.diagnostics = diagnostics
        self.invalid = cast(Literal["fail", "null"], invalid)
        self.source = source
        self.layers = layers
        self.broken: set[str] = set()

    def read(self, path: KeyPath, content: dict[str, Any]) -> tuple[Column, ...]:
        """Return the columns of one table, in its order."""
        columns: dict[str, Column] = {}
        for name, value in content.items():
            columns.update((column.name, column) for column in self._columns(path, name, value))
        return with_rest(columns.values())

    def _only_named(self, name: str) -> Column:
        """Return a column of which nothing is known."""
        self.broken.add(name)
        return Column(name)

    def _columns(self, path: KeyPath, name: str, value: Any) -> list[Column]:
        location = (*path, name)
        if not is_name(name):
            self.diagnostics.add(location, "the name of a column must not be empty, nor hold control characters")
            return []
        if self._is_misplaced(path, name, value):
            self.diagnostics.add(location, _misplaced(path, name))
            return [self._only_named(name)]
        if type(value) is str:
            self.check_path(location, value)
            return [Column(name, path=value, location=self.diagnostics.noted_location(location), invalid=self.invalid)]
        if type(value) is not dict:
            self.diagnostics.add(location, f"a column is a path in quotes or a table, not {kind_of(value)}")
            return [self._only_named(name)]
        dotted = self._dotted_names(path, name, value)
        # What stands below dotted names is no part of this column, and without anything else there is no such column.
        rest = {known: member for known, member in value.items() if known in COLUMN.names or not dotted}
        named = list(map(self._only_named, dotted))
        return [*named, self._table(location, name, rest)] if rest or not dotted else named

    def _is_misplaced(self, path: KeyPath, name: str, value: Any) -> bool:
        """Tell whether a key of the file, or of the route, was written below the columns and became one."""
        if name not in TOP_LEVEL.names and not (len(path) > 1 and name in ROUTE.names):
            return False
        if name == "output" and type(value) is dict and value.get("format") in OUTPUT.find("format").choices:
            return True
        return type(value) is not dict or (len(value) > 0 and not any(known in COLUMN.names for known in value))

    def _dotted_names(self, path: KeyPath, name: str, value: dict[str, Any]) -> list[str]:
        """Find the columns whose names were written with dots and without quotes, each a mistake."""
        if all(known in COLUMN.names for known in value):
            return []
        names = []
        for dotted in self.diagnostics.locations.dotted:
            if dotted.table == path and dotted.names[0] == name and dotted.names[1] not in COLUMN.names:
                meant = ".".join(dotted.names)
                message = f'unquoted, a name with dots is a table inside a table; write "{meant}" = ...'
                self.diagnostics.add((*path, *dotted.names), message)
                names.append(meant)
        return names

    def _table(self, location: KeyPath, name: str, content: dict[str, Any]) -> Column:
        table = Table(self.diagnostics, location, content, COLUMN)
        given = [source for source in _SOURCES if source in table]
        if len(given) > 1:
            self.diagnostics.add(location, f"takes one of path, expr, meta and rest, not {' and '.join(given)}")
        column_type = self._type(table)
        if column_type is None or len(given) > 1:
            self.broken.add(name)
        if "expr" in table:
            for wrong in _NOT_OF_EXPR:
                if wrong in table:
                    table.fail(wrong, "is not for a column with expr, which takes only type and hidden")
        path, rest = table.text("path"), None
        if not given:
            path = paths.quote(name)
        if given == ["rest"]:
            path, rest = self._rest(table, column_type), ()
        if path is not None:
            self.check_path((*location, given[0]) if given else location, path)
        if table.boolean("spread"):
            self._check_spread(table, column_type)
        if "expr" not in table and column_type == Type() and (rest is not None or table.boolean("spread")):
            column_type = Type("json")
        return Column(
            name,
            type=column_type or Type(),
            path=path,
            meta=table.text("meta"),
            expr=table.text("expr"),
            required=self._required(table),
            default=self._default(table, column_type),
            pattern=self._pattern(table),
            hidden=table.boolean("hidden"),
            location=self.diagnostics.noted_location(location),
            invalid=self._invalid(table),
            nulls=self._nulls(table),
            format=self._format(table, column_type),
            spread=table.boolean("spread"),
            rest=rest,
            schema=self._schema(table, column_type),
        )

    def _rest(self, table: Table, column_type: Type | None) -> str | None:
        text = table.text("rest")
        if column_type is not None and column_type.kind not in ("auto", "json", "string"):
            table.fail("type", f"the rest of an object is json, or string for its text, not {column_type}")
        if text is None:
            return None
        if not text:
            if self.source not in ("json", "dynamodb"):
                table.fail(
                    "rest", f"of a whole record is for JSON and DynamoDB; with source {self.source} name the columns"
                )
            return _WHOLE
        try:
            path = paths.compile_path(text)
        except paths.PathError:  # which is noted as that of any path
            return text
        if not isinstance(path, paths.Dotted) and not (isinstance(path, paths.Either) and not path.rest):
            table.fail("rest", "must be members with dots between, a || b of them, or empty for the record itself")
        return text

    def _check_spread(self, table: Table, column_type: Type | None) -> None:
        if column_type is not None and column_type.kind not in ("auto", "json"):
            table.fail("spread", f"is for an object, of the type json, not {column_type}")
        if table.boolean("hidden"):
            table.fail("spread", "writes the members of the column, which is hidden; take one of them away")
        default = table.value("default")
        if default is not None and type(default) is not dict:
            table.fail("default", f"must be a table where spread is true, not {kind_of(default)}")

    def _invalid(self, table: Table) -> Literal["fail", "null"]:
        if "expr" in table:
            return "fail"
        return cast(Any, table.choice("invalid")) if "invalid" in table else self.invalid

    def _nulls(self, table: Table) -> tuple[str, ...]:
        value = table.value("nulls")
        if value is None:
            return ()
        if type(value) is not list or not value or not all(type(text) is str for text in value):
            table.fail("nulls", f'must be a list of texts, such as ["-", ""], not {_listed(value)}')
            return ()
        return tuple(value)

    def _format(self, table: Table, column_type: Type | None) -> str | None:
        text = table.text("format")
        if text is None or column_type is None:
            return None
        if column_type.kind not in ("timestamp", "date"):
            table.fail("format", f"is for columns of type timestamp or date, not {column_type}")
            return None
        # Few files have formats.
        from fastxform.datatypes.time_format import TimeFormatError, compile_format

        try:
            compile_format(text)
        except TimeFormatError as err:
            table.fail("format", str(err))
            return None
        return text

    def _schema(self, table: Table, column_type: Type | None) -> str | None:
        text = table.text("schema")
        if text is None or column_type is None:
            return None
        if column_type.kind != "json":
            table.fail("schema", f"is for columns of type json, not {column_type}")
            return None
        if table.boolean("spread"):
            table.fail("schema", "is for a column of the table, and spread makes many of it; take one of them away")
            return None
        # Few files have schemas.
        from fastxform.config.nested import NestedTypeError, parse_nested

        try:
            return parse_nested(text)
        except NestedTypeError as err:
            table.fail("schema", str(err))
            return None

    def check_path(self, location: KeyPath, text: str) -> None:
        """Note what is wrong with a path."""
        try:
            path = paths.compile_path(text)
        except paths.PathError as err:
            remedy = "" if err.suggestion is None else f"; write {_toml_text(err.suggestion)}"
            self.diagnostics.add(location, f"{err.message} at character {err.offset + 1}{remedy}")
            return
        if self.layers is not None:
            if message := self.layers.mistake_of(path):
                self.diagnostics.add(location, message)
            if self.layers.layer_roots(path):
                return
        if self.source == "cloudwatch-logs":
            self._check_log_path(location, path)
        elif self.source == "text":
            known = ("text", *(() if self.layers is None else self.layers.names))
            for root in paths.root_names(path):
                if root != "text":
                    self.diagnostics.add(location, f"a text has no {shown(root)}; {nearest(root, known)}")

    def _check_log_path(self, location: KeyPath, path: paths.Path) -> None:
        roots = paths.root_names(path)
        for root in roots:
            if root in _LOG_TEXTS and isinstance(path, paths.Dotted) and len(path.names) > 1:
                remedy = "; a text that holds JSON is read by [parse.NAME]" if root == "message" else ""
                self.diagnostics.add(location, f"{root} of a log event has no members{remedy}")
            elif root not in LOG_RECORD + LOG_EVENT and (close := near(root, LOG_RECORD + LOG_EVENT)):
                self.diagnostics.add(location, f"no log event has {shown(root)}; did you mean {close}?")
        of_record = [root for root in roots if root in LOG_RECORD]
        of_event = [root for root in roots if root not in LOG_RECORD]
        if of_record and of_event:
            self.diagnostics.add(
                location, f"{of_record[0]} is of the record and {of_event[0]} of its events; take two columns"
            )

    def _type(self, table: Table) -> Type | None:
        """Return the type, `auto` where the file has none, None where it has a wrong one."""
        if "type" not in table:
            return Type()
        text = table.text("type")
        try:
            return None if text is None else parse_type(text)
        except UnknownTypeError as err:
            table.fail("type", str(err))
            return None

    def _required(self, table: Table) -> bool:
        required = table.boolean("required")
        if required and "default" in table:
            table.fail("required", "is pointless with default, which leaves no null; take one of them away")
        return required

    def _default(self, table: Table, column_type: Type | None) -> Value:
        if "default" not in table or column_type is None:
            return None
        try:
            return defaults.default_value(table.value("default"), column_type)
        except defaults.DefaultError as err:
            table.fail("default", str(err))
            return None

    def _pattern(self, table: Table) -> str | None:
        pattern = table.text("pattern")
        if pattern is not None and (control := re.search(r"[\x00-\x08]", pattern)):
            table.fail(
                "pattern",
                f"holds the control character {control[0]!a}: TOML reads backslashes in double quotes; "
                r"write pattern = '\b...\b' in single quotes, or \x08 for the character",
            )
        elif pattern is not None and (reason := _refusal(pattern)) is not None:
            table.fail("pattern", f"RE2 refuses it: {reason}")
        return pattern


def with_rest(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Return columns, those that are a rest with the members that the others name, which are not in it."""
    order = tuple(columns)
    return tuple(
        column if column.rest is None or column.path is None else replace(column, rest=_named(column, order))
        for column in order
    )


def _named(rest: Column, columns: Iterable[Column]) -> tuple[tuple[str, ...], ...]:
    names: dict[tuple[str, ...], None] = {}
    try:
        bases = [()] if rest.path == _WHOLE else paths.members_of(paths.compile_path(rest.path or ""))
        for column in columns:
            if column.path is None or column.rest is not None:
                continue
            for member in paths.members_of(paths.compile_path(column.path)):
                names.update((member[len(base) :], None) for base in bases if member[: len(base)] == base != member)
    except paths.PathError:  # a mistake that is noted
        return ()
    return tuple(names)


def _listed(value: Any) -> str:
    if type(value) is not list:
        return kind_of(value)
    return "an empty one" if not value else kind_of(next(text for text in value if type(text) is not str))


def _toml_text(text: str) -> str:
    """Return a text as TOML spells it, in single quotes where it can be."""
    return json.dumps(text, ensure_ascii=False) if "'" in text else f"'{text}'"


def _misplaced(path: KeyPath, name: str) -> str:
    in_route = len(path) > 1 and name in ROUTE.names
    home = "the route, above its columns" if in_route else "the top of the file, above the first line in brackets"
    column = f'{name} = {{ path = "{name}" }}'
    return f"below the columns this is a column, not the key {name}; move it to {home}, or write {column} for a column"


def _refusal(pattern: str) -> str | None:
    """Return why RE2 refuses a pattern, alone or as a part of a larger one, as full matches need it."""
    # Few files have patterns.
    from fastxform.core import kernels

    for whole in (pattern, f"(?:{pattern})"):
        try:
            # An empty column would not make Arrow compile the pattern.
            kernels.call("match_substring_regex", [pa.array([""])], kernels.options.MatchSubstringOptions(whole))
        except pa.ArrowInvalid as err:
            return str(err).removeprefix("Invalid regular expression: ")
    return None
