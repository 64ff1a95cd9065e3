"""The layer as a file: what is in it, that the same comes out twice, and that what is wrong with it stops the build.

What it does in Lambda's runtime is `test_container`'s, `test_rie`'s and `test_runtime`'s. Invariant: every failure of
the build is seen here once, as one line, with nothing under the name of a layer.
"""

import ast
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from built_layer import built, here
from elftools.elf.elffile import ELFFile
from lambda_runtime import PYTHON, version_of

from benchmarks import readme
from deploy.layer import LayerError, checks, elf, prune, wheels
from deploy.layer.__main__ import main
from deploy.layer.build import build
from deploy.layer.checks import MIB, Budget
from deploy.layer.prune import Rule
from deploy.layer.target import ARCHITECTURES, PYTHONS, ROOT, Target, interpreter, target

pytestmark = pytest.mark.processes

LOCAL = here(version_of(PYTHON))
SHIPPED = here("3.13")
FOREIGN = Target("3.13", next(arch for arch in ARCHITECTURES if arch != LOCAL.arch))
TARGETS = list(dict.fromkeys((LOCAL, SHIPPED, FOREIGN)))
PACKAGES = ["fastxform", "jmespath", "msgspec", "orjson", "pyarrow", "pybase64", "zlib_ng", "zstandard"]

every_target = pytest.mark.parametrize("wanted", TARGETS, ids=[one.name for one in TARGETS])


def archive(wanted):
    """The zip of a target."""
    (path,) = built(wanted).glob("*.zip")
    return path


@pytest.fixture
def tree(tmp_path):
    """A layer of this machine, unpacked, to break."""
    place = tmp_path / "python"
    shutil.copytree(built(LOCAL) / "opt" / "python", place, copy_function=os.link)
    return place


