"""Both directions on virtual devices: speech is heard, and devices that are pulled out are missed and taken again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from assistant.devices import sound_devices, soundcard
from assistant.devices.sound_devices import Named, Present, find, names, present
from assistant.devices.soundcard import SoundCard
from assistant.ports.events import DeviceBack, DeviceLost, Event, Played, SpeechEnded, SpeechStarted
from assistant.sound.hearing.listener import Listener
from assistant.sound.samples import HEARING_RATE, Sound, load_sound
from tests.assistant.devices.pulse import Plug, PulseServer

pytestmark = pytest.mark.realtime


class Events(list[Event]):
    """What was reported, with the time of each report."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def report(self, event: Event) -> None:
        self.append(event)
        self.times.append(time.monotonic())

    def wait(self, kind: type[Event], seconds: float = 15.0) -> tuple[Event, float]:
        """The first event of this kind and the time of its report."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for event, at in zip(self, self.times, strict=False):
                if isinstance(event, kind):
                    return event, at
            time.sleep(0.01)
        raise AssertionError(f"no {kind.__name__} among {[type(event).__name__ for event in self]}")

    def clear(self) -> None:
        super().clear()
        self.times.clear()


def tone(seconds: float) -> Sound:
    at = np.arange(round(seconds * HEARING_RATE)) / HEARING_RATE
    return Sound((0.5 * np.sin(2 * np.pi * 440 * at)).astype(np.float32), HEARING_RATE)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def card(pulse: PulseServer, events: Events) -> Iterator[SoundCard]:
    made = SoundCard(Listener(None), events.report, microphone="TestMicrophone", loudspeaker="TestSpeaker")
    made.start()
    yield made
    made.close()


def test_speech_is_heard(pulse: PulseServer, card: SoundCard, events: Events, shared: Path) -> None:
    sound = load_sound(shared / "data/speech/arctic_a0024.flac")
    with pulse.saying(sound) as began:
        event, _ = events.wait(SpeechStarted)
        ended, _ = events.wait(SpeechEnded)
    assert isinstance(ended, SpeechEnded)
    assert -0.1 < event.at - began < 2.0
    assert ended.sound.seconds == pytest.approx(sound.seconds, abs=1.0)
    assert not any(isinstance(each, DeviceLost) for each in events)


def test_it_can_be_told_to_forget(pulse: PulseServer, card: SoundCard, events: Events, shared: Path) -> None:
    with pulse.saying(load_sound(shared / "data/speech/jfk.flac")):
        events.wait(SpeechStarted)
        card.forget()
        time.sleep(0.2)
        events.clear()
        events.wait(SpeechStarted)  # what goes on is new


@pytest.mark.parametrize("plug", ["microphone", "loudspeaker"])
def test_a_device_that_is_pulled_out_is_missed_and_taken_again(
    pulse: PulseServer, card: SoundCard, events: Events, plug: Plug
) -> None:
    time.sleep(0.5)
    pulled = time.monotonic()
    pulse.unplug(plug)
    lost, at = events.wait(DeviceLost)
    assert isinstance(lost, DeviceLost)
    assert at - pulled < 2.0
    assert lost.device == plug
    assert lost.spoken == f"The {plug} is gone. Plug it in again."
    time.sleep(2.5)
    assert len(events) == 1  # said once
    pulse.plug(plug)
    back, _ = events.wait(DeviceBack)
    assert isinstance(back, DeviceBack)
    assert back.device == plug
    time.sleep(4)
    assert [type(event) for event in events] == [DeviceLost, DeviceBack]


def test_after_it_came_back_it_works(pulse: PulseServer, card: SoundCard, events: Events, shared: Path) -> None:
    for plug in ("microphone", "loudspeaker"):
        pulse.unplug(plug)
        events.wait(DeviceLost)
        pulse.plug(plug)
        events.wait(DeviceBack)
        events.clear()
    with pulse.recording() as recording:
        card.loudspeaker.play(tone(0.5))
        events.wait(Played)
        time.sleep(0.3)
    assert recording.first_sound(0.1)
    with pulse.saying(load_sound(shared / "data/speech/arctic_a0024.flac")):
        events.wait(SpeechStarted)


def test_the_loudspeaker_goes_on_while_the_microphone_is_gone(
    pulse: PulseServer, card: SoundCard, events: Events
) -> None:
    """Its loss must be said without a gap each time that the microphone is looked for."""
    stream = card.loudspeaker._stream
    with pulse.recording() as recording:
        pulse.unplug("microphone")
        events.wait(DeviceLost)
        card.loudspeaker.play(tone(3.0))
        events.wait(Played)
        time.sleep(0.3)
    loud = np.abs(recording.sound().samples) > 0.05
    at = np.flatnonzero(loud)
    assert card.loudspeaker._stream is stream  # it was not opened again; a busy machine may tear it all the same
    assert (at[-1] - at[0]) / HEARING_RATE == pytest.approx(3.0, abs=0.5)


def test_what_was_playing_goes_on_when_the_loudspeaker_is_back(
    pulse: PulseServer, card: SoundCard, events: Events
) -> None:
    card.loudspeaker.play(tone(3.0))
    time.sleep(1)
    pulse.unplug("loudspeaker")
    events.wait(DeviceLost)
    pulse.plug("loudspeaker")
    events.wait(DeviceBack)
    events.wait(Played)
    assert card.loudspeaker.idle


def test_a_device_that_is_not_there_at_the_start_is_taken_when_it_comes(pulse: PulseServer, events: Events) -> None:
    pulse.unplug("microphone")
    card = SoundCard(Listener(None), events.report, loudspeaker="TestSpeaker")
    card.start()
    try:
        lost, _ = events.wait(DeviceLost, 1.0)
        assert isinstance(lost, DeviceLost)
        assert lost.device == "microphone"
        pulse.plug("microphone")
        events.wait(DeviceBack)
    finally:
        card.close()


def test_a_server_that_hangs_is_noticed(pulse: PulseServer, card: SoundCard, events: Events) -> None:
    """A device may stay on the list and bring nothing more."""
    time.sleep(3)
    with pulse.frozen():
        stopped = time.monotonic()
        lost, at = events.wait(DeviceLost)
    assert isinstance(lost, DeviceLost)
    assert at - stopped < 3.0
    events.wait(DeviceBack, 30.0)


class BusyError(Exception):
    """PortAudio's error in the test below."""


