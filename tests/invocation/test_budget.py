"""The plan of the cut, against a slow oracle that writes every response out; the costs of spellings, against `json`."""

import base64
import json
from dataclasses import dataclass

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastxform.errors import DROPPED, FAILED, OK, ContractError
from fastxform.invocation import budget
from fastxform.limits import RESPONSE_LIMIT_BYTES

SPELLINGS = {"compact": budget.COMPACT, "runtime_utf8": budget.RUNTIME_UTF8, "runtime_ascii": budget.RUNTIME_ASCII}


@dataclass(frozen=True)
class Row:
    """One record of a batch: its id, what the pipeline decided, and the content of `data` and `metadata`."""

    record_id: str
    result: str
    data: str = ""
    metadata: dict | None = None

    def entry(self, result, member="data"):
        """Return the response entry with this result."""
        entry = {"recordId": self.record_id, "result": result}
        if result == OK:
            entry[member] = self.data
            if self.metadata is not None:
                entry["metadata"] = self.metadata
        return entry


def write(name, value):
    """Write JSON as the spelling `name` does, by the standard library."""
    separators = (",", ":") if name == "compact" else (", ", ": ")
    return json.dumps(value, separators=separators, ensure_ascii=name == "runtime_ascii").encode()


def response_bytes(name, rows, results, member="data"):
    """Return the exact size of the response in which `rows` end as `results`."""
    return len(write(name, {"records": [row.entry(result, member) for row, result in zip(rows, results, strict=True)]}))


def with_only(rows, sent):
    """Return the results where of the Ok rows only those at `sent` are delivered."""
    return [FAILED if row.result == OK and i not in sent else row.result for i, row in enumerate(rows)]


def oracle(name, rows, limit):
    """Return (sent, back, never) found by writing responses out, or None where nothing fits."""
    ok = [i for i, row in enumerate(rows) if row.result == OK]
    if response_bytes(name, rows, [row.result for row in rows]) <= limit:
        return ok, [], []
    if response_bytes(name, rows, with_only(rows, ())) > limit:
        return None
    never = [i for i in ok if response_bytes(name, rows, with_only(rows, {i})) > limit]
    rest = [i for i in ok if i not in never]
    for count in range(len(rest), -1, -1):
        if response_bytes(name, rows, with_only(rows, set(rest[:count]))) <= limit:
            return rest[:count], rest[count:], never
    raise AssertionError("nothing sent fits, as was seen above")


def plan_of(name, rows, limit, all_ok_as_none=True, member="data"):
    """Run `plan` on the sizes that `Spelling.entry_sizes` counts."""
    spelling = SPELLINGS[name] if member == "data" else SPELLINGS[name].for_msk()
    is_ok = [row.result == OK for row in rows]
    entry, failed = spelling.entry_sizes(
        pa.array([spelling.text_bytes(row.record_id) for row in rows], pa.int64()),
        pa.array([len(row.data) if row.result == OK else None for row in rows], pa.int64()),
        pa.array([None if row.metadata is None else len(write(name, row.metadata)) for row in rows], pa.int64()),
        pa.array([row.result == DROPPED for row in rows], pa.bool_()),
    )
    mask = None if all_ok_as_none and all(is_ok) else pa.array(is_ok, pa.bool_())
    return budget.plan(mask, entry, failed, spelling.envelope_bytes, spelling.separator_bytes, limit)


ids = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
metadata = st.none() | st.dictionaries(ids, ids, max_size=2).map(lambda keys: {"partitionKeys": keys})
datas = st.integers(0, 90).map(lambda size: base64.b64encode(bytes(size)).decode())
rows_of_batch = st.lists(
    st.builds(Row, ids, st.sampled_from([OK, OK, OK, DROPPED, FAILED]), datas, metadata), max_size=10
)


