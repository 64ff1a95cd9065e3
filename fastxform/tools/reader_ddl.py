"""How the reader of `[output] reader` is set to read the objects: a table definition, a load or a call.

What is written for it is decided by the keys of `[output]`, and the definition names the same ones. Invariant: with
what is printed, the reader gives back what was written, which `tests/spark/test_readers.py` shows for those that run
here; Iceberg tables are `fastxform.tools.ddl`'s.
"""

import re
from collections.abc import Callable
from typing import Final

from fastxform.config.model import Column, Output, Spec, column_order
from fastxform.datatypes.logical import Type
from fastxform.errors import ConfigError, Mistake
from fastxform.tools.ddl import SPREAD

GLUE_PARQUET: Final = "glue-parquet"
"""The table whose columns Firehose's own format conversion wants."""

DEFAULT_PREFIX: Final = "!{timestamp:yyyy/MM/dd/HH}/"
"""What Firehose puts before the names of objects where the stream has no expression in its prefix."""

_EXPRESSION: Final = re.compile(
    r"!\{(?P<space>timestamp|partitionKeyFromLambda|partitionKeyFromQuery):(?P<name>[^}]+)\}"
)
_UNITS: Final = (("HH", "HOURS"), ("dd", "DAYS"), ("MM", "MONTHS"), ("yyyy", "YEARS"))

