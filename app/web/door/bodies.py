"""The body of a request, bounded: in bytes, in time, and together with all others in memory.

What is too large by its own header is refused before a byte is read; what lies about it, while it is read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from app.web.door.refusals import BusyError, TooSlowError
from app.web.visitors.uploads import MOST_AUDIO_BYTES, MOST_BYTES, MOST_FRAME_BYTES, TooLargeError
from assistant.errors import AssistantError

IDLE_SECONDS = 15.0
"""Without a byte."""
WHOLE_SECONDS = 180.0
"""For all of a body: 25 MB at 150 kB/s."""
MOST_AT_ONCE = 256_000_000
"""Bytes of bodies in memory, of all requests together: ten of the largest pictures."""
FORM_BYTES = 64_000
"""Fields and the frame around files."""
LINGER_BYTES, LINGER_SECONDS = 4_000_000, 2.0
"""Still read after a refusal, so that a browser reads the refusal instead of finding its connection gone."""

_MOST: tuple[tuple[str, int], ...] = (
    (r"/(login|login/say|logout)", 4_000),
    (r"/api/ask", MOST_BYTES + MOST_AUDIO_BYTES + FORM_BYTES),
    (r"/api/picture", MOST_BYTES + FORM_BYTES),
    (r"/api/guide", MOST_FRAME_BYTES + FORM_BYTES),
    (r"/setup/.*", 1_000_000),
)
_MOST_OTHER = 16_000


def most_bytes(path: str) -> int:
    """The largest body for `path`."""
    return next((most for pattern, most in _MOST if re.fullmatch(pattern, path)), _MOST_OTHER)


class Memory:
    """What all bodies together hold."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._most = most
        self.held = 0

    @contextmanager
    def body(self, scope: Scope, receive: Receive) -> Iterator[Body]:
        """The body of a request; what it holds is given back at the end."""
        body = Body(scope, receive, self)
        try:
            yield body
        finally:
            self.held -= body.read

    def fits(self, count: int) -> bool:
        """Hold `count` more bytes, if there is room."""
        if self.held + count > self._most:
            return False
        self.held += count
        return True


class Body:
    """Stands in for `receive`. When a bound is passed, `failure` says which, and the application hears that the client left."""

    def __init__(self, scope: Scope, receive: Receive, memory: Memory) -> None:
        self._receive = receive
        self._memory = memory
        self._most = most_bytes(scope["path"])
        self._over = False
        self._until = asyncio.get_running_loop().time() + WHOLE_SECONDS
        self.read = 0
        self.failure: AssistantError | None = None
        length = Headers(scope=scope).get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._most:
            self.failure = _too_large(self._most)

    async def __call__(self) -> Message:
        if self._over:
            return await self._receive()
        if self.failure is None:
            message = await self._next()
            if message is not None:
                return message
        return {"type": "http.disconnect"}

    async def _next(self) -> Message | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(self._until, loop.time() + IDLE_SECONDS)):
                message = await self._receive()
        except TimeoutError:
            self.failure = TooSlowError(
                "the request came in too slowly: send it again over a better connection, or send less",
                "The connection is too slow. Try again, or send a smaller picture.",
            )
            return None
        if message["type"] != "http.request":
            self._over = True
            return message
        count = len(message.get("body", b""))
        if self.read + count > self._most:
            self.failure = _too_large(self._most)
            return None
        if not self._memory.fits(count):
            self.failure = BusyError(
                "too many people are sending pictures at once: send it again in a minute",
                "Too many people are sending pictures at once. Try again in a minute.",
            )
            return None
        self.read += count
        self._over = not message.get("more_body", False)
        return message

    async def linger(self) -> None:
        """Read on for a moment, and throw it away; see `LINGER_BYTES`."""
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0 and not self._over:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._over = message["type"] != "http.request" or not message.get("more_body", False)
        except TimeoutError:
            return


def _too_large(most: int) -> TooLargeError:
    limit = f"{most / 1_000_000:.0f} megabytes" if most >= 1_000_000 else f"{most // 1000} kilobytes"
    return TooLargeError(
        f"the request has more than {limit}: send less",
        f"That is too large: more than {limit}. Use a smaller file.",
    )
