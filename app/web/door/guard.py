"""The guard before every request, of all pages, the API and the console alike: who it is, whether that may be, and how much.

In this order: the name we are called by, how often, where to, who it is, which page it comes from, how much at once, how large. Each
has a file of its own. Every answer carries the headers below; there is no Strict-Transport-Security among them, because with it a
browser lets nobody past the warning of a certificate that we made ourselves.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.door.access import Access, cookie, cookie_name, not_known
from app.web.door.bodies import Body, Memory
from app.web.door.console_guard import ConsoleGuard, is_console, with_policy
from app.web.door.failures import failure, mistake
from app.web.door.hosts import check_host, check_origin
from app.web.door.limits import AtOnce, Buckets, is_loopback, whose
from app.web.door.pages import wants_page
from app.web.door.refusals import BusyError, UpgradeError, not_there, too_often
from app.web.visitors.sessions import Session
from app.web.visitors.uploads import TooLargeError
from assistant.errors import AssistantError

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": with that, a browser says "Origin: null" of our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
}
BEFORE_LOGIN = frozenset(("/login", "/login/say", "/plain.css", "/api/health"))
"""What those who are not logged in may reach."""
FRONT_DOORS = frozenset(("/", "/setup", "/setup/"))
"""Pages with which a visit begins."""

BURST, PER_SECOND = 1000.0, 100.0
"""Requests of one address: a page with its files is twenty, a camera that is aimed three a second."""
STRANGERS_BURST, STRANGERS_PER_SECOND = 200.0, 10.0
"""Of those whom we do not know."""
SESSIONS_BURST, SESSIONS_PER_SECOND = 60.0, 1.0
"""New sessions for one address, where nobody needs to log in."""
MOST_AT_ONCE, MOST_OF_ADDRESS, MOST_OF_SESSION = 160, 64, 16
"""Requests that are answered at the same time."""

LARGEST_HEADERS = 32_768
"""Bytes. Uvicorn bounds those alone that do not come at once."""

_STATIC = re.compile(r"/static/.*|/plain\.css|/manifest\.webmanifest|/setup/(assets|static|svelte)/.*")
_FROM_PROXIES = re.compile(rb"forwarded|via|x-forwarded(-.*)?|x-real-ip|x-original-.*|x-rewrite-url|x-http-method.*")
"""Headers by which a proxy tells whom it speaks for. There is none before us; Gradio would believe them."""


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, access: Access, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._access = access
        self._console = ConsoleGuard()
        self._all = Buckets(BURST, PER_SECOND, clock)
        self._strangers = Buckets(STRANGERS_BURST, STRANGERS_PER_SECOND, clock)
        self._new = Buckets(SESSIONS_BURST, SESSIONS_PER_SECOND, clock)
        self._by_address = AtOnce(MOST_AT_ONCE, MOST_OF_ADDRESS)
        self._by_session = AtOnce(MOST_AT_ONCE, MOST_OF_SESSION)
        self._memory = Memory()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "no websockets here"})
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(scope, send)
        who = whose(scope["client"][0] if scope.get("client") else "")
        with self._memory.body(scope, receive) as body:
            try:
                self._first(scope, who)
                session, by_token = self._who(scope, who)
                check_origin(scope, by_token)
                if session is None and self._access.rules.login and scope["path"] not in BEFORE_LOGIN:
                    if scope["method"] != "GET" or not wants_page(Headers(scope=scope), scope["path"]):
                        raise not_known()
                    to = "?to=setup" if is_console(scope["path"]) else ""
                    await answer.whole(RedirectResponse(f"/login{to}", 303))
                    return
                if session is None:
                    session = self._welcome(scope, who, answer)
                scope["state"]["session"] = session
                with (
                    self._by_address.one_more(who) as one,
                    self._by_session.one_more(id(session) if session else who) as two,
                ):
                    if not (one and two):
                        raise BusyError(
                            "too many requests at the same time: wait for their answers",
                            "One thing after the other, please.",
                        )
                    await self._go_on(scope, body, session, answer)
            except AssistantError as error:
                body.failure = body.failure or error
            except Exception as error:
                if answer.started:
                    raise
                await answer.whole(mistake(error).response(scope))
            if body.failure is not None and not answer.started:
                await answer.refuse(failure(body.failure).response(scope), body)

    def _first(self, scope: Scope, who: str) -> None:
        """What does not depend on who it is."""
        scope.setdefault("state", {})["session"] = None
        scope["headers"] = [(name, value) for name, value in scope["headers"] if not _FROM_PROXIES.fullmatch(name)]
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEADERS:
            raise TooLargeError("the headers are too large: send less", "The page sent too much. Reload it.")
        check_host(scope, self._access.rules.names)
        if seconds := self._all.take(who):
            raise too_often(seconds)
        path = unquote(scope["path"])
        if not path.startswith("/") or ".." in path.split("/") or re.search(r"[\x00-\x1f\x7f\\]", path):
            raise not_there()
        if "websocket" in Headers(scope=scope).get("upgrade", "").lower():
            raise UpgradeError("there are no websockets here: use server-sent events", "That does not work here.")

    def _who(self, scope: Scope, who: str) -> tuple[Session | None, bool]:
        """The session, and whether it is a program's."""
        headers = Headers(scope=scope)
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            session, by_token = self._access.of_token(token.strip(), who), True
            if session is None:
                self._strangers_turn(who)
                raise not_known()
        else:
            cookies = cookie_parser(headers.get("cookie", ""))
            session, by_token = self._access.sessions.find(cookies.get(cookie_name(scope["scheme"]))), False
        if session is None:
            self._strangers_turn(who)
        return session, by_token

    def _strangers_turn(self, who: str) -> None:
        if seconds := self._strangers.take(who):
            raise too_often(seconds)

    def _welcome(self, scope: Scope, who: str, answer: _Answer) -> Session | None:
        """A session for whoever opens the page, where everybody may."""
        path = scope["path"]
        if self._access.rules.login:
            return None
        if path not in FRONT_DOORS or scope["method"] != "GET":
            if is_console(path):
                raise not_known()
            return None
        if seconds := self._new.take(who):
            raise too_often(seconds)
        token = self._access.sessions.open(local=is_loopback(who))
        answer.cookie = cookie(scope["scheme"], token)
        return self._access.sessions.find(token)

    async def _go_on(self, scope: Scope, body: Body, session: Session | None, answer: _Answer) -> None:
        if body.failure is not None:
            return
        receive: Receive = body

        async def send(message: Message) -> None:
            if body.failure is None or answer.started:  # otherwise the refusal is sent instead
                await answer(message)

        if is_console(scope["path"]) and session is not None:
            receive = await self._console.check(scope, body, session)
            await self._app(scope, receive, with_policy(send))
        else:
            await self._app(scope, receive, send)


class _Answer:
    """A `send` that adds what every answer carries."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.started = False
        self.cookie = ""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if _STATIC.fullmatch(self._scope["path"]):
                headers.setdefault("Cache-Control", "no-cache")
            else:
                headers["Cache-Control"] = "no-store"
            if self.cookie:
                headers.append("Set-Cookie", self.cookie)
        await self._send(message)

    async def whole(self, response: Response) -> None:
        """Send all of `response`."""
        await response(self._scope, _nothing, self)

    async def refuse(self, response: Response, body: Body) -> None:
        """Send all of `response`; let the client finish a little of what it sends, and close the connection."""
        if self._scope["method"] in ("GET", "HEAD"):
            await self.whole(response)
            return
        response.headers["Connection"] = "close"

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                await self({**message, "more_body": True})
                await body.linger()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await self(message)

        await response(self._scope, _nothing, send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
