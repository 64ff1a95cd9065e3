"""Question: what does putting overflow back in parallel win over one call after the other?

Corpus: 3,000 records of 600 bytes, six calls, against the loopback server of the tests in a process of its own, which
takes 30 ms for an answer. Contenders: a plain boto3 loop of 500 records a call, as the CloudWatch Logs blueprint does
it, and `Reingester` with 1 to 8 workers. Rounds are interleaved; a time counts only if the server then had every record
once.

Run: `.venv/bin/python benchmarks/bench_reingest.py [--rounds N] [--records N] [--latency-ms MS]`
"""

import argparse
import datetime
import multiprocessing
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from aws_faults import AwsServer, Plan

from fastxform.limits import FIREHOSE_BATCH_LIMIT_RECORDS
from fastxform.puts.api import Target
from fastxform.puts.reingest import Reingester

TARGET = Target("firehose", "overflow", None, "eu-west-1")
RECORD_BYTES = 600


def serve(pipe, latency_s: float) -> None:
    """Run the server; for each message say how many distinct records it took since the last, and how many in all."""
    with AwsServer(Plan(latency_s=latency_s)) as server:
        pipe.send(server.environment())
        while pipe.recv():
            with server.lock:
                taken, server.taken = server.taken, []
                most, server.concurrency_max = server.concurrency_max, 0
            pipe.send((len({record.data for record in taken}), len(taken), most))


def plain_loop(payloads) -> None:
    """Put 500 records a call, one call after the other, as a handler with boto3 alone does."""
    client = CLIENTS.setdefault("plain", boto3.client("firehose", region_name="eu-west-1"))
    for start in range(0, len(payloads), FIREHOSE_BATCH_LIMIT_RECORDS):
        records = [{"Data": payload} for payload in payloads[start : start + FIREHOSE_BATCH_LIMIT_RECORDS]]
        client.put_record_batch(DeliveryStreamName="overflow", Records=records)


def with_workers(workers: int):
    """Return the contender with a Reingester of so many workers."""

    def put(payloads) -> None:
        one = CLIENTS.setdefault(workers, Reingester(workers=workers))
        one.put(TARGET, payloads, None, lambda: 60_000)

    return put


CLIENTS: dict = {}
CONTENDERS = {
    "boto3, one call after the other": plain_loop,
    "Reingester, workers = 1": with_workers(1),
    "Reingester, workers = 2": with_workers(2),
    "Reingester, workers = 4": with_workers(4),
    "Reingester, workers = 8 (default)": with_workers(8),
}


def measure(pipe, payloads, rounds: int) -> tuple[dict, dict]:
    """Return the seconds of each contender and the most calls at once; a wrong result ends the benchmark."""
    seconds: dict = {name: [] for name in CONTENDERS}
    at_once: dict = dict.fromkeys(CONTENDERS, 0)
    for number in range(rounds + 1):  # the first round warms connections up
        for name, contender in CONTENDERS.items():
            start = time.perf_counter()
            contender(payloads)
            elapsed = time.perf_counter() - start
            pipe.send(True)
            distinct, total, most = pipe.recv()
            if (distinct, total) != (len(payloads), len(payloads)):
                raise SystemExit(f"{name}: the server has {distinct} of {len(payloads)} records, {total} in all")
            at_once[name] = max(at_once[name], most)
            if number:
                seconds[name].append(elapsed)
    return seconds, at_once


def show(seconds: dict, at_once: dict, options) -> None:
    """Print the table, as Markdown."""
    baseline = statistics.median(next(iter(seconds.values())))
    print(
        f"{options.records:,} records of {RECORD_BYTES} bytes, {options.latency_ms} ms for an answer, {options.rounds}"
        f" interleaved rounds; Python {platform.python_version()}, boto3 {boto3.__version__}, {os.cpu_count()} cores,"
        f" {datetime.datetime.now(datetime.UTC):%Y-%m-%d}\n"
    )
    print("| contender | median ms | fastest to slowest ms | records/s | calls at once | against the first |")
    print("|---|---|---|---|---|---|")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(
            f"| {name} | {median * 1e3:.0f} | {min(times) * 1e3:.0f} to {max(times) * 1e3:.0f}"
            f" | {options.records / median:,.0f} | {at_once[name]} | {baseline / median:.1f} x |"
        )
    print(
        "\nWhy: a call mostly waits, and calls side by side wait together. What is left is the CPU time of boto3, about"
        "\n6 ms a call for base64, JSON and signature, which does not overlap inside one interpreter. Every time above"
        "\nis of a round after which the server had each record exactly once."
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--records", type=int, default=3_000)
    parser.add_argument("--latency-ms", type=int, default=30)
    options = parser.parse_args()
    payloads = [b"%08d" % number + bytes(RECORD_BYTES - 8) for number in range(options.records)]
    spawn = multiprocessing.get_context("spawn")
    pipe, far_end = spawn.Pipe()
    server = spawn.Process(target=serve, args=(far_end, options.latency_ms / 1e3))
    server.start()
    try:
        os.environ |= pipe.recv()
        show(*measure(pipe, payloads, options.rounds), options)
    finally:
        pipe.send(False)
        server.join()
        for client in CLIENTS.values():
            client.close()


if __name__ == "__main__":
    main()
