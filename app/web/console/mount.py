"""Puts the console into the server: under a path, with its script, a Content-Security-Policy, and nothing of Gradio but what it needs."""

from __future__ import annotations

import atexit
import base64
import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings

PATH = "/setup"
SCRIPT = "console.js"
_HERE = Path(__file__).parent

OPEN = {
    "GET": re.compile(
        r"/(|config/?|theme\.css|favicon\.ico|robots\.txt|assets/[\w.-]+|static/[\w./-]+"
        r"|gradio_api/(queue/data|startup-events|heartbeat/\w+))"
    ),
    "POST": re.compile(r"/gradio_api/(queue/join|cancel|reset)"),
}
"""What the page needs of Gradio. All else, its uploads, files and proxies above all, is not there."""

POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
"""Gradio writes styles into its elements, and a <base>; its few scripts in the page are allowed by their hashes, and none is evaluated."""
_INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def mount(
    app: FastAPI,
    places: Settings,
    welcome: Callable[[Request, Response], None] = lambda request, response: None,
    models_changed: Callable[[], None] = lambda: None,
    path: str = PATH,
) -> None:
    """Serve the console of `places` at `path` of `app`. For a whole process, once.

    `welcome` may add a session to the answer that is the page; `models_changed` is called, from a thread, when there may be others.
    """
    _keep_to_ourselves()
    import gradio as gr

    from app.web.console.health_tab import Logbook
    from app.web.console.page import build
    from app.web.console.theme import theme

    logbook = Logbook()
    logging.getLogger().addHandler(logbook)

    @app.get(f"{path}/{SCRIPT}", include_in_schema=False)
    async def script() -> Response:
        return FileResponse(_HERE / SCRIPT, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    gr.mount_gradio_app(
        app,
        build(places, logbook, models_changed),
        path=path,
        footer_links=[],
        theme=theme(),
        css=(_HERE / "console.css").read_text("utf-8"),
        head=f'<script src="{path}/{SCRIPT}" defer></script>',
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
    mounted = cast(Mount, app.router.routes[-1])
    mounted.app = _Narrow(mounted.app, welcome)


def _keep_to_ourselves() -> None:
    """Before Gradio is imported: no reports to its makers, and a private folder for whatever it writes."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    folder = tempfile.mkdtemp(prefix="assistant-console-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = folder


class _Narrow:
    """Gradio behind a list of what is open, its page with a policy."""

    def __init__(self, app: ASGIApp, welcome: Callable[[Request, Response], None]) -> None:
        self._app, self._welcome = app, welcome

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        wanted = OPEN.get(scope.get("method", "").replace("HEAD", "GET"))
        if scope["type"] != "http" or wanted is None or not wanted.fullmatch(path) or ".." in path:
            if scope["type"] == "http":
                await Response("Not Found", 404, media_type="text/plain")(scope, receive, send)
            return
        if path in ("", "/") and scope["method"] == "GET":
            await self._page(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Gradio's HTML as a whole, because its policy depends on it."""
        parts: list[bytes] = []
        status = 200
        # In plain bytes, whatever the browser could unpack.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]

        async def gather(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._app({**scope, "headers": headers}, receive, gather)
        html = b"".join(parts)
        response = Response(html, status, media_type="text/html")
        response.headers["Content-Security-Policy"] = policy(html)
        response.headers["Cache-Control"] = "no-store"
        self._welcome(Request(scope, receive), response)
        await response(scope, receive, send)


def policy(html: bytes) -> str:
    """The Content-Security-Policy of a page of Gradio's."""
    hashes = (base64.b64encode(hashlib.sha256(inner).digest()).decode() for inner in _INLINE.findall(html))
    return POLICY.format(hashes=" ".join(f"'sha256-{one}'" for one in dict.fromkeys(hashes)))
