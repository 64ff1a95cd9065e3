"""Accounts as the AWS CLI describes them, in which nothing is wrong: one to S3, one from Kinesis, one to Iceberg.

Each description is what botocore's model of the call says it can be. Invariant: `check` refuses a member that AWS does
not have.
"""

import copy
import json

import botocore.session
from botocore.validate import ParamValidator

ACCOUNT = "123456789012"
REGION = "eu-central-1"
NAME = "orders"
STREAM_ARN = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{NAME}"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}"
ALIAS_ARN = f"{FUNCTION_ARN}:live"
FIREHOSE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{NAME}-firehose"
FUNCTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/{NAME}-function"
KINESIS_ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/changes"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/"
TIME = "2026-11-30T00:00:00Z"

SHAPES = {
    "stream": ("firehose", "DescribeDeliveryStream"),
    "function": ("lambda", "GetFunctionConfiguration"),
    "aliases": ("lambda", "ListAliases"),
    "function-policy": ("lambda", "GetPolicy"),
    "source": ("kinesis", "DescribeStreamSummary"),
    "table": ("glue", "GetTable"),
    "trust": ("iam", "GetRole"),
    "role": ("iam", "GetRolePolicy"),
}
"""The operation that prints a description, by the first word of its name."""


def allow(actions, resources, condition=None):
    """A statement."""
    found = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return found | ({"Condition": condition} if condition else {})


def role(name, *statements):
    """What `aws iam get-role-policy` prints."""
    return {
        "RoleName": name,
        "PolicyName": "p",
        "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)},
    }


