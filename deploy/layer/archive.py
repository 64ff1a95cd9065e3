"""A zip that is the same for the same files.

Invariant: names sorted, one time, one mode, one compression; nothing of the machine that wrote it.
"""

import stat
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = "python"
"""Lambda puts `/opt/python` on the path of its Python runtimes."""

_TIME: Final = (1980, 1, 1, 0, 0, 0)
_LEVEL: Final = 6
"""9 takes three times as long and saves 0.6 %."""


def write(directory: Path, archive: Path) -> dict[str, int]:
    """Write the files of a directory below `python/`; return the compressed size of each, by its path there."""
    sizes = {}
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(directory.rglob("*"), key=lambda path: path.relative_to(directory).as_posix()):
            if not path.is_file():
                continue
            name = path.relative_to(directory).as_posix()
            entry = zipfile.ZipInfo(f"{ROOT}/{name}", _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever wrote it
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            target.writestr(entry, path.read_bytes(), compresslevel=_LEVEL)
            sizes[name] = entry.compress_size
    return sizes
