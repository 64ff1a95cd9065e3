"""The configuration file as JSON Schema (draft 7, what editors with a TOML language server read), made from `keys`.

A schema cannot say everything that the reader checks: paths and expressions are text here, and what a key means for
another is not in it. Invariant: a file that the reader takes is valid by the schema.
"""

from typing import Any, Final

from fastxform.config.keys import (
    CHOICE,
    COLUMN,
    EXPLODE,
    ICEBERG,
    LOOKUP,
    OPERATIONS,
    OUTPUT,
    OVERFLOW,
    PARSE,
    ROUTE,
    TEST,
    TOP_LEVEL,
    VERSION,
    Key,
    Section,
)
from fastxform.config.sections import EVENT_NAMES
from fastxform.datatypes.logical import SPELLINGS

_KINDS: Final[dict[str, str]] = {"text": "string", "choice": "string", "boolean": "boolean", "integer": "integer"}


def json_schema() -> dict[str, Any]:
    """Return the schema of a whole file."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "fastxform configuration",
        "description": "One file is one transform of an Amazon Data Firehose stream.",
        **_section(TOP_LEVEL),
    }


def _section(section: Section) -> dict[str, Any]:
    members = {key.name: _key(section, key) for key in section.keys}
    described: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": members}
    if section is LOOKUP:
        scalar = {"type": ["string", "number", "boolean"]}
        members["values"] |= {"additionalProperties": scalar, "minProperties": 1}
        described["oneOf"] = [
            {"required": ["file", "key"], "properties": {"values": False}},
            {"required": ["values"], "properties": {"file": False, "key": False}},
        ]
    required = _REQUIRED.get(section.location)
    return described | {"required": list(required)} if required else described


def _key(section: Section, key: Key) -> dict[str, Any]:
    described: dict[str, Any] = {"description": key.text}
    if key.default is not None:
        described["default"] = key.default
    if key.name == "version" and section is TOP_LEVEL:
        return described | {"const": VERSION}
    if key.kind in ("table", "tables"):
        return described | _table(section, key)
    if key.kind == "any":
        return described | (_closer(section, key) or {"type": list(key.types)})
    described["type"] = _KINDS[key.kind]
    if key.choices:
        described["enum"] = list(key.choices)
    elif section is COLUMN and key.name == "type":
        described["pattern"] = _TYPE
    elif key.kind == "text" and not key.may_be_empty:
        described["pattern"] = r"\S"
    if key.bounds is not None:
        described["minimum"], described["maximum"] = key.bounds
    return described


def _table(section: Section, key: Key) -> dict[str, Any]:
    inner = _INNER.get((section.location, key.name))
    if key.kind == "tables":
        assert inner is not None, f"{key.name} is a list of tables of no section"
        return {"type": "array", "items": _section(inner)}
    if key.name == "columns":
        return {
            "type": "object",
            "propertyNames": {"minLength": 1},
            "additionalProperties": {"anyOf": [{"type": "string", "pattern": r"\S"}, _section(COLUMN)]},
        }
    if key.name in _NAMED:
        inside = _section(_NAMED[key.name])
        return {"type": "object", "propertyNames": {"minLength": 1}, "additionalProperties": inside}
    if inner is None:
        values = {"type": "string", "pattern": r"\S"} if key.name == "partition_keys" else {}
        return {"type": "object", "additionalProperties": values or True}
    return _section(inner)


def _closer(section: Section, key: Key) -> dict[str, Any] | None:
    """Return what is known of a value that its module reads by itself."""
    if section is ICEBERG and key.name == "table":
        return {"anyOf": [{"type": "string", "pattern": r"\S"}, _choice({"type": "string", "pattern": r"\S"})]}
    if section is ICEBERG and key.name == "operation":
        word = {"type": "string", "enum": list(OPERATIONS)}
        events = {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": dict.fromkeys(EVENT_NAMES, word),
        }
        return {"anyOf": [word, events, _choice(word)]}
    if key.types == ("array",):
        some = {} if key.name == "nulls" else {"minLength": 1}
        return {"type": "array", "items": {"type": "string", **some}} | (
            {"minItems": 1} if key.name in ("fields", "keys") else {}
        )
    return None


def _choice(value: dict[str, Any]) -> dict[str, Any]:
    """Return the table of a word by the text of a column."""
    described = _section(CHOICE)
    described["properties"]["values"] |= {"additionalProperties": value, "minProperties": 1}
    return described


_TYPE: Final = (
    rf"^({'|'.join(spelling for spelling in SPELLINGS if spelling.isalnum())})$|^\s*(decimal\s*\(|timestamp\s*\[)"
)
"""The spelling of a type, as far as it is written without its numbers."""

_REQUIRED: Final = {
    ICEBERG.location: ("database", "table"),
    CHOICE.location: ("from", "values"),
    PARSE.location: ("of",),
    EXPLODE.location: ("path",),
}
"""The keys that a table of a section always has."""

_NAMED: Final = {"parse": PARSE, "lookups": LOOKUP}
"""The section of each table inside of a table of names."""

_INNER: Final = {
    ("", "output"): OUTPUT,
    ("", "explode"): EXPLODE,
    ("", "routes"): ROUTE,
    ("", "overflow"): OVERFLOW,
    ("", "tests"): TEST,
    ("routes[]", "iceberg"): ICEBERG,
}
"""The section of a table inside a section."""
