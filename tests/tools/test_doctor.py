"""`fastxform doctor`: each fault is found, by its code and at its place, and nothing where nothing is wrong.

An account that is right is changed in one thing, and that thing is the one finding. Accounts are made of what the
models of botocore say that AWS answers.
"""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from accounts import (
    ACCOUNT,
    ACCOUNTS,
    ALIAS_ARN,
    FIREHOSE_ROLE,
    FUNCTION_ARN,
    KEY,
    KINESIS_ARN,
    STREAM_ARN,
    account,
    check,
    role,
)
from hypothesis import given
from hypothesis import strategies as st

from fastxform.errors import InputError
from fastxform.pipeline import Pipeline
from fastxform.tools.doctor import policy
from fastxform.tools.doctor.account import read_account
from fastxform.tools.doctor.diagnosis import diagnose

SOURCES = Path(policy.__file__).parent
RECORD = b'{"id":"%s"}' % (b"x" * 600)


def destination(found):
    """The description of the one destination."""
    (first,) = found["stream"]["DeliveryStreamDescription"]["Destinations"]
    return next(value for name, value in first.items() if name.endswith("Description"))


def parameter(found, name, value):
    (processor,) = destination(found)["ProcessingConfiguration"]["Processors"]
    (entry,) = [one for one in processor["Parameters"] if one["ParameterName"] == name]
    entry["ParameterValue"] = value


def elsewhere(name, **members):
    """Turn the destination into another one, which delivers failed records to the same bucket."""

    def change(found):
        (first,) = found["stream"]["DeliveryStreamDescription"]["Destinations"]
        before = first.pop("ExtendedS3DestinationDescription", None) or first.pop("IcebergDestinationDescription")
        common = {key: before[key] for key in ("RoleARN", "CloudWatchLoggingOptions", "ProcessingConfiguration")}
        bucket = {
            key: before[key]
            for key in (
                "RoleARN", "BucketARN", "ErrorOutputPrefix", "BufferingHints", "CompressionFormat",
                "EncryptionConfiguration",
            )
            if key in before
        } or before["S3DestinationDescription"]  # fmt: skip
        first[name] = {**common, "S3DestinationDescription": bucket, **members}

    return change


