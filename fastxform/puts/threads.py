"""The threads that calls run in, and the end of a call that does not end by itself.

A time-out of a client is one for each read: a reply that drips comes to no end, and would hold its thread for as long
as the stream likes. Which call has taken too long the callers know; how its connection is found is known by the client
that `client` makes. Invariant: a call that was abandoned holds no thread that another call needs, and closes no
connection but its own.
"""

import os
import socket
import threading
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Final, Protocol

LOST_MAX: Final = 64
"""Abandoned calls that still hold a thread, of a client whose connections cannot be closed, up to which others get new
threads; then they wait. Lambda has 1,024 threads for a container. Ours."""

CLOSING_S: Final = 0.05
"""How long a thread is waited for whose connection was closed: it ends in about a millisecond. Ours."""


class Pool(Protocol):
    """What calls run in: threads, or what stands for them where time and network are simulated."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a function called."""

    def wait(self, futures: Collection[Future[Any]], seconds: float) -> None:
        """Wait until one of the futures is done, or the time is over."""

    def abandon(self, futures: Collection[Future[Any]]) -> None:
        """Close the connections of these calls, and give their threads up where that does not end them."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""


class CallConnection:
    """The connection that a call uses now, if any: its thread enters it, another may close it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_closed = False

    def use(self, connected: socket.socket) -> None:
        """Enter the socket of the call.

        Raises:
            ConnectionAbortedError: the call was abandoned meanwhile.
        """
        with self._lock:
            if self._is_closed:
                raise ConnectionAbortedError("the call was abandoned")
            self._socket = connected

    def leave(self) -> None:
        """Note that the call has ended, whose connection may be another's from now on."""
        with self._lock:
            self._socket, self._is_closed = None, True

    def close(self) -> None:
        """Shut the connection down, which wakes the thread that reads from it or writes to it."""
        with self._lock:
            self._is_closed = True
            if self._socket is not None:
                try:
                    # Of the plain socket: an SSL socket's own would take its state away from the thread that reads.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                except OSError:  # it is closed already, and nobody waits on it
                    return


_of_thread = threading.local()


def connection_of_call() -> CallConnection | None:
    """Return what the call of this thread enters its connection into; None outside of a call."""
    return getattr(_of_thread, "connection", None)


def _run(connection: CallConnection, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    _of_thread.connection = connection
    try:
        return fn(*args)
    finally:
        _of_thread.connection = None
        connection.leave()


class Threads:
    """A thread for each worker, started when there is a call for it, and made anew when lost: to a call or a fork."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._connections: dict[Future[Any], CallConnection] = {}
        self._lost: set[Future[Any]] = set()
        self._has_lost = False
        self._make()

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a function called."""
        if self._process != os.getpid():
            self._connections, self._lost = {}, set()
            self._make()
        elif self._has_lost and any(not future.done() for future in self._lost):
            self._lost = {future for future in self._lost if not future.done()}
            if len(self._lost) <= LOST_MAX:
                self._executor.shutdown(wait=False)
                self._make()
        connection = CallConnection()
        future = self._executor.submit(_run, connection, fn, args)
        self._connections = {known: line for known, line in self._connections.items() if not known.done()}
        self._connections[future] = connection
        return future

    def wait(self, futures: Collection[Future[Any]], seconds: float) -> None:
        """Wait until one of the futures is done, or the time is over."""
        wait(futures, seconds, return_when=FIRST_COMPLETED)

    def abandon(self, futures: Collection[Future[Any]]) -> None:
        """Close the connections of these calls; threads that go on all the same are replaced for the next call."""
        for future in futures:
            if not future.cancel() and future in self._connections:
                self._connections[future].close()
        lost = wait(futures, CLOSING_S).not_done
        self._lost |= lost
        self._has_lost = self._has_lost or bool(lost)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)

    def _make(self) -> None:
        self._process, self._has_lost = os.getpid(), False
        self._executor = ThreadPoolExecutor(self._workers, thread_name_prefix="fastxform-put")
