"""What a user may choose: each choice with its meaning, its bounds and the reason for its default, as frozen dataclasses.

`preferences` makes them of a table of plain values (a read TOML file) and names everything that is wrong with it at
once. Where such a table comes from and goes to is left to the caller.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeAlias

from assistant.settings.keys import key_code
from assistant.settings.own_network import is_own_url
from models.catalogue import load as load_catalogue

SLOWEST, FASTEST = 0.5, 3.0
"""Times the usual speed of the voice."""

LONGEST_TEXT = 500
"""Characters of a name or a path."""

VoiceKind = Literal["natural", "fast"]
Mode = Literal["wake", "button", "always"]
WakeWord = Literal["okay_nabu", "hey_jarvis", "alexa", "hey_mycroft"]
Sensitivity = Literal["low", "normal", "high"]
EngineKind = Literal["local", "openai"]
Value: TypeAlias = bool | int | float | str


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the settings."""

    key: str
    """As in the file, with its table: `voice.speed`."""
    found: str
    """What is wrong, for print."""
    allowed: str
    """What would be right: an order for print and for the ear."""

    def __str__(self) -> str:
        return f"{self.key} {self.found}: {self.allowed}"

    @property
    def spoken(self) -> str:
        """The same for the ear: no dots, no underscores, no value that may be unspeakable."""
        return f"{self.key.replace('.', ', ').replace('_', ' ')}: {self.allowed.replace('_', ' ').replace('`', '')}."


@dataclass(frozen=True)
class Rule:
    """What is known of one setting beside its default."""

    about: str
    """Meaning, unit, and why the default is what it is."""
    allowed: str
    """What may stand there, in words: it completes "give …"."""
    accepts: Callable[[Any], bool]
    """Whether a value of the right type is within the bounds."""
    choices: tuple[str, ...] = ()
    """All there is to choose from; empty where that is no list."""
    low: float | None = None
    high: float | None = None


def _number(low: float, high: float, about: str) -> dict[str, Rule]:
    """Whole numbers, if the bounds are."""
    allowed = f"a {'whole ' if isinstance(low, int) else ''}number from {low:g} to {high:g}"
    return {"rule": Rule(about, allowed, lambda value: low <= value <= high, low=low, high=high)}


def _one_of(*choices: str, about: str) -> dict[str, Rule]:
    allowed = f"{', '.join(choices[:-1])} or {choices[-1]}"
    return {"rule": Rule(about, allowed, lambda value: value in choices, choices)}


def _switch(about: str) -> dict[str, Rule]:
    return {"rule": Rule(about, "true or false", lambda _: True)}


def _text(allowed: str, about: str) -> dict[str, Rule]:
    return {"rule": Rule(about, allowed, lambda value: len(value) <= LONGEST_TEXT and value.isprintable())}


@dataclass(frozen=True)
class Voice:
    """How the assistant speaks."""

    kind: VoiceKind = field(
        default="natural",
        metadata=_one_of(
            "natural",
            "fast",
            about="natural: the neural voice, easier to follow for those new to it; fast: espeak-ng, which starts sooner and stays clear "
            "at high speed.",
        ),
    )
    speed: float = field(
        default=1.0,
        metadata=_number(
            SLOWEST,
            FASTEST,
            'Times the usual speed. 1 is right for a first meeting; who uses a screen reader may want 2. Can be said: "faster".',
        ),
    )
    volume: float = field(
        default=1.0,
        metadata=_number(0.0, 1.0, "Of full: 1 leaves the sound as it is, so that the loudspeaker's own knob decides."),
    )


@dataclass(frozen=True)
class Listening:
    """When the assistant listens, and what it takes for a question."""

    mode: Mode = field(
        default="wake",
        metadata=_one_of(
            "wake",
            "button",
            "always",
            about="wake: after the wake word or the button; button: after the button only; always: whenever somebody speaks. "
            "wake needs no hands and does not answer the radio.",
        ),
    )
    wake_word: WakeWord = field(
        default="okay_nabu",
        metadata=_one_of(
            "okay_nabu",
            "hey_jarvis",
            "alexa",
            "hey_mycroft",
            about="The words that call the assistant. okay_nabu calls no other product.",
        ),
    )
    sensitivity: Sensitivity = field(
        default="normal",
        metadata=_one_of(
            "low",
            "normal",
            "high",
            about="How readily the wake word is believed. low: fewer false calls, in a room with a radio; high: for a quiet or unclear "
            "voice. Three steps, since they can be said.",
        ),
    )
    end_silence_seconds: float = field(
        default=0.6,
        metadata=_number(
            0.5,
            0.7,
            "Seconds of silence that end a question. Less cuts off who thinks while speaking, more makes each answer wait.",
        ),
    )
    follow_up_seconds: float = field(
        default=8.0,
        metadata=_number(
            0.0,
            60.0,
            "Seconds after an answer in which a question needs no wake word; 0: always needed. 8 is time to think, and short enough "
            "that talk in the room is seldom taken for a question.",
        ),
    )
    echo_cancellation: bool = field(
        default=True,
        metadata=_switch(
            "Takes the assistant's own voice out of what the microphone hears, so that it does not interrupt itself. "
            "Needed unless you use headphones."
        ),
    )


