"""A loopback server that speaks PutRecordBatch and PutRecords as AWS does, and fails as AWS does, by a seeded plan.

It enforces the limits of both calls, keeps every record that it took, and notes what it saw: calls, their sizes, how
many at once. It delivers nothing and knows no other operation.
"""

import base64
import json
import random
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import boto3

from fastxform import limits
from fastxform.puts.client import make_closable

CERTIFICATE = Path(__file__).parents[1] / "fixtures" / "loopback.pem"
"""A certificate of 127.0.0.1, signed by itself, and its key, which is no secret."""

FAULTS = {
    "throttle": "the call is refused as too fast, nothing is taken",
    "server_error": "the call fails with 500, nothing is taken",
    "server_error_after": "the call fails with 500 although every record was taken",
    "reset": "the connection dies before anything is taken",
    "reset_after": "the connection dies after every record was taken",
    "half": "the connection dies after half of the records was taken",
    "slow": "the answer takes `slow_s`",
    "hang": "the records are taken, and no answer comes while the server lives",
    "drip_head": "the records are taken, and the answer's head comes byte by byte while the server lives",
    "drip_body": "the records are taken, and the answer's body comes byte by byte while the server lives",
    "no_list": "taken, the answer lacks its list",
    "short_list": "taken, the answer's list is one too short",
    "wrong_count": "taken, the count of failures disagrees with the list",
    "no_receipt": "taken, one entry has neither a receipt nor an error",
    "not_json": "taken, the answer is not JSON",
    "cut_off": "taken, the answer ends before its announced length",
}
"""What can happen to a call, as keys of `Plan.calls`."""

HOLDING = ("slow", "hang", "drip_head", "drip_body")
"""Those that hold the call up rather than end it."""

REFUSALS = {
    "not_permitted": (
        "InvalidArgumentException",
        "This operation is not permitted on KinesisStreamAsSource delivery stream type.",
    ),
    "not_from_cloudwatch": (
        "InvalidSourceException",
        "Put to Firehose failed for AccountId: 123456789012, FirehoseName: s because the request is not originating"
        " from CloudWatch.",
    ),
    "not_found": ("ResourceNotFoundException", "Stream s under account 123456789012 not found."),
    "access_denied": ("AccessDeniedException", "User: arn:aws:sts::123456789012:x is not authorized to perform: put"),
    "unknown_key": ("UnrecognizedClientException", "The security token included in the request is invalid."),
    "kms_disabled": ("KMSDisabledException", "The key is disabled."),
}
"""Refusals that no retry mends: code and message."""


@dataclass(frozen=True)
class Plan:
    """What goes wrong; with the same seed the n-th call meets the same fault.

    Attributes:
        seed: Of every draw.
        calls: Share of calls for each fault of `FAULTS`; their sum is at most 1.
        entries: Share of the entries that fail inside a reply with status 200.
        entry_code: Error code of such an entry; None for the service's own throttle.
        until_call: Faults of `calls` and `entries` stop with this call; None: never.
        refuse: A key of `REFUSALS`: every call is refused so.
        poison: Data of a record for which the whole call is invalid.
        latency_s: What every answer takes.
        slow_s: What a slow one takes.
        drip_s: The pause before each byte of an answer that drips.
        kinesis_record_bytes: The largest record that the Kinesis stream takes.
    """

    seed: int = 0
    calls: Mapping[str, float] = field(default_factory=dict)
    entries: float = 0.0
    entry_code: str | None = None
    until_call: int | None = None
    refuse: str | None = None
    poison: bytes | None = None
    latency_s: float = 0.0
    slow_s: float = 0.0
    drip_s: float = 0.02
    kinesis_record_bytes: int = limits.KINESIS_RECORD_LIMIT_BYTES

    def fault(self, number: int) -> str | None:
        """Return the fault of the call with this number."""
        if self.until_call is not None and number >= self.until_call:
            return None
        draw = random.Random(f"{self.seed}:call:{number}").random()
        for name, share in self.calls.items():
            if draw < share:
                return name
            draw -= share
        return None

    def failed_entries(self, number: int, count: int) -> set[int]:
        """Return which entries of the call fail."""
        if self.until_call is not None and number >= self.until_call:
            return set()
        chance = random.Random(f"{self.seed}:entries:{number}")
        return {position for position in range(count) if chance.random() < self.entries}


@dataclass(frozen=True)
class Taken:
    """One record that the server took."""

    service: str
    stream: str
    data: bytes
    partition_key: str | None


@dataclass(frozen=True)
class Call:
    """One call that the server saw: raw bytes of its records (Kinesis: keys included), and how it ended."""

    service: str
    stream: str
    records: int
    record_bytes: int
    ending: str


