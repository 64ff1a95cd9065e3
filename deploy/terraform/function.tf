# The function is the transform's configuration and the layer, nothing else, unless extra_files brings more.

data "archive_file" "code" {
  type             = "zip"
  output_path      = "${path.root}/.terraform/fastxform-${var.name}.zip"
  output_file_mode = "0644" # else the hash would depend on who applies

  source {
    filename = "fastxform.toml"
    content  = file(var.config_file)
  }

  dynamic "source" {
    for_each = var.extra_files

    content {
      filename = source.key
      content  = file(source.value)
    }
  }
}

resource "aws_lambda_layer_version" "fastxform" {
  count = var.layer_zip == null ? 0 : 1

  layer_name               = "${var.name}-fastxform"
  description              = "fastxform and what it stands on"
  filename                 = var.layer_zip
  source_code_hash         = filebase64sha256(var.layer_zip)
  compatible_runtimes      = [var.runtime]
  compatible_architectures = [var.architecture]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_function" "transform" {
  function_name                  = var.name
  description                    = "fastxform: transforms the batches of the delivery stream ${var.name}"
  role                           = aws_iam_role.function.arn
  filename                       = data.archive_file.code.output_path
  source_code_hash               = data.archive_file.code.output_base64sha256
  handler                        = var.handler
  runtime                        = var.runtime
  architectures                  = [var.architecture]
  layers                         = [local.layer_arn]
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  publish                        = true
  tags                           = var.tags

  environment {
    variables = merge(var.environment, {
      POWERTOOLS_LOG_LEVEL         = var.log_level
      POWERTOOLS_METRICS_NAMESPACE = var.metrics_namespace
      POWERTOOLS_SERVICE_NAME      = var.name
    })
  }

  logging_config {
    log_format = "Text" # in the JSON format Lambda's level filter could drop the lines that carry the metrics
    log_group  = aws_cloudwatch_log_group.function.name
  }

  depends_on = [aws_iam_role_policy.function]
}

# Firehose invokes the alias: a version that is not good is left by pointing it back, without touching the stream.
resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What the delivery stream invokes"
  function_name    = aws_lambda_function.transform.function_name
  function_version = coalesce(var.function_version, aws_lambda_function.transform.version)
}

locals {
  layer_arn = var.layer_zip == null ? var.layer_arn : aws_lambda_layer_version.fastxform[0].arn
}
