# Each role may do what it has to, to what it has to: no action and no resource is `*`. A wildcard stands only at the end
# of an ARN, for the objects below a prefix and the streams of a log group.

locals {
  s3_object_actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
  s3_bucket_actions = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]

  # What the keys of objects begin with, up to the first expression.
  object_arns = [
    for prefix in distinct(local.is_iceberg ? [local.error_prefix] : [local.prefix, local.error_prefix]) :
    "${var.bucket_arn}/${split("!{", prefix)[0]}*"
  ]

  glue_arn  = "arn:${local.partition}:glue:${local.region}:${local.account}"
  databases = distinct(var.iceberg_tables[*].database)

  function_statements = concat(
    [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.function.arn}:*"]
    }],
    # A stream that reads Kinesis refuses puts, so its records go back to where they came from.
    var.reingest && !local.is_kinesis ? [{
      Sid      = "PutRecordsBack"
      Effect   = "Allow"
      Action   = ["firehose:PutRecordBatch"]
      Resource = [local.delivery_stream_arn]
    }] : [],
    var.reingest && local.is_kinesis ? [{
      Sid      = "PutRecordsBack"
      Effect   = "Allow"
      Action   = ["kinesis:PutRecords"]
      Resource = [var.source_stream_arn]
    }] : [],
    var.reingest && local.is_kinesis && var.source_kms_key_arn != null ? [{
      Sid      = "EncryptRecordsPutBack"
      Effect   = "Allow"
      Action   = ["kms:GenerateDataKey"]
      Resource = [var.source_kms_key_arn]
    }] : [],
  )

  firehose_statements = concat(
    [
      {
        Sid      = "Invoke"
        Effect   = "Allow"
        Action   = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
        Resource = [aws_lambda_alias.live.arn]
      },
      {
        Sid    = "WriteLogs"
        Effect = "Allow"
        Action = ["logs:PutLogEvents"]
        Resource = [
          for name in [aws_cloudwatch_log_stream.delivery.name, aws_cloudwatch_log_stream.backup.name] :
          "${aws_cloudwatch_log_group.firehose.arn}:log-stream:${name}"
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
      Condition = { StringEquals = { "kms:ViaService" = "s3.${local.region}.amazonaws.com" } }
    }],
    local.is_kinesis ? [{
      Sid      = "ReadSource"
      Effect   = "Allow"
      Action   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      Resource = [var.source_stream_arn]
    }] : [],
    local.is_kinesis && var.source_kms_key_arn != null ? [{
      Sid      = "DecryptSource"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.source_kms_key_arn]
    }] : [],
    local.is_iceberg ? [
      {
        Sid    = "CommitToTables"
        Effect = "Allow"
        Action = ["glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"]
        Resource = concat(
          ["${local.glue_arn}:catalog"],
          [for database in local.databases : "${local.glue_arn}:database/${database}"],
          [for found in var.iceberg_tables : "${local.glue_arn}:table/${found.database}/${found.table}"],
        )
      },
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
        Resource = ["${var.iceberg_bucket_arn}/${trimprefix(var.iceberg_prefix, "/")}*"]
      },
    ] : [],
  )
}

# Roles are the account's, not the region's, so their names hold the region.

resource "aws_iam_role" "function" {
  name        = "${var.name}-function-${local.region}"
  description = "The transform ${var.name}: its log, and records put back"
  tags        = var.tags

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
  name        = "${var.name}-firehose-${local.region}"
  description = "The delivery stream ${var.name}: its source, the transform, its destination"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # Firehose gives the account of the stream: nobody else's stream can use this role.
      Condition = { StringEquals = { "sts:ExternalId" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "firehose" {
  name   = "delivery"
  role   = aws_iam_role.firehose.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.firehose_statements })
}
