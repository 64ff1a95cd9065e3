"""Functions that run elsewhere: behind the Invoke path of AWS's runtime interface emulator, or what speaks like it.

One call over HTTP and the meaning of its answer; who starts the function, and starts it again, stands outside.
Invariant: every outcome is an `Invocation`, and a request over Lambda's limit is not sent, since the emulator would cut
it short without a word.
"""

import json
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from fastxform.limits import FUNCTION_TIMEOUT_MAX_SECONDS, REQUEST_LIMIT_BYTES
from fastxform.tools.simulator.function import Invocation

PATH: Final = "/2015-03-31/functions/function/invocations"
"""Where the emulator takes events."""

_TIMED_OUT: Final = b"Task timed out after "


def invoke(url: str, event: bytes, timeout_seconds: float = FUNCTION_TIMEOUT_MAX_SECONDS) -> Invocation:
    """Invoke the function behind `url` (see `PATH`) and say what came of it."""
    if len(event) > REQUEST_LIMIT_BYTES:
        detail = f"the event has {len(event)} bytes, a request holds {REQUEST_LIMIT_BYTES}"
        return Invocation(error_code="Lambda.InvocationFailure", detail=detail)
    request = Request(url, data=event, method="POST", headers={"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=timeout_seconds) as response:
            return _judge(response.read())
    except HTTPError as error:
        with error:
            return _function_error(error.read())
    except TimeoutError:
        return Invocation(error_code="Lambda.FunctionRequestTimedOut", detail="the function did not answer in time")
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        return Invocation(
            error_code="Lambda.InvocationFailure", detail=f"the connection failed: {type(reason).__name__}"
        )


def _judge(body: bytes) -> Invocation:
    """Tell a response from the errors that come with status 200."""
    if body.startswith(_TIMED_OUT):
        return Invocation(error_code="Lambda.FunctionTimedOut", detail=body.decode(errors="replace"))
    if b'"errorType"' in body[:65_536] and b'"records"' not in body[:65_536]:
        return _function_error(body)
    return Invocation(body)


def _function_error(body: bytes) -> Invocation:
    """Name the type of a function's error, never its message, which may quote a record."""
    try:
        kind = json.loads(body)["errorType"]
    except (ValueError, TypeError, KeyError):
        kind = "an unknown error"
    return Invocation(error_code="Lambda.FunctionError", detail=f"the function failed: {kind}")
