"""What a configuration that cannot work is told: each kind at load, with a remedy that can be followed."""

import pytest

import fastxform
from fastxform.config import model
from fastxform.errors import ConfigError
from fastxform.query import paths


def mistakes(text):
    """The lines of a configuration's mistakes, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        model.parse(text, "c.toml")
    return [f"{mistake.location.removeprefix('c.toml:')}: {mistake.message}" for mistake in caught.value.mistakes]


def rows(text, *payloads):
    """What each payload becomes: its row, or its reason."""
    batch = fastxform.Pipeline.from_toml(text).run([payload.encode() for payload in payloads])
    return [
        data.decode() if data else reason or result
        for result, reason, data in zip(batch.result, batch.reason, batch.data, strict=True)
    ]


ESCAPES = {
    "a word boundary in where": (
        r"""where = '''match_substring_regex(s, pattern='\bword\b')'''""",
        r"write r'\bword\b'",
    ),
    "a group in a replacement": (
        r"""partition_keys = { k = '''replace_substring_regex(s, pattern=r'(a)', replacement='\1')''' }""",
        r"write r'\1'",
    ),
    "TOML's own escape": (r'''where = "match_substring_regex(s, pattern=r'\bword\b')"''', "TOML reads \\b so"),
    "a name of a character": (r"where = '''s == '\N{NOTHING}' '''", "needs an r before its quote"),
    "half an escape": (r"where = '''s == '\x1' '''", "needs an r before its quote"),
    "a null byte": (r'''where = "s == '\u0000'"''', "holds the control character '\\x00'"),
}


@pytest.mark.parametrize(("key", "message"), ESCAPES.values(), ids=ESCAPES)
def test_an_escape_that_is_not_raw_is_a_mistake(key, message):
    """Python and TOML made a control character of it, and nothing would ever match."""
    (line,) = mistakes(f"{key}\n[columns]\ns = {{ type = 'string' }}")
    assert message in line
    assert "codec" not in line
    assert "source code" not in line


def test_a_pattern_of_a_column_with_an_escape_of_toml_is_a_mistake():
    """The backspace that TOML makes of a word boundary is in no value."""
    (line,) = mistakes('[columns]\ns = { pattern = "\\bword\\b" }')
    assert r"write pattern = '\b...\b' in single quotes" in line


def test_a_control_character_that_is_meant_can_be_written():
    """By its number it is no mistake."""
    config = r"""
        [columns]
        s = { expr = '''replace_substring(col('t'), pattern='\x08', replacement='')''' }
        t = { hidden = true }
    """
    assert rows(config, '{"t":"a\\bc"}') == ["ac\n"]


DECIMALS = {
    "an integer with a fraction of zeros": ("decimal(5,0)", "c in (1.0, 2.0)", "1", "true"),
    "zero of hundredths": ("decimal(2,2)", "c in (0, 0.5)", "0", "true"),
    "trailing zeros": ("decimal(9,1)", "c in (1.50,)", "1.5", "true"),
    "a number with an exponent": ("decimal(9,1)", "c in (15e-1,)", "1.5", "true"),
    "not in": ("decimal(9,1)", "c not in (1.50,)", "1.5", "false"),
    "finer than the column": ("decimal(9,1)", "c in (1.55,)", "1.5", "false"),
    "larger than the column": ("decimal(2,1)", "c in (10, 1)", "1", "true"),
}


@pytest.mark.parametrize(("kind", "expression", "value", "expected"), DECIMALS.values(), ids=DECIMALS)
def test_in_compares_decimals_by_value(kind, expression, value, expected):
    """How a number is spelled does not matter."""
    config = f'[columns]\nc = {{ type = "{kind}", hidden = true }}\nis = {{ expr = "{expression}" }}'
    assert rows(config, f'{{"c":{value}}}') == [f"{expected}\n"]


def test_a_delimiter_that_no_reader_takes_is_a_mistake():
    """NUL as a delimiter would fail every batch."""
    assert "LF and NUL" in mistakes('[output]\ndelimiter = "\\u0000"\n[columns]\na = "a"')[0]


TOO_LONG = {
    "names": ".".join(["a"] * (paths.NAMES_LIMIT + 1)),
    "a thousand names": ".".join(["a"] * 1_000),
    "terms": " || ".join(["a"] * (paths.TERMS_LIMIT + 1)),
    "a filter": f"{'.'.join(['a'] * paths.NAMES_LIMIT)}[?b=='x'].c | [0]",
}


@pytest.mark.parametrize("path", TOO_LONG.values(), ids=TOO_LONG)
def test_a_path_that_is_too_long_is_a_mistake(path):
    """What is generated from it would be refused by Python, for each batch."""
    (line,) = mistakes(f'[columns]\nc = "{path}"')
    assert "are read at character 1" in line


LONGEST = {
    "names": ".".join(["a"] * paths.NAMES_LIMIT),
    "terms": " || ".join([*(f"b{index}.c.d.e.f" for index in range(paths.TERMS_LIMIT - 1)), "a"]),
    "members of terms": f"({' || '.join(f'b{index}' for index in range(paths.TERMS_LIMIT))}).c",
}


@pytest.mark.parametrize("path", LONGEST.values(), ids=LONGEST)
@pytest.mark.parametrize("source", ["json", "dynamodb"])
def test_the_longest_path_works(path, source):
    """At the limits batches are answered, on the fast path and off it."""
    config = f'source = "{source}"\n[columns]\nc = {{ path = "{path}", type = "string" }}\nd = "z"'
    assert len(rows(config, '{"a":1}', '{"a":1,"a":1}')) == 2


def test_every_mistake_of_a_column_is_reported_at_once():
    """A wrong type and a wrong function beside it are one run."""
    lines = mistakes("[columns]\na = { type = 'strng', expr = 'uper(b)' }\nb = {}")
    assert len(lines) == 2
    assert "write string" in lines[0]
    assert "there is no function uper" in lines[1]


def test_advice_for_a_path_can_be_pasted():
    """A name in quotes stands in quotes of TOML."""
    (line,) = mistakes('[columns]\ndt = "detail-type"')
    assert line.endswith("""write '"detail-type"'""")
    assert model.parse("""[columns]\ndt = '"detail-type"'""").columns[0].path == '"detail-type"'


def test_a_function_of_expressions_in_a_path_is_sent_there():
    """No name that merely looks alike is suggested."""
    (line,) = mistakes("""[columns]\nh = "headers[?lower(name)=='x'].value | [0]" """)
    assert "floor" not in line
    assert "write lower(...) in the expr of another one" in line


def test_names_of_columns_do_not_depend_on_the_unicode_of_python():
    """No-break and zero-width characters are no control characters; C0, C1 and DEL are."""
    config = '[output]\nformat = "json"\n[columns]\n"a\u00a0b\u200b\u2028" = "a"'
    assert rows(config, '{"a":1}') == ['{"a\u00a0b\u200b\u2028":1}\n']
    for code in (0, 0x1F, 0x7F, 0x80, 0x9F):
        assert "control characters" in mistakes(f'[columns]\n"a\\u{code:04x}" = "a"')[0]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int64", "0e21", "0"),
        ("int64", "-0.00e400", "0"),
        ("timestamp[us]", "-1e-400", "1969-12-31 23:59:59.999999"),
        ("timestamp[s]", "-1e-400", "1969-12-31 23:59:59"),
        ("timestamp[us]", "1e-400", "1970-01-01 00:00:00.000000"),
    ],
)
def test_numbers_of_extreme_exponents(kind, value, expected):
    """Zero is zero whatever its exponent, and what is less than a unit is cut towards the past."""
    assert rows(f'[columns]\nc = {{ type = "{kind}" }}', f'{{"c":{value}}}') == [f"{expected}\n"]
