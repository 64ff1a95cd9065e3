"""A transform as a plan of the native kernel, where the kernel knows all of it.

Everything here is a list of what is taken: a key of the language that is not on it, a type, a path, a source, makes the
whole transform the engine's. Nothing is decoded here. Invariant: a plan that was compiled means what the engine means,
or leaves the record to it.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Final

from fastxform.config import model
from fastxform.config.model import Column, Spec
from fastxform.core import native
from fastxform.core.structs import Struct
from fastxform.datatypes.logical import Type
from fastxform.decode.fields import leaves
from fastxform.decode.native_builder import PlanBuilder, images_of
from fastxform.decode.native_values import UnsupportedError
from fastxform.query import paths

_KNOWN: Final[dict[type, frozenset[str]]] = {
    Spec: frozenset(
        (
            "source",
            "where",
            "output",
            "columns",
            "routes",
            "unmatched",
            "documents",
            "images",
            "lookups",
            "empty",
            "bad_rows",
            "mixed",
            "parses",
            "explode",
            "partition_keys",
            "overflow",
            "tests",
            "map_batch",
            "directory",
        )
    ),
    Column: frozenset(
        (
            "name",
            "type",
            "path",
            "meta",
            "expr",
            "required",
            "default",
            "pattern",
            "hidden",
            "location",
            "invalid",
            "nulls",
            "format",
            "schema",
        )
    ),
    model.Parse: frozenset(("name", "of", "format", "invalid", "fields", "delimiter", "quote", "pattern", "location")),
    model.Explode: frozenset(("path", "name", "index", "empty", "location")),
    model.Output: frozenset(model.Output.__struct_fields__),
    model.Route: frozenset(("where", "columns", "iceberg", "location")),
    model.Iceberg: frozenset(model.Iceberg.__struct_fields__),
    Type: frozenset(("kind", "unit", "precision", "scale")),
}
"""The keys that this module has thought of; any other must be as if it were not there.

