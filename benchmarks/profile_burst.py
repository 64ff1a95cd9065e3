"""Where an invocation spends its time: `python -m benchmarks.profile_burst`, a table by stage and a flame graph in
one HTML file.

A timer interrupts the process every millisecond while a large burst of DynamoDB changes is transformed again and
again; each sample is the stack of Python functions and, at its tip, the line that runs, which shows the calls into C.
How contenders compare is in `report`. Invariant: the page needs nothing but itself, and every sample is in exactly
one stage.
"""

import argparse
import contextlib
import importlib
import io
import json
import linecache
import os
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from benchmarks import corpora

PACKAGE: Final = Path(__file__).parents[1] / "fastxform"
INTERVAL_SECONDS: Final = 0.001
TOLD_INVOCATIONS: Final = 25

STAGES: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("response", "invocation/event.py", ("write_bytes", "write_dict")),
    ("budget", "invocation/event.py", ("is_plain",)),
    ("event", "invocation/event.py", ()),
    ("encode", "core/payloads.py", ("encode", "encode_text")),
    ("base64", "core/payloads.py", ()),
    ("decompression", "core/payloads.py", ()),
    ("UTF-8", "decode/projection.py", ("_not_utf8", "_broken")),
    ("depth", "decode/fallback.py", ("is_deep", "deep_places", "_has_many_openings")),
    ("columns", "<string>", ()),
    ("one by one", "decode/fallback.py", ()),
    (
        "columns",
        "decode/codegen.py",
        ("_scalars", "_attribute", "_attribute_json", "_raw", "_raw_json", "_first_where"),
    ),
    ("JSON", "decode/codegen.py", ()),
    ("JSON", "decode/decoder.py", ()),
    ("JSON", "decode/fields.py", ()),
    ("JSON", "decode/cloudwatch.py", ()),
    ("JSON", "decode/projection.py", ()),
    ("JSON", "decode/source.py", ()),
    ("JSON", "decode/dynamodb.py", ()),
    ("JSON", "decode/documents.py", ()),
    ("JSON", "decode/layers.py", ()),
    ("JSON", "decode/parsing.py", ()),
    ("JSON", "decode/texts.py", ()),
    ("JSON", "query/paths.py", ()),
    ("JSON", "core/json_text.py", ()),
    ("JSON", "core/native.py", ("decode_event", "decode_texts")),
    ("JSON", "decode/native_plan.py", ()),
    ("JSON", "decode/native_builder.py", ()),
    ("JSON", "decode/native_values.py", ()),
    ("JSON", "decode/validation.py", ()),
    ("rows", "core/native.py", ("rows",)),
    ("response", "core/native.py", ()),
    ("types", "transform/native_columns.py", ()),
    ("types", "datatypes/vector.py", ()),
    ("types", "datatypes/text.py", ()),
    ("types", "datatypes/scalar.py", ()),
    ("types", "datatypes/logical.py", ()),
    ("types", "core/values.py", ()),
    ("types", "transform/columns.py", ()),
    ("expressions", "query", ()),
    ("expressions", "transform/map_batch.py", ()),
    ("expressions", "transform/own_code.py", ()),
    ("rows", "transform/objects.py", ()),
    ("expressions", "transform/evaluation.py", ()),
    ("rows", "encode/csv_rows.py", ()),
    ("rows", "encode/json_rows.py", ()),
    ("rows", "encode/rows.py", ()),
    ("rows", "encode/native_encoder.py", ()),
    ("rows", "encode/records.py", ()),
    ("rows", "encode/times.py", ()),
    ("rows", "encode/batch.py", ()),
    ("rows", "transform/metadata.py", ()),
    ("budget", "invocation/budget.py", ()),
    ("re-ingestion", "invocation/overflow.py", ()),
    ("re-ingestion", "puts", ()),
    ("telemetry", "invocation/telemetry.py", ()),
    ("telemetry", "core/timing.py", ()),
    ("pipeline", "pipeline.py", ()),
    ("pipeline", "transform/rowset.py", ()),
    ("pipeline", "transform/route.py", ()),
    ("pipeline", "native_pipeline.py", ()),
    ("pipeline", "transform/native_route.py", ()),
    ("pipeline", "parts.py", ()),
    ("pipeline", "transform/volume.py", ()),
    ("invocation", "invocation/handler.py", ()),
    ("invocation", "invocation/memory.py", ()),
    ("invocation", "invocation/context.py", ()),
    ("invocation", "runtime.py", ()),
    ("invocation", "settings.py", ()),
    ("invocation", "fastxform.py", ()),
    ("runtime JSON", "lambda_runtime_marshaller.py", ()),
    ("runtime JSON", "runtime_codec.py", ()),
)
"""(stage, module or folder of the package, functions): the first that fits, from the tip of the stack down, is the
stage of a sample.

`<string>` is the generated reader of columns. Functions of a comprehension count for the function around it.
`kernels.py` is nobody's stage: it works for whoever calls it.
"""

