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

run "mail_to_tables" {
  variables {
    create_tables = false # else the run would call Athena
  }

  assert {
    condition     = toset(keys(local.tables)) == toset(["send_log", "open_log", "click_log"])
    error_message = "There is a table for each route."
  }
  assert {
    condition     = alltrue([for name, query in aws_athena_named_query.table : strcontains(query.query, "LOCATION 's3://ses-events-123456789012-eu-central-1/warehouse/email_event/${name}/'")])
    error_message = "Each table lies below the prefix that Firehose may write to."
  }
  assert {
    condition     = alltrue([for query in aws_athena_named_query.table : startswith(query.query, "CREATE TABLE `email_event`.") && !strcontains(query.query, ";")])
    error_message = "A saved query is one statement."
  }
  assert {
    condition     = aws_glue_catalog_database.mail.name == "email_event"
    error_message = "The database is the one that the routes name."
  }
  assert {
    condition     = one(one(aws_sesv2_configuration_set_event_destination.firehose.event_destination).kinesis_firehose_destination).delivery_stream_arn == module.transform.delivery_stream_arn
    error_message = "SES puts into the delivery stream."
  }
  assert {
    condition     = length(terraform_data.table) == 0
    error_message = "Tables are made by hand if asked for."
  }
}

run "tables_of_apply" {
  command = plan # nothing is made, so Athena is not called

  assert {
    condition     = toset(keys(terraform_data.table)) == toset(["send_log", "open_log", "click_log"])
    error_message = "Unless told otherwise apply makes each table."
  }
}
