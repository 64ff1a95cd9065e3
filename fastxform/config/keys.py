"""Every key of a configuration file: its table, kind, default, allowed values, one line of text and an example.

The reader, the mistakes, the JSON Schema and the reference page are made from this one table; what a value means for
other keys is checked by the modules that read it. Invariant: a key that is not here cannot be read (`table.Table`
refuses it), and one that is here is read.
"""

from typing import Any, Final, Literal

from fastxform import errors
from fastxform.config.readers import READERS
from fastxform.core.structs import Struct
from fastxform.limits import FUNCTION_TIMEOUT_MAX_SECONDS

ValueKind = Literal["text", "choice", "boolean", "integer", "table", "tables", "any"]
"""What a value of TOML must be: `any` is read by the caller, who says what is wrong with it."""

FORMATS: Final = (
    "json",
    "logfmt",
    "csv",
    "regex",
    "vpc-flow",
    "alb",
    "nlb",
    "s3-access",
    "clf",
    "combined",
    "cloudfront-realtime",
    "cloudfront-standard",
    "lambda-report",
    "syslog",
)
"""The formats of texts; those after `regex` are rows of `decode/formats.toml`."""

IMAGES: Final = (
    "dynamodb.Keys",
    "dynamodb.NewImage",
    "dynamodb.OldImage",
    "Keys",
    "NewImage",
    "OldImage",
    "Item",
)
META: Final = ("arrival_ms", "record_id", "partition_key", "sequence_number", "shard_id")
OPERATIONS: Final = ("insert", "update", "delete")
RESULTS: Final = (errors.OK, errors.DROPPED, errors.FAILED)
VERSION: Final = 1
"""The version of the configuration that this package reads."""


class Key(Struct, frozen=True):
    """One key of a table of the file.

    Attributes:
        name: as the file spells it.
        kind: what its value is in TOML.
        text: one line for the reference and for editors.
        example: a value as TOML.
        default: what stands for a key that is left out; None where there is none, or another key decides.
        choices: the allowed words of a `choice`; the default is the first unless `default` says another.
        bounds: lowest and highest `integer`, both allowed.
        may_be_empty: a text of no characters is allowed.
        types: the kinds of JSON that the schema allows for `any`.
        since: the release that first read it.
    """

    name: str
    kind: ValueKind
    text: str
    example: str
    default: Any = None
    choices: tuple[str, ...] = ()
    bounds: tuple[int, int] | None = None
    may_be_empty: bool = False
    types: tuple[str, ...] = ()
    since: str = "0.1"


