"""Reading: finds and recognises the text in a picture, whichever way up the picture is.

A line alone cannot be trusted to say which way it stands ("09:05" also reads "00:60"), so the lines of a page vote. Lines
that are unsure are read the other way up too, and the surer reading is kept. The order of the lines is the page's work
(`page.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.picture.page import Box, Line, Page, Word, arrange
from assistant.picture.photo import Photo
from assistant.picture.reading import words
from assistant.picture.reading.passes import LEAST_CONFIDENCE, UPRIGHT, Pass, Piece, clarity, same, surer
from assistant.picture.reading.recogniser import DETECTION_SIDE, FINE_SIDE, Crop, Pixels, Reading, Recogniser

AIMING_SIDE = 480
"""Longest side, in pixels, of the copy in which text is looked for where only its place matters."""
SURE_TEXT = 0.6
"""Least score of the surest line for which a camera is aimed: coloured blobs reach 0.55, evaluation pictures 0.64 and
more (in one of 56 nothing is found at this size)."""
FEW_LETTERS = 6
"""With fewer letters than this the picture is looked at from the side as well."""
UNSURE = 0.9
"""Confidence below which a line is read the other way up as well. Of 4,510 upright lines of three letters and more that
were read surely, 78 are as sure upside down."""
SURE = 0.95
"""Confidence of a line that need not be read again where a larger copy shows it."""
SMALL_PRINT, SMALL_SHARE = 18.0, 0.1
"""Height, in pixels of the copy in which text is looked for, below which print is small, and the share of the letters that
must be small, or unsure, for a second look at a larger copy. On everyday pictures it finds 17 of the 20 answers that a
second look at every picture would, in 95 of 197."""
MOST_AGAIN = 48
"""So many pieces are read again at most, the likeliest first: they take most of the time."""
UNCLEAR = 0.3
"""Clarity of a letter below which a picture is tried mirrored; letters read well have 0.45 to 0.5."""
MIRRORED_TRIED = 6
"""So many of the longest lines are read mirrored to see whether the picture is."""
LEAST_SHAPE, LEAST_FOUND, COVERED = 2.5, 0.7, 0.3
"""Of what was found and not read, that counts as a line which is so much longer than high, of such a score at least, and
of which no line that was read covers more than this share."""


class RapidOcrReader:
    """PP-OCRv6 from one folder of ONNX files (Protocols `Reader`, `TextFinder`)."""

    def __init__(self, folder: Path, threads: int = -1) -> None:
        """Models are opened at the first reading; `threads` for each of them, -1 for one per core."""
        self._recogniser = Recogniser(folder, threads)

    def read(self, photo: Photo) -> Page:
        """Everything written in `photo`; one on its side, upside down or mirrored is turned and read again."""
        pixels, mirrored = photo.pixels, False
        turn, best = self._upright(pixels)
        if best.clarity < UNCLEAR * best.directions.total() and self._seems_mirrored(best):
            pixels, mirrored = photo.mirrored().pixels, True
            turn, best = self._upright(pixels)
        best = self._finer(_turned(pixels, turn), best)
        lines = [line for piece in best.pieces if (line := _line(piece))]
        width, height = (photo.height, photo.width) if turn % 180 else (photo.width, photo.height)
        return arrange(lines, width, height, turn, mirrored, _unread(best, lines))

    def detect(self, photo: Photo) -> list[Box]:
        """Where text lies, unread, in pixels of `photo` (Protocol `TextFinder`); may be called while another thread reads."""
        shrunk = min(1.0, AIMING_SIDE / max(photo.width, photo.height))
        size = (max(1, round(photo.width * shrunk)), max(1, round(photo.height * shrunk)))
        small = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        crops, scores = self._recogniser.find(small)
        if scores.max(initial=0.0) < SURE_TEXT:
            return []
        scale = np.array([photo.width / size[0], photo.height / size[1]])
        return [_box(np.clip(crop.corners, 0, size) * scale) for crop in crops]

    def _upright(self, pixels: Pixels) -> tuple[int, Pass]:
        """The degrees by which `pixels` are best turned clockwise, and what is then read."""
        passes = {0: self._pass(pixels)}
        turns = passes[0].turns
        if passes[0].directions.total() < FEW_LETTERS:  # writing on its side often escapes detection altogether
            passes[90] = self._pass(_turned(pixels, 90))
            turns = turns + [(90 + turn) % 360 for turn in passes[90].turns]
        if turns not in ([], [UPRIGHT]):
            for turn in set(turns) - passes.keys():
                passes[turn] = self._pass(_turned(pixels, turn))
        upright = {turn: each for turn, each in passes.items() if each.turns[:1] == [UPRIGHT]} or passes
        turn = max(upright, key=lambda turn: upright[turn].clarity)
        return turn, passes[turn]

    def _finer(self, pixels: Pixels, seen: Pass) -> Pass:
        """`seen`, and what a larger copy shows besides or more surely: small print, and lines that were torn or run together."""
        shrunk = DETECTION_SIDE / max(pixels.shape[:2])
        if shrunk >= 1 or not _worth_another_look(seen, shrunk):
            return seen
        crops, scores = self._recogniser.find(pixels, FINE_SIDE)
        sure = [piece for piece in seen.pieces if piece.best.confidence >= SURE]
        known = [same(crop, sure) for crop in crops]
        new = sorted((place for place, piece in enumerate(known) if piece is None), key=lambda place: -scores[place])[
            :MOST_AGAIN
        ]
        read = self._read([crops[place] for place in new], [scores[place] for place in new])
        return surer(seen.pieces, [*filter(None, known), *read])

    def _pass(self, pixels: Pixels) -> Pass:
        return Pass(self._read(*self._recogniser.find(pixels)))

    def _read(self, crops: Sequence[Crop], scores: Sequence[float] | NDArray[np.float64]) -> tuple[Piece, ...]:
        readings = self._recogniser.recognise([crop.pixels for crop in crops])
        unsure = [reading.confidence < UNSURE for reading in readings]
        again = iter(self._recogniser.recognise([crop.upside_down for crop in compress(crops, unsure)]))
        return tuple(
            Piece(crop, float(score), reading, next(again) if each else None)
            for crop, score, reading, each in zip(crops, scores, readings, unsure, strict=True)
        )

    def _seems_mirrored(self, seen: Pass) -> bool:
        longest = sorted(seen.pieces, key=lambda piece: len(piece.best.text), reverse=True)[:MIRRORED_TRIED]
        as_it_is = clarity(piece.best for piece in longest)
        for pieces in ([each.crop.mirrored for each in longest], [each.crop.mirrored[::-1, ::-1] for each in longest]):
            if clarity(self._recogniser.recognise([np.ascontiguousarray(piece) for piece in pieces])) > 2 * as_it_is:
                return True
        return False


def _worth_another_look(seen: Pass, shrunk: float) -> bool:
    """Whether enough of the print is small, in a copy reduced by `shrunk`, or unsure."""
    read = [piece for piece in seen.pieces if piece.best.confidence >= LEAST_CONFIDENCE]
    letters = sum(len(piece.best.text) for piece in read)
    small = sum(
        len(piece.best.text) for piece in read if min(piece.crop.across, piece.crop.down) * shrunk < SMALL_PRINT
    )
    unsure = sum(len(piece.best.text) for piece in read if piece.best.confidence < UNSURE)
    return max(small, unsure) >= SMALL_SHARE * letters


def _turned(pixels: Pixels, degrees: int) -> Pixels:
    """`pixels` turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, k=-degrees // 90))


