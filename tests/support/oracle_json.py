"""JSON for the oracle: a strict reader that remembers the source text, and a writer.

Nothing here knows of configurations, and nothing of the package is imported. Invariant: `Value.compact` is the one text
of the value: no white space, each member once, only what must be escaped is, and the digits of numbers as they stood.
"""

import json
import re
import warnings
from dataclasses import dataclass

from jmespath import functions, lexer, parser, visitor

MAX_DEPTH = 512

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+"')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_SPACE = re.compile(r"[ \t\r\n]*")
_SHORT_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class JsonError(Exception):
    """The text is not JSON as the transform reads it."""


@dataclass(frozen=True)
class Value:
    """One JSON value.

    `kind` is null, bool, number, string, list or object; `data` is None, a bool, the digits as written, a str, a list
    of values, or a dict of values (of equal names the last value, at the place of the first).
    """

    kind: str
    data: object
    compact: str

    @property
    def text(self):
        """The text of the value: a string as it is, anything else as compact JSON."""
        return self.data if self.kind == "string" else self.compact

    @property
    def truthy(self):
        """What JMESPath's `||` asks; a number always is."""
        return self.kind == "number" or bool(self.data)

    def member(self, name):
        """The member of that name; None where there is none or where this is no object."""
        return self.data.get(name) if self.kind == "object" else None


NULL = Value("null", None, "null")


def boolean(flag):
    return Value("bool", flag, "true" if flag else "false")


def number(digits):
    return Value("number", digits, digits)


def string(text):
    return Value("string", text, quote(text))


def array(items):
    return Value("list", items, "[" + ",".join([item.compact for item in items]) + "]")


def obj(members):
    return Value("object", members, "{" + ",".join([f"{quote(k)}:{v.compact}" for k, v in members.items()]) + "}")


def quote(text):
    """Write one JSON string: only what must be escaped is."""
    return json.dumps(text, ensure_ascii=False)


# The functions that walk a value use `map`, not comprehensions: those cost a second frame per level before Python 3.12.


# ---------------------------------------------------------------- reading


def deepest(text):
    """The deepest nesting that a scan of brackets outside strings meets, whether the text is JSON or not."""
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "}]":
            depth -= 1
    return deepest


def read_one(text):
    """Read the one document that the text is."""
    value, end = _read(text, _skip(text, 0))
    if _skip(text, end) != len(text):
        raise JsonError
    return value


def read_many(text):
    """Read documents that follow one another, nothing, white space or one comma behind each; or one list of them."""
    values = []
    position = _skip(text, 0)
    while position < len(text):
        value, end = _read(text, position)
        values.append(value)
        position = _skip(text, end)
        if text.startswith(",", position):
            position = _skip(text, position + 1)
    if not values:
        raise JsonError
    if len(values) == 1 and values[0].kind == "list":
        return values[0].data
    return values


def _skip(text, position):
    return _SPACE.match(text, position).end()


def _read(text, position):
    """Read the value that starts here; give it and where it ends."""
    char = text[position : position + 1]
    if char == '"':
        data, end = _read_string(text, position)
        return string(data), end
    if char not in ("{", "["):
        return _read_word(text, position)
    # Objects and lists in one function: one frame per level, so that 512 levels stay inside Python's limit.
    closing = "}" if char == "{" else "]"
    items, members = [], {}
    position = _skip(text, position + 1)
    while not text.startswith(closing, position):
        if items or members:
            position = _expect(text, position, ",")
        if char == "{":
            name, position = _read_string(text, position)
            item, position = _read(text, _expect(text, _skip(text, position), ":"))
            members[name] = item
        else:
            item, position = _read(text, position)
            items.append(item)
        position = _skip(text, position)
        if text[position : position + 1] not in (",", closing):
            raise JsonError
    return (obj(members) if char == "{" else array(items)), position + 1


def _read_word(text, position):
    for word, value in (("null", NULL), ("true", boolean(True)), ("false", boolean(False))):
        if text.startswith(word, position):
            return value, position + len(word)
    match = NUMBER.match(text, position)
    if match is None:
        raise JsonError
    return number(match.group()), match.end()


def _expect(text, position, char):
    """Step over this character and the white space behind it."""
    if not text.startswith(char, position):
        raise JsonError
    return _skip(text, position + 1)


def _read_string(text, position):
    match = _STRING.match(text, position)
    if match is None:
        raise JsonError
    units = _ESCAPE.sub(_unescape, match.group()[1:-1])
    try:
        # The text came out of strict UTF-8, so surrogates are there only as escapes: pairs join here, lone ones raise.
        return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le"), match.end()
    except UnicodeDecodeError:
        raise JsonError from None


def _unescape(match):
    escape = match.group(1)
    return chr(int(escape[1:], 16)) if len(escape) == 5 else _SHORT_ESCAPES.get(escape, escape)


# ---------------------------------------------------------------- plain Python objects, for the jmespath package


def plain(value):
    """The value as the jmespath package wants it; its numbers compute, and still know their digits."""
    if value.kind == "number":
        return plain_number(value.data)
    if value.kind == "list":
        return (_List if isinstance(value.data, Elements) else list)(map(plain, value.data))
    if value.kind == "object":
        return dict(zip(value.data, map(plain, value.data.values()), strict=True))
    return value.data


