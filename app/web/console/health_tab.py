"""The tab of health: the report of `assistant doctor`, and the last lines of the log, which hold no content."""

from __future__ import annotations

import logging
from collections import deque

import gradio as gr

from app.checkup import checkup
from app.settings import Settings
from app.web.console.parts import html
from app.web.console.parts.html import QUIET, shown
from app.web.console.parts.panel import Panel
from assistant.checkup.privacy import DiscreetFormatter
from models.errors import ModelError

MOST_LINES = 300


class Logbook(logging.Handler):
    """Keeps the last lines of the log in memory, without anything that was said, seen or read."""

    def __init__(self, most: int = MOST_LINES) -> None:
        super().__init__()
        self.setFormatter(DiscreetFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._lines: deque[str] = deque(maxlen=most)

    def emit(self, record: logging.LogRecord) -> None:
        """As `logging.Handler`."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # as all handlers: a log line must not fail what is logged
            self.handleError(record)

    def lines(self) -> list[str]:
        """The newest last."""
        return list(self._lines)


def health_tab(places: Settings, logbook: Logbook, panel: Panel, page: gr.Blocks) -> None:
    """Build it."""
    shown(html.heading("Health"))
    shown(
        html.paragraph(
            "What this machine has, what will be used, and what to do. On the command line: assistant doctor."
        )
    )
    again = gr.Button("Look again")
    message = shown()
    report = shown()

    def look() -> str:
        try:
            return report_html(places)
        except ModelError as error:
            return html.failed(error)

    page.load(look, None, report, **QUIET)
    panel.listen(report, look)
    again.click(lambda: (html.said("The report below is new."), look()), None, [message, report], **QUIET)
    shown(html.heading("Log"))
    shown(
        html.paragraph(
            "What the assistant did, never what was said, seen or read. On the command line: assistant -v web."
        )
    )
    refresh = gr.Button("Show the newest lines")
    lines = shown()

    def show() -> str:
        kept = logbook.lines()
        return html.wide("Log", html.items(kept)) if kept else html.paragraph("Nothing was logged yet.")

    page.load(show, None, lines, **QUIET)
    refresh.click(show, None, lines, **QUIET)


def report_html(places: Settings) -> str:
    """The doctor's report with headings and lists."""
    from assistant.checkup.doctor import as_text

    parts: list[str] = []
    listed: list[str] = []
    for line in [*as_text(checkup(places)).replace("`", "").split("\n"), ""]:
        if line.startswith("  "):
            listed.append(line.strip())
            continue
        if listed:
            parts.append(html.items(listed))
            listed = []
        if line:
            title = line in ("This machine", "Models", "What will be used", "What to do")
            parts.append(html.heading(line, 3) if title else html.paragraph(line))
    return "".join(parts)
