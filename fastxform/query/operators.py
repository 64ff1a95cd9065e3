"""The operators of expressions but for arithmetic: comparison, `in`, `is`, logic, the conditional.

Each takes typed terms, says in one line what does not go together, and gives a term of Arrow kernels. Invariant: null
is a value for `==`, `!=` and `in`, as in Python; elsewhere it gives null, but where `and` or `or` is settled without
it; and an operand that Python would not look at for a row cannot make that row fail.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

import pyarrow as pa

from fastxform.core.json_text import canonical, is_json, quote
from fastxform.core.kernels import call, cast, nulls, options, true_rows
from fastxform.datatypes.logical import MAX_PRECISION, Type, arrow_type
from fastxform.query.terms import (
    BOOL,
    NUMBERS,
    TEXTS,
    Datum,
    Frame,
    Term,
    common_type,
    constant,
    converted,
    decimal_shape,
    derived,
    describe,
    mismatch,
    nearest_float,
    shorten,
)
from fastxform.query.terms import ExpressionError as Error

_EQUALITY: Final = {"==": "equal", "!=": "not_equal"}
_KERNELS: Final = _EQUALITY | {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
_MAYBE_NESTED: Final = frozenset({"auto", "json"})
"""What may hold objects and lists."""

_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

_EXACT_INTEGERS: Final = 2.0**53
"""Every int64 up to this size is a float64."""
_INT64_END: Final = 2.0**63
"""The first float64 above each int64."""

Binary = Callable[[Datum, Datum], Datum]


def compare(op: str, left: Term, right: Term, offset: int) -> Term:
    """Return `left op right`, a bool; numbers are compared by their exact value whatever their types."""
    if left.type is None or right.type is None:
        if op in _EQUALITY:
            return is_none(left if right.type is None else right, offset, negate=op == "!=")
        raise Error(f"None has no order: `{op}` cannot take it; write `is None`", offset)
    _check_json(op, left, right)
    function, left, right = _comparison(op, left, right)
    return derived(BOOL, offset, [left, right], _null_as_value(op, function) if op in _EQUALITY else function)


def _check_json(op: str, left: Term, right: Term) -> None:
    """Refuse to order JSON, whose text has an order of no use, and to compare it with a text that is none."""
    if "json" not in (left.kind, right.kind):
        return
    if op not in _EQUALITY:
        json, other = (left, right) if left.kind == "json" else (right, left)
        wanted = "int64" if other.kind in TEXTS else str(other.type)
        raise Error(
            f'JSON has no order: `{op}` cannot take it; give its column a type, as type = "{wanted}"', json.offset
        )
    for term in (left, right):
        text = term.constant.value if term.constant and term.kind == "string" else None
        if isinstance(text, str) and not is_json(text.encode()):
            remedy = f"write {shorten(quote(text))}"
            raise Error(
                f"{shorten(text)} is no JSON, and so no value of a json column equals it; {remedy}", term.offset
            )


def is_none(term: Term, offset: int, *, negate: bool) -> Term:
    """Return `term is None`, or with `negate` `term is not None`."""
    kernel = "is_valid" if negate else "is_null"
    return derived(BOOL, offset, [term], lambda value: call(kernel, [value]))


def _null_as_value(op: str, function: Binary) -> Binary:
    """Return the equality with null as a value: one kernel more where a side has one, four where both have."""

    def run(left: Datum, right: Datum) -> Datum:
        result = function(left, right)
        left_has, right_has = _has_nulls(left), _has_nulls(right)
        if not left_has and not right_has:
            return result
        where_null = pa.scalar(op == "!=", pa.bool_())
        if left_has and right_has:
            where_null = call(_EQUALITY[op], [call("is_null", [left]), call("is_null", [right])])
        return call("coalesce", [result, where_null])

    return run


def _has_nulls(value: Datum) -> bool:
    return not value.is_valid if isinstance(value, pa.Scalar) else value.null_count > 0


def _comparison(op: str, left: Term, right: Term) -> tuple[Binary, Term, Term]:
    """Return the function that compares without looking at nulls, and the two terms that it is to be given."""
    kinds = {left.kind, right.kind}
    if kinds == {"int64", "float64"}:
        return _mixed_comparison(op, left, right)
    target = common_type("compare", [left, right]) or BOOL
    if target.kind == "decimal":
        return _decimal_comparison(op, left, right, target)
    if op in _EQUALITY and (kinds <= _MAYBE_NESTED or "json" in kinds):
        return _by_value(op, "json" in kinds), left, right
    return _kernel(op), converted(left, target), converted(right, target)


def _by_value(op: str, is_json: bool) -> Binary:
    """Compare JSON texts by their values, where they differ as texts; `auto` ones where both are objects or lists."""
    kernel = _kernel(op)

    def run(left: Any, right: Any) -> Datum:
        result: Any = kernel(left, right)
        if isinstance(result, pa.Scalar):
            if result.as_py() is (op == "!=") and _same_value(left.as_py(), right.as_py(), is_json):
                return pa.scalar(op == "==", pa.bool_())
            return result
        different = result if op == "!=" else call("invert", [result])
        rows = true_rows(different)
        if not rows:
            return result
        given = [value.as_py() if isinstance(value, pa.Scalar) else value for value in (left, right)]
        values = result.to_pylist()
        for row in rows:
            one, other = (value if isinstance(value, str) else value[row].as_py() for value in given)
            if _same_value(one, other, is_json):
                values[row] = op == "=="
        return pa.array(values, pa.bool_())

    return run


def _same_value(one: str, other: str, is_json: bool) -> bool:
    if not is_json and not (one.startswith(("{", "[")) and other.startswith(one[:1])):
        return False
    return canonical(one) == canonical(other)


def _kernel(op: str) -> Binary:
    name = _KERNELS[op]
    return lambda left, right: call(name, [left, right])


def _decimal_comparison(op: str, left: Term, right: Term, target: Type) -> tuple[Binary, Term, Term]:
    shapes = decimal_shape(left), decimal_shape(right)
    kernel = _kernel(op)
    if all(shape.precision - shape.scale <= target.precision - target.scale for shape in shapes):
        return kernel, converted(left, target), converted(right, target)
    # The common type was cut to 38 digits; twice as many hold any two decimals.
    wide = pa.decimal256(2 * MAX_PRECISION, target.scale)
    return lambda a, b: kernel(cast(a, wide), cast(b, wide)), converted(left, shapes[0]), converted(right, shapes[1])


def _mixed_comparison(op: str, left: Term, right: Term) -> tuple[Binary, Term, Term]:
    """Compare int64 with float64: a literal as the type of the other side if that holds it, else both exactly."""
    literal, other = (left, right) if left.constant else (right, left)
    numbers = _same_numbers(literal, other.kind) if literal.constant else []
    if numbers:
        same = constant(numbers[0], literal.offset)
        return _kernel(op), *((same, right) if literal is left else (left, same))
    if left.kind == "int64":
        return lambda a, b: _compare_exactly(op, a, b), left, right
    return lambda a, b: _compare_exactly(_MIRRORED[op], b, a), left, right


def _same_numbers(literal: Term, kind: str) -> list[int | float]:
    """Return the number of the literal as int64 or float64, no number where the type does not have it."""
    number: Any = literal.constant and literal.constant.value
    if kind == "float64":
        return [float(number)] if float(number) == number else []
    return [int(number)] if number == int(number) and -(2**63) <= number < 2**63 else []


def _compare_exactly(op: str, integers: Datum, floats: Datum) -> Datum:
    """Compare as float64; rounding never reverses an order, but where it makes a tie, as int64."""
    nearest = nearest_float(integers)
    result = call(_KERNELS[op], [nearest, floats])
    large = call("greater_equal", [call("abs", [nearest]), _EXACT_INTEGERS])
    tie = call("and", [large, call("equal", [nearest, floats])])
    if not call("any", [tie]).as_py():
        return result
    in_range = call("and", [tie, call("less", [floats, _INT64_END])])
    held = cast(call("if_else", [in_range, floats, pa.scalar(None, pa.float64())]), pa.int64())
    out_of_range = op in ("!=", "<", "<=")
    exact = call("coalesce", [call(_KERNELS[op], [integers, held]), out_of_range])
    return call("if_else", [tie, exact, result])


def contains(left: Term, items: Sequence[Term], offset: int, *, negate: bool) -> Term:
    """Return `left in items`, or `not in`; items are literals, and null is a value."""
    if left.type is None:
        raise Error("None is on the left of `in`; write a column there", offset)
    for item in items:
        _check_json("==", left, item)
    values = [value for item in items for value in _members(left, item)]
    is_json = left.kind == "json"
    if is_json:
        values = [None if value is None else canonical(value) for value in values]
    lookup = options.SetLookupOptions(pa.array(values, arrow_type(left.type)), skip_nulls=False)

    def run(value: Datum) -> Datum:
        is_member = call("is_in", [_canonical_texts(value) if is_json else value], lookup)
        return call("invert", [is_member]) if negate else is_member

    return derived(BOOL, offset, [left], run)


def _canonical_texts(value: Datum) -> Datum:
    if isinstance(value, pa.Scalar):
        text = value.as_py()
        return pa.scalar(None if text is None else canonical(text), pa.string())
    return pa.array([None if text is None else canonical(text) for text in value.to_pylist()], pa.string())


def _members(left: Term, item: Term) -> list[Any]:
    """Return the values of the left side's type that equal the literal: none where the type cannot hold it."""
    target = common_type("compare", [left, item]) or BOOL
    if item.type is None:
        return [None]
    if left.kind == "decimal":
        return _same_decimals(item, left.known_type)
    if left.kind in NUMBERS:
        numbers = _same_numbers(item, left.kind)
        # Arrow's table of values tells the two zeros of float64 apart, which are equal.
        return [0.0, -0.0] if left.kind == "float64" and numbers == [0] else numbers
    value = converted(item, target).constant
    return [value and value.value]


