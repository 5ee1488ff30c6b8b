"""Short signals that say what the assistant is doing: listening, thinking, done … Made here, not recorded.

Each is told from the others by its contour (rising, falling, one note, two) and its pitch, so that no word is needed; all are
soft, because they are heard a hundred times a day. When which of them sounds, is known to `dialogue.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from assistant.sound.samples import Sound

EarconName = Literal["listening", "thinking", "done", "error", "capture", "waiting", "asleep"]
EARCONS: tuple[EarconName, ...] = get_args(EarconName)
FADE = 0.012
"""Seconds over which each note comes and at least goes: shorter ones click."""


@dataclass(frozen=True)
class _Note:
    """A tone with its octave, which sounds softer than a bare sine and carries on small loudspeakers."""

    pitch: float
    """Hertz at the beginning; 0 for a breath of noise."""
    start: float
    seconds: float
    level: float = 0.22
    glide: float = 1.0
    """Pitch at the end by pitch at the beginning."""


_C5, _E5, _G5, _C6, _A4, _D4, _G3 = 523.25, 659.26, 783.99, 1046.5, 440.0, 293.66, 196.0
_NOTES: dict[EarconName, tuple[_Note, ...]] = {
    "listening": (_Note(_C5, 0, 0.09), _Note(_G5, 0.07, 0.13)),  # up: your turn
    "thinking": (_Note(_E5, 0, 0.07, 0.16), _Note(_E5, 0.1, 0.07, 0.16)),  # twice the same: got it, at work
    "done": (_Note(_C5, 0, 0.07), _Note(_E5, 0.06, 0.07), _Note(_C6, 0.12, 0.12, 0.18)),  # three up: here it is
    "error": (_Note(_D4, 0, 0.12, 0.26), _Note(_G3, 0.1, 0.15, 0.28)),  # low and down
    "capture": (_Note(0, 0, 0.035, 0.28), _Note(0, 0.075, 0.06, 0.2)),  # the two curtains of a shutter
    "waiting": (_Note(_A4, 0, 0.16, 0.05),),  # one soft note
    "asleep": (_Note(_G5, 0, 0.24, 0.16, glide=0.45),),  # sinks
}


@cache
def earcon(name: EarconName, rate: int) -> Sound:
    """The signal `name` at `rate` samples per second: at most 0.25 s, at most 0.3 loud, silent at both ends."""
    notes = _NOTES[name]
    samples = np.zeros(round(max(note.start + note.seconds for note in notes) * rate), np.float32)
    for note in notes:
        tone = _tone(note, rate)
        start = round(note.start * rate)
        samples[start : start + len(tone)] += tone[: len(samples) - start]
    samples.setflags(write=False)  # it is shared by all who ask for it
    return Sound(samples, rate)


def _tone(note: _Note, rate: int) -> NDArray[np.float32]:
    n = round(note.seconds * rate)
    along = np.arange(n) / n
    if note.pitch:
        phase = 2 * np.pi * np.cumsum(note.pitch * note.glide**along) / rate
        wave = (np.sin(phase) + 0.25 * np.sin(2 * phase)) / 1.25
    else:
        wave = np.random.default_rng(n).uniform(-1, 1, n)
    rise = round(FADE * rate)
    attack = np.sin(np.pi / 2 * np.minimum(1, np.arange(n) / rise)) ** 2
    decay = np.cos(np.pi / 2 * along) ** 2
    tone: NDArray[np.float32] = (note.level * wave * attack * decay).astype(np.float32)
    return tone
