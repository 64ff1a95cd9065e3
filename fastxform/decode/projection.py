"""Payload bytes to columns of values: only the members that some path names become Python objects.

Here a batch is put together: which columns a decoder reads and which are evaluated record by record, UTF-8, and the
records that `fastxform.decode.fallback` judges and reads; types, filters and rows come later. Invariant: how a record
was decoded never shows in its values, nor does any other record of its batch.
"""

import re
import struct
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final

import pyarrow as pa

from fastxform.core.json_values import FEW_VALUES_BYTES, has_many_values
from fastxform.core.payloads import DecompressionError, decompress, is_compressed
from fastxform.core.structs import Struct, field, replace
from fastxform.core.values import BAD_PATH, BAD_TYPE, RawColumn
from fastxform.decode import fallback, validation
from fastxform.decode.decoder import Decoder, DecoderShape, Reading
from fastxform.decode.fields import ConflictError, FieldRequest, Images, leaves
from fastxform.limits import PART_UNPACKED_LIMIT_BYTES
from fastxform.query import paths

CHUNK_RECORDS: Final = 512
"""How many records are read at once, base64, UTF-8 and JSON: 300 KB of the usual kind, well within a core's cache."""

CHUNK_UNPACKED_BYTES: Final = 4 * 1024 * 1024
"""Compressed payloads are unpacked up to this and read before the next are: a batch may hold gigabytes of them."""

_JOINED_BYTES: Final = 4 * 1024 * 1024
"""What is unpacked of a chunk is copied up to this, to look at it as one text."""

WIDENINGS: Final = 4
"""How often a batch is read anew for a wider decoder; the rest of its odd records are read alone, and so are those of
the next batch until it has widened for them."""

__all__ = ["FieldRequest", "Projection", "Projector"]

_NO_MEMBER: Final = re.compile(r'["\\\x00-\x1f]')
"""In names that `msgspec` takes for no member of a struct."""


class Projection(Struct):
    """The columns of a batch, or of its first `count` payloads, why a row is no record, and which came compressed.

    No text that was read is longer than `longest_bytes`; those of `validation.SHALLOW_BYTES` and more are together
    `long_bytes`.
    """

    columns: dict[Any, RawColumn]
    failed: dict[int, str]
    compressed: list[int] = field(default_factory=list)
    unpacked_bytes: int = 0
    longest_bytes: int = 0
    long_bytes: int = 0
    count: int = 0


