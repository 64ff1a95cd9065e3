"""What the native kernel answers to the records of the differential test: a line a case, the same on every processor.

`python tests/support/kernel_outputs.py` prints the name of a case, how many of its records were the engine's, and the
digest of the answers to payloads and to an event. `dev.arm64` compares those of two processors.
"""

import hashlib
import json
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import differential
import mutation

RECORDS = 24


def line_of(case):
    """Return the line of a case."""
    from fastxform import Pipeline, make_handler

    rng = random.Random(case.name)
    payloads = list(mutation.records(rng, case, RECORDS))
    pipeline = Pipeline.from_toml(case.config, case.function)
    meta = {name: [differential.ARRIVED_MS] * RECORDS for name in pipeline.meta_names}
    answers = pipeline.native.run(payloads, meta, differential.NOW_MS, lambda stage: None, None)
    digest = hashlib.sha256(repr(answers.lists()).encode())
    if "now_ms" not in case.config:
        records = [
            {"recordId": f"r{i}", "approximateArrivalTimestamp": differential.ARRIVED_MS + i, "data": text}
            for i, text in enumerate(mutation.base64_of(rng, payload) for payload in payloads)
        ]
        handler = make_handler(Pipeline.from_toml(case.config, case.function))
        digest.update(handler(json.dumps({"records": records}, separators=(",", ":")).encode(), None))
    return f"{case.name} {answers.fallback_count} {digest.hexdigest()[:32]}"


if __name__ == "__main__":
    os.environ.update(differential.QUIET)
    for case in mutation.CASES:
        print(line_of(case), flush=True)