@pytest.fixture
def no_index(monkeypatch):
    """No package index, but the wheels that were fetched."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels.CACHE / LOCAL.name))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    built(LOCAL)


class TestContents:
    """What is in the zip."""

    @every_target
    def test_it_holds_the_packages_and_nothing_else(self, wanted):
        """Everything lies below `python/`, in the folders of the packages."""
        with zipfile.ZipFile(archive(wanted)) as layer:
            names = layer.namelist()
        tops = {name.split("/")[1] for name in names if name.startswith("python/")}
        infos = {top for top in tops if top.endswith(".dist-info")}
        assert {name.split("/")[0] for name in names} == {"python"}
        assert tops - infos == {*PACKAGES, "fastxform_licenses"}
        assert sorted(info.split("-")[0] for info in infos) == PACKAGES
        assert {f"python/{info}/METADATA" for info in infos} <= set(names)

    @every_target
    def test_its_entries_say_nothing_of_the_machine(self, wanted):
        """Sorted names, one time, one mode that every user can read."""
        with zipfile.ZipFile(archive(wanted)) as layer:
            entries = layer.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in entries} == {stat.S_IFREG | 0o644}

    @every_target
    def test_it_keeps_its_budget(self, wanted):
        """Counted from the file, not by the build."""
        with zipfile.ZipFile(archive(wanted)) as layer:
            unzipped = sum(entry.file_size for entry in layer.infolist())
        assert archive(wanted).stat().st_size <= 32 * MIB
        assert unzipped <= 90 * MIB

    @every_target
    def test_its_papers_agree_with_the_lock(self, wanted):
        """The bill names each package with the version, the hash and a licence; the texts are carried; the hash beside
        the zip is the zip's.
        """
        folder = built(wanted)
        bill = json.loads((folder / f"{archive(wanted).stem}.sbom.json").read_text())
        inside = folder / "opt" / "python" / "fastxform_licenses"
        assert json.loads((inside / "sbom.json").read_text()) == bill
        assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
        found = {
            (part["name"], part["version"], part["hashes"][0]["content"], part["purl"]) for part in bill["components"]
        }
        pins = wheels.pins(wheels.lock_path(wanted))
        assert found == {(pin.name, pin.version, pin.sha256, f"pkg:pypi/{pin.name}@{pin.version}") for pin in pins}
        assert all(part["licenses"][0]["expression"] for part in bill["components"])
        assert bill["metadata"]["component"]["name"] == "fastxform"
        for package in PACKAGES:
            assert any(path.stat().st_size > 200 for path in (inside / package.replace("_", "-")).rglob("LICENSE*"))
        listed = (folder / f"{archive(wanted).name}.sha256").read_text()
        assert listed == f"{wheels.sha256_of(archive(wanted))}  {archive(wanted).name}\n"

    @every_target
    def test_the_report_says_what_was_executed(self, wanted):
        """Where there is an interpreter for the code the imports ran, elsewhere it says that they did not."""
        report = (built(wanted) / "report.txt").read_text()
        runs = wanted.runs_here and interpreter(wanted.python)
        assert re.search(r"^imports +(.*)$", report, re.MULTILINE)[1].startswith(
            "executed" if runs else "not executed: "
        )
        assert all(rule.reason in report for rule in prune.rules())

    def test_only_what_the_handler_can_reach_is_carried(self):
        """Every module of the package in the layer is imported from the handler, directly or not."""
        root = built(LOCAL) / "opt" / "python"
        carried = {
            ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
            for path in (root / "fastxform").rglob("*.py")
        }
        reached, left = set(), ["fastxform.handler"]
        while left:
            name = left.pop()
            if name not in carried or name in reached:
                continue
            reached.add(name)
            left += [name.rpartition(".")[0]]
            for item in ast.walk(ast.parse(carried[name].read_text())):
                if isinstance(item, ast.Import):
                    left += [alias.name for alias in item.names]
                elif isinstance(item, ast.ImportFrom):
                    left += [item.module, *(f"{item.module}.{alias.name}" for alias in item.names)]
        assert sorted(set(carried) - reached) == [], "prune.toml lets through what only the command needs"

    def test_bytecode_is_that_of_the_mounted_layer(self):
        """Hashes are not checked, and code names its file as Lambda mounts it; every source has its bytecode."""
        root = built(LOCAL) / "opt" / "python"
        tag = f"cpython-{LOCAL.python.replace('.', '')}"
        compiled = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in root.rglob(f"*.{tag}.pyc")}
        assert compiled == set(root.rglob("*.py"))
        one = (root / "fastxform" / "invocation" / "__pycache__" / f"event.{tag}.pyc").read_bytes()
        assert int.from_bytes(one[4:8], "little") == 0b01
        assert b"/opt/python/fastxform/invocation/event.py" in one


@pytest.mark.parametrize("wanted", [LOCAL], ids=[LOCAL.name])
def test_the_same_input_gives_the_same_bytes(wanted, tmp_path):
    """Another directory, time zone, umask and language: the same zip and the same bill."""
    command = ["sh", "-c", 'umask 077 && exec "$@"', "sh", str(ROOT / ".venv" / "bin" / "python"), "-m", "deploy.layer"]
    command += ["--python", wanted.python, "--arch", wanted.arch, "--out", str(tmp_path)]
    environment = os.environ | {"TZ": "Asia/Tokyo", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    name = archive(wanted).name
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [name, f"{name}.sha256", f"{name.removesuffix('.zip')}.sbom.json"]
    )
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (built(wanted) / path.name).read_bytes()


class TestLocks:
    """What goes in."""

    @pytest.mark.parametrize("arch", ARCHITECTURES)
    @pytest.mark.parametrize("python", PYTHONS)
    def test_a_lock_pins_what_the_package_depends_on(self, python, arch):
        """One wheel each, for the dependencies of `pyproject.toml`; a new one needs the locks written anew."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        pins = wheels.pins(wheels.lock_path(Target(python, arch)))
        assert [pin.name for pin in pins] == sorted(text.partition(">=")[0] for text in project["dependencies"])

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("jmespath==1.1.0", "lock.txt:1: not a pinned wheel"),
            ("jmespath==1.1.0 --hash=md5:00", "lock.txt:1: not a pinned wheel"),
            ("jmespath>=1 --hash=sha256:" + "0" * 64, "lock.txt:1: not a pinned wheel"),
            ("", "lock.txt:1: not a pinned wheel"),
        ],
        ids=["no_hash", "weak", "range", "empty_line"],
    )
    def test_a_line_that_pins_nothing_is_refused(self, tmp_path, line, words):
        """The line is named."""
        (tmp_path / "lock.txt").write_text(line + "\n")
        with pytest.raises(LayerError, match=re.escape(words)):
            wheels.pins(tmp_path / "lock.txt")

    def test_a_missing_lock_is_named(self, tmp_path):
        """With the command that writes it."""
        with pytest.raises(LayerError, match=r"none\.txt: no such lock; write it with python -m deploy\.layer\.lock"):
            wheels.pins(tmp_path / "none.txt")

    def test_a_wheel_with_another_hash_is_not_used(self, no_index, tmp_path, capfd):
        """pip compares what it fetches with the lock; nothing stays in the cache."""
        lock = tmp_path / "lock.txt"
        text = wheels.lock_path(LOCAL).read_text()
        (pin,) = [pin for pin in wheels.pins(wheels.lock_path(LOCAL)) if pin.name == "jmespath"]
        lock.write_text(text.replace(pin.sha256, "0" * 64))
        with pytest.raises(LayerError, match=r"lock\.txt: a wheel is not the one that was pinned .* do not use it"):
            wheels.locked(lock, LOCAL, tmp_path / "cache")
        assert "DO NOT MATCH" in capfd.readouterr().err
        assert not list((tmp_path / "cache").rglob("jmespath*"))

    def test_a_cached_wheel_that_was_changed_is_not_used(self, no_index, tmp_path):
        """One byte more, and it is fetched again."""
        cache = tmp_path / "cache"
        lock = tmp_path / "lock.txt"
        lines = wheels.lock_path(LOCAL).read_text().splitlines()
        lock.write_text("".join(f"{line}\n" for line in lines if line.startswith("jmespath")))
        (first,) = wheels.locked(lock, LOCAL, cache)
        first.path.write_bytes(first.path.read_bytes() + b"x")
        (second,) = wheels.locked(lock, LOCAL, cache)
        assert wheels.sha256_of(second.path) == second.sha256 == first.sha256

    def test_without_an_index_it_says_so(self, no_index, monkeypatch, tmp_path, capfd):
        """One line beside pip's own."""
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
        with pytest.raises(LayerError, match=r"could not be fetched \(pip's message is above\); is a package index"):
            wheels.locked(wheels.lock_path(LOCAL), LOCAL, tmp_path / "cache")
        assert capfd.readouterr().err


