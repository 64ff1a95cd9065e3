"""Objects of open-ended members: the rare members of one become a `rest`, an object of few stable ones may be spread.

Invariant: no member is lost: a place without a column of its own is in the rest of its object.
"""

from collections.abc import Callable, Sequence
from typing import Final

from fastxform.tools.inference.columns import COLUMNS_LIMIT, Place, has_columns
from fastxform.tools.inference.draft import DraftColumn, DraftSpread
from fastxform.tools.inference.names import unique
from fastxform.tools.inference.shapes import Shape

_ROWS: Final = 20
"""Rows below which it cannot be said what is rare."""

_RARE_PLACES: Final = 8
"""Rare places below which each gets a column: they may be those of one kind of record."""

_RARE_ROWS: Final = 10
"""A place is rare that fewer than one of so many rows have."""

_STABLE_MEMBERS: Final = 20
_SPREADS: Final = 3


def with_rest(
    leaves: Sequence[Place], total: int, root: str, *, prefix: tuple[str, ...] = (), is_cut: bool
) -> list[Place]:
    """Return the places of an object that get columns, and behind them its rest where there is one.

    Args:
        leaves: all places of the object.
        total: how many rows there are.
        root: the path of the object, empty for the record.
        prefix: what names of places begin with.
        is_cut: the object has members that are in no place.
    """
    rare = [place for place in leaves if place.shape.count * _RARE_ROWS < total] if total >= _ROWS else []
    if len(rare) < _RARE_PLACES:
        rare = []
    are_too_many = len(leaves) - len(rare) > COLUMNS_LIMIT
    if not (rare or are_too_many or is_cut):
        return list(leaves)
    known = set(map(id, rare))
    kept = [place for place in leaves if id(place) not in known]
    shape = Shape()
    shape.count = total
    return [*kept, Place((*prefix, "others"), shape, root, rest=tuple(place.names[-1] for place in rare))]


def hidden_texts(parsed: Sequence[tuple[str, str]], drafts: Sequence[DraftColumn]) -> list[DraftColumn]:
    """Return hidden columns of texts that are parsed, so that the rest of the record does not hold them once more.

    Args:
        parsed: the name and the path of each text.
        drafts: the columns; without a rest of the record there is nothing to hide.
    """
    if all(draft.rest != "" for draft in drafts):
        return []
    paths = {draft.path for draft in drafts}
    texts = [(name, path) for name, path in parsed if path not in paths]
    names = unique([(name, "text") for name, _ in texts], [draft.name for draft in drafts])
    note = "is parsed above; hidden, so that the rest does not hold it too"
    return [DraftColumn(name, path, None, note, hidden=True) for name, (_, path) in zip(names, texts, strict=True)]


def spreads_of(
    root: Shape, total: int, spell: Callable[[tuple[str, ...]], str], drafts: Sequence[DraftColumn]
) -> list[DraftSpread]:
    """Return the objects in an object that may be spread: of few members that always come, and names of their own."""
    taken = set(root.members)
    spreads: list[DraftSpread] = []
    for name, shape in root.members.items():
        if len(spreads) == _SPREADS or not _is_stable(shape, total) or taken & shape.members.keys():
            continue
        taken |= shape.members.keys()
        used = [*(draft.name for draft in drafts), *(spread.name for spread in spreads)]
        spreads.append(DraftSpread(unique([(name,)], used)[0], spell((name,)), name))
    return spreads


def _is_stable(shape: Shape, total: int) -> bool:
    if not has_columns(shape) or not 1 < len(shape.members) <= _STABLE_MEMBERS:
        return False
    return all(part.count * 10 >= 9 * total for part in (shape, *shape.members.values()))
