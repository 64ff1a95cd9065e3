"""The tables of the example ses: what Terraform hands to the AWS CLI, and what the script makes of Athena's answers.

The CLI is a stand-in that writes down what it is asked and answers from a file: there is no Athena on this machine that
takes Iceberg's DDL.
"""

import os
import subprocess
from pathlib import Path

import pytest
from terraform import MODULE, ROOT, Terraform

SCRIPT = ROOT / MODULE / "examples/ses/create_table.sh"
FAKE = """#!/usr/bin/env bash
exec 9>>"$ASKED"
flock 9 # Terraform makes the tables at once
printf '%s\\0' "$@" >&9
printf '\\n' >&9
case $2 in
start-query-execution) echo "query-1" ;;
get-query-execution)
    if [[ $* == *StateChangeReason* ]]; then
        echo "Table email_event.send_log already exists"
    else
        state=$(head -n 1 "$STATES")
        [[ $(wc -l <"$STATES") == 1 ]] || sed -i 1d "$STATES"
        echo "$state"
    fi
    ;;
esac
"""


@pytest.fixture
def cli(tmp_path):
    """A directory for the PATH with the stand-in, and the environment that it needs."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "aws").write_text(FAKE, encoding="utf-8")
    (directory / "aws").chmod(0o755)
    environment = {"ASKED": str(tmp_path / "asked"), "STATES": str(tmp_path / "states"), "PAUSE_SECONDS": "0"}
    return directory, environment


def asked(environment):
    """Return the calls of the CLI, each as its arguments."""
    text = Path(environment["ASKED"]).read_text(encoding="utf-8")
    return [call.split("\0") for call in text.split("\0\n") if call]


def create(path, environment, states):
    """Run the script with Athena answering these states, the last one for ever."""
    Path(environment["STATES"]).write_text("".join(f"{state}\n" for state in states), encoding="utf-8")
    return subprocess.run(
        ["/bin/bash", SCRIPT],
        env={"PATH": path, **environment, "STATEMENT": "CREATE TABLE x", "WORKGROUP": "w", "AWS_REGION": "r"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize(
    ("states", "code", "message"),
    [
        (["QUEUED", "RUNNING", "SUCCEEDED"], 0, ""),
        (
            ["QUEUED", "FAILED"],
            1,
            "create_table.sh: Athena did not make the table (FAILED): Table email_event.send_log already exists\n",
        ),
        (
            ["RUNNING"],
            1,
            "create_table.sh: Athena has not answered for two minutes; see query query-1 in workgroup w\n",
        ),
    ],
    ids=["made", "refused", "no answer"],
)
def test_the_script_waits_for_athena(cli, states, code, message):
    """It ends well when the table is there, and says why when it is not."""
    directory, environment = cli
    result = create(f"{directory}{os.pathsep}{os.environ['PATH']}", environment, states)
    assert (result.returncode, result.stdout, result.stderr) == (code, "", message)
    assert asked(environment)[0][:6] == [
        "athena", "start-query-execution", "--work-group", "w", "--query-string", "CREATE TABLE x",
    ]  # fmt: skip


def test_without_the_cli_the_script_names_it(cli, tmp_path):
    """No AWS CLI is one line with both remedies."""
    _, environment = cli
    empty = tmp_path / "empty"
    empty.mkdir()
    result = create(str(empty), environment, ["SUCCEEDED"])
    assert result.returncode == 1
    assert result.stderr == (
        "create_table.sh: the AWS CLI is needed and was not found; install it, or set create_tables = false and run "
        "the saved queries in Athena\n"
    )


def test_apply_has_each_table_made(cli, tmp_path):
    """`terraform apply` calls the script once for each table, with its statement, workgroup and place."""
    directory, environment = cli
    terraform = Terraform(tmp_path)
    terraform.environment |= environment
    terraform.environment["PATH"] = f"{directory}{os.pathsep}{os.environ['PATH']}"
    Path(environment["STATES"]).write_text("SUCCEEDED\n", encoding="utf-8")
    place = terraform.copy("copy") / MODULE / "examples/ses"
    tests = place / "tests/ses.tftest.hcl"
    text = tests.read_text(encoding="utf-8").partition('run "')[0]
    tests.write_text(f'{text}run "apply" {{}}\n', encoding="utf-8")
    assert terraform.init(place).code == 0
    result, runs = terraform.test(place)
    assert [run.status for run in runs] == ["pass"], result.out
    started = [call for call in asked(environment) if call[1] == "start-query-execution"]
    statements = sorted(call[5] for call in started)
    location = "s3://ses-events-123456789012-eu-central-1/warehouse/email_event"
    assert [call[3] for call in started] == ["ses-events"] * 3
    assert [statement.split()[2] for statement in statements] == [
        f"`email_event`.`{table}`" for table in ("click_log", "open_log", "send_log")
    ]
    for statement, table in zip(statements, ("click_log", "open_log", "send_log"), strict=True):
        assert f"LOCATION '{location}/{table}/'" in statement
        assert "'table_type' = 'ICEBERG'" in statement