def without(name, action):
    """Take one action out of the policy of a role."""

    def change(found):
        for statement in found[name]["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            kept = [one for one in actions if not policy.matches(one, action, ignore_case=True)]
            if kept != actions:
                statement["Action"] = kept or ["none:None"]

    return change


def put(path, value):
    """Set what stands at a path of the descriptions."""

    def change(found):
        *steps, last = path.split(".")
        target = found
        for step in steps:
            target = destination(found) if step == "@" else target[int(step) if step.isdigit() else step]
        target[last] = value

    return change


def both(*changes):
    def change(found):
        for one in changes:
            one(found)

    return change


def deny(found):
    found["function-policy"]["Policy"] = found["function-policy"]["Policy"].replace('"Allow"', '"Deny"')


def in_another_account(found):
    there = ALIAS_ARN.replace(ACCOUNT, "210987654321")
    parameter(found, "LambdaArn", there)
    found["function"]["FunctionArn"] = there
    found["role-firehose"]["PolicyDocument"]["Statement"][0]["Resource"] = there
    found["role-function"]["PolicyDocument"]["Statement"][1].pop("Condition")
    found["function-policy"]["Policy"] = found["function-policy"]["Policy"].replace(
        FIREHOSE_ROLE, "arn:aws:iam::1:root"
    )


def lower(text, *pairs):
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


FAULTS = [
    # account, change of the descriptions, change of the configuration, findings, words of the message
    ("s3", put("@.ProcessingConfiguration.Enabled", False), (), {"processing-off"}, "records arrive raw"),
    (
        "s3",
        lambda found: parameter(found, "LambdaArn", FUNCTION_ARN[:-6] + "others:live"),
        (),
        {"other-function", "stream-cannot-invoke"},
        "others",
    ),
    (
        "s3",
        lambda found: parameter(found, "LambdaArn", FUNCTION_ARN),
        (),
        {"no-alias", "stream-cannot-invoke"},
        "alias",
    ),
    (
        "s3",
        put("aliases.Aliases", [{"AliasArn": f"{FUNCTION_ARN}:old", "Name": "old", "FunctionVersion": "1"}]),
        (),
        {"alias-gone"},
        "the alias live is gone (there is old)",
    ),
    ("s3", lambda found: parameter(found, "NumberOfRetries", "0"), (), {"no-retries"}, "leave it at 3"),
    ("iceberg", put("@.RetryOptions.DurationInSeconds", 0), (), {"no-retry-time"}, "give it 300"),
    ("kinesis", put("@.DataFormatConversionConfiguration", {"Enabled": True}), (), {"conversion-of-csv"}, "writes csv"),
    ("s3", put("@.DynamicPartitioningConfiguration.Enabled", False), (), {"partitioning-off"}, "make another one"),
    (
        "s3",
        put("@.Prefix", "rows/!{partitionKeyFromLambda:customer}/!{partitionKeyFromLambda:day}/"),
        (),
        {"partition-key-unknown"},
        "the prefix names day",
    ),
    (
        "s3",
        None,
        (('customer = "id"', 'customer = "id"\nday = "id"'),),
        {"partition-key-unused"},
        "add !{partitionKeyFromLambda:day}",
    ),
    ("s3", elsewhere("SplunkDestinationDescription"), (), {"partitions-elsewhere"}, "delivers to splunk"),
    ("kinesis", elsewhere("IcebergDestinationDescription"), (), {"csv-to-iceberg"}, 'set format = "json"'),
    ("iceberg", elsewhere("SplunkDestinationDescription"), (), {"tables-elsewhere"}, "delivers to splunk"),
    ("kinesis", elsewhere("AmazonopensearchserviceDestinationDescription"), (), {"csv-to-opensearch"}, "writes csv"),
    (
        "kinesis",
        elsewhere("AmazonOpenSearchServerlessDestinationDescription"),
        (("[columns]", 'documents = "many"\n[output]\nformat = "json"\n[columns]'),),
        {"rows-to-opensearch"},
        'documents = "many" makes several rows',
    ),
    (
        "kinesis",
        elsewhere("ElasticsearchDestinationDescription"),
        (("[columns]\nid = 'id'", 'source = "cloudwatch-logs"\n[output]\nformat = "json"\n[columns]\nid = "id"'),),
        {"rows-to-opensearch"},
        "cloudwatch-logs",
    ),
    (
        "s3",
        lambda found: destination(found)["ProcessingConfiguration"]["Processors"].append({"Type": "Decompression"}),
        (),
        {"puts-refused"},
        "puts from CloudWatch Logs only",
    ),
    ("s3", put("@.CloudWatchLoggingOptions", {"Enabled": False}), (), {"logging-off"}, "name a log group"),
    ("iceberg", put("@.AppendOnly", True), (), {"append-only"}, "delete and update"),
    (
        "iceberg",
        put("@.DestinationTableConfigurationList", []),
        (),
        {"unique-keys-missing"},
        'UniqueKeys = ["order_id"]',
    ),
    (
        "iceberg",
        put("@.DestinationTableConfigurationList.0.UniqueKeys", ["id"]),
        (),
        {"unique-keys-differ"},
        "the key of its rows is order_id",
    ),
    (
        "iceberg",
        both(
            put("@.DestinationTableConfigurationList.0.DestinationTableName", "Orders"),
            put("table.Table.Name", "Orders"),
            put("role-firehose.PolicyDocument.Statement.4.Resource", "*"),
        ),
        (),
        {"table-case", "unique-keys-missing"},
        "the table is shop.Orders",
    ),
    ("iceberg", put("table.Table.StorageDescriptor.Columns.0.Name", "ORDER_ID"), (), {"column-case"}, "is ORDER_ID in"),
    ("s3", put("function.State", "Failed"), (), {"function-failed"}, "AWS gives no reason"),
    (
        "s3",
        both(put("function.LastUpdateStatus", "Failed"), put("function.LastUpdateStatusReason", "no layer")),
        (),
        {"function-failed"},
        "Failed (no layer)",
    ),
    ("s3", put("function.Timeout", 900), (), {"timeout-too-long"}, "waits for 300"),
    ("s3", put("function.Timeout", 2), (), {"timeout-too-short"}, "set it to 60"),
    (
        "s3",
        put("function.Environment.Variables.FASTXFORM_CONFG", "x.toml"),
        (),
        {"setting-unknown"},
        "did you mean FASTXFORM_CONFIG?",
    ),
    (
        "s3",
        put(
            "function.LoggingConfig",
            {"LogFormat": "JSON", "ApplicationLogLevel": "ERROR", "LogGroup": "/aws/lambda/orders"},
        ),
        (),
        {"metrics-dropped"},
        "set LogFormat to Text",
    ),
    ("s3", put("function.Runtime", "python3.11"), (), {"old-runtime"}, "take python3.12 or later"),
    (
        "s3",
        without("role-firehose", "lambda:InvokeFunction"),
        (),
        {"stream-cannot-invoke"},
        "lambda:InvokeFunction on arn",
    ),
    (
        "s3",
        put("role-firehose.PolicyDocument.Statement.0.Resource", f"{FUNCTION_ARN}:old"),
        (),
        {"stream-cannot-invoke"},
        "lambda:InvokeFunction, lambda:GetFunctionConfiguration",
    ),
    ("s3", without("role-firehose", "s3:PutObject"), (), {"stream-cannot-write"}, "s3:PutObject"),
    (
        "s3",
        put("role-firehose.PolicyDocument.Statement.3.Resource", ["arn:aws:s3:::rows/rows/*"]),
        (),
        {"stream-cannot-write"},
        "arn:aws:s3:::rows/errors/object",
    ),
    ("s3", without("role-firehose", "kms:Decrypt"), (), {"stream-cannot-use-key"}, f"kms:Decrypt on {KEY}bucket"),
    (
        "s3",
        put(
            "role-firehose.PolicyDocument.Statement.4.Condition",
            {"StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::rows/errors/*"}},
        ),
        (),
        {"stream-cannot-use-key"},
        "nothing is written there",
    ),
    ("s3", without("role-firehose", "logs:PutLogEvents"), (), {"stream-cannot-log"}, "nothing says why"),
    ("kinesis", without("role-firehose", "kinesis:GetRecords"), (), {"stream-cannot-read-source"}, "nothing arrives"),
    ("kinesis", without("role-firehose", "kms:Decrypt"), (), {"stream-cannot-use-key"}, f"kms:Decrypt on {KEY}source"),
    ("iceberg", without("role-firehose", "glue:UpdateTable"), (), {"stream-cannot-commit"}, "glue:UpdateTable"),
    (
        "iceberg",
        without("role-firehose", "lakeformation:GetDataAccess"),
        (),
        {"stream-cannot-commit"},
        "no credentials",
    ),
    ("s3", without("role-function", "firehose:PutRecordBatch"), (), {"function-cannot-put-back"}, STREAM_ARN),
    ("kinesis", without("role-function", "kinesis:PutRecords"), (), {"function-cannot-put-back"}, KINESIS_ARN),
    ("s3", without("role-function", "kms:GenerateDataKey"), (), {"function-cannot-use-key"}, f"{KEY}stream"),
    ("kinesis", without("role-function", "kms:GenerateDataKey"), (), {"function-cannot-use-key"}, f"{KEY}source"),
    (
        "s3",
        put(
            "role-function.PolicyDocument.Statement.1.Condition",
            {"ArnEquals": {"lambda:SourceFunctionArn": f"{FUNCTION_ARN}2"}},
        ),
        (),
        {"function-cannot-put-back"},
        "fails",
    ),
    ("s3", without("role-function", "logs:PutLogEvents"), (), {"function-cannot-log"}, "neither metrics nor reasons"),
    ("s3", without("role-producer", "firehose:PutRecord"), (), {"caller-cannot-put"}, "producer may neither"),
    (
        "s3",
        without("role-producer", "kms:GenerateDataKey"),
        (),
        {"caller-cannot-use-key"},
        "puts into the encrypted stream",
    ),
    (
        "s3",
        put(
            "trust-firehose.Role.AssumeRolePolicyDocument.Statement.0.Condition",
            {"StringEquals": {"sts:ExternalId": "1"}},
        ),
        (),
        {"trust"},
        f"with {ACCOUNT} as sts:ExternalId",
    ),
    (
        "s3",
        put("trust-function.Role.AssumeRolePolicyDocument.Statement.0.Principal", {"Service": "ec2.amazonaws.com"}),
        (),
        {"trust"},
        "lambda.amazonaws.com may not assume orders-function",
    ),
    ("s3", deny, (), {"invoke-denied"}, "take that out"),
    ("s3", in_another_account, (), {"invoke-other-account"}, "is of account 210987654321"),
]


