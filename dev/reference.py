"""`python -m dev.reference`: docs/configuration.md and docs/expressions.md, from the package's own tables.

Every key of `config.keys` and every function of `query.functions` is on its page; each function with an expression that
is run here and what came out. Invariant: nothing on the pages is written by hand but their introductions.
"""

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from dev.commands import command
from fastxform import Pipeline
from fastxform.config.keys import SECTIONS, Key, Section
from fastxform.config.readers import READERS
from fastxform.errors import FastxformError
from fastxform.query.functions import FUNCTIONS
from fastxform.query.lookups import SIGNATURE as LOOKUP
from fastxform.query.named import NAMED
from fastxform.query.registry import FunctionEntry, entries

DOCS: Final = Path(__file__).parent.parent / "docs"

_CONFIGURATION: Final = """# Configuration

One TOML file is one transform. This page lists every key; `fastxform check FILE` reports what is wrong in a file, all of it at
once, and `fastxform schema > fastxform.schema.json` writes the same keys as JSON Schema, for editors. Start from an example
(`fastxform init --preset cities --out cities.toml`) or from a sample of your records
([Quickstart](quickstart.md)); `fastxform explain FILE` says how each column is decoded and what it costs.

```toml
source = "dynamodb"
where  = "eventName != 'REMOVE'"

[output]
format = "csv"

[columns]
id         = "dynamodb.Keys.id"
population = { path = "dynamodb.NewImage.population", type = "int64" }
label      = { expr = "utf8_upper(id)" }
eventName  = { hidden = true }
```

Values go through these steps, in this order: decode; the columns that `where` names; `where`; route; the other columns (type,
pattern, default, required); `map_batch`; `expr`; partition keys. A record that `where` drops is Dropped whatever else is wrong
with it. Paths are [JMESPath](https://jmespath.org/), expressions are on a [page of their own](expressions.md), and
`[output] reader` is explained in [Readers](readers.md).
"""

_TYPES: Final = """## Types

A value that does not fit its type fails the record with the reason `type`; nothing is rounded or cut to fit, unless the column
says what becomes of it. What some values become in CSV:

| type | values, and what is written of them |
|---|---|
"""
_NESTED: Final = {"b": [1, 2]}
_SAMPLES: Final[dict[str, list[Any]]] = {
    "auto": ["text", 1.50, True, _NESTED],
    "string": ["text", 1, True, _NESTED],
    "int64": [1, "007", 1.0, 1.5, 2**63],
    "float64": [1.5, "1e3", "inf"],
    "decimal(5,2)": [1.5, "12.345", 1000],
    "bool": [True, "false", 1],
    "timestamp[ms]": ["2024-05-02T12:45:25.9+02:00", "2024-05-02 12:45:25", 1714653925, 1714653925900, "noon"],
    "date": ["2024-05-02", "2024-02-30"],
    "json": ["text", 1, _NESTED],
    "binary": ["aGVsbG8=", "hello"],
}

_FORMS: Final = """
**Objects and lists** are written in one form, by whatever path, source or output they come: no white space; each member once, at the
place of its first and with the value of its last; in strings only what JSON wants escaped (`"\\/"` is written `"/"`, `"\\u00e9"` `"é"`);
numbers with the digits of the record (`1.50`, `1E2`, `-0`); sets of DynamoDB, which have no order, in that of their elements: texts by
their characters, numbers by value. So equal bytes came in as equal values, and a reader
that refuses a member that comes twice can read them. A whole document that goes out has this form, too.

**Timestamps** of numbers are seconds below 1e11, milliseconds below 1e14, microseconds below 1e17, else nanoseconds, whatever the sign.
What is finer than the unit is cut towards the past, of numbers as of texts: `-0.1` and `"1969-12-31T23:59:59.9Z"` are one instant, and in
`timestamp[s]` both are `1969-12-31 23:59:59`. That is the second that the instant is in; to cut it towards zero would put it into
another one, and another day, than the text of the same instant.
"""

