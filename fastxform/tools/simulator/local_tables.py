"""Iceberg tables in a directory of this machine: a catalog in SQLite and the data, made as a transform wants them.

It needs the extra `iceberg` (PyIceberg). What is written is `iceberg`'s; here tables are made where they are missing,
and counted. Invariant: a table that is there is never changed but by rows.
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastxform.config.model import Spec
from fastxform.errors import InputError
from fastxform.tools import ddl
from fastxform.tools.simulator.description import TableSettings

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.types import IcebergType

    from fastxform.tools.simulator.iceberg import IcebergTables

CATALOG: Final = "catalog.db"
"""The file of the catalog."""


class LocalTables:
    """The tables of one directory."""

    def __init__(self, directory: Path) -> None:
        """Open the catalog, and make it where there is none.

        Raises:
            InputError: PyIceberg is not installed.
        """
        try:
            from pyiceberg.catalog.sql import SqlCatalog
        except ImportError as err:
            raise InputError("Iceberg tables need the extra iceberg: pip install 'fastxform[iceberg]'") from err
        # An update of a key that is new deletes nothing, of which PyIceberg warns.
        warnings.filterwarnings("ignore", "Delete operation did not match any records", UserWarning)
        directory.mkdir(parents=True, exist_ok=True)
        place = directory.resolve()
        self.uri = f"sqlite:///{place / CATALOG}"
        self._catalog = SqlCatalog("local", uri=self.uri, warehouse=place.as_uri())

    def writer(self, spec: Spec | None) -> "IcebergTables":
        """Return what takes rows, after the tables of a transform were made where they are missing.

        Args:
            spec: the transform; without one the tables have to be there, and their identifier fields are the keys.

        Raises:
            InputError: the transform has no tables.
            ConfigError: its columns have no types.
        """
        from fastxform.tools.simulator.iceberg import IcebergTables

        return IcebergTables(self._catalog, self._made(ddl.tables(spec)) if spec is not None else ())

    def counts(self) -> Iterator[tuple[str, int]]:
        """Yield each table with its rows, by name."""
        for namespace in sorted(self._catalog.list_namespaces()):
            for name in sorted(self._catalog.list_tables(namespace)):
                yield ".".join(name), self._catalog.load_table(name).scan().count()

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.engine.dispose()

    def _made(self, tables: Sequence[ddl.IcebergTable]) -> list[TableSettings]:
        if not tables:
            raise InputError("the transform has no route to an Iceberg table, so that nothing would be in --tables")
        for table in tables:
            name = (table.database, table.table)
            self._catalog.create_namespace_if_not_exists(table.database)
            if not self._catalog.table_exists(name):
                self._catalog.create_table(name, schema=_schema(table))
        return [TableSettings(table.database, table.table, table.keys if table.has_changes else ()) for table in tables]


def _schema(table: ddl.IcebergTable) -> "Schema":
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    fields = [
        NestedField(number, name, _type(kind), required=False)
        for number, (name, kind) in enumerate(table.columns.items(), 1)
    ]
    return Schema(*fields)


def _type(word: str) -> "IcebergType":
    """Return the type of a column by Athena's word for it, as `ddl` has it."""
    from pyiceberg import types

    if word.startswith("decimal("):
        precision, scale = word.removeprefix("decimal(").removesuffix(")").split(",")
        return types.DecimalType(int(precision), int(scale))
    found: dict[str, IcebergType] = {
        "string": types.StringType(),
        "bigint": types.LongType(),
        "double": types.DoubleType(),
        "boolean": types.BooleanType(),
        "timestamp": types.TimestampType(),
        "date": types.DateType(),
        "binary": types.BinaryType(),
    }
    return found[word]
