"""DynamoDB table -> Kinesis destination -> Kinesis stream -> Firehose -> handler -> S3 and Iceberg."""

import base64
import csv
import gzip
import io
from collections import Counter

import pyarrow as pa
from changes import REFUSALS
from function import FREEZE, KILL, KILL_ALL
from producer import Table, text_of

COLUMNS = """
source = "dynamodb"
where = "name != 'plain'"

[columns]
event = { path = "eventName", type = "string" }
id = { path = "dynamodb.Keys.id", type = "string" }
name = { path = "(dynamodb.NewImage || dynamodb.OldImage).name", type = "string" }
population = { path = "(dynamodb.NewImage || dynamodb.OldImage).population", type = "int64" }
token = { path = "(dynamodb.NewImage || dynamodb.OldImage).token", type = "binary" }
"""

TO_CSV = "output = { format = 'csv' }" + COLUMNS

TO_ICEBERG = f"""
output = {{ format = "json" }}
{COLUMNS}

[[routes]]
iceberg = {{ database = "chain", table = "history", operation = "insert" }}
"""

HISTORY = pa.schema(
    [
        ("event", pa.string()),
        ("id", pa.string()),
        ("name", pa.string()),
        ("population", pa.int64()),
        ("token", pa.binary()),
    ]
)

EMPTY = b""
"""No record, and so dropped."""

BAD = [
    b"not json",
    b"\xff\xfe not UTF-8",
    EMPTY,
    b'{"dynamodb": {"Keys": {"id": {"S": 1}}}, "eventName": "INSERT"}',
    b"[1]",
]
"""Records that somebody else put on the Kinesis stream."""


def test_history_of_a_table(chain):
    """Rows in S3 and in Iceberg equal the table's history; bad records are kept whole; faults lose and double nothing.

    The function that writes CSV is killed, stands still until its time-out, and is lost with its host.
    """
    source = chain.source("changes", shards=2)
    csv_function = chain.function("to-csv", TO_CSV, timeout_seconds=2, faults={2: KILL, 4: FREEZE, 6: KILL_ALL})
    chain.function("to-iceberg", TO_ICEBERG, faults={3: KILL})
    chain.catalog.create_namespace("chain")
    chain.catalog.create_table("chain.history", schema=HISTORY)
    chain.stream("csv", "to-csv", source=source, CompressionFormat="GZIP")
    chain.stream("history", "to-iceberg", source=source, tables={("chain", "history"): ()})

    sources = [chain.api.stream(name).source for name in ("csv", "history")]
    table = Table(chain.cloud.client("dynamodb"), "cities", source)
    table.put([f"c{number:05d}" for number in range(2_000)])
    chain.kinesis.put_records(StreamARN=source, Records=[{"Data": data, "PartitionKey": "k"} for data in BAD])
    table.put([f"c{number:05d}" for number in range(0, 2_200, 3)])
    table.delete([f"c{number:05d}" for number in range(0, 2_000, 5)])
    written = [change for change in table.history if change[1]["name"] != "plain"]

    totals = chain.finish("csv", len(table.history) + len(BAD))
    assert (totals.delivered, totals.dropped) == (len(written), len(table.history) - len(written) + BAD.count(EMPTY))
    assert csv_function.faults_met == {KILL: 1, FREEZE: 1, KILL_ALL: 1}
    assert totals.retries == 3
    assert sorted(totals.errors) == [
        "Task timed out after 2.00 seconds",
        "the connection failed: RemoteDisconnected",
        "the function failed: Runtime.ExitError",
    ]
    rows = Counter(
        tuple(row)
        for data in chain.bucket.objects("csv/").values()
        for row in csv.reader(io.StringIO(gzip.decompress(data).decode(), newline=""))
    )
    assert rows == Counter(
        (event, item["id"], item["name"], str(item["population"]), text_of(item["token"])) for event, item in written
    )

    chain.finish("history", len(table.history) + len(BAD))
    assert Counter(tuple(row.values()) for row in chain.rows("chain.history")) == Counter(
        (event, item["id"], item["name"], item["population"], item["token"]) for event, item in written
    )

    for name in ("csv", "history"):
        failures = chain.failures(name)
        assert {kind for kind, _ in failures} == {"processing-failed"}
        assert Counter(base64.b64decode(line["rawData"]) for _, line in failures) == Counter(
            data for data in BAD if data != EMPTY
        )
    assert sum(source.throttled for source in sources) == REFUSALS
    assert chain.kinesis.rewritten == 2 * len(table.history)
