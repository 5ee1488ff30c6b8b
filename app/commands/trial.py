"""`assistant try voice|loudspeaker|microphone|wake-word|camera`: tries one device or the voice, and says what was found."""

from __future__ import annotations

import argparse
import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from app import settings
from app.commands.ask import speed
from app.engines import open_engines
from app.terminal import say, say_line

if TYPE_CHECKING:
    from app.commands import Subparsers
    from assistant.checkup.trials import Finding, Level, View
    from assistant.settings.preferences import Preferences
    from assistant.sound.samples import Sound


def register(subparsers: Subparsers) -> None:
    """Add `try` to the command line."""
    parser = subparsers.add_parser(
        "try", help="try the voice and the devices", description="Try the voice and the devices that the settings name."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        settings.add_option(added)
        added.add_argument("--json", action="store_true", help="write what is found as lines of JSON")
        added.set_defaults(run=run)
        return added

    voice = action("voice", try_voice, "hear how the voice speaks")
    voice.add_argument("--voice", choices=("natural", "fast"), help="another voice than the chosen one")
    voice.add_argument("--speed", type=speed, metavar="0.5..3", help="another speed than the chosen one")
    voice.add_argument(
        "--silent", action="store_true", help="with --json: the sound as WAV in base64, and do not play it"
    )
    action("loudspeaker", try_loudspeaker, "hear a short signal")
    heard = action("microphone", try_microphone, "see how loud the microphone hears")
    called = action("wake-word", try_wake_word, "call the assistant")
    seen = action("camera", try_camera, "hear what is wrong with the camera's picture")
    for added in (heard, called, seen):
        added.add_argument("--seconds", type=float, metavar="N", help="how long it takes")
    seen.add_argument("--pictures", action="store_true", help="with --json: the pictures too, as JPEG in base64")


def try_voice(arguments: argparse.Namespace) -> int:
    """Errors: as those of the engine and the loudspeaker."""
    from assistant.checkup import trials
    from assistant.sound.samples import wav_of
    from assistant.sound.speaking.pronounce import as_spoken

    places, chosen = _chosen(arguments)
    voice = replace(chosen.voice, kind=arguments.voice or chosen.voice.kind)
    sounds = open_engines(places, replace(chosen, voice=voice)).speaker.speak(
        as_spoken(trials.SAMPLE), arguments.speed or chosen.voice.speed
    )
    if arguments.json and arguments.silent:
        say_line({"sound": base64.b64encode(wav_of(list(sounds))).decode(), "words": trials.SAMPLE})
        return 0
    return _play(arguments, sounds, chosen, f"I said: {trials.SAMPLE}")


def try_loudspeaker(arguments: argparse.Namespace) -> int:
    """Two notes and two more. Errors: EngineError."""
    from assistant.sound.earcons import earcon

    _, chosen = _chosen(arguments)
    notes = iter([earcon("listening", 22_050), earcon("listening", 22_050)])
    return _play(arguments, notes, chosen, "I played two rising notes, twice. Did you hear them?")


def _play(arguments: argparse.Namespace, sounds: Iterator[Sound], chosen: Preferences, words: str) -> int:
    from assistant.checkup import trials

    trials.say(sounds, chosen.devices.loudspeaker)
    return _tell(arguments, iter([trials.Finding(True, words)]))


def try_microphone(arguments: argparse.Namespace) -> int:
    """Status 1 when it does not hear well. Errors: EngineError."""
    from assistant.checkup import trials

    _, chosen = _chosen(arguments)
    return _tell(arguments, trials.hear(chosen.devices.microphone, arguments.seconds or trials.SECONDS))


def try_wake_word(arguments: argparse.Namespace) -> int:
    """Status 1 when it was not heard. Errors: EngineError."""
    from assistant.checkup import trials
    from assistant.sound.hearing.wakeword import SENSITIVITIES

    _, chosen = _chosen(arguments)
    listening = chosen.listening
    found = trials.await_call(
        chosen.devices.microphone,
        listening.wake_word,
        SENSITIVITIES[listening.sensitivity],
        arguments.seconds or trials.CALL_SECONDS,
    )
    return _tell(arguments, found)


def try_camera(arguments: argparse.Namespace) -> int:
    """Status 1 when its last picture could not be used. Errors: CameraError."""
    from assistant.checkup import trials

    _, chosen = _chosen(arguments)
    return _tell(arguments, trials.see(chosen.devices.camera, arguments.seconds or trials.SEEING_SECONDS))


def _tell(arguments: argparse.Namespace, found: Iterator[Level | View | Finding]) -> int:
    from assistant.checkup.trials import Finding, Level

    status = 0
    for one in found:
        if isinstance(one, Finding):
            status = 0 if one.good else 1
            fields: dict[str, object] = {"good": one.good, "words": one.words}
            line = one.words
        elif isinstance(one, Level):
            fields, line = {"level": one.percent}, f"level {one.percent} of 100"
        else:
            line = one.words or "The picture is clear."
            fields = {"usable": one.usable, "words": line}
            if arguments.pictures:
                fields["picture"] = base64.b64encode(_jpeg(one)).decode()
        if arguments.json:
            say_line(fields)
        else:
            say(line)
    return status


def _jpeg(view: View) -> bytes:
    """Small enough to be shown once a second."""
    import io

    from PIL import Image

    picture = Image.fromarray(view.photo.pixels)
    picture.thumbnail((640, 640))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def _chosen(arguments: argparse.Namespace) -> tuple[settings.Settings, Preferences]:
    places = settings.read(arguments.settings)
    return places, settings.load(places.file)
