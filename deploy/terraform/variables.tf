# Flat on purpose: Terraform refuses an unknown argument, but drops an unknown attribute of an object without a word.

# Forms that several inputs have. Each input has its own validation nevertheless: Terraform demands that a condition names it.
locals {
  forms = {
    key   = "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$"
    table = "^[a-z0-9_]+\\.[a-z0-9_]+$" # DATABASE.TABLE
  }
  is_no_key = "the ARN of a key, arn:aws:kms:REGION:ACCOUNT:key/ID, not of an alias, which no permission can be bound to."
}

variable "name" {
  description = "Name of the delivery stream and of the function; roles, log groups, alarms and the dashboard begin with it."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,40}$", var.name))
    error_message = "name: 1 to 40 letters, digits, - and _, since names of roles are made from it."
  }
}

variable "config_file" {
  description = "Path of the transform: its fastxform.toml."
  type        = string

  validation {
    condition     = fileexists(var.config_file)
    error_message = "config_file: there is no such file; name the fastxform.toml of the transform."
  }
}

variable "layer_arn" {
  description = "ARN of a layer version that holds fastxform; this or layer_zip."
  type        = string
  default     = null

  validation {
    condition     = (var.layer_arn == null) != (var.layer_zip == null)
    error_message = "layer_arn, layer_zip: give exactly one of the two."
  }
}

variable "layer_zip" {
  description = "Path of the layer's zip, from which a layer version is made; this or layer_arn."
  type        = string
  default     = null

  validation {
    condition     = var.layer_zip == null || can(filebase64sha256(var.layer_zip))
    error_message = "layer_zip: there is no such file; `./build.sh layer` makes one."
  }
}

# An existing stream

variable "create_stream" {
  description = "Whether the module makes the delivery stream; false makes what an existing one invokes, and gives out what it needs."
  type        = bool
  default     = true
}

variable "delivery_stream_name" {
  description = "Name of the delivery stream, where it is another than name; with create_stream = false of the existing one."
  type        = string
  default     = null

  validation {
    condition     = var.delivery_stream_name == null || can(regex("^[a-zA-Z0-9_.-]{1,64}$", var.delivery_stream_name))
    error_message = "delivery_stream_name: 1 to 64 letters, digits and _.-; the name, not the ARN."
  }
}

# The function

variable "runtime" {
  description = "Python of the function; the layer has to be built for it."
  type        = string
  default     = "python3.13"

  validation {
    condition     = contains(["python3.12", "python3.13", "python3.14"], var.runtime)
    error_message = "runtime: python3.12, python3.13 or python3.14; the layer's libraries need a glibc that older ones lack."
  }
}

variable "architecture" {
  description = "Processor of the function, arm64 or x86_64; the layer has to be built for it."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture: arm64 or x86_64."
  }
}

variable "handler" {
  description = "Handler of the function; change it for a module of your own, which extra_files brings."
  type        = string
  default     = "fastxform.handler.lambda_handler"
}

variable "extra_files" {
  description = "Further files of the function: name in the function -> path. Lookups, the module of map_batch and what it imports come by themselves."
  type        = map(string)
  default     = {}

  validation {
    condition     = !contains(keys(var.extra_files), "fastxform.toml")
    error_message = "extra_files: fastxform.toml is config_file's."
  }
}

variable "memory_mb" {
  description = "Memory of the function, MB; Lambda gives processor time in proportion, one whole processor at 1,769."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_mb >= 256 && var.memory_mb <= 10240
    error_message = "memory_mb: 256 to 10240; a full batch and its response need room beside the libraries."
  }
}

variable "timeout_seconds" {
  description = "Time-out of the function, seconds; Firehose waits for 300 at most."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 10 && var.timeout_seconds <= 300
    error_message = "timeout_seconds: 10 to 300; Firehose waits no longer, and re-ingestion needs a few seconds."
  }
}

variable "function_kms_key_arn" {
  description = "ARN of the customer key for the function's environment and code; null is Lambda's own."
  type        = string
  default     = null

  validation {
    condition     = var.function_kms_key_arn == null || can(regex(local.forms.key, var.function_kms_key_arn))
    error_message = "function_kms_key_arn: ${local.is_no_key}"
  }
}

variable "reserved_concurrency" {
  description = "Invocations at once that are kept for the function; -1 is the account's common pool."
  type        = number
  default     = -1
}

variable "function_version" {
  description = "Version that the alias live points to; null is the newest. Give an older one to go back."
  type        = string
  default     = null
}

