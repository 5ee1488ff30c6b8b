"""Trying the devices: real PortAudio on the virtual sound system, a picture in place of a camera."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from assistant.checkup import trials
from assistant.checkup.trials import Finding, Level, View
from assistant.engines.opening import ProfileEngines
from assistant.errors import CameraError, EngineError
from assistant.sound.earcons import earcon
from assistant.sound.samples import Sound, load_sound
from models.store import Store
from tests.assistant.devices.pulse import PulseServer
from tests.paths import SAMPLES

pytestmark = pytest.mark.realtime


def test_a_microphone_that_hears_speech_is_good(pulse: PulseServer) -> None:
    loud = load_sound(SAMPLES / "what-does-the-sign-say.wav")
    question = Sound(0.4 * loud.samples, loud.rate)
    with _said_again_and_again(pulse, question):
        found = list(trials.hear("", seconds=4))
    assert found[-1] == Finding(True, "I hear you well.")
    levels = [one.percent for one in found if isinstance(one, Level)]
    assert len(levels) >= 5
    assert max(levels) > 50


def test_a_silent_microphone_is_said(pulse: PulseServer) -> None:
    *_, finding = trials.hear("", seconds=1.5)
    assert finding == Finding(False, "I heard nothing. Switch the microphone on, or choose another one.")


def test_a_microphone_of_another_name_is_not_there(pulse: PulseServer) -> None:
    with pytest.raises(EngineError, match="no microphone whose name contains 'Moon'"):
        next(trials.hear("Moon"))


def test_the_loudspeaker_is_heard(pulse: PulseServer) -> None:
    with pulse.recording() as recording:
        trials.say(iter([earcon("listening", 22_050)]), "")
        assert recording.first_sound() is not None


def test_a_call_is_heard_and_ends_the_trial(pulse: PulseServer, store: Store) -> None:
    (call,) = ProfileEngines(store, steady=True).speaker.speak("Okay Nabu.", 1.0)
    with _said_again_and_again(pulse, call):
        found = list(trials.await_call("", "okay_nabu", 0.5, seconds=30))
    assert found[-1] == Finding(True, "I heard Okay Nabu.")


def test_silence_is_no_call(pulse: PulseServer) -> None:
    *_, finding = trials.await_call("", "okay_nabu", 0.5, seconds=1.5)
    assert finding == Finding(
        False, "I did not hear Okay Nabu: it was too quiet. Test the microphone, and come nearer."
    )


def test_the_camera_says_what_the_gate_says(tmp_path: Path) -> None:
    clear = list(trials.see(str(SAMPLES / "parking-sign.jpg"), seconds=1))
    assert isinstance(clear[0], View)
    assert clear[0].usable
    assert clear[-1] == Finding(True, "The picture is clear.")
    from PIL import Image

    Image.fromarray(np.zeros((480, 640, 3), np.uint8)).save(tmp_path / "black.png")
    *_, finding = trials.see(str(tmp_path / "black.png"), seconds=1)
    assert finding == Finding(False, "I see only darkness. Uncover the camera or turn on a light.")


def test_no_camera_is_said() -> None:
    with pytest.raises(CameraError, match="no camera is chosen"):
        next(trials.see(""))
    with pytest.raises(CameraError):
        next(trials.see("/dev/video77"))


def test_a_level_is_on_the_scale_of_the_ear() -> None:
    assert [Level(peak).percent for peak in (0.0, 0.001, 0.0316, 1.0)] == [0, 0, 50, 100]


class _said_again_and_again:  # noqa: N801 - reads as a clause
    """In the air before the microphone, while inside."""

    def __init__(self, pulse: PulseServer, sound: Sound) -> None:
        self._over = threading.Event()
        pause = Sound(np.zeros(8000, np.float32), 16_000)
        self._thread = threading.Thread(target=self._say, args=(pulse, sound, pause))

    def _say(self, pulse: PulseServer, sound: Sound, pause: Sound) -> None:
        while not self._over.is_set():
            pulse.say(sound)
            pulse.say(pause)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
