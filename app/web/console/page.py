"""The whole of the console: its tabs in their order, and the work that goes on above them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import gradio as gr

from app.settings import Settings
from app.web.console.ask_tab import ask_tab
from app.web.console.health_tab import Logbook, health_tab
from app.web.console.models_tab import models_tab
from app.web.console.parts import html
from app.web.console.parts.html import shown
from app.web.console.parts.panel import Panel
from app.web.console.parts.work import Work
from app.web.console.quantize_tab import quantize_tab
from app.web.console.settings_tab import settings_tab
from app.web.console.wizard import Wizard

TITLE = "Set up the assistant"
CACHE_SECONDS = 60


def build(places: Settings, logbook: Logbook, models_changed: Callable[[], None] = lambda: None) -> gr.Blocks:
    """The application. `models_changed` is called, from a thread, when a piece of work has ended well."""
    work = Work(places, models_changed)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(CACHE_SECONDS, CACHE_SECONDS)) as page:
        shown(html.heading(TITLE, 1))
        panel = Panel(work)
        with gr.Tabs():
            with gr.Tab("Ask"):
                ask_tab()
            with gr.Tab("First steps") as tab:
                Wizard(places, work, panel, page, tab)
            with gr.Tab("Settings") as tab:
                settings_tab(places, page, tab)
            with gr.Tab("Models"):
                models_tab(places, work, panel, page)
            with gr.Tab("Quantize"):
                quantize_tab(places, work, panel, page)
            with gr.Tab("Health and log"):
                health_tab(places, logbook, panel, page)
        panel.connect(page)
    return cast(gr.Blocks, page)
