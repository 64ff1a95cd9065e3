"""What is said of a batch: one structured log line, with counts and reasons, never a payload or a value out of one.

Nothing here decides anything. Invariant: a line holds codes of the closed list, names of the configuration and numbers.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fastxform.errors import DROPPED, OK, REASONS
from fastxform.pipeline import Batch


def describe(batch: Batch) -> dict[str, Any]:
    """Return the counts of a batch: records, `ok`, `dropped`, `where_null`, and failures by reason."""
    counts = Counter(batch.result)
    reasons = Counter(filter(None, batch.reason)) if counts[OK] + counts[DROPPED] < len(batch) else Counter[str]()
    found: dict[str, Any] = {"records": len(batch), "ok": counts[OK], "dropped": counts[DROPPED]}
    if batch.where_null:
        found["where_null"] = batch.where_null
    if reasons:
        found["failed"] = dict(sorted(reasons.items()))
        found["reasons"] = {code: REASONS[code] for code in sorted({reason.partition(":")[0] for reason in reasons})}
    return found


def log(message: str, facts: Mapping[str, Any]) -> None:
    """Write one line of JSON to standard output, which Lambda takes to CloudWatch Logs."""
    sys.stdout.write(json.dumps({"fastxform": message, **facts}, ensure_ascii=False) + "\n")
    sys.stdout.flush()