def _box(corners: NDArray[np.float64]) -> Box:
    """The upright rectangle around corners `[n, 2]`."""
    return Box(*np.rint([*corners.min(axis=0), *corners.max(axis=0)]).astype(int).tolist())


def _line(piece: Piece) -> Line | None:
    """What a piece says, on a page that stands upright; None where it could not be read."""
    crop = piece.crop
    reading = words.mended(piece.said)
    if reading.confidence < LEAST_CONFIDENCE or not reading.text:
        return None
    slope = crop.corners[1] + crop.corners[2] - crop.corners[0] - crop.corners[3]
    return Line(
        text=reading.text,
        box=_box(crop.corners),
        confidence=reading.confidence,
        height=crop.across if crop.tall else crop.down,
        angle=90.0 if crop.tall else math.degrees(math.atan2(slope[1], slope[0])),
        words=_words(crop, reading, piece.stands_on_its_head),
    )


def _words(crop: Crop, reading: Reading, on_its_head: bool) -> tuple[Word, ...]:
    """The words of `reading`, each in its part of the crop; a word ends half way to the next."""
    corners = crop.corners[[1, 2, 3, 0]] if crop.tall else crop.corners  # running down, its top is on the right
    if on_its_head:
        corners = corners[[2, 3, 0, 1]]
    found: list[Word] = []
    start, edge = 0, 0.0
    for text in reading.text.split(" "):
        end = start + len(text)
        last = end >= len(reading.text)
        until = 1.0 if last else (reading.places[end - 1] + reading.places[min(end + 1, len(reading.places) - 1)]) / 2
        if text:
            sides = [corners[0] + (corners[1] - corners[0]) * share for share in (edge, until)]
            sides += [corners[3] + (corners[2] - corners[3]) * share for share in (edge, until)]
            found.append(Word(text, _box(np.array(sides)), min(reading.sure[start:end])))
        start, edge = end + 1, until
    return tuple(found)


def _unread(seen: Pass, lines: Sequence[Line]) -> list[Box]:
    """Where print of the page's usual size, or larger, was found but not read, neither as it is nor as parts."""
    if not lines:
        return []
    usual = float(np.median([line.height for line in lines]))
    return [
        box
        for piece, box in ((piece, _box(piece.crop.corners)) for piece in seen.pieces)
        if _line(piece) is None
        and piece.score >= LEAST_FOUND
        and min(piece.crop.across, piece.crop.down) >= 0.5 * usual
        and max(piece.crop.across, piece.crop.down) >= LEAST_SHAPE * min(piece.crop.across, piece.crop.down)
        and not any(box.shared(line.box) > COVERED * box.width * box.height for line in lines)
    ]
