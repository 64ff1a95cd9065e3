"""Objects in S3, by whatever client is given: whole, once they are closed.

S3 has no append, so the pieces of an open object wait in memory; keys and buffering are decided elsewhere. Invariant:
an object is in the bucket with all of its bytes or not at all.
"""

import gzip
from typing import Any, Final, Protocol

COMPRESSED: Final = ".gz"
"""The end of the names of objects that are compressed."""


class S3Client(Protocol):
    """What is used of an S3 client, which tries again by itself."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> Any:
        """Write one object."""


class S3Sink:
    """The objects of one bucket; those whose key says so are compressed."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._open: dict[str, list[bytes]] = {}

    def append(self, key: str, data: bytes) -> None:
        """Add bytes to the end of the object `key`."""
        self._open.setdefault(key, []).append(data)

    def close(self, key: str) -> None:
        """Write the object `key`."""
        body = b"".join(self._open[key])
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=gzip.compress(body, mtime=0) if key.endswith(COMPRESSED) else body
        )
        del self._open[key]
