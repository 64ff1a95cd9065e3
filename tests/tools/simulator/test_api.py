"""Firehose's API on this machine, as boto3 sees it: streams made, described, put to, deleted; limits and faults."""

import base64
import gzip
import json
import re
import time
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from fastxform import limits
from fastxform.tools.simulator.api import FirehoseApi, Parts
from fastxform.tools.simulator.client import CallRefusedError
from fastxform.tools.simulator.delivery import Row
from fastxform.tools.simulator.faults import Faults
from fastxform.tools.simulator.firehose import Firehose
from fastxform.tools.simulator.function import lambda_function
from fastxform.tools.simulator.layout import MemorySink
from fastxform.tools.simulator.live import LiveStream
from fastxform.tools.simulator.outcome import Destination
from fastxform.tools.simulator.server import FirehoseServer

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
SOURCE = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/feed"
NOT_PERMITTED = "This operation is not permitted on KinesisStreamAsSource delivery stream type."


def function_arn(name):
    """The ARN of a function of these tests."""
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


def echo(event, context):
    """Every record comes back with a newline; `bad` fails, `row` is for a table."""
    return {"records": [answer(record) for record in event["records"]]}


def answer(record):
    """The answer of `echo` to one record."""
    data = base64.b64decode(record["data"])
    if data == b"bad":
        return {"recordId": record["recordId"], "result": "ProcessingFailed"}
    found = {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(data + b"\n").decode()}
    if data.startswith(b"{"):
        found["metadata"] = {"otfMetadata": json.loads(data)}
    if data.startswith(b"city="):
        found["metadata"] = {"partitionKeys": {"city": data[5:].decode()}}
    return found


class Bucket:
    """An S3 client that keeps what it gets."""

    def __init__(self):
        self.objects = {}

    def put_object(self, *, Bucket, Key, Body):
        """Keep an object."""
        assert Key not in self.objects
        self.objects[Key] = Body

    def joined(self, prefix=""):
        """The bytes under a prefix."""
        return b"".join(data for key, data in sorted(self.objects.items()) if key.startswith(prefix))


class Shelf:
    """Tables that take what is for `t` and nothing else."""

    def __init__(self):
        self.rows = []

    def __call__(self, settings):
        """Be the tables of a stream."""
        self.settings = settings
        return self

    def commit(self, rows):
        """Take rows."""
        self.rows += [row for row in rows if row.destination.table == "t"]
        return [None if row.destination.table == "t" else ("Iceberg.NoSuchTable", "no such table") for row in rows]


class EmptyKinesis:
    """A Kinesis stream in which nothing is."""

    def list_shards(self, *, StreamARN):
        """One shard."""
        if StreamARN != SOURCE:
            raise CallRefusedError("ResourceNotFoundException", "no such stream")
        return {"Shards": [{"ShardId": "shardId-000000000000"}]}

    def get_shard_iterator(self, *, StreamARN, ShardId, ShardIteratorType):
        """Its only place."""
        return {"ShardIterator": "i"}

    def get_records(self, *, ShardIterator, Limit):
        """Nothing."""
        return {"Records": [], "NextShardIterator": ShardIterator}


