"""The right answers: the oracle of the tests, over a whole event.

It is asked once per corpus and never timed. Nothing of the package is used. Invariant: the oracle decides every
record, hostile ones too.
"""

import base64
import binascii
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import corpora

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from oracle import Oracle, response_entry


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    oracle = Oracle(corpora.find(corpus_name).config)

    def invoke(event: bytes) -> bytes:
        records: list[dict[str, Any]] = json.loads(event)["records"]
        meta = {"arrival_ms": [record["approximateArrivalTimestamp"] for record in records]}
        outcomes = oracle.batch([_decoded(record["data"]) for record in records], meta, time.time_ns() // 1_000_000)
        entries = [
            response_entry(record["recordId"], outcome) for record, outcome in zip(records, outcomes, strict=True)
        ]
        return json.dumps({"records": entries}).encode()

    return invoke
