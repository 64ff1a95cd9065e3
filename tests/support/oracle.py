"""The slow, obvious transform: a configuration and one record in, its result, reason, data and metadata out.

Written apart from the package and on the standard library (and `jmespath`), so that agreement with the package means
something; the configuration is taken to be free of mistakes. Zstandard records and `columns` left out for
`cloudwatch-logs` are not covered. Invariant: a record's outcome depends on that record alone.

    oracle.py         the order of work, CSV and JSON rows, sizes and the cut
    oracle_json.py    strict JSON          oracle_types.py   types and their texts
    oracle_paths.py   paths, DynamoDB      oracle_expr.py    `where` and `expr`
"""

import base64
import csv
import datetime
import io
import json
import re
import tomllib
import zlib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from oracle_expr import ExpressionError, evaluate, names_in
from oracle_json import (
    MAX_DEPTH,
    NULL,
    NUMBER,
    JsonError,
    deepest,
    from_plain,
    number,
    obj,
    plain_number,
    quote,
    read_many,
    read_one,
    string,
)
from oracle_layers import FormatError, elements, is_about, read_text
from oracle_paths import IMAGES, Node, PathError, change, image_nodes, item_of, members_of, select, without
from oracle_types import Cell, MisfitError, Stamp, cell_of, convert, taken_apart

OK, DROPPED, FAILED = "Ok", "Dropped", "ProcessingFailed"
DECOMPRESSED_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What becomes of one record; `where_null` counts its rows for which `where` was null."""

    result: str
    reason: str | None = None
    data: bytes | None = None
    metadata: dict | None = None
    where_null: int = field(default=0, compare=False)


class EmptyError(Exception):
    """The record holds nothing."""


class FailedError(Exception):
    """The record fails, for this reason."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


# ---------------------------------------------------------------- the configuration


@dataclass(frozen=True)
class Column:
    name: str
    path: str | None = None
    meta: str | None = None
    expr: str | None = None
    type: str = "auto"
    pattern: str | None = None
    default: object = None
    required: bool = False
    hidden: bool = False
    invalid: str = "fail"
    nulls: tuple = ()
    format: str | None = None
    spread: bool = False
    rest: str | None = None


@dataclass(frozen=True)
class Route:
    where: str | None
    columns: list
    iceberg: dict | None


def read_columns(table, invalid):
    return [read_column(name, entry, invalid) for name, entry in table.items()]


def read_column(name, entry, invalid):
    entry = {"path": entry} if isinstance(entry, str) else dict(entry)
    if not {"path", "meta", "expr", "rest"} & entry.keys():
        entry["path"] = quote(name)
    if entry.get("type", "auto") == "auto" and ("rest" in entry or entry.get("spread")):
        entry["type"] = "json"
    return Column(name, **({"invalid": invalid} | entry))


def read_lookup(entry, directory):
    """The table of a look-up: for each key the texts of its columns, the key's own the last."""
    if "values" in entry:
        return {key: {"value": from_plain(value).text} for key, value in entry["values"].items()}
    text = Path(directory, entry["file"]).read_bytes().decode("utf-8-sig")
    if entry["file"].endswith((".json", ".jsonl", ".ndjson")):
        rows = [read_one(line).data for line in text.split("\n") if line.strip()]
        rows = [{name: None if v.kind == "null" else v.text for name, v in row.items()} for row in rows]
    else:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    table = {}
    for row in rows:
        key = row.pop(entry["key"])
        table[key] = {**row, entry["key"]: key}
    return table


# ---------------------------------------------------------------- one record


@dataclass
class Row:
    """One row on its way: its document, what is known of its record, and its cells so far."""

    document: Node
    meta: dict
    now_ms: int
    cells: dict = field(default_factory=dict)
    layers: dict = field(default_factory=dict)
    is_dropped: bool = False
    tables: dict = field(default_factory=dict)
    order: list = field(default_factory=list)

    def document_of(self, path):
        """The document that a path is about: that of the layer that it begins with, else the record."""
        for name, value in self.layers.items():
            if is_about(path, name):
                return Node(obj({name: value}))
        return self.document

    def evaluate(self, expression):
        """The value of an expression over the cells."""
        return evaluate(expression, lambda name: self.cells[name] and self.cells[name].value, self.now_ms, self.tables)