class Service:
    """The server, its parts and a client without retries of its own."""

    def __init__(self, faults=None):
        self.bucket, self.shelf = Bucket(), Shelf()
        functions = {function_arn("echo"): lambda_function(echo, event_as_dict=True)}
        functions[function_arn("late:live")] = functions[function_arn("echo")]
        parts = Parts(functions, self.bucket, EmptyKinesis(), self.shelf, {"s": faults} if faults else {})
        self.server = FirehoseServer(FirehoseApi(parts))
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=30)
        self.client = boto3.client(
            "firehose",
            endpoint_url=self.server.url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=config,
        )

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)
        self.client.close()

    def make(self, name="s", source=None, tables=None, parameters=None, **members):
        """Make a stream."""
        parameters = {"LambdaArn": function_arn("echo"), "BufferIntervalInSeconds": "900"} | (parameters or {})
        listed = [{"ParameterName": key, "ParameterValue": value} for key, value in parameters.items()]
        processing = {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": listed}]}
        s3 = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::bucket"} | members
        request = {"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": s3}
        if tables is None:
            s3["ProcessingConfiguration"] = processing
        else:
            del request["ExtendedS3DestinationConfiguration"]
            request["IcebergDestinationConfiguration"] = {
                "RoleARN": ROLE,
                "CatalogConfiguration": {"CatalogARN": f"arn:aws:glue:us-east-1:{ACCOUNT}:catalog"},
                "DestinationTableConfigurationList": tables,
                "S3Configuration": s3,
                "ProcessingConfiguration": processing,
            }
        if source:
            request["DeliveryStreamType"] = "KinesisStreamAsSource"
            request["KinesisStreamSourceConfiguration"] = {"KinesisStreamARN": source, "RoleARN": ROLE}
        return self.client.create_delivery_stream(**request)["DeliveryStreamARN"]

    def put(self, *payloads, name="s"):
        """Put records in one call."""
        return self.client.put_record_batch(DeliveryStreamName=name, Records=[{"Data": data} for data in payloads])

    def delete(self, name="s"):
        """Delete a stream, which delivers what it holds, and return the objects."""
        self.client.delete_delivery_stream(DeliveryStreamName=name)
        return self.bucket.objects

    def description(self, name="s"):
        """Describe a stream."""
        return self.client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


@pytest.fixture
def service():
    """A Firehose without streams."""
    with Service() as service:
        yield service


def error_of(call, *arguments, **members):
    """The error of a call: code, message and status."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


# -- streams


def test_a_stream_is_made_described_listed_and_deleted(service):
    """Each operation sees what the ones before it did, and a stream that was deleted is gone."""
    arn = service.make("b", Prefix="data/")
    service.make("a", source=SOURCE, parameters={"LambdaArn": function_arn("late:live")})
    assert arn == f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/b"
    made = service.description("b")
    assert (made["DeliveryStreamARN"], made["DeliveryStreamStatus"], made["DeliveryStreamType"]) == (
        arn,
        "ACTIVE",
        "DirectPut",
    )
    assert made["Destinations"][0]["ExtendedS3DestinationDescription"]["Prefix"] == "data/"
    source = service.description("a")["Source"]["KinesisStreamSourceDescription"]
    assert source["KinesisStreamARN"] == SOURCE
    listed = service.client.list_delivery_streams(Limit=1)
    assert (listed["DeliveryStreamNames"], listed["HasMoreDeliveryStreams"]) == (["a"], True)
    assert service.client.list_delivery_streams(DeliveryStreamType="DirectPut")["DeliveryStreamNames"] == ["b"]
    assert error_of(service.make, "a")[0] == "ResourceInUseException"
    service.delete("a")
    assert service.client.list_delivery_streams()["DeliveryStreamNames"] == ["b"]
    missing = ("ResourceNotFoundException", f"Firehose a under account {ACCOUNT} not found.", 400)
    assert error_of(service.description, "a") == missing
    assert error_of(service.delete, "a") == missing
    assert error_of(service.put, b"x", name="a") == missing


@pytest.mark.parametrize(
    ("members", "named"),
    [
        pytest.param({"name": "a b"}, "DeliveryStreamName", id="name"),
        pytest.param({"S3BackupMode": "Enabled"}, "S3BackupMode", id="backup"),
        pytest.param({"CompressionFormat": "Snappy"}, "CompressionFormat", id="compression"),
        pytest.param({"BufferingHints": {"SizeInMBs": 129}}, "SizeInMBs", id="object-size"),
        pytest.param({"BufferingHints": {"IntervalInSeconds": 901}}, "IntervalInSeconds", id="object-age"),
        pytest.param({"BucketARN": "bucket"}, "BucketARN", id="bucket"),
        pytest.param({"parameters": {"BufferSizeInMBs": "4"}}, "BufferSizeInMBs", id="buffer-size"),
        pytest.param({"parameters": {"BufferSizeInMBs": "x"}}, "BufferSizeInMBs", id="no-number"),
        pytest.param({"parameters": {"BufferIntervalInSeconds": "901"}}, "BufferIntervalInSeconds", id="buffer-age"),
        pytest.param({"parameters": {"RoleArn": ROLE, "Delimiter": "x"}}, "Delimiter", id="parameter"),
        pytest.param({"parameters": {"LambdaArn": "echo"}}, "LambdaArn", id="function"),
        pytest.param({"parameters": {"LambdaArn": function_arn("none")}}, "LambdaArn", id="no-such-function"),
        pytest.param({"source": "arn:aws:sqs:us-east-1:123456789012:q"}, "KinesisStreamARN", id="source"),
        pytest.param({"source": f"{SOURCE}-none"}, "read: ResourceNotFoundException", id="no-such-source"),
        pytest.param({"Prefix": "!{timestamp:yyyy}/"}, "ErrorOutputPrefix", id="no-error-prefix"),
        pytest.param({"ErrorOutputPrefix": "errors/"}, "error-output-type", id="error-prefix"),
        pytest.param(
            {"Prefix": "!{partitionKeyFromLambda:city}/", "ErrorOutputPrefix": "!{firehose:error-output-type}/"},
            "DynamicPartitioningConfiguration",
            id="partitions",
        ),
    ],
)
def test_what_it_does_not_do_is_refused_by_name(service, members, named):
    """No member is stored and ignored."""
    code, message, status = error_of(service.make, **members)
    assert (code, status) == ("InvalidArgumentException", 400)
    assert named in message
    assert service.client.list_delivery_streams()["DeliveryStreamNames"] == []


def test_an_operation_that_it_lacks_is_refused(service):
    """So is one that only AWS has."""
    assert error_of(service.client.list_tags_for_delivery_stream, DeliveryStreamName="s")[0] == (
        "UnknownOperationException"
    )


# -- puts


def test_what_was_put_is_delivered(service):
    """One object, as the description says, and the failed record in the error prefix with its bytes."""
    error_prefix = "failed/!{firehose:error-output-type}/!{timestamp:yyyy}/"
    service.make(Prefix="data/", ErrorOutputPrefix=error_prefix, CompressionFormat="GZIP")
    one = service.client.put_record(DeliveryStreamName="s", Record={"Data": b"one"})
    several = service.put(b"two", b"bad", b"")
    ids = [one["RecordId"], *(entry["RecordId"] for entry in several["RequestResponses"])]
    assert (len(set(ids)), several["FailedPutCount"]) == (4, 0)
    objects = service.delete()
    (data,) = [key for key in objects if key.startswith("data/")]
    assert re.fullmatch(r"data/\d{4}/\d\d/\d\d/\d\d/s-1-\d{4}(-\d\d){5}-[0-9a-f-]{36}\.gz", data)
    assert gzip.decompress(objects[data]) == b"one\ntwo\n\n"
    (failed,) = [key for key in objects if key != data]
    assert re.fullmatch(r"failed/processing-failed/\d{4}/s-1-.*[0-9a-f]", failed)
    line = json.loads(objects[failed])
    assert (base64.b64decode(line["rawData"]), line["lambdaARN"]) == (b"bad", function_arn("echo") + ":$LATEST")


def test_the_buffer_is_invoked_when_it_is_due(service):
    """Without a further put and without a delete: the stream has its own time."""
    service.make(parameters={"BufferIntervalInSeconds": "0"}, BufferingHints={"IntervalInSeconds": 0, "SizeInMBs": 1})
    service.put(b"now")
    deadline = time.monotonic() + 60
    while not service.bucket.objects and time.monotonic() < deadline:
        time.sleep(0.01)
    assert service.bucket.joined() == b"now\n"


def test_partition_keys_of_the_function_are_in_the_prefix(service):
    """A record without the key goes to the error prefix."""
    service.make(
        Prefix="!{partitionKeyFromLambda:city}/!{timestamp:yyyy}/",
        ErrorOutputPrefix="failed/!{firehose:error-output-type}/",
        DynamicPartitioningConfiguration={"Enabled": True},
    )
    service.put(b"city=a/b", b"city=c", b"none", b"city=c")
    service.delete()
    assert service.bucket.joined("a%2Fb/2") == b"city=a/b\n"
    assert service.bucket.joined("c/2") == b"city=c\ncity=c\n"
    failed = json.loads(service.bucket.joined("failed/processing-failed/"))
    assert failed["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"


def test_rows_go_to_tables_and_those_that_none_takes_to_the_errors(service):
    """Rows are committed in order with their operation; the totals call what no table took failed."""
    tables = [{"DestinationDatabaseName": "d", "DestinationTableName": "t", "UniqueKeys": ["id"]}]
    service.make(tables=tables, ErrorOutputPrefix="failed/!{firehose:error-output-type}/")
    first, lost, last = (
        json.dumps({"destinationDatabaseName": "d", "destinationTableName": table, "operation": operation}).encode()
        for table, operation in (("t", "insert"), ("none", "insert"), ("t", "delete"))
    )
    service.put(first, lost, last)
    totals = service.server.api.stream("s").firehose.totals
    service.delete()
    assert [(one.database, one.table, one.unique_keys) for one in service.shelf.settings] == [("d", "t", ("id",))]
    assert service.shelf.rows == [
        Row(first + b"\n", Destination(database="d", table="t", operation="insert")),
        Row(last + b"\n", Destination(database="d", table="t", operation="delete")),
    ]
    line = json.loads(service.bucket.joined("failed/iceberg-failed/"))
    assert (base64.b64decode(line["rawData"]), line["errorCode"]) == (lost, "Iceberg.NoSuchTable")
    assert (totals.delivered, totals.failed, totals.balanced) == (2, {"Iceberg.NoSuchTable": 1}, True)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        pytest.param([1] * (limits.FIREHOSE_BATCH_LIMIT_RECORDS + 1), "between 1 and 500", id="records"),
        pytest.param([limits.FIREHOSE_RECORD_LIMIT_BYTES + 1], "less than or equal to 1024000", id="record"),
        pytest.param([1_000_000] * 4 + [194_305], "4 MB limit", id="batch"),
        pytest.param([1] * limits.FIREHOSE_BATCH_LIMIT_RECORDS, None, id="records-fit"),
        pytest.param([limits.FIREHOSE_RECORD_LIMIT_BYTES], None, id="record-fits"),
        pytest.param([1_000_000] * 4 + [194_304], None, id="batch-fits"),
    ],
)
def test_a_call_is_held_to_the_limits(service, sizes, message):
    """A call over one of them fails whole and takes nothing; one at the limit is taken."""
    service.make()
    payloads = [b"x" * size for size in sizes]
    if message is None:
        assert service.put(*payloads)["FailedPutCount"] == 0
    else:
        assert message in error_of(service.put, *payloads)[1]
    assert service.server.api.stream("s").firehose.totals.records_in == (len(sizes) if message is None else 0)


def test_a_stream_with_a_kinesis_source_takes_no_puts(service):
    """Neither call: whoever puts back has to know."""
    service.make(source=SOURCE)
    refused = ("InvalidArgumentException", NOT_PERMITTED, 400)
    assert error_of(service.put, b"x") == refused
    assert error_of(service.client.put_record, DeliveryStreamName="s", Record={"Data": b"x"}) == refused


# -- faults


def put_until_taken(service, payloads):
    """Put one by one call, again what failed; return the errors that were met."""
    met = []
    waiting = list(payloads)
    while waiting:
        try:
            entries = service.put(*waiting)["RequestResponses"]
        except ClientError as error:
            met.append(error.response["Error"]["Code"])
        except HTTPClientError as error:
            assert isinstance(error, ConnectionClosedError)
            met.append("closed")
        else:
            met += [entry["ErrorCode"] for entry in entries if "ErrorCode" in entry]
            waiting = [data for data, entry in zip(waiting, entries, strict=True) if "ErrorCode" in entry]
    return met


@pytest.mark.parametrize(
    ("share", "error"),
    [
        pytest.param({"entries": 0.4}, "ServiceUnavailableException", id="entries"),
        pytest.param({"throttle": 0.6}, "ServiceUnavailableException", id="throttle"),
        pytest.param({"server-error": 0.6}, "InternalFailure", id="server-error"),
        pytest.param({"reset-before": 0.6}, "closed", id="reset-before"),
    ],
)
def test_what_was_refused_was_not_taken(share, error):
    """With a producer that puts again what failed, each record is delivered once."""
    with Service(Faults(share, seed=2)) as service:
        service.make()
        payloads = [b"%d" % number for number in range(50)]
        met = put_until_taken(service, payloads)
        (fault,) = share
        assert set(met) == {error}
        assert service.server.api.client("s").faults_met[fault] == len(met)
        service.delete()
        assert sorted(service.bucket.joined().split()) == sorted(payloads)


def test_a_connection_that_dies_after_the_put_doubles_it():
    """What was taken without an answer is delivered, and once more when it is put again."""
    with Service(Faults({"reset-after": 0.6}, seed=2)) as service:
        service.make()
        met = put_until_taken(service, [b"x"])
        assert set(met) == {"closed"}
        service.delete()
        assert service.bucket.joined() == b"x\n" * (len(met) + 1)


def test_one_record_is_refused_as_a_call():
    """PutRecord has no entries: what is an entry's fault elsewhere is the call's."""
    with Service(Faults({"entries": 1.0})) as service:
        service.make()
        put = service.client.put_record
        assert error_of(put, DeliveryStreamName="s", Record={"Data": b"x"})[::2] == ("ServiceUnavailableException", 500)


# -- what breaks


class FullBucket(Bucket):
    """A bucket that takes nothing."""

    def put_object(self, *, Bucket, Key, Body):
        """Refuse an object."""
        raise OSError("no space left")


def test_a_stream_that_cannot_deliver_says_so(service):
    """What its objects meet is met by whoever deletes it, and ends the server's block; nothing is passed over."""
    with pytest.raises(OSError, match="no space left"), Service() as broken:
        broken.bucket.__class__ = FullBucket
        broken.make()
        broken.put(b"x")
        assert error_of(broken.delete)[0] == "InternalFailure"


def test_a_stream_in_real_time_is_a_driven_one():
    """One that works in the threads of its callers would do so twice."""
    invoke = lambda_function(echo, event_as_dict=True)
    with pytest.raises(ValueError, match="not driven"):
        LiveStream(Firehose(invoke, MemorySink()))


def test_what_is_no_request_is_refused(service):
    """Each with the error that AWS has for it, and the connection stays."""

    def post(target, body):
        request = urllib.request.Request(service.server.url, body, {"X-Amz-Target": target})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        with caught.value as error:
            return error.code, json.loads(error.read())["__type"]

    service.make()
    put = "Firehose_20150804.PutRecord"
    assert post("Kinesis_20131202.PutRecords", b"{}") == (400, "UnknownOperationException")
    assert post(put, b"{") == (400, "SerializationException")
    assert post(put, b"[]") == (400, "SerializationException")
    assert post(put, b'{"DeliveryStreamName": "s"}') == (400, "SerializationException")
    assert post(put, b'{"DeliveryStreamName": "s", "Record": {"Data": "%"}}') == (400, "SerializationException")
    assert post(put, b'{"DeliveryStreamName": ["s"], "Record": {"Data": ""}}') == (400, "ResourceNotFoundException")
