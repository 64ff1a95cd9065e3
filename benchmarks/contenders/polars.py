"""A handler that puts the batch into a Polars frame and works on whole columns.

Base64, JSON (with a schema of only the members that are needed), types, CSV quoting and base64 again are Polars
expressions; the event and the response are the runtime's. Invariant: no Python function is called per record except
to put the answer together.
"""

from collections.abc import Callable
from typing import Any

import polars as pl

from benchmarks import corpora
from benchmarks.contenders import UnsupportedError
from benchmarks.contenders.runtime_codec import invocation

TEXT = pl.Struct({"S": pl.String})
KEYS = pl.Struct({"id": TEXT, "datetime": TEXT})
IMAGE = pl.Struct({"amount": pl.Struct({"N": pl.String})})
CHANGE = pl.Struct({"dynamodb": pl.Struct({"Keys": KEYS})})
WHOLE_CHANGE = pl.Struct(
    {
        "eventID": pl.String,
        "eventName": pl.String,
        "tableName": pl.String,
        "dynamodb": pl.Struct(
            {
                "ApproximateCreationDateTime": pl.Int64,
                "Keys": KEYS,
                "NewImage": IMAGE,
                "OldImage": IMAGE,
                "SizeBytes": pl.Int64,
            },
        ),
    },
)


def member(expression: pl.Expr, *names: str) -> pl.Expr:
    """Return a nested member."""
    for name in names:
        expression = expression.struct.field(name)
    return expression


def quoted(text: pl.Expr) -> pl.Expr:
    """Return a CSV field, with quotes where it needs them."""
    return (
        pl.when(text.str.contains('[",\r\n]'))
        .then('"' + text.str.replace_all('"', '""', literal=True) + '"')
        .otherwise(text)
    )


DOCUMENT = pl.col("document")
"""The payload of each record, decoded with the schema of the transform."""


def changes() -> tuple[pl.Struct, list[pl.Expr]]:
    """The two keys of a DynamoDB change."""
    keys = member(DOCUMENT, "dynamodb", "Keys")
    return CHANGE, [member(keys, "id", "S"), member(keys, "datetime", "S")]


def pairs() -> tuple[pl.Struct, list[pl.Expr]]:
    """Two members."""
    return pl.Struct({"T": pl.String, "SECTOR": pl.String}), [member(DOCUMENT, "T"), member(DOCUMENT, "SECTOR")]


def wide(columns: int) -> tuple[pl.Struct, list[pl.Expr]]:
    """The first members of a wide document."""
    names = corpora.wide_names(columns)
    return pl.Struct(dict.fromkeys(names, pl.String)), [member(DOCUMENT, name) for name in names]


def typed() -> tuple[pl.Struct, list[pl.Expr]]:
    """Ten typed columns."""
    change = member(DOCUMENT, "dynamodb")
    removed = member(DOCUMENT, "eventName") == "REMOVE"
    amount = (
        pl.when(removed)
        .then(member(change, "OldImage", "amount", "N"))
        .otherwise(member(change, "NewImage", "amount", "N"))
    )
    placed_at = member(change, "Keys", "datetime", "S").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%z", time_unit="ms", time_zone="UTC"
    )
    clock = "%Y-%m-%d %H:%M:%S%.3f"
    nothing = pl.lit("")
    return WHOLE_CHANGE, [
        quoted(member(change, "Keys", "id", "S")),
        placed_at.dt.strftime("%Y-%m-%d %H:%M:%S"),
        quoted(member(DOCUMENT, "eventID")),
        quoted(member(DOCUMENT, "eventName")),
        quoted(member(DOCUMENT, "tableName")),
        member(change, "ApproximateCreationDateTime").cast(pl.Datetime("ms")).dt.strftime(clock),
        member(change, "SizeBytes").cast(pl.String),
        amount.cast(pl.Decimal(12, 2)).cast(pl.String).fill_null(nothing),
        amount.cast(pl.Float64).cast(pl.String).fill_null(nothing),
        pl.col("approximateArrivalTimestamp").cast(pl.Datetime("ms")).dt.strftime(clock),
    ]


def columns_of(corpus: corpora.Corpus) -> tuple[pl.Struct, list[pl.Expr]]:
    """Return the schema of the payloads and the columns of the row.

    Raises:
        UnsupportedError: a failing record fails the whole frame, and routes, filters and gzip would be the user's
            code all over.
    """
    known = {"changes": changes, "pairs": pairs, "typed": typed}
    if corpus.shape == "wide":
        return wide(corpus.columns)
    if corpus.shape not in known:
        raise UnsupportedError(f"no handler was written for {corpus.shape}")
    return known[corpus.shape]()


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    schema, columns = columns_of(corpora.find(corpus_name))
    document = pl.col("data").str.decode("base64").cast(pl.String).str.json_decode(schema).alias("document")
    row = pl.concat_str(columns, separator=",") + "\n"
    answer = row.cast(pl.Binary).bin.encode("base64").alias("answer")
    given = {"recordId": pl.String, "data": pl.String, "approximateArrivalTimestamp": pl.Int64}

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        records = event["records"]
        frame = pl.DataFrame({name: [record[name] for record in records] for name in given}, schema=given)
        encoded = frame.lazy().with_columns(document).select("recordId", answer).collect()
        pairs_of = zip(encoded["recordId"].to_list(), encoded["answer"].to_list(), strict=True)
        return {"records": [{"recordId": identity, "result": "Ok", "data": data} for identity, data in pairs_of]}

    return invocation(handler)