def _same_decimals(literal: Term, held: Type) -> list[Decimal]:
    """Return the number of the literal as a decimal of the type, none where the type does not have it."""
    written = None if literal.constant is None else literal.constant.digits
    if written is None or written.adjusted() > MAX_PRECISION:
        return []
    with localcontext(prec=10 * MAX_PRECISION):
        scaled = written.quantize(Decimal(1).scaleb(-held.scale))
        return [scaled] if scaled == written and len(scaled.as_tuple().digits) <= held.precision else []


def negation(term: Term, offset: int) -> Term:
    """Return `not term`; of null it is null."""
    return derived(BOOL, offset, [truth(term, "not")], lambda value: call("invert", [value]))


def junction(word: str, terms: Sequence[Term], offset: int) -> Term:
    """Return the terms joined by `and` or `or`, by Kleene's tables.

    A term that could raise is computed for those rows alone that the terms before it leave open, as Python does.
    """
    kernel = f"{word}_kleene"
    checked = [truth(term, word) for term in terms]

    def run(frame: Frame) -> Datum:
        result = checked[0].run(frame)
        for term in checked[1:]:
            result = call(kernel, [result, _open_rows(frame, word, result, term) if term.raises else term.run(frame)])
        return result

    names = frozenset[str]().union(*(term.names for term in checked))
    return Term(BOOL, run, offset, names, any(term.raises for term in checked))


