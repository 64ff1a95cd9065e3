"""What lies inside a record: texts that are parsed, and a list that gives each record many rows.

Each of these is a layer: it takes the values of one path and gives the columns of the paths that begin with its name.
Invariant: a layer comes after the one that its own path begins with, and what is not a text or not a list fails, drops
or nulls its own row alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fastxform.config.model import Explode, Parse, Spec
from fastxform.core.json_text import elements_of, quote, raw_members
from fastxform.core.json_values import has_many_values
from fastxform.core.values import Json, RawColumn, taken
from fastxform.decode.cloudwatch import ElementTexts
from fastxform.decode.codegen import REFUSED
from fastxform.decode.decoder import FIRST_LOOK
from fastxform.decode.fields import FieldRequest
from fastxform.decode.parsing import Parser, parser_of
from fastxform.decode.projection import WIDENINGS, Projector
from fastxform.limits import PART_ROWS_LIMIT, RECORD_ROWS_LIMIT, RECORD_WRITTEN_LIMIT_BYTES
from fastxform.query import paths

if TYPE_CHECKING:
    from fastxform.decode.source import Rows

_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Layers:
    """The layers of a transform, in the order in which they are applied.

    Attributes:
        record_requests: the columns that are read out of the record itself.
        steps: what is done after that.
    """

    def __init__(self, spec: Spec, requests: Sequence[FieldRequest]) -> None:
        parses = {parse.name: parse for parse in spec.parses}
        explode = spec.explode
        names = {*parses, *(() if explode is None else (explode.name, explode.index or explode.name))}
        by_layer: dict[str | None, list[FieldRequest]] = {None: []}
        sources: list[tuple[str, FieldRequest]] = [
            (parse.name, FieldRequest(("parse", parse.name), paths.compile_path(parse.of), "auto"))
            for parse in spec.parses
        ]
        if explode is not None:
            path = paths.compile_path(explode.path)
            sources.append((explode.name, FieldRequest(("explode",), path, "elements")))
        for request in [*requests, *(request for _, request in sources)]:
            by_layer.setdefault(_layer_of(request.path, names), []).append(request)
        self.record_requests = by_layer[None]
        below = {name: _layer_of(request.path, names) for name, request in sources}
        if explode is not None and explode.index is not None:
            below = {name: explode.name if layer == explode.index else layer for name, layer in below.items()}
        self.steps: list[_ParseStep | _ExplodeStep] = []
        for name in _in_order(below, None if explode is None else explode.name):
            if name in parses:
                self.steps.append(_ParseStep(parses[name], by_layer.get(name, []), spec.bad_rows))
            else:
                assert explode is not None
                index = by_layer.get(explode.index, []) if explode.index else []
                self.steps.append(_ExplodeStep(explode, by_layer.get(name, []), index, spec.bad_rows))

    def apply(self, rows: "Rows") -> "Rows":
        """Return rows with the columns of all layers."""
        for step in self.steps:
            rows = step.apply(rows)
        return rows


def _in_order(below: Mapping[str, str | None], exploded: str | None) -> Iterator[str]:
    """Yield layers, each after the one that it is in, and the list after all that is not in it.

    The configuration has no cycles.
    """
    waiting = dict.fromkeys(below)
    outside = [name for name in below if exploded not in list(_around(name, below))]
    while waiting:
        for name in list(waiting):
            if below[name] in waiting or (name == exploded and not waiting.keys().isdisjoint(outside)):
                continue
            del waiting[name]
            yield name


def _around(name: str, below: Mapping[str, str | None]) -> Iterator[str]:
    """Yield a layer and those that it is in."""
    layer: str | None = name
    while layer is not None:
        yield layer
        layer = below[layer]


def _layer_of(path: paths.Path, names: set[str]) -> str | None:
    return next((root for root in paths.root_names(path) if root in names), None)


class _ParseStep:
    """Texts of one path, parsed."""

    def __init__(self, parse: Parse, requests: list[FieldRequest], bad_rows: str) -> None:
        self.parse, self.bad_rows = parse, bad_rows
        self.parser: Parser = parser_of(parse, requests)

    def apply(self, rows: "Rows") -> "Rows":
        column = rows.values.pop(("parse", self.parse.name))
        texts, invalid = _texts_of(column)
        columns, unparsed = self.parser.parse(texts, invalid)
        rows.values |= columns
        invalid |= unparsed
        if self.parse.invalid == "fail":
            for row in invalid:
                rows.failed.setdefault(row, f"parse:{self.parse.name}")
        elif self.parse.invalid == "drop":
            rows.dropped |= invalid - rows.failed.keys()
        return rows


def _texts_of(column: RawColumn) -> tuple[list[str | None], set[int]]:
    """Return the texts of a column, None for a null, and the rows that hold something else."""
    texts: list[Any] = column.values
    invalid: set[int] = set()
    if column.kind != "str" or column.fallback:
        texts = list(texts)
        for row, outcome in column.fallback.items():
            texts[row] = outcome
        for row, value in enumerate(texts):
            if type(value) is not str and value is not None:
                texts[row] = None
                invalid.add(row)
    return texts, invalid


class _ExplodeStep:
    """A list of each row, a row for each of its elements."""

    def __init__(
        self, explode: Explode, requests: list[FieldRequest], index: list[FieldRequest], bad_rows: str
    ) -> None:
        self.explode, self.index, self.bad_rows = explode, index, bad_rows
        self.projector = Projector(requests)
        self.objects = Projector(requests, unpacks=False, root=explode.name)
        self.start = b"{" + quote(explode.name).encode() + b":"

    def apply(self, rows: "Rows") -> "Rows":
        from fastxform.decode.source import Rows as NewRows

        column = rows.values.pop(("explode",))
        together = self._together(rows, column)
        if together is not None:
            return together
        records = range(rows.count) if rows.parents is None else rows.parents
        refused = dict(rows.refused)
        sizes: Counter[int] = Counter()
        origins: list[int] = []
        indexes: list[int | None] = []
        texts: list[bytes] = []
        failed: dict[int, str] = {}
        limit = rows.records
        wide = list(rows.values.values())
        for row, record in enumerate(records):
            if record in refused or row in rows.dropped:
                continue
            reason = rows.failed.get(row)
            elements: list[bytes] = []
            if reason is None:
                value = column.fallback.get(row, column.values[row])
                elements, reason = self._elements(value)
            if reason is None and sizes[record] + max(len(elements), 1) > RECORD_ROWS_LIMIT:
                refused[record] = "rows"
                continue
            if reason is not None:
                if self.bad_rows == "fail" or rows.parents is None:
                    refused[record] = reason
                    continue
                failed[len(origins)] = reason
                elements = [b"null"]
            if len(elements) > 1 and _written_bytes(wide, row) * len(elements) > RECORD_WRITTEN_LIMIT_BYTES:
                refused[record] = "never_fits"
                continue
            if origins and record != records[origins[-1]] and len(origins) + len(elements) > PART_ROWS_LIMIT:
                limit = record  # the rest of the batch is another part's
                break
            sizes[record] += len(elements)
            origins += [row] * len(elements)
            is_none = elements == [b"null"] and (reason is not None or self._is_empty(value))
            indexes += [None] if is_none else range(len(elements))
            texts += [self.start + element + b"}" for element in elements]
        parents = [records[row] for row in origins]
        if any(record in refused for record in parents):
            kept = [at for at, record in enumerate(parents) if record not in refused]
            position = {at: new for new, at in enumerate(kept)}
            failed = {position[at]: reason for at, reason in failed.items() if at in position}
            origins, indexes, texts, parents = (taken(values, kept) for values in (origins, indexes, texts, parents))
        projection = self.projector.project(texts)
        columns: dict[Any, RawColumn] = projection.columns
        for request in self.index:
            columns[request.name] = RawColumn("int", list(indexes))
        for key, known in rows.values.items():
            columns[key] = known.take(origins)
            columns[key].dictionary = known, origins
        refused = {record: reason for record, reason in refused.items() if record < limit}
        empty = [record for record in rows.empty if record < limit]
        return NewRows(limit, len(origins), columns, failed, [], parents, refused, set(), empty, rows.longest_bytes)

    def _is_empty(self, value: Any) -> bool:
        return value is None or value in ("[]", "{}")

    def _together(self, rows: "Rows", column: RawColumn) -> "Rows | None":
        """Return the rows of lists of objects that are decoded in one call; None where they are not such, or many."""
        from fastxform.decode.source import Rows as NewRows

        if self.explode.empty != "drop" or (rows.failed and rows.parents is not None):
            return None
        lists = self._lists(rows, column)
        if lists is None:
            return None
        decoded = self._decoded(lists)
        if decoded is None:
            return None
        columns, sizes = decoded
        origins = list(chain.from_iterable(map(repeat, range(rows.count), sizes)))
        for request in self.index:
            columns[request.name] = RawColumn("int", list(chain.from_iterable(map(range, sizes))))
        for key, known in rows.values.items():
            columns[key] = known.take(origins)
            columns[key].dictionary = known, origins
        parents = origins if rows.parents is None else taken(rows.parents, origins)
        refused = rows.refused | rows.failed  # where there are failures, each row is a record
        count = len(origins)
        return NewRows(rows.records, count, columns, {}, [], parents, refused, set(), rows.empty, rows.longest_bytes)

    def _lists(self, rows: "Rows", column: RawColumn) -> list[bytes] | None:
        """Return the list of each row, an empty one of a row that has none; None where they may hold too much."""
        values = column.values
        if column.fallback:
            values = [column.fallback.get(row, value) for row, value in enumerate(values)]
        gone = rows.failed.keys() | rows.dropped
        lists = []
        rows_left = PART_ROWS_LIMIT
        longest = 0
        for row, value in enumerate(values):
            if value is None or row in gone or value in ("[]", "{}"):
                lists.append(b"[]")
            elif type(value) is Json and value[0] == "[":
                lists.append(value.encode())
                most = lists[-1].count(b",") + 1
                longest = max(longest, most)
                rows_left -= most
            else:
                return None
        widths = (max(map(_length, known.values), default=0) for known in rows.values.values())
        return None if rows_left < 0 or sum(widths) * longest > RECORD_WRITTEN_LIMIT_BYTES else lists

    def _decoded(self, lists: list[bytes]) -> tuple[dict[Any, RawColumn], list[int]] | None:
        """Return the columns of the elements of lists, and how many each has; None where one is no object."""
        for _ in range(WIDENINGS):
            decoder = self.objects.whole
            if decoder is None:
                return None
            shape = decoder.shape
            decode = shape.generated.decode_lists
            try:
                roots = decode(b"\n".join(lists))
            except REFUSED:
                refused = list(islice(_refused(decode, lists), FIRST_LOOK))
                if decoder.widen(shape, chain.from_iterable(map(elements_of, refused))):
                    continue
                return None
            sizes = list(map(len, roots))
            texts = ElementTexts(dict(enumerate(lists)), list(range(len(lists))), sizes)
            projection = self.objects.project_decoded(list(chain.from_iterable(roots)), texts, shape)
            if projection is not None:
                return projection.columns, sizes
        return None

    def _elements(self, value: Any) -> tuple[list[bytes], str | None]:
        """Return the JSON texts of the elements, or why there are none."""
        if type(value) is Json and value not in ("[]", "{}"):
            raw = value.encode()
            if raw.startswith(b"["):
                if raw.count(b",") > RECORD_ROWS_LIMIT:
                    return _bounded(raw)
                return [bytes(element) for element in _ELEMENTS.decode(raw)], None
            if raw.startswith(b"{"):
                if has_many_values(raw):
                    return [], "rows"
                members = raw_members(raw)
                if len(members) > RECORD_ROWS_LIMIT:
                    return [], "rows"
                return [
                    b'{"key":' + quote(name).encode() + b',"value":' + bytes(member) + b"}"
                    for name, member in members.items()
                ], None
        if self._is_empty(value):
            if self.explode.empty == "fail":
                return [], "explode"
            return ([b"null"], None) if self.explode.empty == "null" else ([], None)
        return [], "explode"


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else 0


def _refused(decode: Callable[[bytes], Any], lists: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lists that a decoder refuses."""
    for text in lists:
        try:
            decode(text)
        except REFUSED:
            yield text


def _written_bytes(columns: Sequence[RawColumn], row: int) -> int:
    """Return how many bytes are repeated in each row of a record, at least."""
    values = (column.fallback.get(row, column.values[row]) for column in columns)
    return sum(len(value) for value in values if isinstance(value, (str, bytes)))


def _bounded(raw: bytes) -> tuple[list[bytes], str | None]:
    """Return the elements of a long list, which may be more than a record may have."""
    from fastxform.decode.documents import SplitError, split_documents

    try:
        return split_documents(raw), None
    except SplitError as error:
        return [], error.reason
