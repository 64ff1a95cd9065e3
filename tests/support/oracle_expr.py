"""Expressions for the oracle: `where` and `expr`, one row at a time, over Python's own syntax tree.

A null is None, an int64 an int, a float64 a float, text a str. What the oracle does not know raises
`NotImplementedError`, so that a test notices. Invariant: `and`, `or` and chains of comparisons stop where Python's do,
so that a guard guards, and `if_else` computes what it takes; every argument of another call is computed, so that one
that raises fails its row.
"""

import ast
import datetime
import hashlib
import hmac
import math
import operator
import os

from oracle_json import equal_texts


class ExpressionError(Exception):
    """A checked kernel would raise for this row: overflow, division by zero, a number that no float64 holds exactly."""


def names_in(expression):
    """The columns that an expression names."""
    nodes = list(ast.walk(_parse(expression)))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    functions = [node.func for node in calls]
    names = [node.args[0].value for node in calls if node.func.id == "col"]
    return names + [node.id for node in nodes if isinstance(node, ast.Name) and node not in functions]


def evaluate(expression, lookup, now_ms, tables=None):
    """Compute the expression for one row; `lookup` gives a column's value by its name.

    `tables` are what the function `lookup` looks into: for each name the columns of each key.
    """
    return _Row(lookup, now_ms, tables or {}).value(_parse(expression))


def _parse(expression):
    return ast.parse(expression.strip(), mode="eval").body


class _Row:
    def __init__(self, lookup, now_ms, tables):
        self.tables = tables
        self.lookup = lookup
        self.now_ms = now_ms

    def value(self, node):
        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.Name(id=name):
                return self.lookup(name)
            case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=name)]):
                return self.lookup(name)
            case ast.Call():
                return self.call(node)
            case ast.BoolOp(op=ast.And(), values=operands):
                return kleene_and(self.value(operand) for operand in operands)
            case ast.BoolOp(op=ast.Or(), values=operands):
                return negate(kleene_and(negate(self.value(operand)) for operand in operands))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return negate(self.value(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return arithmetic(operator.sub, 0, self.value(operand), negation=True)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand)
            case ast.BinOp(op=op, left=left, right=right):
                return arithmetic(_ARITHMETIC[type(op)], self.value(left), self.value(right))
            case ast.Compare():
                return self.compare(node)
        raise NotImplementedError(ast.dump(node))

    def compare(self, node):
        """`a < b < c` is `a < b and b < c`."""
        return kleene_and(self.steps(node))

    def steps(self, node):
        left = self.value(node.left)
        for op, operand in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, (ast.In, ast.NotIn)):
                found = any(equal(left, self.value(item)) for item in operand.elts)
                yield found == isinstance(op, ast.In)
                continue
            right = self.value(operand)
            if isinstance(op, (ast.Eq, ast.Is)):
                yield equal(left, right)
            elif isinstance(op, (ast.NotEq, ast.IsNot)):
                yield not equal(left, right)
            elif left is None or right is None:
                yield None
            else:
                yield _ORDER[type(op)](left, right)
            left = right

    def call(self, node):
        name = node.func.id
        if name == "if_else":
            condition = self.value(node.args[0])
            return None if condition is None else self.value(node.args[1 if condition else 2])
        arguments = [self.value(argument) for argument in node.args]
        options = {keyword.arg: keyword.value.value for keyword in node.keywords}
        if name == "now_ms":
            return self.now_ms
        if name == "lookup":
            return self.look_up(*arguments, **options)
        if name == "coalesce":
            return next((argument for argument in arguments if argument is not None), None)
        if name not in _FUNCTIONS:
            raise NotImplementedError(name)
        return None if None in arguments else _FUNCTIONS[name](*arguments, **options)

    def look_up(self, name, key, column=None):
        """The text of a column in the row of a key; the column that is no key where the call names none."""
        row = {} if key is None else self.tables[name].get(str(key), {})
        return row.get(column) if column else next(iter(row.values()), None)


def kleene_and(operands):
    """Stops at the first that is false, as Python does: what stands after it is not computed, so it cannot fail."""
    known = True
    for operand in operands:
        if operand is False:
            return False
        if operand is None:
            known = None
    return known


def negate(operand):
    return None if operand is None else not operand


def equal(left, right):
    """Equality with null as a value: it equals itself and nothing else."""
    if left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return equal_texts(left, right)
    return left == right


def arithmetic(operation, left, right, negation=False):
    if left is None or right is None:
        return None
    if operation is operator.truediv:
        left, right = to_float(left), to_float(right)
        if right == 0:
            raise ExpressionError
    elif negation and isinstance(right, float):
        return -right
    if isinstance(left, float) or isinstance(right, float):
        left, right = to_float(left), to_float(right)
        try:
            found = operation(left, right)
        except OverflowError:
            raise ExpressionError from None
        if not math.isfinite(found):
            raise ExpressionError
        return found
    if not (is_int(left) and is_int(right)):
        raise NotImplementedError(f"{operation.__name__} of {type(left).__name__} and {type(right).__name__}")
    return checked(operation(left, right))


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def to_float(value):
    """The nearest float64."""
    return float(value)


def checked(value):
    if not -(2**63) <= value < 2**63:
        raise ExpressionError
    return value


_ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
_ORDER = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}


def _upper(text):
    """Code point by code point; where the full mapping is longer, the title case letter or the letter itself."""
    return "".join([_single(char.upper(), char.title(), {"ß": "ẞ"}.get(char, char)) for char in text])


def _lower(text):
    return "".join([_single(char.lower(), char.lower()[0]) for char in text])


def _single(*candidates):
    return next(candidate for candidate in candidates if len(candidate) == 1)


def _cast(value, target_type):
    """The day of a point in time; no other cast is known."""
    if target_type != "date" or not hasattr(value, "micros"):
        raise NotImplementedError(f"cast to {target_type}")
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=value.micros // 86_400_000_000)


_FUNCTIONS = {
    "cast": _cast,
    "utf8_upper": _upper,
    "utf8_lower": _lower,
    "utf8_length": len,
    "utf8_trim_whitespace": str.strip,
    "starts_with": lambda text, pattern: text.startswith(pattern),
    "ends_with": lambda text, pattern: text.endswith(pattern),
    "match_substring": lambda text, pattern: pattern in text,
    "upper": _upper,
    "length": len,
    "strip": str.strip,
    "contains": lambda text, pattern: pattern in text,
    "replace": lambda text, pattern, replacement: text.replace(pattern, replacement),
    "split_part": lambda text, mark, index: dict(enumerate(text.split(mark))).get(index),
    "substring": lambda text, start, stop: text[start:stop],
    "truncate_bytes": lambda text, length: text.encode()[:length].decode(errors="ignore"),
    "sha256": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "hmac_sha256": lambda text, key: hmac.new(os.environb[key.encode()], text.encode(), hashlib.sha256).hexdigest(),
    "mask": lambda text, keep=4: "*" * (len(text) - keep) + text[-keep:] if len(text) > keep else "*" * len(text),
    "abs_checked": lambda value: abs(value) if isinstance(value, float) else checked(abs(value)),
}
