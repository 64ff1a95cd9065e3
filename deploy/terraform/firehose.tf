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
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  name        = var.name
  destination = local.is_iceberg ? "iceberg" : "extended_s3"
  tags        = var.tags

  # A stream that reads Kinesis is encrypted by its source.
  dynamic "server_side_encryption" {
    for_each = local.is_kinesis ? [] : [true]

    content {
      enabled  = true
      key_type = "AWS_OWNED_CMK"
    }
  }

  dynamic "kinesis_source_configuration" {
    for_each = local.is_kinesis ? [var.source_stream_arn] : []

    content {
      kinesis_stream_arn = kinesis_source_configuration.value
      role_arn           = aws_iam_role.firehose.arn
    }
  }

  dynamic "extended_s3_configuration" {
    for_each = local.is_iceberg ? [] : [true]

    content {
      role_arn            = aws_iam_role.firehose.arn
      bucket_arn          = var.bucket_arn
      prefix              = local.prefix
      error_output_prefix = local.error_prefix
      buffering_size      = var.object_mb
      buffering_interval  = var.object_seconds
      compression_format  = var.compression
      file_extension      = var.file_extension
      kms_key_arn         = var.bucket_kms_key_arn

      cloudwatch_logging_options {
        enabled         = true
        log_group_name  = aws_cloudwatch_log_group.firehose.name
        log_stream_name = aws_cloudwatch_log_stream.delivery.name
      }

      dynamic "dynamic_partitioning_configuration" {
        for_each = var.dynamic_partitioning ? [true] : []

        content {
          enabled = true
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
      role_arn           = aws_iam_role.firehose.arn
      catalog_arn        = "${local.glue_arn}:catalog"
      buffering_size     = var.object_mb
      buffering_interval = var.object_seconds
      append_only        = var.iceberg_append_only
      s3_backup_mode     = "FailedDataOnly"

      cloudwatch_logging_options {
        enabled         = true
        log_group_name  = aws_cloudwatch_log_group.firehose.name
        log_stream_name = aws_cloudwatch_log_stream.delivery.name
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
        role_arn            = aws_iam_role.firehose.arn
        bucket_arn          = var.bucket_arn
        error_output_prefix = local.error_prefix
        buffering_size      = var.object_mb
        buffering_interval  = var.object_seconds
        compression_format  = "UNCOMPRESSED" # failed records are read by people and by `fastxform replay`
        kms_key_arn         = var.bucket_kms_key_arn

        cloudwatch_logging_options {
          enabled         = true
          log_group_name  = aws_cloudwatch_log_group.firehose.name
          log_stream_name = aws_cloudwatch_log_stream.backup.name
        }
      }
    }
  }

  # AWS tries the role when the stream is made.
  depends_on = [aws_iam_role_policy.firehose]
}
