"""Prefixes of delivered objects, as the description of a stream writes them and as one object gets them.

Expressions of S3 prefixes are checked when a stream is made and evaluated when an object is opened; names of objects
and where the bytes go are in `layout`. Invariant: a checked prefix evaluates for every moment and every partition that
has its keys.

Source: Firehose, custom prefixes for S3 objects. 2026-11. Without an error prefix, errors go to
`<prefix><error type>/<date>`; an error prefix of its own gets no date.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastxform.errors import ContractError
from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.simulator.layout import hour, part

Partition = Sequence[tuple[str, str]]
"""Dynamic partition keys, name and value."""

_EXPRESSION: Final = re.compile(r"!\{([^{}:]*):([^{}]*)\}")
_TIME_PIECE: Final = re.compile(r"'([^']*)'|([A-Za-z]+)|([^A-Za-z']+)")
_TIME_FIELDS: Final = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_PARTITION: Final = "partitionKeyFromLambda"
_TYPE: Final = "error-output-type"
_RANDOM_DIGITS: Final = 11


class PrefixError(ContractError):
    """A prefix that cannot be evaluated."""


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The prefixes of a stream.

    Attributes:
        data: Of delivered objects; the date follows unless it has a timestamp of its own.
        error: Of failed records; None stands for `data`, the error's type and the date.
        extension: The end of a delivered object's name.
    """

    data: str = ""
    error: str | None = None
    extension: str = ""

    @property
    def is_partitioned(self) -> bool:
        """Tell whether delivered objects are split by keys that the function returns."""
        return f"!{{{_PARTITION}:" in self.data

    def check(self) -> None:
        """Look at the expressions.

        Raises:
            PrefixError: one cannot be evaluated, or the error prefix does not tell types of errors apart.
        """
        for name, template, allowed in (("Prefix", self.data, False), ("ErrorOutputPrefix", self.error or "", True)):
            for namespace, value in _EXPRESSION.findall(template):
                _check_expression(name, namespace, value, is_error=allowed)
            if "!{" in _EXPRESSION.sub("", template):
                raise PrefixError(f"{name}: an expression is !{{namespace:value}}, without braces inside")
        if self.error is None and "!{" in self.data:
            raise PrefixError("ErrorOutputPrefix: it is needed where Prefix has expressions")
        if self.error is not None and f"!{{firehose:{_TYPE}}}" not in self.error:
            raise PrefixError(f"ErrorOutputPrefix: it must have !{{firehose:{_TYPE}}}")

    def of_data(self, partition: Partition, moment_ms: int, rng: Rng) -> str:
        """Return the prefix of a delivered object whose oldest record arrived at this moment.

        Keys that no expression names stand in front of the date as `name=value/`.

        Raises:
            PrefixError: the partition lacks a key, which `lacks` tells beforehand.
        """
        prefix = _evaluate(self.data, moment_ms, rng, dict(partition))
        if not self.is_partitioned:
            prefix += partition_path(partition)
        return prefix if "!{timestamp:" in self.data else prefix + hour(moment_ms)

    def of_error(self, error_type: str, moment_ms: int, rng: Rng) -> str:
        """Return the prefix of an object of failed records."""
        if self.error is None:
            return f"{self.data}{error_type}/{hour(moment_ms)}"
        return _evaluate(self.error, moment_ms, rng, {}, error_type)

    def lacks(self, partition: Partition) -> bool:
        """Tell whether a record without more keys than these has no prefix."""
        wanted = {value for namespace, value in _EXPRESSION.findall(self.data) if namespace == _PARTITION}
        return not wanted <= {name for name, _ in partition}


def partition_path(partition: Partition) -> str:
    """Return the keys as parts of a path, `name=value/` each."""
    return "".join(f"{part(f'{name}={value}')}/" for name, value in partition)


def _check_expression(name: str, namespace: str, value: str, *, is_error: bool) -> None:
    """Raise PrefixError where an expression is none that this Firehose evaluates."""
    if namespace == "timestamp":
        _format(value, 0)
    elif namespace == "firehose" and value in ("random-string", *([_TYPE] if is_error else [])):
        return
    elif namespace != _PARTITION or is_error or not value:
        raise PrefixError(f"{name}: !{{{namespace}:{value}}} is not an expression of this prefix")


def _evaluate(template: str, moment_ms: int, rng: Rng, keys: Mapping[str, str], error_type: str = "") -> str:
    def replace(match: re.Match[str]) -> str:
        namespace, value = match.groups()
        if namespace == "timestamp":
            return _format(value, moment_ms)
        if namespace == _PARTITION:
            if value not in keys:
                raise PrefixError(f"Prefix: the record has no partition key {value}")
            return part(keys[value])
        return error_type if value == _TYPE else rng.hex(_RANDOM_DIGITS)

    return _EXPRESSION.sub(replace, template)


def _format(pattern: str, moment_ms: int) -> str:
    """Write a moment by the letters of Java's DateTimeFormatter that dates of prefixes are made of, in UTC.

    Raises:
        PrefixError: the pattern has other letters, or a quote that is open.
    """
    if pattern.count("'") % 2:
        raise PrefixError(f"!{{timestamp:{pattern}}}: a quote is open")
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    pieces = []
    for quoted, letters, other in _TIME_PIECE.findall(pattern):
        if letters and letters not in _TIME_FIELDS:
            raise PrefixError(f"!{{timestamp:{pattern}}}: {letters} is none of {', '.join(_TIME_FIELDS)}")
        pieces.append(moment.strftime(_TIME_FIELDS[letters]) if letters else quoted + other)
    return "".join(pieces)
