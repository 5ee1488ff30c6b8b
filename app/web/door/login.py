"""The pages on which people log in and out: /login, /logout. They work without script; who may come in is decided in `access.py`."""

from __future__ import annotations

import logging
from html import escape
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from starlette.requests import cookie_parser

from app.web.door.access import Access, WrongError, cookie, cookie_name, spoken_code
from app.web.door.certificate import spoken_fingerprint
from app.web.door.credentials import LONGEST
from app.web.door.pages import STYLE, page
from app.web.door.refusals import TooOftenError
from app.web.visitors.service import Service
from app.web.visitors.sessions import Session
from assistant.errors import AssistantError
from models.errors import ModelError

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)
_TARGETS = {"": "/", "setup": "/setup/"}
"""Where one may go from here; an address from the request is never followed."""


@router.get("/plain.css")
async def style() -> Response:
    """The style sheet of the plain pages."""
    return FileResponse(STYLE, media_type="text/css")


@router.get("/login")
async def form(request: Request, to: str = "") -> Response:
    """The page to log in on."""
    if request.state.session is not None or not _access(request).rules.login:
        return RedirectResponse(_TARGETS.get(to, "/"), 303)
    return _page(request, to=to)


@router.post("/login")
async def login(request: Request, secret: Annotated[str, Form()] = "", to: Annotated[str, Form()] = "") -> Response:
    """Log in; then to the page."""
    access = _access(request)
    scheme = request.scope["scheme"]
    if not access.rules.login:
        return RedirectResponse(_TARGETS.get(to, "/"), 303)
    try:
        if len(secret) > LONGEST:
            raise WrongError("far too long", "That is far too long.")
        token = await access.enter(secret, request.scope["client"][0], _token(request))
    except WrongError as error:
        return _page(request, error.spoken, 401, to=to)
    except TooOftenError as error:
        return _page(request, error.spoken, 429, error.seconds, to=to)
    response = RedirectResponse(_TARGETS.get(to, "/"), 303)
    response.headers["Set-Cookie"] = cookie(scheme, token)
    return response


@router.post("/login/say")
async def say(request: Request, what: Annotated[str, Form()] = "code", to: Annotated[str, Form()] = "") -> Response:
    """Have the device say its code, or the fingerprint of its certificate."""
    access = _access(request)
    service: Service = request.app.state.service
    try:
        access.may_say()
        if what == "fingerprint" and access.rules.fingerprint:
            await service.announce(spoken_fingerprint(access.rules.fingerprint))
            said = "The device has said its fingerprint."
        elif access.rules.login and access.by_code:
            code = access.pairing.code()
            access.show(code)
            await service.announce(spoken_code(code))
            said = "The device has said the code."
        else:
            said = "There is no code here. Use the password."
    except TooOftenError as error:
        return _page(request, error.spoken, 429, error.seconds, to=to)
    except (AssistantError, ModelError) as error:
        log.warning("could not be said: %s", error)
        return _page(request, "The device cannot speak now. The code stands in its terminal.", 503, to=to)
    return _page(request, said=said, to=to)


@router.get("/logout")
async def leaving(request: Request) -> Response:
    """Asks, because a link in some page must log nobody out."""
    return page(
        "Log out",
        "<p>Pictures, questions and answers of this session will be forgotten.</p>\n"
        '<form method="post" action="/logout"><button>Log out</button></form>\n<p><a href="/">Back to the start</a></p>',
    )


@router.post("/logout")
async def logout(request: Request) -> Response:
    """The session ends, with all that it holds."""
    session: Session | None = request.state.session
    if session is not None:
        request.app.state.service.silence(session)
    access = _access(request)
    access.sessions.close(_token(request))
    response = page(
        "You are logged out", '<p role="status">All was forgotten.</p>\n<p><a href="/">Go to the start</a></p>'
    )
    response.headers["Set-Cookie"] = cookie(request.scope["scheme"], "")
    return response


def _page(
    request: Request, wrong: str = "", status: int = 200, seconds: float = 0.0, said: str = "", to: str = ""
) -> Response:
    access = _access(request)
    by_code = access.by_code
    label = "Code that the device says" if by_code else "Password"
    kind = 'type="text" inputmode="numeric" autocomplete="one-time-code"'
    if not by_code:
        kind = 'type="password" autocomplete="current-password"'
    # The field has the focus, and with it a screen reader reads the sentence that describes it.
    described = ' aria-invalid="true" aria-describedby="wrong"' if wrong else ""
    target = f'<input type="hidden" name="to" value="{escape(to if to in _TARGETS else "")}">'
    parts = []
    if wrong:
        parts.append(f'<p id="wrong" class="wrong" role="alert">{escape(wrong)}</p>')
    if said:
        parts.append(f'<p role="status">{escape(said)}</p>')
    parts.append(
        f'<form method="post" action="/login">\n<label for="secret">{label}</label>\n'
        f'<input id="secret" name="secret" {kind} required maxlength="{LONGEST}" autofocus{described}>\n'
        f"{target}\n<button>Log in</button>\n</form>"
    )
    if by_code:
        parts.append(_say("code", "Say the code", target))
    if access.rules.fingerprint:
        parts.append(
            "<h2>Is this the right device?</h2>\n<p>Your browser warned you of this page, because the device made its certificate "
            "itself. In the warning or in the certificate's details it shows a SHA-256 fingerprint. It must be this one, and the "
            f'device must say and print the same:</p>\n<p class="digits">{_breakable(access.rules.fingerprint)}</p>'
        )
        parts.append(_say("fingerprint", "Say the fingerprint", target))
    headers = {"Retry-After": str(max(1, round(seconds)))} if seconds or status == 503 else None
    return page("Error: log in" if wrong else "Log in", "\n".join(parts), status, headers)


def _breakable(fingerprint: str) -> str:
    """HTML of it, which may go on in another line after a colon but not within a pair of digits."""
    return escape(fingerprint).replace(":", ":<wbr>")


def _say(what: str, label: str, target: str) -> str:
    return (
        f'<form method="post" action="/login/say">\n<input type="hidden" name="what" value="{what}">\n{target}\n'
        f"<button>{label}</button>\n</form>"
    )


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


def _token(request: Request) -> str | None:
    return cookie_parser(request.headers.get("cookie", "")).get(cookie_name(request.scope["scheme"]))
