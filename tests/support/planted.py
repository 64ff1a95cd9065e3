"""Builds of the native kernel with one bug each, which the differential test has to find.

`python tests/support/planted.py [NUMBER...]` plants them one by one and prints which were found, and after how many
rounds.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 40

BUGS = (
    ("plan.h", "#define DEPTH_LIMIT 256", "#define DEPTH_LIMIT 60000", "depth"),
    ("event.h", "if (p[2] == '=') {", "if (p[2] == '=' || p[3] == '=') {", "the padding of base64"),
    ("simd.h", "(c == 0xed && second > 0x9f)", "0", "surrogates in UTF-8"),
    ("simd.h", "if (c < 0xc2 || c > 0xf4) return 0;", "if (c < 0xc0 || c > 0xf4) return 0;", "overlong UTF-8"),
    ("index_template.h", "bad |= !escapes_are_good(text, block, starts, &low_surrogate);", "", "escapes that are none"),
    ("simd.h", "if (offset != *low) return 0;", "", "a low surrogate alone"),
    ("document.h", "if (seen >> i & 1) return FALLBACK;", "", "a wanted member twice"),
    ("document.h", "if (*p == '0') p++;", "if (*p == '0') do p++; while (*p >= '0' && *p <= '9');", "leading zeros"),
    ("document.h", "return IS_DELIMITER[**end] ? kind : ABSENT;", "return kind;", "what stands behind a word"),
    (
        "index_template.h",
        "in_string = (u64)((i64)inside >> 63);",
        "in_string = 0;",
        "a string over the border of a block",
    ),
    ("index_template.h", "bad |= c.control & inside;", "", "control characters in strings"),
    ("document.h", "pair[1].kind != ABSENT && pair[1].kind != NULL_WORD", "1", "null among the values searched"),
    ("rows.h", "is_special['\\r'] = ", "", "a return that needs quotes"),
    (
        "columns.h",
        "plan->alternatives[i].object_slot].kind == CONTAINER)",
        "plan->alternatives[i].object_slot].kind >= CONTAINER)",
        "an empty image",
    ),
)
"""File, text, what stands in its place, and what goes wrong then."""


def plant(number, folder):
    """Return the extension with one of the bugs in it."""
    name, text, other, _ = BUGS[number]
    kernel = folder / "kernel"
    kernel.mkdir()
    for path in (*ROOT.glob("kernel/*.h"), *ROOT.glob("kernel/*.c")):
        (kernel / path.name).write_text(path.read_text())
    source = (kernel / name).read_text()
    assert source.count(text) == 1, f"{name}: {source.count(text)} times {text!r}"
    (kernel / name).write_text(source.replace(text, other))
    built = folder / "_kernel.abi3.so"
    command = ["cc", "-O1", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", str(kernel / "module.c")]
    subprocess.run([*command, "-o", str(built)], check=True)
    return built


def is_found(number, seed=1, rounds=ROUNDS):
    """Tell whether the differential test finds one of the bugs; a crash is a find, too."""
    with tempfile.TemporaryDirectory() as folder:
        built = plant(number, Path(folder))
        command = [sys.executable, str(ROOT / "tests/support/differential.py"), f"--rounds={rounds}", f"--seed={seed}"]
        done = subprocess.run([*command, f"--kernel={built}"], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1) or done.returncode < 0, done.stderr
        return done.returncode != 0


if __name__ == "__main__":
    for chosen in map(int, sys.argv[1:] or range(len(BUGS))):
        print(chosen, BUGS[chosen][-1], is_found(chosen), flush=True)
