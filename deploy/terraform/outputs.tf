output "delivery_stream_arn" {
  description = "ARN of the delivery stream."
  value       = var.create_stream ? aws_kinesis_firehose_delivery_stream.this[0].arn : local.delivery_stream_arn
}

output "delivery_stream_name" {
  description = "Name of the delivery stream, for `fastxform put`."
  value       = var.create_stream ? aws_kinesis_firehose_delivery_stream.this[0].name : local.stream_name
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.transform.function_name
}

output "function_version" {
  description = "Version that the delivery stream invokes now."
  value       = aws_lambda_alias.live.function_version
}

output "alias_arn" {
  description = "ARN of the alias that the delivery stream invokes."
  value       = aws_lambda_alias.live.arn
}

output "processing_configuration" {
  description = "Attributes of the processing_configuration block with which an existing stream invokes the alias: enabled and processors."
  value = {
    enabled = true
    processors = [{
      type       = "Lambda"
      parameters = [for name, value in local.processor_parameters : { parameter_name = name, parameter_value = value }]
    }]
  }
}

output "processing_configuration_json" {
  description = "The same as JSON in AWS's own words, for `aws firehose update-destination`."
  value = jsonencode({
    Enabled = true
    Processors = [{
      Type       = "Lambda"
      Parameters = [for name, value in local.processor_parameters : { ParameterName = name, ParameterValue = value }]
    }]
  })
}

output "stream_role_policy" {
  description = "Policy, as JSON, that the role of an existing stream needs to invoke the alias."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.invoke_statements })
}

output "producer_policy" {
  description = "Policy, as JSON, that producers need to put records into the stream, the use of its customer key included; null where it has another source."
  value       = local.is_direct_put ? jsonencode({ Version = "2012-10-17", Statement = local.producer_statements }) : null
}

output "layer_arn" {
  description = "ARN of the layer version that the function uses."
  value       = local.layer_arn
}

output "function_role_arn" {
  description = "ARN of the function's role, for rights of your own handler."
  value       = aws_iam_role.function.arn
}

output "firehose_role_arn" {
  description = "ARN of the delivery stream's role, for policies of keys and buckets; null of an existing stream."
  value       = local.firehose_role_arn
}

output "log_groups" {
  description = "Names of the log groups: function and firehose, the second null of an existing stream."
  value = {
    function = aws_cloudwatch_log_group.function.name
    firehose = one(aws_cloudwatch_log_group.firehose[*].name)
  }
}

output "prefix" {
  description = "Prefix of objects with rows, as Firehose has it."
  value       = local.prefix
}

output "error_prefix" {
  description = "Prefix of objects with failed records, as Firehose has it."
  value       = local.error_prefix
}

output "alarm_arns" {
  description = "ARNs of the alarms, by their short names."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.arn }
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
