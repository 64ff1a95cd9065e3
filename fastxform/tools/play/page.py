"""The page of the playground: two editors, and below them what becomes of each record.

The one importer of NiceGUI; what is shown is worked out in `session`. Invariant: the server listens on loopback alone.
"""

from pathlib import Path
from typing import Any, Final

from nicegui import app, ui

from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.tools.files import replace
from fastxform.tools.play import session
from fastxform.tools.play.guard import Guard

HOST: Final = "127.0.0.1"
_DELAY_SECONDS: Final = 0.3
"""After the last key, before the sample is run again."""

_COLOURS: Final = {"Ok": "positive", "Dropped": "grey", "ProcessingFailed": "negative"}
_ICONS: Final = {"error": "error", "warning": "warning", "hint": "info"}
_CSS: Final = """
.cm-editor { height: 100%; font-size: 13px; }
.fx-reason { color: #b3001b; }
.body--dark .fx-reason { color: #ff8a8a; }
.fx-mistake { background: rgba(239, 68, 68, 0.25); }
.fx-mono { font-family: ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12px; }
"""


def serve(port: int, config: str, sample: str, path: Path | None, *, show: bool) -> None:
    """Serve the page until an interrupt.

    Args:
        port: on loopback.
        config: the configuration to begin with.
        sample: the sample to begin with.
        path: where the configuration is saved; None where it has no file.
        show: whether to open a browser.
    """
    app.add_middleware(Guard, port=port)

    @ui.page("/", title="fastxform play")
    def index() -> None:
        _Page(config, sample, path)

    ui.run(host=HOST, port=port, dark=None, reload=False, show=show, show_welcome_message=False)


