"""The codec and the handler in AWS's own runtime client, before a Runtime API that shows what the client sends."""

import base64
import json
import subprocess
import sys
import types

import pytest
from lambda_runtime import PYTHON, RuntimeApi, function_environment

from fastxform import runtime, settings
from fastxform.errors import ConfigError

pytestmark = pytest.mark.processes

PYTHON_311, PYTHON_313 = "AWS_Lambda_python3.11", "AWS_Lambda_python3.13"

ECHO = """
import json
from fastxform import runtime

def handler(event, context):
    if event == b'"fail"':
        raise ValueError("as asked")
    if event == b'"dict"':
        return {"\\u00e9": [1, 2]}
    return json.dumps([type(event).__name__, repr(event)]).encode()
"""
INSTALL = "assert runtime.install() and runtime.install()\n"

CITIES = """
where = "population > 1000"

[columns]
name = "name"
population = { path = "population", type = "int64" }
"""
TOKYO = '{"name":"東京","population":14e6}'.encode()
HAMLET = b'{"name":"x","population":12}'
BROKEN = b'{"name":'

OWN_HANDLER = """
import fastxform
from fastxform import runtime

{install}
handler = fastxform.make_handler(fastxform.Pipeline.load("fastxform.toml"))

def lambda_handler(event, context):
    print("event:", type(event).__name__)
    return handler(event, context)
"""


def event(*payloads):
    """A Direct PUT event, spelt with white space, as Firehose does not: only a JSON reader takes it."""
    records = [
        {"recordId": f"id{i}", "approximateArrivalTimestamp": 1664029185290, "data": base64.b64encode(payload).decode()}
        for i, payload in enumerate(payloads)
    ]
    return json.dumps({"invocationId": "i", "deliveryStreamArn": "arn:x", "records": records}).encode()


@pytest.fixture
def echo(tmp_path):
    """The task directory of a function of the user's that calls `install`, twice."""
    (tmp_path / "echo.py").write_text(ECHO + INSTALL)
    return tmp_path


@pytest.fixture
def cities(tmp_path):
    """The task directory of a function that is a configuration and nothing else."""
    (tmp_path / "fastxform.toml").write_text(CITIES)
    return tmp_path


CITIES_ANSWER = {
    "records": [
        {"recordId": "id0", "result": "Ok", "data": base64.b64encode("東京,14000000\n".encode()).decode()},
        {"recordId": "id1", "result": "Dropped"},
        {"recordId": "id2", "result": "ProcessingFailed"},
    ]
}
COMPACT = json.dumps(CITIES_ANSWER, separators=(",", ":")).encode()
SPACED = json.dumps(CITIES_ANSWER).encode()


