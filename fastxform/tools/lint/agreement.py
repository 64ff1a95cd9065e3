"""What a transform emits, held against table definitions: what Firehose would refuse, and what it would lose.

A record whose names or types differ goes to the error bucket, a member that the table lacks is skipped without an error
(Firehose, "Considerations and limitations" and "Supported data types" of Iceberg tables). Invariant: the statement
that `fastxform.tools.ddl` makes of a transform agrees with it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from fastxform.config.model import Column, Iceberg, Route, Spec, key_names
from fastxform.errors import near
from fastxform.tools import ddl
from fastxform.tools.lint.definitions import Definition
from fastxform.tools.lint.finding import Finding, Level

_NESTED: Final = ("struct", "map", "array")
_OURS: Final = {
    "string": "string",
    "int": "int64",
    "bigint": "int64",
    "float": "float64",
    "double": "float64",
    "boolean": "bool",
    "timestamp": "timestamp[us]",
    "timestamptz": "timestamp[us]",
    "date": "date",
    "binary": "binary",
}
"""The type of a column that emits what a table's column takes."""

_TOO_NARROW: Final = {("bigint", "int"): "32 bits", ("double", "float"): "32 bits"}


def compare(spec: Spec, definitions: Sequence[Definition], ddl_name: str) -> tuple[Finding, ...]:
    """Return where the Iceberg tables of a transform differ from definitions.

    Args:
        spec: the transform.
        definitions: the tables.
        ddl_name: the file of the definitions, for places.
    """
    routes = [
        (route, iceberg) for route in spec.routes if route.iceberg is not None for iceberg in route.iceberg.per_table()
    ]
    findings: dict[Finding, None] = {}
    for route, iceberg in routes:
        definition, finding = _choose(route, iceberg, definitions)
        if finding is not None:
            findings[finding] = None
        if definition is not None:
            comparison = _Comparison(spec, route, iceberg, definition, ddl_name)
            findings |= dict.fromkeys(comparison.findings())
    return tuple(findings)


def _choose(
    route: Route, iceberg: Iceberg, definitions: Sequence[Definition]
) -> tuple[Definition | None, Finding | None]:
    """Return the definition of a route's table, or one that must have been meant, or none."""
    wanted = f"{iceberg.database}.{iceberg.table}"
    for known in definitions:
        if known.table == iceberg.table and known.database in (None, iceberg.database):
            return known, None
    for known in definitions:
        if known.name.lower() in (wanted.lower(), iceberg.table.lower()):
            message = f"writes to {wanted}, and the definition says {known.name}; names must agree with their case"
            return known, Finding("error", "table-case", route.location, message)
        if known.name.replace("-", "_").lower() in (wanted.lower(), iceberg.table.lower()):
            message = f"writes to {wanted}, and the definition says {known.name}; Firehose takes no hyphen in a name"
            return known, Finding("error", "hyphen", route.location, message)
    close = near(wanted, [known.name for known in definitions])
    remedy = f"did you mean {close}?" if close else f"there is {', '.join(known.name for known in definitions)}"
    return None, Finding("error", "no-table", route.location, f"writes to {wanted}, which is not defined; {remedy}")


