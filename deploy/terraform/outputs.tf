output "delivery_stream_arn" {
  description = "ARN of the delivery stream."
  value       = aws_kinesis_firehose_delivery_stream.this.arn
}

output "delivery_stream_name" {
  description = "Name of the delivery stream, for `fastxform put`."
  value       = aws_kinesis_firehose_delivery_stream.this.name
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

output "layer_arn" {
  description = "ARN of the layer version that the function uses."
  value       = local.layer_arn
}

output "function_role_arn" {
  description = "ARN of the function's role, for rights of your own handler."
  value       = aws_iam_role.function.arn
}

output "firehose_role_arn" {
  description = "ARN of the delivery stream's role, for policies of keys and buckets."
  value       = aws_iam_role.firehose.arn
}

output "log_groups" {
  description = "Names of the log groups: function and firehose."
  value = {
    function = aws_cloudwatch_log_group.function.name
    firehose = aws_cloudwatch_log_group.firehose.name
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
