"""The exceptions, the closed list of reasons for which a record fails, and what error messages share.

    FastxformError
    +-- ConfigError      a configuration that cannot be used; carries every mistake, one line each
    +-- EventError       an event that is not a Firehose event: no `records`, a record without `recordId`
    +-- InputError       a file or stream of the command that cannot be read
    +-- ContractError    a function of the user's broke its contract, or a response broke Firehose's

What happens to one record is never an exception: it is a result and a reason, and it travels with the batch. A reason
is one of `REASONS`, for some of them followed by `:` and the name of a column of the configuration; never a value out
of a payload.
"""

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

OK: Final = "Ok"
DROPPED: Final = "Dropped"
FAILED: Final = "ProcessingFailed"

REASONS: Final[dict[str, str]] = {
    "base64": "the data of the record is not base64",
    "compression": "the record is compressed and cannot be decompressed",
    "too_large": "the record decompresses to more than the limit, or holds more values than can be read one by one",
    "rows": "the record holds more rows than the limit",
    "utf8": "the record is not UTF-8, or starts with a byte order mark",
    "json": "the record is not one JSON document",
    "depth": "the record nests deeper than 512",
    "not_object": "the record is a JSON scalar or a list, not an object",
    "documents": "the documents of the record do not agree on route or keys",
    "empty": 'the record is empty, and the configuration has empty = "fail"',
    "shape": "the record holds none of the images of the configuration: it is no DynamoDB change or item",
    "parse": "the text of the name is not of its format",
    "explode": 'the value is no list, or is empty and the configuration has empty = "fail"',
    "message": "the CloudWatch message has an unknown messageType or lacks a member",
    "path": "the JMESPath expression of the column raised",
    "type": "the value does not fit the type of the column",
    "pattern": "the value does not match the pattern of the column",
    "required": "the column is required and null",
    "expression": "the expression of the column, or of `where`, raised",
    "unmatched": "no route takes the record",
    "operation": "the eventName, or the column that decides on it, has no operation in the route",
    "table": "the column that decides on the table has a value without one in the route",
    "map_batch": "the map_batch function raised, or returned something else than it has to",
    "quoting": "the reader or the quoting of the output cannot hold the text of the column",
    "partition_key": "the partition key is null or empty",
    "overflow": "the response is full and the record is not to be sent back",
    "never_fits": "the record can never fit, alone, in a response or a put",
    "put_failed": "the record did not fit the response and its put was not acknowledged",
    "put_refused": "the record did not fit the response and the stream takes no puts",
    "deadline": "there was no time left to transform the record, or to put it back where it did not fit the response",
    "internal": "an exception that fastxform did not expect; the log names its type, file and line: please report it",
}
"""Every reason code and what it says; the ones about a column are written `code:column`."""


class FastxformError(Exception):
    """The root of everything that this package raises on purpose."""


class Mistake(NamedTuple):
    """One mistake in a configuration: where, and what is wrong with the remedy, in one line."""

    location: str
    message: str

    def __str__(self) -> str:
        """Return the line as the command prints it."""
        return f"{self.location}: {self.message}"


class ConfigError(FastxformError):
    """A configuration that cannot be used; `mistakes` holds all of them, in the order of the file."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(map(str, mistakes)))


class EventError(FastxformError):
    """An event that is not a Firehose event, so that no record can be answered."""


class KernelError(FastxformError):
    """The native kernel was built from other sources than those beside the package."""


class InputError(FastxformError):
    """A file or stream of the command that cannot be read."""


class ContractError(FastxformError):
    """Code outside the package broke a contract that the message names."""


_SHOWN_CHARACTERS: Final = 60


def one_line(text: str) -> str:
    """Return a text with everything escaped that could break its line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(text: str) -> str:
    """Return a text of the file in quotes, shortened."""
    short = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    return json.dumps(short, ensure_ascii=False)


def nearest(word: str, right: Iterable[str], others: str = "one of") -> str:
    """Return the remedy for a wrong word: the right one that is near, else all of them."""
    close = near(word, right)
    return f"did you mean {close}?" if close else f"{others} {', '.join(right)}"


def near(word: str, right: Iterable[str]) -> str | None:
    """Return the right word that is nearest to a wrong one, if any is near."""
    # A file without mistakes has no use for it.
    import difflib

    spellings = {name.lower(): name for name in right}
    close = difflib.get_close_matches(word.lower(), spellings, 1)
    return spellings[close[0]] if close else None
