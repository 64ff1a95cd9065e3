# DynamoDB table -> Kinesis stream -> Firehose -> the transform dynamotest -> CSV in S3.

data "aws_caller_identity" "current" {}

resource "aws_dynamodb_table" "dynamotest" {
  name         = "dynamotest"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  range_key    = "datetime"

  attribute {
    name = "id"
    type = "S"
  }

  attribute {
    name = "datetime"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_kinesis_stream" "changes" {
  name             = "dynamotest-changes"
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis" # AWS's own key needs no rights of its own
  retention_period = 72                  # hours that a fault of Firehose may last without a loss

  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

# Firehose reads from when it was made: a change that came before it would never arrive.
resource "aws_dynamodb_kinesis_streaming_destination" "changes" {
  table_name                               = aws_dynamodb_table.dynamotest.name
  stream_arn                               = aws_kinesis_stream.changes.arn
  approximate_creation_date_time_precision = "MILLISECOND"

  depends_on = [module.transform]
}

module "bucket" {
  source = "../../modules/bucket"

  name          = "dynamotest-${data.aws_caller_identity.current.account_id}-${var.region}"
  expire_prefix = "dynamotest-errors/"
}

module "transform" {
  source = "../.."

  name              = "dynamotest"
  config_file       = "${path.module}/../../../../fastxform/examples/dynamotest/dynamotest.toml"
  layer_zip         = var.layer_zip
  layer_arn         = var.layer_arn
  source_type       = "kinesis"
  source_stream_arn = aws_kinesis_stream.changes.arn
  bucket_arn        = module.bucket.arn
  file_extension    = ".csv.gz"
  alarm_actions     = var.alarm_actions

  # A change is some hundred bytes and its row a few dozen: a larger batch fits, and costs fewer invocations.
  buffer_mb      = 3
  buffer_seconds = 30
}

output "table_name" {
  description = "Name of the table; put an item into it."
  value       = aws_dynamodb_table.dynamotest.name
}

output "rows" {
  description = "Where rows arrive."
  value       = "s3://${module.bucket.name}/dynamotest/"
}

output "failed_records" {
  description = "Where failed records arrive, for `fastxform replay`."
  value       = "s3://${module.bucket.name}/dynamotest-errors/"
}
