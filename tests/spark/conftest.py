"""One Spark for all tests: two cores, on the loopback, in the Java that `build.sh` put into the environment."""

import os
import sys
from pathlib import Path

import pytest

JAVA = Path(sys.prefix) / "java"

os.environ["JAVA_HOME"] = str(JAVA)
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ["PYSPARK_PYTHON"] = sys.executable


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A session whose batches hold 7 records, and whose time zone is not UTC."""
    from pyspark.sql import SparkSession

    room = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "1g")
        .config("spark.executorEnv.SPARK_TEST_KEY", "Jefe")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.local.dir", str(room / "local"))
        .config("spark.sql.warehouse.dir", str(room / "warehouse"))
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
        .config("spark.sql.session.timeZone", "Asia/Tokyo")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture
def records(spark):
    """Make a DataFrame of payloads, numbered, in two partitions."""

    def make(payloads, kind="binary"):
        rows = [(number, payload) for number, payload in enumerate(payloads)]
        return spark.createDataFrame(spark.sparkContext.parallelize(rows, 2), f"number int, payload {kind}")

    return make
