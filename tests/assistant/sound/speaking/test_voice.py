"""Both voices speak, at every speed, a sentence at a time; what is said can be understood."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import EngineError
from assistant.ports.engines import Speaker
from assistant.sound.hearing.recogniser import WhisperRecogniser
from assistant.sound.samples import Sound
from assistant.sound.speaking.voice import FIRST_WORDS, MOST_WORDS, EspeakSpeaker, PiperSpeaker, pieces
from models.store import Store
from scripts.judging.speech import word_error_rate

pytestmark = pytest.mark.model

SENTENCES = [
    "The meeting will be held in the main building of the university.",
    "The picture is too dark. Turn on a light or move nearer to one.",
    "The sign says push the door to open.",
    "This letter comes from the bank and asks you to confirm your address.",
]
SENTENCE = SENTENCES[0]


@pytest.fixture(scope="module")
def piper(store: Store) -> PiperSpeaker:
    return PiperSpeaker(store.open("piper-joe") / "en_US-joe-medium.onnx")


@pytest.fixture(scope="module")
def espeak() -> EspeakSpeaker:
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs the program espeak-ng")
    return EspeakSpeaker()


@pytest.fixture(scope="module")
def recogniser(store: Store) -> WhisperRecogniser:
    return WhisperRecogniser(store.open("whisper-tiny.en"), threads=2)


@pytest.fixture(params=["piper", "espeak"])
def speaker(request: pytest.FixtureRequest) -> Speaker:
    chosen: Speaker = request.getfixturevalue(request.param)
    return chosen


def whole(speaker: Speaker, text: str, speed: float = 1.0) -> Sound:
    sounds = list(speaker.speak(text, speed))
    return Sound(np.concatenate([sound.samples for sound in sounds]), sounds[0].rate)


def misheard(speaker: Speaker, recogniser: WhisperRecogniser, speed: float) -> float:
    """Word error rate over several sentences: piper says nothing twice in the same way."""
    heard = [recogniser.transcribe(whole(speaker, sentence, speed)).text for sentence in SENTENCES]
    return word_error_rate(" ".join(SENTENCES), " ".join(heard))


def test_what_is_said_is_heard(speaker: Speaker, recogniser: WhisperRecogniser) -> None:
    assert misheard(speaker, recogniser, 1.0) <= 0.15


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_the_natural_voice_is_understood_at_other_speeds(
    piper: PiperSpeaker, recogniser: WhisperRecogniser, speed: float
) -> None:
    assert misheard(piper, recogniser, speed) <= 0.25


def test_speed_is_what_was_asked_for(speaker: Speaker) -> None:
    usual = whole(speaker, SENTENCE).seconds
    for speed in (0.5, 1.5, 2.0, 3.0):
        assert usual / whole(speaker, SENTENCE, speed).seconds == pytest.approx(speed, rel=0.25)


def test_samples_are_sound(speaker: Speaker) -> None:
    sound = whole(speaker, SENTENCE)
    assert sound.samples.dtype == np.float32
    assert 0.05 < np.abs(sound.samples).max() <= 1
    assert 2 < sound.seconds < 8


def test_one_sound_a_sentence_made_as_it_is_asked_for(speaker: Speaker) -> None:
    assert len(list(speaker.speak("One. Two! Three?", 1.0))) == 3
    endless = speaker.speak("Ready. " * 10_000, 1.0)
    assert next(endless).seconds < 3  # the other 9,999 are not made


@pytest.mark.parametrize("text", ["", " \n", "...", "—"])
def test_nothing_to_say_makes_no_sound(speaker: Speaker, text: str) -> None:
    assert list(speaker.speak(text, 1.0)) == []


@pytest.mark.parametrize("speed", [0.0, 0.4, 3.1, float("nan")])
def test_other_speeds_are_refused(speaker: Speaker, speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        list(speaker.speak(SENTENCE, speed))


@pytest.mark.parametrize(
    "text", ["-f /etc/passwd", "--help", "<speak>one</speak>", "[[aaa]]", "a\x00b", "a\ud800b", "中文 текст"]
)
def test_what_was_read_is_never_an_option(speaker: Speaker, text: str) -> None:
    assert whole(speaker, f"{text} end").seconds < 10


def test_phonemes_cannot_be_smuggled_in(piper: PiperSpeaker) -> None:
    """`[[...]]` is spoken as the text it is, not as piper's phoneme notation."""
    assert whole(piper, "[[wˈʌnhˈʌndɹɪd]] [[wˈʌnhˈʌndɹɪd]]").samples.any()
    spelled = whole(piper, "[[AAAAAAAAAAAA]]").seconds
    assert spelled == pytest.approx(whole(piper, "[AAAAAAAAAAAA").seconds, rel=0.3)


def test_a_missing_voice(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="assistant models fetch"):
        PiperSpeaker(tmp_path / "missing.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    settings = '{"audio": {"sample_rate": 16000}, "espeak": {"voice": "en"}, "phoneme_id_map": {}, '
    (tmp_path / "bad.onnx.json").write_text(settings + '"num_symbols": 1, "num_speakers": 1}')
    with pytest.raises(EngineError, match="assistant models fetch"):
        PiperSpeaker(tmp_path / "bad.onnx")


def test_a_missing_program() -> None:
    with pytest.raises(EngineError, match="install it"):
        EspeakSpeaker("no-such-espeak")


def test_a_program_that_fails() -> None:
    with pytest.raises(EngineError, match=r"failed on 'Hello\.'"):
        list(EspeakSpeaker("false").speak("Hello.", 1.0))


def test_pieces_keep_every_word_in_order() -> None:
    text = "A title, by somebody: " + "word " * 100 + "and, at the end; a stop. Then (really) one more!\nAnd a line"
    assert " ".join(pieces(text)).split() == text.split()
    assert max(len(piece.split()) for piece in pieces(text)) <= MOST_WORDS


def test_a_long_first_sentence_starts_with_a_short_piece() -> None:
    first = pieces("The title of the book is Moby Dick or the Whale, and it was written by Herman Melville in 1851.")[0]
    assert first == "The title of the book is Moby Dick or the Whale,"
    joined = "It is a letter of the bank for Mister Smith that asks him to confirm his address in town."
    assert pieces(joined)[0] == "It is a letter of the bank for Mister Smith"


def test_short_sentences_stay_whole() -> None:
    for text in ("It is 5.", "Yes, it is.", "a" * 500, "word " * FIRST_WORDS):
        assert pieces(text) == [text.strip()]


@pytest.mark.parametrize(
    "text",
    [
        "See Dr. Smith and Mrs. Jones in room no. 5 at 9 a.m. today, ref. 12.",
        "Mark Z. Danielewski and J. K. Rowling.",
        "Heat 5 min. in a 750 ml dish (approx. 3 cm deep), vol. 2, pp. 3-5.",
    ],
)
def test_a_dot_that_ends_no_sentence_is_no_place_to_cut(text: str) -> None:
    assert pieces(f"Yes. {text} Then go.") == ["Yes.", text, "Then go."]


def test_a_letter_may_end_a_sentence() -> None:
    assert pieces("With vitamin C. Store dry. A cat, by Max. He likes it.") == [
        "With vitamin C.",
        "Store dry.",
        "A cat, by Max.",
        "He likes it.",
    ]
