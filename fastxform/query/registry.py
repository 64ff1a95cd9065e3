"""Every function of expressions in one table: its types, one line and an example, for the reference and its readers.

How a function is built is said in `functions`, `named`, `lookups` and `compiler`. Invariant: the table has every
function and no other, and the tests hold its types against what compiles.
"""

from collections.abc import Mapping
from typing import Final

from fastxform.core.structs import Struct
from fastxform.query.named import NAMED

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("auto", "string", "json"),
    "text or binary": ("auto", "string", "json", "binary"),
    "text or int64": ("auto", "string", "json", "int64"),
    "number": ("int64", "float64", "decimal"),
    "int64": ("int64",),
    "time": ("timestamp", "date"),
    "timestamp": ("timestamp",),
    "any but bool": ("auto", "string", "json", "binary", "int64", "float64", "decimal", "timestamp", "date"),
    "any": ("auto", "string", "json", "binary", "int64", "float64", "decimal", "timestamp", "date", "bool"),
    "text or number": ("auto", "string", "json", "int64", "float64", "decimal"),
    "text, int64 or time": ("auto", "string", "json", "int64", "timestamp", "date"),
    "text, number, timestamp or bool": ("auto", "string", "json", "int64", "float64", "decimal", "timestamp", "bool"),
}
"""The words for what a function takes, and the types that each stands for."""

SAME: Final = "the same"
"""What a function gives that gives the type of its argument."""


class FunctionEntry(Struct, frozen=True):
    """One function.

    Attributes:
        call: a call of it, with `{}` for each argument that is of what it takes.
        takes: a word of `KINDS`; empty where there is no such argument.
        gives: the type of its result; `SAME` is that of the argument.
        text: what it does, in one line.
        example: a call on the record of the reference.
    """

    call: str
    takes: str
    gives: str
    text: str
    example: str

    @property
    def name(self) -> str:
        """Return the name of the function."""
        return self.call.partition("(")[0]


_ARGUMENTS: Final = {
    "text": ("name", "'Japan'"),
    "text or binary": ("name",),
    "text or int64": ("name",),
    "number": ("x",),
    "int64": ("n", "m"),
    "time": ("t", "u"),
    "timestamp": ("t", "u"),
    "any but bool": ("n", "0"),
    "any": ("missing", "name"),
}
"""The columns of the reference's record that stand in an example."""

_ARGUMENTS_OF: Final = {"if_else": ("'below'", "'above'"), "cast": ("n",), "abs_checked": ("n",), "sign": ("n",)}
"""What says more in the example of a function."""

