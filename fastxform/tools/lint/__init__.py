"""What can be said of a transform before a record is there: doubtful places, and tables that do not agree with it.

Mistakes are not found here, a `Spec` has none. Invariant: the same file gives the same findings in the same order.
"""

from fastxform.tools.lint.agreement import compare
from fastxform.tools.lint.definitions import DefinedColumn, Definition, read_definitions
from fastxform.tools.lint.finding import Finding
from fastxform.tools.lint.rules import lint

__all__ = ["DefinedColumn", "Definition", "Finding", "compare", "lint", "read_definitions"]
