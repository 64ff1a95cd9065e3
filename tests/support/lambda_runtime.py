"""AWS's own runtime client in a process of its own, with either of two servers before it.

`RuntimeApi` is a Lambda Runtime API on loopback that shows what the client sends, headers included; `Emulator` is
AWS's runtime interface emulator, which enforces the limits. Both run the client from `.venv-runtime`, which holds
nothing else, with an unpacked layer where Lambda would mount it. Invariant: no process, thread or socket outlives its
`with` block.
"""

from __future__ import annotations

import importlib.util
import os
import queue
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from built_layer import mounted

from fastxform.limits import FUNCTION_TIMEOUT_MAX_SECONDS, REQUEST_LIMIT_BYTES, RESPONSE_LIMIT_BYTES

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-runtime" / "bin" / "python"
SHIPPED = ROOT / ".venv-runtime-shipped" / "bin" / "python"
"""Of the Python that the layer is shipped for; there where the machine has it."""
EMULATOR = ROOT / ".cache" / "aws-lambda-rie"
HANDLER = "fastxform.handler.lambda_handler"
PATIENCE_SECONDS = 60
"""When a peer that says nothing is taken for dead: far beyond what anything takes, so only a failing test waits."""


@dataclass(frozen=True)
class Answer:
    """What came back for one invocation, or for the init: `kind` is response, error, init_error or exit."""

    kind: str
    body: bytes
    content_type: str | None = None
    error_type: str | None = None


def version_of(python: Path) -> str:
    """Return the minor version of an environment's Python."""
    if not python.exists():
        raise FileNotFoundError(f"{python} is missing: run ./build.sh setup")
    settings = (python.parent.parent / "pyvenv.cfg").read_text()
    (whole,) = [line.partition("=")[2].strip() for line in settings.splitlines() if line.startswith("version")]
    return ".".join(whole.split(".")[:2])


def function_environment(task: Path, handler: str, python: Path = PYTHON, **variables: str) -> dict[str, str]:
    """Return a function's whole environment: nothing of this process's leaks in.

    `PYTHONPATH` stands for what Lambda adds to the path of its Python: the layer comes after the function, and what is
    given here, as the runtime's own boto3, after the layer.
    """
    more = variables.pop("PYTHONPATH", None)
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(mounted(version_of(python))), more])),
        "PATH": os.environ["PATH"],
        "HOME": str(task),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "fastxform-test",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(PATIENCE_SECONDS),
        "LAMBDA_TASK_ROOT": str(task),
        "PYTHONDONTWRITEBYTECODE": "1",
        "_HANDLER": handler,
        **variables,
    }


def link_boto3(directory: Path) -> str:
    """Make the directory in which the runtime has its boto3, of this environment's, and nothing else."""
    directory.mkdir()
    for name in ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"):
        found = importlib.util.find_spec(name)
        place = Path(found.origin)
        place = place.parent if found.submodule_search_locations else place
        (directory / place.name).symlink_to(place)
    return str(directory)


class _Process:
    """A process in a session of its own; the end of the pipe that takes its output says that no child is left."""

    def __init__(self, command: list[str], environment: dict[str, str], task: Path) -> None:
        self.popen = subprocess.Popen(
            command,
            env=environment,
            cwd=task,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._output = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while chunk := os.read(self.popen.stdout.fileno(), 65536):
            self._output += chunk

    def log(self) -> str:
        """Return the output so far; all of it after `stop`."""
        return self._output.decode()

    def stop(self) -> None:
        """End the process, and with it the function that an emulator started."""
        self.popen.terminate()
        try:
            self.popen.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self._reader.join(PATIENCE_SECONDS)
        assert not self._reader.is_alive(), "a child of the process is left"
        self.popen.stdout.close()


class RuntimeApi:
    """A Lambda Runtime API with the real client connected to it; one invocation at a time, as Lambda does.

    Source: Lambda Runtime API, version 2018-06-01; a response over the limit gets the 413 that the real one gives.
    """

    def __init__(self, task: Path, handler: str = HANDLER, *, within: Sequence[str] = (), **variables: str) -> None:
        self._task, self._handler, self._within, self._variables = task, handler, within, variables
        self._events: queue.Queue[tuple[str, bytes, str] | None] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()

    def __enter__(self) -> RuntimeApi:
        self._server = _Server(("127.0.0.1", 0), _RuntimeApiHandler, self._events, self._answers)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        address = f"127.0.0.1:{self._server.server_port}"
        variables = self._variables | {"AWS_LAMBDA_RUNTIME_API": address}
        try:
            environment = function_environment(self._task, self._handler, **variables)
            command = [*self._within, str(PYTHON), "-m", "awslambdaric", self._handler]
            self._process = _Process(command, environment, self._task)
        except BaseException:
            self._close()
            raise
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stop()
        self._watcher.join()
        self._close()

    def _watch(self) -> None:
        """Report the end of the process, which an invocation would else wait for."""
        code = self._process.popen.wait()
        self._answers.put(Answer("exit", str(code).encode()))

    def _close(self) -> None:
        self._events.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self) -> Answer:
        """Return what the function posts next, with no event given: how its init failed, or how it ended."""
        answer = self._answers.get(timeout=PATIENCE_SECONDS)
        if answer.kind == "exit":
            self._answers.put(answer)  # for whoever asks again
        return answer

    def invoke(self, event: bytes, content_type: str = "application/json") -> Answer:
        """Hand one event to the function and return what it posts for it."""
        self.send(event, content_type)
        return self.answer()

    def send(self, event: bytes, content_type: str = "application/json") -> None:
        """Hand one event to the function, and do not wait."""
        self._events.put((str(uuid.uuid4()), event, content_type))

    def terminate(self) -> None:
        """Send SIGTERM to the function, as Lambda does at shutdown where an extension is registered."""
        self._process.popen.terminate()

    @property
    def pid(self) -> int:
        """The process of the function."""
        return self._process.popen.pid

    def log(self) -> str:
        """Return what the function wrote, stdout and stderr; all of it only after the `with` block."""
        return self._process.log()


