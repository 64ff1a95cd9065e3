"""`fastxform check`: every mistake of a configuration, and what is doubtful in one that has none.

The mistakes are found in `fastxform.config`, the rest in `fastxform.tools.lint`; here they are only printed. Invariant:
exit code 1 means that records would be lost or refused, 2 that a file could not be read.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli.console import Colour, Console, Paint, number_of
from fastxform.cli.inputs import read_document
from fastxform.errors import ConfigError, InputError

if TYPE_CHECKING:
    from fastxform.config.model import Spec
    from fastxform.tools.lint.finding import Finding, Level

HELP: Final = "lint a configuration, and compare it with the definitions of its tables"

EPILOG: Final = (
    "Exit code 1: there are errors, that is mistakes in the configuration, or tables that do not agree with it. "
    "Warnings and hints alone leave the exit code 0. Exit code 2: a file cannot be read. The module of map_batch is "
    "imported."
)

_COLOURS: Final[dict[str, Colour]] = {"error": "red", "warning": "yellow", "hint": "blue"}

EXAMPLES: Final = (
    ("fastxform check ses.toml", "every mistake and doubt"),
    ("fastxform check ses.toml --ddl tables.sql", "and whether the tables agree"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", metavar="CONFIG", help="the transform")
    parser.add_argument(
        "--ddl",
        metavar="FILE",
        help="CREATE TABLE statements of the Iceberg tables, or the statements that ddl prints for a reader",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the findings, and how many there are."""
    findings = _findings(options.config, options.ddl, console)
    levels = Counter[str](finding.level for finding in findings)
    if options.json:
        counts = {level: levels[level] for level in _COLOURS}
        console.json({"config": options.config, "counts": counts, "findings": list(map(_as_json, findings))})
    else:
        paint = Paint()
        for finding in findings:
            console.line(f"{finding.place}: {paint(finding.level, _COLOURS[finding.level])}: {finding.message}")
    console.note(f"{options.config}: {_summary(levels)}")
    return 1 if levels["error"] else 0


def _findings(config: str, ddl: str | None, console: Console) -> "Sequence[Finding]":
    from fastxform.config.model import load
    from fastxform.tools.lint.finding import Finding
    from fastxform.tools.lint.rules import lint

    try:
        spec = load(config)
    except ConfigError as err:
        if not _can_be_read(config):
            raise
        if ddl is not None:
            console.note(f"fastxform: {ddl} is compared when the mistakes are mended")
        return [Finding("error", "mistake", mistake.location, mistake.message) for mistake in err.mistakes]
    findings = [*lint(spec, config), *_own_code(spec, config)]
    return [*findings, *(_compared(spec, config, ddl) if ddl is not None else ())]


def _own_code(spec: "Spec", config: str) -> "Iterator[Finding]":
    """Yield what keeps the module of `map_batch` from being loaded; what it imports may be there in Lambda alone."""
    from fastxform.tools.lint.finding import Finding
    from fastxform.transform import map_batch

    try:
        map_batch.load(spec)
    except ConfigError as err:
        cause = err.__cause__
        level: Level = "warning" if isinstance(cause, ModuleNotFoundError) else "error"
        for mistake in err.mistakes:
            yield Finding(level, "map-batch", f"{config}: {mistake.location}", mistake.message)


def _compared(spec: "Spec", config: str, ddl: str) -> "Sequence[Finding]":
    from fastxform.tools.lint import agreement, objects
    from fastxform.tools.lint.definitions import read_definitions

    try:
        text = read_document(ddl).decode()
    except UnicodeDecodeError as err:
        raise InputError(f"{ddl}: is not UTF-8") from err
    name = "standard input" if ddl == "-" else ddl
    if any(route.iceberg is not None for route in spec.routes):
        return agreement.compare(spec, read_definitions(text, name), name)
    return objects.compare(spec, text, config, name)


def _can_be_read(name: str) -> bool:
    try:
        with Path(name).open("rb"):
            return True
    except (OSError, ValueError):
        return False


def _as_json(finding: "Finding") -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("level", "code", "place", "message")}


def _summary(levels: Counter[str]) -> str:
    counts = [(levels[level], level) for level in _COLOURS if levels[level]]
    return ", ".join(number_of(count, level) for count, level in counts) or "nothing found"
