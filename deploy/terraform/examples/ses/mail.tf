# SES puts the events of mail that is sent with this configuration set into the delivery stream.

resource "aws_sesv2_configuration_set" "mail" {
  configuration_set_name = "ses-events"
}

resource "aws_iam_role" "ses" {
  name        = "ses-events-ses-${var.region}"
  description = "SES puts mail events into the delivery stream ses-events"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ses.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = {
          "AWS:SourceAccount" = local.account
          "AWS:SourceArn"     = "arn:${local.partition}:ses:${var.region}:${local.account}:configuration-set/ses-events"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "ses" {
  name = "put"
  role = aws_iam_role.ses.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "PutEvents"
      Effect   = "Allow"
      Action   = ["firehose:PutRecordBatch"]
      Resource = [module.transform.delivery_stream_arn]
    }]
  })
}

resource "aws_sesv2_configuration_set_event_destination" "firehose" {
  configuration_set_name = aws_sesv2_configuration_set.mail.configuration_set_name
  event_destination_name = "firehose"

  event_destination {
    enabled              = true
    matching_event_types = ["SEND", "OPEN", "CLICK"] # those that have a table; the transform fails the others

    kinesis_firehose_destination {
      delivery_stream_arn = module.transform.delivery_stream_arn
      iam_role_arn        = aws_iam_role.ses.arn
    }
  }

  # An event for a table that is not there yet would go below the error prefix.
  depends_on = [aws_iam_role_policy.ses, terraform_data.table]
}
