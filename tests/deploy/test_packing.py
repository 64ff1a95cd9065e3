"""What a configuration names goes with it in every deployment: one list, and what Terraform finds is the same."""

import tomllib
from pathlib import Path

import pytest
from terraform import MODULE, ROOT

from fastxform.config.files import is_below, named_files

PACKED = ROOT / MODULE / "tests/packed"
EXAMPLES = ROOT / "fastxform/examples"
CONFIGURATIONS = {
    "what_a_configuration_names": PACKED / "transform.toml",
    "an_example_with_lookups": EXAMPLES / "lookups/lookups.toml",
    "a_package_of_code": PACKED / "package.toml",
    "names_in_other_spellings": PACKED / "spellings.toml",
}
"""The configuration of each run of the module's tests that packs something."""


def listed(path):
    """What is packed with a configuration: what it names, as far as it is there and lies below its directory."""
    names = named_files(tomllib.loads(path.read_text(encoding="utf-8")), path.parent)
    return {str(Path(name)) for name in names if is_below(name) and (path.parent / name).is_file()}


@pytest.mark.parametrize("run", CONFIGURATIONS)
def test_terraform_finds_what_the_list_has(deployed, run):
    """The forms of lines that Terraform looks for find what the parsed file names."""
    _, runs = deployed.tested(deployed.module)
    (made,) = [one for one in runs if one.name == run]
    (archive,) = [one["values"] for one in made.resources() if one["type"] == "archive_file"]
    added = {"fastxform.toml", "more.py"}  # the configuration itself, and what the run asks for
    found = {source["filename"] for source in archive["source"]} - added
    assert found == listed(CONFIGURATIONS[run])
    assert found


def test_every_configuration_that_is_there_is_compared():
    """None of the module's configurations is without its run."""
    assert {*PACKED.glob("*.toml")} == {path for path in CONFIGURATIONS.values() if path.parent == PACKED}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.toml")), ids=lambda path: path.stem)
def test_what_an_example_names_is_beside_it(path):
    """SAM packs the directory of an example, so that all that it names has to be there."""
    names = named_files(tomllib.loads(path.read_text(encoding="utf-8")), path.parent)
    assert {str(Path(name)) for name in names} == listed(path)