ORDER: Final = (
    *("runtime JSON", "event", "base64", "decompression", "UTF-8", "depth", "JSON", "columns", "one by one", "types"),
    *(
        "expressions",
        "rows",
        "encode",
        "response",
        "budget",
        "re-ingestion",
        "telemetry",
        "pipeline",
        "invocation",
        "other",
    ),
)
"""The stages in the order of the work."""

Frame = tuple[str, str]
"""(module or folder, function) of one level of a stack."""


@dataclass(slots=True)
class Node:
    """One box of the flame graph."""

    name: str
    stage: str
    spent_ns: int = 0
    children: dict[str, "Node"] = field(default_factory=dict)

    def as_list(self) -> list[Any]:
        """Return name, stage, CPU time and children, as the page reads them."""
        children = sorted(self.children.values(), key=lambda child: child.name)
        return [self.name, ORDER.index(self.stage), self.spent_ns, [child.as_list() for child in children]]


def _place(code: CodeType) -> str:
    """Return the module of the package, or the folder of modules, that code is in; else the file's name."""
    path = Path(code.co_filename)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name


def _stage_of(frames: Sequence[Frame]) -> str:
    """Return the stage of a stack, tip first."""
    for place, (module, function) in enumerate(frames):
        if function.startswith("<"):  # a comprehension: it is its caller that has a name
            function = next((name for other, name in frames[place:] if other == module and name[0] != "<"), function)
        for stage, where, functions in STAGES:
            if (module == where or module.startswith(f"{where}/")) and (not functions or function in functions):
                return stage
    return "other"


Stack = tuple[tuple[CodeType, ...], int]
"""The code of each level, tip first, and the line at the tip."""


@dataclass(slots=True)
class Sampler:
    """Collects stacks while it is on: nothing but that is done inside the signal.

    A signal waits until a call into C is over, and those that come meanwhile are one. So a sample counts for the CPU
    time since the one before, not for one interval: a call of ten milliseconds weighs ten.
    """

    stacks: Counter[Stack] = field(default_factory=Counter)
    samples: int = 0
    last_ns: int = 0

    def __enter__(self) -> "Sampler":
        """Start the timer."""
        self.last_ns = time.process_time_ns()
        signal.signal(signal.SIGALRM, self._sample)
        signal.setitimer(signal.ITIMER_REAL, INTERVAL_SECONDS, INTERVAL_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the timer."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        # A line is None where the interpreter stands between two; what is raised here would come up inside the handler.
        if frame is not None and frame.f_code is Sampler._sample.__code__:
            return
        now_ns = time.process_time_ns()
        spent_ns, self.last_ns = now_ns - self.last_ns, now_ns
        line = (frame.f_lineno if frame is not None else 0) or 0
        codes: list[CodeType] = []
        while frame is not None and frame.f_code is not _loop.__code__:
            codes.append(frame.f_code)
            frame = frame.f_back
        if frame is not None and codes:
            self.stacks[tuple(codes), line] += spent_ns
            self.samples += 1


@dataclass(slots=True)
class Profile:
    """What the samples say: the flame graph, and CPU time by stage and by (module, function, stage)."""

    root: Node = field(default_factory=lambda: Node("invocations", "other"))
    stages: Counter[str] = field(default_factory=Counter)
    own: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    whole: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, sampler: Sampler) -> "Profile":
        """Add the samples up."""
        found = cls()
        for (codes, line), spent_ns in sampler.stacks.items():
            text = linecache.getline(codes[0].co_filename, line).strip() or "(generated code)"
            found._add([(_place(code), code.co_name) for code in codes], text, spent_ns)
        return found

    def _add(self, names: Sequence[Frame], line: str, spent_ns: int) -> None:
        stage = _stage_of(names)
        self.stages[stage] += spent_ns
        self.own[(*names[0], stage)] += spent_ns
        for module, function in set(names):
            self.whole[module, function, stage] += spent_ns
        node = self.root
        node.spent_ns += spent_ns
        labels = [f"{module}:{function}" for module, function in reversed(names)]
        stages = [_stage_of(names[len(names) - 1 - depth :]) for depth in range(len(names))]
        for label, where in zip([*labels, line], [*stages, stage], strict=True):
            node = node.children.setdefault(label, Node(label, where))
            node.spent_ns += spent_ns


