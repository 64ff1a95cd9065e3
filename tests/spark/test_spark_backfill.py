"""The scripts of `deploy/spark`: a backfill from objects to tables, and what they tell EMR Serverless and Glue."""

import base64
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from fastxform.errors import FastxformError
from fastxform.tools.sample_data import burst

SCRIPTS = Path(__file__).parents[2] / "deploy" / "spark"
SES = Path(__file__).parents[2] / "fastxform" / "examples" / "ses" / "ses.toml"
CAPTURE = SES.parents[1] / "change-capture" / "change-capture.toml"


def backfill(*arguments):
    """Run the job as `spark-submit` does, in a process of its own."""
    settings = (
        "--conf spark.driver.bindAddress=127.0.0.1 --conf spark.driver.host=127.0.0.1 --conf spark.ui.enabled=false"
    )
    return subprocess.run(
        [sys.executable, SCRIPTS / "backfill.py", *map(str, arguments)],
        env=os.environ | {"PYSPARK_SUBMIT_ARGS": f"--master local[2] {settings} pyspark-shell"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_mail_events_are_backfilled_into_their_tables(spark, tmp_path):
    """Each row is in the table of its route, with its columns; what failed is kept with its bytes; all are counted."""
    payloads = list(burst.records("ses", 200, bad=0.1))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "object").write_bytes(b"\n".join(payloads))
    out, problems = tmp_path / "out", tmp_path / "problems"
    # As Glue starts it, with arguments of its own.
    arguments = ("--config", SES, "--input", tmp_path / "in", "--as", "lines", "--output", out, "--problems", problems)
    done = backfill(*arguments, "--JOB_NAME", "backfill")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    rows = {path.name: spark.read.parquet(str(path)) for path in out.iterdir()}
    assert set(rows) == {"email_event.send_log", "email_event.open_log", "email_event.click_log"}
    assert sum(frame.count() for frame in rows.values()) == counts["Ok"]
    assert rows["email_event.send_log"].columns[:2] == ["_operation", "event_type"]
    assert "link" in rows["email_event.click_log"].columns
    assert "link" not in rows["email_event.open_log"].columns
    kept = spark.read.parquet(str(problems)).collect()
    assert len(kept) == counts["ProcessingFailed"]
    assert {row._reason for row in kept} >= {"unmatched", "json"}
    assert counts["Ok"] + counts["ProcessingFailed"] == 200


def test_what_failed_behind_a_transform_is_not_transformed_again(spark, tmp_path):
    """It is among the problems with its bytes and says why, beside a line that holds no record."""
    entries = [("Lambda.FunctionError", b'{"id":1}'), ("Iceberg.NoSuchTable", b'{"id":2}')]
    lines = [
        json.dumps({"rawData": base64.b64encode(data).decode(), "errorCode": code}).encode() for code, data in entries
    ]
    (tmp_path / "in").write_bytes(b"\n".join([*lines, b"rubbish"]))
    (tmp_path / "c.toml").write_text('columns = { id = "id" }')
    script = runpy.run_path(str(SCRIPTS / "backfill.py"))
    words = ("--config", tmp_path / "c.toml", "--input", tmp_path / "in", "--as", "failed", "--output", tmp_path / "o")
    arguments = script["arguments_of"]([*map(str, words), "--problems", str(tmp_path / "problems")])
    assert script["run"](spark, arguments) == {"Ok": 1, "ProcessingFailed": 2}
    assert [row.id for row in spark.read.parquet(str(tmp_path / "o")).collect()] == ["1"]
    kept = {
        (row._payload and bytes(row._payload), row._reason) for row in spark.read.parquet(arguments.problems).collect()
    }
    assert kept == {(b'{"id":2}', "after the transform"), (None, "base64")}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("where = 1", "where"),
        ('columns = { a = "a" }', "the configuration names no Iceberg tables; say --output"),
        (CAPTURE.read_text(), "rows of orders are updated or deleted, and are only appended here"),
    ],
    ids=["a mistake in the configuration", "no tables", "tables that change"],
)
def test_what_cannot_be_backfilled_is_said(spark, tmp_path, config, message):
    """Before anything is written."""
    (tmp_path / "c.toml").write_text(config)
    (tmp_path / "in").write_text("{}\n")
    words = ("--config", tmp_path / "c.toml", "--input", tmp_path / "in", "--as", "lines")
    script = runpy.run_path(str(SCRIPTS / "backfill.py"))
    arguments = script["arguments_of"](
        [*map(str, words), "--catalog", "glue", "--problems", str(tmp_path / "problems")]
    )
    with pytest.raises(FastxformError, match=message):
        script["run"](spark, arguments)
    assert not (tmp_path / "problems").exists()


def test_a_mistake_is_a_line_and_a_code(tmp_path):
    """On standard error, without a traceback."""
    (tmp_path / "c.toml").write_text("where = 1")
    words = ("--config", tmp_path / "c.toml", "--input", tmp_path, "--as", "lines", "--output", tmp_path / "out")
    done = backfill(*words, "--problems", tmp_path / "problems")
    assert done.returncode == 2
    assert f"{tmp_path}/c.toml:1: where: must be text" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def told(tmp_path):
    """Run a script of the shell with an `aws` that writes down what it is told, and the files that it is given."""
    fake = tmp_path / "bin" / "aws"
    fake.parent.mkdir()
    fake.write_text(
        "#!/usr/bin/env bash\n"
        f'printf "%s\\n" "$*" >>{tmp_path}/told\n'
        f'for word in "$@"; do [[ $word != file://* ]] || cat "${{word#file://}}" >>{tmp_path}/told; done\n'
        "[[ $2 != get-job ]]\n"
    )
    fake.chmod(0o755)

    def run(script, *arguments):
        path = f"{fake.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", SCRIPTS / script, *arguments],
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return done, (tmp_path / "told").read_text() if (tmp_path / "told").exists() else ""

    return run


JOB = (
    "--config",
    "s3://b/c.toml",
    "--input",
    "s3://b/it's in",
    "--as",
    "failed",
    "--output",
    "s3://b/o",
    "--problems",
    "s3://b/p",
)


def test_glue_is_told_the_job(told):
    """The job is made where there is none, with the wheel; the run has the arguments of the script."""
    done, said = told("glue.sh", "backfill", "role", "s3://b/jobs/", "dist/fastxform-0.1.0-py3-none-any.whl", *JOB)
    assert done.returncode == 0, done.stderr
    assert "s3 cp dist/fastxform-0.1.0-py3-none-any.whl s3://b/jobs/fastxform-0.1.0-py3-none-any.whl" in said
    made = json.loads(next(line for line in said.splitlines() if line.startswith('{"Name"')).split("glue start")[0])
    assert (made["GlueVersion"], made["Command"]["ScriptLocation"]) == ("5.0", "s3://b/jobs/backfill.py")
    started = json.loads(said[said.index('{"JobName"') :])
    assert started["Arguments"]["--input"] == "s3://b/it's in"
    assert started["Arguments"]["--additional-python-modules"] == "s3://b/jobs/fastxform-0.1.0-py3-none-any.whl"


def test_emr_serverless_is_told_the_job(told):
    """With the environment that is there already, and the arguments of the script word by word."""
    done, said = told("emr-serverless.sh", "00f1", "role", "s3://b/jobs", "fastxform.whl", *JOB)
    assert done.returncode == 0, done.stderr
    job = json.loads(said[said.index('{"sparkSubmit"') :])["sparkSubmit"]
    assert job["entryPoint"] == "s3://b/jobs/backfill.py"
    assert job["entryPointArguments"] == list(JOB)
    assert "--conf spark.archives=s3://b/jobs/fastxform-environment.tar.gz#environment" in job["sparkSubmitParameters"]
    assert "spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python" in job["sparkSubmitParameters"]


@pytest.mark.parametrize("script", ["glue.sh", "emr-serverless.sh"])
def test_a_script_without_arguments_says_its_usage(told, script):
    """On standard error, and tells AWS nothing."""
    done, said = told(script)
    assert (done.returncode, said) == (2, "")
    assert done.stderr.startswith("Starts a backfill on ")
