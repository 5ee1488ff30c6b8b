"""The API under /api: asking with a picture and words, looking ahead, aiming, speaking. What it means is described in docs/web.md.

Requests become values here, and values JSON or server-sent events; the work is in `service.py`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Coroutine
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from app.web.door.access import current
from app.web.door.failures import failure
from app.web.visitors.line import DroppedError, Place
from app.web.visitors.service import Service
from app.web.visitors.sessions import Session
from app.web.visitors.uploads import MOST_AUDIO_BYTES, MOST_FRAME_BYTES, picture_of, read_small, recording_of, typed
from assistant.conversation.exchange import Exchange, Heard, Piece, Reply, Sentence
from assistant.errors import AssistantError, EngineError
from assistant.mind.understanding.question import LONGEST_QUESTION
from assistant.settings.preferences import FASTEST, SLOWEST
from assistant.sound.samples import wav_of
from models.errors import ModelError

MOST_SPOKEN = 1000
"""Characters that are made into sound at once."""

_T = TypeVar("_T")
router = APIRouter(prefix="/api", tags=["assistant"])
Here = Annotated[Session, Depends(current)]
Page = Annotated[int, Form(ge=1, le=100_000, description="of a PDF document")]
Speed = Annotated[float, Form(ge=SLOWEST, le=FASTEST, description="of the voice, times the usual")]


class Evidence(BaseModel):
    """A line of print that the answer stands in."""

    text: str
    confidence: float


class Answered(BaseModel):
    """A whole answer."""

    question: str = Field(description="what was understood")
    heard_confidence: float | None = Field(description="0 to 1; null for what was typed")
    text: str
    sentences: list[str]
    abstained: bool = Field(description="whether it says that it cannot answer")
    reason: str = Field(description="why, or why the answer is doubtful")
    act: str = Field(
        description="what is left to the one who plays the sound: stop, pause, next, camera_off, ...; mostly empty"
    )
    more: bool = Field(description='whether "more" will say something')
    speed: float
    kind: Literal["answer", "reading"]
    evidence: list[Evidence]
    audio: str | None = Field(default=None, description="a WAV file in base64, if `speech` was true")


class Seen(BaseModel):
    """A picture that was looked at."""

    width: int
    height: int
    usable: bool
    spoken: str = Field(description="what is wrong and what to do; empty when nothing is")
    lines: int = Field(description="lines of text that were read")
    page: int = Field(description="which page of a document this is; 1 for a picture")
    pages: int


class Aimed(BaseModel):
    """What to say to somebody who aims a camera."""

    kind: str = Field(description="left, right, up, down, closer, ...; empty for nothing")
    words: str
    capture: bool = Field(description="whether this frame is the picture now")


class ToSay(BaseModel):
    """Text to be made into sound."""

    text: str = Field(min_length=1, max_length=MOST_SPOKEN)
    speed: float = Field(default=1.0, ge=SLOWEST, le=FASTEST)
    where: Literal["browser", "device"] = Field(
        default="browser", description="device: the loudspeaker of the machine itself"
    )


class Health(BaseModel):
    """How it stands."""

    status: Literal["getting ready", "ready", "not ready"]
    login: bool = Field(description="whether people must log in here")
    problem: str = Field(
        default="", description="why it is not ready; this and what follows only for those who are let in"
    )
    profile: str = ""
    engines: str = ""
    waiting: int = Field(default=0, description="questions that wait or are being answered")


@router.post("/ask", response_model=Answered, responses={200: {"content": {"text/event-stream": {}}}})
async def ask(
    request: Request,
    here: Here,
    question: Annotated[str | None, Form(max_length=LONGEST_QUESTION)] = None,
    audio: Annotated[UploadFile | None, File(description="the question as a recording")] = None,
    picture: Annotated[UploadFile | None, File(description="left out: the picture that was sent last")] = None,
    page: Page = 1,
    at: Annotated[int | None, Form(ge=0, le=100_000, description="number of the sentence that is being heard")] = None,
    speed: Speed = 1.0,
    speech: Annotated[bool, Form(description="whether the JSON holds the sound of the answer")] = False,
) -> Response:
    """Ask about a picture, in writing or aloud. With `Accept: text/event-stream` the answer comes sentence by sentence."""
    service = _service(request)
    image = picture_of(await read_small(picture), page) if picture else None
    words = recording_of(await read_small(audio, MOST_AUDIO_BYTES)) if audio else typed(question)
    pieces = service.ask(here, image, words, speed, at)
    if "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(_events(pieces), media_type="text/event-stream")
    return JSONResponse(await _while_wanted(request, _whole(service, pieces, speech)))


async def _whole(service: Service, pieces: AsyncIterator[Place | Piece], speech: bool) -> dict[str, Any]:
    heard: float | None = None
    sentences: list[str] = []
    async for piece in pieces:
        if isinstance(piece, Heard):
            heard = piece.confidence
        elif isinstance(piece, Sentence):
            sentences.append(piece.text)
        elif isinstance(piece, Reply):
            sound = wav_of(await service.speak(piece.text, piece.speed)) if speech and piece.text else None
            audio = base64.b64encode(sound).decode() if sound else None
            return {**_reply(piece), "heard_confidence": heard, "sentences": sentences, "audio": audio}
    raise EngineError(
        "the answer ended before it was whole: ask again", "Something went wrong in me. Please ask again."
    )


@router.post("/picture")
async def picture(request: Request, here: Here, picture: UploadFile, page: Page = 1) -> Seen:
    """Look at a picture, or a page of a PDF document, ahead of the question, which is then answered sooner."""
    pieces = _service(request).look(here, picture_of(await read_small(picture), page))
    return await _while_wanted(request, _seen(pieces))


async def _seen(pieces: AsyncIterator[Place | Exchange]) -> Seen:
    async for piece in pieces:
        if isinstance(piece, Exchange) and (seen := piece.look()) is not None:
            spoken = "" if not seen.quality.findings else seen.quality.spoken
            lines = len(seen.page.lines) if seen.page else 0
            return Seen(
                width=seen.photo.width,
                height=seen.photo.height,
                usable=seen.quality.usable,
                spoken=spoken,
                lines=lines,
                page=seen.photo.page,
                pages=seen.photo.pages,
            )
    raise EngineError("the picture was forgotten while it was looked at: send it again", "Take the picture again.")


@router.post("/guide")
async def guide(request: Request, here: Here, frame: UploadFile, restart: Annotated[bool, Form()] = False) -> Aimed:
    """What to say about this frame to somebody who aims a camera at print; two or three frames a second do."""
    said = await _service(request).aim(here, picture_of(await read_small(frame, MOST_FRAME_BYTES)), restart)
    return (
        Aimed(kind=said.kind, words=said.words, capture=said.capture)
        if said
        else Aimed(kind="", words="", capture=False)
    )


@router.post("/speech", response_class=Response, responses={200: {"content": {"audio/wav": {}}}, 204: {}})
async def speech(request: Request, here: Here, said: ToSay) -> Response:
    """The sound of a sentence, or the sentence spoken by the machine itself; then the answer comes when it has been heard."""
    service = _service(request)
    sounds = await service.speak(said.text, said.speed)
    if said.where == "browser":
        return Response(wav_of(sounds), media_type="audio/wav")
    await service.play(here, sounds)
    return Response(status_code=204)


@router.post("/stop", status_code=204)
async def stop(request: Request, here: Here) -> None:
    """Nobody wants the answer any more; the machine falls silent."""
    here.stop()
    _service(request).silence(here)


@router.post("/forget", status_code=204)
async def forget(request: Request, here: Here) -> None:
    """Keep nothing of what was shown, asked and said in this session."""
    service = _service(request)
    service.silence(here)
    service.sessions.forget(here)


@router.get("/health")
async def health(request: Request) -> Health:
    """How the assistant stands; a little of it to everybody who may reach this port."""
    service = _service(request)
    service.refresh()
    login: bool = request.app.state.access.rules.login
    if login and request.state.session is None:
        return Health(status=service.state, login=True)
    return Health(
        status=service.state,
        login=login,
        problem=service.problem,
        profile=service.preferences.profile,
        engines=service.engines.names(),
        waiting=len(service.answers),
    )


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _while_wanted(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """What `work` comes to; it is given up when whoever asked hangs up. Errors: those of `work`, and DroppedError."""
    working, listening = asyncio.create_task(work), asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise DroppedError("whoever asked has hung up: ask again", "Please ask again.")
        return working.result()
    finally:
        working.cancel()
        listening.cancel()


async def _hung_up(request: Request) -> None:
    """Ends when the connection does; the whole request must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _events(pieces: AsyncIterator[Place | Piece]) -> AsyncIterator[str]:
    try:
        async for piece in pieces:
            match piece:
                case Place(before):
                    yield _event("line", {"place": before})
                case Heard(question, confidence):
                    yield _event("heard", {"question": question, "confidence": confidence})
                case Sentence(number, text):
                    yield _event("sentence", {"number": number, "text": text})
                case Reply():
                    yield _event("answer", _reply(piece))
    except (AssistantError, ModelError) as error:
        yield _event("error", failure(error).body)


def _reply(reply: Reply) -> dict[str, Any]:
    lines = [{"text": line.text, "confidence": round(line.confidence, 3)} for line in reply.evidence]
    return {**asdict(reply), "evidence": lines}


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