class Oracle:
    """One transform. `map_row` stands for `map_batch`: a dict of a row's values in, a dict of the same row out."""

    def __init__(self, toml_text, map_row=None, directory="."):
        config = tomllib.loads(toml_text, parse_float=plain_number)
        self.map_row = map_row
        self.nulled = self.rounded = 0
        self.needed = None
        self.source = config.get("source", "json")
        self.where = config.get("where")
        self.many = config.get("documents", "one") == "many"
        self.images = config.get("images", IMAGES)
        self.fails_empty = config.get("empty", "drop") == "fail"
        self.drops_bad_rows = config.get("bad_rows", "fail") == "drop"
        self.takes_first = config.get("mixed", "fail") == "first"
        self.parses = config.get("parse", {})
        self.explode = config.get("explode")
        self.drop_unmatched = config.get("unmatched", "fail") == "drop"
        self.partition_keys = config.get("partition_keys", {})
        self.tables = {name: read_lookup(entry, directory) for name, entry in config.get("lookups", {}).items()}
        self.output = config.get("output", {})
        self.output = READERS.get(self.output.get("reader"), {}) | self.output
        self.has_columns = "columns" in config
        invalid = config.get("invalid", "fail")
        self.columns = read_columns(config.get("columns", {}), invalid)
        self.routes = [
            Route(route.get("where"), read_columns(route.get("columns", {}), invalid), route.get("iceberg"))
            for route in config.get("routes", [])
        ]

    def batch(self, payloads, meta=None, now_ms=0):
        """One outcome per record; `meta` maps the name of a meta column to a list with a value per record."""
        meta = meta or {}
        return [
            self.one(payload, {name: values[i] for name, values in meta.items()}, now_ms)
            for i, payload in enumerate(payloads)
        ]

    def one(self, payload, meta=None, now_ms=0):
        rows, reasons, nulls = [], [], [0]
        try:
            documents = self.documents(payload)
            given = self.exploded([Row(document, meta or {}, now_ms) for document in documents])
        except EmptyError:
            return Outcome(FAILED, "empty") if self.fails_empty else Outcome(DROPPED)
        except FailedError as failed:
            return Outcome(FAILED, failed.reason)
        for row in given:
            try:
                rows.append(self.transform(row, nulls))
            except FailedError as failed:
                reasons.append(failed.reason)
        if self.drops_bad_rows and len(reasons) < len(given):
            reasons = []
        rows = [row for row in rows if row is not None]
        if not reasons and not self.takes_first and any(row[:2] != rows[0][:2] for row in rows):
            reasons.append("documents")
        if reasons:
            return Outcome(FAILED, reasons[0], where_null=nulls[0])
        if not rows:
            return Outcome(DROPPED, where_null=nulls[0])
        _, metadata, _ = rows[0]
        data = b"".join([line.encode() for _, _, line in rows])
        if self.output.get("line_end") == "none":
            data = data.removesuffix(b"\n")
        return Outcome(OK, None, data, metadata, nulls[0])

    # ---- decoding

    def documents(self, payload):
        """The documents that give a row each."""
        if payload is None:
            raise FailedError("base64")
        payload = decompress(payload)
        if self.source == "text":
            return self.text_rows(payload)
        if not payload.strip(b" \t\r\n"):
            raise EmptyError
        if not self.many or not self.drops_bad_rows:
            values = self.values(payload)
        else:
            try:
                values = self.values(payload)
            except FailedError:
                values = [self.line(line) for line in payload.split(b"\n") if line.strip(b" \t\r")]
        nodes = []
        for value in values:
            if isinstance(value, FailedError):
                nodes.append(value)
            elif value.kind != "object":
                nodes.append(self.bad_row("not_object"))
            elif self.source == "cloudwatch-logs":
                nodes.extend(log_events(value))
            elif self.source == "dynamodb":
                node = change(value, self.images)
                is_shape = not self.has_columns or image_nodes(node, self.images)
                nodes.append(node if is_shape else self.bad_row("shape"))
            else:
                nodes.append(Node(value))
        return nodes

    def values(self, payload):
        """The JSON values of a record."""
        text = decode_text(payload)
        try:
            return read_many(text) if self.many else [read_one(text)]
        except JsonError:
            raise FailedError("json") from None

    def line(self, line):
        """The value of one line, or why it is none."""
        try:
            return read_one(decode_text(line))
        except JsonError:
            return FailedError("json")
        except FailedError as failed:
            return failed

    def bad_row(self, reason):
        """What stands for a row that is none: it fails its record, or itself alone."""
        if self.many and self.drops_bad_rows:
            return FailedError(reason)
        raise FailedError(reason)

    def text_rows(self, payload):
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError:
            raise FailedError("utf8") from None
        if text.startswith("\ufeff"):
            raise FailedError("utf8")
        if not text.strip("\r\n"):
            raise EmptyError
        if self.many:
            lines = [line.removesuffix("\r") for line in text.split("\n")]
        else:
            lines = [text.removesuffix("\n").removesuffix("\r")]
        return [Node(obj({"text": string(line)})) for line in lines if line or not self.many]

    # ---- what lies inside

    def exploded(self, rows):
        """The rows after the list of each was exploded; each with the documents of its layers."""
        names = list(self.parses)
        owner = None
        if self.explode is not None:
            owner = self.explode.get("as", "item")
            names.append(owner)
        around = {}
        for name in names:
            around[name], at = [name], name
            while (at := self.below(at)) is not None:
                around[name].append(at)
        outside = {name for name in names if owner not in around[name]}
        order = []
        while len(order) < len(names):
            for name in names:
                is_early = name == owner and not outside <= set(order)
                if name not in order and self.below(name) in (None, *order) and not is_early:
                    order.append(name)
        if owner is None:
            return [self.parsed(row, order) for row in rows]
        before, after = order[: order.index(owner)], order[order.index(owner) + 1 :]
        result = []
        for row in rows:
            try:
                self.parsed(row, before)
                if isinstance(row.document, FailedError):
                    raise row.document
                if not row.is_dropped:
                    result.extend(self.elements(row, owner))
            except FailedError as failed:
                if not (self.drops_bad_rows and (self.many or self.source == "cloudwatch-logs")):
                    raise
                row.document = failed
                result.append(row)
        return [self.parsed(row, after) for row in result]

    def below(self, name):
        """The layer that another one stands on."""
        path = self.parses[name]["of"] if name in self.parses else self.explode["path"]
        index = (self.explode or {}).get("index")
        for other in [*self.parses, self.explode and self.explode.get("as", "item"), index]:
            if other and is_about(path, other):
                return self.explode.get("as", "item") if other == index else other
        return None

    def parsed(self, row, names):
        """The row with these texts read."""
        for name in names:
            parse = self.parses[name]
            if isinstance(row.document, FailedError) or row.is_dropped:
                break
            row.layers[name] = NULL
            try:
                value = select(parse["of"], row.document_of(parse["of"]))
                if value.kind not in ("string", "null"):
                    raise FormatError
                if value.kind == "string":
                    row.layers[name] = read_text(value.data, parse)
            except (PathError, FormatError):
                invalid = parse.get("invalid", "fail")
                row.is_dropped = invalid == "drop"
                if invalid == "fail":
                    row.document = FailedError(f"parse:{name}")
        return row

    def elements(self, row, name):
        try:
            value = select(self.explode["path"], row.document_of(self.explode["path"]))
        except PathError:
            raise FailedError("explode") from None
        items = elements(value)
        if items is None or (not items and self.explode.get("empty") == "fail"):
            raise FailedError("explode")
        numbered = [(number(str(index)), item) for index, item in enumerate(items)]
        if not items and self.explode.get("empty") == "null":
            numbered = [(NULL, NULL)]
        rows = []
        for index, item in numbered:
            layers = dict(row.layers) | {name: item}
            if "index" in self.explode:
                layers[self.explode["index"]] = index
            rows.append(Row(row.document, row.meta, row.now_ms, layers=layers))
        return rows

    # ---- the order of work

    def transform(self, row, nulls):
        """Route, metadata and line of a row; None of one that is dropped."""
        row.tables = self.tables
        self.needed = None
        if isinstance(row.document, FailedError):
            raise row.document
        if row.is_dropped:
            return None
        row.order = self.columns
        self.fill(row, [column for column in self.columns if self.where and column.name in names_in(self.where)])
        if self.where:
            kept = self.holds(row, self.where)
            nulls[0] += kept is None
            if not kept:
                return None
        index, columns, iceberg = self.route(row)
        if index is None:
            return None
        self.needed = self.needed_columns(row, columns, iceberg)
        if not self.has_columns:
            return (
                index,
                self.metadata(row, iceberg),
                self.document_text(row.document) + LINE_ENDS[self.output.get("line_end", "lf")],
            )
        row.order = columns
        self.fill(row, columns)
        columns = self.mapped(row, columns)
        for column in columns:
            if column.expr is not None:
                self.compute(row, columns, column)
        metadata = self.metadata(row, iceberg)
        visible = {column.name: row.cells[column.name] for column in columns if not column.hidden}
        if not visible and self.map_row is None:
            line = self.document_text(row.document) + LINE_ENDS[self.output.get("line_end", "lf")]
            return index, metadata, line
        spread = {column.name for column in columns if column.spread}
        if spread:
            visible = spread_out(visible, spread, self.output)
        write = json_line if self.output.get("format", "csv") == "json" else csv_line
        return index, metadata, write(visible, self.output, iceberg is not None)

    def holds(self, row, where):
        try:
            return row.evaluate(where)
        except ExpressionError:
            raise FailedError("expression:where") from None

    def route(self, row):
        """Number, columns and Iceberg table of the row's route; the number is None for a row to drop."""
        if not self.routes:
            return 0, self.columns, None
        named = {name for route in self.routes if route.where for name in names_in(route.where)}
        self.fill(row, [column for column in self.columns if column.name in named])
        for index, route in enumerate(self.routes):
            if route.where is None or self.holds(row, route.where):
                own = {column.name: column for column in route.columns}
                for name in [*own, *(column.name for column in self.columns if own and column.rest is not None)]:
                    row.cells.pop(name, None)
                shared = [own.pop(column.name, column) for column in self.columns]
                return index, shared + list(own.values()), route.iceberg
        if not self.drop_unmatched:
            raise FailedError("unmatched")
        return None, None, None

    def fill(self, row, columns):
        """The cells of these columns, less those that are there and the computed ones."""
        for column in columns:
            if column.expr is None and column.name not in row.cells:
                row.cells[column.name] = self.cell(row, column)

    def cell(self, row, column):
        needed = self.needed is None or column.name in self.needed
        if not needed:
            column = replace(column, invalid="null", required=False)
        elif self.needed is not None:
            column = replace(column, required=True)
        cell, before = None, self.nulled
        try:
            value = from_plain(row.meta.get(column.meta)) if column.meta else self.value(row, column)
            if value.kind == "string" and value.data in column.nulls:
                value = NULL
            cell = convert(value, column.type, column.format)
            if column.type == "float64" and cell is not None and len(taken_apart(value.text)[1]) > 17:
                self.rounded += cell.value == 0 or Decimal(value.text) != Decimal(cell.value)
        except PathError as err:
            if needed and (err.code != "type" or column.invalid == "fail"):
                raise FailedError(f"{err.code}:{column.name}") from None
            self.nulled += 1
        except MisfitError:
            if column.invalid == "fail":
                raise FailedError(f"type:{column.name}") from None
            self.nulled += 1
        if cell is not None and column.pattern is not None and not re.fullmatch(column.pattern, value.text, re.ASCII):
            if column.invalid == "fail":
                raise FailedError(f"pattern:{column.name}")
            self.nulled += 1
            cell = None
        if cell is None and column.default is not None:
            cell = convert(default_value(column.default), column.type)
        if cell is None and column.required:
            raise FailedError(f"required:{column.name}")
        if not needed:
            self.nulled = before
        return cell

    def value(self, row, column):
        """What stands at the path of a column, or what no other column names of an object."""
        path = column.path if column.rest is None else column.rest
        value = select(path, row.document_of(path)) if path else row.document.whole()
        if (column.spread or column.rest is not None) and value.kind not in ("object", "null"):
            raise MisfitError
        if column.rest is None or value.kind == "null":
            return value
        bases = members_of(path) if path else [()]
        taken = [member for other in row.order if other.path for member in members_of(other.path)]
        named = [member[len(base) :] for base in bases for member in taken if member[: len(base)] == base != member]
        return without(value, named)

    def needed_columns(self, row, columns, iceberg):
        """The names of the columns that a delete needs: its keys, where they are known; None of any other row."""
        if iceberg is None:
            return None
        keys = iceberg.get("keys") or [
            column.name
            for column in columns
            if self.source == "dynamodb" and not column.hidden and (column.path or "").startswith("dynamodb.Keys.")
        ]
        if not keys:
            return None
        operation = iceberg.get("operation")
        if isinstance(operation, dict):
            if "from" in operation:
                self.fill(row, [column for column in columns if column.name == operation["from"]])
            try:
                operation = self.word(row, operation)
            except FailedError:
                return None
        return keys if operation == "delete" else None

    def word(self, row, words):
        """The word of a row: by the text of a column, or by its `eventName`; None of what has none."""
        if "from" in words:
            cell = row.cells[words["from"]]
            return words["values"].get(cell.csv) if cell else None
        event_name = row.document.value.member("eventName") or NULL
        return words.get(event_name.data) if event_name.kind == "string" else None

    def mapped(self, row, columns):
        """The columns after `map_row`: a value that it left alone keeps its text, one that it made is written anew."""
        if self.map_row is None:
            return columns
        before = {name: cell and cell.value for name, cell in row.cells.items()}
        try:
            after = self.map_row(dict(before))
        except Exception:
            raise FailedError("map_batch") from None
        for name, value in after.items():
            if name not in before or value is not before[name]:
                row.cells[name] = cell_of(value)
        return columns + [Column(name) for name in after if name not in {column.name for column in columns}]

    def compute(self, row, columns, column):
        """The cell of a computed column, after those that it names."""
        if column.name in row.cells:
            return
        for other in columns:
            if other.expr is not None and other.name in names_in(column.expr):
                self.compute(row, columns, other)
        try:
            cell = cell_of(row.evaluate(column.expr))
            if cell and cell.csv in ("inf", "-inf", "nan") and isinstance(cell.value, float):
                raise ExpressionError
            if (
                column.type.startswith("timestamp")
                and cell
                and isinstance(cell.value, str)
                and NUMBER.fullmatch(cell.value)
            ):
                raise ExpressionError  # a text of digits is cast to a number first
            if column.type != "auto":
                cell = convert(read_one(cell.json) if cell else NULL, column.type)
        except (ExpressionError, MisfitError):
            if self.needed is None or column.name in self.needed:
                raise FailedError(f"expression:{column.name}") from None
            cell = None
        row.cells[column.name] = cell

    # ---- metadata and rows

    def metadata(self, row, iceberg):
        if iceberg is not None:
            table = {"destinationDatabaseName": iceberg["database"], "destinationTableName": iceberg["table"]}
            if isinstance(iceberg["table"], dict):
                table["destinationTableName"] = self.word(row, iceberg["table"])
                if table["destinationTableName"] is None:
                    raise FailedError("table")
            operation = iceberg.get("operation")
            if isinstance(operation, dict):
                operation = self.word(row, operation)
                if operation is None:
                    raise FailedError("operation")
            return {"otfMetadata": table | ({"operation": operation} if operation else {})}
        keys = {name: self.partition_key(row, name, expression) for name, expression in self.partition_keys.items()}
        return {"partitionKeys": keys} if keys else None

    def partition_key(self, row, name, expression):
        try:
            cell = cell_of(row.evaluate(expression))
        except ExpressionError:
            cell = None
        if cell is None or not cell.csv:
            raise FailedError(f"partition_key:{name}")
        return cell.csv

    def document_text(self, document):
        if self.source == "cloudwatch-logs":
            raise NotImplementedError("columns left out for cloudwatch-logs")
        try:
            value = item_of(document, self.images) if self.source == "dynamodb" else document.whole()
            return value.compact
        except PathError:
            raise FailedError("type:*") from None


