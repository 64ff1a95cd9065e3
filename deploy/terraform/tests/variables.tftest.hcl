# What is refused before anything is made: each run gives one wrong value, and the variable has to say so.

mock_provider "aws" {}
mock_provider "archive" {}

variables {
  name        = "mail"
  config_file = "versions.tf"
  layer_arn   = "arn:aws:lambda:eu-central-1:123456789012:layer:fastxform:1"
  bucket_arn  = "arn:aws:s3:::rows"
}

run "name_with_a_dot" {
  command = plan

  variables {
    name = "mail.events"
  }

  expect_failures = [var.name]
}

run "name_too_long" {
  command = plan

  variables {
    name = "a2345678901234567890123456789012345678901"
  }

  expect_failures = [var.name]
}

run "no_such_configuration" {
  command = plan

  variables {
    config_file = "no-such.toml"
  }

  expect_failures = [var.config_file]
}

run "two_layers" {
  command = plan

  variables {
    layer_zip = "versions.tf"
  }

  expect_failures = [var.layer_arn]
}

run "no_layer" {
  command = plan

  variables {
    layer_arn = null
  }

  expect_failures = [var.layer_arn]
}

run "no_such_layer" {
  command = plan

  variables {
    layer_arn = null
    layer_zip = "no-such.zip"
  }

  expect_failures = [var.layer_zip]
}

run "old_python" {
  command = plan

  variables {
    runtime = "python3.11"
  }

  expect_failures = [var.runtime]
}

run "unknown_processor" {
  command = plan

  variables {
    architecture = "riscv"
  }

  expect_failures = [var.architecture]
}

run "configuration_twice" {
  command = plan

  variables {
    extra_files = { "fastxform.toml" = "versions.tf" }
  }

  expect_failures = [var.extra_files]
}

run "memory_too_small" {
  command = plan

  variables {
    memory_mb = 128
  }

  expect_failures = [var.memory_mb]
}

run "timeout_longer_than_firehose_waits" {
  command = plan

  variables {
    timeout_seconds = 400
  }

  expect_failures = [var.timeout_seconds]
}

run "timeout_of_lambdas_default" {
  command = plan

  variables {
    timeout_seconds = 3
  }

  expect_failures = [var.timeout_seconds]
}

run "name_of_the_service_overridden" {
  command = plan

  variables {
    environment = { POWERTOOLS_SERVICE_NAME = "other" }
  }

  expect_failures = [var.environment]
}

run "source_is_no_kinesis_stream" {
  command = plan

  variables {
    source_type       = "kinesis"
    source_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/people"
  }

  expect_failures = [var.source_stream_arn]
}

run "unknown_source" {
  command = plan

  variables {
    source_type = "msk"
  }

  expect_failures = [var.source_type]
}

run "kinesis_without_a_stream" {
  command = plan

  variables {
    source_type = "kinesis"
  }

  expect_failures = [var.source_stream_arn]
}

run "stream_without_kinesis" {
  command = plan

  variables {
    source_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/changes"
  }

  expect_failures = [var.source_stream_arn]
}

run "buffer_of_5_mb" {
  command = plan

  variables {
    buffer_mb      = 5
    buffer_seconds = 30
  }

  expect_failures = [var.buffer_mb]
}

run "buffer_too_small" {
  command = plan

  variables {
    buffer_mb      = 0.1
    buffer_seconds = 30
  }

  expect_failures = [var.buffer_mb]
}

run "buffer_too_old" {
  command = plan

  variables {
    buffer_mb      = 2
    buffer_seconds = 901
  }

  expect_failures = [var.buffer_seconds]
}

run "one_hint_alone" {
  command = plan

  variables {
    buffer_mb = 2
  }

  expect_failures = [var.buffer_seconds]
}

run "too_many_retries" {
  command = plan

  variables {
    retries = 11
  }

  expect_failures = [var.retries]
}

run "unknown_destination" {
  command = plan

  variables {
    destination = "redshift"
  }

  expect_failures = [var.destination]
}

run "bucket_by_name" {
  command = plan

  variables {
    bucket_arn = "rows"
  }

  expect_failures = [var.bucket_arn]
}

