# SES -> Firehose (Direct PUT) -> the transform ses -> three Iceberg tables of the Glue catalog.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  database  = "email_event"
  warehouse = "warehouse/"
}

module "bucket" {
  source = "../../modules/bucket"

  name          = "ses-events-${local.account}-${var.region}"
  expire_prefix = "ses-events-errors/"
}

module "transform" {
  source = "../.."

  name                = "ses-events"
  config_file         = "${path.module}/../../../../fastxform/examples/ses/ses.toml"
  layer_zip           = var.layer_zip
  layer_arn           = var.layer_arn
  destination         = "iceberg"
  bucket_arn          = module.bucket.arn
  iceberg_bucket_arn  = module.bucket.arn
  iceberg_prefix      = local.warehouse
  iceberg_append_only = true # the routes insert only
  iceberg_tables      = [for table in keys(local.tables) : { database = local.database, table = table }]
  alarm_actions       = var.alarm_actions
}

output "configuration_set" {
  description = "Name of the SES configuration set; send mail with it."
  value       = aws_sesv2_configuration_set.mail.configuration_set_name
}

output "failed_records" {
  description = "Where failed records arrive, for `fastxform replay`."
  value       = "s3://${module.bucket.name}/ses-events-errors/"
}
