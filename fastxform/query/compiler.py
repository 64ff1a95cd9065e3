"""The text of an expression, parsed and walked node by node into a term.

What operators and functions mean is defined beside this module. Invariant: whatever the text, the outcome is an
`Expression` or an `ExpressionError` of one line, never a crash of the parser or a stack that ran out.
"""

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from keyword import iskeyword
from typing import Any, Final

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.structs import Struct
from fastxform.datatypes.logical import Type, arrow_type
from fastxform.errors import near
from fastxform.query import arithmetic, operators
from fastxform.query.calls import Given, fit
from fastxform.query.elsewhere import operator_elsewhere
from fastxform.query.functions import FUNCTIONS, unknown_function
from fastxform.query.lookup_tables import LookupTable
from fastxform.query.lookups import NAME as LOOKUP
from fastxform.query.lookups import lookup
from fastxform.query.named import NAMED, find
from fastxform.query.refusals import Refusals
from fastxform.query.terms import INT64, STRING, ExpressionError, Frame, Term, constant, shorten

TEXT_LIMIT_CHARACTERS: Final = 10_000
DEPTH_LIMIT: Final = 100
"""Nodes within nodes; the walk and `evaluate` take some frames of Python's stack, of 1,000, for each."""
LIST_LIMIT: Final = 1_000
"""Values on the right side of `in`."""

NO_LOOKUPS: Final[Mapping[str, LookupTable]] = {}
"""The tables of a configuration without look-ups."""

_SHOWN_CHARACTERS: Final = 40
_TRIAL_MS: Final = 1_700_000_000_000
"""What `now_ms()` gives when an expression is tried: a time like those it will see, the same on each run."""

_ARITHMETIC: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_REFUSED: Final[dict[type[ast.AST], str]] = {
    ast.Attribute: "a name with a dot is not allowed; a path belongs in [columns], and col('a.b') names a column",
    ast.Subscript: "[...] is not allowed; substring(text, 0, 3) is a part of text",
    ast.List: "a list is allowed on the right side of `in` alone",
    ast.Tuple: "a tuple is allowed on the right side of `in` alone",
    ast.Set: "a set is allowed on the right side of `in` alone",
    ast.Dict: "a dict is not allowed",
    ast.Lambda: "lambda is not allowed",
    ast.JoinedStr: "an f-string is not allowed; join text with +",
    ast.NamedExpr: "an assignment (:=) is not allowed; write == to compare",
    ast.Starred: "a star is not allowed",
    ast.Await: "await is not allowed",
    ast.Yield: "yield is not allowed",
    ast.YieldFrom: "yield is not allowed",
    ast.BitAnd: "& is not allowed; write `and`, or bit_wise_and(a, b)",
    ast.BitOr: "| is not allowed; write `or`, or bit_wise_or(a, b)",
    ast.BitXor: "^ is not allowed; write **, or bit_wise_xor(a, b)",
    ast.LShift: "<< is not allowed",
    ast.RShift: ">> is not allowed",
    ast.MatMult: "@ is not allowed",
    ast.Invert: "~ is not allowed; write `not`, or bit_wise_not(a)",
}
_WORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else", "True", "False", "None"})
_WORDS_ELSEWHERE: Final = {"true": "True", "false": "False"} | dict.fromkeys(
    ("null", "none", "nil", "NULL", "nan"), "None"
)


