locals {
  # AWS's defaults are left out: the provider keeps none of them in its state, and each plan would want to set them again.
  # RoleArn is one of them, the role of the destination.
  processor_parameters = merge(
    { LambdaArn = aws_lambda_alias.live.arn },
    var.retries == 3 ? {} : { NumberOfRetries = tostring(var.retries) },
    var.buffer_mb == 1 && var.buffer_seconds == 60 ? {} : {
      BufferSizeInMBs         = tostring(var.buffer_mb)
      BufferIntervalInSeconds = tostring(var.buffer_seconds)
    },
  )

  # The tables of a table bucket are those of a catalog that Glue federates; AWS makes it when the bucket is integrated with
  # its analytics services.
  table_bucket_name = local.is_s3_tables ? split("/", var.table_bucket_arn)[1] : ""
  catalog_arn       = local.is_s3_tables ? "${local.glue_arn}:catalog/s3tablescatalog/${local.table_bucket_name}" : "${local.glue_arn}:catalog"

  firehose_role_arn = one(aws_iam_role.firehose[*].arn)
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  count = var.create_stream ? 1 : 0

  name        = local.stream_name
  destination = local.is_iceberg ? "iceberg" : "extended_s3"
  tags        = var.tags

  # A stream that reads Kinesis or MSK is encrypted by its source.
  dynamic "server_side_encryption" {
    for_each = local.is_direct_put ? [true] : []

    content {
      enabled  = true
      key_type = var.stream_kms_key_arn == null ? "AWS_OWNED_CMK" : "CUSTOMER_MANAGED_CMK"
      key_arn  = var.stream_kms_key_arn
    }
  }

  dynamic "kinesis_source_configuration" {
    for_each = local.is_kinesis ? [var.source_stream_arn] : []

    content {
      kinesis_stream_arn = kinesis_source_configuration.value
      role_arn           = local.firehose_role_arn
    }
  }

  dynamic "msk_source_configuration" {
    for_each = local.is_msk ? [var.msk_cluster_arn] : []

    content {
      msk_cluster_arn     = msk_source_configuration.value
      topic_name          = var.msk_topic
      read_from_timestamp = var.msk_read_from

      authentication_configuration {
        connectivity = var.msk_connectivity
        role_arn     = local.firehose_role_arn
      }
    }
  }

  dynamic "extended_s3_configuration" {
    for_each = local.is_iceberg ? [] : [true]

    content {
      role_arn            = local.firehose_role_arn
      bucket_arn          = var.bucket_arn
      prefix              = local.prefix
      error_output_prefix = local.error_prefix
      buffering_size      = var.object_mb
      buffering_interval  = var.object_seconds
      compression_format  = var.parquet == null ? var.compression : "UNCOMPRESSED" # Parquet compresses its own pages
      file_extension      = var.file_extension
      kms_key_arn         = var.bucket_kms_key_arn

      cloudwatch_logging_options {
        enabled         = true
        log_group_name  = aws_cloudwatch_log_group.firehose[0].name
        log_stream_name = aws_cloudwatch_log_stream.delivery[0].name
      }

      dynamic "dynamic_partitioning_configuration" {
        for_each = var.dynamic_partitioning ? [true] : []

        content {
          enabled = true
        }
      }

      dynamic "data_format_conversion_configuration" {
        for_each = var.parquet == null ? [] : [var.parquet]

        content {
          input_format_configuration {
            deserializer {
              open_x_json_ser_de {}
            }
          }

          output_format_configuration {
            serializer {
              parquet_ser_de {
                compression = data_format_conversion_configuration.value.compression
              }
            }
          }

          schema_configuration {
            role_arn      = local.firehose_role_arn
            database_name = data_format_conversion_configuration.value.database
            table_name    = data_format_conversion_configuration.value.table
          }
        }
      }

      processing_configuration {
        enabled = true

        processors {
          type = "Lambda"

          dynamic "parameters" {
            for_each = local.processor_parameters

            content {
              parameter_name  = parameters.key
              parameter_value = parameters.value
            }
          }
        }
      }
    }
  }

  dynamic "iceberg_configuration" {
    for_each = local.is_iceberg ? [true] : []

    content {
      role_arn           = local.firehose_role_arn
      catalog_arn        = local.catalog_arn
      buffering_size     = var.object_mb
      buffering_interval = var.object_seconds
      append_only        = var.iceberg_append_only
      retry_duration     = var.iceberg_retry_seconds
      s3_backup_mode     = "FailedDataOnly"

      cloudwatch_logging_options {
        enabled         = true
        log_group_name  = aws_cloudwatch_log_group.firehose[0].name
        log_stream_name = aws_cloudwatch_log_stream.delivery[0].name
      }

      dynamic "destination_table_configuration" {
        for_each = var.iceberg_tables

        content {
          database_name = destination_table_configuration.value.database
          table_name    = destination_table_configuration.value.table
          unique_keys   = length(destination_table_configuration.value.unique_keys) == 0 ? null : destination_table_configuration.value.unique_keys
        }
      }

      processing_configuration {
        enabled = true

        processors {
          type = "Lambda"

          dynamic "parameters" {
            for_each = local.processor_parameters

            content {
              parameter_name  = parameters.key
              parameter_value = parameters.value
            }
          }
        }
      }

      s3_configuration {
        role_arn            = local.firehose_role_arn
        bucket_arn          = var.bucket_arn
        error_output_prefix = local.error_prefix
        buffering_size      = var.object_mb
        buffering_interval  = var.object_seconds
        compression_format  = "UNCOMPRESSED" # failed records are read by people and by `fastxform replay`
        kms_key_arn         = var.bucket_kms_key_arn

        cloudwatch_logging_options {
          enabled         = true
          log_group_name  = aws_cloudwatch_log_group.firehose[0].name
          log_stream_name = aws_cloudwatch_log_stream.backup[0].name
        }
      }
    }
  }

  # AWS tries the role when the stream is made.
  depends_on = [aws_iam_role_policy.firehose, aws_glue_catalog_table.parquet]
}
