"""A conversation in turns, with somebody who sends pictures and words and gets sentences back: from a web page, or a program.

Who asks also plays the sound, so what concerns only that (pause, next, louder) is handed back as an `Act`. What is said is decided in
`wording.py` and `mind/answering`, what is kept in `memory.py`; the conversation by ear alone is `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from assistant.conversation import wording
from assistant.conversation.memory import Memory
from assistant.conversation.wording import Kind, doubt, kind_of, worded
from assistant.mind.answering.reading_aloud import number_by_number, position
from assistant.mind.answering.replies import ABOUT_PICTURES
from assistant.mind.finding.grounding import Answer
from assistant.mind.understanding.intents import Intent, interpret
from assistant.mind.understanding.question import understand
from assistant.picture import gate
from assistant.picture.guidance import Direction, Guide
from assistant.picture.looking import Seen, look
from assistant.picture.page import Line
from assistant.picture.photo import Photo
from assistant.picture.same_scene import same_scene
from assistant.ports.engines import Engines
from assistant.settings.preferences import Answers
from assistant.sound.hearing.words import hear
from assistant.sound.samples import Sound, Utterance
from assistant.sound.speaking import phrases
from assistant.sound.speaking.voice import pieces

Act = Literal[
    "", "stop", "pause", "resume", "next", "previous", "repeat", "slower", "faster", "louder", "quieter",
    "camera_on", "camera_off", "guide", "forgotten",
]  # fmt: skip
"""What the one who plays the sound and holds the camera is to do."""

MOST_PAGES = 30
"""Pages of a document that are kept."""
_ACTS: dict[str, Act] = {
    "pause": "pause", "resume": "resume", "next": "next", "previous": "previous", "louder": "louder", "quieter": "quieter",
}  # fmt: skip
"""Intents that are only about what is being heard."""


@dataclass(frozen=True)
class Heard:
    """What was understood; the answer follows."""

    question: str
    confidence: float | None
    """0 to 1; None for what was typed."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of the answer, as soon as it is known."""

    number: int
    text: str


@dataclass(frozen=True)
class Reply:
    """The whole answer, after its last sentence."""

    question: str
    text: str
    abstained: bool = False
    reason: str = ""
    """Why there is no answer, or why it is doubtful."""
    act: Act = ""
    more: bool = False
    """Whether "more" will say something."""
    speed: float = 1.0
    kind: Kind = "answer"
    evidence: tuple[Line, ...] = ()
    """The lines that the answer stands in."""


Piece: TypeAlias = Heard | Sentence | Reply


@dataclass
class _Said:
    """The last answer."""

    sentences: list[str]
    kind: Kind = "answer"
    rest: list[str] = field(default_factory=list)
    printed: str = ""
    """The words of it that stand in the picture."""


