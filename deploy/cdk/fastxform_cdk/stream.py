"""The delivery stream as CloudFormation has it: its source, its destination, and the processor that invokes the alias.

It is CloudFormation's own resource, since the construct library's has no Iceberg destination. Invariant: functions of
the inputs and of what was made before; only `glue_table` makes something.
"""

from typing import Any

from aws_cdk import aws_glue as glue
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_s3 as s3
from constructs import Construct

from fastxform_cdk.inputs import Inputs, literal

Cfn = firehose.CfnDeliveryStream


def processing(
    alias_arn: str, role_arn: str | None, *, retries: int, buffer_mb: float, buffer_seconds: int
) -> Cfn.ProcessingConfigurationProperty:
    """Return the processor of a stream; the role is that of the destination where none is given."""
    parameters = {
        "LambdaArn": alias_arn,
        "NumberOfRetries": str(retries),
        "BufferSizeInMBs": f"{buffer_mb:g}",
        "BufferIntervalInSeconds": str(buffer_seconds),
        **({} if role_arn is None else {"RoleArn": role_arn}),
    }
    listed = [
        Cfn.ProcessorParameterProperty(parameter_name=key, parameter_value=value) for key, value in parameters.items()
    ]
    return Cfn.ProcessingConfigurationProperty(
        enabled=True, processors=[Cfn.ProcessorProperty(type="Lambda", parameters=listed)]
    )


def source(inputs: Inputs, role_arn: str, msk_read_from: str | None) -> dict[str, Any]:
    """Return the type of the stream and where it reads; one that is put into is encrypted by itself."""
    if inputs.source is not None:
        reads = Cfn.KinesisStreamSourceConfigurationProperty(
            kinesis_stream_arn=inputs.source.stream_arn, role_arn=role_arn
        )
        return {"delivery_stream_type": "KinesisStreamAsSource", "kinesis_stream_source_configuration": reads}
    if inputs.msk_cluster_arn is not None:
        assert inputs.msk_topic is not None
        topic = Cfn.MSKSourceConfigurationProperty(
            msk_cluster_arn=inputs.msk_cluster_arn,
            topic_name=inputs.msk_topic,
            read_from_timestamp=msk_read_from,
            authentication_configuration=Cfn.AuthenticationConfigurationProperty(
                connectivity=inputs.msk_connectivity, role_arn=role_arn
            ),
        )
        return {"delivery_stream_type": "MSKAsSource", "msk_source_configuration": topic}
    key = inputs.stream_key
    encryption = Cfn.DeliveryStreamEncryptionConfigurationInputProperty(
        key_type="AWS_OWNED_CMK" if key is None else "CUSTOMER_MANAGED_CMK",
        key_arn=None if key is None else key.key_arn,
    )
    return {"delivery_stream_type": "DirectPut", "delivery_stream_encryption_configuration_input": encryption}


def to_s3(
    inputs: Inputs,
    role_arn: str,
    processor: Cfn.ProcessingConfigurationProperty,
    log_group: str,
    *,
    compression: str,
    file_extension: str | None,
) -> Cfn.ExtendedS3DestinationConfigurationProperty:
    """Return the destination of rows as objects; Parquet compresses its own pages."""
    assert inputs.bucket is not None
    return Cfn.ExtendedS3DestinationConfigurationProperty(
        role_arn=role_arn,
        bucket_arn=inputs.bucket.bucket_arn,
        prefix=inputs.prefix,
        error_output_prefix=inputs.error_prefix,
        buffering_hints=_hints(inputs),
        compression_format=compression if inputs.parquet is None else "UNCOMPRESSED",
        file_extension=file_extension,
        encryption_configuration=_encryption(inputs.bucket),
        cloud_watch_logging_options=_logging(log_group, "delivery"),
        processing_configuration=processor,
        data_format_conversion_configuration=None if inputs.parquet is None else _conversion(inputs, role_arn),
        dynamic_partitioning_configuration=Cfn.DynamicPartitioningConfigurationProperty(enabled=True)
        if inputs.dynamic_partitioning
        else None,
    )


