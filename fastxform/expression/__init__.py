"""`where` and `expr`: Python expression syntax over column names, compiled to Arrow kernels.

The text is parsed by `ast` and never run by Python; a node, an operator or a function that this package does not name
is refused. Invariant: a compiled expression gives one value of its type per row, or raises `pa.ArrowException` where
there is a row that it cannot compute.
"""

from fastxform.datatypes import arrow_type
from fastxform.expression.compiler import Expression, compile_condition, compile_expression
from fastxform.expression.terms import ExpressionError

__all__ = ["Expression", "ExpressionError", "arrow_type", "compile_condition", "compile_expression"]