class _Server(ThreadingHTTPServer):
    def __init__(self, address, handler, events, answers) -> None:
        self.events, self.answers = events, answers
        super().__init__(address, handler)

    def handle_error(self, request, client_address) -> None:
        """Say nothing of a function that was stopped while it waited for an event."""


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a head and a body in two writes would wait 40 ms for an acknowledgement
    server: _Server

    def do_GET(self) -> None:
        assert self.path == "/2018-06-01/runtime/invocation/next", self.path
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        request_id, body, content_type = event
        deadline_ms = int(time.time() * 1000) + FUNCTION_TIMEOUT_MAX_SECONDS * 1000
        headers = {
            "Content-Type": content_type,
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:fastxform-test",
        }
        self._reply(200, body, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = {"response": "response", "error": "error"}[self.path.rsplit("/", 1)[1]]
        if "/init/" in self.path:
            kind = "init_error"
        fits = len(body) <= RESPONSE_LIMIT_BYTES
        self._reply(202 if fits else 413, b'{"status":"OK"}', {"Content-Type": "application/json"})
        if fits:
            error_type = self.headers["Lambda-Runtime-Function-Error-Type"]
            self.server.answers.put(Answer(kind, body, self.headers["Content-Type"], error_type))

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the answers are the record."""


class Emulator:
    """AWS's runtime interface emulator, without a container, and the real client as its child.

    Both of its addresses are bound to loopback: the first defaults to every interface of the machine. It cuts a request
    over the limit short without a word, so `invoke` refuses one. `within` is a command that runs the function, `child`
    one that is a runtime by itself, in the place of the client.
    """

    def __init__(
        self,
        task: Path,
        handler: str = HANDLER,
        *,
        python: Path = PYTHON,
        within: Sequence[str] = (),
        child: Sequence[str] = (),
        **variables: str,
    ) -> None:
        self._task, self._handler, self._variables = task, handler, variables
        self._python, self._within, self._child = python, within, child

    def __enter__(self) -> Emulator:
        if not EMULATOR.exists():
            raise FileNotFoundError(f"{EMULATOR} is missing: run ./build.sh setup")
        port, api_port = _free_ports(2)
        command = [str(EMULATOR), "--log-level", "error"]
        command += ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
        command += self._child or [*self._within, str(self._python), "-m", "awslambdaric", self._handler]
        environment = function_environment(self._task, self._handler, self._python, **self._variables)
        self.address = f"http://127.0.0.1:{port}"
        self._url = f"{self.address}/2015-03-31/functions/function/invocations"
        self._process = _Process(command, environment, self._task)
        try:
            self._wait_for(port)
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stop()

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except ConnectionRefusedError:
                if self._process.popen.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the emulator did not start: {self._process.log()}") from None
                time.sleep(0.01)
            else:
                return

    def invoke(self, event: bytes) -> Answer:
        """Invoke the function: as from Lambda, its exception is a response; its exit or oversize answer an error."""
        assert len(event) <= REQUEST_LIMIT_BYTES, len(event)
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url, data=event, method="POST", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                return Answer("response", response.read(), response.headers["Content-Type"])
        except urllib.error.HTTPError as error:
            with error:
                return Answer("error", error.read(), error.headers["Content-Type"])

    def terminate(self) -> int:
        """Send SIGTERM to the emulator, which ends its function; return how it ended."""
        self._process.popen.terminate()
        return self._process.popen.wait(PATIENCE_SECONDS)

    def log(self) -> str:
        """Return what the emulator and the function wrote; all of it only after the `with` block."""
        return self._process.log()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
