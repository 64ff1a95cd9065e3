# An alarm is one line of a table: whose metric, how it is summed up over five minutes, from where on it is too much, and for
# how many times five minutes. What stands for records below the error prefix rings on the first; what warns, on the third.
# A metric that is not there, since nothing flowed, rings nothing.

locals {
  metric_owners = {
    transform = { namespace = var.metrics_namespace, dimensions = { service = var.name, DeliveryStream = local.stream_name } }
    firehose  = { namespace = "AWS/Firehose", dimensions = { DeliveryStreamName = local.stream_name } }
    lambda    = { namespace = "AWS/Lambda", dimensions = { FunctionName = var.name } }
  }

  alarms = merge(
    {
      records-failed = {
        owner       = "transform", metric = "RecordsFailed", statistic = "Sum", above = 0, periods = 1
        description = "Records failed in the transform and are below the error prefix. The log says why, in codes; mend the transform, then run them again with `fastxform replay`."
      }
      records-internal = {
        owner       = "transform", metric = "RecordsInternal", statistic = "Sum", above = 0, periods = 1
        description = "Records met an exception that fastxform did not expect and are below the error prefix. The log names its type, file and line: report them; later versions run the records again with `fastxform replay`."
      }
      puts-unacknowledged = {
        owner       = "transform", metric = "PutsUnacknowledged", statistic = "Sum", above = 0, periods = 1
        description = "Records did not fit the response and could not be put back; they are below the error prefix. The log names the error; lower buffer_mb."
      }
      records-reingested = {
        owner       = "transform", metric = "RecordsReingested", statistic = "Sum", above = 0, periods = 3
        description = "Responses over 6 MB for a quarter of an hour: records go back into the stream and are billed again. Lower buffer_mb."
      }
      response-share = {
        owner       = "transform", metric = "ResponseShare", statistic = "Maximum", above = 80, periods = 3
        description = "Responses come near Lambda's limit of 6,291,556 bytes; beyond it records are put back. Lower buffer_mb in time."
      }
      function-errors = {
        owner       = "lambda", metric = "Errors", statistic = "Sum", above = 0, periods = 1
        description = "The function raised, ran out of memory or out of time. Firehose tries the batch again, then puts all of it below the error prefix. See the function's log."
      }
      function-throttles = {
        owner       = "lambda", metric = "Throttles", statistic = "Sum", above = 0, periods = 1
        description = "Lambda refused invocations: the account's concurrency is used up, or reserved_concurrency is too low."
      }
      function-duration = {
        owner       = "lambda", metric = "Duration", statistic = "p99", above = 800 * var.timeout_seconds, periods = 3
        description = "The slowest invocations take more than 80 % of timeout_seconds. Give more memory_mb, which is processor time too, or a smaller buffer_mb."
      }
      invocations-failed = {
        owner       = "firehose", metric = "ExecuteProcessing.Success", statistic = "Average", below = 1, periods = 1
        description = "Firehose counts invocations that failed, for want of rights too. See the delivery stream's log group."
      }
      freshness = {
        owner       = "firehose", metric = "${local.freshness}.DataFreshness", statistic = "Maximum", above = var.freshness_alarm_seconds, periods = 1
        description = "The oldest record not delivered yet is too old. See the function's errors and throttles, the stream's key if it has one, then the delivery stream's log group."
      }
    },
    local.is_iceberg ? {
      delivery-failed = {
        owner       = "firehose", metric = "${local.delivery}.FailedRowCount", statistic = "Sum", above = 0, periods = 1
        description = "Rows that the tables did not take are below the error prefix: a table, a column or a type differs. `fastxform check --ddl` compares them."
      }
      } : {
      delivery-failed = {
        owner       = "firehose", metric = "${local.delivery}.Success", statistic = "Average", below = 1, periods = 1
        description = "Firehose could not write to the destination; it tries again, for 24 hours where that is S3. See rights, keys and the delivery stream's log group."
      }
    },
    local.is_kinesis ? {
      source-lag = {
        owner       = "firehose", metric = "KinesisMillisBehindLatest", statistic = "Maximum", above = 1000 * var.lag_alarm_seconds, periods = 3
        description = "Firehose is behind the end of the Kinesis stream, and records leave that stream when their retention is over."
      }
      source-throttled = {
        owner       = "firehose", metric = "ThrottledGetRecords", statistic = "Sum", above = 0, periods = 3
        description = "Kinesis throttles what Firehose reads: too many readers of the stream, or too few shards."
      }
    } : {},
    local.is_msk ? {
      source-lag = {
        owner       = "firehose", metric = "KafkaOffsetLag", statistic = "Maximum", above = var.lag_alarm_records, periods = 3
        description = "Firehose is behind the end of the topic, and records leave the topic when their retention is over."
      }
      source-throttled = {
        owner       = "firehose", metric = "SourceThrottled.Delay", statistic = "Maximum", above = 0, periods = 3
        description = "The cluster throttles what Firehose reads."
      }
    } : {},
    local.is_direct_put ? {
      source-throttled = {
        owner       = "firehose", metric = "ThrottledRecords", statistic = "Sum", above = 0, periods = 1
        description = "Firehose refuses records of producers, which have to put them again: the stream's limits are reached."
      }
    } : {},
    var.parquet == null ? {} : {
      conversion-failed = {
        owner       = "firehose", metric = "FailedConversion.Records", statistic = "Sum", above = 0, periods = 1
        description = "Rows that could not be converted to Parquet are below the error prefix: a column of the table has another name or type."
      }
    },
    var.dynamic_partitioning ? {
      partitions = {
        owner       = "firehose", metric = "PartitionCountExceeded", statistic = "Maximum", above = 0, periods = 1
        description = "More active partitions than the stream may have; records of further ones are below the error prefix. Have AWS raise the limit, or take coarser keys."
      }
    } : {},
  )

  delivery = {
    s3                    = "DeliveryToS3"
    iceberg               = "DeliveryToIceberg"
    opensearch            = "DeliveryToAmazonOpenSearchService"
    opensearch_serverless = "DeliveryToAmazonOpenSearchServerless"
    splunk                = "DeliveryToSplunk"
    http                  = "DeliveryToHttpEndpoint"
    redshift              = "DeliveryToRedshift"
    snowflake             = "DeliveryToSnowflake"
  }[var.destination]

  # What goes to Redshift is loaded from S3, and has its age there.
  freshness = var.destination == "redshift" ? "DeliveryToS3" : local.delivery
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = local.metric_owners[each.value.owner].namespace
  dimensions          = local.metric_owners[each.value.owner].dimensions
  metric_name         = each.value.metric
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = try(each.value.above, null) == null ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = try(coalesce(each.value.above), each.value.below)
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
