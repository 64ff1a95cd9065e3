"""The Terraform module and its examples: valid, wired as they should be, and with no rights to spare."""

import json
import re
from pathlib import Path

import pytest
from make_schemas import SCHEMAS, SOURCES
from rights import WIDE, findings, wide
from terraform import EXAMPLES, MODULE, ROOT

from fastxform import settings
from fastxform.cli import main as fastxform
from fastxform.invocation import telemetry
from fastxform.limits import (
    BUFFER_INTERVAL_DEFAULT_SECONDS,
    BUFFER_INTERVAL_MAX_SECONDS,
    BUFFER_SIZE_DEFAULT_MB,
    BUFFER_SIZE_MAX_MB,
    BUFFER_SIZE_MIN_MB,
    FUNCTION_TIMEOUT_MAX_SECONDS,
    INVOCATION_RETRIES,
)

SOURCE = ROOT / MODULE
PLACES = ("", *(f"examples/{name}" for name in EXAMPLES))
RUNS = {"": 90, "examples/dynamotest": 1, "examples/ses": 2, "examples/ticker": 1}


def values(runs, kind):
    """What the resources of a type became, in every run."""
    return [resource["values"] for run in runs for resource in run.resources() if resource["type"] == kind]


def test_the_files_are_formatted(deployed):
    """`terraform fmt` would change nothing."""
    result = deployed.terraform.run(SOURCE, "fmt", "-check", "-diff", "-recursive")
    assert (result.code, result.out) == (0, "")


@pytest.mark.parametrize("place", PLACES)
def test_a_directory_is_valid(deployed, place):
    """`terraform validate` finds nothing, not even a warning."""
    assert deployed.terraform.validate(deployed.module / place) == []


@pytest.mark.parametrize("place", PLACES)
def test_the_tests_of_a_directory_pass(deployed, place):
    """`terraform test` runs every run and each passes."""
    result, runs = deployed.tested(deployed.module / place)
    said = [line["diagnostic"] for line in result.lines() if line["type"] == "diagnostic"]
    assert [run.name for run in runs if run.status != "pass"] == [], said
    assert (result.code, len(runs)) == (0, RUNS[place])


def test_no_right_is_wider_than_it_has_to_be(deployed):
    """No action and no resource of a role is a wildcard, but for ends of ARNs on the closed list with reasons."""
    policies = [json.loads(found["policy"]) for found in values(deployed.everywhere(), "aws_iam_role_policy")]
    assert len(policies) == 40  # two of each run that makes something, one where the stream exists, and one for SES
    assert [finding for policy in policies for finding in findings(policy)] == []
    assert wide(policies) == WIDE.keys()


def test_roles_are_assumed_by_one_service_each(deployed):
    """A role trusts one service, and one that a service uses for others' streams is bound to the account."""
    trusts = [
        json.loads(role["assume_role_policy"])["Statement"] for role in values(deployed.everywhere(), "aws_iam_role")
    ]
    found = {
        (one["Principal"]["Service"], tuple(sorted(key for test in one.get("Condition", {}).values() for key in test)))
        for (one,) in trusts
    }
    assert found == {
        ("lambda.amazonaws.com", ()),
        ("firehose.amazonaws.com", ("aws:SourceAccount", "aws:SourceArn", "sts:ExternalId")),
        ("ses.amazonaws.com", ("AWS:SourceAccount", "AWS:SourceArn")),
    }


@pytest.mark.parametrize(
    ("policy", "finding"),
    [
        ({"Action": "s3:*", "Resource": "arn:aws:s3:::b"}, "S: action s3:*"),
        ({"Action": ["s3:GetObject"], "Resource": ["*"]}, "S: resource * is no ARN"),
        ({"Action": ["lakeformation:GetDataAccess", "s3:GetObject"], "Resource": "*"}, "S: resource * is no ARN"),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}, "S: resource arn:aws:s3:::b/* ends in a wildcard"),
        ({"Action": "a:B", "Resource": "arn:aws:*:x"}, "S: resource arn:aws:*:x has a wildcard before its end"),
        ({"NotAction": "a:B", "Resource": "arn:aws:a:::b"}, "S: NotAction allows what nobody named"),
        (
            {"Sid": "WriteObjects", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*"},
            "WriteObjects: resource arn:aws:s3:::* is everything that the service has",
        ),
    ],
    ids=["action", "everything", "everything-beside", "objects", "middle", "not-action", "every-bucket"],
)
def test_a_wide_right_is_found(policy, finding):
    """The check of rights sees what is too wide, and lets a denial be."""
    statement = {"Sid": "S", "Effect": "Allow", **policy}
    assert list(findings({"Statement": statement})) == [finding]
    assert list(findings({"Statement": [{**statement, "Effect": "Deny"}]})) == []


