"""A stream that was made by hand on the local AWS, and the function attached to it by what the module gives out.

The module's outputs are those of its run `existing_stream`; the ARN of the alias, which the mocked provider made up, is
that of the function deployed here. ministack delivers record by record and checks no permissions.
"""

import io
import json
import time
import zipfile

import pytest
from terraform import ROOT

EXAMPLE = ROOT / "fastxform/examples/dynamotest"
NAME, STREAM, BUCKET = "by-hand", "made-by-hand", "rows-of-a-stream-by-hand"
ROLE = "arn:aws:iam::000000000000:role/by-hand"
MOCK_ALIAS = "arn:aws:lambda:eu-central-1:123456789012:function:mail:live"
WAIT_SECONDS = 30


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, path in files.items():
            archive.write(path, name)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def outputs(deployed):
    """What the module gives out for a stream that exists."""
    _, runs = deployed.tested(deployed.module)
    (run,) = [run for run in runs if run.name == "existing_stream"]
    return {name: found["value"] for name, found in run.state["outputs"].items()}


@pytest.fixture(scope="module")
def alias(ministack):
    """The function with its layer, behind the alias."""
    functions = ministack.client("lambda")
    sources = {f"python/{path.relative_to(ROOT)}": path for path in sorted((ROOT / "fastxform").rglob("*.py"))}
    layer = functions.publish_layer_version(LayerName="by-hand", Content={"ZipFile": zipped(sources)})
    functions.create_function(
        FunctionName=NAME,
        Runtime="python3.13",
        Role=ROLE,
        Handler="fastxform.handler.lambda_handler",
        Code={"ZipFile": zipped({"fastxform.toml": EXAMPLE / "dynamotest.toml"})},
        Layers=[layer["LayerVersionArn"]],
        Timeout=60,
        Publish=True,
    )
    return functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")["AliasArn"]


@pytest.fixture(scope="module")
def stream(ministack):
    """A stream to S3 that somebody made, which invokes nothing."""
    ministack.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    firehose = ministack.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName=STREAM,
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "Prefix": "rows/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
        },
    )
    return firehose


def described(firehose):
    return firehose.describe_delivery_stream(DeliveryStreamName=STREAM)["DeliveryStreamDescription"]


def delivered(ministack, count):
    """The lines of all objects with rows, as soon as there are so many."""
    bucket, end = ministack.client("s3"), time.monotonic() + WAIT_SECONDS
    while True:
        listed = bucket.list_objects_v2(Bucket=BUCKET, Prefix="rows/").get("Contents", [])
        content = [bucket.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in listed]
        lines = b"".join(content).splitlines(keepends=True)
        if len(lines) >= count or time.monotonic() > end:
            return lines
        time.sleep(0.1)


def test_records_go_through_the_attached_function(ministack, outputs, alias, stream):
    """`update-destination` with the module's output attaches the function, and changes nothing else of the stream."""
    before = described(stream)
    assert "ProcessingConfiguration" not in before["Destinations"][0]["ExtendedS3DestinationDescription"]
    configuration = json.loads(outputs["processing_configuration_json"].replace(MOCK_ALIAS, alias))
    stream.update_destination(
        DeliveryStreamName=STREAM,
        CurrentDeliveryStreamVersionId=before["VersionId"],
        DestinationId=before["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate={"ProcessingConfiguration": configuration},
    )
    after = described(stream)["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert after["ProcessingConfiguration"] == configuration
    untouched = {"RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", "BufferingHints"}
    assert {key: after[key] for key in untouched} == {
        key: before["Destinations"][0]["ExtendedS3DestinationDescription"][key] for key in untouched
    }
    payloads = (EXAMPLE / "sample.jsonl").read_bytes().splitlines()
    expected = (EXAMPLE / "expected.csv").read_bytes().splitlines(keepends=True)
    answer = stream.put_record_batch(
        DeliveryStreamName=STREAM, Records=[{"Data": payload + b"\n"} for payload in payloads]
    )
    assert answer["FailedPutCount"] == 0
    assert sorted(delivered(ministack, len(expected))) == sorted(expected)


def test_the_policy_of_the_role_is_one(outputs, alias):
    """The policy for the stream's role is a document that allows to invoke the alias, and nothing else."""
    policy = json.loads(outputs["stream_role_policy"].replace(MOCK_ALIAS, alias))
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Invoke",
                "Effect": "Allow",
                "Action": ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
                "Resource": [alias],
            }
        ],
    }
