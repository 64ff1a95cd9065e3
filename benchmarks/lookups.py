"""`python -m benchmarks.lookups`: rows a second through `lookup`, by batch and by how many keys are asked for.

A table of 50,000 keys, its texts as long as those of shops and their regions. Invariant: what is timed was compared
with Python's own `dict` before.
"""

import random
import statistics
import time
from typing import Final

import pyarrow as pa

from fastxform.datatypes.logical import Type
from fastxform.query.compiler import Expression, compile_expression
from fastxform.query.lookup_tables import LookupTable

KEYS: Final = 50_000
ROUNDS: Final = 25
CASES: Final = ((500, KEYS), (500, 200), (6_000, KEYS), (6_000, 200), (100_000, KEYS), (1_000_000, KEYS))
"""Rows of a batch, and how many keys they ask for; one row in twenty asks for a key that is not there."""


def main() -> None:
    """Print the table."""
    rng = random.Random(16)
    keys = [f"shop-{number:06}" for number in range(KEYS)]
    regions = [f"region {number % 97}" for number in range(KEYS)]
    table = LookupTable("shop", pa.array(keys), {"region": pa.array(regions)}, "region")
    expression = compile_expression("lookup('shop', shop, 'region')", {"shop": Type("string")}, {"shop": table})
    known = dict(zip(keys, regions, strict=True))
    print(f"{KEYS:,} keys, {table.size_bytes / 1e6:.1f} MB; CPU time, least and median of {ROUNDS}")
    print("| rows | keys asked for | ms | M rows/s, least | M rows/s, median |\n|---|---|---|---|---|")
    for rows, asked in CASES:
        texts = [keys[rng.randrange(asked)] if rng.random() < 0.95 else "none" for _ in range(rows)]
        column = pa.array(texts)
        found = expression.evaluate({"shop": column}, rows, 0)
        assert found.to_pylist() == list(map(known.get, texts))
        times = [_seconds(expression, column) for _ in range(ROUNDS)]
        least, median = min(times), statistics.median(times)
        print(f"| {rows:,} | {asked:,} | {least * 1e3:.2f} | {rows / least / 1e6:.1f} | {rows / median / 1e6:.1f} |")


def _seconds(expression: Expression, column: pa.Array) -> float:
    start = time.process_time()
    expression.evaluate({"shop": column}, len(column), 0)
    return time.process_time() - start


if __name__ == "__main__":
    main()
