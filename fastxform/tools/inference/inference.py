"""From payloads to a configuration: gather, choose the family, plan, write, try, and make tests of some records.

Invariant: the text was read back by the reader of configurations and run over records of the sample before it is
returned, and each of its tests says what the pipeline gave.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from fastxform import Pipeline
from fastxform.errors import OK, REASONS, InputError
from fastxform.tools.inference import writing
from fastxform.tools.inference.documents import Family, RejectedError, read
from fastxform.tools.inference.draft import DraftPlan, Format, Inferred
from fastxform.tools.inference.families import FAMILIES, Gatherer
from fastxform.tools.inference.lines import TextLines
from fastxform.tools.inference.shapes import Budget

RECORDS_LIMIT: Final = 100_000
"""Records of a sample that are read; more would say little more."""

_JSON_LINES: Final = 2_000
"""JSON documents that are kept for the case that they are lines among text."""

_TEST_BYTES: Final = 64_000
"""The longest record that becomes a test."""

_FALLBACK: Final = writing.example("what is no object fails", "[]", "reason", "not_object")
"""The test of a configuration whose records are all too long for one, or no text."""


def infer(
    payloads: Iterable[bytes], name: str, output: Format | None = None, limit_records: int = RECORDS_LIMIT
) -> Inferred:
    """Return a configuration for records like these.

    Args:
        payloads: the records.
        name: what the sample is called, in the configuration's head and in errors.
        output: the format; by default JSON where a column holds objects or lists, or rows differ, else CSV.
        limit_records: how many records are read.

    Raises:
        InputError: there is no record that could be understood, or none has a member and CSV is asked for.
    """
    gathered: dict[Family, Gatherer] = {}
    records: Counter[Family] = Counter()
    several: set[Family] = set()
    skipped: Counter[str] = Counter()
    documents: list[str] = []
    budget = Budget()
    is_partial = False
    for number, payload in enumerate(payloads):
        if number == limit_records:
            is_partial = True
            break
        try:
            record = read(payload)
            if record.family not in gathered:
                gathered[record.family] = FAMILIES[record.family](budget)
            for index, document in enumerate(record.documents):
                gathered[record.family].add(document, None if index else record.text)
        except RejectedError as err:
            skipped[str(err)] += 1
            continue
        records[record.family] += 1
        if record.is_many:
            several.add(record.family)
        if record.family == "json" and len(documents) < _JSON_LINES:
            documents.append(record.text.decode())
    _join_lines(gathered, records, skipped, documents)
    families = {family: records[family] for family in FAMILIES if records[family]}
    if not families:
        raise InputError(f"{name}: {_nothing(skipped)}")
    most = max(families, key=lambda each: families[each])
    chosen = gathered[most]
    plan = chosen.plan()
    if most in several:
        plan.documents = "many"
    chosen_output = _format(plan, output, name)
    text = writing.configuration(plan, _head(name, chosen, families[most], families), chosen_output)
    if chosen_output == "csv" and _has_line_breaks(Pipeline.from_toml(text), chosen):
        text = writing.configuration(
            plan, _head(name, chosen, families[most], families), chosen_output, escapes_newlines=True
        )
    tests, results = _try(Pipeline.from_toml(text), chosen)
    return Inferred(
        text=text + "".join(tests),
        title=chosen.title,
        families={str(family): families[family] for family in (most, *families)},
        skipped=skipped,
        results=results,
        columns=len(plan.columns) + sum(len(route.columns) for route in plan.routes),
        tests=len(tests),
        is_partial=is_partial,
        notes=_notes(plan, chosen_output),
    )


def _join_lines(
    gathered: dict[Family, Gatherer], records: Counter[Family], skipped: Counter[str], documents: list[str]
) -> None:
    """Count lines of text as what they are in a sample of JSON, and JSON as lines in a sample of text."""
    if "text" not in gathered:
        return
    text = gathered["text"]
    is_text = records["text"] > records["json"] or (isinstance(text, TextLines) and text.holds_json)
    if is_text and records["text"] >= max(records.values()):
        for document in documents:
            text.add(document, document.encode())
        records["text"] += records.pop("json", 0)
    else:
        skipped["json"] += records.pop("text")


def _notes(plan: DraftPlan, output: Format) -> tuple[str, ...]:
    differs = output == "csv" and len({tuple(column.name for column in route.columns) for route in plan.routes}) > 1
    return (
        *plan.notes,
        *(("rows of different routes have different columns, and CSV does not tell",) if differs else ()),
    )


def _nothing(skipped: Counter[str]) -> str:
    if not skipped:
        return "it has no records"
    reasons = "; ".join(f"{count} {reason}: {REASONS[reason]}" for reason, count in skipped.most_common())
    if skipped.total() == 1:
        return f"its one record cannot be read ({reasons})"
    return f"none of its {skipped.total()} records can be read ({reasons})"


def _format(plan: DraftPlan, output: Format | None, name: str) -> Format:
    if output == "csv" and not plan.columns:
        raise InputError(f"{name}: no record has a member, and CSV needs columns; write --format json")
    return output or ("json" if plan.prefers_json else "csv")


def _head(name: str, chosen: Gatherer, count: int, families: Mapping[Family, int]) -> list[str]:
    title = chosen.title[:1].upper() + chosen.title[1:]
    lines = [
        f"{title}, {count} of {sum(families.values())} records of {name}, by `fastxform init`.",
        "",
        "Types and `required` say what these records were like and no more: read them before later records must fit.",
        "Behind each column: the share of the records that have it, and examples. These and the [[tests]] are values",
        "of the sample; take out what is not to be kept here.",
    ]
    if chosen.count == 1:
        lines.append("One record says little: no column is required.")
    return lines


def _try(pipeline: Pipeline, chosen: Gatherer) -> tuple[list[str], Counter[str]]:
    """Return tests out of records of the sample, and what becomes of its first ones."""
    batch = pipeline.run(chosen.samples.tried)
    results = Counter(reason or result for reason, result in zip(batch.reason, batch.result, strict=True))
    tests = []
    done = set()
    for kind, payload in chosen.samples.tests.items():
        if payload not in done and len(payload) <= _TEST_BYTES:
            done.add(payload)
            tests.append(_example(pipeline, kind, payload))
    return tests or [_FALLBACK], results


def _has_line_breaks(pipeline: Pipeline, chosen: Gatherer) -> bool:
    """Tell whether a row of the sample takes more than one line, which Athena cannot read."""
    payloads = [*chosen.samples.tried, *chosen.samples.tests.values()]
    return any(data is not None and _is_broken(data) for data in pipeline.run(payloads).data)


def _is_broken(rows: bytes) -> bool:
    """Tell whether a field of some rows holds a line break; a record of several rows has lines that are none."""
    if rows.count(b"\n") == 1 and b"\r" not in rows:
        return False
    csv.field_size_limit(max(len(rows), csv.field_size_limit()))
    fields = csv.reader(io.StringIO(rows.decode(), newline=""))
    return any("\n" in field or "\r" in field for row in fields for field in row)


def _example(pipeline: Pipeline, kind: str, payload: bytes) -> str:
    # White space around a record is no part of it.
    record = payload.decode().strip(" \t\r\n")
    batch = pipeline.run([record.encode()])
    name = f"of the sample: {kind}"
    data, reason = batch.data[0], batch.reason[0]
    if batch.result[0] == OK and data is not None:
        return writing.example(name, record, "expect", data.decode())
    if reason is not None:
        return writing.example(name, record, "reason", reason)
    return writing.example(name, record, "result", batch.result[0])
