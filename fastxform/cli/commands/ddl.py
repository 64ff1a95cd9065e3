"""`fastxform ddl`: the tables that a configuration writes to, and how the reader of its objects is set to read them.

The statements are made in `fastxform.tools.ddl` for Iceberg and in `fastxform.tools.reader_ddl` for CSV and JSON
objects. Invariant: what is printed agrees with the transform, as `fastxform check --ddl` compares them.
"""

import argparse
import re
from pathlib import Path
from typing import Any, Final

from fastxform.cli.console import Console, number_of

HELP: Final = "print the statements that create the tables of a configuration, or that read its objects"

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]*[a-z0-9]")

EPILOG: Final = (
    "Iceberg tables: the statements are Athena's. Without --location they are for S3 Tables, which places tables "
    "itself; a table of the Glue catalog needs one. CSV and JSON objects: what the reader of [output] is given, with "
    "--location. Exit code 1: the configuration names neither an Iceberg table nor a reader; 2: a column has no type."
)

EXAMPLES: Final = (
    ("fastxform ddl ses.toml --location s3://lake/raw", "tables of the Glue catalog"),
    ("fastxform ddl ses.toml", "tables of S3 Tables"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", metavar="CONFIG", help="the transform")
    parser.add_argument(
        "--location", type=_read_location, metavar="S3_URI", help="the tables go to S3_URI/DATABASE/TABLE/"
    )
    parser.add_argument(
        "--for",
        dest="target",
        choices=("s3tables", "glue-parquet"),
        help="s3tables: Iceberg tables without a location; glue-parquet: the table that format conversion wants",
    )
    parser.add_argument(
        "--table", metavar="NAME", help="the table of CSV and JSON objects; the name of the file by default"
    )
    parser.add_argument(
        "--prefix",
        metavar="PREFIX",
        default="",
        help="what the stream has behind the location, with its expressions: '!{timestamp:yyyy/MM/dd}/'",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the statements."""
    from fastxform.config.model import load
    from fastxform.tools import ddl

    spec = load(options.config)
    if options.target == "glue-parquet" or (spec.output.reader is not None and options.target is None):
        return _print_reader(options, spec, console)
    tables = ddl.tables(spec)
    location = None if options.target == "s3tables" else options.location
    statements = [ddl.create_table(table, location) for table in tables]
    if options.json:
        console.json(
            {"tables": [_as_json(table, sql) for table, sql in zip(tables, statements, strict=True)]},
        )
    else:
        console.data("\n".join(statements).encode())
    elsewhere = sum(route.iceberg is None for route in spec.routes)
    if tables and elsewhere:
        console.note(
            f"{options.config}: {elsewhere} of {number_of(len(spec.routes), 'route')} without an Iceberg table"
        )
    if tables and options.location is None and options.target is None:
        console.note("the statements are for S3 Tables; tables of the Glue catalog need --location s3://BUCKET/PREFIX")
    if not tables:
        remedy = 'a route with iceberg = { database = "...", table = "..." } does; for CSV and JSON, name a reader'
        console.note(f"{options.config}: writes to no Iceberg table, so there is nothing to create; {remedy}")
    return 0 if tables else 1


def _print_reader(options: argparse.Namespace, spec: Any, console: Console) -> int:
    """Print what the reader of the objects is given."""
    from fastxform.errors import InputError
    from fastxform.tools import reader_ddl

    if options.location is None:
        raise InputError("ddl: the objects of CSV and JSON output need --location s3://BUCKET/PREFIX")
    table = options.table or re.sub(r"\W", "_", Path(options.config).stem).lower()
    statement = reader_ddl.statement(spec, table, options.location, options.prefix, options.target)
    if options.json:
        found = {"reader": options.target or spec.output.reader, "table": table, "statement": statement}
        if options.target == reader_ddl.GLUE_PARQUET:  # what the deployments take as schema_file
            columns = reader_ddl.glue_columns(spec)
            found["TableInput"] = {"Name": table, "StorageDescriptor": {"Columns": columns}}
        console.json(found)
    else:
        console.data(statement.encode())
    return 0


def _read_location(text: str) -> str:
    from fastxform.tools.ddl import LOCATION

    if LOCATION.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r}: {_location_mistake(text)}")
    return text


def _location_mistake(text: str) -> str:
    """Return what is wrong with a location."""
    bucket = text.removeprefix("s3://").partition("/")[0]
    if not text.startswith("s3://"):
        return "a location in S3 is written s3://BUCKET/PREFIX"
    if not 3 <= len(bucket) <= 63:
        return f"{bucket!r} cannot be a bucket: its name has 3 to 63 characters, and this has {len(bucket)}"
    if _BUCKET.fullmatch(bucket) is None:
        return f"{bucket!r} cannot be a bucket: its name has lower-case letters, digits, dots and hyphens only"
    return "the prefix has white space or a quote in it"


def _as_json(table: Any, statement: str) -> dict[str, Any]:
    return {
        "database": table.database,
        "table": table.table,
        "columns": [{"name": name, "type": kind} for name, kind in table.columns.items()],
        "operations": sorted(table.operations),
        "unique_keys": list(table.keys) if table.has_changes else [],
        "statement": statement,
    }