class Section(Struct, frozen=True):
    """The keys of one kind of table; `location` is its dotted name, with `NAME` and `[]` where the file has its own."""

    location: str
    text: str
    keys: tuple[Key, ...]

    def find(self, name: str) -> Key:
        """Return a key of the section.

        Raises:
            KeyError: the section has no such key.
        """
        for key in self.keys:
            if key.name == name:
                return key
        raise KeyError(f"{self.location or 'the file'} has no key {name}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys, in the order of the reference."""
        return tuple(key.name for key in self.keys)


TOP_LEVEL: Final = Section(
    "",
    "The keys at the top of the file, above the first line in brackets.",
    (
        Key(
            "version",
            "any",
            "The version of the configuration language.",
            "1",
            default=VERSION,
            types=("integer",),
        ),
        Key(
            "source",
            "choice",
            "What a record is: a JSON object, a DynamoDB change or item, a CloudWatch Logs message, or a text.",
            '"dynamodb"',
            choices=("json", "dynamodb", "cloudwatch-logs", "text"),
        ),
        Key(
            "where",
            "text",
            "A condition over the columns; a record for which it is false or null is Dropped.",
            "\"eventName != 'REMOVE'\"",
        ),
        Key(
            "unmatched",
            "choice",
            "What becomes of a record that no route takes: ProcessingFailed or Dropped.",
            '"drop"',
            choices=("fail", "drop"),
        ),
        Key(
            "documents",
            "choice",
            "Whether a record holds one JSON document (one text), or several: in lines, in a row, or in a list.",
            '"many"',
            choices=("one", "many"),
        ),
        Key(
            "invalid",
            "choice",
            "What a value that does not fit is, in columns that do not say it: fail or null.",
            '"null"',
            choices=("fail", "null"),
        ),
        Key(
            "images",
            "any",
            "With source dynamodb: where the objects are whose members are attribute values; `@` is the record itself.",
            '["dynamodb.NewImage", "Item"]',
            default=IMAGES,
            types=("array",),
        ),
        Key(
            "empty",
            "choice",
            "What becomes of an empty record, such as a Kafka tombstone: Dropped and counted, or ProcessingFailed.",
            '"fail"',
            choices=("drop", "fail"),
        ),
        Key(
            "bad_rows",
            "choice",
            "Of a record with several rows: one bad row fails the record, or is left out and counted.",
            '"drop"',
            choices=("fail", "drop"),
        ),
        Key(
            "mixed",
            "choice",
            "Rows of a record that differ in route or partition keys: fail the record, or go where its first row goes.",
            '"first"',
            choices=("fail", "first"),
        ),
        Key("output", "table", "How rows are written.", '{ format = "csv" }'),
        Key(
            "columns",
            "table",
            "The columns in output order: a path, or a table of keys. Left out with JSON output: the document itself.",
            '{ id = "dynamodb.Keys.id" }',
        ),
        Key(
            "parse",
            "table",
            "Texts that hold more: a table for each name that paths may begin with.",
            '{ log = { of = "message" } }',
        ),
        Key(
            "lookups",
            "table",
            "Tables that expressions look rows up in: a table for each name that `lookup` knows.",
            '{ country = { values = { DE = "Germany" } } }',
        ),
        Key(
            "explode",
            "table",
            "A list whose elements become the rows of the record.",
            '{ path = "items", as = "item" }',
        ),
        Key("routes", "tables", "Where rows go, by condition; the first route whose `where` holds.", ""),
        Key(
            "partition_keys",
            "table",
            "Partition keys for S3 prefixes: name = expression.",
            '{ city = "name" }',
        ),
        Key(
            "map_batch",
            "text",
            "A function of a module beside the file, MODULE:FUNCTION, that takes and returns the columns of a batch.",
            '"enrich:add_columns"',
        ),
        Key("overflow", "table", "What happens to records that do not fit the response.", '{ policy = "fail" }'),
        Key("tests", "tables", "Records with the output that is expected of them, for `fastxform test`.", ""),
    ),
)

OUTPUT: Final = Section(
    "output",
    "How rows are written.",
    (
        Key("format", "choice", "CSV rows, or one JSON object a row.", '"json"', choices=("csv", "json")),
        Key(
            "reader",
            "text",
            "What reads the objects: it sets the other keys here that the file leaves out, and refuses what it cannot"
            " be told.",
            '"athena-opencsv"',
            choices=tuple(READERS),
        ),
        Key("delimiter", "text", "CSV: the one ASCII character between fields.", r'"\t"', ",", may_be_empty=True),
        Key(
            "quoting",
            "choice",
            "CSV: quote fields that need it, all fields, every text (no number, date or null), or none (a text with the"
            " delimiter or a line break fails its record, unless `escape` writes it).",
            '"all"',
            choices=("minimal", "all", "strings", "none"),
        ),
        Key(
            "escape",
            "text",
            "CSV: the character before a quote inside quotes, and before itself; with `quoting` none, before the"
            " delimiter. Without it a quote is doubled.",
            r"'\'",
            "",
            choices=("", "\\"),
            may_be_empty=True,
        ),
        Key("null", "text", "CSV: the text of a null.", r"'\N'", "", may_be_empty=True),
        Key(
            "quote_empty",
            "boolean",
            "CSV: quote a text that is empty or equals `null`, and never a null, so that the two differ.",
            "true",
            default=False,
        ),
        Key(
            "newlines",
            "choice",
            "CSV: line breaks inside fields are kept, replaced by a space, escaped as \\n, or fail the record.",
            '"space"',
            choices=("keep", "space", "escape", "fail"),
        ),
        Key(
            "timestamps",
            "text",
            "How timestamps are written: 2024-05-02T12:45:25Z, 2024-05-02 12:45:25, or milliseconds since 1970. By"
            " default `space` in CSV and `iso` in JSON; rows of Iceberg tables hold microseconds.",
            '"iso"',
            choices=("iso", "space", "epoch_ms"),
        ),
        Key(
            "line_end",
            "choice",
            "What ends a row: LF, CR LF, or nothing behind the last row of a record, where the stream appends its own"
            " delimiter.",
            '"crlf"',
            choices=("lf", "crlf", "none"),
        ),
        Key(
            "escape_formulas",
            "boolean",
            "CSV: put an apostrophe before text that a spreadsheet would run as a formula.",
            "true",
            default=False,
        ),
        Key(
            "json",
            "choice",
            "JSON: objects and lists in a row are written as JSON values, or as text that holds the JSON.",
            '"text"',
            choices=("value", "text"),
        ),
    ),
)

COLUMN: Final = Section(
    "columns.NAME",
    "One column: a path in quotes, or a table with one of `path`, `expr`, `meta` and `rest`.",
    (
        Key("path", "text", "Where the value is: a JMESPath expression. The name of the column by default.", '"a.b"'),
        Key("expr", "text", "An expression over the other columns.", '"utf8_upper(name)"'),
        Key(
            "meta",
            "text",
            "A fact of the Firehose record itself.",
            '"arrival_ms"',
            choices=META,
        ),
        Key("type", "text", "The type; a value that does not fit it fails the record.", '"timestamp[ms]"', "auto"),
        Key("required", "boolean", "Whether a null fails the record.", "true", default=False),
        Key(
            "default",
            "any",
            "What stands in the place of a null.",
            '"unknown"',
            types=("string", "number", "boolean", "object", "array"),
        ),
        Key("pattern", "text", "RE2; the text of the value has to match it in full.", "'[A-Z]+'", may_be_empty=True),
        Key(
            "invalid",
            "choice",
            "A value that does not fit its type, pattern or format fails the record, or is null and counted.",
            '"null"',
            choices=("fail", "null"),
        ),
        Key("nulls", "any", "Texts that are null, before anything else.", '["-", ""]', types=("array",)),
        Key(
            "format",
            "text",
            "How a timestamp or date is written, by the directives of strptime, with English names.",
            '"%d/%b/%Y:%H:%M:%S %z"',
        ),
        Key(
            "spread",
            "boolean",
            "JSON output: the members of this object stand in the row itself; a column of the same name goes before.",
            "true",
            default=False,
        ),
        Key(
            "rest",
            "text",
            "Instead of a path: the members of that object that no other column names, as one `json` column, null where"
            " none is left; of the whole record where empty.",
            '"dynamodb.NewImage"',
            may_be_empty=True,
        ),
        Key(
            "schema",
            "text",
            "json: the type of the table's column, for `ddl` and `check`: struct<>, array<> or map<>.",
            '"struct<city:string,zip:string>"',
        ),
        Key(
            "hidden",
            "boolean",
            "Whether the column is only for expressions and conditions. JSON output whose columns are all"
            " hidden is the document itself.",
            "true",
            default=False,
        ),
    ),
)

PARSE: Final = Section(
    "parse.NAME",
    "A text that holds more: paths may begin with NAME, whose members are what is in it.",
    (
        Key("of", "text", "The path of the text.", '"message"'),
        Key(
            "format",
            "choice",
            "How it is written: one of these, or a named format of log lines.",
            '"json"',
            choices=FORMATS,
        ),
        Key(
            "invalid",
            "choice",
            "What becomes of the row where the text is not so: it fails, all members are null, or it is dropped.",
            '"null"',
            choices=("fail", "null", "drop"),
        ),
        Key(
            "fields",
            "any",
            "csv, vpc-flow, cloudfront-realtime: the names of the fields, in order.",
            '["time", "level"]',
            types=("array",),
        ),
        Key("delimiter", "text", "csv: the one character between fields.", '" "', ",", may_be_empty=True),
        Key(
            "quote",
            "text",
            "csv: the character around fields that hold the delimiter; none where empty.",
            '""',
            '"',
            may_be_empty=True,
        ),
        Key(
            "pattern",
            "text",
            "regex: RE2 with named groups, which has to match the whole text.",
            "'(?P<level>[A-Z]+) .*'",
        ),
    ),
)

LOOKUP: Final = Section(
    "lookups.NAME",
    "A table of texts, loaded once, in which `lookup('NAME', key, 'column')` finds the row of a key. A key that is not"
    " there gives null; one that is there twice is a mistake.",
    (
        Key(
            "file",
            "text",
            "A file beside the configuration, packed with it: CSV with a header, or JSON lines where its name ends in"
            " .jsonl, .ndjson or .json.",
            '"shops.csv"',
        ),
        Key("key", "text", "The column of the file that keys are looked for in.", '"id"'),
        Key(
            "values",
            "table",
            "Instead of a file: keys with a text, a number, true or false each.",
            '{ DE = "Germany", FR = "France" }',
        ),
    ),
)

EXPLODE: Final = Section(
    "explode",
    "A list whose elements become the rows of the record, joined in its answer.",
    (
        Key(
            "path",
            "text",
            "The path of the list, or of an object, each member of which is a row { key, value }.",
            '"items"',
        ),
        Key("as", "text", "The name that paths know the element by.", '"product"', "item"),
        Key("index", "text", "The name that paths know the number of the element by, from 0.", '"line"'),
        Key(
            "empty",
            "choice",
            "A null, missing or empty list: no row, one row whose element is null, or the record fails.",
            '"null"',
            choices=("drop", "null", "fail"),
        ),
    ),
)

ROUTE: Final = Section(
    "routes[]",
    "One route: its condition, its own columns, and the Iceberg table that it writes to.",
    (
        Key("where", "text", "A condition over the shared columns; without one the route takes all.", '"n > 1"'),
        Key(
            "columns",
            "table",
            "The columns of this route; they replace shared ones of the same name.",
            '{ ip = "open.ipAddress" }',
        ),
        Key("iceberg", "table", "The Iceberg table of the route.", '{ database = "...", table = "..." }'),
    ),
)

ICEBERG: Final = Section(
    "routes[].iceberg",
    "The Iceberg table of a route.",
    (
        Key("database", "text", "The Glue database.", '"shop"'),
        Key(
            "table",
            "any",
            "The table; or { from = COLUMN, values = {...} }, the table by the text of a column.",
            '"orders"',
            types=("string", "object"),
        ),
        Key(
            "operation",
            "any",
            "insert, update or delete; or a table from eventName to one of these; or from a column, as table.",
            '{ INSERT = "insert", MODIFY = "update", REMOVE = "delete" }',
            types=("string", "object"),
        ),
        Key(
            "keys",
            "any",
            "The columns of the unique key; a delete needs no other. Those of dynamodb.Keys by default.",
            '["customer", "order_id"]',
            types=("array",),
        ),
    ),
)

CHOICE: Final = Section(
    "routes[].iceberg.table",
    "A table or an operation by the text of a column; a value without one fails the record.",
    (
        Key("from", "text", "The column, which may be hidden; not one with expr.", '"op"'),
        Key("values", "table", "From the texts of the column to tables or operations.", '{ c = "insert" }'),
    ),
)

OVERFLOW: Final = Section(
    "overflow",
    "What happens to records that do not fit the 6 MB response.",
    (
        Key(
            "policy",
            "choice",
            "Put them back onto their stream, or fail them; fail is the default where a route updates or deletes."
            " Records of a table with updates or deletes fail in any case.",
            '"fail"',
            choices=("reingest", "fail"),
        ),
        Key("workers", "integer", "How many calls are made at the same time.", "8", default=8, bounds=(1, 64)),
        Key(
            "reserve_ms",
            "integer",
            "Milliseconds before the deadline of the invocation after which no put starts.",
            "2000",
            default=2_000,
            bounds=(0, FUNCTION_TIMEOUT_MAX_SECONDS * 1_000),
        ),
        Key("stream", "text", "The stream that records are put onto; the one they came from by default.", '"retry"'),
    ),
)

TEST: Final = Section(
    "tests[]",
    "One record and what is expected of it: one of `expect`, `result` and `reason`.",
    (
        Key("name", "text", "The name that is printed; its number by default.", '"a delete is dropped"'),
        Key(
            "input",
            "any",
            "The record: text, or a table that stands for its JSON.",
            "'{\"id\": 1}'",
            types=("string", "object"),
        ),
        Key("input_file", "text", "The file, beside the configuration, that holds the record.", '"sample.json"'),
        Key("expect", "text", "The output.", r'"1\n"', may_be_empty=True),
        Key("result", "text", "The result: Ok, Dropped or ProcessingFailed.", '"Dropped"', choices=RESULTS),
        Key("reason", "text", "The reason of the failure.", '"required:id"'),
        Key("metadata", "table", "The metadata of the response.", '{ partitionKeys = { day = "2024-05-02" } }'),
        Key(
            "now_ms",
            "integer",
            "What `now_ms()` gives, in epoch milliseconds.",
            "1651495525900",
            bounds=(-(2**63), 2**63 - 1),
        ),
    ),
)

SECTIONS: Final = (TOP_LEVEL, PARSE, LOOKUP, EXPLODE, OUTPUT, COLUMN, ROUTE, ICEBERG, CHOICE, OVERFLOW, TEST)
"""Every section of the file, in the order of the reference."""
