"""From a file to a `Spec`: bytes to text, text to tables, tables to parts, and what the parts mean for each other.

The parts themselves are read by the modules beside this one. Invariant: a `Spec` or a `ConfigError`, whatever stands in
the file.
"""

import os
import re
import tomllib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from fastxform.config import sections
from fastxform.config.columns import ColumnReader, with_rest
from fastxform.config.diagnostics import Diagnostics, is_name, kind_of, single
from fastxform.config.keys import IMAGES, OUTPUT, TOP_LEVEL, VERSION, Key, Section
from fastxform.config.locations import KeyPath
from fastxform.config.model import Column, Example, Output, Route, Spec, merged
from fastxform.config.table import Table
from fastxform.core.structs import replace
from fastxform.core.values import Number
from fastxform.errors import ConfigError, near, shown
from fastxform.query import paths

if TYPE_CHECKING:
    from pathlib import Path

    from fastxform.query.lookup_tables import LookupTable

_BYTE_ORDER_MARK: Final = "\ufeff"
_TOML_LOCATION: Final = r"(?P<what>.*) \((?:at line (?P<line>[0-9]+), column (?P<column>[0-9]+)|at end of document)\)"
_TOML_REMEDIES: Final = (
    ("Invalid value", "text needs quotes"),
    ("Unescaped '\\' in a string", "text with backslashes goes in single quotes: '...'"),
    ("Cannot overwrite a value", "the name is there twice"),
    ("Cannot declare", "the table is there twice, or a key has its name"),
    ("Cannot mutate immutable namespace", "what stands between braces cannot be added to below"),
    ("Invalid initial character for a key part", "a table between braces is one line"),
    ("Expected '=' after a key", "a name of other characters than letters and digits needs quotes"),
)


def load(path: str | os.PathLike[str], tests: bool) -> Spec:
    """Read a file; see `fastxform.config.model.load`."""
    name = os.fspath(path)
    return parse(_text(name), name, os.path.dirname(name), tests)


def parse(text: str, name: str, directory: "str | Path | None", tests: bool) -> Spec:
    """Read a text; see `fastxform.config.model.parse`."""
    content = _toml(text, name)
    diagnostics = Diagnostics(name, text, notes_locations=tests)
    try:
        spec = _ConfigReader(diagnostics, content, os.fspath(directory or ""), tests).spec()
        diagnostics.raise_all()
    except RecursionError as err:
        raise single(name, "tables or lists nest too deep") from err
    return spec


def _text(name: str) -> str:
    try:
        # `pathlib` would be 4 ms of a cold start.
        with open(name, "rb") as file:
            return _decoded(file.read(), name)
    except FileNotFoundError as err:
        raise single(name, f"no such file{_neighbour(name)}") from err
    except IsADirectoryError as err:
        raise single(name, "is a directory; name the file in it") from err
    except OSError as err:
        raise single(name, f"cannot be read: {err.strerror}") from err
    except ValueError as err:
        raise single(name, f"cannot be read: {err}") from err


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise single(f"{name}:{line}", "is not UTF-8; save the file in that encoding") from err


def _neighbour(name: str) -> str:
    """Return the name of a file that was meant, if one is near."""
    from pathlib import Path

    path = Path(name)
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".toml"]
    except OSError:
        # No such directory either, or none that may be listed: then there is nothing to suggest.
        return ""
    close = near(path.name, names)
    return f"; did you mean {path.with_name(close)}?" if close else ""


def _toml(text: str, name: str) -> dict[str, Any]:
    """Return the tables of a text; numbers with a fraction keep their digits."""
    if text.startswith(_BYTE_ORDER_MARK):
        raise single(f"{name}:1", "starts with a byte order mark; save the file as UTF-8 without one")
    try:
        text.encode()
        return tomllib.loads(text, parse_float=_number)
    except tomllib.TOMLDecodeError as err:
        raise _syntax_error(text, name, str(err)) from err
    except RecursionError as err:
        raise single(name, "tables or lists nest too deep") from err
    except ValueError as err:
        # Lone surrogates in a text that came from a program, and integers of more digits than Python reads.
        raise single(name, f"not TOML: {err}") from err


def _number(text: str) -> Number:
    return Number(text.replace("_", "").removeprefix("+"))


def _syntax_error(text: str, name: str, message: str) -> ConfigError:
    match = re.fullmatch(_TOML_LOCATION, message, re.DOTALL)
    what, location = (match["what"], match["line"]) if match else (message, None)
    remedy = next((f"; {remedy}" for start, remedy in _TOML_REMEDIES if what.startswith(start)), "")
    if match is None or location is None:
        return single(f"{name}:{text.count(chr(10)) + 1}", f"not TOML: {what} at the end of the file{remedy}")
    return single(f"{name}:{location}:{match['column']}", f"not TOML: {what}{remedy}")


