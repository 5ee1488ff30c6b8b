"""Owns the microphone and the loudspeaker: listens all the time, notices when one of them is gone, and takes it again.

PortAudio tells nobody that a device was unplugged, and never sees a new one before it is initialised again, which ends all
streams. So both directions have this one owner, whose watchdog looks at what can be trusted: whether the device still asks
for sound or brings some, and whether it is still among those that the system names.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from assistant.devices.loudspeaker import PortAudioLoudspeaker
from assistant.devices.microphone import PortAudioMicrophone
from assistant.devices.sound_devices import NOTHING, Direction, Found, Present, find, gone, has_server, present
from assistant.errors import EngineError
from assistant.ports.events import DeviceBack, DeviceLost, Event
from assistant.sound.hearing.listener import Listener
from assistant.sound.mixer import HEARING_STEP
from assistant.sound.samples import look_again, portaudio

CHECK_SECONDS = 0.25
"""How often the watchdog looks whether the devices still tick."""
LOOK_SECONDS = 1.0
"""How often it asks which devices there are, and tries to take a lost one again."""
DEAF_SECONDS = 1.0
"""A device that has not ticked for so long is lost."""
START_SECONDS = 2.5
"""But it may take so long to start: radios have to connect, and virtual devices work in steps of two seconds."""
_BUSY = -9985
"""PortAudio's paDeviceUnavailable."""

log = logging.getLogger(__name__)


@dataclass
class _Side:
    """One direction."""

    direction: Direction
    device: PortAudioMicrophone | PortAudioLoudspeaker
    wanted: str
    found: Found | None = None
    """What is open; None when nothing is."""
    opened: float = 0.0
    lost: bool = False
    """Whether it was reported as lost."""


class SoundCard:
    """The sound devices of the assistant. `loudspeaker` may be used from any thread."""

    def __init__(
        self,
        listener: Listener,
        report: Callable[[Event], None],
        microphone: str = "",
        loudspeaker: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`report` is called from several threads and must not wait. Devices by a part of their name; "" for the default."""
        self._listener = listener
        self._report = report
        self._clock = clock
        self._microphone = PortAudioMicrophone(clock)
        self.loudspeaker = PortAudioLoudspeaker(report, clock)
        self._sides = (
            _Side("loudspeaker", self.loudspeaker, loudspeaker),
            _Side("microphone", self._microphone, microphone),
        )
        self._ending = threading.Event()
        self._forgetting = threading.Event()
        self._threads = [
            threading.Thread(target=self._listen, name="listening", daemon=True),
            threading.Thread(target=self._watch, name="sound watchdog", daemon=True),
        ]
        self._looked = float("-inf")
        self._devices = self._initialised_with = NOTHING

    def start(self) -> None:
        """Take both devices and begin to listen. One that is not there is reported as lost, and taken when it comes.

        Errors: EngineError when there is no PortAudio library.
        """
        self._devices = present()
        self._initialise(self._devices)
        self._check()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let go of both devices and end the threads."""
        self._ending.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for side in self._sides:
            side.device.close()

    def forget(self) -> None:
        """Have the listener forget all sound."""
        self._forgetting.set()

    def _listen(self) -> None:
        while not self._ending.is_set():
            if self._forgetting.is_set():
                self._forgetting.clear()
                self._listener.reset()
            heard = self._microphone.take(timeout=0.1)
            if heard is not None:
                played = self.loudspeaker.played(len(heard.samples) // HEARING_STEP, heard.waiting)
                for event in self._listener.hear(heard.samples, played, heard.at):
                    self._report(event)

    def _watch(self) -> None:
        while not self._ending.wait(CHECK_SECONDS):
            self._check()

    def _check(self) -> None:
        """Notice what was lost, and try to take what is missing."""
        now = self._clock()
        stalled = [side for side in self._sides if side.found and not _ticks(side, now)]
        if now - self._looked < LOOK_SECONDS and not stalled:
            return
        self._looked = now
        devices = self._devices = present(self._devices)
        for side in self._sides:
            if side.found and not _is_there(side.found, side.direction, devices):
                self._lose(side, str(gone(side.direction, side.wanted)), gone(side.direction, side.wanted).spoken)
            elif side in stalled:
                self._lose(
                    side,
                    f"the {side.direction} brings no more sound",
                    f"The {side.direction} stopped working. Unplug it and plug it in again.",
                )
        if all(side.found for side in self._sides):
            return
        if self._is_outdated(devices):
            self._initialise(devices)
        for side in self._sides:
            if not side.found:
                self._open(side, devices)

    def _is_outdated(self, devices: Present) -> bool:
        """Whether PortAudio may know other devices than there are. To learn that ends all streams: not while one plays."""
        if devices.server and has_server():
            return False
        unused = self.loudspeaker.idle or not any(side.found for side in self._sides)
        return unused or devices != self._initialised_with

    def _initialise(self, devices: Present) -> None:
        """Have PortAudio look for devices again, and open those again that were open."""
        before = [side for side in self._sides if side.found]
        for side in self._sides:
            side.device.close()
        look_again()
        self._initialised_with = devices
        for side in before:
            self._open(side, devices)

    def _open(self, side: _Side, devices: Present) -> None:
        try:
            found = find(side.direction, side.wanted, devices)
            side.device.open(found.index)
        except EngineError as error:
            self._lose(side, str(error), error.spoken)
        except portaudio().PortAudioError as error:
            self._lose(side, str(error), _refusal(side.direction, error))
        else:
            side.found, side.opened = found, self._clock()
            if side.lost:
                side.lost = False
                log.info("the %s is back", side.direction)
                self._report(DeviceBack(self._clock(), side.direction))

    def _lose(self, side: _Side, reason: str, spoken: str) -> None:
        """Let go of the device. Its loss is reported once, not at each attempt to take it again."""
        side.found = None
        if side.direction == "microphone":
            self._forgetting.set()  # speech that was cut off must not go on with what is said later
        if not side.lost:
            side.lost = True
            log.warning("%s", reason)
            self._report(DeviceLost(self._clock(), side.direction, spoken))
        side.device.close()  # after the report, because it waits for a sound server that hangs


def _ticks(side: _Side, now: float) -> bool:
    return side.device.active and (now - side.device.ticked < DEAF_SECONDS or now - side.opened < START_SECONDS)


def _is_there(found: Found, direction: Direction, devices: Present) -> bool:
    """Whether the system still names the device. A sound server silently gives a stream another one when it is gone."""
    return not (found.name and devices.server) or found.name in {each.name for each in devices.named(direction)}


def _refusal(direction: Direction, error: Exception) -> str:
    """Why PortAudio did not open the device, for the ear."""
    if _BUSY in error.args:
        return f"Another program is using the {direction}. Close that program."
    return f"I cannot use the {direction}. Unplug it and plug it in again."
