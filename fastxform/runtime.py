"""What is known of the Lambda runtime around the function, and the codec put into its client.

What the environment asks for is in `settings`; events, configurations and records are other modules' business.
Invariant: outside Lambda, and where the client offers no codec to replace, nothing is changed and the handler
works with dicts.
"""

import json
import os
import re
import sys
from typing import Any, Final, Literal, Protocol

from fastxform.errors import FastxformError

SpellingName = Literal["compact", "runtime_utf8", "runtime_ascii"]
"""How a response is spelt in JSON, by the names of the constants of `invocation.budget`."""


_CLIENT_MODULE: Final = "awslambdaric.lambda_runtime_client"
# The second is the client of functions that serve several invocations at once; older releases do not have it.
_CLIENT_CLASSES: Final = ("LambdaRuntimeClient", "LambdaMultiConcurrentRuntimeClient")
_FAULT_MODULE: Final = "awslambdaric.lambda_runtime_exception"


class Marshaller(Protocol):
    """What the runtime client wants of a codec. Source: awslambdaric 4.2.2, `BaseLambdaRuntimeClient.marshaller`."""

    def unmarshal_request(self, request: bytes, content_type: str | None = ...) -> Any:
        """Return the event that the handler gets."""
        ...

    def marshal_response(self, response: Any) -> tuple[str | bytes, str]:
        """Return the body and its content type."""
        ...


class BytesCodec:
    """A codec that hands bytes through: the event arrives as it was sent, a response of bytes leaves verbatim.

    Any other response, a dict of the user's say, goes to the codec that was there before.
    """

    def __init__(self, runtime: Marshaller) -> None:
        self.runtime = runtime

    def unmarshal_request(self, request: bytes, content_type: str | None = "application/json") -> bytes:
        """Return the body as it came, whatever its content type; an empty one too."""
        return request

    def marshal_response(self, response: Any) -> tuple[str | bytes, str]:
        """Return bytes verbatim as `application/json`; the runtime's own codec calls them `application/unknown`."""
        if isinstance(response, bytes):
            return response, "application/json"
        return self.runtime.marshal_response(response)


def install() -> bool:
    """Put the codec into the runtime client, so that the handler gets the event as bytes and may return bytes.

    Called while the handler's module is imported, and more than once without harm; the client looks its codec up at
    each invocation.

    Returns:
        Whether events will be bytes: False outside Lambda and where the client has no codec to replace.
    """
    clients = _clients()
    for client in clients:
        if not isinstance(client.marshaller, BytesCodec):
            client.marshaller = BytesCodec(client.marshaller)
    if not clients and _CLIENT_MODULE in sys.modules:
        # The runtime has imported it; elsewhere it would be 3 ms of a cold start.
        import logging

        logging.getLogger("fastxform").warning(
            "the runtime client has no codec to replace: events stay dicts, with the same results, slower"
        )
    return bool(clients)


def spelling() -> SpellingName:
    """Return how a response that is a dict will be spelt; one of bytes is always sent verbatim.

    In the runtime its codec is asked, since its release decides and not the version of Python; elsewhere the
    environment says what a managed runtime would do. What is not known is taken as `runtime_ascii`, the longest.
    """
    clients = _clients()
    if not clients:
        managed = re.fullmatch(r"AWS_Lambda_python3\.(\d+)", os.environ.get("AWS_EXECUTION_ENV", ""))
        return "runtime_utf8" if managed and int(managed[1]) >= 12 else "runtime_ascii"
    body, _ = clients[0].marshaller.marshal_response(_PROBE)
    text = body.decode() if isinstance(body, bytes) else body
    return _PROBE_SPELLINGS.get(text, "runtime_ascii")


def init_error(error: FastxformError) -> Exception:
    """Return what to raise for an error at init, so that the runtime logs and reports its lines and no traceback.

    Outside the runtime that is the error itself.
    """
    fault: Any = getattr(sys.modules.get(_FAULT_MODULE), "FaultException", None)
    return error if fault is None else fault(type(error).__name__, str(error), [])


_PROBE: Final = {"é": [1, 2]}
_PROBE_SPELLINGS: Final[dict[str, SpellingName]] = {
    json.dumps(_PROBE, ensure_ascii=False, separators=(",", ":")): "compact",
    json.dumps(_PROBE, ensure_ascii=False): "runtime_utf8",
    json.dumps(_PROBE): "runtime_ascii",
}


def _clients() -> list[Any]:
    """Return the client classes whose codec can be replaced: none where this process is not the Lambda runtime."""
    module = sys.modules.get(_CLIENT_MODULE)
    classes = [getattr(module, name, None) for name in _CLIENT_CLASSES]
    return [client for client in classes if hasattr(client, "marshaller")]
