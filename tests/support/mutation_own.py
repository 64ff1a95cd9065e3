"""Configurations of the differential test with code of the user's own, `map_batch`."""

from decimal import Decimal
from typing import Any

import pyarrow as pa

COLUMNS = """
[columns]
a = { path = "a" }
n = { path = "n" }
j = { path = "j", type = "json" }
hidden = { path = "eventType", hidden = true }
t = { path = "mail.timestamp", type = "timestamp[us]" }
d = { path = "d", type = "date" }
long = { expr = "concat(a, '!')" }
"""
PLAIN = COLUMNS.replace("long = { expr = \"concat(a, '!')\" }\n", "")
ROUTES = """
where = "kind != 'Click'"
[columns]
kind = { path = "eventType", type = "string", default = "none" }
a = { path = "a", type = "string" }
n = { path = "n", type = "int64" }
[[routes]]
where = "kind == 'Send'"
iceberg = { database = "d", table = "sent" }
columns = { inverse = { expr = "100 // n" } }
[[routes]]
iceberg = { database = "d", table = { from = "a", values = { x = "one", A = "two", null = "three" } } }
columns = { late = { path = "b" } }
"""


def _put(batch: Any, **arrays: Any) -> Any:
    columns = dict(zip(batch.schema.names, batch.columns, strict=True)) | arrays
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _of_exact_buffers(texts: list[str]) -> Any:
    """Return texts in buffers of exactly their size: nothing behind them may be read."""
    ends = [0]
    for text in texts:
        ends.append(ends[-1] + len(text.encode()))
    offsets = b"".join(end.to_bytes(4, "little") for end in ends)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer("".join(texts).encode()))


def change(batch: Any) -> Any:
    """Change some texts, add columns of types that no column here has, and refuse what is odd to it."""
    texts = batch["a"].to_pylist()
    if any(text is not None and ("," in text or text == "[]") for text in texts):
        raise ValueError
    sizes = [len(text or "") for text in texts]
    hundreds = [None if size > 30 else Decimal(size * 100) for size in sizes]
    return _put(
        batch,
        a=pa.array([text and (text.upper() if len(text) < 4 else text) for text in texts], pa.string()),
        short=pa.array([size % 7 - 3 for size in sizes], pa.int8()),
        half=pa.array([size / 4 if size % 3 != 1 else None for size in sizes], pa.float32()),
        coarse=pa.array(hundreds, pa.decimal128(12, -2)),
        exact=_of_exact_buffers([text or "-" for text in texts]),
        flag=pa.array([size % 2 == 0 for size in sizes]),
        day=pa.array([size * 3 for size in sizes], pa.int32()).cast(pa.date32()),
        raw=pa.array([(text or "")[:3].encode() for text in texts], pa.binary()),
    )


def retype(batch: Any) -> Any:
    """Give columns other types, and values that nothing can be written of."""
    numbers, times = batch["n"].to_pylist(), batch["t"].to_pylist()
    ticks = [
        None if time is None else 1 << 60 if time.microsecond == 925_000 and number == "7" else 10**15
        for time, number in zip(times, numbers, strict=True)
    ]
    return _put(
        batch,
        a=pa.array([len(text or "") for text in batch["a"].to_pylist()], pa.int64()),
        n=pa.array([float("nan") if number == "5" else float(len(number or "")) for number in numbers]),
        t=pa.array(ticks, pa.int64()).cast(pa.timestamp("us")),
    )
