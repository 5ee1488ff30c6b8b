"""The wake word: whether "Okay Nabu" or another known word was just spoken (microWakeWord's models, which its wheel carries).

What follows from it, and what is said after it, is the work of `listener.py`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

from assistant.errors import EngineError
from assistant.settings.preferences import Sensitivity
from assistant.sound.samples import HEARING_RATE

WakeName = Literal["okay_nabu", "hey_jarvis", "alexa", "hey_mycroft"]
USUAL_SENSITIVITY = 0.5
SENSITIVITIES: dict[Sensitivity, float] = {"low": 0.2, "normal": USUAL_SENSITIVITY, "high": 0.8}
USUAL_THRESHOLDS: dict[WakeName, float] = {"okay_nabu": 0.69, "hey_jarvis": 0.92, "alexa": 0.9, "hey_mycroft": 0.95}
"""Probabilities above which a word is heard. Chosen from docs/results/wake-word.md; for the first two and the last also what Home
Assistant's voice firmware calls moderately sensitive, with 0.4, 0.9 and 1.5 false wakes an hour at a recorded dinner party."""
REFRACTORY = 1.0
"""Seconds after a word in which it is not heard again. Nor is it while its probability stays high, which it may for longer."""


class WakeWord:
    """Listens for one word, 10 ms at a time."""

    def __init__(self, name: str = "okay_nabu", sensitivity: float = USUAL_SENSITIVITY) -> None:
        """`sensitivity` from 0 (never) over 0.5 (the usual threshold) to 1 (its square).

        Errors: EngineError for a word without a model, or when the model cannot be opened; ValueError for the sensitivity.
        """
        usual = next((threshold for known, threshold in USUAL_THRESHOLDS.items() if known == name), None)
        if usual is None:
            words = ", ".join(USUAL_THRESHOLDS)
            raise EngineError(
                f"no wake word {name!r}: choose one of {words}", "I do not know that wake word. Choose Okay Nabu."
            )
        if not 0 <= sensitivity <= 1:
            raise ValueError(f"sensitivity {sensitivity} is not between 0 and 1")
        try:
            self._model = MicroWakeWord.from_builtin(Model(name))
        except (OSError, ValueError, RuntimeError) as error:
            raise EngineError(
                f"cannot open the wake word {name} ({error}): install pymicro-wakeword again",
                "My wake word is damaged. Use the button, and install me again.",
            ) from error
        self._features = MicroWakeWordFeatures()
        self.name = name
        self.threshold = usual ** (2 * sensitivity)
        self._begin()

    def _begin(self) -> None:
        self._deaf, self._over = 0, True
        self._taken, self._newest = 0, 0.0

    def heard(self, block: NDArray[np.float32]) -> bool:
        """Whether the word was recognised in `block` (any length at 16 kHz, -1 to 1; whole 10 ms are the quickest)."""
        self._deaf = max(0, self._deaf - len(block))
        # Every block goes through the model, also in the refractory time: it remembers what came before.
        likely = max((self._likely(features) for features in self._spectra(block)), default=0.0)
        if likely <= self.threshold:
            self._over = True
            return False
        if self._deaf or not self._over:
            return False
        self._deaf, self._over = round(REFRACTORY * HEARING_RATE), False
        return True

    def probabilities(self, block: NDArray[np.float32]) -> list[float]:
        """The probabilities in `block`, one each 10 ms, without threshold or refractory time; for measuring."""
        return [self._likely(features) for features in self._spectra(block)]

    def reset(self) -> None:
        """Forget all sound."""
        self._model.reset()
        self._features.reset()
        self._begin()

    def _spectra(self, block: NDArray[np.float32]) -> list[NDArray[np.float64]]:
        whole = (np.clip(block, -1, 1) * 32767).astype("<i2")
        return list(self._features.process_streaming(whole.tobytes()))

    def _likely(self, features: NDArray[np.float64]) -> float:
        # The model takes several spectra at a time, and says 0 to all but the last of them.
        newest = self._model.process_streaming_prob(features) or 0.0
        self._taken += 1
        if self._taken % self._model.stride == 0:
            self._newest = newest
        return self._newest
