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

run "direct_put_to_csv" {
  assert {
    condition     = !contains(keys(module.transform.alarm_arns), "source-lag")
    error_message = "Records are put into the stream."
  }
  assert {
    condition     = output.rows == "s3://ticker-123456789012-eu-central-1/ticker/" && startswith(module.transform.prefix, "ticker/")
    error_message = "Rows are where the output says."
  }
  assert {
    condition     = output.failed_records == "s3://ticker-123456789012-eu-central-1/ticker-errors/" && startswith(module.transform.error_prefix, "ticker-errors/")
    error_message = "Failed records are where the output says, and expire there."
  }
}
