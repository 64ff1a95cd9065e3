"""Which rows make a kernel raise, found once it has raised: by what is known of it, else by halves of its own call.

What an expression means is the business of its terms. Invariant: a row is refused only where the kernel raises on it
alone, and the values of all others are those of one call.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import pyarrow as pa

from fastxform.core import kernels

Datum: TypeAlias = pa.Array | pa.Scalar
Certain: TypeAlias = Callable[..., Datum]
"""Takes what a kernel takes, and returns the rows on which it raises for certain, or null."""


class Refusals:
    """The rows of a batch on which some part of an expression raises."""

    def __init__(self) -> None:
        self.rows: set[int] = set()

    def apply(
        self,
        function: Callable[..., Datum],
        values: Sequence[Datum],
        certain: Certain | None,
        target: pa.DataType,
        origin: Sequence[int],
    ) -> Datum:
        """Call a function; rows on which it raises are null, and noted by their number in the batch.

        Args:
            function: takes and returns whole columns; scalars stand for each row.
            values: what it takes.
            certain: tells rows on which it raises without calling it.
            target: the type of what it returns.
            origin: the number of each row in the batch.
        """
        try:
            return function(*values)
        except pa.ArrowException:
            if not any(isinstance(value, pa.Array) for value in values):
                self.rows.update(origin)
                return pa.scalar(None, target)
        given = list(values)
        if certain is not None:
            mask = kernels.call("coalesce", [certain(*given), pa.scalar(False, pa.bool_())])
            self.rows.update(map(origin.__getitem__, kernels.true_rows(mask)))
            given = [_without(value, mask) for value in given]
        parts: list[Any] = []
        self._attempt(function, given, target, origin, parts)
        return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)

    def _attempt(
        self,
        function: Callable[..., Datum],
        values: Sequence[Datum],
        target: pa.DataType,
        origin: Sequence[int],
        parts: list[Any],
    ) -> None:
        try:
            parts.append(function(*values))
        except pa.ArrowException:
            count = next(len(value) for value in values if isinstance(value, pa.Array))
            if count == 1:
                self.rows.add(origin[0])
                parts.append(kernels.nulls(1, target))
                return
            middle = count // 2
            for start, stop in ((0, middle), (middle, count)):
                half = [value[start:stop] if isinstance(value, pa.Array) else value for value in values]
                self._attempt(function, half, target, origin[start:stop], parts)


def _without(value: Datum, mask: pa.BooleanArray) -> Datum:
    if isinstance(value, pa.Scalar):
        return value
    return kernels.call("if_else", [mask, pa.scalar(None, value.type), value])


def zero_divisor(left: Datum, right: Datum) -> Datum:
    """Return where a number is divided by zero."""
    return kernels.call("and", [kernels.call("is_valid", [left]), kernels.call("equal", [right, 0])])


def infinite(kernel: str) -> Certain:
    """Return what tells where a kernel of float64, which does not raise, gives no finite number."""

    def certain(left: Datum, right: Datum) -> Datum:
        return kernels.call("invert", [kernels.call("is_finite", [kernels.call(kernel, [left, right])])])

    return certain


def not_finite(function: Callable[[Datum], Datum]) -> Certain:
    """Return what tells where a function of float64, which does not raise, gives no finite number."""

    def certain(value: Datum) -> Datum:
        return kernels.call("invert", [kernels.call("is_finite", [function(value)])])

    return certain


def beyond(limit: Decimal, function: Callable[..., Datum]) -> Certain:
    """Return what tells where a function of decimals, which does not raise, reaches a limit above or below zero."""

    def certain(*values: Datum) -> Datum:
        value = function(*values)
        above, below = pa.scalar(limit, value.type), pa.scalar(-limit, value.type)
        return kernels.call(
            "or", [kernels.call("greater_equal", [value, above]), kernels.call("less_equal", [value, below])]
        )

    return certain


def least_int64(value: Datum) -> Datum:
    """Return where a number is -2**63, which has no opposite."""
    return kernels.call("equal", [value, pa.scalar(-(2**63), pa.int64())])


def power_out_of_int64(left: Datum, right: Datum) -> Datum:
    """Return where a power is no int64: that of a negative exponent, or too large."""
    pairs = zip(*_lists(left, right), strict=True)
    return pa.array([_is_power_out(base, exponent) for base, exponent in pairs], pa.bool_())


def _is_power_out(base: int | None, exponent: int | None) -> bool:
    if base is None or exponent is None:
        return False
    if exponent < 0 or abs(base) <= 1:
        return exponent < 0
    return exponent > _LARGEST_EXPONENT or not -(2**63) <= base**exponent < 2**63


_LARGEST_EXPONENT: Final = 63
"""(-2)**63 is the least int64."""


def out_of_int64(operation: Callable[[int, int], int]) -> Certain:
    """Return what tells where int64 cannot hold the result of an operation: Python's numbers do."""

    def certain(left: Datum, right: Datum) -> Datum:
        pairs = zip(*_lists(left, right), strict=True)
        return pa.array([_is_out(operation, one, other) for one, other in pairs], pa.bool_())

    return certain


def _is_out(operation: Callable[[int, int], int], one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and not -(2**63) <= operation(one, other) < 2**63


def each(raises: Callable[[Any], bool]) -> Certain:
    """Return what tells rows one by one, in Python: some microseconds each, where an exception of Arrow's costs 35."""

    def certain(value: Datum) -> Datum:
        values = value.to_pylist() if isinstance(value, pa.Array) else [value.as_py()]
        return pa.array([each_value is not None and raises(each_value) for each_value in values], pa.bool_())

    return certain


def _lists(left: Datum, right: Datum) -> tuple[list[Any], list[Any]]:
    count = next((len(value) for value in (left, right) if isinstance(value, pa.Array)), 1)
    one, other = (
        value.to_pylist() if isinstance(value, pa.Array) else [value.as_py()] * count for value in (left, right)
    )
    return one, other
