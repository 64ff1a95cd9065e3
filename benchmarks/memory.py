"""Records per second by memory size: `python -m benchmarks.memory` writes the table that helps to size a function.

A function of M MB gets M / 1769 of a CPU and M MB; a control group of this machine gives the same to a fresh
interpreter with the layer. Invariant: a size whose process was ended, or that nothing limited, has no number.
"""

import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks import corpora, fresh, report
from benchmarks.cgroup import limited

RESULTS: Final = Path(__file__).parent / "results" / "memory.json"

WHOLE_CPU_MB: Final = 1_769
"""A function of this size has one vCPU. Source: Lambda developer guide, "Configure Lambda function memory"."""

SIZES_MB: Final = (128, 256, 512, 1_024, 1_769)
CORPORA: Final = ("direct-changes", "typed-changes")
INVOCATIONS: Final = 33
SETTLED: Final = 3
"""Invocations at the start of a container that do not count: they are cold."""
WINDOW: Final = 10
"""Invocations in a row whose mean counts, the least mean of all: a single one may spend what another has saved of the
quota, and what else the machine does only ever adds.
"""


def measure() -> dict[str, Any]:
    """Measure every size.

    Raises:
        SystemExit: this machine lets nobody limit memory and CPU.
    """
    target = fresh.targets()[0]
    rows = []
    with TemporaryDirectory() as folder, fresh.mounted(target) as layer:
        for name in CORPORA:
            corpus = corpora.find(name)
            config, event = Path(folder, f"{name}.toml"), Path(folder, f"{name}.json")
            config.write_text(corpus.config, encoding="utf-8")
            event.write_bytes(corpus.event())
            for size_mb in SIZES_MB:
                print(f"{name}: {size_mb} MB", file=sys.stderr)
                row = _row(layer, config, event, size_mb)
                rows.append(row | {"corpus": name, "records": len(corpus.payloads()), "size_mb": size_mb})
    return {"machine": report.machine(), "layer": layer.built.path.name, "rows": rows}


def _row(layer: fresh.Mounted, config: Path, event: Path, size_mb: int) -> dict[str, Any]:
    """Measure one size: wall milliseconds, since the quota makes the process wait."""
    with limited(size_mb << 20, size_mb / WHOLE_CPU_MB) as limits:
        if limits.memory is None or len(limits.groups) < 2:
            raise SystemExit("memory: no control group of this machine can limit memory and CPU; run it as root")
        found = layer.run("fastxform.handler", config, str(event), str(INVOCATIONS), within=limits.prefix)
        peak = limits.peak_bytes()
    if found is None:
        return {"wall_ms": None, "peak_mib": None}
    times = found["wall_ns"][SETTLED:]
    means = [statistics.mean(times[start : start + WINDOW]) for start in range(len(times) - WINDOW + 1)]
    return {"wall_ms": min(means) / 1e6, "peak_mib": found["peak_bytes"] / 2**20, "group_mib": peak and peak / 2**20}


def table(numbers: Mapping[str, Any]) -> str:
    """Return the table."""
    lines = [
        "| memory | vCPU | " + " | ".join(f"{name}: ms | records/s | peak MiB" for name in CORPORA) + " |",
        "|---:|---:|" + "---:|---:|---:|" * len(CORPORA),
    ]
    rows = {(row["corpus"], row["size_mb"]): row for row in numbers["rows"]}
    for size_mb in SIZES_MB:
        cells = []
        for name in CORPORA:
            row = rows[name, size_mb]
            if row["wall_ms"] is None:
                cells += ["too small", "", ""]
            else:
                speed = row["records"] / row["wall_ms"] * 1e3
                cells += [f"{row['wall_ms']:.0f}", f"{speed:,.0f}", f"{row['peak_mib']:.0f}"]
        lines.append(f"| {size_mb} MB | {size_mb / WHOLE_CPU_MB:.2f} | {' | '.join(cells)} |")
    source = [
        f"Milliseconds of a warm invocation with an event of about 5.6 MB, least mean of {WINDOW} in a row, by",
        f"`{numbers['layer']}` in a control group of that memory and that share of a CPU, on a machine that was",
        f"not idle: {', '.join(numbers['machine'].values())}.",
    ]
    return "\n".join([*lines, "", *source])


def main() -> None:
    """Measure, write the numbers, print the table."""
    numbers = measure()
    RESULTS.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(numbers) + "\n", encoding="utf-8")
    print(table(numbers))


if __name__ == "__main__":
    main()
