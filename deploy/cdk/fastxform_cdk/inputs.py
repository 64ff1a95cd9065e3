"""What a transform is made of, checked once: the inputs of the Terraform module, by its names where they are the same.

Nothing is made here. Invariant: what AWS, or this construct, does not take together is one `ValueError` that has every
mistake with its remedy.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

NAMESPACE = "fastxform"
DELIVERIES = {
    "s3": "DeliveryToS3",
    "iceberg": "DeliveryToIceberg",
    "opensearch": "DeliveryToAmazonOpenSearchService",
    "opensearch_serverless": "DeliveryToAmazonOpenSearchServerless",
    "splunk": "DeliveryToSplunk",
    "http": "DeliveryToHttpEndpoint",
    "redshift": "DeliveryToRedshift",
    "snowflake": "DeliveryToSnowflake",
}
"""What delivery metrics begin with, by destination."""

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
OWN_VARIABLES = ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL")
"""The variables of the function that the construct sets, since alarms look for what they name."""

_NAMED = re.compile(r"[a-z0-9_]+")
_CLUSTER = re.compile(r"arn:[a-z-]+:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/]+/[^/]+")
_TABLE_BUCKET = re.compile(r"arn:[a-z-]+:s3tables:[a-z0-9-]+:[0-9]{12}:bucket/[a-z0-9-]{3,63}")


@dataclass(frozen=True)
class Table:
    """An Iceberg table of Glue's catalog or of a table bucket; `unique_keys` where the transform updates or deletes."""

    database: str
    table: str
    unique_keys: Sequence[str] = ()


