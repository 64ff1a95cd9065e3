"""The first ten minutes of a new user, timed: `python -m dev.first_minutes WHEEL`.

In a clean environment and an empty directory: the wheel is installed, a configuration inferred from a captured event,
checked and tested, opened in the playground, and served as a delivery stream that a producer with boto3 puts records
to, until rows are there. Each step is what the guide says, and its result is looked at. Invariant: nothing of the
repository is used but the wheel, and a step that does not give what it should ends the script.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

EXTRAS: Final = "cli,play,aws"
LIMIT_SECONDS: Final = 600.0
_START_SECONDS: Final = 120.0

_EVENT: Final = """
import base64, json
orders = [{"order": n, "customer": f"c{n % 7}", "total": n + 0.5, "note": "ring twice, please"} for n in range(200)]
records = [
    {"recordId": str(n), "approximateArrivalTimestamp": 1793577600000 + n,
     "data": base64.b64encode(json.dumps(order).encode()).decode()}
    for n, order in enumerate(orders)
]
stream = "arn:aws:firehose:eu-central-1:123456789012:deliverystream/orders"
print(json.dumps({"invocationId": "1", "deliveryStreamArn": stream, "region": "eu-central-1", "records": records}))
"""
"""Stands for a log line or a source-backup object of a running stream."""

_PRODUCER: Final = """
import boto3, json, sys
client = boto3.client("firehose", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id="local", aws_secret_access_key="local")
orders = [{"order": n, "customer": "c1", "total": 1.5, "note": "a, b"} for n in range(300)] + [{"customer": "nobody"}]
for start in range(0, len(orders), 100):
    batch = [{"Data": json.dumps(order).encode()} for order in orders[start : start + 100]]
    answer = client.put_record_batch(DeliveryStreamName="orders", Records=batch)
    assert answer["FailedPutCount"] == 0, answer
"""


class NewUser:
    """An environment, a directory, and the times of the steps."""

    def __init__(self, room: Path, wheel: Path) -> None:
        self.wheel = wheel
        self.venv, self.home = room / "venv", room / "home"
        self.home.mkdir()
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LANG", "LC_"))}
        self.environment = kept | {"HOME": str(self.home), "PATH": f"{self.venv}/bin:{os.defpath}"}
        self.steps: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        started = time.monotonic()
        yield
        self.steps.append((name, time.monotonic() - started))
        print(f"{self.steps[-1][1]:7.1f} s  {name}", flush=True)

    def run(self, *command: str) -> str:
        """Run a command to its end and return what it prints; one that fails ends the script."""
        done = subprocess.run(command, cwd=self.home, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def begin(self, *command: str) -> subprocess.Popen[str]:
        """Start a command that serves until an interrupt."""
        return subprocess.Popen(
            command, cwd=self.home, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


def visit(user: NewUser) -> None:
    """Take all steps."""
    with user.step(f"install the wheel with the extras {EXTRAS} into a clean environment"):
        user.run(sys.executable, "-m", "venv", str(user.venv))
        user.run("python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", f"{user.wheel}[{EXTRAS}]")
    with user.step("fastxform init: a configuration from a captured event"):
        (user.home / "event.json").write_text(user.run("python", "-c", _EVENT), encoding="utf-8")
        user.run("fastxform", "init", "--sample", "event.json", "--out", "orders.toml")
    with user.step("fastxform check, test and run"):
        user.run("fastxform", "check", "orders.toml")
        tests = user.run("fastxform", "test", "orders.toml")
        assert " 0 failed" in tests, tests
        rows = user.run("fastxform", "run", "orders.toml", "event.json")
        assert '"ring twice, please"' in rows and "200 records: 200 Ok" in rows, rows
    with user.step("fastxform play: the page is there"):
        _play(user)
    with user.step("fastxform local: 301 records of a producer with boto3, and their rows"):
        _local(user)


def _play(user: NewUser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = user.begin("fastxform", "play", "orders.toml", "event.json", "--no-browser", "--port", str(port))
    try:
        text, deadline = "", time.monotonic() + _START_SECONDS
        while not text and running.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
                text = page.read().decode()
        assert "fastxform play" in text, "the playground answers no page"
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)


def _local(user: NewUser) -> None:
    running = user.begin("fastxform", "local", "orders.toml", "--stream", "orders", "--port", "0")
    assert running.stderr is not None
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+", running.stderr.readline())
        assert address is not None, "the stream says no address"
        user.run("python", "-c", _PRODUCER, address[0])
    finally:
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    objects = [path for path in (user.home / "orders").rglob("orders-1-*") if "processing-failed" not in path.parts]
    rows = b"".join(path.read_bytes() for path in objects).splitlines()
    assert len(rows) == 300 and rows[0] == b'0,c1,1.5,"a, b"', (len(rows), rows[:1])
    failed = list((user.home / "orders" / "processing-failed").rglob("orders-1-*"))
    lines = [json.loads(line) for path in failed for line in path.read_bytes().splitlines()]
    assert [line["errorCode"] for line in lines] == ["Lambda.ProcessingFailedStatus"], lines


def main(arguments: list[str]) -> int:
    """Visit, and print the times; exit code 1 where it took more than ten minutes."""
    parser = argparse.ArgumentParser(prog="python -m dev.first_minutes", allow_abbrev=False)
    parser.add_argument("wheel", type=Path)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as room:
        user = NewUser(Path(room), options.wheel.resolve())
        visit(user)
    seconds = sum(seconds for _, seconds in user.steps)
    print(f"{seconds:7.1f} s  in all")
    return 1 if seconds > LIMIT_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