def from_plain(result):
    """The value that an expression of jmespath gave. Raises ValueError for what is no JSON."""
    if result is None:
        return NULL
    if isinstance(result, bool):
        return boolean(result)
    if isinstance(result, (int, float)):
        return number(getattr(result, "digits", None) or json.dumps(result, allow_nan=False))
    if isinstance(result, str):
        return string(result)
    if isinstance(result, list):
        return array(list(map(from_plain, result)))
    if isinstance(result, dict):
        return obj(dict(zip(result, map(from_plain, result.values()), strict=True)))
    raise ValueError(f"jmespath gave a {type(result).__name__}")


# jmespath asks numbers for the name of their type, so these must be called as the built-in ones are.
_Int = type("int", (int,), {})
_Float = type(
    "float",
    (float,),
    {
        "__eq__": lambda self, other: _place(self) == _place(other),
        "__hash__": float.__hash__,
        "__lt__": lambda self, other: _place(self) < _place(other),
        "__le__": lambda self, other: _place(self) <= _place(other),
        "__gt__": lambda self, other: _place(self) > _place(other),
        "__ge__": lambda self, other: _place(self) >= _place(other),
    },
)
_List = type("list", (list,), {})


class Elements(list):
    """The elements of a set, whose order says nothing."""


class JsonText(str):
    """The text of a value: of a column of JSON, or of an object or a list in one without a type."""

    def __new__(cls, text, is_typed):
        self = super().__new__(cls, text)
        self.is_typed = is_typed
        return self


def equal_texts(left, right):
    """Whether two texts are equal where they stand for JSON; what is none is a text."""
    kinds = {getattr(side, "is_typed", None) for side in (left, right)}
    if True not in kinds and kinds != {False}:
        return str(left) == str(right)
    try:
        return equal(plain(read_one(left)), plain(read_one(right)))
    except JsonError:
        return str(left) == str(right)


def equal(left, right):
    """Whether two plain values are one JSON value; a set is any list of its elements."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _place(left) == _place(right)
    if isinstance(left, list) and isinstance(right, list):
        if isinstance(left, _List) or isinstance(right, _List):
            return all(any(equal(a, b) for b in right) for a in left) and all(
                any(equal(a, b) for a in left) for b in right
            )
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return set(left) == set(right) and all(equal(left[name], right[name]) for name in left)
    return type(left) is type(right) and left == right


def place(element):
    """Where an element of a set stands among the others: texts by their characters, numbers by value."""
    return _place(plain_number(element.data)) if element.kind == "number" else element.data


def _place(number):
    """Where a number stands among all: sign, size and digits, each in the order of the numbers."""
    text = getattr(number, "digits", None) or repr(number)
    if text in ("inf", "-inf", "nan"):
        return ({"inf": 2, "-inf": -2, "nan": 3}[text],)
    sign, whole, fraction, exponent = re.fullmatch(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", text).groups("")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return (0,)
    size = int(exponent or 0) + len(digits) - len(fraction)
    if not sign:
        return 1, size, digits.rstrip("0")
    return -1, -size, [-int(digit) for digit in digits.rstrip("0")] + [1]


class Interpreter(visitor.TreeInterpreter):
    """The interpreter of jmespath with that equality."""

    COMPARATOR_FUNC = visitor.TreeInterpreter.COMPARATOR_FUNC | {
        "eq": equal,
        "ne": lambda left, right: not equal(left, right),
    }


class _Lexer(lexer.Lexer):
    """The lexer of jmespath with literals whose numbers know their digits."""

    def _consume_literal(self):
        start, text = self._position, self._expression
        token = super()._consume_literal()
        written = text[start + 1 : self._position - 1 if self._current is not None else len(text) - 1]
        try:
            value = json.loads(written.replace("\\`", "`"), parse_int=plain_number, parse_float=plain_number)
        except ValueError:
            return token
        return {**token, "value": value}


class _Parser(parser.Parser):
    """The parser of jmespath on that lexer, which keeps nothing."""

    def search(self, path, document):
        """The value of an expression in a document."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            super()._parse(path)
            self._tokens, self._index = list(_Lexer().tokenize(path)), 0
        interpreter = Interpreter(visitor.Options(custom_functions=Functions()))
        return interpreter.visit(self._expression(binding_power=0), document)


def search(path, document):
    """The value of an expression of JMESPath in a plain document."""
    return _Parser().search(path, document)


class Functions(functions.Functions):
    """The functions of jmespath, with texts of values that keep what was written."""

    @functions.signature({"types": []})
    def _func_to_string(self, value):
        return value if isinstance(value, str) else from_plain(value).compact

    @functions.signature({"types": ["array", "string"]}, {"types": []})
    def _func_contains(self, subject, search):
        return search in subject if isinstance(subject, str) else any(equal(each, search) for each in subject)


def plain_number(digits):
    """An int or a float that knows how it was written."""
    # A whole number too long for int() is a float here, as JavaScript would have it; its digits stay.
    whole = re.fullmatch(r"-?[0-9]{1,4000}", digits)
    result = _Int(digits) if whole else _Float(digits)
    result.digits = digits
    return result
