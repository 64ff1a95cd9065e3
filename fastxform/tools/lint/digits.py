"""Numbers in the tests of a file that lose digits in columns of float64.

Invariant: what is said of a number is true of it in that column: a test of the file holds it.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from fastxform.config.model import Column, Spec
from fastxform.core.values import Json
from fastxform.datatypes import scalar
from fastxform.datatypes.logical import MAX_PRECISION
from fastxform.decode import fallback, validation
from fastxform.decode.fields import Images
from fastxform.query import paths
from fastxform.tools.lint.finding import Finding

_SHOWN_CHARACTERS: Final = 40


def digits(spec: Spec) -> Iterator[Finding]:
    """Yield a warning for each column of float64 in which a number of the tests is another one."""
    if spec.source not in ("json", "dynamodb") or spec.documents != "one":
        return
    layers = {parse.name for parse in spec.parses} | ({spec.explode.name} if spec.explode is not None else set())
    columns = (*(spec.columns or ()), *(column for route in spec.routes for column in route.columns))
    images = Images(spec.images) if spec.source == "dynamodb" else None
    for column in columns:
        if column.type.kind == "float64" and column.path is not None:
            path = paths.compile_path(column.path)
            if layers.isdisjoint(paths.root_names(path)):
                yield from _of_column(spec, column, path, images)


def _of_column(spec: Spec, column: Column, path: paths.Path, images: Images | None) -> Iterator[Finding]:
    for example in spec.tests:
        if validation.reject_reason(example.input) is not None:
            continue
        value = fallback.Document(example.input, images).evaluate(path)
        if isinstance(value, str) and not isinstance(value, Json) and scalar.is_rounded(value):
            shown = value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "..."
            message = f"{example.name}: {shown} loses digits as float64; {_remedy(value)} keeps them"
            yield Finding("warning", "rounded", column.location, message)
            return


def _remedy(text: str) -> str:
    """Return the type that keeps the digits of a number."""
    exponent = Decimal(text).as_tuple().exponent
    scale = max(0, -exponent) if isinstance(exponent, int) else MAX_PRECISION + 1
    fits = scale <= MAX_PRECISION and abs(Decimal(text)) < 10 ** (MAX_PRECISION - scale)
    return f'type = "decimal({MAX_PRECISION},{scale})" or auto' if fits else "auto"
