"""Functions by the names that people type, and those that Arrow does not have: one registry with an example of each.

Most are functions of `fastxform.query.functions` under a shorter name, their options without keywords. Invariant: each
has one line for the reference and an example, which the tests run; nothing here depends on a locale, a time zone
database or the machine.
"""

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa

from fastxform.core.kernels import call, cast, options
from fastxform.core.structs import Struct
from fastxform.datatypes.logical import PER_SECOND, Type, arrow_type
from fastxform.datatypes.time_format import TimeFormatError, compile_format, write_times
from fastxform.query.arithmetic import floor_divide
from fastxform.query.calls import Call, Function, Option, not_empty, regex, within
from fastxform.query.casts import cast_to, in_calendar, parse_target
from fastxform.query.functions import FUNCTIONS, unknown_function
from fastxform.query.refusals import Certain, each
from fastxform.query.terms import (
    INT64,
    STRING,
    TEXTS,
    TIMES,
    Datum,
    Term,
    constant,
    derived,
    describe,
    mismatch,
)
from fastxform.query.terms import ExpressionError as Error
from fastxform.settings import secret

TIMESTAMP: Final = Type("timestamp", unit="us")


class Named(Struct, frozen=True):
    """A function, and what the reference says of it: how it is called, one line, an example and what that gives."""

    function: Function
    signature: str
    text: str
    example: str
    result: Any


def _as(name: str, **given: Any) -> Callable[[Call], Term]:
    """Build a call of another function, with options of its own."""

    def build(written: Call) -> Term:
        function = FUNCTIONS[name]
        defaults = {key: option.default for key, option in function.options.items()}
        return function.build(Call(name, written.terms, {**defaults, **given, **written.options}, written.offset))

    return build


def _expect(written: Call, kinds: frozenset[str], wanted: str) -> Term:
    """Return the first argument, which is of one of the kinds."""
    term = written.terms[0]
    if term.kind not in kinds:
        taken = " or ".join(sorted(kinds - {"auto", "json"}))
        raise mismatch(term, f"{written.name} takes {taken}, not {describe(term)}", wanted)
    return term


def _each(written: Call, function: Callable[[str], Any], result: Type = STRING, refused: Certain | None = None) -> Term:
    """Build a function of one text in Python: equal texts of a batch are computed once; it may raise where it says."""
    term, arrow = _expect(written, TEXTS, "string"), arrow_type(result)

    def run(value: Datum) -> Datum:
        if isinstance(value, pa.Scalar):
            text = value.as_py()
            return pa.scalar(None if text is None else function(text), arrow)
        encoded = call("dictionary_encode", [value])
        made = pa.array([None if text is None else function(text) for text in encoded.dictionary.to_pylist()], arrow)
        return call("take", [made, encoded.indices])

    return derived(result, written.offset, [term], run, raises=refused is not None, certain=refused)


def _concat(written: Call) -> Term:
    between = constant("", written.offset)
    given = {"null_handling": "emit_null", "null_replacement": ""}
    name = "binary_join_element_wise"
    return FUNCTIONS[name].build(Call(name, [*written.terms, between], given, written.offset))


def _strip(name: str) -> Callable[[Call], Term]:
    def build(written: Call) -> Term:
        if written.options["characters"] is None:
            return _as(f"{name}_whitespace")(Call(written.name, written.terms, {}, written.offset))
        return _as(name)(written)

    return build


def _extracted(written: Call, pattern: str) -> Term:
    """Build the part of a text that the one named group of a pattern matches; null where the pattern does not."""
    term = _expect(written, TEXTS, "string")
    made, field = options.ExtractRegexOptions(pattern), options.StructFieldOptions([0])

    def run(value: Datum) -> Datum:
        return call("struct_field", [call("extract_regex", [value], made)], field)

    return derived(STRING, written.offset, [term], run)


def _split_part(written: Call) -> Term:
    separator = re.sub(r"([^\w])", r"\\\1", written.options["separator"], flags=re.ASCII)
    return _extracted(
        written, rf"(?s)\A(?:.*?{separator}){{{written.options['index']}}}(?P<part>.*?)(?:{separator}.*)?\z"
    )


def _regex_extract(written: Call) -> Term:
    pattern, group = written.options["pattern"], written.options["group"]
    plain, count = _only_group(pattern, group)
    if not 0 <= group <= count:
        raise Error(f"{written.name}: the pattern has {count} groups, not {group}", written.offset)
    return _extracted(written, plain)