run "partition_keys_without_partitioning" {
  command = plan

  variables {
    prefix = "rows/!{partitionKeyFromLambda:customer}/"
  }

  expect_failures = [var.prefix]
}

run "partitioning_without_partition_keys" {
  command = plan

  variables {
    dynamic_partitioning = true
    prefix               = "rows/"
  }

  expect_failures = [var.prefix]
}

run "error_prefix_without_its_type" {
  command = plan

  variables {
    error_prefix = "bad/!{timestamp:yyyy}/"
  }

  expect_failures = [var.error_prefix]
}

run "error_prefix_with_partition_keys" {
  command = plan

  variables {
    error_prefix = "bad/!{firehose:error-output-type}/!{partitionKeyFromLambda:customer}/"
  }

  expect_failures = [var.error_prefix]
}

run "compression_in_another_spelling" {
  command = plan

  variables {
    compression = "gzip"
  }

  expect_failures = [var.compression]
}

run "extension_without_a_dot" {
  command = plan

  variables {
    file_extension = "csv"
  }

  expect_failures = [var.file_extension]
}

run "object_too_large" {
  command = plan

  variables {
    object_mb = 256
  }

  expect_failures = [var.object_mb]
}

run "object_too_small_for_partitions" {
  command = plan

  variables {
    object_mb            = 32
    dynamic_partitioning = true
    prefix               = "rows/!{partitionKeyFromLambda:customer}/"
  }

  expect_failures = [var.object_mb]
}

run "no_buffering_with_partitions" {
  command = plan

  variables {
    object_seconds       = 0
    dynamic_partitioning = true
    prefix               = "rows/!{partitionKeyFromLambda:customer}/"
  }

  expect_failures = [var.object_seconds]
}

run "partitions_of_a_table" {
  command = plan

  variables {
    dynamic_partitioning = true
    prefix               = "rows/!{partitionKeyFromLambda:customer}/"
    destination          = "iceberg"
    iceberg_bucket_arn   = "arn:aws:s3:::tables"
    iceberg_tables       = [{ database = "email_event", table = "send_log" }]
  }

  expect_failures = [var.dynamic_partitioning]
}

run "iceberg_without_tables" {
  command = plan

  variables {
    destination        = "iceberg"
    iceberg_bucket_arn = "arn:aws:s3:::tables"
  }

  expect_failures = [var.iceberg_tables]
}

run "iceberg_without_a_bucket" {
  command = plan

  variables {
    destination    = "iceberg"
    iceberg_tables = [{ database = "email_event", table = "send_log" }]
  }

  expect_failures = [var.iceberg_bucket_arn]
}

run "table_with_a_hyphen" {
  command = plan

  variables {
    destination        = "iceberg"
    iceberg_bucket_arn = "arn:aws:s3:::tables"
    iceberg_tables     = [{ database = "email-event", table = "send_log" }]
  }

  expect_failures = [var.iceberg_tables]
}

run "append_only_with_keys" {
  command = plan

  variables {
    destination         = "iceberg"
    iceberg_append_only = true
    iceberg_bucket_arn  = "arn:aws:s3:::tables"
    iceberg_tables      = [{ database = "email_event", table = "people", unique_keys = ["id"] }]
  }

  expect_failures = [var.iceberg_tables]
}

run "retention_that_cloudwatch_has_not" {
  command = plan

  variables {
    log_retention_days = 100
  }

  expect_failures = [var.log_retention_days]
}

run "unknown_log_level" {
  command = plan

  variables {
    log_level = "LOUD"
  }

  expect_failures = [var.log_level]
}

run "namespace_of_aws" {
  command = plan

  variables {
    metrics_namespace = "AWS/Lambda"
  }

  expect_failures = [var.metrics_namespace]
}

run "freshness_below_the_age_of_an_object" {
  command = plan

  variables {
    freshness_alarm_seconds = 300
  }

  expect_failures = [var.freshness_alarm_seconds]
}

run "lag_of_nothing" {
  command = plan

  variables {
    lag_alarm_seconds = 0
  }

  expect_failures = [var.lag_alarm_seconds]
}
