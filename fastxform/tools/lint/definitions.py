"""Table definitions as Athena takes them, read by `sqlglot` into what the comparison needs of them.

What a definition should say is not judged here. Invariant: whatever the text, the outcome is definitions or an
`InputError` of one line.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from fastxform.errors import InputError, one_line

if TYPE_CHECKING:
    from sqlglot import exp

DEFINITIONS_LIMIT_BYTES: Final = 1024 * 1024
"""The longest text of table definitions, ours: some thousand tables."""

_BYTE_ORDER_MARK: Final = "\ufeff"
_NAME: Final = r"(?:`(?:[^`]|``)+`|[A-Za-z0-9_]+)"
_IDENTIFIER: Final = re.compile(
    rf"\s*TABLE\s+(?:{_NAME}\s*\.\s*)*(?P<table>{_NAME})\s+SET\s+IDENTIFIER\s+FIELDS\s+(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)\s*",
    re.IGNORECASE,
)
_NAMES: Final = re.compile(_NAME)
_NAMES_OF_DIALECTS: Final = {
    "athena": "Athena",
    "redshift": "Redshift",
    "snowflake": "Snowflake",
    "bigquery": "BigQuery",
    "duckdb": "DuckDB",
    "spark": "Spark",
}
_WORDS: Final = {
    "TEXT": "string",
    "VARCHAR": "string",
    "CHAR": "string",
    "TINYINT": "int",
    "SMALLINT": "int",
    "INT": "int",
    "BIGINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "TIMESTAMPNTZ": "timestamp",
    "VARBINARY": "binary",
}
"""What Iceberg has for types of other names; all others keep theirs, in small letters."""


@dataclass(frozen=True, slots=True)
class DefinedColumn:
    """One column of a table: its type in Iceberg's words, `struct<a:string>`; `inner` are the names inside of it."""

    name: str
    type: str
    line: int
    is_required: bool = False
    inner: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """One table; `database` is None where the text does not say, `properties` have their names in small letters."""

    database: str | None
    table: str
    line: int
    fields: tuple[DefinedColumn, ...]
    is_iceberg: bool
    properties: Mapping[str, str] = field(default_factory=dict, hash=False)
    partitioned_by: tuple[str, ...] = ()
    identifier: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name as the text qualifies it."""
        return self.table if self.database is None else f"{self.database}.{self.table}"


def read_definitions(text: str, name: str) -> tuple[Definition, ...]:
    """Return the tables that a text creates, with the identifier fields that it sets; other statements are passed over.

    Args:
        text: statements, with a semicolon between them.
        name: the file, for messages.

    Raises:
        InputError: it cannot be read, or creates no table.
    """
    statements = parse(text, name, "athena")
    from sqlglot import exp

    definitions: list[Definition] = []
    for number, statement in enumerate(statements, 1):
        if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
            definitions.append(definition(statement, statement.this))
        elif isinstance(statement, exp.Command):
            words = str(statement.args.get("expression") or "")
            if statement.name.upper() == "CREATE" and words.split()[:1] != ["VIEW"]:
                raise InputError(f"{name}: statement {number} is a CREATE that cannot be read as Athena's")
            definitions = _identified(definitions, words)
    if not definitions:
        raise InputError(f"{name}: it has no CREATE TABLE with columns")
    return tuple(definitions)


def tables(statements: "list[exp.Expr | None]") -> Iterator[Definition]:
    """Yield the tables that statements create with columns."""
    from sqlglot import exp

    for statement in statements:
        if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
            yield definition(statement, statement.this)


def parse(text: str, name: str, dialect: str) -> "list[exp.Expr | None]":
    """Return the statements of a text as `sqlglot` reads them.

    Args:
        text: statements, with a semicolon between them.
        name: the file, for messages.
        dialect: the name that `sqlglot` has for the SQL.

    Raises:
        InputError: it is not SQL of that dialect.
    """
    whose = _NAMES_OF_DIALECTS[dialect]
    try:
        import sqlglot
        from sqlglot.errors import ParseError, TokenError
    except ImportError as err:
        raise InputError("--ddl needs sqlglot; install it with: pip install 'fastxform[cli]'") from err
    if len(text) > DEFINITIONS_LIMIT_BYTES:
        raise InputError(f"{name}: it has more than {DEFINITIONS_LIMIT_BYTES} characters; is it a table definition?")
    log = logging.getLogger("sqlglot")
    was_disabled, log.disabled = log.disabled, True
    try:
        return list(sqlglot.parse(text.removeprefix(_BYTE_ORDER_MARK), read=dialect))
    except ParseError as err:
        first = err.errors[0] if err.errors else {}
        location = f"{name}:{first['line']}:{first['col']}" if first.get("line") else name
        what = str(first.get("description") or err)
        raise InputError(f"{location}: not SQL as {whose} reads it: {one_line(_without_token(what))}") from err
    except TokenError as err:
        raise InputError(f"{name}: not SQL as {whose} reads it: a quote or a comment has no end") from err
    except RecursionError as err:
        raise InputError(f"{name}: types nest too deep") from err
    except Exception as err:  # the parser meets text that was never SQL, and fails in ways of its own
        raise InputError(f"{name}: not SQL as {whose} reads it") from err
    finally:
        log.disabled = was_disabled


def _without_token(description: str) -> str:
    """Return a description of the parser without the inside of its token."""
    return re.sub(r"<Token [^>]*text: ([^,]*),[^>]*>", r"\1", description, flags=re.DOTALL).rstrip(".")


def definition(create: "exp.Expr", schema: "exp.Schema") -> Definition:
    """Return the table that a statement has the columns of."""
    from sqlglot import exp

    table = schema.this
    properties = dict(_properties(create))
    formats = [node.name.lower() for node in create.find_all(exp.FileFormatProperty)]
    return Definition(
        database=table.db or None,
        table=table.name,
        line=_line(table.this),
        fields=tuple(_field(column) for column in schema.expressions if isinstance(column, exp.ColumnDef)),
        is_iceberg=properties.get("table_type", "").lower() == "iceberg" or "iceberg" in formats,
        properties=properties,
        partitioned_by=tuple(
            node.name
            for partition in create.find_all(exp.PartitionedByProperty)
            for node in partition.find_all(exp.Identifier)
        ),
    )


def _properties(create: "exp.Expr") -> Iterator[tuple[str, str]]:
    from sqlglot import exp

    properties = create.args.get("properties")
    for entry in properties.expressions if properties is not None else ():
        if type(entry) is exp.Property:
            value = entry.args.get("value")
            yield entry.name.lower(), "" if value is None else str(value.name)


def _field(column: "exp.ColumnDef") -> DefinedColumn:
    from sqlglot import exp

    kind = column.args.get("kind")
    constraints = column.args.get("constraints") or ()
    inner = () if kind is None else tuple(node.name for node in kind.find_all(exp.ColumnDef))
    return DefinedColumn(
        name=column.name,
        type="" if kind is None else type_of(kind),
        line=_line(column.this),
        is_required=any(isinstance(node.args.get("kind"), exp.NotNullColumnConstraint) for node in constraints),
        inner=inner,
    )


def type_of(kind: "exp.Expr") -> str:
    """Return a type as Iceberg spells it, nested ones with their names: `map<string,struct<a:int>>`."""
    from sqlglot import exp

    if isinstance(kind, exp.ColumnDef):
        return f"{kind.name}:{type_of(kind.args['kind'])}"
    if not isinstance(kind, exp.DataType):
        return kind.name or kind.sql().lower()
    word = str(getattr(kind.this, "value", kind.this))
    inner = [type_of(argument) for argument in kind.expressions]
    if word in ("STRUCT", "MAP", "ARRAY"):
        return f"{word.lower()}<{','.join(inner)}>"
    if word in ("DECIMAL", "TIMESTAMP") and inner:
        return f"{word.lower()}({','.join(inner)})"
    return _WORDS.get(word, word.lower())


def _line(identifier: "exp.Expr") -> int:
    line = identifier.meta.get("line", 0)
    return line if isinstance(line, int) else 0


def _identified(definitions: list[Definition], words: str) -> list[Definition]:
    """Return definitions with the identifier fields of `ALTER TABLE ... SET IDENTIFIER FIELDS ...`."""
    match = _IDENTIFIER.fullmatch(words)
    if match is None:
        return definitions
    table = _plain(match["table"])
    names = tuple(map(_plain, _NAMES.findall(match["names"])))
    return [replace(known, identifier=names) if known.table == table else known for known in definitions]


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
