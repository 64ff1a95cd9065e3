"""What lies inside a record, for the oracle: texts in other formats, and the elements of lists.

Everything is read a character at a time where the package reads whole columns. Invariant: a reader gives an object of
texts, or raises `FormatError` for a text that is not of its format.
"""

import re

from oracle_json import MAX_DEPTH, NULL, JsonError, boolean, deepest, obj, read_one, string


class FormatError(Exception):
    """The text is not of its format."""


def read_text(text, parse):
    """The object that a text is, by the table of the configuration that says how it is written."""
    kind = parse.get("format", "json")
    if kind == "json":
        return read_json(text)
    if kind == "logfmt":
        return read_logfmt(text)
    if kind == "csv":
        return read_csv(text, parse["fields"], parse.get("delimiter", ","), parse.get("quote", '"'))
    if kind == "regex":
        match = re.fullmatch(parse["pattern"], text)
        if match is None:
            raise FormatError
        return obj({name: string(group or "") for name, group in match.groupdict().items()})
    if kind == "vpc-flow":
        return read_log_line(text, " ", parse.get("fields", VPC_FLOW))
    if kind == "cloudfront-realtime":
        return read_log_line(text, "\t", parse["fields"])
    raise NotImplementedError(kind)


VPC_FLOW = ["version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol"]
VPC_FLOW += ["packets", "bytes", "start", "end", "action", "log-status"]


def read_log_line(text, delimiter, names):
    """A line of AWS's logs: `-` and nothing are null; it may have more fields at its end than are known."""
    fields = text.split(delimiter)
    if len(fields) < len(names):
        raise FormatError
    pairs = zip(names, fields, strict=False)
    return obj({name.replace("-", "_"): NULL if field in ("-", "") else string(field) for name, field in pairs})


def read_json(text):
    if deepest(text) > MAX_DEPTH:
        raise FormatError
    try:
        value = read_one(text)
    except JsonError:
        raise FormatError from None
    if value.kind != "object":
        raise FormatError
    return value


def read_csv(text, names, delimiter, quote):
    fields, position = [], 0
    while True:
        field = ""
        if quote and text.startswith(quote, position):
            position += 1
            while True:
                if position >= len(text):
                    raise FormatError
                if text.startswith(quote * 2, position):
                    field += quote
                    position += 2
                elif text[position] == quote:
                    position += 1
                    break
                else:
                    field += text[position]
                    position += 1
        else:
            while position < len(text) and text[position] != delimiter:
                field += text[position]
                position += 1
        fields.append(field)
        if position == len(text):
            break
        if text[position] != delimiter:
            raise FormatError
        position += 1
    if len(fields) != len(names):
        raise FormatError
    return obj({name: string(field) for name, field in zip(names, fields, strict=True)})


def read_logfmt(text):
    members, position = {}, 0
    text = text.rstrip(" \t\r\n")
    while True:
        while position < len(text) and text[position] in " \t":
            position += 1
        if position == len(text):
            break
        key = ""
        while position < len(text) and text[position] not in '="' and not text[position].isspace():
            key += text[position]
            position += 1
        if not key:
            raise FormatError
        value = boolean(True)
        if text.startswith("=", position):
            data, position = _logfmt_value(text, position + 1)
            value = string(data)
        if position < len(text) and text[position] not in " \t":
            raise FormatError
        members[key] = value
    if not members:
        raise FormatError
    return obj(members)


def _logfmt_value(text, position):
    data = ""
    if text.startswith('"', position):
        position += 1
        while not text.startswith('"', position):
            if position >= len(text):
                raise FormatError
            if text[position] == "\\":
                position += 1
                if position >= len(text):
                    raise FormatError
                data += {"n": "\n", "t": "\t", "r": "\r"}.get(text[position], text[position])
            else:
                data += text[position]
            position += 1
        return data, position + 1
    while position < len(text) and text[position] != '"' and not text[position].isspace():
        data += text[position]
        position += 1
    return data, position


def elements(value):
    """The elements of a list, or the members of an object; none of null; None where it is neither."""
    if value.kind == "null":
        return []
    if value.kind == "list":
        return value.data
    if value.kind == "object":
        return [obj({"key": string(name), "value": member}) for name, member in value.data.items()]
    return None


def is_about(path, name):
    """Whether a path begins with this name."""
    return re.search(rf"""(?<![.\w"'`]){name}(?![\w(])""", path) is not None
