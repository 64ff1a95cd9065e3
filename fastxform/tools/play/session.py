"""What the playground shows: the mistakes of a configuration, and each record of a sample with its result.

Nothing is drawn here. Invariant: whatever the two texts are, `work` returns, and what it says of a record is what
`Pipeline.run` answered.
"""

import base64
import json
import re
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

from fastxform.config import model
from fastxform.errors import OK, REASONS, ConfigError
from fastxform.invocation.handler import make_handler
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.pipeline import Pipeline
from fastxform.tools import ddl
from fastxform.tools.inference import writing
from fastxform.tools.lint.rules import lint
from fastxform.tools.sample_data import burst

NAME: Final = "configuration"
EXAMPLES: Final = ("cities", "ticker", "ses", "dynamotest", "change-capture", "documents", "readings", "lookups")
SAMPLE_LIMIT_BYTES: Final = 2_000_000
RECORDS_LIMIT: Final = 1_000
_LOCATION: Final = re.compile(rf"{NAME}:(\d+)(?:: (.+))?")


class Problem(NamedTuple):
    """A mistake or finding: its line from 1, where one is known, its level, and what is wrong."""

    line: int | None
    level: str
    text: str


class ShownRecord(NamedTuple):
    """One record of the sample: what went in, what became of it, and why."""

    number: int
    payload: str
    result: str
    reason: str
    row: str
    metadata: str


class Shown(NamedTuple):
    """What the page shows."""

    problems: tuple[Problem, ...] = ()
    records: tuple[ShownRecord, ...] = ()
    columns: tuple[str, ...] = ()
    table: tuple[dict[str, str], ...] = ()
    response_bytes: int = 0
    stages: tuple[tuple[str, float], ...] = ()
    ddl: str = ""

    @property
    def response_share(self) -> float:
        """The share of Lambda's limit that the response takes."""
        return self.response_bytes / RESPONSE_LIMIT_BYTES


def home_of(name: str) -> Path:
    """Return the directory of an example, with the files that its configuration names."""
    return Path(str(files("fastxform") / "examples" / name))


def example(name: str) -> tuple[str, str]:
    """Return the configuration and the sample of an example."""
    home = home_of(name)
    sample = next(entry for entry in home.iterdir() if entry.name.startswith("sample.json"))
    return (home / f"{name}.toml").read_text(encoding="utf-8"), sample.read_text(encoding="utf-8")


def read_sample(text: str) -> list[bytes]:
    """Return the records of a sample: of an event, one document, or lines."""
    if len(text) > SAMPLE_LIMIT_BYTES:
        text = text[:SAMPLE_LIMIT_BYTES].rpartition("\n")[0]
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    entries = document.get("records") if isinstance(document, dict) else None
    if isinstance(entries, list) and all(isinstance(entry, dict) and "data" in entry for entry in entries):
        try:
            return [base64.b64decode(entry["data"], validate=True) for entry in entries[:RECORDS_LIMIT]]
        except (TypeError, ValueError):
            return [text.encode()]
    if isinstance(document, dict):
        return [text.strip().encode()]
    return [line.encode() for line in text.splitlines() if line.strip()][:RECORDS_LIMIT]


def work(config: str, sample: str, directory: Path | None = None) -> Shown:
    """Return what a configuration makes of a sample; the files that it names lie in `directory`."""
    try:
        spec = model.parse(config, NAME, directory, tests=False)
        pipeline = Pipeline(spec)
    except ConfigError as err:
        return Shown(tuple(_problem(one.location, "error", one.message) for one in err.mistakes))
    problems = tuple(_problem(one.place, one.level, one.message) for one in lint(spec, NAME))
    payloads = read_sample(sample)
    stages: dict[str, float] = {}
    last = time.perf_counter()

    def observe(stage: Any) -> None:
        nonlocal last
        now = time.perf_counter()
        stages[str(stage)] = stages.get(str(stage), 0.0) + (now - last) * 1e3
        last = now

    batch = pipeline.run(payloads, observer=observe)
    records = tuple(
        ShownRecord(
            number,
            payload.decode(errors="backslashreplace"),
            answer.result,
            "" if answer.reason is None else f"{answer.reason}: {REASONS[answer.reason.partition(':')[0]]}",
            "" if answer.data is None else answer.data.decode(errors="replace"),
            "" if answer.metadata is None else json.dumps(answer.metadata),
        )
        for number, (payload, answer) in enumerate(zip(payloads, batch, strict=True), 1)
    )
    columns, table = _table(pipeline, payloads)
    return Shown(problems, records, columns, table, _response(pipeline, payloads), tuple(stages.items()), _ddl(spec))


def test_of(config: str, record: ShownRecord) -> str:
    """Return a configuration with one test more, which expects of a record what became of it."""
    if record.result == OK:
        outcome, value = "expect", record.row
    elif record.reason:
        outcome, value = "reason", record.reason.partition(": ")[0]
    else:
        outcome, value = "result", record.result
    test = writing.example(f"record {record.number} of the playground", record.payload, outcome, value)
    return config.rstrip("\n") + "\n" + test


def _problem(location: str, level: str, message: str) -> Problem:
    """Return a mistake or finding; its location is the name of the text, the line where there is one, and the key."""
    match = _LOCATION.match(location)
    key = match[2] if match else ""
    return Problem(int(match[1]) if match else None, level, f"{key}: {message}" if key else message)


def _table(pipeline: Pipeline, payloads: Sequence[bytes]) -> tuple[tuple[str, ...], tuple[dict[str, str], ...]]:
    """Return the typed rows of `Ok` records; none where the routes have no common table."""
    try:
        columns = pipeline.columns(payloads)
    except ConfigError:
        return (), ()
    names = tuple(columns.table.column_names)
    rows = columns.table.to_pylist()
    return names, tuple(
        {"#": str(record + 1), **{name: "" if value is None else str(value) for name, value in row.items()}}
        for record, row in zip(columns.record, rows, strict=True)
        if columns.result[record] == OK
    )


def _response(pipeline: Pipeline, payloads: Sequence[bytes]) -> int:
    """Return the bytes of the response that the function would send."""

    def client(*_: Any) -> Any:
        raise ConnectionError("the playground puts nothing")

    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        return len(make_handler(pipeline, client)(burst.event(payloads), None))


def _ddl(spec: model.Spec) -> str:
    try:
        return "\n".join(ddl.create_table(table, None) for table in ddl.tables(spec))
    except ConfigError as err:
        return "\n".join(f"-- {line}" for line in str(err).splitlines())
