"""Rules for the delivery stream against the configuration: processing, partitions, what the destination takes.

Permissions are judged in `permissions`, tables in `tables`. Invariant: a rule looks at one matter and yields nothing
where the description does not show it.
"""

from collections.abc import Iterator

from fastxform.config.model import Spec
from fastxform.tools.doctor.account import Account, name_of
from fastxform.tools.doctor.delivery import DescribedStream, member, number, text
from fastxform.tools.lint.finding import Finding


def stream_rules(spec: Spec, config: str, account: Account, stream: DescribedStream) -> Iterator[Finding]:
    """Yield what is wrong with the stream."""
    yield from _processing(stream)
    yield from _invoked(account, stream)
    yield from _retries(stream)
    yield from _conversion(spec, stream)
    yield from _partitions(spec, config, stream)
    yield from _destination(spec, config, stream)
    yield from _logging(stream)


def _processing(stream: DescribedStream) -> Iterator[Finding]:
    place = stream.place("ProcessingConfiguration")
    if stream.kind and stream.processor is None:
        remedy = "enable ProcessingConfiguration with a processor of the type Lambda; Enabled is false unless it is set"
        yield Finding(
            "error", "processing-off", place, f"the stream invokes no function, so records arrive raw: {remedy}"
        )


def _invoked(account: Account, stream: DescribedStream) -> Iterator[Finding]:
    arn = stream.lambda_arn
    if not arn:
        return
    place = stream.place("ProcessingConfiguration.Processors: LambdaArn")
    parts = arn.split(":")
    function, qualifier = ":".join(parts[:7]), parts[7] if len(parts) > 7 else ""
    if account.function is not None:
        described = ":".join(text(account.function.value, "FunctionArn").split(":")[:7])
        if described != function:
            message = f"the stream invokes {name_of(function)}, and {account.function.file} describes {described}"
            yield Finding(
                "error", "other-function", place, f"{message}: have it invoke that one, or describe the other"
            )
            return
    if qualifier in ("", "$LATEST"):
        remedy = "name an alias, so that a version that is not good is left by moving it"
        yield Finding("hint", "no-alias", place, f"the stream invokes whatever was deployed last: {remedy}")
    elif not qualifier.isdecimal() and account.aliases is not None:
        listed = member(account.aliases.value, "Aliases")
        names = [text(alias, "Name") for alias in (listed if isinstance(listed, list) else [])]
        if qualifier not in names:
            there = f"there is {', '.join(names)}" if names else "there is none"
            message = f"the alias {qualifier} is gone ({there}), so each invocation fails: make it, or name another"
            yield Finding("error", "alias-gone", place, message)


def _retries(stream: DescribedStream) -> Iterator[Finding]:
    if number(stream.processor or {}, "NumberOfRetries") == 0:
        place = stream.place("ProcessingConfiguration.Processors: NumberOfRetries")
        message = "one throttled or failed invocation sends its whole batch to the error prefix: leave it at 3"
        yield Finding("warning", "no-retries", place, message)
    if number(stream.destination, "RetryOptions", "DurationInSeconds") == 0:
        place = stream.place("RetryOptions.DurationInSeconds")
        message = (
            "Firehose tries once, and what the destination refuses for a moment is in the error bucket: give it 300"
        )
        yield Finding("warning", "no-retry-time", place, message)


def _conversion(spec: Spec, stream: DescribedStream) -> Iterator[Finding]:
    if (
        member(stream.destination, "DataFormatConversionConfiguration", "Enabled") is True
        and spec.output.format != "json"
    ):
        place = stream.place("DataFormatConversionConfiguration")
        message = (
            f"the stream converts rows of JSON, and the configuration writes {spec.output.format}: each record fails"
        )
        yield Finding("error", "conversion-of-csv", place, f'{message}; set format = "json" in [output]')


def _partitions(spec: Spec, config: str, stream: DescribedStream) -> Iterator[Finding]:
    given, named = [name for name, _ in spec.partition_keys], stream.prefix_keys
    if not given and not named:
        return
    if stream.kind != "s3":
        message = f"partition keys are for S3, and the stream delivers to {stream.kind}: take [partition_keys] out"
        yield Finding("error", "partitions-elsewhere", config, message)
        return
    if not stream.is_partitioned:
        message = "the configuration and the prefix have partition keys, and dynamic partitioning is off"
        remedy = "AWS lets it be enabled when a stream is made only: make another one"
        yield Finding(
            "error", "partitioning-off", stream.place("DynamicPartitioningConfiguration"), f"{message}: {remedy}"
        )
    for name in dict.fromkeys(named):
        if name not in given:
            message = f"the prefix names {name}, which [partition_keys] does not give: each record fails; add it there"
            yield Finding("error", "partition-key-unknown", stream.place(f"{stream.s3_path}Prefix"), message)
    for name in given:
        if name not in named:
            message = (
                f"[partition_keys] gives {name}, which the prefix does not name: add !{{partitionKeyFromLambda:{name}}}"
            )
            yield Finding("error", "partition-key-unused", stream.place(f"{stream.s3_path}Prefix"), message)


def _destination(spec: Spec, config: str, stream: DescribedStream) -> Iterator[Finding]:
    place = stream.place()
    has_tables = any(route.iceberg is not None for route in spec.routes)
    if stream.kind == "iceberg" and spec.output.format != "json":
        message = f'Iceberg takes rows of JSON, and the configuration writes {spec.output.format}: set format = "json"'
        yield Finding("error", "csv-to-iceberg", place, message)
    if has_tables and stream.kind not in ("iceberg", ""):
        message = f"routes of the configuration name Iceberg tables, and the stream delivers to {stream.kind}"
        yield Finding(
            "error", "tables-elsewhere", place, f"{message}: all rows go to one place; attach it to another stream"
        )
    if stream.kind == "opensearch":
        if spec.output.format != "json":
            message = f"OpenSearch takes one JSON document a record, and the configuration writes {spec.output.format}"
            yield Finding("error", "csv-to-opensearch", place, f'{message}: set format = "json" in [output]')
        several = _several_rows(spec)
        if several:
            message = f"OpenSearch takes one document a record, and {several} makes several rows of one"
            yield Finding("error", "rows-to-opensearch", place, f"{message}: each record with more than one is refused")
    decompresses = any(text(processor, "Type") == "Decompression" for processor in stream.processors)
    if decompresses and spec.overflow.policy == "reingest" and spec.overflow.stream is None:
        message = "a stream that decompresses takes puts from CloudWatch Logs only, so nothing can be put back"
        remedy = 'lower BufferSizeInMBs until nothing overflows, and set policy = "fail" in [overflow]'
        yield Finding("warning", "puts-refused", stream.place("ProcessingConfiguration"), f"{message}: {remedy}")


def _several_rows(spec: Spec) -> str:
    """Return what makes several rows of one record, nothing where nothing does."""
    if getattr(spec, "explode", None) is not None:
        return "[explode]"
    if spec.documents == "many":
        return 'documents = "many"'
    return 'source = "cloudwatch-logs"' if spec.source == "cloudwatch-logs" else ""


def _logging(stream: DescribedStream) -> Iterator[Finding]:
    if stream.kind and member(stream.destination, "CloudWatchLoggingOptions", "Enabled") is not True:
        message = "nothing says why Firehose cannot invoke or deliver: name a log group and a stream of it"
        yield Finding("warning", "logging-off", stream.place("CloudWatchLoggingOptions"), message)
