"""How much a record would be written as, by what was decoded of it: too much is refused before it is typed.

What is counted is the text of the columns and the names of members, a little less than what is written. Invariant: a
record that is refused could be in no response, and none is looked at where all are far too small.
"""

from collections.abc import Sequence

from fastxform.core.values import RawColumn
from fastxform.decode.source import Rows
from fastxform.limits import PART_WRITTEN_LIMIT_BYTES, RECORD_WRITTEN_LIMIT_BYTES
from fastxform.transform.route import RoutePlan
from fastxform.transform.rowset import Outcomes, RowSet


class PartTooLargeError(Exception):
    """The records of a part would be written as more than memory is meant for; each half of them may do."""


def refuse_large(plan: RoutePlan, row_set: RowSet, rows: Rows, outcomes: Outcomes, is_json: bool) -> RowSet:
    """Return the rows of records that are written as no more than a record may be; the others fail as `never_fits`.

    Raises:
        PartTooLargeError: the records together are written as more than a part may be.
    """
    inputs = [(key, column) for key, column in plan.inputs if not column.hidden]
    row_bytes = sum(len(column.name) + _QUOTES_BYTES for column in plan.visible) if is_json else len(plan.visible)
    most_bytes = rows.longest_bytes * len(inputs) + row_bytes * (1 if rows.parents is None else len(row_set.rows))
    together_bytes = max(rows.unpacked_bytes, rows.long_bytes) * len(inputs)  # all short ones of an event are few bytes
    if most_bytes <= RECORD_WRITTEN_LIMIT_BYTES and together_bytes <= PART_WRITTEN_LIMIT_BYTES:
        return row_set
    sizes = [row_bytes] * len(row_set.rows)
    for raw in row_set.raw_columns([key for key, _ in inputs]):
        _add(sizes, raw)
    records = row_set.rows if rows.parents is None else [rows.parents[row] for row in row_set.rows]
    by_record = dict.fromkeys(records, 0)
    for record, size_bytes in zip(records, sizes, strict=True):
        by_record[record] += size_bytes
    large = {record for record, size_bytes in by_record.items() if size_bytes > RECORD_WRITTEN_LIMIT_BYTES}
    left_bytes = sum(size_bytes for record, size_bytes in by_record.items() if record not in large)
    if left_bytes > PART_WRITTEN_LIMIT_BYTES:
        raise PartTooLargeError
    if large:
        outcomes.fail(row_set, [index for index, record in enumerate(records) if record in large], "never_fits")
    return outcomes.surviving(row_set)


_QUOTES_BYTES = len('"":,')


def _add(sizes: list[int], raw: RawColumn) -> None:
    values: Sequence[object] = raw.values
    for index, value in enumerate(values):
        if isinstance(value, str):
            sizes[index] += len(value)
    for index, outcome in raw.fallback.items():
        if isinstance(outcome, str):
            sizes[index] += len(outcome)
