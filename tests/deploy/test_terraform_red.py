"""What is wrong is seen: each mistake in a copy of the module turns `validate`, or its tests, red, and at its place."""

import pytest

MISTAKES = {
    "attribute": (
        "firehose.tf",
        "      prefix              = local.prefix\n",
        "      prefixx             = local.prefix\n",
        "Unsupported argument",
        'An argument named "prefixx" is not expected here. Did you mean "prefix"?',
    ),
    "error-prefix": (
        "firehose.tf",
        "prefix              = local.prefix\n      error_output_prefix = ",
        "prefix              = local.prefix\n      error_output_prefixx = ",
        "Unsupported argument",
        'An argument named "error_output_prefixx" is not expected here. Did you mean "error_output_prefix"?',
    ),
    "block": (
        "function.tf",
        "  logging_config {\n",
        "  logging_configuration {\n",
        "Unsupported block type",
        'Blocks of type "logging_configuration" are not expected here.',
    ),
    "type": (
        "function.tf",
        "memory_size                    = var.memory_mb",
        'memory_size                    = "lots"',
        "Incorrect attribute value type",
        'Inappropriate value for attribute "memory_size": a number is required.',
    ),
    "reference": (
        "firehose.tf",
        "{ LambdaArn = aws_lambda_alias.live.arn }",
        "{ LambdaArn = aws_lambda_alias.live.arnn }",
        "Unsupported attribute",
        'This object has no argument, nested block, or exported attribute named "arnn". Did you mean "arn"?',
    ),
    "resource": (
        "firehose.tf",
        "{ LambdaArn = aws_lambda_alias.live.arn }",
        "{ LambdaArn = aws_lambda_alias.life.arn }",
        "Reference to undeclared resource",
        'A managed resource "aws_lambda_alias" "life" has not been declared in the root module.',
    ),
    "required": (
        "function.tf",
        "  function_name                  = var.name\n",
        "",
        "Missing required argument",
        'The argument "function_name" is required, but no definition was found.',
    ),
    "variable": (
        "logs.tf",
        '  name              = "/aws/lambda/${var.name}"\n',
        '  name              = "/aws/lambda/${var.nam}"\n',
        "Reference to undeclared input variable",
        'An input variable with the name "nam" has not been declared. Did you mean "name"?',
    ),
}

