# The database and its tables.
#
# Firehose takes Iceberg tables that were made through Iceberg's own Glue catalog client, which Athena's CREATE TABLE
# uses; those that Glue's API makes (aws_glue_catalog_table among them) it may refuse. So a table is a statement that
# Athena runs. tables.sql is what `fastxform ddl` prints for the transform, and a test says when the two differ.

locals {
  statements = [for statement in split(";", file("${path.module}/tables.sql")) : trimspace(statement) if trimspace(statement) != ""]

  tables = {
    for statement in local.statements : one(regex("^CREATE TABLE `\\w+`\\.`(\\w+)`", statement)) =>
    replace(statement, "s3://location-of-the-tables", "s3://${module.bucket.name}/${trimsuffix(local.warehouse, "/")}")
  }
}

resource "aws_glue_catalog_database" "mail" {
  name        = local.database
  description = "SES mail events"
}

resource "aws_athena_workgroup" "tables" {
  name        = "ses-events"
  description = "Makes the tables, and asks them"

  configuration {
    enforce_workgroup_configuration = true

    result_configuration {
      output_location = "s3://${module.bucket.name}/athena/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

# In Athena's console, for whoever makes the tables by hand (create_tables = false), and to look up later.
resource "aws_athena_named_query" "table" {
  for_each = local.tables

  name        = "create ${each.key}"
  description = "As `fastxform ddl` printed it"
  workgroup   = aws_athena_workgroup.tables.name
  database    = aws_glue_catalog_database.mail.name
  query       = each.value
}

variable "create_tables" {
  description = "Whether `terraform apply` makes the tables, for which it needs the AWS CLI where it runs."
  type        = bool
  default     = true
}

# Once for each table: a table that is there is changed with ALTER TABLE, by someone who knows what is in it.
resource "terraform_data" "table" {
  for_each = var.create_tables ? local.tables : {}

  provisioner "local-exec" {
    command     = "bash create_table.sh"
    working_dir = path.module

    environment = {
      AWS_REGION = var.region
      STATEMENT  = each.value
      WORKGROUP  = aws_athena_workgroup.tables.name
    }
  }

  depends_on = [aws_glue_catalog_database.mail]
}
