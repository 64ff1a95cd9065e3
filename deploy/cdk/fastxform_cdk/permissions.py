"""What the function, the stream and its producers are allowed: the statements of the Terraform module, by its names.

Invariant: no action and no resource is a wildcard, but for the ends of ARNs (objects below a prefix, consumer groups of
a cluster) and the one action that AWS allows for all resources only.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import ArnFormat
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from fastxform_cdk.inputs import Inputs

_BUCKET_ACTIONS = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
_OBJECT_ACTIONS = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
_READ_ACTIONS = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]


def of_the_function(inputs: Inputs, group_arn: str, *, reingest: bool) -> Iterator[iam.PolicyStatement]:
    """Yield what the function needs: its log, and its stream to put records back."""
    yield _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [group_arn])
    if not reingest or inputs.is_msk:  # a topic takes no records back
        return
    # Credentials of the function are good in the function only.
    own = {"ArnEquals": {"lambda:SourceFunctionArn": inputs.function_arn}}
    if inputs.source is None:
        yield _allow("PutRecordsBack", ["firehose:PutRecordBatch"], [inputs.stream_arn], own)
        if inputs.stream_key is not None:
            yield _encrypt("EncryptRecordsPutBack", inputs.stream_key)
        return
    yield _allow("PutRecordsBack", ["kinesis:PutRecords"], [inputs.source.stream_arn], own)
    key = inputs.source.encryption_key
    if key is not None:
        condition = _through_kinesis(inputs, inputs.source.stream_arn)
        yield _allow("EncryptRecordsPutBack", ["kms:GenerateDataKey"], [key.key_arn], condition)


def to_invoke(alias_arn: str) -> iam.PolicyStatement:
    """Return what a stream's role needs to invoke the function."""
    return _allow("Invoke", ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"], [alias_arn])


def of_a_producer(inputs: Inputs) -> Iterator[iam.PolicyStatement]:
    """Yield what who puts records into the stream needs, its customer key included."""
    yield _allow("PutRecords", ["firehose:PutRecord", "firehose:PutRecordBatch"], [inputs.stream_arn])
    if inputs.stream_key is not None:
        yield _encrypt("EncryptRecords", inputs.stream_key)


def trust_of_the_stream(inputs: Inputs) -> iam.ServicePrincipal:
    """Return who may use the stream's role: Firehose for this account, and for this stream where it names one."""
    account = inputs.stack.account
    return iam.ServicePrincipal(
        "firehose.amazonaws.com",
        # Firehose always gives the account as the external id, and account and stream where it names one.
        conditions={
            "StringEquals": {"sts:ExternalId": account},
            "StringEqualsIfExists": {"aws:SourceAccount": account},
            "ArnEqualsIfExists": {"aws:SourceArn": inputs.stream_arn},
        },
    )


def of_the_stream(
    inputs: Inputs, invoke: iam.PolicyStatement, group_name: str, log_streams: Sequence[str]
) -> Iterator[iam.PolicyStatement]:
    """Yield what the stream's role needs: function, log, bucket, source, and tables."""
    bucket = inputs.bucket
    assert bucket is not None
    logs = [
        inputs.arn("logs", "log-group", f"{group_name}:log-stream:{name}", ArnFormat.COLON_RESOURCE_NAME)
        for name in log_streams
    ]
    yield invoke
    yield _allow("WriteLogs", ["logs:PutLogEvents"], logs)
    yield _allow("FindBucket", _BUCKET_ACTIONS, [bucket.bucket_arn])
    yield _allow("WriteObjects", _OBJECT_ACTIONS, inputs.object_arns)
    if bucket.encryption_key is not None:
        yield _encrypt(
            "EncryptObjects", bucket.encryption_key, _through_s3(inputs, [bucket.bucket_arn, *inputs.object_arns])
        )
    yield from _source(inputs)
    if inputs.parquet is not None:
        database, table = inputs.parquet.database, inputs.parquet.table
        names = ("catalog", f"database/{database}", f"table/{database}/{table}")
        actions = ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]
        yield _allow("ReadSchema", actions, [_glue(inputs, name) for name in names])
    if inputs.tables:
        yield from _tables(inputs)


