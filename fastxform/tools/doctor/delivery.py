"""The delivery stream as rules see it: its one destination, its processor, what its parts are called.

Nothing is judged here. Invariant: a member that a description lacks, or that is of another kind, is as if it were not
there; no description raises.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from fastxform import limits
from fastxform.tools.doctor.account import AccountDocument

DESTINATIONS: Final = {
    "ExtendedS3DestinationDescription": "s3",
    "IcebergDestinationDescription": "iceberg",
    "AmazonopensearchserviceDestinationDescription": "opensearch",
    "AmazonOpenSearchServerlessDestinationDescription": "opensearch",
    "ElasticsearchDestinationDescription": "opensearch",
    "RedshiftDestinationDescription": "redshift",
    "SplunkDestinationDescription": "splunk",
    "HttpEndpointDestinationDescription": "http",
    "SnowflakeDestinationDescription": "snowflake",
    "S3DestinationDescription": "s3",
}
"""The members of a destination, the one that says most first, and what the destination is."""

_LAMBDA_KEY: Final = re.compile(r"!\{partitionKeyFromLambda:([^}]*)\}")


def member(value: Any, *path: str | int) -> Any:
    """Return what stands at a path, None where it does not."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def text(value: Any, *path: str | int) -> str:
    """Return the text at a path, nothing where there is none."""
    value_ = member(value, *path)
    return value_ if isinstance(value_, str) else ""


def number(value: Any, *path: str | int) -> float | None:
    """Return the number at a path, also where AWS writes it as text."""
    value_ = member(value, *path)
    try:
        return None if value_ is None or isinstance(value_, bool) else float(value_)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True)
class DescribedStream:
    """One delivery stream."""

    document: AccountDocument

    @property
    def arn(self) -> str:
        """Its ARN."""
        return text(self.document.value, "DeliveryStreamARN")

    @property
    def name(self) -> str:
        """Its name."""
        return text(self.document.value, "DeliveryStreamName")

    @property
    def account(self) -> str:
        """The account that it is in."""
        return self.arn.split(":")[4] if self.arn.count(":") >= 5 else ""

    @property
    def region(self) -> str:
        """The region that it is in."""
        return self.arn.split(":")[3] if self.arn.count(":") >= 5 else ""

    @property
    def partition(self) -> str:
        """The partition of its ARN, `aws` mostly."""
        return self.arn.split(":")[1] if self.arn.count(":") >= 5 else "aws"

    @cached_property
    def _destination(self) -> tuple[str, str, Mapping[str, Any]]:
        first = member(self.document.value, "Destinations", 0)
        for name, kind in DESTINATIONS.items():
            if isinstance(described := member(first, name), Mapping):
                return name, kind, described
        return "", "", {}

    @property
    def kind(self) -> str:
        """What it delivers to: s3, iceberg, opensearch, redshift, splunk, http, snowflake; empty where not known."""
        return self._destination[1]

    @property
    def destination(self) -> Mapping[str, Any]:
        """The description of its destination."""
        return self._destination[2]

    def place(self, path: str = "") -> str:
        """Return the place of something in the description of its destination."""
        name = self._destination[0]
        return self.document.place(".".join(filter(None, ("Destinations[0]", name, path))))

    @property
    def s3(self) -> Mapping[str, Any]:
        """The part that describes the bucket: the destination itself, or the bucket of failed records."""
        if self.kind == "s3":
            return self.destination
        inner = member(self.destination, "S3DestinationDescription")
        return inner if isinstance(inner, Mapping) else {}

    @property
    def s3_path(self) -> str:
        """Where that part stands in the destination."""
        return "" if self.kind == "s3" else "S3DestinationDescription."

    @property
    def processor(self) -> dict[str, str] | None:
        """The parameters of the processor that invokes a function, if processing is on and has one."""
        if member(self.destination, "ProcessingConfiguration", "Enabled") is not True:
            return None
        for processor in self.processors:
            if text(processor, "Type") == "Lambda":
                listed = member(processor, "Parameters")
                return {
                    text(parameter, "ParameterName"): text(parameter, "ParameterValue")
                    for parameter in (listed if isinstance(listed, list) else [])
                }
        return None

    @property
    def processors(self) -> list[Any]:
        """All processors."""
        listed = member(self.destination, "ProcessingConfiguration", "Processors")
        return listed if isinstance(listed, list) else []

    @property
    def lambda_arn(self) -> str:
        """The ARN that it invokes, empty where none."""
        return (self.processor or {}).get("LambdaArn", "")

    @property
    def buffer_mb(self) -> float:
        """The buffer size hint of the processor."""
        megabytes = number(self.processor or {}, "BufferSizeInMBs")
        return limits.BUFFER_SIZE_DEFAULT_MB if megabytes is None else megabytes

    @property
    def role_arn(self) -> str:
        """The role with which it delivers."""
        return text(self.destination, "RoleARN")

    @property
    def invoke_role_arn(self) -> str:
        """The role with which it invokes."""
        return (self.processor or {}).get("RoleArn", "") or self.role_arn

    @property
    def kinesis_arn(self) -> str:
        """The Kinesis stream that it reads, empty where none."""
        return text(self.document.value, "Source", "KinesisStreamSourceDescription", "KinesisStreamARN")

    @property
    def kinesis_role_arn(self) -> str:
        """The role with which it reads it."""
        return text(self.document.value, "Source", "KinesisStreamSourceDescription", "RoleARN")

    @property
    def is_msk(self) -> bool:
        """Whether it reads a topic of MSK."""
        return member(self.document.value, "Source", "MSKSourceDescription") is not None

    @property
    def key_arn(self) -> str:
        """The customer key that encrypts what is put into it, empty where none."""
        encryption = member(self.document.value, "DeliveryStreamEncryptionConfiguration")
        if text(encryption, "Status") in ("DISABLED", "DISABLING"):
            return ""
        return text(encryption, "KeyARN") if text(encryption, "KeyType") == "CUSTOMER_MANAGED_CMK" else ""

    @property
    def bucket_key_arn(self) -> str:
        """The customer key that objects are encrypted with, empty where none is named."""
        return text(self.s3, "EncryptionConfiguration", "KMSEncryptionConfig", "AWSKMSKeyARN")

    @property
    def is_partitioned(self) -> bool:
        """Whether dynamic partitioning is on."""
        return member(self.destination, "DynamicPartitioningConfiguration", "Enabled") is True

    @property
    def prefix_keys(self) -> list[str]:
        """The partition keys of the function that the prefix names, in its order."""
        return _LAMBDA_KEY.findall(text(self.s3, "Prefix"))


def literal(prefix: str) -> str:
    """Return what a prefix begins with before its first expression."""
    return prefix.partition("!{")[0]
