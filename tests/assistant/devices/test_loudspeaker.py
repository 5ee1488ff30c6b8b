"""The mixer, step by step; and the loudspeaker on a virtual device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from assistant.devices.loudspeaker import PortAudioLoudspeaker
from assistant.devices.sound_devices import find, present
from assistant.ports.events import Event, Played
from assistant.sound.earcons import earcon
from assistant.sound.mixer import HEARING_STEP, OUTPUT_RATE, OUTPUT_STEP, STEPS_BACK, Mixer
from assistant.sound.samples import HEARING_RATE, Sound
from tests.assistant.devices.pulse import PulseServer


def tone(seconds: float, hertz: float = 440, level: float = 0.5, rate: int = OUTPUT_RATE) -> Sound:
    at = np.arange(round(seconds * rate)) / rate
    return Sound((level * np.sin(2 * np.pi * hertz * at)).astype(np.float32), rate)


def level(seconds: float, value: float) -> Sound:
    """A constant, so that each sample says how loud the mixer made it."""
    return Sound(np.full(round(seconds * OUTPUT_RATE), value, np.float32), OUTPUT_RATE)


def pulled(mixer: Mixer, steps: int) -> tuple[np.ndarray, np.ndarray]:
    pairs = [mixer.pull() for _ in range(steps)]
    return np.concatenate([out for out, _ in pairs]), np.concatenate([heard for _, heard in pairs])


def test_sounds_come_one_after_the_other() -> None:
    mixer = Mixer()
    numbers = [mixer.play(level(0.05, 0.2)), mixer.play(level(0.03, 0.4))]
    assert numbers == [1, 2]
    out, heard = pulled(mixer, 5)
    assert mixer.finished() == [1]
    assert mixer.finished() == []
    rest, _ = pulled(mixer, 5)
    assert mixer.finished() == [2]
    assert out == pytest.approx(0.2)
    assert rest[: 3 * OUTPUT_STEP] == pytest.approx(0.4)
    assert not rest[3 * OUTPUT_STEP :].any()
    assert len(heard) == 5 * HEARING_STEP


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_any_rate_is_played_in_its_time_and_to_its_end(rate: int) -> None:
    mixer = Mixer()
    mixer.play(tone(0.5, rate=rate))
    out, _ = pulled(mixer, 60)
    loud = np.flatnonzero(np.abs(out) > 0.05)
    assert loud[0] / OUTPUT_RATE < 0.01
    assert 0.49 < loud[-1] / OUTPUT_RATE < 0.51


def test_the_reference_is_what_was_put_out() -> None:
    """Sample by sample: the output without what is above 8 kHz, whatever is mixed, paused or turned down."""
    mixer = Mixer()
    mixer.play(tone(1.0, 300))
    parts = [pulled(mixer, 20)]
    mixer.cue(earcon("error", 22_050))
    parts.append(pulled(mixer, 10))
    mixer.volume = 0.3
    parts.append(pulled(mixer, 10))
    mixer.pause()
    parts.append(pulled(mixer, 10))
    mixer.resume()
    parts.append(pulled(mixer, 30))
    out, heard = (np.concatenate(each) for each in zip(*parts, strict=True))
    # The tones are slow, so that each third sample of the output is the output at a third of the rate.
    assert np.abs(out[::3] - heard).max() < 0.02  # the tone begins abruptly, which no resampler can follow
    assert np.abs(heard).max() > 0.4


def test_a_pause_is_quick_and_keeps_the_rest() -> None:
    mixer = Mixer()
    mixer.play(level(1.0, 0.5))
    pulled(mixer, 10)
    mixer.pause()
    out, _ = pulled(mixer, 5)
    assert out[0] == pytest.approx(0.5)
    assert np.all(np.diff(out) <= 1e-7)  # it fades …
    assert not out[OUTPUT_STEP:].any()  # … within 10 ms
    assert mixer.idle
    mixer.resume()
    out, _ = pulled(mixer, 90 + 10)
    assert out[0] == 0
    assert np.abs(np.diff(out)).max() < 0.01
    assert np.count_nonzero(out) == pytest.approx(
        OUTPUT_RATE, abs=OUTPUT_STEP
    )  # from its beginning: 0.1 s had been played
    assert mixer.finished() == [1]


def test_it_goes_on_from_a_moment_before() -> None:
    mixer = Mixer()
    ramp = np.linspace(0, 1, OUTPUT_RATE, dtype=np.float32)
    mixer.play(Sound(ramp, OUTPUT_RATE))
    before, _ = pulled(mixer, 60)
    mixer.pause()
    pulled(mixer, 3)
    mixer.resume()
    pulled(mixer, 1)
    out, _ = mixer.pull()
    seconds = (before[-1] - out[0]) * 1.0
    assert seconds == pytest.approx(STEPS_BACK / 100, abs=0.02)


def test_stop_forgets_all_and_reports_none() -> None:
    mixer = Mixer()
    for _ in range(3):
        mixer.play(level(0.5, 0.5))
    pulled(mixer, 10)
    mixer.stop()
    out, _ = pulled(mixer, 200)
    assert not out[OUTPUT_STEP:].any()
    assert mixer.finished() == []
    assert mixer.idle
    assert mixer.play(level(0.1, 0.5)) == 4
    out, _ = pulled(mixer, 20)
    assert out.max() == pytest.approx(0.5)
    assert mixer.finished() == [4]


def test_what_is_played_after_a_stop_does_not_wait_for_its_fade() -> None:
    mixer = Mixer()
    mixer.play(level(0.5, 0.5))
    pulled(mixer, 10)
    mixer.stop()
    mixer.play(level(0.5, 0.5))
    out, _ = pulled(mixer, 10)
    assert out == pytest.approx(0.5, abs=0.01)  # one fades in while the other fades out
    assert np.abs(np.diff(out)).max() < 0.01


def test_a_stop_ends_a_pause() -> None:
    mixer = Mixer()
    mixer.play(level(0.5, 0.5))
    mixer.pause()
    pulled(mixer, 5)
    mixer.stop()
    mixer.play(level(0.5, 0.2))
    out, _ = pulled(mixer, 5)
    assert out[-1] == pytest.approx(0.2)


def test_sounds_queued_in_a_pause_wait() -> None:
    mixer = Mixer()
    mixer.pause()
    mixer.play(level(0.1, 0.5))
    out, _ = pulled(mixer, 20)
    assert not out.any()
    mixer.resume()
    out, _ = pulled(mixer, 20)
    assert out.any()


def test_a_signal_sounds_while_all_else_is_paused() -> None:
    mixer = Mixer()
    mixer.play(level(1.0, 0.2))
    mixer.pause()
    pulled(mixer, 2)
    mixer.cue(level(0.05, 0.3))
    out, _ = pulled(mixer, 10)
    assert out[: 5 * OUTPUT_STEP] == pytest.approx(0.3)
    assert not out[5 * OUTPUT_STEP :].any()
    assert mixer.finished() == []


def test_a_change_of_volume_does_not_click_and_nothing_is_louder_than_full_scale() -> None:
    mixer = Mixer()
    mixer.play(level(1.0, 0.8))
    pulled(mixer, 5)
    mixer.volume = 0.25
    out, _ = pulled(mixer, 5)
    assert np.abs(np.diff(out)).max() < 0.01
    assert out[-1] == pytest.approx(0.2)
    mixer.volume = 1.0
    mixer.cue(level(0.1, 0.8))
    out, heard = pulled(mixer, 5)
    assert out.max() == 1.0
    assert heard.max() == 1.0


def test_an_empty_sound_is_over_at_once() -> None:
    mixer = Mixer()
    mixer.play(Sound(np.zeros(0, np.float32), 22_050))
    pulled(mixer, 1)
    assert mixer.finished() == [1]


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def loudspeaker(pulse: PulseServer, events: list[Event]) -> Iterator[PortAudioLoudspeaker]:
    made = PortAudioLoudspeaker(events.append)
    made.open(find("loudspeaker", "testspeaker", present()).index)
    yield made
    made.close()


def pitch(sound: Sound) -> float:
    """Hertz of the loudest tone."""
    power = np.abs(np.fft.rfft(sound.samples * np.hanning(len(sound.samples))))
    return float(np.argmax(power) * sound.rate / len(sound.samples))


@pytest.mark.realtime  # a machine that is late leaves a hole in the sound
def test_it_is_heard_whole_and_reported_when_it_was(
    pulse: PulseServer, loudspeaker: PortAudioLoudspeaker, events: list[Event]
) -> None:
    with pulse.recording() as recording:
        number = loudspeaker.play(tone(1.0, 440))
        until(lambda: events)
        until(lambda: time.monotonic() > (recording.last_sound() or time.monotonic()) + 0.2)
    (event,) = events
    assert isinstance(event, Played)
    assert event.number == number
    loud = np.flatnonzero(np.abs(recording.sound().samples) > 0.05)
    assert (loud[-1] - loud[0]) / HEARING_RATE == pytest.approx(1.0, abs=0.05)
    assert pitch(recording.sound()) == pytest.approx(440, abs=3)
    assert event.at == pytest.approx(recording.last_sound() or 0, abs=0.3)


def test_stop_is_heard_soon(pulse: PulseServer, loudspeaker: PortAudioLoudspeaker, events: list[Event]) -> None:
    with pulse.recording() as recording:
        loudspeaker.play(tone(20.0))
        until(lambda: recording.first_sound(0.1))
        stopped = time.monotonic()
        loudspeaker.stop()
        time.sleep(0.7)
    assert recording.last_sound(0.1) is not None
    assert (recording.last_sound(0.1) or 0) - stopped < 0.3  # 0.1 s where nothing else runs
    assert events == []
    assert loudspeaker.idle


def test_the_volume_is_kept_within_bounds(loudspeaker: PortAudioLoudspeaker) -> None:
    loudspeaker.volume = 3.0
    assert loudspeaker.volume == 1.0
    loudspeaker.volume = -1.0
    assert loudspeaker.volume == 0.0


def test_what_was_put_out_is_remembered_for_a_while_only(loudspeaker: PortAudioLoudspeaker) -> None:
    loudspeaker.play(tone(3.0, 300))
    time.sleep(2.0)
    assert len(loudspeaker.played(10)) == 10 * HEARING_STEP
    assert np.abs(loudspeaker.played(3)).max() == pytest.approx(0.5, abs=0.05)
    late = loudspeaker.played(500)  # more than was kept: the rest is silence
    assert len(late) == 500 * HEARING_STEP
    assert not late[-HEARING_STEP:].any()
