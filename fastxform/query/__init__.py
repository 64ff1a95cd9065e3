"""JMESPath to a projection plan, and Python expressions over column names to Arrow kernels.

The text of an expression is parsed by `ast` and never run by Python; a node, an operator or a function that this
package does not name is refused. Invariant: a compiled expression gives one value of its type per row, or raises
`pa.ArrowException` where there is a row that it cannot compute.
"""
