"""What an answer of AWS's runtime interface emulator means for a stream."""

import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fastxform.limits import REQUEST_LIMIT_BYTES
from fastxform.tools.simulator.function import Invocation
from fastxform.tools.simulator.remote import PATH, invoke


@contextmanager
def answering(status, body):
    """A server that answers every event so; None lets the connection die."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == PATH
            self.rfile.read(int(self.headers["Content-Length"]))
            if status is None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.shutdown(socket.SHUT_WR)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PATH}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "code", "detail"),
    [
        pytest.param(200, b'{"records":[]}', "", "", id="response"),
        pytest.param(200, b'{"records":[{"errorType":1}]}', "", "", id="response-with-the-word"),
        pytest.param(200, b"", "", "", id="empty-is-judged-by-the-stream"),
        pytest.param(
            200,
            b'{"errorMessage":"the secret 7","errorType":"ValueError","stackTrace":[]}',
            "Lambda.FunctionError",
            "the function failed: ValueError",
            id="exception",
        ),
        pytest.param(
            200,
            b"Task timed out after 2.00 seconds",
            "Lambda.FunctionTimedOut",
            "Task timed out after 2.00 seconds",
            id="time-out",
        ),
        pytest.param(
            502,
            b'{"errorType":"Runtime.ExitError","errorMessage":"exit"}',
            "Lambda.FunctionError",
            "the function failed: Runtime.ExitError",
            id="death",
        ),
        pytest.param(500, b"<html>", "Lambda.FunctionError", "the function failed: an unknown error", id="no-json"),
        pytest.param(None, b"", "Lambda.InvocationFailure", "the connection failed: RemoteDisconnected", id="dead"),
    ],
)
def test_every_answer_is_an_invocation(status, body, code, detail):
    """A payload, or Firehose's error code with a detail that quotes no message."""
    with answering(status, body) as url:
        assert invoke(url, b"{}") == Invocation(b"" if code else body, code, detail)


def test_nobody_there():
    """A function whose server is gone could not be invoked."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}{PATH}"
        assert invoke(url, b"{}").detail == "the connection failed: ConnectionRefusedError"


def test_no_answer_in_time():
    """A server that takes the event and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}{PATH}"
        assert invoke(url, b"{}", timeout_seconds=0.05).error_code == "Lambda.FunctionRequestTimedOut"


def test_an_event_over_the_limit_is_not_sent():
    """The emulator would cut it short."""
    invocation = invoke("http://127.0.0.1:9" + PATH, b"x" * (REQUEST_LIMIT_BYTES + 1))
    assert invocation.error_code == "Lambda.InvocationFailure"
    assert "6291457 bytes" in invocation.detail