@dataclass(frozen=True)
class Devices:
    """Which devices are used, where there are several."""

    microphone: str = field(
        default="",
        metadata=_text(
            "a part of its name", "A part of its name, as `assistant doctor` lists it; empty: the system's default."
        ),
    )
    loudspeaker: str = field(
        default="",
        metadata=_text(
            "a part of its name", "A part of its name, as `assistant doctor` lists it; empty: the system's default."
        ),
    )
    camera: str = field(
        default="0",
        metadata=_text(
            "a number, a path, a name, an address, or nothing for no camera",
            "Its number, its path (/dev/video2), a part of its name or its address (rtsp://…); empty: no camera. 0 is the first.",
        ),
    )


@dataclass(frozen=True)
class Answers:
    """How much is said."""

    sentences: int = field(
        default=2,
        metadata=_number(
            1,
            5,
            'Sentences of an answer before it waits for "more". Short answers cut the time of a task by 40 percent.',
        ),
    )
    earcons: bool = field(
        default=True,
        metadata=_switch("Short signals for: I listen, I have heard you, I work. They are quicker than words."),
    )
    confirm_below: float = field(
        default=0.6,
        metadata=_number(
            0.0,
            1.0,
            'Confidence in what was heard, below which "You asked: …?" comes first; 0: never, 1: always. Clear speech is above 0.6.',
        ),
    )


@dataclass(frozen=True)
class Triggers:
    """Ways to talk that need no wake word."""

    device: str = field(
        default="",
        metadata=_text(
            "a part of its name or its path",
            "A USB button or pedal, by a part of its name or its path (/dev/input/by-id/…); empty: none. "
            "`assistant doctor` lists the names.",
        ),
    )
    key: str = field(
        default="any",
        metadata={
            "rule": Rule(
                "Which of its keys talks: any, a name such as KEY_F13, or a number. any is right for a thing with one button.",
                "any, the name of a key such as KEY_F13, or its number",
                lambda value: key_code(value) is not None,
            )
        },
    )
    exclusive: bool = field(
        default=True,
        metadata=_switch(
            "Whether the button is kept from all other programs, so that it does not type into them. "
            "false, if it is the keyboard that you write on."
        ),
    )
    socket: bool = field(
        default=True,
        metadata=_switch(
            "Whether `assistant talk` (and a shortcut of your desktop that runs it) is heard. Only your account can use it."
        ),
    )
    http_port: int = field(
        default=0,
        metadata={
            "rule": Rule(
                "Port on this machine's loopback for programs that can only speak HTTP; 0: none. Off, since every account of "
                "this machine can reach it.",
                "0 for none, or a whole number from 1024 to 65535",
                lambda value: value == 0 or 1024 <= value <= 65535,
                low=0,
                high=65535,
            )
        },
    )


@dataclass(frozen=True)
class Server:
    """Models on another machine of one's own network, which sees the picture and the question (docs/serving.md)."""

    engine: EngineKind = field(
        default="local",
        metadata=_one_of(
            "local",
            "openai",
            about="local: every model runs on this machine, and nothing leaves it; openai: those named here run on another machine "
            "of your own network, behind the OpenAI API (vLLM, SGLang, llama.cpp, transformers serve).",
        ),
    )
    address: str = field(
        default="",
        metadata={
            "rule": Rule(
                "Base address of that machine, such as http://192.168.1.20:8000/v1. Only your own network: 10.…, 172.16.… to 172.31.…, "
                "192.168.…, this machine, or a name without a dot or with .local, .lan, .home, .internal or .intranet that leads there.",
                "the http or https address of a machine in your own network, or nothing",
                lambda value: not value or (len(value) <= LONGEST_TEXT and is_own_url(value)),
            )
        },
    )
    picture_model: str = field(
        default="",
        metadata=_text(
            "the name of a model, or nothing",
            "Name there of the model that sees; empty: pictures are shown to no other machine.",
        ),
    )
    language_model: str = field(
        default="",
        metadata=_text(
            "the name of a model, or nothing",
            "Name there of the model that judges between answers; empty: the one of this machine, which is enough for one person.",
        ),
    )
    key_file: str = field(
        default="",
        metadata=_text(
            "the path of a file, or nothing",
            "File that holds the key of the server in one line and that only you may read (chmod 600); empty: it wants none. The key "
            "itself never stands here.",
        ),
    )
    certificate_file: str = field(
        default="",
        metadata=_text(
            "the path of a file, or nothing",
            "For https: PEM file with the certificate of the server or of who signed it; empty: those the system trusts.",
        ),
    )
    timeout_seconds: float = field(
        default=20.0,
        metadata=_number(
            1.0,
            60.0,
            "Seconds without a word after which the reader answers alone. 20 is enough for a picture on a busy graphics card.",
        ),
    )


