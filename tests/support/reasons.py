"""A record that fails for each reason of the closed list, as invocations of a handler, and what is left of them.

`python reasons.py leaks ROUNDS` prints a line of JSON for each reason: by how many bytes a process grows that meets it
again and again. `python reasons.py mixed ROUNDS` does so for all of them in turn, among good records; `planted` for
what leaves 700 bytes each time.
Invariant: each reason of `errors.REASONS` has its case, and each is seen to give its reason before it is repeated.
"""

import base64
import contextlib
import ctypes
import gc
import gzip
import io
import json
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from fastxform import Pipeline, make_handler
from fastxform.errors import REASONS
from fastxform.invocation import handler as handlers

A = '[columns]\na = "a"\n'
GOOD = b'{"a":"x","b":1}'
ARN = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/d"
ICEBERG = '[[routes]]\niceberg = { database = "d", table = "t", operation = %s }\n'
TABLE = '[[routes]]\niceberg = { database = "d", table = { from = "a", values = { y = "y" } } }\n'


class Case(NamedTuple):
    """A configuration, the payloads of an event, and what else stands in it or around it."""

    config: str
    payloads: tuple[bytes, ...]
    event: Mapping[str, Any] = {}
    map_batch: Callable[[Any], Any] | None = None
    client: Callable[..., Any] | None = None
    left_ms: int = 60_000
    limit_bytes: int = 6_291_556
    breaks: bool = False


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def raising(*_: Any) -> Any:
    raise ValueError("no")


class Refusing:
    """A client whose stream takes no record."""

    def put_record_batch(self, *, DeliveryStreamName: str, Records: list[Any]) -> dict[str, Any]:
        """Refuse the records."""
        return {"FailedPutCount": len(Records), "RequestResponses": [{"ErrorCode": "InternalFailure"} for _ in Records]}


MANY_X = tuple(b'{"a":"%s"}' % (b"x" * 900) for _ in range(6))
CASES = {
    "base64": Case(A, (GOOD,), {"broken": True}),
    "compression": Case(A, (gzip.compress(bytes(1 << 16))[:-9], zstd(bytes(1 << 16))[:-3], b"\x28\xb5\x2f\xfdno")),
    "too_large": Case(A, (zstd(bytes((1 << 24) + 1)),)),
    "rows": Case('source = "text"\ndocuments = "many"\n', (gzip.compress(b"x\n" * 100_001),)),
    "utf8": Case(A, (b'{"a":"\xff"}', b"\xef\xbb\xbf{}")),
    "json": Case(A, (b'{"a":', b"{}x")),
    "depth": Case(A, (b'{"a":' + b"[" * 600 + b"]" * 600 + b"}",)),
    "not_object": Case(A, (b"1", b"[]")),
    "documents": Case('documents = "many"\n' + A + '[partition_keys]\na = "a"\n', (b'{"a":"x"}{"a":"y"}',)),
    "empty": Case('empty = "fail"\n' + A, (b"", b" ")),
    "shape": Case('source = "dynamodb"\n[columns]\na = "dynamodb.NewImage.a"\n', (b"{}",)),
    "parse": Case('[parse.p]\nof = "a"\nformat = "json"\n[columns]\nx = "p.x"\n', (b'{"a":"{"}', b'{"a":1}')),
    "explode": Case('[explode]\npath = "a"\nas = "i"\n[columns]\nx = "i"\n', (b'{"a":1}',)),
    "message": Case('source = "cloudwatch-logs"\n[columns]\nid = "id"\n', (b"{}", b'{"messageType":"X"}')),
    "path": Case('[columns]\na = "sum(a)"\n', (b'{"a":["x"]}',)),
    "type": Case('[columns]\na = { path = "a", type = "int64" }\n', (b'{"a":"x"}', b'{"a":1e999}')),
    "pattern": Case('[columns]\na = { path = "a", type = "string", pattern = "[a-z]" }\n', (b'{"a":"X"}',)),
    "required": Case('[columns]\na = { path = "a", required = true }\n', (b"{}",)),
    "expression": Case(
        '[columns]\nb = { path = "b", type = "int64" }\ne = { expr = "b // (b - 1)" }\n', (GOOD, b'{"b":1}')
    ),
    "unmatched": Case(A + "[[routes]]\nwhere = \"a == 'y'\"\n", (GOOD,)),
    "operation": Case(
        'output = { format = "json" }\n'
        + '[columns]\na = { path = "a", type = "string" }\n'
        + ICEBERG % '{ INSERT = "insert" }',
        (GOOD,),
    ),
    "table": Case('output = { format = "json" }\n[columns]\na = { path = "a", type = "string" }\n' + TABLE, (GOOD,)),
    "map_batch": Case(A, (GOOD,), map_batch=raising),
    "quoting": Case('output = { quoting = "none" }\n' + A, (b'{"a":"x,y"}',)),
    "partition_key": Case(A + '[partition_keys]\na = "a"\n', (b"{}",)),
    "overflow": Case('overflow = { policy = "fail" }\n' + A, MANY_X, limit_bytes=5_000),
    "never_fits": Case(A, (b'{"a":"%s"}' % (b"x" * 9_000),), limit_bytes=5_000),
    "put_failed": Case(A, MANY_X, {"deliveryStreamArn": ARN}, client=raising, limit_bytes=5_000),
    "put_refused": Case(A, MANY_X, limit_bytes=5_000),
    "deadline": Case(A, MANY_X, {"deliveryStreamArn": ARN}, client=lambda *_: Refusing(), left_ms=1, limit_bytes=5_000),
    "internal": Case(A, (GOOD,), breaks=True),
}


