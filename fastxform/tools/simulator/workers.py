"""Time, threads and a network that are none: calls run one by one, and pauses take no time.

It stands where `Reingester` has its clock, its sleep and its pool. A call runs when it is started, in the thread that
asks for it, and is done when as much simulated time has passed as it said it takes; meanwhile others are in flight.
Invariant: at most as many calls are in flight as there are workers, and the same calls give the same run everywhere.
"""

import heapq
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any


class Workers:
    """A pool of `count` workers, with the clock that they live by; `most` is the most that were in flight at once."""

    def __init__(self, count: int) -> None:
        self.most = 0
        self._count = count
        self._now = 0.0
        self._took = 0.0
        self._serial = 0
        self._flying: list[tuple[float, int, Callable[[], None]]] = []
        self._queue: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()

    def clock(self) -> float:
        """Return the simulated time, seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass, and calls end in it."""
        self._pass_until(self._now + max(seconds, 0.0))

    def hold(self, seconds: float) -> None:
        """Say, from inside a call, that it takes so long."""
        self._took += seconds

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Start a call, or have it wait for a worker."""
        future: Future[Any] = Future()
        self._queue.append((future, fn, args))
        self._start_waiting()
        return future

    def wait(self, futures: Collection[Future[Any]], seconds: float) -> None:
        """Let time pass until one of the futures is done, or so many seconds are over."""
        until = self._now + max(seconds, 0.0)
        while not any(future.done() for future in futures) and self._flying and self._flying[0][0] <= until:
            self._end_next()
        if not any(future.done() for future in futures):
            self._now = until

    def abandon(self, futures: Collection[Future[Any]]) -> None:
        """Do nothing: a call ends when the time is over that it said it takes."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: there is no thread to let go of."""

    def _pass_until(self, until: float) -> None:
        while self._flying and self._flying[0][0] <= until:
            self._end_next()
        self._now = until

    def _end_next(self) -> None:
        ends, _, finish = heapq.heappop(self._flying)
        self._now = max(self._now, ends)
        finish()
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._queue and len(self._flying) < self._count:
            future, fn, args = self._queue.popleft()
            if future.set_running_or_notify_cancel():
                self._start(future, fn, args)

    def _start(self, future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._took = 0.0
        finish = _run(future, fn, args)
        self._serial += 1
        heapq.heappush(self._flying, (self._now + self._took, self._serial, finish))
        self.most = max(self.most, len(self._flying))


def _run(future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[], None]:
    """Call the function and return what hands its outcome to the future."""
    try:
        result = fn(*args)
    except Exception as error:  # the future's, for whoever asks it
        failure = error
        return lambda: future.set_exception(failure)
    return lambda: future.set_result(result)
