"""Print found and recognised, by RapidOCR (PP-OCRv6 on ONNX Runtime): where lines lie, and what one of them says.

Which way a page stands, and which of several readings is believed, is the reader's work (`reader.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR
from rapidocr.main import RapidOCRError

Pixels = NDArray[np.uint8]
"""`[height, width, 3]`."""

DETECTION_SIDE, FINE_SIDE = 736, 1280
"""Longest side, in pixels, of the copy in which text is looked for, and in which small print is; letters are recognised
at full size."""
TALL = 1.5
"""A piece this much higher than wide runs up or down; RapidOCR turns it a quarter anticlockwise."""


@dataclass(frozen=True)
class Crop:
    """A piece of a picture that holds one line of print, made level."""

    pixels: Pixels
    """Blue first."""
    corners: NDArray[np.float64]
    """`[4, 2]`: where it lies in the picture, clockwise from top left, in pixels."""

    @property
    def across(self) -> float:
        """Length of the two sides that are level, in pixels."""
        return (
            float(np.linalg.norm(self.corners[1] - self.corners[0]) + np.linalg.norm(self.corners[2] - self.corners[3]))
            / 2
        )

    @property
    def down(self) -> float:
        """Length of the two other sides, in pixels."""
        return (
            float(np.linalg.norm(self.corners[3] - self.corners[0]) + np.linalg.norm(self.corners[2] - self.corners[1]))
            / 2
        )

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.across * self.down

    @property
    def tall(self) -> bool:
        return self.down >= TALL * self.across

    @property
    def upside_down(self) -> Pixels:
        return np.ascontiguousarray(self.pixels[::-1, ::-1])

    @property
    def mirrored(self) -> Pixels:
        return np.ascontiguousarray(self.pixels[:, ::-1])


@dataclass(frozen=True)
class Reading:
    """What a crop was taken to say."""

    text: str = ""
    confidence: float = 0.0
    """Mean over the letters' probabilities, 0 to 1."""
    sure: tuple[float, ...] = ()
    """The probability of each character of `text`, spaces among them."""
    places: tuple[float, ...] = ()
    """Where the middle of each character stands, as a share of the crop's width; a space where the one before it stands."""


class Recogniser:
    """Detection and recognition from one folder of ONNX files."""

    def __init__(self, folder: Path, threads: int = -1) -> None:
        """Models are opened when they are first needed; `threads` for each of them, -1 for one per core."""
        self._ocr = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.return_word_box": True,
                # Short pieces are padded to this; a fifth less time than with 320, and as sure (0.968 against 0.967).
                "Rec.rec_img_shape": [3, 48, 160],
                "Det.limit_type": "max",
                "Det.limit_side_len": DETECTION_SIDE,
                "Det.model_path": str(folder / "PP-OCRv6_det_small.onnx"),
                "Rec.model_path": str(folder / "PP-OCRv6_rec_small.onnx"),
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            }
        )

    def find(self, pixels: Pixels, side: int = DETECTION_SIDE) -> tuple[list[Crop], NDArray[np.float64]]:
        """Lines of print in `pixels` (red first), unread, and the detector's score of each, 0 to 1.

        `side`: longest side of the copy that is looked at. A picture smaller than both may be looked at while another thread
        uses another `side`.
        """
        detector: Any = self._ocr._load_det_model()  # type: ignore[no-untyped-call]
        detector.limit_side_len = side
        image, scale = self._ocr.preprocess_img(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        try:
            crops, found = self._ocr.detect_and_crop(image, scale)
        except RapidOCRError:  # its way of saying that there is no text
            return [], np.zeros(0)
        ratio = scale["preprocess"]
        offset = scale.get("padding_1", {"left": 0, "top": 0})
        corners = (np.asarray(found.boxes, dtype=np.float64) - [offset["left"], offset["top"]]) * [
            ratio["ratio_w"],
            ratio["ratio_h"],
        ]
        return list(map(Crop, crops, corners)), np.asarray(found.scores, dtype=np.float64)

    def recognise(self, pieces: Sequence[Pixels]) -> list[Reading]:
        """What each piece (blue first, level) says; an empty Reading where nothing is recognised."""
        if not pieces:
            return []
        done = self._ocr.recognize_txt(list(pieces))
        found: list[Any] = list(
            done.word_results
        )  # declared as what the whole pipeline returns; a stage returns WordInfo
        return [
            _reading(
                text, score, word.confs, [column for columns in word.word_cols for column in columns], word.line_txt_len
            )
            for text, score, word in zip(done.txts or (), done.scores, found, strict=True)
        ]


def _reading(text: str, score: float, sure: Sequence[float], columns: Sequence[int], length: float) -> Reading:
    """`columns`: the network's column of each character that is no space, of `length` in all."""
    if not text.strip():
        return Reading()
    places: list[float] = []
    left = iter(columns)
    for letter in text:
        places.append(places[-1] if letter.isspace() and places else next(left, length) + 0.5)
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    share = [min(1.0, place / max(length, 1.0)) for place in places]
    return Reading(text.strip(), float(score), tuple(sure[start:end]), tuple(share[start:end]))
