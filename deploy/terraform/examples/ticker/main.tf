# Producers -> Firehose (Direct PUT) -> the transform ticker -> CSV in S3.

data "aws_caller_identity" "current" {}

module "bucket" {
  source = "../../modules/bucket"

  name          = "ticker-${data.aws_caller_identity.current.account_id}-${var.region}"
  expire_prefix = "ticker-errors/"
}

module "transform" {
  source = "../.."

  name           = "ticker"
  config_file    = "${path.module}/../../../../fastxform/examples/ticker/ticker.toml"
  layer_zip      = var.layer_zip
  layer_arn      = var.layer_arn
  bucket_arn     = module.bucket.arn
  file_extension = ".csv.gz"
  alarm_actions  = var.alarm_actions
}

output "delivery_stream_name" {
  description = "Name of the delivery stream; put records into it."
  value       = module.transform.delivery_stream_name
}

output "rows" {
  description = "Where rows arrive."
  value       = "s3://${module.bucket.name}/ticker/"
}

output "failed_records" {
  description = "Where failed records arrive, for `fastxform replay`."
  value       = "s3://${module.bucket.name}/ticker-errors/"
}