variable "environment" {
  description = "Further environment variables of the function."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.environment), [
      "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"
    ])) == 0
    error_message = "environment: POWERTOOLS_SERVICE_NAME, _METRICS_NAMESPACE and _LOG_LEVEL are set by the module, since alarms look for what they name."
  }
}

variable "reingest" {
  description = "Whether the function may put records back into their stream; false where overflow.policy is \"fail\"."
  type        = bool
  default     = true
}

# Source

variable "source_type" {
  description = "Where records come from: direct_put, kinesis or msk."
  type        = string
  default     = "direct_put"

  validation {
    condition     = contains(["direct_put", "kinesis", "msk"], var.source_type)
    error_message = "source_type: direct_put, kinesis or msk."
  }
}

# Not told apart by this one being null: the ARN of a stream that is made in the same plan is not known in it.
variable "source_stream_arn" {
  description = "ARN of the Kinesis stream that Firehose reads, where source_type is kinesis."
  type        = string
  default     = null

  validation {
    condition     = (var.source_type == "kinesis") == (var.source_stream_arn != null)
    error_message = "source_stream_arn: name the stream where source_type is kinesis, and only there."
  }

  validation {
    condition     = var.source_stream_arn == null || can(regex("^arn:[a-z-]+:kinesis:", var.source_stream_arn))
    error_message = "source_stream_arn: the ARN of a Kinesis stream, arn:aws:kinesis:REGION:ACCOUNT:stream/NAME."
  }
}

variable "source_kms_key_arn" {
  description = "ARN of the customer key that encrypts the Kinesis stream, if one does."
  type        = string
  default     = null

  validation {
    condition     = var.source_kms_key_arn == null || var.source_type == "kinesis"
    error_message = "source_kms_key_arn: the key of a Kinesis stream; that of a Direct PUT stream is stream_kms_key_arn."
  }

  validation {
    condition     = var.source_kms_key_arn == null || can(regex(local.forms.key, var.source_kms_key_arn))
    error_message = "source_kms_key_arn: ${local.is_no_key}"
  }
}

variable "stream_kms_key_arn" {
  description = "ARN of the customer key that encrypts what producers put into the delivery stream; null is a key that AWS owns."
  type        = string
  default     = null

  validation {
    condition     = var.stream_kms_key_arn == null || var.source_type == "direct_put"
    error_message = "stream_kms_key_arn: for source_type direct_put only; a stream that reads Kinesis or MSK is encrypted by its source."
  }

  validation {
    condition     = var.stream_kms_key_arn == null || can(regex(local.forms.key, var.stream_kms_key_arn))
    error_message = "stream_kms_key_arn: ${local.is_no_key}"
  }
}

variable "msk_cluster_arn" {
  description = "ARN of the MSK cluster that Firehose reads, where source_type is msk."
  type        = string
  default     = null

  validation {
    condition     = (var.source_type == "msk") == (var.msk_cluster_arn != null)
    error_message = "msk_cluster_arn: name the cluster where source_type is msk, and only there."
  }

  validation {
    condition     = var.msk_cluster_arn == null || can(regex("^arn:[a-z-]+:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/]+/[^/]+$", var.msk_cluster_arn))
    error_message = "msk_cluster_arn: the ARN of a cluster, arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID."
  }
}

variable "msk_topic" {
  description = "Topic of the cluster that Firehose reads."
  type        = string
  default     = null

  validation {
    condition     = (var.source_type == "msk") == (var.msk_topic != null)
    error_message = "msk_topic: name the topic where source_type is msk, and only there."
  }
}

variable "msk_connectivity" {
  description = "How Firehose reaches the cluster: PUBLIC or PRIVATE."
  type        = string
  default     = "PRIVATE"

  validation {
    condition     = contains(["PUBLIC", "PRIVATE"], var.msk_connectivity)
    error_message = "msk_connectivity: PUBLIC or PRIVATE."
  }
}

variable "msk_read_from" {
  description = "Time from which on the topic is read, such as 2026-11-30T00:00:00Z; null is when the stream is made."
  type        = string
  default     = null

  validation {
    condition     = var.msk_read_from == null || (var.source_type == "msk" && can(formatdate("YYYY", var.msk_read_from)))
    error_message = "msk_read_from: a time of the form 2026-11-30T00:00:00Z, where source_type is msk."
  }
}

# Between Firehose and the function

variable "buffer_mb" {
  description = "Batch size hint, MB of raw records. 1 keeps responses under 6 MB while rows are at most four times as long as their records, 3 while they are no longer."
  type        = number
  default     = 1

  validation {
    condition     = var.buffer_mb >= 0.2 && var.buffer_mb <= 3
    error_message = "buffer_mb: 0.2 to 3; Firehose takes no other, and a larger batch would not fit a response."
  }
}

