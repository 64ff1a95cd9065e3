# One transform: a function behind an alias, the delivery stream that invokes it, what both may do, and what tells how it
# goes. Here are the names that the other files share.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  is_direct_put = var.source_type == "direct_put"
  is_kinesis    = var.source_type == "kinesis"
  is_msk        = var.source_type == "msk"
  is_iceberg    = var.destination == "iceberg"
  is_s3_tables  = local.is_iceberg && var.table_bucket_arn != null

  # The stream that the function belongs to: the module's own, or one that exists and that the module does not touch.
  stream_name = coalesce(var.delivery_stream_name, var.name)

  # Made from the name: the function may put records into the stream, and the stream invokes the function, so that one of
  # the two has to know the other before it is there.
  delivery_stream_arn = "arn:${local.partition}:firehose:${local.region}:${local.account}:deliverystream/${local.stream_name}"

  prefix       = coalesce(var.prefix, "${var.name}/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/")
  error_prefix = coalesce(var.error_prefix, "${var.name}-errors/!{firehose:error-output-type}/!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/")

  glue_arn = "arn:${local.partition}:glue:${local.region}:${local.account}"
}