def diagnosed(found, config, sample=None, name="c.toml"):
    documents = [(f"{file}.json", json.dumps(content).encode()) for file, content in sorted(found.items())]
    return diagnose(Pipeline.from_toml(config), name, read_account(documents), sample)


@pytest.mark.parametrize("name", ACCOUNTS)
def test_nothing_is_found_where_nothing_is_wrong(name):
    """An account that is right has no finding, with a sample neither."""
    found, config = account(name)
    assert diagnosed(found, config) == ()


@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_descriptions_are_those_of_aws(name):
    """botocore's models know every member of the descriptions."""
    found, _ = account(name)
    assert {file: report for file, content in found.items() if (report := unknown(file, content))} == {}


def unknown(file, content):
    """What the model says against a description; times are texts, as the CLI prints them."""
    report = check(file, content)
    return [line for line in report.splitlines() if line]


@pytest.mark.parametrize(
    ("name", "change", "edits", "codes", "words"),
    [pytest.param(*fault, id=f"{number}-{'-'.join(sorted(fault[3]))}") for number, fault in enumerate(FAULTS)],
)
def test_one_fault_is_one_finding(name, change, edits, codes, words):
    """One thing that is changed is found, and nothing else is; the finding names its place and the remedy."""
    found, config = account(name)
    if change is not None:
        change(found)
    findings = diagnosed(found, lower(config, *edits))
    assert {finding.code for finding in findings} == codes, findings
    assert any(words in finding.message for finding in findings), findings
    for finding in findings:
        file = finding.place.partition(":")[0]
        assert file == "c.toml" or file.removesuffix(".json") in found, finding
        assert re.search(r"[:;,] \w", finding.message), f"no remedy: {finding.message}"


