"""The tables `[parse.NAME]` and `[explode]`, and the keys for what a record is: each mistake in one line."""

import pytest

from fastxform.config import model
from fastxform.errors import ConfigError

C = '[columns]\na = "a"\n'
MISTAKES = {
    "of is needed": ("[parse.log]\n" + C, "parse.log: needs of"),
    "unknown format": ('[parse.log]\nof = "a"\nformat = "jsonl"\n' + C, 'unknown format "jsonl"; did you mean json?'),
    "csv needs fields": ('[parse.x]\nof = "a"\nformat = "csv"\n' + C, "the format csv needs fields"),
    "fields are for csv": ('[parse.x]\nof = "a"\nfields = ["b"]\n' + C, "is for csv, cloudfront-realtime, vpc-flow"),
    "fields twice": ('[parse.x]\nof = "a"\nformat = "csv"\nfields = ["b", "b"]\n' + C, 'has "b" twice'),
    "regex needs a pattern": ('[parse.x]\nof = "a"\nformat = "regex"\n' + C, "needs pattern"),
    "no named group": ('[parse.x]\nof = "a"\nformat = "regex"\npattern = "a+"\n' + C, "has no named group"),
    "bad pattern": ('[parse.x]\nof = "a"\nformat = "regex"\npattern = "(?P<a>["\n' + C, "RE2 refuses it"),
    "delimiter of json": ('[parse.x]\nof = "a"\ndelimiter = ";"\n' + C, "is for csv, and this format is json"),
    "name": ('[parse.a-b]\nof = "a"\n' + C, "is no name for paths"),
    "circle": ('[parse.x]\nof = "y.a"\n[parse.y]\nof = "x.b"\n' + C, "stands on itself: x -> y -> x"),
    "itself": ('[explode]\npath = "item.a"\n' + C, "stands on itself: item -> item"),
    "same names": ('[parse.item]\nof = "a"\n[explode]\npath = "b"\n' + C, "item is a name of another layer"),
    "two documents": ('[explode]\npath = "b"\n[columns]\na = "item.a || b.c"\n', "item and b are not of one document"),
    "index": ('[explode]\npath = "b"\nindex = "i"\n[columns]\na = "i.x"\n', "i is the number of the element"),
    "no columns": ('output = { format = "json" }\n[explode]\npath = "b"\n', "need [columns]"),
    "images of json": ('images = ["Item"]\n' + C, "is for source dynamodb"),
    "images": ('source = "dynamodb"\nimages = ["a[0]"]\n' + C, "must be members with dots between"),
    "bad rows of one": ('bad_rows = "drop"\n' + C, "is for records of several rows"),
    "member of a text": ('source = "text"\n[columns]\na = "b"\n', 'a text has no "b"'),
    "iceberg": (
        'output = { format = "json" }\n[explode]\npath = "b"\n'
        + C
        + '[[routes]]\niceberg = { database = "d", table = "t" }\n',
        "does not go together with iceberg, where a record is one object; explode in Athena",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_remedy(name):
    """One line each, at its place."""
    text, message = MISTAKES[name]
    with pytest.raises(ConfigError) as raised:
        model.parse(text, "x")
    assert [str(line) for line in raised.value.mistakes if message in str(line)] != []
