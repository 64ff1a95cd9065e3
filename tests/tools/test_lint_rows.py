"""Hints about rows: members that no log event is known to have, and partition keys that rows of a record differ in."""

import pytest

from fastxform.config import model
from fastxform.tools.lint.rules import lint


def hints(text):
    """The codes of what is found, and what is said, without those about line breaks."""
    found = lint(model.parse(text, "c.toml"), "c.toml")
    assert {finding.level for finding in found} <= {"hint"}
    return [(finding.code, finding.message) for finding in found if finding.code != "csv-newlines"]


LOGS = 'source = "cloudwatch-logs"\noutput = { format = "json" }\n'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("logGroup", None),
        ("policyLevel", None),
        ("extractedFields.srcaddr", None),
        ("log.level", None),
        ("somethingNew", "known are id, timestamp, message, extractedFields"),
    ],
)
def test_an_unknown_member_of_a_log_event_is_a_hint(path, text):
    """It may be named all the same: AWS adds members."""
    found = hints(f'{LOGS}[parse.log]\nof = "message"\n[columns]\na = "{path}"\n')
    assert [code for code, _ in found] == (["log-member"] if text else [])
    assert text is None or text in found[0][1]


MANY = 'documents = "many"\n'
EXPLODE = '[explode]\npath = "items"\nindex = "line"\n[parse.inner]\nof = "item.text"\n'
A = '[columns]\na = { path = "%s", type = "string" }\nb = { expr = "a" }\n[partition_keys]\nk = "%s"\n'


@pytest.mark.parametrize(
    ("config", "differs"),
    [
        (A % ("x", "a"), False),
        (MANY + A % ("x", "a"), True),
        (MANY + A % ("x", "b"), True),
        (MANY + '[columns]\na = { meta = "arrival_ms" }\n[partition_keys]\nk = "a"\n', False),
        (LOGS + A % ("logGroup", "a"), False),
        (LOGS + A % ("message", "b"), True),
        (EXPLODE + A % ("id", "a"), False),
        (EXPLODE + A % ("item.sku", "a"), True),
        (EXPLODE + A % ("inner.sku", "a"), True),
        ('source = "text"\n' + MANY + A % ("text", "a"), True),
    ],
)
def test_a_partition_key_that_is_not_of_the_record_is_a_hint(config, differs):
    """Whatever `mixed` is: the record fails, or goes where its first row goes."""
    assert [code for code, _ in hints(config)] == (["mixed-rows"] if differs else [])
    if differs:
        ((_, message),) = hints('mixed = "first"\n' + config)
        assert "goes where its first row goes" in message