def codes_of_the_rules():
    return {
        code
        for path in SOURCES.glob("*.py")
        for code in re.findall(
            r'(?:Finding\(\s*(?:"\w+"|[^,"]*"\w+" if \w+ else "\w+"),|Need\()\s*"([a-z0-9-]+)"', path.read_text()
        )
    }


TRAFFIC = {"overflow", "timeout-short", "memory-short", "record-too-large", "record-large", "billing-steps"}


def test_every_rule_has_a_fault():
    """No rule is without a fault that shows it."""
    assert codes_of_the_rules() == set().union(*(fault[3] for fault in FAULTS)) | TRAFFIC


def test_every_finding_is_on_the_page():
    """The page of operations names every code."""
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    section = page.partition("\n## Diagnosis\n")[2].partition("\n## ")[0]
    table = "\n".join(line for line in section.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`([a-z-]+)`", table)) == codes_of_the_rules()


# -- a sample


def sampled(name, sample, *changes, edits=()):
    found, config = account(name)
    for change in changes:
        change(found)
    config = lower(config, *edits)
    file = Path("c.toml")
    file.write_text(config, encoding="utf-8")
    return {finding.code: finding for finding in diagnosed(found, config, sample, str(file))}


def test_a_sample_that_fits_has_no_finding(write):
    """Records of 600 bytes and rows that are no longer: nothing, not even about their price."""
    write("")
    assert sampled("kinesis", [RECORD]) == {}


def test_a_buffer_that_overflows_is_found(write):
    """The share of batches, what becomes of the records, and the hint that fits."""
    write("")
    wide = (("id = 'id'", "\n".join(f"c{number} = 'id'" for number in range(12))),)
    (finding,) = sampled("kinesis", [RECORD], edits=wide).values()
    assert (finding.level, finding.code) == ("warning", "overflow")
    assert "with 1 MB 100% of the batches of this sample overflow, and records are put back" in finding.message
    assert finding.message.endswith("set it to 0.3")
    failing = (*wide, ("[columns]", '[overflow]\npolicy = "fail"\n[columns]'))
    assert sampled("kinesis", [RECORD], edits=failing)["overflow"].level == "error"


def test_a_time_out_that_is_too_short_is_found(write):
    """Half a second above the reserve does not hold a cold start, a batch and its puts."""
    write("")
    changes = (put("function.Timeout", 10), put("function.MemorySize", 256))
    edits = (("[columns]", "[overflow]\nreserve_ms = 9500\n[columns]"),)
    (finding,) = sampled("kinesis", [RECORD], *changes, edits=edits).values()
    assert (finding.code, finding.level) == ("timeout-short", "warning")
    assert re.search(r"up to \d+ s: set it to that at least$", finding.message)


def test_memory_that_is_too_small_is_found(write):
    """A function that has less than the process takes."""
    write("")
    assert set(sampled("kinesis", [RECORD], put("function.MemorySize", 32), put("function.Timeout", 300))) == {
        "memory-short"
    }


@pytest.mark.parametrize(
    ("name", "size", "kib", "code"),
    [
        ("s3", 1_100_000, None, "record-too-large"),
        ("kinesis", 1_100_000, 1024, "record-too-large"),
        ("kinesis", 1_100_000, 2048, "record-large"),
        ("kinesis", 10_000_000, 10_240, "record-large"),
    ],
)
def test_large_records_are_found(write, name, size, kib, code):
    """What the source refuses is an error; what AWS advises against a warning, of records to 10 MiB too."""
    write("")
    changes = [put("function.Timeout", 300)]
    if kib is not None:
        changes.append(put("source.StreamDescriptionSummary.MaxRecordSizeInKiB", kib))
    assert set(sampled(name, [b'{"id":"1","more":"%s"}' % (b"x" * size)], *changes)) == {code}


def test_billing_steps_are_a_hint(write):
    """Records of 60 bytes are billed as 85 times what they weigh."""
    write("")
    (finding,) = sampled("kinesis", [b'{"id":"%s"}' % (b"x" * 51)], put("function.Timeout", 300)).values()
    assert (finding.code, finding.level) == ("billing-steps", "hint")
    assert "85 times" in finding.message


# -- what is given


@pytest.mark.parametrize("name", ACCOUNTS)
@pytest.mark.parametrize(
    "missing", ["function", "aliases", "role-firehose", "role-function", "trust-firehose", "source"]
)
def test_what_is_not_given_is_not_judged(name, missing):
    """A description less is no finding."""
    found, config = account(name)
    found.pop(missing, None)
    assert diagnosed(found, config) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "f.json: is not JSON; give what the AWS CLI prints with --output json"),
        (b"\xff", "f.json: is not JSON; give what the AWS CLI prints with --output json"),
        (b"[]", "f.json: is no JSON object; give what the AWS CLI prints, without --query"),
        (b"{}", "f.json: is no description that is known, by its members; these are "),
        (b'{"RoleName": "r", "PolicyDocument": "%7b"}', "f.json: its policy is not JSON"),
        (b'{"RoleName": "r", "PolicyDocument": {"Statement": [{}]}}', "f.json: its policy has no statements"),
        (
            b'{"Aliases": []}',
            "no description of the delivery stream was given: `aws firehose describe-delivery-stream`",
        ),
    ],
)
def test_what_is_no_description_is_said(command, write, content, message):
    """A file that is something else is named, with what it should be; exit code 2, no traceback."""
    config = write("[columns]\nid = 'id'\n")
    write(content, "f.json")
    code, out, err = command("doctor", config, "f.json")
    assert (code, out) == (2, "")
    assert err.startswith(f"fastxform: {message}")