def decompress(payload):
    """A record that starts like gzip must be gzip to its last byte, of one member or several."""
    if payload[:2] != b"\x1f\x8b":
        return payload
    result = b""
    while payload:
        member = zlib.decompressobj(wbits=31)
        try:
            result += member.decompress(payload, DECOMPRESSED_LIMIT + 1 - len(result))
        except zlib.error:
            raise FailedError("compression") from None
        if len(result) > DECOMPRESSED_LIMIT:
            raise FailedError("too_large")
        if not member.eof:
            raise FailedError("compression")
        payload = member.unused_data
    return result


def decode_text(payload):
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise FailedError("utf8") from None
    if text.startswith("\ufeff"):
        raise FailedError("utf8")
    if deepest(text) > MAX_DEPTH:
        raise FailedError("depth")
    return text


def log_events(message):
    """The rows of a CloudWatch Logs message: each event, with the members of the message beside its own."""
    kind = message.member("messageType") or NULL
    if kind.text == "CONTROL_MESSAGE":
        return []
    events = message.member("logEvents") or NULL
    if kind.text != "DATA_MESSAGE" or events.kind != "list" or any(event.kind != "object" for event in events.data):
        raise FailedError("message")
    shared = ("logGroup", "logStream", "owner", "messageType", "subscriptionFilters", "policyLevel")
    return [
        Node(obj({**event.data, **{name: message.member(name) or NULL for name in shared}})) for event in events.data
    ]