class Expression(Struct, frozen=True):
    """A compiled expression: `names` are the columns it reads, `type` is what it gives, never `auto`.

    `secrets` are the variables of the environment whose values it takes.
    """

    text: str
    names: frozenset[str]
    type: Type
    secrets: frozenset[str]
    _term: Term

    def evaluate(self, columns: Mapping[str, pa.Array], length: int, now_ms: int) -> pa.Array:
        """Return one value per row; `columns` has at least `names`, each `length` rows long.

        Raises:
            pa.ArrowException: a row has a value that is refused; the message may quote it and must not be logged.
        """
        return self._run(Frame(columns, length, pa.scalar(now_ms, pa.int64())))

    def evaluate_rows(self, columns: Mapping[str, pa.Array], length: int, now_ms: int) -> tuple[pa.Array, list[int]]:
        """Return one value per row, and the rows that have a value which is refused, null in it.

        Its cost is linear in the rows, whatever is refused; where nothing is, `evaluate` is cheaper.
        """
        refusals = Refusals()
        frame = Frame(columns, length, pa.scalar(now_ms, pa.int64()), False, refusals, range(length))
        result = self._run(frame)
        refused = sorted(refusals.rows)
        if refused:
            mask = [True] * length
            for row in refused:
                mask[row] = False
            result = kernels.call("if_else", [pa.array(mask, pa.bool_()), result, pa.scalar(None, result.type)])
        return result, refused

    def _run(self, frame: Frame) -> pa.Array:
        if not frame.length:
            return pa.array([], arrow_type(self.type))
        result = frame.full(self._term.run(frame))
        if len(result) != frame.length:
            raise pa.ArrowInvalid(f"{len(result)} values for {frame.length} rows")
        return result


def compile_expression(
    text: str, columns: Mapping[str, Type], lookups: Mapping[str, LookupTable] = NO_LOOKUPS
) -> Expression:
    """Compile an expression over columns of the given types, and tables of look-ups by their names.

    Raises:
        ExpressionError: the expression cannot be used.
    """
    return _compile(text, columns, lookups, lambda term: term)


def compile_condition(
    text: str, columns: Mapping[str, Type], lookups: Mapping[str, LookupTable] = NO_LOOKUPS
) -> Expression:
    """Compile a `where`: an expression that is true or false.

    Raises:
        ExpressionError: the expression cannot be used, or is of another type.
    """
    return _compile(text, columns, lookups, lambda term: operators.truth(term, "where"))


def _compile(
    text: str, columns: Mapping[str, Type], lookups: Mapping[str, LookupTable], check: Callable[[Term], Term]
) -> Expression:
    try:
        compiler = _Compiler(text, columns, lookups)
        term = compiler.compile()
        if term.type is None:
            raise ExpressionError("the expression is always null, which has no type", term.offset)
        term = check(term)
        _try(term, columns)
    except ExpressionError as error:
        raise ExpressionError(error.message, error.column_offset, text) from None
    # An auto column is text here, no longer the value as it stands in the record.
    result = STRING if term.kind == "auto" else term.known_type
    return Expression(text, term.names, result, frozenset(compiler.secrets), term)


def _try(term: Term, columns: Mapping[str, Type]) -> None:
    """Run every kernel once on a row of nulls, so that no record is the first to meet a constant that overflows."""
    result_type = term.known_type
    nulls = {name: kernels.nulls(1, arrow_type(columns[name])) for name in term.names}
    frame = Frame(nulls, 1, pa.scalar(_TRIAL_MS, pa.int64()), trial=True)
    try:
        result = frame.full(term.run(frame))
    except pa.ArrowException as error:
        raise ExpressionError(f"the expression fails for each row: {error}", term.offset) from None
    if result.type != arrow_type(result_type):
        raise ExpressionError(f"the expression gives {result.type}, not {result_type}", term.offset)


def _toml_key(written: str) -> str:
    """Return a literal as the key of a table: without its quotes where TOML needs none."""
    bare = written[1:-1] if written[:1] in ("'", '"') else written
    return bare if re.fullmatch(r"[A-Za-z0-9_-]+", bare) else written


def _control_message(char: str) -> str:
    spelling = {"\b": r" (TOML reads \b so)", "\f": r" (TOML reads \f so)"}.get(char, "")
    return (
        f"the expression holds the control character {char!a}{spelling}; "
        "in single quotes, '...' or '''...''', TOML keeps backslashes"
    )


def _too_deep(offset: int) -> ExpressionError:
    return ExpressionError(f"the expression nests deeper than {DEPTH_LIMIT} levels", offset)


