"""Rules for the function: time-out, memory, environment, log.

What a sample needs is judged in `traffic`. Invariant: only settings of AWS and of this package are looked at, never
code.
"""

from collections.abc import Iterator

from fastxform.config.model import Spec
from fastxform.errors import nearest
from fastxform.limits import FUNCTION_TIMEOUT_MAX_SECONDS
from fastxform.settings import SETTINGS
from fastxform.tools.doctor.account import Account, Found
from fastxform.tools.doctor.delivery import member, number, text
from fastxform.tools.lint.finding import Finding

_OLD = tuple(f"python3.{minor}" for minor in range(6, 12))


def function_rules(spec: Spec, account: Account) -> Iterator[Finding]:
    """Yield what is wrong with the function."""
    found = account.function
    if found is None:
        return
    yield from _state(found)
    yield from _timeout(spec, found)
    yield from _environment(found)
    yield from _log(found)
    runtime = text(found.value, "Runtime")
    if runtime in _OLD:
        message = f"{runtime} has a C library that is older than the layer's libraries need: take python3.12 or later"
        yield Finding("error", "old-runtime", found.place("Runtime"), message)


def _state(found: Found) -> Iterator[Finding]:
    for state, reason, wrong in (
        ("State", "StateReason", ("Failed", "Inactive")),
        ("LastUpdateStatus", "LastUpdateStatusReason", ("Failed",)),
    ):
        if text(found.value, state) in wrong:
            why = text(found.value, reason) or "AWS gives no reason"
            message = f"the function is {text(found.value, state)} ({why}): deploy it again"
            yield Finding("error", "function-failed", found.place(state), message)


def _timeout(spec: Spec, found: Found) -> Iterator[Finding]:
    timeout = number(found.value, "Timeout")
    if timeout is None:
        return
    place = found.place("Timeout")
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


def _environment(found: Found) -> Iterator[Finding]:
    variables = member(found.value, "Environment", "Variables")
    for name in variables if isinstance(variables, dict) else ():
        if name.startswith("FASTXFORM_") and name not in SETTINGS:
            message = f"{name} is not a setting, and the function refuses to start with it; {nearest(name, SETTINGS)}"
            yield Finding("error", "setting-unknown", found.place("Environment.Variables"), message)


def _log(found: Found) -> Iterator[Finding]:
    level = text(found.value, "LoggingConfig", "ApplicationLogLevel")
    if text(found.value, "LoggingConfig", "LogFormat") == "JSON" and level in ("WARN", "ERROR", "FATAL"):
        message = f"Lambda leaves out lines below {level}, and the metrics are such lines: set LogFormat to Text"
        yield Finding("error", "metrics-dropped", found.place("LoggingConfig"), message)
