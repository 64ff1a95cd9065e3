# One page for the stream: what came, what became of it, how long it took, how near the limits are, what rings.

locals {
  charts = concat(
    [
      {
        title = "Records", statistic = "Sum", annotations = []
        lines = [for metric in ["RecordsIn", "RecordsOk", "RecordsDropped", "RecordsEmpty", "RecordsFailed"] : ["transform", metric, "Sum"]]
      },
      {
        title = "Records that failed or were put back, rows and values left out", statistic = "Sum", annotations = []
        lines = [
          for metric in ["RecordsFailed", "RecordsInternal", "RecordsReingested", "PutsUnacknowledged", "RowsDropped", "ValuesNulled", "ValuesRounded"] :
          ["transform", metric, "Sum"]
        ]
      },
      {
        title       = "Response, % of 6,291,556 bytes", statistic = "Maximum"
        annotations = [{ label = "records go back", value = 100 }, { label = "alarm", value = 80 }]
        lines       = [["transform", "ResponseShare", "Maximum"], ["transform", "ResponseShare", "Average"]]
      },
      {
        title = "Bytes", statistic = "Sum", annotations = []
        lines = [["transform", "BytesIn", "Sum"], ["transform", "BytesOut", "Sum"]]
      },
      {
        title       = "Invocation, ms", statistic = "p99"
        annotations = [{ label = "time-out", value = 1000 * var.timeout_seconds }]
        lines = [
          ["lambda", "Duration", "p50"], ["lambda", "Duration", "p99"], ["lambda", "Duration", "Maximum"],
          ["transform", "TransformMilliseconds", "p50"], ["transform", "TransformMilliseconds", "p99"],
        ]
      },
      {
        title = "Function", statistic = "Sum", annotations = []
        lines = [
          ["lambda", "Invocations", "Sum"], ["lambda", "Errors", "Sum"], ["lambda", "Throttles", "Sum"],
          ["lambda", "ConcurrentExecutions", "Maximum"], ["transform", "ColdStart", "Sum"],
        ]
      },
      {
        title = "Delivery", statistic = "Sum", annotations = []
        lines = concat(
          [["firehose", "ExecuteProcessing.Success", "Average"], ["firehose", "SucceedProcessing.Records", "Sum"]],
          local.is_iceberg
          ? [for metric in ["IncomingRowCount", "SuccessfulRowCount", "FailedRowCount"] : ["firehose", "${local.delivery}.${metric}", "Sum"]]
          : [["firehose", "${local.delivery}.Records", "Sum"], ["firehose", "${local.delivery}.Success", "Average"]],
        )
      },
      {
        title       = "Oldest record not delivered, s", statistic = "Maximum"
        annotations = [{ label = "alarm", value = var.freshness_alarm_seconds }]
        lines       = [["firehose", "${local.freshness}.DataFreshness", "Maximum"]]
      },
    ],
    local.is_kinesis ? [
      {
        title = "Read from Kinesis", statistic = "Sum", annotations = []
        lines = [["firehose", "DataReadFromKinesisStream.Records", "Sum"], ["firehose", "ThrottledGetRecords", "Sum"]]
      },
      {
        title       = "Behind the end of the Kinesis stream, ms", statistic = "Maximum"
        annotations = [{ label = "alarm", value = 1000 * var.lag_alarm_seconds }]
        lines       = [["firehose", "KinesisMillisBehindLatest", "Maximum"]]
      },
    ] : [],
    local.is_msk ? [
      {
        title = "Read from MSK", statistic = "Sum", annotations = []
        lines = [["firehose", "DataReadFromSource.Records", "Sum"], ["firehose", "SourceThrottled.Delay", "Maximum"]]
      },
      {
        title       = "Behind the end of the topic, records", statistic = "Maximum"
        annotations = [{ label = "alarm", value = var.lag_alarm_records }]
        lines       = [["firehose", "KafkaOffsetLag", "Maximum"]]
      },
    ] : [],
    local.is_direct_put ? [
      {
        title = "Put into the stream", statistic = "Sum", annotations = []
        lines = [["firehose", "IncomingRecords", "Sum"], ["firehose", "ThrottledRecords", "Sum"]]
      },
    ] : [],
    var.stream_kms_key_arn == null ? [] : [{
      title = "Key of the stream", statistic = "Sum", annotations = []
      lines = [for metric in ["KMSKeyAccessDenied", "KMSKeyDisabled", "KMSKeyInvalidState", "KMSKeyNotFound"] : ["firehose", metric, "Sum"]]
    }],
    var.parquet == null ? [] : [{
      title = "Conversion", statistic = "Sum", annotations = []
      lines = [for metric in ["SucceedConversion.Records", "FailedConversion.Records"] : ["firehose", metric, "Sum"]]
    }],
  )

  widgets = concat(
    [{
      type   = "alarm"
      width  = 24
      height = 3
      properties = {
        title  = "Alarms"
        alarms = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn]
      }
    }],
    [
      for chart in local.charts : {
        type   = "metric"
        width  = 8
        height = 6
        properties = {
          title  = chart.title
          region = local.region
          view   = "timeSeries"
          stat   = chart.statistic
          period = 300
          yAxis  = { left = { min = 0 } }
          annotations = {
            horizontal = chart.annotations
          }
          metrics = [
            for line in chart.lines : concat(
              [local.metric_owners[line[0]].namespace, line[1]],
              flatten([for name, value in local.metric_owners[line[0]].dimensions : [name, value]]),
              [{ stat = line[2], label = "${line[1]} ${lower(line[2])}" }],
            )
          ]
        }
      }
    ],
    [{
      type   = "log"
      width  = 24
      height = 6
      properties = {
        title  = "Invocations with failed records"
        region = local.region
        view   = "table"
        query  = "SOURCE '${aws_cloudwatch_log_group.function.name}' | fields @timestamp, RecordsFailed, invocation_id, @message | filter RecordsFailed > 0 | sort @timestamp desc | limit 50"
      }
    }],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.name}-${local.region}"
  dashboard_body = jsonencode({ widgets = local.widgets })
}
