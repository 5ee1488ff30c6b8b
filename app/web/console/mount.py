"""Puts the console into the server, with its script. What of Gradio can be reached, and under which policy: `console_guard.py`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse

from app.settings import Settings
from app.web.door.console_guard import PREFIX

SCRIPT = "console.js"
_HERE = Path(__file__).parent


def mount(app: FastAPI, places: Settings, models_changed: Callable[[], None] = lambda: None) -> None:
    """Serve the console of `places` as a part of `app`. For a whole process, once, and before anything else imports Gradio.

    `models_changed` is called, from a thread, when there may be others.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # no reports to its makers
    import gradio as gr

    from app.web.console.health_tab import Logbook
    from app.web.console.page import build
    from app.web.console.theme import theme

    logbook = Logbook()
    logging.getLogger().addHandler(logbook)

    @app.get(f"{PREFIX}/{SCRIPT}", include_in_schema=False)
    async def script() -> Response:
        return FileResponse(_HERE / SCRIPT, media_type="text/javascript")

    gr.mount_gradio_app(
        app,
        build(places, logbook, models_changed),
        path=PREFIX,
        footer_links=[],
        theme=theme(),
        css=(_HERE / "console.css").read_text("utf-8"),
        head=f'<script src="{PREFIX}/{SCRIPT}" defer></script>',
        allowed_paths=[],
        blocked_paths=["/"],
        max_file_size=1,  # byte: nothing is uploaded
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        run_history=False,
    )