WIRING = {
    "function instead of alias": (
        "firehose.tf",
        "{ LambdaArn = aws_lambda_alias.live.arn }",
        "{ LambdaArn = aws_lambda_function.transform.arn }",
        "Firehose invokes the alias, and AWS's defaults are not sent: each plan would change them.",
    ),
    "defaults sent": (
        "firehose.tf",
        "var.retries == 3 ? {} : ",
        "",
        "Firehose invokes the alias, and AWS's defaults are not sent: each plan would change them.",
    ),
    "processing off": (
        "firehose.tf",
        "value.table\n          }\n        }\n      }\n\n      processing_configuration {\n        enabled = true\n",
        "value.table\n          }\n        }\n      }\n\n      processing_configuration {\n        enabled = false\n",
        "A processing configuration that does not say so is off.",
    ),
    "put back to Firehose": (
        "roles.tf",
        'Action    = ["kinesis:PutRecords"]\n      Resource  = [var.source_stream_arn]',
        'Action    = ["firehose:PutRecordBatch"]\n      Resource  = [local.delivery_stream_arn]',
        "Records go back into the Kinesis stream: Firehose refuses puts into a stream that reads Kinesis.",
    ),
    "put back to another stream": (
        "main.tf",
        "deliverystream/${local.stream_name}",
        "deliverystream/${local.stream_name}-stream",
        "Records go back into the stream itself.",
    ),
    "every object": (
        "roles.tf",
        '"${coalesce(var.bucket_arn, "-")}/${split("!{", prefix)[0]}*"',
        '"${coalesce(var.bucket_arn, "-")}/*"',
        "Firehose may write below the two prefixes and nowhere else.",
    ),
    "anybody's stream": (
        "roles.tf",
        '"sts:ExternalId" = local.account',
        '"sts:ExternalId" = local.region',
        "Only streams of this account can use the role.",
    ),
    "any stream of the account": (
        "roles.tf",
        '"aws:SourceArn" = local.delivery_stream_arn',
        '"aws:SourceArn" = "${local.delivery_stream_arn}*"',
        "Of this account's streams only this one can.",
    ),
    "credentials that left the function": (
        "roles.tf",
        '      Action    = ["firehose:PutRecordBatch"]\n      Resource  = [local.delivery_stream_arn]\n'
        "      Condition = local.from_the_function\n",
        '      Action    = ["firehose:PutRecordBatch"]\n      Resource  = [local.delivery_stream_arn]\n'
        "      Condition = {}\n",
        "Credentials of the function put nothing outside of it.",
    ),
    "key of any stream": (
        "roles.tf",
        '"kms:EncryptionContext:aws:kinesis:arn" = var.source_stream_arn',
        '"kms:EncryptionContext:aws:kinesis:arn" = "*"',
        "The stream's key may be used through Kinesis, for this stream only.",
    ),
    "key of any object": (
        "roles.tf",
        '{ "kms:EncryptionContext:aws:s3:arn" = concat([var.bucket_arn], local.object_arns) }',
        '{ "kms:EncryptionContext:aws:s3:arn" = ["${coalesce(var.bucket_arn, "-")}*"] }',
        "The bucket's key may be used through S3, for what Firehose writes, and not by itself.",
    ),
    "stream under AWS's key": (
        "firehose.tf",
        'var.stream_kms_key_arn == null ? "AWS_OWNED_CMK" : "CUSTOMER_MANAGED_CMK"',
        '"AWS_OWNED_CMK"',
        "The stream holds records under the customer's key.",
    ),
    "producers without the key": (
        "roles.tf",
        "    local.stream_key_statements,\n  )\n",
        "    [],\n  )\n",
        "Producers are given the permissions that they need on the key.",
    ),
    "role of an existing stream": (
        "roles.tf",
        'resource "aws_iam_role" "firehose" {\n  count = var.create_stream ? 1 : 0',
        'resource "aws_iam_role" "firehose" {\n  count = 1',
        "Nothing of a stream that exists is made or touched.",
    ),
    "hints of an existing stream": (
        "outputs.tf",
        "{ parameter_name = name, parameter_value = value }",
        '{ parameter_name = name, parameter_value = name == "LambdaArn" ? value : "1" }',
        "The block for the stream names the alias and the hints.",
    ),
    "topic of any name": (
        "roles.tf",
        '":topic/")}/${coalesce(var.msk_topic, "-")}"',
        '":topic/")}/any"',
        "Firehose may read this topic of this cluster.",
    ),
    "puts back into a topic": (
        "roles.tf",
        "var.reingest && local.is_direct_put ? [{",
        "var.reingest && !local.is_kinesis ? [{",
        "A topic takes no records back, so the function puts none.",
    ),
    "account's own catalog": (
        "firehose.tf",
        'local.is_s3_tables ? "${local.glue_arn}:catalog/s3tablescatalog/${local.table_bucket_name}" :',
        'local.is_s3_tables ? "${local.glue_arn}:catalog" :',
        "The tables are those of the table bucket's catalog.",
    ),
    "Parquet compressed": (
        "firehose.tf",
        'var.parquet == null ? var.compression : "UNCOMPRESSED"',
        "var.compression",
        "AWS refuses to compress Parquet once more.",
    ),
    "columns forgotten": (
        "parquet.tf",
        "for_each = local.parquet_columns",
        "for_each = slice(local.parquet_columns, 0, 1)",
        "The table has the columns of the file.",
    ),
    "files above the directory": (
        "function.tf",
        'if !startswith(name, "/") && !contains(split("/", name), "..") && fileexists',
        "if fileexists",
        "Lookups, the module of map_batch and what it imports are packed as they lie, and nothing that is not there or "
        "lies elsewhere.",
    ),
    "time-out in seconds": (
        "alarms.tf",
        "above = 800 * var.timeout_seconds",
        "above = 0.8 * var.timeout_seconds",
        "The duration alarm rings at 80 % of the time-out, in milliseconds.",
    ),
    "success that rings": (
        "alarms.tf",
        'metric = "${local.delivery}.Success", statistic = "Average", below = 1',
        'metric = "${local.delivery}.Success", statistic = "Average", above = 1',
        "A share of successes rings when it falls.",
    ),
    "dimension": (
        "alarms.tf",
        "DeliveryStream = local.stream_name }",
        "Stream = local.stream_name }",
        "The transform's metrics carry the service and the stream.",
    ),
    "encryption of a reader": (
        "firehose.tf",
        "for_each = local.is_direct_put ? [true] : []",
        "for_each = [true]",
        "AWS refuses encryption of a stream that reads Kinesis.",
    ),
    "log group": (
        "function.tf",
        "log_group  = aws_cloudwatch_log_group.function.name",
        "log_group  = one(aws_cloudwatch_log_group.firehose[*].name)",
        "The function logs into its group.",
    ),
    "destination's freshness": (
        "alarms.tf",
        '"DeliveryToIceberg"',
        '"DeliveryToS3"',
        "Alarms look at the metrics of the destination.",
    ),
    "older version": (
        "function.tf",
        "coalesce(var.function_version, aws_lambda_function.transform.version)",
        "aws_lambda_function.transform.version",
        "The alias can go back to an older version.",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "summary", "detail"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_invalid(deployed, file, old, new, summary, detail):
    """`terraform validate` says what is wrong, in the file and the line where it is."""
    place = deployed.changed(file, old, new)
    (found,) = deployed.terraform.validate(place)
    assert (found["summary"], found["detail"], found["range"]["filename"]) == (summary, detail, file)
    start = found["range"]["start"]["line"]
    assert found["snippet"]["code"].strip() in (place / file).read_text(encoding="utf-8").splitlines()[start - 1]


@pytest.mark.parametrize(("file", "old", "new", "message"), WIRING.values(), ids=WIRING)
def test_a_wrong_wire_fails_the_tests_of_the_module(deployed, file, old, new, message):
    """What Terraform takes for valid and is wired wrongly, the module's own tests find."""
    place = deployed.changed(file, old, new)
    result, runs = deployed.terraform.test(place, "-filter=tests/module.tftest.hcl")
    said = [line["diagnostic"]["detail"] for line in result.lines() if line["type"] == "diagnostic"]
    assert result.code == 1
    assert "fail" in [run.status for run in runs]
    assert message in [detail.partition("\n")[0] for detail in said]


def test_a_mirror_without_the_provider_is_no_pass(deployed):
    """The provider is found in the mirror and nowhere else: a version that is not there cannot be installed."""
    place = deployed.changed("versions.tf", 'version = "~> 6.0"', 'version = "~> 7.0"')
    (place / ".terraform.lock.hcl").unlink()
    result = deployed.terraform.init(place)
    assert result.code == 1
    assert "no available releases match the given constraints ~> 7.0" in " ".join(result.err.split())
