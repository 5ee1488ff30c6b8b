"""The tab of the model manager: what is in the store, and verifying, fetching and removing a model."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.settings import Settings
from app.web.console.parts import html
from app.web.console.parts.html import QUIET, shown
from app.web.console.parts.panel import Panel
from app.web.console.parts.work import Work
from assistant.errors import AssistantError
from models.store import Listing, Store


def models_tab(places: Settings, work: Work, panel: Panel, page: gr.Blocks) -> None:
    """Build it."""
    store = Store(places.store_root)
    names = [entry.name for entry in store.catalogue.entries]
    shown(html.heading("Models"))
    shown(html.paragraph(f"They lie in {places.store_root}. On the command line: assistant models."))
    rows = shown()

    def listing() -> str:
        return html.table(
            "Models of the catalogue",
            ("Model", "For", "State", "Size", "To download", "Licence", "Languages", "Profiles"),
            map(_row, Store(places.store_root).listing()),
        ) + _problems(Store(places.store_root).listing())

    page.load(listing, None, rows, **QUIET)
    panel.listen(rows, listing)
    chosen = gr.Dropdown(names, value=names[0], label="Model", filterable=False)
    with gr.Row():
        verify = gr.Button("Verify")
        fetch = gr.Button("Fetch")
        remove = gr.Button("Remove")
    with gr.Row(visible=False) as sure:
        yes = gr.Button("Yes, remove it", variant="stop")
        no = gr.Button("No, keep it")
    message = shown()

    def start(verb: str, doing: str) -> Any:
        def begin(name: str) -> str:
            try:
                work.start(f"{doing} {name}", "app.cli", ["models", verb, name, "--progress", "json"])
            except AssistantError as error:
                return html.failed(error)
            return ""

        return begin

    def ask(name: str) -> tuple[Any, str]:
        question = f"Remove {name}? The assistant cannot use it any more until it is fetched again."
        return gr.Row(visible=True), html.said(question)

    def take_away(name: str) -> tuple[Any, str]:
        try:
            work.start(f"Removing {name}", "app.cli", ["models", "remove", name])
        except AssistantError as error:
            return gr.Row(visible=False), html.failed(error)
        return gr.Row(visible=False), ""

    panel.after(verify.click(start("verify", "Checking"), chosen, message, **QUIET))
    panel.after(fetch.click(start("fetch", "Fetching"), chosen, message, **QUIET))
    remove.click(ask, chosen, [sure, message], **QUIET)
    panel.after(yes.click(take_away, chosen, [sure, message], **QUIET))
    no.click(lambda: (gr.Row(visible=False), html.said("It is kept.")), None, [sure, message], **QUIET)


def _row(row: Listing) -> tuple[str, ...]:
    entry = row.entry
    return (
        entry.name,
        entry.role,
        row.state,
        f"{entry.size_bytes / 1e6:,.0f} MB",
        f"{entry.download_bytes / 1e6:,.0f} MB",
        entry.licence,
        ", ".join(entry.languages),
        ", ".join(entry.profiles),
    )


def _problems(listing: tuple[Listing, ...]) -> str:
    damaged = [row.problem for row in listing if row.state == "damaged"]
    return html.paragraph("Damaged:") + html.items(damaged) if damaged else ""
