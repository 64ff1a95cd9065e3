# The function is the transform's configuration with the files that it names, and the layer; extra_files brings more.

locals {
  # What the configuration names lies beside it and is packed with it: the files of lookups, and the module of map_batch
  # with its package and what it imports. Terraform reads no TOML, so they are found by the form of the line (a test
  # compares what is found with what fastxform/config/files.py finds); what is not there is left to `fastxform check`.
  config_directory = dirname(var.config_file)
  config_text      = replace(try(file(var.config_file), ""), "/(?m)^[ \\t]*#.*$/", "") # without lines of comment
  lookup_files     = flatten(regexall("\\bfile[\"']?\\s*=\\s*[\"']+([^\"'\n]+)[\"']", local.config_text))
  code_modules     = flatten(regexall("(?m)^\\s*[\"']?map_batch[\"']?\\s*=\\s*[\"']+([^:\"'\n]+):", local.config_text))

  # The modules beside the configuration that a module imports, those that these import, and so on, four deep.
  own_words  = distinct([for module in local.code_modules : split(".", module)[0]])
  own_files  = [for word in local.own_words : concat(["${word}.py"], tolist(try(fileset(local.config_directory, "${word}/**/*.py"), [])))]
  own_texts  = [for name in flatten(local.own_files) : try(file("${local.config_directory}/${name}"), "")]
  near_words = distinct(flatten([for text in local.own_texts : regexall(local.import_line, text)]))
  near_files = [for word in local.near_words : concat(["${word}.py"], tolist(try(fileset(local.config_directory, "${word}/**/*.py"), [])))]
  near_texts = [for name in flatten(local.near_files) : try(file("${local.config_directory}/${name}"), "")]
  next_words = distinct(flatten([for text in local.near_texts : regexall(local.import_line, text)]))
  next_files = [for word in local.next_words : concat(["${word}.py"], tolist(try(fileset(local.config_directory, "${word}/**/*.py"), [])))]
  next_texts = [for name in flatten(local.next_files) : try(file("${local.config_directory}/${name}"), "")]
  last_words = distinct(flatten([for text in local.next_texts : regexall(local.import_line, text)]))
  last_files = [for word in local.last_words : concat(["${word}.py"], tolist(try(fileset(local.config_directory, "${word}/**/*.py"), [])))]

  import_line = "(?m)^[ \\t]*(?:import|from)[ \\t]+([A-Za-z0-9_]+)"

  named_files = distinct(flatten([
    local.lookup_files,
    [for module in local.code_modules : "${replace(module, ".", "/")}.py"],
    local.own_files, local.near_files, local.next_files, local.last_files,
  ]))

  # No path leaves the directory, so that nothing else of this machine gets into the function.
  packed_files = merge(
    {
      for name in local.named_files : name => "${local.config_directory}/${name}"
      if !startswith(name, "/") && !contains(split("/", name), "..") && fileexists("${local.config_directory}/${name}")
    },
    var.extra_files,
  )
}

data "archive_file" "code" {
  type             = "zip"
  output_path      = "${path.root}/.terraform/fastxform-${var.name}.zip"
  output_file_mode = "0644" # else the hash would depend on who applies

  source {
    filename = "fastxform.toml"
    content  = file(var.config_file)
  }

  dynamic "source" {
    for_each = local.packed_files

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
  description                    = "fastxform: transforms the batches of the delivery stream ${local.stream_name}"
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
  kms_key_arn                    = var.function_kms_key_arn
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
