"""ministack in a process of its own: CloudFormation, Lambda, IAM and the rest of AWS's interfaces on loopback.

What it does not do as AWS does is not relied on: it takes misspelt properties (cfn-lint is there for those) and checks
no rights. Invariant: it listens on one free port of 127.0.0.1, keeps nothing, and ends with its processes when the
context does.
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
from typing import Any, Final

import boto3
from botocore.config import Config

READY_SECONDS: Final = 60
STOP_SECONDS: Final = 10
REGION: Final = "eu-central-1"


class Ministack:
    """The server, as a context."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Ministack":
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",  # its default is every interface
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def client(self, service: str) -> Any:
        """Return boto3's client of a service, pointed here."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}),
        )

    def _wait(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise RuntimeError(f"ministack did not start:\n{self.log.read_text(errors='replace')[-2000:]}")
