"""Open-ended objects in a sample: rare members share a `rest`, and objects of stable ones may be spread."""

import json

import pytest
from inferring import assert_works, change, columns_of, compact, inferred

from fastxform import Pipeline

ROWS = 40


def open_ended(number):
    """Two members that every record has, and one of very many."""
    more = {f"more_{number}": [number]} if number < 5 else {}
    return {"id": number, "kind": "a", f"attr_{number}": number, "nested": {"x": 1, **more}}


def rows_of(text, *records):
    """The rows that a configuration makes of records."""
    return [json.loads(data) for data in Pipeline.from_toml(text).run(list(map(compact, records))).data]


def taken_out(text, word):
    """A configuration in which the comment that is a line with this word is one no more."""
    (line,) = [line for line in text.splitlines() if line.startswith("# ") and word in line]
    return text.replace(line, line.removeprefix("# "))


# -- rest


def test_rare_members_share_a_column():
    """Of the record, and of objects in it; what is not rare has a column, and nothing is lost or there twice."""
    found = inferred(*map(open_ended, range(ROWS)))
    assert list(columns_of(found)) == ["id", "kind", "x", "others"]
    assert_works(found)
    (row,) = rows_of(found.text, {**open_ended(3), "new": None, "nested": {"x": 3, "y": {"z": 4}}})
    assert row == {"id": 3, "kind": "a", "x": 3, "others": {"attr_3": 3, "new": None, "nested": {"y": {"z": 4}}}}
    assert f"{ROWS + 5} that fewer than 10 % of the records have: attr_0, more_0" in found.text


def test_few_rare_members_keep_their_columns():
    """Seven may be those of one kind of record; so may any number in a sample of a few records."""
    records = [{"id": number, **({f"rare_{number}": 1} if number < 7 else {})} for number in range(ROWS + 40)]
    assert "rest" not in inferred(*records).text
    assert "rest" not in inferred(*map(open_ended, range(19))).text
    assert "rest" in inferred(*map(open_ended, range(20))).text


def test_rare_members_of_json_in_a_text():
    """They are the rest of what is parsed."""
    records = [{"id": n, "log": compact({"level": "INFO", f"k{n}": n}).decode()} for n in range(ROWS)]
    found = inferred(*records)
    assert list(columns_of(found)) == ["id", "level", "others"]
    assert_works(found)
    assert rows_of(found.text, records[3]) == [{"id": 3, "level": "INFO", "others": {"k3": 3}}]


def test_the_rest_of_a_record_does_not_hold_a_parsed_text_too():
    """Neither once more as it was written, nor its members."""
    records = [{**open_ended(n), "log": compact({"level": "INFO", "msg": "m"}).decode()} for n in range(ROWS)]
    found = inferred(*records)
    assert_works(found)
    (row,) = rows_of(found.text, records[3])
    assert row == {
        "id": 3, "kind": "a", "x": 1, "level": "INFO", "msg": "m", "others": {"attr_3": 3, "nested": {"more_3": [3]}},
    }  # fmt: skip


def test_rare_attributes_of_items():
    """Of the images of a change, and of bare items."""
    images = [{"name": {"S": "n"}, f"attr_{number}": {"N": str(number)}} for number in range(ROWS)]
    found = inferred(*map(change, images))
    assert list(columns_of(found)) == ["id", "name", "others", "changed_at", "eventName"]
    assert_works(found)
    (row,) = rows_of(found.text, change(images[5]))
    assert row["others"] == {"attr_5": 5}
    found = inferred(*images)
    assert list(columns_of(found)) == ["name", "others"]
    assert_works(found)
    assert rows_of(found.text, images[5]) == [{"name": "n", "others": {"attr_5": 5}}]


def test_a_rest_goes_into_csv_as_well():
    """As one field."""
    found = inferred(*map(open_ended, range(ROWS)), output="csv")
    assert_works(found)
    (row,) = Pipeline.from_toml(found.text).run([compact(open_ended(3))]).data
    assert row == b'3,a,1,"{""attr_3"":3,""nested"":{""more_3"":[3]}}"\n'


# -- spread


def test_an_object_of_stable_members_may_be_spread():
    """The line is a comment, which as a line of the file puts its members into the row, later ones too."""
    records = [{"id": n, "detail": {"os": "a", "ver": n}, "tags": []} for n in range(3)]
    found = inferred(*records)
    assert_works(found)
    text = taken_out(found.text, "spread")
    (row,) = rows_of(text, {**records[0], "detail": {"os": "b", "ver": 1, "new": 2}})
    assert row == {"id": 0, "os": "b", "ver": 1, "tags": [], "new": 2}


@pytest.mark.parametrize(
    "records",
    [
        [{"detail": {"os": "a", "ver": 1}}],
        [{"tags": [], "detail": {"a": 1, "b": 2}}, {"detail": {"a": 1}}],
        [{"tags": [], "detail": {"a": 1, "b": 2}}, {"tags": []}],
        [{"tags": [], "detail": {"a": 1, "tags": 2}}],
        [{"tags": [], "detail": {"a": 1}}],
        [{"tags": [], "detail": {f"m{number}": 1 for number in range(21)}}],
    ],
    ids=["csv", "member-that-may-lack", "object-that-may-lack", "name-of-a-member", "one-member", "many-members"],
)
def test_what_is_not_spread(records):
    """Rows of CSV, what is not always there, what would hide another member, and what is no matter of a few members."""
    assert "spread" not in inferred(*records).text


def test_of_two_objects_with_a_name_in_common_one_is_spread():
    """The other would hide it."""
    text = inferred({"tags": [], "a": {"x": 1, "y": 2}, "b": {"x": 3, "z": 4}}).text
    assert '# a = { path = "a", spread = true }' in text
    assert "# b =" not in text


def test_an_item_may_be_spread():
    """Of a change: its attributes under their own names."""
    found = inferred(change({"id": {"S": "a"}, "tags": {"L": []}, "total": {"N": "1.50"}}))
    assert_works(found)
    (row,) = rows_of(taken_out(found.text, "spread"), change({"id": {"S": "a"}, "new": {"N": "2"}}))
    assert {name: row[name] for name in ("id", "new")} == {"id": "a", "new": 2}
