"""What a reader's dialect costs over plain CSV: `python -m benchmarks.dialects`, which writes results/dialects.md.

One burst of DynamoDB changes, none of whose texts needs care, goes through one pipeline for each reader, in turns in
one process; both the engine's path and, where it takes the dialect, the native kernel's. CPU time, the least and the
median of the rounds; ratios are of the medians, to the plain CSV of the same path. Invariant: without a NUL, a quote or
a line break in it, what is timed is the same rows for every reader, which is checked before.
"""

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

RESULT: Final = Path(__file__).parent / "results" / "dialects.md"
RECORDS: Final = 6_000
COLUMNS: Final = """
[columns]
id = { path = "dynamodb.Keys.id", type = "string" }
name = { path = "dynamodb.NewImage.name", type = "string" }
country = { path = "dynamodb.NewImage.country", type = "string" }
population = { path = "dynamodb.NewImage.population", type = "int64" }
changed_at = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[ms]" }
kind = { path = "eventName", type = "string" }
"""
PLAIN: Final = "plain CSV"
CARE: Final = b"\"\\\n\r\0=@'"


def payloads() -> list[bytes]:
    """Return the records of the burst in whose texts no reader finds anything to escape."""
    from fastxform.tools.sample_data import burst

    return [payload for payload in burst.records("cities", 2 * RECORDS, seed=5) if is_easy(payload)][:RECORDS]


def is_easy(payload: bytes) -> bool:
    """Tell whether the values of a change hold nothing that any dialect escapes, and no comma."""
    from fastxform import Pipeline

    (row,) = Pipeline.from_toml(f'source = "dynamodb"\n{COLUMNS}').run([payload]).data
    return row is not None and row.count(b",") == 5 and not set(row[:-1]) & set(CARE)


def measure(rounds: int) -> dict[str, tuple[float, float]]:
    """Return for plain CSV and for each reader of CSV the least and the median milliseconds of CPU time of a batch."""
    from fastxform import Pipeline
    from fastxform.config.readers import READERS

    records = payloads()
    heads = {PLAIN: ""} | {
        name: f'output = {{ reader = "{name}" }}\n' for name, reader in READERS.items() if reader.format == "csv"
    }
    pipelines = {name: Pipeline.from_toml(f'source = "dynamodb"\n{head}{COLUMNS}') for name, head in heads.items()}
    plain = pipelines[PLAIN].run(records).data
    for name, pipeline in pipelines.items():
        found = pipeline.run(records).data
        assert [row and row.rstrip(b"\r\n").replace(b"\\N", b"") for row in found] == [
            row and row[:-1] for row in plain
        ], name
    times: dict[str, list[float]] = {name: [] for name in pipelines}
    order = list(pipelines)
    for turn in range(rounds):
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            start = time.process_time()
            pipelines[name].run(records)
            times[name].append((time.process_time() - start) * 1_000)
    return {name: (min(found), statistics.median(found)) for name, found in times.items()}


def table(found: dict[str, tuple[float, float]]) -> str:
    """Return the table of the docs."""
    lines = ["| dialect | CPU time of 6,000 rows | of plain CSV |", "|---|---:|---:|"]
    for name, (least, median) in found.items():
        ratio = median / found[PLAIN][1]
        shown = name if name == PLAIN else f"`{name}`"
        lines.append(f"| {shown} | {least:.1f} ms, median {median:.1f} ms | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the table of the engine's path."""
    parser = argparse.ArgumentParser(description="what a reader's dialect costs over plain CSV")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--kernel", action="store_true", help="with the native kernel; nothing is written")
    options = parser.parse_args(arguments)
    # Read when the package is first used, which is in `measure`.
    os.environ["FASTXFORM_KERNEL"] = "1" if options.kernel else "0"
    text = table(measure(options.rounds))
    print(text, end="")
    if not options.kernel:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
