"""A USB button or foot pedal, which Linux shows as a keyboard: read straight from /dev/input, press and release.

It may be plugged and unplugged at any time. Key names are in `assistant/settings/keys.py`.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import selectors
import struct
import threading
from dataclasses import dataclass, field
from pathlib import Path

from assistant.devices.triggers.trigger import Report, Trouble
from assistant.errors import TriggerError
from assistant.ports.events import Pressed, Released
from assistant.ports.world import Clock
from assistant.settings.keys import ANY, key_code

INPUT_EVENT = struct.Struct("@llHHi")
"""struct input_event of linux/input.h: seconds, microseconds, type, code, value."""
EV_SYN, EV_KEY, SYN_DROPPED = 0, 1, 3
EVIOCGRAB = 0x40044590
"""_IOW('E', 0x90, int) of linux/input.h."""
SECONDS_BETWEEN_LOOKS = 1.0

_EVENTS_AT_ONCE = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where Linux shows input devices."""

    devices: Path = Path("/dev/input")
    names: Path = Path("/sys/class/input")

    def present(self) -> dict[Path, str]:
        """The name of each input device, by its path."""
        found = {}
        for path in sorted(self.devices.glob("event*")):
            name = self.names / path.name / "device" / "name"
            # A device may be unplugged between the two looks.
            found[path] = name.read_text("utf-8", errors="replace").strip() if name.is_file() else ""
        return found

    def matching(self, device: str) -> list[Path]:
        """Paths of the devices that `device` means: a path, or a part of a name (one thing may show as several)."""
        if device.startswith("/"):
            path = Path(device)
            return [path] if path.is_char_device() or path.is_fifo() else []
        return [path for path, name in self.present().items() if device.casefold() in name.casefold()]


@dataclass
class _Open:
    path: Path
    held: set[int] = field(default_factory=set)
    """Keys that are down."""
    rest: bytes = b""
    """Of an event that has not come whole."""


class Pedal:
    """Reports a press when the first of its keys goes down and a release when the last is up."""

    def __init__(
        self, device: str, key: str, trouble: Trouble, *, exclusive: bool = True, place: Place | None = None
    ) -> None:
        """`device` is a path or a part of a name, `key` a name for `key_code`.

        With `exclusive`, no other program hears any key of the device. `trouble` hears once of each absence and of each
        refusal. Errors: TriggerError when there is no such key.
        """
        code = key_code(key)
        if code is None:
            raise TriggerError(
                f"no key is called {key!r}: set trigger.key to any, to a name such as KEY_F13, or to a number",
                "I do not know the key that is set for the button. Set it to any.",
            )
        self._device, self._code, self._exclusive = device, code, exclusive
        self._trouble = trouble
        self._place = place or Place()
        self._selector = selectors.DefaultSelector()
        self._refused: set[Path] = set()
        self._told: set[str] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, report: Report, clock: Clock) -> None:
        """Look for the device and go on looking."""
        self._thread = threading.Thread(target=self._run, args=(report, clock), name="pedal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the device back."""
        self._closed.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self, report: Report, clock: Clock) -> None:
        look_at = clock()
        while not self._closed.is_set():
            if clock() >= look_at:
                self._look()
                look_at = clock() + SECONDS_BETWEEN_LOOKS
            for key, _ in self._selector.select(timeout=0.1):
                self._read(key.fd, key.data, report, clock)
        for key in list(self._selector.get_map().values()):
            self._drop(key.fd)
        self._selector.close()

    def _look(self) -> None:
        """Open what is here and not open yet."""
        open_now = {key.data.path for key in self._selector.get_map().values()}
        here = self._place.matching(self._device)
        for path in here:
            if path not in open_now:
                self._open(path)
        self._refused &= set(here)
        if here:
            self._told.discard("absent")
        else:
            self._tell(
                "absent",
                f"no input device {self._device!r}: plug it in, or correct trigger.device (assistant doctor lists the names)",
                "I do not find the button or pedal. Plug it in. I look for it all the time.",
            )

    def _open(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            # The system gives a device its group a moment after it is there, so one refusal means nothing.
            if path in self._refused and error.errno in (errno.EACCES, errno.EPERM):
                self._tell(
                    "refused",
                    f"no permission to read {path}: add yourself to the group input (sudo usermod -aG input $USER), "
                    "then restart the computer",
                    "I may not use the button or pedal. Somebody has to add you to the group called input, "
                    "and then restart the computer.",
                )
            self._refused.add(path)
            return
        self._told.discard("refused")
        if self._exclusive:
            self._grab(descriptor, path)
        self._selector.register(descriptor, selectors.EVENT_READ, _Open(path))

    def _grab(self, descriptor: int, path: Path) -> None:
        try:
            fcntl.ioctl(descriptor, EVIOCGRAB, 1)
        except OSError as error:
            log.warning("%s cannot be kept from other programs (%s); its keys may type into them", path, error.strerror)

    def _read(self, descriptor: int, device: _Open, report: Report, clock: Clock) -> None:
        try:
            sent = os.read(descriptor, INPUT_EVENT.size * _EVENTS_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:  # unplugged
            sent = b""
        was_down = self._down()
        if sent:
            whole = device.rest + sent
            cut = len(whole) - len(whole) % INPUT_EVENT.size
            device.rest = whole[cut:]
            for _, _, kind, code, value in INPUT_EVENT.iter_unpack(whole[:cut]):
                was_down = self._event(device, (kind, code, value), was_down, report, clock)
        else:
            self._drop(descriptor)
            if was_down and not self._down():
                report(Released(clock()))

    def _event(self, device: _Open, event: tuple[int, int, int], was_down: bool, report: Report, clock: Clock) -> bool:
        """Take one event in; returns whether a key is down after it."""
        kind, code, value = event
        if kind == EV_SYN and code == SYN_DROPPED:
            device.held.clear()  # events were lost, perhaps the release
        elif kind == EV_KEY and self._code in (ANY, code):
            if value == 0:
                device.held.discard(code)
            else:  # 1 pressed, 2 repeated
                device.held.add(code)
        down = self._down()
        if down != was_down:
            report(Pressed(clock(), "pedal") if down else Released(clock()))
        return down

    def _down(self) -> bool:
        return any(key.data.held for key in self._selector.get_map().values())

    def _drop(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        os.close(descriptor)  # which also ends the grab

    def _tell(self, kind: str, message: str, spoken: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._trouble(TriggerError(message, spoken))