@settings(max_examples=400)
@given(data=st.data(), name=st.sampled_from(sorted(SPELLINGS)), rows=rows_of_batch)
def test_plan_equals_the_oracle(data, name, rows):
    """For any batch and limit: never over, the longest prefix, the first delivered or none back, sizes exact."""
    floor = response_bytes(name, rows, with_only(rows, ()))
    total = response_bytes(name, rows, [row.result for row in rows])
    limit = data.draw(st.integers(min(floor, total) - 3, max(floor, total) + 3), label="limit")
    expected = oracle(name, rows, limit)
    if expected is None:
        with pytest.raises(ContractError):
            plan_of(name, rows, limit)
        return
    sent, back, never = expected
    plan = plan_of(name, rows, limit)
    assert (list(plan.back), list(plan.never)) == (back, never)
    assert plan.response_bytes_max == response_bytes(name, rows, with_only(rows, set(sent))) <= limit
    assert sent or not plan.back
    answers = data.draw(st.lists(st.sampled_from([DROPPED, FAILED]), min_size=len(back), max_size=len(back)))
    results = with_only(rows, set(sent))
    for position, answer in zip(back, answers, strict=True):
        results[position] = answer
    assert response_bytes(name, rows, results) <= plan.response_bytes_max


@settings(max_examples=50)
@given(data=st.data(), rows=st.lists(st.builds(Row, ids, st.just(OK), datas), min_size=1, max_size=8))
def test_no_mask_means_all_ok(data, rows):
    """A mask of None plans as a mask of nothing but true does."""
    limit = data.draw(st.integers(14 + 50 * len(rows), 3_000))
    try:
        expected = plan_of("compact", rows, limit, all_ok_as_none=False)
    except ContractError:
        with pytest.raises(ContractError):
            plan_of("compact", rows, limit)
        return
    assert plan_of("compact", rows, limit) == expected


@pytest.mark.parametrize(
    ("sizes", "room", "back", "never"),
    [
        pytest.param([], 0, (), (), id="empty batch, exactly its envelope"),
        pytest.param([100], 96, (), (), id="one record, exactly the limit"),
        pytest.param([100], 95, (), (0,), id="one record, a byte over: it never fits"),
        pytest.param([100, 100], 192, (), (), id="two records, exactly the limit"),
        pytest.param([100, 100], 191, (1,), (), id="two records, a byte over: the second goes back"),
        pytest.param([400, 4], 395, (), (0,), id="the first never fits, the second is sent"),
        pytest.param([400, 400], 395, (), (0, 1), id="none fits: none is sent, none goes back"),
        pytest.param([60, 70, 40], 95, (1, 2), (), id="a prefix: no later one jumps the queue"),
        pytest.param([8, 8, 0, 0], 0, (), (), id="what is shorter than its failure makes room"),
        pytest.param([8, 12, 0, 0], 0, (), (0, 1), id="no room: what is no longer than its failure is sent"),
        pytest.param([2, 400, 6, 0], 95, (), (1,), id="one that never fits holds back no other"),
    ],
)
def test_boundaries(sizes, room, back, never):
    """The cut is exact to the byte: a record costs its data less 4 above failing, `room` is what is left for that."""
    rows = [Row("r", OK, "x" * size) for size in sizes]
    limit = response_bytes("compact", rows, [FAILED] * len(rows)) + room
    plan = plan_of("compact", rows, limit)
    assert (plan.back, plan.never) == (back, never)
    assert oracle("compact", rows, limit)[1:] == (list(back), list(never))


def test_the_cut_is_the_last_place_that_fits():
    """Where the running sum rises over the room and falls again, the records of the rise are sent too."""
    extra = [10, 8, -4, -4, 9, 9]
    failed = pa.array([50] * 6, pa.int64())
    entry = pa.array([50 + more for more in extra], pa.int64())
    plan = budget.plan(None, entry, failed, 14, 1, 14 + 5 + 300 + 10)
    assert (plan.back, plan.never, plan.response_bytes_max) == ((4, 5), (), 14 + 5 + 300 + 10)


