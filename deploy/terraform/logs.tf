resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

# A stream that exists has a log group of its own.
resource "aws_cloudwatch_log_group" "firehose" {
  count = var.create_stream ? 1 : 0

  name              = "/aws/kinesisfirehose/${local.stream_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

# Firehose writes into streams that are there and makes none.
resource "aws_cloudwatch_log_stream" "delivery" {
  count = var.create_stream ? 1 : 0

  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.firehose[0].name
}

resource "aws_cloudwatch_log_stream" "backup" {
  count = var.create_stream ? 1 : 0

  name           = "backup"
  log_group_name = aws_cloudwatch_log_group.firehose[0].name
}
