"""How far a verb is: one line that changes at a terminal, else a line every ten seconds.

The one display of progress; what is counted is the verb's. Invariant: nothing is shown in the first second, nothing
where data and progress would share a terminal, and the line is gone when the work ends.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self, TypeVar

from fastxform.cli.console import Console, duration

T = TypeVar("T")

_FIRST_SECONDS: Final = 1.0
_TERMINAL_SECONDS: Final = 0.2
_LOG_SECONDS: Final = 10.0
_LOOK_EVERY: Final = 64
"""Records between two looks at the clock, which would cost more than the record."""

_BAR_CELLS: Final = 30


class Progress:
    """Shows a count with its rate, and where the end is known a bar and the time left.

    Args:
        console: where it is shown.
        noun: what is counted, in the plural.
        share: how much is done, 0 to 1; None where nobody knows.
        clock: seconds, which only ever grow.
        shares_terminal: whether the verb writes data to standard output meanwhile.
    """

    def __init__(
        self,
        console: Console,
        noun: str = "records",
        share: Callable[[], float | None] = lambda: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        shares_terminal: bool = False,
    ) -> None:
        self._console, self._noun, self._share, self._clock = console, noun, share, clock
        self._started = clock()
        self._interval = _TERMINAL_SECONDS if console.is_interactive else _LOG_SECONDS
        self._next = self._started + max(_FIRST_SECONDS, self._interval)
        self._is_off = shares_terminal and console.data_is_visible and console.is_interactive

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def show(self, count: int, detail: str = "") -> None:
        """Show the count, if it is time."""
        now = self._clock()
        if now < self._next or self._is_off:
            return
        self._next = now + self._interval
        text = self._text(count, max(now - self._started, 0.001), detail)
        if self._console.is_interactive:
            self._console.status(text)
        else:
            self._console.note(text)

    def over(self, items: Iterable[T], detail: Callable[[], str] = lambda: "") -> Iterator[T]:
        """Yield the items, counting them."""
        for number, item in enumerate(items):
            if number % _LOOK_EVERY == 0:
                self.show(number, detail())
            yield item

    def end(self) -> None:
        """Take the line away."""
        if self._console.is_interactive:
            self._console.status("")

    def _text(self, count: int, seconds: float, detail: str) -> str:
        share = self._share()
        bar = left = ""
        if share is not None:
            share = min(max(share, 0.0), 1.0)
            bar = f"{_bar(share, self._console.has_colours)} {share:4.0%} "
            left = f", {duration(seconds * (1 - share) / share)} left" if share else ""
        return f"{bar}{count:,} {self._noun}{detail and f' {detail}'}, {count / seconds:,.0f} a second{left}"


@contextmanager
def waiting(console: Console, what: str) -> Iterator[None]:
    """Say at a terminal what takes seconds and cannot be counted; the line is gone when it ends."""
    if not console.is_interactive:
        yield
        return
    console.status(f"{what} ...")
    try:
        yield
    finally:
        console.status("")


def _bar(share: float, has_colours: bool) -> str:
    """Return a bar that is filled to a share, 0 to 1."""
    if not has_colours:
        return f"[{'#' * int(share * _BAR_CELLS):<{_BAR_CELLS}}]"
    from rich.console import Console as Rich
    from rich.progress_bar import ProgressBar

    rich = Rich(force_terminal=True, width=_BAR_CELLS, legacy_windows=False, color_system="standard")
    with rich.capture() as captured:
        rich.print(ProgressBar(total=1.0, completed=share, width=_BAR_CELLS), end="")
    return captured.get()
