"""Regular expressions as automatons of the native kernel against RE2."""

import json

import pyarrow as pa
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from fastxform import Pipeline
from fastxform.core import kernels
from fastxform.decode.formats import named_formats
from fastxform.decode.native_pattern import compile_pattern
from fastxform.decode.native_values import UnsupportedError

CONFIG = """
source = "text"
[parse.p]
of = "text"
format = "regex"
pattern = {pattern}
invalid = "null"
[columns]
text = {{ path = "text", type = "string" }}
a = {{ path = "p.a", type = "json" }}
b = {{ path = "p.b", type = "json" }}
c = {{ path = "p.c", type = "json" }}
"""
ATOMS = (
    *("a", "b", "1", " ", "-", "é", "😀", r"\[", r"\.", r"\\", '"', r"\t", "]"),
    *(r"\d", r"\D", r"\s", r"\S", r"\w", r"\W", ".", "(?s:.)"),
    *(
        "[^a]",
        "[a-c]",
        "[^ \\]]",
        r"[^\s\"]",
        r"[\w.-]",
        r"[^\W]",
        "[0-9a-f-]",
        "[-1]",
        "[^]]",
        "[]a-]",
        "[a-c-]",
        "[+-.]",
    ),
    *('(?:[^"\\\\]|\\\\.)', "(?:a|b)", "(?:a|)", "(?:é|1)"),
)
TIMES = ("", "", "", "+", "*", "?", "{2}", "{1,3}", "{2,}", "+?", "*?")
SPOILS = st.sampled_from(tuple('a1-_Z é漢😀"\\\t\n\r\x0b\x0c\x85\u00a0'))
TEXTS = st.text('ab1 -é😀[].\\"\t\n\r\x0b\x0c\x1c\x7f\u00a0\u2028_zA0', max_size=9)


@st.composite
def patterns(draw):
    """Expressions, most of which begin and end as groups of lines do."""
    parts = []
    names = iter("abc")
    for _ in range(draw(st.integers(1, 5))):
        part = draw(st.sampled_from(ATOMS)) + draw(st.sampled_from(TIMES))
        kind = draw(st.integers(0, 5))
        if kind < 3 and (name := next(names, None)):
            part = f"(?P<{name}>{part})"
            part += "?" if kind == 2 else ""
        elif kind == 3:
            part = f"(?:{part}|{draw(st.sampled_from(ATOMS))})"
        parts.append(part)
    pattern = draw(st.sampled_from(("", " ", "-"))).join(parts)
    if "?P<" not in pattern:
        pattern = f"(?P<a>{pattern})"
    return draw(st.sampled_from(("", "^"))) + pattern + draw(st.sampled_from(("", "$")))


def is_read(pattern):
    """Whether the kernel takes a pattern, which RE2 has to take, too."""
    try:
        compile_pattern(pattern, ["a"])
    except UnsupportedError:
        return False
    kernels.call("extract_regex", [pa.array([""])], kernels.options.ExtractRegexOptions(pattern))
    return True


def differences(pattern, texts):
    """The texts that kernel and engine read otherwise."""
    pipeline = Pipeline.from_toml(CONFIG.format(pattern=json.dumps(pattern, ensure_ascii=False)))
    assert pipeline.native is not None
    payloads = [text.encode() for text in texts] + [b"-"]
    found = pipeline.native.run(payloads, {}, 0, lambda stage: None, None)
    expected = pipeline.run_engine(payloads, now_ms=0)
    assert found is not None
    rows = zip(
        texts,
        zip(*found.lists()[:3], strict=True),
        zip(expected.result, expected.reason, expected.data, strict=True),
        strict=False,
    )
    return [row for row in rows if row[1] != row[2]]


def test_each_atom_is_of_the_characters_that_re2_has_it_of():
    """One character of all of ASCII, and some beyond."""
    characters = [
        *map(chr, range(128)),
        "",
        "\x80",
        "\x85",
        "\u00a0",
        "é",
        "\u2028",
        "漢",
        "\uffff",
        "😀",
        "\U0010ffff",
    ]
    for atom in (*ATOMS, "a?"):
        assert differences(f"x(?P<a>{atom})y", [f"x{character}y" for character in characters]) == []


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_an_automaton_matches_what_re2_matches(data):
    """Texts of the expression, spoilt ones, and any: the same groups, or none."""
    pattern = data.draw(patterns())
    note(pattern)
    assume(is_read(pattern))
    matching = st.from_regex(pattern, fullmatch=True).map(lambda text: text[:40].encode("utf-8", "replace").decode())
    spoilt = st.builds(lambda text, at, part: text[:at] + part + text[at + 1 :], matching, st.integers(0, 6), SPOILS)
    texts = data.draw(st.lists(matching | spoilt | spoilt | TEXTS, min_size=10, max_size=20))
    assert differences(pattern, texts) == []


@pytest.mark.parametrize(
    "pattern",
    [
        "(?P<a>.*) (?P<b>x)",
        r"(?P<a>\S+)(?P<b>\S)",
        "(?P<a>a*)*",
        "(?P<a>a)+",
        "(?P<a>a|a)",
        "(?P<a>(?:a?)*)",
        r"(?P<a>\bx)",
        r"(?P<a>\pL)",
        "(?i)(?P<a>x)",
        "(?P<a>x$)y?",
        "(?P<a>[é])",
        "(?P<a>[[:alpha:]])",
        "(?P<a>[z-a])",
        r"(?P<a>[^\s\S])",
        "(?P<a>x{300})",
        r"(?P<a>(?:\S{200} ){200})",
        "(?P<a>x**)",
        "(?P<a>x{1,0})",
        "(?P<a>x{)",
        "(?P<a>x",
        "(?P<a>x))",
        "x\\",
        "[x",
        "(?:" * 400 + "x" + ")" * 400,
    ],
)
def test_what_an_automaton_does_not_decide_is_re2s(pattern):
    """Two ways, repeated groups, and what is not of the part that is read."""
    with pytest.raises(UnsupportedError):
        compile_pattern(pattern, ["a", "b"])


def test_named_formats_that_are_automatons():
    """Their samples are read alike; a report of Lambda may go on as its next part or as its rest, and is RE2's."""
    read = []
    for name, known in named_formats().items():
        if known.pattern is not None and is_read(known.pattern):
            read.append(name)
            assert differences(known.pattern, [*known.samples, known.samples[0] + "\n", known.samples[0][:-3]]) == []
    assert read == ["clf", "combined", "syslog"]
