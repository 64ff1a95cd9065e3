"""Settings and fixtures that tests share.

Hypothesis searches the same examples on every run, and never looks at the clock; `pytest --hypothesis-profile=search`
looks for new ones.
"""

import pytest
from hypothesis import settings
from kernel_watch import watched

from fastxform import pipeline
from fastxform.cli import main
from fastxform.core import native

settings.register_profile("repeat", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", deadline=None, print_blob=True, max_examples=2_000)
settings.load_profile("repeat")


def pytest_collection_modifyitems(items):
    """Keep the tests of a file that starts processes in one worker, in their order: they share what it starts."""
    for item in items:
        if item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="module", params=("kernel", "engine"))
def with_and_without_kernel(request):
    """Run a module's tests with the native kernel, which never pauses then, and without; its `Watch`, or None."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "engine":
            patch.setattr(pipeline, "kernel_is_wanted", lambda: False)
            yield None
            return
        if native.load() is None:
            pytest.fail("there is no native kernel: run ./build.sh setup")
        with watched(patch) as watch:
            yield watch


@pytest.fixture
def both_ways(with_and_without_kernel):
    """Run a test with the native kernel and without; with it fails where the kernel answered no record at all."""
    watch = with_and_without_kernel
    before = watch and watch.records
    yield
    assert watch is None or watch.records > before, "all of it was the engine's: nothing is shown of the kernel"


@pytest.fixture
def command(capfdbinary):
    """Run the command in this process: (exit code, standard output as text, standard error as text)."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into the current directory and return its name."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="c.toml"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write
