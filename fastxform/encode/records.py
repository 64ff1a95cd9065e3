"""Records put together: the rows of one record joined, and whole documents as they go out where no column is named.

How a row is written is `csv_rows`' and `json_rows`'. Invariant: a record is answered once, by all its rows in their
order, by none, or by the reason of its first row that failed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from fastxform.config.model import Spec
from fastxform.core.json_values import TooManyValuesError, formatted, normalized, normalized_all
from fastxform.core.structs import Struct
from fastxform.core.values import Json
from fastxform.decode import fallback
from fastxform.decode.fields import Images, item_order
from fastxform.decode.source import Rows
from fastxform.limits import RECORD_WRITTEN_LIMIT_BYTES


class JoinedRows(Struct, frozen=True):
    """The rows of each record put together.

    Attributes:
        data: the data of each record, None where it is dropped or failed.
        failed: why a record failed.
        first: the first written row of each record, where rows have groups.
        left_out: how many rows were left out of their records, by reason.
    """

    data: list[bytes | None]
    failed: dict[int, str]
    first: list[int | None]
    left_out: dict[str, int]


class Joiner:
    """Puts the rows of records together, by what the configuration says of bad and of different ones."""

    def __init__(self, spec: Spec) -> None:
        self._leaves_out = spec.bad_rows == "drop"
        self._takes_first = spec.mixed == "first"

    def join(
        self,
        rows: Rows,
        data: Sequence[bytes | None],
        reasons: Mapping[int, str],
        groups: Sequence[Any] | None,
        sizes: Sequence[int],
        together: list[bytes | None] | None,
    ) -> JoinedRows:
        """Put the rows of records together.

        Args:
            rows: the rows, with `parents`.
            data: the written row, None where it was dropped or failed.
            reasons: why a row failed.
            groups: what the rows of one record must agree on; None where they cannot differ.
            sizes: how many rows each record has.
            together: the rows of each record one after the other, where they were written so; then `data` is ignored.
        """
        assert rows.parents is not None
        failed = dict(rows.refused)
        left_out: dict[str, int] = {}
        if self._leaves_out:
            bad = Counter(map(rows.parents.__getitem__, reasons))
            for row in sorted(reasons):
                record = rows.parents[row]
                if bad[record] == sizes[record]:  # of this one nothing would be left
                    failed.setdefault(record, reasons[row])
                elif record not in failed:
                    left_out[reasons[row]] = left_out.get(reasons[row], 0) + 1
        else:
            for row in sorted(reasons):
                failed.setdefault(rows.parents[row], reasons[row])
        rest = iter(data)  # rows of one record stand next to each other
        joined: list[bytes | None]
        if together is not None:
            joined = together
        elif None in data:
            parts = [[row for row in islice(rest, size) if row is not None] for size in sizes]
            joined = [b"".join(part) if part else None for part in parts]
        else:
            joined = [b"".join(islice(rest, size)) if size else None for size in sizes]  # type: ignore[arg-type]
        for record in failed:
            joined[record] = None
        first: list[int | None] = [None] * len(sizes)
        if groups is not None:
            for row, (record, written) in enumerate(zip(rows.parents, data, strict=True)):
                known = first[record]
                if written is None:
                    continue
                if known is None:
                    first[record] = row
                elif not self._takes_first and groups[known] != groups[row]:
                    failed.setdefault(record, "documents")
        return JoinedRows(joined, failed, first, left_out)


class DocumentWriter:
    """Writes documents as they go out where no column is named: as they are, or the item of a change."""

    def __init__(self, spec: Spec) -> None:
        self._end = "\r\n" if spec.output.line_end == "crlf" else "\n"
        self._images = Images(spec.images) if spec.source == "dynamodb" else None
        self._order = [] if self._images is None else item_order(self._images)
        pairs = [(one, other) for one in self._order for other in self._order if one is not other]
        self._stand_apart = not any(other[: len(one)] == one for one, other in pairs) and () not in self._order

    def write(
        self, texts: Sequence[bytes | None], rows: Sequence[int]
    ) -> tuple[list[bytes | None], list[int], list[int]]:
        """Return the documents of some rows, the indices of those that have none, and of those too long."""
        documents: list[bytes | None] = []
        failed: list[int] = []
        large: list[int] = []
        for index, written in enumerate(self._written([texts[row] for row in rows])):
            if written is None:
                failed.append(index)
            elif len(written) > RECORD_WRITTEN_LIMIT_BYTES:
                large.append(index)
                written = None
            documents.append(None if written is None else (written + self._end).encode())
        return documents, failed, large

    def _written(self, texts: list[Any]) -> list[str | None]:
        if self._images is not None:
            return list(map(self._item, texts))
        try:
            return list(normalized_all(texts))
        except TooManyValuesError:
            return list(map(_document, texts))

    def _item(self, text: bytes) -> str | None:
        """Return the item as plain JSON: the first image that has members."""
        document = fallback.Document(text, self._images)
        item = document.image_text(self._order) if self._stand_apart else document.first_object(self._order)
        return item if type(item) is Json else None


def _document(text: bytes) -> str | None:
    """Return a document as it goes out; None where it holds too many values."""
    try:
        return normalized(text)
    except TooManyValuesError:
        unnormalized = formatted(text)
        return unnormalized if len(unnormalized) > RECORD_WRITTEN_LIMIT_BYTES else None
