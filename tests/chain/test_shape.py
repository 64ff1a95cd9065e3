"""The shape of a change: what ministack puts on a Kinesis stream, and what is made of it."""

import base64
import json

from changes import mended
from cloud import wait_until

MEMBERS = [
    "awsRegion",
    "eventID",
    "eventName",
    "userIdentity",
    "recordFormat",
    "tableName",
    "dynamodb",
    "eventSource",
]
"""Of a captured record, in its order."""

INNER = ["ApproximateCreationDateTime", "Keys", "NewImage", "SizeBytes"]


def test_ministack_still_needs_mending(chain):
    """It gives a Kinesis stream a record of DynamoDB Streams; when this fails, `RealShape` may go."""
    source = chain.source("raw")
    dynamodb = chain.cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="raw",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    dynamodb.enable_kinesis_streaming_destination(TableName="raw", StreamArn=source)
    item = {"id": {"S": "a"}, "raw": {"B": b"\x12\x02"}, "all": {"L": [{"BS": [b"\xff"]}, {"M": {"B": {"S": "b"}}}]}}
    dynamodb.put_item(TableName="raw", Item=item)
    kinesis = chain.cloud.client("kinesis")
    (shard,) = kinesis.list_shards(StreamARN=source)["Shards"]
    place = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    start = kinesis.get_shard_iterator(StreamARN=source, **place)["ShardIterator"]
    (record,) = wait_until(lambda: kinesis.get_records(ShardIterator=start)["Records"], "change record")
    change = json.loads(record["Data"])
    assert {"eventVersion", "eventSourceARN"} <= change.keys()
    assert change.keys().isdisjoint({"tableName", "recordFormat"})
    assert change["dynamodb"]["ApproximateCreationDateTime"] < 10**11

    real = mended(change)
    assert (list(real), list(real["dynamodb"])) == (MEMBERS, INNER)
    assert (real["tableName"], real["eventName"], real["userIdentity"]) == ("raw", "INSERT", None)
    assert 10**12 < real["dynamodb"]["ApproximateCreationDateTime"] < 10**14
    image = real["dynamodb"]["NewImage"]
    assert base64.b64decode(base64.b64decode(image["raw"]["B"])) == b"\x12\x02"
    (packed,) = image["all"]["L"][0]["BS"]
    assert base64.b64decode(base64.b64decode(packed)) == b"\xff"
    assert image["all"]["L"][1] == {"M": {"B": {"S": "b"}}}