def default_value(value):
    """A value of the configuration as a JSON value; dates and times of TOML as their text."""
    return from_plain(value.isoformat() if hasattr(value, "isoformat") else value)


LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "none": "\n"}
"""What ends a row; the last LF of a record is taken off for `none`."""


def spread_out(cells, spread, output):
    """The cells of a row with the members of objects in it; a column goes before a member of its name."""
    result = {}
    for name, cell in cells.items():
        if name not in spread:
            result[name] = cell
            continue
        for member, value in (read_one(cell.json).data if cell else {}).items():
            if member not in cells or member in spread:
                text = value.compact
                if output.get("json") == "text" and value.kind in ("object", "list"):
                    text = quote(text)
                result[member] = Cell(None, text, text, text)
    return result


def json_line(cells, output, iceberg):
    members = []
    for name, cell in cells.items():
        members.append(f"{quote(name)}:{json_value(cell, output, iceberg)}")
    return "{" + ",".join(members) + "}" + LINE_ENDS[output.get("line_end", "lf")]


def json_value(cell, output, iceberg):
    if cell is None:
        return "null"
    if iceberg:
        return cell.iceberg
    if isinstance(cell.value, Stamp):
        form = output.get("timestamps", "iso")
        return cell.json if form == "iso" else timestamp_text(cell, form) if form == "epoch_ms" else quote(cell.csv)
    if output.get("json") == "text" and cell.json[:1] in ("{", "["):
        return quote(cell.json)
    return cell.json


