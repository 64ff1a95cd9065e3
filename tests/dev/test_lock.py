"""The lock: it covers every group, pins everything with hashes, and names no index."""

import re
import tomllib
from pathlib import Path

import pytest

from deploy.layer.target import ARCHITECTURES, PYTHONS, Target
from deploy.layer.wheels import lock_path, pins
from dev import emulator, install, lock

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / lock.LOCK).read_text(encoding="utf-8")
REQUIREMENT = re.compile(
    r"^([a-z0-9][a-z0-9.-]*)==(\S+)(?: ;[^\n]*?)? ((?:\\\n    --hash=sha256:[0-9a-f]{64} ?)+)$", re.MULTILINE
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def named(requirements):
    """Return the names of requirements, as a lock spells them."""
    return {re.match(r"[\w.-]+", text)[0].lower().replace("_", "-") for text in requirements if isinstance(text, str)}


def test_everything_is_pinned_with_hashes():
    """Nothing stands in the lock but requirements with hashes and comments; no host, no path."""
    rest = REQUIREMENT.sub("", LOCK)
    assert [line for line in rest.splitlines() if line and not line.startswith("#")] == []
    assert "://" not in LOCK


def test_the_lock_covers_the_project():
    """What pyproject.toml names is in the lock: dependencies, extras and groups."""
    wanted = named(PROJECT["project"]["dependencies"])
    for table in (PROJECT["project"]["optional-dependencies"], PROJECT["dependency-groups"]):
        wanted |= named(text for requirements in table.values() for text in requirements)
    assert wanted - {name for name, *_ in REQUIREMENT.findall(LOCK)} == set()
    assert set(PROJECT["dependency-groups"]) <= set(lock.command([]))


def test_layers_hold_the_versions_that_are_tested():
    """The locks of the layers and the lock of the repository agree."""
    versions = {(name, version) for name, version, _ in REQUIREMENT.findall(LOCK)}
    for target in (Target(python, arch) for python in PYTHONS for arch in ARCHITECTURES):
        assert {(pin.name, pin.version) for pin in pins(lock_path(target))} <= versions, target.name


def test_the_package_is_installed_without_an_index():
    """Its dependencies come with the group, by hash; the package itself is built by what is there."""
    group, package = install.commands("dev", ".venv", package=True)
    assert set(install.dependencies()) <= set(group)
    assert {"--no-deps", "--no-build-isolation"} <= set(package)
    (modules,) = install.commands("lambda-boto3", "there", target=True)
    assert modules[modules.index("--target") + 1] == "there"


@pytest.mark.parametrize(("machine", "name"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")])
def test_the_emulator_of_a_machine(machine, name):
    """Both spellings of Arm are one file."""
    assert emulator.member(machine) == f"samcli/local/rapid/aws-lambda-rie-{name}"


def test_a_machine_without_an_emulator_is_named():
    """The message says which machines have one."""
    with pytest.raises(SystemExit, match="x86_64 and aarch64, not for riscv64"):
        emulator.member("riscv64")