class TestCodec:
    """The codec alone, under a handler that knows nothing of Firehose."""

    @pytest.mark.parametrize("managed", [PYTHON_311, PYTHON_313])
    def test_an_event_arrives_and_leaves_as_bytes(self, echo, managed):
        """Every body reaches the handler as it was sent, whatever it is and is called; the answer is called JSON."""
        with RuntimeApi(echo, "echo.handler", AWS_EXECUTION_ENV=managed) as function:
            for body in (b' {"a":  "\xc3\xa9"}\n', b"", b"\xff\x00"):
                for content_type in ("application/json", "application/json; charset=utf-8", "text/plain"):
                    answer = function.invoke(body, content_type)
                    assert json.loads(answer.body) == ["bytes", repr(body)]
                    assert (answer.kind, answer.content_type) == ("response", "application/json")

    @pytest.mark.parametrize(
        ("managed", "body"),
        [(PYTHON_311, rb'{"\u00e9": [1, 2]}'), (PYTHON_313, '{"é": [1, 2]}'.encode())],
    )
    def test_a_dict_is_left_to_the_runtime(self, echo, managed, body):
        """What is not bytes is spelt by the runtime's own codec."""
        with RuntimeApi(echo, "echo.handler", AWS_EXECUTION_ENV=managed) as function:
            answer = function.invoke(b'"dict"')
        assert (answer.kind, answer.content_type, answer.body) == ("response", "application/json", body)

    def test_an_exception_has_the_shape_of_the_runtime(self, echo):
        """An exception of the handler's is reported as without the codec; the same process serves the next event."""
        with RuntimeApi(echo, "echo.handler") as function:
            answer = function.invoke(b'"fail"')
            after = function.invoke(b"1")
        error = json.loads(answer.body)
        assert answer.kind == "error"
        assert sorted(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
        assert (error["errorType"], error["errorMessage"]) == ("ValueError", "as asked")
        assert json.loads(after.body)[0] == "bytes"

    def test_nothing_is_changed_by_an_import(self, tmp_path):
        """A function that imports the package and installs nothing gets what the runtime gives: a dict."""
        (tmp_path / "echo.py").write_text(ECHO)
        with RuntimeApi(tmp_path, "echo.handler") as function:
            answer = function.invoke(b'{"a": 1}')
        assert json.loads(answer.body) == ["dict", "{'a': 1}"]
        assert answer.content_type == "application/unknown"


class TestInstall:
    """Where there is no runtime, or one without a codec to replace."""

    def test_outside_lambda_nothing_happens(self):
        """There is no client to change, and none is imported."""
        assert runtime.install() is False
        assert not [name for name in sys.modules if name.startswith("awslambdaric")]

    def test_a_client_without_a_codec_is_left_alone(self, monkeypatch, caplog):
        """A client of a release to come may hold its codec elsewhere: dicts then, and one line that says so."""
        client = types.ModuleType("client")
        client.LambdaRuntimeClient = type("LambdaRuntimeClient", (), {})
        monkeypatch.setitem(sys.modules, "awslambdaric.lambda_runtime_client", client)
        assert runtime.install() is False
        assert vars(client.LambdaRuntimeClient).keys().isdisjoint({"marshaller"})
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert runtime.spelling() == "runtime_ascii"

    @pytest.mark.parametrize(
        ("body", "spelling"),
        [
            ('{"é": [1, 2]}', "runtime_utf8"),
            ('{"é": [1, 2]}'.encode(), "runtime_utf8"),
            (r'{"\u00e9": [1, 2]}', "runtime_ascii"),
            ('{"é":[1,2]}'.encode(), "compact"),
            ('{\n "é": [1, 2]\n}', "runtime_ascii"),
        ],
        ids=["utf8", "utf8_bytes", "ascii", "a_codec_of_the_user's", "unknown"],
    )
    def test_the_spelling_is_the_codec_s(self, monkeypatch, body, spelling):
        """The codec that is there is asked, also under ours; what it says counts, not the version of Python."""
        codec = types.SimpleNamespace(marshal_response=lambda response: (body, "application/json"))
        client = types.ModuleType("client")
        client.LambdaRuntimeClient = type("LambdaRuntimeClient", (), {"marshaller": codec})
        monkeypatch.setitem(sys.modules, "awslambdaric.lambda_runtime_client", client)
        assert runtime.spelling() == spelling
        assert runtime.install() is True
        assert runtime.spelling() == spelling

    @pytest.mark.parametrize(
        ("managed", "spelling"),
        [
            ("AWS_Lambda_python3.11", "runtime_ascii"),
            ("AWS_Lambda_python3.12", "runtime_utf8"),
            ("AWS_Lambda_python3.14", "runtime_utf8"),
            ("AWS_Lambda_nodejs22.x", "runtime_ascii"),
            (None, "runtime_ascii"),
        ],
    )
    def test_the_spelling_elsewhere_is_the_managed_runtime_s(self, monkeypatch, managed, spelling):
        """Without a client the environment says which runtime is meant; without either, the longest spelling."""
        monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)
        if managed:
            monkeypatch.setenv("AWS_EXECUTION_ENV", managed)
        assert runtime.spelling() == spelling


