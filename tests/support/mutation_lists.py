"""Cases of the differential test with lists that are exploded, and texts of log messages that are parsed."""

import json

import mutation_own
from mutation_case import Case
from mutation_case import written as _lines

_JSON = 'output = { format = "json" }\n'
_DYNAMODB, _LOGS = 'source = "dynamodb"\n', 'source = "cloudwatch-logs"\n'
_LINES = """
[explode]
path = "dynamodb.NewImage.items"
index = "line"
empty = "{empty}"
[columns]
id = {{ path = "dynamodb.Keys.id" }}
name = {{ path = "eventName", type = "string" }}
created = {{ path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[ms]" }}
line = {{ path = "line", type = "{index}", default = 7 }}
sku = {{ path = "item.sku" }}
qty = {{ path = "item.qty", type = "int64", invalid = "null" }}
price = {{ path = "item.price", type = "decimal(10,2)", default = 0 }}
deep = {{ path = "item.m.deep" }}
either = {{ path = "item.sku || item.note" }}
first = {{ path = "(item.m || item.n).deep" }}
m = {{ path = "item.m", type = "json" }}
tags = {{ path = "item.tags" }}
b = {{ path = "item.b", type = "binary" }}
"""
_NUMBERS = """
[explode]
path = "dynamodb.NewImage.items"
index = "line"
[columns]
id = { path = "dynamodb.Keys.id" }
line = { path = "line" }
"""
_WHOLE_LINES = """
[explode]
path = "dynamodb.NewImage.order.lines"
as = "line"
empty = "null"
[columns]
id = { path = "dynamodb.Keys.id", type = "json" }
order = { path = "dynamodb.NewImage.order", type = "json" }
lines = { path = "dynamodb.NewImage.order.lines", type = "json" }
line = { path = "line" }
json = { path = "line", type = "json" }
"""
_ORDERS = (*_lines(*(
    {"eventName": "INSERT", **version, "dynamodb": {"ApproximateCreationDateTime": 1651495525, "Keys": {"id": {"S": "o,1"}}, "NewImage": {"total": {"N": "1.5"}, "items": {"L": lines}, "order": {"M": {"lines": {"L": lines}, "n": {"N": "1"}}}}}}
    for version, lines in (
        ({"eventVersion": "1.1"}, [{"M": {"sku": {"S": 'a"q'}, "qty": {"N": "3"}, "price": {"N": "0.5"}, "tags": {"SS": ["x", "y"]}}}, {"M": {"sku": {"S": "é\n"}, "qty": {"N": "2"}, "m": {"M": {"deep": {"N": "1.50"}, "more": {"L": [{"S": "z"}, {"NULL": True}]}}}}}]),
        ({}, [{"M": {"sku": {"S": ""}, "note": {"S": "n"}, "n": {"M": {"deep": {"S": "d"}}}, "m": {"M": {}}, "tags": {"NULL": True}}}]),
        ({"eventVersion": "1.1"}, [{"M": {"b": {"B": "YWJj"}, "tags": {"BS": ["YWI="]}, "qty": {"BOOL": False}}}, {"M": {}}, {"M": {"other": {"L": [{"M": {"b": {"B": ""}}}]}, "qty": {"N": "1"}}}]),
        ({}, []), ({}, [{"M": {"sku": {"N": str(n)}}} for n in range(12)]), ({}, [{"M": {"sku": {"S": "s"}, "b": {"B": "WVE9PQ=="}}}]),
    )
)), *_lines(
    {"eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"S": "k"}}, "OldImage": {"items": {"L": [{"M": {}}]}}}},
    {"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": "k"}}, "NewImage": {"items": {"NULL": True}, "order": {"M": {"lines": {"L": [{"S": "x"}, {"N": "5"}, {"NULL": True}, {"SS": ["a"]}, {"L": [{"N": "-0"}]}, {"M": {"a": {"S": "\u00e9"}}}]}}}}}},
    {"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": "k"}}, "NewImage": {"items": {"SS": ["a", "b"]}, "order": {"M": {"lines": {"NS": ["1", "2"]}}}}}},
    {"other": 1, "dynamodb": {"SizeBytes": 1}},
))  # fmt: skip
_ITEM_LINES = """
[explode]
path = "{at}items"
index = "line"
empty = "null"
[columns]
total = {{ path = "{at}total", type = "float64" }}
line = {{ path = "line", type = "int64" }}
sku = {{ path = "item.sku" }}
deep = {{ path = "item.m.deep" }}
b = {{ path = "item.b" }}
tags = {{ path = "item.tags" }}
"""
_ORDER_IMAGES = [json.loads(order)["dynamodb"].get("NewImage") or {"dynamodb": {"S": "x"}} for order in _ORDERS]
_IMAGES = (
    *_ORDERS,
    *_lines(*({"Item": image} for image in _ORDER_IMAGES[:3])),
    *_lines(*({"dynamodb": {"NewImage": {}, "OldImage": image}} for image in _ORDER_IMAGES[:4])),
    *_lines({"dynamodb": {"NewImage": _ORDER_IMAGES[0], "OldImage": _ORDER_IMAGES[1]}}, {"dynamodb": {"NewImage": None}, "Item": _ORDER_IMAGES[2]}),
)  # fmt: skip
_EITHER_LINES = """
[explode]
path = "{path}"
index = "line"
empty = "{empty}"
[columns]
id = {{ path = "dynamodb.Keys.id" }}
total = {{ path = "(dynamodb.NewImage || dynamodb.OldImage || Item).total" }}
line = {{ path = "line", type = "int64" }}
sku = {{ path = "item.sku" }}
b = {{ path = "item.b" }}
"""
_EITHER_TEXTS = """
[parse.one]
of = "{one}"
invalid = "null"
[parse.two]
of = "{two}"
invalid = "{invalid}"
[columns]
id = {{ path = "id" }}
sku = {{ path = "one.sku" }}
two = {{ path = "two", type = "json" }}
"""
_SEVERAL_TEXTS = _lines(*(
    {"id": i, "a": a, "b": b, "c": {"d": a, "list": [b, a]}, "e": {"d": b, "list": [a]}, "h": [{"name": "To", "value": a}, {"name": "x", "value": b}]}
    for i, (a, b) in enumerate((('{"sku":1}', '{"sku":"b"}'), ("", '{"sku":"é"}'), (None, "no"), ('{"sku":null}', None), ('{"x":{}}', ""), (5, '{"sku":2}'), (True, "{}")))
), {"id": "none", "b": "{}", "c": {}, "e": {"d": '{"sku":"e"}'}})  # fmt: skip
_READINGS = """
where = "name != 'z'"
[explode]
path = "a.readings"
as = "r"
index = "n"
empty = "{empty}"
[columns]
device = {{ path = "device", type = "string" }}
at = {{ path = "ts", type = "timestamp[s]" }}
n = {{ path = "n", type = "{index}" }}
list = {{ path = "r.list[1].a" }}
name = {{ path = "r.n", type = "string", pattern = "[^z]*|z" }}
value = {{ path = "r.v", type = "float64", invalid = "null" }}
to = {{ path = "r.headers[?name=='To'].value | [0]" }}
deep = {{ path = "r.o.p || r.n", nulls = ["-", ""] }}
both = {{ expr = "concat(device, ':', name)" }}
arrived = {{ meta = "arrival_ms", type = "timestamp[ms]" }}
"""
_SCALARS = """
[explode]
path = "a.scalars"
[columns]
device = { path = "device" }
text = { path = "item" }
string = { path = "item", type = "string" }
json = { path = "item", type = "json" }
all = { path = "a.scalars" }
"""
_NESTED = """
[explode]
path = "x"
[columns]
device = { path = "device" }
first = { path = "item[0]" }
second = { path = "item[1].b", type = "int64" }
"""
_DEVICES = _lines(*(
    {"device": f"d{i},", "ts": 1651495525 + i, "a": {"readings": readings, "scalars": scalars}, "x": [["e", {"b": i}], [], None, [5, {}]]}
    for i, (readings, scalars) in enumerate((
        ([{"n": "cpu", "v": 0.25, "list": [1, {"a": "e"}]}, {"n": "z", "v": 1}, {"n": "é\"\n", "v": "7.5", "o": {"p": "-"}}], [1, 1.50, "x", None, True, [1, {"b": 2}], {}]),
        ([{"v": None, "headers": [{"name": "To", "value": "w"}]}, {"list": []}, {"n": "", "o": {"p": [1]}, "w": {"n": [{}]}}], []),
        ([], ["a,b"]), (None, None), ([{"n": "a", "v": 12345678901234567890}, {"n": "b", "o": None}], [-5, 1e5]),
        ([{"n": "only"}, 5, None, "x"], {"k": 1}),
    ))
), {"device": "none"}, {"device": "other", "a": None, "ts": 5})  # fmt: skip
_IN_TEXTS = """
[parse.order]
of = "j"
invalid = "null"
[parse.unit]
of = "line.text"
invalid = "{invalid}"
[explode]
path = "order.lines"
as = "line"
index = "at"
empty = "{empty}"
[columns]
n = {{ path = "n" }}
id = {{ path = "order.id", type = "int64" }}
at = {{ path = "at" }}
sku = {{ path = "line.sku" }}
line = {{ path = "line", type = "json" }}
weight = {{ path = "unit.kg", type = "float64" }}
unit = {{ path = "unit", type = "json" }}
"""
_ORDER_TEXTS = tuple(json.dumps({"id": i, "lines": lines}) for i, lines in enumerate((
    [{"sku": "a"}, {"sku": 5, "text": '{"kg": 1.5}'}], [{"text": "no"}, {"text": None}, {"text": '{"kg":"2","x":[1, 2]}'}], [], None, [None, {"sku": "\u00e9\""}], [{"text": '{"kg":'}, {"text": 5}],
)))  # fmt: skip
_ORDERS_IN_TEXTS = _lines(*({"n": i, "j": text} for i, text in enumerate((*_ORDER_TEXTS, "", "{}", None))), {"n": 1})
_EVENT_LISTS = """
bad_rows = "{bad_rows}"
partition_keys = {{ group = "group" }}
[parse.log]
of = "message"
invalid = "{invalid}"
[explode]
path = "{path}"
index = "at"
[columns]
group = {{ path = "logGroup", type = "string" }}
owner = {{ path = "owner", hidden = true }}
id = {{ path = "id", type = "string" }}
order = {{ path = "log.id", type = "int64" }}
at = {{ path = "at", type = "int64" }}
item = {{ path = "item", type = "json" }}
"""
_EVENT_LIST_MESSAGES = _lines(*(
    {
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f", "g,h"][: len(texts)],
        "logEvents": [{"id": str(i), "timestamp": 5, "message": text, "extractedFields": {"list": ["x", i]}} for i, text in enumerate(texts)],
    }
    for texts in (_ORDER_TEXTS[:2], _ORDER_TEXTS[1:4], (_ORDER_TEXTS[0], "plain", _ORDER_TEXTS[4]), (), _ORDER_TEXTS, ("plain",))
), {"messageType": "CONTROL_MESSAGE", "owner": "1", "logGroup": "", "logStream": "", "logEvents": [{"id": "", "timestamp": 1, "message": "x"}]})  # fmt: skip
_OWN = """
[explode]
path = "a.readings"
[columns]
a = { path = "item.n", type = "string" }
device = { path = "device" }
value = { path = "item.v" }
long = { expr = "concat(a, '!')" }
"""
_EXPLODED_WAYS = """
[explode]
path = "a.readings"
[columns]
device = { path = "device", type = "string" }
name = { path = "item.n", type = "string" }
value = { path = "item.v", type = "float64" }
[[routes]]
where = "name == 'cpu' or value is None"
columns = { ts = { path = "ts", type = "timestamp[us]" } }
[[routes]]
where = "value > 1"
columns = { inverse = { expr = "100 // (value - 7.5)" } }
"""
_MESSAGE_TEXT = """
[parse.group]
of = "logGroup"
invalid = "{invalid}"
[columns]
team = {{ path = "group.team" }}
id = {{ path = "id" }}
message = {{ path = "message" }}
"""
_GROUPED = _lines(*(
    {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": group, "logStream": "s", "logEvents": [{"id": str(i), "message": "m"} for i in range(count)]}
    for group, count in (('{"team":"é"}', 2), ('{"team":"b"}', 1), ("plain", 2), ('{"team":[1]}', 0), (None, 1), ('{"team"', 2))
))  # fmt: skip

CASES = (
    Case("lines-csv", _DYNAMODB + _LINES.format(empty="drop", index="int64"), _ORDERS),
    Case("lines-json", _DYNAMODB + _JSON + _LINES.format(empty="null", index="auto"), _ORDERS),
    Case("lines-many", _DYNAMODB + 'documents = "many"\n' + _LINES.format(empty="drop", index="string"), (b"\n".join(_ORDERS[:2]), b"".join(_ORDERS[:6]), _ORDERS[4] * 2)),
    Case("line-numbers", _DYNAMODB + _NUMBERS, _ORDERS),
    Case("whole-lines", _DYNAMODB + _JSON + _WHOLE_LINES, _ORDERS),
    Case("exported-lines", _DYNAMODB + _JSON + _ITEM_LINES.format(at="Item."), _lines(*({"Item": image} for image in _ORDER_IMAGES))),
    Case("bare-lines", _DYNAMODB + 'images = ["@"]\n' + _ITEM_LINES.format(at=""), _lines(*_ORDER_IMAGES)),
    Case("either-lines", _DYNAMODB + _EITHER_LINES.format(path="(dynamodb.NewImage || dynamodb.OldImage || Item).items", empty="null"), _IMAGES),
    Case("first-lines", _DYNAMODB + _JSON + _EITHER_LINES.format(path="dynamodb.NewImage.items || dynamodb.OldImage.items", empty="drop"), (*_ORDERS, *_IMAGES[13:])),
    Case("either-readings", _JSON + _READINGS.format(empty="null", index="int64").replace('"a.readings"', '"a.none || a.readings"'), _DEVICES),
    Case("either-texts", _JSON + _EITHER_TEXTS.format(one="a || b", two="(c || e).d", invalid="drop"), _SEVERAL_TEXTS),
    Case("searched-texts", _JSON + _EITHER_TEXTS.format(one="h[?name=='To'].value | [0]", two="c.list[1]", invalid="null"), _SEVERAL_TEXTS),
    Case("readings-csv", _READINGS.format(empty="drop", index="int64"), _DEVICES),
    Case("readings-json", 'bad_rows = "drop"\n' + _JSON + _READINGS.format(empty="null", index="json"), _DEVICES),
    Case("readings-fail", 'documents = "many"\n' + _READINGS.format(empty="fail", index="timestamp[s]"), (b"\n".join(_DEVICES[:2]), _DEVICES[0], _DEVICES[4] * 2)),
    Case("scalars-csv", _SCALARS, _DEVICES),
    Case("scalars-json", _JSON + _SCALARS, _DEVICES),
    Case("nested", _JSON + _NESTED, _DEVICES),
    Case("exploded-texts", _JSON + _IN_TEXTS.format(empty="null", invalid="null"), _ORDERS_IN_TEXTS),
    Case("exploded-texts-drop", _IN_TEXTS.format(empty="drop", invalid="drop"), _ORDERS_IN_TEXTS),
    Case("exploded-texts-fail", 'bad_rows = "drop"\n' + _IN_TEXTS.format(empty="drop", invalid="fail"), _ORDERS_IN_TEXTS),
    Case("exploded-events", _LOGS + _JSON + _EVENT_LISTS.format(path="log.lines", invalid="null", bad_rows="fail"), _EVENT_LIST_MESSAGES, is_packed=True),
    Case("exploded-fields", _LOGS + _EVENT_LISTS.format(path="extractedFields.list", invalid="drop", bad_rows="drop"), _EVENT_LIST_MESSAGES, is_packed=True),
    Case("exploded-filters", _LOGS + _EVENT_LISTS.format(path="subscriptionFilters", invalid="null", bad_rows="fail"), _EVENT_LIST_MESSAGES, is_packed=True),
    Case("exploded-routes", 'unmatched = "drop"\n' + _JSON + _EXPLODED_WAYS, _DEVICES),
    Case("exploded-first", 'mixed = "first"\nbad_rows = "drop"\n' + _JSON + _EXPLODED_WAYS, _DEVICES),
    Case("own-lists", 'bad_rows = "drop"\n' + _JSON + _OWN, _DEVICES, function=mutation_own.change),
    Case("group-null", _LOGS + _JSON + _MESSAGE_TEXT.format(invalid="null"), _GROUPED, is_packed=True),
    Case("group-drop", _LOGS + _MESSAGE_TEXT.format(invalid="drop"), _GROUPED, is_packed=True),
)  # fmt: skip
