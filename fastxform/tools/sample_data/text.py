"""Free text as real tables hold it, already escaped for JSON: words, and what breaks naive CSV.

The text is a window into one long string built on first use, so a record of 100 KB costs a slice. Only characters
that may stand raw in JSON stand raw, so no text holds a line feed byte. Invariant: `fill(rng, n)` is exactly `n`
UTF-8 bytes.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Final

from fastxform.tools.sample_data.rng import Rng

_SENTENCE: Final = (
    "the order was packed and left at the gate after noon by a courier "
    "who asked for the blue door of the old mill on river street"
)

WORDS: Final = tuple(_SENTENCE.split())
"""Plain words, the bulk of every text."""

ODD: Final = (
    "Smith, John",
    'said \\"no\\"',
    "line\\nbreak",
    "CR\\r\\nLF",
    "東京都",
    "下野市",
    "naïve café",
    "경기75자7005",
    "🚚📦",
    "tab\\there",
    "back\\\\slash",
    "=1+1",
    "+81-3-1234",
    "@handle",
    "a;b|c",
    "'quoted'",
    '\\"',
    "nb\u00a0space",
    "line\u2028separator",
    "\\u0041\\/",
    "عربى",
    "e\u0301",
)
"""Texts that need quotes, that are not ASCII, that look like formulas; JSON-escaped, none of them empty."""

_TOKENS: Final = 40_000
_WINDOW_STARTS: Final = 8_192


def _tokens() -> list[str]:
    rng = Rng(0, 0)
    return [(rng.one(ODD) if rng.below(12) == 0 else rng.one(WORDS)) + " " for _ in range(_TOKENS)]


class _Filler:
    """The long string, and where its tokens begin in bytes and in characters; built on first use, 30 ms."""

    def __init__(self) -> None:
        tokens = _tokens()
        self.text = "".join(tokens)
        self.byte_starts = list(accumulate((len(token.encode()) for token in tokens), initial=0))
        self.char_starts = list(accumulate(map(len, tokens), initial=0))


_filler: list[_Filler] = []


def fill(rng: Rng, length_bytes: int) -> str:
    """Return JSON-escaped text of exactly `length_bytes` UTF-8 bytes; none for zero and below."""
    if length_bytes <= 0:
        return ""
    if not _filler:
        _filler.append(_Filler())
    filler = _filler[0]
    pieces = []
    while length_bytes > 0:
        start = rng.below(_WINDOW_STARTS)
        end = bisect_right(filler.byte_starts, filler.byte_starts[start] + length_bytes) - 1
        pieces.append(filler.text[filler.char_starts[start] : filler.char_starts[end]])
        length_bytes -= filler.byte_starts[end] - filler.byte_starts[start]
        if end < _TOKENS:
            pieces.append("x" * length_bytes)
            break
    return "".join(pieces)


def odd(rng: Rng) -> str:
    """Return one text that naive handlers break on, JSON-escaped."""
    return rng.one(ODD)
