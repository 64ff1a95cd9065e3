"""A whole run of the benchmark and what is written of it: `python -m benchmarks.report`.

Here the groups are put together that are measured in the same rounds, and the results become Markdown, pictures and
one JSON file under `results/`. How things are measured is in `harness` and `cold`, what they must show in `targets`.
Invariant: every number in the files is of one run on one machine, which they name.
"""

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks import cold as cold_module
from benchmarks import corpora, emulated, harness, picture, readme
from benchmarks.cold import Cold
from benchmarks.contenders import CONTENDERS, find
from benchmarks.corpora import COLUMN_STEPS, MAIN, RECORD_STEPS, Corpus
from benchmarks.emulated import Emulated
from benchmarks.harness import Pair, Result
from benchmarks.targets import TARGETS, Results, Target

DIRECTORY: Final = Path(__file__).parent / "results"

OURS: Final = ("fastxform", "fastxform-dict", "fastxform-engine")
SCALED: Final = ("fastxform", "tuned")
"""Who is measured over the steps."""

WHY: Final[Mapping[str, str]] = {
    "kinesis-changes": (
        "The metadata of Kinesis makes the event longer, not the work: fastxform reads past it, others build"
        " dictionaries of it."
    ),
    "direct-changes": (
        "Nearly all of a change is of no interest. Handlers that build every object of it pay for all; fastxform"
        " decodes two members, a whole batch goes through each step, and the response is written once, base64 included."
    ),
    "typed-changes": (
        "Dates, decimals and quotes are what a per-record handler pays most for; here they are whole columns, and only"
        " the rows that need quotes are written one by one."
    ),
    "small-records": (
        "With 60 bytes in a record it is the number of Python operations per record that counts, not bytes."
    ),
    "large-records": (
        "With 60 KB in a record everything is the speed of base64 and of skipping JSON; little is left to gain."
    ),
    "mail-routes": "Routes are masks over the batch; most of the time is reading nested members and writing JSON.",
    "ticker": (
        "The blueprint's regular expression reads one spelling only and is cheap; fastxform reads any JSON and drops"
        " four of five rows."
    ),
    "cloudwatch": "Much of it is gzip: by the kernel here, by `zlib` for the others in Python; the rest is the rows.",
    "log-members": "The text of a log event is a document of its own: it is unescaped, checked and walked once more.",
    "whole-items": "No column is named: every attribute of an item is written, so there is nothing to skip.",
    "change-capture": (
        "The image that is there is picked for each row, the operation is metadata of each record, and a delete needs"
        " its keys alone."
    ),
    "bad-records": (
        "A hostile record is handled alone. Who is missing here answered some of them wrongly: `NaN`, lone surrogates,"
        " invalid UTF-8 in a member nobody reads, two documents, a missing member."
    ),
}


def groups() -> list[list[Pair]]:
    """Return what is measured together, group by group."""
    found = [[(corpus, contender) for contender in CONTENDERS] for corpus in MAIN]
    for group in found:
        if group[0][0].name == "bad-records":
            group += [(corpora.CLEAN, find(name)) for name in ("fastxform", "fastxform-dict")]
            group += [(corpora.ODD, find(name)) for name in ("fastxform", "fastxform-engine")]
    found.append([(corpora.find(f"records-{step}"), find(name)) for name in SCALED for step in RECORD_STEPS])
    found.append([(corpora.find(f"columns-{step}"), find(name)) for name in SCALED for step in COLUMN_STEPS])
    return found


# ---- numbers as text


def _milliseconds(nanoseconds: float) -> str:
    value = nanoseconds / 1e6
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    align = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, align, *rows)]