def test_a_second_description_is_refused(command, write):
    """Of two streams one is too many."""
    found, config = account("s3")
    write(config)
    for name in ("a.json", "b.json"):
        write(json.dumps(found["stream"]), name)
    assert command("doctor", "c.toml", "a.json", "b.json") == (
        2, "", "fastxform: b.json: describes the same as a.json; give one of the two\n",
    )  # fmt: skip


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """Every place of a document."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*path, index))


@given(st.data())
def test_no_description_raises(data):
    """Whatever stands at whatever place, there are findings or an error that is said."""
    name = data.draw(st.sampled_from(sorted(ACCOUNTS)))
    found, config = account(name)
    file = data.draw(st.sampled_from(sorted(found)))
    path = data.draw(st.sampled_from(sorted(places(found[file]), key=repr)))
    value = data.draw(json_values)
    if not path:
        found[file] = value
    else:
        target = found[file]
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value
    try:
        for finding in diagnosed(found, config):
            assert isinstance(finding.message, str)
    except InputError as err:
        assert str(err)


# -- permissions


@pytest.mark.parametrize(
    ("statement", "action", "resource", "expected"),
    [
        ({"Action": "*", "Resource": "*"}, "s3:GetObject", "arn:aws:s3:::b/k", True),
        ({"Action": "S3:get*", "Resource": "arn:aws:s3:::b/*"}, "s3:GetObject", "arn:aws:s3:::b/k", True),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::B/*"}, "s3:GetObject", "arn:aws:s3:::b/k", False),
        ({"Action": "s3:Get?bject", "Resource": "arn:aws:s3:::b/[k]"}, "s3:GetObject", "arn:aws:s3:::b/k", False),
        ({"NotAction": "s3:Put*", "Resource": "*"}, "s3:GetObject", "arn:aws:s3:::b/k", True),
        ({"NotAction": "s3:*", "Resource": "*"}, "s3:GetObject", "arn:aws:s3:::b/k", False),
        ({"Action": "s3:*", "NotResource": "arn:aws:s3:::b/*"}, "s3:GetObject", "arn:aws:s3:::b/k", False),
        ({"Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"a:B": "1"}}}, "s3:X", "r", True),
        ({"Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"k:V": ["1", "2"]}}}, "s3:X", "r", True),
        ({"Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"k:V": "1"}}}, "s3:X", "r", False),
        ({"Action": "s3:*", "Resource": "*", "Condition": {"StringNotEquals": {"k:V": "2"}}}, "s3:X", "r", False),
        (
            {"Action": "s3:*", "Resource": "*", "Condition": {"ForAnyValue:StringLikeIfExists": {"k:V": "?"}}},
            "s3:X",
            "r",
            True,
        ),
    ],
)
def test_a_policy_is_evaluated_as_iam_does(statement, action, resource, expected):
    """Wildcards, what is excluded, and conditions that are known; what is unknown holds."""
    allowed = {"Effect": "Allow", **statement}
    assert policy.allows([allowed], action, resource, {"k:v": "2"}) is expected


def test_a_denial_wins():
    """It wins over every allowance, but not where its condition is not known to hold."""
    everything = {"Action": "*", "Resource": "*"}
    allow, deny = {"Effect": "Allow", **everything}, {"Effect": "Deny", **everything}
    assert not policy.allows([deny, allow], "a:B", "r", {})
    assert policy.allows([{**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}, allow], "a:B", "r", {})


# -- the command


def saved(write, name):
    found, config = account(name)
    write(config)
    for file, content in found.items():
        write(json.dumps(content), f"{file}.json")
    return found


def test_the_command_prints_findings(command, write):
    """A line a finding with place, level, remedy and code; exit code 1 where there is an error."""
    found = saved(write, "s3")
    assert command("doctor", "c.toml", ".") == (0, "", "c.toml: nothing found\n")
    deny(found)
    write(json.dumps(found["function-policy"]), "function-policy.json")
    assert command("doctor", "c.toml", ".") == (
        1,
        "function-policy.json: error: the function's own policy denies lambda:InvokeFunction to the role of the "
        "stream: take that out [invoke-denied]\n",
        "c.toml: 1 error\n",
    )
    code, out, _ = command("doctor", "c.toml", ".", "--json")
    assert code == 1
    assert json.loads(out)["counts"] == {"error": 1, "warning": 0, "hint": 0}
    assert json.loads(out)["findings"][0]["code"] == "invoke-denied"


def test_a_warning_alone_is_no_failure(command, write):
    """Exit code 0 with warnings and hints."""
    found = saved(write, "s3")
    parameter(found, "NumberOfRetries", "0")
    write(json.dumps(found["stream"]), "stream.json")
    code, out, err = command("doctor", "c.toml", ".")
    assert (code, err) == (0, "c.toml: 1 warning\n")
    assert "[no-retries]" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give CONFIG and what describes the account; "),
        (("c.toml",), "give CONFIG and what describes the account; "),
        (("c.toml", "empty"), "empty: the directory has no file that ends in .json"),
        (("c.toml", "--from-account", "s"), "--from-account only prints commands: "),
    ],
)
def test_wrong_arguments_are_said(command, write, arguments, message):
    """What is missing or too much, exit code 2."""
    write("[columns]\nid = 'id'\n")
    Path("empty").mkdir()
    code, _, err = command("doctor", *arguments)
    assert code == 2
    assert err.startswith(f"fastxform: {message}")


AWS = """#!{python}
import json, pathlib, sys
import jmespath

