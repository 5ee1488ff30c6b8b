"""How an error becomes an answer of the server: a status, and a body with a sentence for print and one for the ear."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.web.access import NotKnownError
from app.web.line import DroppedError, LineFullError, TookTooLongError
from app.web.uploads import TooLargeError
from assistant.errors import AssistantError, EngineError, PictureError, QuestionError, SoundError
from assistant.phrases import GONE_WRONG

_KINDS: tuple[tuple[type[AssistantError], int, str], ...] = (
    (NotKnownError, 401, "session"),
    (TooLargeError, 413, "size"),
    (PictureError, 415, "picture"),
    (SoundError, 422, "sound"),
    (QuestionError, 422, "question"),
    (LineFullError, 503, "line"),
    (TookTooLongError, 504, "time"),
    (DroppedError, 409, "stopped"),
    (EngineError, 503, "engine"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """What the client is told."""

    status: int
    kind: str
    message: str
    spoken: str

    @property
    def body(self) -> dict[str, str]:
        return {"kind": self.kind, "message": self.message, "spoken": self.spoken}

    def response(self) -> JSONResponse:
        headers = {"Retry-After": "10"} if self.status in (429, 503) else None
        return JSONResponse({"error": self.body}, self.status, headers)


def failure(error: AssistantError) -> Failure:
    """What the client is told of `error`."""
    status, kind = next(((status, kind) for type_, status, kind in _KINDS if isinstance(error, type_)), (500, "error"))
    return Failure(status, kind, str(error), error.spoken)


def install(app: FastAPI) -> None:
    """Answer every error in this form."""

    async def assistant_error(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, AssistantError):
            raise error
        return failure(error).response()

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = str(error.detail) if isinstance(error, HTTPException) else "error"
        spoken = "There is no such page. Go back to the start." if status == 404 else GONE_WRONG
        return Failure(status, "http", text, spoken).response()

    async def bad_field(request: Request, error: Exception) -> JSONResponse:
        problems = error.errors() if isinstance(error, RequestValidationError) else []
        said = "; ".join(f"{'.'.join(str(part) for part in each['loc'][1:])}: {each['msg']}" for each in problems)
        return Failure(
            422, "field", said or "the request is not valid", "The page sent something I do not understand. Reload it."
        ).response()

    async def mistake(request: Request, error: Exception) -> JSONResponse:
        log.error("mistake in the program", exc_info=error)
        return Failure(500, "mistake", "something went wrong in the program; its log says where", GONE_WRONG).response()

    app.add_exception_handler(AssistantError, assistant_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, bad_field)
    app.add_exception_handler(Exception, mistake)
