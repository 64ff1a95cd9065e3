"""Rules for Iceberg tables: keys that updates need, and names as the tables spell them.

Types are compared by `fastxform check --ddl`. Invariant: a table that the stream or the catalog does not describe is
judged by what is known of it only.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastxform.config.model import Spec
from fastxform.errors import ConfigError
from fastxform.tools import ddl
from fastxform.tools.doctor.account import Account
from fastxform.tools.doctor.delivery import DescribedStream, member, text
from fastxform.tools.lint.finding import Finding


def table_rules(spec: Spec, config: str, account: Account, stream: DescribedStream) -> Iterator[Finding]:
    """Yield what is wrong with the tables of a stream to Iceberg."""
    if stream.kind != "iceberg":
        return
    try:
        tables = ddl.tables(spec)
    except ConfigError:  # `fastxform check` and `fastxform ddl` say what is wrong with it
        return
    listed = member(stream.destination, "DestinationTableConfigurationList")
    configured = [one for one in (listed if isinstance(listed, list) else []) if isinstance(one, Mapping)]
    for table in tables:
        yield from _keys(table, configured, stream)
        yield from _table_name(table, configured, account, config)
        yield from _column_names(table, account, config)


def _keys(table: ddl.IcebergTable, configured: list[Mapping[str, Any]], stream: DescribedStream) -> Iterator[Finding]:
    if not table.has_changes:
        return
    name = f"{table.database}.{table.table}"
    changes = " and ".join(sorted(table.operations & set(ddl.CHANGES)))
    if member(stream.destination, "AppendOnly") is True:
        message = f"the stream only inserts, and the configuration asks {name} to {changes}: each such record fails"
        yield Finding(
            "error", "append-only", stream.place("AppendOnly"), f"{message}; AWS sets it when a stream is made"
        )
    place = stream.place("DestinationTableConfigurationList")
    entry = next((one for one in configured if _is_table(one, table)), None)
    keys = member(entry, "UniqueKeys")
    if not isinstance(keys, list) or not keys:
        wanted = ", ".join(f'"{key}"' for key in table.keys) or "its key columns"
        message = f"{name} has no UniqueKeys, which {changes} needs: set UniqueKeys = [{wanted}], or identifier fields"
        yield Finding("error", "unique-keys-missing", place, message)
    elif table.keys and set(keys) != set(table.keys):
        message = (
            f"{name} has UniqueKeys {', '.join(map(str, keys))}, and the key of its rows is {', '.join(table.keys)}"
        )
        yield Finding(
            "error", "unique-keys-differ", place, f"{message}: rows of other items are changed; make them agree"
        )


def _is_table(one: Mapping[str, Any], table: ddl.IcebergTable) -> bool:
    return (text(one, "DestinationDatabaseName"), text(one, "DestinationTableName")) == (table.database, table.table)


def _table_name(
    table: ddl.IcebergTable, configured: list[Mapping[str, Any]], account: Account, config: str
) -> Iterator[Finding]:
    name = f"{table.database}.{table.table}"
    others = [f"{text(one, 'DestinationDatabaseName')}.{text(one, 'DestinationTableName')}" for one in configured]
    others += [".".join(key) for key in account.tables]
    if name not in others:
        for other in dict.fromkeys(others):
            if other.lower() == name.lower():
                message = f"the configuration writes to {name}, and the table is {other}"
                remedy = "Firehose finds names in the same case only; spell it so"
                yield Finding("error", "table-case", config, f"{message}: {remedy}")


def _column_names(table: ddl.IcebergTable, account: Account, config: str) -> Iterator[Finding]:
    names = account.tables.get((table.database, table.table))
    if names is None:
        return
    listed = member(names.value, "StorageDescriptor", "Columns")
    columns = [text(column, "Name") for column in (listed if isinstance(listed, list) else [])]
    for name in table.columns:
        if name not in columns:
            for other in columns:
                if other.lower() == name.lower():
                    message = f"column {name} of {table.database}.{table.table} is {other} in {names.file}"
                    remedy = "Firehose finds columns in the same case only, so its values are lost; spell it so"
                    yield Finding("error", "column-case", config, f"{message}: {remedy}")
