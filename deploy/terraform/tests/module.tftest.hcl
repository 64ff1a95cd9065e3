# What is wired to what, with a provider that is mocked: `terraform init && terraform test` here, without an account.

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
  mock_resource "aws_lambda_function" {
    defaults = { version = "7" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:mail:live" }
  }
  mock_resource "aws_lambda_layer_version" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:layer:mail-fastxform:3" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:mock" }
  }
}

mock_provider "archive" {}

variables {
  name        = "mail"
  config_file = "versions.tf" # any file: what is in it is the function's business
  layer_arn   = "arn:aws:lambda:eu-central-1:123456789012:layer:fastxform:1"
  bucket_arn  = "arn:aws:s3:::rows"
}

run "direct_put_to_s3" {
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this.destination == "extended_s3"
    error_message = "The destination is S3 unless told otherwise."
  }
  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.this.kinesis_source_configuration) == 0
    error_message = "Unless told otherwise records are put into the stream."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this.server_side_encryption).enabled
    error_message = "A stream of its own encrypts what it holds."
  }
  assert {
    condition = tomap({
      for parameter in one(one(one(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration).processing_configuration).processors).parameters :
      parameter.parameter_name => parameter.parameter_value
    }) == tomap({ LambdaArn = aws_lambda_alias.live.arn })
    error_message = "Firehose invokes the alias, and AWS's defaults are not sent: each plan would change them."
  }
  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration).processing_configuration).enabled
    error_message = "A processing configuration that does not say so is off."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration).prefix == "mail/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/"
    error_message = "Rows lie by the hour, as partitions."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration).error_output_prefix == "mail-errors/!{firehose:error-output-type}/!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/"
    error_message = "Failed records lie apart, by the kind of failure."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration).compression_format == "GZIP"
    error_message = "Objects are compressed."
  }
  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration).cloudwatch_logging_options).log_group_name == "/aws/kinesisfirehose/mail"
    error_message = "The delivery stream logs into its group."
  }
  assert {
    condition     = aws_lambda_function.transform.timeout <= 300
    error_message = "Firehose waits for 300 seconds at most."
  }
  assert {
    condition     = aws_lambda_function.transform.publish && aws_lambda_alias.live.function_version == "7"
    error_message = "Each change is a version, and the alias points to the newest."
  }
  assert {
    condition     = aws_lambda_function.transform.layers == tolist([var.layer_arn])
    error_message = "The function has the layer that was named."
  }
  assert {
    condition     = length(aws_lambda_layer_version.fastxform) == 0
    error_message = "Where a layer is named, none is made."
  }
  assert {
    condition = aws_lambda_function.transform.environment[0].variables == tomap({
      POWERTOOLS_LOG_LEVEL         = "INFO"
      POWERTOOLS_METRICS_NAMESPACE = "fastxform"
      POWERTOOLS_SERVICE_NAME      = "mail"
    })
    error_message = "The function is told the names under which alarms look for its metrics."
  }
  assert {
    condition     = aws_cloudwatch_log_group.function.name == "/aws/lambda/mail" && one(aws_lambda_function.transform.logging_config).log_group == "/aws/lambda/mail"
    error_message = "The function logs into its group."
  }
  assert {
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 30 && aws_cloudwatch_log_group.firehose.retention_in_days == 30
    error_message = "Logs are not kept for ever."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Resource if statement.Sid == "PutRecordsBack"
    ] == [["arn:aws:firehose:eu-central-1:123456789012:deliverystream/mail"]]
    error_message = "Records go back into the stream itself."
  }
  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.firehose.policy).Statement : statement.Resource if statement.Sid == "WriteObjects"
    ]) == ["arn:aws:s3:::rows/mail/year=*", "arn:aws:s3:::rows/mail-errors/*"]
    error_message = "Firehose may write below the two prefixes and nowhere else."
  }
  assert {
    condition     = jsondecode(aws_iam_role.firehose.assume_role_policy).Statement[0].Condition.StringEquals["sts:ExternalId"] == "123456789012"
    error_message = "Only streams of this account can use the role."
  }
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "delivery-failed", "freshness", "function-duration", "function-errors", "function-throttles", "invocations-failed",
      "puts-unacknowledged", "records-failed", "records-reingested", "response-share", "source-throttled",
    ])
    error_message = "A stream of its own has eleven alarms."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["function-duration"].threshold == 48000 && aws_cloudwatch_metric_alarm.this["function-duration"].extended_statistic == "p99"
    error_message = "The duration alarm rings at 80 % of the time-out, in milliseconds."
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["delivery-failed"].metric_name == "DeliveryToS3.Success" &&
      aws_cloudwatch_metric_alarm.this["delivery-failed"].comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.this["delivery-failed"].threshold == 1
    )
    error_message = "A share of successes rings when it falls."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["freshness"].metric_name == "DeliveryToS3.DataFreshness"
    error_message = "Freshness is that of the destination."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["records-failed"].dimensions == tomap({ service = "mail", DeliveryStream = "mail" })
    error_message = "The transform's metrics carry the service and the stream."
  }
}

run "kinesis_to_s3" {
  variables {
    source_type        = "kinesis"
    source_stream_arn  = "arn:aws:kinesis:eu-central-1:123456789012:stream/changes"
    source_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/source"
    bucket_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/bucket"
    buffer_mb          = 2.5
    buffer_seconds     = 30
    retries            = 5
    timeout_seconds    = 300
    alarm_actions      = ["arn:aws:sns:eu-central-1:123456789012:on-call"]
  }

  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this.kinesis_source_configuration).kinesis_stream_arn == var.source_stream_arn
    error_message = "Firehose reads the Kinesis stream."
  }
  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.this.server_side_encryption) == 0
    error_message = "AWS refuses encryption of a stream that reads Kinesis."
  }
  assert {
    condition = tomap({
      for parameter in one(one(one(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration).processing_configuration).processors).parameters :
      parameter.parameter_name => parameter.parameter_value
      }) == tomap({
      LambdaArn               = aws_lambda_alias.live.arn
      NumberOfRetries         = "5"
      BufferSizeInMBs         = "2.5"
      BufferIntervalInSeconds = "30"
    })
    error_message = "What is not AWS's default is sent."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid] == ["WriteLogs", "PutRecordsBack", "EncryptRecordsPutBack"]
    error_message = "The function may put records back, and use the key of the stream for that."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : [statement.Action, statement.Resource] if statement.Sid == "PutRecordsBack"
    ] == [[["kinesis:PutRecords"], ["arn:aws:kinesis:eu-central-1:123456789012:stream/changes"]]]
    error_message = "Records go back into the Kinesis stream: Firehose refuses puts into a stream that reads Kinesis."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.firehose.policy).Statement : statement.Sid
    ] == ["Invoke", "WriteLogs", "FindBucket", "WriteObjects", "EncryptObjects", "ReadSource", "DecryptSource"]
    error_message = "Firehose may read the stream, and use both keys."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.firehose.policy).Statement : [statement.Resource, statement.Condition] if statement.Sid == "EncryptObjects"
    ] == [[["arn:aws:kms:eu-central-1:123456789012:key/bucket"], { StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } }]]
    error_message = "The bucket's key may be used through S3 and not by itself."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["source-lag"].threshold == 300000 && aws_cloudwatch_metric_alarm.this["source-throttled"].metric_name == "ThrottledGetRecords"
    error_message = "A stream that reads Kinesis has an alarm for its lag, in milliseconds, and for throttled reads."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(var.alarm_actions) && alarm.ok_actions == toset(var.alarm_actions)])
    error_message = "Every alarm notifies, and says when it is over."
  }
}

