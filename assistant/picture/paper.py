"""One page of a PDF document, drawn, and the text that the document itself holds.

A file from anywhere is opened by a library written in C++: this is done in a process of its own, of bounded memory and
time, that hands back pixels and text and nothing else. Run as a program this file is that process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

SECONDS = 20
"""Of the processor, and twice as many by the clock."""
MEMORY = 2_000_000_000
"""Bytes that the process may address."""
SCANNED = 0.3
"""Share of a page that pictures cover, from which its text may be theirs, or one laid under them: then it is read."""
LEAST_PLAIN = 0.9
"""Share of the characters that must be letters, figures or usual signs, else the font says nothing about its text."""

Reason = Literal["locked", "damaged", "no such page", "too long"]


@dataclass(frozen=True)
class Refusal:
    """Why there is no page."""

    reason: Reason
    pages: int = 0
    """Of the document, where that is known."""


@dataclass(frozen=True)
class Drawn:
    """A page."""

    rgb: bytes
    """`height * width * 3`, red green blue."""
    width: int
    height: int
    pages: int
    lines: tuple[tuple[str, int, int, int, int], ...]
    """Text of the document: left, top, right, bottom in pixels. Empty where the page has to be read."""


def page_of(data: bytes, page: int, side: int) -> Drawn | Refusal:
    """Page `page` (from 1) of the document `data`, its longest side `side` pixels."""
    command = [sys.executable, "-I", __file__, str(page), str(side)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=2 * SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Refusal("too long")
    head, _, rgb = done.stdout.partition(b"\n")
    if done.returncode or not head:  # ended by the system: out of time, out of memory, or a crash
        return Refusal("too long")
    found: dict[str, Any] = json.loads(head)
    if "reason" in found:
        return Refusal(found["reason"], found["pages"])
    return Drawn(rgb, found["width"], found["height"], found["pages"], tuple(map(tuple, found["lines"])))


def _main(page: int, side: int) -> None:
    """The process: a document from standard input; to standard output one line of JSON, then the pixels."""
    _limit()
    found = _draw(sys.stdin.buffer.read(), page, side)
    rgb = b"" if isinstance(found, Refusal) else found.rgb
    facts = {name: value for name, value in asdict(found).items() if name != "rgb"}
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + rgb)


def _draw(data: bytes, page: int, side: int) -> Drawn | Refusal:
    import pypdfium2

    count = 0
    try:
        document = pypdfium2.PdfDocument(data)
        count = len(document)
        if not 1 <= page <= count:
            return Refusal("no such page" if count else "damaged", count)
        sheet = document[page - 1]
        scale = side / max(sheet.get_size())
        bitmap = sheet.render(scale=scale, rev_byteorder=True, force_bitmap_format=pypdfium2.raw.FPDFBitmap_BGR)
        lines = _text(sheet, scale, pypdfium2.raw.FPDF_PAGEOBJ_IMAGE)
    except pypdfium2.PdfiumError as error:
        return Refusal("locked" if "password" in str(error).lower() else "damaged", count)
    whole, row = bytes(bitmap.buffer), 3 * bitmap.width
    rgb = b"".join(whole[first : first + row] for first in range(0, bitmap.height * bitmap.stride, bitmap.stride))
    return Drawn(rgb, bitmap.width, bitmap.height, count, tuple(lines))


def _text(sheet: Any, scale: float, image: int) -> list[tuple[str, int, int, int, int]]:
    """The page's own text, a piece for each run of a line; none where pictures or odd fonts leave doubt about it."""
    width, height = sheet.get_size()
    covered = 0.0
    for each in sheet.get_objects(filter=[image]):
        left, bottom, right, top = each.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    text = sheet.get_textpage()
    letters = [letter for letter in text.get_text_range() if not letter.isspace()]
    plain = sum(letter.isprintable() and not "\ue000" <= letter <= "\uf8ff" for letter in letters)
    if sheet.get_rotation() or covered > SCANNED * width * height or plain < LEAST_PLAIN * max(len(letters), 1):
        return []
    found = []
    for number in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(number)
        said = " ".join(text.get_text_bounded(left, bottom, right, top).split())
        if said:
            box = (left * scale, (height - top) * scale, right * scale, (height - bottom) * scale)
            found.append((said, *map(round, box)))
    return _joined(found)


def _joined(runs: list[tuple[str, int, int, int, int]]) -> list[tuple[str, int, int, int, int]]:
    """Runs of one line that all but touch made one: a word in another font starts a run of its own."""
    if not runs:
        return []
    lines = [runs[0]]
    for before, run in pairwise(runs):
        said, left, top, right, bottom = lines[-1]
        level = min(bottom, run[4]) - max(top, run[2]) > 0.5 * min(bottom - top, run[4] - run[2])
        if level and -2 <= run[1] - before[3] < 0.5 * (bottom - top):
            lines[-1] = (f"{said} {run[0]}", left, min(top, run[2]), max(right, run[3]), max(bottom, run[4]))
        else:
            lines.append(run)
    return lines


def _limit() -> None:
    """Bounds on this process, where the system knows such."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
