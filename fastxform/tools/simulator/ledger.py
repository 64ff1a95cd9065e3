"""What became of each record of the input, however often it went round.

A function that puts a record back makes a copy of it in the stream, one that puts it twice makes two; the stream's own
totals count copies, here they are followed back to the record of the input. Invariant: once the stream is closed every
record of the input has exactly one ending, and memory holds only the records that are on their way round.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fastxform.errors import DROPPED, FAILED, OK, ContractError
from fastxform.tools.simulator.wire import StreamRecord

DUPLICATES_LIMIT_SHARE: Final = 20
DUPLICATES_LIMIT_RECORDS: Final = 10_000
"""The stream is given up with more surplus copies than this: they then multiply faster than they drain. Ours."""

_BACK: Final = "put back"


@dataclass(slots=True)
class _Story:
    """A record of the input that was put back: its copies still in the stream, and how those ended that are not."""

    copies: int = 1
    endings: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Follows the records of one stream, as its `Watcher`.

    Attributes:
        delivered: Records of the input that were delivered, once or more often.
        failed: Records that were never delivered and have an error object.
        dropped: Records that the filter dropped.
        lost: Records answered as put back of which no put was ever taken.
        acknowledged: Copies that ended because their put was acknowledged.
        accepted: Puts that the stream took.
        duplicates: Deliveries of a record beyond its first.
        delivered_and_failed: Delivered records that have an error object too.
        passes: The most invocations that one record went through; retries of an invocation do not count.
    """

    def __init__(self, is_put_back: Callable[[int], bool]) -> None:
        """Take what says, for a place of the last event, whether `Dropped` there means overflow and not the filter."""
        self._is_put_back = is_put_back
        self._batch: Sequence[StreamRecord] = ()
        self._stories: dict[str, _Story] = {}
        self._copies: dict[str, tuple[str, int]] = {}
        self.delivered = self.failed = self.dropped = self.lost = 0
        self.acknowledged = self.accepted = self.duplicates = self.delivered_and_failed = 0
        self.passes = 0

    @property
    def records(self) -> int:
        """Count the records of the input that have ended."""
        return self.delivered + self.failed + self.dropped + self.lost

    @property
    def balanced(self) -> bool:
        """Tell whether every record that was put back has ended, and none was lost."""
        return not self._stories and not self.lost

    def invoking(self, records: Sequence[StreamRecord]) -> None:
        """Learn of the records that the function is about to get.

        Raises:
            ContractError: copies multiply faster than they drain.
        """
        self._batch = records
        surplus = self.accepted - self.acknowledged
        if surplus > DUPLICATES_LIMIT_SHARE * (self.records + len(self._stories)) + DUPLICATES_LIMIT_RECORDS:
            raise ContractError(
                f"the put-backs multiply: {self.accepted} were taken and {self.acknowledged} acknowledged; "
                "with fewer faults after acceptance, or a smaller buffer, they would drain"
            )

    def took(self, index: int, identity: str) -> None:
        """Learn that a put of the record at this place was taken, as the record `identity`."""
        parent = self._batch[index].record_id
        origin, passes = self._copies.get(parent, (parent, 1))
        self._copies[identity] = (origin, passes + 1)
        self._stories.setdefault(origin, _Story()).copies += 1
        self.accepted += 1

    def settled(self, index: int, record: StreamRecord, result: str) -> None:
        """Learn what became of one record, or copy of one."""
        origin, passes = self._copies.pop(record.record_id, (record.record_id, 1))
        self.passes = max(self.passes, passes)
        if result == DROPPED and self._is_put_back(index):
            self.acknowledged += 1
            result = _BACK
        story = self._stories.get(origin)
        if story is None:
            self._end(Counter([result]))
            return
        story.copies -= 1
        story.endings[result] += 1
        if not story.copies:
            del self._stories[origin]
            self._end(story.endings)

    def _end(self, endings: Counter[str]) -> None:
        """Book a record of which no copy is left."""
        if endings[OK]:
            self.delivered += 1
            self.duplicates += endings[OK] - 1
            self.delivered_and_failed += endings[FAILED] > 0
        elif endings[FAILED]:
            self.failed += 1
        elif endings[DROPPED]:
            self.dropped += 1
        else:
            self.lost += 1
