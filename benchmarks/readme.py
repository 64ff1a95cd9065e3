"""The tables of the README and of the guide, made of `results/results.json` and `results/layer.json`.

`python -m benchmarks.readme` writes the first into the README; the guide's page on sizing has the second.

Nothing is measured here, and only the standard library is imported. Invariant: the README shows what the last reports
of the repository hold, no more and nothing older.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
BEGIN: Final = "<!-- results: python -m benchmarks.readme writes what stands between these lines -->"
END: Final = "<!-- end of results -->"

ROWS: Final = {
    "direct-changes": "6,000 DynamoDB changes, two columns to CSV",
    "kinesis-changes": "5,200 the same from a Kinesis source",
    "typed-changes": "5,200, ten typed columns, 2 % quoted",
    "small-records": "25,000 records of 60 bytes",
    "large-records": "60 records of 60 KB",
    "mail-routes": "3,400 SES events to three Iceberg tables",
    "ticker": "25,000 stock prices, filtered",
    "cloudwatch": "3,000 compressed CloudWatch messages",
    "log-members": "1,500 of them, members of the JSON in each line",
    "whole-items": "6,000 DynamoDB items as plain JSON",
    "change-capture": "6,000 DynamoDB changes to an Iceberg table",
}
CONTENDERS: Final = {
    "stdlib": "standard library",
    "orjson": "orjson, one by one",
    "tuned": "msgspec, one by one",
    "node": "Node.js",
    "rust": "Rust, `Value`",
    "rust-typed": "Rust, typed",
    "fastxform-engine": "ours, no kernel",
}


_WITHOUT_KERNEL: Final = (
    "The rounds were run before the native kernel: [NOTES.md](benchmarks/NOTES.md) has what it takes of the same work."
)


def _least(results: Sequence[Mapping[str, Any]], corpus: str, contender: str) -> float | None:
    for one in results:
        if one["corpus"] == corpus and one["contender"] == contender and one["absent"] is None:
            return float(min(one["cpu_ms"]))
    return None


def table(numbers: Mapping[str, Any]) -> str:
    """Return the table with the line that says where its numbers come from."""
    results = numbers["results"]
    records = {one["corpus"]: one["records"] for one in results}
    measured = {one["contender"] for one in results if one["absent"] is None}
    contenders = {name: label for name, label in CONTENDERS.items() if name in measured}
    lines = [
        "| one invocation, event bytes to response bytes | fastxform, CPU | records/s | "
        + " | ".join(contenders.values())
        + " |",
        f"|---|---:|---:|{'---:|' * len(contenders)}",
    ]
    for corpus, title in ROWS.items():
        ours = _least(results, corpus, "fastxform")
        if ours is None:
            continue
        others = [_least(results, corpus, contender) for contender in contenders]
        times = [f"{other / ours:.1f} x" if other is not None else "" for other in others]
        lines.append(f"| {title} | {ours:.1f} ms | {records[corpus] / ours * 1e3:,.0f} | {' | '.join(times)} |")
    source = [
        "Each of the other columns is that handler's CPU time divided by fastxform's, for the same work. All responses",
        "are compared record by record before anything is timed.",
        f"{', '.join(numbers['machine'].values())}; least of {numbers['rounds']} rounds, in turns.",
        *_as_lambda_sees_it(numbers),
        *([] if "fastxform-engine" in measured else [_WITHOUT_KERNEL]),
        "[The report](benchmarks/results/report.md) has all results, losses included.",
    ]
    return "\n".join([*lines, "", *source])


def _as_lambda_sees_it(numbers: Mapping[str, Any]) -> list[str]:
    """Return what a function's process spends under AWS's emulator, where that was measured."""
    names = {"fastxform": "fastxform", "stdlib": "the standard library", "node": "Node.js"}
    least = {one["contender"]: min(one["cpu_ms"]) for one in numbers.get("emulated", ())}
    if not least:
        return []
    each = ", ".join(f"{label} {least[name]:.1f} ms" for name, label in names.items() if name in least)
    return [
        "As Lambda sees it, CPU of a function's process with the runtime client, under the runtime interface emulator,",
        f"one invocation of the 6,000 changes: {each}.",
    ]


def layer_table(numbers: Mapping[str, Any]) -> str:
    """Return the table of the layer with the line that says where its numbers come from."""
    cold = numbers["cold"]
    sizes = (f"{numbers[name]:.1f} MiB" for name in ("zipped_mib", "unzipped_mib"))
    lines = [
        "| layer, zipped | unzipped | `import fastxform.handler` | `import pyarrow` alone | first invocation | tenth |",
        "|---:|---:|---:|---:|---:|---:|",
        f"| {' | '.join(sizes)} | {cold['import_ms']:.0f} ms | {cold['pyarrow_ms']:.0f} ms "
        f"| {cold['first_ms']:.0f} ms | {cold['tenth_ms']:.0f} ms |",
        "",
        f"`{numbers['name']}`, {numbers['python']}, CPU time of fresh interpreters that have nothing but the layer;",
        f"invocations of {numbers['records']:,} DynamoDB changes. Without its bytecode the import takes "
        f"{cold['import_without_bytecode_ms']:.0f} ms.",
        f"{', '.join(numbers['machine'].values())}.",
    ]
    return "\n".join(lines)


def written(readme: str, numbers: Mapping[str, Any]) -> str:
    """Return the README with the table in its place."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(numbers)}\n{END}{after}"


def main() -> None:
    """Write the table into the README."""
    path = ROOT / "README.md"
    numbers = json.loads((ROOT / "benchmarks/results/results.json").read_text(encoding="utf-8"))
    path.write_text(written(path.read_text(encoding="utf-8"), numbers), encoding="utf-8")


if __name__ == "__main__":
    main()