What `empty`, `bad_rows`, `mixed` and `invalid` say is of records that the kernel is not sure of: the engine's.
"""

_PLAIN_DELIMITERS: Final = frozenset(",;|\t")
"""Delimiters that no number, date or word of a typed column can hold."""

_PARSES_LIMIT: Final = 8


class Meta(Struct, frozen=True):
    """A column that is no member of the payload."""

    name: str
    column: Column


class NativePlan(Struct):
    """A compiled plan.

    Attributes:
        plan: the kernel's.
        index: where the column of a key stands in what it decodes.
        patterns: where the text stands that a pattern of the key is matched on, and the pattern, where the kernel does
            not match it itself.
        metas: the columns that are not decoded.
        wants_arrival: whether the arrival of a record is read out of the event.
        floats: the keys of columns that the kernel leaves as text that is a number.
        is_multi_row: whether a record may have several rows, or none.
        formats: the columns of times that the kernel leaves as they are written, in a format.
    """

    plan: native.KernelPlan
    index: dict[Hashable, int]
    patterns: dict[Hashable, tuple[int, str]]
    metas: dict[Hashable, Meta]
    wants_arrival: bool
    floats: frozenset[Hashable]
    is_multi_row: bool
    formats: Mapping[Hashable, Column]


def compile_plan(
    spec: Spec, columns: Mapping[Any, Column], event_name: Hashable = None, width: int = native.WIDTHS[-1]
) -> NativePlan:
    """Return the plan of the columns of a transform.

    Args:
        spec: the transform.
        columns: its columns of paths and `meta`, each under its key.
        event_name: the key of the `eventName` of a change, where a route asks for it.
        width: the widest code that runs, where the processor has it.

    Raises:
        UnsupportedError: the kernel does not know all of it.
    """
    check(spec, columns)
    builder = PlanBuilder(spec)
    if spec.writes_documents:
        builder.add_document(spec)
    if event_name is not None and builder.is_bare:
        raise UnsupportedError("the event name of an item")
    named = {} if event_name is None else {event_name: Column("eventName", Type("string"), path="eventName")}
    builder.add_all({**columns, **named})
    metas = {key: Meta(column.meta, column) for key, column in columns.items() if column.meta is not None}
    wants_arrival = any(meta.name == "arrival_ms" for meta in metas.values())
    floats = frozenset(key for key, column in columns.items() if column.type.kind == "float64")
    repeated = sum(meta.name != "arrival_ms" for meta in metas.values())
    formats = {key: column for key, column in columns.items() if column.format is not None and column.path is not None}
    plan = builder.compile(wants_arrival, width, repeated)
    keys = builder.index, builder.patterns, metas
    return NativePlan(plan, *keys, wants_arrival, floats, spec.is_multi_row, formats)


def check(spec: Spec, columns: Mapping[Any, Column]) -> None:
    """Raise where something of a transform is not on the lists of what is taken.

    Raises:
        UnsupportedError: the kernel does not know all of it.
    """
    for described in (spec, spec.output, *spec.routes, *columns.values()):
        _check_keys(described)
    for column in columns.values():
        _check_keys(column.type)
        if column.meta is not None and column.format is not None:
            raise UnsupportedError("a format of what came with the record")
    for parse in spec.parses:
        _check_keys(parse)
    if spec.explode is not None:
        _check_keys(spec.explode)
    if len(spec.parses) > _PARSES_LIMIT:
        raise UnsupportedError("too many parses")
    for route in spec.routes:
        if route.iceberg is not None:
            _check_keys(route.iceberg)
            is_plain = {column.name: column.path is not None for column in model.column_order(spec, route)}
            if "delete" in route.iceberg.operations and not all(map(is_plain.get, model.key_names(spec, route))):
                raise UnsupportedError("keys of a delete that are no members")
        for column in route.columns:
            _check_keys(column)
            _check_keys(column.type)
    if spec.source not in ("json", "dynamodb", "cloudwatch-logs", "text") or spec.documents not in ("one", "many"):
        raise UnsupportedError("source")
    has_documents = spec.source in ("json", "dynamodb") and spec.explode is None and not spec.parses
    if spec.writes_documents and not spec.is_document and not has_documents:
        raise UnsupportedError("whole documents")
    if spec.unmatched not in ("fail", "drop"):
        raise UnsupportedError("unmatched")
    output = spec.output
    if output.format == "csv":
        if output.quoting not in native.QUOTINGS or output.newlines not in native.NEWLINES:
            raise UnsupportedError("output")
        if output.escape not in ("", "\\") or not output.refuses.isascii():
            raise UnsupportedError("escapes")
        if output.delimiter not in _PLAIN_DELIMITERS:
            raise UnsupportedError("delimiter")
    elif output.format != "json":
        raise UnsupportedError("output")


def _check_keys(described: Any) -> None:
    known = _KNOWN.get(type(described))
    if known is None:
        raise UnsupportedError(f"a {type(described).__name__}")
    fields, defaults = described.__struct_fields__, described.__struct_defaults__
    for index, name in enumerate(fields):
        if name in known:
            continue
        at = index - (len(fields) - len(defaults))
        if at < 0 or getattr(described, name) != defaults[at]:
            raise UnsupportedError(f"the key {name}")


def out_of_images(spec: Spec, columns: Mapping[Any, Column]) -> list[Any]:
    """Return the keys of the columns whose values come out of the images of a change, one of which each row must have.

    Of a list that is exploded the kernel itself sees that: a change of whose list there is nothing has no row.

    Raises:
        UnsupportedError: there are none.
    """
    images = images_of(spec)
    if spec.source != "dynamodb" or spec.is_document or spec.explode is not None:
        return []
    if () in images.names:  # a record that is an image itself is one
        return []
    keys = []
    for key, column in columns.items():
        if column.path is None:
            continue
        ends = list(leaves(paths.compile_path(column.path)))
        # One with a default is never null, whether there is an image or not.
        if ends and all(map(images.is_inside, ends)) and column.default is None:
            keys.append(key)
    if not keys:
        raise UnsupportedError("no column out of an image")
    return keys