variable "buffer_seconds" {
  description = "Batch age hint, seconds."
  type        = number
  default     = 60

  validation {
    condition     = var.buffer_seconds >= 0 && var.buffer_seconds <= 900
    error_message = "buffer_seconds: 0 to 900."
  }

  # AWS takes both hints or none, and the provider keeps in its state no hint that is AWS's default: one alone would be
  # a change in every plan.
  validation {
    condition     = (var.buffer_mb == 1) == (var.buffer_seconds == 60)
    error_message = "buffer_mb, buffer_seconds: leave both at AWS's defaults of 1 and 60, or change both (to 61, say); else every plan has a change."
  }
}

variable "retries" {
  description = "How often Firehose invokes again after a failed invocation, before the batch goes to the error prefix."
  type        = number
  default     = 3

  validation {
    condition     = var.retries >= 0 && var.retries <= 10
    error_message = "retries: 0 to 10."
  }
}

# Destination

variable "destination" {
  description = "Where rows go: s3 or iceberg; of an existing stream also opensearch, opensearch_serverless, splunk, http, redshift or snowflake."
  type        = string
  default     = "s3"

  validation {
    condition     = contains(["s3", "iceberg", "opensearch", "opensearch_serverless", "splunk", "http", "redshift", "snowflake"], var.destination)
    error_message = "destination: s3, iceberg, opensearch, opensearch_serverless, splunk, http, redshift or snowflake."
  }

  validation {
    condition     = contains(["s3", "iceberg"], var.destination) || !var.create_stream
    error_message = "destination: the module makes streams to s3 and iceberg; make others yourself, with create_stream = false and the output processing_configuration."
  }
}

variable "bucket_arn" {
  description = "ARN of the bucket for rows and failed records; with iceberg for failed records only. Required unless create_stream is false."
  type        = string
  default     = null

  validation {
    condition     = var.create_stream == (var.bucket_arn != null)
    error_message = "bucket_arn: name the bucket of a stream that the module makes, and only of that."
  }

  validation {
    condition     = var.bucket_arn == null || can(regex("^arn:[a-z-]+:s3:::[a-z0-9.-]{3,63}$", var.bucket_arn))
    error_message = "bucket_arn: the ARN of a bucket, arn:aws:s3:::NAME."
  }
}

variable "bucket_kms_key_arn" {
  description = "ARN of the customer key that Firehose encrypts objects with; null is the bucket's own encryption."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_kms_key_arn == null || can(regex(local.forms.key, var.bucket_kms_key_arn))
    error_message = "bucket_kms_key_arn: ${local.is_no_key}"
  }
}

variable "prefix" {
  description = "Prefix of objects with rows; null is NAME/year=YYYY/month=MM/day=DD/hour=HH/, times in UTC."
  type        = string
  default     = null

  validation {
    condition     = var.prefix == null || trim(split("!{", coalesce(var.prefix, "-"))[0], "/") != ""
    error_message = "prefix: has to begin with text of its own, such as rows/, before the first !{...}: what Firehose may write to is everything below that."
  }

  validation {
    condition     = var.dynamic_partitioning == strcontains(coalesce(var.prefix, "-"), "!{partitionKeyFromLambda:")
    error_message = "prefix, dynamic_partitioning: a prefix with !{partitionKeyFromLambda:KEY} and dynamic_partitioning = true need each other."
  }
}

variable "error_prefix" {
  description = "Prefix of objects with failed records; null is NAME-errors/TYPE/YYYY/MM/DD/HH/."
  type        = string
  default     = null

  validation {
    condition     = var.error_prefix == null || strcontains(coalesce(var.error_prefix, "-"), "!{firehose:error-output-type}")
    error_message = "error_prefix: has to hold !{firehose:error-output-type}; Firehose demands it."
  }

  validation {
    condition     = var.error_prefix == null || trim(split("!{", coalesce(var.error_prefix, "-"))[0], "/") != ""
    error_message = "error_prefix: has to begin with text of its own, such as errors/, before the first !{...}: what Firehose may write to is everything below that."
  }

  validation {
    condition     = !strcontains(coalesce(var.error_prefix, "-"), "!{partitionKey")
    error_message = "error_prefix: partition keys cannot stand here; a failed record has none."
  }
}

variable "compression" {
  description = "Compression of objects with rows: GZIP, ZIP, Snappy, HADOOP_SNAPPY or UNCOMPRESSED."
  type        = string
  default     = "GZIP"

  validation {
    condition     = contains(["GZIP", "ZIP", "Snappy", "HADOOP_SNAPPY", "UNCOMPRESSED"], var.compression)
    error_message = "compression: GZIP, ZIP, Snappy, HADOOP_SNAPPY or UNCOMPRESSED, in this spelling."
  }
}

