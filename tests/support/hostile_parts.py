"""What a hostile record is, and what the lists of them are made with: columns, lines, messages, changes.

Invariant: the same arguments give the same bytes.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass

import zstandard

MB = 1_000_000
JSON_OUT = 'output = { format = "json" }\n'
MANY = 'documents = "many"\n'
LOGS = 'source = "cloudwatch-logs"\n'
DYNAMODB = 'source = "dynamodb"\n'


@dataclass(frozen=True)
class Hostile:
    """One record: its name, the configuration, what makes its payload, and what makes as many bytes in good order.

    `copies` is how many of it make the batch that is measured.
    """

    name: str
    config: str
    make: Callable[[], bytes]
    good: Callable[[], bytes] | None = None
    copies: int = 1


def columns(count: int, kind: str = "", path: str = "a", more: str = "") -> str:
    """So many columns of a type, of one path or, with a star in it, of a path each."""
    word = f', type = "{kind}"' if kind else ""
    lines = [f'c{i} = {{ path = "{path.replace("*", str(i))}"{word}{more} }}' for i in range(count)]
    return "[columns]\n" + "\n".join(lines) + "\n"


def lines(line: bytes, size: int) -> bytes:
    """A line again and again, up to a size."""
    return (line + b"\n") * (size // (len(line) + 1))


def message(events: str, group: str = "g") -> bytes:
    """A CloudWatch Logs message."""
    head = {"messageType": "DATA_MESSAGE", "owner": "o", "logGroup": group, "logStream": "s"}
    return gzip.compress((json.dumps(head)[:-1] + f',"logEvents":[{events}]}}').encode())


def change(image: str) -> bytes:
    """A DynamoDB change with an item."""
    return b'{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"1"}},"NewImage":{%s}}}' % image.encode()


def gigabyte(compress: Callable[[bytes], bytes]) -> bytes:
    """What 64 MB of zeros are compressed to, which is more than any record may hold."""
    return compress(bytes(1 << 26))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(data)
