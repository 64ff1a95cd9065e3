"""`fastxform test`: what passes, what fails and how that is shown, and what is no test at all."""

import json

import pytest

from fastxform.cli.console import Paint, visible

CONFIG = """
where = "b is not None"
[columns]
a = { path = "a", type = "string" }
b = { path = "b", type = "int64" }
[[tests]]
"""


# -- what passes


@pytest.mark.parametrize(
    "test",
    [
        pytest.param('input = \'{"a":"x","b":1}\'\nexpect = "x,1\\n"', id="text"),
        pytest.param('input = { a = "x", b = 1 }\nexpect = "x,1\\n"', id="table"),
        pytest.param('input_file = "one.json"\nexpect = "file,7\\n"', id="file"),
        pytest.param('input = { a = "x", b = 1 }\nresult = "Ok"', id="ok"),
        pytest.param('input = { a = "x" }\nresult = "Dropped"', id="dropped"),
        pytest.param('input = { b = "x" }\nresult = "ProcessingFailed"', id="failed"),
        pytest.param('input = { b = "x" }\nreason = "type:b"', id="reason"),
        pytest.param('input = { b = "x" }\nreason = "type"', id="reason-of-any-column"),
        pytest.param('input = "x"\nreason = "json"', id="reason-without-column"),
        pytest.param('input = { a = "x", b = 1 }\nresult = "Ok"\nmetadata = {}', id="no-metadata"),
    ],
)
def test_a_test_that_passes(command, write, test):
    """One line a test, the summary on standard error, exit code 0."""
    write('{"a": "file", "b": 7}', "one.json")
    code, out, err = command("test", write(f'{CONFIG}name = "it"\n{test}\n'))
    assert (code, out, err) == (0, "pass  c.toml: it\n", "1 test: 1 passed, 0 failed\n")


def test_metadata_and_time_are_compared(command, write):
    """`metadata` is compared beside the output, and `now_ms` is what `now_ms()` gives."""
    config = """
    [columns]
    at = { expr = "now_ms()" }
    city = { path = "city", type = "string" }
    [partition_keys]
    city = "city"
    [[tests]]
    now_ms = 12
    input = { city = "Sendai" }
    expect = "12,Sendai\\n"
    metadata = { partitionKeys = { city = "Sendai" } }
    """
    assert command("test", write(config))[0] == 0
    code, out, _ = command("test", write(config.replace('{ city = "Sendai" } }', '{ city = "Tokyo" } }')))
    assert code == 1
    assert '-    "city": "Tokyo"␊' in out
    assert '+    "city": "Sendai"␊' in out


# -- what fails


@pytest.mark.parametrize(
    ("test", "lines"),
    [
        pytest.param(
            'input = { a = "x,y", b = 1 }\nexpect = "x,y,1\\n"',
            ["--- expected output", "+++ actual output", "@@ -1 +1 @@", "-x,y,1␊", '+"x,y",1␊'],
            id="output",
        ),
        pytest.param(
            'input = { a = "x", b = 1 }\nexpect = "x,1"',
            ["--- expected output", "+++ actual output", "@@ -1 +1 @@", "-x,1", "+x,1␊"],
            id="no-line-feed",
        ),
        pytest.param(
            'input = { a = "x", b = 1 }\nexpect = "x,1\\r\\n"',
            ["--- expected output", "+++ actual output", "@@ -1 +1 @@", "-x,1␍␊", "+x,1␊"],
            id="carriage-return",
        ),
        pytest.param(
            'input = { a = "\\u00a0x\\t", b = 1 }\nexpect = " x,1  "',
            ["--- expected output", "+++ actual output", "@@ -1 +1 @@", "- x,1··", "+<U+00A0>x␉,1␊"],
            id="spaces",
        ),
        pytest.param(
            'input = { a = "x" }\nexpect = "x,1\\n"',
            ["--- expected output", "+++ actual output", "@@ -1 +1 @@", "-x,1␊", "+Dropped"],
            id="dropped",
        ),
        pytest.param(
            'input = { b = "x" }\nexpect = "x,1\\n"',
            [
                "--- expected output",
                "+++ actual output",
                "@@ -1 +1 @@",
                "-x,1␊",
                "+type:b: the value does not fit the type of the column",
            ],
            id="failed",
        ),
        pytest.param(
            'input = { a = "x", b = 1 }\nresult = "Dropped"',
            ["--- expected result", "+++ actual result", "@@ -1 +1,2 @@", "-Dropped", "+Ok, with the output␊", "+x,1␊"],
            id="result",
        ),
        pytest.param(
            'input = { b = "x" }\nreason = "type:a"',
            [
                "--- expected reason",
                "+++ actual reason",
                "@@ -1 +1 @@",
                "-type:a: the value does not fit the type of the column",
                "+type:b: the value does not fit the type of the column",
            ],
            id="reason",
        ),
        pytest.param(
            'input = { a = "x" }\nreason = "json"',
            [
                "--- expected reason",
                "+++ actual reason",
                "@@ -1 +1 @@",
                "-json: the record is not one JSON document",
                "+Dropped",
            ],
            id="reason-and-dropped",
        ),
        pytest.param(
            'input = { a = "x", b = 1 }\nexpect = "x,1\\n"\nmetadata = { partitionKeys = { a = "x" } }',
            [
                "--- expected metadata",
                "+++ actual metadata",
                "@@ -1,5 +1 @@",
                "-{␊",
                '-  "partitionKeys": {␊',
                '-    "a": "x"␊',
                "-  }␊",
                "-}",
                "+{}",
            ],
            id="metadata",
        ),
    ],
)
def test_a_test_that_fails(command, write, test, lines):
    """A unified difference in which everything can be seen; exit code 1."""
    code, out, err = command("test", write(f'{CONFIG}name = "it"\n{test}\n'))
    assert (code, err) == (1, "1 test: 0 passed, 1 failed\n")
    assert out.splitlines() == ["FAIL  c.toml: it", *(f"      {line}" for line in lines)]