def test_ids_that_fit_no_response_are_an_error():
    """A response that does not fit with every record failed is said to be impossible, with both sizes."""
    failed = pa.array([60, 60], pa.int64())
    with pytest.raises(ContractError, match=r"needs 135 bytes with every record failed, the limit is 134"):
        budget.plan(None, pa.array([90, 90], pa.int64()), failed, 14, 1, 134)


def test_the_limit_is_lambdas():
    """Without a limit given, the largest response that Lambda takes passes whole and one byte more does not."""
    failed = pa.array([105, 105], pa.int64())
    for over in (0, 1):
        entry = pa.array([200, RESPONSE_LIMIT_BYTES - 200 - 15 + over], pa.int64())
        plan = budget.plan(None, entry, failed, 14, 1)
        assert plan.back == ((1,) if over else ())
        assert plan.response_bytes_max == (14 + 1 + 200 + 105 if over else RESPONSE_LIMIT_BYTES)


@pytest.mark.parametrize("member", ["data", "kafkaRecordValue"])
@pytest.mark.parametrize("name", sorted(SPELLINGS))
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(Row("49628654765235663403446902955224362712470206619186102290000000", OK, "YWJj"), id="digits"),
        pytest.param(Row("", OK), id="empty id and data"),
        pytest.param(Row('a"b\\c\n\t\x00\x1f\x7f/', OK, "YQ=="), id="escapes"),
        pytest.param(Row("é한\U0001f600", OK, "YQ==", {"partitionKeys": {"k": "é한\U0001f600"}}), id="not ASCII"),
        pytest.param(Row("r", OK, "YQ==", {}), id="empty metadata"),
        pytest.param(Row("r", OK, "YQ==", {"partitionKeys": {"a": "1", "b": "2"}}), id="two keys"),
        pytest.param(
            Row("r", OK, "YQ==", {"otfMetadata": {"destinationDatabaseName": "d", "destinationTableName": "t"}}),
            id="iceberg",
        ),
    ],
)
def test_costs_are_exact(name, row, member):
    """Envelope, separator and entry of every result add up to what `json` writes, byte for byte."""
    spelling = SPELLINGS[name] if member == "data" else SPELLINGS[name].for_msk()
    id_bytes = spelling.text_bytes(row.record_id)
    metadata_bytes = None if row.metadata is None else len(write(name, row.metadata))
    counted = {
        OK: spelling.ok_bytes(id_bytes, len(row.data), metadata_bytes),
        DROPPED: spelling.dropped_bytes(id_bytes),
        FAILED: spelling.failed_bytes(id_bytes),
    }
    for first, first_bytes in counted.items():
        one = spelling.envelope_bytes + first_bytes
        assert response_bytes(name, [row], [first], member) == one
        for second, second_bytes in counted.items():
            two = one + spelling.separator_bytes + second_bytes
            assert response_bytes(name, [row, row], [first, second], member) == two


@pytest.mark.parametrize(
    ("spelling", "costs"),
    [
        pytest.param(budget.RUNTIME_ASCII, (15, 2, 44, 37, 46), id="runtime"),
        pytest.param(budget.COMPACT, (14, 1, 39, 34, 43), id="compact"),
    ],
)
def test_costs_are_the_measured_ones(spelling, costs):
    """The costs are the figures that were measured on the Lambda runtime's own serialiser."""
    assert costs == (
        spelling.envelope_bytes,
        spelling.separator_bytes,
        spelling.ok_bytes(0, 0),
        spelling.dropped_bytes(0),
        spelling.failed_bytes(0),
    )


def test_sizes_of_columns_without_dropped_or_metadata():
    """Where no record is dropped and none has metadata, both columns may be left out."""
    rows = [Row("a", OK, "YQ=="), Row("bb", FAILED)]
    entry, failed = budget.COMPACT.entry_sizes(pa.array([1, 2], pa.int64()), pa.array([4, None], pa.int64()))
    assert entry.to_pylist() == [len(write("compact", row.entry(row.result))) for row in rows]
    assert failed.to_pylist() == [len(write("compact", row.entry(FAILED))) for row in rows]
