"""The files that a configuration names: what has to lie beside it wherever it runs, so what deployments pack with it.

Read from the parsed file alone; whether what is named exists and can be read is for who packs it, or loads it.
Invariant: the Terraform module, which reads no TOML, finds the same by the form of the lines (a test compares the two).
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any


def named_files(document: Mapping[str, Any], directory: Path) -> list[str]:
    """Return the names of the files, relative to the directory of the configuration, each once.

    Args:
        document: the parsed configuration; what is of another kind than it should be names nothing.
        directory: where the configuration is: a module of `map_batch` that is part of a package comes with all modules
            of that package.
    """
    lookups = document.get("lookups")
    names = [
        lookup["file"]
        for lookup in (lookups.values() if isinstance(lookups, dict) else ())
        if isinstance(lookup, dict) and isinstance(lookup.get("file"), str)
    ]
    map_batch = document.get("map_batch")
    if isinstance(map_batch, str):
        module = map_batch.partition(":")[0].replace(".", "/")
        names.append(f"{module}.py")
        package = directory / module.partition("/")[0]
        names += sorted(path.relative_to(directory).as_posix() for path in package.rglob("*.py"))
    return list(dict.fromkeys(names))


def is_below(name: str) -> bool:
    """Tell whether a name leads to somewhere below the directory that it is relative to."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts
