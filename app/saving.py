"""Keeps a picture and the words about it where the user finds them: done only because the user said "save this"."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import platformdirs
from PIL import Image

from assistant.errors import OutputError
from assistant.picture.looking import Seen


def folder() -> Path:
    """Where saved pictures lie."""
    return platformdirs.user_documents_path() / "Assistant"


def save(seen: Seen, words: str) -> str:
    """Write a PNG and a text file of the same name, readable by this account alone; returns the folder's name for the ear.

    Errors: OutputError when the folder cannot be written.
    """
    place = folder()
    name = f"{datetime.now().astimezone():%Y-%m-%d %H.%M.%S}"
    page = "" if seen.page is None else seen.page.text
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _new(place / f"{name}.png") as picture:
            Image.fromarray(seen.photo.pixels).save(picture, "PNG")
        with _new(place / f"{name}.txt") as text:
            text.write(f"{words}\n\n{page}\n".encode())
    except OSError as error:
        raise OutputError(
            f"cannot write into {place} ({error.strerror or error}): free some space there",
            "I could not save it. The disk may be full.",
        ) from error
    return f"{place.name}, in your documents"


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
