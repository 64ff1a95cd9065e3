"""What Lambda's context says, asked so that nothing it does can end an invocation.

A context may be None, an object of a test or of another runtime, and whatever it holds may raise. Invariant: what is no
text or no number of milliseconds is not there.
"""

import time
from collections.abc import Callable
from typing import Any, Final

TRANSFORM_RESERVE_MS: Final = 1_000
"""What is left of an invocation when no other part of its batch is begun: for the response, ours."""


def text_of(context: Any, name: str) -> Any:
    """Return an attribute of a context; None where there is none or it raises."""
    try:
        return getattr(context, name, None)
    except Exception:  # a property of somebody else's: what it is asked for is not needed for the answer
        return None


def remaining_ms(context: Any) -> Callable[[], int] | None:
    """Return what tells the milliseconds that are left; None where nothing ends the invocation."""
    ask = text_of(context, "get_remaining_time_in_millis")
    if not callable(ask) or _asked(ask) is None:
        return None
    return lambda: _asked(ask) or 0


def stop_ns(context: Any) -> int | None:
    """Return when no other part of a batch is begun, by `time.monotonic_ns`; None where nothing ends the invocation."""
    ask = text_of(context, "get_remaining_time_in_millis")
    left_ms = _asked(ask) if callable(ask) else None
    return None if left_ms is None else time.monotonic_ns() + (left_ms - TRANSFORM_RESERVE_MS) * 1_000_000


def _asked(ask: Callable[[], Any]) -> int | None:
    try:
        left_ms = ask()
    except Exception:  # as above
        return None
    return int(left_ms) if isinstance(left_ms, (int, float)) and abs(left_ms) < _ENDLESS_MS else None


_ENDLESS_MS: Final = 1e12
"""Not a number and infinity are no time either."""
