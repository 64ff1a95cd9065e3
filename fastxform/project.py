"""Payload bytes to columns of values: only the members that some path names become Python objects.

Here a batch is put together: which columns a decoder reads and which are evaluated record by record, UTF-8, and the
records that `fastxform.alone` judges and reads; types, filters and rows come later. Invariant: how a record was decoded
never shows in its values, nor does any other record of its batch.
"""

import re
import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa

from fastxform import alone, kernels, paths
from fastxform.decoder import Decoder
from fastxform.dynamodb import IMAGES
from fastxform.members import ConflictError, Wanted, is_in_image, leaves
from fastxform.structs import Struct, field
from fastxform.values import BAD_PATH, BAD_TYPE, Outcome

__all__ = ["Projection", "Projector", "Values", "Wanted"]

_NO_MEMBER: Final = re.compile(r'["\\\x00-\x1f]')
"""In names that `msgspec` takes for no member of a struct."""


class Values(Struct):
    """The values of one column, a row each, as `kind` says.

    `str`, `num`, `int`, `float`, `bool`: Python's, `num` the digits of numbers. `mixed`: any `Outcome`. Rows in `alone`
    hold None in `values`; their `Outcome` stands in `alone`.
    """

    kind: str
    values: list[Any]
    alone: dict[int, Outcome] = field(default_factory=dict)

    def take(self, rows: Sequence[int]) -> "Values":
        """Return some rows, in the order given."""
        alone = {at: self.alone[row] for at, row in enumerate(rows) if row in self.alone} if self.alone else {}
        # `itemgetter` takes rows at half the cost of a comprehension, but not none, and one not as a tuple.
        taken = list(itemgetter(*rows)(self.values)) if len(rows) > 1 else [self.values[row] for row in rows]
        return Values(self.kind, taken, alone)


class Projection(Struct):
    """The columns of a batch, and why a row is no record."""

    columns: dict[Any, Values]
    failed: dict[int, str]


class Projector:
    """Reads the wanted columns out of payloads; built once, its decoders adapt to the shapes that come."""

    def __init__(self, wanted: Sequence[Wanted], source: str) -> None:
        self.source = source
        self.decoders = [Decoder(source)]
        self.slow = [want for want in wanted if _is_slow(want.path, source) or not self._place(want)]

    def _place(self, want: Wanted) -> bool:
        """Give a column to the first decoder that its path agrees with; tell whether any decoder can take it."""
        for decoder in (*self.decoders, Decoder(self.source)):
            try:
                decoder.members.add(want)
            except ConflictError:
                continue
            if decoder not in self.decoders:
                self.decoders.append(decoder)
            return True
        return False

    def project(self, payloads: Sequence[bytes | None]) -> Projection:
        """Return the columns of a batch; a payload of None is one whose base64 was bad."""
        texts = _texts(payloads)
        suspects = _not_utf8(texts)
        if suspects:  # what the decoders would leave for later to stumble over
            texts = [b"" if row in suspects else text for row, text in enumerate(texts)]
        projection = Projection({}, {})
        for decoder in self.decoders:
            columns, refused = decoder.read(texts)
            projection.columns |= {name: Values(kind, values) for name, (kind, values) in columns.items()}
            suspects |= refused
        self._read_alone(payloads, sorted(suspects), projection)
        self._read_slow(payloads, projection)
        return projection

    def _read_alone(self, payloads: Sequence[bytes | None], suspects: Iterable[int], projection: Projection) -> None:
        wanted = [want for decoder in self.decoders for want in decoder.members.wanted]
        for row in suspects:
            payload = payloads[row]
            reason = alone.reason_against(payload)
            if reason is not None or payload is None:
                projection.failed[row] = reason or "base64"
                for values in projection.columns.values():
                    values.values[row] = None
                continue
            document = alone.Document(payload, self.source)
            for want in wanted:
                values = projection.columns[want.name]
                values.values[row] = None
                values.alone[row] = document.evaluate(want.path, want.kind == "json")

    def _read_slow(self, payloads: Sequence[bytes | None], projection: Projection) -> None:
        if not self.slow:
            return
        found = {want.name: Values("mixed", [None] * len(payloads)) for want in self.slow}
        for row, payload in enumerate(payloads):
            if payload is None or row in projection.failed:
                continue
            document = alone.Document(payload, self.source)
            for want in self.slow:
                outcome = document.evaluate(want.path, want.kind == "json")
                if outcome is BAD_PATH or outcome is BAD_TYPE:
                    found[want.name].alone[row] = outcome
                else:
                    found[want.name].values[row] = outcome
        projection.columns |= found


def _texts(payloads: Sequence[bytes | None]) -> list[bytes]:
    """Return what the decoders are given: nothing in the place of a payload that is missing or nests too deep."""
    try:
        if max(map(len, payloads), default=0) < alone.SHALLOW_BYTES:  # type: ignore[arg-type]
            return payloads if isinstance(payloads, list) else list(payloads)  # type: ignore[arg-type]
    except TypeError:
        pass  # a payload is missing
    shallow = alone.SHALLOW_BYTES
    return [b"" if text is None or (len(text) >= shallow and alone.is_deep(text)) else text for text in payloads]


def _is_slow(path: paths.Path, source: str) -> bool:
    """Tell whether a path is evaluated on each record alone, whatever else is wanted."""
    if isinstance(path, paths.Slow):
        return True
    ends = list(leaves(path))
    keys = path.key.names if isinstance(path, paths.FirstWhere) else ()
    if any(map(_NO_MEMBER.search, chain(keys, *ends))):
        return True
    if source != "dynamodb":
        return False
    holds_image = any(
        names[0] == "dynamodb" and (len(names) == 1 or (len(names) == 2 and names[1] in IMAGES)) for names in ends
    )
    # One lane decodes attributes or plain members, never both; lists of attributes have no struct type.
    return isinstance(path, paths.FirstWhere) or holds_image or len(set(map(is_in_image, ends))) > 1


def _not_utf8(texts: list[bytes]) -> set[int]:
    """Return the rows that are not UTF-8; `msgspec` does not look at the strings that it skips.

    What is not ASCII is judged as one text, joined by a character so that two broken neighbours cannot complete each
    other: Arrow's cast looks at 3.6 MB in 0.6 ms, Python at each text in 2.6.
    """
    joined = b"\n".join([text for text in texts if not text.isascii()])
    if not joined:
        return set()
    offsets = pa.py_buffer(struct.pack("=ii", 0, len(joined)))
    try:
        kernels.cast(pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(joined)]), pa.string())
    except pa.ArrowInvalid:
        return {row for row, text in enumerate(texts) if not text.isascii() and not _is_utf8(text)}
    return set()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