variable "file_extension" {
  description = "Extension of objects with rows, such as .csv.gz; null is that of the compression."
  type        = string
  default     = null

  validation {
    condition     = var.file_extension == null || can(regex("^\\.[0-9a-z!\\-_.*'()]+$", var.file_extension))
    error_message = "file_extension: begins with a dot and has small letters, digits and !-_.*'() only."
  }
}

variable "object_mb" {
  description = "Object size hint, MB before compression."
  type        = number
  default     = 64

  validation {
    condition     = var.object_mb >= (var.dynamic_partitioning ? 64 : 1) && var.object_mb <= 128
    error_message = "object_mb: 1 to 128, and with dynamic_partitioning 64 to 128."
  }
}

variable "object_seconds" {
  description = "Object age hint, seconds."
  type        = number
  default     = 300

  validation {
    condition     = var.object_seconds <= 900 && (var.object_seconds >= 60 || (var.object_seconds >= 0 && !var.dynamic_partitioning))
    error_message = "object_seconds: 0 to 900, and with dynamic_partitioning 60 to 900."
  }
}

variable "parquet" {
  description = "Conversion of JSON rows to Parquet: the Glue database and table that has the columns, and schema_file, of which the table is made."
  type = object({
    database    = string
    table       = string
    schema_file = optional(string)
    compression = optional(string, "SNAPPY")
  })
  default = null

  validation {
    condition     = var.parquet == null || var.destination == "s3"
    error_message = "parquet: for destination s3 only; tables have formats of their own."
  }

  validation {
    condition     = var.parquet == null || (var.object_mb >= 64 && var.object_seconds >= 60)
    error_message = "parquet, object_mb, object_seconds: conversion needs objects of 64 MB and 60 seconds at least."
  }

  validation {
    condition     = var.parquet == null || contains(["SNAPPY", "GZIP", "UNCOMPRESSED"], try(var.parquet.compression, "-"))
    error_message = "parquet: compression is SNAPPY, GZIP or UNCOMPRESSED."
  }

  validation {
    condition     = var.parquet == null || can(regex(local.forms.table, "${var.parquet.database}.${var.parquet.table}"))
    error_message = "parquet: database and table have names of small letters, digits and _."
  }

  validation {
    condition = try(var.parquet.schema_file, null) == null || try(length([
      for column in try(
        jsondecode(file(var.parquet.schema_file)).TableInput.StorageDescriptor.Columns,
        jsondecode(file(var.parquet.schema_file)).StorageDescriptor.Columns,
        jsondecode(file(var.parquet.schema_file)),
      ) : "${try(column.Name, column.name)} ${try(column.Type, column.type)}"
    ]) > 0, false)
    error_message = "parquet: schema_file is a file of JSON with the columns, [{ \"Name\": \"id\", \"Type\": \"string\" }, ...], or the table input that has them in StorageDescriptor."
  }
}

variable "dynamic_partitioning" {
  description = "Whether prefix names [partition_keys] of the transform; AWS lets it be set when a stream is made only."
  type        = bool
  default     = false

  validation {
    condition     = !(var.dynamic_partitioning && var.destination == "iceberg")
    error_message = "dynamic_partitioning: for destination s3 only; tables have partitions of their own."
  }
}

variable "iceberg_tables" {
  description = "Iceberg tables of the Glue catalog that the transform routes to; unique_keys where it updates or deletes."
  type = list(object({
    database    = string
    table       = string
    unique_keys = optional(list(string), [])
  }))
  default = []

  validation {
    condition     = (var.create_stream && var.destination == "iceberg") == (length(var.iceberg_tables) > 0)
    error_message = "iceberg_tables: name the tables where destination is iceberg, and only there."
  }

  validation {
    condition     = alltrue([for found in var.iceberg_tables : can(regex(local.forms.table, "${found.database}.${found.table}"))])
    error_message = "iceberg_tables: names of small letters, digits and _; Firehose takes no hyphen."
  }

  validation {
    condition     = !(var.iceberg_append_only && anytrue([for found in var.iceberg_tables : length(found.unique_keys) > 0]))
    error_message = "iceberg_tables, iceberg_append_only: a table with unique_keys takes updates, which append only does not."
  }
}