words = [word for word in sys.argv[1:] if not word.startswith("--")]
options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
place = pathlib.Path({place!r})
service, operation = sys.argv[1:3]
with (place / "asked").open("a") as asked:
    asked.write(f"{{service}} {{operation}}\\n")

def read(name):
    path = place / f"{{name}}.json"
    if not path.exists():
        sys.exit(254)
    return json.loads(path.read_text())

managed = {{"Policy": {{"DefaultVersionId": "v3"}}}}
role = options.get("--role-name", "").rpartition("-")[2]
found = {{
    "describe-delivery-stream": lambda: read("stream"),
    "get-function-configuration": lambda: read("function"),
    "list-aliases": lambda: read("aliases"),
    "get-policy": lambda: read("function-policy") if service == "lambda" else managed,
    "describe-stream-summary": lambda: read("source"),
    "get-table": lambda: read("table"),
    "get-role": lambda: read(f"trust-{{role}}"),
    "list-role-policies": lambda: {{"PolicyNames": ["p"] if role == "firehose" else []}},
    "get-role-policy": lambda: read(f"role-{{role}}"),
    "list-attached-role-policies": lambda: {{
        "AttachedPolicies": [{{"PolicyArn": "arn:aws:iam::1:policy/a"}}] if role == "function" else []
    }},
    "get-policy-version": lambda: {{
        "PolicyVersion": {{"Document": read("role-function")["PolicyDocument"], "VersionId": options["--version-id"]}}
    }},
}}[operation]()
if "--query" in options:
    found = jmespath.search(options["--query"], found)