def _line(text: str) -> str:
    """Return text that may stand in a table, in one line."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _corpus_table(corpus: Corpus, results: Results) -> list[str]:
    found = [
        results[corpus.name, contender.name] for contender in CONTENDERS if (corpus.name, contender.name) in results
    ]
    timed = [one for one in found if one.absent is None]
    ours = results.get((corpus.name, "fastxform"))
    rows = []
    for one in timed:
        against = (
            f"{harness.ratio(one, ours):.2f} ({harness.paired_ratio(one, ours):.2f})"
            if ours and ours.absent is None
            else ""
        )
        name = f"**{one.contender.label}**" if one.contender.name in OURS else one.contender.label
        rows.append(
            [
                name,
                _milliseconds(one.least_ns),
                _milliseconds(one.median_ns),
                f"{one.records_per_second():,.0f}",
                f"{one.megabytes_per_second():.0f}",
                f"{one.peak_bytes / 1e6:.0f}",
                against,
            ]
        )
    size = found[0]
    lines = [
        f"### {corpus.title}",
        "",
        f"`{corpus.name}`: {size.records:,} records, {size.event_bytes:,} bytes of event.",
        "",
    ]
    head = ["contender", "CPU ms, least", "median", "records/s", "MB/s", "peak MB", "times fastxform"]
    lines += _table(head, rows) if rows else ["No contender gave the right answers."]
    absent = [f"- {one.contender.label}: {_line(one.absent)}" for one in found if one.absent is not None]
    lines += ["", "Not in the table:", "", *absent] if absent else []
    return [*lines, "", WHY[corpus.name], ""] if corpus.name in WHY else [*lines, ""]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line through some points."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / sum((x - middle_x) ** 2 for x, _ in points)


def _steps(results: Results, kind: str, steps: Sequence[int], name: str) -> list[tuple[int, Result]]:
    """Return the results of a contender over the steps, those that are there."""
    found = [(step, results.get((f"{kind}-{step}", name))) for step in steps]
    return [(step, one) for step, one in found if one is not None and one.absent is None]


def _scaling(results: Results) -> list[str]:
    lines = [
        "## Scaling",
        "",
        "![Cost per record and per column](scaling.svg)",
        "",
        "### Records of 60 bytes, two columns",
        "",
    ]
    rows = []
    for name in SCALED:
        found = _steps(results, "records", RECORD_STEPS, name)
        for step, one in found:
            rows.append(
                [
                    f"{find(name).label}, {step:,} records",
                    _milliseconds(one.least_ns),
                    f"{one.least_ns / step / 1e3:.3f}",
                ]
            )
        if len(found) > 1:
            tilt = slope([(step, one.least_ns) for step, one in found])
            rows.append([f"{find(name).label}, slope", "", f"{tilt / 1e3:.3f}"])
    lines += _table(["contender, records", "CPU ms, least", "us a record"], rows)
    lines += ["", "### 3,000 documents of 50 members", ""]
    rows = []
    for name in SCALED:
        found = _steps(results, "columns", COLUMN_STEPS, name)
        for step, one in found:
            rows.append(
                [
                    f"{find(name).label}, {step} columns",
                    _milliseconds(one.least_ns),
                    f"{one.least_ns / one.records / 1e3:.3f}",
                ]
            )
        if len(found) > 1:
            tilt = slope([(step, one.least_ns / one.records) for step, one in found])
            rows.append([f"{find(name).label}, slope: us a record and column", "", f"{tilt / 1e3:.4f}"])
    return [*lines, *_table(["contender, columns", "CPU ms, least", "us a record"], rows), ""]


def _cold(cold: Cold | None) -> list[str]:
    if cold is None:
        return []
    rows = [
        ["`import pyarrow`, without numpy", f"{cold.pyarrow_ms:.0f} ms"],
        ["`import fastxform.handler`, configuration read", f"{cold.handler_ms:.1f} ms"],
        ["the same without the native kernel", f"{cold.engine_ms:.1f} ms"],
        ["first invocation of a process, `direct-changes`", f"{cold.first_ms:.1f} ms"],
        ["tenth invocation", f"{cold.tenth_ms:.1f} ms"],
        [f"resident after {cold_module.GROWTH_FROM:,} invocations", f"{cold.early_bytes / 1e6:.0f} MB"],
        [f"resident after {cold_module.GROWTH_TO:,} invocations", f"{cold.late_bytes / 1e6:.0f} MB"],
    ]
    return ["## Cold", "", *_table(["what", "CPU time or memory"], rows), ""]


def _emulated(found: Sequence[Emulated]) -> list[str]:
    if not found:
        return []
    rows = [
        [one.label, _milliseconds(one.least_cpu_ms * 1e6), _milliseconds(one.median_wall_ms * 1e6)] for one in found
    ]
    return [
        "## As Lambda sees it",
        "",
        f"Whole invocations of `{emulated.CORPUS}` under AWS's runtime interface emulator: the CPU time of the"
        " function's process, runtime client included, and the time until the caller has the response, which is mostly"
        " the emulator's, for all alike.",
        "",
        *_table(["function", "CPU ms, least", "wall ms, median"], rows),
        "",
    ]


def _targets(results: Results, cold: Cold | None) -> list[str]:
    words = {"aim": "aim reached", "gate": "gate passed", "missed": "**missed**", "open": "not measured"}
    rows = []
    for target in TARGETS:
        found = target.measure(results, cold)
        sign = "at most " if target.at_most else ""
        unit = "" if target.unit == "times" else f" {target.unit}"
        shown = "" if found is None else f"{found:.0f}{unit}" if unit else f"{found:.2f}"
        rows.append(
            [target.claim, shown, f"{sign}{target.gate:g}{unit}", f"{target.aim:g}{unit}", words[target.verdict(found)]]
        )
    return ["## Targets", "", *_table(["ratio of least CPU times", "found", "gate", "aim", "verdict"], rows), ""]


def machine() -> dict[str, str]:
    """Return what the numbers depend on."""
    processor = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": f"{os.cpu_count()} cores",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "memory unknown",
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _versions(results: Results) -> dict[str, str]:
    found: dict[str, str] = {}
    for result in results.values():
        found |= result.versions
    return dict(sorted(found.items()))


def markdown(results: Results, cold: Cold | None, rounds: int, invocations: Sequence[Emulated] = ()) -> str:
    """Return the report."""
    facts = machine()
    lines = [
        "# What a transform costs",
        "",
        "Whole invocations, event bytes to response bytes, the JSON of the Lambda runtime included for the contenders"
        " that leave it to the runtime. Every contender runs in processes of its own, one after the other; the answers"
        " of each are compared record by record with those of `tests/support/oracle.py` before it is timed;"
        " then all contenders take turns, round by round. CPU time of the whole process, all threads, user and system.",
        "",
        f"{', '.join(facts.values())}; {rounds} rounds.",
        ", ".join(f"{name} {version}" for name, version in _versions(results).items()) + ".",
        "",
        "The last column is how many times fastxform's CPU time (bytes in, bytes out) goes into the contender's: of the"
        " least times, and in brackets the median of the ratios of each round. Generated by `./build.sh bench`; do not"
        " edit.",
        "",
        "![CPU time per invocation](corpora.svg)",
        "",
        *_targets(results, cold),
        "## Corpora",
        "",
    ]
    for corpus in MAIN:
        if any(name == corpus.name for name, _ in results):
            lines += _corpus_table(corpus, results)
    if any(name.startswith("records-") for name, _ in results):
        lines += _scaling(results)
    return "\n".join([*lines, *_emulated(invocations), *_cold(cold)]).rstrip() + "\n"


# ---- pictures


def _bar(one: Result, with_records: bool) -> picture.Bar:
    ours = one.contender.name in OURS
    if one.absent is not None:
        reason = one.absent.partition(":")[0]
        return picture.Bar(
            one.contender.label, None, "not supported" if reason.startswith("not supported") else reason, ours
        )
    text = f"{_milliseconds(one.least_ns)} ms"
    if with_records:
        text += f", {one.records / one.least_ns * 1e3:.2f} M records/s"
    return picture.Bar(one.contender.label, one.least_ns, text, ours)


def _bars(corpus: Corpus, results: Results, with_records: bool = False) -> picture.Bars:
    found = [
        results[corpus.name, contender.name] for contender in CONTENDERS if (corpus.name, contender.name) in results
    ]
    timed = sorted((one for one in found if one.absent is None), key=lambda one: -one.least_ns)
    rows = [_bar(one, with_records) for one in [*timed, *(one for one in found if one.absent is not None)]]
    subtitle = f"CPU ms per invocation of {found[0].event_bytes / 1e6:.1f} MB, least; shorter is better"
    return picture.Bars(corpus.title, subtitle, rows)


def pictures(results: Results) -> dict[str, str]:
    """Return the pictures by file name, those whose results are there."""
    measured = [corpus for corpus in MAIN if any(name == corpus.name for name, _ in results)]
    found = {}
    head = next((corpus for corpus in measured if corpus.name == "direct-changes"), None)
    if head is not None:
        found["speed.svg"] = picture.draw(
            [_bars(head, results, with_records=True)], f"CPU time of {head.title}, contender by contender"
        )
    if measured:
        panels = [_bars(corpus, results) for corpus in measured]
        found["corpora.svg"] = picture.draw(panels, "CPU time per invocation, corpus by corpus", width=1_080, columns=2)
    if any(name.startswith("records-") for name, _ in results):
        by_records, by_columns = [], []
        for name in SCALED:
            many = _steps(results, "records", RECORD_STEPS, name)
            wide = _steps(results, "columns", COLUMN_STEPS, name)
            label, ours = find(name).label.partition(",")[0], name in OURS
            label = label if ours else "tuned handler"
            if many:
                by_records.append(picture.Line(label, [(step, one.least_ns / step / 1e3) for step, one in many], ours))
            if wide:
                by_columns.append(
                    picture.Line(label, [(step, one.least_ns / one.records / 1e3) for step, one in wide], ours)
                )
        first = picture.Lines(
            "Cost per record", "CPU us a record of 60 bytes, two columns", "records in the event", by_records, True
        )
        second = picture.Lines("Cost per column", "CPU us a document of 50 members", "columns", by_columns, False)
        found["scaling.svg"] = picture.draw(
            [first, second], "CPU time per record over records and columns", width=1_080, columns=2
        )
    return found


# ---- files


def write(
    directory: Path, results: Results, cold: Cold | None, rounds: int, invocations: Sequence[Emulated] = ()
) -> None:
    """Write the report, its pictures and the numbers."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.md").write_text(markdown(results, cold, rounds, invocations))
    for name, text in pictures(results).items():
        (directory / name).write_text(text)
    numbers = {
        "machine": machine(),
        "rounds": rounds,
        "cold": None if cold is None else asdict(cold),
        "emulated": [
            {
                "contender": one.name,
                "cpu_ms": [round(value, 4) for value in one.cpu_ms],
                "wall_ms": [round(value, 4) for value in one.wall_ms],
            }
            for one in invocations
        ],
        "results": [
            {
                "corpus": one.corpus.name,
                "contender": one.contender.name,
                "event_bytes": one.event_bytes,
                "records": one.records,
                "absent": one.absent,
                "cpu_ms": [round(value / 1e6, 4) for value in one.cpu_ns],
                "wall_ms": [round(value / 1e6, 4) for value in one.wall_ns],
                "peak_bytes": one.peak_bytes,
                "versions": one.versions,
            }
            for one in results.values()
        ],
    }
    (directory / "results.json").write_text(json.dumps(numbers, indent=1) + "\n")