def test_a_build_that_fails_leaves_nothing(tmp_path):
    """Neither a zip nor half of one is in the place of the layer."""
    lock = tmp_path / "lock.txt"
    lock.write_text("pyarrow\n")
    with pytest.raises(LayerError, match="not a pinned wheel"):
        build(LOCAL, tmp_path / "dist", lock=lock)
    assert list((tmp_path / "dist").iterdir()) == []


class TestPruning:
    """The reviewed list."""

    def test_an_entry_that_matches_nothing_stops_the_build(self, tmp_path):
        """The wheel has changed, or another entry took the files."""
        (tmp_path / "x.h").touch()
        rules = [Rule("*.h", "headers"), Rule("x.*", "taken already")]
        with pytest.raises(LayerError, match=r"prune\.toml: 'x\.\*' matches no file: change or delete the entry"):
            prune.prune(tmp_path, rules)

    def test_an_entry_takes_what_it_matches_once(self, tmp_path):
        """The first entry that matches a file takes it, with its bytes."""
        for name in ("a/x.h", "a/b/y.h", "a/z.py"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"12345")
        rules = [Rule("a/b/*", "one"), Rule("*.h", "two")]
        savings = prune.prune(tmp_path, rules)
        assert [(saving.files, saving.size_bytes) for saving in savings] == [(1, 5), (1, 5)]
        assert [path.name for path in tmp_path.rglob("*.*")] == ["z.py"]

    @pytest.mark.parametrize(
        "text",
        ["prune = 1", "[[prune]]\npattern = 'x'", "[[prune]]\npattern = 'x'\nreason = ' '", "[[prune]\n", ""],
        ids=["shape", "no_reason", "blank_reason", "syntax", "empty"],
    )
    def test_a_list_without_reasons_is_refused(self, tmp_path, text):
        """With the file's name."""
        (tmp_path / "prune.toml").write_text(text)
        with pytest.raises(LayerError, match=r"prune\.toml: "):
            prune.rules(tmp_path / "prune.toml")


