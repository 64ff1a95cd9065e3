"""The SAM templates: cfn-lint finds nothing in them and does find mistakes, and what they deploy works together.

ministack takes misspelt properties, and cfn-lint sees no wiring, so both look. What ministack does not do (it reads no
`KinesisStreamSpecification`, knows no metric math, and delivers record by record) is not looked at.
"""

import base64
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import WaiterError
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from rights import findings, wide
from terraform import ROOT

from fastxform.invocation import telemetry
from fastxform.pipeline import Pipeline
from fastxform.tools.doctor.account import read_account
from fastxform.tools.doctor.diagnosis import diagnose

TEMPLATES = {name: ROOT / f"deploy/sam/{name}.yaml" for name in ("template", "alarms", "bucket", "table")}
TEMPLATE = TEMPLATES["template"]
EXAMPLES = ROOT / "fastxform/examples"
CODE_URI = "../../fastxform/examples/dynamotest/"
SOURCES = {"direct_put": "lookups", "table": "dynamotest"}
"""The example that is deployed for each source; of one with look-ups the whole directory is the function's code."""

ACCOUNT = "000000000000"
CODE_BUCKET = "code"
MATH = re.compile(r"^  FunctionDurationAlarm:\n(?:    .*\n|\n)+", re.MULTILINE)
"""The one resource that ministack refuses, since it knows no metric math; cfn-lint and a test below look at it."""


def lint(path):
    """Return cfn-lint's findings as (rule, message, line)."""
    command = [Path(sys.executable).parent / "cfn-lint", "--format", "json", "--include-checks", "I", "--", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 2, 4, 6, 8, 10, 12, 14), done.stderr
    return [
        (found["Rule"]["Id"], found["Message"], found["Location"]["Start"]["LineNumber"])
        for found in json.loads(done.stdout)
    ]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_clean(name):
    """cfn-lint finds no error, no warning and nothing to note."""
    assert lint(TEMPLATES[name]) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "rule", "message"),
    [
        (
            "template",
            "        CompressionFormat: GZIP\n",
            "        CompressionFormatt: GZIP\n",
            "E3002",
            "Additional properties are not allowed "
            "('CompressionFormatt' was unexpected. Did you mean 'CompressionFormat'?)",
        ),
        (
            "bucket",
            "        IgnorePublicAcls: true\n",
            "        IgnorePublicAcls: sometimes\n",
            "E3012",
            "'sometimes' is not of type 'boolean'",
        ),
        (
            "table",
            "    Type: AWS::Kinesis::Stream\n",
            "    Type: AWS::Kinesis::Streem\n",
            "E3006",
            "Resource type 'AWS::Kinesis::Streem' does not exist in 'us-east-1'",
        ),
        (
            "template",
            "        RoleARN: !GetAtt FirehoseRole.Arn\n",
            "        RoleARN: !GetAtt FirehoseRole.Arnn\n",
            "E1010",
            "'Arnn' is not one of ['Arn', 'RoleId'] in ['us-east-1']",
        ),
        (
            "template",
            '        BucketARN: !Sub "arn:${AWS::Partition}:s3:::${BucketName}"\n',
            "",
            "E3003",
            "'BucketARN' is a required property",
        ),
        (
            "table",
            "      BillingMode: PAY_PER_REQUEST\n",
            "      BillingMode: PAY_AS_YOU_GO\n",
            "E3030",
            "'PAY_AS_YOU_GO' is not one of ['PAY_PER_REQUEST', 'PROVISIONED']",
        ),
        (
            "alarms",
            '          Expression: !Sub "duration / (10 * ${TimeoutSeconds})"\n',
            '          Expression: !Sub "duration / (10 * ${TimeoutSecond})"\n',
            "E1019",
            "'TimeoutSecond' is not one of",
        ),
    ],
    ids=["property", "type", "resource", "reference", "required", "value", "parameter"],
)
def test_a_mistake_is_found(tmp_path, name, old, new, rule, message):
    """cfn-lint names the mistake and its rule."""
    text = TEMPLATES[name].read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = tmp_path / "template.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    found = lint(path)
    assert [rule for rule, said, _ in found if said.startswith(message)] == [rule], found


