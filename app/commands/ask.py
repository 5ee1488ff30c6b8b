"""`assistant ask`: one picture, one question or several, spoken or typed, the answers aloud."""

from __future__ import annotations

import argparse
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import settings
from app.engines import open_engines
from app.terminal import complain, say, say_json, write_json
from assistant.settings.preferences import FASTEST, SLOWEST, Preferences

if TYPE_CHECKING:
    from app.commands import Subparsers
    from assistant.engines.opening import ProfileEngines
    from assistant.mind.answering.asking import Outcome
    from assistant.picture.gate import Quality
    from assistant.picture.looking import Seen
    from assistant.sound.samples import Sound


def register(subparsers: Subparsers) -> None:
    """Add `ask` to the command line."""
    parser = subparsers.add_parser(
        "ask",
        help="ask about a picture and hear the answer",
        description="Answer questions about a picture, aloud. What is written in it is read; what it shows is asked of the "
        "picture model, in profiles that have one. A question may refer to the ones before it. Options that are left out are as "
        "the settings say (assistant settings show).",
    )
    parser.add_argument(
        "--image",
        type=Path,
        required=True,
        metavar="FILE",
        help="the picture: JPEG, PNG, HEIC, AVIF, WebP, TIFF or BMP; or a PDF document",
    )
    parser.add_argument("--page", type=int, default=1, metavar="N", help="which page of a PDF document (the first)")
    question = parser.add_mutually_exclusive_group(required=True)
    question.add_argument(
        "--audio",
        type=Path,
        action="append",
        metavar="FILE",
        help="the question as sound, at most a minute; may be repeated",
    )
    question.add_argument(
        "--text", action="append", metavar="QUESTION", help="the question in writing; may be repeated"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the spoken answer to this WAV file")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the answer as JSON to FILE, or to the terminal with -"
    )
    parser.add_argument("--speed", type=speed, help="of the voice, 0.5 to 3 times the usual")
    parser.add_argument(
        "--voice",
        choices=("natural", "fast"),
        help="natural: the neural voice; fast: espeak-ng, which starts sooner",
    )
    parser.add_argument("--profile", help="which models of this machine to use (see `assistant models list`)")
    parser.add_argument(
        "--picture-model",
        type=Path,
        metavar="FOLDER",
        help="a model that sees, in place of the profile's: safetensors that transformers or rpiq opens",
    )
    settings.add_option(parser)
    parser.add_argument("--silent", action="store_true", help="do not play the answer")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answer every question; exit status 0 also when the answer is that nothing fits."""
    from assistant.checkup.privacy import forbid_memory_dumps

    places = settings.read(arguments.settings)
    preferences = _preferences(arguments, settings.load(places.file))
    forbid_memory_dumps()
    engines = open_engines(places, preferences)
    outcomes = _outcomes(arguments, engines, preferences.voice.speed)
    to_terminal = str(arguments.json) == "-"
    spoken: list[Sound] = []
    records = []
    for outcome in outcomes:
        if not to_terminal:
            _show(outcome)
        spoken += _speak(outcome.speech, silent=arguments.silent)
        records.append(_record(outcome, engines))
    if arguments.out:
        from assistant.sound.samples import write_wav

        write_wav(arguments.out, spoken)
        if not to_terminal:
            say(f"Wrote   {arguments.out}")
    if arguments.json:
        result: Any = records[0] if len(records) == 1 else records
        if to_terminal:
            say_json(result)
        else:
            write_json(arguments.json, result)
    return 0


def _preferences(arguments: argparse.Namespace, chosen: Preferences) -> Preferences:
    """What the settings say, with what the command line says in its place. Who names models there means those of this machine."""
    voice = replace(
        chosen.voice, kind=arguments.voice or chosen.voice.kind, speed=arguments.speed or chosen.voice.speed
    )
    if arguments.profile or arguments.picture_model:
        chosen = replace(
            chosen,
            profile=arguments.profile or chosen.profile,
            picture_model=str(arguments.picture_model or ""),
            server=replace(chosen.server, engine="local"),
        )
    return replace(chosen, voice=voice)


def _outcomes(arguments: argparse.Namespace, engines: ProfileEngines, speed: float) -> Iterator[Outcome]:
    """Files are opened before any model, so that a wrong one is refused at once."""
    from assistant.mind.answering.asking import ask_aloud, ask_in_writing
    from assistant.mind.understanding.question import understand
    from assistant.picture.looking import look
    from assistant.picture.photo import load_photo
    from assistant.sound.samples import load_sound

    for target in (arguments.out, arguments.json):
        if target and str(target) != "-":
            _check_target(target)
    photo = load_photo(arguments.image, arguments.page)
    history: list[tuple[str, str]] = []

    def told(outcome: Outcome) -> Outcome:
        if not outcome.answer.abstained:
            history.append(outcome.turn)
        return outcome

    if arguments.audio:
        sounds = [load_sound(file) for file in arguments.audio]
        engines.warm()
        seen: Seen | None = None
        for sound in sounds:
            outcome = ask_aloud(sound, seen or photo, engines, speed, history)
            seen = outcome.seen
            yield told(outcome)
        return
    for text in arguments.text:
        understand(text)
    engines.warm(("reader", "speaker"))
    seen = look(photo, engines)
    for text in arguments.text:
        yield told(ask_in_writing(text, seen, engines, speed, history))


def _check_target(path: Path) -> None:
    """What cannot be written is better said before the work than after it."""
    from assistant.errors import OutputError

    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else f"cannot be made: there is no folder {path.parent}"
        raise OutputError(f"{path} {problem}; name a file in a folder that exists", "I cannot write the answer there.")


def _show(outcome: Outcome) -> None:
    given, seen = outcome.answer, outcome.seen
    heard = "" if outcome.heard_confidence is None else f"  (confidence {outcome.heard_confidence:.2f})"
    say(f"{'Asked ' if outcome.heard_confidence is None else 'Heard '}  {outcome.question}{heard}")
    lines = len(seen.page.lines) if seen.page else 0
    found = ", ".join(finding.kind for finding in seen.quality.findings) or "clear"
    say(f"Seen    {seen.photo.width} × {seen.photo.height} pixels, {found}, {lines} lines of text")
    say(f"Answer  {given.text}")
    say("Times   " + " · ".join(f"{stage} {ms:.0f} ms" for stage, ms in outcome.timings_ms.items()))


def _record(outcome: Outcome, engines: ProfileEngines) -> dict[str, Any]:
    given, seen = outcome.answer, outcome.seen
    return {
        "question": outcome.question,
        "heard_confidence": outcome.heard_confidence,
        "answer": given.text,
        "abstained": given.abstained,
        "reason": given.reason,
        "seen": given.seen,
        "evidence": [
            {"text": line.text, "box": asdict(line.box), "confidence": round(line.confidence, 3)}
            for line in given.evidence
        ],
        "turned": seen.page.turned if seen.page else 0,
        "quality": _quality(seen.quality),
        "engine": f"{engines.profile}: {engines.names()}",
        "timings_ms": {stage: round(ms, 1) for stage, ms in outcome.timings_ms.items()},
    }


def _quality(quality: Quality) -> dict[str, Any]:
    """What the gate found; a measure that does not exist in this picture is null, which JSON knows, not NaN."""
    measures = asdict(quality.measures)
    return {
        "usable": quality.usable,
        "findings": [asdict(finding) for finding in quality.findings],
        "measures": {name: None if value != value else value for name, value in measures.items()},
        "cut_lines": [line.text for line in quality.cut_lines],
    }


def _speak(speech: Iterator[Sound], silent: bool) -> Sequence[Sound]:
    """Play the sentences while the next ones are made, if there is a loudspeaker; returns them all."""
    from assistant.errors import EngineError
    from assistant.sound.samples import has_output, play

    if silent or not has_output():
        return list(speech)
    waiting: queue.Queue[Sound | None] = queue.Queue()
    failed: list[EngineError] = []

    def play_all() -> None:
        while (sound := waiting.get()) is not None:
            try:
                play(sound)
            except EngineError as error:  # said by the asking thread, which goes on writing the answer
                failed.append(error)
                return

    player = threading.Thread(target=play_all)
    player.start()
    spoken = []
    try:
        for sound in speech:
            waiting.put(sound)
            spoken.append(sound)
    finally:
        waiting.put(None)
        player.join()
    if failed:
        complain(f"assistant: the answer could not be played: {failed[0]}")
    return spoken


def speed(text: str) -> float:
    """How fast the voice speaks, as an option says it."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not SLOWEST <= value <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed: give a number from {SLOWEST} to {FASTEST}")
    return value
