"""The records of a sample that are kept: some to be tests, and the first ones to try the configuration on.

Invariant: what is kept has a bound in number and bytes, and the records that become tests are small where small ones
were seen.
"""

from typing import Final

_TESTS: Final = 4
_SMALL_BYTES: Final = 4_000
_TRIED_RECORDS: Final = 1_000
_TRIED_BYTES: Final = 8_000_000


class Samples:
    """Records of one family, as they come by."""

    def __init__(self) -> None:
        self.tests: dict[str, bytes] = {}
        """What becomes a test, by what it is an example of."""
        self.tried: list[bytes] = []
        self._left_bytes = _TRIED_BYTES
        self._most = -1
        self._least = 1 << 60

    def add(self, kind: str, text: bytes | None) -> None:
        """Keep the first record of a kind, or a smaller one where that is large; None is none."""
        if text is None:
            return
        self._try(text)
        kept = self.tests.get(kind)
        if (kept is None and len(self.tests) < _TESTS) or (kept is not None and _is_better(text, kept)):
            self.tests[kind] = text

    def add_by_size(self, members: int, text: bytes | None) -> None:
        """Keep the first record, and those with the most and the fewest members."""
        if text is None:
            return
        self._try(text)
        first = self.tests.setdefault("a record", text)
        if members > self._most:
            self._most = members
            self.tests["the most members"] = text
        if members < self._least:
            self._least = members
            self.tests["the fewest members"] = text
        if _is_better(text, first):
            self.tests["a record"] = text

    def _try(self, text: bytes) -> None:
        if len(self.tried) < _TRIED_RECORDS and len(text) <= self._left_bytes:
            self.tried.append(text)
            self._left_bytes -= len(text)


def _is_better(text: bytes, kept: bytes) -> bool:
    return len(kept) > _SMALL_BYTES and len(text) < len(kept)
