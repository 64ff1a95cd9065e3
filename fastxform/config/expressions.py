"""The expressions of a file, compiled against its columns: their names, their types, and their cycles.

What an expression may say is decided in `fastxform.query`; which columns it sees is decided here. Invariant: an
expression that names a column whose type is a mistake makes no second mistake of it.
"""

import ast
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from fastxform.config.diagnostics import Diagnostics, key
from fastxform.config.locations import KeyPath
from fastxform.config.model import Column, Route, merged
from fastxform.core.structs import replace
from fastxform.datatypes.logical import Type
from fastxform.query.compiler import Expression, compile_condition, compile_expression
from fastxform.query.lookup_tables import LookupTable
from fastxform.query.lookups import calls_in
from fastxform.query.terms import ExpressionError

_COLUMNS: Final = "columns"
_NO_TARGETS: Final = ("json", "binary")
"""Types that nothing can be cast to."""


def names_in(text: str) -> frozenset[str]:
    """Return the names that an expression can mean columns by; none of text that is not Python.

    Unlike the compiler it needs no types, so that columns can be put in an order in which each has its type in time.
    """
    try:
        with warnings.catch_warnings():
            # Doubtful escapes in literals are for the compiler to judge.
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))]):
                names.add(name)
    return frozenset(names)


class FileExpressions:
    """Compiles the expressions of one file.

    `broken` are the names of columns whose type is not known, `broken_lookups` those of tables that could not be read.
    """

    def __init__(
        self,
        diagnostics: Diagnostics,
        broken: set[str],
        lookups: Mapping[str, LookupTable],
        broken_lookups: Collection[str],
    ) -> None:
        self.diagnostics = diagnostics
        self.broken = broken
        self.lookups = lookups
        self.broken_lookups = broken_lookups

    def shared_columns(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Return the shared columns, each `expr` column with its type."""
        locations = {column.name: (_COLUMNS, column.name, "expr") for column in columns}
        return self._typed(columns, set(locations), locations)

    def route_columns(self, shared: Sequence[Column], route: Route, path: KeyPath) -> tuple[Column, ...]:
        """Return the columns of a route, each `expr` column with its type.

        A shared `expr` column that names one that the route replaces has to keep its type there.
        """
        own = {column.name for column in route.columns}
        replaced = [column.name for column in shared if column.name in own]
        locations: dict[str, KeyPath] = {name: (*path, _COLUMNS, name, "expr") for name in own}
        for column in shared if replaced else ():
            named = names_in(column.expr or "")
            cause = next((name for name in replaced if name in named), replaced[0])
            locations.setdefault(column.name, (*path, _COLUMNS, cause))
        columns = self._typed(merged(shared, route.columns), own, locations)
        return tuple(column for column in columns if column.name in own)

    def condition(self, text: str, columns: Iterable[Column], path: KeyPath) -> None:
        """Check a `where`, which sees the columns that are not computed."""
        computed = [column.name for column in columns if column.expr is not None and column.name in names_in(text)]
        if computed:
            self.diagnostics.add(
                path, f"cannot name {key(computed[0])}, an expr column; those are computed after where"
            )
            return
        self._compiled(text, {column.name: column.type for column in columns}, path, compile_condition)

    def value(self, text: str, columns: Iterable[Column], path: KeyPath) -> None:
        """Check an expression whose value is wanted, of any type."""
        self._compiled(text, {column.name: column.type for column in columns}, path)

    def _typed(self, columns: Sequence[Column], new: set[str], locations: Mapping[str, KeyPath]) -> tuple[Column, ...]:
        """Compile the `expr` columns that have a location, each after those that it names; the others have their type.

        A declared type becomes a cast around the expression, so that what it gives is the type of its column.
        """
        waiting = {
            c.name: c for c in columns if c.expr is not None and c.name in locations and c.name not in self.broken
        }
        done = {column.name: column for column in columns}
        untyped = [column for column in columns if column.name in self.broken and column.name in new]
        names = {name: names_in(column.expr or "") for name, column in waiting.items()}
        while waiting:
            ready = next((name for name in waiting if not names[name] & waiting.keys()), None)
            if ready is None:
                cycle = _cycle(waiting, names)
                self.diagnostics.add(locations[cycle[0]], f"names itself: {' -> '.join(map(key, [*cycle, cycle[0]]))}")
                self.broken.update(cycle)
                for name in cycle:
                    del waiting[name]
                continue
            known = {name: column.type for name, column in done.items() if name not in waiting}
            column = waiting.pop(ready)
            if ready in new:
                done[ready] = self._typed_column(column, known, locations[ready])
            else:
                self._check_kept(column, known, locations[ready])
        for column in untyped:
            if column.expr is not None:  # its type is a mistake, and its expression may be another
                self._compiled(column.expr, {name: known.type for name, known in done.items()}, locations[column.name])
        return tuple(done.values())

    def _check_kept(self, column: Column, known: Mapping[str, Type], path: KeyPath) -> None:
        type_ = self._compiled(column.expr or "", known, path)
        if type_ not in (None, column.type):
            name, cast = key(column.name), f"cast(..., target_type='{column.type}')"
            message = (
                f"makes {name} {type_}, and elsewhere it is {column.type}; write {cast} in the expression of {name}"
            )
            self.diagnostics.add(path, message)

    def _typed_column(self, column: Column, known: Mapping[str, Type], path: KeyPath) -> Column:
        type_ = self._compiled(column.expr or "", known, path)
        if type_ is None:
            self.broken.add(column.name)
            return column
        if column.type in (type_, Type()):
            return replace(column, type=type_)
        # Inside the brackets the expression may have several lines, the last of them a comment.
        text = f"cast((\n{column.expr}\n), target_type='{column.type}')"
        try:
            compile_expression(text, known, self.lookups)
        except ExpressionError as err:
            reason = err.message if column.type.kind not in _NO_TARGETS else f"cannot cast {type_} to {column.type}"
            self.diagnostics.add((*path[:-1], "type"), f"the expression gives {type_}; {reason}")
        return replace(column, expr=text)

    def _compiled(
        self,
        text: str,
        known: Mapping[str, Type],
        path: KeyPath,
        compile_text: Callable[[str, Mapping[str, Type], Mapping[str, LookupTable]], Expression] = compile_expression,
    ) -> Type | None:
        """Return the type of an expression, None where there is a mistake, be it of a column that it names."""
        if names_in(text) & self.broken:
            return None
        if self.broken_lookups and any(name in self.broken_lookups for name, _ in calls_in(text)):
            return None
        try:
            return compile_text(text, known, self.lookups).type
        except ExpressionError as err:
            self.diagnostics.add(path, f"{err.message} (at character {err.column_offset + 1})")
            return None


def _cycle(waiting: Iterable[str], names: Mapping[str, frozenset[str]]) -> list[str]:
    """Return columns that name each other in a circle, where every waiting column names one that waits."""
    order = list(waiting)
    walk = [order[0]]
    while (following := next(name for name in order if name in names[walk[-1]])) not in walk:
        walk.append(following)
    circle = walk[walk.index(following) :]
    start = circle.index(min(circle, key=order.index))
    return circle[start:] + circle[:start]
