"""A handler that gives the batch to DuckDB as an Arrow table and asks one question in SQL.

Base64, JSON, types, CSV quoting and base64 again are DuckDB functions; the event and the response are the runtime's.
Invariant: no Python function is called per record except to put the answer together.
"""

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks import corpora
from benchmarks.contenders import UnsupportedError
from benchmarks.contenders.runtime_codec import invocation

CLOCK = "%Y-%m-%d %H:%M:%S.%g"


def quoted(expression: str) -> str:
    """Return a CSV field, with quotes where it needs them."""
    escaped = f"""'"' || replace({expression}, '"', '""') || '"'"""
    return f"""CASE WHEN regexp_matches({expression}, '[",\\r\\n]') THEN {escaped} ELSE {expression} END"""


def strings(*paths: str) -> str:
    """Return one look through the document for several texts."""
    return f"json_extract_string(document, [{', '.join(repr(path) for path in paths)}])"


def changes() -> tuple[str, list[str]]:
    """The two keys of a DynamoDB change."""
    return strings("$.dynamodb.Keys.id.S", "$.dynamodb.Keys.datetime.S"), ["v[1]", "v[2]"]


def pairs() -> tuple[str, list[str]]:
    """Two members."""
    return strings("$.T", "$.SECTOR"), ["v[1]", "v[2]"]


def wide(columns: int) -> tuple[str, list[str]]:
    """The first members of a wide document."""
    names = corpora.wide_names(columns)
    return strings(*(f"$.{name}" for name in names)), [f"v[{place + 1}]" for place in range(columns)]


def typed() -> tuple[str, list[str]]:
    """Ten typed columns."""
    values = strings(
        "$.dynamodb.Keys.id.S",
        "$.dynamodb.Keys.datetime.S",
        "$.eventID",
        "$.eventName",
        "$.tableName",
        "$.dynamodb.ApproximateCreationDateTime",
        "$.dynamodb.SizeBytes",
        "$.dynamodb.NewImage.amount.N",
        "$.dynamodb.OldImage.amount.N",
    )
    amount = "CASE WHEN v[4] = 'REMOVE' THEN v[9] ELSE v[8] END"
    # The zone is UTC for the connection, so that a text with an offset comes out in UTC.
    return values, [
        quoted("v[1]"),
        "strftime(CAST(v[2] AS TIMESTAMPTZ), '%Y-%m-%d %H:%M:%S')",
        quoted("v[3]"),
        quoted("v[4]"),
        quoted("v[5]"),
        f"strftime(epoch_ms(CAST(v[6] AS BIGINT)), '{CLOCK}')",
        "CAST(CAST(v[7] AS BIGINT) AS VARCHAR)",
        f"coalesce(CAST(CAST({amount} AS DECIMAL(12, 2)) AS VARCHAR), '')",
        f"coalesce(CAST(CAST({amount} AS DOUBLE) AS VARCHAR), '')",
        f"strftime(epoch_ms(arrival_ms), '{CLOCK}')",
    ]


def question(corpus: corpora.Corpus) -> str:
    """Return the SQL for a corpus.

    Raises:
        UnsupportedError: a failing record fails the whole query, and routes, filters and gzip would be the user's
            code all over.
    """
    known = {"changes": changes, "pairs": pairs, "typed": typed}
    if corpus.shape == "wide":
        values, columns = wide(corpus.columns)
    elif corpus.shape in known:
        values, columns = known[corpus.shape]()
    else:
        raise UnsupportedError(f"no handler was written for {corpus.shape}")
    return f"""
        SELECT to_base64(encode({" || ',' || ".join(columns)} || chr(10))) AS answer
        FROM (
            SELECT arrival_ms, {values} AS v
            FROM (SELECT arrival_ms, decode(from_base64(data)) AS document FROM batch)
        )
    """


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    sql = question(corpora.find(corpus_name))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        records = event["records"]
        batch = pa.table(
            {
                "data": [record["data"] for record in records],
                "arrival_ms": [record["approximateArrivalTimestamp"] for record in records],
            },
        )
        connection.register("batch", batch)
        answers = [row[0] for row in connection.execute(sql).fetchall()]
        connection.unregister("batch")
        pairs_of = zip(records, answers, strict=True)
        return {
            "records": [{"recordId": record["recordId"], "result": "Ok", "data": data} for record, data in pairs_of]
        }

    return invocation(handler)
