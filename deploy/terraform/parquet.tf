# The table whose columns Firehose reads to convert rows of JSON to Parquet, where the module makes it.

locals {
  # What the prefix begins with, up to the last slash before its first expression: where tables have their data is a directory.
  rows_directory = regex("^(?:.*/)?", split("!{", local.prefix)[0])

  # Columns as `aws glue create-table` takes them: a list, or the table input around it.
  parquet_schema  = try(jsondecode(file(var.parquet.schema_file)), [])
  parquet_columns = try(local.parquet_schema.TableInput.StorageDescriptor.Columns, local.parquet_schema.StorageDescriptor.Columns, local.parquet_schema)
}

resource "aws_glue_catalog_table" "parquet" {
  count = try(var.parquet.schema_file, null) == null ? 0 : 1

  database_name = var.parquet.database
  name          = var.parquet.table
  table_type    = "EXTERNAL_TABLE"
  parameters    = { classification = "parquet" }

  storage_descriptor {
    location      = "s3://${split(":::", var.bucket_arn)[1]}/${local.rows_directory}"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      parameters            = { "serialization.format" = "1" }
    }

    dynamic "columns" {
      for_each = local.parquet_columns

      content {
        name    = try(columns.value.Name, columns.value.name)
        type    = try(columns.value.Type, columns.value.type)
        comment = try(columns.value.Comment, columns.value.comment, null)
      }
    }
  }
}