class _Lines(io.TextIOBase):
    """Standard output of the handler: what its lines of metrics say of the stages, as they would in production."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def write(self, text: str) -> int:
        """Take a line; the other one, of the log, has no stages."""
        for stage, spent_ms in json.loads(text).get("stages", {}).items():
            self.times.setdefault(stage, []).append(spent_ms)
        return len(text)

    def medians(self) -> dict[str, float]:
        """Return the median of each stage, milliseconds of wall time."""
        return {stage: statistics.median(times) for stage, times in self.times.items()}


def _told(invoke: Callable[[bytes], bytes], event: bytes) -> dict[str, float]:
    """Return what the handler itself says of its stages, over some invocations that nothing else looks at."""
    lines = _Lines()
    with contextlib.redirect_stdout(lines):
        for _ in range(TOLD_INVOCATIONS):
            invoke(event)
    return lines.medians()


def _loop(invoke: Callable[[bytes], bytes], event: bytes, seconds: float) -> tuple[int, int]:
    """Run invocations for so long; return how many, and the CPU nanoseconds they took."""
    count = 0
    start, end = time.process_time_ns(), time.monotonic() + seconds
    while time.monotonic() < end:
        invoke(event)
        count += 1
    return count, time.process_time_ns() - start


def profile(name: str, seconds: float, as_dict: bool) -> tuple[Profile, dict[str, str]]:
    """Profile the configuration of a corpus on a burst; return the samples and the facts of the run."""
    corpus = corpora.find(name)
    event = corpus.event()
    # The runtime's own JSON is of the benchmark's environment, and only needed for dicts.
    module = importlib.import_module(f"benchmarks.contenders.fastxform{'_dict' if as_dict else ''}")
    invoke = module.make(name)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        _loop(invoke, event, 0.5)
        with Sampler() as sampler:
            count, cpu_ns = _loop(invoke, event, seconds)
    told = _told(invoke, event)
    records = len(json.loads(event)["records"])
    found = Profile.of(sampler)
    return found, {
        "corpus": f"{corpus.title} ({name})",
        "event": f"{len(event):,} bytes, {records:,} records",
        "invocations": f"{count:,}",
        "CPU time of one": f"{cpu_ns / count / 1e6:.2f} ms, {cpu_ns / count / records:.0f} ns a record",
        "samples": f"{sampler.samples:,}",
        "stages, as the function's own metrics tell them": ", ".join(
            f"{stage} {spent_ms:.2f}" for stage, spent_ms in told.items()
        )
        + " (ms, median)",
    }


# ---- the page


def _stage_rows(profiled: Profile) -> list[tuple[str, float, str]]:
    """Return stage, share and modules, in the order of the work."""
    total = sum(profiled.stages.values()) or 1
    found = []
    for stage in ORDER:
        modules = Counter[str]()
        for (module, _, where), spent_ns in profiled.own.items():
            if where == stage:
                modules[module] += spent_ns
        if modules:
            found.append((stage, profiled.stages[stage] / total, ", ".join(name for name, _ in modules.most_common(4))))
    return found


def _function_rows(profiled: Profile, limit: int = 25) -> list[tuple[str, str, float, float]]:
    """Return function, stage, own share and share with callees, of those with most own time."""
    total = sum(profiled.stages.values()) or 1
    return [
        (f"{module}:{function}", stage, own / total, profiled.whole[module, function, stage] / total)
        for (module, function, stage), own in profiled.own.most_common(limit)
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def page(profiled: Profile, facts: dict[str, str], per_invocation_ms: float) -> str:
    """Return the HTML page."""
    stages = [
        (stage, f"{share:.1%}", f"{share * per_invocation_ms:.2f}", modules)
        for stage, share, modules in _stage_rows(profiled)
    ]
    functions = [(name, stage, f"{own:.1%}", f"{whole:.1%}") for name, stage, own, whole in _function_rows(profiled)]
    return _PAGE.format(
        facts=_table(["run", ""], list(facts.items())),
        stages=_table(["stage", "share", "CPU ms an invocation", "modules"], stages),
        functions=_table(["function", "stage", "own", "with callees"], functions),
        tree=json.dumps(profiled.root.as_list(), ensure_ascii=False).replace("</", "<\\/"),
        names=json.dumps(ORDER),
    )


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Where an invocation spends its time</title>
<style>
:root {{ color-scheme: light dark; --line: light-dark(#d1d9e0, #3d444d); --muted: light-dark(#59636e, #9198a1) }}
body {{ font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem }}
table {{ border-collapse: collapse; margin: 0 0 1.5rem }}
th, td {{ text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums }}
th {{ color: var(--muted); font-weight: 500 }}
#flame {{ position: relative; overflow: hidden; font: 11px ui-monospace, monospace }}
#flame div {{ position: absolute; height: 17px; box-sizing: border-box; border: 1px solid light-dark(#fff, #0d1117);
  color: #1f2328; overflow: hidden; white-space: nowrap; padding: 1px 3px; border-radius: 2px; cursor: pointer }}
#tip {{ color: var(--muted); min-height: 1.5em; font: 12px ui-monospace, monospace; margin: .5rem 0 }}
#key span {{ display: inline-block; padding: 0 8px; margin: 0 6px 6px 0; border-radius: 2px; color: #1f2328 }}
</style></head><body>
<h1>Where an invocation spends its time</h1>
{facts}
<h2>Stages</h2>
{stages}
<h2>Flame graph</h2>
<p>Width is time, callers are above, the last row is the line that runs. Click a box to widen it, again to go back.</p>
<div id="key"></div><div id="tip"></div><div id="flame"></div>
<h2>Functions</h2>
{functions}
<script>
const tree = {tree};
const names = {names};
const flame = document.getElementById('flame'), tip = document.getElementById('tip'), total = tree[2];
const colour = (stage) => `hsl(${{(stage * 137.5) % 360}} 60% 74%)`;
const used = new Set();
const ROW = 18;
const depthOf = ([, , , children]) => 1 + Math.max(0, ...children.map(depthOf));
function box(node, left, width, row, focus) {{
  if (width < 0.0008) return;
  used.add(node[1]);
  const element = document.createElement('div');
  const share = (100 * node[2] / total).toFixed(1) + ' %';
  const place = `left:${{left * 100}}%;width:${{width * 100}}%;top:${{row * ROW}}px`;
  element.style.cssText = `${{place}};background:${{colour(node[1])}}`;
  element.textContent = node[0];
  element.title = `${{node[0]}} (${{names[node[1]]}}): ${{share}}`;
  element.onmouseenter = () => {{ tip.textContent = element.title; }};
  element.onclick = () => draw(node === focus ? tree : node);
  flame.append(element);
  let at = left;
  for (const child of node[3]) {{
    const part = width * child[2] / node[2];
    box(child, at, part, row + 1, focus);
    at += part;
  }}
}}
function draw(node) {{
  flame.replaceChildren();
  flame.style.height = depthOf(node) * ROW + 'px';
  box(node, 0, 1, 0, node);
}}
draw(tree);
document.getElementById('key').append(...[...used].sort((a, b) => a - b).map((stage) => {{
  const element = document.createElement('span');
  element.textContent = names[stage];
  element.style.background = colour(stage);
  return element;
}}));
</script></body></html>
"""


def main(arguments: Sequence[str]) -> int:
    """Profile, print the table of stages, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.profile_burst", description=(__doc__ or "").partition("\n")[0]
    )
    names = [corpus.name for corpus in (*corpora.MAIN, *corpora.SCALING)]
    parser.add_argument(
        "--corpus", default="kinesis-changes", choices=names, metavar="NAME", help="default %(default)s"
    )
    parser.add_argument("--dict", action="store_true", help="the event as dict, under the runtime's own JSON")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to look (default %(default)s)")
    parser.add_argument("--out", type=Path, default=PACKAGE.parent / "build" / "profile.html", help="the page")
    options = parser.parse_args(arguments)
    profiled, facts = profile(options.corpus, options.seconds, options.dict)
    per_invocation_ms = float(facts["CPU time of one"].split()[0])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(profiled, facts, per_invocation_ms))
    for name, value in facts.items():
        print(f"{name}: {value}")
    for stage, share, modules in _stage_rows(profiled):
        print(f"{stage:14}{share:7.1%}{share * per_invocation_ms:8.2f} ms  {modules}")
    print(f"written to {options.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
