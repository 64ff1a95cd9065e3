"""`fastxform explain`: which way each column takes, what it costs, and one record step by step.

All of it is found in `fastxform.tools.explain`; here it is printed. Invariant: values of a record are printed only
where an INPUT is given.
"""

import argparse
from itertools import islice
from typing import TYPE_CHECKING, Final

from fastxform.cli.console import Console, Paint, table, visible
from fastxform.cli.inputs import InputRecord, open_reader, read_source
from fastxform.cli.parser import whole
from fastxform.errors import InputError

if TYPE_CHECKING:
    from fastxform.config.model import Spec

HELP: Final = "show which way each column takes, what it costs, and one record step by step"

EPILOG: Final = (
    "Columns are decoded with the record, computed for the whole batch, or evaluated record by record: the slow path, "
    "with what to write in its place. With an INPUT the cost of each column is measured by itself, in microseconds of "
    "this machine's processor a record, and one record is taken through all steps. Values of the record are printed."
)

EXAMPLES: Final = (
    ("fastxform explain ses.toml", "the way of each column"),
    ("fastxform explain ses.toml event.json --record 3", "the third record, step by step, and the costs"),
)

_MEASURED_RECORDS: Final = 2_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", metavar="CONFIG", help="the transform")
    parser.add_argument("input", metavar="INPUT", nargs="?", help="records; - is standard input")
    parser.add_argument("--record", type=whole(1), default=1, metavar="N", help="the record to follow (default 1)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the ways, and the steps of a record."""
    from fastxform.config.model import load
    from fastxform.tools import explain

    spec = load(options.config, tests=False)
    records = _records(options.input, console, spec) if options.input is not None else []
    if records and options.record > len(records):
        raise InputError(f"{options.input}: has {len(records)} records that are read, and no record {options.record}")
    ways = explain.ways(spec)
    costs = explain.costs(spec, [record.data for record in records]) if records else {}
    steps = []
    if records:
        record = records[options.record - 1]
        meta = {"arrival_ms": record.arrival_ms, "partition_key": record.partition_key}
        steps = list(explain.steps(spec, record.data, meta))
    if options.json:
        console.json(
            {
                "columns": [
                    {
                        "route": way.route,
                        "name": way.column.name,
                        "type": str(way.column.type),
                        "source": way.source,
                        "way": way.way,
                        "is_slow": way.is_slow,
                        "advice": way.advice or None,
                        "microseconds": costs.get(way.column.name) if way.route is None else None,
                    }
                    for way in ways
                ],
                "steps": [{"name": step.name, "lines": step.lines} for step in steps],
            }
        )
        return 0
    paint = Paint()
    if not ways:
        console.line("the document itself goes out: no column is decoded")
    rows = [("column", "type", "from", "microseconds", "way")] if ways else []
    for way in ways:
        name = way.column.name if way.route is None else f"routes[{way.route}].{way.column.name}"
        cost = f"{costs[way.column.name]:.2f}" if way.route is None and way.column.name in costs else ""
        rows.append((visible(name), str(way.column.type), visible(way.source), cost, way.way))
    kept = [index for index in range(5) if costs or index != 3]
    for number, line in enumerate(table([[row[index] for index in kept] for row in rows]) if rows else []):
        console.line(paint(line, "bold") if not number else paint(line, "yellow") if ways[number - 1].is_slow else line)
        if number and ways[number - 1].advice:
            console.line(f"    {ways[number - 1].advice}")
    for step in steps:
        console.line("")
        console.line(paint(step.name, "bold"))
        for text in step.lines:
            console.line(f"  {visible(text)}")
    return 0


def _records(name: str, console: Console, spec: "Spec") -> list[InputRecord]:
    with open_reader(name) as reader:
        items = list(islice(read_source(reader, console, spec).items, _MEASURED_RECORDS))
    if not items:
        raise InputError(f"{name}: has no records")
    return items
