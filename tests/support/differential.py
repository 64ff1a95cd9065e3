"""The native kernel against the engine, record by record, on what `mutation` makes.

`python tests/support/differential.py [--seconds S | --rounds N] [--seed S] [--kernel FILE] [--case NAME]` runs it
alone, with another build of the kernel if one is named; it prints the differences, and ends with 1 where there are
some.
"""

import argparse
import importlib.util
import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import mutation
from kernel_watch import always_on

BATCH_RECORDS = 60
QUIET = {"POWERTOOLS_METRICS_DISABLED": "true", "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
"""What keeps handlers from writing lines."""

NOW_MS = 1_651_495_600_000
ARRIVED_MS = 1_651_495_526_900


def load_kernel(path):
    """Put another build of the kernel in the place of the package's own."""
    name = "fastxform.core._kernel"
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


class Pair:
    """A transform by the kernel and by the engine."""

    def __init__(self, case, width):
        from fastxform import Pipeline, make_handler
        from fastxform.native_pipeline import NativePipeline
        from fastxform.transform.native_map import OwnCode

        self.case = case
        self.engine = Pipeline.from_toml(case.config, case.function)
        self.engine.native = None
        self.native = Pipeline.from_toml(case.config, case.function)
        native = NativePipeline(
            self.native.spec,
            self.native._router.where,
            self.native._plans,
            lambda payloads, meta, now_ms, stop_ns, room_bytes: self.native.run_engine(
                payloads, meta=meta, now_ms=now_ms
            ),
            self.native.map_batch and OwnCode(self.native.map_batch, self.native._faults),
            width,
        )
        native.switch = always_on()()
        self.native.native = native
        self.handlers = make_handler(self.engine), make_handler(self.native)

    def differences(self, rng):
        """Yield what differs for one batch: by payloads, by base64, and as an event."""
        from fastxform.core.payloads import Payloads

        payloads = list(mutation.records(rng, self.case, BATCH_RECORDS))
        meta = {name: [ARRIVED_MS + i for i in range(len(payloads))] for name in self.engine.meta_names}
        expected = self.engine.run(payloads, meta=meta, now_ms=NOW_MS)
        yield from self._unequal(payloads, expected, self.native.run(payloads, meta=meta, now_ms=NOW_MS))
        texts = [mutation.base64_of(rng, payload) for payload in payloads]
        expected = self.engine.run(Payloads(texts), meta=meta, now_ms=NOW_MS)
        yield from self._unequal(texts, expected, self.native.run(Payloads(texts), meta=meta, now_ms=NOW_MS))
        records = [{"recordId": f"r{i}", "approximateArrivalTimestamp": ARRIVED_MS + i} for i in range(len(texts))]
        event = {"invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:x:1:deliverystream/d", "records": records}
        kind = rng.choice(("put", "put", "kinesis", "msk", "msk", "mixed"))
        if kind != "put" and not (kind == "mixed" and rng.random() < 0.5):
            event["source" + ("KinesisStream" if kind == "kinesis" else "MSK") + "Arn"] = "arn:aws:x"
        for record, text in zip(records, texts, strict=True):
            is_kafka = kind == "msk" or (kind == "mixed" and rng.random() < 0.9)
            record["kafkaRecordValue" if is_kafka else "data"] = text
            if is_kafka:
                record["mskRecordMetadata"] = {"offset": "0", "partitionId": "1"}
            elif kind == "kinesis":
                record["kinesisRecordMetadata"] = {"shardId": "s", "partitionKey": "k", "subsequenceNumber": ""}
        spaces = rng.choice((None, (",", ":")))
        raw = json.dumps(event, separators=spaces, ensure_ascii=rng.random() < 0.5).encode()
        if "now_ms" not in self.case.config:  # the handler asks the clock
            one, other = self.handlers[0](raw, None), self.handlers[1](raw, None)
            if one != other:
                pairs = zip(texts, json.loads(one)["records"], json.loads(other)["records"], strict=True)
                yield from (difference for difference in pairs if difference[1] != difference[2])
                if list(json.loads(one)) != list(json.loads(other)):
                    yield raw, one, other
            answers = [json.dumps(handler(event, None)) for handler in self.handlers]
            if answers[0] != answers[1]:
                yield event, *answers

    def _unequal(self, given, expected, found):
        if expected.where_null != found.where_null:
            yield "where_null", expected.where_null, found.where_null
        for place, payload in enumerate(given):
            one, other = (
                (b.result[place], b.reason[place], b.data[place], b.metadata and b.metadata[place])
                for b in (expected, found)
            )
            if one != other:
                yield payload, one, other


def run(rounds, seed, seconds=None, limit=5, name=None):
    """Return the first differences of so many batches of every case, or of the one of a name, or of so many seconds."""
    from fastxform.core import native

    rng = random.Random(seed)
    cases = [case for case in mutation.CASES if name in (None, case.name)]
    plain, *wider = native.WIDTHS  # one case by AVX2, the next by AVX-512, and with the next seed the other way round
    pairs = [Pair(case, width) for i, case in enumerate(cases) for width in (plain, wider[(i + seed) % len(wider)])]
    end = None if seconds is None else time.monotonic() + seconds
    found, count = [], 0
    while count < rounds if end is None else time.monotonic() < end:
        count += 1
        for pair in pairs:
            found += [(pair.case.name, *difference) for difference in pair.differences(rng)]
            if len(found) >= limit:
                return found
    return found


def main():
    """Run from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kernel")
    parser.add_argument("--case", choices=[case.name for case in mutation.CASES])
    options = parser.parse_args()
    os.environ.update(QUIET)
    if options.kernel:
        load_kernel(options.kernel)
    limit = 1 if options.case else 5
    found = run(options.rounds, options.seed, options.seconds, limit, options.case)
    for difference in found:
        print(*(str(part)[:900] for part in difference), sep="\n    ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
