"""Objects by name: files, directories and S3, found in one order and opened as streams of bytes.

The one importer of `pyarrow.fs`, and only where a name begins with `s3://`; what the bytes say is not known here.
Invariant: the same tree is found in the same order, and every failure is an `InputError` of one line.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast
from urllib.parse import urlsplit

from fastxform.errors import InputError

SCHEME: Final = "s3://"
STDIN: Final = "standard input"
_BUFFER_BYTES: Final = 4 << 20
"""Bytes of one request to S3, ours: a request for each line would take forever."""

_REMEDIES: Final = {
    "ACCESS_DENIED": "access denied: reading needs s3:ListBucket and s3:GetObject, writing s3:PutObject",
    "NO_SUCH_BUCKET": "there is no such bucket",
    "NETWORK_CONNECTION": "the endpoint of S3 cannot be reached: is AWS_REGION the bucket's, and the network there?",
    "INVALID_ACCESS_KEY_ID": "the AWS credentials are not accepted: see AWS_PROFILE and AWS_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH": "the AWS credentials are not accepted: see AWS_PROFILE and AWS_SECRET_ACCESS_KEY",
    "EXPIRED_TOKEN": "the AWS credentials have expired: renew them and run this again",
}


class Stored(NamedTuple):
    """One object: its name as it is shown, its bytes, and when it was last changed, in ns since 1970."""

    name: str
    size_bytes: int
    modified_ns: int


def find(paths: Sequence[str], note: Callable[[str], None]) -> list[Stored]:
    """Return the objects of files, directories, `s3://` URIs and `-`, in the order of the paths, sorted below each.

    Hidden files of a directory are passed over; one object under two paths counts once, and `note` says so.

    Raises:
        InputError: a path does not exist or cannot be read.
    """
    stored_objects: dict[str, Stored] = {}
    for path in paths:
        below = _find(path)
        if not below:
            note(f"{path}: holds no objects")
        twice = [stored.name for stored in below if _identity(stored.name) in stored_objects]
        if twice:
            note(f"{path}: {len(twice)} objects are named twice and read once, the first {twice[0]}")
        for stored in below:
            stored_objects.setdefault(_identity(stored.name), stored)
    return list(stored_objects.values())


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """Open an object for reading.

    Raises:
        InputError: it cannot be opened, or reading from it fails.
    """
    with reading(name):
        if name == STDIN:
            if sys.stdin is None:
                raise InputError(f"{STDIN} is closed")
            yield sys.stdin.buffer
        elif name.startswith(SCHEME):
            with s3().open_input_stream(key_of(name), compression=None, buffer_size=_BUFFER_BYTES) as stream:
                yield cast(BinaryIO, stream)
        else:
            with Path(name).open("rb") as file:
                yield file


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what goes wrong with an object into one line."""
    try:
        yield
    except (OSError, ValueError) as err:
        raise InputError(f"{name}: {_explain(err)}") from err


def key_of(name: str) -> str:
    """Return what stands behind `s3://`: bucket and key.

    Raises:
        InputError: there is no bucket.
    """
    key = name.removeprefix(SCHEME).rstrip("/")
    if not key or key.startswith("/"):
        raise InputError(f"{name}: names no bucket: write s3://BUCKET or s3://BUCKET/PREFIX")
    return key


@cache
def s3() -> Any:
    """Return S3 by the endpoint and region of the environment; the credentials are those of the AWS SDK."""
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    options: dict[str, Any] = {"region": region} if region else {}
    if endpoint:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InputError(f"the endpoint of S3 in the environment is no URL: {endpoint!r}")
        options |= {"scheme": parts.scheme, "endpoint_override": parts.netloc}
        options.setdefault("region", "us-east-1")
    return fs.S3FileSystem(**options)


def upload(path: Path, name: str) -> None:
    """Copy a file to S3 as one object, which is there as a whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    from pyarrow import fs

    with reading(name):
        # Not through a stream of ours: what breaks off in between would be closed, and so be an object cut short.
        fs.copy_files(str(path), key_of(name), fs.LocalFileSystem(), s3())


def _find(path: str) -> list[Stored]:
    if path == "-":
        return [Stored(STDIN, 0, 0)]
    return _find_s3(path) if path.startswith(SCHEME) else _find_local(path)


def _find_local(path: str) -> list[Stored]:
    with reading(path):
        if not Path(path).is_dir():
            return [_stored(path)]
        names = []
        for folder, folders, files in os.walk(path, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            names += [os.path.join(folder, name) for name in files if not name.startswith(".")]  # noqa: PTH118
        return [_stored(name) for name in sorted(names)]


def _raise(err: OSError) -> None:
    raise err


def _stored(name: str) -> Stored:
    status = Path(name).stat()
    return Stored(name, status.st_size, status.st_mtime_ns)


def _find_s3(uri: str) -> list[Stored]:
    from pyarrow import fs

    key = key_of(uri)
    with reading(uri):
        info = s3().get_file_info(key)
        if info.type == fs.FileType.NotFound:
            raise InputError(f"{uri}: there is no such object or prefix; a prefix ends where a / stands in the keys")
        below = [info] if info.is_file else s3().get_file_info(fs.FileSelector(key, recursive=True))
    objects = [Stored(SCHEME + item.path, item.size, item.mtime_ns or 0) for item in below if item.is_file]
    return sorted(objects)


def _identity(name: str) -> str:
    return name if name.startswith(SCHEME) else str(Path(name).resolve())


def _explain(err: OSError | ValueError) -> str:
    text = getattr(err, "strerror", None) or str(err)
    match = re.search(r"AWS Error (\w+)", text)
    known = _REMEDIES.get(match.group(1)) if match else None
    return known or " ".join(text.split())[:300]
