"""Rules for roles: what the stream, the function and producers have to be allowed, each with its remedy.

A need is a row: who, which action, on what, with which conditions known. Invariant: a role that was not given is not
judged; what a role may beyond its needs is not a finding.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fastxform.config.model import Spec
from fastxform.tools.doctor import policy
from fastxform.tools.doctor.account import Account, Role, name_of, statements
from fastxform.tools.doctor.delivery import DescribedStream, literal, member, text
from fastxform.tools.lint.finding import Finding


@dataclass(frozen=True)
class Need:
    """One permission that somebody needs, and what fails without it."""

    code: str
    action: str
    resource: str
    without: str
    context: Mapping[str, str] = field(default_factory=dict)


def permission_rules(spec: Spec, account: Account, stream: DescribedStream) -> Iterator[Finding]:
    """Yield the permissions that are missing."""
    yield from _lacking(account.role(stream.invoke_role_arn), _invoke(stream))
    yield from _lacking(account.role(stream.role_arn), _deliver(stream))
    yield from _lacking(account.role(stream.kinesis_role_arn), _read(account, stream))
    yield from _trust(account, stream.role_arn, "firehose.amazonaws.com", stream)
    if stream.invoke_role_arn != stream.role_arn:
        yield from _trust(account, stream.invoke_role_arn, "firehose.amazonaws.com", stream)
    yield from _resource_policy(account, stream)
    function_role = text(account.function.value, "Role") if account.function is not None else ""
    yield from _lacking(account.role(function_role), _run(spec, account, stream))
    yield from _trust(account, function_role, "lambda.amazonaws.com", stream)
    known = {name_of(arn) for arn in (stream.role_arn, stream.invoke_role_arn, stream.kinesis_role_arn, function_role)}
    for role in account.roles.values():
        # Without the function its role is not known, and could be any of them.
        if role.name not in known and role.files and function_role and not (stream.kinesis_arn or stream.is_msk):
            yield from _producer(role, stream)


def _lacking(role: Role | None, needs: Iterable[Need]) -> Iterator[Finding]:
    if role is None:
        return
    # One finding a matter: the actions on a resource that belong together.
    missing: dict[tuple[str, str, str], list[str]] = {}
    for need in needs:
        if need.resource and not policy.allows(role.statements, need.action, need.resource, need.context):
            missing.setdefault((need.code, need.resource, need.without), []).append(need.action)
    for (code, resource, without), actions in missing.items():
        message = f"the role may not {', '.join(actions)} on {resource}, so {without}: allow it"
        yield Finding("error", code, role.place(), message)


def _invoke(stream: DescribedStream) -> Iterator[Need]:
    for action in ("lambda:InvokeFunction", "lambda:GetFunctionConfiguration"):
        yield Need("stream-cannot-invoke", action, stream.lambda_arn, "each batch fails and goes to the error prefix")


def _deliver(stream: DescribedStream) -> Iterator[Need]:
    bucket = text(stream.s3, "BucketARN")
    prefixes = ["ErrorOutputPrefix"] if stream.kind != "s3" else ["Prefix", "ErrorOutputPrefix"]
    if bucket:
        for action in ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"):
            yield Need("stream-cannot-write", action, bucket, "nothing is written to the bucket")
        for name in prefixes:
            key = f"{bucket}/{literal(text(stream.s3, name))}object"
            for action in ("s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject"):
                yield Need("stream-cannot-write", action, key, "nothing is written there")
            context = {
                "kms:viaservice": f"s3.{stream.region}.amazonaws.com",
                "kms:encryptioncontext:aws:s3:arn": key,
            }
            for action in ("kms:GenerateDataKey", "kms:Decrypt"):
                yield Need("stream-cannot-use-key", action, stream.bucket_key_arn, "nothing is written there", context)
    group = text(stream.destination, "CloudWatchLoggingOptions", "LogGroupName")
    if group and member(stream.destination, "CloudWatchLoggingOptions", "Enabled") is True:
        name = text(stream.destination, "CloudWatchLoggingOptions", "LogStreamName")
        arn = f"arn:{stream.partition}:logs:{stream.region}:{stream.account}:log-group:{group}:log-stream:{name}"
        yield Need("stream-cannot-log", "logs:PutLogEvents", arn, "nothing says why a batch or a delivery failed")
    if stream.kind == "iceberg":
        yield from _commit(stream)


def _commit(stream: DescribedStream) -> Iterator[Need]:
    catalog = text(stream.destination, "CatalogConfiguration", "CatalogARN")
    root = ":".join(catalog.split(":")[:5])
    inner = catalog.partition(":catalog/")[2]  # of a table bucket: s3tablescatalog/NAME
    listed = member(stream.destination, "DestinationTableConfigurationList")
    for one in listed if isinstance(listed, list) and catalog else ():
        names = f"{text(one, 'DestinationDatabaseName')}/{text(one, 'DestinationTableName')}"
        table = f"{root}:table/{inner + '/' if inner else ''}{names}"
        for action in ("glue:GetTable", "glue:UpdateTable"):
            yield Need("stream-cannot-commit", action, table, "its rows go to the error bucket")
    if catalog:
        yield Need("stream-cannot-commit", "glue:GetTable", catalog, "rows go to the error bucket")
    if inner.startswith("s3tablescatalog/"):
        yield Need("stream-cannot-commit", "lakeformation:GetDataAccess", "*", "it gets no credentials for the tables")


def _read(account: Account, stream: DescribedStream) -> Iterator[Need]:
    for action in ("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"):
        yield Need("stream-cannot-read-source", action, stream.kinesis_arn, "nothing arrives")
    key, context = _source_key(account, stream)
    yield Need("stream-cannot-use-key", "kms:Decrypt", key, "nothing arrives", context)


def _source_key(account: Account, stream: DescribedStream) -> tuple[str, Mapping[str, str]]:
    """Return the customer key of the Kinesis source, where its description names one by its ARN, and how it is used."""
    key = text(account.source.value, "KeyId") if account.source is not None else ""
    context = {
        "kms:viaservice": f"kinesis.{stream.region}.amazonaws.com",
        "kms:encryptioncontext:aws:kinesis:arn": stream.kinesis_arn,
    }
    return (key if key.startswith("arn:") and ":key/" in key else ""), context


def _run(spec: Spec, account: Account, stream: DescribedStream) -> Iterator[Need]:
    group = text(account.function.value, "LoggingConfig", "LogGroup") if account.function is not None else ""
    if group:
        arn = f"arn:{stream.partition}:logs:{stream.region}:{stream.account}:log-group:{group}:log-stream:any"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield Need("function-cannot-log", action, arn, "there are neither metrics nor reasons")
    if spec.overflow.policy != "reingest" or spec.overflow.stream is not None or stream.is_msk:
        return
    arn = text(account.function.value, "FunctionArn") if account.function is not None else stream.lambda_arn
    context = {"lambda:sourcefunctionarn": ":".join(arn.split(":")[:7])}
    lost = "what does not fit a response fails and goes to the error prefix"
    if stream.kinesis_arn:
        yield Need("function-cannot-put-back", "kinesis:PutRecords", stream.kinesis_arn, lost, context)
        key, key_context = _source_key(account, stream)
        yield Need("function-cannot-use-key", "kms:GenerateDataKey", key, lost, {**context, **key_context})
    else:
        yield Need("function-cannot-put-back", "firehose:PutRecordBatch", stream.arn, lost, context)
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            yield Need("function-cannot-use-key", action, stream.key_arn, lost, context)


def _producer(role: Role, stream: DescribedStream) -> Iterator[Finding]:
    if not any(
        policy.allows(role.statements, action, stream.arn, {})
        for action in ("firehose:PutRecord", "firehose:PutRecordBatch")
    ):
        message = f"{role.name} may neither firehose:PutRecord nor firehose:PutRecordBatch on {stream.arn}: allow it"
        yield Finding("error", "caller-cannot-put", role.place(), message)
        return
    yield from _lacking(
        role,
        (
            Need("caller-cannot-use-key", action, stream.key_arn, "its puts into the encrypted stream are refused")
            for action in ("kms:GenerateDataKey", "kms:Decrypt")
        ),
    )


def _trust(account: Account, arn: str, service: str, stream: DescribedStream) -> Iterator[Finding]:
    role = account.roles.get(name_of(arn)) if arn else None
    if role is None or role.trust is None:
        return
    trust = list(statements(role.trust.file, role.trust.value.get("AssumeRolePolicyDocument")))
    context = {
        "sts:externalid": stream.account,
        "aws:sourceaccount": stream.account,
        "aws:sourcearn": stream.arn if service.startswith("firehose") else "",
    }
    if not policy.trusts(trust, service, {key: value for key, value in context.items() if value}):
        message = f"{service} may not assume {role.name}: allow sts:AssumeRole to it"
        remedy = f", with {stream.account} as sts:ExternalId" if service.startswith("firehose") else ""
        yield Finding("error", "trust", role.trust.place("Role.AssumeRolePolicyDocument"), message + remedy)


def _resource_policy(account: Account, stream: DescribedStream) -> Iterator[Finding]:
    parts = stream.lambda_arn.split(":")
    if len(parts) < 7:
        return
    attached = account.function_policy
    own = attached.value["Statement"] if attached is not None else []
    if attached is not None and policy.decides(own, "Deny", "lambda:InvokeFunction", stream.invoke_role_arn):
        message = "the function's own policy denies lambda:InvokeFunction to the role of the stream: take that out"
        yield Finding("error", "invoke-denied", attached.place(), message)
    elif (
        attached is not None
        and parts[4] != stream.account
        and not policy.decides(own, "Allow", "lambda:InvokeFunction", stream.invoke_role_arn)
    ):
        message = (
            f"the function is of account {parts[4]}, the stream of {stream.account}, and the function's own policy"
        )
        remedy = f"allows nothing to {stream.invoke_role_arn}: allow lambda:InvokeFunction to it"
        yield Finding("error", "invoke-other-account", attached.place(), f"{message} {remedy}")
