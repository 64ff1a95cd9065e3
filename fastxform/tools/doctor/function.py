"""Rules for the function: time-out, memory, environment, log.

What a sample needs is judged in `traffic`. Invariant: only settings of AWS and of this package are looked at, never
code.
"""

from collections.abc import Iterator

from fastxform.config.model import Spec
from fastxform.errors import nearest
from fastxform.limits import FUNCTION_TIMEOUT_MAX_SECONDS
from fastxform.settings import SETTINGS
from fastxform.tools.doctor.account import Account, AccountDocument
from fastxform.tools.doctor.delivery import member, number, text
from fastxform.tools.lint.finding import Finding

_OLD = tuple(f"python3.{minor}" for minor in range(6, 12))


def function_rules(spec: Spec, account: Account) -> Iterator[Finding]:
    """Yield what is wrong with the function."""
    function = account.function
    if function is None:
        return
    yield from _state(function)
    yield from _timeout(spec, function)
    yield from _environment(function)
    yield from _log(function)
    runtime = text(function.value, "Runtime")
    if runtime in _OLD:
        message = f"{runtime} has a C library that is older than the layer's libraries need: take python3.12 or later"
        yield Finding("error", "old-runtime", function.place("Runtime"), message)


def _state(function: AccountDocument) -> Iterator[Finding]:
    for state, reason, wrong in (
        ("State", "StateReason", ("Failed", "Inactive")),
        ("LastUpdateStatus", "LastUpdateStatusReason", ("Failed",)),
    ):
        if text(function.value, state) in wrong:
            why = text(function.value, reason) or "AWS gives no reason"
            message = f"the function is {text(function.value, state)} ({why}): deploy it again"
            yield Finding("error", "function-failed", function.place(state), message)


def _timeout(spec: Spec, function: AccountDocument) -> Iterator[Finding]:
    timeout = number(function.value, "Timeout")
    if timeout is None:
        return
    place = function.place("Timeout")
    if timeout > FUNCTION_TIMEOUT_MAX_SECONDS:
        message = (
            f"{timeout:g} seconds, and Firehose waits for {FUNCTION_TIMEOUT_MAX_SECONDS} at most: what is put back"
        )
        yield Finding("error", "timeout-too-long", place, f"{message} later is there twice; set it to 300 or less")
    elif spec.overflow.policy == "reingest" and timeout * 1000 <= spec.overflow.reserve_ms:
        message = (
            f"{timeout:g} seconds leave no time to put records back before reserve_ms ({spec.overflow.reserve_ms})"
        )
        yield Finding("error", "timeout-too-short", place, f"{message}: set it to 60")


def _environment(function: AccountDocument) -> Iterator[Finding]:
    variables = member(function.value, "Environment", "Variables")
    for name in variables if isinstance(variables, dict) else ():
        if name.startswith("FASTXFORM_") and name not in SETTINGS:
            message = f"{name} is not a setting, and the function refuses to start with it; {nearest(name, SETTINGS)}"
            yield Finding("error", "setting-unknown", function.place("Environment.Variables"), message)


def _log(function: AccountDocument) -> Iterator[Finding]:
    level = text(function.value, "LoggingConfig", "ApplicationLogLevel")
    if text(function.value, "LoggingConfig", "LogFormat") == "JSON" and level in ("WARN", "ERROR", "FATAL"):
        message = f"Lambda leaves out lines below {level}, and the metrics are such lines: set LogFormat to Text"
        yield Finding("error", "metrics-dropped", function.place("LoggingConfig"), message)
