"""From payloads to a configuration: gather, choose the family, plan, write, try, and make tests of some records.

Invariant: the text was read back by the reader of configurations and run over records of the sample before it is
returned, and each of its tests says what the pipeline gave.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from fastxform import Pipeline
from fastxform.errors import OK, REASONS, InputError
from fastxform.tools.inference import writing
from fastxform.tools.inference.documents import RejectedError, read
from fastxform.tools.inference.draft import DraftPlan, Format, Inferred
from fastxform.tools.inference.families import FAMILIES, Gatherer
from fastxform.tools.inference.shapes import Budget

RECORDS_LIMIT: Final = 100_000
"""Records of a sample that are read; more would say little more."""

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
    gathered: dict[str, Gatherer] = {}
    skipped: Counter[str] = Counter()
    budget = Budget()
    is_partial = False
    for number, payload in enumerate(payloads):
        if number == limit_records:
            is_partial = True
            break
        try:
            family, document, record = read(payload)
            if family not in gathered:
                gathered[family] = FAMILIES[family](budget)
            gathered[family].add(document, record)
        except RejectedError as err:
            skipped[str(err)] += 1
    families = {family: gathered[family].count for family in FAMILIES if family in gathered and gathered[family].count}
    if not families:
        raise InputError(f"{name}: {_nothing(skipped)}")
    most = max(families, key=lambda each: families[each])
    chosen = gathered[most]
    plan = chosen.plan()
    chosen_output = _format(plan, output, name)
    text = writing.configuration(plan, _head(name, chosen, families), chosen_output)
    if chosen_output == "csv" and _has_line_breaks(Pipeline.from_toml(text), chosen):
        text = writing.configuration(plan, _head(name, chosen, families), chosen_output, escapes_newlines=True)
    tests, results = _try(Pipeline.from_toml(text), chosen)
    return Inferred(
        text=text + "".join(tests),
        title=chosen.title,
        families={most: families[most], **families},
        skipped=skipped,
        results=results,
        columns=len(plan.columns) + sum(len(route.columns) for route in plan.routes),
        tests=len(tests),
        is_partial=is_partial,
        notes=_notes(plan, chosen_output),
    )


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
    return f"none of its {skipped.total()} records can be read ({reasons})"


def _format(plan: DraftPlan, output: Format | None, name: str) -> Format:
    if output == "csv" and not plan.columns:
        raise InputError(f"{name}: no record has a member, and CSV needs columns; write --format json")
    return output or ("json" if plan.prefers_json else "csv")


def _head(name: str, chosen: Gatherer, families: dict[str, int]) -> list[str]:
    lines = [
        f"{chosen.title}, {chosen.count} of {sum(families.values())} records of {name}, by `fastxform init`.",
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
    return any(row is not None and row.count(b"\n") > 1 for row in pipeline.run(payloads).data)


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