if options.get("--output") == "json":
    print(json.dumps(found))
else:
    rows = found if isinstance(found, list) else [found]
    lines = ["\\t".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows]
    print("\\n".join(lines) if rows and isinstance(rows[0], list) else "\\t".join(lines))
"""


@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_script_gathers_what_doctor_reads(command, tmp_path, monkeypatch, name):
    """The commands that are printed, run against a stand-in for the AWS CLI, give what has no finding."""
    monkeypatch.chdir(tmp_path)
    found, config = account(name)
    (tmp_path / "c.toml").write_text(config)
    place = tmp_path / "aws"
    (place / "bin").mkdir(parents=True)
    for file, content in found.items():
        (place / f"{file}.json").write_text(json.dumps(content))
    fake = place / "bin/aws"
    fake.write_text(AWS.format(python=sys.executable, place=str(place)))
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    code, script, _ = command("doctor", "--from-account", "orders", "--into", "an account")
    assert code == 0
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        env={"PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "now: fastxform doctor CONFIG an account --sample RECORDS\n"
    gathered = {path.name for path in Path("an account").iterdir()}
    assert {"stream.json", "function.json", "aliases.json", "role-orders-firehose-p.json"} <= gathered
    assert ("source.json" in gathered, "table-shop-orders.json" in gathered) == (name == "kinesis", name == "iceberg")
    assert ("function-policy.json" in gathered) == (name == "s3")
    assert command("doctor", "c.toml", "an account") == (0, "", "c.toml: nothing found\n")
    without_puts = role("orders-function")
    (place / "role-function.json").write_text(json.dumps(without_puts))
    asked = set((place / "asked").read_text().split("\n"))
    assert all(re.fullmatch(r"\w+ (get|list|describe)-[a-z-]+|", call) for call in asked), asked
