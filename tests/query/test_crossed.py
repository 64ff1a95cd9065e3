"""Literals, columns and functions of every kind crossed with each other: a value, or a mistake with its place.

Nothing here says which of the two: that is in the tests of what each does. A traceback is neither.
50,000 expressions in all: what two kinds do to each other is not to be foreseen.
"""

import itertools

import pyarrow as pa
import pytest

from fastxform.datatypes.logical import arrow_type, parse_type
from fastxform.query import functions, named
from fastxform.query.compiler import compile_expression
from fastxform.query.terms import ExpressionError

TYPES = [
    "auto", "string", "int64", "float64", "decimal(38,38)", "decimal(38,0)", "decimal(5,2)", "bool", "timestamp[s]",
    "timestamp[us]", "date", "json", "binary",
]  # fmt: skip
COLUMNS = {f"c{index}": parse_type(name) for index, name in enumerate(TYPES)}
LITERALS = [
    "None", "True", "0", "3", "-1", "9223372036854775807", "0.1", "1e300", "1e-300",
    "99999999999999999999999999999999999999.0",
    "1e" + "9" * 20, "1e-" + "9" * 20, "'x'", "''", "'2022-01-01'", "'('", "'%'",
]  # fmt: skip
FEW = ["c1", "c2", "c3", "c4", "c7", "c9", "c10", "c12", "None", "3", "0.1", "1e300", "'x'", "True"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", ">=", "and", "or", "in"]
FUNCTIONS = sorted({*functions.FUNCTIONS, *named.NAMED})


def outcome(text):
    """Compile an expression and run it on two rows of nulls: True if it has values, False if it is a mistake."""
    try:
        expression = compile_expression(text, COLUMNS)
    except ExpressionError as error:
        assert error.message
        assert 0 <= error.column_offset <= len(text)
        return False
    batch = {name: pa.nulls(2, arrow_type(COLUMNS[name])) for name in expression.names}
    values, _ = expression.evaluate_rows(batch, 2, 1_700_000_000_000)
    assert len(values) == 2
    return True


def test_two_terms_and_an_operator():
    """Each column and literal with each."""
    terms = [*COLUMNS, *LITERALS]
    found = [outcome(f"{left} {op} {right}") for op in OPERATORS for left, right in itertools.product(terms, FEW)]
    found += [outcome(f"{right} {op} {left}") for op in OPERATORS for left, right in itertools.product(terms, FEW)]
    assert {True, False} == set(found)


def test_branches():
    """What one branch holds is a value of the other, or the two do not go together."""
    for left, right in itertools.product([*COLUMNS, *LITERALS], repeat=2):
        outcome(f"{left} if c7 else {right}")
        outcome(f"if_else(True, {left}, {right})")
        outcome(f"coalesce({left}, {right})")
        outcome(f"max_element_wise({left}, {right})")
        outcome(f"c7 and {left} in [{right}, {left}]")


@pytest.mark.parametrize("part", range(4))
def test_functions(part):
    """Each function of nothing, of each term, of two and of three of some, and with an option that it may have."""
    for name in FUNCTIONS[part::4]:
        outcome(f"{name}()")
        for term in [*COLUMNS, *LITERALS]:
            outcome(f"{name}({term})")
            outcome(f"{name}(-{term})")
        for left, right in itertools.product(FEW, repeat=2):
            outcome(f"{name}({left}, {right})")
        for first, second in itertools.product(FEW[:4], FEW[6:]):
            outcome(f"{name}({first}, {second}, {second})")
            outcome(f"{name}({first}, {second}, {second}, {first})")
    for name in FUNCTIONS[part::4]:
        options = named.NAMED[name].function.options if name in named.NAMED else functions.FUNCTIONS[name].options
        for option in options:
            for value in LITERALS:
                outcome(f"{name}(c1, {option}={value})")
                outcome(f"{name}(c2, {option}={value})")
                outcome(f"{name}(c9, {option}={value})")


@pytest.mark.parametrize(
    "text",
    [
        "max_element_wise(c4, 3)",
        "coalesce(c4, 3)",
        "if_else(True, c4, 5)",
        "c4 if c2 == 1 else 7",
        "c4 == 1e" + "9" * 400,
        "c4 == 1e-" + "9" * 400,
    ],
)
def test_a_number_that_has_no_room_is_a_mistake(text):
    """38 digits behind the point leave none before it."""
    assert not outcome(text)
