"""The readers that `[output] reader` names: what each can be set to, and what not.

A reader sets the keys of `[output]` that the file leaves out. Invariant: with the keys of a reader, what is written is
read back by it as it was, or the record fails with `quoting`; what was tried is in `docs/readers.md`.
"""

from typing import Final, Literal

from fastxform.core.structs import Struct

NULL_WORD: Final = r"\N"
"""The null of Hive, and by convention of most that came after it."""


class Reader(Struct, frozen=True):
    """One reader.

    Attributes:
        format: the format of `[output]` that it reads.
        keys: for each key that matters to it the values that it can be set to, the default first.
        tells_null: whether it tells a quoted text from an unquoted null; otherwise a text that equals `null` fails.
        refuses: characters that it cannot hold in a text.
    """

    format: Literal["csv", "json"]
    keys: dict[str, tuple[str | bool, ...]]
    tells_null: bool = False
    refuses: str = ""


_QUOTED: Final = ("minimal", "strings", "all")
_TIMES: Final = ("space", "iso")
_LINE_ENDS: Final = ("lf", "crlf", "none")

READERS: Final[dict[str, Reader]] = {
    "athena-opencsv": Reader(
        "csv",
        {
            "quoting": _QUOTED,
            "escape": ("\\",),
            "null": ("",),
            "quote_empty": (False,),
            "newlines": ("fail", "space", "escape"),
            "line_end": _LINE_ENDS,
        },
        tells_null=True,  # it reads every null as an empty text, as its definition in the docs says
    ),
    "athena-lazysimple": Reader(
        "csv",
        {
            "quoting": ("none",),
            "escape": ("\\",),
            "null": (NULL_WORD,),
            "quote_empty": (False,),
            "newlines": ("escape", "space", "fail"),
            "timestamps": ("space",),
            "line_end": _LINE_ENDS,
        },
        tells_null=True,  # a text \N is written \\N
    ),
    "athena-json": Reader("json", {"timestamps": ("space",), "json": ("text", "value"), "line_end": _LINE_ENDS}),
    "redshift": Reader(
        "csv",
        {
            "quoting": _QUOTED,
            "escape": ("",),
            "null": (NULL_WORD,),
            "quote_empty": (False,),
            "newlines": ("keep", "space", "fail"),
            "timestamps": _TIMES,
            "line_end": _LINE_ENDS,
        },
        refuses="\0",
    ),
    "snowflake": Reader(
        "csv",
        {
            "quoting": ("minimal", "strings"),
            "escape": ("",),
            "null": ("",),
            "quote_empty": (True,),
            "newlines": ("keep", "space", "fail"),
            "timestamps": _TIMES,
            "line_end": _LINE_ENDS,
        },
        tells_null=True,
    ),
    "bigquery": Reader(
        "csv",
        {
            "quoting": _QUOTED,
            "escape": ("",),
            "null": (NULL_WORD,),
            "quote_empty": (False,),
            "newlines": ("keep", "space", "fail"),
            "timestamps": _TIMES,
            "line_end": _LINE_ENDS,
        },
        refuses="\0",
    ),
    "duckdb": Reader(
        "csv",
        {
            "quoting": ("minimal", "strings"),
            "escape": ("",),
            "null": ("",),
            "quote_empty": (True,),
            "newlines": ("keep", "space", "fail"),
            "timestamps": _TIMES,
            "line_end": ("lf", "none"),
        },
        tells_null=True,
    ),
    "spark": Reader(
        "csv",
        {
            "quoting": ("minimal", "strings"),
            "escape": ("",),
            "null": (NULL_WORD,),
            "quote_empty": (True,),
            "newlines": ("keep", "space", "fail"),
            "timestamps": _TIMES,
            "line_end": ("lf", "none"),
        },
        refuses="\0",
    ),
    "pandas": Reader(
        "csv",
        {
            "quoting": _QUOTED,
            "escape": ("",),
            "null": (NULL_WORD,),
            "quote_empty": (False,),
            "newlines": ("keep", "space", "fail"),
            "timestamps": _TIMES,
            "line_end": ("lf", "none"),
        },
        refuses="\0",
    ),
    "excel": Reader(
        "csv",
        {
            "quoting": _QUOTED,
            "escape": ("",),
            "null": ("",),
            "quote_empty": (False,),
            "newlines": ("keep", "space", "fail"),
            "timestamps": _TIMES,
            "escape_formulas": (True, False),
            "line_end": ("crlf", "lf", "none"),
        },
        tells_null=True,  # a cell is empty, whatever it was
        refuses="\0",
    ),
}
