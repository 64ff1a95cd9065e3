"""The configuration file, read into one frozen description.

`load` and `parse` read TOML and give a `Spec`, or raise one `ConfigError` with every mistake of the file; the reading
itself is in `fastxform.config`. Nothing here looks at a record. Invariant: a `Spec` that was returned needs no check.
"""

import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from fastxform.config.keys import IMAGES
from fastxform.core.structs import Struct
from fastxform.core.values import Value
from fastxform.datatypes.logical import Kind, Type

if TYPE_CHECKING:
    from pathlib import Path

    from fastxform.query.lookup_tables import LookupTable

__all__ = [
    "Choice",
    "Column",
    "Example",
    "Explode",
    "Iceberg",
    "Kind",
    "Output",
    "Overflow",
    "Parse",
    "Route",
    "Spec",
    "Type",
    "column_order",
    "load",
    "parse",
]


AUTO: Final = Type()
"""The type of a column that declares none."""


class _Located(Struct, frozen=True, eq=False):
    """What has a `location` in its file, which does not make it another thing."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _without_location(self) == _without_location(other)

    def __hash__(self) -> int:
        return hash(_without_location(self))


def _without_location(described: Any) -> tuple[Any, ...]:
    return tuple(getattr(described, name) for name in described.__struct_fields__ if name != "location")


class Column(_Located, frozen=True, eq=False):
    """One column: exactly one of `path`, `meta` and `expr` is not None.

    The type of an `expr` column is never `auto`: it is what the expression gives, and where the file declares another
    one, `expr` is the file's with a cast around it. `default` is a value as a record holds it: text, a bool, an int or
    `Number`, or a `Json` text; dates and times of TOML are RFC 3339 text. `nulls` are texts that are null before
    anything else, `format` is how a timestamp or a date is written, and `invalid` what a value that does not fit is.
    `spread` puts the members of an object into the row; `rest` are the members that are left out of one, each as the
    names that lead to it, None of a column that is no rest. `schema` is the type of the table's column of
    a `json` column.
    """

    name: str
    type: Type = AUTO
    path: str | None = None
    meta: str | None = None
    expr: str | None = None
    required: bool = False
    default: Value = None
    pattern: str | None = None
    hidden: bool = False
    location: str = ""
    invalid: Literal["fail", "null"] = "fail"
    nulls: tuple[str, ...] = ()
    format: str | None = None
    spread: bool = False
    rest: tuple[tuple[str, ...], ...] | None = None
    schema: str | None = None


class Parse(_Located, frozen=True, eq=False):
    """One text that is parsed: paths that begin with `name` are about what is in it."""

    name: str
    of: str
    format: str = "json"
    invalid: Literal["fail", "null", "drop"] = "fail"
    fields: tuple[str, ...] = ()
    delimiter: str = ","
    quote: str = '"'
    pattern: str | None = None
    location: str = ""


class Explode(_Located, frozen=True, eq=False):
    """A list whose elements are rows; paths that begin with `name` are about an element, `index` is its number."""

    path: str
    name: str = "item"
    index: str | None = None
    empty: Literal["drop", "null", "fail"] = "drop"
    location: str = ""


class Output(Struct, frozen=True):
    """How rows are written, as the keys of the file and the reader that it names have it.

    `timestamps` is None for the form of the format: `space` in CSV, `iso` in JSON. `strict` fails a text that the
    reader would take for null, and `refuses` one that holds any of its characters.
    """

    format: Literal["csv", "json"] = "csv"
    delimiter: str = ","
    quoting: Literal["minimal", "all", "strings", "none"] = "minimal"
    null: str = ""
    newlines: Literal["keep", "space", "escape", "fail"] = "keep"
    escape_formulas: bool = False
    reader: str | None = None
    escape: str = ""
    quote_empty: bool = False
    timestamps: Literal["iso", "space", "epoch_ms"] | None = None
    line_end: Literal["lf", "crlf", "none"] = "lf"
    json: Literal["value", "text"] = "value"
    strict: bool = False
    refuses: str = ""


class Choice(Struct, frozen=True):
    """A word by the text of a column: a value that `values` lacks has none."""

    column: str
    values: Mapping[str, str]

    def __hash__(self) -> int:
        return hash((self.column, tuple(self.values.items())))


class Iceberg(Struct, frozen=True):
    """The Iceberg table of a route.

    `operation` is a word, a map from `eventName`, or None for Firehose's default; `operation_from` takes its place, and
    `table_from` that of `table`, which is empty then. `keys` are the columns that a delete needs, where the file names
    them.
    """

    database: str
    table: str
    operation: str | Mapping[str, str] | None = None
    keys: tuple[str, ...] = ()
    table_from: Choice | None = None
    operation_from: Choice | None = None

    def __hash__(self) -> int:
        # A map has no hash.
        return hash((self.database, self.table, self.keys, self.table_from, self.operation_from))

    @property
    def operations(self) -> frozenset[str]:
        """The operations that rows can have."""
        if self.operation_from is not None:
            return frozenset(self.operation_from.values.values())
        if self.operation is None:
            return frozenset(("insert",))
        return frozenset((self.operation,) if isinstance(self.operation, str) else self.operation.values())

    def per_table(self) -> "tuple[Iceberg, ...]":
        """Return the description of each table that rows can go to."""
        if self.table_from is None:
            return (self,)
        tables = dict.fromkeys(self.table_from.values.values())
        return tuple(
            Iceberg(self.database, table, self.operation, self.keys, None, self.operation_from) for table in tables
        )


class Route(_Located, frozen=True, eq=False):
    """One route: `columns` are its own, which replace the shared ones of that name and else follow them."""

    where: str | None
    columns: tuple[Column, ...] = ()
    iceberg: Iceberg | None = None
    location: str = ""


class Overflow(Struct, frozen=True):
    """What happens to records that do not fit the response; `reserve_ms` before the deadline no put starts any more."""

    policy: Literal["reingest", "fail"] = "reingest"
    workers: int = 8
    reserve_ms: int = 2_000
    stream: str | None = None


class Example(Struct, frozen=True):
    """One `[[tests]]` entry; `input` is the payload, and exactly one of `expect`, `result`, `reason` is not None."""

    name: str
    input: bytes
    expect: str | None = None
    result: str | None = None
    reason: str | None = None
    metadata: Mapping[str, Any] | None = None
    now_ms: int | None = None

    def __hash__(self) -> int:
        return hash((self.name, self.input))


class Spec(Struct, frozen=True):
    """One transform. `columns` is None where the file names none (JSON output: the document itself).

    `map_batch` is a module and its function, MODULE:FUNCTION, and `directory` where the module is, empty without one.
    """

    source: Literal["json", "dynamodb", "cloudwatch-logs", "text"] = "json"
    where: str | None = None
    output: Output = Output()
    columns: tuple[Column, ...] | None = None
    routes: tuple[Route, ...] = ()
    unmatched: Literal["fail", "drop"] = "fail"
    documents: Literal["one", "many"] = "one"
    images: tuple[str, ...] = IMAGES
    empty: Literal["drop", "fail"] = "drop"
    bad_rows: Literal["fail", "drop"] = "fail"
    mixed: Literal["fail", "first"] = "fail"
    parses: tuple[Parse, ...] = ()
    explode: Explode | None = None
    lookups: tuple["LookupTable", ...] = ()
    partition_keys: tuple[tuple[str, str], ...] = ()
    overflow: Overflow = Overflow()
    tests: tuple[Example, ...] = ()
    map_batch: str | None = None
    directory: str = ""

    @property
    def is_multi_row(self) -> bool:
        """Tell whether a record may have several rows, or none."""
        return self.documents == "many" or self.source == "cloudwatch-logs" or self.explode is not None

    @property
    def changed_tables(self) -> frozenset[tuple[str, str]]:
        """The tables (database, table) in which rows can be updated or deleted, by whatever route."""
        tables = [one for route in self.routes if route.iceberg is not None for one in route.iceberg.per_table()]
        return frozenset(
            (one.database, one.table) for one in tables if not one.operations.isdisjoint(("update", "delete"))
        )

    @property
    def lookup_tables(self) -> "dict[str, LookupTable]":
        """The tables that expressions look rows up in, by their names."""
        return {table.name: table for table in self.lookups}

    def is_verbatim(self, route: "Route | None") -> bool:
        """Tell whether the document itself goes out of a route, its columns being hidden, all of them."""
        order = column_order(self, route)
        is_json = self.output.format == "json" and self.map_batch is None
        return is_json and bool(order) and all(column.hidden for column in order)

    @property
    def writes_documents(self) -> bool:
        """Tell whether documents themselves go out, of some route or of all."""
        return self.is_document or any(self.is_verbatim(route) for route in self.routes or (None,))

    @property
    def is_document(self) -> bool:
        """Tell whether no column is named anywhere: the document itself goes out."""
        return self.columns is None and not any(route.columns for route in self.routes)


def load(path: str | os.PathLike[str], *, tests: bool = True) -> Spec:
    """Read a configuration file.

    Args:
        path: the file; mistakes name it as it is given here.
        tests: False leaves `[[tests]]` unread, with the files that they name, and no location is noted: a function has
            no use for them.

    Raises:
        ConfigError: the file cannot be read, or holds mistakes: all of them, in the order of the file.
    """
    # The reader imports the classes above.
    from fastxform.config import loader

    return loader.load(path, tests)


def parse(text: str, name: str = "<configuration>", directory: "Path | None" = None, *, tests: bool = True) -> Spec:
    """Read the text of a configuration; `directory`, else the current one, is where the files of its tests are.

    Raises:
        ConfigError: the text holds mistakes: all of them, in the order of the text.
    """
    from fastxform.config import loader

    return loader.parse(text, name, directory, tests)


def column_order(spec: Spec, route: Route | None) -> tuple[Column, ...]:
    """Return the columns of a route in output order, hidden ones too; none where the document itself is the output.

    A column of the route stands in the place of the shared one of that name, and else after all of them.
    """
    return merged(spec.columns or (), () if route is None else route.columns)


_KEY_PATH: Final = r"""\s*dynamodb\s*\.\s*(?:Keys|"Keys")\s*\..*"""


def is_key(column: Column) -> bool:
    """Tell whether a column holds a key attribute of a DynamoDB change."""
    return column.path is not None and re.fullmatch(_KEY_PATH, column.path, re.DOTALL) is not None


def key_names(spec: Spec, route: Route) -> frozenset[str]:
    """Return the columns that tell the rows of a table apart: those that the file names, else DynamoDB's keys."""
    if route.iceberg is not None and route.iceberg.keys:
        return frozenset(route.iceberg.keys)
    if spec.source != "dynamodb":
        return frozenset()
    return frozenset(column.name for column in column_order(spec, route) if not column.hidden and is_key(column))


def merged(shared: Iterable[Column], own: Iterable[Column]) -> tuple[Column, ...]:
    """Return shared columns with a route's own put in their places or after them."""
    # A dict keeps the place of a key that is written again.
    return tuple(({column.name: column for column in shared} | {column.name: column for column in own}).values())