_EXPRESSIONS: Final = """# Expressions

`where`, `expr` and partition keys are expressions: Python's syntax over the columns, evaluated on whole batches by Arrow's
kernels. A column whose name is no identifier is `col("user-agent")`. Every key is on the page of the [configuration](configuration.md).

| | |
|---|---|
| comparison | `== != < <= > >=`, `in`, `not in` with a list of constants. `==`, `!=`, `in`, `not in` take null for a value, as Python does; ordering with null is null. Objects and lists are equal by value: members in any order, numbers by value, lists and sets of DynamoDB in the order that they are written in. A `json` column is compared with JSON, so with `'"x"'` for the text x, and has no order |
| logic | `and`, `or`, `not`, of three values as in SQL. A `where` that is null drops the record, and is counted as `where_null` |
| arithmetic | `+ - * / // %`; an overflow or a division by zero fails the record with the reason `expression`. `/` gives `float64` |
| choice | `a if condition else b` |
| constants | `'text'`, `1`, `1.5`, `True`, `None` |

A null argument makes the result of a function null, unless its example says otherwise. An `auto` column is text: give it a
type to compute with it.

The examples below are run on one record:

```json
RECORD
```

with the columns `name` (`string`), `n` (`int64`), `x` (`float64`), `d` (`decimal(9,2)`), `m` (`int64`), `t` and `u` (`timestamp[ms]`),
`ok` (`bool`), and `missing` (`string`), which is null; `[lookups.country]` has the value `Japan` for the name.
"""

RECORD: Final = {
    "name": " Yokohama ",
    "n": -7,
    "x": 2.5,
    "d": "12.34",
    "m": 6,
    "t": "2024-05-02T12:45:25.900Z",
    "u": "2024-07-01T00:00:00Z",
    "ok": True,
}
_COLUMNS: Final = """output = { format = "json" }
[columns]
name = { type = "string", hidden = true }
n = { type = "int64", hidden = true }
x = { type = "float64", hidden = true }
d = { type = "decimal(9,2)", hidden = true }
m = { type = "int64", hidden = true }
t = { type = "timestamp[ms]", hidden = true }
u = { type = "timestamp[ms]", hidden = true }
ok = { type = "bool", hidden = true }
missing = { type = "string", hidden = true }
"""
_LOOKUPS: Final = '[lookups.country]\nvalues = { " Yokohama " = "Japan" }\n'


# -- configuration


