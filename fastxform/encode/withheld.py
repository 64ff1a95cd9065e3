"""Rows that no response has room for: of each its length is kept, and none of its bytes.

Which records a response carries is `invocation.budget`'s to say, by the lengths. Invariant: a row that is withheld is
one that no prefix of the records within the room has.
"""

from typing import Final, cast

_GROUP_BYTES: Final = 3
_GROUP_TEXT_BYTES: Final = 4
_PADDING_MOST: Final = 2


class WithheldRow:
    """Stands in the place of a row that is not kept; it has its length, and nothing can be written of it."""

    __slots__ = ("length",)

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length


class Room:
    """What is left of a response for the rows of a batch, as base64."""

    def __init__(self, limit_bytes: int | None) -> None:
        """Begin with all of it; without a limit every row is kept."""
        self.limit_bytes = limit_bytes
        self.left_bytes = limit_bytes or 0

    def keep(self, data: list[bytes | None]) -> int:
        """Take the rows that come next, put what stands for them in the place of those past the limit, and count them.

        A row that is too long by itself takes no room: it is sent in no case.
        """
        if self.limit_bytes is None:
            return 0
        rows_bytes = sum(map(len, filter(None, data)))
        if (rows_bytes + _PADDING_MOST * len(data)) // _GROUP_BYTES * _GROUP_TEXT_BYTES <= self.left_bytes:
            # All of them, told by bounds: 25,000 rows one by one are 2.5 ms, a tenth of their invocation.
            self.left_bytes -= rows_bytes // _GROUP_BYTES * _GROUP_TEXT_BYTES
            return 0
        withheld = 0
        for index, row in enumerate(data):
            if row is None:
                continue
            text_bytes = (len(row) + _GROUP_BYTES - 1) // _GROUP_BYTES * _GROUP_TEXT_BYTES
            if text_bytes <= self.limit_bytes and self.left_bytes >= 0:
                self.left_bytes -= text_bytes
                continue
            data[index] = cast(bytes, WithheldRow(len(row)))
            withheld += 1
        return withheld
