"""The real recogniser on real recordings: words are heard, noise never becomes a question."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import EngineError, SoundError
from assistant.sound.hearing.recogniser import WhisperRecogniser
from assistant.sound.hearing.words import hear
from assistant.sound.samples import HEARING_RATE, Sound, load_sound, resample
from models.store import Store
from scripts.judging.speech import evaluate_speech, normalise, word_error_rate, word_errors


@pytest.fixture(scope="module")
def recogniser(store: Store) -> WhisperRecogniser:
    return WhisperRecogniser(store.open("whisper-tiny.en"), threads=2)


def noise(seconds: float, level: float) -> Sound:
    samples = np.random.default_rng(0).normal(0, level, int(seconds * HEARING_RATE))
    return Sound(samples.astype(np.float32).clip(-1, 1), HEARING_RATE)


def test_the_speech_set(shared: Path, recogniser: WhisperRecogniser) -> None:
    result = evaluate_speech(shared / "data/speech", recogniser)
    assert result.wer <= 0.10
    assert (result.nonspeech, result.nonspeech_as_question) == (5, 0)
    assert result.missed == 0
    assert all(0 < clip.confidence <= 1 for clip in result.clips if clip.heard)


def test_a_clear_question_is_heard_with_confidence(shared: Path, recogniser: WhisperRecogniser) -> None:
    heard = hear(load_sound(shared / "data/speech/jfk.flac"), recogniser)
    assert "what you can do for your country" in heard.text
    assert heard.confidence > 0.8
    assert heard.language == "en"


def test_confidence_falls_with_the_words_heard_wrongly(shared: Path, recogniser: WhisperRecogniser) -> None:
    clear = load_sound(shared / "data/speech/jfk.flac")
    drowned = Sound(clear.samples + noise(clear.seconds, 0.1).samples[: len(clear.samples)], clear.rate)
    assert recogniser.transcribe(drowned).confidence < recogniser.transcribe(clear).confidence


@pytest.mark.parametrize(
    "sound",
    [
        Sound(np.zeros(0, np.float32), HEARING_RATE),
        Sound(np.zeros(3 * HEARING_RATE, np.float32), HEARING_RATE),
        noise(3, 0.01),
        noise(3, 0.3),
        Sound(np.sin(np.arange(48_000) * 0.17).astype(np.float32), HEARING_RATE),
        Sound(np.full(160, 0.5, np.float32), HEARING_RATE),
    ],
    ids=["empty", "silence", "faint noise", "loud noise", "whistle", "click"],
)
def test_what_is_no_speech_is_no_question(sound: Sound, recogniser: WhisperRecogniser) -> None:
    with pytest.raises(SoundError) as caught:
        hear(sound, recogniser)
    assert caught.value.spoken.startswith("I heard nothing")


def test_any_rate_is_understood(shared: Path, recogniser: WhisperRecogniser) -> None:
    sound = load_sound(shared / "data/speech/jfk.flac")
    assert "country" in recogniser.transcribe(resample(sound, 44_100)).text


def test_speech_longer_than_a_window_is_heard_to_its_end(shared: Path, recogniser: WhisperRecogniser) -> None:
    sound = load_sound(shared / "data/speech/jfk.flac")
    pause = np.zeros(3 * HEARING_RATE, np.float32)
    long = np.concatenate([sound.samples, pause, sound.samples, pause, sound.samples, pause, sound.samples])
    heard = recogniser.transcribe(Sound(long, HEARING_RATE))
    assert normalise(heard.text).count("country") == 8


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(EngineError, match="assistant models fetch"):
            WhisperRecogniser(folder, threads=1)


def test_word_errors() -> None:
    assert word_errors("a b c".split(), "a b c".split()) == 0
    assert word_errors("a b c".split(), "a x c d".split()) == 2
    assert word_errors("a b c".split(), []) == 3
    assert word_error_rate("It's the well-known one.", "its the Well known ONE") == 0


def test_the_references_count_as_they_are_documented(shared: Path) -> None:
    rows = [json.loads(line) for line in (shared / "data/speech/transcripts.jsonl").read_text("utf-8").splitlines()]
    assert sum(bool(row["text"]) for row in rows) == 28