def test_alarms_and_charts_name_metrics_that_the_transform_has(deployed):
    """Every metric of ours in an alarm is one that is written, and the dashboard shows all that are."""
    runs = deployed.everywhere()
    ours = [alarm for alarm in values(runs, "aws_cloudwatch_metric_alarm") if alarm["namespace"] == "fastxform"]
    assert {alarm["metric_name"] for alarm in ours} == {
        "RecordsFailed",
        "RecordsInternal",
        "PutsUnacknowledged",
        "RecordsReingested",
        "ResponseShare",
    }
    assert {tuple(sorted(alarm["dimensions"])) for alarm in ours} == {tuple(sorted(telemetry.DIMENSIONS))}
    boards = [json.loads(board["dashboard_body"]) for board in values(runs, "aws_cloudwatch_dashboard")]
    assert len(boards) == 21
    for board in boards:
        lines = [line for widget in board["widgets"] for line in widget["properties"].get("metrics", [])]
        mine = [line for line in lines if line[0] == "fastxform"]
        assert {line[1] for line in mine} == telemetry.UNITS.keys()
        assert {(line[2], line[4]) for line in mine} <= {telemetry.DIMENSIONS, telemetry.DIMENSIONS[::-1]}


def test_the_function_is_told_what_it_reads(deployed):
    """The environment of the function holds only what the package reads, with values that it takes."""
    source = (ROOT / "fastxform/settings.py").read_text(encoding="utf-8")
    names = {
        name
        for function in values(deployed.everywhere(), "aws_lambda_function")
        for name in function["environment"][0]["variables"]
    }
    assert {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"} <= names
    assert [name for name in sorted(names) if f'"{name}"' not in source] == []
    text = (SOURCE / "variables.tf").read_text(encoding="utf-8")
    (levels,) = re.findall(r"contains\((\[.*\]), var\.log_level\)", text)
    assert set(json.loads(levels)) <= settings.LEVELS.keys()


def test_a_dashboard_shows_what_its_alarms_look_at(deployed):
    """Each metric of an alarm is on the stream's page, where it can be looked at when the alarm rings."""
    _, runs = deployed.tested(deployed.module)
    looked = 0
    for run in (run for run in runs if run.state):
        for board in values([run], "aws_cloudwatch_dashboard"):
            widgets = json.loads(board["dashboard_body"])["widgets"]
            shown = {line[1] for widget in widgets for line in widget["properties"].get("metrics", [])}
            alarms = {alarm["metric_name"] for alarm in values([run], "aws_cloudwatch_metric_alarm")}
            assert alarms - shown <= {"PartitionCountExceeded"}
            looked += 1
    assert looked == 18


def test_everything_keeps_to_the_limits_of_aws(deployed):
    """What variables refuse and leave out are the numbers of `fastxform.limits`."""
    text = (SOURCE / "variables.tf").read_text(encoding="utf-8")
    defaults = {name: default for name, _, default, _ in variables(text)}
    assert float(defaults["buffer_mb"]) == BUFFER_SIZE_DEFAULT_MB
    assert int(defaults["buffer_seconds"]) == BUFFER_INTERVAL_DEFAULT_SECONDS
    assert int(defaults["retries"]) == INVOCATION_RETRIES
    assert f"var.buffer_mb >= {BUFFER_SIZE_MIN_MB} && var.buffer_mb <= {BUFFER_SIZE_MAX_MB:.0f}\n" in text
    assert f"var.buffer_seconds <= {BUFFER_INTERVAL_MAX_SECONDS}\n" in text
    assert f"var.timeout_seconds <= {FUNCTION_TIMEOUT_MAX_SECONDS}\n" in text


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_deploys_the_transform_of_its_name(deployed, name):
    """The configuration is the example's of the package, as it is there."""
    _, (run, *_) = deployed.tested(deployed.examples[name])
    (code,) = values([run], "archive_file")
    expected = (ROOT / f"fastxform/examples/{name}/{name}.toml").read_text(encoding="utf-8")
    assert code["source"] == [{"filename": "fastxform.toml", "content": expected}]


def test_buckets_are_closed(deployed):
    """Each bucket of an example refuses the public and what comes without TLS, and encrypts."""
    for name in EXAMPLES:
        _, (run, *_) = deployed.tested(deployed.examples[name])
        (bucket,) = values([run], "aws_s3_bucket")
        (block,) = values([run], "aws_s3_bucket_public_access_block")
        closed = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
        assert all(block[flag] for flag in closed)
        (policy,) = values([run], "aws_s3_bucket_policy")
        (statement,) = json.loads(policy["policy"])["Statement"]
        assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        assert statement["Resource"] == [bucket["arn"], f"{bucket['arn']}/*"]
        assert len(values([run], "aws_s3_bucket_server_side_encryption_configuration")) == 1


def test_the_tables_of_the_example_are_those_of_the_transform(capfdbinary):
    """tables.sql is what `fastxform ddl` prints for it now."""
    config = str(ROOT / "fastxform/examples/ses/ses.toml")
    assert fastxform(["ddl", config, "--location", "s3://location-of-the-tables"]) == 0
    out, _ = capfdbinary.readouterr()
    assert (SOURCE / "examples/ses/tables.sql").read_bytes() == out


def variables(text):
    """The (name, type, default, description) of every variable of a file."""
    found = []
    for name, body in re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.DOTALL | re.MULTILINE):
        description = re.search(r'^  description = "(.*)"$', body, re.MULTILINE)
        kind = re.search(r"^  type +(?:= )(\w+(?:\(\w+\))?)", body, re.MULTILINE)
        default = re.search(r"^  default +(?:= )(.*)$", body, re.MULTILINE)
        assert description, f"{name} has no description"
        assert kind, f"{name} has no type"
        found.append((name, kind[1], default[1] if default else "", description[1].replace('\\"', '"')))
    return found


