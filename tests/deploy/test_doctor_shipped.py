"""`fastxform doctor` finds nothing in the deployments that are shipped: here the Terraform examples.

Terraform's state is put into the words of the AWS CLI here. The SAM templates are looked at where they are deployed, in
`test_sam`.
"""

import json

import pytest
from terraform import EXAMPLES, ROOT

from fastxform.pipeline import Pipeline
from fastxform.tools.doctor.account import read_account
from fastxform.tools.doctor.diagnosis import diagnose
from fastxform.tools.sample_data import burst

ACCOUNT, REGION = "123456789012", "eu-central-1"


def described(run):
    """The descriptions of one run: of the module's resources, less what the mocked provider makes up."""
    found = {}
    for resource in run.resources():
        found.setdefault(f"{resource['type']}.{resource['name']}", resource["values"])
    stream = found["aws_kinesis_firehose_delivery_stream.this"]
    function = found["aws_lambda_function.transform"]
    roles = {role["arn"]: role for name, role in found.items() if name.startswith("aws_iam_role.")}
    alias = found["aws_lambda_alias.live"]["arn"].replace(":mock:", f":{function['function_name']}:")
    yield "stream.json", {"DeliveryStreamDescription": stream_description(stream, alias)}
    yield (
        "function.json",
        {
            "FunctionArn": alias,
            "Role": function["role"],
            "Runtime": function["runtime"],
            "Timeout": function["timeout"],
            "MemorySize": function["memory_size"],
            "Environment": {"Variables": function["environment"][0]["variables"]},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": function["logging_config"][0]["log_group"]},
        },
    )
    yield "aliases.json", {"Aliases": [{"Name": found["aws_lambda_alias.live"]["name"], "AliasArn": alias}]}
    for arn, group in ((function["role"], "function"), (role_of(stream), "firehose")):
        name, policy = arn.rpartition("/")[2], found[f"aws_iam_role_policy.{group}"]["policy"]
        # Every log group, and every alias, has the one ARN of the mock.
        policy = policy.replace(":log-group:mock", f":log-group:{found[f'aws_cloudwatch_log_group.{group}']['name']}")
        policy = policy.replace(":function:mock:", f":function:{function['function_name']}:")
        yield f"{group}-policy.json", {"RoleName": name, "PolicyDocument": json.loads(policy)}
        trust = json.loads(roles[arn]["assume_role_policy"])
        yield f"{group}-role.json", {"Role": {"RoleName": name, "AssumeRolePolicyDocument": trust}}


def role_of(stream):
    (destination,) = stream["extended_s3_configuration"] or stream["iceberg_configuration"]
    return destination["role_arn"]


def stream_description(stream, alias):
    (target,) = stream["extended_s3_configuration"] or stream["iceberg_configuration"]
    (processing,) = target["processing_configuration"]
    (logging,) = target["cloudwatch_logging_options"]
    common = {
        "RoleARN": target["role_arn"],
        "CloudWatchLoggingOptions": {
            "Enabled": logging["enabled"],
            "LogGroupName": logging["log_group_name"],
            "LogStreamName": logging["log_stream_name"],
        },
        "ProcessingConfiguration": {
            "Enabled": processing["enabled"],
            "Processors": [
                {
                    "Type": processor["type"],
                    "Parameters": [
                        {
                            "ParameterName": one["parameter_name"],
                            "ParameterValue": alias if one["parameter_name"] == "LambdaArn" else one["parameter_value"],
                        }
                        for one in processor["parameters"]
                    ],
                }
                for processor in processing["processors"]
            ],
        },
    }
    if stream["extended_s3_configuration"]:
        destination = {"ExtendedS3DestinationDescription": {**common, **bucket(target)}}
    else:
        destination = {
            "IcebergDestinationDescription": {
                **common,
                "AppendOnly": target["append_only"],
                "CatalogConfiguration": {"CatalogARN": target["catalog_arn"]},
                "RetryOptions": {"DurationInSeconds": target["retry_duration"]},
                "S3DestinationDescription": bucket(target["s3_configuration"][0]),
                "DestinationTableConfigurationList": [
                    {
                        "DestinationDatabaseName": table["database_name"],
                        "DestinationTableName": table["table_name"],
                        "UniqueKeys": table["unique_keys"] or [],
                    }
                    for table in target["destination_table_configuration"]
                ],
            }
        }
    sources = [
        {"KinesisStreamSourceDescription": {"KinesisStreamARN": one["kinesis_stream_arn"], "RoleARN": one["role_arn"]}}
        for one in stream["kinesis_source_configuration"]
    ]
    return {
        "DeliveryStreamName": stream["name"],
        "DeliveryStreamARN": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{stream['name']}",
        "Destinations": [destination],
        **({"Source": sources[0]} if sources else {}),
    }


def bucket(values):
    return {
        "BucketARN": values["bucket_arn"],
        "Prefix": values.get("prefix") or "",
        "ErrorOutputPrefix": values["error_output_prefix"],
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_found_in_an_example(deployed, name):
    """Roles, buffer, time-out, tables: the example and a sample of its records have no finding but what they weigh."""
    _, runs = deployed.tested(deployed.examples[name])
    documents = [(file, json.dumps(content).encode()) for file, content in described(runs[0])]
    assert len(documents) == 7
    config = str(ROOT / f"fastxform/examples/{name}/{name}.toml")
    sample = list(burst.records(name, 400, 0, None, 0.0))
    findings = diagnose(Pipeline.load(config), config, read_account(documents), sample)
    # A record of the ticker has 73 bytes, which Firehose bills as 5 KB.
    assert [finding.code for finding in findings] == (["billing-steps"] if name == "ticker" else [])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_permissions_of_an_example_are_looked_at(deployed, name):
    """The same example whose roles may do nothing has findings of both roles."""
    _, runs = deployed.tested(deployed.examples[name])
    documents = dict(described(runs[0]))
    for group in ("function", "firehose"):
        documents[f"{group}-policy.json"]["PolicyDocument"]["Statement"] = []
    account = read_account((file, json.dumps(content).encode()) for file, content in documents.items())
    config = str(ROOT / f"fastxform/examples/{name}/{name}.toml")
    codes = {finding.code for finding in diagnose(Pipeline.load(config), config, account)}
    assert {"stream-cannot-invoke", "stream-cannot-write", "stream-cannot-log", "function-cannot-log"} <= codes
    assert "function-cannot-put-back" in codes
    assert ("stream-cannot-read-source" in codes, "stream-cannot-commit" in codes) == (
        name == "dynamotest",
        name == "ses",
    )
