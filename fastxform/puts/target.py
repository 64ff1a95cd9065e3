"""The stream that the records of an event go back to.

Whether they go back is decided elsewhere. Invariant: what is no stream of Firehose or Kinesis is no target, and the
answer says why in one line.
"""

import re
from dataclasses import dataclass
from typing import cast

from fastxform.puts.api import Service, Target


@dataclass(frozen=True, slots=True)
class NoTarget:
    """There is nowhere to put records back to: their reason, and why, in one line for the log."""

    why: str
    reason: str = "put_refused"


_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:(firehose):([a-z0-9-]+):\d{12}:deliverystream/([\w.-]{1,64})"
    r"|(kinesis):([a-z0-9-]+):\d{12}:stream/([\w.-]{1,128}))",
    re.ASCII,
)

_FUNCTION_ARN = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:(\d{12}):function:", re.ASCII)

_NAME = re.compile(r"[\w.-]{1,128}", re.ASCII)

_EMULATOR_ACCOUNT = "012345678912"
"""The account of every function under AWS's runtime interface emulator: nobody's."""


def target_of(
    *,
    delivery_stream_arn: str | None = None,
    source_kinesis_stream_arn: str | None = None,
    is_kinesis: bool = False,
    is_msk: bool = False,
    region: str | None = None,
    stream: str | None = None,
    account: str | None = None,
) -> Target | NoTarget:
    """Find the stream that the records of an event go back to; call it only when a record has to.

    Args:
        delivery_stream_arn: The event's `deliveryStreamArn`.
        source_kinesis_stream_arn: The event's `sourceKinesisStreamArn`; some events of a Kinesis source lack it.
        is_kinesis: Whether the records carry `kinesisRecordMetadata`.
        is_msk: Whether the event comes from MSK, which takes nothing back.
        region: The event's `region`.
        stream: The name or ARN of the configuration, which beats those of the event.
        account: The function's own. Firehose is given the name of a stream only, and takes it for one of the caller's:
            where the ARN is of another account, records would go to a stream that they do not come from.
    """
    if is_msk:
        return NoTarget("an MSK source has no stream to put records back to")
    from_kinesis = is_kinesis or source_kinesis_stream_arn is not None
    own_name = "sourceKinesisStreamArn" if from_kinesis else "deliveryStreamArn"
    own = _parse_arn(source_kinesis_stream_arn if from_kinesis else delivery_stream_arn)
    if stream is None:
        if own is None:
            return NoTarget(f"the event's {own_name} is missing or not an ARN of a stream: set overflow.stream")
        return own if _is_reachable(own, account) else NoTarget(f"the event's {own_name} is of another account")
    if stream.startswith("arn:"):
        named = _parse_arn(stream)
        if named is None:
            return NoTarget("overflow.stream is not an ARN of a Firehose or Kinesis stream")
        return named if _is_reachable(named, account) else NoTarget("overflow.stream is of another account")
    return Target("kinesis" if from_kinesis else "firehose", stream, None, own.region if own else region)


def is_stream(text: str) -> bool:
    """Say whether a text is the ARN or the name of a stream."""
    return _parse_arn(text) is not None if text.startswith("arn:") else _NAME.fullmatch(text) is not None


def account_of(function_arn: object) -> str | None:
    """Return the account in a function's ARN, as Lambda's context has it; None where there is none."""
    match = _FUNCTION_ARN.match(function_arn) if isinstance(function_arn, str) else None
    return match[1] if match and match[1] != _EMULATOR_ACCOUNT else None


def _is_reachable(target: Target, account: str | None) -> bool:
    """Say whether a put goes to the stream of a target's ARN: Kinesis is given the ARN, of any account."""
    return target.service == "kinesis" or account is None or f":{account}:" in (target.arn or "")


def _parse_arn(arn: str | None) -> Target | None:
    """Read the ARN of a stream; None if it is not one."""
    match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    if match is None:
        return None
    service, region, name = (group for group in match.groups() if group)
    return Target(cast(Service, service), name, arn, region)
