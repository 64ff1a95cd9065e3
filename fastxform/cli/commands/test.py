"""`fastxform test`: runs the `[[tests]]` of configurations, and shows where an outcome is not the expected one.

A test is one record through `Pipeline.run`. With `--update` what came out becomes what is expected; the file is written
in `fastxform.tools.expectations`. Invariant: exit code 0 means that there were tests and all pass.
"""

import argparse
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli.console import Colour, Console, Paint, explain, number_of, visible
from fastxform.errors import OK, ConfigError, InputError

if TYPE_CHECKING:
    from fastxform.config.model import Example
    from fastxform.pipeline import Pipeline

HELP: Final = "run the [[tests]] of configurations"

EPILOG: Final = (
    "Exit code 1: a test failed, or a configuration has no tests; 2: a configuration cannot be used. In a difference, "
    "line breaks, tabs and spaces at the end of a line are drawn as characters. --update shows how the file would "
    "change, and --yes writes it; a test that expects nothing yet is filled in. Exit code 1 without --yes: there "
    "are changes."
)

_SIDES: Final[dict[str, Colour]] = {"-": "red", "+": "green", "@": "blue"}
_LINE_FEED: Final = "\u240a"


@dataclass(frozen=True, slots=True)
class Difference:
    """One respect in which a test did not give what it expects, as text of any number of lines."""

    what: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class TestedExample:
    """What a test gave: the answer to its record, and how that differs from what is expected."""

    name: str
    result: str
    reason: str | None
    data: str | None
    metadata: dict[str, Any] | None
    differences: tuple[Difference, ...]


