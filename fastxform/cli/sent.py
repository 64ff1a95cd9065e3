"""What is reported of puts: what a run did, and what a dry run would do.

The puts are `fastxform.tools.replay.sender`'s. Invariant: every record that was read and not acknowledged is counted,
and named as far as a screen goes; exit code 1 says that there are some.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli.console import Console, amount, counted, duration, number_of
from fastxform.errors import REASONS

if TYPE_CHECKING:
    from fastxform.puts.api import Target
    from fastxform.tools.replay.ledger import PutLedger
    from fastxform.tools.replay.locations import LocationNames, Span
    from fastxform.tools.replay.outgoing import Outgoing, RateLimit, Sent

_SPANS_SHOWN: Final = 10


def identity_of(target: "Target") -> str:
    """Return what names a stream in its journal."""
    return target.arn or f"{target.service}:{target.name}"


def named(runs: Sequence["Span"], names: "LocationNames") -> Iterator[str]:
    """Yield the names of ranges, the first of many."""
    for span in runs[:_SPANS_SHOWN]:
        yield names.span(span)
    if len(runs) > _SPANS_SHOWN:
        rest = sum(map(len, runs[_SPANS_SHOWN:]))
        ranges = number_of(len(runs) - _SPANS_SHOWN, "more range")
        yield f"and {number_of(rest, 'record')} in {ranges}, all in the journal"


def report(sent: "Sent", target: "Target", names: "LocationNames", console: Console) -> int:
    """Say what became of the records, and return the exit code."""
    from fastxform.tools.replay.locations import spans

    again = f", {sent.retries} of them again" if sent.retries else ""
    errors = f"; {counted(sent.errors)}" if sent.errors else ""
    console.note(
        f"{number_of(sent.records, 'record')} ({amount(sent.size_bytes)}) acknowledged by {identity_of(target)}, "
        f"in {number_of(sent.calls, 'call')}{again}{errors}"
    )
    maybe_duplicates = spans(sent.maybe_duplicate)
    if maybe_duplicates:
        console.note(f"{number_of(len(sent.maybe_duplicate), 'record')} may have arrived unacknowledged, or twice:")
        for line in named(maybe_duplicates, names):
            console.note(f"  {line}")
    for reason, locations in sorted(sent.unacknowledged.items()):
        why = _WORDS.get(reason) or REASONS[reason]
        console.note(f"{number_of(len(locations), 'record')} not acknowledged: {why}:")
        for line in named(spans(locations), names):
            console.note(f"  {line}")
    if sent.in_flight:
        console.note(f"{number_of(sum(map(len, sent.in_flight)), 'record')} left in flight, and may arrive:")
        for line in named(sent.in_flight, names):
            console.note(f"  {line}")
    if sent.problem:
        console.error(sent.problem)
    if not sent.complete:
        console.error("the input was not read to its end")
    return 0 if sent.complete and not sent.left else 1


_WORDS: Final = {
    "never_fits": "larger than the stream takes",
    "put_failed": "not sent, or sent in vain",
    "put_refused": "the stream takes no puts",
}


def as_json(
    sent: "Sent", target: "Target", names: "LocationNames", ledger: "PutLedger | None" = None
) -> dict[str, Any]:
    """Return what became of the records, for programs; every place is in it, those in doubt of earlier runs too."""
    from fastxform.tools.replay.locations import spans

    maybe_duplicates = spans(sent.maybe_duplicate) if ledger is None else ledger.maybe_duplicates()
    return {
        "stream": identity_of(target),
        "acknowledged": sent.records,
        "acknowledged_bytes": sent.size_bytes,
        "calls": sent.calls,
        "calls_again": sent.retries,
        "errors": dict(sent.errors),
        "unacknowledged": {
            reason: [names.span(span) for span in spans(locations)] for reason, locations in sent.unacknowledged.items()
        },
        "in_flight": [names.span(span) for span in sent.in_flight],
        "possible_duplicates": [names.span(span) for span in maybe_duplicates],
        "problem": sent.problem,
        "complete": sent.complete,
    }


class Forecast:
    """What a dry run would send: counts the records that pass through, in calls as they would be made."""

    def __init__(self, target: "Target", rate_limit: "RateLimit") -> None:
        self.records = self.size_bytes = self.calls = self.too_large = 0
        self._target, self._rate_limit = target, rate_limit

    def run(self, outgoing: Iterable["Outgoing"]) -> None:
        """Count them."""
        from fastxform.puts.batching import cut

        for batch in cut(self._sizes(outgoing), *self._rate_limit.call_limits(self._target)):
            self.calls += 1
            self.records += len(batch)

    def _sizes(self, outgoing: Iterable["Outgoing"]) -> Iterator[tuple[int, int]]:
        from fastxform.puts.api import APIS
        from fastxform.tools.replay.outgoing import size_of

        for record in outgoing:
            size_bytes = size_of(self._target, record)
            if size_bytes > APIS[self._target.service].record_limit_bytes:
                self.too_large += 1
                continue
            self.size_bytes += size_bytes
            yield 0, size_bytes

    def line(self) -> str:
        """Return what would be sent, for people."""
        seconds = duration(self._rate_limit.seconds(self.records, self.size_bytes))
        large = f"; {number_of(self.too_large, 'record')} larger than the stream takes" if self.too_large else ""
        records, calls = number_of(self.records, "record"), number_of(self.calls, "call")
        rate = f"{self._rate_limit.records_per_s:g} records and {amount(self._rate_limit.bytes_per_s)} a second"
        return (
            f"would send {records} ({amount(self.size_bytes)}) to {identity_of(self._target)} in {calls}, "
            f"in about {seconds} at {rate}{large}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return what would be sent, for programs."""
        return {
            "stream": identity_of(self._target),
            "dry_run": True,
            "records": self.records,
            "bytes": self.size_bytes,
            "calls": self.calls,
            "too_large": self.too_large,
            "seconds": round(self._rate_limit.seconds(self.records, self.size_bytes), 1),
        }
