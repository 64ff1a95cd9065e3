"""Columns out of shapes: which places become one, and what is noted beside each.

Names are given in `names`, types in `types`. Invariant: every member that was seen is in exactly one column, its own or
that of an object around it, as long as there are not too many.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from fastxform.query import paths
from fastxform.tools.inference.draft import DraftColumn
from fastxform.tools.inference.names import unique
from fastxform.tools.inference.shapes import Shape
from fastxform.tools.inference.types import column_type

COLUMNS_LIMIT: Final = 1_000
"""Columns of one table; of more places the ones that are there most often are taken."""

_NESTED_LIMIT: Final = 300
"""Columns up to which objects inside of objects get columns for their members."""

DEPTH_LIMIT: Final = 4
"""Members of a path, beyond which an object is one column."""

_MAP_MEMBERS: Final = 8
_MAP_OBJECTS: Final = 3
_SHOWN_NAMES: Final = 5


class Place(NamedTuple):
    """One place that becomes a column: its members, from the document or from `root`, and what was seen there."""

    names: tuple[str, ...]
    shape: Shape
    path: str
    exact_numbers: bool = False
    total: int = 0
    """How often the place was looked at, where that was not in each row."""
    rest: tuple[str, ...] | None = None
    """The names of the members that are in it, where it is the rest of the object of the path."""


def dotted(names: Iterable[str]) -> str:
    """Return members, one inside the other, as a path spells them."""
    return ".".join(map(paths.quote, names))


def places(
    root: Shape, spell: Callable[[tuple[str, ...]], str], *, exact_numbers: bool = False, depth: int = DEPTH_LIMIT
) -> list[Place]:
    """Return the places below a root; `spell` makes a path of the members of one, which are `depth` at most."""
    leaves = list(_leaves(root, (), depth))
    if len(leaves) > _NESTED_LIMIT:
        leaves = list(_leaves(root, (), 1))
    return [Place(names, shape, spell(names), exact_numbers) for names, shape in leaves]


def _leaves(shape: Shape, names: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Shape]]:
    for name, member in shape.members.items():
        below = (*names, name)
        if len(below) < depth and has_columns(member):
            yield from _leaves(member, below, depth)
        else:
            yield below, member


def has_columns(shape: Shape) -> bool:
    """Tell whether the members of an object get columns of their own: it is always one, and they recur."""
    return set(shape.kinds) == {"object"} and bool(shape.members) and not shape.is_cut and not _is_map(shape)


def _is_map(shape: Shape) -> bool:
    """Tell whether the members of objects are rather keys: many, and each object has few of them."""
    if shape.count < _MAP_OBJECTS or len(shape.members) < _MAP_MEMBERS:
        return False
    return shape.member_count * 2 < len(shape.members) * shape.count


def columns(
    leaves: Sequence[Place], total: int, taken: Iterable[str] = (), root: str = ""
) -> tuple[list[DraftColumn], int]:
    """Return a column for each place, and how many places are left out since there are too many.

    Args:
        leaves: the places.
        total: how many records there are; a column is required where it is in all of them, and there are several.
        taken: names that there are already.
        root: what stands before the name of a member that would else have a taken one.
    """
    kept = _most_frequent(leaves)
    names = unique(
        [((root, *place.names) if root else place.names) for place in kept],
        taken,
        has_root=bool(root),
        has_type_letters=not any(place.exact_numbers for place in kept),
    )
    return [_column(place, name, total) for place, name in zip(kept, names, strict=True)], len(leaves) - len(kept)


def _most_frequent(leaves: Sequence[Place]) -> list[Place]:
    if len(leaves) <= COLUMNS_LIMIT:
        return list(leaves)
    ranked = sorted(
        range(len(leaves)), key=lambda index: (leaves[index].rest is None, -leaves[index].shape.count, index)
    )
    return [leaves[index] for index in sorted(ranked[:COLUMNS_LIMIT])]


def _column(place: Place, name: str, total: int) -> DraftColumn:
    if place.rest is not None:
        return DraftColumn(name, None, None, _rest_comment(place.rest), rest=place.path)
    typed = column_type(place.shape, place.names[-1] if place.names else name, exact_numbers=place.exact_numbers)
    required = total > 1 and place.shape.count == total and not place.total
    note = comment(place.shape, place.total or total, typed.remark)
    return DraftColumn(name, place.path, typed.type, note, required)


def _rest_comment(names: tuple[str, ...]) -> str:
    if not names:
        return "every member that has no column"
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    rare = f"{len(names)} that fewer than 10 % of the records have: {', '.join(names[:_SHOWN_NAMES])}{more}"
    return f"every member that has no column, {rare}"


def comment(shape: Shape, total: int, remark: str = "") -> str:
    """Return what the sample says of a place: how often it is there, examples, and a remark."""
    examples = f": {', '.join(shape.examples)}" if shape.examples else ""
    return f"{share(shape.count, total)}{examples}{f'; {remark}' if remark else ''}"


def share(count: int, total: int) -> str:
    """Return a share in per cent; 100 and 0 stand for all and none alone."""
    if count in (0, total):
        return "100 %" if count else "0 %"
    return f"{min(max(100 * count // total, 1), 99)} %"
