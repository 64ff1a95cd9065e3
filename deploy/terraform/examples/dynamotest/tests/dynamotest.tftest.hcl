mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::bucket" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:mock:live" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:mock" }
  }
  mock_resource "aws_kinesis_stream" {
    defaults = { arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/dynamotest-changes" }
  }
  mock_resource "aws_kinesis_firehose_delivery_stream" {
    defaults = { arn = "arn:aws:firehose:eu-central-1:123456789012:deliverystream/mock" }
  }
}

mock_provider "archive" {}

variables {
  layer_arn = "arn:aws:lambda:eu-central-1:123456789012:layer:fastxform:1"
}

run "table_to_csv" {
  assert {
    condition     = aws_dynamodb_kinesis_streaming_destination.changes.stream_arn == aws_kinesis_stream.changes.arn && aws_dynamodb_kinesis_streaming_destination.changes.table_name == aws_dynamodb_table.dynamotest.name
    error_message = "Changes of the table go to the stream."
  }
  assert {
    condition     = toset(aws_dynamodb_table.dynamotest.attribute[*].name) == toset([aws_dynamodb_table.dynamotest.hash_key, aws_dynamodb_table.dynamotest.range_key])
    error_message = "The key is the two attributes that the transform takes from the key."
  }
  assert {
    condition     = aws_kinesis_stream.changes.encryption_type == "KMS"
    error_message = "The stream is encrypted."
  }
  assert {
    condition     = contains(keys(module.transform.alarm_arns), "source-lag")
    error_message = "The module reads the Kinesis stream."
  }
  assert {
    condition     = output.failed_records == "s3://dynamotest-123456789012-eu-central-1/dynamotest-errors/" && startswith(module.transform.error_prefix, "dynamotest-errors/")
    error_message = "Failed records are where the output says, and expire there."
  }
}
