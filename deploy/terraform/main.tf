# One transform: a function behind an alias, the delivery stream that invokes it, what both may do, and what tells how it
# goes. Here are the names that the other files share.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  is_kinesis = var.source_type == "kinesis"
  is_iceberg = var.destination == "iceberg"

  # Made from the name: the function may put records into the stream, and the stream invokes the function, so that one of
  # the two has to know the other before it is there.
  delivery_stream_arn = "arn:${local.partition}:firehose:${local.region}:${local.account}:deliverystream/${var.name}"

  prefix       = coalesce(var.prefix, "${var.name}/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/")
  error_prefix = coalesce(var.error_prefix, "${var.name}-errors/!{firehose:error-output-type}/!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/")
}