def _only_group(pattern: str, group: int) -> tuple[str, int]:
    """Return a pattern in which one group alone is captured, by a name; and how many groups it had."""
    parts, count, index, in_class = [], 0, 0, False
    while index < len(pattern):
        char = pattern[index]
        named = re.match(r"\((?:\?P?<[A-Za-z_]\w*>|(?!\?))", pattern[index:], re.ASCII)
        if char == "\\":
            parts.append(pattern[index : index + 2])
            index += 2
            continue
        if in_class or named is None:
            # A bracket that stands first in a class is one of its characters.
            first = pattern[:index].endswith(("[", "[^"))
            in_class = char == "[" or (in_class and (char != "]" or first))
            parts.append(char)
            index += 1
            continue
        count += 1
        parts.append("(?P<part>" if count == group else "(?:")
        index += len(named[0])
    text = "".join(parts)
    return (f"(?P<part>{text})" if group == 0 else text), count


def _to(target: str) -> Callable[[Call], Term]:
    def build(written: Call) -> Term:
        return cast_to(written.terms[0], parse_target(target, written.offset), written.offset)

    return build


def _to_decimal(written: Call) -> Term:
    spelling = f"decimal({written.options['precision']},{written.options['scale']})"
    return cast_to(written.terms[0], parse_target(spelling, written.offset), written.offset)


def _to_timestamp(written: Call) -> Term:
    text = written.options["format"]
    if text is None:
        return cast_to(written.terms[0], TIMESTAMP, written.offset)
    try:
        form = compile_format(text)
    except TimeFormatError as err:
        raise Error(f"to_timestamp: {err}", written.offset) from None

    def read(value: str) -> int:
        ticks = form.ticks(value, "us")
        if ticks is None:
            raise pa.ArrowInvalid("no time of the format")
        return ticks

    refused = each(lambda text: form.ticks(text, "us") is None)
    return _as_times(_each(written, read, INT64, refused))


def _as_times(term: Term) -> Term:
    arrow = arrow_type(TIMESTAMP)
    return derived(TIMESTAMP, term.offset, [term], lambda value: cast(value, arrow), raises=True)


def _strftime(written: Call) -> Term:
    term = _expect(written, TIMES, "timestamp[ms]")
    text = written.options["format"]
    try:
        write_times(pa.array([], arrow_type(term.known_type)), text)
    except TimeFormatError as err:
        raise Error(f"strftime: {err}", written.offset) from None

    def run(value: Datum) -> Datum:
        if isinstance(value, pa.Scalar):
            return write_times(pa.array([value.as_py()], value.type), text)[0]
        return write_times(value, text)

    return derived(STRING, written.offset, [term], run)


_UNITS: Final = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_PARTS: Final = {
    **{name: name for name in ("year", "quarter", "month", "day", "hour", "minute", "second")},
    "week": "iso_week",
    "doy": "day_of_year",
    "dow": "day_of_week",
}


def _unit(written: Call, known: Mapping[str, str]) -> str:
    term = written.terms[0]
    word = term.constant.value if term.constant else None
    if not isinstance(word, str) or word not in known:
        raise Error(f"{written.name} takes one of {', '.join(known)} first, in quotes", term.offset)
    return known[word]


def _date_trunc(written: Call) -> Term:
    unit = _unit(written, {name: name for name in _UNITS})
    return _as("floor_temporal", unit=unit)(Call(written.name, written.terms[1:], {}, written.offset))


def _date_part(written: Call) -> Term:
    name = _unit(written, _PARTS)
    return _as(name)(Call(written.name, written.terms[1:], {}, written.offset))


