"""What a second run gives, as objects in a directory or in S3: rows, and what failed again.

Keys are `NAME=VALUE/` for partition keys, `iceberg/DATABASE/TABLE/` for tables (with a second object that ends in
`.operations` and has the operation of each row), `processing-failed/` for the lines of what failed again, as they were;
the last part is `replay-DIGEST-NUMBER`, the digest that of input and configuration. Invariant: an object is there as a
whole or not at all, and the same run writes the same objects.
"""

import contextlib
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO, Final

from fastxform.errors import InputError
from fastxform.tools.files import make_parents
from fastxform.tools.replay import stores
from fastxform.tools.simulator.layout import part

OBJECT_BYTES: Final = 64 << 20
"""Bytes of one object. Ours."""

OPEN_MAX: Final = 64
"""Objects that are open at once; for one more, the oldest is closed and goes on in another. Ours."""

FAILED_PREFIX: Final = "processing-failed/"


class Store:
    """A directory, or a place in S3, that takes files as a whole."""

    def __init__(self, location: str) -> None:
        self._location = location.rstrip("/") if location.startswith(stores.SCHEME) else location
        self._is_s3 = location.startswith(stores.SCHEME)
        if self._is_s3:
            stores.key_of(location)
        else:
            with stores.reading(location):
                Path(location).mkdir(parents=True, exist_ok=True)

    def begin(self, key: str) -> tuple[BinaryIO, Path]:
        """Open a file that `finish` makes the object; until then it has another name."""
        if self._is_s3:
            handle, name = tempfile.mkstemp(prefix="fastxform-replay-")
            return os.fdopen(handle, "wb"), Path(name)
        path = Path(self._location, key)
        with stores.reading(self._location):
            make_parents(Path(self._location), path)
            handle, name = tempfile.mkstemp(prefix=".fastxform-", dir=path.parent)
            os.fchmod(handle, 0o666 & ~_umask())  # `mkstemp` keeps files from everybody else
        return os.fdopen(handle, "wb"), Path(name)

    def finish(self, key: str, path: Path) -> None:
        """Make a file the object."""
        if self._is_s3:
            stores.upload(path, f"{self._location}/{key}")
            path.unlink()
        else:
            with stores.reading(self._location):
                path.replace(Path(self._location, key))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class _OpenFile:
    """An object under way, or two: rows, and their operations."""

    def __init__(self, store: Store, keys: list[str]) -> None:
        self.size_bytes = 0
        self._store = store
        self._files = [(key, *store.begin(key)) for key in keys]

    def write(self, *data: bytes) -> None:
        for (_, file, path), piece in zip(self._files, data, strict=True):
            with stores.reading(str(path)):
                file.write(piece)
        self.size_bytes += len(data[0])

    def finish(self) -> None:
        for _, file, path in self._files:
            with stores.reading(str(path)):
                file.close()
        for key, _, path in reversed(self._files):  # rows last: where they are, their operations are
            self._store.finish(key, path)

    def abandon(self) -> None:
        for _, file, path in self._files:
            with contextlib.suppress(OSError):  # something else has failed already, and is reported
                file.close()
            path.unlink(missing_ok=True)


class ReplayOutput:
    """Writes rows and failed lines; a context manager, which finishes what is open, or removes it after an error."""

    def __init__(self, location: str, digest: str, suffix: str) -> None:
        """Take where to.

        Args:
            location: a directory or an `s3://` URI.
            digest: a word that is the same for the same input and configuration.
            suffix: the end of names of objects with rows: `.csv` or `.json`.
        """
        self._store = Store(location)
        self._digest, self._suffix = digest, suffix
        self._open: dict[str, _OpenFile] = {}
        self._numbers: Counter[str] = Counter()
        self.objects = 0
        self.bytes_written = 0

    def __enter__(self) -> "ReplayOutput":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            while kind is None and self._open:
                self._finish(next(iter(self._open)))
        finally:
            for opened in self._open.values():
                opened.abandon()

    def row(self, row: bytes, metadata: dict[str, Any] | None) -> None:
        """Write what came out of one record."""
        routed = metadata or {}
        table = routed.get("otfMetadata")
        if table is not None:
            prefix = (
                f"iceberg/{part(str(table['destinationDatabaseName']))}/{part(str(table['destinationTableName']))}/"
            )
            self._write(prefix, row.strip() + b"\n", f"{table.get('operation', 'insert')}\n".encode())
            return
        keys = routed.get("partitionKeys") or {}
        self._write("".join(f"{part(f'{name}={value}')}/" for name, value in keys.items()), row)

    def failed(self, line: bytes) -> None:
        """Write the line of a record that failed again."""
        self._write(FAILED_PREFIX, line + b"\n")

    def _write(self, prefix: str, *data: bytes) -> None:
        opened = self._open.get(prefix)
        if opened is None:
            if len(self._open) >= OPEN_MAX:
                self._finish(next(iter(self._open)))
            self._numbers[prefix] += 1
            suffix = ".json" if prefix == FAILED_PREFIX else self._suffix
            key = f"{prefix}replay-{self._digest}-{self._numbers[prefix]:05}{suffix}"
            opened = self._open[prefix] = _OpenFile(self._store, [key, f"{key}.operations"][: len(data)])
        opened.write(*data)
        self.bytes_written += len(data[0])
        if opened.size_bytes >= OBJECT_BYTES:
            self._finish(prefix)

    def _finish(self, prefix: str) -> None:
        self._open[prefix].finish()
        del self._open[prefix]
        self.objects += 1


def check_apart(out: str, paths: list[str]) -> None:
    """See to it that the output is not read as input by the next run.

    Raises:
        InputError: the output lies inside a directory of the input.
    """
    for path in paths:
        if out.startswith(stores.SCHEME) != path.startswith(stores.SCHEME):
            continue
        if out.startswith(stores.SCHEME):
            inside = f"{out.rstrip('/')}/".startswith(f"{path.rstrip('/')}/")
        else:
            inside = Path(out).resolve().is_relative_to(Path(path).resolve())
        if inside:
            raise InputError(f"--out {out} lies inside {path}, so the next run would read it: name another place")