def _source(inputs: Inputs) -> Iterator[iam.PolicyStatement]:
    if inputs.source is not None:
        yield _allow("ReadSource", _READ_ACTIONS, [inputs.source.stream_arn])
        key = inputs.source.encryption_key
        if key is not None:
            condition = _through_kinesis(inputs, inputs.source.stream_arn)
            yield _allow("DecryptSource", ["kms:Decrypt"], [key.key_arn], condition)
    if inputs.msk_cluster_arn is not None:
        cluster = inputs.msk_cluster_arn
        yield _allow(
            "FindCluster",
            ["kafka-cluster:Connect", "kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"],
            [cluster],
        )
        yield _allow(
            "ReadTopic",
            [
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:DescribeTopicDynamicConfiguration",
                "kafka-cluster:ReadData",
            ],
            [f"{cluster.replace(':cluster/', ':topic/')}/{inputs.msk_topic}"],
        )
        yield _allow(
            "ReadConsumerGroups", ["kafka-cluster:DescribeGroup"], [f"{cluster.replace(':cluster/', ':group/')}/*"]
        )


def _tables(inputs: Inputs) -> Iterator[iam.PolicyStatement]:
    yield _allow("CommitToTables", ["glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"], _table_arns(inputs))
    if inputs.tables_bucket is None:
        # Lake Formation gives out the credentials for the data of a table bucket, by its own grants; AWS lets this
        # action be allowed for all resources only.
        yield _allow("GetTableCredentials", ["lakeformation:GetDataAccess"], ["*"])
        return
    bucket_arn = inputs.tables_bucket.bucket_arn
    data = f"{bucket_arn}/{inputs.tables_prefix.lstrip('/')}*"
    yield _allow("FindTables", _BUCKET_ACTIONS, [bucket_arn])
    yield _allow("WriteTables", ["s3:DeleteObject", *_OBJECT_ACTIONS], [data])
    key = inputs.tables_bucket.encryption_key
    if key is not None:
        yield _encrypt("EncryptTables", key, _through_s3(inputs, [bucket_arn, data]))


def _table_arns(inputs: Inputs) -> list[str]:
    """Return AWS's names of what the tables belong to: in the catalog of the table bucket, and in the account's own."""
    databases = dict.fromkeys(table.database for table in inputs.tables)
    tables = [f"{table.database}/{table.table}" for table in inputs.tables]
    inner = inputs.catalog
    names = ["catalog"]
    if inner:
        names += ["catalog/s3tablescatalog", f"catalog/{inner}"]
        names += [f"database/{inner}/{name}" for name in databases] + [f"table/{inner}/{name}" for name in tables]
    names += [f"database/{name}" for name in databases] + [f"table/{name}" for name in tables]
    return [_glue(inputs, name) for name in names]


def _glue(inputs: Inputs, name: str) -> str:
    resource, _, inner = name.partition("/")
    return inputs.arn("glue", resource, inner or None)


def _through_kinesis(inputs: Inputs, stream_arn: str) -> dict[str, Any]:
    """Return the condition of a key that is used through Kinesis and for one stream only."""
    return {
        "StringEquals": {
            "kms:ViaService": f"kinesis.{inputs.stack.region}.amazonaws.com",
            "kms:EncryptionContext:aws:kinesis:arn": stream_arn,
        }
    }


def _through_s3(inputs: Inputs, arns: Sequence[str]) -> dict[str, Any]:
    """Return the condition of a key that is used through S3 and for these objects only.

    Where a bucket has a key of its own for all objects, AWS gives the bucket's ARN instead of the object's.
    """
    return {
        "StringEquals": {"kms:ViaService": f"s3.{inputs.stack.region}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": list(arns)},
    }


def _allow(
    sid: str, names: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=list(names), resources=list(resources), conditions=conditions)


def _encrypt(sid: str, key: kms.IKey, conditions: Mapping[str, Any] | None = None) -> iam.PolicyStatement:
    return _allow(sid, ["kms:Decrypt", "kms:GenerateDataKey"], [key.key_arn], conditions)
