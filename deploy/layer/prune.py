"""What is left out of the wheels: the reviewed list `prune.toml`, applied.

A pattern is a path below `python/` as `fnmatch` reads it (`*` crosses `/`); the first that matches a file takes it.
Invariant: every pattern has a reason and takes something, or there is no layer.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from deploy.layer import LayerError

LIST: Final = Path(__file__).parent / "prune.toml"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the list."""

    pattern: str
    reason: str


@dataclass(frozen=True, slots=True)
class Saving:
    """What a rule took away, in bytes of files."""

    rule: Rule
    files: int
    size_bytes: int


def rules(path: Path = LIST) -> list[Rule]:
    """Read a list.

    Raises:
        LayerError: an entry is not a pattern and a reason.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["prune"]
        found = [Rule(**entry) for entry in entries]
    except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise LayerError(f"{path}: each entry is a [[prune]] with pattern and reason: {error}") from None
    for rule in found:
        if not rule.reason.strip():
            raise LayerError(f"{path}: {rule.pattern}: an entry needs a reason")
    return found


def prune(directory: Path, wanted: Sequence[Rule]) -> list[Saving]:
    """Delete what the rules match.

    Raises:
        LayerError: a rule matches nothing: the wheel has changed, or another rule took it.
    """
    left = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    savings = []
    for rule in wanted:
        names = [name for name in left if fnmatchcase(name, rule.pattern)]
        if not names:
            raise LayerError(f"prune.toml: {rule.pattern!r} matches no file: change or delete the entry")
        paths = [left.pop(name) for name in names]
        savings.append(Saving(rule, len(paths), sum(path.stat().st_size for path in paths)))
        for path in paths:
            path.unlink()
    return savings
