"""The guide is true: its links lead somewhere, its tables are complete, its commands exist and print what it shows.

Blocks behind a comment are made anew, in the order of their page and in one directory: `run` holds commands and what
they print, `save` a file for them, `json` a line of a file that they wrote, `table` and `layer` what was measured. What
differs from run to run, times, is not compared. `python tests/test_docs.py` writes what is made into the pages.
"""

import argparse
import difflib
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import dropwhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from aws_faults import AwsServer

from benchmarks import readme
from deploy.layer.__main__ import main as build_layer
from fastxform.cli import VERBS
from fastxform.core import timing
from fastxform.errors import REASONS
from fastxform.invocation import telemetry
from fastxform.pipeline import Pipeline
from fastxform.tools.sample_data import burst
from fastxform.tools.sizing import picture
from fastxform.tools.sizing.buffer import model_buffer
from fastxform.tools.sizing.sample import read_sample

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MADE = re.compile(
    r"^<!-- (?P<kind>run|save|json)(?:: (?P<what>[^\n]*))? -->\n```(?P<language>\w*)\n(?P<text>.*?)^```$"
    r"|^<!-- (?P<measured>table: \S+|layer) -->\n.*?^<!-- end of table -->$",
    re.DOTALL | re.MULTILINE,
)


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """Return what stands below a heading, up to the next one of its level."""
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", read(page), re.DOTALL | re.MULTILINE)
    return found


def rows(text: str) -> dict[str, str]:
    """Return the rows of tables whose first cell is one word of code: the word, and the rest of the row."""
    return dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", text, re.MULTILINE))


# -- blocks that are made


