"""The environment of the function, read once: `FASTXFORM_*` and the variables of Powertools for AWS Lambda.

No other module reads a setting out of the environment. Invariant: every mistake is reported, with the nearest right
name, and an unknown `FASTXFORM_` variable is one.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from fastxform.errors import Mistake, near, nearest, one_line, shown

HANDLER: Final = "fastxform.handler.lambda_handler"
"""The `Handler` of a function that needs no code of its own."""

_PREFIX: Final = "FASTXFORM_"
SETTINGS: Final = ("FASTXFORM_CONFIG", "FASTXFORM_CODEC", "FASTXFORM_KERNEL")
CODECS: Final = ("fastxform", "runtime")
KERNEL_CHOICES: Final = ("1", "0")
"""Whether the native kernel is used: by default where the package has one."""
CONFIG_DEFAULT: Final = "fastxform.toml"
LEVELS: Final[dict[str, int]] = {
    "TRACE": 5,
    "DEBUG": 10,
    "INFO": 20,
    "WARN": 30,
    "WARNING": 30,
    "ERROR": 40,
    "FATAL": 50,
    "CRITICAL": 50,
}
"""The levels of Lambda and of Python's `logging`, by their rank."""


class ReportSettings(NamedTuple):
    """What the environment asks of metrics and logs."""

    namespace: str = "fastxform"
    service: str | None = None
    """None: the function's name, as its context says."""
    has_metrics: bool = True
    level: str = "INFO"
    """Lines below it are not written."""


class Settings(NamedTuple):
    """What the environment says; `mistakes` is empty, or says why it cannot be followed."""

    config: str
    """The configuration file; a relative one lies beside the function."""
    codec: bool
    """Whether events are to arrive as bytes: only where this package's handler is the function's."""
    mistakes: tuple[Mistake, ...]


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read every `FASTXFORM_` variable, with every mistake: an unknown name, a value of no setting, no file."""
    unknown = [name for name in sorted(environ) if name.startswith(_PREFIX) and name not in SETTINGS]
    mistakes = [_mistake(name, f"is not a setting; {_right_name(name)}") for name in unknown]
    codec = environ.get("FASTXFORM_CODEC", CODECS[0])
    if codec not in CODECS:
        mistakes.append(_mistake("FASTXFORM_CODEC", f"{shown(codec)} is not a codec; {nearest(codec, CODECS)}"))
    kernel = environ.get("FASTXFORM_KERNEL", KERNEL_CHOICES[0])
    if kernel not in KERNEL_CHOICES:
        mistakes.append(_mistake("FASTXFORM_KERNEL", f"{shown(kernel)} is neither 1 nor 0"))
    folder = environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
    # `pathlib` would be 4 ms of a cold start.
    config = os.path.join(folder, environ.get("FASTXFORM_CONFIG", CONFIG_DEFAULT))
    if not os.path.isfile(config):
        mistakes.append(_mistake("FASTXFORM_CONFIG", _missing(config, "FASTXFORM_CONFIG" in environ)))
    mistakes += report_settings(environ)[1]
    return Settings(config, codec == CODECS[0] and _is_handler(environ), tuple(mistakes))


_YES: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_NO: Final = frozenset({"", "0", "false", "f", "no", "n", "off"})
_LAMBDA: Final = ("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME")
"""The variables by which a function knows that it runs in Lambda, or under its emulator."""

_QUIET: Final = "ERROR"
"""The level outside of Lambda: a fault of this package is still logged."""

_DIMENSION_LIMIT: Final = 255
"""Characters of a namespace or a dimension's value: CloudWatch's limit for the first, ours for the second."""


def report_settings(
    environ: Mapping[str, str] = os.environ, *, reports: bool | None = None
) -> tuple[ReportSettings, list[Mistake]]:
    """Read what is asked of metrics and log, by the names that Powertools for AWS Lambda gave, with every mistake.

    Outside of Lambda, in a notebook or a test, nothing is written but what a variable asks for: metrics by
    POWERTOOLS_METRICS_NAMESPACE or POWERTOOLS_METRICS_DISABLED=false, the log by POWERTOOLS_LOG_LEVEL. `reports` says
    whether it is as in Lambda; None is what the environment tells.

    Of Lambda's log level and Powertools' the higher counts: below the first Lambda throws lines away, and the second is
    the way to a quiet log that leaves Lambda's at INFO, as which Lambda takes a line of metrics.
    """
    mistakes: list[Mistake] = []
    disabled = environ.get("POWERTOOLS_METRICS_DISABLED", "").strip().lower()
    if disabled not in _YES | _NO:
        mistakes.append(_mistake("POWERTOOLS_METRICS_DISABLED", f"{shown(disabled)} is neither true nor false"))
    in_lambda = any(environ.get(name) for name in _LAMBDA) if reports is None else reports
    is_asked = bool(disabled) or bool(environ.get("POWERTOOLS_METRICS_NAMESPACE", "").strip())
    wanted = environ.get("POWERTOOLS_LOG_LEVEL", "").strip().upper() or ("INFO" if in_lambda else _QUIET)
    if wanted not in LEVELS:
        wrong = f"{shown(wanted)} is not a level; {nearest(wanted, LEVELS)}"
        mistakes.append(_mistake("POWERTOOLS_LOG_LEVEL", wrong))
    given = environ.get("AWS_LAMBDA_LOG_LEVEL", "").strip().upper()
    known = [level for level in (wanted, given) if level in LEVELS]  # Lambda may invent one: then it filters
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
    level = max(known, key=LEVELS.__getitem__, default="INFO")
    return ReportSettings(namespace, service, disabled not in _YES and (in_lambda or is_asked), level), mistakes


def _service_variable(environ: Mapping[str, str]) -> str | None:
    """Return the first variable that names the service; None where only the context may."""
    names = ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_NAME")
    return next((name for name in names if environ.get(name, "").strip()), None)


def _is_dimension(text: str) -> bool:
    """Tell whether CloudWatch takes a text as namespace or dimension."""
    return 0 < len(text) <= _DIMENSION_LIMIT and text.isascii() and text.isprintable() and text[0] != ":"


def is_lambda(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this process is one of Lambda's."""
    return any(environ.get(name) for name in _LAMBDA)


def kernel_is_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the native kernel may be used, where the package has one."""
    return environ.get("FASTXFORM_KERNEL", KERNEL_CHOICES[0]) != "0"


def secret(name: str, environ: Mapping[str, str] = os.environ) -> bytes | None:
    """Return what a variable that a configuration names holds, as bytes; None where it is not there, or empty."""
    return os.fsencode(environ.get(name, "")) or None


def secret_mistakes(
    names: Iterable[str], environ: Mapping[str, str] = os.environ, *, is_executor: bool = False
) -> list[Mistake]:
    """Return a mistake for each variable that a configuration needs and that is not there.

    Args:
        names: the variables.
        environ: the environment.
        is_executor: the environment is that of an executor of Spark, which has none of the driver's.
    """
    remedy = "hmac_sha256 takes its key from it; "
    remedy += "for executors set spark.executorEnv.{name}" if is_executor else "set it for the function, or here"
    return [
        _mistake(name, f"{'is empty' if name in environ else 'is not set'}; {remedy.format(name=name)}")
        for name in sorted(set(names))
        if secret(name, environ) is None
    ]


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
    other = near(path.name, sorted(file.name for file in path.parent.glob("*.toml")))
    if other:
        return f"no such file: {config}; did you mean {other}?"
    return f"no such file: {config}; {'put the configuration there' if is_set else 'set it to your configuration'}"
