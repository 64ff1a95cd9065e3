"""How a reader is set, read by `sqlglot` from its statements: the columns of its rows, the options of its dialect.

What it should be set to is judged in `objects`. Invariant: whatever the text, the outcome is a table or an `InputError`
of one line, and the statement that `fastxform.tools.reader_ddl` makes is read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastxform.errors import InputError
from fastxform.tools.lint import definitions
from fastxform.tools.lint.definitions import DefinedColumn, Definition

if TYPE_CHECKING:
    from sqlglot import exp

DIALECTS: Final = {
    "athena-opencsv": "athena",
    "athena-lazysimple": "athena",
    "athena-json": "athena",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
    "duckdb": "duckdb",
    "spark": "spark",
}
"""The SQL of each reader that has statements; the others are set in windows or in Python."""

PARQUET: Final = "parquet"
"""The serde of a table that Firehose's own format conversion writes."""

_FALSE: Final = "false"
_HEADER: Final = {"skip.header.line.count": "0"}
_SERDES: Final[dict[str, dict[str, str]]] = {
    "LazySimpleSerDe": {"field.delim": "\x01", "escape.delim": "", "serialization.null.format": r"\N", **_HEADER},
    "OpenCSVSerde": {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\", **_HEADER},
    "JsonSerDe": _HEADER,
    PARQUET: {},
}
"""The serdes by the last part of their name: the options that count, with Hive's defaults."""

_DEFAULTS: Final[dict[str, dict[str, str]]] = {
    "redshift": {
        "format": "TEXT",
        "delimiter": ",",
        "quote": '"',
        "null": r"\N",
        "ignoreheader": "0",
        "emptyasnull": _FALSE,
        "blanksasnull": _FALSE,
    },
    "snowflake": {
        "type": "CSV",
        "field_delimiter": ",",
        "field_optionally_enclosed_by": "NONE",
        "escape": "NONE",
        "escape_unenclosed_field": "\\",
        "null_if": r"\N",
        "empty_field_as_null": "true",
        "skip_header": "0",
        "trim_space": _FALSE,
    },
    "bigquery": {
        "format": "",
        "field_delimiter": ",",
        "quote": '"',
        "null_marker": "",
        "allow_quoted_newlines": _FALSE,
        "preserve_ascii_control_characters": _FALSE,
        "skip_leading_rows": "0",
    },
    "duckdb": {
        "delim": ",",
        "quote": '"',
        "escape": '"',
        "nullstr": "",
        "allow_quoted_nulls": "true",
        "header": "found by itself",
    },
    "spark": {
        "sep": ",",
        "quote": '"',
        "escape": "\\",
        "nullValue": "",
        "emptyValue": "",
        "multiLine": _FALSE,
        "header": _FALSE,
    },
}
"""The options that decide what a reader makes of a row, with its documented defaults."""

_ALIASES: Final = {"sep": "delim", "delimiter": "delim", "null": "nullstr", "types": "columns"}
_REDSHIFT_VALUES: Final = ("FORMAT", "DELIMITER", "QUOTE", "NULL", "IGNOREHEADER")
_REDSHIFT_FLAGS: Final = ("EMPTYASNULL", "BLANKSASNULL")


@dataclass(frozen=True, slots=True)
class ReaderTable:
    """How a reader is set.

    Attributes:
        name: the table, as the text has it.
        line: where it begins, 0 where that is not known.
        columns: of its rows, without those of partitions.
        options: of its dialect, each that counts; None where the text only creates the table.
        unknown: the format that the text names and does not define, whose options are not known.
    """

    name: str
    line: int
    columns: tuple[DefinedColumn, ...]
    options: Mapping[str, str] | None
    unknown: str | None = None


def read_table(text: str, name: str, reader: str) -> ReaderTable:
    """Return what a text tells a reader of `DIALECTS`; of several tables the first.

    Args:
        text: statements, with a semicolon between them.
        name: the file, for messages.
        reader: its name in `[output]`.

    Raises:
        InputError: it cannot be read, or has no columns.
    """
    dialect = DIALECTS[reader]
    if dialect == "athena":
        return _athena_table(text, name)
    statements = definitions.parse(text, name, dialect)
    if dialect == "duckdb":
        return _duckdb_table(statements, name)
    found = next(definitions.tables(statements), None) or next(_loaded(statements), None)
    if found is None:
        raise InputError(f"{name}: it has no CREATE TABLE with columns")
    options, unknown = _OPTIONS[dialect](statements)
    defaults = _DEFAULTS[dialect]
    known = None if options is None else {key: options.get(key, default) for key, default in defaults.items()}
    return ReaderTable(found.name, found.line, found.fields, known, unknown)


def _athena_table(text: str, name: str) -> ReaderTable:
    statements = definitions.parse(text, name, "athena")
    found = definitions.read_definitions(text, name)[0]
    from sqlglot import exp

    create = next(known for known in statements if isinstance(known, exp.Create) and isinstance(known.this, exp.Schema))
    serde, options = _serde(create)
    defaults = _SERDES.get(serde, _HEADER)
    known = {"serde": serde} | {key: options.get(key, default) for key, default in defaults.items()}
    # The columns of partitions may stand in the list of the parser; they are in the path, not in the rows.
    fields = tuple(field for field in found.fields if field.name not in found.partitioned_by)
    return ReaderTable(found.name, found.line, fields, known)


def _serde(create: "exp.Create") -> tuple[str, dict[str, str]]:
    """Return the last part of the name of a table's serde, and its properties with those of the table."""
    from sqlglot import exp

    options = dict(_pairs(create.args.get("properties")))
    serde = "LazySimpleSerDe"
    for found in create.find_all(exp.RowFormatSerdeProperty):
        serde = found.name.rpartition(".")[2]
        options |= dict(_pairs(found.args.get("serde_properties")))
    for delimited in create.find_all(exp.RowFormatDelimitedProperty):
        for key, option in (("fields", "field.delim"), ("escaped", "escape.delim"), ("null", _NULL_FORMAT)):
            if delimited.args.get(key) is not None:
                options[option] = delimited.args[key].name
    stored = " ".join(found.sql().lower() for found in create.find_all(exp.FileFormatProperty))
    if PARQUET in stored:
        serde = PARQUET
    if "serialization.format" in options:
        options.setdefault("field.delim", options["serialization.format"])
    return serde, options


_NULL_FORMAT: Final = "serialization.null.format"


def _duckdb_table(statements: "list[exp.Expr | None]", name: str) -> ReaderTable:
    from sqlglot import exp

    found = next((call for known in statements if known is not None for call in known.find_all(exp.ReadCSV)), None)
    if found is None:
        raise InputError(f"{name}: it calls no read_csv")
    arguments = {
        _ALIASES.get(key, key): argument for argument in found.expressions for key in (argument.this.name.lower(),)
    }
    if "columns" not in arguments:
        raise InputError(f"{name}: read_csv has no columns = {{...}}, and would guess their types")
    columns = tuple(
        DefinedColumn(column.this.name, definitions.type_of(exp.DataType.build(column.expression.name, "duckdb")), 0)
        for column in arguments["columns"].expression.expressions
    )
    options = {key: _value(argument.expression) for key, argument in arguments.items()}
    create = next((known for known in statements if isinstance(known, exp.Create)), None)
    table = "read_csv" if create is None else create.this.name
    known = {key: options.get(key, default) for key, default in _DEFAULTS["duckdb"].items()}
    return ReaderTable(table, 0, columns, known)


# -- the options of a load


_Options = tuple[dict[str, str] | None, str | None]


def _redshift(statements: "list[exp.Expr | None]") -> _Options:
    """Return the options of COPY; its parser pairs its words by twos, whatever they mean."""
    copy = _copy(statements)
    if copy is None:
        return None, None
    parts = [part for found in copy.args["params"] for part in (found.this, found.args.get("expression"))]
    words = [(_value(part), part) for part in parts if part is not None]
    words = [(word, part) for word, part in words if not (_is_word(part) and word.upper() in ("AS", ""))]
    options: dict[str, str] = {}
    for index, (word, part) in enumerate(words):
        key = word.upper()
        if not _is_word(part):
            continue
        if key == "CSV":
            options["format"] = "CSV"
        elif key in _REDSHIFT_FLAGS:
            options[key.lower()] = "true"
        elif key in _REDSHIFT_VALUES and index + 1 < len(words):
            options[key.lower()] = words[index + 1][0]
    return options, None


def _is_word(part: "exp.Expr") -> bool:
    from sqlglot import exp

    return isinstance(part, exp.Var | exp.Null)


def _snowflake(statements: "list[exp.Expr | None]") -> _Options:
    """Return the options of COPY INTO, its own or those of the file format that it names."""
    from sqlglot import exp

    copy = _copy(statements)
    if copy is None:
        return None, None
    formats = {
        found.this.name.lower(): dict(_pairs(found.args.get("properties")))
        for found in statements
        if isinstance(found, exp.Create) and found.args.get("kind") == "FILE FORMAT"
    }
    options: dict[str, str] = {}
    for parameter in copy.args["params"]:
        if parameter.name.upper() == "FILE_FORMAT":
            options |= dict(_pairs(parameter))
    options = {key.lower(): value for key, value in options.items()}
    named = options.pop("format_name", None)
    if named is None:
        return options, None
    known = formats.get(named.rpartition(".")[2].strip('"').lower())
    if known is None:
        return None, named
    return {key.lower(): value for key, value in known.items()} | options, None


def _bigquery(statements: "list[exp.Expr | None]") -> _Options:
    from sqlglot import exp

    load = next((found for found in statements if isinstance(found, exp.LoadData)), None)
    if load is None:
        return None, None
    files = load.args["files"]
    options = {key.lower(): value for key, value in _pairs(files)}
    for found in files.find_all(exp.FileFormatProperty):
        options["format"] = found.name
    return options, None


def _spark(statements: "list[exp.Expr | None]") -> _Options:
    from sqlglot import exp

    options = [found for known in statements if known is not None for found in known.find_all(exp.OptionsProperty)]
    names = {name.lower(): name for name in _DEFAULTS["spark"]} | {"delimiter": "sep"}
    return {names.get(key.lower(), key): value for found in options for key, value in _pairs(found)}, None


_OPTIONS: Final[dict[str, Any]] = {
    "redshift": _redshift,
    "snowflake": _snowflake,
    "bigquery": _bigquery,
    "spark": _spark,
}


def _copy(statements: "list[exp.Expr | None]") -> "exp.Copy | None":
    from sqlglot import exp

    return next((found for found in statements if isinstance(found, exp.Copy)), None)


def _loaded(statements: "list[exp.Expr | None]") -> Iterator[Definition]:
    """Yield the tables whose columns LOAD DATA itself names."""
    from sqlglot import exp

    for found in statements:
        if isinstance(found, exp.LoadData) and isinstance(found.this, exp.Schema):
            yield definitions.definition(found, found.this)


def _pairs(properties: "exp.Expr | None") -> Iterator[tuple[str, str]]:
    """Yield the names and values of properties."""
    from sqlglot import exp

    for found in () if properties is None else properties.expressions:
        if type(found) is exp.Property:
            value = found.args.get("value")
            yield found.name, "" if value is None else _value(value)


def _value(value: "exp.Expr") -> str:
    """Return a value as text; a list's are joined."""
    from sqlglot import exp

    if isinstance(value, exp.Boolean):
        return "true" if value.this else _FALSE
    if isinstance(value, exp.Null):
        return "NULL"
    if isinstance(value, exp.Tuple | exp.Array | exp.Paren):
        return ",".join(_value(found) for found in value.iter_expressions())
    return str(value.name)
