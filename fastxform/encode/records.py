"""Records put together: the rows of one record joined, and whole documents as they go out where no column is named.

How a row is written is `csv_rows`' and `json_rows`'. Invariant: a record is answered once, by all its rows in their
order, by none, or by the reason of its first row that failed.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from fastxform.config.model import Spec
from fastxform.core import json_text
from fastxform.core.json_text import encode_plain
from fastxform.decode import fallback
from fastxform.decode.dynamodb import BadAttributeError, plain_image
from fastxform.decode.source import Rows
from fastxform.limits import RECORD_WRITTEN_LIMIT_BYTES


def join_rows(
    rows: Rows,
    data: Sequence[bytes | None],
    reasons: Mapping[int, str],
    groups: Sequence[Any] | None,
    sizes: Sequence[int],
    together: list[bytes | None] | None,
) -> tuple[list[bytes | None], dict[int, str], list[int | None]]:
    """Put the rows of records together.

    Args:
        rows: the rows, with `parents`.
        data: the written row, None where it was dropped or failed.
        reasons: why a row failed.
        groups: what the rows of one record must agree on; None where they cannot differ.
        sizes: how many rows each record has.
        together: the rows of each record one after the other, where they were written so; then `data` is ignored.

    Returns:
        The data of each record, None where it is dropped or failed; why a record failed; and its first written row.
    """
    assert rows.parents is not None
    failed = dict(rows.refused)
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
            elif groups[known] != groups[row]:
                failed.setdefault(record, "documents")
    return joined, failed, first


def write_documents(
    spec: Spec, texts: Sequence[bytes | None], rows: Sequence[int]
) -> tuple[list[bytes | None], list[int], list[int]]:
    """Return the documents of some rows as they go out without columns, and the indices of those that cannot.

    The latter are those that are no documents of their source, and those that are too long for any response.
    """
    documents: list[bytes | None] = []
    failed: list[int] = []
    large: list[int] = []
    end = "\r\n" if spec.output.line_end == "crlf" else "\n"
    for index, row in enumerate(rows):
        text = texts[row]
        assert text is not None
        written = _item(text) if spec.source == "dynamodb" else json_text.compact(text)
        if written is None:
            failed.append(index)
        elif len(written) > RECORD_WRITTEN_LIMIT_BYTES:
            large.append(index)
            written = None
        documents.append(None if written is None else (written + end).encode())
    return documents, failed, large


def _item(text: bytes) -> str | None:
    """Return the item of a DynamoDB change as plain JSON: the new image, else the old one, else the keys."""
    document = fallback.Document(text, "dynamodb")
    change = json_text.decode_any(document.members["dynamodb"]) if "dynamodb" in document.members else None
    if type(change) is not dict:
        return None
    for name in ("NewImage", "OldImage", "Keys"):
        image = change.get(name)
        if type(image) is dict and image:
            try:
                return encode_plain(plain_image(image, document.double))
            except BadAttributeError:
                return None
    return None