def to_iceberg(
    inputs: Inputs,
    role_arn: str,
    processor: Cfn.ProcessingConfigurationProperty,
    log_group: str,
    *,
    retry_seconds: int,
) -> Cfn.IcebergDestinationConfigurationProperty:
    """Return the destination of rows in tables; failed records are read by people, and are not compressed."""
    bucket = inputs.bucket
    assert bucket is not None
    return Cfn.IcebergDestinationConfigurationProperty(
        role_arn=role_arn,
        append_only=inputs.append_only,
        buffering_hints=_hints(inputs),
        catalog_configuration=Cfn.CatalogConfigurationProperty(
            catalog_arn=inputs.arn("glue", "catalog", inputs.catalog or None)
        ),
        cloud_watch_logging_options=_logging(log_group, "delivery"),
        destination_table_configuration_list=[
            Cfn.DestinationTableConfigurationProperty(
                destination_database_name=table.database,
                destination_table_name=table.table,
                unique_keys=list(table.unique_keys) or None,
            )
            for table in inputs.tables
        ],
        processing_configuration=processor,
        retry_options=Cfn.RetryOptionsProperty(duration_in_seconds=retry_seconds),
        s3_configuration=Cfn.S3DestinationConfigurationProperty(
            role_arn=role_arn,
            bucket_arn=bucket.bucket_arn,
            error_output_prefix=inputs.error_prefix,
            buffering_hints=_hints(inputs),
            compression_format="UNCOMPRESSED",
            encryption_configuration=_encryption(bucket),
            cloud_watch_logging_options=_logging(log_group, "backup"),
        ),
        s3_backup_mode="FailedDataOnly",
    )


def glue_table(scope: Construct, inputs: Inputs) -> glue.CfnTable | None:
    """Make the table whose columns Firehose reads to convert rows, where there is a file of them."""
    parquet, bucket = inputs.parquet, inputs.bucket
    if parquet is None or parquet.schema_file is None or bucket is None:
        return None
    # Where tables have their data is a directory: up to the last slash.
    directory = literal(inputs.prefix).rpartition("/")[0]
    Table = glue.CfnTable
    return Table(
        scope,
        "ParquetTable",
        catalog_id=inputs.stack.account,
        database_name=parquet.database,
        table_input=Table.TableInputProperty(
            name=parquet.table,
            table_type="EXTERNAL_TABLE",
            parameters={"classification": "parquet"},
            storage_descriptor=Table.StorageDescriptorProperty(
                location=f"s3://{bucket.bucket_name}/{directory}{'/' if directory else ''}",
                input_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                output_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                serde_info=Table.SerdeInfoProperty(
                    serialization_library="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                    parameters={"serialization.format": "1"},
                ),
                columns=[
                    Table.ColumnProperty(name=column["Name"], type=column["Type"], comment=column.get("Comment"))
                    for column in parquet.columns()
                ],
            ),
        ),
    )


def _conversion(inputs: Inputs, role_arn: str) -> Cfn.DataFormatConversionConfigurationProperty:
    assert inputs.parquet is not None
    return Cfn.DataFormatConversionConfigurationProperty(
        enabled=True,
        input_format_configuration=Cfn.InputFormatConfigurationProperty(
            deserializer=Cfn.DeserializerProperty(open_x_json_ser_de=Cfn.OpenXJsonSerDeProperty())
        ),
        output_format_configuration=Cfn.OutputFormatConfigurationProperty(
            serializer=Cfn.SerializerProperty(
                parquet_ser_de=Cfn.ParquetSerDeProperty(compression=inputs.parquet.compression)
            )
        ),
        schema_configuration=Cfn.SchemaConfigurationProperty(
            role_arn=role_arn, database_name=inputs.parquet.database, table_name=inputs.parquet.table
        ),
    )


def _hints(inputs: Inputs) -> Cfn.BufferingHintsProperty:
    return Cfn.BufferingHintsProperty(size_in_m_bs=inputs.object_mb, interval_in_seconds=inputs.object_seconds)


def _logging(group: str, name: str) -> Cfn.CloudWatchLoggingOptionsProperty:
    return Cfn.CloudWatchLoggingOptionsProperty(enabled=True, log_group_name=group, log_stream_name=name)


def _encryption(bucket: s3.IBucket) -> Cfn.EncryptionConfigurationProperty:
    key = bucket.encryption_key
    if key is None:
        return Cfn.EncryptionConfigurationProperty(no_encryption_config="NoEncryption")
    return Cfn.EncryptionConfigurationProperty(
        kms_encryption_config=Cfn.KMSEncryptionConfigProperty(awskms_key_arn=key.key_arn)
    )