_HIVE: Final = {"int64": "bigint", "float64": "double", "bool": "boolean", "timestamp": "timestamp", "date": "date"}
_REDSHIFT: Final = {
    "int64": "bigint",
    "float64": "double precision",
    "bool": "boolean",
    "timestamp": "timestamp",
    "date": "date",
}
_SNOWFLAKE: Final = {
    "int64": "bigint",
    "float64": "double",
    "bool": "boolean",
    "timestamp": "timestamp_ntz",
    "date": "date",
}
_BIGQUERY: Final = {"int64": "INT64", "float64": "FLOAT64", "bool": "BOOL", "timestamp": "TIMESTAMP", "date": "DATE"}
_DUCKDB: Final = {"int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "timestamp": "TIMESTAMP", "date": "DATE"}


def statement(spec: Spec, table: str, location: str, prefix: str = "", target: str | None = None) -> str:
    """Return what tells the reader of a transform to read its objects.

    Args:
        spec: the transform; its output names the reader.
        table: the name of the table.
        location: the bucket and the prefix of the objects, `s3://bucket/prefix`.
        prefix: what the stream has behind that, with its expressions; Firehose's own by default.
        target: `glue-parquet` instead of the reader.

    Raises:
        ConfigError: the columns are not known, differ between routes, or the output does not fit the target.
    """
    columns = visible_columns(spec)
    reader = target or spec.output.reader
    if reader is None:
        raise ConfigError((Mistake("output", 'names no reader; write reader = "athena-lazysimple" or another one'),))
    if reader == GLUE_PARQUET:
        _check_conversion(spec.output, columns)
    write = _STATEMENTS[reader]
    return write(columns, spec.output, table, location.rstrip("/") + "/", prefix or DEFAULT_PREFIX)


def glue_columns(spec: Spec) -> list[dict[str, str]]:
    """Return the visible columns as Glue's API has them: `Name` and `Type`, the Hive type, of each."""
    return [{"Name": column.name, "Type": _hive_type(spec.output, column)} for column in visible_columns(spec)]


def visible_columns(spec: Spec) -> list[Column]:
    """Return the visible columns; with routes they have to be the same in all of them, since CSV has no names."""
    orders = [[column for column in column_order(spec, route) if not column.hidden] for route in spec.routes or (None,)]
    if not orders[0]:
        raise ConfigError(
            (Mistake("columns", "the document itself is the row, so its columns are not known; name them"),)
        )
    for column in (column for order in orders for column in order if column.spread):
        raise ConfigError((Mistake(column.location, SPREAD),))
    for route, order in zip(spec.routes, orders, strict=False):
        names = [[(column.name, column.type, column.schema) for column in columns] for columns in (order, orders[0])]
        if names[0] != names[1]:
            message = "has other columns than the first route, and one table reads the rows of both; give it the same"
            raise ConfigError((Mistake(route.location, message),))
    return orders[0]


def _check_conversion(output: Output, columns: list[Column]) -> None:
    """Check that the rows are what Firehose's format conversion reads."""
    remedy = 'write output = { format = "json", timestamps = "space", json = "text" }'
    kinds = {column.type.kind for column in columns if column.schema is None}
    if output.format != "json":
        raise ConfigError((Mistake("output.format", f"format conversion reads JSON; {remedy}"),))
    if "timestamp" in kinds and output.timestamps != "space":
        raise ConfigError((Mistake("output.timestamps", f"format conversion reads 2024-05-02 12:45:25; {remedy}"),))
    if kinds & {"json", "auto"} and output.json != "text":
        raise ConfigError((Mistake("output.json", f"a column of text takes no object or list; {remedy}"),))


# -- words


def _type(column: Column, words: dict[str, str], text: str, decimal: str = "decimal({0},{1})") -> str:
    kind: Type = column.type
    if kind.kind == "decimal":
        return decimal.format(kind.precision, kind.scale)
    return words.get(kind.kind, text)


def _backticks(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _double_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    """Return a text of SQL in which a backslash is an escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t").replace("\n", "\\n") + "'"


def _plain(text: str) -> str:
    """Return a text of SQL in which a backslash is a backslash."""
    return "'" + text.replace("'", "''") + "'"


def _lines(columns: list[Column], name: Callable[[str], str], kind: Callable[[Column], str]) -> str:
    return ",\n".join(f"  {name(column.name)} {kind(column)}" for column in columns)


# -- Athena


def _partitions(location: str, prefix: str) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return the partition columns of a stream's prefix, and the table properties that project them."""
    columns: list[tuple[str, str]] = []
    properties = {"projection.enabled": "true"}

    def column(match: re.Match[str]) -> str:
        if match["space"] == "timestamp":
            name = "datehour" if not any(known == "datehour" for known, _ in columns) else f"time{len(columns)}"
            unit = next(unit for letters, unit in _UNITS if letters in match["name"] or unit == "YEARS")
            first = match["name"].replace("yyyy", "2024").replace("MM", "01").replace("dd", "01").replace("HH", "00")
            values = {
                "type": "date",
                "format": match["name"],
                "range": f"{first},NOW",
                "interval": "1",
                "interval.unit": unit,
            }
        else:
            name, values = match["name"], {"type": "injected"}
        columns.append((name, "string"))
        properties.update({f"projection.{name}.{key}": value for key, value in values.items()})
        return "${" + name + "}"

    template = _EXPRESSION.sub(column, prefix)
    properties["storage.location.template"] = location + template
    return columns, properties


def _athena(
    columns: list[Column], table: str, location: str, prefix: str, stored: str, kind: Callable[[Column], str]
) -> str:
    partitions, properties = _partitions(location, prefix)
    keys = ", ".join(f"{_backticks(name)} {word}" for name, word in partitions)
    lines = [f"CREATE EXTERNAL TABLE {_backticks(table)} (", _lines(columns, _backticks, kind), ")"]
    if partitions:
        lines.append(f"PARTITIONED BY ({keys})")
    lines += [stored, f"LOCATION '{location}'"]
    if partitions:
        inner = ",\n".join(f"  '{name}' = '{value}'" for name, value in properties.items())
        lines += ["TBLPROPERTIES (", inner, ")"]
    return "\n".join(lines) + ";\n"


def _serde(name: str, properties: dict[str, str]) -> str:
    inner = ", ".join(f"'{key}' = {_text(value)}" for key, value in properties.items())
    formats = (
        "STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'\n"
        "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'"
    )
    return f"ROW FORMAT SERDE '{name}'" + (f"\nWITH SERDEPROPERTIES ({inner})" if inner else "") + f"\n{formats}"


def athena_type(output: Output, column: Column) -> str:
    """Return the type of a column of an Athena table; OpenCSVSerde takes an empty number for a mistake: all is text."""
    return "string" if output.reader == "athena-opencsv" else _hive_type(output, column)


def _hive_type(output: Output, column: Column) -> str:
    if column.schema is not None and output.format == "json" and output.json == "value":
        return column.schema
    return _type(column, _HIVE, "string")


def _opencsv(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    properties = {"separatorChar": output.delimiter, "quoteChar": '"', "escapeChar": output.escape}
    serde = _serde("org.apache.hadoop.hive.serde2.OpenCSVSerde", properties)
    return _athena(columns, table, location, prefix, serde, lambda column: athena_type(output, column))


def _lazysimple(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    properties = {
        "field.delim": output.delimiter,
        "escape.delim": output.escape,
        "serialization.null.format": output.null,
    }
    serde = _serde("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", properties)
    return _athena(columns, table, location, prefix, serde, lambda column: athena_type(output, column))


def _json(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    serde = _serde("org.apache.hive.hcatalog.data.JsonSerDe", {})
    return _athena(columns, table, location, prefix, serde, lambda column: athena_type(output, column))


def _parquet(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    return _athena(columns, table, location, prefix, "STORED AS PARQUET", lambda column: _hive_type(output, column))


# -- warehouses


def _redshift(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    name = _double_quotes(table)
    lines = _lines(columns, _double_quotes, lambda column: _type(column, _REDSHIFT, "varchar(65535)"))
    return (
        f"CREATE TABLE {name} (\n{lines}\n);\n\n"
        f"-- \\N is the null of COPY by default; add GZIP where the stream compresses its objects.\n"
        f"COPY {name}\nFROM '{location}'\nIAM_ROLE default\nFORMAT AS CSV\nDELIMITER AS {_text(output.delimiter)}\n"
        "TIMEFORMAT 'auto'\nDATEFORMAT 'auto';\n"
    )


def _snowflake(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    name = _double_quotes(table)
    decimal = "number({0},{1})"
    lines = _lines(columns, _double_quotes, lambda column: _type(column, _SNOWFLAKE, "varchar", decimal))
    stage = _double_quotes(f"{table}_stage")
    return (
        f"CREATE TABLE {name} (\n{lines}\n);\n\n"
        f"-- The stage needs the storage integration of the bucket: STORAGE_INTEGRATION = ...\n"
        f"CREATE STAGE {stage} URL = '{location}';\n\n"
        f"COPY INTO {name}\nFROM @{stage}\nFILE_FORMAT = (\n  TYPE = CSV\n"
        f"  FIELD_DELIMITER = {_text(output.delimiter)}\n  FIELD_OPTIONALLY_ENCLOSED_BY = '\"'\n  ESCAPE = NONE\n"
        "  ESCAPE_UNENCLOSED_FIELD = NONE\n  NULL_IF = ()\n  EMPTY_FIELD_AS_NULL = TRUE\n);\n"
    )


def _bigquery(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    def kind(column: Column) -> str:
        scale = column.type.scale or 0
        fits = column.type.kind == "decimal" and (column.type.precision or 0) - scale <= 29 and scale <= 9
        return _type(column, _BIGQUERY, "STRING", ("NUMERIC" if fits else "BIGNUMERIC") + "({0}, {1})")

    name = _backticks(table)
    return (
        f"CREATE TABLE {name} (\n{_lines(columns, _backticks, kind)}\n);\n\n"
        f"-- The objects have to be in Cloud Storage, or the load be one of BigQuery Omni.\n"
        f"LOAD DATA INTO {name}\nFROM FILES (\n  format = 'CSV',\n  uris = ['{location}*'],\n"
        f"  field_delimiter = {_text(output.delimiter)},\n  quote = '\"',\n  allow_quoted_newlines = true,\n"
        f"  preserve_ascii_control_characters = true,\n  null_marker = {_text(output.null)}\n);\n"
    )


# -- engines


def _duckdb(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    kinds = ",\n".join(
        f"    {_plain(column.name)}: {_plain(_type(column, _DUCKDB, 'VARCHAR', 'DECIMAL({0},{1})'))}"
        for column in columns
    )
    return (
        f"CREATE TABLE {_double_quotes(table)} AS\nSELECT * FROM read_csv(\n  '{location}**',\n  auto_detect = false,\n"
        f"  header = false,\n  delim = {_plain(output.delimiter)},\n  quote = '\"',\n  escape = '\"',\n"
        f"  nullstr = {_plain(output.null)},\n  allow_quoted_nulls = false,\n  new_line = '\\n',\n"
        f"  columns = {{\n{kinds}\n  }}\n);\n"
    )


def _spark(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    options = {
        "path": location,
        "recursiveFileLookup": "true",
        "sep": output.delimiter,
        "quote": '"',
        "escape": '"',
        "nullValue": output.null,
        "emptyValue": "",
        "multiLine": "true",
        "lineSep": "\n",
    }
    inner = ",\n".join(f"  {name} {_text(value)}" for name, value in options.items())
    lines = _lines(columns, _backticks, lambda column: _type(column, _HIVE, "string"))
    return f"CREATE TABLE {_backticks(table)} (\n{lines}\n)\nUSING csv\nOPTIONS (\n{inner}\n);\n"


def _pandas(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    kinds = {"int64": "Int64", "float64": "float64", "bool": "boolean"}
    names = "\n".join(f"    {column.name!r}: {kinds.get(column.type.kind, 'string')!r}," for column in columns)
    times = [column.name for column in columns if column.type.kind in ("timestamp", "date")]
    return (
        f"import pandas\n\ndtypes = {{\n{names}\n}}\n{table} = pandas.read_csv(\n"
        f"    path,  # an object below {location}\n"
        f"    names=list(dtypes),\n    header=None,\n    sep={output.delimiter!r},\n    dtype=dtypes,\n"
        f"    keep_default_na=False,\n    na_values=[{output.null!r}],\n    skip_blank_lines=False,\n"
        f"    lineterminator='\\n',\n)\n"
        + "".join(f"{table}[{name!r}] = pandas.to_datetime({table}[{name!r}])\n" for name in times)
    )


def _excel(columns: list[Column], output: Output, table: str, location: str, prefix: str) -> str:
    names = "".join(f"  {number}. {column.name}\n" for number, column in enumerate(columns, 1))
    return (
        f"Data > From Text/CSV, an object below {location}\n"
        f"File origin: 65001 Unicode (UTF-8). Delimiter: {output.delimiter!r}.\n"
        "Transform Data: set the type Text for what is to keep its digits and zeros. The columns have no header:\n"
        + names
    )


_Statement = Callable[[list[Column], Output, str, str, str], str]

_STATEMENTS: Final[dict[str, _Statement]] = {
    "athena-opencsv": _opencsv,
    "athena-lazysimple": _lazysimple,
    "athena-json": _json,
    "redshift": _redshift,
    "snowflake": _snowflake,
    "bigquery": _bigquery,
    "duckdb": _duckdb,
    "spark": _spark,
    "pandas": _pandas,
    "excel": _excel,
    GLUE_PARQUET: _parquet,
}
