"""What is known of the Lambda runtime around the function, and the codec put into its client.

The variables of the environment are read here and nowhere else; events, configurations and records are other modules'
business. Invariant: outside Lambda, and where the client offers no codec to replace, nothing is changed and the handler
works with dicts.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from fastxform import telemetry
from fastxform.errors import FastxformError, Mistake
from fastxform.specfile.mistakes import near, nearest, one_line, shown

Spelling = Literal["compact", "runtime_utf8", "runtime_ascii"]
"""How a response is spelt in JSON, by the names of the constants of `cutoff`."""

HANDLER: Final = "fastxform.handler.lambda_handler"
"""The `Handler` of a function that needs no code of its own."""

_PREFIX: Final = "FASTXFORM_"
SETTINGS: Final = ("FASTXFORM_CONFIG", "FASTXFORM_CODEC")
CODECS: Final = ("fastxform", "runtime")
CONFIG_DEFAULT: Final = "fastxform.toml"

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


class Settings(NamedTuple):
    """What the environment says; `mistakes` is empty, or says why it cannot be followed."""

    config: str
    """The configuration file; a relative one lies beside the function."""
    codec: bool
    """Whether events are to arrive as bytes: only where this package's handler is the function's."""
    mistakes: tuple[Mistake, ...]


def settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read every `FASTXFORM_` variable, with every mistake: an unknown name, a value of no setting, no file."""
    unknown = [name for name in sorted(environ) if name.startswith(_PREFIX) and name not in SETTINGS]
    mistakes = [_mistake(name, f"is not a setting; {_right_name(name)}") for name in unknown]
    codec = environ.get("FASTXFORM_CODEC", CODECS[0])
    if codec not in CODECS:
        mistakes.append(_mistake("FASTXFORM_CODEC", f"{shown(codec)} is not a codec; {nearest(codec, CODECS)}"))
    folder = environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
    # `pathlib` would be 4 ms of a cold start.
    config = os.path.join(folder, environ.get("FASTXFORM_CONFIG", CONFIG_DEFAULT))
    if not os.path.isfile(config):
        mistakes.append(_mistake("FASTXFORM_CONFIG", _missing(config, "FASTXFORM_CONFIG" in environ)))
    mistakes += reporting(environ)[1]
    return Settings(config, codec == CODECS[0] and _is_handler(environ), tuple(mistakes))


_YES: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_NO: Final = frozenset({"", "0", "false", "f", "no", "n", "off"})
_DIMENSION_LIMIT: Final = 255
"""Characters of a namespace or a dimension's value: CloudWatch's limit for the first, ours for the second."""


def reporting(environ: Mapping[str, str] = os.environ) -> tuple[telemetry.Settings, list[Mistake]]:
    """Read what is asked of metrics and log, by the names that Powertools for AWS Lambda gave, with every mistake.

    Of Lambda's log level and Powertools' the higher counts: below the first Lambda throws lines away, and the second is
    the way to a quiet log that leaves Lambda's at INFO, as which Lambda takes a line of metrics.
    """
    mistakes: list[Mistake] = []
    disabled = environ.get("POWERTOOLS_METRICS_DISABLED", "").strip().lower()
    if disabled not in _YES | _NO:
        mistakes.append(_mistake("POWERTOOLS_METRICS_DISABLED", f"{shown(disabled)} is neither true nor false"))
    wanted = environ.get("POWERTOOLS_LOG_LEVEL", "").strip().upper() or "INFO"
    if wanted not in telemetry.LEVELS:
        wrong = f"{shown(wanted)} is not a level; {nearest(wanted, telemetry.LEVELS)}"
        mistakes.append(_mistake("POWERTOOLS_LOG_LEVEL", wrong))
    given = environ.get("AWS_LAMBDA_LOG_LEVEL", "").strip().upper()
    known = [level for level in (wanted, given) if level in telemetry.LEVELS]  # Lambda may invent one: then it filters
    namespace = environ.get("POWERTOOLS_METRICS_NAMESPACE", "").strip() or "fastxform"
    if not _is_dimension(namespace) or namespace.startswith("AWS/"):
        wrong = (
            f"{shown(namespace)} is not a namespace: 1 to {_DIMENSION_LIMIT} ASCII characters, not from AWS/ or a colon"
        )
        mistakes.append(_mistake("POWERTOOLS_METRICS_NAMESPACE", wrong))
    name = _service_variable(environ)
    service = environ[name].strip() if name else None
    if name and service and not _is_dimension(service):
        wrong = f"{shown(service)} is not a dimension: 1 to {_DIMENSION_LIMIT} ASCII characters, not from a colon"
        mistakes.append(_mistake(name, wrong))
    level = max(known, key=telemetry.LEVELS.__getitem__, default="INFO")
    return telemetry.Settings(namespace, service, disabled not in _YES, level), mistakes


def _service_variable(environ: Mapping[str, str]) -> str | None:
    """Return the first variable that names the service; None where only the context may."""
    names = ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_NAME")
    return next((name for name in names if environ.get(name, "").strip()), None)


def _is_dimension(text: str) -> bool:
    """Tell whether CloudWatch takes a text as namespace or dimension."""
    return 0 < len(text) <= _DIMENSION_LIMIT and text.isascii() and text.isprintable() and text[0] != ":"


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


def spelling() -> Spelling:
    """Return how a response that is a dict will be spelt; one of bytes is always sent verbatim.

    In the runtime its codec is asked, since its release decides and not the version of Python; elsewhere the
    environment says what a managed runtime would do. What cannot be told is taken as `runtime_ascii`, the longest.
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
_PROBE_SPELLINGS: Final[dict[str, Spelling]] = {
    json.dumps(_PROBE, ensure_ascii=False, separators=(",", ":")): "compact",
    json.dumps(_PROBE, ensure_ascii=False): "runtime_utf8",
    json.dumps(_PROBE): "runtime_ascii",
}


def _clients() -> list[Any]:
    """Return the client classes whose codec can be replaced: none where this process is not the Lambda runtime."""
    module = sys.modules.get(_CLIENT_MODULE)
    classes = [getattr(module, name, None) for name in _CLIENT_CLASSES]
    return [client for client in classes if hasattr(client, "marshaller")]


def _is_handler(environ: Mapping[str, str]) -> bool:
    """Whether the function's handler is this package's: behind a wrapper, which wants a dict, it is not."""
    return environ.get("_HANDLER", "").replace("/", ".") == HANDLER


def _right_name(name: str) -> str:
    suffix = near(name.removeprefix(_PREFIX), [setting.removeprefix(_PREFIX) for setting in SETTINGS])
    return f"did you mean {_PREFIX}{suffix}?" if suffix else f"one of {', '.join(SETTINGS)}"


def _mistake(name: str, message: str) -> Mistake:
    return Mistake(one_line(f"environment {name}"), one_line(message))


def _missing(config: str, is_set: bool) -> str:
    from pathlib import Path

    path = Path(config)
    other = near(path.name, sorted(found.name for found in path.parent.glob("*.toml")))
    if other:
        return f"no such file: {config}; did you mean {other}?"
    return f"no such file: {config}; {'put the configuration there' if is_set else 'set it to your configuration'}"
