"""The rules for a configuration alone: a function for each matter, which yields findings.

Tables that exist are compared in `agreement`. Invariant: a rule never finds fault with what is a mistake, since the
configuration was read without one.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Final

from fastxform.config.model import Column, Route, Spec, key_names
from fastxform.errors import near
from fastxform.query import paths
from fastxform.tools import ddl
from fastxform.tools.lint.digits import digits
from fastxform.tools.lint.drift import drift
from fastxform.tools.lint.fallback_advice import advice
from fastxform.tools.lint.finding import Finding, Level
from fastxform.tools.lint.rows import log_members, mixed_keys

_CHANGE: Final = (
    "awsRegion",
    "dynamodb",
    "eventID",
    "eventName",
    "eventSource",
    "eventSourceARN",
    "eventVersion",
    "recordFormat",
    "tableName",
    "userIdentity",
)
"""The members of a DynamoDB change, both shapes together."""

_INSIDE: Final = (
    "ApproximateCreationDateTime",
    "ApproximateCreationDateTimePrecision",
    "Keys",
    "NewImage",
    "OldImage",
    "SequenceNumber",
    "SizeBytes",
    "StreamViewType",
)
"""The members of its `dynamodb`."""

_EXPORTED: Final = frozenset(("Keys", "NewImage", "OldImage", "Item"))
"""The images in a line of an export, which also has `Metadata`."""

_CREATION: Final = re.compile(r"\s*dynamodb\s*\.\s*\"?ApproximateCreationDateTime\"?\s*")


def lint(spec: Spec, name: str) -> tuple[Finding, ...]:
    """Return the findings of a configuration, in the order of the file `name`."""
    columns = (*_columns(spec), *digits(spec), *log_members(spec, _all_columns(spec)))
    others = (*mixed_keys(spec, name), *_lookups(spec), *_csv(spec, name), *_iceberg(spec), *drift(spec, name))
    findings = dict.fromkeys((*columns, *others))
    # The sort is stable: findings of one line stay in the order of the rules.
    return tuple(sorted(findings, key=lambda finding: _line(finding.place, name)))


def _line(place: str, name: str) -> int:
    line = place.removeprefix(name).lstrip(":").partition(":")[0]
    return int(line) if line.isascii() and line.isdigit() else 0


# -- columns


def _all_columns(spec: Spec) -> tuple[Column, ...]:
    return (*(spec.columns or ()), *(column for route in spec.routes for column in route.columns))


def _columns(spec: Spec) -> Iterator[Finding]:
    for column in _all_columns(spec):
        if column.path is not None:
            yield from _path(spec, column, paths.compile_path(column.path))


def _path(spec: Spec, column: Column, path: paths.Path) -> Iterator[Finding]:
    if isinstance(path, paths.Compiled):
        if column.rest is not None:
            message = "the rest of a whole record is put together record by record; of one member of it is faster"
            yield Finding("hint", "slow-rest", column.location, message)
        else:
            message = f"is evaluated record by record, off the fast path; {advice(path)}"
            yield Finding("warning", "slow-path", column.location, message)
    if spec.source == "json" and "dynamodb" in paths.root_names(path) and _names_image(column.path or ""):
        message = 'looks like a DynamoDB change, whose values are plain only with source = "dynamodb"'
        yield Finding("warning", "source-dynamodb", column.location, message)
    if spec.source != "dynamodb":
        return
    for code, hint in (
        ("image-fallback", paths.image_fallback_hint(path)),
        ("attribute-type", paths.attribute_type_hint(path)),
        ("change-member", _change_member(spec, path)),
    ):
        if hint is not None:
            yield Finding("warning", code, column.location, hint)


def _names_image(text: str) -> bool:
    return any(f"dynamodb.{name}." in text for name in _INSIDE)


def _change_member(spec: Spec, path: paths.Path) -> str | None:
    """Return a warning where a path starts at a member that no DynamoDB change has, and no image."""
    known = {parse.name for parse in spec.parses} | {text.partition(".")[0] for text in spec.images} - set(_INSIDE)
    if spec.explode is not None:
        known |= {spec.explode.name, spec.explode.index or spec.explode.name}
    if spec.images == ("@",):
        return None
    roots = {root for column in _all_columns(spec) for root in paths.root_names(paths.compile_path(column.path or "x"))}
    if roots & _EXPORTED:
        known.add("Metadata")
    of_stream = any("dynamodb." in (column.path or "") for column in spec.columns or ())
    for root in paths.root_names(path):
        if root in known or (root in _INSIDE and not (of_stream and isinstance(path, paths.Dotted))):
            continue
        if root in _INSIDE:
            return f"{root} is inside of dynamodb; write dynamodb.{root}"
        if root not in _CHANGE:
            close = near(root, _CHANGE)
            also = f", or {close}" if close else ""
            attribute = f"dynamodb.NewImage.{paths.quote(root)}"
            return f"a DynamoDB change has no member {root}, and gives null; write {attribute}{also}"
    return None


# -- look-ups


def _lookups(spec: Spec) -> Iterator[Finding]:
    for table in spec.lookups:
        if not table.columns:
            yield Finding(
                "warning", "lookup-unused", table.location, "no expression looks anything up in it; leave it out"
            )
        else:
            size = table.size_bytes / 1_000_000
            memory = f"{size:,.1f}" if size >= 0.05 else "less than 0.1"
            message = f"{len(table):,} keys take {memory} MB of the function's memory"
            yield Finding("hint", "lookup-memory", table.location, message)


# -- CSV


def _csv(spec: Spec, name: str) -> Iterator[Finding]:
    output = spec.output
    if output.format != "csv" or output.newlines != "keep" or output.quoting == "none" or output.reader is not None:
        return
    columns = (*(spec.columns or ()), *(column for route in spec.routes for column in route.columns))
    # Compact JSON holds no line breaks, and a pattern is there to say what a text may hold.
    free = [c for c in columns if not c.hidden and c.type.kind in ("auto", "string") and c.pattern is None]
    reason = _line_break_reason(spec, free)
    if reason is not None:
        message = (
            f"{reason}: a line break stays in its field, which Athena cannot read; "
            'for Athena write reader = "athena-lazysimple" in [output]'
        )
        yield Finding("hint", "csv-newlines", name, message)


def _line_break_reason(spec: Spec, columns: Iterable[Column]) -> str | None:
    """Return what in this configuration lets one expect line breaks in a column, None where nothing does."""
    for column in columns:
        if spec.source == "cloudwatch-logs" and column.path == "message":
            return f"{column.name} is the message of a log event, which may have several lines"
    for example in spec.tests:
        rows = csv.reader(io.StringIO(example.expect or "", newline=""), delimiter=spec.output.delimiter)
        if any("\n" in field for row in rows for field in row):
            return f"{example.name} expects a line break inside of a field"
    return None


# -- Iceberg


def _iceberg(spec: Spec) -> Iterator[Finding]:
    for route in spec.routes:
        if route.iceberg is None:
            continue
        columns = ddl.visible_columns(spec, route)
        for column in columns:
            yield from _iceberg_column(column)
        yield from _names(route, columns)
        if not ddl.operations(route.iceberg).isdisjoint(ddl.CHANGES):
            yield from _changes(spec, route, columns)


def _iceberg_column(column: Column) -> Iterator[Finding]:
    if column.type.kind == "auto":
        message = "goes out as it stands, whatever the table has; give it the type of the table's column"
        yield Finding("warning", "iceberg-auto", column.location, message)
    if column.type.kind == "json" and column.schema is None and not column.spread:
        yield Finding("error", "iceberg-json", column.location, ddl.NO_SCHEMA)
    if column.name != column.name.lower():
        message = (
            f"S3 Tables refuses upper-case names, and Athena makes {column.name.lower()} of it, which is another "
            "name to Firehose; write it in small letters"
        )
        yield Finding("warning", "iceberg-case", column.location, message)


def _names(route: Route, columns: Iterable[Column]) -> Iterator[Finding]:
    assert route.iceberg is not None
    words = dict.fromkeys(("table", iceberg.table) for iceberg in route.iceberg.per_table())
    for what, name in (("database", route.iceberg.database), *words):
        if name != name.lower():
            message = f"{what} {name}: the Glue catalog and S3 Tables have names in small letters"
            yield Finding("warning", "iceberg-case", route.location, message)
    known: dict[str, str] = {}
    for column in columns:
        other = known.setdefault(column.name.lower(), column.name)
        if other != column.name:
            message = f"differs from {other} in upper and lower case only, and a table tells no such names apart"
            yield Finding("warning", "iceberg-same-name", column.location, message)


def _changes(spec: Spec, route: Route, columns: tuple[Column, ...]) -> Iterator[Finding]:
    """Judge a route that updates or deletes."""

    def finding(level: Level, code: str, message: str) -> Finding:
        return Finding(level, code, route.location, message)

    named = key_names(spec, route)
    keys = [column.name for column in columns if column.name in named]
    is_change = spec.source == "dynamodb"
    if is_change and not keys:
        yield finding("warning", "change-key", "updates or deletes rows, and no column is a key; add dynamodb.Keys....")
    if not any(_is_time_of_change(spec, column) for column in columns):
        remedy = "add a column with the path dynamodb.ApproximateCreationDateTime" if is_change else "add a timestamp"
        message = f"changes may arrive late, and no column says when they were made; {remedy}"
        yield finding("warning", "change-time", message)
    if spec.overflow.policy == "reingest":
        message = (
            "a change that does not fit its response fails all the same, since put back it would come behind newer "
            "ones; only records of tables without updates and deletes go back"
        )
        yield finding("hint", "change-reingest", message)
    names = ", ".join(f'"{name}"' for name in keys) or "its key columns"
    message = f"Firehose needs UniqueKeys = [{names}] for this table, or identifier fields of the table"
    yield finding("hint", "unique-keys", message)


def _is_time_of_change(spec: Spec, column: Column) -> bool:
    if spec.source != "dynamodb":
        return column.type.kind == "timestamp"
    return column.path is not None and _CREATION.fullmatch(column.path) is not None
