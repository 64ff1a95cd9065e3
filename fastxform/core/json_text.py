"""JSON text: the one grammar of numbers, and texts to and from JSON strings.

Documents are decoded in `fastxform.decode`. Invariant: a text that goes through `quote` and `unquote` is the same.
"""

import re
from typing import Final

import msgspec

NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
"""JSON's grammar of a number, which the texts of DynamoDB's `N` follow too."""

_ENCODE: Final = msgspec.json.Encoder().encode
_TEXT: Final = msgspec.json.Decoder(str)


def quote(text: str) -> str:
    """Return the JSON string of a text, as `json.dumps(ensure_ascii=False)` escapes it."""
    return _ENCODE(text).decode()


def unquote(text: str) -> str:
    """Return the text of a JSON string."""
    return _TEXT.decode(text)
