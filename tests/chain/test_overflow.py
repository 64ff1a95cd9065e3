"""Records that do not fit a response: back through boto3 into Firehose or Kinesis, round again, and into S3."""

import base64
import json
import threading
from collections import Counter
from random import Random

from function import FREEZE, KILL_IN_PUTS
from producer import put_all

from fastxform.limits import KINESIS_BATCH_LIMIT_RECORDS
from fastxform.tools.simulator.faults import Faults

THRICE = """
output = { format = "json" }

[columns]
id = { path = "id", type = "int64" }
first = { path = "text", type = "string" }
second = { path = "text", type = "string" }
third = { path = "text", type = "string" }
"""
"""A row is three times its record, so that a full buffer of 3 MiB answers with twice what a response holds."""


def documents(count):
    """Return records of 4 KB."""
    chance = Random(count)
    return [json.dumps({"id": number, "text": chance.randbytes(2_000).hex()}).encode() for number in range(count)]


def delivered(chain, name):
    """Return how often each document was delivered, by its number, with what was delivered of it."""
    lines = [line for data in chain.bucket.objects(f"{name}/").values() for line in data.splitlines()]
    found = Counter()
    texts = {}
    for line in lines:
        row = json.loads(line)
        found[row["id"]] += 1
        texts[row["id"]] = {row["first"], row["second"], row["third"]}
    return found, texts


def kept(chain, name):
    """Return the numbers of the documents that are kept whole below the error prefix."""
    return {json.loads(base64.b64decode(line["rawData"]))["id"] for _, line in chain.failures(name)}


def finish_when_all_came(chain, name, records):
    """End the stream when every record was delivered or kept, and check that each was delivered as it is."""
    numbers = set(range(len(records)))
    settled = lambda: delivered(chain, name)[0].keys() | kept(chain, name)  # noqa: E731
    chain.wait(name, lambda: settled() == numbers, f"delivery of {len(records)} records")
    totals = chain.finish(name, len(records))
    found, texts = delivered(chain, name)
    assert settled() == numbers
    assert texts == {number: {json.loads(records[number])["text"]} for number in texts}
    return totals, found


def everything(kinesis, source):
    """Return data and partition key of every record that a Kinesis stream ever took."""
    found = []
    for shard in kinesis.list_shards(StreamARN=source)["Shards"]:
        place = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        answer = {"NextShardIterator": kinesis.get_shard_iterator(StreamARN=source, **place)["ShardIterator"]}
        while answer.get("Records") != []:
            answer = kinesis.get_records(ShardIterator=answer["NextShardIterator"])
            found += [(record["Data"], record["PartitionKey"]) for record in answer["Records"]]
    return found


def test_back_into_firehose(chain):
    """Nothing is lost where entries fail, calls are refused, connections die and the function dies in its puts.

    A put whose answer never came may have arrived, and is tried once more and no oftener: only then is a record
    delivered twice, or kept below the error prefix too.
    """
    faults = Faults({"entries": 0.1, "throttle": 0.1, "reset-before": 0.05, "reset-after": 0.05}, slow_ms=50, seed=5)
    produced = threading.Event()
    puts = lambda: chain.api.client("wide").calls if produced.is_set() else 0  # noqa: E731
    function = chain.function("thrice", THRICE, faults={2: KILL_IN_PUTS}, puts=puts)
    chain.stream("wide", "thrice", buffer_mb="3", faults=faults)
    records = documents(2_000)
    put_all(chain.firehose, "wide", records)
    produced.set()
    totals, found = finish_when_all_came(chain, "wide", records)
    assert function.faults_met == {KILL_IN_PUTS: 1}
    assert totals.retries == 1
    assert totals.dropped > 0
    assert totals.records_in - totals.dropped - totals.failed.total() == found.total()


def test_back_into_kinesis(chain):
    """Records of a Kinesis source go back into Kinesis, under their own keys, and each is delivered once."""
    source = chain.source("wide", shards=2)
    chain.function("thrice", THRICE, faults={2: FREEZE}, timeout_seconds=10)
    chain.stream("wide", "thrice", source=source, buffer_mb="3")
    records = documents(2_000)
    for start in range(0, len(records), KINESIS_BATCH_LIMIT_RECORDS):
        entries = [
            {"Data": data, "PartitionKey": f"key {start + number}"}
            for number, data in enumerate(records[start : start + KINESIS_BATCH_LIMIT_RECORDS])
        ]
        assert chain.kinesis.put_records(StreamARN=source, Records=entries)["FailedRecordCount"] == 0
    totals, found = finish_when_all_came(chain, "wide", records)
    assert kept(chain, "wide") == set()
    assert set(found.values()) == {1}
    assert totals.dropped > 0
    assert totals.records_in == len(records) + totals.dropped
    stream = Counter((json.loads(data)["id"], key) for data, key in everything(chain.kinesis, source))
    assert {key for _, key in stream} == {f"key {number}" for number in range(len(records))}
    assert all(key == f"key {number}" for number, key in stream)
    assert stream.total() == totals.records_in
