"""What goes wrong with puts and invocations on this machine: a closed list of faults, chosen from a seed.

Here a fault is read from its text and chosen; what it does to a call is in `client`, to an invocation in
`broken_function`. Invariant: the same seed gives the same fault to the n-th call, entry and invocation.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fastxform.errors import ConfigError, Mistake
from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.simulator.function import Context, Invocation, Invoke

KINDS: Final = {
    "entries": "a SHARE of the entries fails inside a reply with status 200",
    "throttle": "a SHARE of the calls is refused as too fast, nothing is taken",
    "server-error": "a SHARE of the calls fails with status 500, nothing is taken",
    "reset-before": "a SHARE of the calls loses its connection, nothing is taken",
    "reset-after": "a SHARE of the calls loses its connection after every record was taken",
    "half": "a SHARE of the calls loses its connection after half of the records was taken",
    "slow": "a call takes MS milliseconds of simulated time",
    "refuse": "the stream takes no puts",
    "timeout": "a SHARE of the invocations runs out of time after its puts",
    "crash": "a SHARE of the invocations dies after its puts",
}
"""Every fault, by the name that the command knows it by; calls are those that put records back."""


def form(name: str) -> str:
    """Return how a fault is written, as in `throttle:SHARE`."""
    return {"slow": "slow:MS", "refuse": "refuse"}.get(name, f"{name}:SHARE")


_CALLS: Final = ("throttle", "server-error", "reset-before", "reset-after", "half")
_INVOCATIONS: Final = {
    "timeout": Invocation(error_code="Lambda.FunctionTimedOut", detail="fault: the function ran out of time"),
    "crash": Invocation(error_code="Lambda.FunctionError", detail="fault: the function died"),
}
_SLOW_MAX_MS: Final = 900_000
_STEPS: Final = 1 << 32

# Draws of -1 and -2 are the stream's and the delivery's own.
_CALL_DRAWS, _ENTRY_DRAWS, _INVOCATION_DRAWS = range(-12, -9)
_DRAW_STRIDE: Final = 16


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, and how often; without arguments nothing does.

    Attributes:
        shares: Share from 0 to 1 for each fault that has one.
        slow_ms: What every call takes.
        refuse: Whether the stream takes no puts.
        seed: Of every rng.
    """

    shares: dict[str, float] = field(default_factory=dict)
    slow_ms: float = 0.0
    refuse: bool = False
    seed: int = 0

    def of_call(self, number: int) -> str | None:
        """Return the fault of the call with this number."""
        return self._one_of(_CALLS, number, _CALL_DRAWS)

    def of_entries(self, number: int, count: int) -> set[int]:
        """Return which entries of the call with this number fail."""
        bound = self._steps("entries")
        if not bound:
            return set()
        rng = self._rng(number, _ENTRY_DRAWS)
        return {index for index in range(count) if rng.below(_STEPS) < bound}

    def of_invocation(self, number: int) -> str | None:
        """Return the fault of the invocation with this number."""
        return self._one_of(tuple(_INVOCATIONS), number, _INVOCATION_DRAWS)

    def _one_of(self, names: Sequence[str], number: int, family: int) -> str | None:
        step = self._rng(number, family).below(_STEPS) if any(name in self.shares for name in names) else _STEPS
        for name in names:
            bound = self._steps(name)
            if step < bound:
                return name
            step -= bound
        return None

    def _steps(self, name: str) -> int:
        return round(self.shares.get(name, 0.0) * _STEPS)

    def _rng(self, number: int, family: int) -> Rng:
        return Rng(self.seed, family - _DRAW_STRIDE * number)


def parse(specs: Sequence[str], seed: int = 0) -> Faults:
    """Read faults: `throttle:0.2`, `slow:50`, `refuse`.

    Raises:
        ConfigError: some are none; it carries a line for each.
    """
    rates: dict[str, float] = {}
    mistakes = []
    for spec in specs:
        name, _, value = spec.partition(":")
        problem = _problem(name, value, spec) or (f"{name} is given twice" if name in rates else None)
        if problem is not None:
            mistakes.append(Mistake("--fault", problem))
        else:
            rates[name] = float(value or 1)
    mistakes += [
        Mistake("--fault", f"the shares of {', '.join(names)} add up to more than 1")
        for names in (_CALLS, tuple(_INVOCATIONS))
        if sum(rates.get(name, 0.0) for name in names) > 1
    ]
    if mistakes:
        raise ConfigError(tuple(mistakes))
    slow_ms, refuse = rates.pop("slow", 0.0), rates.pop("refuse", 0.0) > 0
    return Faults(rates, slow_ms, refuse, seed)


def _problem(name: str, value: str, spec: str) -> str | None:
    """Return what is wrong with one fault."""
    if name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, 1)
        remedy = f"did you mean {near[0]}?" if near else f"the faults are {', '.join(KINDS)}"
        return f"there is no fault {name!r}: {remedy}"
    if name == "refuse":
        return None if spec == name else "refuse has no value"
    high, unit = (_SLOW_MAX_MS, "milliseconds") if name == "slow" else (1, "a share")
    try:
        is_right = 0 <= float(value) <= high
    except ValueError:
        is_right = False
    if is_right:
        return None
    return f"{spec!r} needs {unit} from 0 to {high}, as in {name}:{50 if name == 'slow' else 0.1}"


def broken_function(invoke: Invoke, faults: Faults) -> Invoke:
    """Return the function that dies as the faults say: after its puts, which is when it costs most."""
    number = 0

    def attempt(event: bytes, context: Context) -> Invocation:
        nonlocal number
        fault = faults.of_invocation(number)
        number += 1
        answer = invoke(event, context)
        return answer if fault is None else _INVOCATIONS[fault]

    return attempt
