"""`assistant listen`: the conversation, hands free; with `--simulate`, one from a script, in counted time."""

from __future__ import annotations

import argparse
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from app import settings
from app.engines import open_connection, open_engines, same_engines
from app.terminal import complain, say, say_json
from assistant.errors import SettingsError

if TYPE_CHECKING:
    from app.commands import Subparsers
    from assistant.conversation.simulation.simulator import Noted
    from assistant.devices.triggers.trigger import Trigger
    from assistant.engines.opening import ProfileEngines
    from assistant.ports.events import Event
    from assistant.ports.world import Camera
    from assistant.settings.preferences import Preferences

ALREADY_RUNNING = 3
"""Exit status of a second one beside it; the service is not started again after it (`app/unit.py`)."""

log = logging.getLogger(__name__)


def register(subparsers: Subparsers) -> None:
    """Add `listen` to the command line."""
    parser = subparsers.add_parser(
        "listen",
        help="converse, hands free: say okay nabu, and ask",
        description="Listen to the microphone, look through the camera, answer aloud. Say okay nabu and ask, or press the space bar. "
        "What can be chosen is in the settings (assistant settings show).",
    )
    settings.add_option(parser)
    parser.add_argument(
        "--camera", metavar="SOURCE", help="another camera: a number, a path, a picture, an address; '' for none"
    )
    parser.add_argument(
        "--simulate",
        type=Path,
        metavar="SCRIPT",
        help="play a conversation from a script, without devices, and write what happens",
    )
    parser.add_argument("--json", action="store_true", help="with --simulate: write what happens as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs until Ctrl-C, q, or `assistant talk quit`. What keeps it from starting is said too: nobody may see the screen."""
    from assistant.errors import AlreadyRunningError, AssistantError

    try:
        return _run(arguments)
    except AssistantError as error:
        if not arguments.simulate:
            _say_plainly(error.spoken)
        if isinstance(error, AlreadyRunningError):
            complain(f"assistant: error: {error}")
            return ALREADY_RUNNING
        raise


def _run(arguments: argparse.Namespace) -> int:
    from assistant.checkup.privacy import forbid_memory_dumps

    places = settings.read(arguments.settings)
    chosen = _Chosen(places.file, arguments.camera)
    preferences = chosen.now
    if arguments.simulate:
        return _simulate(arguments, places, preferences)
    forbid_memory_dumps()
    engines = open_engines(places, preferences)
    while True:
        changed = _converse(places, chosen, preferences, engines)
        if changed is None:
            return 0
        if not same_engines(preferences, changed):
            engines = open_engines(places, changed)
        preferences = changed


class _Chosen:
    """The settings file, and a camera of the command line, which counts for this run and is never written into the file."""

    def __init__(self, file: Path, camera: str | None) -> None:
        """Errors: SettingsError."""
        self._file, self._camera = file, camera
        self._watch = settings.Watch(file)
        self._in_file = settings.load(file)

    @property
    def now(self) -> Preferences:
        """What is in force."""
        return self._in_file if self._camera is None else _with_camera(self._in_file, self._camera)

    def changed(self) -> Preferences | SettingsError | None:
        """As `settings.Watch.changed`."""
        found = self._watch.changed()
        if found is None or isinstance(found, Exception):
            return found
        try:
            open_connection(found)  # said now, while the engines of before can go on
        except SettingsError as error:
            return error
        self._in_file = found
        return self.now

    def remember(self, preferences: Preferences) -> None:
        """Write what the user changed by a word. Errors: SettingsError."""
        self._in_file = _with_camera(preferences, self._in_file.devices.camera)
        settings.save(self._file, self._in_file)
        self._watch.changed()  # what we wrote ourselves is known


def _with_camera(preferences: Preferences, camera: str) -> Preferences:
    from dataclasses import replace

    return replace(preferences, devices=replace(preferences.devices, camera=camera))


def _say_plainly(text: str) -> None:
    """With the voice that needs no model, if there is one and a loudspeaker."""
    from assistant.errors import EngineError
    from assistant.sound.samples import play
    from assistant.sound.speaking.voice import EspeakSpeaker

    try:
        for sound in EspeakSpeaker().speak(text, 1.0):
            play(sound)
    except EngineError as error:
        complain(f"assistant: this could not be said aloud: {error}")


def _converse(
    places: settings.Settings, chosen: _Chosen, preferences: Preferences, engines: ProfileEngines
) -> Preferences | None:
    """Until the user ends it, which gives None, or other devices or engines are wanted."""
    from app.saving import save
    from assistant.conversation.running import Conversation, Outside
    from assistant.devices.soundcard import SoundCard
    from assistant.sound.hearing.listener import Listener

    events: SimpleQueue[Event] = SimpleQueue()
    listener = Listener.chosen(preferences.listening)
    card = SoundCard(listener, events.put, preferences.devices.microphone, preferences.devices.loudspeaker)
    with contextlib.ExitStack() as opened:
        card.start()
        opened.callback(card.close)
        camera = opened.enter_context(_camera(preferences.devices.camera, events.put))
        outside = Outside(events, card.loudspeaker, camera, card.forget, save, chosen.remember, chosen.changed)
        conversation = Conversation(engines, preferences, outside)
        # First, because it finds out whether another assistant runs.
        _start_triggers(opened, places, preferences, events.put, lambda: {"state": conversation.dialogue.state})
        complain("getting ready: this takes some seconds")
        conversation.warm()
        complain("ready: say okay nabu, or press the space bar, and ask; q ends it")
        return conversation.run()


@contextlib.contextmanager
def _camera(source: str, report: Callable[[Event], None]) -> Iterator[Camera]:
    from assistant.conversation.running import NoCamera
    from assistant.devices.camera import open_camera
    from assistant.errors import CameraError
    from assistant.ports.events import DeviceLost

    if not source:
        yield NoCamera()
        return
    try:
        camera = open_camera(source, report, time.monotonic)
    except CameraError as error:
        complain(f"assistant: {error}")
        report(DeviceLost(time.monotonic(), "camera", error.spoken))
        yield NoCamera()
        return
    try:
        yield camera
    finally:
        camera.close()


def _start_triggers(
    opened: contextlib.ExitStack,
    places: settings.Settings,
    preferences: Preferences,
    report: Callable[[Event], None],
    status: Callable[[], dict[str, object]],
) -> None:
    """All that are wanted; one that cannot be used is said, and the others work.

    Errors: AlreadyRunningError.
    """
    from assistant.devices.triggers.keyboard import Keyboard
    from assistant.devices.triggers.loopback import Loopback
    from assistant.devices.triggers.pedal import Pedal
    from assistant.devices.triggers.talk_socket import TalkSocket
    from assistant.errors import AlreadyRunningError, AssistantError
    from assistant.ports.events import Trouble

    def trouble(error: AssistantError) -> None:
        complain(f"assistant: {error}")
        report(Trouble(time.monotonic(), error.spoken))

    chosen = preferences.trigger
    triggers: list[Trigger] = []
    if Keyboard.usable():
        triggers.append(Keyboard())
    if chosen.device:
        triggers.append(Pedal(chosen.device, chosen.key, trouble, exclusive=chosen.exclusive))
    if chosen.socket:
        triggers.append(TalkSocket(places.socket, status))
    if chosen.http_port:
        triggers.append(Loopback(chosen.http_port, status))
    for trigger in triggers:
        opened.callback(trigger.close)
        try:
            trigger.start(report, time.monotonic)
        except AlreadyRunningError:
            raise
        except AssistantError as error:
            trouble(error)


def _simulate(arguments: argparse.Namespace, places: settings.Settings, preferences: Preferences) -> int:
    """Exit status 1 when something that the script expects is not said."""
    from assistant.conversation.running import voice
    from assistant.conversation.simulation.script import Player, read_script
    from assistant.conversation.simulation.simulator import Simulation

    lines = read_script(arguments.simulate)
    engines = open_engines(places, preferences, steady=True)
    engines.warm()
    noted: list[Noted] = []

    def note(each: Noted) -> None:
        noted.append(each)
        player.hear(each)
        if not arguments.json:
            say(f"{each.at:8.2f}  {each.kind:<8} {each.text}")

    simulation = Simulation(engines, voice(engines), preferences, note=note)
    player = Player(simulation, lambda text: engines.speaker.speak(text, 1.0), arguments.simulate)
    simulation.dialogue.say("Ready.")
    missed = list(player.play(lines))
    if arguments.json:
        say_json({"transcript": noted, "missed": missed})
    for each in missed:
        complain(f"{arguments.simulate}, {each}")
    return 1 if missed else 0