class _Page:
    """One visit of the page."""

    def __init__(self, config: str, sample: str, path: Path | None) -> None:
        self._path = path
        self._directory = session.home_of(session.EXAMPLES[0]) if path is None else path.parent
        self._shown = session.Shown()
        self._dark = ui.dark_mode(None)
        ui.add_css(_CSS)
        self._header()
        with ui.row().classes("w-full no-wrap gap-4"):
            with ui.column().classes("w-1/2 gap-1"):
                ui.label("Configuration").classes("text-subtitle2")
                self._config = ui.codemirror(config, language="TOML", on_change=self._typed).classes("w-full h-80")
                self._problems = ui.column().classes("w-full gap-0").mark("problems")
            with ui.column().classes("w-1/2 gap-1"):
                ui.label("Sample: records in lines, one document, or a Firehose event").classes("text-subtitle2")
                self._sample = ui.codemirror(
                    sample, language="JSON", line_wrapping=True, on_change=self._typed
                ).classes("w-full h-80")
        self._summary = ui.row().classes("w-full items-center gap-4")
        with ui.tabs().props("align=left dense") as tabs:
            records, table = ui.tab("Records"), ui.tab("Table")
            cost, statements = ui.tab("Time and size"), ui.tab("DDL")
        with ui.tab_panels(tabs, value=records).classes("w-full"):
            with ui.tab_panel(records):
                self._records = ui.column().classes("w-full gap-2")
            with ui.tab_panel(table):
                self._table = ui.column().classes("w-full")
            with ui.tab_panel(cost):
                self._cost = ui.column().classes("w-full")
            with ui.tab_panel(statements):
                self._ddl = ui.column().classes("w-full")
        self._timer = ui.timer(_DELAY_SECONDS, self._begin, once=True)

    async def _begin(self) -> None:
        """Take on what the browser prefers, dark or light, and run the sample for the first time."""
        await ui.context.client.connected()
        self._dark.value = bool(await ui.run_javascript("matchMedia('(prefers-color-scheme: dark)').matches"))
        self._dark_editors()
        self._work()

    def _header(self) -> None:
        with ui.row().classes("w-full items-center"):
            ui.label("fastxform play").classes("text-h6")
            ui.select(list(session.EXAMPLES), label="example", on_change=self._example).classes("w-48").props("dense")
            ui.space()
            save = ui.button("Save", icon="save", on_click=self._save).props("dense flat")
            if self._path is None:
                save.disable()
                save.tooltip("start with a file to save to it: fastxform play CONFIG")
            ui.button(icon="dark_mode", on_click=self._toggle).props('dense flat aria-label="dark or light"')

    def _toggle(self) -> None:
        self._dark.value = not self._dark.value
        self._dark_editors()

    def _example(self, event: Any) -> None:
        config, sample = session.example(event.value)
        self._directory = session.home_of(event.value)
        self._config.value = config
        self._sample.value = sample

    def _typed(self) -> None:
        self._timer.cancel()
        self._timer = ui.timer(_DELAY_SECONDS, self._work, once=True)

    def _save(self) -> None:
        assert self._path is not None
        try:
            replace(self._path, self._config.value.encode())
        except OSError as err:
            ui.notify(f"{self._path}: {err.strerror or err}", type="negative")
            return
        ui.notify(f"saved {self._path}", type="positive")

    def _work(self) -> None:
        """Run the sample, and draw what became of it."""
        self._shown = shown = session.work(self._config.value, self._sample.value, self._directory)
        self._config.decorations = [
            {"kind": "line", "line": problem.line, "class": "fx-mistake"}
            for problem in shown.problems
            if problem.line is not None and problem.level == "error"
        ]
        self._draw_problems()
        if any(problem.level == "error" for problem in shown.problems):
            return
        self._draw_summary()
        self._draw_records()
        self._draw_table()
        self._draw_cost()
        self._ddl.clear()
        with self._ddl:
            ui.label(shown.ddl or "The configuration names no Iceberg table.").classes("fx-mono")

    def _dark_editors(self) -> None:
        self._config.theme = self._sample.theme = "basicDark" if self._dark.value else "basicLight"

    def _draw_problems(self) -> None:
        self._problems.clear()
        with self._problems:
            for problem in self._shown.problems:
                location = "" if problem.line is None else f"line {problem.line}: "
                colour = {"error": "negative", "warning": "warning"}.get(problem.level, "info")
                with ui.row().classes("items-start no-wrap gap-1"):
                    ui.icon(_ICONS[problem.level], color=colour)
                    ui.label(f"{location}{problem.text}").classes("text-caption")
            if not self._shown.problems:
                with ui.row().classes("items-center gap-1"):
                    ui.icon("check", color="positive")
                    ui.label("no mistakes").classes("text-caption")

    def _draw_summary(self) -> None:
        records = self._shown.records
        self._summary.clear()
        with self._summary:
            for word, colour in _COLOURS.items():
                count = sum(one.result == word for one in records)
                ui.badge(f"{count} {word}", color=colour if count else "grey")
            share = self._shown.response_share
            ui.label(f"response {self._shown.response_bytes:,} bytes, {share:.2%} of {RESPONSE_LIMIT_BYTES:,}")

    def _draw_records(self) -> None:
        self._records.clear()
        with self._records:
            for record in self._shown.records[:100]:
                with ui.card().classes("w-full q-pa-sm"), ui.row().classes("w-full items-start no-wrap"):
                    ui.badge(str(record.number), color="grey")
                    ui.badge(record.result, color=_COLOURS[record.result])
                    with ui.column().classes("grow gap-0"):
                        if record.reason:
                            ui.label(record.reason).classes("fx-reason text-caption")
                        if record.row:
                            ui.label(record.row.rstrip("\n")).classes("fx-mono")
                        if record.metadata:
                            ui.label(record.metadata).classes("fx-mono text-grey")
                        with ui.expansion("record").classes("w-full").props("dense"):
                            ui.label(record.payload).classes("fx-mono")
                    ui.button("Make a test of this record", on_click=lambda r=record: self._test(r)).props("dense flat")

    def _test(self, record: session.ShownRecord) -> None:
        self._config.value = session.test_of(self._config.value, record)
        ui.notify(f"record {record.number} is a test now, at the end of the configuration", type="positive")

    def _draw_table(self) -> None:
        self._table.clear()
        with self._table:
            if not self._shown.columns:
                ui.label("The routes have no common table.")
                return
            names = ("#", *self._shown.columns)
            columns = [{"name": name, "label": name, "field": name, "align": "left"} for name in names]
            ui.table(columns=columns, rows=list(self._shown.table), pagination=20).classes("w-full").props("dense")

    def _draw_cost(self) -> None:
        self._cost.clear()
        with self._cost:
            for stage, milliseconds in self._shown.stages:
                ui.label(f"{stage:<10} {milliseconds:.2f} ms").classes("fx-mono")
            ui.linear_progress(min(self._shown.response_share, 1.0), show_value=False)
            ui.label(f"response: {self._shown.response_bytes:,} of {RESPONSE_LIMIT_BYTES:,} bytes").classes("fx-mono")
