# Each role may do what it has to, to what it has to: no action and no resource is `*`, but for the one right that AWS gives
# to all resources or none. A wildcard stands only at the end of an ARN, for the objects below a prefix, the streams of a log
# group and the consumer groups of a cluster.

locals {
  s3_object_actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
  s3_bucket_actions = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]

  # What the keys of objects begin with, up to the first expression.
  object_arns = [
    for prefix in distinct(local.is_iceberg ? [local.error_prefix] : [local.prefix, local.error_prefix]) :
    "${coalesce(var.bucket_arn, "-")}/${split("!{", prefix)[0]}*"
  ]

  databases = distinct(var.iceberg_tables[*].database)

  # AWS's names of what belongs to a table bucket: in the federated catalog, and in the account's own.
  table_arns = concat(
    ["${local.glue_arn}:catalog"],
    local.is_s3_tables ? concat(
      ["${local.glue_arn}:catalog/s3tablescatalog", local.catalog_arn],
      [for database in local.databases : "${local.glue_arn}:database/s3tablescatalog/${local.table_bucket_name}/${database}"],
      [for found in var.iceberg_tables : "${local.glue_arn}:table/s3tablescatalog/${local.table_bucket_name}/${found.database}/${found.table}"],
    ) : [],
    [for database in local.databases : "${local.glue_arn}:database/${database}"],
    [for found in var.iceberg_tables : "${local.glue_arn}:table/${found.database}/${found.table}"],
  )

  # A key of a Kinesis stream is used through Kinesis and for that stream only, one of a bucket through S3 for these objects;
  # where the bucket has a key of its own for all objects, AWS gives the bucket's ARN instead of the object's.
  source_key_condition = {
    StringEquals = {
      "kms:ViaService"                        = "kinesis.${local.region}.amazonaws.com"
      "kms:EncryptionContext:aws:kinesis:arn" = var.source_stream_arn
    }
  }
  bucket_key_condition = {
    StringEquals = { "kms:ViaService" = "s3.${local.region}.amazonaws.com" }
    StringLike   = { "kms:EncryptionContext:aws:s3:arn" = concat([var.bucket_arn], local.object_arns) }
  }

  # Credentials of the function are good in the function only.
  from_the_function = { ArnEquals = { "lambda:SourceFunctionArn" = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}" } }

  # What whoever puts records has to be allowed on a stream with a customer key.
  stream_key_statements = var.stream_kms_key_arn == null ? [] : [{
    Sid      = "EncryptRecords"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = [var.stream_kms_key_arn]
  }]

  producer_statements = concat(
    [{
      Sid      = "PutRecords"
      Effect   = "Allow"
      Action   = ["firehose:PutRecord", "firehose:PutRecordBatch"]
      Resource = [local.delivery_stream_arn]
    }],
    local.stream_key_statements,
  )

  function_statements = concat(
    [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.function.arn}:*"]
    }],
    # A stream that reads Kinesis refuses puts, so its records go back to where they came from; a topic of MSK takes none.
    var.reingest && local.is_direct_put ? [{
      Sid       = "PutRecordsBack"
      Effect    = "Allow"
      Action    = ["firehose:PutRecordBatch"]
      Resource  = [local.delivery_stream_arn]
      Condition = local.from_the_function
    }] : [],
    var.reingest && local.is_direct_put ? [for statement in local.stream_key_statements : merge(statement, { Sid = "EncryptRecordsPutBack" })] : [],
    var.reingest && local.is_kinesis ? [{
      Sid       = "PutRecordsBack"
      Effect    = "Allow"
      Action    = ["kinesis:PutRecords"]
      Resource  = [var.source_stream_arn]
      Condition = local.from_the_function
    }] : [],
    var.reingest && local.is_kinesis && var.source_kms_key_arn != null ? [{
      Sid       = "EncryptRecordsPutBack"
      Effect    = "Allow"
      Action    = ["kms:GenerateDataKey"]
      Resource  = [var.source_kms_key_arn]
      Condition = local.source_key_condition
    }] : [],
    var.function_kms_key_arn == null ? [] : [{
      Sid      = "DecryptEnvironment"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.function_kms_key_arn]
    }],
  )

  invoke_statements = [{
    Sid      = "Invoke"
    Effect   = "Allow"
    Action   = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
    Resource = [aws_lambda_alias.live.arn]
  }]

  firehose_statements = concat(
    local.invoke_statements,
    [
      {
        Sid    = "WriteLogs"
        Effect = "Allow"
        Action = ["logs:PutLogEvents"]
        Resource = [
          for name in concat(aws_cloudwatch_log_stream.delivery[*].name, aws_cloudwatch_log_stream.backup[*].name) :
          "${one(aws_cloudwatch_log_group.firehose[*].arn)}:log-stream:${name}"
        ]
      },
      {
        Sid      = "FindBucket"
        Effect   = "Allow"
        Action   = local.s3_bucket_actions
        Resource = [var.bucket_arn]
      },
      {
        Sid      = "WriteObjects"
        Effect   = "Allow"
        Action   = local.s3_object_actions
        Resource = local.object_arns
      },
    ],
    var.bucket_kms_key_arn == null ? [] : [{
      Sid       = "EncryptObjects"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [var.bucket_kms_key_arn]
      Condition = local.bucket_key_condition
    }],
    local.is_kinesis ? [{
      Sid      = "ReadSource"
      Effect   = "Allow"
      Action   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      Resource = [var.source_stream_arn]
    }] : [],
    local.is_kinesis && var.source_kms_key_arn != null ? [{
      Sid       = "DecryptSource"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = [var.source_kms_key_arn]
      Condition = local.source_key_condition
    }] : [],
    local.is_msk ? [
      {
        Sid      = "FindCluster"
        Effect   = "Allow"
        Action   = ["kafka-cluster:Connect", "kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"]
        Resource = [var.msk_cluster_arn]
      },
      {
        Sid      = "ReadTopic"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:ReadData"]
        Resource = ["${replace(var.msk_cluster_arn, ":cluster/", ":topic/")}/${coalesce(var.msk_topic, "-")}"]
      },
      {
        Sid      = "ReadConsumerGroups"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeGroup"]
        Resource = ["${replace(var.msk_cluster_arn, ":cluster/", ":group/")}/*"]
      },
    ] : [],
    var.parquet == null ? [] : [{
      Sid    = "ReadSchema"
      Effect = "Allow"
      Action = ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]
      Resource = [
        "${local.glue_arn}:catalog",
        "${local.glue_arn}:database/${var.parquet.database}",
        "${local.glue_arn}:table/${var.parquet.database}/${var.parquet.table}",
      ]
    }],
    local.is_iceberg ? [{
      Sid      = "CommitToTables"
      Effect   = "Allow"
      Action   = ["glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"]
      Resource = local.table_arns
    }] : [],
    # Lake Formation gives out the credentials for the data of these tables, by its own grants; AWS lets this action be allowed
    # for all resources only.
    local.is_s3_tables ? [{
      Sid      = "GetTableCredentials"
      Effect   = "Allow"
      Action   = ["lakeformation:GetDataAccess"]
      Resource = ["*"]
    }] : [],
    local.is_iceberg && !local.is_s3_tables ? [
      {
        Sid      = "FindTables"
        Effect   = "Allow"
        Action   = local.s3_bucket_actions
        Resource = [var.iceberg_bucket_arn]
      },
      {
        Sid      = "WriteTables"
        Effect   = "Allow"
        Action   = concat(["s3:DeleteObject"], local.s3_object_actions)
        Resource = ["${coalesce(var.iceberg_bucket_arn, "-")}/${trimprefix(var.iceberg_prefix, "/")}*"]
      },
    ] : [],
    local.is_iceberg && var.iceberg_kms_key_arn != null ? [{
      Sid      = "EncryptTables"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.iceberg_kms_key_arn]
      Condition = {
        StringEquals = { "kms:ViaService" = "s3.${local.region}.amazonaws.com" }
        StringLike = {
          "kms:EncryptionContext:aws:s3:arn" = [var.iceberg_bucket_arn, "${coalesce(var.iceberg_bucket_arn, "-")}/${trimprefix(var.iceberg_prefix, "/")}*"]
        }
      }
    }] : [],
  )
}

# Roles are the account's, not the region's, so their names hold the region.

resource "aws_iam_role" "function" {
  name        = "${var.name}-function-${local.region}"
  description = "The transform ${var.name}: its log, and records put back"
  tags        = var.tags

  # A role cannot be passed to a service of another account, and Lambda gives no source when it takes one.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name   = "transform"
  role   = aws_iam_role.function.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.function_statements })
}

resource "aws_iam_role" "firehose" {
  count = var.create_stream ? 1 : 0

  name        = "${var.name}-firehose-${local.region}"
  description = "The delivery stream ${var.name}: its source, the transform, its destination"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # Firehose always gives the account of the stream: nobody else's stream can use this role. Where it gives the stream too,
      # it has to be this one; it takes the role to try it before the stream is there.
      Condition = {
        StringEquals         = { "sts:ExternalId" = local.account }
        StringEqualsIfExists = { "aws:SourceAccount" = local.account }
        ArnEqualsIfExists    = { "aws:SourceArn" = local.delivery_stream_arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "firehose" {
  count = var.create_stream ? 1 : 0

  name   = "delivery"
  role   = aws_iam_role.firehose[0].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.firehose_statements })
}
