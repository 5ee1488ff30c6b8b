"""A small network for crops of seven-segment displays: whether a crop is one, and what it says.

How it was made and measured: docs/displays.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from assistant.errors import EngineError

SIGNS = "0123456789.:-*"
"""What the network tells apart, after "nothing"; `*` is any letter made of segments."""
DISPLAY = 0.5
"""Least probability that a crop is a display for it to be taken for one."""
TALL, WIDE = 32, 160
"""Size in pixels of what the network sees."""
FILE = "segments.onnx"
SHA256 = "9b05c1d1a428ad90884c26d5c58f1c7f8be7d3dcfba31b6146428c73953c7ddf"

_FIGURE = re.compile(r"\**-?\d*[.:-]?\d+\**")

Grey = NDArray[np.uint8]
"""`[height, width]`."""


@dataclass(frozen=True)
class Reading:
    """What a crop was taken to be."""

    display: float
    """Probability that it shows a display of segments."""
    text: str
    """In `SIGNS`, read as a display whether it is one or not."""
    confidence: float
    """Probability of exactly this text."""
    rival: float = 0.0
    """Of displays: how probable the likeliest figure is, beside this text, that differs by one point, colon or minus sign."""


def prepared(crop: Grey) -> NDArray[np.float32]:
    """`[1, TALL, WIDE]`: scaled to the height (squeezed where it is too long), contrast stretched, filled up at the right."""
    width = min(WIDE, max(1, round(crop.shape[1] * TALL / crop.shape[0])))
    way = cv2.INTER_AREA if crop.shape[0] > TALL else cv2.INTER_LINEAR
    small = cv2.resize(crop, (width, TALL), interpolation=way).astype(np.float32)
    low, high = np.percentile(small, (2, 98))
    small = ((small - low) / max(8.0, float(high - low)) * 2 - 1).clip(-1.5, 1.5)
    padded = np.full((1, TALL, WIDE), np.median(small), np.float32)
    padded[0, :, :width] = small
    return padded


def read(crops: Sequence[Grey]) -> list[Reading]:
    """What each crop, of at least one pixel, was taken to be. Raises `EngineError` where the network's file is damaged."""
    if not crops:
        return []
    steps, display = _network().run(None, {"crops": np.stack([prepared(crop) for crop in crops])})
    return [_reading(log, float(share)) for log, share in zip(np.asarray(steps), np.asarray(display), strict=True)]


@cache
def _network() -> onnxruntime.InferenceSession:
    content = (resources.files(__package__) / FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise EngineError(
            f"{FILE} in {__package__} is damaged (its sha256 is not the expected one). Install the assistant again.",
            "The reader of displays is damaged. The assistant must be installed again.",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _reading(steps: NDArray[np.float32], display: float) -> Reading:
    """`steps`: `[time, 1 + signs]`, logarithms of probabilities."""
    best = steps.argmax(axis=1)
    text = "".join(
        SIGNS[sign - 1] for sign, before in zip(best, [0, *best[:-1]], strict=True) if sign and sign != before
    )
    likely = log_likelihood(steps, text)
    others = _other_marks(text) if display >= DISPLAY else set()
    rival = max((log_likelihood(steps, other) for other in others), default=-np.inf)
    return Reading(display, text, float(np.exp(likely)), float(np.exp(rival - likely)))


def _other_marks(text: str) -> set[str]:
    """Figures that are `text` with one mark more or less."""
    more = {text[:place] + mark + text[place:] for place in range(len(text) + 1) for mark in ".:-"}
    less = {text[:place] + text[place + 1 :] for place, sign in enumerate(text) if sign in ".:-"}
    return {other for other in more | less if _FIGURE.fullmatch(other)}


def log_likelihood(steps: NDArray[np.float32], text: str) -> float:
    """Logarithm of the probability of `text` over all ways to write it (CTC); `steps` as of the network."""
    signs = np.zeros(2 * len(text) + 1, np.int64)
    signs[1::2] = [SIGNS.index(sign) + 1 for sign in text]
    leap = np.zeros(len(signs), bool)  # over a "nothing", where the sign is not the one before
    leap[3::2] = signs[3::2] != signs[1:-2:2]
    ways = np.full(len(signs), -np.inf)
    ways[:2] = steps[0, signs[:2]]
    for step in steps[1:]:
        one = np.concatenate([[-np.inf], ways[:-1]])
        two = np.where(leap, np.concatenate([[-np.inf, -np.inf], ways])[: len(ways)], -np.inf)
        ways = np.logaddexp(np.logaddexp(ways, one), two) + step[signs]
    return float(np.logaddexp.reduce(ways[-2:]))
