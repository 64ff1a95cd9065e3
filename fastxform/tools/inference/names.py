"""Names of columns from names of members: small letters and underscores where that can be, and each one once.

Nothing here looks at values. Invariant: a name is not empty, is printable, and differs from every other one even where
upper and lower case are the same.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER: Final = re.compile(r"[\W_]+")
_LIMIT_CHARACTERS: Final = 60
_TYPE_LETTERS: Final = frozenset(("S", "N", "B", "BOOL", "M", "L", "NULL", "SS", "NS", "BS"))
"""The members of attribute values, which name nothing."""

_VAGUE_WORDS: Final = frozenset(
    (
        *("name", "id", "key", "value", "type", "kind", "code", "text", "data", "version", "number", "arn", "url"),
        *("count", "size", "length", "min", "max", "sum", "avg", "start", "end", "ms", "seconds", "unit"),
    )
)
"""Names of members that say nothing without the member around them."""


def words(name: str) -> list[str]:
    """Return the words of a name in small letters: `ApproximateCreation-date` is approximate, creation, date."""
    return [word.lower() for word in _OTHER.split(_CAMEL.sub("_", name)) if word]


def snake(names: Iterable[str]) -> str:
    """Return one name of small letters, digits and underscores out of the names of a path; nothing if there is none."""
    name = "_".join(word for part in names for word in words(part))[:_LIMIT_CHARACTERS].strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def unique(
    paths: Sequence[tuple[str, ...]],
    taken: Iterable[str] = (),
    *,
    has_root: bool = False,
    has_type_letters: bool = False,
) -> list[str]:
    """Return a name for each path, its last member's; where that is not the only one, with the members before it.

    A last member that says nothing, as `name` or `id`, takes the one before it along.

    Args:
        paths: the members of each path.
        taken: names that there are already.
        has_root: the first member of each path is a root that only tells equal names apart.
        has_type_letters: a member `S` or `N` may be that of an attribute value, which names nothing.
    """
    if has_type_letters:
        plain = [_without_type_letters(path) for path in paths]
        paths = [short if plain.count(short) == 1 else path for path, short in zip(paths, plain, strict=True)]
    inner = [path[1:] if has_root else path for path in paths]
    used = {name.casefold() for name in taken}
    short = [snake(path[-2:] if _is_vague(path) else path[-1:]) for path in inner]
    seen: dict[str, int] = {}
    for name in short:
        seen[name.casefold()] = seen.get(name.casefold(), 0) + 1
    names = []
    for path, name in zip(paths, short, strict=True):
        if name and seen[name.casefold()] == 1 and name.casefold() not in used:
            candidate = name
        else:
            candidate = _longer(path, used) if len(path) > 1 else name
        names.append(_free(candidate or "column", used | (seen.keys() - {name.casefold()})))
        used.add(names[-1].casefold())
    return names


def _is_vague(path: tuple[str, ...]) -> bool:
    return len(path) > 1 and "_".join(words(path[-1])) in _VAGUE_WORDS


def _without_type_letters(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a path without what is no name of anything, as long as something is left."""
    return (*path[:1], *(member for member in path[1:] if member not in _TYPE_LETTERS))


def _longer(path: tuple[str, ...], used: set[str]) -> str:
    """Return the shortest end of a path of two members or more whose name is free, else the name of all of it."""
    for length in range(2, len(path) + 1):
        name = snake(path[-length:])
        if name and name.casefold() not in used:
            return name
    return snake(path)


def _free(name: str, used: set[str]) -> str:
    """Return the name, with a number behind it where it is taken."""
    candidate, number = name, 1
    while candidate.casefold() in used:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
