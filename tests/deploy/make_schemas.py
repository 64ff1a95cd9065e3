"""Rebuilds the provider schemas in `schemas/` from npm packages that were generated from the real providers.

    python tests/deploy/make_schemas.py

Terraform's providers are binaries that no package index carries; the code that the CDK generates from their schemas is
on npm, and says of every attribute its name, type, block or not, and whether it is computed, optional or required.
Only what `deploy/terraform` uses is kept. Invariant: a schema is a function of the pinned package alone, so that
running this again changes nothing; what the generated code does not tell (value lists, conflicts, the shape of computed
objects) is not in it.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SCHEMAS: Final = Path(__file__).parent / "schemas"


@dataclass(frozen=True)
class Source:
    """A provider, the package that was generated from it, and what of it is wanted."""

    name: str
    package: str
    resources: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


SOURCES: Final = (
    Source(
        "aws",
        "@cdktn/provider-aws@25.7.0",
        resources=(
            "aws_athena_named_query",
            "aws_athena_workgroup",
            "aws_cloudwatch_dashboard",
            "aws_cloudwatch_log_group",
            "aws_cloudwatch_log_stream",
            "aws_cloudwatch_metric_alarm",
            "aws_dynamodb_kinesis_streaming_destination",
            "aws_dynamodb_table",
            "aws_glue_catalog_database",
            "aws_glue_catalog_table",
            "aws_iam_role",
            "aws_iam_role_policy",
            "aws_kinesis_firehose_delivery_stream",
            "aws_kinesis_stream",
            "aws_lambda_alias",
            "aws_lambda_function",
            "aws_lambda_layer_version",
            "aws_s3_bucket",
            "aws_s3_bucket_lifecycle_configuration",
            "aws_s3_bucket_policy",
            "aws_s3_bucket_public_access_block",
            "aws_s3_bucket_server_side_encryption_configuration",
            "aws_sesv2_configuration_set",
            "aws_sesv2_configuration_set_event_destination",
        ),
        data=("aws_caller_identity", "aws_partition", "aws_region"),
    ),
    Source("archive", "@cdktn/provider-archive@14.0.1", data=("archive_file",)),
)

TYPES: Final[dict[str, Any]] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "stringListList": ["list", ["list", "string"]],
    "stringMap": ["map", "string"],
    "numberMap": ["map", "number"],
    "booleanMap": ["map", "bool"],
    "anyMap": ["map", "dynamic"],
    "any": "dynamic",
}
"""`storageClassType` of the generated code -> Terraform's type, as JSON."""

GETTERS: Final[dict[str, Any]] = {
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "getListAttribute": ["list", "string"],
    "getNumberListAttribute": ["list", "number"],
}
"""The getter of an attribute that nobody can set -> its type; the others are objects, whose shape is not told."""

ENTRY: Final = re.compile(
    r"\n\s+(\w+): \{\s*\n\s+value: (.*?),\n\s+isBlock: (\w+),\n\s+type: \"(\w+)\",\n\s+storageClassType: \"([^\"]+)\"",
    re.DOTALL,
)
FLAGS: Final = re.compile(
    r"// (\w+) - computed: (\w+), optional: (\w+), required: (\w+)(.*?)(?=\n    // \w+ - computed|\Z)", re.DOTALL
)
KINDS: Final = {"Resource": "resources", "DataSource": "data", "Provider": "provider"}


@dataclass(frozen=True)
class Entry:
    """How the generated code writes one attribute or block."""

    expression: str
    is_block: bool
    kind: str
    stored: str


@dataclass(frozen=True)
class Flags:
    """What the generated code says of one attribute or block, and the code of its accessors."""

    values: dict[str, bool]
    accessors: str

    def is_single(self, name: str) -> bool:
        """Tell whether a block can stand once only."""
        return re.search(rf"= new [\w.]*OutputReference\(this, ['\"]{name}['\"]", self.accessors) is not None