def function_text():
    """The text of the function in the template."""
    (found,) = re.findall(r"^  Transform:\n(.*?)^  \w", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found


def test_a_changed_parameter_makes_a_version():
    """Every parameter of the function is in the description of its version, and another one is another version.

    SAM itself makes a version when the code changes; it compares the template before parameters are filled in.
    CloudFormation replaces a version whose description changes.
    """
    text = function_text()
    (described,) = re.findall(r'VersionDescription: !Sub "(.*)"', text)
    used = set(re.findall(r"!Ref (\w+)", text)) & set(parameters(TEMPLATE))
    assert used - set(re.findall(r"\$\{(\w+)\}", described)) == {"Name"}  # a new name is a new function
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Lambda::Version").schema
    assert "/properties/Description" in schema["createOnlyProperties"]
    assert "    UpdateReplacePolicy: Retain" in text


def parameters(path):
    """The names of the parameters of a template."""
    (text,) = re.findall(r"^Parameters:\n(.*?)^\w", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return re.findall(r"^  (\w+):", text, re.MULTILINE)


def zipped(*paths, root, prefix=""):
    """Return a zip of files, named as they are below `root`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in paths:
            archive.write(path, prefix + str(path.relative_to(root)))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def packaged(ministack):
    """The templates with the code in a bucket, as `sam package` leaves it, and the ARN of a layer."""
    bucket = ministack.client("s3")
    bucket.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for example in SOURCES.values():
        root = EXAMPLES / example
        files = sorted(path for path in root.iterdir() if path.is_file())
        bucket.put_object(Bucket=CODE_BUCKET, Key=f"{example}.zip", Body=zipped(*files, root=root))
    sources = sorted((ROOT / "fastxform").rglob("*.py"))
    layer = ministack.client("lambda").publish_layer_version(
        LayerName="fastxform", Content={"ZipFile": zipped(*sources, root=ROOT, prefix="python/")}
    )
    texts = {name: path.read_text(encoding="utf-8") for name, path in TEMPLATES.items()}
    texts["alarms"], count = MATH.subn("", texts["alarms"])
    assert (count, texts["template"].count(CODE_URI)) == (1, 1)
    return texts, layer["LayerVersionArn"]


class Stack:
    """What the templates made for one source."""

    def __init__(self, ministack, packaged, source):
        self.ministack, self.source, self.name = ministack, source, f"sam-{source.replace('_', '-')}"
        texts, layer = packaged
        self.example = EXAMPLES / SOURCES[source]
        code = f"s3://{CODE_BUCKET}/{self.example.name}.zip"
        self.texts = {**texts, "template": texts["template"].replace(CODE_URI, code)}
        self.outputs, self.resources = {}, {}
        self.deploy("bucket", Name=self.name)
        if source == "table":
            self.deploy("table", Name=self.name)
        self.values = {
            "Name": self.name,
            "LayerArn": layer,
            "BucketName": self.outputs["BucketName"],
            "SourceStreamArn": self.outputs.get("StreamArn", ""),
            "ConfigFile": f"{self.example.name}.toml",
            "BufferMB": "2",
            "BufferSeconds": "30",
        }
        self.deploy("template", **self.values)
        self.deploy("alarms", Name=self.name, Source="direct_put" if source == "direct_put" else "kinesis")

    def deploy(self, template, *, update=False, **values):
        """Make or update the stack of one template, and keep its outputs and resources."""
        cloud, name = self.ministack.client("cloudformation"), f"{self.name}-{template}"
        (cloud.update_stack if update else cloud.create_stack)(
            StackName=name,
            TemplateBody=self.texts[template],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        try:
            cloud.get_waiter("stack_update_complete" if update else "stack_create_complete").wait(
                StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        except WaiterError as error:
            events = cloud.describe_stack_events(StackName=name)["StackEvents"]
            reasons = [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for one in events]
            raise AssertionError("\n".join(reasons)) from error
        (stack,) = cloud.describe_stacks(StackName=name)["Stacks"]
        self.outputs |= {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        listed = cloud.list_stack_resources(StackName=name)["StackResourceSummaries"]
        self.resources |= {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}

    def stream(self):
        """Return the description of the delivery stream."""
        firehose = self.ministack.client("firehose")
        return firehose.describe_delivery_stream(DeliveryStreamName=self.name)["DeliveryStreamDescription"]

    def policies(self):
        """Return the policies of the roles, as they are stored."""
        iam = self.ministack.client("iam")
        for role in ("FunctionRole", "FirehoseRole"):
            name = self.resources[role]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                yield iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]


@pytest.fixture(scope="module", params=SOURCES)
def stack(request, ministack, packaged):
    """The template deployed for each source."""
    return Stack(ministack, packaged, request.param)


def test_the_stream_invokes_the_alias(stack):
    """The processor is the function's alias, with the hints that were asked for, and it is on."""
    (destination,) = stack.stream()["Destinations"]
    processing = destination["ExtendedS3DestinationDescription"]["ProcessingConfiguration"]
    (processor,) = processing["Processors"]
    found = {one["ParameterName"]: one["ParameterValue"] for one in processor["Parameters"]}
    assert processing["Enabled"] is True
    assert found["LambdaArn"] == stack.outputs["AliasArn"]
    assert found["LambdaArn"].endswith(f":function:{stack.name}:live")
    assert (found["BufferSizeInMBs"], found["BufferIntervalInSeconds"], found["NumberOfRetries"]) == ("2", "30", "3")


def test_rows_and_failures_lie_apart(stack):
    """Prefixes have their expressions, and the bucket is the stack's."""
    (destination,) = stack.stream()["Destinations"]
    described = destination["ExtendedS3DestinationDescription"]
    assert described["BucketARN"] == f"arn:aws:s3:::{stack.outputs['BucketName']}"
    assert described["Prefix"].startswith(f"{stack.name}/year=!{{timestamp:yyyy}}/")
    assert described["ErrorOutputPrefix"].startswith(f"{stack.name}-errors/!{{firehose:error-output-type}}/")


def test_the_source_is_the_one_asked_for(stack):
    """Kinesis and the table have a stream that Firehose reads; Direct PUT has none."""
    kind = stack.stream()["DeliveryStreamType"]
    if stack.source == "direct_put":
        assert (kind, "StreamArn" in stack.outputs) == ("DirectPut", False)
    else:
        source = stack.stream()["Source"]["KinesisStreamSourceDescription"]
        assert (kind, source["KinesisStreamARN"]) == ("KinesisStreamAsSource", stack.outputs["StreamArn"])
    assert ("TableName" in stack.outputs) == (stack.source == "table")


def test_rights_are_no_wider_than_they_have_to_be(stack):
    """No action and no resource is a wildcard, but for the ends of ARNs on the closed list."""
    policies = list(stack.policies())
    assert len(policies) == 2
    assert [finding for policy in policies for finding in findings(policy)] == []
    assert wide(policies) == {"WriteLogs", "WriteObjects"}
    (invoke,) = [one for policy in policies for one in policy["Statement"] if one["Sid"] == "Invoke"]
    assert invoke["Resource"] == stack.outputs["AliasArn"]


def test_records_go_back_where_they_came_from(stack):
    """The function may put into its delivery stream, or into the Kinesis stream where that is the source."""
    (statement,) = [one for policy in stack.policies() for one in policy["Statement"] if one["Sid"] == "PutRecordsBack"]
    assert (statement["Action"], statement["Resource"]) == (
        ("firehose:PutRecordBatch", f"arn:aws:firehose:eu-central-1:{ACCOUNT}:deliverystream/{stack.name}")
        if stack.source == "direct_put"
        else ("kinesis:PutRecords", stack.outputs["StreamArn"])
    )


def test_alarms_look_at_metrics_that_are_written(stack):
    """Alarms of ours name metrics and dimensions of the transform; the lag has one where there is a stream."""
    alarms = stack.ministack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{stack.name}-")["MetricAlarms"]
    by_name = {alarm["AlarmName"].removeprefix(f"{stack.name}-"): alarm for alarm in alarms}
    ours = [alarm for alarm in alarms if alarm.get("Namespace") == "fastxform"]
    assert {alarm["MetricName"] for alarm in ours} <= telemetry.UNITS.keys()
    assert len(ours) == 5
    for alarm in ours:
        assert [one["Name"] for one in alarm["Dimensions"]] == list(telemetry.DIMENSIONS)
        assert {one["Value"] for one in alarm["Dimensions"]} == {stack.name}
    assert ("source-lag" in by_name) == (stack.source != "direct_put")
    throttled = "ThrottledRecords" if stack.source == "direct_put" else "ThrottledGetRecords"
    assert by_name["source-throttled"]["MetricName"] == throttled


def test_the_function_transforms(stack):
    """The alias, invoked with a batch, answers every record, with the rows of the example and a line of metrics."""
    payloads = (stack.example / "sample.jsonl").read_bytes().splitlines()
    event = {
        "invocationId": "i",
        "deliveryStreamArn": f"arn:aws:firehose:eu-central-1:{ACCOUNT}:deliverystream/{stack.name}",
        "region": "eu-central-1",
        "records": [
            {"recordId": str(i), "approximateArrivalTimestamp": 0, "data": base64.b64encode(payload).decode()}
            for i, payload in enumerate(payloads)
        ],
    }
    answer = stack.ministack.client("lambda").invoke(
        FunctionName=stack.outputs["AliasArn"], Payload=json.dumps(event).encode()
    )
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    rows = b"".join(base64.b64decode(one["data"]) for one in body["records"] if one["result"] == "Ok")
    assert [one["recordId"] for one in body["records"]] == [record["recordId"] for record in event["records"]]
    assert rows == (stack.example / "expected.csv").read_bytes()


def test_doctor_finds_nothing(stack):
    """`fastxform doctor` reads what the deployed stack is described as, and has no finding."""
    functions, iam = stack.ministack.client("lambda"), stack.ministack.client("iam")
    documents = {
        "stream": {"DeliveryStreamDescription": stack.stream()},
        "function": functions.get_function_configuration(FunctionName=stack.name, Qualifier="live"),
        "aliases": functions.list_aliases(FunctionName=stack.name),
    }
    for role in ("FunctionRole", "FirehoseRole"):
        name = stack.resources[role]
        documents[f"{role}-trust"] = iam.get_role(RoleName=name)
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            documents[f"{role}-{policy}"] = iam.get_role_policy(RoleName=name, PolicyName=policy)
    config = str(stack.example / f"{stack.example.name}.toml")
    account = read_account(
        (f"{name}.json", json.dumps(found, default=str).encode()) for name, found in documents.items()
    )
    assert account.function is not None
    assert len(account.roles) == 2
    assert diagnose(Pipeline.load(config), config, account) == ()


def test_failed_records_expire():
    """What the bucket lets expire is what the stream writes below its error prefix; ministack keeps no lifecycle."""
    (expires,) = re.findall(r'Id: failed-records, .*Prefix: !Sub "([^"]*)"', TEMPLATES["bucket"].read_text("utf-8"))
    (errors,) = re.findall(r'ErrorOutputPrefix: !Sub "([^"]*)"', TEMPLATE.read_text(encoding="utf-8"))
    assert expires == "${Name}-errors/"
    assert errors.startswith(expires)


def test_an_update_moves_the_alias(stack):
    """Another time-out is another version, and the alias points to it; the old one is still there."""
    functions = stack.ministack.client("lambda")
    before = functions.get_alias(FunctionName=stack.name, Name="live")["FunctionVersion"]
    stack.deploy("template", update=True, **{**stack.values, "TimeoutSeconds": "90"})
    after = functions.get_alias(FunctionName=stack.name, Name="live")["FunctionVersion"]
    assert after != before
    assert functions.get_function_configuration(FunctionName=stack.name, Qualifier=after)["Timeout"] == 90
    listed = functions.list_versions_by_function(FunctionName=stack.name)["Versions"]
    assert {before, after} <= {one["Version"] for one in listed}


def test_the_duration_alarm_is_for_its_share_of_the_time_out():
    """The expression of milliseconds and the time-out in seconds is percent, and the threshold is one of percent."""
    (alarm,) = MATH.findall(TEMPLATES["alarms"].read_text(encoding="utf-8"))
    assert 'Expression: !Sub "duration / (10 * ${TimeoutSeconds})"' in alarm
    assert "Stat: p99" in alarm
    assert "\n      Threshold: 80\n" in alarm


def test_the_readme_of_the_alarms_has_those_of_the_template():
    """The alarms have the names that the Terraform module's README explains."""
    readme = (ROOT / "deploy/terraform/README.md").read_text(encoding="utf-8")
    names = [
        line.split('"')[1].removeprefix("${Name}-")
        for line in TEMPLATES["alarms"].read_text(encoding="utf-8").splitlines()
        if "AlarmName:" in line
    ]
    assert len(names) == 13
    assert [name for name in names if f"\n| {name} |" not in readme] == []