@dataclass(frozen=True)
class Parquet:
    """Conversion of rows of JSON to Parquet, by the columns of a Glue table.

    Attributes:
        database: of the table.
        table: its name.
        schema_file: the table is made of this file: its columns as JSON, or the table input around them, as
            `fastxform ddl --for glue-parquet` prints it. Without, the table is there.
        compression: SNAPPY, GZIP or UNCOMPRESSED.
    """

    database: str
    table: str
    schema_file: str | None = None
    compression: str = "SNAPPY"

    def columns(self) -> list[dict[str, str]]:
        """Return the columns of the file: `Name` and `Type` of each.

        Raises:
            ValueError: it is no such file.
        """
        assert self.schema_file is not None
        try:
            found = json.loads(Path(self.schema_file).read_text(encoding="utf-8"))
            if isinstance(found, dict):
                found = found.get("TableInput", found)["StorageDescriptor"]["Columns"]
            columns = [
                {
                    name: column.get(name, column.get(name.lower()))
                    for name in ("Name", "Type", "Comment")
                    if name in column or name.lower() in column
                }
                for column in found
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
            raise ValueError(f"parquet: {self.schema_file} is no file of JSON with columns: {err}") from err
        if not columns or not all("Name" in column and "Type" in column for column in columns):
            raise ValueError(
                f'parquet: {self.schema_file} has to have columns, [{{ "Name": "id", "Type": "string" }}, ...]'
            )
        return columns


@dataclass(frozen=True)
class Inputs:
    """The inputs that more than one part looks at, and what follows from them."""

    stack: Stack
    name: str
    stream_name: str
    create_stream: bool
    destination: str
    bucket: s3.IBucket | None
    prefix: str
    error_prefix: str
    source: kinesis.IStream | None
    msk_cluster_arn: str | None
    msk_topic: str | None
    msk_connectivity: str
    tables: Sequence[Table]
    tables_bucket: s3.IBucket | None
    tables_prefix: str
    table_bucket_arn: str | None
    parquet: Parquet | None
    append_only: bool
    dynamic_partitioning: bool
    object_mb: int
    object_seconds: int
    buffer_mb: float
    memory_mb: int
    timeout_seconds: int
    stream_key: kms.IKey | None
    function_key: kms.IKey | None
    environment: Mapping[str, str]
    log_level: str
    metrics_namespace: str
    freshness_alarm_seconds: int
    lag_alarm_seconds: int
    lag_alarm_records: int

    @property
    def source_type(self) -> Literal["direct_put", "kinesis", "msk"]:
        """Where records come from."""
        if self.msk_cluster_arn is not None:
            return "msk"
        return "direct_put" if self.source is None else "kinesis"

    @property
    def delivery(self) -> str:
        """What the destination's metrics begin with."""
        return DELIVERIES[self.destination]

    @property
    def freshness(self) -> str:
        """What the metric of the age begins with: what goes to Redshift is loaded from S3, and has its age there."""
        return "DeliveryToS3" if self.destination == "redshift" else self.delivery

    @property
    def stream_arn(self) -> str:
        """The ARN of the delivery stream, made from its name: the function and the stream need each other's."""
        return self.arn("firehose", "deliverystream", self.stream_name)

    @property
    def function_arn(self) -> str:
        """The ARN of the function, made from its name too."""
        return self.arn("lambda", "function", self.name, ArnFormat.COLON_RESOURCE_NAME)

    @property
    def object_arns(self) -> list[str]:
        """What the stream writes in its bucket: everything below the literal beginnings of its prefixes."""
        assert self.bucket is not None
        prefixes = [self.error_prefix] if self.destination == "iceberg" else [self.prefix, self.error_prefix]
        return [f"{self.bucket.bucket_arn}/{literal(prefix)}*" for prefix in prefixes]

    @property
    def catalog(self) -> str:
        """The part of Glue's catalog that the tables are in: empty, or that of the table bucket."""
        return f"s3tablescatalog/{self.table_bucket_arn.rpartition('/')[2]}" if self.table_bucket_arn else ""

    def arn(
        self, service: str, resource: str, name: str | None = None, form: ArnFormat = ArnFormat.SLASH_RESOURCE_NAME
    ) -> str:
        """Return an ARN of this account and region."""
        return self.stack.format_arn(
            service=service,
            resource=resource,
            resource_name=name,
            arn_format=ArnFormat.NO_RESOURCE_NAME if name is None else form,
        )

    def check(self) -> None:
        """Refuse what does not go together, with the remedy.

        Raises:
            ValueError: with every mistake, a line each.
        """
        mistakes = [message for message, is_wrong in (*self._of_the_stream(), *self._of_the_rest()) if is_wrong]
        if mistakes:
            raise ValueError("\n".join(mistakes))

    def _of_the_stream(self) -> list[tuple[str, bool]]:
        is_made, is_iceberg = self.create_stream, self.destination == "iceberg"
        stores = sum(one is not None for one in (self.tables_bucket, self.table_bucket_arn))
        partitions = "!{partitionKeyFromLambda:" in self.prefix
        return [
            (f"destination: one of {', '.join(DELIVERIES)}", self.destination not in DELIVERIES),
            (
                "destination: only streams to s3 and iceberg are made; others with create_stream=False",
                is_made and self.destination not in ("s3", "iceberg"),
            ),
            ("bucket: name the bucket of a stream that is made, and only of that", is_made != bool(self.bucket)),
            (
                "tables: name them where the destination is iceberg, and only there",
                bool(self.tables) != (is_made and is_iceberg),
            ),
            (
                "tables_bucket, table_bucket_arn: name one of the two for Iceberg, and only for that",
                stores != (1 if is_made and is_iceberg else 0) and not (stores == 1 and is_iceberg and not is_made),
            ),
            (
                "tables: names of small letters, digits and _; Firehose takes no hyphen",
                any(not _is_named(table.database, table.table) for table in self.tables),
            ),
            (
                "tables, append_only: a table with unique_keys takes updates, which append only does not",
                self.append_only and any(table.unique_keys for table in self.tables),
            ),
            (
                "table_bucket_arn: the ARN of a table bucket, arn:aws:s3tables:REGION:ACCOUNT:bucket/NAME",
                not _fits(_TABLE_BUCKET, self.table_bucket_arn),
            ),
            ("parquet: for destination s3 only; tables have formats of their own", bool(self.parquet) and is_iceberg),
            (
                "parquet: database and table have names of small letters, digits and _",
                self.parquet is not None and not _is_named(self.parquet.database, self.parquet.table),
            ),
            (
                "parquet: compression is SNAPPY, GZIP or UNCOMPRESSED",
                self.parquet is not None and self.parquet.compression not in ("SNAPPY", "GZIP", "UNCOMPRESSED"),
            ),
            (
                "parquet, dynamic_partitioning: both need object_mb of 64 and object_seconds of 60 at least",
                (self.parquet is not None or self.dynamic_partitioning)
                and (self.object_mb < 64 or self.object_seconds < 60),
            ),
            ("object_mb, object_seconds: 1 to 128, 0 to 900", not self._has_object_hints()),
            ("source, msk_cluster_arn: a stream has one source", self.source is not None and self.is_msk),
            ("msk_cluster_arn, msk_topic: name both or none", self.is_msk != (self.msk_topic is not None)),
            (
                "msk_cluster_arn: the ARN of a cluster, arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID",
                not _fits(_CLUSTER, self.msk_cluster_arn),
            ),
            ("msk_connectivity: PUBLIC or PRIVATE", self.msk_connectivity not in ("PUBLIC", "PRIVATE")),
            (
                "stream_key: a stream that reads Kinesis or MSK is encrypted by its source",
                self.stream_key is not None and self.source_type != "direct_put",
            ),
            (
                "prefix, error_prefix: have to begin with text of their own, before the first !{...}",
                any(not literal(prefix).strip("/") for prefix in (self.prefix, self.error_prefix)),
            ),
            (
                "error_prefix: has to hold !{firehose:error-output-type}",
                "!{firehose:error-output-type}" not in self.error_prefix,
            ),
            (
                "prefix, dynamic_partitioning: !{partitionKeyFromLambda:KEY} and dynamic_partitioning need each other",
                self.dynamic_partitioning != partitions,
            ),
        ]

    def _of_the_rest(self) -> list[tuple[str, bool]]:
        return [
            ("name: 1 to 40 letters, digits, - and _", re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", self.name) is None),
            ("buffer_mb: 0.2 to 3", not 0.2 <= self.buffer_mb <= 3),
            (
                "timeout_seconds: 10 to 300; Firehose waits no longer",
                not 10 <= self.timeout_seconds <= 300,
            ),
            ("memory_mb: 256 to 10240", not 256 <= self.memory_mb <= 10_240),
            (
                f"environment: {', '.join(OWN_VARIABLES)} are set by the construct: alarms look for what they name",
                any(name in self.environment for name in OWN_VARIABLES),
            ),
            (f"log_level: one of {', '.join(LEVELS)}", self.log_level not in LEVELS),
            (
                "metrics_namespace: letters, digits and ._/#-, not beginning with AWS/",
                re.fullmatch(r"(?!AWS/)[a-zA-Z0-9._/#-]{1,255}", self.metrics_namespace) is None,
            ),
            (
                "freshness_alarm_seconds: has to be more than object_seconds, else filling an object sets it off",
                self.freshness_alarm_seconds <= self.object_seconds,
            ),
            (
                "lag_alarm_seconds, lag_alarm_records: more than 0",
                self.lag_alarm_seconds <= 0 or self.lag_alarm_records <= 0,
            ),
        ]

    @property
    def is_msk(self) -> bool:
        """Whether records come from a topic of MSK."""
        return self.msk_cluster_arn is not None

    def _has_object_hints(self) -> bool:
        return 1 <= self.object_mb <= 128 and 0 <= self.object_seconds <= 900


def literal(prefix: str) -> str:
    """Return what a prefix begins with before its first expression."""
    return prefix.partition("!{")[0]


def _fits(form: re.Pattern[str], value: Any) -> bool:
    return value is None or form.fullmatch(value) is not None


def _is_named(*names: str) -> bool:
    return all(_NAMED.fullmatch(name) for name in names)
