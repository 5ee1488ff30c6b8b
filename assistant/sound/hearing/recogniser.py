"""Speech to text: Whisper behind Silero's voice activity detection, with gates so that noise never becomes a question.

Reading sound files is the work of `samples.py`; what to do with the words is the mind's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ctranslate2 import StorageView
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.vad import VadOptions, collect_chunks, get_speech_timestamps
from numpy.typing import NDArray

from assistant.errors import EngineError
from assistant.sound.samples import HEARING_RATE, Sound, Utterance, resample

# Each value below was compared on the 28 + 5 clips of the speech set: docs/results/speech-cpu.md.
BEAMS = 5
VAD = VadOptions(threshold=0.5, min_silence_duration_ms=2000, speech_pad_ms=400, max_speech_duration_s=28.0)
NO_SPEECH_PROBABILITY = 0.6
"""A window that Whisper itself takes for silence with more than this probability ..."""
LOW_LOG_PROBABILITY = -1.0
"""... is dropped when its words are also less likely than this (nats per token)."""
SHORTEST_WINDOW, LONGEST_WINDOW = 15.0, 30.0
"""Seconds of sound that the encoder looks at. Whisper was trained on 30; 15 hold most questions and take 0.4 of the
time."""
WINDOW_MARGIN = 1.0
"""Seconds of silence left after the last word, because Whisper was not trained on sound cut there."""
MOST_TOKENS = 200
"""Bounds the time that a model stuck in a repetition takes; nobody says as much in half a minute."""

Samples = NDArray[np.float32]


class WhisperRecogniser:
    """A CTranslate2 Whisper model on the CPU, listening for English."""

    def __init__(self, folder: Path, threads: int, compute_type: str = "int8") -> None:
        """Open the model in `folder` (model.bin, config.json, tokenizer.json, vocabulary).

        Errors: EngineError when the folder does not hold a model that can be opened.
        """
        if not folder.is_dir():  # faster-whisper would take any other name for a model of the hub
            raise _unopened(folder, "no such folder")
        try:
            whisper = WhisperModel(
                str(folder), device="cpu", compute_type=compute_type, cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise _unopened(folder, str(error)) from error
        self._model = whisper.model
        self._features = whisper.feature_extractor
        self._tokenizer = Tokenizer(whisper.hf_tokenizer, self._model.is_multilingual, task="transcribe", language="en")
        self._prompt = [*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]

    def transcribe(self, sound: Sound) -> Utterance:
        """Words spoken in `sound` (any rate); an empty text when there are none.

        The confidence is the geometric mean of the token probabilities. Each window of speech is heard by
        itself, without what was heard before as context, so an invented phrase cannot breed the next one.
        """
        heard = [self._hear_window(window) for window in _speech(resample(sound, HEARING_RATE).samples)]
        kept = [(text, likely, tokens) for text, likely, tokens in heard if any(map(str.isalnum, text))]
        if not kept:
            return Utterance("", 0.0)
        tokens = sum(count for _, _, count in kept)
        return Utterance(
            text=" ".join(text for text, _, _ in kept),
            confidence=math.exp(sum(likely * count for _, likely, count in kept) / tokens),
        )

    def _hear_window(self, samples: Samples) -> tuple[str, float, int]:
        """Text, mean log-probability of its tokens, and their number (the ending one counts); no text for silence."""
        features = self._features(samples)
        seconds = max(SHORTEST_WINDOW, len(samples) / HEARING_RATE + WINDOW_MARGIN)
        frames = round(min(seconds, LONGEST_WINDOW) * HEARING_RATE / self._features.hop_length)
        features = np.pad(features[:, :frames], ((0, 0), (0, max(0, frames - features.shape[1]))))
        (result,) = self._model.generate(
            StorageView.from_array(features[None]),
            [self._prompt],
            beam_size=BEAMS,
            max_length=MOST_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
        )
        ids = result.sequences_ids[0]
        likely = result.scores[0] * len(ids) / (len(ids) + 1)  # the score is a mean that leaves out the ending token
        if result.no_speech_prob > NO_SPEECH_PROBABILITY and likely < LOW_LOG_PROBABILITY:
            return "", likely, 0
        return self._tokenizer.decode(ids).strip(), likely, len(ids) + 1


def _speech(samples: Samples) -> Iterator[Samples]:
    """The stretches of `samples` in which somebody speaks, joined into windows that leave room for the margin."""
    stretches = get_speech_timestamps(samples, VAD) if len(samples) else []
    windows, _ = collect_chunks(samples, stretches, max_duration=LONGEST_WINDOW - WINDOW_MARGIN)
    yield from (window for window in windows if len(window))


def _unopened(folder: Path, reason: str) -> EngineError:
    return EngineError(
        f"cannot open the recogniser in {folder} ({reason}): run `assistant models fetch`",
        "I cannot hear: my speech model is missing or damaged. Run: assistant models fetch.",
    )