def outputs(text):
    """The (name, description) of every output of a file."""
    return re.findall(r'^output "(\w+)" \{\n  description = "(.*)"$', text, re.MULTILINE)


def input_row(name, kind, default, description):
    """The line of the README's table for a variable."""
    kind = {"list(object)": "list of tables", "object": "a table"}.get(kind, kind)
    return f"| `{name}` | {kind} | {f'`{default}`' if default else 'required'} | {description} |"


def output_row(name, description):
    """The line of the README's table for an output."""
    return f"| `{name}` | {description} |"


def test_the_readme_names_every_input_and_output():
    """The tables of the README say what variables.tf and outputs.tf say, in their order."""
    readme = (SOURCE / "README.md").read_text(encoding="utf-8")
    expected = [
        *(input_row(*row) for row in variables((SOURCE / "variables.tf").read_text(encoding="utf-8"))),
        *(output_row(*row) for row in outputs((SOURCE / "outputs.tf").read_text(encoding="utf-8"))),
    ]
    shown = [line for line in readme.splitlines() if line.startswith("| `") and line in expected]
    missing = [line for line in expected if line not in shown]
    assert not missing, "the README lacks:\n" + "\n".join(missing)
    assert shown == expected
    named = re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)
    assert sorted(named) == sorted(re.findall(r"^\| `(\w+)`", "\n".join(expected), re.MULTILINE))


def test_the_readme_explains_every_alarm(deployed):
    """Every alarm that can ring has a line in the README, and none that cannot."""
    readme = (SOURCE / "README.md").read_text(encoding="utf-8")
    names = {
        alarm["alarm_name"].removeprefix("mail-")
        for alarm in values(deployed.tested(deployed.module)[1], "aws_cloudwatch_metric_alarm")
    }
    assert sorted(re.findall(r"^\| ([a-z-]+-[a-z]+|freshness|partitions) \|", readme, re.MULTILINE)) == sorted(names)


@pytest.mark.parametrize("readme", [SOURCE / "README.md", ROOT / "deploy/sam/README.md"], ids=["terraform", "sam"])
def test_links_of_a_readme_lead_somewhere(readme):
    """A relative link names a file of the repository."""
    links = [
        link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", readme.read_text(encoding="utf-8")) if "://" not in link
    ]
    assert links
    assert [link for link in links if not (readme.parent / link).exists()] == []


@pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])
def test_the_schemas_are_those_that_the_script_makes(source):
    """A schema holds what the script asks for, from the package that it pins."""
    schema = json.loads(Path(SCHEMAS / f"{source.name}.json").read_text(encoding="utf-8"))
    assert schema["package"] == source.package
    assert set(schema["resources"]) == set(source.resources)
    assert set(schema["data"]) == set(source.data)