def collect(
    pairs: Sequence[Sequence[Pair]], rounds: int, progress: Callable[[str], None]
) -> dict[tuple[str, str], Result]:
    """Measure group after group."""
    found: dict[tuple[str, str], Result] = {}
    for group in pairs:
        for result in harness.measure(group, rounds, progress):
            found[result.corpus.name, result.contender.name] = result
    return found


def unmet(results: Results, cold: Cold | None) -> list[Target]:
    """Return the targets whose gate was missed."""
    return [target for target in TARGETS if target.verdict(target.measure(results, cold)) == "missed"]


def _chosen(names: str | None, known: Sequence[str]) -> set[str]:
    chosen = set(known) if names is None else set(names.split(","))
    unknown = sorted(chosen - set(known))
    if unknown:
        raise SystemExit(f"report: no {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, or some of it, and write the report; a part goes where `--out` says, never over the whole."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description="Run the benchmark and write its report."
    )
    parser.add_argument(
        "--rounds", type=int, default=harness.ROUNDS, help="turns of each contender (default %(default)s)"
    )
    parser.add_argument("--corpora", help="names, with commas between; all by default")
    parser.add_argument("--contenders", help="names, with commas between; all by default")
    parser.add_argument(
        "--out", type=Path, help="directory of the report (default: benchmarks/results for a whole run)"
    )
    options = parser.parse_args(arguments)
    whole = groups()
    known = list(dict.fromkeys(corpus.name for group in whole for corpus, _ in group))
    wanted_corpora: set[str] = _chosen(options.corpora, known)
    wanted: set[str] = _chosen(options.contenders, [contender.name for contender in CONTENDERS])
    is_whole = options.corpora is None and options.contenders is None
    some = [
        [(corpus, one) for corpus, one in group if corpus.name in wanted_corpora and one.name in wanted]
        for group in whole
    ]

    def progress(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    results = collect([group for group in some if group], options.rounds, progress)
    cold = cold_module.measure(progress) if is_whole else None
    invocations = emulated.measure(progress) if is_whole else []
    directory = options.out or (DIRECTORY if is_whole else None)
    if directory is None:
        print(markdown(results, cold, options.rounds, invocations))
    else:
        write(directory, results, cold, options.rounds, invocations)
        progress(f"written to {directory}")
        if is_whole and directory == DIRECTORY:
            readme.main()
            progress("the tables of README.md are those of this run")
    broken = [one for one in results.values() if one.absent is not None and one.contender.name in OURS]
    for one in broken:
        progress(f"no time for {one.contender.name} on {one.corpus.name}: {one.absent}")
    missed = unmet(results, cold)
    for target in missed:
        progress(f"missed: {target.claim}: {target.measure(results, cold):.2f}, the gate is {target.gate:g}")
    return 1 if missed or broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