class _ConfigReader:
    """Reads the tables of one file; every method notes its mistakes and goes on."""

    def __init__(self, diagnostics: Diagnostics, content: dict[str, Any], directory: str, tests: bool) -> None:
        self.diagnostics = diagnostics
        self.directory = directory
        self.with_tests = tests
        self.table = Table(diagnostics, (), content, TOP_LEVEL)
        self.source = self.table.choice("source")
        parse, explode = self.table.table("parse"), self.table.table("explode")
        self.layers = None
        if parse or explode is not None:
            # Few files have layers.
            from fastxform.config.layers import LayerReader

            self.layers = LayerReader(diagnostics, parse or {}, explode)
        self.columns = ColumnReader(diagnostics, self.source, self.table.choice("invalid"), self.layers)

    def spec(self) -> Spec:
        """Return the whole file."""
        self._check_version()
        if self.layers is not None:
            self.layers.check()
            for name, text in self.layers.order.items():
                key = "of" if self.layers.names[name][0] == "parse" else "path"
                self.columns.check_path((*self.layers.names[name][:2], key), text)
        output = sections.read_output(self.diagnostics, self.table.table("output") or {})
        shared = self._shared(output)
        routes = {
            index: sections.read_route(self.diagnostics, self.columns, ("routes", index), content)
            for index, content in self.table.tables("routes")
        }
        if any(column.rest is not None for column in shared or ()):
            routes = {index: _with_own_rest(shared or (), route) for index, route in routes.items()}
        lookups = self._lookups()
        keys = self._partition_keys()
        where = self.table.text("where")
        shared, routes = self._compiled(where, shared, routes, keys, lookups)
        lookups = _named_columns(lookups, where, shared, list(routes.values()), keys)
        spec = Spec(
            source=cast(Any, self.source),
            where=where,
            output=output,
            columns=shared,
            routes=tuple(routes.values()),
            unmatched=cast(Any, self.table.choice("unmatched")),
            documents=cast(Any, self.table.choice("documents")),
            images=self._images(),
            empty=cast(Any, self.table.choice("empty")),
            bad_rows=cast(Any, self.table.choice("bad_rows")),
            mixed=cast(Any, self.table.choice("mixed")),
            parses=() if self.layers is None else self.layers.parses,
            explode=None if self.layers is None else self.layers.explode,
            lookups=tuple(lookups.values()),
            partition_keys=tuple(keys.items()),
            overflow=sections.read_overflow(
                self.diagnostics,
                self.table.table("overflow") or {},
                changes=sections.emits_changes(routes.values()),
            ),
            tests=self._tests(shared, routes, keys),
            map_batch=(map_batch := self._map_batch()),
            directory="" if map_batch is None else self.directory,
        )
        self._check_output(spec, routes)
        self._check_spread(spec, routes)
        self._check_timestamps(spec)
        self._check_last_route(routes)
        self._check_iceberg(spec, {index: route for index, route in routes.items() if route.iceberg is not None})
        return spec

    def _map_batch(self) -> str | None:
        text = self.table.text("map_batch")
        if text is None:
            return None
        match = re.fullmatch(r"((?:[^\W\d]\w*\.)*[^\W\d]\w*):([^\W\d]\w*)", text)
        if match is None:
            self.table.fail("map_batch", f'is MODULE:FUNCTION, such as "enrich:add_columns", not {shown(text)}')
            return None
        file = f"{match[1].replace('.', '/')}.py"
        if not os.path.isfile(os.path.join(self.directory, file)):
            self.table.fail("map_batch", f"there is no file {file} beside the configuration")
            return None
        return text

    def _check_version(self) -> None:
        version = self.table.value("version")
        if version is None:
            return
        if type(version) is not int:
            self.table.fail("version", f"must be {VERSION}, not {kind_of(version)}")
        elif version != VERSION:
            remedy = "a later one reads it" if version > VERSION else f"write version = {VERSION}"
            self.table.fail("version", f"this fastxform reads version {VERSION} and no other; {remedy}")

    def _images(self) -> tuple[str, ...]:
        images = self.table.value("images")
        if images is None:
            return IMAGES
        if self.source != "dynamodb":
            self.table.fail("images", f"is for source dynamodb, and this source is {self.source}")
        if type(images) is not list or not images or not all(type(text) is str for text in images):
            self.table.fail(
                "images", 'must be a list of paths of members, such as ["dynamodb.NewImage", "Item"], or ["@"]'
            )
            return IMAGES
        for index, text in enumerate(images):
            try:
                if text != "@" and not isinstance(paths.compile_path(text), paths.Dotted):
                    self.diagnostics.add(
                        ("images", index), "must be members with dots between, or @ for the record itself"
                    )
            except paths.PathError as err:
                self.diagnostics.add(("images", index), str(err))
        return tuple(images)

    def _shared(self, output: Output) -> tuple[Column, ...] | None:
        content = self.table.table("columns")
        if content is None:
            return None
        if not content:
            remedy = "CSV output needs one" if output.format == "csv" else "for the document itself leave it away"
            self.table.fail("columns", f"names no column; {remedy}")
        return self.columns.read(("columns",), content)

    def _lookups(self) -> "dict[str, LookupTable]":
        self.broken_lookups: set[str] = set()
        content = self.table.table("lookups")
        if not content:
            return {}
        # Few files have look-ups.
        from fastxform.config.lookups import LookupReader

        reader = LookupReader(self.diagnostics, self.directory)
        tables = reader.read(content)
        self.broken_lookups = reader.broken
        return tables

    def _partition_keys(self) -> dict[str, str]:
        content = self.table.table("partition_keys") or {}
        section = Section("partition_keys", "", tuple(Key(name, "text", "", "") for name in content))
        keys = Table(self.diagnostics, ("partition_keys",), content, section)
        texts = {name: keys.text(name) for name in content}
        for name in content:
            if not is_name(name):
                keys.fail(name, "the name of a key must not be empty, nor hold control characters")
        return {name: text for name, text in texts.items() if text is not None}

    def _compiled(
        self,
        where: str | None,
        shared: tuple[Column, ...] | None,
        routes: dict[int, Route],
        keys: dict[str, str],
        lookups: "dict[str, LookupTable]",
    ) -> tuple[tuple[Column, ...] | None, dict[int, Route]]:
        """Return columns and routes with the types of their expressions."""
        columns = shared or ()
        computed = [
            column
            for group in (columns, *(route.columns for route in routes.values()))
            for column in group
            if column.expr
        ]
        if not (where or keys or computed or any(route.where for route in routes.values())):
            return shared, routes
        # A file without expressions does not need the compiler.
        from fastxform.config.expressions import FileExpressions

        compiler = FileExpressions(self.diagnostics, self.columns.broken, lookups, self.broken_lookups)
        columns = compiler.shared_columns(columns)
        if where is not None:
            compiler.condition(where, columns, ("where",))
        typed = {}
        for index, route in routes.items():
            path: KeyPath = ("routes", index)
            if route.where is not None:
                compiler.condition(route.where, columns, (*path, "where"))
            typed[index] = replace(route, columns=compiler.route_columns(columns, route, path))
        for name, text in keys.items():
            for route in typed.values() or [Route(None)]:
                compiler.value(text, merged(columns, route.columns), ("partition_keys", name))
        return None if shared is None else columns, typed

    def _tests(
        self, shared: tuple[Column, ...] | None, routes: dict[int, Route], keys: dict[str, str]
    ) -> tuple[Example, ...]:
        if not self.with_tests:
            return ()
        names = {
            column.name for group in (shared or (), *(route.columns for route in routes.values())) for column in group
        }
        layers = set() if self.layers is None else {parse.name for parse in self.layers.parses}
        reader = sections.ExampleReader(self.diagnostics, self.directory, names, set(keys), layers)
        return tuple(reader.read(index, content) for index, content in self.table.tables("tests"))

    def _check_output(self, spec: Spec, routes: dict[int, Route]) -> None:
        """Check that there is something to write."""
        if "columns" not in self.table and not routes and spec.output.format == "csv" and self.source != "text":
            self.diagnostics.add((), "CSV output needs [columns]")
        if self.layers is not None and spec.is_document:
            self.diagnostics.add((), "parse and explode need [columns], which say what becomes of what they find")
        for key in ("bad_rows", "mixed"):
            if key in self.table and not spec.is_multi_row:
                self.table.fail(key, 'is for records of several rows: documents = "many", cloudwatch-logs and explode')
        orders: dict[KeyPath, tuple[Column, ...]] = {
            ("routes", index): merged(spec.columns or (), route.columns) for index, route in routes.items()
        }
        for location, order in (orders or {("columns",): spec.columns or ()}).items():
            if order and all(column.hidden for column in order):
                self._check_hidden(spec, location)
            elif routes and not order and spec.output.format == "csv":
                self.diagnostics.add(location, "CSV output needs columns")

    def _check_hidden(self, spec: Spec, location: KeyPath) -> None:
        """Check that there is a document that goes out where no column does."""
        message = "every column is hidden, nothing is left for the output"
        if spec.output.format == "csv" or spec.map_batch is not None:
            self.diagnostics.add(location, message)
        elif spec.source in ("cloudwatch-logs", "text"):
            self.diagnostics.add(location, f"{message}: with source {spec.source} there is no document to write")
        elif spec.explode is not None:
            self.diagnostics.add(location, f"{message}: the rows of explode are parts of one document")

    def _check_spread(self, spec: Spec, routes: dict[int, Route]) -> None:
        """Check that members can be written into rows."""
        groups: list[tuple[KeyPath, tuple[Column, ...], bool]] = [
            (("columns",), spec.columns or (), any(route.iceberg is not None for route in routes.values()))
        ]
        groups += [
            (("routes", index, "columns"), route.columns, route.iceberg is not None) for index, route in routes.items()
        ]
        for path, columns, is_iceberg in groups:
            for column in columns:
                location = (*path, column.name, "spread")
                if column.spread and spec.output.format == "csv":
                    self.diagnostics.add(location, "is for JSON output, and this output is CSV")
                elif column.spread and is_iceberg:
                    message = "does not go together with iceberg, whose columns have to be known; name them"
                    self.diagnostics.add(location, message)

    def _check_timestamps(self, spec: Spec) -> None:
        """Check that no digit of a timestamp is cut off, and that rows of Iceberg tables keep their own form."""
        output = Table(self.diagnostics, ("output",), {}, OUTPUT)
        if spec.output.timestamps is not None and any(route.iceberg is not None for route in spec.routes):
            output.fail("timestamps", "rows of Iceberg tables hold microseconds; leave timestamps and reader out")
        if spec.output.timestamps != "epoch_ms":
            return
        for column in (*(spec.columns or ()), *(column for route in spec.routes for column in route.columns)):
            if column.type.kind == "timestamp" and column.type.unit == "us" and not column.hidden:
                message = f"epoch_ms would cut the microseconds of {column.name} off; give it the type timestamp[ms]"
                output.fail("timestamps", message)

    def _check_last_route(self, routes: dict[int, Route]) -> None:
        for index in list(routes)[:-1]:
            if "where" not in self.table.content["routes"][index]:
                message = "takes every record, so that no later route takes any; give it a where"
                self.diagnostics.add(("routes", index), message)

    def _check_iceberg(self, spec: Spec, routes: dict[int, Route]) -> None:
        """Check what does not go together with routes to Iceberg tables."""
        if not routes:
            return
        output = self.table.content.get("output")
        if spec.output.format != "json" and not (type(output) is dict and output.get("format", "csv") != "csv"):
            first: KeyPath = ("routes", next(iter(routes)), "iceberg")
            location: KeyPath = ("output", "format") if "output" in self.table else first
            self.diagnostics.add(location, 'Firehose takes JSON for Iceberg tables; write output = { format = "json" }')
        for index, route in routes.items():
            if route.iceberg is None:
                continue
            columns = merged(spec.columns or (), route.columns)
            sections.check_columns_of(self.diagnostics, ("routes", index, "iceberg"), route.iceberg, columns)
        if spec.partition_keys:
            self.table.fail("partition_keys", "are for S3, and do not go together with iceberg")
        if spec.documents == "many":
            self.table.fail("documents", "does not go together with iceberg, where a record is one object")
        if spec.explode is not None:
            remedy = "explode in Athena (UNNEST) or Spark, or write to S3"
            self.table.fail("explode", f"does not go together with iceberg, where a record is one object; {remedy}")
        if spec.source == "cloudwatch-logs":
            self.table.fail("source", "does not go together with iceberg, where a record is one object")


def _with_own_rest(shared: tuple[Column, ...], route: Route) -> Route:
    """Return a route in which the rest of an object is what neither its own columns name nor the shared ones."""
    if not route.columns:
        return route
    own = {column.name for column in route.columns}
    order = with_rest(merged(shared, route.columns))
    return replace(route, columns=tuple(c for c in order if c.name in own or c.rest is not None))


def _named_columns(
    lookups: "dict[str, LookupTable]",
    where: str | None,
    shared: tuple[Column, ...] | None,
    routes: Sequence[Route],
    keys: dict[str, str],
) -> "dict[str, LookupTable]":
    """Return the tables with the columns that some expression names."""
    if not lookups:
        return {}
    from fastxform.query.lookups import calls_in

    columns = [*(shared or ()), *(column for route in routes for column in route.columns)]
    texts = [where, *(route.where for route in routes), *keys.values(), *(column.expr for column in columns)]
    calls = [call for text in texts if text is not None for call in calls_in(text)]
    return {
        name: table.kept(frozenset(column or table.only or "" for called, column in calls if called == name))
        for name, table in lookups.items()
    }
