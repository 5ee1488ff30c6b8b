"""Who has the floor, the user or the assistant, and how long each is waited for.

The states follow from what is said here; what is answered is the work of `turns.py`, which event leads here that of `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from assistant.conversation.mouth import Mouth
from assistant.conversation.timers import Timers
from assistant.ports.world import World
from assistant.settings.preferences import Preferences
from assistant.sound.speaking import phrases

State = Literal["asleep", "attending", "hearing", "thinking", "speaking"]

AGAIN_SECONDS = 1.5
"""For so long something that was interrupted waits, after words that were not understood, to hear them again in silence."""
LIFE_SECONDS = 4.0
"""Without an answer for this long, something is said; and again after twice the time."""


class Floor:
    """The state of a conversation between two."""

    def __init__(self, world: World, mouth: Mouth, preferences: Preferences, note: Callable[[str, str], None]) -> None:
        self.world = world
        self.mouth = mouth
        self.timers = Timers(world.clock)
        self.preferences = preferences
        self._note = note
        self.state: State = "asleep"
        self.called = False
        """The user has just called the assistant."""
        self.attend_left = 0.0
        """How long a question would still have been waited for when the voice began."""
        self._later: list[str] = []

    def become(self, state: State) -> None:
        """Enter `state`; the waits of others are over."""
        if state != self.state:
            self.state = state
            self._note("state", state)
        for waiting in ("attending", "hearing"):
            if state != waiting:
                self.timers.clear(waiting)

    # The assistant speaks

    def say(self, text: str) -> None:
        """Say something that nobody asked for; when the user has finished speaking."""
        if self.state == "hearing":
            self._later.append(text)
            return
        self.mouth.notice(text)
        if self.state == "asleep":
            self.become("speaking")

    def say_later(self) -> None:
        """Say what was to wait until the user had finished."""
        if self._later and self.state != "hearing":
            said, self._later = " ".join(self._later), []
            self.say(said)

    def answer(self, *sentences: str) -> None:
        """Say this in place of what was being said."""
        self.end_waiting()
        self.mouth.say(sentences)
        self.speaking()

    def beside(self, *sentences: str) -> None:
        """Say something short, and go on with what was being said."""
        if self.mouth.saying is not None:
            self.mouth.notice(" ".join(sentences))
            self.speaking()
        else:
            self.answer(*sentences)

    def go_on(self) -> None:
        """Go on with what was being said, or say that an order was heard."""
        if self.mouth.saying is not None:
            self.mouth.resume()
            self.speaking()
        else:
            self.answer(phrases.ALL_RIGHT)

    def speaking(self) -> None:
        """Something is being said. While the user speaks, it waits."""
        if self.state == "hearing":
            self.mouth.pause()
        else:
            self.become("speaking")

    # The user is waited for, or waits

    def attend(self, seconds: float) -> None:
        """Wait for the user to say something."""
        self.timers.set("attending", seconds)
        self.become("attending")

    def begin_waiting(self, limit: float) -> None:
        """The user waits for an answer, which must be there after `limit` seconds."""
        self.timers.set("life", LIFE_SECONDS)
        self.timers.set("limit", limit)
        self.become("thinking")

    def give_sign_of_life(self) -> None:
        """The answer takes long."""
        if self.state == "thinking":
            self.mouth.notice(phrases.STILL_WORKING)
        self.timers.set("life", 2 * LIFE_SECONDS)

    def end_waiting(self) -> None:
        """An answer is there, or nobody waits for one any more."""
        self.timers.clear("life", "limit", "frame")

    def give_up_waiting(self) -> None:
        """Nobody said anything."""
        if self.mouth.saying is not None and not self.mouth.held:
            self._resume()
            return
        if self.called:
            self.mouth.signal("asleep")
        self.sleep()

    def nothing_said(self, words: str, waited_for: bool, called: bool, limit: float) -> None:
        """There was a voice or a noise, but nothing to do; `words`: what was heard, `waited_for`: another answer is being made."""
        self.end_waiting()
        if self.mouth.saying is not None and not self.mouth.held:
            # Perhaps a word of command, drowned in the assistant's own voice.
            if words:
                self.attend(AGAIN_SECONDS)
            else:
                self._resume()
        elif waited_for:
            self.begin_waiting(limit)
        elif called:
            self.answer(phrases.HEARD_NOTHING)
        elif self.attend_left > 0:
            self.attend(self.attend_left)
        else:
            self.sleep()

    def rest(self, helping: float = 0.0) -> None:
        """Nothing is to be done: a question may follow at once, later only after the wake word. `helping`: seconds of help to aim."""
        self.end_waiting()
        follow_up = self.preferences.listening.follow_up_seconds
        if not helping and (self.preferences.listening.mode == "always" or follow_up <= 0):
            self.sleep()
        else:
            self.called = False
            self.attend(max(follow_up, helping))

    def sleep(self) -> None:
        """Until the wake word, no frame of the camera is kept."""
        self.timers.clear("attending")
        self.called = False
        self.world.camera.watch(False)
        self.become("asleep")

    def forget(self) -> None:
        """Nothing is said, kept to be said or waited for."""
        self.mouth.forget()
        self._later = []
        self.timers.clear_all()
        self.called = False
        self.become("asleep")

    def _resume(self) -> None:
        self.mouth.resume()
        self.become("speaking")
