"""One delivery stream in real time, behind Firehose's API on a port of this machine: for `fastxform local` and pytest.

The stream is `live`'s, the API `server`'s; here both are put together around one function. Records that the function
puts back come to the same stream. Invariant: the server is on loopback alone, and when its `with` block ends every
record that was taken is delivered, dropped or failed.
"""

import importlib
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from fastxform.errors import InputError
from fastxform.invocation.handler import make_handler
from fastxform.pipeline import Pipeline
from fastxform.tools.simulator import remote
from fastxform.tools.simulator.api import FirehoseApi, Parts
from fastxform.tools.simulator.client import LocalClient
from fastxform.tools.simulator.delivery import Tables
from fastxform.tools.simulator.description import Description
from fastxform.tools.simulator.firehose import Firehose, StreamSettings, StreamTotals
from fastxform.tools.simulator.function import Context, Handler, Invocation, Invoke, lambda_function
from fastxform.tools.simulator.layout import Sink
from fastxform.tools.simulator.live import LiveStream
from fastxform.tools.simulator.server import FirehoseServer

if TYPE_CHECKING:
    from fastxform.puts.api import Service

REGION: Final = "us-east-1"
_NAMED: Final = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")


class _NoBucket:
    """The S3 of streams that nobody can make: this server has the one that it was started with."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> Any:
        """Refuse it."""
        raise InputError("this server has one stream, and takes no others")


class LocalFirehose:
    """A stream that boto3, the AWS CLI and other SDKs put to; a context manager."""

    def __init__(
        self,
        function: Pipeline | Invoke,
        sink: Sink,
        settings: StreamSettings,
        *,
        port: int = 0,
        tables: Tables | None = None,
    ) -> None:
        """Take what the stream is made of.

        Args:
            function: the transform, or what is invoked instead.
            sink: takes the objects.
            settings: of the stream; it is driven by the time of day.
            port: where the server listens, a free one by default.
            tables: take the rows of an Iceberg destination; without, they are objects too.

        Raises:
            OSError: the port cannot be had.
        """
        self.name = settings.names.stream
        self._api = FirehoseApi(Parts(functions={}, s3=_NoBucket()), region=REGION)
        self._server = FirehoseServer(self._api, port)
        invoke = self._invoke_of(function) if isinstance(function, Pipeline) else function
        driven = replace(settings, driven=True)
        self.firehose = Firehose(invoke, sink, driven, tables=tables)
        self._described = Description(driven, settings.names.function_arn, "local")
        self._client: LocalClient | None = None

    def __enter__(self) -> Self:
        self._client = self._api.adopt(self._described, LiveStream(self.firehose))
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """Where the server listens."""
        return self._server.url

    @property
    def totals(self) -> StreamTotals:
        """What happened to the records so far."""
        return self.firehose.totals

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which an AWS SDK of any language finds the stream; the credentials are not looked at."""
        return {
            "AWS_ENDPOINT_URL_FIREHOSE": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    def _invoke_of(self, pipeline: Pipeline) -> Invoke:
        def client(service: "Service", region: str | None, config: Any) -> LocalClient:
            assert self._client is not None, "the stream is not entered"
            return self._client

        return lambda_function(make_handler(pipeline, client))


def function_of(text: str) -> Invoke:
    """Return the function that an argument names: `module:name`, or the URL of the runtime interface emulator.

    Raises:
        InputError: there is none.
    """
    if text.startswith(("http://", "https://")):
        url = text.rstrip("/")
        url = url if url.endswith(remote.PATH) else url + remote.PATH

        def invoke(event: bytes, context: Context) -> Invocation:
            return remote.invoke(url, event)

        return invoke
    match = _NAMED.fullmatch(text)
    if match is None:
        raise InputError(f"{text}: is neither module:name nor the URL of a runtime interface emulator")
    return lambda_function(_handler(match[1], match[2]), event_as_dict=True)


def _handler(module: str, name: str) -> Handler:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        handler_module = importlib.import_module(module)
    except ImportError as err:
        raise InputError(f"{module}: cannot be imported: {err}") from err
    handler = getattr(handler_module, name, None)
    if not callable(handler):
        raise InputError(f"{module}: has no function {name}")
    result: Handler = handler
    return result


def summary_of(totals: StreamTotals, objects: int) -> Mapping[str, int]:
    """Return the totals of a stream by the names that people are shown, in their order."""
    return {
        "records in": totals.records_in,
        "waiting": totals.records_in - totals.delivered - totals.dropped - totals.failed.total(),
        "delivered": totals.delivered,
        "dropped": totals.dropped,
        "failed": totals.failed.total(),
        "invocations": totals.invocations,
        "retries": totals.retries,
        "objects": objects,
    }
