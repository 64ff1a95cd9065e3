"""The construct: what it makes and how the parts are wired. Permissions and alarms are rows of tables beside it.

The stream is CloudFormation's own resource, since the construct library's has no Iceberg destination. Invariant: with
`create_stream=False` nothing of the stream is made or touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from fastxform_cdk.alarms import Alarm, alarms
from fastxform_cdk.packing import pack

HANDLER = "fastxform.handler.lambda_handler"
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


@dataclass(frozen=True)
class Table:
    """An Iceberg table of the Glue catalog; `unique_keys` where the transform updates or deletes."""

    database: str
    table: str
    unique_keys: Sequence[str] = ()


class Transform(Construct):
    """One transform.

    Attributes:
        function: the function.
        alias: what the delivery stream invokes; each change of code, layer or setting is a version that it moves to.
        role: of the function.
        stream: the delivery stream, None of one that exists.
        stream_role: of the delivery stream, None of one that exists.
        stream_arn: of the delivery stream.
        processing_configuration: what an existing stream's destination needs as `processing_configuration`.
        invoke_statements: what the role of an existing stream has to be allowed.
        alarms: by their short names.
    """

    def __init__(
        self,
        scope: Construct,
        identity: str,
        *,
        name: str,
        config: str,
        layer: lambda_.ILayerVersion,
        bucket: s3.IBucket | None = None,
        source: kinesis.IStream | None = None,
        create_stream: bool = True,
        delivery_stream_name: str | None = None,
        destination: str | None = None,
        tables: Sequence[Table] = (),
        tables_bucket: s3.IBucket | None = None,
        tables_prefix: str = "",
        append_only: bool = False,
        prefix: str | None = None,
        error_prefix: str | None = None,
        compression: str = "GZIP",
        file_extension: str | None = None,
        dynamic_partitioning: bool = False,
        object_mb: int = 64,
        object_seconds: int = 300,
        buffer_mb: float = 1,
        buffer_seconds: int = 60,
        retries: int = 3,
        runtime: lambda_.Runtime | None = None,
        architecture: lambda_.Architecture | None = None,
        handler: str = HANDLER,
        extra_files: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        memory_mb: int = 512,
        timeout_seconds: int = 60,
        reingest: bool = True,
        stream_key: kms.IKey | None = None,
        function_key: kms.IKey | None = None,
        log_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        alarm_topic: sns.ITopic | None = None,
        freshness_alarm_seconds: int = 900,
        lag_alarm_seconds: int = 300,
    ) -> None:
        """Make it; the arguments are the inputs of the Terraform module, by the same names where they are the same.

        Raises:
            ValueError: arguments that AWS, or this construct, does not take together.
        """
        super().__init__(scope, identity)
        self.name, self._account = name, Stack.of(self)
        self._stream_name = delivery_stream_name or name
        self._destination = destination or ("iceberg" if tables else "s3")
        self._bucket, self._source, self._stream_key = bucket, source, stream_key
        self._tables, self._tables_bucket, self._tables_prefix = tables, tables_bucket, tables_prefix
        self._prefix = prefix or (
            f"{name}/year=!{{timestamp:yyyy}}/month=!{{timestamp:MM}}/day=!{{timestamp:dd}}/hour=!{{timestamp:HH}}/"
        )
        self._error_prefix = error_prefix or (
            f"{name}-errors/!{{firehose:error-output-type}}/!{{timestamp:yyyy}}/!{{timestamp:MM}}/"
            "!{timestamp:dd}/!{timestamp:HH}/"
        )
        self._check(create_stream, buffer_mb, timeout_seconds, memory_mb, dynamic_partitioning)

        self.role = iam.Role(self, "FunctionRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        function_logs = self._log_group("FunctionLogs", f"/aws/lambda/{name}", log_retention, log_key)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=f"fastxform: transforms the batches of the delivery stream {self._stream_name}",
            code=lambda_.Code.from_asset(pack(config, extra_files or {})),
            handler=handler,
            runtime=runtime or lambda_.Runtime.PYTHON_3_13,
            architecture=architecture or lambda_.Architecture.ARM_64,
            layers=[layer],
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            role=self.role,
            environment={
                **(environment or {}),
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
            },
            environment_encryption=function_key,
            log_group=function_logs,
            logging_format=lambda_.LoggingFormat.TEXT,
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        self.alias = lambda_.Alias(self, "Live", alias_name="live", version=self.function.current_version)
        for statement in self._function_statements(function_logs, reingest):
            self.role.add_to_policy(statement)

        self.invoke_statements = [
            _allow("Invoke", ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"], [self.alias.function_arn])
        ]
        parameters = {
            "LambdaArn": self.alias.function_arn,
            "NumberOfRetries": str(retries),
            "BufferSizeInMBs": f"{buffer_mb:g}",
            "BufferIntervalInSeconds": str(buffer_seconds),
        }
        self.stream: firehose.CfnDeliveryStream | None = None
        self.stream_role: iam.Role | None = None
        if create_stream:
            self.stream_role = self._stream_role()
            parameters["RoleArn"] = self.stream_role.role_arn
        self.processing_configuration = firehose.CfnDeliveryStream.ProcessingConfigurationProperty(
            enabled=True,
            processors=[
                firehose.CfnDeliveryStream.ProcessorProperty(
                    type="Lambda",
                    parameters=[
                        firehose.CfnDeliveryStream.ProcessorParameterProperty(parameter_name=key, parameter_value=value)
                        for key, value in parameters.items()
                    ],
                )
            ],
        )
        if create_stream:
            self._make_stream(
                log_retention, log_key, compression, file_extension, dynamic_partitioning, append_only,
                firehose.CfnDeliveryStream.BufferingHintsProperty(
                    size_in_m_bs=object_mb, interval_in_seconds=object_seconds
                ),
            )  # fmt: skip
        self.alarms = {
            alarm.name: self._alarm(alarm, alarm_topic)
            for alarm in alarms(
                "direct_put" if source is None else "kinesis",
                DELIVERIES[self._destination],
                timeout_seconds=timeout_seconds,
                freshness_seconds=freshness_alarm_seconds,
                lag_seconds=lag_alarm_seconds,
                has_partitions=dynamic_partitioning,
            )
        }

    @property
    def stream_arn(self) -> str:
        """The ARN of the delivery stream, made from its name: the function and the stream need each other's."""
        return self._account.format_arn(service="firehose", resource="deliverystream", resource_name=self._stream_name)

    def grant_put(self, grantee: iam.IGrantable) -> None:
        """Allow a producer to put records into the stream, with its customer key where it has one."""
        principal = grantee.grant_principal
        principal.add_to_principal_policy(
            _allow("PutRecords", ["firehose:PutRecord", "firehose:PutRecordBatch"], [self.stream_arn])
        )
        if self._stream_key is not None:
            principal.add_to_principal_policy(_encrypt("EncryptRecords", self._stream_key))

    def _check(
        self, create_stream: bool, buffer_mb: float, timeout_seconds: int, memory_mb: int, partitioned: bool
    ) -> None:
        """Refuse what does not go together, with the remedy."""
        named = {"s3", "iceberg"}
        wrong = {
            f"destination: one of {', '.join(DELIVERIES)}": self._destination not in DELIVERIES,
            "destination: only streams to s3 and iceberg are made; others with create_stream=False": (
                create_stream and self._destination not in named
            ),
            "bucket: name the bucket of a stream that is made, and only of that": create_stream != bool(self._bucket),
            "tables, tables_bucket: name both for Iceberg": bool(self._tables) != (self._tables_bucket is not None),
            "stream_key: a stream that reads Kinesis is encrypted by its source": (
                self._stream_key is not None and self._source is not None
            ),
            "buffer_mb: 0.2 to 3": not 0.2 <= buffer_mb <= 3,
            "timeout_seconds: 10 to 300; Firehose waits no longer": not 10 <= timeout_seconds <= 300,
            "memory_mb: 256 to 10240": not 256 <= memory_mb <= 10_240,
            "prefix, error_prefix: have to begin with text of their own, before the first !{...}": any(
                not _literal(prefix).strip("/") for prefix in (self._prefix, self._error_prefix)
            ),
            "error_prefix: has to hold !{firehose:error-output-type}": (
                "!{firehose:error-output-type}" not in self._error_prefix
            ),
            "prefix, dynamic_partitioning: !{partitionKeyFromLambda:KEY} and dynamic_partitioning need each other": (
                partitioned != ("!{partitionKeyFromLambda:" in self._prefix)
            ),
        }
        mistakes = [message for message, is_wrong in wrong.items() if is_wrong]
        if mistakes:
            raise ValueError("\n".join(mistakes))

    # -- roles

    def _function_statements(self, group: logs.LogGroup, reingest: bool) -> list[iam.PolicyStatement]:
        own = {
            "ArnEquals": {
                "lambda:SourceFunctionArn": self._account.format_arn(
                    service="lambda",
                    resource="function",
                    resource_name=self.name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            }
        }
        found = [_allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [group.log_group_arn])]
        if not reingest:
            return found
        if self._source is None:
            found.append(_allow("PutRecordsBack", ["firehose:PutRecordBatch"], [self.stream_arn], own))
            if self._stream_key is not None:
                found.append(_encrypt("EncryptRecordsPutBack", self._stream_key))
            return found
        found.append(_allow("PutRecordsBack", ["kinesis:PutRecords"], [self._source.stream_arn], own))
        key = self._source.encryption_key
        if key is not None:
            condition = self._source_condition(self._source)
            found.append(_allow("EncryptRecordsPutBack", ["kms:GenerateDataKey"], [key.key_arn], condition))
        return found

    def _source_condition(self, source: kinesis.IStream) -> dict[str, Any]:
        return {
            "StringEquals": {
                "kms:ViaService": f"kinesis.{self._account.region}.amazonaws.com",
                "kms:EncryptionContext:aws:kinesis:arn": source.stream_arn,
            }
        }

    def _stream_role(self) -> iam.Role:
        account = self._account.account
        return iam.Role(
            self,
            "StreamRole",
            assumed_by=iam.ServicePrincipal(
                "firehose.amazonaws.com",
                # Firehose always gives the account as the external id, and account and stream where it names one.
                conditions={
                    "StringEquals": {"sts:ExternalId": account},
                    "StringEqualsIfExists": {"aws:SourceAccount": account},
                    "ArnEqualsIfExists": {"aws:SourceArn": self.stream_arn},
                },
            ),
        )

    def _stream_statements(self, group: logs.LogGroup) -> list[iam.PolicyStatement]:
        bucket = self._bucket
        assert bucket is not None
        prefixes = [self._error_prefix] if self._tables else [self._prefix, self._error_prefix]
        objects = [f"{bucket.bucket_arn}/{_literal(prefix)}*" for prefix in prefixes]
        log = self._account.format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{group.log_group_name}:log-stream:delivery",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        found = [
            *self.invoke_statements,
            _allow("WriteLogs", ["logs:PutLogEvents"], [log]),
            _allow("FindBucket", _BUCKET_ACTIONS, [bucket.bucket_arn]),
            _allow("WriteObjects", _OBJECT_ACTIONS, objects),
        ]
        if bucket.encryption_key is not None:
            condition = {
                "StringEquals": {"kms:ViaService": f"s3.{self._account.region}.amazonaws.com"},
                "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket.bucket_arn, *objects]},
            }
            found.append(_encrypt("EncryptObjects", bucket.encryption_key, condition))
        if self._source is not None:
            found.append(_allow("ReadSource", _READ_ACTIONS, [self._source.stream_arn]))
            key = self._source.encryption_key
            if key is not None:
                condition = self._source_condition(self._source)
                found.append(_allow("DecryptSource", ["kms:Decrypt"], [key.key_arn], condition))
        if self._tables and self._tables_bucket is not None:
            found += [
                _allow("CommitToTables", ["glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"], self._table_arns()),
                _allow("FindTables", _BUCKET_ACTIONS, [self._tables_bucket.bucket_arn]),
                _allow(
                    "WriteTables",
                    ["s3:DeleteObject", *_OBJECT_ACTIONS],
                    [f"{self._tables_bucket.bucket_arn}/{self._tables_prefix.lstrip('/')}*"],
                ),
            ]
        return found

    def _table_arns(self) -> list[str]:
        def arn(resource: str, resource_name: str | None = None) -> str:
            form = ArnFormat.NO_RESOURCE_NAME if resource_name is None else ArnFormat.SLASH_RESOURCE_NAME
            return self._account.format_arn(
                service="glue", resource=resource, resource_name=resource_name, arn_format=form
            )

        databases = dict.fromkeys(table.database for table in self._tables)
        return [
            arn("catalog"),
            *(arn("database", database) for database in databases),
            *(arn("table", f"{table.database}/{table.table}") for table in self._tables),
        ]

    # -- the stream, its log, and alarms

    def _log_group(
        self, identity: str, name: str, retention: logs.RetentionDays, key: kms.IKey | None
    ) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            identity,
            log_group_name=name,
            retention=retention,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _make_stream(
        self,
        retention: logs.RetentionDays,
        log_key: kms.IKey | None,
        compression: str,
        file_extension: str | None,
        dynamic_partitioning: bool,
        append_only: bool,
        hints: firehose.CfnDeliveryStream.BufferingHintsProperty,
    ) -> None:
        role, bucket = self.stream_role, self._bucket
        assert role is not None
        assert bucket is not None
        group = self._log_group("StreamLogs", f"/aws/kinesisfirehose/{self._stream_name}", retention, log_key)
        log_stream = logs.LogStream(
            self, "StreamLog", log_group=group, log_stream_name="delivery", removal_policy=RemovalPolicy.DESTROY
        )
        policy = iam.Policy(self, "StreamPolicy", statements=self._stream_statements(group), roles=[role])
        Cfn = firehose.CfnDeliveryStream
        logging = Cfn.CloudWatchLoggingOptionsProperty(
            enabled=True, log_group_name=group.log_group_name, log_stream_name=log_stream.log_stream_name
        )
        encryption = Cfn.EncryptionConfigurationProperty(
            kms_encryption_config=Cfn.KMSEncryptionConfigProperty(awskms_key_arn=bucket.encryption_key.key_arn)
            if bucket.encryption_key is not None
            else None,
            no_encryption_config=None if bucket.encryption_key is not None else "NoEncryption",
        )
        target: dict[str, Any] = {}
        if self._tables:
            target["iceberg_destination_configuration"] = Cfn.IcebergDestinationConfigurationProperty(
                role_arn=role.role_arn,
                append_only=append_only,
                buffering_hints=hints,
                catalog_configuration=Cfn.CatalogConfigurationProperty(catalog_arn=self._table_arns()[0]),
                cloud_watch_logging_options=logging,
                destination_table_configuration_list=[
                    Cfn.DestinationTableConfigurationProperty(
                        destination_database_name=table.database,
                        destination_table_name=table.table,
                        unique_keys=list(table.unique_keys) or None,
                    )
                    for table in self._tables
                ],
                processing_configuration=self.processing_configuration,
                s3_configuration=Cfn.S3DestinationConfigurationProperty(
                    role_arn=role.role_arn,
                    bucket_arn=bucket.bucket_arn,
                    error_output_prefix=self._error_prefix,
                    buffering_hints=hints,
                    compression_format="UNCOMPRESSED",
                    encryption_configuration=encryption,
                ),
                s3_backup_mode="FailedDataOnly",
            )
        else:
            target["extended_s3_destination_configuration"] = Cfn.ExtendedS3DestinationConfigurationProperty(
                role_arn=role.role_arn,
                bucket_arn=bucket.bucket_arn,
                prefix=self._prefix,
                error_output_prefix=self._error_prefix,
                buffering_hints=hints,
                compression_format=compression,
                file_extension=file_extension,
                encryption_configuration=encryption,
                cloud_watch_logging_options=logging,
                processing_configuration=self.processing_configuration,
                dynamic_partitioning_configuration=Cfn.DynamicPartitioningConfigurationProperty(enabled=True)
                if dynamic_partitioning
                else None,
            )
        if self._source is None:
            target["delivery_stream_encryption_configuration_input"] = (
                Cfn.DeliveryStreamEncryptionConfigurationInputProperty(
                    key_type="AWS_OWNED_CMK" if self._stream_key is None else "CUSTOMER_MANAGED_CMK",
                    key_arn=None if self._stream_key is None else self._stream_key.key_arn,
                )
            )
        else:
            target["kinesis_stream_source_configuration"] = Cfn.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=self._source.stream_arn, role_arn=role.role_arn
            )
        self.stream = firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_name=self._stream_name,
            delivery_stream_type="DirectPut" if self._source is None else "KinesisStreamAsSource",
            **target,
        )
        self.stream.node.add_dependency(policy)  # AWS tries the role when the stream is made

    def _alarm(self, alarm: Alarm, topic: sns.ITopic | None) -> cloudwatch.Alarm:
        namespace, dimensions = {
            "transform": (NAMESPACE, {"service": self.name, "DeliveryStream": self._stream_name}),
            "lambda": ("AWS/Lambda", {"FunctionName": self.name}),
            "firehose": ("AWS/Firehose", {"DeliveryStreamName": self._stream_name}),
        }[alarm.owner]
        operators = cloudwatch.ComparisonOperator
        made = cloudwatch.Alarm(
            self,
            f"Alarm-{alarm.name}",
            alarm_name=f"{self.name}-{alarm.name}",
            alarm_description=alarm.description,
            metric=cloudwatch.Metric(
                namespace=namespace,
                metric_name=alarm.metric,
                dimensions_map=dimensions,
                statistic=alarm.statistic,
                period=Duration.minutes(5),
            ),
            threshold=alarm.above if alarm.below is None else alarm.below,
            comparison_operator=operators.GREATER_THAN_THRESHOLD
            if alarm.below is None
            else operators.LESS_THAN_THRESHOLD,
            evaluation_periods=alarm.periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if topic is not None:
            made.add_alarm_action(actions.SnsAction(topic))
            made.add_ok_action(actions.SnsAction(topic))
        return made


_BUCKET_ACTIONS = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
_OBJECT_ACTIONS = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
_READ_ACTIONS = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]


def _literal(prefix: str) -> str:
    return prefix.partition("!{")[0]


def _allow(
    sid: str, names: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=list(names), resources=list(resources), conditions=conditions)


def _encrypt(sid: str, key: kms.IKey, conditions: Mapping[str, Any] | None = None) -> iam.PolicyStatement:
    return _allow(sid, ["kms:Decrypt", "kms:GenerateDataKey"], [key.key_arn], conditions)
