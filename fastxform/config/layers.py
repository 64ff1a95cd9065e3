"""The tables `[parse.NAME]` and `[explode]`, and which layer a path begins with.

Invariant: names of layers differ, no layer stands on itself, and a path is about one of them or about the record.
"""

import re
from typing import Any, Final, cast

import pyarrow as pa

from fastxform.config.diagnostics import Diagnostics, kind_of
from fastxform.config.keys import EXPLODE, PARSE
from fastxform.config.locations import KeyPath
from fastxform.config.model import Explode, Parse
from fastxform.config.table import Table
from fastxform.errors import shown
from fastxform.query import paths

_NEEDS_FIELDS: Final = ("csv", "cloudfront-realtime")
_MAY_HAVE_FIELDS: Final = (*_NEEDS_FIELDS, "vpc-flow")


class LayerReader:
    """Reads the layers of a file; `names` are those that paths may begin with, beside the members of the record."""

    def __init__(self, diagnostics: Diagnostics, parse: dict[str, Any], explode: dict[str, Any] | None) -> None:
        self.diagnostics = diagnostics
        self.names: dict[str, KeyPath] = {}
        self.index: str | None = None
        self.parses = tuple(
            self._parse(name, content) for name, content in parse.items() if self._is_table(name, content)
        )
        self.explode = None if explode is None else self._explode(explode)
        self.order: dict[str, str] = {parse.name: parse.of for parse in self.parses}
        if self.explode is not None:
            self.order[self.explode.name] = self.explode.path

    def check(self) -> None:
        """Check what the layers stand on."""
        below: dict[str, str] = {}
        for name, text in self.order.items():
            for root in self.roots(text):
                owner = self.explode.name if self.explode is not None and root == self.index else root
                if owner in self.order:
                    below[name] = owner
        for name in below:
            seen, at = [name], below[name]
            while at in below and at not in seen:
                seen.append(at)
                at = below[at]
            if at == name:
                circle = " -> ".join([*seen, name])
                self.diagnostics.add(self.names[name], f"stands on itself: {circle}")

    def roots(self, text: str) -> tuple[str, ...]:
        """Return what a path begins with; nothing of one that is a mistake."""
        try:
            return paths.root_names(paths.compile_path(text))
        except paths.PathError:
            return ()

    def layer_roots(self, path: paths.Path) -> tuple[str, ...]:
        """Return the layers that a path begins with."""
        return tuple(root for root in paths.root_names(path) if root in self.names)

    def mistake_of(self, path: paths.Path) -> str | None:
        """Return what is wrong with a path in view of the layers."""
        roots = paths.root_names(path)
        layers = self.layer_roots(path)
        if layers and len(roots) > 1:
            other = next(root for root in roots if root != layers[0])
            remedy = "take two columns, and expr for what combines them"
            return f"{layers[0]} and {other} are not of one document; {remedy}"
        if layers and layers[0] == self.index and path != paths.Dotted((self.index,)):
            return f"{self.index} is the number of the element; a column takes it as the path {self.index}"
        return None

    def _is_table(self, name: str, content: Any) -> bool:
        if type(content) is dict:
            return True
        self.diagnostics.add(("parse", name), f"must be a table below a line [parse.{name}], not {kind_of(content)}")
        return False

    def _name(self, location: KeyPath, name: str) -> None:
        if not (name.isascii() and name.isidentifier()):
            self.diagnostics.add(
                location, f"{shown(name)} is no name for paths; take ASCII letters, digits and underscores"
            )
        elif name in self.names:
            self.diagnostics.add(location, f"{name} is a name of another layer; take another")
        self.names.setdefault(name, location)

    def _path(self, table: Table, key: str) -> str:
        text = table.text(key)
        if key not in table:
            self.diagnostics.add(table.path, f"needs {key}")
        if text is None:
            return '""'
        try:
            paths.compile_path(text)
        except paths.PathError as err:
            table.fail(key, str(err))
        return text

    def _parse(self, name: str, content: dict[str, Any]) -> Parse:
        location: KeyPath = ("parse", name)
        table = Table(self.diagnostics, location, content, PARSE)
        self._name(location, name)
        kind = table.choice("format")
        fields = self._fields(table)
        if kind in _NEEDS_FIELDS and "fields" not in table:
            self.diagnostics.add(
                location, f'the format {kind} needs fields = ["...", ...], the names of the fields in order'
            )
        elif kind not in _MAY_HAVE_FIELDS and "fields" in table:
            table.fail("fields", f"is for {', '.join(_MAY_HAVE_FIELDS)}, and this format is {kind}")
        for key in ("delimiter", "quote"):
            if key in table and kind != "csv":
                table.fail(key, f"is for csv, and this format is {kind}")
        if "pattern" in table and kind != "regex":
            table.fail("pattern", f"is for regex, and this format is {kind}")
        delimiter, quote = table.text("delimiter") or "", table.text("quote") or ""
        if len(delimiter) != 1 or delimiter in "\r\n":
            table.fail("delimiter", r'must be one character other than CR and LF; a TAB is "\t"')
            delimiter = ","
        if len(quote) > 1 or (quote and quote in "\r\n" + delimiter):
            table.fail("quote", "must be one character other than the delimiter, or empty for none")
            quote = ""
        return Parse(
            name,
            self._path(table, "of"),
            kind,
            cast(Any, table.choice("invalid")),
            fields,
            delimiter,
            quote,
            self._pattern(table, kind),
            self.diagnostics.noted_location(location),
        )

    def _fields(self, table: Table) -> tuple[str, ...]:
        fields = table.value("fields")
        if fields is None:
            return ()
        if type(fields) is not list or not fields or not all(type(name) is str and name for name in fields):
            table.fail("fields", 'must be a list of names, such as ["time", "level"]')
            return ()
        twice = next((name for name in fields if fields.count(name) > 1), None)
        if twice is not None:
            table.fail("fields", f"has {shown(twice)} twice")
        return tuple(fields)

    def _pattern(self, table: Table, kind: str) -> str | None:
        pattern = table.text("pattern")
        if kind != "regex":
            return None
        if pattern is None:
            if "pattern" not in table:
                self.diagnostics.add(table.path, "the format regex needs pattern, with a named group for each member")
            return None
        from fastxform.core import kernels

        try:
            options = kernels.options.ExtractRegexOptions(rf"\A(?:{pattern})\z")
            groups = kernels.call("extract_regex", [pa.array([""])], options)
        except pa.ArrowInvalid as err:
            reason = re.sub(r"^Invalid regular expression: ", "", str(err))
            table.fail("pattern", f"RE2 refuses it: {reason}; every group needs a name: (?P<name>...) or (?:...)")
        else:
            if not groups.type.num_fields:
                table.fail("pattern", "has no named group, (?P<name>...), so that nothing would come of it")
        return pattern

    def _explode(self, content: dict[str, Any]) -> Explode:
        location: KeyPath = ("explode",)
        table = Table(self.diagnostics, location, content, EXPLODE)
        name = table.text("as") or "item"
        self._name((*location, "as") if "as" in table else location, name)
        index = table.text("index")
        if index is not None:
            self._name((*location, "index"), index)
            self.index = index
        return Explode(
            self._path(table, "path"),
            name,
            index,
            cast(Any, table.choice("empty")),
            self.diagnostics.noted_location(location),
        )
