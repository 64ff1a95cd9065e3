"""The files that a configuration names: what has to lie beside it wherever it runs, so what deployments pack with it.

Read from the parsed file alone; whether what is named exists and can be read is for who packs it, or loads it.
Invariant: the Terraform module, which reads no TOML, finds the same by the form of the lines (a test compares the two).
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final


def named_files(document: Mapping[str, Any], directory: Path) -> list[str]:
    """Return the names of the files, relative to the directory of the configuration, each once.

    Args:
        document: the parsed configuration; what is of another kind than it should be names nothing.
        directory: where the configuration is: a module of `map_batch` comes with the modules beside it that it imports,
            and one that is part of a package with all modules of that package.
    """
    lookups = document.get("lookups")
    names = [
        lookup["file"]
        for lookup in (lookups.values() if isinstance(lookups, dict) else ())
        if isinstance(lookup, dict) and isinstance(lookup.get("file"), str)
    ]
    map_batch = document.get("map_batch")
    if isinstance(map_batch, str):
        names += _modules(map_batch.partition(":")[0], directory)
    return list(dict.fromkeys(names))


def _modules(name: str, directory: Path) -> list[str]:
    """Return the files of a module and, of the modules and packages beside it, of those that it imports, as they do."""
    files = [f"{name.replace('.', '/')}.py"]
    waiting, known = [name.partition(".")[0]], set()
    for _ in range(_IMPORTS_DEPTH):
        found = []
        for word in waiting:
            known.add(word)
            package = directory / word
            own = [path.relative_to(directory).as_posix() for path in sorted(package.rglob("*.py"))]
            own += [f"{word}.py"] if (directory / f"{word}.py").is_file() else []
            files += own
            texts = [(directory / file).read_text(encoding="utf-8", errors="replace") for file in own]
            found += [word for text in texts for word in _IMPORT.findall(text)]
        waiting = [word for word in dict.fromkeys(found) if word not in known]
    return files


_IMPORTS_DEPTH: Final = 4
"""How far imports are followed; Terraform, which finds the same, has no loop."""

_IMPORT: Final = re.compile(r"^[ \t]*(?:import|from)[ \t]+([A-Za-z0-9_]+)", re.MULTILINE)
"""A line that imports a module, wherever it stands; of several on one line the first."""


def is_below(name: str) -> bool:
    """Tell whether a name leads to somewhere below the directory that it is relative to."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts
