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
  mock_resource "aws_glue_catalog_table" {
    defaults = { arn = "arn:aws:glue:eu-central-1:123456789012:table/mock/mock" }
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
    condition     = aws_kinesis_firehose_delivery_stream.this[0].destination == "extended_s3"
    error_message = "The destination is S3 unless told otherwise."
  }
  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.this[0].kinesis_source_configuration) == 0
    error_message = "Unless told otherwise records are put into the stream."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this[0].server_side_encryption).enabled
    error_message = "A stream of its own encrypts what it holds."
  }
  assert {
    condition = tomap({
      for parameter in one(one(one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).processing_configuration).processors).parameters :
      parameter.parameter_name => parameter.parameter_value
    }) == tomap({ LambdaArn = aws_lambda_alias.live.arn })
    error_message = "Firehose invokes the alias, and AWS's defaults are not sent: each plan would change them."
  }
  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).processing_configuration).enabled
    error_message = "A processing configuration that does not say so is off."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).prefix == "mail/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/"
    error_message = "Rows lie by the hour, as partitions."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).error_output_prefix == "mail-errors/!{firehose:error-output-type}/!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/"
    error_message = "Failed records lie apart, by the kind of failure."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).compression_format == "GZIP"
    error_message = "Objects are compressed."
  }
  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).cloudwatch_logging_options).log_group_name == "/aws/kinesisfirehose/mail"
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
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 30 && aws_cloudwatch_log_group.firehose[0].retention_in_days == 30
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
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement.Resource if statement.Sid == "WriteObjects"
    ]) == ["arn:aws:s3:::rows/mail/year=*", "arn:aws:s3:::rows/mail-errors/*"]
    error_message = "Firehose may write below the two prefixes and nowhere else."
  }
  assert {
    condition     = jsondecode(aws_iam_role.firehose[0].assume_role_policy).Statement[0].Condition.StringEquals["sts:ExternalId"] == "123456789012"
    error_message = "Only streams of this account can use the role."
  }
  assert {
    condition = [
      for condition in jsondecode(aws_iam_role.firehose[0].assume_role_policy).Statement[*].Condition :
      [condition.StringEqualsIfExists, condition.ArnEqualsIfExists]
      ] == [[
        { "aws:SourceAccount" = "123456789012" },
        { "aws:SourceArn" = "arn:aws:firehose:eu-central-1:123456789012:deliverystream/mail" },
    ]]
    error_message = "Of this account's streams only this one can."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Condition if statement.Sid == "PutRecordsBack"
    ] == [{ ArnEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-central-1:123456789012:function:mail" } }]
    error_message = "Credentials of the function put nothing outside of it."
  }
  assert {
    condition     = output.processing_configuration.processors[0].parameters == [{ parameter_name = "LambdaArn", parameter_value = aws_lambda_alias.live.arn }]
    error_message = "What another stream would need is given out."
  }
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "delivery-failed", "freshness", "function-duration", "function-errors", "function-throttles", "invocations-failed",
      "puts-unacknowledged", "records-failed", "records-internal", "records-reingested", "response-share", "source-throttled",
    ])
    error_message = "A stream of its own has twelve alarms."
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
    condition     = one(aws_kinesis_firehose_delivery_stream.this[0].kinesis_source_configuration).kinesis_stream_arn == var.source_stream_arn
    error_message = "Firehose reads the Kinesis stream."
  }
  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.this[0].server_side_encryption) == 0
    error_message = "AWS refuses encryption of a stream that reads Kinesis."
  }
  assert {
    condition = tomap({
      for parameter in one(one(one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).processing_configuration).processors).parameters :
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
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement.Sid
    ] == ["Invoke", "WriteLogs", "FindBucket", "WriteObjects", "EncryptObjects", "ReadSource", "DecryptSource"]
    error_message = "Firehose may read the stream, and use both keys."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : [statement.Resource, statement.Condition.StringEquals, statement.Condition.StringLike]
      if statement.Sid == "EncryptObjects"
      ] == [[
        ["arn:aws:kms:eu-central-1:123456789012:key/bucket"],
        { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" },
        { "kms:EncryptionContext:aws:s3:arn" = ["arn:aws:s3:::rows", "arn:aws:s3:::rows/mail/year=*", "arn:aws:s3:::rows/mail-errors/*"] },
    ]]
    error_message = "The bucket's key may be used through S3, for what Firehose writes, and not by itself."
  }
  assert {
    condition = [
      for statement in concat(jsondecode(aws_iam_role_policy.function.policy).Statement, jsondecode(aws_iam_role_policy.firehose[0].policy).Statement) :
      [statement.Action, statement.Resource, statement.Condition.StringEquals] if contains(["EncryptRecordsPutBack", "DecryptSource"], statement.Sid)
      ] == [for action in ["kms:GenerateDataKey", "kms:Decrypt"] : [
        [action],
        ["arn:aws:kms:eu-central-1:123456789012:key/source"],
        {
          "kms:ViaService"                        = "kinesis.eu-central-1.amazonaws.com"
          "kms:EncryptionContext:aws:kinesis:arn" = "arn:aws:kinesis:eu-central-1:123456789012:stream/changes"
        },
    ]]
    error_message = "The stream's key may be used through Kinesis, for this stream only."
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
    condition     = aws_kinesis_firehose_delivery_stream.this[0].destination == "iceberg" && length(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration) == 0
    error_message = "The destination is Iceberg."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this[0].iceberg_configuration).catalog_arn == "arn:aws:glue:eu-central-1:123456789012:catalog"
    error_message = "The tables are the Glue catalog's of this account and region."
  }
  assert {
    condition = [
      for table in one(aws_kinesis_firehose_delivery_stream.this[0].iceberg_configuration).destination_table_configuration :
      "${table.database_name}.${table.table_name}:${table.unique_keys == null ? "" : join(",", table.unique_keys)}"
    ] == ["email_event.send_log:", "email_event.people:id"]
    error_message = "Firehose is told the tables and their keys."
  }
  assert {
    condition = [
      for parameter in one(one(one(aws_kinesis_firehose_delivery_stream.this[0].iceberg_configuration).processing_configuration).processors).parameters :
      parameter.parameter_value
    ] == [aws_lambda_alias.live.arn]
    error_message = "Firehose invokes the alias for Iceberg too."
  }
  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.this[0].iceberg_configuration).s3_configuration).error_output_prefix == output.error_prefix
    error_message = "Failed records go below the error prefix."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid] == ["WriteLogs"]
    error_message = "Without re-ingestion the function may write its log and nothing else."
  }
  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement.Resource if statement.Sid == "CommitToTables"
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
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement.Resource if contains(["WriteObjects", "WriteTables"], statement.Sid)
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
    condition     = one(one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).dynamic_partitioning_configuration).enabled
    error_message = "Keys of the transform need dynamic partitioning."
  }
  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement.Resource if statement.Sid == "WriteObjects"
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

run "direct_put_with_keys" {
  variables {
    stream_kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/stream"
    bucket_kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/bucket"
    function_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/function"
    log_kms_key_arn      = "arn:aws:kms:eu-central-1:123456789012:key/logs"
  }

  assert {
    condition = (
      one(aws_kinesis_firehose_delivery_stream.this[0].server_side_encryption).key_type == "CUSTOMER_MANAGED_CMK" &&
      one(aws_kinesis_firehose_delivery_stream.this[0].server_side_encryption).key_arn == var.stream_kms_key_arn
    )
    error_message = "The stream holds records under the customer's key."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : [statement.Sid, statement.Action] if length(regexall("kms:", jsonencode(statement.Action))) > 0
      ] == [
      ["EncryptRecordsPutBack", ["kms:Decrypt", "kms:GenerateDataKey"]],
      ["DecryptEnvironment", ["kms:Decrypt"]],
    ]
    error_message = "The function may use the key of the stream that it puts into, and its own."
  }
  assert {
    condition = [for statement in jsondecode(output.producer_policy).Statement : [statement.Action, statement.Resource]] == [
      [["firehose:PutRecord", "firehose:PutRecordBatch"], ["arn:aws:firehose:eu-central-1:123456789012:deliverystream/mail"]],
      [["kms:Decrypt", "kms:GenerateDataKey"], ["arn:aws:kms:eu-central-1:123456789012:key/stream"]],
    ]
    error_message = "Producers are given the permissions that they need on the key."
  }
  assert {
    condition     = aws_lambda_function.transform.kms_key_arn == var.function_kms_key_arn
    error_message = "The function's environment is under the customer's key."
  }
  assert {
    condition     = aws_cloudwatch_log_group.function.kms_key_id == var.log_kms_key_arn && aws_cloudwatch_log_group.firehose[0].kms_key_id == var.log_kms_key_arn
    error_message = "Both log groups are under the customer's key."
  }
}

run "existing_stream" {
  variables {
    create_stream        = false
    delivery_stream_name = "search.logs"
    destination          = "opensearch"
    bucket_arn           = null
    buffer_mb            = 0.5
    buffer_seconds       = 15
    stream_kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/stream"
  }

  assert {
    condition = length(concat(
      aws_kinesis_firehose_delivery_stream.this, aws_iam_role.firehose, aws_iam_role_policy.firehose,
      aws_cloudwatch_log_group.firehose, aws_cloudwatch_log_stream.delivery, aws_cloudwatch_log_stream.backup,
    )) == 0
    error_message = "Nothing of a stream that exists is made or touched."
  }
  assert {
    condition     = output.delivery_stream_arn == "arn:aws:firehose:eu-central-1:123456789012:deliverystream/search.logs" && output.firehose_role_arn == null
    error_message = "The stream is the one that was named."
  }
  assert {
    condition = output.processing_configuration.enabled && {
      for parameter in output.processing_configuration.processors[0].parameters : parameter.parameter_name => parameter.parameter_value
    } == { LambdaArn = aws_lambda_alias.live.arn, BufferSizeInMBs = "0.5", BufferIntervalInSeconds = "15" }
    error_message = "The block for the stream names the alias and the hints."
  }
  assert {
    condition = jsondecode(output.processing_configuration_json) == {
      Enabled = true
      Processors = [{
        Type = "Lambda"
        Parameters = [
          { ParameterName = "BufferIntervalInSeconds", ParameterValue = "15" },
          { ParameterName = "BufferSizeInMBs", ParameterValue = "0.5" },
          { ParameterName = "LambdaArn", ParameterValue = aws_lambda_alias.live.arn },
        ]
      }]
    }
    error_message = "The same in AWS's own words, for the CLI."
  }
  assert {
    condition = [for statement in jsondecode(output.stream_role_policy).Statement : [statement.Action, statement.Resource]] == [
      [["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"], [aws_lambda_alias.live.arn]],
    ]
    error_message = "The stream's role is told to be allowed to invoke the alias, and nothing else."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Resource if startswith(statement.Sid, "PutRecords") || startswith(statement.Sid, "EncryptRecords")
    ] == [["arn:aws:firehose:eu-central-1:123456789012:deliverystream/search.logs"], ["arn:aws:kms:eu-central-1:123456789012:key/stream"]]
    error_message = "Records go back into the existing stream, under its key."
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["freshness"].metric_name == "DeliveryToAmazonOpenSearchService.DataFreshness" &&
      aws_cloudwatch_metric_alarm.this["delivery-failed"].metric_name == "DeliveryToAmazonOpenSearchService.Success" &&
      aws_cloudwatch_metric_alarm.this["delivery-failed"].dimensions == tomap({ DeliveryStreamName = "search.logs" })
    )
    error_message = "Alarms look at the existing stream and its destination."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["records-failed"].dimensions == tomap({ service = "mail", DeliveryStream = "search.logs" })
    error_message = "The transform's metrics carry the name of the existing stream."
  }
}

run "existing_stream_to_redshift" {
  variables {
    create_stream     = false
    source_type       = "kinesis"
    source_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/changes"
    destination       = "redshift"
    bucket_arn        = null
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["freshness"].metric_name == "DeliveryToS3.DataFreshness" && aws_cloudwatch_metric_alarm.this["delivery-failed"].metric_name == "DeliveryToRedshift.Success"
    error_message = "What is loaded into Redshift has its age in S3."
  }
  assert {
    condition     = output.producer_policy == null
    error_message = "Nobody puts into a stream that reads Kinesis."
  }
}

run "existing_stream_to_iceberg" {
  variables {
    create_stream = false
    destination   = "iceberg"
    bucket_arn    = null
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["delivery-failed"].metric_name == "DeliveryToIceberg.FailedRowCount"
    error_message = "Tables of an existing stream are not named: they are its own."
  }
}

run "msk_to_s3" {
  variables {
    source_type      = "msk"
    msk_cluster_arn  = "arn:aws:kafka:eu-central-1:123456789012:cluster/events/0a1b2c3d-1"
    msk_topic        = "orders"
    msk_connectivity = "PUBLIC"
    msk_read_from    = "2026-11-30T00:00:00Z"
  }

  assert {
    condition = (
      one(aws_kinesis_firehose_delivery_stream.this[0].msk_source_configuration).msk_cluster_arn == var.msk_cluster_arn &&
      one(aws_kinesis_firehose_delivery_stream.this[0].msk_source_configuration).topic_name == "orders" &&
      one(aws_kinesis_firehose_delivery_stream.this[0].msk_source_configuration).read_from_timestamp == "2026-11-30T00:00:00Z" &&
      one(one(aws_kinesis_firehose_delivery_stream.this[0].msk_source_configuration).authentication_configuration).connectivity == "PUBLIC" &&
      one(one(aws_kinesis_firehose_delivery_stream.this[0].msk_source_configuration).authentication_configuration).role_arn == aws_iam_role.firehose[0].arn
    )
    error_message = "Firehose reads the topic with the stream's role."
  }
  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.this[0].server_side_encryption) == 0
    error_message = "A stream that reads MSK is encrypted by its source."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid] == ["WriteLogs"]
    error_message = "A topic takes no records back, so the function puts none."
  }
  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement.Sid => statement.Resource if contains(["FindCluster", "ReadTopic", "ReadConsumerGroups"], statement.Sid)
      } == {
      FindCluster        = ["arn:aws:kafka:eu-central-1:123456789012:cluster/events/0a1b2c3d-1"]
      ReadTopic          = ["arn:aws:kafka:eu-central-1:123456789012:topic/events/0a1b2c3d-1/orders"]
      ReadConsumerGroups = ["arn:aws:kafka:eu-central-1:123456789012:group/events/0a1b2c3d-1/*"]
    }
    error_message = "Firehose may read this topic of this cluster."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["source-lag"].metric_name == "KafkaOffsetLag" && aws_cloudwatch_metric_alarm.this["source-throttled"].metric_name == "SourceThrottled.Delay"
    error_message = "Alarms look at the topic."
  }
}

run "direct_put_to_s3_tables" {
  variables {
    destination           = "iceberg"
    table_bucket_arn      = "arn:aws:s3tables:eu-central-1:123456789012:bucket/lake"
    iceberg_retry_seconds = 600
    iceberg_tables        = [{ database = "shop", table = "orders", unique_keys = ["id"] }]
  }

  assert {
    condition = (
      one(aws_kinesis_firehose_delivery_stream.this[0].iceberg_configuration).catalog_arn == "arn:aws:glue:eu-central-1:123456789012:catalog/s3tablescatalog/lake" &&
      one(aws_kinesis_firehose_delivery_stream.this[0].iceberg_configuration).retry_duration == 600
    )
    error_message = "The tables are those of the table bucket's catalog."
  }
  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement.Resource if contains(["CommitToTables", "GetTableCredentials"], statement.Sid)
      ]) == [
      "arn:aws:glue:eu-central-1:123456789012:catalog",
      "arn:aws:glue:eu-central-1:123456789012:catalog/s3tablescatalog",
      "arn:aws:glue:eu-central-1:123456789012:catalog/s3tablescatalog/lake",
      "arn:aws:glue:eu-central-1:123456789012:database/s3tablescatalog/lake/shop",
      "arn:aws:glue:eu-central-1:123456789012:table/s3tablescatalog/lake/shop/orders",
      "arn:aws:glue:eu-central-1:123456789012:database/shop",
      "arn:aws:glue:eu-central-1:123456789012:table/shop/orders",
      "*",
    ]
    error_message = "Firehose may commit to the table that was named, in this bucket."
  }
  assert {
    condition     = length([for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement if contains(["FindTables", "WriteTables"], statement.Sid)]) == 0
    error_message = "The data of a table bucket is written with Lake Formation's credentials."
  }
}

run "iceberg_with_a_key" {
  variables {
    destination         = "iceberg"
    iceberg_bucket_arn  = "arn:aws:s3:::tables"
    iceberg_prefix      = "warehouse/"
    iceberg_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/tables"
    iceberg_tables      = [{ database = "shop", table = "orders" }]
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : [statement.Resource, statement.Condition.StringLike] if statement.Sid == "EncryptTables"
    ] == [[["arn:aws:kms:eu-central-1:123456789012:key/tables"], { "kms:EncryptionContext:aws:s3:arn" = ["arn:aws:s3:::tables", "arn:aws:s3:::tables/warehouse/*"] }]]
    error_message = "The tables' key may be used for the tables' data."
  }
}

run "rows_as_parquet" {
  variables {
    parquet = { database = "shop", table = "orders", schema_file = "tests/schema.json" }
  }

  assert {
    condition = (
      one(one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).data_format_conversion_configuration).schema_configuration[0].table_name == "orders" &&
      one(one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).data_format_conversion_configuration).schema_configuration[0].role_arn == aws_iam_role.firehose[0].arn &&
      one(one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).data_format_conversion_configuration).output_format_configuration[0].serializer[0].parquet_ser_de[0].compression == "SNAPPY"
    )
    error_message = "Firehose converts by the columns of the table."
  }
  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.this[0].extended_s3_configuration).compression_format == "UNCOMPRESSED"
    error_message = "AWS refuses to compress Parquet once more."
  }
  assert {
    condition = [
      for column in aws_glue_catalog_table.parquet[0].storage_descriptor[0].columns : "${column.name} ${column.type}"
    ] == ["id string", "total decimal(10,2)", "tags array<string>"]
    error_message = "The table has the columns of the file."
  }
  assert {
    condition     = aws_glue_catalog_table.parquet[0].storage_descriptor[0].location == "s3://rows/mail/"
    error_message = "The table lies where objects lie: a directory, and no half of a name."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.firehose[0].policy).Statement : statement.Resource if statement.Sid == "ReadSchema"
    ] == [["arn:aws:glue:eu-central-1:123456789012:catalog", "arn:aws:glue:eu-central-1:123456789012:database/shop", "arn:aws:glue:eu-central-1:123456789012:table/shop/orders"]]
    error_message = "Firehose may read this table's columns."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["conversion-failed"].metric_name == "FailedConversion.Records"
    error_message = "Rows that cannot be converted have an alarm."
  }
}

run "rows_as_parquet_of_a_table" {
  variables {
    parquet = { database = "shop", table = "orders", compression = "GZIP" }
  }

  assert {
    condition     = length(aws_glue_catalog_table.parquet) == 0
    error_message = "A table that is there is not made."
  }
}

run "what_a_configuration_names" {
  variables {
    config_file = "tests/packed/transform.toml"
    extra_files = { "more.py" = "versions.tf" }
  }

  assert {
    condition     = toset([for source in data.archive_file.code.source : source.filename]) == toset(["fastxform.toml", "shops.csv", "tables/codes.jsonl", "enrich.py", "second.py", "third.py", "fourth.py", "fifth.py", "more.py"])
    error_message = "Lookups, the module of map_batch and what it imports are packed as they lie, and nothing that is not there or lies elsewhere."
  }
}

run "an_example_with_lookups" {
  variables {
    config_file = "../../fastxform/examples/lookups/lookups.toml"
  }

  assert {
    condition     = toset([for source in data.archive_file.code.source : source.filename]) == toset(["fastxform.toml", "countries.csv", "customers.jsonl"])
    error_message = "The tables of an example are packed with it."
  }
}

run "a_package_of_code" {
  variables {
    config_file = "tests/packed/package.toml"
  }

  assert {
    condition     = toset([for source in data.archive_file.code.source : source.filename]) == toset(["fastxform.toml", "mine/__init__.py", "mine/rules.py"])
    error_message = "Of a package every module is packed."
  }
}

run "names_in_other_spellings" {
  variables {
    config_file = "tests/packed/spellings.toml"
  }

  assert {
    condition     = toset([for source in data.archive_file.code.source : source.filename]) == toset(["fastxform.toml", "shops.csv", "tables/codes.jsonl", "tables/more#1.csv", "mine/__init__.py", "mine/rules.py"])
    error_message = "Quoted keys, inline tables and long strings name files too; comments and inputs of tests name none."
  }
}
