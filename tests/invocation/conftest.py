"""Invocations are tested as they are in Lambda, where each writes its metrics and its log line."""

import pytest


@pytest.fixture(autouse=True)
def in_lambda(monkeypatch):
    """A variable that Lambda and its emulator set."""
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
