"""What is fuzzed: a function of bytes for each kind of input, which raises where the package breaks a promise.

Mistakes that the package names are what it promises, so they pass. What drives these functions is in `__main__`, and
the tests run them over the first inputs. Invariant: the same bytes do the same each time, and nothing is written.
"""

import io
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastxform import Pipeline, make_handler
from fastxform.errors import DROPPED, FAILED, OK, REASONS, ConfigError, EventError, InputError
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.tools.replay import failures, ledger
from fastxform.tools.replay.stores import Stored

CORPUS: Final = Path(__file__).parent / "corpus"

_COLUMNS: Final = """
[columns]
a = { path = "a", type = "int64" }
b = { path = "b || c.d" }
t = { path = "t", type = "timestamp[ms]" }
d = { path = "d", type = "decimal(12,4)", invalid = "null" }
j = { path = "j", type = "json" }
x = { expr = "a // 3 + 1 if a != 7 else 0" }
"""
CONFIGS: Final = (
    'where = "a != 4"\n' + _COLUMNS,
    '[output]\nformat = "json"\n' + _COLUMNS,
    'source = "dynamodb"\n[columns]\nid = "dynamodb.Keys.id"\nn = { path = "dynamodb.NewImage.n", type = "float64" }\n',
    'source = "cloudwatch-logs"\n[columns]\nm = "message"\nt = { path = "timestamp", type = "timestamp[ms]" }\n',
    'documents = "many"\n' + _COLUMNS,
    'output = { format = "json" }\n',
)
"""The transforms that payloads and events meet; the first byte of an input chooses."""


@cache
def _pipeline(number: int) -> Pipeline:
    return Pipeline.from_toml('overflow = { policy = "fail" }\n' + CONFIGS[number])


def _choice(data: bytes) -> int:
    return data[0] % len(CONFIGS) if data else 0


def payloads(data: bytes) -> None:
    """Each record of a batch has an answer of the closed lists, and the same one alone as beside the others."""
    records = data[1:].split(b"\0")
    pipeline = _pipeline(_choice(data))
    together = _answers(pipeline, records)
    alone = [answer for record in records[:8] for answer in _answers(pipeline, [record])]
    assert alone == together[:8], "a record's answer depends on its neighbours"


def _answers(pipeline: Pipeline, records: Sequence[bytes]) -> list[tuple[Any, ...]]:
    batch = pipeline.run(records)
    assert len(batch.result) == len(batch.reason) == len(batch.data) == len(records)
    for result, reason in zip(batch.result, batch.reason, strict=True):
        assert result in (OK, DROPPED, FAILED)
        code = (reason or "").partition(":")[0]
        assert (result == FAILED) == bool(code)
        assert not code or code in REASONS, f"the reason {code} is not on the list"
        assert code != "internal", f"an exception that nobody expected: {batch.faults}"
    return list(zip(batch.result, batch.reason, batch.data, strict=True))


@cache
def _handler(number: int) -> Callable[[Any, Any], Any]:
    return make_handler(_pipeline(number))


def events(data: bytes) -> None:
    """An event of bytes is answered record by record, inside of Lambda's limit, or is none."""
    try:
        response = _handler(_choice(data))(data[1:], None)
    except EventError:
        return
    assert len(response) <= RESPONSE_LIMIT_BYTES
    answers = json.loads(response)["records"]
    assert {answer["result"] for answer in answers} <= {OK, DROPPED, FAILED}
    try:
        given = json.loads(data[1:])["records"]
    except (ValueError, RecursionError):  # a member that nobody reads may hold what Python's reader does not take
        return
    assert [answer["recordId"] for answer in answers] == [record["recordId"] for record in given]


def configurations(data: bytes) -> None:
    """A text is a configuration that then runs, or its mistakes are named, each in a line."""
    try:
        pipeline = Pipeline.from_toml(data.decode(errors="replace"))
    except ConfigError as error:
        assert str(error)
        return
    _answers(pipeline, [b"", b"{}", b'{"a":1,"b":"x"}', b'{"a":null,"t":"2022-01-01T00:00:00Z"}'])


def error_objects(data: bytes) -> None:
    """Each line of an error object gives one failure or one broken line, with its number, in order."""
    numbers = [found.line for found in failures.read_stream(0, io.BytesIO(data))]
    assert numbers == sorted(numbers)


def journals(data: bytes) -> None:
    """Bytes are no journal, and lines with right checksums are one within bounds, or are refused."""
    path = Path("journal")
    chain = ledger.Chain()
    lines = [ledger.head_of("s"), ledger.file_line(Stored("a", 9, 1)), *data.decode(errors="replace").split("\n")]
    for text in (data, chain.written(lines)):
        try:
            found, _, whole_bytes = ledger.parse(path, text, "s")
        except InputError:
            continue
        assert whole_bytes <= len(text)
        assert found.acknowledged <= sum(stored.size_bytes for stored in found.files) * 1_100


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    target.__name__: target for target in (payloads, events, configurations, error_objects, journals)
}
