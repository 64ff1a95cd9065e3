"""Expressions against a per-row evaluator on Python's own numbers, and the compiler against text of any kind."""

import ast
import datetime
import operator
import random
import unicodedata
from decimal import Context, Decimal, localcontext

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastxform.datatypes.logical import Type, arrow_type
from fastxform.query.compiler import compile_expression
from fastxform.query.functions import FUNCTIONS
from fastxform.query.terms import ExpressionError

FEW = settings(max_examples=settings.default.max_examples // 4)
NOW_MS = 1_714_000_000_000
FAILS = "FAILS"

COLUMNS = {
    "i": Type("int64"),
    "j": Type("int64"),
    "f": Type("float64"),
    "g": Type("float64"),
    "s": Type("string"),
    "t": Type("auto"),
    "b": Type("bool"),
    "c": Type("bool"),
    "m": Type("decimal", precision=10, scale=2),
    "w": Type("decimal", precision=38, scale=10),
    "x": Type("timestamp", unit="ms"),
    "y": Type("timestamp", unit="us"),
    "d": Type("date"),
}

# ---------------------------------------------------------------- the evaluator: one row, three-valued, lazy as Python

EXACT = Context(prec=200)


class RowError(Exception):
    """The row makes the expression fail."""


def reference(text, row):
    """The value of the expression for a row, `FAILS` where it has none."""
    try:
        with localcontext(EXACT):
            return Row(row).value(ast.parse(text, mode="eval").body)
    except RowError:
        return FAILS


class Row:
    """A row of Python values; a time is a datetime or a date, null is None."""

    def __init__(self, columns):
        self.columns = columns

    def kind(self, node):
        """The kind of a node, for the places where a value changes its type, as an int64 beside a float64 does."""
        match node:
            case ast.Constant(value=constant):
                return {bool: "bool", int: "int64", float: "float64", str: "string"}.get(type(constant), "None")
            case ast.Name(id=name):
                return COLUMNS[name].kind
            case ast.BinOp(op=ast.Div()):
                return "float64"
            case ast.BinOp(left=left, right=right):
                return self.common(left, right)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.kind(operand)
            case ast.IfExp(body=body, orelse=orelse):
                return self.common(body, orelse)
            case ast.Call(func=ast.Name(id="coalesce"), args=arguments):
                return self.common(*arguments)
            case ast.Call(func=ast.Name(id="if_else"), args=[_, yes, no]):
                return self.common(yes, no)
            case ast.Call(func=ast.Name(id="abs_checked"), args=[argument]):
                return self.kind(argument)
            case ast.Call(func=ast.Name(id="cast"), args=[_, ast.Constant(value=target)]):
                return target
            case ast.Call(func=ast.Name(id=("now_ms" | "utf8_length" | "year" | "hour"))):
                return "int64"
        return "bool"

    def common(self, *nodes):
        kinds = {self.kind(node) for node in nodes} - {"None"}
        return next(kind for kind in ("decimal", "float64", "int64", "string", "auto", "bool") if kind in kinds)

    def shape(self, node):
        """How many whole and fraction digits a number beside a decimal has, at most 38 of both."""
        match node:
            case ast.Name(id=name) if self.kind(node) == "decimal":
                return COLUMNS[name].precision - COLUMNS[name].scale, COLUMNS[name].scale
            case ast.Constant(value=constant):
                _, digits, exponent = number(constant).as_tuple()
                scale = max(0, -exponent)
                return max(len(digits) + max(0, exponent), scale) - scale, scale
            case _ if self.kind(node) != "decimal":
                return 19, 0
            case ast.BinOp(op=ast.Mult(), left=left, right=right):
                (whole, scale), (other_whole, other_scale) = self.shape(left), self.shape(right)
                return cut(whole + other_whole + 1, scale + other_scale)
            case ast.BinOp(left=left, right=right):
                (whole, scale), (other_whole, other_scale) = self.shape(left), self.shape(right)
                return cut(max(whole, other_whole) + 1, max(scale, other_scale))
            case ast.UnaryOp(operand=operand):
                return self.shape(operand)
            case ast.IfExp(body=one, orelse=two) | ast.Call(args=[one, two]) | ast.Call(args=[_, one, two]):
                shapes = [self.shape(part) for part in (one, two) if self.kind(part) != "None"]
                return cut(max(whole for whole, _ in shapes), max(scale for _, scale in shapes))
        raise NotImplementedError(ast.dump(node))

    def fitting(self, value, node):
        whole, _ = self.shape(node)
        if abs(value) >= 10**whole:
            raise RowError
        return value + 0  # a decimal has no negative zero

    def value(self, node):
        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.Name(id=name):
                return self.columns[name]
            case ast.BoolOp(op=op, values=values):
                return self.junction(isinstance(op, ast.And), values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self.value(operand)
                return None if value is None else not value
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.value(operand)
                return None if value is None else checked(-value)
            case ast.BinOp():
                return self.arithmetic(node)
            case ast.Compare():
                return self.comparison(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.as_kind(body if self.value(test) is True else orelse, node)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self.call(name, arguments, node)
        raise NotImplementedError(ast.dump(node))

    def as_kind(self, part, node):
        """The value of a part of a node whose parts have one type."""
        value, kind = self.value(part), self.kind(node)
        if value is None:
            return None
        if kind == "float64":
            return float(value)
        return self.fitting(number(value), node) if kind == "decimal" else value

    def junction(self, is_and, nodes):
        """Kleene's tables; what the values before settle is not computed."""
        result = is_and
        for node in nodes:
            value = self.value(node)
            if value is not None and value is not is_and:
                return value
            result = None if value is None else result
        return result

    def comparison(self, node):
        """A chain is an `and` of its steps."""
        left, result = node.left, True
        for op, right in zip(node.ops, node.comparators, strict=True):
            value = self.step(left, op, right)
            if value is False:
                return False
            result = None if value is None else result
            left = right
        return result

    def step(self, left, op, right):
        value = self.value(left)
        if isinstance(op, ast.In | ast.NotIn):
            items = [item.value for item in right.elts]
            return any(equal(value, item) for item in items) == isinstance(op, ast.In)
        other = self.value(right)
        if isinstance(op, ast.Eq | ast.Is):
            return equal(value, other)
        if isinstance(op, ast.NotEq | ast.IsNot):
            return not equal(value, other)
        return None if value is None or other is None else ORDER[type(op)](*alike(value, other))

    def arithmetic(self, node):
        left, right = self.value(node.left), self.value(node.right)
        if left is None or right is None:
            return None
        kind = self.common(node.left, node.right)
        if isinstance(node.op, ast.Div):
            return float_operation(node.op, float(left), float(right))
        if kind == "decimal":
            return self.fitting(OPERATIONS[type(node.op)](number(left), number(right)), node)
        if kind == "float64":
            return float_operation(node.op, float(left), float(right))
        return checked(left + right if isinstance(left, str) else int_operation(node.op, left, right))

    def call(self, name, arguments, node):
        if name == "cast":
            return cast(self.value(arguments[0]), arguments[1].value)
        if name == "coalesce":
            values = [self.as_kind(argument, node) for argument in arguments]
            return next((value for value in values if value is not None), None)
        if name == "if_else":
            condition = self.value(arguments[0])
            yes, no = (self.as_kind(argument, node) for argument in arguments[1:])
            return None if condition is None else yes if condition else no
        values = [self.value(argument) for argument in arguments]
        if None in values:
            return None
        return checked(CALLS[name](*values))


def cut(whole, scale):
    return min(whole, 38 - scale), scale


def number(value):
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def moment(text):
    made = datetime.datetime.fromisoformat(text)
    return made.astimezone(datetime.UTC).replace(tzinfo=None) if made.tzinfo else made


def alike(left, right):
    """Two values that Python compares exactly; text beside a time is one, a literal beside a decimal is as written."""
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return number(left), number(right)
    for kind, read in ((datetime.datetime, moment), (datetime.date, datetime.date.fromisoformat)):
        if isinstance(left, kind) or isinstance(right, kind):
            return tuple(read(value) if isinstance(value, str) else value for value in (left, right))
    return left, right


def equal(left, right):
    if left is None or right is None:
        return left is right
    left, right = alike(left, right)
    return left == right


def checked(value):
    if isinstance(value, float) and value - value != 0:
        raise RowError
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise RowError
    return value


def int_operation(op, left, right):
    if isinstance(op, ast.FloorDiv | ast.Mod) and right == 0:
        raise RowError
    if isinstance(op, ast.Pow) and (right < 0 or (abs(left) > 1 and right > 64)):
        raise RowError
    return OPERATIONS[type(op)](left, right)


def float_operation(op, left, right):
    try:
        result = OPERATIONS[type(op)](left, right)
    except ArithmeticError:
        raise RowError from None
    if isinstance(result, complex):
        raise RowError
    return checked(result)


def cast(value, target):
    if value is None:
        return None
    if target == "string":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if target == "float64":
        return float(value)
    if isinstance(value, str):
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            raise RowError
    if isinstance(value, float | Decimal) and value != int(value):
        raise RowError
    return checked(int(value))


ORDER = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
CALLS = {
    "now_ms": lambda: NOW_MS,
    "utf8_length": len,
    "abs_checked": abs,
    "starts_with": lambda text, pattern: text.startswith(pattern),
    "match_substring": lambda text, pattern: pattern in text,
    "string_is_ascii": str.isascii,
    "year": lambda time: time.year,
    "hour": lambda time: time.hour,
}

# ---------------------------------------------------------------- expressions of each kind, as text

INTS = (0, 1, -1, 2, 3, -7, 10, 64, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1.0, 0.5, -2.5, 0.1, 1e-300, 1e300, -1e308, 2.0**53, 2.0**63, -(2.0**63), 3.0, 1e16)
TEXTS = ("", "a", "ab", "é", "aé下", "12", "-7", "0", "x y", "9223372036854775808")
DECIMALS = ("0.00", "1.10", "-5.25", "0.01", "99999999.99")
WIDE_DECIMALS = ("0", "1.1", "-0.0000000001", "9999999999999999999999999999.9999999999", "2.5")
MOMENTS = ("2024-02-29T01:02:03.456", "1969-12-31T23:59:59.999", "0001-01-01T00:00:00", "9999-12-31T23:59:59")
ZONED_MOMENTS = (*MOMENTS, "2024-02-29T02:02:03.456+01:00")
DAYS = ("2024-02-29", "1969-12-31", "0001-01-01")


def literal(value):
    return repr(value) if not isinstance(value, str) else ascii(value)


@st.composite
def expressions(draw, kind, depth):
    """The text of an expression of a kind; each compound stands in parentheses."""

    def sub(other):
        return draw(expressions(other, depth - 1))

    def pick(*choices):
        return draw(st.sampled_from(choices))

    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(LEAVES[kind]))
    return f"({COMPOUNDS[kind](sub, pick)})"


LEAVES = {
    "int64": ["i", "j", "i", "j", "now_ms()", *map(literal, INTS)],
    "float64": ["f", "g", "f", "g", *map(literal, FLOATS)],
    "string": ["s", "t", *map(literal, TEXTS)],
    "decimal": ["m", "w"],
    "bool": [
        *("b", "c", "b", "c", "True", "False"),
        *("(s is None)", "(i > 0)", "(f < g)", "(m != w)", "(x < y)", "(d == '2024-02-29')"),
    ],
}


def choice(kind):
    return lambda sub, pick: pick(
        lambda: f"coalesce({sub(kind)}, {sub(kind)})",
        lambda: f"{sub(kind)} if {sub('bool')} else {sub(kind)}",
        lambda: f"if_else({sub('bool')}, {sub(kind)}, {pick('None', sub(kind))})",
    )()


def int_compound(sub, pick):
    return pick(
        lambda: f"{sub('int64')} {pick('+', '-', '*', '//', '%')} {sub('int64')}",
        lambda: f"{sub('int64')} ** {pick('0', '1', '2', '3', '62', '63', 'j')}",
        lambda: f"-{sub('int64')}",
        lambda: f"abs_checked({sub('int64')})",
        lambda: f"utf8_length({sub('string')})",
        lambda: f"cast({sub(pick('string', 'bool', 'float64', 'decimal'))}, 'int64')",
        lambda: pick("year(x)", "year(d)", "hour(y)"),
        lambda: choice("int64")(sub, pick),
    )()


def float_compound(sub, pick):
    return pick(
        lambda: f"{sub('float64')} {pick('+', '-', '*', '//', '%', '**')} {sub(pick('float64', 'int64'))}",
        lambda: f"{sub('int64')} {pick('+', '-', '*', '//', '%', '**')} {sub('float64')}",
        lambda: f"{sub(pick('float64', 'int64', 'decimal'))} / {sub(pick('float64', 'int64', 'decimal'))}",
        lambda: f"-{sub('float64')}",
        lambda: f"coalesce({sub('float64')}, {sub('int64')})",
        lambda: f"{sub('int64')} if {sub('bool')} else {sub('float64')}",
        lambda: f"cast({sub(pick('int64', 'decimal'))}, 'float64')",
        lambda: choice("float64")(sub, pick),
    )()


def decimal_compound(sub, pick):
    return pick(
        lambda: f"{sub('decimal')} {pick('+', '-')} {sub(pick('decimal', 'decimal', 'int64'))}",
        lambda: f"m * {pick('m', '1.1', 'i', '3', 'w')}",
        lambda: f"-{sub('decimal')}",
        lambda: f"{sub('decimal')} + {pick('1.10', '0.001', '3')}",
        lambda: f"coalesce({sub('decimal')}, {pick('0.5', 'i', '1')})",
        lambda: choice("decimal")(sub, pick),
    )()


def text_compound(sub, pick):
    return pick(
        lambda: f"{sub('string')} + {sub('string')}",
        lambda: f"cast({sub(pick('int64', 'bool'))}, 'string')",
        lambda: choice("string")(sub, pick),
    )()


def bool_compound(sub, pick):
    numbers = (
        ("int64", "float64"),
        ("int64", "int64"),
        ("float64", "float64"),
        ("decimal", "int64"),
        ("decimal", "decimal"),
    )
    orders = ("==", "!=", "<", "<=", ">", ">=")
    return pick(
        lambda: " ".join([sub((pair := pick(*numbers))[0]), pick(*orders), sub(pair[1])]),
        lambda: f"{sub('float64')} {pick(*orders)} {sub('int64')}",
        lambda: f"{sub('decimal')} {pick(*orders)} {pick('1.10', '1.105', '-5.25', '1e20')}",
        lambda: f"{sub('string')} {pick(*orders)} {sub('string')}",
        lambda: f"{sub('bool')} {pick('==', '!=')} {sub('bool')}",
        lambda: f"{sub('int64')} {pick(*orders)} {sub('int64')} {pick(*orders)} {sub('float64')}",
        lambda: f"{sub(pick('string', 'int64', 'decimal', 'bool'))} {pick('is', 'is not', '==', '!=')} None",
        lambda: (
            f"{sub('string')} {pick('in', 'not in')} {pick('()', '(None,)', repr(('a', 'é', None)), repr(['ab', '']))}"
        ),
        lambda: f"{sub('int64')} {pick('in', 'not in')} (1, 2.0, 2.5, None, 9007199254740993, 1e300)",
        lambda: f"{sub('float64')} {pick('in', 'not in')} (0, 0.5, 9007199254740993, 1e300)",
        lambda: f"m {pick('in', 'not in')} (1.1, 1.105, 0, None, 99999999999)",
        lambda: f"{pick('x', 'y')} {pick(*orders)} {pick('x', 'y', *map(repr, ZONED_MOMENTS))}",
        lambda: f"d {pick(*orders)} {pick('d', *map(repr, DAYS))}",
        lambda: f"{sub('bool')} and {sub('bool')}",
        lambda: f"{sub('bool')} or {sub('bool')}",
        lambda: f"{sub('bool')} and {sub('bool')} and {sub('bool')}",
        lambda: f"not {sub('bool')}",
        lambda: f"starts_with({sub('string')}, {pick('', literal('a'), literal('é')) or repr('')})",
        lambda: f"match_substring({sub('string')}, {literal('b')})",
        lambda: f"string_is_ascii({sub('string')})",
        lambda: choice("bool")(sub, pick),
    )()


COMPOUNDS = {
    "int64": int_compound,
    "float64": float_compound,
    "string": text_compound,
    "decimal": decimal_compound,
    "bool": bool_compound,
}

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
EDGES = {
    "i": st.one_of(st.sampled_from(INTS), st.integers(-(2**63), 2**63 - 1)),
    "j": st.one_of(st.sampled_from(INTS), st.integers(-4, 4)),
    "f": st.one_of(st.sampled_from(FLOATS), st.floats(allow_nan=False, allow_infinity=False)),
    "g": st.one_of(st.sampled_from(FLOATS), st.floats(-4, 4)),
    "s": st.one_of(st.sampled_from(TEXTS), ANY_TEXT),
    "t": st.sampled_from(TEXTS),
    "b": st.booleans(),
    "c": st.booleans(),
    "m": st.one_of(st.sampled_from(DECIMALS).map(Decimal), st.decimals(-1000, 1000, places=2)),
    "w": st.sampled_from(WIDE_DECIMALS).map(Decimal),
    "x": st.sampled_from(MOMENTS).map(moment),
    "y": st.one_of(st.sampled_from(MOMENTS).map(moment), st.datetimes()),
    "d": st.sampled_from(DAYS).map(datetime.date.fromisoformat),
}
ROWS = st.fixed_dictionaries({name: st.one_of(st.none(), strategy, strategy) for name, strategy in EDGES.items()})


def arrays(rows):
    return {name: pa.array([row[name] for row in rows], arrow_type(kind)) for name, kind in COLUMNS.items()}


def outcomes(expression, columns, length):
    """The value of each row, `FAILS` where it alone makes the expression raise."""
    try:
        result = expression.evaluate(columns, length, NOW_MS)
    except pa.ArrowException:
        if length == 1:
            return [FAILS]
        half = length // 2
        parts = (0, half), (half, length - half)
        return [
            outcome
            for start, count in parts
            for outcome in outcomes(
                expression, {name: column.slice(start, count) for name, column in columns.items()}, count
            )
        ]
    assert isinstance(result, pa.Array)
    assert (result.type, len(result)) == (arrow_type(expression.type), length)
    result.validate(full=True)
    return result.to_pylist()


def comparable(value, kind):
    """What two equal outcomes share: of floats the sign of a zero too."""
    return (repr(value), kind) if kind == "float64" else value


# ---------------------------------------------------------------- the properties


@pytest.mark.parametrize("kind", sorted(COMPOUNDS))
def test_every_row_gets_what_the_evaluator_gives(kind):
    """Whole columns give, for each row, what the row gives to Python; the rows that fail are the same."""

    @given(expressions(kind, 3), st.lists(ROWS, min_size=1, max_size=8))
    def check(text, rows):
        try:
            expression = compile_expression(text, COLUMNS)
        except ExpressionError as error:
            # What the text alone decides is a mistake of the text: constants that overflow, decimals without an end.
            assert any(
                words in error.message
                for words in ("fails for each row", "out of the range", "too many digits", "no int64")
            )
            return
        assert expression.type.kind == kind
        for row, outcome in zip(rows, outcomes(expression, arrays(rows), len(rows)), strict=True):
            assert comparable(outcome, kind) == comparable(reference(text, row), kind), row

    check()


@given(
    st.sampled_from(sorted(COMPOUNDS)).flatmap(lambda kind: expressions(kind, 2)),
    st.lists(ROWS, min_size=2, max_size=6),
)
def test_a_row_does_not_depend_on_its_neighbours(text, rows):
    """A row alone gives what it gives in a batch, in any order, and a batch without rows gives none."""
    try:
        expression = compile_expression(text, COLUMNS)
    except ExpressionError:
        return
    together = outcomes(expression, arrays(rows), len(rows))
    assert repr(together) == repr([outcomes(expression, arrays([row]), 1)[0] for row in rows])
    assert repr(together[::-1]) == repr(outcomes(expression, arrays(rows[::-1]), len(rows)))
    assert outcomes(expression, arrays([]), 0) == []


CALLED = {
    "text": "s + t",
    "number": "i",
    "float": "f",
    "decimal": "m",
    "time": "x",
    "date": "d",
    "bool": "b",
}
OPTIONS = {
    "characters": ["' '", "'aé'"],
    "count_from_zero": ["False"],
    "ignore_case": ["True", "False"],
    "max_replacements": ["1", "None"],
    "multiple": ["1", "7", "1000"],
    "nan_is_null": ["True"],
    "ndigits": ["-38", "-1", "0", "2", "38"],
    "null_handling": ["'replace'"],
    "null_replacement": ["'?'"],
    "padding": ["'é'"],
    "pattern": ["'a'", "'(a|é)*'", r"r'\b'", "'.'", "''"],
    "replacement": ["''", "'--'", r"r'<\0>'"],
    "round_mode": ["'down'", "'half_up'", "'half_to_odd'"],
    "skip_nulls": ["False"],
    "start": ["-3", "0", "1"],
    "step": ["1", "2"],
    "stop": ["-1", "None", "2"],
    "target_type": [
        "'string'",
        "'int64'",
        "'float64'",
        "'decimal(12,3)'",
        "'bool'",
        "'date'",
        "'timestamp[s]'",
        "'timestamp[us]'",
    ],
    "unit": ["'year'", "'week'", "'day'", "'minute'"],
    "week_start": ["7"],
    "width": ["0", "5"],
}


@st.composite
def calls(draw, name):
    function = FUNCTIONS[name]
    count = function.least if function.most is not None else draw(st.integers(function.least, 3))
    arguments = draw(st.lists(st.sampled_from(sorted(CALLED.values())), min_size=count, max_size=count))
    given = [key for key, rule in sorted(function.options.items()) if rule.required or draw(st.booleans())]
    return f"{name}({', '.join([*arguments, *[f'{key}={draw(st.sampled_from(OPTIONS[key]))}' for key in given]])})"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_call_breaks_a_batch(name):
    """Whatever the arguments and options, a call is refused in one line or gives a valid column, each row by itself."""

    @FEW
    @given(calls(name), st.lists(ROWS, min_size=1, max_size=4))
    def check(text, rows):
        try:
            expression = compile_expression(text, COLUMNS)
        except ExpressionError as error:
            assert_one_line(error, text)
            return
        together = outcomes(expression, arrays(rows), len(rows))
        assert repr(together) == repr([outcomes(expression, arrays([row]), 1)[0] for row in rows])

    check()


def assert_one_line(error, text):
    """The message is one line, the place is in the text, and the caret stands under the line that has it."""
    assert error.message
    assert "\n" not in str(error)
    assert "\r" not in str(error)
    assert 0 <= error.column_offset <= len(text)
    line, caret = error.render().split("\n")
    assert caret == " " * (len(caret) - 1) + "^"
    width = sum((not unicodedata.combining(char)) * (1 + (unicodedata.east_asian_width(char) in "WF")) for char in line)
    assert len(caret) - 1 <= width


def assert_compiles_or_says_why(text):
    try:
        expression = compile_expression(text, COLUMNS)
    except ExpressionError as error:
        assert_one_line(error, text)
        return
    rows = [dict.fromkeys(COLUMNS)] * 2
    outcomes(expression, arrays(rows), 2)


@given(
    st.one_of(
        st.text(max_size=40), st.text("ijs'\"()[]{}.,:=<>!&|+-*/%~^@# \t\r\n\f\\0123456789eExXjrbf_é下", max_size=40)
    )
)
def test_any_text_compiles_or_says_why(text):
    """Text of any characters is an expression or one line with a caret."""
    assert_compiles_or_says_why(text)


TOKENS = (
    *(
        "i",
        "f",
        "s",
        "t",
        "b",
        "m",
        "x",
        "d",
        "nope",
        "now_ms()",
        "col('i')",
        "col",
        "None",
        "True",
        "1",
        "0",
        "2.5",
        "'a'",
        "''",
    ),
    *(
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "==",
        "!=",
        "<",
        ">=",
        "in",
        "not in",
        "is",
        "is not",
        "and",
        "or",
        "not",
        "if",
        "else",
    ),
    *(
        "(",
        ")",
        "(1, 2)",
        "['a']",
        ",",
        ".",
        ":",
        "=",
        ":=",
        "lambda",
        "await",
        "[",
        "]",
        "{",
        "}",
        "@",
        "~",
        "&",
        "|",
        "\n",
        "#",
    ),
    *(
        "coalesce(",
        "if_else(",
        "cast(",
        "utf8_upper(",
        "round(",
        "pattern=",
        "ndigits=",
        "*",
        "**",
        "f'{i}'",
        "b''",
        "1j",
        "...",
    ),
)


@given(st.lists(st.sampled_from(TOKENS), max_size=14).map(" ".join))
def test_any_words_compile_or_say_why(text):
    """So is any row of words of the language."""
    assert_compiles_or_says_why(text)


@given(st.sampled_from(sorted(COMPOUNDS)).flatmap(lambda kind: expressions(kind, 2)), st.randoms(use_true_random=False))
def test_a_slip_compiles_or_says_why(text, chance):
    """So is an expression in which a character was lost, doubled, or mistyped."""
    place = chance.randrange(len(text))
    cut = text[:place] + text[place + 1 :]
    doubled = text[:place] + text[place] + text[place:]
    mistyped = text[:place] + chance.choice("()'\"=.,é\n\\ 0") + text[place + 1 :]
    for slip in (cut, doubled, mistyped):
        assert_compiles_or_says_why(slip)


@FEW
@given(st.sampled_from("([{-~!'\"n"), st.integers(1, 4_000), st.integers(0, 2**32))
def test_any_nesting_compiles_or_says_why(opening, depth, seed):
    """So is text that nests deeper than the parser, the compiler or the stack can go."""
    chance = random.Random(seed)
    repeated = {"n": "not "}.get(opening, opening)
    text = "".join(repeated if chance.random() < 0.98 else chance.choice(TOKENS) + " " for _ in range(depth))
    assert_compiles_or_says_why(text + "i")
