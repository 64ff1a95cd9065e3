"""What a record costs on Spark, beside what it costs in the handler: CPU of the Python workers, and of the JVM.

    .venv-spark/bin/python -m benchmarks.spark [--records 200000] [--rounds 3]

Every payload goes through `make_handler`'s handler, in events of 6,000, and through `fastxform.spark.transform`, out of
Parquet into Spark's sink that keeps nothing. CPU is what the kernel counted for the processes, user and system, after a
warm round; the two take turns, and the middle of the rounds is written. A round counts only if both gave the same
results. Runs in the environment of `./build.sh spark` and writes `benchmarks/results/spark.{json,md}`.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
EXAMPLES = Path(__file__).parent.parent / "fastxform" / "examples"
CORPORA = {"cities": "cities", "dynamotest": "dynamotest", "ticker": "ticker", "ses": "ses"}
"""Table of the burst and the example that reads it."""
EVENT_RECORDS = 6_000
TICKS = os.sysconf("SC_CLK_TCK")


def processes():
    """The fields of every process of the machine, from its state on, by process id."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    return found


def descendants(pid, table):
    """The processes that a process started, with those that they started."""
    for child, fields in table.items():
        if int(fields[1]) == pid:
            yield child
            yield from descendants(child, table)


class Spark:
    """A session in a JVM of its own, whose CPU and whose Python workers' CPU can be read."""

    def __init__(self, room):
        os.environ["JAVA_HOME"] = str(Path(sys.prefix) / "java")
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        os.environ["PYSPARK_PYTHON"] = sys.executable
        from pyspark.sql import SparkSession

        self.session = (
            SparkSession.builder.master("local[2]")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.memory", "2g")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.local.dir", f"{room}/local")
            .getOrCreate()
        )
        self.session.sparkContext.setLogLevel("ERROR")
        self.jvm = self.session.sparkContext._gateway.proc.pid

    def cpu(self):
        """CPU seconds so far, user and system: of the Python daemon and its workers, gone ones too, and of the JVM."""
        table = processes()
        python = sum(sum(map(int, table[pid][11:15])) for pid in descendants(self.jvm, table))
        return python / TICKS, sum(map(int, table[self.jvm][11:13])) / TICKS


def events(payloads):
    """The payloads as events of Direct PUT, as bytes."""
    for start in range(0, len(payloads), EVENT_RECORDS):
        records = [
            {
                "recordId": f"{number:056}000000",
                "approximateArrivalTimestamp": 1_664_029_185_290,
                "data": base64.b64encode(payload).decode(),
            }
            for number, payload in enumerate(payloads[start : start + EVENT_RECORDS], start)
        ]
        yield json.dumps({"invocationId": "i", "deliveryStreamArn": "a", "region": "r", "records": records}).encode()


def through_handler(pipeline, batches):
    """CPU seconds of the handler on events, and how many records got which result."""
    from fastxform import make_handler

    handler, results, seconds = make_handler(pipeline), Counter(), 0.0
    for event in batches:
        with contextlib.redirect_stdout(io.StringIO()):
            start = time.process_time()
            answer = handler(event, None)
            seconds += time.process_time() - start
        results.update(record["result"] for record in json.loads(answer)["records"])
    return seconds, results


def through_spark(spark, pipeline, path):
    """CPU seconds of the Python workers and of the JVM, and the seconds that passed."""
    from fastxform.spark import transform

    frame = spark.session.read.parquet(path)
    before, start = spark.cpu(), time.monotonic()
    transform(frame, pipeline).write.format("noop").mode("overwrite").save()
    after = spark.cpu()
    return after[0] - before[0], after[1] - before[1], time.monotonic() - start


def measure(spark, table, config, arguments, room):
    """One corpus: the middle of the rounds, in microseconds of CPU a record."""
    from fastxform import Pipeline
    from fastxform.spark import transform
    from fastxform.tools.sample_data import burst

    pipeline = Pipeline.load(EXAMPLES / config / f"{config}.toml")
    payloads = list(burst.records(table, arguments.records))
    path = f"{room}/{table}"
    import pyarrow as pa
    import pyarrow.parquet as parquet

    Path(path).mkdir()
    for part in range(2):
        parquet.write_table(pa.table({"payload": pa.array(payloads[part::2], pa.binary())}), f"{path}/{part}.parquet")
    batches = list(events(payloads))
    _, wanted = through_handler(pipeline, batches)
    counted = transform(spark.session.read.parquet(path), pipeline).groupBy("result").count().collect()
    assert {row["result"]: row["count"] for row in counted} == dict(wanted), f"{table}: Spark gives other results"
    rounds = []
    for _ in range(arguments.rounds):
        handler, _ = through_handler(pipeline, batches)
        rounds.append((handler, *through_spark(spark, pipeline, path)))
    handler, workers, jvm, elapsed = (statistics.median(values) for values in zip(*rounds, strict=True))
    count = len(payloads)
    return {
        "corpus": table,
        "records": count,
        "payload_bytes": sum(map(len, payloads)) // count,
        "results": dict(wanted),
        "handler_us": handler / count * 1e6,
        "workers_us": workers / count * 1e6,
        "jvm_us": jvm / count * 1e6,
        "elapsed_seconds": elapsed,
        "ratios": [round(spent / own, 2) for own, spent, *_ in rounds],
    }


def table_of(rows):
    """The rows as Markdown."""
    head = ("payloads", "bytes each", "handler, records/s a core", "workers, records/s a core")
    head += ("workers over handler (rounds)", "the JVM beside them")
    lines = [head, ("---",) * len(head)]
    for row in rows:
        ratios = f"{min(row['ratios'])} to {max(row['ratios'])}"
        handler, workers = row["handler_us"], row["workers_us"]
        cells = (row["corpus"], f"{row['payload_bytes']}", f"{1e6 / handler:,.0f} ({handler:.2f} µs)")
        cells += (f"{1e6 / workers:,.0f} ({workers:.2f} µs)", f"{workers / handler:.2f} ({ratios})")
        lines.append((*cells, f"{row['jvm_us']:.2f} µs a record"))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpus", choices=CORPORA, action="append")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        spark = Spark(room)
        try:
            rows = [
                measure(spark, table, CORPORA[table], arguments, room) for table in arguments.corpus or list(CORPORA)
            ]
        finally:
            spark.session.stop()
    about = (
        f"{arguments.records:,} records each, middle of {arguments.rounds} rounds, CPU user and system; Spark"
        f" {version('pyspark')} local[2], Python {sys.version.split()[0]}, pyarrow {version('pyarrow')},"
        f" {os.cpu_count()} cores, {date.today()}."
    )
    print(table_of(rows), about, sep="\n\n")
    if arguments.corpus is None:
        (RESULTS / "spark.json").write_text(json.dumps({"about": about, "rows": rows}, indent=2) + "\n")
        (RESULTS / "spark.md").write_text(f"# A record on Spark and in the handler\n\n{about}\n\n{table_of(rows)}\n")


if __name__ == "__main__":
    main()