class TestSettings:
    """The variables of the environment."""

    @pytest.mark.parametrize(
        ("variables", "config", "codec"),
        [
            ({}, "fastxform.toml", False),
            ({"_HANDLER": "fastxform.handler.lambda_handler"}, "fastxform.toml", True),
            ({"_HANDLER": "fastxform/handler.lambda_handler"}, "fastxform.toml", True),
            ({"_HANDLER": "wrapper.handler"}, "fastxform.toml", False),
            ({"_HANDLER": "fastxform.handler.lambda_handler", "FASTXFORM_CODEC": "runtime"}, "fastxform.toml", False),
            ({"_HANDLER": "fastxform.handler.lambda_handler", "FASTXFORM_CODEC": "fastxform"}, "fastxform.toml", True),
            ({"FASTXFORM_CONFIG": "sub/cities.toml", "AWS_REGION": "x"}, "sub/cities.toml", False),
        ],
    )
    def test_what_is_right(self, tmp_path, variables, config, codec):
        """The file lies beside the function; the codec is wanted where the handler is ours and nobody refused it."""
        (tmp_path / "sub").mkdir()
        for name in ("fastxform.toml", "sub/cities.toml"):
            (tmp_path / name).touch()
        found = settings.read_settings({"LAMBDA_TASK_ROOT": str(tmp_path), **variables})
        assert (found.config, found.codec, found.mistakes) == (str(tmp_path / config), codec, ())

    def test_beside_the_function_is_here_where_there_is_none(self, tmp_path, monkeypatch):
        """Outside Lambda the file is looked for in the working directory; an absolute path is taken as it is."""
        (tmp_path / "fastxform.toml").touch()
        monkeypatch.chdir(tmp_path)
        assert settings.read_settings({}).config == str(tmp_path / "fastxform.toml")
        assert settings.read_settings({"FASTXFORM_CONFIG": "/opt/x.toml"}).config == "/opt/x.toml"

    @pytest.mark.parametrize(
        ("variables", "lines"),
        [
            (
                {"FASTXFORM_CONFG": "x", "FASTXFORM_CODEK": "x"},
                [
                    "environment FASTXFORM_CODEK: is not a setting; did you mean FASTXFORM_CODEC?",
                    "environment FASTXFORM_CONFG: is not a setting; did you mean FASTXFORM_CONFIG?",
                ],
            ),
            (
                {"FASTXFORM_CODEC": "Runtime"},
                ['environment FASTXFORM_CODEC: "Runtime" is not a codec; did you mean runtime?'],
            ),
            (
                {"FASTXFORM_CODEC": ""},
                ['environment FASTXFORM_CODEC: "" is not a codec; one of fastxform, runtime'],
            ),
            (
                {"FASTXFORM_\nLEVEL": "x", "FASTXFORM_CODEC": "a\nb"},
                [
                    "environment FASTXFORM_\\nLEVEL: is not a setting; one of FASTXFORM_CONFIG, FASTXFORM_CODEC, "
                    "FASTXFORM_KERNEL",
                    'environment FASTXFORM_CODEC: "a\\nb" is not a codec; one of fastxform, runtime',
                ],
            ),
            (
                {"FASTXFORM_CONFIG": "citis.toml"},
                ["environment FASTXFORM_CONFIG: no such file: {task}/citis.toml; did you mean cities.toml?"],
            ),
            (
                {"FASTXFORM_CONFIG": "deep/x.toml"},
                ["environment FASTXFORM_CONFIG: no such file: {task}/deep/x.toml; put the configuration there"],
            ),
        ],
        ids=["names", "case", "empty", "lines", "near_file", "no_file"],
    )
    def test_every_mistake_is_a_line_with_the_remedy(self, tmp_path, variables, lines):
        """An unknown name, a wrong value and a missing file are told all at once, each with the nearest right one."""
        for name in ("fastxform.toml", "cities.toml"):
            (tmp_path / name).touch()
        found = settings.read_settings({"LAMBDA_TASK_ROOT": str(tmp_path), **variables})
        assert [str(mistake) for mistake in found.mistakes] == [line.format(task=tmp_path) for line in lines]

    def test_a_function_without_configuration_is_told_the_variable(self, tmp_path):
        """With nothing beside the function, the line names the setting that would point elsewhere."""
        found = settings.read_settings({"LAMBDA_TASK_ROOT": str(tmp_path)})
        assert [str(mistake) for mistake in found.mistakes] == [
            f"environment FASTXFORM_CONFIG: no such file: {tmp_path}/fastxform.toml; set it to your configuration"
        ]

    def test_an_error_at_init_is_itself_outside_the_runtime(self):
        """Only the runtime has an exception that is reported without a traceback."""
        error = ConfigError(())
        assert runtime.init_error(error) is error


