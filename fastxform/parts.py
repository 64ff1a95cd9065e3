"""A batch worked in parts: bounded memory, a net under everything that the stages do not expect, and an end in time.

What is done with a part is the caller's. Invariant: every record is in exactly one part that was worked or given up, in
order, and an exception costs the records that it is met on and no other.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from fastxform.core.payloads import Payloads
from fastxform.core.structs import Struct
from fastxform.encode.batch import InternalFault

Result = TypeVar("Result")
Meta = Mapping[str, Sequence[Any]]

_PACKAGE: Final = "fastxform"


class Part(Struct):
    """Some records of a batch, next to each other, with what came with them."""

    payloads: Sequence[bytes | None]
    meta: Meta


def run_in_parts(
    run: Callable[[Part], tuple[Result, int]],
    give_up: Callable[[int, str, tuple[InternalFault, ...]], Result],
    whole: Part,
    stop_ns: int | None,
) -> list[Result]:
    """Work a batch part by part.

    Args:
        run: works a part from its first record on, as many as it will, and returns what became of them and how many
            they are; whatever it raises, the part is worked again in halves, down to the records at fault.
        give_up: returns what becomes of so many records that are not worked, and why: `internal` or `deadline`.
        whole: the batch.
        stop_ns: when no other part is begun, by `time.monotonic_ns`; None where that is never.
    """
    count = len(whole.payloads)
    results: list[Result] = []
    ranges = [(0, count)]
    while ranges:
        start, stop = ranges.pop()
        if results and stop_ns is not None and time.monotonic_ns() >= stop_ns:
            results.append(give_up(count - start, "deadline", ()))
            break
        part = whole if stop - start == count else _between(whole, start, stop)
        try:
            result, worked = run(part)
        except Exception as error:  # nothing is known of it but that a batch must not fail for a record
            if stop - start <= 1:
                results.append(give_up(stop - start, "internal", (_fault(error),)))
            else:
                middle = (start + stop) // 2
                ranges += [(middle, stop), (start, middle)]
            continue
        results.append(result)
        if start + worked < stop:
            ranges.append((start + worked, stop))
    return results


def _between(whole: Part, start: int, stop: int) -> Part:
    payloads = whole.payloads
    taken = Payloads(payloads.texts[start:stop]) if isinstance(payloads, Payloads) else payloads[start:stop]
    return Part(taken, {name: values[start:stop] for name, values in whole.meta.items()})


def _fault(error: BaseException) -> InternalFault:
    """Return the type of an exception and the last line of this package that it came through."""
    location = "?"
    trace = error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename.replace("\\", "/")
        if f"/{_PACKAGE}/" in path:
            location = f"{path.rpartition(f'/{_PACKAGE}/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return InternalFault(0, type(error).__name__[:_NAME_LIMIT], location)


_NAME_LIMIT: Final = 64