class Projector:
    """Reads the wanted columns out of payloads; built once, its decoders adapt to the shapes that come."""

    def __init__(
        self,
        requests: Sequence[FieldRequest],
        images: Images | None = None,
        unpacks: bool = True,
        root: str | None = None,
    ) -> None:
        """Build the decoders.

        Args:
            requests: the columns.
            images: where attribute values are.
            unpacks: a payload may come compressed.
            root: the name that paths know the whole document by; None where they begin with its members.
        """
        self.images, self.unpacks, self.root = images, unpacks, root
        self.decoders = [Decoder(images)]
        self.fallback_requests: list[FieldRequest] = []
        for request in requests:
            path = request.path if root is None else paths.below_root(request.path)
            if path is None or _needs_fallback(path, images) or not self._assign(replace(request, path=path)):
                self.fallback_requests.append(request)
        # Where a record is read as Python objects all at once, whatever else is in it, it may not have too many.
        self.bounds_values = images is not None or any(not _is_plain(request.path) for request in requests)
        named = [r.path for decoder in self.decoders for r in decoder.members.requests]
        self.read_members = fallback.MemberReader(
            name
            for path in [*named, *(request.path for request in self.fallback_requests)]
            for name in paths.names_in(path)
        )

    def _assign(self, request: FieldRequest) -> bool:
        """Give a column to the first decoder that its path agrees with; tell whether any decoder can take it."""
        for decoder in (*self.decoders, Decoder(self.images)):
            try:
                decoder.members.add(request)
            except ConflictError:
                continue
            if decoder not in self.decoders:
                self.decoders.append(decoder)
            return True
        return False

    def project(self, payloads: Sequence[bytes | None], nulls: Collection[int] = ()) -> Projection:
        """Return the columns of a batch, or of the payloads before its compressed ones unpack to more than a part.

        Args:
            payloads: None stands for one whose base64 was bad.
            nulls: rows whose document is null, where there is a root; `{}` stands for them.
        """
        for _ in range(WIDENINGS):
            projection = self._attempt(payloads, nulls)
            if projection is not None:
                return projection
        projection = self._attempt(payloads, nulls, widens=False)
        assert projection is not None
        return projection

    def _attempt(
        self, payloads: Sequence[bytes | None], nulls: Collection[int], widens: bool = True
    ) -> Projection | None:
        """Return the columns of a batch, or None where a decoder was widened on the way."""
        readings, projection = self._begin(widens)
        start = 0
        while start < len(payloads) and projection.unpacked_bytes < PART_UNPACKED_LIMIT_BYTES:
            part = payloads[start : start + CHUNK_RECORDS]
            chunk = _Chunk(part if isinstance(part, list) else list(part), start)
            if not self._read(chunk, readings, projection, nulls):
                return None
            start += len(chunk.payloads)
        projection.count = start
        return projection

    def project_decoded(self, roots: list[Any], texts: Sequence[bytes], shape: DecoderShape) -> Projection | None:
        """Return the columns of documents that the decoder of `whole` has decoded, or None where it was widened.

        Args:
            roots: the structs.
            texts: the documents; few of them are asked for.
            shape: what they were decoded with.
        """
        (reading,), projection = self._begin(shape=shape)
        extracted = reading.extract(roots, texts)
        if extracted is None:
            return None
        for request, values in zip(reading.requests, extracted[0], strict=True):
            projection.columns[request.name].values = values
        self._read_fallback(_Chunk(texts, 0), sorted(extracted[1]), projection)
        return projection

    @property
    def whole(self) -> Decoder | None:
        """The one decoder that reads every column; None where there is none."""
        return self.decoders[0] if len(self.decoders) == 1 and not self.fallback_requests else None

    def _begin(self, widens: bool = True, shape: DecoderShape | None = None) -> tuple[list[Reading], Projection]:
        readings = [Reading(decoder, widens, shape) for decoder in self.decoders]
        kinds = {request.name: reading.shape.kind(request) for reading in readings for request in reading.requests}
        kinds |= {request.name: "mixed" for request in self.fallback_requests}
        return readings, Projection({name: RawColumn(kind, []) for name, kind in kinds.items()}, {})

    def _read(self, chunk: "_Chunk", readings: list[Reading], projection: Projection, nulls: Collection[int]) -> bool:
        """Read some records while they are in the cache; tell whether no decoder was widened."""
        makes_objects = any(reading.makes_objects for reading in readings)
        texts, unverified = _texts(chunk, projection, self.unpacks, self.bounds_values, makes_objects)
        for reading in readings:
            read = reading.read(texts)
            if read is None:
                return False
            for request, values in zip(reading.requests, read[0], strict=True):
                projection.columns[request.name].values.extend(values)
            unverified |= read[1]
        if unverified:
            self._read_fallback(chunk, sorted(unverified), projection)
        self._evaluate_requests(chunk, projection, nulls)
        return True

    def _read_fallback(self, chunk: "_Chunk", unverified: Iterable[int], projection: Projection) -> None:
        requests = [request for decoder in self.decoders for request in decoder.members.requests]
        for index in unverified:
            row, payload = chunk.start + index, chunk.payloads[index]
            for request in requests:
                projection.columns[request.name].values[row] = None
            if row in projection.failed:
                continue
            reason = validation.reject_reason(payload)
            if reason is not None or payload is None:
                projection.failed[row] = reason or "base64"
                continue
            document = fallback.Document(payload, self.images, read=self.read_members)
            for request in requests:
                projection.columns[request.name].fallback[row] = document.evaluate(request.path, request.form)

    def _evaluate_requests(self, chunk: "_Chunk", projection: Projection, nulls: Collection[int]) -> None:
        if not self.fallback_requests:
            return
        columns = [(request, projection.columns[request.name]) for request in self.fallback_requests]
        for row, payload in enumerate(chunk.payloads, chunk.start):
            document = None
            if payload is not None and row not in projection.failed:
                text = b"null" if row in nulls else payload
                document = fallback.Document(text, self.images, self.root, self.read_members)
            for request, values in columns:
                outcome = None if document is None else document.evaluate(request.path, request.form)
                if outcome is BAD_PATH or outcome is BAD_TYPE:
                    values.fallback[row] = outcome
                    outcome = None
                values.values.append(outcome)


class _Chunk(Struct):
    """Some payloads of a batch, the first of them at `start`; those that do not fit unpacked are taken out."""

    payloads: Any
    start: int


