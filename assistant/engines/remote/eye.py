"""A model that sees, on another machine: the picture goes out as JPEG in a data URL, the answer comes back piece by piece."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import openai
from openai import AsyncOpenAI
from PIL import Image

from assistant.engines.local.prompts import MOST_TOKENS, instructed
from assistant.engines.local.streamed_answer import Answering, StoppedError
from assistant.engines.remote.client import SEE, Connection, broke_off, connected, nonsense
from assistant.errors import ServerError
from assistant.picture.photo import Photo
from assistant.ports.engines import Style

LONGEST_SIDE = 1_344
"""Pixels: the size that CogVLM2 looks at. For models that take any size, a token for each 28 × 28 of them, so 2,304 at most."""
_QUALITY = 90
"""Of JPEG: print of this size stays sharp, in about 300 KB."""
_LETTERS_PER_TOKEN = 16
"""More than any tokeniser puts into one on average; a longer answer comes from a server that does not mind the limit."""
_THINKS = "<think>"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Asked:
    photo: Photo
    question: str
    history: tuple[tuple[str, str], ...]
    style: Style


class RemoteEye:
    """Protocol `VisionLanguageModel`. Any number of questions at once; how many are answered at once is the server's affair."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(
        self, photo: Photo, question: str, history: Sequence[tuple[str, str]] = (), style: Style = "chat"
    ) -> Answering:
        """As `VisionLanguageModel`. From the stream: ServerError, also in the middle of an answer."""
        answering = Answering()
        asked = _Asked(photo, question, tuple(history), style)
        answering.begin("asking elsewhere", lambda: asyncio.run(self._write(answering, asked)), lambda error: error)
        return answering

    async def _write(self, answering: Answering, asked: _Asked) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - we run in one
        answering.on_stop(lambda: loop.call_soon_threadsafe(task.cancel))
        try:
            async with connected(self._connection) as client:
                await self._tell(answering, client, asked)
        except asyncio.CancelledError as error:  # the connection is closed by now, so that the server leaves off
            raise StoppedError from error
        finally:
            answering.on_stop(None)

    async def _tell(self, answering: Answering, client: AsyncOpenAI, asked: _Asked) -> None:
        host = self._connection.host
        told = ""
        async for piece in self._pieces(await self._begun(client, asked)):
            told += piece
            if told.lstrip().startswith(_THINKS):
                raise ServerError(
                    f"the model at {host} thinks aloud before it answers: switch that off there; {SEE}",
                    "The other machine answers in a way that I cannot use.",
                )
            answering.tell(piece)
            if len(told) > MOST_TOKENS[asked.style] * _LETTERS_PER_TOKEN:
                log.warning("the server at %s does not mind the limit of an answer; the rest is left out", host)
                break
        if not told.strip():
            raise ServerError(f"the model at {host} answered nothing: {SEE}", "The other machine said nothing.")

    async def _begun(self, client: AsyncOpenAI, asked: _Asked) -> openai.AsyncStream[Any]:
        """The stream of the answer; without the turns before, where they are more than the server takes."""
        try:
            return await self._stream(client, asked, asked.history)
        except openai.BadRequestError:
            if not asked.history:
                raise
            log.info("the turns before are left out")
            return await self._stream(client, asked, ())

    async def _stream(
        self, client: AsyncOpenAI, asked: _Asked, history: Sequence[tuple[str, str]]
    ) -> openai.AsyncStream[Any]:
        messages: list[Any] = []
        for before, answered in history:
            messages += [{"role": "user", "content": before}, {"role": "assistant", "content": answered}]
        messages.append({"role": "user", "content": instructed(asked.question, asked.style)})
        # The picture stands first, and stays there from question to question: servers keep what begins alike.
        image = {"type": "image_url", "image_url": {"url": data_url(asked.photo)}}
        messages[0]["content"] = [image, {"type": "text", "text": messages[0]["content"]}]
        async with asyncio.timeout(self._connection.timeout):
            return await client.chat.completions.create(
                model=self._connection.picture_model,
                messages=messages,
                max_tokens=MOST_TOKENS[asked.style],
                temperature=0,
                stream=True,
            )

    async def _pieces(self, stream: openai.AsyncStream[Any]) -> AsyncIterator[str]:
        """Of the answer, each within the time-out, which signs of life without a word do not prolong."""
        chunks = 0
        async with stream:
            while True:
                async with asyncio.timeout(self._connection.timeout):
                    chunk = await anext(stream, None)
                if chunk is None:
                    break
                chunks += 1
                piece, ended = _read(chunk, self._connection)
                if piece:
                    yield piece
                if ended:
                    return
        raise broke_off(self._connection) if chunks else nonsense(self._connection)


def _read(chunk: Any, connection: Connection) -> tuple[str, bool]:
    """The text of a chunk, and whether it is the last one. The client does not check what it is sent."""
    try:
        if not chunk.choices:  # some count the tokens in a chunk of its own
            return "", False
        piece, ended = chunk.choices[0].delta.content or "", chunk.choices[0].finish_reason is not None
    except (AttributeError, TypeError, LookupError) as error:
        raise nonsense(connection) from error
    if not isinstance(piece, str):
        raise nonsense(connection)
    return piece, ended


def data_url(photo: Photo) -> str:
    """The picture as JPEG, its longest side at most `LONGEST_SIDE`; nothing of the file it came from goes with it."""
    image = Image.fromarray(photo.pixels)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode('ascii')}"
