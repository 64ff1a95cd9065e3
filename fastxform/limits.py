"""Every number of AWS that the package relies on: what it counts, in which unit, and where it stands.

Nothing else lives here, and no other module writes such a number down again.
"""

from typing import Final

REQUEST_LIMIT_BYTES: Final = 6_291_456
"""Bytes of a synchronous Lambda request as sent.

Source: Lambda quotas, "6 MB"; the InvokeFunction error text. 2026-11.
"""

RESPONSE_LIMIT_BYTES: Final = 6_291_556
"""Bytes of a synchronous Lambda response as sent, the limit itself included.

Source: aws-lambda-runtime-interface-emulator, `interop/model.go`, `MaxPayloadSize`. 2026-11.
"""

FIREHOSE_RECORD_LIMIT_BYTES: Final = 1_024_000
"""Bytes of one Firehose record, raw, before base64. Source: Firehose API `Record.Data`. 2026-11."""

FIREHOSE_BATCH_LIMIT_BYTES: Final = 4_194_304
"""Raw bytes of all records of one PutRecordBatch. Source: Firehose quotas, "4 MiB per call". 2026-11."""

FIREHOSE_BATCH_LIMIT_RECORDS: Final = 500
"""Records of one PutRecordBatch. Source: Firehose API `PutRecordBatch`. 2026-11."""

KINESIS_RECORD_LIMIT_BYTES: Final = 1_048_576
"""Bytes of one Kinesis record, data and partition key, at the default `MaxRecordSizeInKiB`.

Source: Kinesis API `PutRecords`. 2026-11.
"""

KINESIS_RECORD_LARGEST_BYTES: Final = 10_485_760
"""Bytes of one Kinesis record, data and partition key, at the largest `MaxRecordSizeInKiB` that a stream can have.

Source: Kinesis API `PutRecords`, `UpdateMaxRecordSize`. 2026-11.
"""

KINESIS_BATCH_LIMIT_BYTES: Final = 5_242_880
"""Bytes of all records of one PutRecords, data and partition keys: the older, smaller limit, safe everywhere.

Source: Kinesis API `PutRecords`. 2026-11.
"""

KINESIS_BATCH_LIMIT_RECORDS: Final = 500
"""Records of one PutRecords. Source: Kinesis API `PutRecords`. 2026-11."""

KINESIS_PARTITION_KEY_LIMIT_CHARACTERS: Final = 256
"""Characters of one partition key, at least 1. Source: Kinesis API `PutRecords`. 2026-11."""

KINESIS_SHARD_LIMIT_RECORDS_PER_SECOND: Final = 1_000
KINESIS_SHARD_LIMIT_BYTES_PER_SECOND: Final = 1_000_000
"""What one shard takes from all its writers. Source: Kinesis quotas, "1 MB per second". 2026-11."""

FIREHOSE_STREAM_LIMIT_RECORDS_PER_SECOND: Final = 100_000
FIREHOSE_STREAM_LIMIT_BYTES_PER_SECOND: Final = 1_048_576
"""What one Direct PUT stream takes from all its writers where that is least. Source: Firehose quotas. 2026-11."""

INVOCATION_RETRIES: Final = 3
"""Invocations that Firehose makes again after a failed one, by default.

Source: Firehose, data transformation failure handling. 2026-11.
"""

BUFFER_SIZE_MIN_MB: Final = 0.2
BUFFER_SIZE_MAX_MB: Final = 3.0
BUFFER_SIZE_DEFAULT_MB: Final = 1.0
"""Lambda buffer size hint, MiB of raw data. Source: Firehose, data transformation. 2026-11."""

BUFFER_INTERVAL_MAX_SECONDS: Final = 900
BUFFER_INTERVAL_DEFAULT_SECONDS: Final = 60
"""Lambda buffer interval hint. Source: Firehose, data transformation. 2026-11."""

FUNCTION_TIMEOUT_MAX_SECONDS: Final = 300
"""The longest invocation that Firehose waits for. Source: Firehose, data transformation. 2026-11."""

LAMBDA_PROCESSOR_MB: Final = 1_769
"""Memory with which a function has one whole processor. Source: Lambda, configure function memory. 2026-11."""

FUNCTION_UNPACKED_LIMIT_BYTES: Final = 250 * 1024 * 1024
"""Bytes of a function and its layers, unpacked. Source: Lambda quotas, "250 MB". 2026-11."""

FIREHOSE_BILLING_STEP_BYTES: Final = 5 * 1024
"""Bytes to which each record is rounded up in the bill. Source: Firehose quotas; Firehose pricing. 2026-11."""

RETRIES_MAX: Final = 300
"""The most `NumberOfRetries` of a stream of this machine, ours: AWS checks no range."""

OBJECT_SIZE_MIN_MB: Final = 1
OBJECT_SIZE_MAX_MB: Final = 128
"""S3 buffering hint, MiB of one object. Source: Firehose API `BufferingHints.SizeInMBs`. 2026-11."""

OBJECT_INTERVAL_MAX_SECONDS: Final = 900
"""S3 buffering hint, age of one object. Source: Firehose API `BufferingHints.IntervalInSeconds`. 2026-11."""

OBJECT_SIZE_DEFAULT_BYTES: Final = 5 * 1024 * 1024
"""S3 buffering hint, bytes of one object. Source: Firehose API `BufferingHints.SizeInMBs`, default 5. 2026-11."""

OBJECT_INTERVAL_DEFAULT_SECONDS: Final = 300
"""S3 buffering hint, age of one object. Source: as above, `IntervalInSeconds`, default 300. 2026-11."""

ACTIVE_PARTITIONS_LIMIT: Final = 500
"""Active partitions of a stream, by default; what comes for one more goes to the error prefix.

Source: Firehose quotas; Firehose, dynamic partitioning, buffering. 2026-11.
"""

DOCUMENT_DEPTH_LIMIT: Final = 512
"""Nested objects and lists in one record, ours: a real DynamoDB item nests 32 deep."""

DECOMPRESSED_LIMIT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of one record after decompression, ours: more than twice of what a response can hold."""

RECORD_ROWS_LIMIT: Final = 100_000
"""Rows of one record, documents or log events, ours: a real CloudWatch Logs message holds some thousands."""

RECORD_VALUES_LIMIT: Final = 500_000
"""Values of one record, members and elements, that are made Python objects all at once, ours: for JMESPath, look-ups in
lists and DynamoDB's attribute values. No record of 1 MB has more."""

PARSED_TEXT_LIMIT_CHARACTERS: Final = 1_048_576
"""Characters of a text that `[parse]` reads as anything but JSON, ours: a record of Firehose has no more."""

RECORD_WRITTEN_LIMIT_BYTES: Final = 6_000_000
"""Bytes that the rows of one record are written as, ours: more can be in no response."""

PART_WRITTEN_LIMIT_BYTES: Final = 24_000_000
"""Bytes that the rows of a part are written as, ours: with more its records are worked in halves."""

PART_UNPACKED_LIMIT_BYTES: Final = 16 * 1024 * 1024
PART_ROWS_LIMIT: Final = 100_000
"""What compressed records unpack to, and the rows of records that may have several, after which a part of a batch is
worked before the next record is unpacked, ours: with it at most 256 MB are in hand."""
