"""The construct: it makes the function, its alias, roles, the stream, logs, alarms and the dashboard, and wires them.

What it is given is in `inputs`, what each may do in `permissions`, what is watched in `alarms` and `dashboard`.
Invariant: with `create_stream=False` nothing of the stream is made or touched.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
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

from fastxform_cdk import dashboard, permissions, stream
from fastxform_cdk.alarms import Alarm, alarms, owners
from fastxform_cdk.inputs import NAMESPACE, Inputs, Parquet, Table
from fastxform_cdk.packing import pack

HANDLER = "fastxform.handler.lambda_handler"
LOG_STREAMS = ("delivery", "backup")


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
        dashboard: one page for the stream.
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
        msk_cluster_arn: str | None = None,
        msk_topic: str | None = None,
        msk_connectivity: str = "PRIVATE",
        msk_read_from: str | None = None,
        create_stream: bool = True,
        delivery_stream_name: str | None = None,
        destination: str | None = None,
        tables: Sequence[Table] = (),
        tables_bucket: s3.IBucket | None = None,
        tables_prefix: str = "",
        table_bucket_arn: str | None = None,
        append_only: bool = False,
        iceberg_retry_seconds: int = 300,
        parquet: Parquet | None = None,
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
        reserved_concurrency: int | None = None,
        function_version: str | None = None,
        reingest: bool = True,
        stream_key: kms.IKey | None = None,
        function_key: kms.IKey | None = None,
        log_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        log_level: str = "INFO",
        metrics_namespace: str = NAMESPACE,
        alarm_topic: sns.ITopic | None = None,
        freshness_alarm_seconds: int = 900,
        lag_alarm_seconds: int = 300,
        lag_alarm_records: int = 100_000,
    ) -> None:
        """Make it; the arguments are the inputs of the Terraform module, by the same names where they are the same.

        Raises:
            ValueError: arguments that AWS, or this construct, does not take together.
        """
        super().__init__(scope, identity)
        inputs = self._inputs = Inputs(
            stack=Stack.of(self),
            name=name,
            stream_name=delivery_stream_name or name,
            create_stream=create_stream,
            destination=destination or ("iceberg" if tables else "s3"),
            bucket=bucket,
            prefix=prefix
            or f"{name}/year=!{{timestamp:yyyy}}/month=!{{timestamp:MM}}/day=!{{timestamp:dd}}/hour=!{{timestamp:HH}}/",
            error_prefix=error_prefix
            or f"{name}-errors/!{{firehose:error-output-type}}/"
            "!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/",
            source=source,
            msk_cluster_arn=msk_cluster_arn,
            msk_topic=msk_topic,
            msk_connectivity=msk_connectivity,
            tables=tables,
            tables_bucket=tables_bucket,
            tables_prefix=tables_prefix,
            table_bucket_arn=table_bucket_arn,
            parquet=parquet,
            append_only=append_only,
            dynamic_partitioning=dynamic_partitioning,
            object_mb=object_mb,
            object_seconds=object_seconds,
            buffer_mb=buffer_mb,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            stream_key=stream_key,
            function_key=function_key,
            environment=environment or {},
            log_level=log_level,
            metrics_namespace=metrics_namespace,
            freshness_alarm_seconds=freshness_alarm_seconds,
            lag_alarm_seconds=lag_alarm_seconds,
            lag_alarm_records=lag_alarm_records,
        )
        inputs.check()

        self.role = iam.Role(self, "FunctionRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        function_logs = self._log_group("FunctionLogs", f"/aws/lambda/{name}", log_retention, log_key)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=f"fastxform: transforms the batches of the delivery stream {inputs.stream_name}",
            code=lambda_.Code.from_asset(pack(config, extra_files or {})),
            handler=handler,
            runtime=runtime or lambda_.Runtime.PYTHON_3_13,
            architecture=architecture or lambda_.Architecture.ARM_64,
            layers=[layer],
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            reserved_concurrent_executions=reserved_concurrency,
            role=self.role,
            environment={
                **inputs.environment,
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": metrics_namespace,
                "POWERTOOLS_LOG_LEVEL": log_level,
            },
            environment_encryption=function_key,
            log_group=function_logs,
            logging_format=lambda_.LoggingFormat.TEXT,
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        self.alias = lambda_.Alias(self, "Live", alias_name="live", version=self.function.current_version)
        if function_version is not None:  # the way back; the newest is made nevertheless
            made = self.alias.node.default_child
            assert isinstance(made, lambda_.CfnAlias)
            made.function_version = function_version
        for statement in permissions.of_the_function(inputs, function_logs.log_group_arn, reingest=reingest):
            self.role.add_to_policy(statement)

        self.invoke_statements = [permissions.to_invoke(self.alias.function_arn)]
        self.stream: firehose.CfnDeliveryStream | None = None
        self.stream_role: iam.Role | None = None
        if create_stream:
            self.stream_role = iam.Role(self, "StreamRole", assumed_by=permissions.trust_of_the_stream(inputs))
        self.processing_configuration = stream.processing(
            self.alias.function_arn,
            None if self.stream_role is None else self.stream_role.role_arn,
            retries=retries,
            buffer_mb=buffer_mb,
            buffer_seconds=buffer_seconds,
        )
        if self.stream_role is not None:
            group = self._log_group("StreamLogs", f"/aws/kinesisfirehose/{inputs.stream_name}", log_retention, log_key)
            target: dict[str, Any]
            if inputs.destination == "iceberg":
                target = {
                    "iceberg_destination_configuration": stream.to_iceberg(
                        inputs,
                        self.stream_role.role_arn,
                        self.processing_configuration,
                        group.log_group_name,
                        retry_seconds=iceberg_retry_seconds,
                    )
                }
            else:
                target = {
                    "extended_s3_destination_configuration": stream.to_s3(
                        inputs,
                        self.stream_role.role_arn,
                        self.processing_configuration,
                        group.log_group_name,
                        compression=compression,
                        file_extension=file_extension,
                    )
                }
            self.stream = firehose.CfnDeliveryStream(
                self,
                "Stream",
                delivery_stream_name=inputs.stream_name,
                **stream.source(inputs, self.stream_role.role_arn, msk_read_from),
                **target,
            )
            for needed in self._before_the_stream(self.stream_role, group):
                self.stream.node.add_dependency(needed)
        self.alarms = {alarm.name: self._alarm(alarm, alarm_topic) for alarm in alarms(inputs)}
        self.dashboard = cloudwatch.CfnDashboard(
            self,
            "Dashboard",
            dashboard_name=f"{name}-{inputs.stack.region}",
            dashboard_body=inputs.stack.to_json_string(
                dashboard.body(
                    inputs, [alarm.alarm_arn for alarm in self.alarms.values()], function_logs.log_group_name
                )
            ),
        )

    @property
    def stream_arn(self) -> str:
        """The ARN of the delivery stream."""
        return self._inputs.stream_arn

    def grant_put(self, grantee: iam.IGrantable) -> None:
        """Allow a producer to put records into the stream, with its customer key where it has one."""
        for statement in permissions.of_a_producer(self._inputs):
            grantee.grant_principal.add_to_principal_policy(statement)

    def _before_the_stream(self, role: iam.Role, group: logs.LogGroup) -> Iterator[Construct]:
        """Make what has to be there first: AWS tries the role, and reads the columns, when the stream is made."""
        for name in LOG_STREAMS:
            yield logs.LogStream(
                self,
                f"StreamLog-{name}",
                log_group=group,
                log_stream_name=name,
                removal_policy=RemovalPolicy.DESTROY,
            )
        statements = permissions.of_the_stream(
            self._inputs, self.invoke_statements[0], group.log_group_name, LOG_STREAMS
        )
        yield iam.Policy(self, "StreamPolicy", statements=list(statements), roles=[role])
        table = stream.glue_table(self, self._inputs)
        if table is not None:
            yield table

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

    def _alarm(self, alarm: Alarm, topic: sns.ITopic | None) -> cloudwatch.Alarm:
        namespace, dimensions = owners(self._inputs)[alarm.owner]
        operators = cloudwatch.ComparisonOperator
        made = cloudwatch.Alarm(
            self,
            f"Alarm-{alarm.name}",
            alarm_name=f"{self._inputs.name}-{alarm.name}",
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
