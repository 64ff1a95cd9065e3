"""Iceberg tables in a directory of this machine: a catalog in SQLite and the data, made as a transform wants them.

It needs the extra `iceberg` (PyIceberg). What is written is `iceberg`'s; here tables are made where they are missing,
and counted. Invariant: a table that is there is never changed but by rows, and a directory that holds anything else
than such a catalog is left as it is.
"""

import contextlib
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from fastxform.config.model import Spec
from fastxform.config.nested import split_nested
from fastxform.errors import InputError
from fastxform.tools import ddl
from fastxform.tools.simulator.description import TableSettings

if TYPE_CHECKING:
    from fastxform.tools.simulator.iceberg import IcebergTables

CATALOG: Final = "catalog.db"
"""The file of the catalog."""


class LocalTables:
    """The tables of one directory."""

    def __init__(self, directory: Path) -> None:
        """Open the catalog, and make it in a directory that is empty or not there.

        Raises:
            InputError: PyIceberg is not installed, or the directory holds no catalog but something else.
        """
        try:
            from pyiceberg.catalog.sql import SqlCatalog
        except ImportError as err:
            raise InputError("Iceberg tables need the extra iceberg: pip install 'fastxform[iceberg]'") from err
        # An update of a key that is new deletes nothing, of which PyIceberg warns.
        warnings.filterwarnings("ignore", "Delete operation did not match any records", UserWarning)
        _check_directory(directory)
        directory.mkdir(parents=True, exist_ok=True)
        place = directory.resolve()
        self.uri = f"sqlite:///{place / CATALOG}"
        self._catalog = SqlCatalog("local", uri=self.uri, warehouse=place.as_uri())
        self._check_tables(directory)

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

    def _check_tables(self, directory: Path) -> None:
        for namespace in self._catalog.list_namespaces():
            for name in self._catalog.list_tables(namespace):
                try:
                    self._catalog.load_table(name)
                except Exception as err:  # of the file system, or of what reads the metadata, of whatever kind
                    self.close()
                    reason = f"the table {'.'.join(name)} of its catalog cannot be read ({type(err).__name__})"
                    remedy = "a catalog has full paths: move the directory back to where it was, or take another one"
                    raise InputError(f"{directory}: {reason}; {remedy}") from err

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
                self._catalog.create_table(
                    name, schema=pa.schema([(column, _type(kind)) for column, kind in table.columns.items()])
                )
        return [TableSettings(table.database, table.table, table.keys if table.has_changes else ()) for table in tables]


def _check_directory(directory: Path) -> None:
    """Refuse what is no directory of tables, before anything is written.

    Raises:
        InputError: it is a file, or holds something, and no catalog.
    """
    elsewhere = "name a directory that is empty, or not there yet"
    if directory.is_symlink() and not directory.exists():
        raise InputError(f"{directory}: is a link that leads nowhere; {elsewhere}")
    if not directory.exists():
        return
    if not directory.is_dir():
        raise InputError(f"{directory}: is no directory; {elsewhere}")
    catalog = directory / CATALOG
    if not catalog.exists() and not catalog.is_symlink():
        other = next(directory.iterdir(), None)
        if other is not None:
            raise InputError(f"{directory}: holds {other.name}, and no {CATALOG} of tables; {elsewhere}")
    elif not _is_catalog(catalog):
        raise InputError(f"{catalog}: is no catalog of Iceberg tables; {elsewhere}")


def _is_catalog(path: Path) -> bool:
    """Tell whether a file is a database with the table that PyIceberg's catalogs have; it is only read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'iceberg_tables'").fetchone()
    except sqlite3.Error:
        return False
    return found is not None


def _type(word: str) -> pa.DataType:
    """Return the type of a column, from which PyIceberg makes its own, by Athena's word for it, as `ddl` has it."""
    name, inner = split_nested(word)
    if name == "struct":
        members = [member.partition(":") for member in inner]
        return pa.struct([pa.field(member, _type(kind)) for member, _, kind in members])
    if name == "array":
        return pa.list_(_type(inner[0]))
    if name == "map":
        return pa.map_(_type(inner[0]), _type(inner[1]))
    if name == "decimal":
        return pa.decimal128(int(inner[0]), int(inner[1]))
    return _PLAIN[name]


_PLAIN: Final[dict[str, pa.DataType]] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "binary": pa.binary(),
}