_TABLE: Final = (
    # names that people type: (call, takes, gives); their texts are `named`'s
    ("upper({})", "text", "string", ""),
    ("lower({})", "text", "string", ""),
    ("title({})", "text", "string", ""),
    ("length({})", "text", "int64", ""),
    ("strip({})", "text", "string", ""),
    ("lstrip({})", "text", "string", ""),
    ("rstrip({})", "text", "string", ""),
    ("concat({}, '-', {})", "text", "string", ""),
    ("substring({}, 1, 3)", "text", "string", ""),
    ("split_part({}, 'o', 1)", "text", "string", ""),
    ("contains({}, 'oko')", "text", "bool", ""),
    ("replace({}, 'o', '0')", "text", "string", ""),
    ("regex_replace({}, r'[aeiou]', '_')", "text", "string", ""),
    ("regex_extract({}, r'(k.)h', 1)", "text", "string", ""),
    ("to_string({})", "any", "string", ""),
    ("to_int({})", "text, number, timestamp or bool", "int64", ""),
    ("to_float({})", "text or number", "float64", ""),
    ("to_decimal({}, 10, 2)", "text or number", "decimal", ""),
    ("to_timestamp({})", "text, int64 or time", "timestamp", ""),
    ("strftime({}, '%d %b %Y')", "time", "string", ""),
    ("date_trunc('month', {})", "time", SAME, ""),
    ("date_part('year', {})", "time", "int64", ""),
    ("epoch_ms({})", "time", "int64", ""),
    ("at_offset({}, '+09:00')", "timestamp", SAME, ""),
    ("truncate_bytes({}, 4)", "text", "string", ""),
    ("sha256({})", "text", "string", ""),
    ("hmac_sha256({}, key='EXAMPLE_KEY')", "text", "string", ""),
    ("mask({})", "text", "string", ""),
    ("redact({}, r'k.h')", "text", "string", ""),
    # of the language itself
    ("col('name')", "", "the column's", "The column of a name, which need not be an identifier."),
    ("now_ms()", "", "int64", "Milliseconds since 1970, the same for a whole batch."),
    (
        "lookup('country', {})",
        "text or int64",
        "string",
        "The text of a column in the row of a key, in a table of `[lookups]`; null where there is none.",
    ),
    # Arrow's functions of texts
    ("utf8_upper({})", "text", "string", "Upper case."),
    ("utf8_lower({})", "text", "string", "Lower case."),
    ("utf8_capitalize({})", "text", "string", "The first character in upper case, the others in lower."),
    ("utf8_title({})", "text", "string", "Each word with a capital."),
    ("utf8_swapcase({})", "text", "string", "Upper case for lower, and lower for upper."),
    ("utf8_reverse({})", "text", "string", "The characters from the last to the first."),
    ("utf8_trim_whitespace({})", "text", "string", "Without white space at both ends."),
    ("utf8_ltrim_whitespace({})", "text", "string", "Without white space at the start."),
    ("utf8_rtrim_whitespace({})", "text", "string", "Without white space at the end."),
    ("utf8_trim({}, characters=' a')", "text", "string", "Without some characters at both ends."),
    ("utf8_ltrim({}, characters=' Y')", "text", "string", "Without some characters at the start."),
    ("utf8_rtrim({}, characters=' a')", "text", "string", "Without some characters at the end."),
    ("ascii_upper({})", "text", "string", "ASCII letters in upper case."),
    ("ascii_lower({})", "text", "string", "ASCII letters in lower case."),
    ("ascii_trim_whitespace({})", "text", "string", "Without ASCII white space at both ends."),
    ("utf8_length({})", "text", "int64", "How many characters."),
    ("binary_length({})", "text or binary", "int64", "How many bytes."),
    ("utf8_is_alnum({})", "text", "bool", "Whether there are letters and digits only, and one at least."),
    ("utf8_is_alpha({})", "text", "bool", "Whether there are letters only, and one at least."),
    ("utf8_is_decimal({})", "text", "bool", "Whether there are decimal digits only, and one at least."),
    ("utf8_is_digit({})", "text", "bool", "Whether there are digits only, superscripts too, and one at least."),
    ("utf8_is_lower({})", "text", "bool", "Whether all letters are lower case, and there is one."),
    ("utf8_is_numeric({})", "text", "bool", "Whether there are numeric characters only, and one at least."),
    ("utf8_is_printable({})", "text", "bool", "Whether all characters can be printed."),
    ("utf8_is_space({})", "text", "bool", "Whether there is white space only, and some."),
    ("utf8_is_title({})", "text", "bool", "Whether each word has a capital and no other."),
    ("utf8_is_upper({})", "text", "bool", "Whether all letters are upper case, and there is one."),
    ("string_is_ascii({})", "text", "bool", "Whether all characters are ASCII."),
    ("utf8_lpad({}, width=12, padding='*')", "text", "string", "Filled at the start to a width."),
    ("utf8_rpad({}, width=12, padding='*')", "text", "string", "Filled at the end to a width."),
    ("utf8_center({}, width=12, padding='*')", "text", "string", "Filled at both ends to a width."),
    ("utf8_zero_fill({}, width=12)", "text", "string", "Filled with zeros to a width, behind a sign."),
    ("utf8_slice_codeunits({}, start=1, stop=4)", "text", "string", "The characters from one index to before another."),
    ("binary_join_element_wise({}, 'Japan', ',')", "text", "string", "Texts with the last argument between them."),
    ("starts_with({}, pattern=' Y')", "text", "bool", "Whether a text starts with another."),
    ("ends_with({}, pattern='a ')", "text", "bool", "Whether a text ends with another."),
    ("match_substring({}, pattern='oko')", "text", "bool", "Whether a text is part of it."),
    ("match_like({}, pattern='%oko%')", "text", "bool", "Whether it matches a pattern of SQL's LIKE."),
    ("match_substring_regex({}, pattern='k.h')", "text", "bool", "Whether an RE2 pattern matches a part of it."),
    (
        "find_substring({}, pattern='o')",
        "text",
        "int64",
        "The byte at which a text is first found, or -1.",
    ),
    ("find_substring_regex({}, pattern='k.h')", "text", "int64", "The byte at which a pattern first matches, or -1."),
    ("count_substring({}, pattern='o')", "text", "int64", "How often a text is found, without overlaps."),
    ("count_substring_regex({}, pattern='[aeiou]')", "text", "int64", "How often a pattern matches, without overlaps."),
    (
        "replace_substring({}, pattern='o', replacement='0', max_replacements=1)",
        "text",
        "string",
        "Occurrences of a text replaced, all or the first few.",
    ),
    (
        r"replace_substring_regex({}, pattern='o([a-z])', replacement=r'\1')",
        "text",
        "string",
        r"Matches of an RE2 pattern replaced, all or the first few; \1 is the first group.",
    ),
    # of numbers
    ("abs_checked({})", "number", SAME, "Without its sign; the least int64 has no such number and fails the row."),
    ("floor({})", "number", SAME, "The next whole number down."),
    ("ceil({})", "number", SAME, "The next whole number up."),
    ("trunc({})", "number", SAME, "Without its fraction."),
    ("round({}, ndigits=0)", "number", SAME, "Rounded to digits behind the point, by default half to even."),
    ("sign({})", "number", "int64 or float64", "-1, 0 or 1."),
    ("sqrt_checked({})", "number", "float64", "The square root; of a negative number it fails the row."),
    ("ln_checked({})", "number", "float64", "The natural logarithm; of 0 and less it fails the row."),
    ("log10_checked({})", "number", "float64", "The logarithm to base 10; of 0 and less it fails the row."),
    ("log2_checked({})", "number", "float64", "The logarithm to base 2; of 0 and less it fails the row."),
    ("log1p_checked({})", "number", "float64", "The natural logarithm of 1 more; of -1 and less it fails the row."),
    ("exp({})", "number", "float64", "The exponential; what is no finite number fails the row."),
    ("is_finite({})", "number", "bool", "Whether it is neither infinite nor NaN; columns are always finite."),
    ("is_inf({})", "number", "bool", "Whether it is infinite, as no column is."),
    ("is_nan({})", "number", "bool", "Whether it is NaN, as no column is."),
    ("bit_wise_and({}, {})", "int64", "int64", "The bits that both have."),
    ("bit_wise_or({}, {})", "int64", "int64", "The bits that one has, or both."),
    ("bit_wise_xor({}, {})", "int64", "int64", "The bits that one has alone."),
    ("bit_wise_not({})", "int64", "int64", "The other bits."),
    # choices
    ("coalesce({}, {})", "any", SAME, "The first argument that is not null."),
    ("if_else(n < 0, {}, {})", "any", SAME, "The second argument where the first is true, else the third."),
    ("min_element_wise({}, {})", "any but bool", SAME, "The least argument; nulls are passed over."),
    ("max_element_wise({}, {})", "any but bool", SAME, "The greatest argument; nulls are passed over."),
    ("is_null({})", "any", "bool", "Whether it is null."),
    ("is_valid({})", "any", "bool", "Whether it is not null."),
    ("cast({}, target_type='string')", "any", "string", "As another type; what does not fit fails."),
    # of times
    ("year({})", "time", "int64", "The year."),
    ("quarter({})", "time", "int64", "The quarter, 1 to 4."),
    ("month({})", "time", "int64", "The month, 1 to 12."),
    ("day({})", "time", "int64", "The day of the month."),
    ("day_of_year({})", "time", "int64", "The day of the year, from 1."),
    ("iso_year({})", "time", "int64", "The year that the ISO week belongs to."),
    ("iso_week({})", "time", "int64", "The ISO week, 1 to 53."),
    ("is_leap_year({})", "time", "bool", "Whether the year has 366 days."),
    ("day_of_week({})", "time", "int64", "The day of the week; by default Monday is 0."),
    ("hour({})", "timestamp", "int64", "The hour."),
    ("minute({})", "timestamp", "int64", "The minute."),
    ("second({})", "timestamp", "int64", "The second."),
    ("millisecond({})", "timestamp", "int64", "The milliseconds of the second."),
    ("microsecond({})", "timestamp", "int64", "The microseconds of the millisecond."),
    ("subsecond({})", "timestamp", "float64", "The fraction of the second."),
    ("floor_temporal({}, unit='month')", "time", SAME, "Down to the start of a unit, or of several."),
    ("ceil_temporal({}, unit='month')", "time", SAME, "Up to the start of a unit, or of several."),
    ("round_temporal({}, unit='month')", "time", SAME, "To the nearest start of a unit, or of several."),
    ("years_between({}, {})", "time", "int64", "How many starts of years lie between two times."),
    ("quarters_between({}, {})", "time", "int64", "How many starts of quarters lie between two times."),
    ("weeks_between({}, {})", "time", "int64", "How many starts of weeks, Mondays, lie between two times."),
    ("days_between({}, {})", "time", "int64", "How many midnights lie between two times."),
    ("hours_between({}, {})", "time", "int64", "How many starts of hours lie between two times."),
    ("minutes_between({}, {})", "time", "int64", "How many starts of minutes lie between two times."),
    ("seconds_between({}, {})", "time", "int64", "How many starts of seconds lie between two times."),
    ("milliseconds_between({}, {})", "time", "int64", "How many starts of milliseconds lie between two times."),
    ("microseconds_between({}, {})", "time", "int64", "How many starts of microseconds lie between two times."),
)


def entries() -> dict[str, FunctionEntry]:
    """Return every function by its name."""
    found = {}
    for call, takes, gives, text in _TABLE:
        name = call.partition("(")[0]
        if name in NAMED:
            entry = FunctionEntry(call, takes, gives, NAMED[name].text, NAMED[name].example)
        else:
            entry = FunctionEntry(
                call, takes, gives, text, call.format(*_ARGUMENTS_OF.get(name) or _ARGUMENTS.get(takes, ()))
            )
        found[name] = entry
    return found
