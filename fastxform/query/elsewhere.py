"""Operators of other languages, as SQL, C and Perl have them, and what stands for each here.

Invariant: what is found stands where the parser stopped, so that no text in quotes is taken for an operator.
"""

import re
from typing import Final

_SYMBOLS: Final = {
    "&&": "and",
    "||": "or",
    "=~": "match_substring_regex(text, r'...')",
    "~": "match_substring_regex(text, r'...')",
    "!": "not",
    "<>": "!=",
    "=": "==",
    "?": "a if condition else b",
    "`": "text in single quotes",
}
_LIKE: Final = "match_like(text, 'x%')"
_WORDS: Final = {
    "and": "and",
    "or": "or",
    "not": "not",
    "in": "in",
    "is": "is (and None for null)",
    "like": _LIKE,
    "ilike": "match_like(text, 'x%', ignore_case=True)",
    "rlike": _SYMBOLS["~"],
    "regexp": _SYMBOLS["~"],
    "matches": _SYMBOLS["~"],
    "between": "low <= value <= high",
    "case": _SYMBOLS["?"],
    "when": _SYMBOLS["?"],
}
_WORD: Final = re.compile(r"[A-Za-z]+")


def operator_elsewhere(text: str, offset: int) -> tuple[str, str] | None:
    """Return the operator of another language at a place, or one that ends there, and what to write."""
    word = _WORD.match(text, offset)
    if word is not None and word[0] not in ("and", "or", "not", "in", "is") and word[0].lower() in _WORDS:
        return word[0], _WORDS[word[0].lower()]
    for theirs, ours in _SYMBOLS.items():
        before = offset - len(theirs) + 1
        if text.startswith(theirs, offset) or (before >= 0 and text.startswith(theirs, before)):
            return theirs, ours
    return None
