"""Fixtures of the tests of what is deployed: Terraform with its directories initialised, and an AWS on this machine."""

import shutil

import pytest
from ministack_server import Ministack
from terraform import EXAMPLES, MODULE, Terraform


class Deployed:
    """The module and its examples, initialised once; tests that change something change a copy."""

    def __init__(self, directory):
        self.terraform = Terraform(directory)
        self.copy = self.terraform.copy("clean")
        self.module = self.copy / MODULE
        self.examples = {name: self.module / "examples" / name for name in EXAMPLES}
        self.copies = 0
        self.tests = {}
        for place in (self.module, *self.examples.values()):
            result = self.terraform.init(place)
            assert result.code == 0, result.err

    def changed(self, file, old, new):
        """Return the module, copied, with one text of one file replaced."""
        self.copies += 1
        target = self.copy.parent / f"changed-{self.copies}"
        shutil.copytree(self.module, target, symlinks=True, ignore=shutil.ignore_patterns("examples"))
        path = target / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return target

    def tested(self, place):
        """Run the tests of a directory, once, and return what Terraform said and the runs."""
        if place not in self.tests:
            self.tests[place] = self.terraform.test(place)
        return self.tests[place]

    def everywhere(self):
        """Return every run of the module and the examples."""
        places = (self.module, *self.examples.values())
        return [run for place in places for run in self.tested(place)[1]]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    """The module and its examples, with Terraform."""
    return Deployed(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def ministack(tmp_path_factory):
    """AWS's interfaces on a port of this machine."""
    with Ministack(tmp_path_factory.mktemp("ministack")) as server:
        yield server
