"""How an error becomes an answer of the server: a status, and a body with a sentence for print and one for the ear."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.web.door.access import NotKnownError, WrongError
from app.web.door.credentials import CredentialError
from app.web.door.hosts import HostError, OriginError
from app.web.door.pages import failure_page, wants_page
from app.web.door.refusals import (
    BusyError,
    ForbiddenError,
    PathError,
    TooOftenError,
    TooSlowError,
    UpgradeError,
)
from app.web.visitors.line import DroppedError, LineFullError, TookTooLongError
from app.web.visitors.uploads import TooLargeError
from assistant.errors import AssistantError, EngineError, PictureError, QuestionError, SoundError
from assistant.sound.speaking.phrases import GONE_WRONG
from models.errors import ModelError

_KINDS: tuple[tuple[type[AssistantError], int, str], ...] = (
    (NotKnownError, 401, "session"),
    (WrongError, 401, "wrong"),
    (HostError, 403, "host"),
    (OriginError, 403, "origin"),
    (ForbiddenError, 403, "forbidden"),
    (PathError, 404, "path"),
    (TooSlowError, 408, "slow"),
    (TooOftenError, 429, "often"),
    (UpgradeError, 501, "websocket"),
    (BusyError, 503, "busy"),
    (CredentialError, 500, "credentials"),
    (TooLargeError, 413, "size"),
    (PictureError, 415, "picture"),
    (SoundError, 422, "sound"),
    (QuestionError, 422, "question"),
    (LineFullError, 503, "line"),
    (TookTooLongError, 504, "time"),
    (DroppedError, 409, "stopped"),
    (EngineError, 503, "engine"),
)

_MODEL_MISSING = "One of my models is missing or damaged. A caregiver can bring it with: assistant setup."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """What the client is told."""

    status: int
    kind: str
    message: str
    spoken: str
    seconds: float = 10.0
    """After these it may work, where waiting helps."""

    @property
    def body(self) -> dict[str, str]:
        return {"kind": self.kind, "message": self.message, "spoken": self.spoken}

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(math.ceil(self.seconds))} if self.status in (429, 503) else {}

    def response(self, scope: Scope) -> Response:
        """A page for a person, JSON for a program."""
        if wants_page(Headers(scope=scope), scope["path"]):
            return failure_page(self.status, self.spoken, self.message, self.headers)
        return JSONResponse({"error": self.body}, self.status, self.headers)


class Problem(BaseModel):
    """What went wrong, in print and for the ear."""

    kind: str
    message: str = Field(description="what, where, what to do, in technical words")
    spoken: str = Field(description="a sentence for the user")


class Refusal(BaseModel):
    """The body of every error."""

    error: Problem


REFUSALS: dict[int | str, dict[str, object]] = {
    status: {"model": Refusal, "description": text}
    for status, text in {
        400: "not a request that can be understood",
        401: "not logged in, or a page that is not known any more",
        403: "from another page, or under a name that is not ours",
        408: "the request came in too slowly",
        409: "stopped before it was answered",
        413: "too large",
        415: "not a picture that can be opened",
        422: "a field, the question or the recording is wrong",
        429: "too often: Retry-After says for how long to wait",
        503: "too many wait already, or an engine is missing: Retry-After says when to ask again",
        504: "it took too long and was given up",
    }.items()
}
"""What every operation may answer instead; for the OpenAPI description."""


def failure(error: AssistantError | ModelError) -> Failure:
    """What the client is told of `error`."""
    if isinstance(error, ModelError):
        return Failure(503, "engine", str(error), _MODEL_MISSING)
    status, kind = next(((status, kind) for type_, status, kind in _KINDS if isinstance(error, type_)), (500, "error"))
    seconds = error.seconds if isinstance(error, TooOftenError) else 10.0
    return Failure(status, kind, str(error), error.spoken, seconds)


def mistake(error: Exception) -> Failure:
    """What the client is told of a mistake in the program, which is logged."""
    log.error("mistake in the program", exc_info=error)
    return Failure(500, "mistake", "something went wrong in the program; its log says where", GONE_WRONG)


def install(app: FastAPI) -> None:
    """Answer every error in this form; mistakes in the program are left to the guard."""

    async def assistant_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, AssistantError | ModelError):
            raise error
        return failure(error).response(request.scope)

    async def http_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = str(error.detail) if isinstance(error, HTTPException) else "error"
        spoken = "There is no such page. Go back to the start." if status == 404 else GONE_WRONG
        response = Failure(status, "http", text, spoken).response(request.scope)
        response.headers.update((isinstance(error, HTTPException) and error.headers) or {})
        return response

    async def bad_field(request: Request, error: Exception) -> Response:
        problems = error.errors() if isinstance(error, RequestValidationError) else []
        said = "; ".join(f"{'.'.join(str(part) for part in each['loc'][1:])}: {each['msg']}" for each in problems)
        spoken = "The page sent something I do not understand. Reload it."
        return Failure(422, "field", said or "the request is not valid", spoken).response(request.scope)

    app.add_exception_handler(AssistantError, assistant_error)
    app.add_exception_handler(ModelError, assistant_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, bad_field)
