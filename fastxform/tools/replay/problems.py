"""What AWS or botocore had against a call, as one line with what to do about it.

The judgement (again, never, in doubt) is `put_api`'s. Invariant: one short line, without control characters.
"""

from collections.abc import Mapping
from typing import Final

from fastxform.puts.api import Target

_MESSAGE_LIMIT_CHARACTERS: Final = 300

_CREDENTIALS: Final = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_UNREACHABLE: Final = "the endpoint of {service} in {region} cannot be reached: see the network and AWS_REGION"
_ACTIONS: Final = {"firehose": "firehose:PutRecordBatch", "kinesis": "kinesis:PutRecords"}

_REMEDIES: Final = {
    "NoCredentialsError": f"there are no AWS credentials: {_CREDENTIALS}",
    "PartialCredentialsError": f"the AWS credentials are not complete: {_CREDENTIALS}",
    "CredentialRetrievalError": f"the AWS credentials cannot be had: {_CREDENTIALS}",
    "TokenRetrievalError": "the sign-in of the profile has expired: run `aws sso login`",
    "SSOTokenLoadError": "the sign-in of the profile has expired: run `aws sso login`",
    "UnauthorizedSSOTokenError": "the sign-in of the profile has expired: run `aws sso login`",
    "ProfileNotFound": "the profile of AWS_PROFILE is in no configuration file of AWS",
    "NoRegionError": "there is no AWS region: set AWS_REGION, or name the stream by its ARN",
    "ExpiredTokenException": "the AWS credentials have expired: renew them and run this again",
    "UnrecognizedClientException": f"the AWS credentials are not accepted: {_CREDENTIALS}",
    "InvalidSignatureException": f"the AWS credentials are not accepted: {_CREDENTIALS}",
    "InvalidClientTokenId": f"the AWS credentials are not accepted: {_CREDENTIALS}",
    "ResourceNotFoundException": "there is no such stream in {region}: see its name and AWS_REGION",
    "AccessDeniedException": "access denied: the credentials need {action} on the stream",
    "InvalidSourceException": "the stream takes records from CloudWatch Logs only",
    "EndpointConnectionError": _UNREACHABLE,
    "ConnectTimeoutError": _UNREACHABLE,
    "ReadTimeoutError": "the endpoint of {service} in {region} does not answer in time",
    "CallTimeout": "the answers of {service} in {region} do not end in time",
    "SSLError": "the certificate of the endpoint is not trusted: see AWS_CA_BUNDLE",
}


def explain(error: BaseException | None, code: str, target: Target) -> str:
    """Return one line on the failure of a call.

    Args:
        error: Its exception; None where an answer could not be believed.
        code: One word for it.
        target: The stream.
    """
    text = _message(error)
    if "not permitted" in text:
        return f"{target.name}: the stream takes no puts, it reads a Kinesis stream: put to kinesis:NAME ({text})"
    region = target.region or "the region of the environment"
    remedy = _REMEDIES.get(code)
    if remedy is None:
        return f"{target.name}: {code}{': ' + text if text else ''}"
    line = remedy.format(region=region, service=target.service, action=_ACTIONS[target.service])
    return f"{target.name}: {line} ({code})"


def _message(error: BaseException | None) -> str:
    """Return what the exception says, cut to one short line."""
    response = getattr(error, "response", None)
    detail = response.get("Error") if isinstance(response, Mapping) else None
    text = str(detail.get("Message") or "") if isinstance(detail, Mapping) else str(error or "")
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())[:_MESSAGE_LIMIT_CHARACTERS]
