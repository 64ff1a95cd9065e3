"""A part of RE2's syntax, read into a tree.

What is read means what RE2 means by it, and everything else raises. Invariant: nothing here asks what would match.
"""

from typing import Any, Final

from fastxform.core.structs import Struct
from fastxform.decode.native_values import UnsupportedError

_REPEATS_LIMIT: Final = 256
_DEPTH_LIMIT: Final = 32

ASCII: Final = (1 << 128) - 1


class Characters(Struct, frozen=True):
    """One character: a bit for each of ASCII, and whether it may be any other."""

    ascii: int
    is_wide: bool = False


class Sequential(Struct, frozen=True):
    """One part behind the other."""

    parts: tuple[Any, ...]


class Alternatives(Struct, frozen=True):
    """One of some parts."""

    parts: tuple[Any, ...]


class Repeated(Struct, frozen=True):
    """A part at least, and at most, so often; None: without end."""

    part: Any
    least: int
    most: int | None


class NamedGroup(Struct, frozen=True):
    """A group with a name."""

    name: str
    part: Any


def _bits(characters: str) -> int:
    return sum(1 << ord(character) for character in characters)


_DIGITS: Final = _bits("0123456789")
_SPACES: Final = _bits("\t\n\f\r ")
_WORD: Final = _DIGITS | _bits("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_CLASSES: Final = {
    name.upper() if is_negated else name: Characters(ASCII & ~ascii if is_negated else ascii, is_negated)
    for name, ascii in (("d", _DIGITS), ("s", _SPACES), ("w", _WORD))
    for is_negated in (False, True)
}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_PUNCTUATION: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_SPECIAL: Final = frozenset("\\.+*?()|[{}^$")


class PatternParser:
    """Reads the part of RE2's syntax whose meaning is known here."""

    def __init__(self, pattern: str) -> None:
        self.text, self.at = pattern, 0
        self.groups = self.depth = 0

    def whole(self) -> Any:
        """Return the tree of the pattern, which is to match a whole text.

        Raises:
            UnsupportedError: something of it is not read here.
        """
        if self.text.startswith("^"):
            self.at = 1
        if self.text.endswith("$") and not self.text.endswith("\\$"):
            self.text = self.text[:-1]
        node = self._alternatives(is_dot_all=False)
        if self.at < len(self.text):
            raise UnsupportedError("a regular expression")
        return node

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise UnsupportedError("a regular expression")
        self.at += 1
        return character

    def _alternatives(self, *, is_dot_all: bool) -> Any:
        parts = [self._sequence(is_dot_all)]
        while self._peek() == "|":
            self.at += 1
            parts.append(self._sequence(is_dot_all))
        return parts[0] if len(parts) == 1 else Alternatives(tuple(parts))

    def _sequence(self, is_dot_all: bool) -> Any:
        parts = []
        while self._peek() not in ("", "|", ")"):
            groups = self.groups
            part = self._repeated(self._atom(is_dot_all))
            if isinstance(part, Repeated) and self.groups > groups and (part.least, part.most) != (0, 1):
                raise UnsupportedError("a group that is repeated")
            parts.append(part)
        return parts[0] if len(parts) == 1 else Sequential(tuple(parts))

    def _repeated(self, part: Any) -> Any:
        counts: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        sign = self._peek()
        if sign in counts:
            self.at += 1
            least, most = counts[sign]
        elif sign == "{":
            least, most = self._counts()
        else:
            return part
        if self._peek() == "?":  # fewest first: where there is one way to match it is the same
            self.at += 1
        if self._peek() in ("*", "+", "?", "{"):
            raise UnsupportedError("a repeated repetition")
        return Repeated(part, least, most)

    def _counts(self) -> tuple[int, int | None]:
        end = self.text.find("}", self.at)
        first, comma, last = self.text[self.at + 1 : max(end, self.at)].partition(",")
        numbers = [first, *([last] if last else [])]
        if not all(number.isascii() and number.isdigit() and len(number) < 4 for number in numbers):
            raise UnsupportedError("a brace")
        self.at = end + 1
        least = int(first)
        most = least if not comma else int(last) if last else None
        if max(least, most or 0) > _REPEATS_LIMIT or (most is not None and most < max(least, 1)):
            raise UnsupportedError("a repetition")
        return least, most

    def _atom(self, is_dot_all: bool) -> Any:
        character = self._take()
        if character == "(":
            return self._group(is_dot_all)
        if character == "[":
            return self._class()
        if character == ".":
            return Characters(ASCII if is_dot_all else ASCII & ~_bits("\n"), True)
        if character == "\\":
            return self._escape()
        if character in _SPECIAL:
            raise UnsupportedError("a sign of a regular expression")
        return Sequential(tuple(map(_byte, character.encode())))

    def _group(self, is_dot_all: bool) -> Any:
        rest = self.text[self.at :]
        name = None
        if rest.startswith("?:"):
            self.at += 2
        elif rest.startswith("?s:"):
            self.at, is_dot_all = self.at + 3, True
        elif rest.startswith("?P<"):
            name, _, _ = rest[3:].partition(">")
            self.at += 4 + len(name)
            self.groups += 1
        else:
            raise UnsupportedError("a group")
        self.depth += 1
        if self.depth > _DEPTH_LIMIT:
            raise UnsupportedError("groups in groups")
        part = self._alternatives(is_dot_all=is_dot_all)
        self.depth -= 1
        if self._take() != ")":
            raise UnsupportedError("a group")
        return part if name is None else NamedGroup(name, part)

    def _escape(self) -> Any:
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return _byte(ord(_CONTROLS[character]))
        if character in _PUNCTUATION:
            return _byte(ord(character))
        raise UnsupportedError("an escape")

    def _class(self) -> Characters:
        is_negated = self._peek() == "^"
        self.at += is_negated
        bits, is_wide, is_first = 0, False, True
        while is_first or self._peek() != "]":
            low = self._member(is_first)
            is_first = False
            if self._peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._member(is_first=False)
                start, end = (member.bit_length() - 1 if type(member) is int else -1 for member in (low, high))
                if start < 0 or end < start:
                    raise UnsupportedError("a range")
                bits |= (1 << end + 1) - (1 << start)
            elif type(low) is int:
                bits |= low
            else:
                bits, is_wide = bits | low.ascii, is_wide or low.is_wide
        self.at += 1
        return Characters(ASCII & ~bits if is_negated else bits, is_wide != is_negated)

    def _member(self, is_first: bool) -> Any:
        """Return the bit of a character of a class, or a class in it."""
        character = self._take()
        if character == "\\":
            escaped = self._take()
            if escaped in _CLASSES:
                return _CLASSES[escaped]
            character = _CONTROLS.get(escaped, escaped)
            if escaped not in _CONTROLS and escaped not in _PUNCTUATION:
                raise UnsupportedError("an escape")
        elif character == "[" or not character.isascii() or (not is_first and self._is_odd(character)):
            raise UnsupportedError("a class")
        return 1 << ord(character)

    def _is_odd(self, character: str) -> bool:
        """Tell whether a character behind the first of a class is none that stands for itself."""
        return character == "]" or (character == "-" and self._peek() != "]")


def _byte(byte: int) -> Any:
    return Characters(1 << byte) if byte < 0x80 else Exactly(byte)


class Exactly(Struct, frozen=True):
    """One byte of a character that is not ASCII."""

    byte: int
