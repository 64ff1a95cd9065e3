"""The GitHub Action and the pre-commit hooks do what they say: their own files are read and what they name is run.

The action is installed as it stands, from a copy of what git tracks; what it depends on is this environment's, since an
index is not what is tried here. pre-commit itself would install the same package; its way of calling a hook is a
command and file names behind it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}

GOOD = '[columns]\nid = "id"\n[[tests]]\ninput = { id = 1 }\nexpect = "1\\n"\n'
FAILING = GOOD.replace('expect = "1', 'expect = "2')
WRONG = GOOD.replace("[columns]", "[colums]")

pytestmark = pytest.mark.processes


def run(command, directory, **variables):
    """Run a command as a runner does, with nothing of this process's environment but what finds programs."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), **variables}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def files(tmp_path):
    for name, text in {"good.toml": GOOD, "failing.toml": FAILING, "wrong.toml": WRONG}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


# -- the action


def filled(value, inputs, action_path):
    """Fill in the expressions of GitHub that the file may have."""

    def of(match):
        kind, name = match[1].split(".")
        return {"github": {"action_path": str(action_path)}, "inputs": inputs}[kind][name]

    return re.sub(r"\$\{\{ *([\w.]+) *\}\}", of, value)


def step(number, directory, runner, action_path, configs, **variables):
    """Run one step of the action as GitHub does: a script for `bash -eo pipefail`, with its own variables."""
    found = ACTION["runs"]["steps"][number]
    assert found["shell"] == "bash"
    script = runner / f"step-{number}.sh"
    script.write_text(filled(found["run"], {"configs": configs}, action_path))
    own = {name: filled(value, {"configs": configs}, action_path) for name, value in found.get("env", {}).items()}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    return run(command, directory, RUNNER_TEMP=str(runner), **own, **variables)


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    """The directory of a runner after the first step, which installs the package: some seconds, once."""
    place = tmp_path_factory.mktemp("an action")
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (place / "action" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / "action" / name)
    # The requirements are there, and what builds too: pip asks no index. In a variable, 0 is its --no-build-isolation.
    here = {"PYTHONPATH": sysconfig.get_path("purelib"), "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"}
    (place / "runner").mkdir()
    done = step(0, place, place / "runner", place / "action", "", FASTXFORM_KERNEL="0", **here)
    assert done.returncode == 0, done.stderr
    assert list((place / "runner/fastxform/lib").glob("python3*/site-packages/fastxform/__init__.py"))
    return place


def acted(runner, files, configs):
    """Run the second step."""
    here = {"PYTHONPATH": sysconfig.get_path("purelib")}
    return step(1, files, runner / "runner", runner / "action", configs, **here)


def test_the_action_passes_what_is_right(runner, files):
    """Every configuration is checked, and its tests are run."""
    shutil.copy(files / "good.toml", files / "other.toml")
    done = acted(runner, files, "good.toml\n  other.toml")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "pass  good.toml: test 1\npass  other.toml: test 1\n"
    assert done.stderr.startswith("good.toml: nothing found\nother.toml: nothing found\n")


def test_the_action_fails_for_each_fault_and_reports_all(runner, files):
    """A mistake and a failing test; what comes behind them is looked at nevertheless."""
    done = acted(runner, files, "wrong.toml failing.toml good.toml")
    assert done.returncode == 1
    assert "colums" in done.stdout + done.stderr
    assert "FAIL  failing.toml" in done.stdout
    assert "pass  good.toml" in done.stdout
    assert acted(runner, files, "failing.toml").returncode == 1


def test_the_action_asks_for_its_input():
    """It is composite, and has one input that has to be given."""
    assert ACTION["runs"]["using"] == "composite"
    assert {name: one["required"] for name, one in ACTION["inputs"].items()} == {"configs": True}


# -- the hooks


def hooked(name, directory, *files):
    """Call a hook as pre-commit does: its entry split as a shell would, and the names of files behind it."""
    scripts = str(Path(sys.executable).parent)
    command = [*shlex.split(HOOKS[name]["entry"]), *files]
    return run(command, directory, PATH=os.pathsep.join((scripts, os.environ["PATH"])))


def test_the_hooks_are_of_this_package():
    """Both are installed from the repository, look at TOML alone, and have a name and a description."""
    assert set(HOOKS) == {"fastxform-check", "fastxform-test"}
    for hook in HOOKS.values():
        assert (hook["language"], hook["types"]) == ("python", ["toml"])
        assert hook["name"]
        assert hook["description"]


def test_the_hook_checks_every_file(files):
    """Each mistake is reported; one wrong file among right ones fails."""
    assert hooked("fastxform-check", files, "good.toml", "failing.toml").returncode == 0
    done = hooked("fastxform-check", files, "wrong.toml", "good.toml", "a file.toml")
    assert done.returncode == 1
    assert "colums" in done.stdout
    assert "a file.toml" in done.stderr


def test_the_hook_runs_the_tests(files):
    """What fails is shown."""
    assert hooked("fastxform-test", files, "good.toml").returncode == 0
    done = hooked("fastxform-test", files, "good.toml", "failing.toml")
    assert done.returncode == 1
    assert "FAIL  failing.toml" in done.stdout
