"""Regular expressions as automatons of the native kernel, where each byte of a text leaves one way to go.

The expressions are RE2's, of which a part is read here; where two ways would match, or the part is left, the engine's
RE2 does it. Invariant: an automaton that was made matches the texts that RE2 matches as a whole, with the same groups.
"""

import sys
from array import array
from collections.abc import Sequence
from typing import Any, Final

from fastxform.core.structs import Struct
from fastxform.decode.native_values import UnsupportedError
from fastxform.decode.pattern_syntax import (
    Alternatives,
    Characters,
    Exactly,
    NamedGroup,
    PatternParser,
    Repeated,
    Sequential,
)

_STATES_LIMIT: Final = 1_024
_CELLS_LIMIT: Final = 1 << 16


class _PatternNode:
    """A place in an expression: some bytes lead on from it, or it is others', or the end of the text."""

    __slots__ = ("leads", "mark", "others")

    def __init__(self, leads: int = 0, others: Sequence["_PatternNode"] = (), mark: int | None = None) -> None:
        self.leads, self.others, self.mark = leads, list(others), mark


def _span(first: int, last: int) -> int:
    return (1 << last + 1) - (1 << first)


_CONTINUES: Final = _span(0x80, 0xBF)


class _Builder:
    """Makes the places of an expression; of the groups those of `fields` are marked."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = {name: index for index, name in enumerate(fields)}
        self.groups: set[str] = set()
        self.count = 0

    def node(self, leads: int = 0, others: Sequence[_PatternNode] = (), mark: int | None = None) -> _PatternNode:
        self.count += 1
        if self.count > 8 * _STATES_LIMIT:
            raise UnsupportedError("a large regular expression")
        return _PatternNode(leads, others, mark)

    def build(self, part: Any, end: _PatternNode) -> _PatternNode:
        """Return where a part begins that leads to a node."""
        if isinstance(part, Exactly):
            return self.node(1 << part.byte, [end])
        if isinstance(part, Characters):
            return self._character(part, end)
        if isinstance(part, Sequential):
            for each in reversed(part.parts):
                end = self.build(each, end)
            return end
        if isinstance(part, Alternatives):
            return self.node(others=[self.build(each, end) for each in part.parts])
        if isinstance(part, NamedGroup):
            index = self.fields.get(part.name)
            self.groups.add(part.name)
            if index is None:
                return self.build(part.part, end)
            inside = self.build(part.part, self.node(others=[end], mark=2 * index + 1))
            return self.node(others=[inside], mark=2 * index)
        assert isinstance(part, Repeated)
        if part.most is None:
            loop = self.node(others=[end])
            loop.others.insert(0, self.build(part.part, loop))
            end = loop
        else:
            behind = end
            for _ in range(part.most - part.least):
                end = self.node(others=[self.build(part.part, end), behind])
        for _ in range(part.least):
            end = self.build(part.part, end)
        return end

    def _character(self, part: Characters, end: _PatternNode) -> _PatternNode:
        if not part.ascii and not part.is_wide:
            raise UnsupportedError("a class of no character")
        if not part.is_wide:
            return self.node(part.ascii, [end])
        one = self.node(_CONTINUES, [end])
        two = self.node(_CONTINUES, [one])
        three = self.node(_CONTINUES, [two])
        leads = (part.ascii, end), (_span(0xC0, 0xDF), one), (_span(0xE0, 0xEF), two), (_span(0xF0, 0xF7), three)
        return self.node(others=[self.node(bits, [target]) for bits, target in leads if bits])


class Automaton(Struct):
    """States whose transitions are told by a byte; each number is unsigned, of 32 or 16 bits.

    Attributes:
        groups: the names of the groups.
        class_of: of each byte the column of the table that it has.
        class_count: how many columns there are.
        transitions: a row a state, the first begins: where the row of the next one is and one more, and 65,536 times
            what is marked before it; 0 where the text does not match.
        accepting: of each state 1 and what is marked at the end of the text; 0 where it may not end.
        mark_ends: of what is marked where it ends among `marks`; the first is nothing.
        marks: twice the field, and one more where it ends.
    """

    groups: frozenset[str]
    class_of: bytes
    class_count: int
    transitions: bytes
    accepting: bytes
    mark_ends: bytes
    marks: bytes


def compile_pattern(pattern: str, fields: Sequence[str]) -> Automaton:
    """Return the automaton of a pattern that has to match the whole text.

    Args:
        pattern: RE2's.
        fields: the names of the groups that are read.

    Raises:
        UnsupportedError: the pattern is not one that an automaton decides byte by byte, or beyond what is read here.
    """
    if sys.byteorder != "little":
        raise UnsupportedError("a regular expression on this machine")
    builder = _Builder(fields)
    end = builder.node()
    start = builder.build(PatternParser(pattern).whole(), end)
    states, steps = [start], []
    numbers = {id(start): 0}
    marked: dict[tuple[int, ...], int] = {(): 0}
    accepting = array("I")
    for state in states:
        leads: list[tuple[int, int, int]] = []
        accepts = taken = 0
        for marks, node in _closure(state):
            what = marked.setdefault(marks, len(marked))
            if node is end:
                accepts = 1 + what
                continue
            if node.leads & taken:
                raise UnsupportedError("a regular expression of more than one way")
            taken |= node.leads
            target = node.others[0]
            if id(target) not in numbers:
                numbers[id(target)] = len(states)
                states.append(target)
            leads.append((node.leads, numbers[id(target)], what))
        steps.append(leads)
        accepting.append(accepts)
        if len(states) > _STATES_LIMIT:
            raise UnsupportedError("a large regular expression")
    masks = sorted({bits for leads in steps for bits, _, _ in leads})
    kinds: dict[tuple[bool, ...], int] = {}
    class_of = bytes(
        kinds.setdefault(tuple(mask >> byte & 1 == 1 for mask in masks), len(kinds)) for byte in range(256)
    )
    if len(kinds) * len(states) >= _CELLS_LIMIT or len(marked) > _STATES_LIMIT:
        raise UnsupportedError("a large regular expression")
    columns = {kind: class_of.index(kind) for kind in range(len(kinds))}
    transitions = array("I")
    for leads in steps:
        for byte in columns.values():
            row = (target * len(kinds) + 1 | what << 16 for bits, target, what in leads if bits >> byte & 1)
            transitions.append(next(row, 0))
    mark_ends, flat = array("I"), array("H")
    for marks in marked:
        flat.extend(marks)
        mark_ends.append(len(flat))
    tables = (transitions, accepting, mark_ends, flat)
    return Automaton(frozenset(builder.groups), class_of, len(kinds), *(table.tobytes() for table in tables))


def _closure(state: _PatternNode) -> list[tuple[tuple[int, ...], _PatternNode]]:
    """Return where a state leads without a byte, and what is marked on the way.

    Raises:
        UnsupportedError: somewhere in two ways.
    """
    found: list[tuple[tuple[int, ...], _PatternNode]] = []
    seen: set[int] = set()
    left: list[tuple[tuple[int, ...], _PatternNode]] = [((), state)]
    while left:
        marks, node = left.pop()
        if id(node) in seen:
            raise UnsupportedError("a regular expression of more than one way")
        seen.add(id(node))
        if node.leads or not node.others:
            found.append((marks, node))
            continue
        if node.mark is not None:
            marks = (*marks, node.mark)
        left += ((marks, other) for other in node.others)
    return found
