"""The chain that a test builds of real parts, and the summary of what went through it.

pytest runs with `--confcutdir` here: the fixtures of the directory above need packages that this environment lacks.
"""

import json
import time

import pytest
from changes import REFUSALS, RealShape
from cloud import ACCOUNT, REGION, Bucket, Cloud, wait_until
from function import Function
from pyiceberg.catalog.sql import SqlCatalog

from fastxform.tools.simulator.api import FirehoseApi, Parts
from fastxform.tools.simulator.iceberg import IcebergTables
from fastxform.tools.simulator.server import FirehoseServer

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/chain"
_COUNTS = ("records", "delivered", "dropped", "failed", "invocations", "retries", "objects", "commits")
_summaries = []
_started = time.monotonic()


def pytest_configure(config):
    """Let pass what PyIceberg says of a delete that met no row: an update of a new key is one."""
    config.addinivalue_line("filterwarnings", "ignore:Delete operation did not match any records:UserWarning")


def pytest_terminal_summary(terminalreporter):
    """Say what went through."""
    terminalreporter.section("what went through the chain")
    for line in [("stream", *_COUNTS, "faults"), *_summaries]:
        terminalreporter.line(f"{line[0]:<28}" + "".join(f"{each:>12}" for each in line[1:-1]) + f"  {line[-1]}")
    terminalreporter.line(f"{time.monotonic() - _started:.0f} s in all")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """DynamoDB, Kinesis and S3."""
    with Cloud(tmp_path_factory.mktemp("ministack") / "log") as cloud:
        yield cloud


@pytest.fixture
def chain(cloud, tmp_path, request):
    """A chain of real parts, with a name of its own."""
    with Chain(cloud, tmp_path, request.node.name.removeprefix("test_").replace("_", "-")[:40]) as chain:
        yield chain


