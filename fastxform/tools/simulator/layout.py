"""The keys of delivered objects, and the sinks that keep them.

A key is what Firehose would give the object in S3; a sink appends bytes under keys
and knows nothing of records. Dynamic partition keys come as `<name>=<value>/` in front of the date. Invariant: no
text of a record or of a response can make a key that leaves the sink's own directory.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol

from fastxform.errors import ContractError
from fastxform.tools.files import make_parents

MARKER: Final = ".fastxform-simulate"
"""The file that says a directory was made by `simulate`; each line after the first is a key that was written."""

_MARKER_HEAD: Final = (
    "objects written by fastxform simulate, one key a line; the next run into this directory removes them\n"
)
_PART_LIMIT_BYTES: Final = 200


def part(text: str) -> str:
    """Return `text` as one part of a key: what could end the part, hide it or climb out of it is percent-encoded.

    Parts of more than 200 bytes, which file systems refuse, are cut and get a digest of the whole.
    """
    safe = "".join(f"%{ord(char):02X}" if char in "/\\%\x7f" or char < " " else char for char in text)
    if safe.startswith("."):
        safe = "%2E" + safe[1:]
    if len(safe.encode()) <= _PART_LIMIT_BYTES:
        return safe
    head = safe.encode()[: _PART_LIMIT_BYTES - 40].decode(errors="ignore")
    return f"{head}~{blake2b(text.encode(), digest_size=8).hexdigest()}"


def hour(moment_ms: int) -> str:
    """Return the date part of a prefix, in UTC."""
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y/%m/%d/%H/")


def object_name(stream: str, moment_ms: int, uuid: str) -> str:
    """Return the last part of a key; the version of the stream is always 1 here."""
    return f"{stream}-1-{datetime.fromtimestamp(moment_ms // 1000, UTC):%Y-%m-%d-%H-%M-%S}-{uuid}"


class Sink(Protocol):
    """Where objects go; the first `append` of a key makes the object."""

    def append(self, key: str, data: bytes) -> None:
        """Add bytes to the end of the object `key`."""

    def close(self, key: str) -> None:
        """Learn that the object `key` is whole."""


class MemorySink:
    """Objects in memory, for tests."""

    def __init__(self) -> None:
        self.objects: dict[str, bytearray] = {}

    def append(self, key: str, data: bytes) -> None:
        """Add bytes to the end of the object `key`."""
        self.objects.setdefault(key, bytearray()).extend(data)

    def close(self, key: str) -> None:
        """Do nothing: an object in memory is there from its first byte."""


def _is_marker(path: Path) -> bool:
    """Say whether an earlier run wrote this file: whatever else has its name is somebody else's."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MARKER_HEAD)) == _MARKER_HEAD.encode()


class DirectorySink:
    """Objects as files under one directory, which `prepare` has looked at."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._written: set[str] = set()

    def prepare(self, force: bool = False) -> None:
        """Make the directory; remove what an earlier run wrote there, and nothing else.

        Raises:
            ContractError: the directory holds something, no earlier run made it, and `force` is false; or it is none.
        """
        if self._root.exists() and not self._root.is_dir():
            raise ContractError(f"{self._root}: is no directory; name another one")
        self._root.mkdir(parents=True, exist_ok=True)
        marker = self._root / MARKER
        if _is_marker(marker):
            self._remove_objects(marker)
        elif marker.is_symlink() or marker.exists():
            raise ContractError(f"{marker}: is there and was not written by simulate; name another directory")
        elif any(self._root.iterdir()) and not force:
            raise ContractError(
                f"{self._root}: the directory is not empty and not made by simulate; name another or say --force"
            )
        marker.write_text(_MARKER_HEAD, encoding="utf-8")

    def append(self, key: str, data: bytes) -> None:
        """Add bytes to the end of the object `key`."""
        path = self._path(key)
        mode = "ab"
        if key not in self._written:
            make_parents(self._root, path)
            if path.is_symlink() or path.exists():
                raise ContractError(f"{path}: is there and was not written by this run; name another directory")
            with (self._root / MARKER).open("a", encoding="utf-8") as marker:
                marker.write(key + "\n")
            self._written.add(key)
            mode = "xb"
        with path.open(mode) as file:
            file.write(data)

    def close(self, key: str) -> None:
        """Do nothing: files are closed after every piece."""

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if any(name in ("", ".", "..") for name in parts):
            raise ContractError(f"an object key has an empty part, . or ..: {key!r}")
        return self._root.joinpath(*parts)

    def _remove_objects(self, marker: Path) -> None:
        root = self._root.resolve()
        for path in self._listed(marker):
            # A link made since then may lead out of the directory: what it leads to stays.
            if path.is_file() and path.resolve().is_relative_to(root):
                path.unlink()
                self._remove_empty(path.parent)

    def _listed(self, marker: Path) -> Iterator[Path]:
        with marker.open(encoding="utf-8", errors="replace") as lines:
            next(lines, None)
            for line in lines:
                names = line.rstrip("\n").split("/")
                if not any(name in ("", ".", "..") for name in names):
                    yield self._root.joinpath(*names)

    def _remove_empty(self, directory: Path) -> None:
        while directory != self._root and not any(directory.iterdir()):
            directory.rmdir()
            directory = directory.parent