def test_another_program_holds_the_device(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    """PortAudio is faked: no virtual device can be held. Without a sound server it has to be initialised to see a change."""
    table = [{"name": "USB Headset (hw:1,0)", "max_input_channels": 1, "max_output_channels": 2}]
    calls: list[str] = []
    library = SimpleNamespace(
        PortAudioError=BusyError,
        query_devices=lambda: table,
        _terminate=lambda: calls.append("terminate"),
        _initialize=lambda: calls.append("initialise"),
    )
    now, held = [100.0], [True]

    def opened(device: object, index: int | None) -> None:
        if held[0]:
            raise BusyError("Device unavailable", -9985)
        vars(device)["_stream"] = SimpleNamespace(active=True, close=lambda ignore_errors: None)

    for module in (soundcard, sound_devices):
        monkeypatch.setattr(module, "portaudio", lambda: library)
    monkeypatch.setattr(soundcard, "present", lambda before: Present(server=False, cards="0: USB"))
    monkeypatch.setattr(soundcard.PortAudioMicrophone, "open", opened)
    monkeypatch.setattr(soundcard.PortAudioLoudspeaker, "open", lambda device, index: None)
    monkeypatch.setattr(soundcard.PortAudioLoudspeaker, "active", property(lambda device: True))
    card = SoundCard(Listener(None), events.report, clock=lambda: now[0])
    card._check()
    (lost,) = events
    assert isinstance(lost, DeviceLost)
    assert lost.spoken == "Another program is using the microphone. Close that program."
    card.loudspeaker.play(tone(1.0))
    before = len(calls)
    for _ in range(3):
        now[0] += 1.0
        card.loudspeaker.ticked = now[0]
        card._check()
    assert len(events) == 1
    assert len(calls) == before  # to initialise would tear what is playing
    held[0] = False
    now[0] += 1.0
    card.loudspeaker.ticked = now[0]
    card._check()
    assert [type(event) for event in events] == [DeviceLost, DeviceBack]


def test_devices_are_found_by_a_part_of_their_name(pulse: PulseServer) -> None:
    now = present()
    assert now.server
    assert find("loudspeaker", "testSPEAK", now).name == "speaker"
    assert find("microphone", "", now).name == "mic"
    assert "TestMicrophone" in names("microphone", now)
    assert not any("monitor" in name.lower() for name in names("microphone", now))
    with pytest.raises(sound_devices.EngineError, match="'banana'") as caught:
        find("microphone", "banana", now)
    assert caught.value.spoken == "The microphone is gone. Plug it in again."


def test_the_echo_of_the_loudspeaker_is_no_microphone(pulse: PulseServer) -> None:
    """PulseAudio makes a monitor the default source when the microphone is gone."""
    pulse.unplug("microphone")
    with pytest.raises(sound_devices.EngineError):
        find("microphone", "", present())


def test_without_a_sound_server_portaudios_names_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    table = [
        {"name": "HDA Intel: ALC269 (hw:0,0)", "max_input_channels": 2, "max_output_channels": 2},
        {"name": "USB Headset: Audio (hw:1,0)", "max_input_channels": 1, "max_output_channels": 0},
    ]
    monkeypatch.setattr(sound_devices, "portaudio", lambda: SimpleNamespace(query_devices=lambda: table))
    now = Present(server=False)
    assert find("microphone", "headset", now).index == 1
    assert find("microphone", "", now).index is None
    assert names("loudspeaker", now) == ("HDA Intel: ALC269 (hw:0,0)",)
    with pytest.raises(sound_devices.EngineError):
        find("loudspeaker", "headset", now)


def test_a_server_too_busy_to_answer_has_what_it_had(pulse: PulseServer) -> None:
    before = present()
    with pulse.frozen():
        assert present(before) is before
    assert present(before) is not before


def test_a_busy_server_is_waited_for_where_nothing_is_known_yet(pulse: PulseServer) -> None:
    with ThreadPoolExecutor() as other:
        with pulse.frozen():
            first = other.submit(present)
            time.sleep(2 * sound_devices._PACTL_SECONDS)
        assert first.result().server


def test_two_looks_at_the_same_devices_are_equal() -> None:
    one = Present(True, (Named("a", "A"),))
    assert one == Present(True, (Named("a", "A"),))
    assert one != Present(True, ())
