"""Configurations inferred from samples in tests, and what they have to be."""

import json

from fastxform import Pipeline
from fastxform.config import model
from fastxform.errors import OK
from fastxform.tools.inference.inference import infer
from fastxform.tools.lint.rules import lint


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def inferred(*records, **options):
    """What is inferred from records, given as JSON values or as bytes."""
    return infer([record if isinstance(record, bytes) else compact(record) for record in records], "s.jsonl", **options)


def columns_of(found):
    """The columns of a configuration by name."""
    return {column.name: column for column in model.parse(found.text).columns or ()}


def assert_works(found):
    """The configuration has no mistakes, lint finds no error, and every test gives what it says."""
    read = model.parse(found.text, "c.toml")
    assert [finding for finding in lint(read, "c.toml") if finding.level == "error"] == []
    pipeline = Pipeline(read)
    assert len(read.tests) == found.tests > 0
    for example in read.tests:
        batch = pipeline.run([example.input])
        data = batch.data[0]
        assert (example.expect, example.reason, example.result) == (
            (None if data is None else data.decode(), None, None)
            if batch.result[0] == OK
            else (None, batch.reason[0], None if batch.reason[0] else batch.result[0])
        )
    return read


def change(image, event_name="INSERT", **members):
    """A DynamoDB change as a Kinesis stream gets it."""
    inside = {"ApproximateCreationDateTime": 1651495525900, "Keys": {"id": {"S": "a"}}, "NewImage": image}
    return {"eventName": event_name, "eventSource": "aws:dynamodb", "dynamodb": inside, **members}