def trust(name, service, condition=None):
    """What `aws iam get-role` prints."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {
        "Role": {
            "Path": "/",
            "RoleName": name,
            "RoleId": "AROAEXAMPLE0000000000",
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "CreateDate": TIME,
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [statement | ({"Condition": condition} if condition else {})],
            },
        }
    }


LOGS = {"Enabled": True, "LogGroupName": f"/aws/kinesisfirehose/{NAME}", "LogStreamName": "delivery"}
PROCESSING = {
    "Enabled": True,
    "Processors": [
        {
            "Type": "Lambda",
            "Parameters": [
                {"ParameterName": "LambdaArn", "ParameterValue": ALIAS_ARN},
                {"ParameterName": "NumberOfRetries", "ParameterValue": "3"},
                {"ParameterName": "RoleArn", "ParameterValue": FIREHOSE_ROLE},
                {"ParameterName": "BufferSizeInMBs", "ParameterValue": "1"},
                {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "60"},
            ],
        }
    ],
}
NO_KEY = {"NoEncryptionConfig": "NoEncryption"}
BUCKET = {
    "RoleARN": FIREHOSE_ROLE,
    "BucketARN": "arn:aws:s3:::rows",
    "Prefix": "rows/customer=!{partitionKeyFromLambda:customer}/",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
    "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 300},
    "CompressionFormat": "GZIP",
    "EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": f"{KEY}bucket"}},
    "CloudWatchLoggingOptions": LOGS,
}


def stream(destination, **members):
    """What `aws firehose describe-delivery-stream` prints."""
    return {
        "DeliveryStreamDescription": {
            "DeliveryStreamName": NAME,
            "DeliveryStreamARN": STREAM_ARN,
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamType": "DirectPut",
            "VersionId": "1",
            "CreateTimestamp": TIME,
            "HasMoreDestinations": False,
            "Destinations": [{"DestinationId": "destinationId-000000000001", **destination}],
            **members,
        }
    }


COMMON = {
    "function": {
        "FunctionName": NAME,
        "FunctionArn": ALIAS_ARN,
        "Runtime": "python3.13",
        "Role": FUNCTION_ROLE,
        "Handler": "fastxform.handler.lambda_handler",
        "Timeout": 60,
        "MemorySize": 512,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Environment": {"Variables": {"POWERTOOLS_SERVICE_NAME": NAME}},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{NAME}"},
    },
    "aliases": {"Aliases": [{"AliasArn": ALIAS_ARN, "Name": "live", "FunctionVersion": "7"}]},
    "trust-firehose": trust(
        f"{NAME}-firehose", "firehose.amazonaws.com", {"StringEquals": {"sts:ExternalId": ACCOUNT}}
    ),
    "trust-function": trust(f"{NAME}-function", "lambda.amazonaws.com"),
}

INVOKE = allow(["lambda:InvokeFunction", "lambda:GetFunctionConfiguration"], ALIAS_ARN)
WRITE_LOGS = allow(
    "logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/kinesisfirehose/{NAME}:log-stream:*"
)
FIND = allow(["s3:GetBucketLocation", "s3:ListBucket*"], "arn:aws:s3:::rows")
WRITE = allow(
    ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"],
    ["arn:aws:s3:::rows/rows/*", "arn:aws:s3:::rows/errors/*"],
)
ENCRYPT = allow(
    ["kms:GenerateDataKey", "kms:Decrypt"],
    f"{KEY}bucket",
    {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}},
)
OWN_LOGS = allow(
    ["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{NAME}:*"
)

S3 = {
    **COMMON,
    "stream": stream(
        {
            "ExtendedS3DestinationDescription": {
                **BUCKET,
                "ProcessingConfiguration": PROCESSING,
                "DynamicPartitioningConfiguration": {"Enabled": True},
            }
        },
        DeliveryStreamEncryptionConfiguration={
            "KeyARN": f"{KEY}stream",
            "KeyType": "CUSTOMER_MANAGED_CMK",
            "Status": "ENABLED",
        },
    ),
    "role-firehose": role(f"{NAME}-firehose", INVOKE, WRITE_LOGS, FIND, WRITE, ENCRYPT),
    "role-function": role(
        f"{NAME}-function",
        OWN_LOGS,
        allow("firehose:PutRecordBatch", STREAM_ARN, {"ArnEquals": {"lambda:SourceFunctionArn": FUNCTION_ARN}}),
        allow(["kms:GenerateDataKey", "kms:Decrypt"], f"{KEY}stream"),
    ),
    "role-producer": role(
        "producer",
        allow("firehose:PutRecord*", STREAM_ARN),
        allow(["kms:GenerateDataKey", "kms:Decrypt"], f"{KEY}stream"),
    ),
    "function-policy": {
        "Policy": json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "s",
                        "Effect": "Allow",
                        "Principal": {"AWS": FIREHOSE_ROLE},
                        "Action": "lambda:InvokeFunction",
                        "Resource": ALIAS_ARN,
                    }
                ],
            }
        ),
        "RevisionId": "r",
    },
}
S3_CONFIG = """
[output]
format = "json"
[columns]
id = "id"
[partition_keys]
customer = "id"
"""

_SOURCE_CONDITION = {
    "StringEquals": {
        "kms:ViaService": f"kinesis.{REGION}.amazonaws.com",
        "kms:EncryptionContext:aws:kinesis:arn": KINESIS_ARN,
    }
}
KINESIS = {
    **COMMON,
    "stream": stream(
        {
            "ExtendedS3DestinationDescription": {
                **BUCKET,
                "Prefix": "rows/",
                "EncryptionConfiguration": NO_KEY,
                "ProcessingConfiguration": PROCESSING,
            }
        },
        DeliveryStreamType="KinesisStreamAsSource",
        Source={
            "KinesisStreamSourceDescription": {
                "KinesisStreamARN": KINESIS_ARN,
                "RoleARN": FIREHOSE_ROLE,
                "DeliveryStartTimestamp": TIME,
            }
        },
    ),
    "source": {
        "StreamDescriptionSummary": {
            "StreamName": "changes",
            "StreamARN": KINESIS_ARN,
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": TIME,
            "EnhancedMonitoring": [],
            "EncryptionType": "KMS",
            "KeyId": f"{KEY}source",
            "OpenShardCount": 1,
            "MaxRecordSizeInKiB": 1024,
        }
    },
    "role-firehose": role(
        f"{NAME}-firehose",
        INVOKE,
        WRITE_LOGS,
        FIND,
        WRITE,
        allow(["kinesis:Describe*", "kinesis:Get*", "kinesis:ListShards"], KINESIS_ARN),
        allow("kms:Decrypt", f"{KEY}source", _SOURCE_CONDITION),
    ),
    "role-function": role(
        f"{NAME}-function",
        OWN_LOGS,
        allow("kinesis:PutRecords", KINESIS_ARN),
        allow("kms:GenerateDataKey", f"{KEY}source", _SOURCE_CONDITION),
    ),
}
KINESIS_CONFIG = "[columns]\nid = 'id'\n"

GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
ICEBERG = {
    **COMMON,
    "stream": stream(
        {
            "IcebergDestinationDescription": {
                "DestinationTableConfigurationList": [
                    {
                        "DestinationDatabaseName": "shop",
                        "DestinationTableName": "orders",
                        "UniqueKeys": ["order_id"],
                    }
                ],
                "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 300},
                "CloudWatchLoggingOptions": LOGS,
                "ProcessingConfiguration": PROCESSING,
                "S3BackupMode": "FailedDataOnly",
                "RetryOptions": {"DurationInSeconds": 300},
                "RoleARN": FIREHOSE_ROLE,
                "AppendOnly": False,
                "CatalogConfiguration": {"CatalogARN": f"{GLUE}:catalog/s3tablescatalog/lake"},
                "S3DestinationDescription": {**BUCKET, "Prefix": "", "EncryptionConfiguration": NO_KEY},
            }
        }
    ),
    "table": {
        "Table": {
            "Name": "orders",
            "DatabaseName": "shop",
            "StorageDescriptor": {
                "Columns": [{"Name": "order_id", "Type": "string"}, {"Name": "total", "Type": "bigint"}]
            },
        }
    },
    "role-firehose": role(
        f"{NAME}-firehose",
        INVOKE,
        WRITE_LOGS,
        FIND,
        WRITE,
        allow(
            ["glue:GetTable", "glue:GetDatabase", "glue:UpdateTable"],
            [
                f"{GLUE}:catalog",
                f"{GLUE}:catalog/s3tablescatalog/lake",
                f"{GLUE}:database/s3tablescatalog/lake/shop",
                f"{GLUE}:table/s3tablescatalog/lake/shop/orders",
            ],
        ),
        allow("lakeformation:GetDataAccess", "*"),
    ),
    "role-function": role(f"{NAME}-function", OWN_LOGS),
}
ICEBERG_CONFIG = """
source = "dynamodb"
[output]
format = "json"
[overflow]
policy = "fail"
[[routes]]
[routes.iceberg]
database = "shop"
table = "orders"
operation = { INSERT = "insert", MODIFY = "update", REMOVE = "delete" }
[routes.columns]
order_id = { path = "dynamodb.Keys.order_id", type = "string" }
total = { path = "dynamodb.NewImage.total", type = "int64" }
"""

ACCOUNTS = {"s3": (S3, S3_CONFIG), "kinesis": (KINESIS, KINESIS_CONFIG), "iceberg": (ICEBERG, ICEBERG_CONFIG)}


def account(name):
    """Return a copy of the descriptions and the configuration."""
    descriptions, config = ACCOUNTS[name]
    return copy.deepcopy(descriptions), config


def check(name, description):
    """Return what AWS's own model says against a description; policies of roles are objects, as the CLI prints them."""
    service, operation = SHAPES[name.partition("-policy")[0] if name == "function-policy" else name.split("-")[0]]
    if name == "function-policy":
        service, operation = SHAPES[name]
    if name.startswith(("role", "trust")):
        description = json.loads(json.dumps(description))
        inner = description.get("Role", description)
        for member in ("PolicyDocument", "AssumeRolePolicyDocument"):
            if member in inner:
                inner[member] = json.dumps(inner[member])
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    return ParamValidator().validate(description, model.output_shape).generate_report()