class TestChecks:
    """What stops a layer that would not run."""

    def test_the_layer_passes(self, tree):
        """The checks themselves, on what they let through."""
        assert checks.libraries(tree, LOCAL) > 10
        assert checks.imports(tree, LOCAL, PYTHON) == "executed"

    @pytest.mark.parametrize("gone", ["libparquet.so.*", "libarrow_substrait.so.*", "libarrow.so.*"])
    def test_a_missing_library_is_named(self, tree, gone):
        """With the file that needs it."""
        (path,) = (tree / "pyarrow").glob(gone)
        path.unlink()
        words = rf"pyarrow/.*: it needs {re.escape(path.name)}, which is neither in the layer nor in the runtime"
        with pytest.raises(LayerError, match=words):
            checks.libraries(tree, LOCAL)

    @pytest.mark.parametrize(
        ("wanted", "words"),
        [
            (Target(LOCAL.python, FOREIGN.arch), f"it is for .*, the layer for {FOREIGN.arch}"),
            (Target("3.12", LOCAL.arch), r"an extension of another Python; those of the layer end in \.cpython-312-"),
        ],
        ids=["machine", "python"],
    )
    def test_a_library_for_something_else_is_named(self, tree, wanted, words):
        """Another architecture, another version of Python."""
        with pytest.raises(LayerError, match=words):
            checks.libraries(tree, wanted)

    def test_a_library_for_a_newer_system_is_named(self, tree, monkeypatch):
        """Which version of the C library it wants."""
        monkeypatch.setattr(checks, "GLIBC", (2, 10))
        with pytest.raises(LayerError, match=r"it needs glibc 2\.\d+, the runtime has 2\.10"):
            checks.libraries(tree, LOCAL)

    def test_what_is_no_library_is_named(self, tree):
        """A file with the name of one."""
        (tree / "pyarrow" / "libtext.so").write_text("text")
        with pytest.raises(LayerError, match=r"libtext\.so: not a shared library"):
            checks.libraries(tree, LOCAL)

    @pytest.mark.parametrize(
        ("gone", "words"),
        [
            ("fastxform/invocation/event.py", r"ModuleNotFoundError: No module named 'fastxform.invocation.event'"),
            ("msgspec/_utils.py", r"ModuleNotFoundError: No module named 'msgspec\._utils'"),
            ("pyarrow/libarrow_compute.so.*", r"ImportError: libarrow_compute\.so"),
        ],
    )
    def test_a_failed_import_is_named(self, tree, gone, words):
        """In the last line of the interpreter that has only the layer."""
        for path in [*tree.glob(gone), *tree.glob(str(Path(gone).parent / "__pycache__" / f"{Path(gone).stem}.*"))]:
            path.unlink()
        with pytest.raises(LayerError, match=f"the layer does not run in Python {LOCAL.python}: {words}"):
            checks.imports(tree, LOCAL, PYTHON)

    @pytest.mark.parametrize(
        ("wanted", "python", "answer"),
        [
            (FOREIGN, PYTHON, f"not executed: this machine is no {FOREIGN.arch}"),
            (LOCAL, None, f"not executed: no Python {LOCAL.python} on this machine"),
        ],
        ids=["architecture", "python"],
    )
    def test_what_cannot_run_here_says_so(self, tree, wanted, python, answer):
        """It is not taken for a pass."""
        assert checks.imports(tree, wanted, python) == answer

    @pytest.mark.parametrize(
        ("zipped", "unzipped", "words"),
        [
            (32 * MIB + MIB, 90 * MIB, r"the layer is 33\.0 MiB zipped, the budget is 32"),
            (32 * MIB, 91 * MIB, r"the layer is 91\.0 MiB unzipped, the budget is 90"),
        ],
        ids=["zipped", "unzipped"],
    )
    def test_a_size_over_budget_is_told(self, zipped, unzipped, words):
        """What it is and what it may be."""
        checks.size(32 * MIB, 90 * MIB, Budget())
        with pytest.raises(LayerError, match=words):
            checks.size(zipped, unzipped, Budget())


def test_the_guide_shows_the_last_measurement():
    """Its table is what the numbers of the layer make."""
    text = (ROOT / "docs/sizing.md").read_text(encoding="utf-8")
    numbers = json.loads((ROOT / "benchmarks/results/layer.json").read_text(encoding="utf-8"))
    assert readme.layer_table(numbers) in text


