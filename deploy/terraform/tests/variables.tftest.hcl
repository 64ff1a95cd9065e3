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
    source_type = "kafka"
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

run "prefix_that_begins_with_an_expression" {
  command = plan

  variables {
    prefix = "!{timestamp:yyyy}/rows/"
  }

  expect_failures = [var.prefix]
}

run "prefix_of_a_slash" {
  command = plan

  variables {
    prefix = "/!{timestamp:yyyy}/rows/"
  }

  expect_failures = [var.prefix]
}

run "error_prefix_that_begins_with_an_expression" {
  command = plan

  variables {
    error_prefix = "!{firehose:error-output-type}/"
  }

  expect_failures = [var.error_prefix]
}

run "existing_stream_with_a_bucket" {
  command = plan

  variables {
    create_stream = false
  }

  expect_failures = [var.bucket_arn]
}

run "stream_without_a_bucket" {
  command = plan

  variables {
    bucket_arn = null
  }

  expect_failures = [var.bucket_arn]
}

run "stream_that_the_module_cannot_make" {
  command = plan

  variables {
    destination = "splunk"
  }

  expect_failures = [var.destination]
}

run "stream_by_arn" {
  command = plan

  variables {
    delivery_stream_name = "arn:aws:firehose:eu-central-1:123456789012:deliverystream/mail"
  }

  expect_failures = [var.delivery_stream_name]
}

run "key_of_a_stream_that_reads_kinesis" {
  command = plan

  variables {
    source_type        = "kinesis"
    source_stream_arn  = "arn:aws:kinesis:eu-central-1:123456789012:stream/changes"
    stream_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  }

  expect_failures = [var.stream_kms_key_arn]
}

run "aliases_of_keys" {
  command = plan

  variables {
    stream_kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:alias/mine"
    bucket_kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:alias/mine"
    function_kms_key_arn = "alias/mine"
    log_kms_key_arn      = "0a1b2c3d"
  }

  expect_failures = [var.stream_kms_key_arn, var.bucket_kms_key_arn, var.function_kms_key_arn, var.log_kms_key_arn]
}

run "alias_of_the_sources_key" {
  command = plan

  variables {
    source_type        = "kinesis"
    source_stream_arn  = "arn:aws:kinesis:eu-central-1:123456789012:stream/changes"
    source_kms_key_arn = "alias/aws/kinesis"
  }

  expect_failures = [var.source_kms_key_arn]
}

run "alias_of_the_tables_key" {
  command = plan

  variables {
    destination         = "iceberg"
    iceberg_tables      = [{ database = "shop", table = "orders" }]
    iceberg_bucket_arn  = "arn:aws:s3:::tables"
    iceberg_kms_key_arn = "alias/tables"
  }

  expect_failures = [var.iceberg_kms_key_arn]
}

run "key_of_no_source" {
  command = plan

  variables {
    source_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  }

  expect_failures = [var.source_kms_key_arn]
}

run "msk_without_a_cluster" {
  command = plan

  variables {
    source_type = "msk"
    msk_topic   = "orders"
  }

  expect_failures = [var.msk_cluster_arn]
}

run "msk_without_a_topic" {
  command = plan

  variables {
    source_type     = "msk"
    msk_cluster_arn = "arn:aws:kafka:eu-central-1:123456789012:cluster/events/0a1b2c3d-1"
  }

  expect_failures = [var.msk_topic]
}

run "cluster_that_is_none" {
  command = plan

  variables {
    source_type     = "msk"
    msk_topic       = "orders"
    msk_cluster_arn = "arn:aws:kafka:eu-central-1:123456789012:topic/events/0a1b2c3d-1/orders"
  }

  expect_failures = [var.msk_cluster_arn]
}

run "msk_over_a_bridge" {
  command = plan

  variables {
    source_type      = "msk"
    msk_topic        = "orders"
    msk_cluster_arn  = "arn:aws:kafka:eu-central-1:123456789012:cluster/events/0a1b2c3d-1"
    msk_connectivity = "VPC"
  }

  expect_failures = [var.msk_connectivity]
}

run "msk_from_yesterday" {
  command = plan

  variables {
    source_type     = "msk"
    msk_topic       = "orders"
    msk_cluster_arn = "arn:aws:kafka:eu-central-1:123456789012:cluster/events/0a1b2c3d-1"
    msk_read_from   = "yesterday"
  }

  expect_failures = [var.msk_read_from]
}

run "table_bucket_of_s3" {
  command = plan

  variables {
    table_bucket_arn = "arn:aws:s3tables:eu-central-1:123456789012:bucket/lake"
  }

  expect_failures = [var.table_bucket_arn]
}

run "table_bucket_that_is_a_bucket" {
  command = plan

  variables {
    destination      = "iceberg"
    iceberg_tables   = [{ database = "shop", table = "orders" }]
    table_bucket_arn = "arn:aws:s3:::lake"
  }

  expect_failures = [var.table_bucket_arn]
}

run "two_buckets_of_tables" {
  command = plan

  variables {
    destination        = "iceberg"
    iceberg_tables     = [{ database = "shop", table = "orders" }]
    table_bucket_arn   = "arn:aws:s3tables:eu-central-1:123456789012:bucket/lake"
    iceberg_bucket_arn = "arn:aws:s3:::tables"
  }

  expect_failures = [var.iceberg_bucket_arn]
}

run "key_of_a_table_bucket" {
  command = plan

  variables {
    destination         = "iceberg"
    iceberg_tables      = [{ database = "shop", table = "orders" }]
    table_bucket_arn    = "arn:aws:s3tables:eu-central-1:123456789012:bucket/lake"
    iceberg_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  }

  expect_failures = [var.iceberg_kms_key_arn]
}

run "retries_for_a_day" {
  command = plan

  variables {
    destination           = "iceberg"
    iceberg_tables        = [{ database = "shop", table = "orders" }]
    iceberg_bucket_arn    = "arn:aws:s3:::tables"
    iceberg_retry_seconds = 86400
  }

  expect_failures = [var.iceberg_retry_seconds]
}

run "tables_of_an_existing_stream" {
  command = plan

  variables {
    create_stream  = false
    bucket_arn     = null
    destination    = "iceberg"
    iceberg_tables = [{ database = "shop", table = "orders" }]
  }

  expect_failures = [var.iceberg_tables]
}

run "parquet_of_a_table" {
  command = plan

  variables {
    destination        = "iceberg"
    iceberg_tables     = [{ database = "shop", table = "orders" }]
    iceberg_bucket_arn = "arn:aws:s3:::tables"
    parquet            = { database = "shop", table = "orders" }
  }

  expect_failures = [var.parquet]
}

run "parquet_of_small_objects" {
  command = plan

  variables {
    object_mb = 16
    parquet   = { database = "shop", table = "orders" }
  }

  expect_failures = [var.parquet]
}

run "parquet_in_another_compression" {
  command = plan

  variables {
    parquet = { database = "shop", table = "orders", compression = "snappy" }
  }

  expect_failures = [var.parquet]
}

run "parquet_with_a_hyphen" {
  command = plan

  variables {
    parquet = { database = "my-shop", table = "orders" }
  }

  expect_failures = [var.parquet]
}

run "parquet_without_a_schema" {
  command = plan

  variables {
    parquet = { database = "shop", table = "orders", schema_file = "versions.tf" }
  }

  expect_failures = [var.parquet]
}

run "lag_of_no_record" {
  command = plan

  variables {
    lag_alarm_records = 0
  }

  expect_failures = [var.lag_alarm_records]
}
