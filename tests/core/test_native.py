"""The one importer of the kernel: an extension and its sources are of one state, or a line says what to do."""

import runpy
from types import SimpleNamespace

import pytest

from fastxform.cli import main
from fastxform.core import native
from fastxform.errors import KernelError

HOOK = "kernel/build_hook.py"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A package with sources beside it: returns the directory of the sources."""
    sources = tmp_path / "kernel"
    sources.mkdir()
    (sources / "python_abi.h").write_text("int a;\n")
    (sources / "module.c").write_text("int b;\n")
    (sources / "notes.txt").write_text("no source\n")
    monkeypatch.setattr(native, "__file__", str(tmp_path / "fastxform" / "core" / "native.py"))
    (tmp_path / "fastxform" / "core").mkdir(parents=True)
    return sources


@pytest.fixture
def load(monkeypatch):
    """Load a kernel that says it was built from these sources."""

    def loaded(**members):
        monkeypatch.setattr(native, "import_module", lambda name: SimpleNamespace(**members))
        native._imported.cache_clear()
        return native.load()

    yield loaded
    native._imported.cache_clear()


def test_the_kernel_of_this_tree_is_of_its_sources():
    """What the set-up has built says the checksum that the build makes, and both make the same one."""
    kernel = native.load()
    assert kernel.sources() == runpy.run_path(HOOK)["checksum"](runpy.run_path(HOOK)["ROOT"] / "kernel") > 0


def test_a_kernel_of_its_sources_is_loaded(clone, load):
    """The checksum is that of the build; one of 0 was built for a test."""
    checksum = runpy.run_path(HOOK)["checksum"](clone)
    assert load(sources=lambda: checksum) is not None
    assert load(sources=lambda: 0) is not None


def test_a_kernel_without_sources_beside_it_is_loaded(clone, load):
    """As in Lambda, and where the package is installed."""
    (clone / "python_abi.h").unlink()
    assert load() is not None


@pytest.mark.parametrize("members", [{}, {"sources": lambda: 1}], ids=["older-than-the-check", "other"])
def test_a_kernel_that_is_older_than_its_sources_is_one_line(clone, load, members, capfd, monkeypatch):
    """The remedies are named, in Python and by the command."""
    with pytest.raises(KernelError, match=r"built from other sources .*`\./build\.sh setup` or `pip install \.`"):
        load(**members)
    monkeypatch.delenv("FASTXFORM_KERNEL", raising=False)
    assert main(["run", "fastxform/examples/cities/cities.toml", "fastxform/examples/cities/sample.jsonl"]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("fastxform: the native kernel was built from other sources than those in kernel/; ")