@dataclass(frozen=True)
class Preferences:
    """Everything a user may choose."""

    profile: str = field(
        default="embedded",
        metadata={
            "rule": Rule(
                "Which models are used; `assistant doctor` says which fit this machine. embedded runs on every one.",
                "the name of a profile, such as embedded",
                lambda value: value in load_catalogue().profiles,
            )
        },
    )
    picture_model: str = field(
        default="",
        metadata=_text(
            "a folder, or nothing",
            "Folder of a model that sees, in place of the profile's (safetensors that transformers or rpiq opens); empty: the profile's.",
        ),
    )
    voice: Voice = Voice()
    listening: Listening = Listening()
    devices: Devices = Devices()
    answers: Answers = Answers()
    trigger: Triggers = Triggers()
    server: Server = Server()


@dataclass(frozen=True)
class Choice:
    """One setting with its value, for those who show or write them all."""

    key: str
    """With its table: `voice.speed`."""
    value: Value
    rule: Rule


def choices(chosen: Preferences) -> Iterator[Choice]:
    """Every setting of `chosen`, those outside of tables first."""
    for part in fields(chosen):
        value = getattr(chosen, part.name)
        if is_dataclass(value):
            for inner in fields(value):
                yield Choice(f"{part.name}.{inner.name}", getattr(value, inner.name), inner.metadata["rule"])
        else:
            yield Choice(part.name, value, part.metadata["rule"])


def check(table: Mapping[str, object]) -> tuple[Preferences, tuple[Problem, ...]]:
    """The preferences that `table` says, with the default wherever it says nothing or something wrong, and what is wrong."""
    problems: list[Problem] = []
    return _filled(Preferences, table, "", problems), tuple(problems)


def from_text(key: str, text: str) -> Value | Problem:
    """The value that `text` means for `key`, as typed in a command or a form; its bounds are left to `check`."""
    known = {choice.key: choice for choice in choices(Preferences())}
    if key not in known:
        return _unknown(key, list(known))
    usual = known[key].value
    if isinstance(usual, bool):
        meaning = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
        return meaning.get(text.lower(), text)
    if isinstance(usual, str):
        return text
    try:
        return type(usual)(text)
    except ValueError:
        return text


def _filled(kind: type[Any], table: Mapping[str, object], prefix: str, problems: list[Problem]) -> Any:
    known = {part.name: part for part in fields(kind)}
    problems += [_unknown(prefix + name, [prefix + key for key in known]) for name in table if name not in known]
    values: dict[str, Any] = {}
    for name, part in known.items():
        if name not in table:
            continue
        found = table[name]
        if "rule" in part.metadata:
            usual: Any = part.default
            problem = _wrong(prefix + name, found, type(usual), part.metadata["rule"])
            if problem:
                problems.append(problem)
            else:
                values[name] = type(usual)(found)
        elif isinstance(found, Mapping):
            values[name] = _filled(type(part.default), found, f"{prefix}{name}.", problems)
        else:
            problems.append(Problem(prefix + name, "is a value", f"make it a table: a line with [{name}]"))
    return kind(**values)


def _wrong(key: str, found: object, kind: type[Any], rule: Rule) -> Problem | None:
    # A whole number is a number; True is none, though Python thinks so.
    fits = type(found) is kind or (kind is float and type(found) is int)
    if fits and rule.accepts(found):
        return None
    return Problem(key, f"is {reprlib.repr(found)}", f"give {rule.allowed}")


def _unknown(key: str, known: list[str]) -> Problem:
    near = difflib.get_close_matches(key, known, 1)
    key = key if key.isprintable() else repr(key)
    return Problem(key, "is no setting", f"did you mean {near[0]}?" if near else "take it out")
