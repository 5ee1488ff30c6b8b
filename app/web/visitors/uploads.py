"""What people send: bounded in size, kept in memory, decoded when its turn has come. No name that a client gives is ever opened."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import UploadFile

from assistant.errors import AssistantError, QuestionError
from assistant.picture.photo import Photo, photo_of
from assistant.sound.samples import Sound, sound_of

MOST_BYTES = 25_000_000
"""Of a picture: a photograph of 64 megapixels has less."""
MOST_AUDIO_BYTES = 10_000_000
"""Of a recording: a minute of sound on a compact disc."""
MOST_FRAME_BYTES = 1_000_000
"""Of one of the many pictures by which somebody aims a camera."""


class TooLargeError(AssistantError):
    """What was sent has too many bytes."""


async def read_small(upload: UploadFile, most: int = MOST_BYTES) -> bytes:
    """All of `upload`, which is then closed: otherwise it would be in memory twice. Errors: TooLargeError."""
    data = await upload.read(most + 1)
    await upload.close()
    if len(data) > most:
        limit = f"{most // 1_000_000} megabytes" if most > 1_000_000 else "a megabyte"
        raise TooLargeError(
            f"a file has more than {limit}: make it smaller",
            f"That file is too large: more than {limit}. Use a smaller one.",
        )
    return data


def picture_of(data: bytes, page: int = 1) -> Callable[[], Photo]:
    """Decodes the picture, or draws that page of a document; as `photo_of`."""
    return lambda: photo_of(data, page=page)


def recording_of(data: bytes) -> Callable[[], Sound]:
    """Decodes the recording; as `sound_of`."""
    return lambda: sound_of(data)


def typed(question: str | None) -> Callable[[], str]:
    """A typed question. Errors: QuestionError when there is none."""
    if question is None:
        raise QuestionError(
            "neither question nor audio was sent: send one of them", "Ask something, and I will answer."
        )
    return lambda: question
