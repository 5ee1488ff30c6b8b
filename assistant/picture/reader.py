"""Reading: finds and recognises the text in a picture, whichever way up the picture is.

Wraps RapidOCR (PP-OCRv6 on ONNX Runtime) stage by stage; the order of the lines is the page's work (`page.py`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR
from rapidocr.main import RapidOCRError

from assistant.picture.page import Box, Line, Page, arrange
from assistant.picture.photo import Photo

DETECTION_SIDE = 736
"""Longest side, in pixels, of the copy in which text is looked for; letters are recognised at full size.
736 finds as much as 960 or 1,280 (115, 113 and 112 of the evaluation set's 130 answers) in half the time or less."""
AIMING_SIDE = 480
"""The same where it only matters whether text is there and where it lies."""
SURE_TEXT = 0.6
"""Least score of the surest line for which a camera is aimed: coloured blobs reach 0.55, evaluation pictures 0.64 and
more (in one of 56 nothing is found at this size)."""
LEAST_CONFIDENCE = 0.5
FEW_LETTERS = 6
"""With fewer letters than this the picture is looked at from the side as well."""
UNCLEAR = 0.3
"""Clarity of a letter below which the picture is tried the other way up; letters read well have 0.45 to 0.5."""
DISSENT = 0.25
"""Share of the letters that must run in another direction for the picture to be tried that way too."""
UPRIGHT, UPSIDE_DOWN, RUNS_DOWN, RUNS_UP = 0, 180, 270, 90
"""Directions of a line, each as the degrees by which the page must be turned clockwise to make the line level."""


@dataclass(frozen=True)
class _Pass:
    lines: list[Line]
    directions: Counter[int]
    """Letters found in each direction."""

    @property
    def clarity(self) -> float:
        """Letters read, each counting by how far its line is above the least confidence: what a better pass has more of."""
        return sum(len(line.text) * (line.confidence - LEAST_CONFIDENCE) for line in self.lines)

    @property
    def turns(self) -> list[int]:
        """Degrees clockwise that could make the page upright: the likeliest first, others where many letters say so."""
        letters = self.directions.total()
        return [turn for turn, count in self.directions.most_common() if count >= DISSENT * letters]


class RapidOcrReader:
    """PP-OCRv6: detection, direction and recognition from one folder of ONNX files (Protocols `Reader`, `TextFinder`)."""

    def __init__(self, folder: Path, threads: int = -1) -> None:
        """Models are opened at the first reading; `threads` for each of them, -1 for one per core."""
        self._ocr = RapidOCR(
            params={
                "Global.log_level": "error",
                "Det.limit_type": "max",
                "Det.limit_side_len": DETECTION_SIDE,
                "Det.model_path": str(folder / "PP-OCRv6_det_small.onnx"),
                "Cls.model_path": str(folder / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
                "Rec.model_path": str(folder / "PP-OCRv6_rec_small.onnx"),
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            }
        )

    def read(self, photo: Photo) -> Page:
        """Everything written in `photo`; a picture on its side or upside down is turned and read again."""
        passes = {0: self._pass(photo.pixels)}
        turns = passes[0].turns
        if passes[0].directions.total() < FEW_LETTERS:  # writing on its side often escapes detection altogether
            passes[90] = self._pass(_turned(photo.pixels, 90))
            turns = turns + [(90 + turn) % 360 for turn in passes[90].turns]
        if turns not in ([], [UPRIGHT]):
            for turn in set(turns) - passes.keys():
                passes[turn] = self._pass(_turned(photo.pixels, turn))
        best = max(passes.values(), key=lambda each: each.clarity)
        if best.turns and best.clarity < UNCLEAR * best.directions.total():  # upside down and not noticed?
            for turn in {(turn + 180) % 360 for turn in passes} - passes.keys():
                passes[turn] = self._pass(_turned(photo.pixels, turn))
        upright = {turn: each for turn, each in passes.items() if each.turns[:1] == [UPRIGHT]} or passes
        turned = max(upright, key=lambda turn: upright[turn].clarity)
        width, height = (photo.height, photo.width) if turned % 180 else (photo.width, photo.height)
        return arrange(passes[turned].lines, width, height, turned)

    def detect(self, photo: Photo) -> list[Box]:
        """Where text lies, unread, in pixels of `photo` (Protocol `TextFinder`); may be called while another thread reads."""
        shrunk = min(1.0, AIMING_SIDE / max(photo.width, photo.height))
        size = (max(1, round(photo.width * shrunk)), max(1, round(photo.height * shrunk)))
        small = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        _, corners, scores = self._find(small)
        if scores.max(initial=0.0) < SURE_TEXT:
            return []
        scale = np.array([photo.width / size[0], photo.height / size[1]])
        found = [(quad.min(axis=0), quad.max(axis=0)) for quad in np.clip(corners, 0, size) * scale]
        return [Box(*np.rint([*least, *most]).astype(int).tolist()) for least, most in found]

    def _find(
        self, pixels: NDArray[np.uint8]
    ) -> tuple[list[NDArray[np.uint8]], NDArray[np.float64], NDArray[np.float64]]:
        """Pieces of `pixels` (blue first) that hold a line of text each, their corners `[n, 4, 2]`, clockwise, and scores."""
        image, scale = self._ocr.preprocess_img(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        try:
            crops, found = self._ocr.detect_and_crop(image, scale)
        except RapidOCRError:  # its way of saying that there is no text
            return [], np.zeros((0, 4, 2)), np.zeros(0)
        ratio = scale["preprocess"]
        offset = scale.get("padding_1", {"left": 0, "top": 0})
        corners = (np.asarray(found.boxes, dtype=np.float64) - [offset["left"], offset["top"]]) * [
            ratio["ratio_w"],
            ratio["ratio_h"],
        ]
        return crops, corners, np.asarray(found.scores, dtype=np.float64)

    def _pass(self, pixels: NDArray[np.uint8]) -> _Pass:
        crops, corners, _ = self._find(pixels)
        if not crops:
            return _Pass([], Counter())
        upright, classified = self._ocr.cls_and_rotate(crops)
        recognised = self._ocr.recognize_txt(upright)
        if classified.cls_res is None or recognised.txts is None or recognised.scores is None:
            return _Pass([], Counter())
        lines: list[Line] = []
        letters: Counter[int] = Counter()
        for quad, (label, certainty), text, score in zip(
            corners, classified.cls_res, recognised.txts, recognised.scores, strict=True
        ):
            if score < LEAST_CONFIDENCE or not text.strip():
                continue
            flipped = label == "180" and certainty > self._ocr.cfg.Cls.cls_thresh
            line, direction = _line(quad, _parted(text.strip()), float(score), flipped)
            lines.append(line)
            letters[direction] += len(text)
        return _Pass(lines, letters)


def _turned(pixels: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """`pixels` turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, k=-degrees // 90))


def _parted(text: str) -> str:
    """Words that were run together parted where the case tells: "OCBCBank", "CHILDof"; "iPhone" and "PCs" stay."""
    text = re.sub(r"(?<=[A-Z]{3})(?=(?:of|the|and|in|for|to|on|by)\b)", " ", text)
    return re.sub(r"(?<=[A-Z]{2})(?=[A-Z][a-z]{2})", " ", text)


def _line(quad: NDArray[np.float64], text: str, score: float, flipped: bool) -> tuple[Line, int]:
    """A Line from its four corners (`[4, 2]`, clockwise from top left), and the direction in which it runs."""
    across = float(np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3])) / 2
    down = float(np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2
    tall = down >= 1.5 * across  # RapidOCR turns such a crop a quarter anticlockwise before it recognises it
    left, top = quad.min(axis=0)
    right, bottom = quad.max(axis=0)
    slope = quad[1] + quad[2] - quad[0] - quad[3]
    line = Line(
        text=text,
        box=Box(round(left), round(top), round(right), round(bottom)),
        confidence=score,
        height=across if tall else down,
        angle=90.0 if tall else math.degrees(math.atan2(slope[1], slope[0])),
    )
    if tall:
        return line, RUNS_UP if flipped else RUNS_DOWN
    return line, UPSIDE_DOWN if flipped else UPRIGHT