class TestStripping:
    """Shared libraries without their symbol tables."""

    @pytest.fixture
    def library(self, tmp_path):
        """One with a symbol table, as its wheel has it."""
        (path,) = (wheels.CACHE / LOCAL.name).glob("msgspec-*.whl") if built(LOCAL) else ()
        with zipfile.ZipFile(path) as wheel:
            (name,) = [name for name in wheel.namelist() if name.endswith(".so")]
            return wheel.read(name)

    def test_what_is_loaded_stays(self, library, tmp_path):
        """Every segment, every section that is loaded, and what the library needs; to strip again changes nothing."""
        bare = elf.stripped(library)
        before, after = (ELFFile(io.BytesIO(data)) for data in (library, bare))
        assert len(bare) < len(library) * 0.95
        for old, new in zip(before.iter_segments(), after.iter_segments(), strict=True):
            assert old.header == new.header
            # The header of the file lies in the first segment, and says where the table of sections begins.
            assert old.data()[64:] == new.data()[64:]
        loaded = {section.name: section.data() for section in before.iter_sections() if section["sh_flags"] & 2}
        assert {name: after.get_section_by_name(name).data() for name in loaded} == loaded
        assert after.get_section_by_name(".symtab") is None
        assert elf.stripped(bare) == bare
        for name, data in (("whole.so", library), ("bare.so", bare)):
            (tmp_path / name).write_bytes(data)
        assert elf.facts(tmp_path / "bare.so") == elf.facts(tmp_path / "whole.so")

    @pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF\x01\x01" + bytes(60)], ids=["empty", "text", "32_bits"])
    def test_what_is_no_library_is_refused(self, data):
        """One line, no guess."""
        with pytest.raises(LayerError, match="not an ELF file of 64 bits"):
            elf.stripped(data)


class TestCommand:
    """`./build.sh layer`."""

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (["--python", "313"], "layer: --python '313': a layer is not built for that; did you mean 3.13?\n"),
            (["--python", "2"], "layer: --python '2': a layer is not built for that; one of 3.11, 3.12, 3.13, 3.14\n"),
            (["--arch", "arm46"], "layer: --arch 'arm46': a layer is not built for that; did you mean arm64?\n"),
            (["--arch", "mips"], "layer: --arch 'mips': a layer is not built for that; one of x86_64, arm64\n"),
            (["--pyhton", "3.13"], "layer: unrecognized arguments: --pyhton 3.13\n"),
            (["--python"], "layer: argument --python: expected one argument\n"),
        ],
        ids=["python", "far_python", "arch", "far_arch", "option", "value"],
    )
    def test_wrong_usage_is_one_line(self, arguments, line, capsys):
        """Exit 2."""
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert (end.value.code, capsys.readouterr()) == (2, ("", line))

    def test_a_place_that_cannot_be_written_is_one_line(self, tmp_path, capsys):
        """Exit 1, before anything is built."""
        (tmp_path / "file").touch()
        assert main(["--python", LOCAL.python, "--arch", LOCAL.arch, "--out", str(tmp_path / "file")]) == 1
        out, err = capsys.readouterr()
        assert (out, err) == ("", f"layer: [Errno 17] File exists: '{tmp_path / 'file'}'\n")

    def test_targets_have_names(self):
        """The names that files, wheels and extensions carry."""
        assert target("3.13", "arm64") == Target("3.13", "arm64")
        assert Target("3.13", "arm64").name == "py313-arm64"
        assert Target("3.13", "arm64").extension == ".cpython-313-aarch64-linux-gnu.so"
        assert "manylinux_2_28_aarch64" in Target("3.13", "arm64").platforms

    def test_an_interpreter_that_does_not_run_is_none(self, tmp_path, monkeypatch):
        """A shim of a version that is not installed, another version under the name, and no pyenv."""
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
        monkeypatch.setenv("PATH", str(tmp_path))
        assert interpreter("3.99") is None
        for text in ("#!/bin/sh\nexit 127\n", "#!/bin/sh\necho 3.98\n", "not a program"):
            (tmp_path / "python3.99").write_text(text)
            (tmp_path / "python3.99").chmod(0o755)
            assert interpreter("3.99") is None
        assert interpreter("{}.{}".format(*sys.version_info[:2])) == Path(sys.executable)
