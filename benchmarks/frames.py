"""What the controller and its workers say to each other, over pipes.

A message is two lengths of four bytes (little-endian), a JSON header of the first length and a body of the second.
`node/handler.mjs` and `rust/` speak the same. Invariant: a message is read whole or the stream has ended between two
messages.
"""

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<II")


def send(stream: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    """Write one message."""
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message; None where the other end is gone."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, body_length = _LENGTHS.unpack(lengths)
    return json.loads(stream.read(header_length)), stream.read(body_length)
