"""The listener on recorded and synthesised speech, noise, and echo of the assistant's own voice in a simulated room."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assistant.ports.engines import Speaker
from assistant.ports.events import Event, SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted, Woken
from assistant.sound.hearing.listener import Listener
from assistant.sound.hearing.recogniser import WhisperRecogniser
from assistant.sound.hearing.speech import ListenerOptions
from assistant.sound.hearing.wakeword import WakeWord
from assistant.sound.samples import HEARING_RATE, load_sound, resample
from assistant.sound.speaking.voice import EspeakSpeaker, PiperSpeaker
from assistant.sound.tape import likeness
from models.store import Store

pytestmark = pytest.mark.model

BLOCK = 320
ANSWER = (
    "The label says: whole milk, two litres. I am not sure. The picture is blurred; hold the camera steadier, please. "
    "It was written by Jane Austen, and published in eighteen thirteen."
)


def still(seconds: float, level: float = 3e-4) -> np.ndarray:
    return np.random.default_rng(1).normal(0, level, round(seconds * HEARING_RATE)).astype(np.float32)


def heard(listener: Listener, mic: np.ndarray, played: np.ndarray | None = None) -> list[tuple[float, Event]]:
    """All events, each with the time at which it was reported; the clock starts with the sound."""
    played = np.zeros_like(mic) if played is None else played
    events: list[tuple[float, Event]] = []
    for start in range(0, len(mic) - BLOCK + 1, BLOCK):
        now = (start + BLOCK) / HEARING_RATE
        found = listener.hear(mic[start : start + BLOCK], played[start : start + BLOCK], now)
        events += [(now, event) for event in found]
    return events


def kinds(events: Sequence[tuple[float, Event]]) -> list[type[Event]]:
    return [type(event) for _, event in events]


def starts(events: Sequence[tuple[float, Event]]) -> list[float]:
    return [known for known, event in events if isinstance(event, SpeechStarted)]


def clips(shared: Path, speech: bool) -> dict[str, np.ndarray]:
    lines = (shared / "data/speech/transcripts.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return {
        row["audio"]: load_sound(shared / "data/speech" / row["audio"]).samples
        for row in rows
        if bool(row["text"]) == speech
    }


def onset(samples: np.ndarray, part: float = 0.08) -> int:
    """Where a voice in silence is first as loud as a part of its loudest."""
    return int(np.flatnonzero(np.abs(samples) > part * np.abs(samples).max())[0])


def say(text: str, voice: Speaker, speed: float = 1.0) -> np.ndarray:
    sounds = [resample(sound, HEARING_RATE).samples for sound in voice.speak(text, speed)]
    samples = np.concatenate(sounds)
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)


@pytest.fixture(scope="module")
def recogniser(store: Store) -> WhisperRecogniser:
    return WhisperRecogniser(store.open("whisper-tiny.en"), threads=1)


@pytest.fixture(scope="module")
def joe(store: Store) -> PiperSpeaker:
    return PiperSpeaker(next(store.open("piper-joe").glob("*.onnx")), steady=True)


# Speech and silence


def test_a_sentence_starts_pauses_and_ends(shared: Path) -> None:
    voice = load_sound(shared / "data/speech/arctic_a0024.flac").samples
    events = heard(Listener(None), np.concatenate([still(1), voice, still(1)]))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechEnded]
    (_, started), (paused_at, paused), (known, ended) = events
    assert isinstance(paused, SpeechPaused)
    assert isinstance(ended, SpeechEnded)
    assert paused.sound is ended.sound
    assert paused.sound.rate == HEARING_RATE
    assert started.at == pytest.approx(1 + onset(voice) / HEARING_RATE, abs=0.1)
    assert 0.05 < paused_at - paused.at < 0.2
    assert 0.5 < known - ended.at < 0.7


def test_the_sound_is_the_speech_with_a_moment_on_either_side(shared: Path) -> None:
    voice = load_sound(shared / "data/speech/arctic_a0024.flac").samples
    events = heard(Listener(None), np.concatenate([still(1), voice, still(1)]))
    (_, started), _, (_, ended) = events
    assert isinstance(ended, SpeechEnded)
    assert ended.sound.seconds == pytest.approx(ended.at - started.at + 0.3 + 0.1, abs=0.05)
    assert likeness(voice[8000:24_000], ended.sound.samples) > 0.95


def test_a_pause_is_bridged(shared: Path) -> None:
    voice = load_sound(shared / "data/speech/sb_spk2_snt4.flac").samples
    events = heard(Listener(None), np.concatenate([still(1), voice, still(0.2), voice, still(1)]))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechResumed, SpeechPaused, SpeechEnded]
    first, last = events[1][1], events[3][1]
    assert isinstance(first, SpeechPaused)
    assert isinstance(last, SpeechPaused)
    assert last.sound.seconds > 1.8 * first.sound.seconds
    assert np.array_equal(last.sound.samples[: len(first.sound.samples)], first.sound.samples)


def test_recorded_speech_is_noticed_within_a_fifth_of_a_second(shared: Path) -> None:
    """Where it begins abruptly: some recordings begin with a breath or a soft sound, in which no voice can be heard."""
    late = []
    for name, voice in clips(shared, speech=True).items():
        found = starts(heard(Listener(None), np.concatenate([still(1.5), voice[onset(voice) :], still(1)])))
        assert found, name
        late.append(found[0] - 1.5)
    assert np.median(late) <= 0.2
    assert sum(each <= 0.3 for each in late) >= 0.85 * len(late)


def test_the_order_of_events_holds_on_all_recordings(shared: Path) -> None:
    letters = {SpeechStarted: "s", SpeechPaused: "p", SpeechResumed: "r", SpeechEnded: "e"}
    for name, voice in clips(shared, speech=True).items():
        events = heard(Listener(None), np.concatenate([still(1), voice, still(1)]))
        order = "".join(letters[kind] for kind in kinds(events))
        assert re.fullmatch(r"(sp(rp)*e)+", order), (name, order)
        assert all(event.at <= known for known, event in events), name


def test_somebody_who_never_stops_is_cut_off(shared: Path) -> None:
    voice = load_sound(shared / "data/speech/arctic_a0024.flac").samples[:48_000]
    events = heard(Listener(None, options=ListenerOptions(pause=9.0, end=9.5)), np.tile(voice, 12))
    assert kinds(events)[:4] == [SpeechStarted, SpeechPaused, SpeechEnded, SpeechStarted]
    ended = events[2][1]
    assert isinstance(ended, SpeechEnded)
    assert ended.sound is events[1][1].sound  # type: ignore[union-attr]
    assert ended.sound.seconds == pytest.approx(30.3, abs=0.1)


def test_blocks_of_any_length_give_the_same(shared: Path) -> None:
    mic = np.concatenate([still(1), load_sound(shared / "data/speech/arctic_a0024.flac").samples, still(1)])
    mic = mic[: len(mic) // 3200 * 3200]
    found = []
    for size in (160, 480, 3200):
        listener, events = Listener(None), []
        for at in range(0, len(mic) // size * size, size):
            events += listener.hear(mic[at : at + size], np.zeros(size, np.float32), (at + size) / HEARING_RATE)
        found.append([(type(event), round(event.at, 3)) for event in events])
    assert found[0] == found[1] == found[2]


def test_reset_forgets_what_was_heard(shared: Path) -> None:
    voice = load_sound(shared / "data/speech/arctic_a0024.flac").samples
    listener = Listener(WakeWord())
    assert kinds(heard(listener, np.concatenate([still(1), voice[:32_000]]))) == [SpeechStarted]
    listener.reset()
    assert heard(listener, still(3)) == []
    (_, ended) = heard(listener, np.concatenate([voice, still(1)]))[-1]
    assert isinstance(ended, SpeechEnded)
    assert ended.sound.seconds < len(voice) / HEARING_RATE + 0.6


def test_blocks_must_match() -> None:
    with pytest.raises(ValueError, match="whole 10 ms"):
        Listener(None).hear(np.zeros(320, np.float32), np.zeros(160, np.float32), 0.0)
    with pytest.raises(ValueError, match="whole 10 ms"):
        Listener(None).hear(np.zeros(100, np.float32), np.zeros(100, np.float32), 0.0)


# What is no speech


@pytest.mark.parametrize("level", [0.0, 1e-3, 0.03, 0.2])
def test_silence_and_hiss_are_no_speech(level: float) -> None:
    assert heard(Listener(None), still(10, level)) == []


def test_knocks_and_clicks_are_no_speech() -> None:
    random, mic = np.random.default_rng(3), still(20)
    for at in range(8000, len(mic) - 8000, 9000):
        length = int(random.integers(20, 1600))
        decay = np.exp(-np.arange(length) / (length / 5))
        knock = np.sin(2 * np.pi * random.uniform(80, 3000) * np.arange(length) / HEARING_RATE)
        mic[at : at + length] += (random.uniform(0.1, 0.9) * decay * knock).astype(np.float32)
    assert heard(Listener(None), mic) == []


def test_recorded_noise_becomes_no_question(shared: Path, recogniser: WhisperRecogniser) -> None:
    """There are voices in two of the five, far away, and so speech may begin; but no words come of it."""
    quiet = 0
    for name, noise in clips(shared, speech=False).items():
        events = heard(Listener(None), np.concatenate([still(1), noise, still(1)]))
        quiet += not events
        for _, event in events:
            if isinstance(event, SpeechEnded):
                assert recogniser.transcribe(event.sound).text == "", name
    assert quiet >= 3


# The wake word


@pytest.mark.parametrize("voice", ["en-us", "en-gb", "en-gb+f2"])
@pytest.mark.parametrize("speed", [0.8, 1.0, 1.3])
def test_the_wake_word_alone_is_no_speech(voice: str, speed: float) -> None:
    events = heard(
        Listener(WakeWord()), np.concatenate([still(1), say("Okay Nabu.", EspeakSpeaker(voice=voice), speed), still(3)])
    )
    woken = kinds(events).index(Woken)
    assert events[woken + 1 :] == []
    assert SpeechEnded not in kinds(events)


@pytest.mark.parametrize("question", ["what does this say?", "read it to me."])
@pytest.mark.parametrize("breath", [" ", ", "])
@pytest.mark.parametrize("voice", ["en-us", "en-gb", "joe"])
def test_only_the_question_is_heard(
    question: str, breath: str, voice: str, joe: PiperSpeaker, recogniser: WhisperRecogniser
) -> None:
    """In one breath with the wake word, neither its end nor the beginning of the question is harmed."""
    speaker = joe if voice == "joe" else EspeakSpeaker(voice=voice)
    mic = np.concatenate([still(1), say(f"Okay Nabu{breath}{question}", speaker), still(1.5)])
    events = heard(Listener(WakeWord()), mic)
    after = events[kinds(events).index(Woken) :]
    assert [kind for kind in kinds(after) if kind is not SpeechResumed][:2] == [Woken, SpeechStarted]
    assert after[1][0] - after[0][0] < 0.6
    ended = after[-1][1]
    assert isinstance(ended, SpeechEnded)
    text = re.sub(r"\W+", " ", recogniser.transcribe(ended.sound).text.lower()).strip()
    assert "nabu" not in text
    assert "boo" not in text
    wanted = re.sub(r"\W+", " ", question).split()
    assert len(set(wanted) & set(text.split())) >= len(set(wanted)) - 1, text


# The assistant's own voice


def echo(played: np.ndarray, delay: float, decibels: float, seed: int) -> np.ndarray:
    """`played` as the microphone hears it in a room: late, with a dozen reflections, and some noise."""
    random = np.random.default_rng(seed)
    response = np.zeros(HEARING_RATE // 4, np.float32)
    first = round(delay * HEARING_RATE)
    response[first] = 1
    for number in range(12):
        response[first + int(random.integers(20, 2500))] += random.normal(0, 0.25) * np.exp(-number / 6)
    sound = np.convolve(played, response)[: len(played)]
    sound *= np.sqrt(np.mean(played**2) / np.mean(sound**2)) * 10 ** (decibels / 20)
    return (sound + still(len(sound) / HEARING_RATE + 1)[: len(sound)]).astype(np.float32)


ROOMS = [(delay, seed) for seed, delay in enumerate((0.02, 0.035, 0.05, 0.065, 0.08))]


def answer(voice: Speaker) -> np.ndarray:
    edge = np.zeros(8000, np.float32)
    return np.concatenate([edge, say(ANSWER, voice), edge])


@pytest.mark.parametrize("decibels", [-20, -10, 0])
def test_its_own_voice_is_no_speech(decibels: float) -> None:
    played = answer(EspeakSpeaker())
    for delay, seed in ROOMS:
        assert heard(Listener(WakeWord()), echo(played, delay, decibels, seed), played) == [], (delay, seed)


def test_its_natural_voice_hardly_ever_is(joe: PiperSpeaker) -> None:
    """That voice differs from run to run."""
    played, false = answer(joe), 0
    for number, (delay, seed) in enumerate(ROOMS):
        false += bool(heard(Listener(WakeWord()), echo(played, delay, (-20, -10, 0)[number % 3], seed), played))
    assert false <= 1


def test_without_echo_cancellation_it_is(joe: PiperSpeaker) -> None:
    """So the two tests above can fail."""
    played = answer(joe)
    assert starts(heard(Listener(None, echo=False), echo(played, 0.05, -10, 1), played))


@pytest.mark.parametrize(("decibels", "soon", "later"), [(-20, 0.8, 0.9), (-10, 0.7, 0.85), (0, 0.5, 0.7)])
def test_a_person_is_heard_over_it(shared: Path, decibels: float, soon: float, later: float) -> None:
    """As loud as the loudspeaker is where it stands; the microphone hears that fainter by `decibels`."""
    played, people = answer(EspeakSpeaker()), list(clips(shared, speech=True).values())
    random, late = np.random.default_rng(5), []
    for delay, seed in ROOMS:
        room = echo(played, delay, decibels, seed)
        for _ in range(5):
            voice = people[random.integers(len(people))]
            voice = voice[onset(voice) :][:24_000]
            voice = voice * np.sqrt(np.mean(played**2) / np.mean(voice**2))
            at = int(random.uniform(3, len(played) / HEARING_RATE - 3) * HEARING_RATE)
            mic = room[: at + len(voice)].copy()
            mic[at:] += voice
            found = [known - at / HEARING_RATE for known in starts(heard(Listener(None), mic, played[: len(mic)]))]
            late.append(min((each for each in found if each > 0), default=9.0))
    assert sum(each <= 0.3 for each in late) >= soon * len(late), sorted(late)
    assert sum(each <= 0.5 for each in late) >= later * len(late), sorted(late)


def test_memory_is_bounded() -> None:
    listener = Listener(None)
    heard(listener, still(40))
    assert len(listener._tape._samples) < 33 * HEARING_RATE
    assert len(listener._unjudged) < 1000


def test_likeness_tells_an_echo_from_another_voice(shared: Path) -> None:
    own = say("This is the assistant speaking now.", EspeakSpeaker())
    person = load_sound(shared / "data/speech/jfk.flac").samples
    assert likeness(0.1 * own[4000:6000], own) == pytest.approx(1.0, abs=0.01)
    assert likeness(echo(own, 0.03, -20, 0)[4000:6000], own) > 0.5
    alike = [likeness(person[at : at + 2000], own) for at in range(8000, 160_000, 2000)]
    assert sum(each > ListenerOptions().alike for each in alike) <= 0.03 * len(alike)
    assert likeness(np.zeros(1000, np.float32), own) == 0
    assert likeness(own[4000:6000], np.zeros(8000, np.float32)) == 0