class _Compiler:
    """The walk over the syntax tree of one expression; a place is an index of its text."""

    def __init__(self, text: str, columns: Mapping[str, Type], lookups: Mapping[str, LookupTable]) -> None:
        self.text = text
        self.columns = columns
        self.lookups = lookups
        self.secrets: set[str] = set()
        self.skipped = len(text) - len(text.lstrip())
        # Where the lines start for Python's tokenizer; `splitlines` knows more ends of lines.
        self.starts = [
            self.skipped,
            *(end.end() for end in re.finditer(r"\r\n|\r|\n", text) if end.end() > self.skipped),
        ]

    def compile(self) -> Term:
        """Return the term of the whole expression."""
        if not self.text.strip():
            raise ExpressionError("the expression is empty")
        control = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", self.text)
        if control:
            raise ExpressionError(_control_message(control[0]), control.start())
        if len(self.text) > TEXT_LIMIT_CHARACTERS:
            limit = f"the expression is longer than {TEXT_LIMIT_CHARACTERS} characters"
            raise ExpressionError(limit, TEXT_LIMIT_CHARACTERS)
        tree = self.parse()
        self.limit_depth(tree)
        return self.visit(tree)

    def parse(self) -> ast.expr:
        """Return the syntax tree."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # of a backslash that means nothing
                return ast.parse(self.text[self.skipped :], mode="eval").body
        except SyntaxError as error:
            raise self.syntax_error(error) from None
        except (RecursionError, MemoryError):  # what the parser raises for its own stack
            raise _too_deep(self.skipped) from None
        except ValueError as error:
            raise ExpressionError(f"this is no text: {error}", self.skipped) from None

    def limit_depth(self, tree: ast.expr) -> None:
        """Refuse a tree that would take too much of the stack; level by level, which takes none."""
        level: list[ast.AST] = [tree]
        for _ in range(DEPTH_LIMIT):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            if not level:
                return
        raise _too_deep(next((self.offset(node) for node in level if isinstance(node, ast.expr)), self.skipped))

    def position(self, line: int, column_bytes: int) -> int:
        """Return the place of a line, from 1, and a column, which `ast` counts in bytes of UTF-8."""
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column_bytes].decode())

    def offset(self, node: ast.expr | ast.keyword) -> int:
        """Return the place where the node starts."""
        return self.position(node.lineno, node.col_offset)

    def written(self, node: ast.expr) -> str:
        """Return the text of the node."""
        return self.text[self.offset(node) : self.position(node.end_lineno or node.lineno, node.end_col_offset or 0)]

    def syntax_error(self, error: SyntaxError) -> ExpressionError:
        """Return the error of the parser, with the remedy where another language was meant."""
        message = error.msg or "invalid syntax"
        line = min(max(error.lineno or 1, 1), len(self.starts))
        offset = min(self.starts[line - 1] + max((error.offset or 1) - 1, 0), len(self.text.rstrip()))
        if "escape sequence" in message or "codec can't decode" in message:
            return ExpressionError(r"a backslash in text needs an r before its quote, as in r'\d+'", offset)
        if "Exceeds the limit" in message:
            return ExpressionError("a number has too many digits", offset)
        if "too many nested parentheses" in message or "too complex" in message:
            return _too_deep(offset)
        for name in self.columns:
            if iskeyword(name) and name not in _WORDS and re.search(rf"(?<![\w'\"]){name}(?![\w'\"])", self.text):
                return ExpressionError(f"{name} is a word of the language; write col({name!r}) for the column", offset)
        found = operator_elsewhere(self.text, offset)
        if found is not None:
            return ExpressionError(f"{found[0]} is no operator here; write {found[1]}", offset)
        if len(self.text.split("\n")) > 1:
            message += " (over several lines, an expression needs parentheses around it)"
        return ExpressionError(message, offset)

    def visit(self, node: ast.expr) -> Term:
        """Return the term of a node."""
        offset = self.offset(node)
        match node:
            case ast.Constant():
                return self.literal(node, offset)
            case ast.Name():
                return self.column(node.id, offset)
            case ast.BoolOp():
                word = "and" if isinstance(node.op, ast.And) else "or"
                return operators.junction(word, [self.visit(value) for value in node.values], offset)
            case ast.UnaryOp():
                return self.unary(node, offset)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                left, right = self.visit(node.left), self.visit(node.right)
                return arithmetic.arithmetic(_ARITHMETIC[type(node.op)], left, right, offset)
            case ast.BinOp():
                raise ExpressionError(_REFUSED[type(node.op)], offset)
            case ast.Compare():
                return self.comparison(node, offset)
            case ast.IfExp():
                condition, yes, no = self.visit(node.test), self.visit(node.body), self.visit(node.orelse)
                return operators.conditional(condition, yes, no, offset)
            case ast.Call():
                return self.call(node, offset)
            case ast.Attribute() if self.written(node) in self.columns:
                raise ExpressionError(f"write col({shorten(self.written(node))}) for the column", offset)
            case ast.Subscript(value=ast.Dict(keys=[ast.Constant() as key, *_], values=[ast.Constant() as value, *_])):
                pair = f"values = {{ {_toml_key(self.written(key))} = {self.written(value)}, ... }}"
                remedy = f"below a line [lookups.names], and lookup('names', {self.written(node.slice)}) here"
                raise ExpressionError(f"a dict is not allowed; write {pair} {remedy}", offset)
        raise ExpressionError(_REFUSED.get(type(node), "a comprehension is not allowed"), offset)

    def literal(self, node: ast.Constant, offset: int) -> Term:
        """Return the term of a literal; a float keeps its digits, for the decimals that it may meet."""
        value = node.value
        if isinstance(value, float):
            try:
                return constant(value, offset, Decimal(self.written(node).replace("_", "")))
            except InvalidOperation:  # an exponent that no number has
                raise ExpressionError("the number is out of the range of float64", offset) from None
        if isinstance(value, str):
            self.check_text(value, self.written(node), offset)
        if value is None or isinstance(value, int | str):
            return constant(value, offset)
        names = {bytes: "a bytes literal", complex: "a complex number"}
        raise ExpressionError(f"{names.get(type(value), '...')} is not allowed", offset)

    def check_text(self, value: str, written: str, offset: int) -> None:
        """Refuse a text that UTF-8 does not have, and one that Python made of what was meant for RE2."""
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise ExpressionError("the text has half of a surrogate pair, which UTF-8 does not", offset)
        # A control character that is meant is written \x08 or \u0008.
        if re.search(r"[\x00-\x08]", value) and not re.search(r"\\[xuUN]", written):
            raw = written if len(written) <= _SHOWN_CHARACTERS else r"'\bword\b'"
            message = f"Python makes a control character of this backslash; write r{raw}, or \\x08 for the character"
            raise ExpressionError(message, offset)

    def column(self, name: str, offset: int) -> Term:
        """Return the term of a column."""
        if name in self.columns:
            return Term(self.columns[name], lambda frame: frame.columns[name], offset, frozenset([name]))
        raise ExpressionError(f"there is no column {shorten(name)}; {self.column_remedy(name, offset)}", offset)

    def column_remedy(self, name: str, offset: int) -> str:
        """Return what may have been meant by a column that there is not."""
        if name in _WORDS_ELSEWHERE:
            return f"write {_WORDS_ELSEWHERE[name]}"
        odd = [column for column in self.columns if not column.isidentifier() and self.text.startswith(column, offset)]
        if odd:
            return f"write col({shorten(max(odd, key=len))})"
        close = near(name, self.columns)
        if close is None:
            return "text needs quotes"
        return f"did you mean {close if close.isidentifier() and not iskeyword(close) else f'col({shorten(close)})'}?"

    def unary(self, node: ast.UnaryOp, offset: int) -> Term:
        """Return the term of `not`, `-` or `+`."""
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant) and type(node.operand.value) is int:
            return constant(-node.operand.value, offset)  # 2**63 is an int64 with its sign alone
        if isinstance(node.op, ast.Not):
            return operators.negation(self.visit(node.operand), offset)
        if isinstance(node.op, ast.USub):
            return arithmetic.negative(self.visit(node.operand), offset)
        if isinstance(node.op, ast.UAdd):
            return arithmetic.positive(self.visit(node.operand), offset)
        raise ExpressionError(_REFUSED[type(node.op)], offset)

    def comparison(self, node: ast.Compare, offset: int) -> Term:
        """Return the term of a chain of comparisons: `a < b < c` is `a < b and b < c`."""
        left, steps = self.visit(node.left), []
        for op, operand in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                if operand is not node.comparators[-1]:
                    raise ExpressionError("a comparison cannot follow `in`; write `and`", self.offset(operand))
                steps.append(operators.contains(left, self.items(operand), offset, negate=isinstance(op, ast.NotIn)))
                break
            right = self.visit(operand)
            if isinstance(op, ast.Is | ast.IsNot):
                if right.type is not None:
                    raise ExpressionError("`is` takes None alone; write == to compare", right.offset)
                steps.append(operators.is_none(left, offset, negate=isinstance(op, ast.IsNot)))
            else:
                steps.append(operators.compare(_COMPARISONS[type(op)], left, right, offset))
            left = right
        return steps[0] if len(steps) == 1 else operators.junction("and", steps, offset)

    def items(self, node: ast.expr) -> list[Term]:
        """Return the literals on the right side of `in`."""
        offset = self.offset(node)
        if not isinstance(node, ast.List | ast.Tuple | ast.Set):
            remedy = "for a part of text write contains(text, 'a')"
            raise ExpressionError(f"`in` takes a list of literals, as in ('a', 'b'); {remedy}", offset)
        if len(node.elts) > LIST_LIMIT:
            raise ExpressionError(f"the list has more than {LIST_LIMIT} values", offset)
        items = [self.visit(item) for item in node.elts]
        for item in items:
            if not item.constant:
                raise ExpressionError("`in` takes literals; write == and `or` for anything else", item.offset)
        return items

    def call(self, node: ast.Call, offset: int) -> Term:
        """Return the term of a call: `col`, `now_ms`, or a function of the allow-list."""
        if isinstance(node.func, ast.Attribute):
            raise ExpressionError(f"a method is not allowed; {self.method_remedy(node.func, node.args)}", offset)
        if not isinstance(node.func, ast.Name):
            raise ExpressionError("a function has a name", offset)
        name = node.func.id
        if name == "col":
            return self.named_column(node, offset)
        if name == "now_ms":
            if node.args or node.keywords:
                raise ExpressionError("now_ms takes no arguments", offset)
            return Term(INT64, lambda frame: frame.now, offset)
        function = find(name, offset) if name != LOOKUP else None
        terms = [self.visit(argument) for argument in node.args]
        given = [Given(*self.option(keyword), self.offset(keyword)) for keyword in node.keywords]
        if function is None:
            return lookup(self.lookups, terms, given, offset)
        written = fit(name, function, terms, given, offset)
        if function.secret is not None:
            self.secrets.add(written.options[function.secret])
        return function.build(written)

    def method_remedy(self, method: ast.Attribute, given: list[ast.expr]) -> str:
        """Return the call of a function that a method was meant as."""
        name = method.attr
        if name in FUNCTIONS or name in NAMED:
            arguments = ", ".join(map(self.written, [method.value, *given]))
            return f"write {name}({arguments})"
        remedy = unknown_function(name, 0, NAMED).message.partition("; ")[2]
        return f"functions take the text in parentheses; {remedy}".removesuffix("; ")

    def named_column(self, node: ast.Call, offset: int) -> Term:
        """Return the term of `col('name')`."""
        match node:
            case ast.Call(args=[ast.Constant(value=str(name))], keywords=[]):
                return self.column(name, self.offset(node.args[0]))
        raise ExpressionError("col takes one name, as in col('user-agent')", offset)

    def option(self, keyword: ast.keyword) -> tuple[str, Any]:
        """Return the name and the value of an option, which is a literal."""
        if keyword.arg is None:
            raise ExpressionError("a star is not allowed", self.offset(keyword))
        literal = self.visit(keyword.value).constant
        if literal is None:
            raise ExpressionError(f"{keyword.arg}= takes a literal", self.offset(keyword.value))
        return keyword.arg, literal.value