def timestamp_text(cell, form):
    match form:
        case "iso":
            return cell.csv.replace(" ", "T") + "Z"
        case "epoch_ms":
            return str(cell.value.micros // 1_000)
    return cell.csv


NULL_WORD = r"\N"
WITH_WORD = {"format": "csv", "quoting": "minimal", "null": NULL_WORD, "quote_empty": False}
WITH_QUOTES = {"format": "csv", "quoting": "minimal", "null": "", "quote_empty": True}
READERS = {
    "athena-opencsv": {"format": "csv", "quoting": "minimal", "escape": "\\", "null": "", "newlines": "fail"},
    "athena-lazysimple": {"format": "csv", "quoting": "none", "escape": "\\", "null": NULL_WORD, "newlines": "escape"},
    "athena-json": {"format": "json", "timestamps": "space", "json": "text"},
    "redshift": WITH_WORD,
    "snowflake": WITH_QUOTES,
    "bigquery": WITH_WORD,
    "duckdb": WITH_QUOTES,
    "spark": WITH_WORD | {"quote_empty": True},
    "pandas": WITH_WORD,
    "excel": {"format": "csv", "quoting": "minimal", "null": "", "escape_formulas": True, "line_end": "crlf"},
}
"""What each reader has for the keys that a file leaves out."""

STRICT = ("redshift", "bigquery", "spark", "pandas")
"""The readers that take a quoted text for null where it equals `null`."""

NO_NUL = (*STRICT, "excel")
"""The readers that cannot hold a NUL in a text."""


def csv_line(cells, output, _iceberg):
    """A row, field by field; the dialect of no reader is also written by Python's own writer, and must be equal."""
    for name, cell in cells.items():
        if not can_be_written(cell, csv_field(cell, output), len(cells) == 1, output):
            raise FailedError(f"quoting:{name}")
    fields = [quoted_field(cell, csv_field(cell, output), output) for cell in cells.values()]
    if fields == [""] and output.get("quoting") != "none":
        fields = ['""']
    line = output.get("delimiter", ",").join(fields)
    if not output.keys() & {"escape", "quote_empty"} and output.get("quoting", "minimal") in ("minimal", "all"):
        assert line == line_of_csv_module(cells, output)
    return line + LINE_ENDS[output.get("line_end", "lf")]


def line_of_csv_module(cells, output):
    # With "\r\n" the writer quotes CR and LF on every Python; with "\n" it leaves a CR bare before 3.13.
    line = io.StringIO()
    style = {"minimal": csv.QUOTE_MINIMAL, "all": csv.QUOTE_ALL}[output.get("quoting", "minimal")]
    writer = csv.writer(line, delimiter=output.get("delimiter", ","), quoting=style, lineterminator="\r\n")
    writer.writerow([csv_field(cell, output) for cell in cells.values()])
    return line.getvalue()[:-2]


def can_be_written(cell, text, is_alone, output):
    quoting, null = output.get("quoting", "minimal"), output.get("null", "")
    if quoting == "none":
        if any(mark in text for mark in ("\r", "\n")):
            return False
        if not output.get("escape") and output.get("delimiter", ",") in text:
            return False
        if is_alone and not text and "reader" not in output:
            return False
    if cell is None or not is_text(cell):
        return True
    if output.get("newlines") == "fail" and any(mark in text for mark in ("\r", "\n")):
        return False
    if output.get("reader") in STRICT and text == null:
        return False
    return not (output.get("reader") in NO_NUL and "\0" in text)


def is_text(cell):
    """Whether a cell stands in the row as text; numbers without a type, and what is nested, are text as well."""
    return not isinstance(cell.value, bool | int | float | Decimal | Stamp | datetime.date)


def quoted_field(cell, text, output):
    quoting, escape = output.get("quoting", "minimal"), output.get("escape", "")
    if quoting == "none":
        return text
    is_null = cell is None
    if output.get("quote_empty") and (is_null or (is_text(cell) and text in ("", output.get("null", "")))):
        needs = not is_null
    elif quoting == "minimal":
        needs = bool({'"', "\r", "\n", output.get("delimiter", ",")} & set(text))
        needs = needs or (bool(escape) and escape in text and not is_null)
    else:
        needs = quoting == "all" or (not is_null and is_text(cell))
    if not needs:
        return text
    if escape:
        text = text.replace(escape, escape * 2)
    return '"' + text.replace('"', (escape or '"') + '"') + '"'


def csv_field(cell, output):
    if cell is None:
        return output.get("null", "")
    text = cell.csv
    if isinstance(cell.value, Stamp):
        return timestamp_text(cell, output.get("timestamps", "space"))
    if output.get("quoting") == "none" and output.get("escape") and is_text(cell):
        for mark in (output["escape"], output.get("delimiter", ",")):
            text = text.replace(mark, output["escape"] + mark)
    match output.get("newlines", "keep"):
        case "space":
            text = re.sub("\r\n|\r|\n", " ", text)
        case "escape":
            text = text.replace("\n", "\\n").replace("\r", "\\r")
    formulas = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
    if output.get("escape_formulas") and text[:1] in formulas and not NUMBER.fullmatch(text):
        text = "'" + text
    return text


# ---------------------------------------------------------------- sizes

SPELLINGS = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "runtime311": {"ensure_ascii": True},
    "runtime312": {"ensure_ascii": False},
}