class Exchange:
    """One conversation with one person. Its methods compute; they are called one at a time."""

    def __init__(
        self,
        engines: Engines,
        answers: Answers = Answers(),  # noqa: B008 - frozen
        save: Callable[[Seen, str], str] | None = None,
        battery: Callable[[], tuple[int, bool] | None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        """`save` (None for somebody at another machine), `battery` and `now` as in `ports.World`."""
        self.use(engines, answers)
        self._save = save
        self._battery = battery
        self._now = now
        self.speed = 1.0
        self._at: int | None = None
        """The sentence of the last answer that is being heard."""
        self.forget()

    def use(self, engines: Engines, answers: Answers) -> None:
        """Other engines and preferences from now on."""
        self._engines = engines
        self._sentences = answers.sentences
        self._confirm_below = answers.confirm_below

    def forget(self) -> None:
        """Keep nothing of what was shown, asked and said."""
        self._photo: Photo | None = None
        self._seen: Seen | None = None
        self._memory = Memory(MOST_PAGES)
        self._document = False
        self._said: _Said | None = None
        self._guide: Guide | None = None

    @property
    def picture_bytes(self) -> int:
        """Memory that the pictures take which are kept."""
        kept = [*self._memory.album, *self._memory.pages, *([self._seen] if self._seen else [])]
        photos = {id(photo): photo for photo in (*(seen.photo for seen in kept), self._photo) if photo is not None}
        return sum(photo.pixels.nbytes for photo in photos.values())

    def show(self, photo: Photo) -> None:
        """What is asked from now on is about this picture."""
        self._photo, self._seen = photo, None

    def look(self) -> Seen | None:
        """The picture, judged and read, once; None when none was shown.

        Errors: EngineError when the reader fails.
        """
        if self._seen is None and self._photo is not None:
            self._seen = look(self._photo, self._engines)
            self._photo = None
            if self._document and self._seen.quality.usable:
                self._memory.keep_page(self._seen)
        return self._seen

    def aim(self, photo: Photo, at: float, restart: bool = False) -> Direction | None:
        """What to say to somebody who aims a camera, for a frame taken `at` (seconds); a frame that is good becomes the picture."""
        if restart or self._guide is None:
            self._guide = Guide()
        pages = self._memory.pages
        if self._document and pages and same_scene(pages[-1].photo, photo):
            return None  # the page was not turned yet
        boxes = self._engines.finder.detect(photo) if gate.judge(photo).usable else []
        direction = self._guide.look(photo, boxes, at)
        if direction is not None and direction.capture:
            self.show(photo)
            self._guide = None
        return direction

    def ask(self, words: str | Sound, speed: float = 1.0, at: int | None = None) -> Iterator[Piece]:
        """The answer to what was said or typed, sentence by sentence. `at`: the sentence of the last answer that is being heard.

        Errors: SoundError when nobody speaks in the sound, QuestionError when it is no English question, EngineError when an engine fails.
        """
        self.speed = speed
        self._at = at
        heard = hear(words, self._engines.recogniser) if isinstance(words, Sound) else None
        said = heard or Utterance(str(words), 1.0)
        yield Heard(said.text, heard.confidence if heard else None)
        intent = interpret(said.text)
        if intent.name == "nothing":
            understand("")  # raises what is to be said to that
        if self._memory.ask_back(intent, said.confidence, self._confirm_below):
            yield from self._tell(intent, wording.did_you_say(intent))
            return
        yield from self._do(intent, said.confidence)

    def _do(self, intent: Intent, confidence: float = 1.0) -> Iterator[Piece]:
        if intent.name in ABOUT_PICTURES:
            yield from self._about_picture(intent, confidence)
        elif intent.name in _ACTS:
            yield from self._play(intent)
        else:
            yield from _ORDERS[intent.name](self, intent)

    # Answers about a picture

    def _about_picture(self, intent: Intent, confidence: float = 1.0) -> Iterator[Piece]:
        seen = self.look()
        if seen is None:
            yield from self._tell(intent, phrases.NO_PICTURE_YET, abstained=True, reason="no picture")
            return
        said = _Said([], kind_of(intent))
        for sentence in doubt(intent, confidence, self._confirm_below):
            yield from self._add(said, sentence)
        parts: list[Answer] = []
        for part in self._memory.reply(intent, seen, self._engines):
            parts.append(part)
            first, rest = worded(part, intent, seen, self._sentences)
            for sentence in first:
                yield from self._add(said, sentence)
            said.rest += rest
        if said.rest:
            yield from self._add(said, phrases.THERE_IS_MORE)
        given = self._memory.conclude(intent, seen, parts)
        said.printed = given.printed
        self._said = said
        yield Reply(
            question=intent.text,
            text=" ".join(said.sentences),
            abstained=given.abstained,
            reason=next((part.reason for part in parts if part.reason), ""),
            more=bool(said.rest),
            speed=self.speed,
            kind=said.kind,
            evidence=tuple(line for part in parts for line in part.evidence),
        )

    def _add(self, said: _Said, text: str) -> Iterator[Sentence]:
        """One sentence more, in pieces that can be made into sound one by one."""
        for piece in pieces(text):
            yield Sentence(len(said.sentences), piece)
            said.sentences.append(piece)

    def _tell(
        self,
        intent: Intent,
        *sentences: str,
        act: Act = "",
        keep: bool = True,
        abstained: bool = False,
        reason: str = "",
    ) -> Iterator[Piece]:
        """Say something that stands in no picture; `keep`: it can be asked for again."""
        said = _Said([])
        for sentence in sentences:
            yield from self._add(said, sentence)
        if keep and said.sentences:
            self._said = said
        text = " ".join(said.sentences)
        yield Reply(intent.text, text, act=act, speed=self.speed, abstained=abstained, reason=reason)

    # Words of command. What each does by ear alone stands in orders.py.

    def _play(self, intent: Intent) -> Iterator[Piece]:
        """For the one who plays the sound; where nothing was said yet, that is said."""
        quiet = self._said is None and intent.name not in ("louder", "quieter")
        said = (phrases.NOTHING_SAID_YET,) if quiet else ()
        yield from self._tell(intent, *said, act="" if quiet else _ACTS[intent.name], keep=False)

    def _stop(self, intent: Intent) -> Iterator[Piece]:
        self._memory.asked_back = None
        said = (phrases.ALL_RIGHT,) if intent.name == "cancel" else ()
        yield from self._tell(intent, *said, act="stop", keep=False)

    def _repeat(self, intent: Intent) -> Iterator[Piece]:
        if self._said is None:
            yield from self._tell(intent, phrases.NOTHING_SAID_YET, keep=False)
            return
        yield from self._again(intent, self._said, "repeat")

    def _again(self, intent: Intent, said: _Said, act: Act = "") -> Iterator[Piece]:
        for number, text in enumerate(said.sentences):
            yield Sentence(number, text)
        self._said = said
        text = " ".join(said.sentences)
        yield Reply(intent.text, text, act=act, more=bool(said.rest), speed=self.speed, kind=said.kind)

    def _more(self, intent: Intent) -> Iterator[Piece]:
        said = self._said
        if said is None or not said.rest:
            yield from self._tell(intent, phrases.NOTHING_SAID_YET if said is None else phrases.NO_MORE, keep=False)
            return
        now, rest = said.rest[: self._sentences], said.rest[self._sentences :]
        parts = [piece for text in (*now, *([phrases.THERE_IS_MORE] if rest else [])) for piece in pieces(text)]
        yield from self._again(intent, _Said(parts, said.kind, rest, said.printed))

    def _quicken(self, intent: Intent) -> Iterator[Piece]:
        speed = wording.new_speed(self.speed, intent)
        at_an_end = speed == self.speed
        self.speed = speed
        said = (wording.at_an_end(intent),) if at_an_end else (phrases.ALL_RIGHT,) if self._at is None else ()
        act: Act = "" if at_an_end else "faster" if intent.name == "faster" else "slower"
        yield from self._tell(intent, *said, act=act, keep=False)

    def _spell(self, intent: Intent) -> Iterator[Piece]:
        said = wording.spelling(intent, self._seen, self._that())
        yield from self._tell(intent, *(said or [phrases.NOTHING_TO_SPELL]), keep=bool(said))

    def _digits(self, intent: Intent) -> Iterator[Piece]:
        said = number_by_number(self._that())
        yield from self._tell(intent, *(said or [phrases.NO_NUMBERS]), keep=bool(said))

    def _that(self) -> str:
        """What is meant by "that": of a reading the sentence that is being heard, of an answer the words that stand in the picture."""
        said = self._said
        if said is None:
            return ""
        if said.kind == "reading" and said.sentences:
            return wording.sentence_at(said.sentences, self._at or 0)
        return said.printed or " ".join(said.sentences)

    def _where(self, intent: Intent) -> Iterator[Piece]:
        said = self._said
        if said is not None and said.kind == "reading" and said.sentences:
            yield from self._tell(intent, position(self._at or 0, said.sentences), keep=False)
        else:
            yield from self._about_picture(Intent("ask", intent.text))

    def _time(self, intent: Intent) -> Iterator[Piece]:
        yield from self._tell(intent, wording.time(intent, self._now()))

    def _power(self, intent: Intent) -> Iterator[Piece]:
        yield from self._tell(intent, wording.battery(self._battery()), keep=False)

    def _help(self, intent: Intent) -> Iterator[Piece]:
        yield from self._tell(intent, *wording.help_())

    def _privacy(self, intent: Intent) -> Iterator[Piece]:
        here = phrases.PRIVACY if self._save else phrases.PRIVACY_FROM_AFAR
        yield from self._tell(intent, *wording.privacy(self._engines.asks, here))

    def _forget(self, intent: Intent) -> Iterator[Piece]:
        self.forget()
        yield from self._tell(intent, phrases.FORGOTTEN, act="forgotten", keep=False)

    def _camera(self, intent: Intent) -> Iterator[Piece]:
        on = intent.name == "camera_on"
        said = phrases.CAMERA_NOW_ON if on else phrases.CAMERA_NOW_OFF
        yield from self._tell(intent, said, act="camera_on" if on else "camera_off", keep=False)

    def _repair(self, intent: Intent) -> Iterator[Piece]:
        """What was understood was wrong: forget that it was asked, and do what was meant."""
        self._memory.take_back()
        if intent.text:
            yield from self._do(interpret(intent.text))
        else:
            yield from self._no(intent)

    def _yes(self, intent: Intent) -> Iterator[Piece]:
        asked = self._memory.confirmed()
        yield from self._do(asked) if asked is not None else self._tell(intent, phrases.ALL_RIGHT, keep=False)

    def _no(self, intent: Intent) -> Iterator[Piece]:
        said = phrases.ALL_RIGHT if self._memory.confirmed() is not None else phrases.NOT_UNDERSTOOD_NO
        yield from self._tell(intent, said, keep=False)

    def _save_it(self, intent: Intent) -> Iterator[Piece]:
        seen = self.look()
        if self._save is None:
            said = phrases.NOT_SAVED_FROM_HERE
        elif seen is None:
            said = phrases.NOTHING_TO_SAVE
        else:
            said = phrases.SAVED.format(self._save(seen, " ".join(self._said.sentences if self._said else ())))
        yield from self._tell(intent, said, keep=False)

    def _guide_me(self, intent: Intent) -> Iterator[Piece]:
        yield from self._tell(intent, phrases.ALL_RIGHT, act="guide", keep=False)

    def _begin_document(self, intent: Intent) -> Iterator[Piece]:
        self._document, self._memory.pages = True, []
        yield from self._tell(intent, phrases.SHOW_THE_PAGE, act="guide", keep=False)

    def _end_document(self, intent: Intent) -> Iterator[Piece]:
        self._document = False
        yield from self._tell(intent, wording.pages_kept(len(self._memory.pages)), keep=False)

    def _look_again(self, intent: Intent) -> Iterator[Piece]:
        """Answer once more what was asked last, of the picture that is there now."""
        if self._memory.given is None:
            yield from self._repeat(intent)
        else:
            yield from self._about_picture(self._memory.given.intent)


_ORDERS: dict[str, Callable[[Exchange, Intent], Iterator[Piece]]] = {
    "stop": Exchange._stop,
    "cancel": Exchange._stop,
    "repeat": Exchange._repeat,
    "again": Exchange._look_again,
    "more": Exchange._more,
    "slower": Exchange._quicken,
    "faster": Exchange._quicken,
    "spell": Exchange._spell,
    "digits": Exchange._digits,
    "where": Exchange._where,
    "time": Exchange._time,
    "battery": Exchange._power,
    "help": Exchange._help,
    "privacy": Exchange._privacy,
    "forget": Exchange._forget,
    "camera_off": Exchange._camera,
    "camera_on": Exchange._camera,
    "repair": Exchange._repair,
    "yes": Exchange._yes,
    "no": Exchange._no,
    "save": Exchange._save_it,
    "guide": Exchange._guide_me,
    "document": Exchange._begin_document,
    "finish": Exchange._end_document,
}
"""What is done for each intent that is neither about a picture nor about what is being heard."""