class Workshop:
    """A directory in which the commands of one page run, with a loopback server where AWS would be."""

    def __init__(self, directory: Path, aws: AwsServer) -> None:
        self.directory = directory
        (directory / "fastxform").mkdir()
        (directory / "fastxform" / "examples").symlink_to(ROOT / "fastxform" / "examples")
        self.environment = aws.environment() | {
            "AWS_REGION": "eu-central-1",
            "HOME": str(directory),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        }

    def block(self, found: re.Match[str]) -> str:
        """Return a block as it is made now."""
        if found["measured"]:
            kind, _, name = found["measured"].partition(": ")
            text = measured(kind, name)
            return f"<!-- {found['measured']} -->\n{text.rstrip()}\n<!-- end of table -->"
        text = getattr(self, found["kind"])(found["what"], found["text"])
        return found[0][: found.start("text") - found.start()] + text + "```"

    def run(self, _: str | None, text: str) -> str:
        commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
        return "".join(f"$ {command}\n{self.printed(command)}" for command in commands)

    def printed(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout + done.stderr

    def save(self, name: str, text: str) -> str:
        (self.directory / name).write_text(text, encoding="utf-8")
        return text

    def json(self, what: str, _: str) -> str:
        pattern, member = what.split()
        for path in sorted(self.directory.glob(pattern)):
            for line in path.read_text(encoding="utf-8").splitlines():
                content = json.loads(line)
                if member in content:
                    content.pop("_aws", None)
                    members = (f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in content.items())
                    return "{\n" + ",\n".join(members) + "\n}\n"
        raise AssertionError(f"{pattern}: no line has {member}")


def measured(kind: str, name: str) -> str:
    if kind == "layer":
        return readme.layer_table(json.loads((ROOT / "benchmarks/results/layer.json").read_text(encoding="utf-8")))
    return (ROOT / name).read_text(encoding="utf-8")


def made(text: str) -> str:
    """Return a page with its blocks made anew; one that differs in nothing but times stays."""
    with TemporaryDirectory() as directory, AwsServer() as aws:
        workshop = Workshop(Path(directory), aws)

        def block(found: re.Match[str]) -> str:
            now = workshop.block(found)
            return found[0] if masked(now) == masked(found[0]) else now

        return MADE.sub(block, text)


def masked(text: str) -> str:
    """Return a text without what differs from run to run."""
    text = re.sub(r"^time {3,}.*$", "time", text, flags=re.MULTILINE)
    text = re.sub(r"^(memory|duration|time-out|concurrency|  Lambda) .*$", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r'("timestamp"|"TransformMilliseconds"): [^,]+', r"\1", text)
    text = re.sub(r'"kernel": "[^"]*"', '"kernel"', text)
    return re.sub(r'"stages": \{.*\}', lambda found: re.sub(r"[\d.]+", "", found[0]), text)


def test_the_quickstart_writes_nothing_into_the_clone():
    """Before the first command that writes a file, the page leads out of the checkout."""
    before = read("quickstart.md").partition("fastxform generate")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", before, re.DOTALL)
    assert block.splitlines()[-1] == "mkdir ../transforms && cd ../transforms"


@pytest.mark.parametrize("page", [page for page in PAGES if MADE.search(read(page))])
def test_a_page_shows_what_its_commands_print(page):
    """Commands print what stands below them; tables are those that were measured."""
    text = read(page)
    difference = difflib.unified_diff(text.splitlines(), made(text).splitlines(), page, "made now", lineterm="")
    assert "\n".join(difference) == "", "python tests/test_docs.py writes what is made now into the pages"


def test_what_is_made_is_looked_at():
    """Every comment of a page is one that the tests know, and each kind of block is there."""
    comments = [found for page in PAGES for found in re.findall(r"<!-- (.*?) -->", read(page))]
    known = [found for page in PAGES for found in MADE.finditer(read(page))]
    kinds = [found["kind"] or found["measured"].partition(":")[0] for found in known]
    assert len(comments) == len(known) + comments.count("end of table")
    assert set(kinds) == {"run", "save", "json", "table", "layer"}


# -- links


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, as they are made on the common forges."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """A relative link names a file or directory of the repository, and a heading in it where it names one."""
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", read(page)) if "://" not in link]
    assert links
    assert [link for link in links if not is_there(page, *link.partition("#")[::2])] == []


def is_there(page: str, place: str, anchor: str) -> bool:
    target = ((DOCS / page).parent / place if place else DOCS / page).resolve()
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


def test_the_index_names_every_page():
    """No page is forgotten."""
    named = set(re.findall(r"\]\(([\w/-]+\.md)\)", read("README.md")))
    assert set(PAGES) - {"README.md"} <= named


# -- tables


def test_every_metric_is_explained():
    """The metrics of the page are those of the telemetry, with their units."""
    found = {name: rest.split(" | ")[0] for name, rest in rows(section("operations.md", "Metrics")).items()}
    assert found == telemetry.UNITS


def test_every_stage_is_explained():
    """The stages of the clock are on the page, in their order."""
    (text,) = re.findall(
        r"The stages, in the order of the work: (.*?)\. A stage", section("operations.md", "Metrics"), re.DOTALL
    )
    assert [name for name in re.findall(r"`(\w+)`", text) if name not in ("map_batch", "expr")] == list(
        get_args(timing.Stage)
    )


def alarms() -> dict[str, list[dict[str, str]]]:
    """Return the alarms of the module; one of them may be made in several ways."""
    text = (ROOT / "deploy/terraform/alarms.tf").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, str]]] = {}
    for name, body in re.findall(r"^ {6}([a-z-]+) = \{\n(.*?)\n {6}\}", text, re.DOTALL | re.MULTILINE):
        fields = dict(re.findall(r'\b(metric|above|below|periods) = "?(.*?)"?(?:,|$)', body, re.MULTILINE))
        found.setdefault(name, []).append(fields)
    return found


def test_every_alarm_is_explained():
    """The alarms of the page are those of the module: metric, threshold, and whether they ring at once."""
    explained, expected = rows(section("operations.md", "Alarms")), alarms()
    assert set(explained) == set(expected)
    for name, ways in expected.items():
        watches, rings, _ = explained[name].split(" | ", 2)
        assert ("at once" in rings, "later" in rings) == (
            any(way["periods"] == "1" for way in ways),
            any(way["periods"] == "3" for way in ways),
        ), name
        for way in ways:
            assert re.sub(r"^\$\{local\.\w+\}\.", "", way["metric"]) in watches, name
            for key, sign in (("above", ">"), ("below", "<")):
                if way.get(key, "").isdecimal():
                    assert f"{sign} {way[key]}" in watches, name


def test_the_template_makes_the_same_alarms():
    """What the page says of the template: every alarm but one."""
    template = (ROOT / "deploy/sam/alarms.yaml").read_text(encoding="utf-8")
    names = set(re.findall(r'AlarmName: !Sub "\$\{Name\}-([a-z-]+)"', template))
    assert names == set(alarms()) - {"partitions", "conversion-failed"}
    assert "`deploy/sam` makes the same ones less `partitions` and\n`conversion-failed`" in section(
        "operations.md", "Alarms"
    )


def test_every_reason_has_cause_and_remedy():
    """The codes of the page are the closed list, in its order."""
    found = rows(section("operations.md", "Reasons"))
    assert list(found) == list(REASONS)
    assert [name for name, rest in found.items() if len(rest.split(" | ")) != 2] == []


def test_settings_have_their_defaults():
    """The inputs of the module that sizing is about, with their defaults."""
    text = (ROOT / "deploy/terraform/variables.tf").read_text(encoding="utf-8")
    found = {name: rest.split(" | ")[0] for name, rest in rows(read("sizing.md")).items()}
    assert found
    defaults = dict(re.findall(r'^variable "(\w+)" \{\n.*?^  default += (.*?)$', text, re.DOTALL | re.MULTILINE))
    assert found == {name: defaults.get(name) for name in found}


def test_every_right_is_explained():
    """Statements and actions of the page are those of the module's roles."""
    roles = (ROOT / "deploy/terraform/roles.tf").read_text(encoding="utf-8")
    text = section("security.md", "Permissions")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(re.findall(r'Sid += "(\w+)"', roles))
    action = r"\b(?:firehose|glue|kafka|kafka-cluster|kinesis|kms|lakeformation|lambda|logs|s3):[A-Z]\w+"
    conditions = {"kms:ViaService", "kms:EncryptionContext"}
    assert set(re.findall(action, text)) - conditions == set(re.findall(action, roles)) - conditions


def sizing_picture() -> str:
    """Return the picture of the sizing page, of the sample that the page shows."""
    pipeline = Pipeline.load(ROOT / "fastxform/examples/cloudwatch-logs/cloudwatch-logs.toml")
    payloads = list(burst.compressed(burst.records("cloudwatch", 300, 0, None, 0.0)))
    return picture.draw(model_buffer(read_sample(pipeline, payloads)), "cloudwatch-logs: response share")


def test_the_picture_of_sizing_is_that_of_its_sample():
    """The picture is what `fastxform size` draws of the sample on the page."""
    assert (DOCS / "sizing.svg").read_text(encoding="utf-8") == sizing_picture()


# -- commands


def parser(verb: str) -> argparse.ArgumentParser:
    """Return the parser of a verb, as the command makes it."""
    found = argparse.ArgumentParser(prog=f"fastxform {verb}", allow_abbrev=False)
    importlib.import_module(f"fastxform.cli.commands.{verb.replace('-', '_')}").configure(found)
    return found


def options_of(verb: str) -> set[str]:
    return set(re.findall(r"--[a-z][\w-]*", parser(verb).format_help()))


def commands(script: str) -> Iterator[list[str]]:
    """Yield the words of each command of a script, without redirections and variables before it."""
    for line in script.splitlines():
        lexer = shlex.shlex(re.sub(r"\s\d?>\s*\S+", "", line), posix=True, punctuation_chars="|&;")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for token in [*lexer, ";"]:
            if token.strip("|&;"):
                words.append(token)
                continue
            command = list(dropwhile(re.compile(r"\w+=").match, words))
            words = []
            if command:
                yield command


def layer_options(capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        build_layer(["--help"])
    return set(re.findall(r"--\w+", capsys.readouterr().out))


def verbs_of_script() -> set[str]:
    return set(re.findall(r"^(\w+)\) ", (ROOT / "build.sh").read_text(encoding="utf-8"), re.MULTILINE))


SCRIPTS = [
    pytest.param(words, id=f"{page}: {' '.join(words)}")
    for page in PAGES
    for language, script in FENCED.findall(read(page))
    if language in ("sh", "console")
    for words in commands(script if language == "sh" else "\n".join(re.findall(r"^\$ (.*)$", script, re.MULTILINE)))
    if words[0] in ("fastxform", "./build.sh")
]
INLINE = [
    pytest.param(code.split(), id=f"{page}: {' '.join(code.split())}")
    for page in PAGES
    for code in re.findall(r"`([^`]+)`", FENCED.sub("", read(page)))
    if re.match(r"(?:\.venv/bin/)?fastxform\s|\./build\.sh\s|--", code)
]


@pytest.mark.parametrize("words", SCRIPTS)
def test_a_command_of_a_script_is_one(words, capsys):
    """The command's own parser takes it."""
    name, verb, *rest = words
    if name == "./build.sh":
        assert verb in verbs_of_script()
        assert {word for word in rest if word.startswith("--")} <= (layer_options(capsys) if verb == "layer" else set())
        return
    assert verb in VERBS
    try:
        parser(verb).parse_args(rest)
    except SystemExit:
        pytest.fail(capsys.readouterr().err)


@pytest.mark.parametrize("words", INLINE)
def test_a_command_in_a_sentence_is_one(words, capsys):
    """It may be cut short; verb and options exist."""
    name, *rest = words
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    if name == "./build.sh":
        assert rest[0] in verbs_of_script()
        assert options <= (layer_options(capsys) if rest[0] == "layer" else set())
    elif name.startswith("--"):
        assert options <= set().union(*map(options_of, VERBS)) | layer_options(capsys)
    elif rest != ["--version"]:
        assert rest[0] in VERBS
        assert options <= options_of(rest[0])


def test_every_verb_is_on_its_page():
    """The index has each verb once, and the page that it names shows the verb in a command."""
    found = dict(
        re.findall(
            r"^\| `fastxform ([\w-]+)` \| .* \| \[[\w ]+\]\(([\w/-]+\.md)\) \|$", read("README.md"), re.MULTILINE
        )
    )
    assert list(found) == sorted(found, key=list(found).index)
    assert set(found) == set(VERBS)
    lost = [verb for verb, page in found.items() if not re.search(rf"fastxform\s{verb}(?![\w-])", read(page))]
    assert lost == []


# -- Terraform


def module_inputs() -> dict[str, bool]:
    """Return the inputs of the module, and whether each has to be given."""
    text = (ROOT / "deploy/terraform/variables.tf").read_text(encoding="utf-8")
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.DOTALL | re.MULTILINE)
    return {name: re.search(r"^  default +=", body, re.MULTILINE) is None for name, body in blocks}


@pytest.mark.parametrize("page", PAGES)
def test_a_module_of_a_page_takes_its_inputs(page):
    """Every input exists, and those without a default are there."""
    inputs = module_inputs()
    scripts = "\n".join(script for language, script in FENCED.findall(read(page)) if language == "hcl")
    for body in re.findall(r'^module "\w+" \{\n(.*?)^\}', scripts, re.DOTALL | re.MULTILINE):
        given = set(re.findall(r"^  (\w+) +=", body, re.MULTILINE)) - {"source"}
        assert given <= inputs.keys()
        assert {name for name, needed in inputs.items() if needed} <= given


# -- names


@pytest.mark.parametrize("page", PAGES)
def test_variables_of_the_environment_are_read(page):
    """A variable that a page names is one that the package reads."""
    source = (ROOT / "fastxform/settings.py").read_text(encoding="utf-8")
    names = set(re.findall(r"\b(?:POWERTOOLS|FASTXFORM|AWS_LAMBDA)_[A-Z_]+\b", read(page)))
    assert [name for name in names if f'"{name}"' not in source] == []


def query_names() -> dict[str, Callable[[str], bool]]:
    """Return what a field of a query may be, by its first part."""
    return {
        "failed": REASONS.__contains__,
        "stages": get_args(timing.Stage).__contains__,
        "put_back": telemetry.PutBack.__struct_fields__.__contains__,
        "first_reasons": {"0.record", "0.reason"}.__contains__,
    }


def test_queries_name_fields_that_exist():
    """Members of the two lines, and what may stand below them."""
    queries = "\n".join(script for _, script in FENCED.findall(section("operations.md", "Queries")))
    checks = query_names()
    dotted = re.findall(r"\b(\w+)\.([\w.]+)", queries)
    assert dotted
    assert [f"{first}.{rest}" for first, rest in dotted if first not in checks or not checks[first](rest)] == []
    metrics = set(re.findall(r"\b[A-Z][a-z]\w+", queries))
    assert metrics
    assert metrics <= set(telemetry.UNITS)


def main(arguments: list[str]) -> None:
    """Write what is made now into the pages, or into those that are named."""
    for page in arguments or PAGES:
        text = read(page)
        now = made(text)
        if now != text:
            (DOCS / page).write_text(now, encoding="utf-8")
            print(f"docs/{page}")
    (DOCS / "sizing.svg").write_text(sizing_picture(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