class Chain:
    """Streams, functions, objects and tables of one test."""

    def __init__(self, cloud, root, name) -> None:
        self.cloud = cloud
        self.name = name
        self._root = root
        self._functions = {}
        self._faults = {}

    def __enter__(self):
        cloud = self.cloud
        self.kinesis = RealShape(cloud.client("kinesis"), refusals=REFUSALS)
        self.bucket = Bucket(cloud.client("s3"), self.name)
        self._catalog = None
        parts = Parts(
            functions=_Invokes(self._functions),
            s3=cloud.client("s3"),
            kinesis=self.kinesis,
            tables=lambda settings: IcebergTables(self.catalog, settings),
            faults=self._faults,
        )
        self._server = FirehoseServer(FirehoseApi(parts, ACCOUNT, REGION))
        self._server.__enter__()
        self.api = self._server.api
        # What retries is the producer: it sees every fault.
        self.firehose = cloud.client("firehose", self._server.url, attempts=1)
        return self

    def __exit__(self, *error):
        try:
            self._server.__exit__(*error)
        finally:
            for function in self._functions.values():
                function.close()
            if self._catalog is not None:
                self._catalog.engine.dispose()

    @property
    def catalog(self):
        """The Iceberg catalog: SQLite, and files under the test's directory."""
        if self._catalog is None:
            place = self._root / "warehouse"
            place.mkdir()
            self._catalog = SqlCatalog("chain", uri=f"sqlite:///{place}/catalog.db", warehouse=f"file://{place}")
        return self._catalog

    def function(self, name, config, **options):
        """Make a function of a configuration, as text, and return it."""
        task = self._root / name
        task.mkdir()
        (task / "fastxform.toml").write_text(config, encoding="utf-8")
        function = Function(
            task,
            AWS_ENDPOINT_URL_FIREHOSE=self._server.url,
            AWS_ENDPOINT_URL_KINESIS=self.cloud.url,
            AWS_LAMBDA_FUNCTION_NAME=name,
            **options,
        )
        self._functions[name] = function
        return function

    def source(self, name, shards=1):
        """Make a Kinesis stream and return its ARN."""
        name = f"{self.name}-{name}"
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        describe = self.kinesis.describe_stream_summary
        wait_until(
            lambda: describe(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE", "Kinesis stream"
        )
        return describe(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]

    def stream(self, name, function, *, source=None, tables=None, buffer_mb="0.2", faults=None, **s3):
        """Make a delivery stream through Firehose's API; objects are under its name, failed records under `failed/`."""
        if faults is not None:
            self._faults[name] = faults
        parameters = {
            "LambdaArn": _function_arn(function),
            "BufferSizeInMBs": buffer_mb,
            "BufferIntervalInSeconds": "1",
        }
        processor = {
            "Type": "Lambda",
            "Parameters": [{"ParameterName": key, "ParameterValue": value} for key, value in parameters.items()],
        }
        objects = {
            "RoleARN": _ROLE,
            "BucketARN": self.bucket.arn,
            "Prefix": f"{name}/",
            "ErrorOutputPrefix": f"failed/{name}/!{{firehose:error-output-type}}/",
            **s3,
        }
        work = {
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1 if tables is None else 0},
            "ProcessingConfiguration": {"Enabled": True, "Processors": [processor]},
        }
        request = {"DeliveryStreamName": name, "DeliveryStreamType": "DirectPut"}
        if source is not None:
            request["DeliveryStreamType"] = "KinesisStreamAsSource"
            request["KinesisStreamSourceConfiguration"] = {"KinesisStreamARN": source, "RoleARN": _ROLE}
        if tables is None:
            request["ExtendedS3DestinationConfiguration"] = objects | work
        else:
            request["IcebergDestinationConfiguration"] = {
                "RoleARN": _ROLE,
                "CatalogConfiguration": {"CatalogARN": f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog"},
                "DestinationTableConfigurationList": [
                    {"DestinationDatabaseName": database, "DestinationTableName": table, "UniqueKeys": list(keys)}
                    for (database, table), keys in tables.items()
                ],
                "S3Configuration": objects,
                **work,
            }
        self.firehose.create_delivery_stream(**request)
        return self.api.stream(name).firehose.totals

    def finish(self, name, ended):
        """Wait until so many records of a stream have ended, delete it, and return its totals.

        Deleted, a stream delivers what it holds; nothing must be on its way round any more.
        """
        live, client = self.api.stream(name), self.api.client(name)
        totals = live.firehose.totals
        ends = lambda: totals.delivered + totals.dropped + totals.failed.total()  # noqa: E731
        self.wait(name, lambda: ends() >= ended, f"end of {ended} records of {name}")
        self.firehose.delete_delivery_stream(DeliveryStreamName=name)
        assert totals.balanced
        delivery = live.firehose.delivery
        faults = client.faults_met + self._functions[live.firehose.settings.names.function].faults_met
        counts = (totals.records_in, totals.delivered, totals.dropped, totals.failed.total(), totals.invocations)
        counts += (totals.retries, delivery.objects, delivery.commits)
        met = ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items()) if count)
        _summaries.append((f"{self.name}/{name}", *counts, met or "none"))
        return totals

    def wait(self, name, condition, what):
        """Wait for something that a stream does, unless it breaks."""
        live = self.api.stream(name)

        def is_so():
            assert live.failure is None, live.failure
            return condition()

        wait_until(is_so, what)

    def failures(self, name):
        """Return the failed records of a stream: error type of the prefix, and the line."""
        prefix = f"failed/{name}/"
        return [
            (key.removeprefix(prefix).split("/")[0], json.loads(line))
            for key, data in self.bucket.objects(prefix).items()
            for line in data.splitlines()
        ]

    def rows(self, table):
        """Return the rows of an Iceberg table."""
        return self.catalog.load_table(table).scan().to_arrow().to_pylist()


class _Invokes:
    """What the API invokes, by ARN; functions may be made after it."""

    def __init__(self, functions) -> None:
        self._functions = functions

    def get(self, arn):
        """Return what invokes a function."""
        function = self._functions.get(arn.rpartition(":")[2])
        return None if function is None else function.invoke


def _function_arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