def response_entry(record_id, outcome, data_key="data"):
    """The entry of one record in the response."""
    entry = {"recordId": record_id, "result": outcome.result}
    if outcome.result == OK:
        entry[data_key] = base64.b64encode(outcome.data).decode("ascii")
        if outcome.metadata is not None:
            entry["metadata"] = outcome.metadata
    return entry


def response_size(entries, spelling):
    """The bytes of the response with these entries, in that spelling: by writing it."""
    return len(json.dumps({"records": entries}, **SPELLINGS[spelling]).encode())


@dataclass(frozen=True)
class Cut:
    """Positions of the `Ok` records: those that the response keeps, those that overflow, those that never fit."""

    kept: list
    overflow: list
    never: list


def cut(outcomes, record_ids, limit_bytes, spelling, data_key="data"):
    """The largest prefix of the `Ok` records that fits while every other `Ok` record is answered `ProcessingFailed`."""

    def fits(kept):
        entries = [
            response_entry(record_id, outcome if outcome.result != OK or i in kept else Outcome(FAILED), data_key)
            for i, (record_id, outcome) in enumerate(zip(record_ids, outcomes, strict=True))
        ]
        return response_size(entries, spelling) <= limit_bytes

    positions = [i for i, outcome in enumerate(outcomes) if outcome.result == OK]
    never = [i for i in positions if not fits({i})]
    positions = [i for i in positions if i not in never]
    kept = next((count for count in range(len(positions), 0, -1) if fits(set(positions[:count]))), 0)
    return Cut(positions[:kept], positions[kept:], never)
