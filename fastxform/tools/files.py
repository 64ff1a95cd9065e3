"""Files that commands write, so that nothing of the user's is lost by it.

What is written, and whether a file that is there may be written over, is the caller's. Invariant: a file is there as a
whole or as it was before, and a path that is made below a directory stays inside of it.
"""

import contextlib
import os
import stat
import tempfile
from pathlib import Path


def create(path: Path, content: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        FileExistsError: something is there, a link that leads nowhere too.
        OSError: it cannot be written; then it is not there.
    """
    file = path.open("xb")
    try:
        with file:
            file.write(content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace(path: Path, content: bytes) -> None:
    """Write over a file, or the one that a link leads to; on a full disk it keeps what it has.

    Raises:
        OSError: it cannot be written.
    """
    path = path.resolve()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        create(path, content)
        return
    if not stat.S_ISREG(mode):  # a device or a pipe takes bytes, a directory says that it takes none
        with path.open("wb") as file:
            file.write(content)
        return
    handle, name = tempfile.mkstemp(prefix=".fastxform-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, stat.S_IMODE(mode))
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def make_parents(root: Path, path: Path) -> None:
    """Make the directories between `root` and a file below it.

    Raises:
        NotADirectoryError: one of them is a link, which could lead out of `root`, or is none.
        OSError: one cannot be made.
    """
    directory = root
    for name in path.relative_to(root).parts[:-1]:
        directory = directory / name
        with contextlib.suppress(FileExistsError):
            directory.mkdir()
        if directory.is_symlink() or not directory.is_dir():
            raise NotADirectoryError(20, "is a link or no directory, so nothing is written below it", str(directory))
