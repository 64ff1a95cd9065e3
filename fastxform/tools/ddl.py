"""The Iceberg tables of a transform as it writes to them, and the `CREATE TABLE` of each in Athena's spelling.

Definitions that exist already are compared in `fastxform.tools.lint`. Invariant: a table has the columns that its
routes emit, no other, each with the one type that takes every value of it.
"""

import re
from dataclasses import dataclass
from typing import Final

from fastxform.config.model import Column, Iceberg, Route, Spec, column_order, key_names
from fastxform.datatypes.logical import Type
from fastxform.errors import ConfigError, Mistake

NO_SCHEMA: Final = (
    'is an object or a list, which no table takes without its type; write schema = "struct<name:string>", array<...> '
    'or map<string,...>, or type = "string" for its JSON text'
)
"""What is wrong with a `json` column of an Iceberg route without a schema."""

NO_TYPE: Final = 'auto is no type of a table; give it the type that the table is to have, such as type = "string"'
"""What is wrong with a column without a type."""

SPREAD: Final = "spread: its members are not known, so that no table can be made of them; name them as columns"
"""What is wrong with a column whose members stand in the row."""

CHANGES: Final = ("update", "delete")
"""The operations for which Firehose needs to know the key of a table."""

LOCATION: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[^'\s]*)?")
"""Where the data of tables can be: a bucket, and a prefix in it."""

_PLAIN_TYPES: Final = {
    "string": "string",
    "int64": "bigint",
    "float64": "double",
    "bool": "boolean",
    "timestamp": "timestamp",
    "date": "date",
    "binary": "binary",
}
_PROPERTIES: Final = "TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'write_compression' = 'gzip')"


@dataclass(frozen=True, slots=True)
class IcebergTable:
    """One table: its columns by name with their types in Athena's words, and what Firehose is set to do with rows.

    `keys` are the columns that hold the key of a DynamoDB item.
    """

    database: str
    table: str
    columns: dict[str, str]
    operations: frozenset[str]
    keys: tuple[str, ...]

    @property
    def has_changes(self) -> bool:
        """Tell whether rows are updated or deleted, for which Firehose needs unique keys."""
        return not self.operations.isdisjoint(CHANGES)


def iceberg_type(column: Column) -> str | None:
    """Return the type of a table's column that takes what a column of the transform emits.

    None for `auto`, and for `json` without a schema: an object or a list, of which nothing is known.
    """
    column_type: Type = column.type
    if column_type.kind == "json":
        return column.schema
    if column_type.kind == "decimal":
        return f"decimal({column_type.precision},{column_type.scale})"
    return _PLAIN_TYPES.get(column_type.kind)


def operations(iceberg: Iceberg) -> frozenset[str]:
    """Return the operations that a route can ask for."""
    return iceberg.operations


def visible_columns(spec: Spec, route: Route) -> tuple[Column, ...]:
    """Return the columns that a route emits, in their order."""
    return tuple(column for column in column_order(spec, route) if not column.hidden)


def tables(spec: Spec) -> tuple[IcebergTable, ...]:
    """Return the tables that the routes name, in the order of the file; several routes may share one.

    Raises:
        ConfigError: columns without a type, routes without columns, or routes that give one column two types.
    """
    mistakes: list[Mistake] = []
    by_name: dict[tuple[str, str], IcebergTable] = {}
    for route in spec.routes:
        for iceberg in () if route.iceberg is None else route.iceberg.per_table():
            name = (iceberg.database, iceberg.table)
            by_name[name] = _with_route(by_name.get(name), spec, route, iceberg, mistakes)
    if mistakes:
        raise ConfigError(tuple(dict.fromkeys(mistakes)))
    return tuple(by_name.values())


def create_table(table: IcebergTable, location: str | None = None) -> str:
    """Return the statement that creates a table.

    Args:
        table: what it holds.
        location: the S3 place of all tables, each below it; without one the statement is for S3 Tables, which places
            tables itself.
    """
    lines = [f"CREATE TABLE {_quoted(table.database)}.{_quoted(table.table)} ("]
    columns = [f"  {_quoted(name)} {kind}" for name, kind in table.columns.items()]
    lines += [*(f"{column}," for column in columns[:-1]), columns[-1], ")"]
    if location is not None:
        lines.append(f"LOCATION '{location.rstrip('/')}/{table.database}/{table.table}/'")
    lines.append(f"{_PROPERTIES};")
    return "\n".join([*_key_comment(table), *lines]) + "\n"


def _with_route(
    before: IcebergTable | None, spec: Spec, route: Route, iceberg: Iceberg, mistakes: list[Mistake]
) -> IcebergTable:
    """Return the table of a route, which may have columns of earlier routes already."""
    columns = dict(before.columns) if before else {}
    visible = visible_columns(spec, route)
    if not visible:
        mistakes.append(
            Mistake(route.location, "the document itself is the row, its columns are not known; name columns")
        )
    for column in visible:
        kind = iceberg_type(column)
        if column.spread:
            mistakes.append(Mistake(column.location, SPREAD))
        elif kind is None:
            mistakes.append(Mistake(column.location, NO_SCHEMA if column.type.kind == "json" else NO_TYPE))
        elif columns.setdefault(column.name, kind) != kind:
            other = f"another route of that table has {columns[column.name]}"
            mistakes.append(Mistake(column.location, f"is {kind} in {iceberg.table}, and {other}; make them agree"))
    named = key_names(spec, route)
    keys = tuple(column.name for column in visible if column.name in named)
    earlier = before.operations if before else frozenset()
    return IcebergTable(iceberg.database, iceberg.table, columns, earlier | operations(iceberg), keys)


def _key_comment(table: IcebergTable) -> list[str]:
    if not table.has_changes:
        return []
    keys = ", ".join(f'"{name}"' for name in table.keys) or "its key columns"
    return [
        "-- update and delete need the key of the table, which Athena cannot define: in the settings of the stream,",
        f"-- DestinationTableConfigurationList, this table has UniqueKeys = [{keys}]",
    ]


def _quoted(name: str) -> str:
    # Quotes always: the words that Athena reserves, timestamp and date among them, become more over time.
    return "`" + name.replace("`", "``") + "`"
