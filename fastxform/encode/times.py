"""Timestamps as readers want them: ISO 8601, with a space, or milliseconds since 1970.

Which of them is written is decided by the caller. Invariant: the same instant in all of them, in UTC.
"""

from typing import Any, Final

import pyarrow as pa

from fastxform.core import kernels

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000}


def written(array: pa.Array, form: str | None) -> pa.Array:
    """Return a column of timestamps as text (`iso`, `space`) or as whole numbers (`epoch_ms`); null stays null."""
    if form == "epoch_ms":
        return epoch(array, "ms")
    text = kernels.cast(array, pa.string())
    if form == "space":
        return text
    options = kernels.options.ReplaceSubstringOptions(" ", "T", max_replacements=1)
    text = kernels.call("replace_substring", [text], options)
    return kernels.call("binary_join_element_wise", [text, pa.scalar("Z", pa.string()), pa.scalar("", pa.string())])


def epoch(array: pa.Array, unit: str) -> pa.Array:
    """Return a column of timestamps as whole numbers of a unit since 1970; rounded down."""
    number = array.view(pa.int64())
    have, want = _PER_SECOND[array.type.unit], _PER_SECOND[unit]
    if want >= have:
        return kernels.call("multiply_checked", [number, _whole(want // have)])
    divisor = _whole(have // want)
    quotient = kernels.call("divide", [number, divisor])
    rest = kernels.call("subtract", [number, kernels.call("multiply", [quotient, divisor])])
    # Division goes towards zero; before 1970 that is up.
    return kernels.call("subtract", [quotient, kernels.cast(kernels.call("less", [rest, _whole(0)]), pa.int64())])


def _whole(number: int) -> Any:
    return pa.scalar(number, pa.int64())
