"""What listening needs: each gap is named with one action, and the facts are those of this machine."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.checkup import readiness
from assistant.checkup.readiness import Surroundings, gaps, lines, missing_groups, surroundings
from assistant.devices.triggers.pedal import Place
from assistant.settings.preferences import Devices, Listening, Preferences, Triggers

GOOD = Surroundings(
    settings_file="/s.toml", settings_problem="", chosen=Preferences(), wake_word="2.5", sound_server="PipeWire",
    buttons=("AT Keyboard", "FootSwitch"), button_here=False, button_readable=True, camera_here=True,
)  # fmt: skip


def choose(**parts: object) -> Preferences:
    return replace(Preferences(), **parts)  # type: ignore[arg-type]


def test_nothing_lacks_where_nothing_does() -> None:
    chosen = choose(devices=Devices("headset", "SPEAKER", "cam"), trigger=Triggers("footswitch"))
    found = replace(GOOD, chosen=chosen, button_here=True, camera_here=None)
    assert gaps(found, ["A Speaker"], ["USB Headset"], ["Webcam"]) == []
    assert gaps(GOOD, [], [], []) == []


@pytest.mark.parametrize(
    ("change", "what", "mend"),
    [
        ({"settings_problem": "/s.toml has a mistake: x"}, "settings", "/s.toml has a mistake: x"),
        ({"chosen": choose(devices=Devices(microphone="Rode"))}, "no microphone 'Rode'", "devices.microphone"),
        ({"chosen": choose(devices=Devices(loudspeaker="Rode"))}, "no loudspeaker 'Rode'", "devices.loudspeaker"),
        ({"camera_here": False}, "no camera '0'", "devices.camera"),
        ({"chosen": choose(devices=Devices(camera="C920")), "camera_here": None}, "no camera 'C920'", "connect"),
        ({"wake_word": ""}, "no wake word", "pip install pymicro-wakeword"),
        ({"sound_server": ""}, "PulseAudio", "apt install"),
        ({"chosen": choose(trigger=Triggers("Pedal"))}, "no button 'Pedal'", "plug it in"),
        (
            {"chosen": choose(trigger=Triggers("Pedal")), "button_here": True, "button_readable": False},
            "no permission",
            "usermod -aG input",
        ),
    ],
)
def test_each_gap_has_an_action(change: dict[str, object], what: str, mend: str) -> None:
    (gap,) = gaps(replace(GOOD, **change), ["Speaker"], ["Microphone"], ["Webcam"])  # type: ignore[arg-type]
    assert what in gap.what
    assert mend in gap.mend
    assert not gap.needed


def test_without_the_wake_word_mode_its_package_is_not_missed() -> None:
    found = replace(GOOD, wake_word="", chosen=choose(listening=Listening(mode="button")))
    assert gaps(found, [], [], []) == []


def test_a_camera_in_the_network_is_not_looked_for() -> None:
    found = replace(GOOD, chosen=choose(devices=Devices(camera="rtsp://192.168.1.9/")), camera_here=None)
    assert gaps(found, [], [], ["Webcam"]) == []


def test_the_facts_of_this_machine(tmp_path: Path) -> None:
    place = Place(tmp_path / "dev", tmp_path / "sys")
    place.devices.mkdir()
    os.mkfifo(place.devices / "event3")
    label = place.names / "event3/device/name"
    label.parent.mkdir(parents=True)
    label.write_text("USB Pedal\n")
    chosen = choose(trigger=Triggers("pedal"), devices=Devices(camera=str(tmp_path / "video9")))
    found = surroundings(tmp_path / "s.toml", "", chosen, place)
    assert (found.buttons, found.button_here, found.button_readable) == (("USB Pedal",), True, True)
    assert found.camera_here is False
    assert found.wake_word
    assert any("USB Pedal" in line for line in lines(found))
    nothing = surroundings(tmp_path / "s.toml", "", choose(devices=Devices(camera="")), Place(tmp_path, tmp_path))
    assert (nothing.buttons, nothing.button_here, nothing.camera_here) == ((), False, None)
    assert not nothing.wants_camera


@pytest.mark.parametrize(
    ("camera", "here", "wanted"),
    [
        ("photo.jpg", True, False), ("~/photo.jpg", True, False), ("sub/gone.jpg", False, True), ("C920", None, True),
        ("~nobody-here/photo.jpg", False, True), ("long" * 100, None, True),
        ("rtsp://192.168.1.9/", None, False), ("", None, False),
    ],
)  # fmt: skip
def test_a_file_may_stand_in_for_the_camera(
    camera: str, here: bool | None, wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo.jpg").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = surroundings(tmp_path / "s.toml", "", choose(devices=Devices(camera=camera)), Place(tmp_path, tmp_path))
    assert (found.camera_here, found.wants_camera) == (here, wanted)


@pytest.fixture
def no_pactl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "pactl"


def test_the_sound_server_is_what_pactl_says(no_pactl: Path) -> None:
    assert surroundings(Path("s"), "", Preferences()).sound_server == ""
    no_pactl.write_text("#!/bin/sh\nprintf 'Server String: x\\nServer Name: PulseAudio (on PipeWire 1.4)\\n'\n")
    no_pactl.chmod(0o755)
    assert surroundings(Path("s"), "", Preferences()).sound_server == "PulseAudio (on PipeWire 1.4)"
    no_pactl.write_text("#!/bin/sh\necho 'Connection refused' >&2\nexit 1\n")
    assert surroundings(Path("s"), "", Preferences()).sound_server == ""


def test_groups_that_lend_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_groups(("audio",)) == [] or os.geteuid() != 0
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getgroups", lambda: [readiness.grp.getgrnam("audio").gr_gid])
    assert missing_groups(("audio", "video", "no-such-group")) == ["video"]
