"""What of Gradio can be reached, and by whom: its routes are many, and it hands its events to everybody who asks.

Only what the console's page asks for goes through. No file is sent or fetched through Gradio, so no session can get another's; a stream
of events is for the session that named it first.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import OrderedDict
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from app.web.door.refusals import ForbiddenError, not_there
from app.web.visitors.sessions import Session

PREFIX = "/setup"
_API = f"{PREFIX}/gradio_api"

_OPEN = {
    "GET": re.compile(
        rf"{PREFIX}/?|{PREFIX}/(config/?|theme\.css|favicon\.ico|console\.js|(assets|static)/[\w@./-]+)"
        rf"|{_API}/(queue/data|startup-events|heartbeat/\w+)"
    ),
    "POST": re.compile(rf"{_API}/(queue/join|cancel|reset)"),
}
"""What the page needs. Not there: uploads, files, the proxy, other sites' files, run histories, recordings, code editing,
monitoring, calls without the queue."""

_MOST_STREAMS = 4096

# Gradio 6.31, measured in Chromium: Svelte sets styles in the page, which has a <base>. Its inline scripts need no 'unsafe-inline':
# they are named by their hashes, so a script that somebody brought into the page would not run. `gr.HTML` and every `js=` of an
# event would need 'unsafe-eval'; the console does without both.
_POLICY = (
    "default-src 'none'; script-src 'self' {}; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'self'; "
    "frame-ancestors 'none'"
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
    """Checks what goes to Gradio, and gives its page a policy."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, Session] = OrderedDict()
        """By Gradio's session hash, whose it is: the first to name it."""

    async def check(self, scope: Scope, receive: Receive, session: Session) -> Receive:
        """The `receive` to go on with. Errors: PathError, ForbiddenError."""
        path, method = scope["path"], scope["method"].replace("HEAD", "GET")
        if method not in _OPEN or not _OPEN[method].fullmatch(path):
            raise not_there()
        # Gradio compresses otherwise, and nobody could look for the scripts of its page.
        headers = MutableHeaders(scope=scope)
        del headers["accept-encoding"]
        where = path.removeprefix(_API)
        if where.startswith("/heartbeat/"):
            self._own(where.removeprefix("/heartbeat/"), session)
        for name in parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", ()):
            self._own(name, session)
        return await self._read(receive, session) if method == "POST" else receive

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
            if isinstance(each.get("session_hash"), str):
                self._own(each["session_hash"], session)
            if "path" in each:  # how a client names a file of ours
                raise ForbiddenError("no file is opened for the console's page", "I do not open files for this page.")
        return _again({"type": "http.request", "body": body, "more_body": False}, receive)

    def _own(self, name: str, session: Session) -> None:
        owner = self._streams.setdefault(name[:64], session)
        self._streams.move_to_end(name[:64])
        if len(self._streams) > _MOST_STREAMS:
            self._streams.popitem(last=False)
        if owner is not session:
            raise ForbiddenError("these events are another session's", "That is not your page. Reload it.")


def with_policy(send: Send) -> Send:
    """A `send` that keeps a page back until it is whole, and its policy known."""
    start: Message | None = None
    whole = b""

    async def send_page(message: Message) -> None:
        nonlocal start, whole
        if message["type"] == "http.response.start":
            if MutableHeaders(scope=message).get("content-type", "").startswith("text/html"):
                start = message
                return
        elif start is not None and message["type"] == "http.response.body":
            whole += message.get("body", b"")
            if message.get("more_body", False):
                return
            MutableHeaders(scope=start)["Content-Security-Policy"] = policy(whole)
            await send(start)
            message = {"type": "http.response.body", "body": whole, "more_body": False}
        await send(message)

    return send_page


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
