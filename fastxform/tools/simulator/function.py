"""One invocation of a function as Lambda makes it: bytes in, bytes out, errors as data.

Here is what the service does around a handler (limits of both payloads, what the Python runtime makes of a returned
value, what an exception becomes); what Firehose makes of the outcome is in `firehose`. Time limits are not kept: a
handler runs in this thread to its end. Invariant: whatever a handler returns or raises is an `Invocation`, except
the user's own interrupt.
"""

import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fastxform.limits import FUNCTION_TIMEOUT_MAX_SECONDS, REQUEST_LIMIT_BYTES, RESPONSE_LIMIT_BYTES

Handler = Callable[[Any, Any], Any]
"""A Lambda handler: (event, context) -> response."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context object of one invocation, with the members that handlers read."""

    aws_request_id: str
    invoked_function_arn: str
    function_name: str = "transform"
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "1769"
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Firehose would give up."""
        spent = time.monotonic() - self.started
        return max(0, int((FUNCTION_TIMEOUT_MAX_SECONDS - spent) * 1000))


@dataclass(frozen=True, slots=True)
class Invocation:
    """The outcome of one invocation: a payload, or Firehose's error code with a detail of one line for the user."""

    payload: bytes = b""
    error_code: str = ""
    detail: str = ""


Invoke = Callable[[bytes, Context], Invocation]
"""What a stream calls; faults are injected by wrapping one in another."""


def lambda_function(handler: Handler, *, event_as_dict: bool = False) -> Invoke:
    """Return the function that has this handler.

    Args:
        handler: takes the event and the context; returns bytes, sent as they are, or what the runtime can encode.
        event_as_dict: decode the event first, as the runtime does where no codec replaces its own.
    """

    def invoke(event: bytes, context: Context) -> Invocation:
        if len(event) > REQUEST_LIMIT_BYTES:
            detail = f"the event has {len(event)} bytes, a request holds {REQUEST_LIMIT_BYTES}"
            return Invocation(error_code="Lambda.InvocationFailure", detail=detail)
        try:
            payload = _encode(handler(json.loads(event) if event_as_dict else event, context))
        except (Exception, SystemExit) as error:
            return Invocation(error_code="Lambda.FunctionError", detail=_where(error))
        if len(payload) > RESPONSE_LIMIT_BYTES:
            detail = f"Function.ResponseSizeTooLarge: {len(payload)} bytes, a response holds {RESPONSE_LIMIT_BYTES}"
            return Invocation(error_code="Lambda.FunctionError", detail=detail)
        return Invocation(payload)

    return invoke


def _encode(response: Any) -> bytes:
    """Return the bytes that the Python runtime sends for this value."""
    if isinstance(response, bytes):
        return response
    return json.dumps(response, default=_encode_value, ensure_ascii=False).encode()


def _encode_value(value: object) -> str:
    """Bytes inside a response are decoded, as the runtime does; nothing else is let through."""
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"a {type(value).__name__} cannot be part of a response")


_PACKAGE: Final = str(Path(__file__).parent)


def _where(error: BaseException) -> str:
    """Return the type of an exception and the line that raised it, never its text, which may quote a record."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_PACKAGE)]
    location = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"the function raised {type(error).__name__}{location}"
