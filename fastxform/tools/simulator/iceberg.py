"""Iceberg tables as Firehose writes to them: rows by their operation, one commit a table for each delivery.

The only user of PyIceberg, for the chain of real parts; rows are turned into values of their columns in
`iceberg_values`. What several rows of a delivery do to the same key is settled before the commit, so it equals doing
them one after the other. Invariant: a row is in its table, or has an error code; a commit is whole or not at all.

Source: Firehose, Apache Iceberg Tables as a destination. 2026-11. `update` is a delete by key and an insert, and needs
unique keys as `delete` does. `Iceberg.NoUniqueKeys`, `Iceberg.InvalidColumn` and `Iceberg.CommitFailed` are names of
ours.
"""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In, Or
from pyiceberg.table import Table

from fastxform.tools.simulator.delivery import Row
from fastxform.tools.simulator.description import TableSettings
from fastxform.tools.simulator.iceberg_values import ColumnError, read_row
from fastxform.tools.simulator.outcome import MESSAGES

Refusal = tuple[str, str]
"""Error code and message of a row that no table takes."""

_INSERT: Final = "insert"


class IcebergTables:
    """The tables of one catalog that a stream writes to."""

    def __init__(self, catalog: Catalog, settings: Sequence[TableSettings]) -> None:
        """Take the catalog, and what the stream's description says of its tables."""
        self._catalog = catalog
        self._keys = {(one.database, one.table): one.unique_keys for one in settings}

    def commit(self, rows: Sequence[Row]) -> list[Refusal | None]:
        """Apply rows in their order; say for each None, or why no table takes it."""
        refusals: list[Refusal | None] = [None] * len(rows)
        indices: dict[tuple[str, str], list[int]] = {}
        for index, row in enumerate(rows):
            name = (row.destination.database, row.destination.table)
            if not name[1] and len(self._keys) == 1:
                (name,) = self._keys
            indices.setdefault(name, []).append(index)
        for name, own in indices.items():
            outcome = self._commit_table(name, [rows[index] for index in own])
            for index, refusal in zip(own, outcome, strict=True):
                refusals[index] = refusal
        return refusals

    def _commit_table(self, name: tuple[str, str], rows: Sequence[Row]) -> list[Refusal | None]:
        try:
            table = self._catalog.load_table(name)
        except (NoSuchTableError, NoSuchNamespaceError):
            return [("Iceberg.NoSuchTable", "The Iceberg table does not exist.")] * len(rows)
        except ValueError:  # a name that no catalog can have, such as an empty one
            return [("Iceberg.NoSuchTable", MESSAGES["Iceberg.NoSuchTable"])] * len(rows)
        except Exception as error:  # metadata that is gone or broken
            return [("Iceberg.CommitFailed", f"The table cannot be read: {type(error).__name__}.")] * len(rows)
        keys = self._keys.get(name) or tuple(sorted(table.schema().identifier_field_names()))
        change = _Change(table, keys)
        refusals = [change.add(row) for row in rows]
        try:
            change.commit()
        except Exception as error:  # of a catalog or file system of whatever kind: its rows fail, none is lost
            failure = ("Iceberg.CommitFailed", f"The commit failed: {type(error).__name__}.")
            return [refusal or failure for refusal in refusals]
        return refusals


class _Change:
    """What the rows of one delivery do to one table, settled."""

    def __init__(self, table: Table, keys: tuple[str, ...]) -> None:
        self._table = table
        self._keys = keys
        self._schema = table.schema()
        self._added: dict[int, dict[str, Any]] = {}
        self._by_key: dict[tuple[Any, ...], list[int]] = {}
        self._gone: dict[tuple[Any, ...], None] = {}
        self._serial = 0

    def add(self, row: Row) -> Refusal | None:
        """Do one row after those before it."""
        operation = row.destination.operation
        if operation != _INSERT and not self._keys:
            return "Iceberg.NoUniqueKeys", f"The operation {operation} needs unique keys."
        try:
            needed = self._keys if operation == "delete" else None
            values = read_row(row.data, self._schema, needed)
        except ColumnError as error:
            return "Iceberg.InvalidColumn", str(error)
        except ValueError:
            return "Iceberg.InvalidRecord", MESSAGES["Iceberg.InvalidRecord"]
        key = tuple(values[name] for name in self._keys)
        if operation != _INSERT:
            self._gone[key] = None
            for serial in self._by_key.pop(key, ()):
                del self._added[serial]
        if operation != "delete":
            self._added[self._serial] = values
            self._by_key.setdefault(key, []).append(self._serial)
            self._serial += 1
        return None

    def commit(self) -> None:
        """Delete what is gone and append what was added, in one commit."""
        if not (self._gone or self._added):
            return
        with self._table.transaction() as transaction:
            if self._gone and self._table.current_snapshot() is not None:
                transaction.delete(_any_of(self._keys, list(self._gone)))
            if self._added:
                rows = list(self._added.values())
                transaction.append(pa.Table.from_pylist(rows, schema=self._schema.as_arrow()))


def _any_of(names: tuple[str, ...], keys: list[tuple[Any, ...]]) -> BooleanExpression:
    """Return what is true of rows with one of the keys; a balanced tree, since PyIceberg walks it recursively."""
    if len(names) == 1:
        return In(names[0], {key[0] for key in keys})
    if len(keys) == 1:
        terms = [EqualTo(name, value) for name, value in zip(names, keys[0], strict=True)]
        return And(*terms)
    half = len(keys) // 2
    return Or(_any_of(names, keys[:half]), _any_of(names, keys[half:]))
