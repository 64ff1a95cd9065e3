"""What is published: the source distribution holds what git tracks, and a wheel can be made of it."""

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import fastxform

ROOT = Path(__file__).parents[2]
STRAYS = ("notes.txt", "fastxform/draft.py", "docs/out.csv", "tests/sample.json", ".env")

pytestmark = pytest.mark.processes


def git(directory, *arguments):
    command = ["git", "-C", str(directory), "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def tracked(directory):
    return set(git(directory, "ls-files", "-z").split("\0")) - {""}


def build(directory, out, *options):
    """Build without an index: what builds is in this environment."""
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", str(out), str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """A source distribution of a checkout in which files lie about, and the wheel made of what it holds."""
    clone, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("out")
    for name in tracked(ROOT):
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    git(clone, "init", "-q")
    git(clone, "add", "-A", "--force")
    for name in STRAYS:
        (clone / name).write_text("left behind by somebody")
    build(clone, out)
    (source,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return clone, source, wheel


def names(source):
    """Return the files of a source distribution, without its own directory."""
    with tarfile.open(source) as archive:
        return {name.partition("/")[2] for name in archive.getnames() if name.partition("/")[2]}


def test_the_source_distribution_is_what_git_tracks(distributions):
    """Every tracked file, none that lies beside them, and the metadata."""
    clone, source, _ = distributions
    assert names(source) == tracked(clone) | {"PKG-INFO"}
    assert not names(source) & set(STRAYS)


def test_the_wheel_holds_the_package_alone(distributions):
    """The modules and data of the package and its metadata: no tests, no stray file."""
    clone, _, wheel = distributions
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
    built = {"fastxform/core/_kernel.abi3.so"}
    assert files - built == {name for name in tracked(clone) if name.startswith("fastxform/")}


def test_metadata_names_ranges_and_public_extras(distributions):
    """One version, no exact version of a dependency, and nothing of the repository's own environments."""
    with zipfile.ZipFile(distributions[2]) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_string(archive.read(name).decode())
    assert metadata["Version"] == fastxform.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = set(metadata.get_all("Provides-Extra"))
    assert extras == set(project["project"]["optional-dependencies"])
    assert not extras & {"bench", "build", "chain", "deploy", "dev", "spark-tests"}
    assert [line for line in metadata.get_all("Requires-Dist") if "==" in line.partition(";")[0]] == []
