"""A reader that keeps what it has read in a folder: reading is nearly all of the time of an evaluation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

from assistant.picture.page import Box, Display, Line, Page, Word, arrange
from assistant.picture.photo import Photo
from assistant.picture.readers import Reader


class KeptReader:
    """`reader`, asked once for each picture (Protocol `Reader`). The folder is the caller's to empty when the reader changes."""

    def __init__(self, reader: Reader, folder: Path | None) -> None:
        self._reader = reader
        self._folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def read(self, photo: Photo) -> Page:
        """As the reader does, or did."""
        if self._folder is None:
            return self._reader.read(photo)
        kept = self._folder / f"{hashlib.sha256(photo.pixels.tobytes()).hexdigest()[:24]}.json"
        if not kept.exists():
            kept.write_text(json.dumps(_as_data(self._reader.read(photo)), ensure_ascii=False), "utf-8")
        return _as_page(json.loads(kept.read_text("utf-8")))


def _as_data(page: Page) -> dict[str, object]:
    return {
        "lines": [asdict(line) for line in page.lines],
        "unread": [asdict(box) for box in page.unread],
        "displays": [asdict(display) for display in page.displays],
        **{name: getattr(page, name) for name in ("width", "height", "turned", "mirrored")},
    }


def _as_page(data: dict[str, object]) -> Page:
    found: dict[str, list[dict[str, object]]] = data  # type: ignore[assignment]
    lines = [
        Line(
            **{
                **line,
                "box": _box(line["box"]),
                "words": tuple(Word(**{**w, "box": _box(w["box"])}) for w in line["words"]),
            }
        )  # type: ignore[arg-type,attr-defined]
        for line in found["lines"]
    ]
    page = arrange(
        lines,
        data["width"],
        data["height"],
        data["turned"],
        data["mirrored"],
        [_box(box) for box in found["unread"]],  # type: ignore[arg-type]
    )
    displays = tuple(Display(**{**each, "box": _box(each["box"])}) for each in found["displays"])  # type: ignore[arg-type]
    return replace(page, displays=displays)


def _box(data: object) -> Box:
    return Box(**data)  # type: ignore[arg-type]
