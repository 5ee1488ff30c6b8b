"""What is being said: sentences become sound one ahead of the other, and can be paused, resumed, repeated and stepped through.

When something is said is decided in `dialogue.py`; the words come from `phrases.py` and the mind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistant.errors import VoiceError
from assistant.ports.events import Finished, Made, Played
from assistant.ports.world import Loudspeaker, Workers
from assistant.sound.earcons import EarconName, earcon
from assistant.sound.mixer import OUTPUT_RATE
from assistant.sound.samples import Sound, at_once
from assistant.sound.speaking.voice import pieces

AHEAD = 2
"""Sentences made before they are needed; more would only have to be made again at another speed."""

Speak = Callable[[str, float], Iterator[Sound]]
"""A text and a speed to sounds; raises when the voice fails."""
Kind = Literal["answer", "reading", "notice"]


@dataclass
class Saying:
    """Something to say, and how far it is said."""

    sentences: list[str]
    kind: Kind = "answer"
    at: int = 0
    """The sentence that is heard now, or next."""
    rest: list[str] = field(default_factory=list)
    """Held back, for who asks for more."""
    open: bool = False
    """More sentences may come."""

    @property
    def over(self) -> bool:
        return self.at >= len(self.sentences) and not self.open


class Mouth:
    """Says one thing at a time on one loudspeaker."""

    def __init__(
        self,
        speak: Speak,
        loudspeaker: Loudspeaker,
        workers: Workers,
        speed: float,
        note: Callable[[str, str], None] = lambda kind, text: None,
    ) -> None:
        """`note` hears of what is said and signalled."""
        self._speak = speak
        self._loudspeaker = loudspeaker
        self._workers = workers
        self._note = note
        self.speed = speed
        self.earcons = True
        self.saying: Saying | None = None
        """What is being said now; None in silence."""
        self.last: Saying | None = None
        """What was said last, for who asks to hear it again."""
        self.reading: Saying | None = None
        """The last reading, for who wants to go on with it after something else."""
        self.paused = False
        self.held = False
        """Paused because the user said so, until the user says otherwise."""
        self._interrupted: Saying | None = None
        self._tasks: dict[int, int | None] = {}
        self._numbers: dict[int, int] = {}
        self._made: set[int] = set()
        self._begun = 0
        self._standing: dict[str, list[Sound]] = {}
        self._prepared: dict[str, list[Sound]] = {}
        self._preparing: dict[str, int] = {}

    def say(
        self, sentences: Sequence[str], kind: Kind = "answer", rest: Sequence[str] = (), open_: bool = False
    ) -> None:
        """Say these from now on, in place of whatever was being said; a notice is heard to its end before."""
        saying = Saying(self._parted(sentences), kind, rest=list(rest), open=open_)
        if kind != "notice":
            self.last = saying
        if kind == "reading":
            self.reading = saying
        if self.saying is not None and self.saying.kind == "notice" and kind != "notice" and not self.paused:
            self._interrupted = saying
            return
        self.stop()
        self.saying = saying
        self._fill()
        if kind != "notice":
            self._drop_prepared()

    def add(self, sentences: Sequence[str], close: bool = True) -> None:
        """Go on with these after what was said last."""
        if self.last is not None:
            self.last.sentences += self._parted(sentences)
            self.last.open = not close
            self._advance()

    def notice(self, text: str) -> None:
        """Say this at once, and then go on with the sentence that was interrupted."""
        now = self.saying
        waiting = now.sentences[now.at :] if now and now.kind == "notice" else []
        before = self._interrupted if waiting else now
        self.say([*waiting, text], "notice")
        self._interrupted = before

    def _parted(self, sentences: Sequence[str]) -> list[str]:
        parts = [part for each in sentences for part in pieces(each)]
        for part in parts:
            self._note("says", part)
        return parts

    def prepare(self, text: str) -> None:
        """Have its first sentence made, because it will probably be said soon."""
        for piece in pieces(text)[:1]:
            if piece not in self._preparing and piece not in self._standing:
                self._prepared[piece] = []
                self._preparing[piece] = self._start(piece, None)

    def keep(self, sounds: dict[str, list[Sound]]) -> None:
        """Sentences made before, at the usual speed: they can be said even while the processor is busy."""
        self._standing |= sounds

    def signal(self, name: EarconName) -> None:
        """An earcon, at once."""
        self._note("signal", name)
        if self.earcons:
            self._loudspeaker.cue(earcon(name, OUTPUT_RATE))

    def pause(self, held: bool = False) -> None:
        """Fall silent in the middle of it; `held`: until the user wants to hear more."""
        self.paused = True
        self.held = held or self.held
        self._loudspeaker.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self.paused = self.held = False
        self._loudspeaker.resume()
        self._fill()

    def stop(self) -> None:
        """Silence, now. What was being said can still be asked for again."""
        self._loudspeaker.stop()
        self._forget_sounds()
        self.saying = self._interrupted = None
        self.paused = self.held = False
        self._begun = 0

    def forget(self) -> None:
        """Stop, and keep nothing of what was said or would have been."""
        self.stop()
        self._drop_prepared()
        self.last = self.reading = None

    def again(self) -> bool:
        """The last thing from its beginning; False when there is none."""
        if self.last is None:
            return False
        last = self.last
        self.say(last.sentences, last.kind, last.rest)
        return True

    def step(self, by: int) -> bool:
        """Move by sentences within what is or was being said, and go on from there; False past either end."""
        saying = self.saying or self.last
        if saying is None:
            return False
        to = (saying.at if not saying.over else len(saying.sentences)) + by
        if not 0 <= to < len(saying.sentences):
            return False
        self.go(saying, to)
        return True

    def go(self, saying: Saying, to: int) -> None:
        """Say `saying` from its sentence `to` on."""
        interrupted = self._interrupted
        self.stop()
        saying.at = self._begun = to
        self.saying, self._interrupted = saying, interrupted
        self._fill()

    def quicken(self, speed: float) -> None:
        """Another speed, from the present sentence on."""
        self.speed = speed
        self._standing = {}
        self._drop_prepared()
        if self.saying is not None and not self.held:
            self.go(self.saying, self.saying.at)

    def made(self, event: Made) -> bool:
        """A piece of sound is there; False when it is not one of ours."""
        if event.task not in self._tasks or not isinstance(event.piece, tuple):
            return False
        index = self._tasks[event.task]
        text, sound = event.piece
        if index is None:
            self._prepared[text].append(sound)
        else:
            self._play(sound, index)
        return True

    def finished(self, event: Finished) -> bool:
        """A sentence is made; False when it is not one of ours. VoiceError when it could not be."""
        if event.task not in self._tasks:
            return False
        index = self._tasks.pop(event.task)
        if event.error is not None:
            self._drop_prepared()
            raise VoiceError(f"no voice speaks: {event.error}", "My voice failed.") from event.error
        if index is not None:
            self._made.add(index)
            self._advance()
        return True

    def played(self, event: Played) -> None:
        """The loudspeaker has come this far."""
        for number in [number for number in self._numbers if number <= event.number]:
            del self._numbers[number]
        self._advance()

    def _advance(self) -> None:
        saying = self.saying
        if saying is None:
            return
        while saying.at in self._made and saying.at not in self._numbers.values():
            self._made.discard(saying.at)
            saying.at += 1
        self._fill()
        if saying.over:
            before = self._interrupted
            self.saying = self._interrupted = None
            self._forget_sounds()
            if before is not None and not before.over:
                self.go(before, before.at)

    def _fill(self) -> None:
        saying = self.saying
        while saying and not self.paused and self._begun < min(saying.at + 1 + AHEAD, len(saying.sentences)):
            index, text = self._begun, saying.sentences[self._begun]
            self._begun += 1
            # What is being made before it must be heard before it.
            waiting = any(other is not None for other in self._tasks.values())
            if waiting or not self._use(text, index):
                self._start(text, index)

    def _use(self, text: str, index: int) -> bool:
        """Play what is made of `text` already, or is being made; False when nothing is."""
        task = self._preparing.pop(text, None)
        ready = self._standing.get(text) or self._prepared.pop(text, None)
        if ready is None:
            return False
        for sound in ready:
            self._play(sound, index)
        if task in self._tasks:
            self._tasks[task] = index
        else:
            self._made.add(index)
        return True

    def _play(self, sound: Sound, index: int) -> None:
        """After what is being played; if nothing is, somebody waits for the first word of it."""
        self._numbers[self._loudspeaker.play(sound if self._numbers else at_once(sound))] = index

    def _start(self, text: str, index: int | None) -> int:
        speak, speed = self._speak, self.speed

        def work() -> Iterator[object]:
            for sound in speak(text, speed):
                yield text, sound

        task = self._workers.start("voice", work)
        self._tasks[task] = index
        return task

    def _drop_prepared(self) -> None:
        for task in self._preparing.values():
            self._workers.cancel(task)
            self._tasks.pop(task, None)
        self._prepared = {}
        self._preparing = {}

    def _forget_sounds(self) -> None:
        for task in [task for task, index in self._tasks.items() if index is not None]:
            self._workers.cancel(task)
            del self._tasks[task]
        self._numbers = {}
        self._made = set()