def configuration() -> str:
    """Return the page of the keys."""
    parts = [_CONFIGURATION, *map(_section, SECTIONS), _TYPES + _types() + _FORMS, _readers()]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _section(section: Section) -> str:
    title = f"`[{section.location}]`" if section.location else "The top of the file"
    if section.location.endswith("[]"):
        title = f"`[[{section.location.removesuffix('[]')}]]`"
    lines = [
        f"## {title}",
        "",
        section.text,
        "",
        "| key | values | default | meaning | example |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_key, section.keys)]) + "\n"


def _key(key: Key) -> str:
    example = f"`{key.name} = {key.example}`" if key.example else f"`[[{key.name}]]`"
    cells = [f"`{key.name}`", _kind(key), _default(key), key.text, example]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _kind(key: Key) -> str:
    if key.choices:
        return ", ".join(f"`{json.dumps(word)}`" for word in key.choices)
    if key.bounds is not None:
        low, high = key.bounds
        return f"{low:,} to {high:,}" if abs(low) < 2**53 else "a whole number"
    words = {"text": "text", "boolean": "`true`, `false`", "integer": "a whole number", "table": "a table"}
    return words.get(key.kind, "tables" if key.kind == "tables" else " or ".join(key.types) or "any value")


def _default(key: Key) -> str:
    if key.default is None:
        return f"`{json.dumps(key.choices[0])}`" if key.kind == "choice" else ""
    return f"`{json.dumps(key.default)}`"


def _readers() -> str:
    """Return the keys that each reader sets."""
    names = list(dict.fromkeys(name for reader in READERS.values() for name in reader.keys))
    lines = [
        "## What a reader sets",
        "",
        "The keys of `[output]` that a `reader` sets, where the file leaves them out.",
        "",
    ]
    lines += [f"| `reader` | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (len(names) + 1) + "|"]
    for word, reader in READERS.items():
        cells = [f"`{json.dumps(reader.keys[name][0])}`" if name in reader.keys else "" for name in names]
        lines.append(f"| `{word}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _types() -> str:
    """Return what becomes of values of each type, as the pipeline has it."""
    rows = []
    for kind, values in _SAMPLES.items():
        config = f'output = {{ delimiter = "|" }}\n[columns]\nv = {{ type = "{kind}" }}\n'
        batch = Pipeline.from_toml(config).run([json.dumps({"v": value}).encode() for value in values])
        texts = [
            "fails" if data is None else f"`{next(csv.reader([data.decode()], delimiter='|'))[0]}`"
            for data in batch.data
        ]
        shown = [f"`{json.dumps(value)}`: {text}" for value, text in zip(values, texts, strict=True)]
        rows.append(f"| `{kind}` | {'; '.join(shown)} |")
    return "\n".join(rows) + "\n"


# -- expressions


def expressions() -> str:
    """Return the page of the functions."""
    os.environ["EXAMPLE_KEY"] = "Jefe"  # of the example of hmac_sha256, out of RFC 4231
    known = entries()
    parts = [
        ("## Functions", "", [known[name] for name in (*NAMED, "lookup", "col", "now_ms")]),
        ("## Functions of Arrow", "Scalar functions by Arrow's own names; options are keywords.", _of_arrow(known)),
    ]
    lines: list[str] = []
    for title, introduction, functions in parts:
        lines += [title, "", *([introduction, ""] if introduction else [])]
        lines += ["| function | takes | gives | what | example | of which comes |", "|---|---|---|---|---|---|"]
        lines += [*map(_function, functions), ""]
    text = _EXPRESSIONS.replace("RECORD", json.dumps(RECORD, ensure_ascii=False))
    return "\n".join([text, *lines])


def _of_arrow(known: dict[str, FunctionEntry]) -> list[FunctionEntry]:
    return [known[name] for name in sorted(FUNCTIONS)]


def _function(entry: FunctionEntry) -> str:
    result = outcome(entry.example)
    if result is None:
        raise LookupError(f"{entry.name}: its example does not work: {entry.example}")
    cells = [f"`{_signature(entry)}`", entry.takes, entry.gives, entry.text, f"`{entry.example}`", f"`{result}`"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _signature(entry: FunctionEntry) -> str:
    """Return how a function is called: what it takes, and its options with what stands for those left out."""
    if entry.name in NAMED:
        return NAMED[entry.name].signature
    if entry.name not in FUNCTIONS:
        return {"lookup": LOOKUP, "col": "col(name)"}.get(entry.name, entry.example)
    function = FUNCTIONS[entry.name]
    letters = [chr(ord("a") + index) for index in range(function.least)]
    more = ["..."] if function.most is None or function.most > function.least else []
    given = [name if option.required else f"{name}={option.default!r}" for name, option in function.options.items()]
    return f"{entry.name}({', '.join([*letters, *more, *given])})"


def outcome(expression: str) -> str | None:
    """Return the JSON of what an expression gives of the record, None where it cannot be compiled or fails."""
    config = f"{_COLUMNS}value = {{ expr = {json.dumps(expression)} }}\n{_LOOKUPS}"
    try:
        (row,) = Pipeline.from_toml(config).run([json.dumps(RECORD).encode()], now_ms=0).data
    except FastxformError:
        return None
    return None if row is None else row.decode().removeprefix('{"value":')[:-2]


PAGES: Final = {"configuration.md": configuration, "expressions.md": expressions, "command.md": command}


def main() -> int:
    """Write the pages."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
