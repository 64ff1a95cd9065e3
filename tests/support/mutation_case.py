"""What a case of the differential test is: a configuration of the kernel's, and records that fit it."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    """One shape: a configuration, and the texts of records that fit it."""

    name: str
    config: str
    seeds: tuple[bytes, ...]
    is_packed: bool = False
    """Records come as gzip."""
    lines: str = ""
    """Spoil lines: those in the strings of a `document`, or records that are `text`."""
    function: Callable[[Any], Any] | None = None
    """`map_batch`."""


def written(*documents: object) -> tuple[bytes, ...]:
    """Return documents as JSON texts."""
    return tuple(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() for document in documents)
