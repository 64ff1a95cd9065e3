"""A delivery stream in real time: a thread of its own lets the stream work, while others put.

Here is the clock that drives a `Firehose`, and its joining with a source that is read; what the stream does in its time
is in `firehose`. Invariant: a put that returned is in the stream and is worked off, by `close` at the latest, and a
stream that broke says why on every put and once more when it is closed.
"""

import time
from threading import Event, Lock, Thread
from typing import Final

from fastxform.tools.simulator.client import CallRefusedError
from fastxform.tools.simulator.firehose import Firehose
from fastxform.tools.simulator.kinesis_source import KinesisSource

_TURN_SECONDS: Final = 0.05
"""How late a buffer may be, ours."""


def wall_ms() -> int:
    """Return the time of day, epoch milliseconds."""
    return time.time_ns() // 1_000_000


class LiveStream:
    """A driven `Firehose` with its thread and its source.

    One invocation is under way at a time; the service makes up to five a shard.
    """

    def __init__(self, firehose: Firehose, source: KinesisSource | None = None) -> None:
        """Start the stream; a source is read from its end of now on."""
        if not firehose.settings.driven:
            raise ValueError("the stream is not driven, so it works in the threads of its callers")
        self.firehose = firehose
        self.source = source
        self.failure: Exception | None = None
        self._lock = Lock()
        self._closed = False
        self._woken = Event()
        self._ending = Event()
        self._thread = Thread(target=self._drive, name=firehose.settings.names.stream)
        if source is not None:
            source.start(self._take)
        self._thread.start()

    def put(self, data: bytes, partition_key: str | None = None) -> str:
        """Take one record, which arrives now, and return its id.

        Raises:
            CallRefusedError: the stream is closed, or broke.
        """
        return self._put(data, partition_key, wall_ms())

    def close(self) -> None:
        """Read no more, work off what is there, and end the thread.

        Raises:
            Exception: what broke the stream, or its source.
        """
        if self.source is not None:
            self.source.close()
        with self._lock:
            self._closed = True
        self._ending.set()
        self._woken.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure
        if self.source is not None and self.source.failure is not None:
            raise self.source.failure

    def _take(self, data: bytes, partition_key: str, arrival_ms: int, sequence_number: str, shard_id: str) -> None:
        self._put(data, partition_key, arrival_ms, sequence_number, shard_id)

    def _put(self, data: bytes, key: str | None, arrival_ms: int, *position: str) -> str:
        with self._lock:
            if self._closed or self.failure is not None:
                name = self.firehose.settings.names.stream
                raise CallRefusedError("ResourceNotFoundException", f"Stream {name} is closed or broken.")
            sequence_number, shard_id = position or (None, "")
            if sequence_number is None:
                identity = self.firehose.put(data, key, arrival_ms)
            else:
                identity = self.firehose.put(data, key, arrival_ms, sequence_number=sequence_number, shard_id=shard_id)
        self._woken.set()
        return identity

    def _drive(self) -> None:
        try:
            while not self._ending.is_set():
                self._woken.wait(_TURN_SECONDS)
                self._woken.clear()
                self.firehose.turn(wall_ms())
            self.firehose.close()
        except Exception as error:  # of the sink, the tables or the caller: reported to whoever puts or closes
            self.failure = error
