"""Who may come in: a session is given by the page, and every request must belong to one."""

from __future__ import annotations

from fastapi import Request, Response

from app.web.service import Service
from app.web.sessions import COOKIE, Session
from assistant.errors import AssistantError


class NotKnownError(AssistantError):
    """The request belongs to no session."""


async def current(request: Request) -> Session:
    """The session that `request` belongs to. Errors: NotKnownError."""
    service: Service = request.app.state.service
    session = service.sessions.find(request.cookies.get(COOKIE))
    if session is None:
        raise NotKnownError(
            "no session: open the page first, or log in", "I do not know this page any more. Reload it."
        )
    return session


def welcome(request: Request, response: Response) -> None:
    """Give the browser a session, if it has none."""
    service: Service = request.app.state.service
    if service.sessions.find(request.cookies.get(COOKIE)) is None:
        token = service.sessions.open(local=True)
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
