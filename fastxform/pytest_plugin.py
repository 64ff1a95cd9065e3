r"""The pytest plugin: a fixture `firehose` that starts delivery streams on this machine, with boto3 clients for them.

    def test_orders(firehose):
        stream = firehose("orders.toml")
        stream.client.put_record(DeliveryStreamName=stream.name, Record={"Data": b'{"id": 1}'})
        assert stream.rows() == b"1\n"

The stream is `fastxform.tools.simulator.local`'s. Invariant: importing this module imports nothing of the engine, and a
stream ends with its test. boto3 comes with the extra `aws`.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from fastxform.pipeline import Pipeline
    from fastxform.puts.api import Client
    from fastxform.tools.simulator.layout import MemorySink
    from fastxform.tools.simulator.local import LocalFirehose


class StreamUnderTest:
    """A delivery stream of one test.

    Attributes:
        name: of the stream.
        url: where its API listens; the environment points every AWS SDK to it while the test runs.
        client: boto3's client of Firehose.
    """

    def __init__(self, local: "LocalFirehose", sink: "MemorySink", client: "Client") -> None:
        self.name, self.url, self.client = local.name, local.url, client
        self._local, self._sink = local, sink
        self._stack = ExitStack()

    def objects(self) -> dict[str, bytes]:
        """End the stream, and return what it delivered: the bytes of each object by its key."""
        self._stack.close()
        return {key: bytes(data) for key, data in sorted(self._sink.objects.items())}

    def rows(self) -> bytes:
        """End the stream, and return the rows of all objects, without failed records."""
        return b"".join(data for key, data in self.objects().items() if not _is_failed(key) and not _is_note(key))

    def failed(self) -> list[dict[str, Any]]:
        """End the stream, and return the lines of its error objects, each with `rawData` and `errorCode`."""
        lines = b"".join(data for key, data in self.objects().items() if _is_failed(key)).splitlines()
        return [json.loads(line) for line in lines]


def _is_failed(key: str) -> bool:
    return "-failed/" in key


def _is_note(key: str) -> bool:
    return key.endswith(".operations")


class StartStream(Protocol):
    """What the fixture `firehose` is."""

    def __call__(
        self,
        function: "Pipeline | str | os.PathLike[str] | Callable[[Any, Any], Any]",
        *,
        name: str = "test",
        buffer_seconds: float = 60.0,
    ) -> StreamUnderTest:
        """Start a stream.

        Args:
            function: the transform, the path of its configuration, or a Lambda handler that is invoked instead.
            name: of the stream.
            buffer_seconds: of real time, after which what waits is delivered; asking for objects delivers it at once.
        """


@pytest.fixture
def firehose(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartStream]:
    """Start delivery streams on this machine that last as long as the test."""
    from fastxform.pipeline import Pipeline
    from fastxform.puts.client import ClientConfig, boto3_client
    from fastxform.tools.simulator.firehose import StreamSettings
    from fastxform.tools.simulator.function import lambda_function
    from fastxform.tools.simulator.layout import MemorySink
    from fastxform.tools.simulator.local import REGION, LocalFirehose
    from fastxform.tools.simulator.wire import ResourceNames

    with ExitStack() as stack:

        def start(
            function: "Pipeline | str | os.PathLike[str] | Callable[[Any, Any], Any]",
            *,
            name: str = "test",
            buffer_seconds: float = 60.0,
        ) -> StreamUnderTest:
            if isinstance(function, (str, os.PathLike)):
                function = Pipeline.load(function)
            made = function if isinstance(function, Pipeline) else lambda_function(function, event_as_dict=True)
            settings = StreamSettings(names=ResourceNames(stream=name), buffer_interval_ms=int(buffer_seconds * 1000))
            sink = MemorySink()
            local = LocalFirehose(made, sink, settings)
            for variable, value in local.environment.items():
                monkeypatch.setenv(variable, value)
            config = ClientConfig(connect_timeout=5, read_timeout=60, max_pool_connections=10)
            stream = StreamUnderTest(local, sink, boto3_client("firehose", REGION, config.for_botocore()))
            stream._stack.enter_context(local)
            stack.push(stream._stack)
            return stream

        yield start
