"""Colour for people who read standard output at a terminal, and invisible characters made visible.

What is printed is decided by the verbs. Invariant: what is no terminal gets plain text, without one escape sequence.
"""

import os
import sys
from typing import Final, Literal

Colour = Literal["red", "green", "yellow", "blue", "bold"]

_CODES: Final[dict[Colour, str]] = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1"}
_CONTROL_PICTURES: Final = 0x2400
_DELETE: Final = 0x7F
_DELETE_PICTURE: Final = "\u2421"


class Paint:
    """Paints text, if there is somebody to see it: `NO_COLOR` and a dumb terminal are respected."""

    def __init__(self, enabled: bool | None = None) -> None:
        self.enabled = _has_colours() if enabled is None else enabled

    def __call__(self, text: str, colour: Colour) -> str:
        """Return the text in a colour."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.enabled else text


def _has_colours() -> bool:
    if sys.stdout is None or not sys.stdout.isatty():
        return False
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def visible(text: str) -> str:
    """Return one line with everything in it that cannot be seen: control characters, odd spaces, spaces at its end."""
    body = text.rstrip(" ")
    return "".join(map(_visible, body)) + "\u00b7" * (len(text) - len(body))


def _visible(character: str) -> str:
    code = ord(character)
    if code < ord(" "):
        return chr(_CONTROL_PICTURES + code)
    if code == _DELETE:
        return _DELETE_PICTURE
    return character if character.isprintable() else f"<U+{code:04X}>"