def _texts(
    chunk: _Chunk, projection: Projection, unpacks: bool, bounds_values: bool, makes_objects: bool
) -> tuple[list[bytes], set[int]]:
    """Return what the decoders are given, and the places where that is nothing: the payload is no record to them.

    Of a record of very many values no decoder makes objects.
    """
    texts, unverified = _unpacked(chunk, projection, unpacks)
    # Broken documents that are deep too the decoders refuse by themselves.
    long = validation.long_rows(texts)
    lengths = [len(texts[index]) for index in long]
    longest_bytes = max(lengths, default=validation.SHALLOW_BYTES)
    projection.longest_bytes = max(projection.longest_bytes, longest_bytes)
    projection.long_bytes += sum(lengths)
    deep = validation.deep_rows(texts, long)
    for index in deep:
        if index not in unverified and not texts[index].startswith(validation.BYTE_ORDER_MARK):
            projection.failed[chunk.start + index] = "depth"
    gone = [*unverified, *deep]
    if bounds_values and longest_bytes > FEW_VALUES_BYTES:
        many = [index for index in long if len(texts[index]) > FEW_VALUES_BYTES and index not in gone]
        many = [index for index in many if has_many_values(texts[index])]
        projection.failed |= dict.fromkeys((chunk.start + index for index in many), "too_large")
        gone += many
    if makes_objects and longest_bytes > _LONG_BYTES:
        long = [index for index in long if len(texts[index]) > _LONG_BYTES]
        wide = [index for index in long if texts[index].count(b",") > _FEW_VALUES]
        unverified.update(wide)
        gone += wide
    if gone:  # what the decoders would leave for later to stumble over
        texts = texts.copy()
        for index in gone:
            texts[index] = b""
    return texts, unverified


def _unpacked(chunk: _Chunk, projection: Projection, unpacks: bool) -> tuple[list[bytes], set[int]]:
    """Return the texts of payloads, and those that are not UTF-8.

    Compressed payloads are never UTF-8: they are found by that, and the chunk has them unpacked from then on.
    """
    texts = _present(chunk.payloads)
    # The records of a stream are mostly of one kind: where the first is compressed nothing is found out by UTF-8.
    is_first_compressed = unpacks and is_compressed(texts[0])
    unverified = set(range(len(texts))) if is_first_compressed else _not_utf8(texts, b"\n".join(texts))
    compressed = [index for index in unverified if is_compressed(texts[index])] if unpacks else []
    if not compressed:
        return texts, unverified
    unpacked_bytes = 0
    for index in sorted(compressed):
        try:
            text = decompress(texts[index])
            projection.compressed.append(chunk.start + index)
        except DecompressionError as error:
            text = b""
            projection.failed[chunk.start + index] = error.reason
        chunk.payloads[index] = text
        unpacked_bytes += len(text)
        if unpacked_bytes > CHUNK_UNPACKED_BYTES:
            del chunk.payloads[index + 1 :]
            break
    projection.unpacked_bytes += unpacked_bytes
    texts = _present(chunk.payloads)
    if unpacked_bytes <= _JOINED_BYTES:
        return texts, _not_utf8(texts, b"\n".join(texts))
    # Another copy of megabytes costs more than a call for each.
    return texts, {index for index, text in enumerate(texts) if _not_utf8([text], text)}


_LONG_BYTES: Final = 256 * 1024
_FEW_VALUES: Final = 20_000
"""Values that may become Python objects that nobody asked for: 100 bytes each."""


def _is_plain(path: paths.Path) -> bool:
    return isinstance(path, paths.Dotted | paths.Either)


def _present(payloads: list[bytes | None]) -> list[bytes]:
    """Return payloads, nothing instead of one that is missing."""
    if all(payloads):
        return payloads  # type: ignore[return-value]
    return [payload or b"" for payload in payloads]


def _needs_fallback(path: paths.Path, images: Images | None) -> bool:
    """Tell whether a path is evaluated on each record alone, whatever else is wanted."""
    if isinstance(path, paths.Compiled):
        return True
    if any(map(_NO_MEMBER.search, paths.names_in(path))):
        return True
    if images is None:
        return False
    ends = list(leaves(path))
    # One kind decodes attributes or plain members, never both; lists of attributes have no struct type.
    is_mixed = len(set(map(images.is_inside, ends))) > 1
    return isinstance(path, paths.FirstWhere) or is_mixed or any(map(images.is_around, ends))


def _not_utf8(texts: list[bytes], joined: bytes) -> set[int]:
    """Return the rows that are not UTF-8; `msgspec` does not look at the strings that it skips.

    They are judged as one text, joined by a character so that two broken neighbours cannot complete each other: Arrow
    looks at 3.6 MB in 0.3 ms, Python at each text in 2.6.
    """
    offsets = pa.py_buffer(struct.pack("=qq", 0, len(joined)))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(joined)]).validate(full=True)
    except pa.ArrowInvalid:
        return _broken([row for row, text in enumerate(texts) if not text.isascii()], texts)
    return set()


def _broken(rows: list[int], texts: list[bytes]) -> set[int]:
    """Return which of some rows are not UTF-8: Python says where a text of many breaks, and goes on after that."""
    broken: set[int] = set()
    ends = list(accumulate(len(texts[row]) + 1 for row in rows))
    joined = memoryview(b"\n".join([texts[row] for row in rows]))
    start = 0
    while start < len(joined):
        try:
            str(joined[start:], "utf-8")
        except UnicodeDecodeError as error:
            index = bisect_right(ends, start + error.start)
            broken.add(rows[index])
            start = ends[index]
        else:
            break
    return broken
