"""What lies inside of places: texts that hold more become `[parse.NAME]`, lists of objects an `[explode]` to choose.

What texts hold is decided in `texts`, columns are made in `columns`. Invariant: no member is lost: a text stays a
column where one of its values is not of the format.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from fastxform.tools.inference.columns import Place, columns, dotted, places
from fastxform.tools.inference.draft import DraftExplode, DraftParse
from fastxform.tools.inference.names import snake
from fastxform.tools.inference.open_objects import with_rest
from fastxform.tools.inference.shapes import Budget, Shape
from fastxform.tools.inference.texts import KEPT_TEXTS, Format, format_of

_BY_FORMAT: Final = {"json": "log", "vpc-flow": "flow", "lambda-report": "report"}
_LEAST_SHARE: Final = 0.1
_EXPLODED_COLUMNS: Final = 20


def with_texts(
    leaves: Sequence[Place], total: int, taken: Iterable[str], *, are_lines: bool = False
) -> tuple[list[Place], list[DraftParse]]:
    """Return places with those inside of texts, and what parses the texts.

    Args:
        leaves: the places of the record, or of a text.
        total: how many rows there are.
        taken: names that paths already begin with.
        are_lines: the texts are whole records, so that separated values are recognised too.
    """
    names = set(taken)
    kept: list[Place] = []
    parses: list[DraftParse] = []
    for place in leaves:
        read = None if place.rest is not None else _format(place.shape, is_line=are_lines)
        if read is None:
            kept.append(place)
            continue
        is_whole = _is_whole(place.shape, read)
        name = _name(place, read.name, names)
        names.add(name)
        parses.append(DraftParse(name, place.path, read.name, not is_whole, read.fields, read.delimiter))
        if not is_whole:
            kept.append(place)
        inner, of_inner = with_texts(_places(name, place.shape, read), total, names)
        names.update(parse.name for parse in of_inner)
        kept += inner
        parses += of_inner
    return kept, parses


def explode_of(leaves: Sequence[Place], taken_roots: Iterable[str], taken_names: Iterable[str]) -> DraftExplode | None:
    """Return how the list with the most objects would be exploded; None where there is no list of objects."""
    lists = [place for place in leaves if place.shape.elements is not None]
    if not lists:
        return None
    place = max(lists, key=lambda each: each.shape.elements.count if each.shape.elements else 0)
    elements = place.shape.elements
    assert elements is not None
    name = next(name for name in ("item", "element", "list_item") if name not in taken_roots)
    inner = places(elements, lambda names: dotted((name, *names)), exact_numbers=place.exact_numbers)
    drafts, _ = columns(inner[:_EXPLODED_COLUMNS], elements.count, taken_names, root=name)
    for draft in drafts:
        draft.required = False
    return DraftExplode(place.path, name, drafts)


def _format(shape: Shape, *, is_line: bool) -> Format | None:
    if set(shape.kinds) != {"text"}:
        return None
    if shape.inside is not None and shape.inside.count >= _LEAST_SHARE * shape.count and shape.inside.members:
        return Format("json", shape.inside.count)
    return format_of(shape.kept, shape.count, is_line=is_line) if shape.kept else None


def _is_whole(shape: Shape, read: Format) -> bool:
    """Tell whether all texts of a place have the format, as far as they were looked at."""
    if read.name == "json":
        return read.matches == shape.count
    is_complete = shape.inside is None and not shape.plain_texts and read.matches == len(shape.kept)
    return is_complete and (shape.count == len(shape.kept) or len(shape.kept) == KEPT_TEXTS)


def _places(name: str, shape: Shape, read: Format) -> list[Place]:
    if read.name == "json":
        assert shape.inside is not None
        inner = places(shape.inside, lambda names: dotted((name, *names)))
        inner = [place._replace(names=(name, *place.names)) for place in inner]
        return with_rest(inner, shape.inside.count, dotted((name,)), prefix=(name,), is_cut=shape.inside.is_cut)
    fields, budget = Shape(), Budget()
    for row in read.rows:
        fields.add(row, budget)
    for member in fields.members.values():  # a field is a text, and not looked into again
        member.kept, member.inside = [], None
    return [
        Place((name, field), member, dotted((name, field)), total=len(read.rows))
        for field, member in fields.members.items()
    ]


def _name(place: Place, kind: str, taken: set[str]) -> str:
    """Return what paths into a text begin with: its name, and where that is a member, what the format is of."""
    last = snake(place.names[-1:])
    of_format = _BY_FORMAT.get(kind, "line")
    candidates = [last, of_format, f"{last}_parsed", *(f"{of_format}_{number}" for number in range(2, 10_000))]
    return next(name for name in candidates if name not in taken and name.isascii() and name.isidentifier())