EXAMPLES: Final = (
    ("fastxform test *.toml", "the tests of all configurations"),
    ("fastxform test cities.toml --update --yes", "expect what comes out today"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", metavar="CONFIG", nargs="+", help="the transforms")
    parser.add_argument("--update", action="store_true", help="show the [[tests]] that would expect what comes out")
    parser.add_argument("--yes", action="store_true", help="with --update: write them")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Run the tests of each configuration; one with mistakes does not keep the others from being run."""
    if options.update:
        return _update(options, console)
    if options.yes:
        raise InputError("--yes says that tests are written: it needs --update")
    outcomes: dict[str, list[TestedExample]] = {}
    broken = 0
    for config in options.config:
        try:
            outcomes[config] = run(config)
        except ConfigError as err:
            broken += 1
            for mistake in err.mistakes:
                console.note(f"fastxform: {mistake}")
    if options.json:
        console.json({"configs": [_as_json(config, of_config) for config, of_config in outcomes.items()]})
    else:
        paint = Paint()
        for config, of_config in outcomes.items():
            for line in _lines(config, of_config, paint):
                console.line(line)
    for config, of_config in outcomes.items():
        if not of_config:
            console.note(f"{config}: has no tests; add some below lines [[tests]]")
    failed = sum(bool(outcome.differences) for of_config in outcomes.values() for outcome in of_config)
    console.note(_summary(outcomes, failed, broken))
    if broken:
        return 2
    return 1 if failed or not all(outcomes.values()) else 0


def run(config: str, text: str | None = None) -> list[TestedExample]:
    """Run the tests of one configuration; `text` takes the place of what is in the file.

    Raises:
        ConfigError: it cannot be read, or has mistakes.
    """
    from pathlib import Path

    from fastxform.config.model import load, parse
    from fastxform.pipeline import Pipeline

    spec = load(config) if text is None else parse(text, config, Path(config).parent)
    pipeline = Pipeline(spec)
    return [_outcome(pipeline, example) for example in spec.tests]


@dataclass(frozen=True, slots=True)
class _Update:
    """A file whose tests would expect something else, `count` of them."""

    config: str
    old: str
    new: str
    count: int


def _update(options: argparse.Namespace, console: Console) -> int:
    """Show how the files would change, and write them with `--yes`; one with mistakes keeps none from being written."""
    from fastxform.tools import expectations

    updates: list[_Update] = []
    broken = 0
    for config in options.config:
        try:
            updates.append(_updated(config))
        except ConfigError as err:
            broken += 1
            for mistake in err.mistakes:
                console.note(f"fastxform: {mistake}")
    paint = Paint()
    for update in updates:
        if not options.json:
            for line in _diff(Difference("", update.old, update.new), paint, update.config):
                console.line(line)
        if options.yes and update.count:
            expectations.write(update.config, update.old, update.new)
    if options.json:
        console.json(
            {
                "configs": [
                    {"config": update.config, "changed": update.count, "written": options.yes and update.count > 0}
                    for update in updates
                ]
            }
        )
    changed = sum(update.count for update in updates)
    if not changed:
        console.note("nothing to update")
    elif options.yes:
        console.note(f"{number_of(changed, 'test')} updated")
    else:
        console.note(f"{number_of(changed, 'test')} would be updated; nothing was written, --yes writes")
    if broken:
        return 2
    return 1 if changed and not options.yes else 0


def _updated(config: str) -> _Update:
    """Return a configuration whose tests expect what comes out.

    Raises:
        ConfigError: it cannot be read, or has mistakes.
        InputError: what comes out differs from run to run, or the file cannot be rewritten.
    """
    from fastxform.tools import expectations

    old = expectations.read(config)
    unfinished = expectations.incomplete(old)
    text = expectations.placeholders(old, unfinished, config)
    outcomes = run(config, text)
    wanted = {
        index: expectations.expectation(
            outcome.result,
            outcome.reason,
            outcome.data,
            next((outcome.metadata or {} for found in outcome.differences if found.what == "metadata"), None),
        )
        for index, outcome in enumerate(outcomes)
        if outcome.differences or index in unfinished
    }
    if not wanted:
        return _Update(config, old, old, 0)
    new = expectations.rewrite(old, wanted, config)
    for outcome in run(config, new):
        if outcome.differences:
            remedy = "if it calls now_ms(), give the test now_ms"
            raise InputError(f"{config}: {visible(outcome.name)}: its outcome differs from run to run; {remedy}")
    return _Update(config, old, new, len(wanted))


def _outcome(pipeline: "Pipeline", example: "Example") -> TestedExample:
    batch = pipeline.run([example.input], now_ms=example.now_ms)
    data = batch.data[0]
    metadata = batch.metadata[0] if batch.metadata is not None else None
    text = None if data is None else data.decode()
    outcome = TestedExample(example.name, batch.result[0], batch.reason[0], text, metadata, ())
    differences = tuple(_differences(example, outcome))
    return TestedExample(example.name, outcome.result, outcome.reason, text, metadata, differences)


def _differences(example: "Example", outcome: TestedExample) -> Iterator[Difference]:
    answer = _answer(outcome)
    if example.expect is not None and outcome.data != example.expect:
        yield Difference("output", example.expect, answer if outcome.data is None else outcome.data)
    if example.result is not None and outcome.result != example.result:
        yield Difference("result", example.result, answer)
    if example.reason is not None and not _is_reason(example.reason, outcome.reason):
        yield Difference("reason", explain(example.reason), answer)
    if example.metadata is not None and (outcome.metadata or {}) != example.metadata:
        yield Difference("metadata", _indented(example.metadata), _indented(outcome.metadata or {}))


def _is_reason(expected: str, actual: str | None) -> bool:
    """Tell whether a reason is the expected one; without the name of a column it stands for all of its code."""
    return actual is not None and expected in (actual, actual.partition(":")[0])


def _answer(outcome: TestedExample) -> str:
    """Return what became of a record, in the words of what was expected of it."""
    if outcome.reason is not None:
        return explain(outcome.reason)
    return f"{OK}, with the output\n{outcome.data}" if outcome.result == OK else outcome.result


def _indented(metadata: dict[str, Any] | Any) -> str:
    import json

    return json.dumps(metadata, ensure_ascii=False, indent=2, sort_keys=True)


def _lines(config: str, outcomes: list[TestedExample], paint: Paint) -> Iterator[str]:
    for outcome in outcomes:
        mark = paint("FAIL", "red") if outcome.differences else paint("pass", "green")
        yield f"{mark}  {config}: {visible(outcome.name)}"
        for difference in outcome.differences:
            yield from (f"      {line}" for line in _diff(difference, paint))


def _diff(difference: Difference, paint: Paint, file: str = "") -> Iterator[str]:
    """Yield a unified difference, everything in it visible; of a file its two states, else expected and actual."""
    expected, actual = (list(map(_drawn, _split(text))) for text in (difference.expected, difference.actual))
    names = (file, f"{file} (updated)") if file else (f"expected {difference.what}", f"actual {difference.what}")
    lines = difflib.unified_diff(expected, actual, *names, n=3, lineterm="")
    for line in lines:
        is_head = line.startswith(("--- ", "+++ "))
        colour: Colour | None = "bold" if is_head else _SIDES.get(line[:1])
        yield line if colour is None else paint(line, colour)


def _split(text: str) -> list[str]:
    """Return the lines of a text with their line feeds; other line breaks stand inside of lines."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + [part for part in parts[-1:] if part]


def _drawn(line: str) -> str:
    return visible(line[:-1]) + _LINE_FEED if line.endswith("\n") else visible(line)


def _as_json(config: str, outcomes: list[TestedExample]) -> dict[str, Any]:
    return {
        "config": config,
        "passed": sum(not outcome.differences for outcome in outcomes),
        "failed": sum(bool(outcome.differences) for outcome in outcomes),
        "tests": [
            {
                "name": outcome.name,
                "passed": not outcome.differences,
                "result": outcome.result,
                "reason": outcome.reason,
                "data": outcome.data,
                "metadata": outcome.metadata,
                "differences": [
                    {"what": difference.what, "expected": difference.expected, "actual": difference.actual}
                    for difference in outcome.differences
                ],
            }
            for outcome in outcomes
        ],
    }


def _summary(outcomes: dict[str, list[TestedExample]], failed: int, broken: int) -> str:
    count = sum(map(len, outcomes.values()))
    unread = f"; {broken} of {broken + len(outcomes)} configurations cannot be used" if broken else ""
    return f"{number_of(count, 'test')}: {count - failed} passed, {failed} failed{unread}"
