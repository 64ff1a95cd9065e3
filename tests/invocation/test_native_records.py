"""Events that are dicts, through the kernel: the same answers as without it, and their bytes exactly counted."""

import base64
import json
from types import MappingProxyType

import pytest

from fastxform import Pipeline, make_handler
from fastxform.core import native
from fastxform.errors import EventError
from fastxform.invocation import budget
from fastxform.limits import RESPONSE_LIMIT_BYTES

pytestmark = pytest.mark.skipif(native.load() is None, reason="there is no kernel for this machine")

CONFIG = '[columns]\na = {}\nb = { type = "int64" }\n'
PAYLOADS = (
    b'{"a":"x","b":1}',
    b'{"a":"y"}',
    b'{"a":"z","b":"no number"}',
    b"broken",
    b'{"a":"\\u00e9,\\"","b":7}',
    b"",
)


class Record(dict):
    """A dict of somebody's own."""


def records(**others):
    """Return records of every payload."""
    return [
        {"recordId": f"r{i}", "approximateArrivalTimestamp": 1, "data": base64.b64encode(payload).decode(), **others}
        for i, payload in enumerate(PAYLOADS * 5)
    ]


def handlers(config=CONFIG):
    """Return a handler without the kernel and one with it, which notes what it answered."""
    plain, pipeline = Pipeline.from_toml(config), Pipeline.from_toml(config)
    plain.native = None
    assert pipeline.native is not None
    taken = []
    answer = pipeline.native.answer_records

    def noted(*arguments):
        taken.append(answer(*arguments))
        return taken[-1]

    pipeline.native.answer_records = noted
    return make_handler(plain), make_handler(pipeline), taken


def changed(change):
    """Return an event one of whose records is changed."""
    event = {"invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:x:1:deliverystream/d", "records": records()}
    change(event)
    return event


def set_member(name, value):
    """Return what sets a member of the fourth record."""
    return lambda event: event["records"][3].__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "is_taken"),
    [
        pytest.param(lambda event: None, True, id="usual"),
        pytest.param(lambda event: event.pop("invocationId"), True, id="without its id"),
        pytest.param(lambda event: event.__setitem__("records", []), True, id="without records"),
        pytest.param(lambda event: event.__setitem__("records", tuple(event["records"])), False, id="tuple of records"),
        pytest.param(lambda event: event["records"].__setitem__(3, Record(event["records"][3])), False, id="own dict"),
        pytest.param(
            lambda event: event["records"].__setitem__(3, MappingProxyType(event["records"][3])), False, id="mapping"
        ),
        pytest.param(lambda event: event["records"][3].pop("data"), False, id="no data"),
        pytest.param(set_member("data", None), False, id="data that is null"),
        pytest.param(set_member("data", 7), True, id="data that is a number"),
        pytest.param(set_member("data", base64.b64encode(PAYLOADS[0])), True, id="data that is bytes"),
        pytest.param(set_member("data", "\ud800"), True, id="data with half a pair"),
        pytest.param(set_member("recordId", 'a"b'), False, id="quote in an id"),
        pytest.param(set_member("recordId", "a\x7f"), False, id="delete in an id"),
        pytest.param(set_member("recordId", "\u00e9"), False, id="letter in an id"),
        pytest.param(set_member("recordId", "\ud800"), False, id="half a pair in an id"),
        pytest.param(set_member("recordId", ""), True, id="empty id"),
        pytest.param(lambda event: event.__setitem__("sourceMSKArn", "arn"), False, id="of MSK"),
    ],
)
def test_a_dict_is_answered_as_without_the_kernel(change, is_taken):
    """The same entries in the same order, their members too; what is unusual goes the other way."""
    plain, kernel, taken = handlers()
    expected, found = plain(changed(change), None), kernel(changed(change), None)
    assert json.dumps(found) == json.dumps(expected)
    assert [response is not None for response in taken] == [is_taken]


@pytest.mark.parametrize("event", [{}, {"records": None}, {"records": [7]}, {"records": [{"data": ""}]}])
def test_what_is_no_event_raises_as_without_the_kernel(event):
    """With the same words."""
    plain, kernel, _ = handlers()
    messages = []
    for answer in (plain, kernel):
        with pytest.raises(EventError) as error:
            answer(event, None)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    "config",
    [
        CONFIG + 'c = { meta = "arrival_ms" }\n',
        'output = { format = "json" }\n[columns]\na = {}\n[[routes]]\niceberg = { database = "d", table = "t" }\n',
    ],
    ids=["arrival", "metadata"],
)
def test_metadata_and_what_comes_with_the_data_are_left_alone(config):
    """The bytes of the former depend on who writes them; the latter stands in members that are not read."""
    plain, kernel, taken = handlers(config)
    event = {"records": records()}
    assert json.dumps(kernel(event, None)) == json.dumps(plain(event, None))
    assert taken == [None]


@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_the_response_is_counted_exactly(count):
    """As the runtime writes it."""
    _, kernel, taken = handlers()
    found = kernel({"records": (records() * 10)[:count]}, None)
    assert taken[0].bytes_out == len(json.dumps(found))


def test_a_response_above_the_limit_is_left_to_the_budget():
    """Up to its last byte it is the kernel's."""
    pipeline = Pipeline.from_toml(CONFIG)
    event, costs = {"records": records()}, budget.RUNTIME_ASCII.costs
    arguments = 0, lambda stage: None, None
    size = pipeline.native.answer_records(event, costs, RESPONSE_LIMIT_BYTES, *arguments).bytes_out
    assert pipeline.native.answer_records(event, costs, size, *arguments) is not None
    assert pipeline.native.answer_records(event, costs, size - 1, *arguments) is None
