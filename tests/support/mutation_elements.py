"""Cases of the differential test for elements of lists by their index, and for headers by their name."""

from mutation_case import Case
from mutation_case import written as _lines

_PLAIN = """
[columns]
first = { path = "list[0]" }
third = { path = "list[2]", type = "int64" }
last = { path = "list[-1]", type = "json" }
before = { path = "list[-2]", type = "string", default = "none" }
name = { path = "mail.headers[1].value", default = "nobody" }
end = { path = "mail.headers[-1].name" }
raw = { path = "list[1]", type = "json" }
deep = { path = "rows[0][-1].a" }
row = { path = "rows[-1]" }
a = { path = "a", nulls = ["-", "", "A"], type = "string" }
"""
_HEADERS = """
[columns]
from = "header(mail.headers, 'FROM')"
to = { path = "header(mail.headers, 'to')", type = "string", default = "nobody" }
size = { path = "header(mail.headers, 'X-1_Size')", type = "int64", invalid = "null" }
sign = "header(mail.headers, 'X`1')"
"""
_ATTRIBUTES = """source = "dynamodb"
[columns]
id = "dynamodb.Keys.id"
first = { path = "dynamodb.NewImage.tags[0]" }
last = { path = "dynamodb.NewImage.tags[-1]", type = "json" }
second = { path = "dynamodb.NewImage.tags[1].name", type = "string" }
inner = { path = "dynamodb.NewImage.m.l[0][-1]" }
old = { path = "dynamodb.OldImage.tags[-2]", type = "int64", invalid = "null" }
"""
_LISTS = (b'{"list":[-0,-0.0,-0]}', b'{"list":["\\/",{"a" : 1},[ ]]}', *_lines(
    {"list": [1, "x", 7], "mail": {"headers": [{"name": "From", "value": "v"}, {"name": "To", "value": "w"}]}, "a": "-"},
    {"list": ["é\"", None, 15], "mail": {"headers": [{}]}, "a": ""}, {"list": [True, {"a": 1}, -0], "a": "B"}, {"list": [], "mail": None, "a": "A"},
    {"list": [None, False, "9"], "mail": {"headers": [{}, {}]}}, {"list": [12345678901234567890, 1e5]}, {"list": None, "a": None}, {"list": "x"},
    {"list": [[]], "mail": {"headers": [1, 2]}}, {"rows": [[1, {"a": "z"}], [2]], "list": [[1, 2.50], {"b": []}, 3, 4]}, {"rows": [[{"a": {"b": 1}}]]}, {"rows": [None]}, {"rows": [[]]}, {"list": [5]}, {"list": [1, 2, 3, 4, 5, 6, 7]},
))  # fmt: skip
_MAILS = (b'{"mail":{"headers":[{"name":"F\\u0072om","value":"x"},{"name":"FROM","value":"y"}]}}', *_lines(
    {"mail": {"headers": [{"name": "from", "value": "v"}, {"name": "tO", "value": "w"}, {"name": "From", "value": "no"}]}},
    {"mail": {"headers": [{"name": "FROm", "value": None}, {"name": "To"}, {"name": "froM", "value": "z"}, {"name": "x-1_size", "value": "12"}]}},
    {"mail": {"headers": [{"name": "Fröm", "value": "v"}, {"name": "T\u014d", "value": "w"}, {"name": "X\x0d1_Size", "value": 3}]}},
    {"mail": {"headers": [{"name": "X-1\u007fSize", "value": 5}, {"name": "@ROM", "value": 1}, {"name": "X-1_SIZE", "value": 3}]}},
    {"mail": {"headers": [{"name": "FRO-", "value": 5}, {"name": "x@1", "value": 2}, {"name": "fro\u212a", "value": 1}, {"name": "TO", "value": {"a": []}}]}}, {"mail": None}, {"mail": {"headers": []}},
))  # fmt: skip
_CHANGES = _lines(*(
    {"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": "k"}}, "NewImage": {"id": {"S": "k"}, **image}, "OldImage": image}}
    for image in (
        {"tags": {"L": [{"S": "a,b"}, {"M": {"name": {"S": "n"}}}, {"N": "1.50"}]}, "m": {"M": {"l": {"L": [{"L": [{"BOOL": True}, {"NULL": True}]}]}}}},
        {"tags": {"L": [{"M": {"x": {"L": []}}}]}, "m": {"M": {"l": {"L": [{"L": []}]}}}}, {"tags": {"L": []}, "m": {"M": {}}}, {"tags": {"NULL": True}},
        {"tags": {"L": [{"N": "7"}, {"M": {"name": {"NULL": True}}}]}}, {"tags": {"SS": ["x", "y"]}, "m": {"M": {"l": {"L": [{"NS": ["1", "2"]}]}}}}, {"tags": {"S": "x"}},
        {"tags": {"L": [{"M": {}}, {"M": {"name": {"N": "5"}, "x": {"SS": ["é"]}}}, {"L": [{"S": "q\"uo\nted"}]}]}}, {"m": {"M": {"l": {"NULL": True}}}}, {"tags": {"L": [{"BOOL": False}]}},
        {"tags": {"L": [{"S": ""}]}, "m": {"M": {"l": {"L": [{"L": [{"M": {"k": {"S": "v"}}}]}, {"S": "z"}]}}}},
        {"tags": {"L": [{"S": "a"}, {"S": "b"}, {"X": "bad"}, {"N": "3"}]}}, {"tags": {"L": [{"N": "x"}]}}, {"tags": {"X": [{"S": "x"}]}}, {"tags": {"L": [{"M": {"name": {"S": "1"}}}, {"M": {"name": {"M": {}}}}]}},
    )
))  # fmt: skip

_JSON = 'output = { format = "json" }\n'
CASES = (
    Case("elements", _PLAIN, _LISTS),
    Case("elements-json", _JSON + _PLAIN, _LISTS),
    Case("headers", _HEADERS, _MAILS),
    Case("headers-json", _JSON + _HEADERS, _MAILS),
    Case("attribute-lists", _ATTRIBUTES, _CHANGES),
    Case("attribute-lists-json", _JSON + _ATTRIBUTES, _CHANGES),
)