def _epoch_ms(written: Call) -> Term:
    term = _expect(written, TIMES, "timestamp[ms]")
    kind = term.known_type
    if kind.kind == "date":
        return derived(
            INT64,
            written.offset,
            [term],
            lambda value: call("multiply", [cast(cast(value, pa.int32()), pa.int64()), 86_400_000]),
        )
    per_second = PER_SECOND[kind.unit]

    def run(value: Datum) -> Datum:
        ticks = cast(value, pa.int64())
        return call("multiply", [ticks, 1_000 // per_second]) if per_second <= 1_000 else floor_divide(ticks, 1_000)

    return derived(INT64, written.offset, [term], run)


def _at_offset(written: Call) -> Term:
    term = _expect(written, frozenset({"timestamp"}), "timestamp[ms]")
    text = written.options["offset"]
    match = re.fullmatch(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])", text)
    if match is None:
        raise Error(f"at_offset takes an offset as '+09:00', not {text!r}", written.offset)
    seconds = (int(match[2]) * 60 + int(match[3])) * (-60 if match[1] == "-" else 60)
    kind = term.known_type
    moved = pa.scalar(datetime.timedelta(seconds=seconds), pa.duration(kind.unit))  # type: ignore[type-var]
    return in_calendar(derived(kind, written.offset, [term], lambda value: call("add_checked", [value, moved])))


def _truncate_bytes(written: Call) -> Term:
    length = written.options["length"]
    return _each(written, lambda text: text.encode()[:length].decode(errors="ignore"))


def _sha256(written: Call) -> Term:
    import hashlib  # OpenSSL, for those who call it

    return _each(written, lambda text: hashlib.sha256(text.encode()).hexdigest())


def _hmac_sha256(written: Call) -> Term:
    import hmac  # OpenSSL, for those who call it

    name = written.options["key"]
    keys: list[bytes] = []

    def keyed(text: str) -> str:
        if not keys:
            value = secret(name)
            if value is None:
                raise pa.ArrowInvalid(f"the environment has no {name}")
            keys.append(value)
        return hmac.digest(keys[0], text.encode(), "sha256").hex()

    return _each(written, keyed)


def _variable(value: str) -> str | None:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        return None
    return "is the name of an environment variable that holds the key, as in key='PSEUDONYM_KEY', never the key itself"


def _mask(written: Call) -> Term:
    keep = written.options["keep"]

    def masked(text: str) -> str:
        hidden = len(text) - keep if len(text) > keep else len(text)
        return "*" * hidden + text[hidden:]

    return _each(written, masked)


def _table() -> dict[str, Named]:
    table: dict[str, Named] = {}

    def add(
        signature: str,
        text: str,
        example: str,
        result: Any,
        build: Callable[[Call], Term],
        least: int = 1,
        most: int | None = 1,
        secret: str | None = None,
        **given: Option,
    ) -> None:
        name = signature.partition("(")[0]
        table[name] = Named(Function(build, least, most, given, secret), signature, text, example, result)

    _add_texts(add)
    _add_patterns(add)
    _add_conversions(add)
    _add_times(add)
    _add_masks(add)
    return table


def _add_texts(add: Callable[..., None]) -> None:
    add("upper(text)", "Upper case.", "upper('Ab')", "AB", _as("utf8_upper"))
    add("lower(text)", "Lower case.", "lower('Ab')", "ab", _as("utf8_lower"))
    add("title(text)", "Each word with a capital.", "title('new york')", "New York", _as("utf8_title"))
    add("length(text)", "How many characters.", "length('下野')", 2, _as("utf8_length"))
    characters = Option(str, None, positional=True, check=not_empty)
    for name, arrow, result in (
        ("strip", "utf8_trim", "a"),
        ("lstrip", "utf8_ltrim", "a "),
        ("rstrip", "utf8_rtrim", " a"),
    ):
        add(
            f"{name}(text, characters=None)",
            "The text without white space, or without some characters, at its ends.",
            f"{name}(' a ')",
            result,
            _strip(arrow),
            characters=characters,
        )
    add("concat(a, b, ...)", "Texts one behind the other.", "concat('a', '-', 'b')", "a-b", _concat, 2, None)
    add(
        "substring(text, start, stop=None)",
        "The characters from one index, from 0, to before another; negative ones count from the end.",
        "substring('abcdef', 1, 3)",
        "bc",
        _as("utf8_slice_codeunits"),
        start=Option(int, required=True, check=within(-(2**31), 2**31 - 1)),
        stop=Option(int, None, positional=True, check=within(-(2**31), 2**31 - 1)),
    )
    add(
        "split_part(text, separator, index)",
        "One of the parts between separators, from 0; null where there are fewer.",
        "split_part('a-b-c', '-', 1)",
        "b",
        _split_part,
        separator=Option(str, required=True, check=not_empty),
        index=Option(int, required=True, check=within(0, 100)),
    )


def _add_patterns(add: Callable[..., None]) -> None:
    literal, pattern = Option(str, required=True), Option(str, required=True, check=regex)
    add(
        "contains(text, pattern)",
        "Whether a text is part of it.",
        "contains('abc', 'bc')",
        True,
        _as("match_substring"),
        pattern=literal,
    )
    add(
        "replace(text, pattern, replacement)",
        "The text with each occurrence of another replaced.",
        "replace('a.b', '.', '-')",
        "a-b",
        _as("replace_substring"),
        pattern=Option(str, required=True, check=not_empty),
        replacement=literal,
    )
    add(
        "regex_replace(text, pattern, replacement)",
        "The text with each match of an RE2 pattern replaced; \\1 is its first group.",
        r"regex_replace('a1b22', r'([0-9]+)', r'<\1>')",
        "a<1>b<22>",
        _as("replace_substring_regex"),
        pattern=pattern,
        replacement=literal,
    )
    add(
        "regex_extract(text, pattern, group=0)",
        "What the first match of an RE2 pattern holds, or a group of it; null without a match.",
        r"regex_extract('id=42;', r'id=(\d+)', 1)",
        "42",
        _regex_extract,
        pattern=pattern,
        group=Option(int, 0, positional=True, check=within(0, 99)),
    )


def _add_conversions(add: Callable[..., None]) -> None:
    add("to_string(value)", "As text.", "to_string(1.5)", "1.5", _to("string"))
    add("to_int(value)", "As int64; what does not fit fails the row.", "to_int('42')", 42, _to("int64"))
    add("to_float(value)", "As float64.", "to_float('1.5e3')", 1500.0, _to("float64"))
    digits = Option(int, required=True, check=within(0, 38))
    add(
        "to_decimal(value, precision, scale)",
        "As a decimal of so many digits, and so many of them a fraction.",
        "to_string(to_decimal('1.5', 10, 2))",
        "1.50",
        _to_decimal,
        precision=digits,
        scale=digits,
    )
    add(
        "to_timestamp(value, format=None)",
        "As timestamp[us]: a number, RFC 3339 text, or text of a strptime format.",
        "to_timestamp('10/Oct/2000:13:55:36 -0700', format='%d/%b/%Y:%H:%M:%S %z')",
        datetime.datetime(2000, 10, 10, 20, 55, 36),
        _to_timestamp,
        format=Option(str, None, positional=True),
    )


def _add_times(add: Callable[..., None]) -> None:
    example = "to_timestamp('2024-05-02T12:45:25.9Z')"
    add(
        "strftime(time, format)",
        "A time as text of a strptime format, with English names.",
        f"strftime({example}, '%d %b %Y %H:%M')",
        "02 May 2024 12:45",
        _strftime,
        format=Option(str, required=True),
    )
    add(
        "date_trunc(unit, time)",
        "The start of the year, quarter, month, week (Monday), day, hour, minute or second.",
        f"date_trunc('month', {example})",
        datetime.datetime(2024, 5, 1),
        _date_trunc,
        2,
        2,
    )
    add(
        "date_part(unit, time)",
        "The year, quarter, month, ISO week, day, hour, minute, second, doy or dow (Monday is 0).",
        f"date_part('hour', {example})",
        12,
        _date_part,
        2,
        2,
    )
    add("epoch_ms(time)", "Milliseconds since 1970.", f"epoch_ms({example})", 1_714_653_925_900, _epoch_ms)
    add(
        "at_offset(time, offset)",
        "The local time at an offset from UTC, for local days; there is no time zone database.",
        f"at_offset({example}, '+09:00')",
        datetime.datetime(2024, 5, 2, 21, 45, 25, 900_000),
        _at_offset,
        offset=Option(str, required=True),
    )


def _add_masks(add: Callable[..., None]) -> None:
    add(
        "truncate_bytes(text, length)",
        "At most so many bytes of UTF-8, whole characters.",
        "truncate_bytes('下野市', 7)",
        "下野",
        _truncate_bytes,
        length=Option(int, required=True, check=within(0, 2**31 - 1)),
    )
    add(
        "sha256(text)",
        "The SHA-256 of the UTF-8, in hexadecimal. Error objects still hold the original.",
        "sha256('abc')",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        _sha256,
    )
    add(
        "hmac_sha256(text, key)",
        "The HMAC-SHA-256 of the UTF-8, in hexadecimal. `key` names the environment variable of the function that holds"
        " the key; without it the function does not start. Error objects still hold the original.",
        "hmac_sha256('what do ya want for nothing?', key='EXAMPLE_KEY')",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        _hmac_sha256,
        secret="key",
        key=Option(str, required=True, check=_variable),
    )
    add(
        "mask(text, keep=4)",
        "Stars but for the last characters; all stars where there are no more. Error objects still hold the original.",
        "mask('4111111111111111')",
        "************1111",
        _mask,
        keep=Option(int, 4, positional=True, check=within(0, 1_000)),
    )
    add(
        "redact(text, pattern)",
        "*** for each match of an RE2 pattern. Error objects still hold the original.",
        r"redact('call 555-1234', r'\d+-\d+')",
        "call ***",
        _as("replace_substring_regex", replacement="***"),
        pattern=Option(str, required=True, check=regex),
    )


NAMED: Final[Mapping[str, Named]] = _table()
"""Every function of this module by its name."""


def find(name: str, offset: int) -> Function:
    """Return a function that an expression calls.

    Raises:
        ExpressionError: there is none of that name.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name in NAMED:
        return NAMED[name].function
    raise unknown_function(name, offset, NAMED)
