"""Texts to columns by a format: JSON, logfmt, separated values, a regular expression, or a named format.

Texts come a whole column at a time, and rows that are not of the format are named. Invariant: a null text gives null
members, and so does one that is not of the format.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final, Protocol

import pyarrow as pa

from fastxform.config.model import Parse
from fastxform.core import kernels
from fastxform.core.values import RawColumn
from fastxform.decode.fields import FieldRequest
from fastxform.decode.projection import Projector
from fastxform.decode.texts import TextProjector
from fastxform.limits import PARSED_TEXT_LIMIT_CHARACTERS

Texts = Sequence[str | None]


class Parser(Protocol):
    """Reads the columns of one format."""

    def parse(self, texts: Texts, invalid: set[int]) -> tuple[dict[Any, RawColumn], set[int]]:
        """Return the columns, and the rows that are not of the format; those of `invalid` are known not to be."""


def parser_of(parse: Parse, requests: Sequence[FieldRequest]) -> Parser:
    """Return the parser of a format."""
    if parse.format == "json":
        return _JsonParser(parse, requests)
    return _FieldParser(parse, requests)


class _JsonParser:
    def __init__(self, parse: Parse, requests: Sequence[FieldRequest]) -> None:
        self.projector = Projector(requests, None, unpacks=False, root=parse.name)

    def parse(self, texts: Texts, invalid: set[int]) -> tuple[dict[Any, RawColumn], set[int]]:
        documents = [text.encode() if text and text[0] == "{" else b"{}" for text in texts]
        nulls: set[int] = set()
        refused: set[int] = set()
        for row in [row for row, text in enumerate(texts) if not text or text[0] != "{"]:
            text = texts[row]
            if text is None:
                nulls.add(row)
            elif text.lstrip(" \t\r\n")[:1] == "{":
                documents[row] = text.encode()
            else:  # mostly plain lines among JSON: they need no decoder to say so
                refused.add(row)
        nulls |= refused
        projection = self.projector.project(documents, nulls)
        if projection.failed:
            refused.update(projection.failed)
            if self.projector.fallback_requests:  # what makes something of null makes it of these too
                for row in projection.failed:
                    documents[row] = b"{}"
                projection = self.projector.project(documents, nulls | refused)
        return projection.columns, refused


class _FieldParser:
    def __init__(self, parse: Parse, requests: Sequence[FieldRequest]) -> None:
        self.projector = TextProjector(requests, parse.name)
        self.split = None if parse.format == "logfmt" else splitter_of(parse)
        direct = {name for _, name in self.projector.direct}
        self.wanted = direct if self.projector.projector is None else None

    def parse(self, texts: Texts, invalid: set[int]) -> tuple[dict[Any, RawColumn], set[int]]:
        nulls = {row for row, text in enumerate(texts) if text is None}
        long = {row for row, text in enumerate(texts) if text is not None and len(text) > PARSED_TEXT_LIMIT_CHARACTERS}
        if long:
            texts = [None if row in long else text for row, text in enumerate(texts)]
        if self.split is None:
            pairs, refused = logfmt(texts)
            refused |= long
            return self.projector.project_pairs(pairs, nulls | refused), refused
        fields, refused = self.split(texts, self.wanted)
        refused |= long
        return self.projector.project(fields, len(texts), nulls | refused), refused


# -- texts to fields

Fields = dict[str, list[Any]]


class Splitter(Protocol):
    """Tells the fields of texts apart."""

    def __call__(self, texts: Texts, wanted: Collection[str] | None = None) -> tuple[Fields, set[int]]:
        """Return the fields, those of `wanted` at least, and the rows that are not of the format."""


def splitter_of(parse: Parse) -> Splitter:
    """Return what tells the fields of texts apart."""
    if parse.format == "regex":
        return _Regex(parse.pattern or "")
    if parse.format == "csv":
        return _Separated(parse.fields, parse.delimiter, parse.quote)
    from fastxform.decode.formats import named_format

    return named_format(parse.format).splitter(parse.fields)


class _Regex:
    """A pattern of RE2 with named groups, which has to match the whole text."""

    def __init__(self, pattern: str, nulls: frozenset[str] = frozenset()) -> None:
        self.options = kernels.options.ExtractRegexOptions(rf"\A(?:{pattern})\z")
        self.nulls = nulls

    def __call__(self, texts: Texts, wanted: Collection[str] | None = None) -> tuple[Fields, set[int]]:
        array = pa.array(texts, pa.string())
        groups = kernels.call("extract_regex", [array], self.options)
        refused = set()
        if groups.null_count > array.null_count:
            is_null = kernels.call("is_null", [groups]).to_pylist()
            refused = {row for row, unmatched in enumerate(is_null) if unmatched and texts[row] is not None}
        fields = {}
        for index, field in enumerate(groups.type):
            values = groups.field(index).to_pylist()
            missing = refused if array.null_count == 0 else {*refused, *(r for r, t in enumerate(texts) if t is None)}
            for row in missing:
                values[row] = None
            if self.nulls:
                values = [None if value in self.nulls else value for value in values]
            fields[field.name] = values
        return fields, refused


class _Separated:
    """Fields between a delimiter; one that begins with the quote ends with it, and holds it twice for itself."""

    def __init__(
        self,
        names: Sequence[str],
        delimiter: str,
        quote: str,
        *,
        nulls: frozenset[str] = frozenset(),
        needed: int | None = None,
        with_brackets: bool = False,
    ) -> None:
        self.names, self.delimiter, self.quote, self.nulls = list(names), delimiter, quote, nulls
        self.needed = len(self.names) if needed is None else needed
        self.is_open = needed is not None
        self.with_brackets = with_brackets
        end, mark = re.escape(delimiter), re.escape(quote)
        kinds = [rf"{mark}((?:[^{mark}]|{mark}{mark})*+){mark}"] if quote else []
        first = f"(?!{mark})" if quote else ""
        self.pattern = re.compile(rf"(?:{'|'.join([*kinds, rf'{first}([^{end}]*)'])})(?:{end}|\Z)")

    def __call__(self, texts: Texts, wanted: Collection[str] | None = None) -> tuple[Fields, set[int]]:
        plain = self._plain(texts)
        if plain is not None:
            return self._columns(plain, self.names if wanted is None else wanted), set()
        rows: list[list[str | None]] = []
        refused: set[int] = set()
        count = len(self.names)
        nothing: list[str | None] = [None] * count
        for row, text in enumerate(texts):
            parts = None if text is None else self._parts(text)
            if parts is None or len(parts) < self.needed or (len(parts) > count and not self.is_open):
                if text is not None:
                    refused.add(row)
                rows.append(nothing)
                continue
            if len(parts) != count:
                parts = parts[:count] + nothing[len(parts) :]
            rows.append(parts)
        return self._columns(rows, self.names if wanted is None else wanted), refused

    def _plain(self, texts: Texts) -> "Sequence[Sequence[str | None]] | None":
        """Return the parts of texts that are all of the format and hold no quote; None where one of them is other."""
        rows = []
        for text in texts:
            if text is None or (self.quote and self.quote in text) or (self.with_brackets and "[" in text):
                return None
            rows.append(text.split(self.delimiter))
        counts = set(map(len, rows))
        if counts and (min(counts) < self.needed or (max(counts) > len(self.names) and not self.is_open)):
            return None
        return rows

    def _columns(self, rows: Sequence[Sequence[str | None]], wanted: Collection[str]) -> Fields:
        least = min(map(len, rows), default=0)
        fields = {}
        for index, name in enumerate(self.names):
            if name not in wanted:
                continue
            if index < least:
                values = [row[index] for row in rows]
            else:
                values = [row[index] if index < len(row) else None for row in rows]
            for mark in self.nulls:  # few values are null: to look for them takes a fifth of making the list anew
                _replace(values, mark)
            fields[name] = values
        return fields

    def _parts(self, text: str) -> list[str | None] | None:
        if (not self.quote or self.quote not in text) and not (self.with_brackets and "[" in text):
            return list(text.split(self.delimiter, len(self.names)))  # with one more than there may be
        parts: list[str | None] = []
        at = 0
        close = -1  # where the next bracket closes: searched for again only once it is passed
        while True:
            if self.with_brackets and text.startswith("[", at):
                if close < at:
                    close = text.find("]", at)
                    close = len(text) if close < 0 else close
                if close + 1 == len(text) or text.startswith(self.delimiter, close + 1):
                    parts.append(text[at + 1 : close])
                    if close + 1 == len(text):
                        return parts
                    at = close + 1 + len(self.delimiter)
                    if at == len(text):
                        return [*parts, ""]
                    continue
            match = self.pattern.match(text, at)
            if match is None:
                return None
            part = next(group for group in match.groups() if group is not None)
            if self.quote and text.startswith(self.quote, at):
                part = part.replace(self.quote * 2, self.quote)
            parts.append(part)
            if len(parts) > len(self.names) and not self.is_open:
                return None
            at = match.end()
            if at == len(text):
                return [*parts, ""] if text.endswith(self.delimiter) and match.end(match.lastindex or 0) < at else parts


def _replace(values: list[str | None], mark: str) -> None:
    """Put None in the place of each text that stands for null."""
    at = -1
    try:
        while True:
            at = values.index(mark, at + 1)
            values[at] = None
    except ValueError:
        return


def regex_splitter(pattern: str, nulls: frozenset[str]) -> Splitter:
    """Return what reads a pattern; some texts of its groups are null."""
    return _Regex(pattern, nulls)


def separated_splitter(
    names: Sequence[str], delimiter: str, quote: str, nulls: frozenset[str], needed: int, with_brackets: bool
) -> Splitter:
    """Return what reads fields of a named format: at least `needed` of them, more than there are names of."""
    return _Separated(names, delimiter, quote, nulls=nulls, needed=needed, with_brackets=with_brackets)


_PAIR: Final = re.compile(r'[ \t]*(?:([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*+)"|([^\s"]*)))?)(?=[ \t]|\Z)', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}


def logfmt(texts: Texts) -> tuple[list[dict[str, Any]], set[int]]:
    """Return the pairs of each `key=value key="quoted value" key` line; of equal keys the last, a bare one is True."""
    rows: list[dict[str, Any]] = []
    refused: set[int] = set()
    for row, text in enumerate(texts):
        pairs = None if text is None else _pairs(text)
        if pairs is None and text is not None:
            refused.add(row)
        rows.append(pairs or {})
    return rows, refused


def _pairs(text: str) -> dict[str, Any] | None:
    """Return the pairs of a line; None where something else stands in it."""
    pairs: dict[str, Any] = {}
    text = text.rstrip(" \t\r\n")
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None:
            return None
        key, quoted, bare = match.groups()
        if quoted is not None:
            pairs[key] = _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), quoted)
        else:
            pairs[key] = True if bare is None else bare
        at = match.end()
    return pairs or None