class _Comparison:
    """One route and the definition of its table."""

    def __init__(self, spec: Spec, route: Route, iceberg: Iceberg, definition: Definition, ddl_name: str) -> None:
        self.spec, self.route, self.iceberg = spec, route, iceberg
        self.definition, self.ddl_name = definition, ddl_name
        self.columns = {column.name: column for column in ddl.visible_columns(spec, route)}
        self.fields = {field.name: field for field in definition.fields}

    def findings(self) -> Iterator[Finding]:
        """Yield everything that differs."""
        yield from self._table()
        if not self.columns:
            message = "the document itself is the row, its columns are not known and not compared"
            yield Finding("warning", "no-columns", self.route.location, message)
            return
        for column in self.columns.values():
            if not column.spread:
                yield from self._column(column)
        spread = next((column for column in self.columns.values() if column.spread), None)
        if spread is None:
            yield from self._not_emitted()
        else:
            message = "spread: its members are not known and not compared"
            yield Finding("warning", "no-columns", spread.location, message)
        if not ddl.operations(self.iceberg).isdisjoint(ddl.CHANGES):
            yield from self._unique_keys()

    def _at(self, line: int, level: Level, code: str, message: str) -> Finding:
        location = f"{self.ddl_name}:{line}" if line else self.ddl_name
        return Finding(level, code, f"{location}: {self.definition.name}", message)

    def _table(self) -> Iterator[Finding]:
        """Judge the table as a whole."""
        line, properties = self.definition.line, self.definition.properties
        if not self.definition.is_iceberg:
            message = "is no Iceberg table; add TBLPROPERTIES ('table_type' = 'ICEBERG')"
            yield self._at(line, "error", "not-iceberg", message)
        if properties.get("format", "parquet").lower() != "parquet":
            message = f"has the format {properties['format']}, and Firehose writes Parquet only"
            yield self._at(line, "error", "table-format", message)
        version = properties.get("format-version", properties.get("format_version", "2"))
        if version != "2":
            message = f"has format version {version}, and Firehose takes version 2"
            yield self._at(line, "error", "table-format", message)
        upper = [field.name for field in self.definition.fields if field.name != field.name.lower()]
        if upper:
            message = f"{', '.join(upper)}: S3 Tables refuses upper-case names, and Athena makes small letters of them"
            yield self._at(line, "warning", "iceberg-case", message)

    def _column(self, column: Column) -> Iterator[Finding]:
        field = self.fields.get(column.name)
        if field is None:
            yield self._missing(column)
            return
        emitted = ddl.iceberg_type(column)
        if column.type.kind == "json" and emitted is None:
            is_nested = field.type.partition("<")[0] in _NESTED
            remedy = f'write schema = "{field.type}"' if is_nested else 'write type = "string"'
            message = (
                f"emits an object or a list without a schema, and {self.definition.name} has {field.type}; {remedy}"
            )
            yield Finding("error", "type", column.location, message)
        if emitted is not None and not _agrees(emitted, field.type):
            at = f" ({self.ddl_name}:{field.line})" if field.line else ""
            message = (
                f"emits {column.schema or column.type}, and {self.definition.name} has {field.type or 'no type'}{at}"
            )
            yield Finding("error", "type", column.location, f"{message}: {_remedy(emitted, field.type)}")

    def _missing(self, column: Column) -> Finding:
        other = next((name for name in self.fields if name.lower() == column.name.lower()), None)
        if other is not None:
            message = f"{self.definition.name} has {other}; names must agree with their case, or the value is lost"
            return Finding("error", "column-case", column.location, message)
        close = near(column.name, self.fields)
        remedy = f"; did you mean {close}?" if close and close not in self.columns else "; add it, or make it hidden"
        message = f"{self.definition.name} has no such column, and Firehose skips it without an error{remedy}"
        return Finding("error", "column-missing", column.location, message)

    def _not_emitted(self) -> Iterator[Finding]:
        """Find the columns of the table that no value comes for."""
        lower = {name.lower() for name in self.columns}
        for field in self.definition.fields:
            if field.name in self.columns or field.name.lower() in lower:
                continue
            level: Level = "error" if field.is_required else "warning"
            what = "is NOT NULL" if field.is_required else "stays null"
            if field.name in self.definition.partitioned_by:
                what += ", and the table is partitioned by it"
            message = f"{field.name} {what}: no column of the route has its name"
            yield self._at(field.line, level, "column-extra", message)

    def _unique_keys(self) -> Iterator[Finding]:
        """Judge what update and delete find a row by."""
        line = self.definition.line
        keys = self.definition.identifier or tuple(
            name for name in self.columns if name in key_names(self.spec, self.route)
        )
        inner = {name: field.name for field in self.definition.fields for name in field.inner}
        for key in keys:
            if key not in self.fields:
                # A column that the table lacks is a finding already; an identifier of nothing is not.
                if key in self.definition.identifier:
                    yield self._at(line, "error", "unique-keys", f"identifier field {key} is no column of the table")
                continue
            if key not in self.columns:
                message = f"identifier field {key} is not emitted, so that no row is found to update or delete"
                yield self._at(line, "error", "unique-keys", message)
            if key in inner:
                message = f"{key} is a key and a name inside of {inner[key]} too; a unique key must be there once"
                yield self._at(self.fields[key].line, "error", "unique-keys", message)


def _agrees(emitted: str, defined: str) -> bool:
    return emitted == defined or (emitted == "timestamp" and defined == "timestamptz")


def _remedy(emitted: str, defined: str) -> str:
    if (emitted, defined) in _TOO_NARROW:
        return f"that has {_TOO_NARROW[emitted, defined]} only; make it {emitted} in the table"
    if defined.startswith("timestamp("):
        return "timestamps of Iceberg have microseconds; make it timestamp in the table"
    if defined.startswith("decimal("):
        return f'write type = "{defined}" here, or make it {emitted} in the table'
    head = defined.partition("<")[0]
    if head in _NESTED:
        return f'write type = "json" and schema = "{defined}" here, or make it {emitted} in the table'
    if defined in ("timestamp", "timestamptz"):
        return 'a timestamp has to arrive in microseconds; write type = "timestamp[us]" here'
    in_the_table = f"make it {emitted} in the table"
    ours = _OURS.get(defined)
    return f'write type = "{ours}" here, or {in_the_table}' if ours else in_the_table
