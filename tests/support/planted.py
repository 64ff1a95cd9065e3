"""Builds of the native kernel with one bug each, which the differential test has to find.

`python tests/support/planted.py [NUMBER...]` plants them one by one and prints which were found, and after how many
rounds.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 200

BUGS = (
    ("plan.h", "#define DEPTH_LIMIT 256", "#define DEPTH_LIMIT 60000", "depth", "plain-csv"),
    ("event.h", "if (p[2] == '=') {", "if (p[2] == '=' || p[3] == '=') {", "the padding of base64", "text"),
    ("simd.h", "(c == 0xed && second > 0x9f)", "0", "surrogates in UTF-8", "plain-csv"),
    (
        "simd.h",
        "if (c < 0xc2 || c > 0xf4) return 0;",
        "if (c < 0xc0 || c > 0xf4) return 0;",
        "overlong UTF-8",
        "plain-csv",
    ),
    (
        "index_template.h",
        "bad |= !escapes_are_good(text, block, starts, &low_surrogate);",
        "",
        "escapes that are none",
        "plain-csv",
    ),
    ("simd.h", "if (offset != *low) return 0;", "", "a low surrogate alone", "plain-csv"),
    ("document.h", "if (seen >> i & 1) return FALLBACK;", "", "a wanted member twice", "plain-csv"),
    (
        "document.h",
        "if (*p == '0') p++;",
        "if (*p == '0') do p++; while (*p >= '0' && *p <= '9');",
        "leading zeros",
        "plain-csv",
    ),
    (
        "document.h",
        "return IS_DELIMITER[**end] ? kind : ABSENT;",
        "return kind;",
        "what stands behind a word",
        "plain-csv",
    ),
    (
        "index_template.h",
        "in_string = (u64)((i64)inside >> 63);",
        "in_string = 0;",
        "a string over the border of a block",
        "plain-csv",
    ),
    ("index_template.h", "bad |= c.control & inside;", "", "control characters in strings", "plain-csv"),
    (
        "document.h",
        "pair[1].kind != ABSENT && pair[1].kind != NULL_WORD",
        "1",
        "null among the values searched",
        "plain-csv",
    ),
    (
        "rows.h",
        "{'\"', '\\r', '\\n', format->delimiter}",
        "{'\"', '\\n', '\\n', format->delimiter}",
        "a return that needs quotes",
        "plain-csv",
    ),
    (
        "columns.h",
        "alternatives[i].object_slot].kind == CONTAINER)",
        "alternatives[i].object_slot].kind >= CONTAINER)",
        "an empty image",
        "auto-csv",
    ),
    (
        "record.h",
        "if (d->next != d->index.count) return FALLBACK;",
        "",
        "what stands behind a document in a text",
        "parsed-null",
    ),
    (
        "record.h",
        "if (parse->invalid == INVALID_FAILS) return FALLBACK;",
        "",
        "a text that is no document",
        "parsed-fail",
    ),
    (
        "columns.h",
        "if (number < 0 || number >= 100000000000000000LL) return 0;",
        "if (number < 0) return 0;",
        "nanoseconds as microseconds",
        "times",
    ),
    ("document.h", "is_image ? IMAGE : CONTAINER", "CONTAINER", "an item that is the record itself", "bare-items"),
    (
        "record.h",
        "d->slots[plan->change_slot].kind == CONTAINER",
        "d->slots[plan->change_slot].kind == EMPTY",
        "two layers of base64 in a change",
        "exported",
    ),
    ("event.h", "call->kafka_count != call->record_count", "0", "data of two names in one event", "plain-csv"),
    ("response.h", "is_kafka ? PUT(w, ENTRY_OK_KAFKA) :", "", "the name of the data of MSK", "plain-csv"),
    ("columns.h", "kind = NULL_WORD;\n    }", "kind = STRING;\n    }", "a text that is null", "elements"),
    (
        "rows.h",
        "return *p != '-' || number_end(p) != p + size;",
        "return *p != '-';",
        "a formula that begins as a number does",
        "spaces",
    ),
    (
        "rows.h",
        "(format->escape && p[i] == format->escape)) *--w",
        "0) *--w",
        "an escape in quotes",
        "opencsv",
    ),
    (
        "rows.h",
        "if (c == '\\r' && i + 1 < size && p[i + 1] == '\\n') i++;",
        "",
        "two characters of one line break",
        "spaces",
    ),
    (
        "rows.h",
        "if (format->is_strict && is_null_word(format, text, size)) return ROW_REFUSED;",
        "",
        "a text that a reader takes for null",
        "redshift",
    ),
    ("columns.h", "if (UNLIKELY(d->has_fields)) {", "if (0) {", "a field as JSON", "csv-null"),
    ("record.h", '!memcmp(text, "\\xef\\xbb\\xbf", 3)', "0", "a byte order mark", "text"),
    ("record.h", "if (end && text[end - 1] == '\\r') end--;", "", "a line end of two characters", "text"),
    ("record.h", "if (row_end == start) continue;", "", "an empty line", "text-s3"),
    ("fields.h", "if (!utf8_is_good(text, block, high, &next)) return 0;", "", "UTF-8 of a text", "text"),
    ("fields.h", "(!size || d->text[start] == '-')", "(d->text[start] == '-')", "an empty field", "flows-null"),
    (
        "fields.h",
        "if (size - block < 64) ends &= (1ULL << (size - block)) - 1;",
        "",
        "a delimiter behind the text",
        "csv-spaces",
    ),
    (
        "fields.h",
        "for (int i = 0; fields == NOT_FIELDS && i",
        "for (int i = 0; 0 && i",
        "fields of a text that has too few",
        "flows-null",
    ),
    (
        "fields.h",
        "if (at < size && text[at] != delimiter) return NOT_FIELDS;",
        "",
        "what stands behind a quote",
        "csv-null",
    ),
    ("fields.h", "if (is_doubled) end = undouble(text, start, end, quote);", "", "doubled quotes", "csv-null"),
    (
        "fields.h",
        "if (is_bracket && next_close < size && (next_close + 1 == size || text[next_close + 1] == delimiter)) {",
        "if (is_bracket && next_close < size) {",
        "what stands behind a bracket",
        "text-s3",
    ),
    ("fields.h", "if (!parse->is_open) return NOT_FIELDS;", "", "too many fields, one in quotes", "csv-null"),
    ("fields.h", "[0x1c] = 1, ", "", "a separator that is white space", "pairs"),
    ("fields.h", "case 0xc2: return p[1] == 0x85 || p[1] == 0xa0;", "", "a no-break space", "pairs"),
    (
        "fields.h",
        "if (at < size && text[at] != ' ' && text[at] != '\\t') return NOT_FIELDS;",
        "",
        "what stands behind a value",
        "pairs",
    ),
    ("fields.h", "text[at] == 'n' ? '\\n' : ", "", "an escape of a value", "pairs"),
    (
        "fields.h",
        ": pattern->accepting[row / pattern->class_count];",
        ": 1;",
        "a text that ends too early for its pattern",
        "clf",
    ),
    ("fields.h", "marked = at < size ? step >> 16 : step - 1;", "marked = step >> 16;", "a last group", "syslog"),
    (
        "columns.h",
        "nanoseconds += (*p - '0') * (power /= 10);",
        "nanoseconds = nanoseconds * 10 + (*p - '0');",
        "a fraction of a second",
        "times",
    ),
    ("columns.h", "|| seconds >= 100000000000LL) return 0;", ") return 0;", "milliseconds as seconds", "times"),
    ("text.h", "elements[at] = elements[at - 1];", "break;", "the order of a set", "items"),
    ("text.h", "return one->sign * order;", "return order;", "the order of numbers below zero", "items"),
    (
        "text.h",
        "if (entries[at] == entry || steps == NAME_STEPS_LIMIT) return FALLBACK;",
        "if (entries[at] == entry) break;",
        "a member twice in a value",
        "documents",
    ),
    (
        "text.h",
        "if (has_backslash(d, start, start + size)) return FALLBACK;\n                const u64",
        "const u64",
        "a name of a value in escapes",
        "documents",
    ),
    (
        "text.h",
        "const int is_escaped = has_backslash(d, slot->start, slot->end);",
        "const int is_escaped = 0;",
        "escapes that need not be",
        "documents",
    ),
    (
        "document.h",
        "if (*type == 'N' && number_end(start) != end) return FALLBACK;\n            if (*type == 'B'",
        "if (*type == 'B'",
        "what is no number in a list of attributes",
        "line-numbers",
    ),
    ("document.h", "d->has_binary |= *type == 'B';", "", "two layers of base64 in a list of attributes", "lines-csv"),
    (
        "document.h",
        "(is_judged ? pass_attribute(d, 0) : skip_value(d)) != TAKEN",
        "skip_value(d) != TAKEN",
        "a malformed attribute that no column reads",
        "lines-csv",
    ),
    ("record.h", "|| !has_image) return FALLBACK;", ") return FALLBACK;", "no list, and no image", "lines-csv"),
    (
        "record.h",
        "if (list->if_empty == EMPTY_FAILS || ",
        "if (",
        "a list without elements",
        "readings-fail",
    ),
    (
        "record.h",
        "        forget_slots(plan, d, list->first_slot);\n        in->next = next;",
        "        in->next = next;",
        "values of the element before",
        "readings-json",
    ),
    ("record.h", "while (number /= 10);", "while (0);", "the tenth element", "line-numbers"),
    (
        "record.h",
        "return plan->documents == LOG_MESSAGE && level == 0 ? FALLBACK : TAKEN;",
        "return TAKEN;",
        "events of a message that is left out",
        "group-drop",
    ),
    (
        "records.h",
        "names->id, PyList_GetItem(ids, i)",
        "names->id, PyList_GetItem(ids, 0)",
        "the ids of dicts",
        "two-columns",
    ),
    ("record.h", "if (is_of_events && AT(next) != '{') return FALLBACK;", "", "an event that is null", "logs-json"),
    (
        "document.h",
        "child->element != element - count)",
        "child->element != element - count + 1)",
        "which element is the last",
        "elements",
    ),
    (
        "document.h",
        "d->next = first;\n    }",
        "d->next = first;\n        count &= 3;\n    }",
        "a long list",
        "elements",
    ),
    (
        "document.h",
        "(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i])",
        "(p[i] >= '@' && p[i] <= 'Z' ? p[i] | 0x20 : p[i])",
        "a sign that is a letter but for a bit",
        "headers",
    ),
    (
        "document.h",
        "text[tokens[k + 1] + 1] != 'L' || ",
        "",
        "a list of another type of attribute",
        "attribute-lists",
    ),
)
"""File, text, what stands in its place, what goes wrong then, and a case in which it shows."""


def plant(number, folder):
    """Return the extension with one of the bugs in it."""
    name, text, other, _, _ = BUGS[number]
    kernel = folder / "kernel"
    kernel.mkdir()
    for path in (*ROOT.glob("kernel/*.h"), *ROOT.glob("kernel/*.c")):
        (kernel / path.name).write_text(path.read_text())
    source = (kernel / name).read_text()
    assert source.count(text) == 1, f"{name}: {source.count(text)} times {text!r}"
    (kernel / name).write_text(source.replace(text, other))
    built = folder / "_kernel.abi3.so"
    command = ["cc", "-O0", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", str(kernel / "module.c")]
    subprocess.run([*command, "-o", str(built)], check=True)
    return built


def is_found(number, seed=1, rounds=ROUNDS):
    """Tell whether the differential test finds one of the bugs; a crash is a find, too."""
    with tempfile.TemporaryDirectory() as folder:
        built = plant(number, Path(folder))
        command = [sys.executable, str(ROOT / "tests/support/differential.py"), f"--rounds={rounds}", f"--seed={seed}"]
        command += [f"--kernel={built}", f"--case={BUGS[number][-1]}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1) or done.returncode < 0, done.stderr
        return done.returncode != 0


if __name__ == "__main__":
    for chosen in map(int, sys.argv[1:] or range(len(BUGS))):
        print(chosen, BUGS[chosen][-2], is_found(chosen), flush=True)