class AwsServer:
    """The server; a context manager, which ends every thread and connection with it."""

    def __init__(self, plan: Plan | None = None, *, with_tls: bool = False) -> None:
        unknown = set(plan.calls if plan else ()) - set(FAULTS)
        if unknown:
            raise ValueError(f"no such faults: {sorted(unknown)}")
        self.plan = plan or Plan()
        self.taken: list[Taken] = []
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.concurrency_max = 0
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.seen = 0
        self._concurrency = 0
        self._with_tls = with_tls
        self._http = _Http(self)
        if with_tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    def __enter__(self) -> "AwsServer":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.ending.set()
        self._http.shutdown()
        self._thread.join()
        self._http.close_connections()
        self._http.server_close()

    @property
    def url(self) -> str:
        """Return where the server listens."""
        return f"http{'s' * self._with_tls}://127.0.0.1:{self._http.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """Return the environment in which boto3 finds the server by itself."""
        return {
            "AWS_ENDPOINT_URL_FIREHOSE": self.url,
            "AWS_ENDPOINT_URL_KINESIS": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def client(self, service, region, config):
        """Make a real boto3 client of the server, as a client factory."""
        made = _session().client(
            service,
            region_name=region or "eu-west-1",
            config=config,
            endpoint_url=self.url,
            verify=str(CERTIFICATE) if self._with_tls else None,
        )
        make_closable(made)
        return made

    def enter_call(self) -> int:
        """Count a call in, and return its number."""
        with self.lock:
            self.seen += 1
            self._concurrency += 1
            self.concurrency_max = max(self.concurrency_max, self._concurrency)
            return self.seen - 1

    def leave_call(self) -> None:
        """Count a call out."""
        with self.lock:
            self._concurrency -= 1


_sessions: list[boto3.Session] = []


def _session() -> boto3.Session:
    """Return one session for all tests: it reads the service models once."""
    if not _sessions:
        _sessions.append(boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing"))
    return _sessions[0]


class _Http(ThreadingHTTPServer):
    """Threads per connection, joined at the end."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, aws: AwsServer) -> None:
        self.aws = aws
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self):
        connection, address = super().get_request()
        with self.aws.lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request) -> None:
        with self.aws.lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that wait on a connection which the client keeps open."""
        with self.aws.lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # the client was faster
                    continue

    def handle_error(self, request, client_address) -> None:
        """Let a client that hung up pass, and note everything else for the test to see."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            self.aws.violations.append(f"the server itself failed: {error!r}")


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    OPERATIONS: ClassVar = {"Firehose_20150804.PutRecordBatch": "firehose", "Kinesis_20131202.PutRecords": "kinesis"}

    def do_POST(self) -> None:
        aws = self.server.aws
        number = aws.enter_call()
        try:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service = self.OPERATIONS.get(self.headers.get("X-Amz-Target", ""))
            if service is None:
                self.answer_error("UnknownOperationException", "no such operation", 400)
                return
            request = json.loads(body)
            stream = _stream_of(service, request)
            records = [(base64.b64decode(entry["Data"]), entry.get("PartitionKey")) for entry in request["Records"]]
            ending, send = self.serve(aws, number, service, stream, records)
            record_bytes = sum(_record_bytes(service, *record) for record in records)
            with aws.lock:
                aws.calls.append(Call(service, stream, len(records), record_bytes, ending))
            pause_s = aws.plan.latency_s + (aws.plan.slow_s if ending == "slow" else 0.0)
            aws.ending.wait(None if ending == "hang" else pause_s)
        finally:
            aws.leave_call()  # before the answer: the client may call again as soon as it has it
        send()

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def serve(self, aws: AwsServer, number: int, service: str, stream: str, records: list):
        """Take what the plan lets be taken; return how the call ends, and what sends the answer."""
        problem = _invalid(service, records, aws.plan.kinesis_record_bytes)
        if problem is not None:
            with aws.lock:
                aws.violations.append(problem)
            return "over_limit", lambda: self.answer_error("InvalidArgumentException", problem, 400)
        if aws.plan.refuse is not None:
            code, message = REFUSALS[aws.plan.refuse]
            return "refused", lambda: self.answer_error(code, message, 400)
        if aws.plan.poison is not None and any(data == aws.plan.poison for data, _ in records):
            return "poison", lambda: self.answer_error("InvalidArgumentException", "1 validation error detected", 400)
        fault = aws.plan.fault(number)
        if fault == "throttle":
            return fault, lambda: self.answer_throttle(service)
        if fault == "server_error":
            return fault, lambda: self.answer_error("InternalFailure", "", 500)
        if fault == "reset":
            return fault, self.reset
        failed = aws.plan.failed_entries(number, len(records))
        if fault == "half":
            failed = set(range(len(records) // 2, len(records)))
        with aws.lock:
            aws.taken += [Taken(service, stream, *r) for position, r in enumerate(records) if position not in failed]
        if fault in ("half", "reset_after"):
            return fault, self.reset
        if fault == "server_error_after":
            return fault, lambda: self.answer_error("InternalFailure", "", 500)
        if fault == "hang":
            return fault, self.reset
        code = aws.plan.entry_code or _THROTTLES[service]
        answer = _answer(service, len(records), failed, code, number)
        return fault or "answered", lambda: self.answer_with(fault, service, answer)

    def answer_with(self, fault: str | None, service: str, answer: dict) -> None:
        """Send an answer with status 200, spoilt where the fault says so."""
        listed, counted = _MEMBERS[service]
        if fault == "no_list":
            del answer[listed]
        elif fault == "short_list":
            answer[listed].pop()
        elif fault == "wrong_count":
            answer[counted] += 1
        elif fault == "no_receipt":
            answer[listed][0] = {}
        body = json.dumps(answer).encode()
        if fault in ("drip_head", "drip_body"):
            self.drip(body, is_head=fault == "drip_head")
            return
        if fault == "not_json":
            body = b"<html>" + body
        self.answer(200, body, cut_bytes=20 if fault == "cut_off" else 0)

    def answer_throttle(self, service: str) -> None:
        """Refuse the call as too fast, with the status that the service uses."""
        self.answer_error(_THROTTLES[service], "Slow down.", 500 if service == "firehose" else 400)

    def answer_error(self, code: str, message: str, status: int) -> None:
        """Fail the whole call."""
        self.answer(status, json.dumps({"__type": code, "message": message}).encode())

    def answer(self, status: int, body: bytes, cut_bytes: int = 0) -> None:
        """Send status, headers and body at once."""
        head = f"HTTP/1.1 {status} x\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body[: len(body) - cut_bytes])
        if cut_bytes:
            self.close_connection = True

    def drip(self, body: bytes, *, is_head: bool) -> None:
        """Send an answer so that each read gets a byte in time, and its end never comes."""
        body = b" " * 100_000 + body
        head = f"HTTP/1.1 200 x\r\nContent-Length: {len(body)}\r\nX-Filler: "
        self.wfile.write(head.encode() if is_head else head.encode() + b"\r\n\r\n")
        while not self.server.aws.ending.wait(self.server.aws.plan.drip_s):
            self.wfile.write(b" ")
        self.close_connection = True

    def reset(self) -> None:
        """Let the connection die: no FIN, an RST."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()


_MEMBERS = {"firehose": ("RequestResponses", "FailedPutCount"), "kinesis": ("Records", "FailedRecordCount")}
_THROTTLES = {"firehose": "ServiceUnavailableException", "kinesis": "ProvisionedThroughputExceededException"}


def _stream_of(service: str, request: dict) -> str:
    """Return the name of the stream that a request names."""
    if service == "firehose":
        return request["DeliveryStreamName"]
    return request["StreamName"] if "StreamName" in request else request["StreamARN"].partition("/")[2]


def _record_bytes(service: str, data: bytes, key: str | None) -> int:
    """Count a record as the service does."""
    return len(data) + (len(key.encode()) if service == "kinesis" and key else 0)


def _invalid(service: str, records: list, kinesis_record_bytes: int) -> str | None:
    """Return what makes the whole call invalid."""
    sizes = [_record_bytes(service, *record) for record in records]
    firehose = service == "firehose"
    count = limits.FIREHOSE_BATCH_LIMIT_RECORDS if firehose else limits.KINESIS_BATCH_LIMIT_RECORDS
    record_bytes = limits.FIREHOSE_RECORD_LIMIT_BYTES if firehose else kinesis_record_bytes
    batch_bytes = limits.FIREHOSE_BATCH_LIMIT_BYTES if firehose else limits.KINESIS_BATCH_LIMIT_BYTES
    if not 1 <= len(records) <= count:
        return f"{len(records)} records in one call"
    if max(sizes) > record_bytes:
        return f"a record of {max(sizes)} bytes"
    if sum(sizes) > batch_bytes:
        return f"a call of {sum(sizes)} bytes"
    if not firehose and not all(key is not None and 1 <= len(key) <= 256 for _, key in records):
        return "a record without a partition key of 1 to 256 characters"
    return None


def _answer(service: str, count: int, failed: set[int], code: str, number: int) -> dict:
    """Return the body of an answer with status 200."""
    listed, counted = _MEMBERS[service]
    entries = []
    for position in range(count):
        if position in failed:
            entries.append({"ErrorCode": code, "ErrorMessage": "Slow down."})
        elif service == "firehose":
            entries.append({"RecordId": f"{number}-{position}"})
        else:
            entries.append({"SequenceNumber": f"{number:020}{position:06}", "ShardId": "shardId-000000000000"})
    return {counted: len(failed), listed: entries}
