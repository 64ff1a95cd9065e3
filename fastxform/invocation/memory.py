"""What keeps memory at hand between the invocations of a container, each trick with what it was measured to save.

Nothing here knows what an invocation does. Invariant: no answer depends on it.
"""

import gc
from collections.abc import Sequence
from typing import Any, Final

_KEPT_BYTES: Final = 32 * 1024 * 1024 - 65_536
"""The C library gives buffers back to the system, and faults their pages in again at the next invocation, until it has
freed one of this size: 1,600 pages and 3.5 of 6.2 ms for 60 records of 60 KB. Untouched, it costs a system call."""
_KEPT_STEP: Final = 256
"""One in so many small objects outlives its invocation: the interpreter gives back a megabyte of which nothing is left,
and the next invocation faults it in again, 270 pages for 25,000 small records."""
_SMALL_BYTES: Final = 512
"""Up to this size CPython's own allocator has an object."""


class KeptMemory:
    """Keeps both allocators from giving memory back, for the life of a container."""

    def __init__(self) -> None:
        self._kept: tuple[Any, ...] = ()
        bytes(_KEPT_BYTES)

    def keep(self, record_ids: Sequence[str], data: Sequence[bytes | None]) -> None:
        """Hold on to a few small objects of an invocation until the next one ends."""
        rows = data[::_KEPT_STEP]
        self._kept = (record_ids[::_KEPT_STEP], [row for row in rows if row is not None and len(row) <= _SMALL_BYTES])


def pause_collection() -> bool:
    """Stop looking for cycles, and return whether that was going on.

    Lists and dicts by the thousand, and none of them in a cycle: to look for some took 5 % of an invocation.
    """
    was_collecting = gc.isenabled()
    gc.disable()
    return was_collecting


def resume_collection(was_collecting: bool) -> None:
    """Look for cycles again, where that was going on before."""
    if was_collecting:
        gc.enable()