def test_only_the_lines_that_differ_are_shown(command, write):
    """Of long output those and three around them."""
    config = """
    output = { format = "json" }
    documents = "many"
    [columns]
    n = {}
    [[tests]]
    """
    lines = [f'{{"n":{number}}}' for number in range(40)]
    wanted = [*lines[:20], '{"n":0}', *lines[21:]]
    text = f"{config}input = '''{chr(10).join(lines)}'''\nexpect = '''{chr(10).join(wanted)}\n'''\n"
    code, out, _ = command("test", write(text))
    assert code == 1
    shown = [line.strip() for line in out.splitlines()[3:]]
    assert shown == [
        "@@ -18,7 +18,7 @@",
        *(f'{{"n":{number}}}␊' for number in (17, 18, 19)),
        '-{"n":0}␊',
        '+{"n":20}␊',
        *(f'{{"n":{number}}}␊' for number in (21, 22, 23)),
    ]


# -- no tests, several files, mistakes


def test_a_file_without_tests_is_noticed(command, write):
    """Nothing was tested, which is no success."""
    code, out, err = command("test", write('[columns]\na = "a"\n'))
    assert (code, out) == (1, "")
    assert err == "c.toml: has no tests; add some below lines [[tests]]\n0 tests: 0 passed, 0 failed\n"


def test_several_files_are_all_run(command, write):
    """A file with mistakes does not keep the others from being run; exit code 2 says that there is one."""
    good = write(f'{CONFIG}input = {{}}\nresult = "Dropped"\n', "good.toml")
    bad = write("wher = 1\n[columns]\na = {}\n", "bad.toml")
    code, out, err = command("test", bad, good, "nope.toml", good)
    assert code == 2
    assert out == "pass  good.toml: test 1\n"
    assert "fastxform: bad.toml:1: wher: unknown key; did you mean where?" in err
    assert "fastxform: nope.toml: no such file" in err
    assert err.endswith("1 test: 1 passed, 0 failed; 2 of 3 configurations cannot be used\n")


@pytest.mark.parametrize("arguments", [[], ["--nope", "c.toml"]])
def test_usage(command, arguments):
    """Exit code 2."""
    assert command("test", *arguments)[0] == 2


def test_a_mistake_in_a_test_is_a_mistake_of_the_file(command, write):
    """Found before any test is run."""
    code, out, err = command("test", write(f'{CONFIG}input = {{}}\nreason = "tpye:b"\n'))
    assert (code, out) == (2, "")
    assert "did you mean type?" in err


def test_json_is_one_object(command, write):
    """Counts, and for each test what it gave and how that differs."""
    tests = (
        'input = { a = "x" }\nresult = "Dropped"\n[[tests]]\nname = "bad"\ninput = { a = "x", b = 1 }\nexpect = "x"\n'
    )
    code, out, _ = command("test", "--json", write(CONFIG + tests))
    assert code == 1
    assert json.loads(out) == {
        "configs": [
            {
                "config": "c.toml",
                "passed": 1,
                "failed": 1,
                "tests": [
                    {
                        "name": "test 1",
                        "passed": True,
                        "result": "Dropped",
                        "reason": None,
                        "data": None,
                        "metadata": None,
                        "differences": [],
                    },
                    {
                        "name": "bad",
                        "passed": False,
                        "result": "Ok",
                        "reason": None,
                        "data": "x,1\n",
                        "metadata": None,
                        "differences": [{"what": "output", "expected": "x", "actual": "x,1\n"}],
                    },
                ],
            }
        ]
    }


# -- drawing


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("", ""),
        ("a b", "a b"),
        ("a ", "a·"),
        ("   ", "···"),
        ("\x00\x1b\x7f", "␀␛␡"),
        ("é☂", "é☂"),
        ("a\u2028b", "a<U+2028>b"),
        ("\ufeff", "<U+FEFF>"),
        ("\u202e", "<U+202E>"),
    ],
)
def test_everything_is_visible(text, drawn):
    """Control characters, odd spaces and what turns text around are drawn; other text is left alone."""
    assert visible(text) == drawn


def test_paint_is_for_terminals(monkeypatch):
    """Standard output of a test is none."""
    assert Paint()("x", "red") == "x"
    assert Paint(enabled=True)("x", "red") == "\x1b[31mx\x1b[0m"
