"""What of Gradio can be reached, and by whom: the console's routes are many, and Gradio hands its files to everybody who asks.

Only what the console's page asks for goes through. A file is for the session that sent it, or in whose answers it was named; so is
a stream of events. Gradio's own check, that a file lies in its temporary folder, comes after ours.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from app.web.refusals import BusyError, ForbiddenError, not_there
from app.web.sessions import Session

PREFIX = "/setup"
_API = f"{PREFIX}/gradio_api"

_GET = re.compile(
    rf"{PREFIX}/?|{PREFIX}/(config|theme\.css|favicon\.ico|manifest\.json|pwa_icon(/\d+)?)/?"
    rf"|{PREFIX}/(assets|static|svelte)/[\w@.+/-]+"
    rf"|{_API}/(info|app_id|startup-events|token|user|login_check|theme\.css|upload_progress|queue/data|queue/status)/?"
    rf"|{_API}/heartbeat/\w+|{_API}/file=.+|{_API}/stream/\w+/\w+/\w+/[\w.-]+"
)
_POST = re.compile(rf"{_API}/(upload|queue/join|cancel|reset|component_server)/?|{_API}/stream/\w+(/close)?")
"""Not reached: the proxy, other sites' files, run histories, recordings, code editing, monitoring, calls without the queue."""

MOST_FILES = 200
"""That a session can get; the console makes a few."""
MOST_FILE_BYTES = 200_000_000
"""In the temporary folder, of all sessions."""
_MOST_STREAMS = 4096

# Gradio 6.31, measured in Chromium: `gr.HTML` and every `js=` of ours are made with `new Function`, so nothing works without
# 'unsafe-eval'; Svelte sets styles in the page; the page has a <base>. Its inline scripts need no 'unsafe-inline': they are
# named by their hashes, so a script that somebody brought into the page would not run.
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval' {}; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; "
    "form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
_INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


def policy(html: bytes) -> str:
    """The Content-Security-Policy of a page of Gradio's: its own inline scripts run, and no others."""
    digests = (b64encode(sha256(script).digest()).decode() for script in _INLINE.findall(html))
    return _POLICY.format(" ".join(f"'sha256-{digest}'" for digest in digests))


def is_console(path: str) -> bool:
    """Whether Gradio answers `path`."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


class ConsoleGuard:
    """Checks what goes to Gradio, and notes what comes from it."""

    def __init__(self, folder: Path) -> None:
        """`folder`: Gradio's temporary folder (GRADIO_TEMP_DIR)."""
        self._folder = Path(os.path.realpath(folder))
        self._named = re.compile(rf"{re.escape(str(self._folder))}/[^\"'<>\\\s?#]+")
        self._streams: OrderedDict[str, Session] = OrderedDict()
        """By Gradio's session hash, whose it is: the first to name it."""

    async def check(self, scope: Scope, receive: Receive, session: Session) -> Receive:
        """The `receive` to go on with. Errors: PathError, ForbiddenError, BusyError."""
        path, method = scope["path"], scope["method"]
        if not (_GET if method in ("GET", "HEAD") else _POST).fullmatch(path) or method not in ("GET", "HEAD", "POST"):
            raise not_there()
        # So that pages can be hashed and files noted: Gradio compresses otherwise.
        headers = MutableHeaders(scope=scope)
        del headers["accept-encoding"]
        where = path.removeprefix(_API)
        if where.startswith("/file="):
            self._own_file(where.removeprefix("/file="), session)
        if where.startswith("/heartbeat/") or (where.startswith("/stream/") and method == "GET"):
            self._own_stream(where.split("/")[2], session)
        for value in parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", ()):
            self._own_stream(value, session)
        if where.startswith("/upload") and method == "POST" and self._bytes() > MOST_FILE_BYTES:
            raise BusyError(
                "the console keeps too many files: close its other pages, and try again in some minutes",
                "I keep too many files already. Try again in some minutes.",
            )
        if method == "POST" and not where.startswith("/upload"):
            return await self._read(receive, session)
        return receive

    async def _read(self, receive: Receive, session: Session) -> Receive:
        """All of a JSON body, looked through; then it is given on."""
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return _again(message, receive)
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            said = json.loads(body) if body.strip() else {}
        except (ValueError, RecursionError):
            raise ForbiddenError("the body is not JSON", "The page sent something I do not understand.") from None
        for each in _objects(said):
            stream, file = each.get("session_hash"), each.get("path")
            if isinstance(stream, str):
                self._own_stream(stream, session)
            if isinstance(file, str):
                self._own_file(file, session)
        return _again({"type": "http.request", "body": body, "more_body": False}, receive)

    def noting(self, scope: Scope, send: Send, session: Session) -> Send:
        """A `send` that notes which files a session's answers name, and names the scripts of a page."""
        start: Message | None = None
        whole = b""
        textual = False

        async def note(message: Message) -> None:
            nonlocal start, whole, textual
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                kind = headers.get("content-type", "")
                textual = kind.startswith(("application/json", "text/event-stream", "text/html"))
                if kind.startswith("text/html"):
                    start = message  # kept back until the page is whole, and its policy known
                    return
            elif textual and message["type"] == "http.response.body":
                body = message.get("body", b"")
                self._note(body, session)
                if start is not None:
                    whole += body
                    if message.get("more_body", False):
                        return
                    headers = MutableHeaders(scope=start)
                    headers["Content-Security-Policy"] = policy(whole)
                    await send(start)
                    message = {"type": "http.response.body", "body": whole, "more_body": False}
            await send(message)

        return note

    def _note(self, body: bytes, session: Session) -> None:
        for file in self._named.findall(body.decode("utf-8", "replace")):
            if len(session.files) < MOST_FILES:
                session.files.add(file)

    def _own_file(self, name: str, session: Session) -> None:
        # The same for what is not there and what is another's: nobody learns which files exist.
        real = os.path.realpath(name) if "\0" not in name else ""
        if real not in session.files or not Path(real).is_relative_to(self._folder):
            raise ForbiddenError(
                "this file is not one of this session's", "That file is not yours, or it is gone. Choose it again."
            )

    def _own_stream(self, name: str, session: Session) -> None:
        owner = self._streams.setdefault(name[:64], session)
        self._streams.move_to_end(name[:64])
        if len(self._streams) > _MOST_STREAMS:
            self._streams.popitem(last=False)
        if owner is not session:
            raise ForbiddenError("these events are another session's", "That is not your page. Reload it.")

    def _bytes(self) -> int:
        return sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())


def _objects(value: Any) -> list[dict[str, Any]]:
    """All JSON objects in `value`."""
    found: list[dict[str, Any]] = []
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            found.append(each)
            left += each.values()
        elif isinstance(each, list):
            left += each
    return found


def _again(first: Message, rest: Receive) -> Receive:
    waiting = [first]

    async def receive() -> Message:
        return waiting.pop() if waiting else await rest()

    return receive
