"""Firehose's API on a port of this machine: JSON 1.1 over HTTP, as boto3 speaks it.

Here are sockets and spelling; what the operations do is in `api`. Invariant: the server is bound to loopback, it ends
with its `with` block together with every connection and every stream, and an error that is not the caller's ends that
block with that error.
"""

import json
import socket
import struct
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final

from fastxform.tools.simulator.api import FirehoseApi
from fastxform.tools.simulator.client import CallRefusedError

_TARGET: Final = "Firehose_20150804."
_RESET_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""Of SO_LINGER: closing sends RST, which is how a connection dies that nobody closed."""


class FirehoseServer:
    """Serves one `FirehoseApi`; a context manager. Clients find it by `AWS_ENDPOINT_URL_FIREHOSE`."""

    def __init__(self, api: FirehoseApi, port: int = 0) -> None:
        """Bind the port, a free one by default.

        Raises:
            OSError: another program has it.
        """
        self.api = api
        self._http = _Http(api, port)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="firehose-api")

    def __enter__(self) -> "FirehoseServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.api.close()
        finally:
            self._http.shutdown()
            self._thread.join()
            self._http.close_connections()
            self._http.server_close()
        if self._http.failures and error is None:
            raise self._http.failures[0]

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self._http.server_port}"


class _Http(ThreadingHTTPServer):
    """A thread for each connection, ended with the server."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, api: FirehoseApi, port: int) -> None:
        self.api = api
        self.failures: list[Exception] = []
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        with self._lock:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ends."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that wait on connections which clients keep open."""
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # the client was faster
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hung up; everything else was noted where it happened."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a head and a body in two writes would wait 40 ms for an acknowledgement
    server: _Http

    def do_POST(self) -> None:
        """Answer one call."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            status, answer = 200, self._call(body)
        except CallRefusedError as refusal:
            status, answer = refusal.status, {"__type": refusal.code, "message": str(refusal)}
        except ConnectionResetError:
            self._reset()
            return
        except Exception as error:
            self.server.failures.append(error)
            status, answer = 500, {"__type": "InternalFailure", "message": ""}
        self._answer(status, answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the totals of the streams are the record."""

    def _call(self, body: bytes) -> dict[str, Any]:
        service, dot, operation = self.headers.get("X-Amz-Target", "").rpartition(".")
        if service + dot != _TARGET:
            raise CallRefusedError("UnknownOperationException", "X-Amz-Target names no operation of Firehose")
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise CallRefusedError("SerializationException", "the request is not JSON") from error
        if not isinstance(request, Mapping):
            raise CallRefusedError("SerializationException", "the request is not a JSON object")
        return self.server.api.call(operation, request)

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """Let the connection die."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
        self.rfile.close()
        self.connection.close()
