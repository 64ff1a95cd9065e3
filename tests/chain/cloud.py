"""DynamoDB, Kinesis and S3 on loopback: one ministack process, and clients for it.

What ministack lacks of AWS is made good in `changes`; Firehose and Lambda are not its own here. Invariant: the process
ends with the `with` block, and nothing listens anywhere but on 127.0.0.1.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "000000000000"
"""The account that ministack is."""

PATIENCE_SECONDS = 60
"""Far beyond what anything takes, so only a failing test waits that long."""

_POLL_SECONDS = 0.05


def wait_until(condition, what):
    """Return what the condition returns as soon as that is true; `what` says what never came."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"in {PATIENCE_SECONDS} s there was no {what}"
        time.sleep(_POLL_SECONDS)


class Cloud:
    """One ministack, from an empty state."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MINISTACK_"))}
        # By default it listens on every interface, and on two ports more.
        environment = inherited | {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",
            "SERVICES": "s3,dynamodb,kinesis,sts",
            "AWS_DEFAULT_REGION": REGION,
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self._is_ready, "answer of ministack")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _is_ready(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"ministack did not start: {self._log.read_text()[-2_000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=1) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def client(self, service, url=None, attempts=5):
        """Make a boto3 client, by default of ministack."""
        config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            s3={"addressing_style": "path"},
            max_pool_connections=32,
        )
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=url or self.url, region_name=REGION, config=config, **keys)


class Bucket:
    """What lies in one bucket."""

    def __init__(self, s3, name) -> None:
        s3.create_bucket(Bucket=name)
        self._s3 = s3
        self.name = name
        self.arn = f"arn:aws:s3:::{name}"

    def objects(self, prefix):
        """Return the bytes of every object under a prefix, by key."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {key: self._s3.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys}