run "direct_put_to_iceberg" {
  variables {
    destination        = "iceberg"
    reingest           = false
    iceberg_bucket_arn = "arn:aws:s3:::tables"
    iceberg_prefix     = "warehouse/"
    iceberg_tables = [
      { database = "email_event", table = "send_log" },
      { database = "email_event", table = "people", unique_keys = ["id"] },
    ]
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this.destination == "iceberg" && length(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration) == 0
    error_message = "The destination is Iceberg."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this.iceberg_configuration).catalog_arn == "arn:aws:glue:eu-central-1:123456789012:catalog"
    error_message = "The tables are the Glue catalog's of this account and region."
  }
  assert {
    condition = [
      for table in one(aws_kinesis_firehose_delivery_stream.this.iceberg_configuration).destination_table_configuration :
      "${table.database_name}.${table.table_name}:${table.unique_keys == null ? "" : join(",", table.unique_keys)}"
    ] == ["email_event.send_log:", "email_event.people:id"]
    error_message = "Firehose is told the tables and their keys."
  }
  assert {
    condition = [
      for parameter in one(one(one(aws_kinesis_firehose_delivery_stream.this.iceberg_configuration).processing_configuration).processors).parameters :
      parameter.parameter_value
    ] == [aws_lambda_alias.live.arn]
    error_message = "Firehose invokes the alias for Iceberg too."
  }
  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.this.iceberg_configuration).s3_configuration).error_output_prefix == output.error_prefix
    error_message = "Failed records go below the error prefix."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid] == ["WriteLogs"]
    error_message = "Without re-ingestion the function may write its log and nothing else."
  }
  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.firehose.policy).Statement : statement.Resource if statement.Sid == "CommitToTables"
      ]) == [
      "arn:aws:glue:eu-central-1:123456789012:catalog",
      "arn:aws:glue:eu-central-1:123456789012:database/email_event",
      "arn:aws:glue:eu-central-1:123456789012:table/email_event/send_log",
      "arn:aws:glue:eu-central-1:123456789012:table/email_event/people",
    ]
    error_message = "Firehose may commit to the tables that were named."
  }
  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.firehose.policy).Statement : statement.Resource if contains(["WriteObjects", "WriteTables"], statement.Sid)
    ]) == ["arn:aws:s3:::rows/mail-errors/*", "arn:aws:s3:::tables/warehouse/*"]
    error_message = "Rows go to the tables' data, and only failed records to the other bucket."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["freshness"].metric_name == "DeliveryToIceberg.DataFreshness" && aws_cloudwatch_metric_alarm.this["delivery-failed"].metric_name == "DeliveryToIceberg.FailedRowCount"
    error_message = "Alarms look at the metrics of the destination."
  }
}

run "partitions_of_the_transform" {
  variables {
    dynamic_partitioning = true
    prefix               = "rows/!{partitionKeyFromLambda:customer}/"
    error_prefix         = "bad/!{firehose:error-output-type}/"
  }

  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration).dynamic_partitioning_configuration).enabled
    error_message = "Keys of the transform need dynamic partitioning."
  }
  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.firehose.policy).Statement : statement.Resource if statement.Sid == "WriteObjects"
    ]) == ["arn:aws:s3:::rows/rows/*", "arn:aws:s3:::rows/bad/*"]
    error_message = "What Firehose may write follows the prefixes."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["partitions"].metric_name == "PartitionCountExceeded"
    error_message = "An alarm rings when there are too many partitions."
  }
}

run "layer_of_its_own" {
  variables {
    layer_arn        = null
    layer_zip        = "versions.tf" # any file
    architecture     = "x86_64"
    runtime          = "python3.12"
    function_version = "5"
    extra_files      = { "mine.py" = "versions.tf" }
    handler          = "mine.handler"
    environment      = { FASTXFORM_CODEC = "runtime" }
  }

  assert {
    condition     = aws_lambda_function.transform.layers == tolist([aws_lambda_layer_version.fastxform[0].arn])
    error_message = "The function has the layer that was made."
  }
  assert {
    condition     = aws_lambda_layer_version.fastxform[0].compatible_runtimes == toset(["python3.12"]) && aws_lambda_layer_version.fastxform[0].compatible_architectures == toset(["x86_64"])
    error_message = "The layer is for the function's Python and processor."
  }
  assert {
    condition     = aws_lambda_alias.live.function_version == "5"
    error_message = "The alias can go back to an older version."
  }
  assert {
    condition     = toset([for source in data.archive_file.code.source : source.filename]) == toset(["fastxform.toml", "mine.py"])
    error_message = "The function holds its configuration and what was added."
  }
  assert {
    condition     = aws_lambda_function.transform.environment[0].variables["FASTXFORM_CODEC"] == "runtime"
    error_message = "Variables can be added."
  }
}