def _open_rows(frame: Frame, word: str, settled: Datum, term: Term) -> Datum:
    known = call("coalesce", [frame.full(settled), pa.scalar(word == "and", pa.bool_())])
    return _where(frame, known if word == "and" else call("invert", [known]), term)


def truth(term: Term, word: str) -> Term:
    """Return the term if it is true or false, as `word` needs it; the literal None is neither, but allowed."""
    if term.type is None:
        return converted(term, BOOL)
    if term.kind == "bool":
        return term
    other = "0" if term.kind in NUMBERS else "''" if term.kind in TEXTS else "None"
    remedy = "" if term.kind == "auto" else f"; compare it, e.g. with `!= {other}`"
    raise mismatch(term, f"`{word}` takes true or false, not {describe(term)}{remedy}", "bool")


def conditional(condition: Term, yes: Term, no: Term, offset: int, *, keeps_null: bool = False) -> Term:
    """Return `yes if condition else no`; a branch is computed only for the rows that take it.

    A null condition is not true; with `keeps_null` it gives null.
    """
    condition = truth(condition, "if")
    target = common_type("choose between", [yes, no])
    if target is None:
        raise Error("both branches are None, which has no type", offset)
    yes, no = converted(yes, target), converted(no, target)

    def run(frame: Frame) -> Datum:
        chosen = frame.full(condition.run(frame))
        is_true = call("coalesce", [chosen, pa.scalar(False, pa.bool_())])
        if not keeps_null:
            chosen = is_true
        left = _where(frame, is_true, yes) if yes.raises else yes.run(frame)
        is_false = call("coalesce", [call("invert", [chosen]), pa.scalar(False, pa.bool_())]) if no.raises else None
        right = no.run(frame) if is_false is None else _where(frame, is_false, no)
        return call("if_else", [chosen, left, right])

    names = condition.names | yes.names | no.names
    return Term(target, run, offset, names, condition.raises or yes.raises or no.raises)


def _where(frame: Frame, mask: pa.BooleanArray, term: Term) -> Datum:
    """Return the term for the rows where the mask is true, and null for the others, which it never sees."""
    if mask.true_count == frame.length or frame.trial:
        return term.run(frame)
    nothing = nulls(frame.length, arrow_type(term.known_type))
    if not mask.true_count:
        return nothing
    rows = frame.rows(mask, term.names)
    return call("replace_with_mask", [nothing, mask, rows.full(term.run(rows))])
