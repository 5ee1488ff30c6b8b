"""Button and pedal: the bytes that Linux would send, through a FIFO in place of the device; plugging, unplugging, no permission."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.devices.triggers import pedal as module
from assistant.devices.triggers.pedal import EV_KEY, EV_SYN, INPUT_EVENT, SYN_DROPPED, Pedal, Place
from assistant.errors import TriggerError
from assistant.settings.keys import key_code

from .heard import PATIENCE, Heard

F13, F14 = key_code("KEY_F13"), key_code("KEY_F14")
assert F13
assert F14


def event(code: int, value: int, kind: int = EV_KEY) -> bytes:
    """With the report mark that follows every event."""
    return INPUT_EVENT.pack(1, 2, kind, code, value) + INPUT_EVENT.pack(1, 2, EV_SYN, 0, 0)


class Machine:
    """Folders in which devices come and go."""

    def __init__(self, root: Path) -> None:
        self.place = Place(root / "dev", root / "sys")
        self.place.devices.mkdir()

    def plug(self, number: int, name: str) -> Path:
        label = self.place.names / f"event{number}/device/name"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(f"{name}\n")
        path = self.place.devices / f"event{number}"
        os.mkfifo(path)
        return path

    def open(self, path: Path) -> int:
        """The writing end, as soon as the pedal reads the other."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.01)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 0.05)
    return Machine(tmp_path)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def start(machine: Machine, heard: Heard) -> Iterator[Callable[..., Pedal]]:
    started: list[Pedal] = []

    def begin(device: str, key: str = "any", *, exclusive: bool = False) -> Pedal:
        found = Pedal(device, key, heard.troubles.put, exclusive=exclusive, place=machine.place)
        found.start(heard.events.put, time.monotonic)
        started.append(found)
        return found

    yield begin
    for found in started:
        found.close()
        found.close()


def test_press_and_release(machine: Machine, heard: Heard, start: Callable[..., Pedal]) -> None:
    machine.plug(0, "AT Keyboard")
    path = machine.plug(3, "PCsensor FootSwitch Keyboard")
    start("footswitch")
    wire = machine.open(path)
    os.write(wire, event(30, 1) + event(30, 2) + event(30, 2) + event(30, 0) + event(30, 1))
    assert heard.kinds(3) == ["Pressed", "Released", "Pressed"]
    assert heard.nothing(0.1)
    os.close(wire)


def test_one_key_of_many(machine: Machine, heard: Heard, start: Callable[..., Pedal]) -> None:
    path = machine.plug(0, "Buttons")
    start("Buttons", "KEY_F13")
    wire = machine.open(path)
    os.write(wire, event(F14, 1) + event(F14, 0) + event(30, 1) + event(F13, 1))
    assert heard.kinds(1) == ["Pressed"]
    os.write(wire, event(30, 0) + event(F13, 0))
    assert heard.kinds(1) == ["Released"]
    os.close(wire)


def test_two_keys_are_one_press(machine: Machine, heard: Heard, start: Callable[..., Pedal]) -> None:
    first, second = machine.plug(0, "Pedals left"), machine.plug(1, "Pedals right")
    start("pedals")
    one, two = machine.open(first), machine.open(second)
    os.write(one, event(30, 1))
    assert heard.kinds(1) == ["Pressed"]
    os.write(two, event(31, 1))
    assert heard.nothing()  # and the second key is known to be down before the first goes up
    os.write(one, event(30, 0))
    assert heard.nothing()
    os.write(two, event(31, 0))
    assert heard.kinds(1) == ["Released"]
    os.close(one)
    os.close(two)


def test_events_in_pieces(machine: Machine, heard: Heard, start: Callable[..., Pedal]) -> None:
    path = machine.plug(0, "Pedal")
    start(str(path))
    wire = machine.open(path)
    for byte in event(30, 1) + event(30, 0):
        os.write(wire, bytes([byte]))
    assert heard.kinds(2) == ["Pressed", "Released"]
    os.close(wire)


def test_lost_events_do_not_leave_the_key_down(machine: Machine, heard: Heard, start: Callable[..., Pedal]) -> None:
    path = machine.plug(0, "Pedal")
    start("Pedal")
    wire = machine.open(path)
    os.write(wire, event(30, 1) + event(SYN_DROPPED, 0, EV_SYN))
    assert heard.kinds(2) == ["Pressed", "Released"]
    os.close(wire)


def test_unplugged_while_down_is_a_release_and_plugged_again_it_works(
    machine: Machine, heard: Heard, start: Callable[..., Pedal]
) -> None:
    path = machine.plug(0, "Pedal")
    start("Pedal")
    wire = machine.open(path)
    os.write(wire, event(30, 1))
    assert heard.kinds(1) == ["Pressed"]
    path.unlink()
    os.close(wire)
    assert heard.kinds(1) == ["Released"]
    assert "do not find" in heard.trouble().spoken
    path = machine.plug(7, "Pedal")
    wire = machine.open(path)
    os.write(wire, event(30, 1) + event(30, 0))
    assert heard.kinds(2) == ["Pressed", "Released"]
    os.close(wire)


def test_absence_is_told_once(machine: Machine, heard: Heard, start: Callable[..., Pedal]) -> None:
    start("Pedal")
    problem = heard.trouble()
    assert isinstance(problem, TriggerError)
    assert "'Pedal'" in str(problem)
    time.sleep(0.3)
    assert heard.troubles.empty()


def test_a_file_is_no_device(machine: Machine, heard: Heard, start: Callable[..., Pedal], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    start(str(tmp_path / "file"))
    assert "no input device" in str(heard.trouble())


def test_no_permission_names_the_group_and_heals(
    machine: Machine, heard: Heard, start: Callable[..., Pedal], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = machine.plug(0, "Pedal")
    real = os.open

    def refuse(name: str | Path, flags: int, *rest: int, **named: int | None) -> int:
        if Path(name) == path and flags & os.O_ACCMODE == os.O_RDONLY:
            raise PermissionError(13, "Permission denied")
        return real(name, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    start("Pedal")
    problem = heard.trouble()
    assert "usermod -aG input" in str(problem)
    assert "group called input" in problem.spoken
    monkeypatch.setattr(os, "open", real)
    wire = machine.open(path)
    os.write(wire, event(30, 1))
    assert heard.kinds(1) == ["Pressed"]
    assert heard.troubles.empty()
    os.close(wire)


def test_a_device_that_cannot_be_grabbed_is_used_and_the_log_says_so(
    machine: Machine, heard: Heard, start: Callable[..., Pedal], caplog: pytest.LogCaptureFixture
) -> None:
    path = machine.plug(0, "Pedal")  # the kernel refuses to grab a FIFO
    start("Pedal", exclusive=True)
    wire = machine.open(path)
    os.write(wire, event(30, 1))
    assert heard.kinds(1) == ["Pressed"]
    assert "cannot be kept from other programs" in caplog.text
    os.close(wire)


def test_an_unknown_key_is_refused(heard: Heard) -> None:
    with pytest.raises(TriggerError, match="KEY_NONE") as caught:
        Pedal("x", "KEY_NONE", heard.troubles.put)
    assert "any" in caught.value.spoken


def test_this_machines_devices_can_be_listed() -> None:
    assert all(path.name.startswith("event") for path in Place().present())