def braces(text: str, start: int) -> str:
    """Return what stands between the brace at `start` and the one that closes it."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0:
            return text[start + 1 : position]
    raise ValueError("a brace is not closed: the generated code has another form")


def class_body(code: str, name: str) -> str | None:
    """Return the body of a class; None where there is none of that name."""
    found = re.search(rf"class {re.escape(name)} extends [^{{]+\{{", code)
    return braces(code, found.end() - 1) if found else None


def entries(body: str) -> dict[str, Entry]:
    """Return the entries of `const attrs = {...}`."""
    start = body.find("const attrs = {")
    if start < 0:
        return {}
    block = braces(body, body.index("{", start))
    return {found[1]: Entry(found[2], found[3] == "true", found[4], found[5]) for found in ENTRY.finditer(block)}


def flags(body: str) -> dict[str, Flags]:
    """Return what the comments above accessors say."""
    return {
        found[1]: Flags(
            {"computed": found[2] == "true", "optional": found[3] == "true", "required": found[4] == "true"}, found[5]
        )
        for found in FLAGS.finditer(body)
    }


def block(code: str, found: dict[str, Entry], known: dict[str, Flags]) -> dict[str, Any]:
    """Return the schema of one block: its attributes and the blocks in it."""
    attributes: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    for name, said in sorted(known.items()):
        entry = found.get(name)
        if entry is not None and entry.is_block:
            blocks[name] = nested(code, name, entry, said)
        else:
            set_flags = {flag: True for flag, value in said.values.items() if value}
            attributes[name] = {"type": attribute_type(name, entry, said), **set_flags}
    return {"attributes": attributes, "blocks": blocks}


def attribute_type(name: str, entry: Entry | None, said: Flags) -> Any:
    """Return the type of an attribute."""
    if entry is None:
        getter = re.search(rf"this\.(get\w+Attribute)\(['\"]{name}['\"]\)", said.accessors)
        return GETTERS.get(getter[1], "dynamic") if getter else "dynamic"
    kind = TYPES.get(entry.stored, "dynamic")
    return ["set", kind[1]] if entry.kind == "set" and kind[0] == "list" else kind


def nested(code: str, name: str, entry: Entry, said: Flags) -> dict[str, Any]:
    """Return the schema of a block in a block."""
    writer = re.search(r"(\w+)ToHclTerraform", entry.expression)
    assert writer is not None, f"{name}: the generated code has another form"
    function = re.search(rf"function {writer[1]}ToHclTerraform\(struct\) \{{", code)
    inner = entries(braces(code, function.end() - 1)) if function else {}
    if name == "timeouts":
        inner_flags = {key: Flags({"optional": True}, "") for key in inner}
        return {"nesting": "single", "block": block(code, inner, inner_flags)}
    reference = writer[1][0].upper() + writer[1][1:] + "OutputReference"
    known = flags(class_body(code, reference) or "")
    result: dict[str, Any] = {"nesting": "set" if entry.kind == "set" else "list", "block": block(code, inner, known)}
    if said.values["required"]:
        result["min_items"] = 1
    if entry.kind == "struct" or said.is_single(name):
        result["max_items"] = 1
    return result


def modules(package: Path, source: Source) -> Iterator[tuple[str, str, str]]:
    """Yield (`resources`, `data` or `provider`; name; code) of everything that is wanted."""
    wanted = {"resources": set(source.resources), "data": set(source.data)}
    for path in sorted(package.glob("lib/*/index.js")):
        code = path.read_text(encoding="utf-8")
        kind = re.search(r"class \w+ extends cdktn\.Terraform(Resource|DataSource|Provider) ", code)
        name = re.search(r"terraformResourceType: '(\w+)'", code)
        if kind is None or name is None:
            continue
        if kind[1] == "Provider" or name[1] in wanted[KINDS[kind[1]]]:
            yield KINDS[kind[1]], name[1], code


def build(package: Path, source: Source) -> dict[str, Any]:
    """Return the schema of a provider."""
    schema: dict[str, Any] = {"name": source.name, "package": source.package, "resources": {}, "data": {}}
    for kind, name, code in modules(package, source):
        found = re.search(r"class (\w+) extends cdktn\.Terraform(?:Resource|DataSource|Provider) ", code)
        version = re.search(r"providerVersion: '([^']+)'", code)
        assert found is not None
        assert version is not None
        body = class_body(code, found[1]) or ""
        described = block(code, entries(body), flags(body))
        schema["version"] = version[1]
        if kind == "provider":
            schema["provider"] = described
        else:
            schema[kind][name] = described
    missing = {*source.resources, *source.data} - {*schema["resources"], *schema["data"]}
    if missing:
        raise ValueError(f"{source.package} has no {', '.join(sorted(missing))}")
    return schema


def unpack(source: Source, directory: Path) -> Path:
    """Fetch a package with npm and return where it was unpacked."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed and was not found; on Debian: apt-get install npm")
    packed = subprocess.run(
        [npm, "pack", "--silent", source.package], cwd=directory, check=True, capture_output=True, text=True
    )
    target = directory / source.name
    with tarfile.open(directory / packed.stdout.split()[-1]) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def main() -> None:
    """Write the schema of each provider."""
    with tempfile.TemporaryDirectory() as directory:
        for source in SOURCES:
            schema = build(unpack(source, Path(directory)), source)
            path = SCHEMAS / f"{source.name}.json"
            path.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            sys.stderr.write(f"{path}: {source.package}, provider {schema['version']}\n")


if __name__ == "__main__":
    main()