class Context:
    """Lambda's context, as far as it is asked."""

    def __init__(self, left_ms: int) -> None:
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left."""
        return self.left_ms


def event_of(payloads: tuple[bytes, ...], more: Mapping[str, Any]) -> bytes:
    """Return an event with a record for each payload."""
    records = [{"recordId": str(n), "data": base64.b64encode(p).decode()} for n, p in enumerate(payloads)]
    if more.get("broken"):
        records[0]["data"] = "%%%"
    named = {name: value for name, value in more.items() if name != "broken"}
    return json.dumps({"invocationId": "i", **named, "records": records}).encode()


def failing(reason: str) -> Callable[[], None]:
    """Return what makes one invocation in which records fail for a reason, which it is seen to do here."""
    case = CASES[reason]
    pipeline = Pipeline.from_toml(case.config, case.map_batch)
    if case.breaks:
        pipeline._encoder.write = raising
        pipeline.native = None
    handler = make_handler(pipeline, case.client, reports=True)
    event, context = event_of(case.payloads, case.event), Context(case.left_ms)

    def invoke() -> None:
        limited(handler, event, context, case.limit_bytes)

    with contextlib.redirect_stdout(io.StringIO()) as written:
        invoke()
    said = next(line["failed"] for line in map(json.loads, written.getvalue().splitlines()) if "failed" in line)
    assert reason in {code.partition(":")[0] for code in said}, f"{reason}: {said}"
    return invoke


def limited(handler: Callable[..., bytes], event: bytes, context: Context, limit_bytes: int) -> bytes:
    """Call a handler where a response may be no longer than a limit."""
    known, handlers.RESPONSE_LIMIT_BYTES = handlers.RESPONSE_LIMIT_BYTES, limit_bytes
    try:
        return handler(event, context)
    finally:
        handlers.RESPONSE_LIMIT_BYTES = known


def resident_bytes() -> int:
    """Return what this process has in memory, once what it does not use is given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096


def growth(invoke: Callable[[], object], rounds: int) -> int:
    """Return by how many bytes this process grows in the second half of so many rounds."""
    for _ in range(rounds // 2):
        invoke()
    before = resident_bytes()
    for _ in range(rounds - rounds // 2):
        invoke()
    return resident_bytes() - before


def good() -> Callable[[], None]:
    """Return an invocation none of whose records fails."""
    handler = make_handler(Pipeline.from_toml(A), reports=True)
    event = event_of((GOOD, gzip.compress(GOOD), zstd(GOOD)) * 4, {})
    return lambda: handler(event, None)


def mixed(rng: random.Random, slow: bool = False) -> Callable[[], None]:
    """Return an invocation of any kind; of those that unpack megabytes one in a hundred."""
    each = {reason: failing(reason) for reason in REASONS}
    heavy = [each[reason] for reason in ("too_large", "rows")]
    light = [each[reason] for reason in REASONS if reason not in ("too_large", "rows")] + [good()] * 8

    def invoke() -> None:
        rng.choice(heavy if slow or rng.random() < 0.01 else light)()

    return invoke


def main() -> None:
    """Print how much a process grows."""
    out = sys.stdout
    sys.stdout = io.TextIOWrapper(open("/dev/null", "wb"))  # noqa: PTH123, SIM115
    what, rounds = sys.argv[1], int(sys.argv[2])
    if what == "planted":
        kept: list[bytearray] = []
        print(json.dumps({"planted": growth(lambda: kept.append(bytearray(700)), rounds)}), file=out, flush=True)
        return
    if what == "mixed":
        print(json.dumps({"mixed": growth(mixed(random.Random(1)), rounds)}), file=out, flush=True)
        return
    for reason in REASONS:
        count = max(8, rounds // 10) if reason in ("too_large", "rows") else rounds
        print(json.dumps({reason: growth(failing(reason), count)}), file=out, flush=True)


if __name__ == "__main__":
    main()
