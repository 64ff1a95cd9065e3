"""The expectations of `[[tests]]`, rewritten to what came out, with the rest of the file as it is: comments and layout.

Which test is to expect what is decided by `fastxform test --update`; here is the only importer of `tomlkit`. Invariant:
the new text, read again, differs from the old one in the expectations that were named and in nothing else.
"""

import os
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastxform.errors import InputError

KINDS: Final = ("expect", "result", "reason")
"""The keys of which a test has one."""

_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\f": "\\f", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test is to expect: one of `KINDS` with its text, and the metadata, None to leave what stands there."""

    kind: str
    text: str
    metadata: Mapping[str, Any] | None = None


def incomplete(text: str) -> list[int]:
    """Return the numbers of the tests that expect nothing yet, from 0; none where the text cannot be read."""
    try:
        tests = tomllib.loads(text).get("tests")
    except tomllib.TOMLDecodeError:
        return []
    if not isinstance(tests, list):
        return []
    return [index for index, test in enumerate(tests) if isinstance(test, dict) and not test.keys() & set(KINDS)]


def rewrite(text: str, wanted: Mapping[int, Expectation], name: str) -> str:
    """Return the text of a configuration whose tests have other expectations.

    Args:
        text: the configuration; it can be read.
        wanted: the expectations of tests, by their number from 0.
        name: the file, for messages.

    Raises:
        InputError: `tomlkit` is not installed, or the text cannot be rewritten without a change elsewhere.
    """
    try:
        import tomlkit
    except ImportError as err:
        raise InputError("--update needs tomlkit; install it with: pip install 'fastxform[cli]'") from err
    document = tomlkit.parse(text)
    line_break = "\r\n" if "\r\n" in text else "\n"
    for index, expectation in wanted.items():
        _rewrite(document["tests"][index], expectation, line_break)
    new = document.as_string()
    if _read(new) != _expected(text, wanted):
        raise InputError(f"{name}: the layout of its tests is too unusual to rewrite; nothing was written")
    return new


def _read(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _expected(text: str, wanted: Mapping[int, Expectation]) -> dict[str, Any]:
    """Return what the new text has to say."""
    found = tomllib.loads(text)
    for index, expectation in wanted.items():
        test = found["tests"][index]
        for kind in KINDS:
            test.pop(kind, None)
        test[expectation.kind] = expectation.text
        if expectation.metadata is not None:
            test["metadata"] = dict(expectation.metadata)
    return found


def _rewrite(test: Any, expectation: Expectation, line_break: str) -> None:
    """Put an expectation into the table of a test, in the place of the one that it had, or behind the record."""
    old = next((kind for kind in KINDS if kind in test), None)
    style = test["expect"].as_string() if old == "expect" else ""
    value = _item(_spelled(expectation.text, style, expectation.kind == "expect", line_break))
    # The public methods put a key of another name behind all others, and behind comments on the next test.
    if old is None:
        value.trivia.trail = (
            line_break if "\n" in test["input" if "input" in test else "input_file"].trivia.trail else ""
        )
        test.value._insert_after("input" if "input" in test else "input_file", expectation.kind, value)
    else:
        for part in ("indent", "comment_ws", "comment", "trail"):
            setattr(value.trivia, part, getattr(test[old].trivia, part))
        test.value._replace(old, expectation.kind, value)
    if expectation.metadata is not None:
        _merge(test, "metadata", expectation.metadata)


def _item(source: str) -> Any:
    import tomlkit

    return tomlkit.parse(f"x = {source}\n")["x"]


def _merge(table: Any, key: str, wanted: Any) -> None:
    """Change a value of a table to another one, and of tables in it only what differs."""
    if not isinstance(wanted, Mapping) or key not in table or not isinstance(table[key], Mapping):
        if key not in table or table[key] != wanted:
            table[key] = wanted
        return
    for known in [known for known in table[key] if known not in wanted]:
        del table[key][known]
    for known, value in wanted.items():
        _merge(table[key], known, value)


# -- texts


def _spelled(text: str, style: str, is_output: bool, line_break: str) -> str:
    """Return a text as TOML, quoted as the one before it where that can hold it."""
    if not is_output:
        return _basic(text)
    is_long = style.startswith(("'''", '"""')) or text.count("\n") > 1
    has_quotes = '"' in text or "\\" in text
    is_literal = style.startswith("'") or (has_quotes and not style.startswith('"'))
    if is_literal and _fits_literal(text, is_long or "\n" in text):
        is_long = is_long or "\n" in text
        return f"'''{line_break}{text.replace(chr(10), line_break)}'''" if is_long else f"'{text}'"
    if not is_long:
        return _basic(text)
    # One quote alone is no end of a long text.
    quote = '"' if '""' not in text and not text.endswith('"') else '\\"'
    lines = [_escaped(line).replace('\\"', quote) for line in text.split("\n")]
    return f'"""{line_break}{line_break.join(lines)}"""'


def _fits_literal(text: str, is_long: bool) -> bool:
    """Tell whether a text can stand without escapes."""
    is_quoted = "''" in text or text.endswith("'") if is_long else "'" in text
    return not is_quoted and all(character in "\t\n" or _is_plain(character) for character in text)


def _is_plain(character: str) -> bool:
    return character >= " " and character != "\x7f" and not 0x80 <= ord(character) < 0xA0


def _basic(text: str) -> str:
    return '"' + "\\n".join(map(_escaped, text.split("\n"))) + '"'


def _escaped(line: str) -> str:
    """Return a line as a basic string has it."""
    return "".join(
        _ESCAPES.get(character) or (character if _is_plain(character) else f"\\u{ord(character):04x}")
        for character in line
    )


# -- the file


def read(path: str) -> str:
    """Return the text of a file with its line breaks as they are.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return Path(path).read_bytes().decode()
    except UnicodeDecodeError as err:
        raise InputError(f"{path}: is not UTF-8") from err
    except OSError as err:
        raise InputError(f"{path}: {err.strerror}") from err


def write(path: str, old: str, new: str) -> None:
    """Put a text in the place of a file at once; whoever reads it finds the old text or the new one.

    Args:
        path: the file; a link keeps being one.
        old: the text that the new one was made of: another one by now is left alone.
        new: the text.

    Raises:
        InputError: the file was changed in the meantime, or cannot be written.
    """
    target = Path(path).resolve()
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = file.name
            file.write(new.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(target.stat().st_mode & 0o7777)
        if read(path) != old:
            raise InputError(f"{path}: was changed in the meantime; nothing was written")
        Path(temporary).replace(target)
        temporary = ""
    except OSError as err:
        raise InputError(f"{path}: cannot be written: {err.strerror}") from err
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def expectation(result: str, reason: str | None, data: str | None, metadata: Mapping[str, Any] | None) -> Expectation:
    """Return what a test is to expect of the answer that its record got."""
    if reason is not None:
        return Expectation("reason", reason, metadata)
    if data is not None:
        return Expectation("expect", data, metadata)
    return Expectation("result", result, metadata)


def placeholders(text: str, tests: Sequence[int], name: str) -> str:
    """Return the text with an empty output expected of tests that expect nothing yet, so that they can be run."""
    return rewrite(text, {index: Expectation("expect", "") for index in tests}, name) if tests else text