variable "iceberg_bucket_arn" {
  description = "ARN of the bucket that holds the tables' data; this or table_bucket_arn."
  type        = string
  default     = null

  validation {
    condition     = (var.create_stream && var.destination == "iceberg" && var.table_bucket_arn == null) == (var.iceberg_bucket_arn != null)
    error_message = "iceberg_bucket_arn: name the tables' bucket where destination is iceberg and the tables are not in a table bucket, and only there."
  }
}

variable "table_bucket_arn" {
  description = "ARN of the S3 table bucket that the tables are in, integrated with AWS's analytics services; this or iceberg_bucket_arn."
  type        = string
  default     = null

  validation {
    condition     = var.table_bucket_arn == null || var.destination == "iceberg"
    error_message = "table_bucket_arn: for destination iceberg only."
  }

  validation {
    condition     = var.table_bucket_arn == null || can(regex("^arn:[a-z-]+:s3tables:[a-z0-9-]+:[0-9]{12}:bucket/[a-z0-9-]{3,63}$", var.table_bucket_arn))
    error_message = "table_bucket_arn: the ARN of a table bucket, arn:aws:s3tables:REGION:ACCOUNT:bucket/NAME."
  }
}

variable "iceberg_kms_key_arn" {
  description = "ARN of the customer key that encrypts the tables' bucket, if one does."
  type        = string
  default     = null

  validation {
    condition     = var.iceberg_kms_key_arn == null || var.iceberg_bucket_arn != null
    error_message = "iceberg_kms_key_arn: the key of iceberg_bucket_arn; that of a table bucket is used through Lake Formation's role, not through the stream's."
  }

  validation {
    condition     = var.iceberg_kms_key_arn == null || can(regex(local.forms.key, var.iceberg_kms_key_arn))
    error_message = "iceberg_kms_key_arn: ${local.is_no_key}"
  }
}

variable "iceberg_retry_seconds" {
  description = "How long Firehose tries to write rows to a table again, before they go to the error prefix."
  type        = number
  default     = 300

  validation {
    condition     = var.iceberg_retry_seconds >= 0 && var.iceberg_retry_seconds <= 7200
    error_message = "iceberg_retry_seconds: 0 to 7200."
  }
}

variable "iceberg_prefix" {
  description = "What the keys of the tables' data begin with, as in LOCATION; Firehose may write nowhere else in that bucket."
  type        = string
  default     = ""
}

variable "iceberg_append_only" {
  description = "Whether rows are only inserted, for which Firehose scales by itself; AWS lets it be set when a stream is made only."
  type        = bool
  default     = false
}

# What tells how it goes

variable "log_retention_days" {
  description = "How long log events are kept."
  type        = number
  default     = 30

  validation {
    condition = contains([
      1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
    ], var.log_retention_days)
    error_message = "log_retention_days: one of CloudWatch's, such as 7, 14, 30, 90, 365."
  }
}

variable "log_kms_key_arn" {
  description = "ARN of the customer key for log groups; its policy has to allow CloudWatch Logs."
  type        = string
  default     = null

  validation {
    condition     = var.log_kms_key_arn == null || can(regex(local.forms.key, var.log_kms_key_arn))
    error_message = "log_kms_key_arn: ${local.is_no_key}"
  }
}

variable "log_level" {
  description = "Level of the function's log lines; metrics do not depend on it."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], var.log_level)
    error_message = "log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the transform's metrics."
  type        = string
  default     = "fastxform"

  validation {
    condition     = can(regex("^[a-zA-Z0-9._/#-]{1,255}$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "metrics_namespace: letters, digits and ._/#-, not beginning with AWS/."
  }
}

variable "alarm_actions" {
  description = "ARNs of what alarms notify, such as an SNS topic, when they ring and when they are over."
  type        = list(string)
  default     = []
}

variable "freshness_alarm_seconds" {
  description = "Age of the oldest record not delivered yet, from which on an alarm rings."
  type        = number
  default     = 900

  validation {
    condition     = var.freshness_alarm_seconds > var.object_seconds
    error_message = "freshness_alarm_seconds: has to be more than object_seconds, else waiting for an object to fill rings it."
  }
}

variable "lag_alarm_seconds" {
  description = "How far Firehose may be behind the end of the Kinesis stream before an alarm rings."
  type        = number
  default     = 300

  validation {
    condition     = var.lag_alarm_seconds > 0
    error_message = "lag_alarm_seconds: more than 0."
  }
}

variable "lag_alarm_records" {
  description = "How many records Firehose may be behind the end of the MSK topic before an alarm rings."
  type        = number
  default     = 100000

  validation {
    condition     = var.lag_alarm_records > 0
    error_message = "lag_alarm_records: more than 0."
  }
}

variable "tags" {
  description = "Tags of everything that takes some."
  type        = map(string)
  default     = {}
}