class TestHandler:
    """The handler that needs no code, and handlers of the user's that call `make_handler`."""

    @pytest.mark.parametrize("managed", [PYTHON_311, PYTHON_313])
    def test_an_event_is_answered_with_compact_json(self, cities, managed):
        """The no-code handler answers in the spelling that only bytes can have, as JSON, whatever the runtime's own."""
        with RuntimeApi(cities, AWS_EXECUTION_ENV=managed) as function:
            answer = function.invoke(event(TOKYO, HAMLET, BROKEN))
        assert answer == type(answer)("response", COMPACT, "application/json", None)

    def test_the_runtime_s_codec_stays_where_it_is_wanted(self, cities):
        """`FASTXFORM_CODEC=runtime`: the same answer, spelt by the runtime."""
        with RuntimeApi(cities, FASTXFORM_CODEC="runtime") as function:
            answer = function.invoke(event(TOKYO, HAMLET, BROKEN))
        assert answer == type(answer)("response", SPACED, "application/json", None)

    def test_another_configuration_is_named_by_the_environment(self, cities):
        """`FASTXFORM_CONFIG` is relative to the function."""
        (cities / "names.toml").write_text('[columns]\nname = "name"\n')
        with RuntimeApi(cities, FASTXFORM_CONFIG="names.toml") as function:
            answer = function.invoke(event(HAMLET))
        assert base64.b64decode(json.loads(answer.body)["records"][0]["data"]) == b"x\n"

    @pytest.mark.parametrize(
        ("install", "kind", "body"),
        [("", "dict", SPACED), ("runtime.install()", "bytes", COMPACT)],
        ids=["plain", "installed"],
    )
    def test_a_handler_of_the_user_s_gets_a_dict_unless_it_installs(self, cities, install, kind, body):
        """Importing `make_handler` changes nothing; `install` makes the same module work with bytes."""
        (cities / "own.py").write_text(OWN_HANDLER.format(install=install))
        with RuntimeApi(cities, "own.lambda_handler") as function:
            answer = function.invoke(event(TOKYO, HAMLET, BROKEN))
        assert f"event: {kind}\n" in function.log()
        assert (answer.kind, answer.content_type, answer.body) == ("response", "application/json", body)

    def test_a_wrapped_handler_gets_a_dict(self, cities):
        """Where the configured handler is a wrapper's, which wants a dict, importing ours installs nothing."""
        (cities / "wrap.py").write_text(
            "from fastxform.handler import lambda_handler as inner\n"
            "def handler(event, context):\n"
            "    return inner(dict(event), context)\n"
        )
        with RuntimeApi(cities, "wrap.handler") as function:
            answer = function.invoke(event(TOKYO, HAMLET, BROKEN))
        assert answer.body == SPACED

    def test_one_process_serves_a_thousand_events(self, cities):
        """Nothing of one event is left for the next, good or bad, and no event ends the process."""
        good, bad = event(TOKYO, HAMLET, BROKEN), b'{"no": "records"}'
        with RuntimeApi(cities) as function:
            answers = [function.invoke(bad if i % 50 == 25 else good) for i in range(1000)]
        bodies = {answer.body for answer in answers if answer.kind == "response"}
        errors = [json.loads(answer.body)["errorType"] for answer in answers if answer.kind == "error"]
        assert bodies == {COMPACT}
        assert errors == ["EventError"] * 20

    def test_a_full_event_is_answered_whole(self, cities):
        """5.6 MB of event: every record is answered, in order, on both codecs alike."""
        payload = TOKYO + b" " * 520
        full = event(*[payload] * 6900)
        assert 5_600_000 < len(full) < 6_000_000
        answers = []
        for codec in ("fastxform", "runtime"):
            with RuntimeApi(cities, FASTXFORM_CODEC=codec) as function:
                answers.append(json.loads(function.invoke(full).body)["records"])
        row = CITIES_ANSWER["records"][0]["data"]
        assert answers[0] == answers[1] == [{"recordId": f"id{i}", "result": "Ok", "data": row} for i in range(6900)]

    def test_outside_lambda_it_takes_both_and_no_context(self, cities):
        """Called from a script: a dict for a dict, bytes for bytes, and the context may be None."""
        script = (
            "import json, pathlib, sys\n"
            "from fastxform.handler import lambda_handler\n"
            "body = sys.stdin.buffer.read()\n"
            "pathlib.Path('dict').write_text(json.dumps(lambda_handler(json.loads(body), None)))\n"
            "pathlib.Path('bytes').write_bytes(lambda_handler(body, None))\n"
        )
        environment = function_environment(cities, "")
        command = [str(PYTHON), "-c", script]
        subprocess.run(command, cwd=cities, env=environment, input=event(TOKYO, HAMLET, BROKEN), check=True)
        assert ((cities / "dict").read_bytes(), (cities / "bytes").read_bytes()) == (SPACED, COMPACT)


class TestInit:
    """A configuration that cannot be used is reported before the first event, and nothing is served."""

    def test_every_mistake_of_file_and_environment_is_reported(self, cities):
        """One error, a line for each mistake, no traceback; the process ends, as the runtime wants it."""
        (cities / "fastxform.toml").write_text('sorce = "json"\n[columns]\na = { path = "a", type = "int46" }\n')
        with RuntimeApi(cities, FASTXFORM_CODE="runtime") as function:
            report, end = function.answer(), function.answer()
        error = json.loads(report.body)
        assert (report.kind, report.error_type, end.kind, end.body) == ("init_error", "ConfigError", "exit", b"1")
        assert (error["errorType"], error["stackTrace"]) == ("ConfigError", [])
        lines = error["errorMessage"].split("\n")
        assert len(lines) == 3
        for line, words in zip(lines, ("FASTXFORM_CODE: ", "sorce", "int46"), strict=True):
            assert words in line
            assert line in function.log()
        assert "File " not in function.log()

    def test_a_missing_file_is_reported(self, tmp_path):
        """No configuration beside the function: one line."""
        with RuntimeApi(tmp_path) as function:
            report = function.answer()
        assert json.loads(report.body)["errorMessage"] == (
            f"environment FASTXFORM_CONFIG: no such file: {tmp_path}/fastxform.toml; set it to your configuration"
        )
