"""What the words of command do: stop, repeat, slower, spell that, next, forget everything, and all others that need no picture.

Which words mean what is known to `mind/understanding`, what is said to them to `wording.py`, what is kept to `memory.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from assistant.conversation import wording
from assistant.conversation.floor import Floor
from assistant.conversation.lookout import Lookout
from assistant.conversation.memory import Memory
from assistant.conversation.mouth import Mouth
from assistant.conversation.pages import PAGE_SECONDS, Pages
from assistant.conversation.turn import Turn
from assistant.conversation.turns import Turns
from assistant.mind.answering.reading_aloud import number_by_number, position
from assistant.mind.understanding.intents import Intent
from assistant.ports.engines import Engines
from assistant.ports.world import World
from assistant.sound.samples import Utterance
from assistant.sound.speaking import phrases

PAUSED_SECONDS = 300.0
"""How long a reading that was paused is kept."""
VOLUME_STEP = 0.15


@dataclass(frozen=True)
class Reach:
    """What an order may touch."""

    world: World
    engines: Engines
    floor: Floor
    mouth: Mouth
    lookout: Lookout
    pages: Pages
    memory: Memory
    turns: Turns


def obey(reach: Reach, intent: Intent) -> None:
    """Do what needs no picture."""
    ORDERS[intent.name](reach, intent)


def stop(reach: Reach, _: Intent | None = None) -> None:
    """Silence, and nothing of what was asked goes on."""
    reach.mouth.stop()
    reach.pages.stop()
    reach.turns.drop_all()
    reach.memory.asked_back = None
    reach.floor.rest()


def forget_all(reach: Reach) -> None:
    """Keep nothing of what was said, seen and read."""
    reach.turns.forget()
    reach.lookout.forget()
    reach.pages.stop()
    reach.memory.forget()
    reach.world.forget()
    reach.floor.forget()


def cancel(reach: Reach, _: Intent) -> None:
    stop(reach)
    reach.floor.answer(phrases.ALL_RIGHT)


def pause(reach: Reach, _: Intent) -> None:
    if reach.mouth.saying is None:
        reach.floor.answer(phrases.NOTHING_SAID_YET if reach.mouth.last is None else phrases.ALL_RIGHT)
        return
    reach.mouth.pause(held=True)
    reach.mouth.signal("done")
    reach.floor.called = False
    reach.floor.attend(PAUSED_SECONDS)


def resume(reach: Reach, intent: Intent) -> None:
    mouth = reach.mouth
    before = mouth.reading if mouth.reading and not mouth.reading.over else mouth.last
    if mouth.saying is None and before is not None and not before.over:
        mouth.go(before, before.at)
        reach.floor.speaking()
    elif mouth.saying is None:
        more(reach, intent)
    else:
        reach.floor.go_on()


def repeat(reach: Reach, _: Intent) -> None:
    if reach.mouth.again():
        reach.floor.speaking()
    else:
        reach.floor.answer(phrases.NOTHING_SAID_YET)


def more(reach: Reach, _: Intent) -> None:
    saying = reach.mouth.last
    if saying is None or not saying.rest:
        reach.floor.answer(phrases.NOTHING_SAID_YET if saying is None else phrases.NO_MORE)
        return
    most = max(reach.floor.preferences.answers.sentences, 1)
    now, rest = saying.rest[:most], saying.rest[most:]
    reach.mouth.say([*now, *([phrases.THERE_IS_MORE] if rest else [])], saying.kind, rest)
    reach.floor.speaking()


def next_(reach: Reach, _: Intent) -> None:
    if reach.mouth.step(1):
        reach.floor.speaking()
    elif reach.pages.open:
        reach.pages.next()
    else:
        reach.floor.answer(phrases.NOTHING_SAID_YET if reach.mouth.last is None else phrases.AT_THE_END)


def previous(reach: Reach, _: Intent) -> None:
    if reach.mouth.step(-1):
        reach.floor.speaking()
    else:
        reach.floor.answer(phrases.NOTHING_SAID_YET if reach.mouth.last is None else phrases.AT_THE_START)


def quicken(reach: Reach, intent: Intent) -> None:
    """Slower or faster."""
    speed = wording.new_speed(reach.mouth.speed, intent)
    if speed == reach.mouth.speed:
        reach.floor.beside(wording.at_an_end(intent))
        return
    reach.mouth.quicken(speed)
    reach.world.remember(speed, reach.world.loudspeaker.volume)
    reach.floor.go_on()


def louder(reach: Reach, intent: Intent) -> None:
    _volume(reach, wording.steps(intent) * VOLUME_STEP)


def quieter(reach: Reach, intent: Intent) -> None:
    _volume(reach, -wording.steps(intent) * VOLUME_STEP)


def _volume(reach: Reach, by: float) -> None:
    loudspeaker = reach.world.loudspeaker
    # Never quite silent: who cannot hear it could not find the way back.
    volume = min(max(loudspeaker.volume + by, VOLUME_STEP), 1.0)
    if volume == loudspeaker.volume:
        reach.floor.beside(phrases.LOUDEST_ALREADY if by > 0 else phrases.QUIETEST_ALREADY)
        return
    loudspeaker.volume = volume
    reach.world.remember(reach.mouth.speed, volume)
    reach.floor.go_on()


def spell(reach: Reach, intent: Intent) -> None:
    said = wording.spelling(intent, reach.lookout.seen, _that(reach))
    reach.floor.answer(*(said or [phrases.NOTHING_TO_SPELL]))


def digits(reach: Reach, _: Intent) -> None:
    reach.floor.answer(*(number_by_number(_that(reach)) or [phrases.NO_NUMBERS]))


def _that(reach: Reach) -> str:
    """What is meant by "that": of a reading the sentence heard last, of an answer the words that stand in the picture."""
    saying = reach.mouth.last
    if saying is not None and saying.kind == "reading":
        return wording.sentence_at(saying.sentences, saying.at)
    return reach.memory.given.printed if reach.memory.given else ""


def where(reach: Reach, intent: Intent) -> None:
    saying = reach.mouth.saying or reach.mouth.last
    if saying is not None and saying.kind == "reading" and saying.sentences:
        reach.floor.beside(position(saying.at, saying.sentences))
    else:
        reach.turns.submit(Utterance(intent.text, 1.0), replace(intent, name="ask"))


def time(reach: Reach, intent: Intent) -> None:
    reach.floor.beside(wording.time(intent, reach.world.now()))


def battery(reach: Reach, _: Intent) -> None:
    reach.floor.beside(wording.battery(reach.world.battery()))


def help_(reach: Reach, _: Intent) -> None:
    reach.floor.answer(*wording.help_())


def privacy(reach: Reach, _: Intent) -> None:
    reach.floor.answer(*wording.privacy(reach.engines.asks))


def forget(reach: Reach, _: Intent) -> None:
    forget_all(reach)
    reach.floor.answer(phrases.FORGOTTEN)


def camera_off(reach: Reach, _: Intent) -> None:
    reach.lookout.on = False
    reach.lookout.forget()
    reach.memory.forget_pictures()
    reach.world.camera.switch(False)
    reach.floor.answer(phrases.CAMERA_NOW_OFF)


def camera_on(reach: Reach, _: Intent) -> None:
    reach.lookout.on = True
    reach.world.camera.switch(True)
    reach.floor.answer(phrases.CAMERA_NOW_ON)


def repair(reach: Reach, intent: Intent) -> None:
    """What was understood was wrong: forget that it was asked, and do what was meant."""
    reach.memory.take_back()
    if not intent.text:
        no(reach, intent)
        return
    reach.turns.submit(Utterance(intent.text, 1.0))


def yes(reach: Reach, _: Intent) -> None:
    asked = reach.memory.confirmed()
    if asked is not None:
        obey(reach, asked)
    else:
        reach.floor.go_on()


def no(reach: Reach, _: Intent) -> None:
    asked = reach.memory.confirmed()
    reach.floor.answer(phrases.ALL_RIGHT if asked is not None else phrases.NOT_UNDERSTOOD_NO)


def save(reach: Reach, _: Intent) -> None:
    seen = reach.lookout.seen
    if seen is None:
        reach.floor.answer(phrases.NOTHING_TO_SAVE)
        return
    words = " ".join(reach.mouth.last.sentences) if reach.mouth.last else ""
    folder = reach.world.save(seen, words)
    reach.mouth.signal("done")
    reach.floor.answer(phrases.SAVED.format(folder))


def guide(reach: Reach, _: Intent) -> None:
    if not reach.lookout.on:
        reach.floor.answer(phrases.CAMERA_IS_OFF)
        return
    reach.floor.answer(phrases.ALL_RIGHT)
    asked = Intent("ask", "What does it say?")
    reach.pages.aim(Turn(None, True, utterance=Utterance(asked.text, 1.0), intent=asked), PAGE_SECONDS)


def document(reach: Reach, _: Intent) -> None:
    reach.pages.begin()


def finish(reach: Reach, _: Intent) -> None:
    reach.pages.stop()
    reach.floor.answer(wording.pages_kept(len(reach.memory.pages)))


def again(reach: Reach, intent: Intent) -> None:
    """Look once more, and answer what was asked last."""
    given = reach.turns.last
    if given is None or given.utterance is None:
        repeat(reach, intent)
        return
    reach.lookout.discard()
    reach.turns.submit(given.utterance, given.intent)


ORDERS: dict[str, Callable[[Reach, Intent], None]] = {
    "stop": stop,
    "cancel": cancel,
    "pause": pause,
    "resume": resume,
    "repeat": repeat,
    "again": again,
    "more": more,
    "next": next_,
    "previous": previous,
    "slower": quicken,
    "faster": quicken,
    "louder": louder,
    "quieter": quieter,
    "spell": spell,
    "digits": digits,
    "where": where,
    "time": time,
    "battery": battery,
    "help": help_,
    "privacy": privacy,
    "forget": forget,
    "camera_off": camera_off,
    "camera_on": camera_on,
    "repair": repair,
    "yes": yes,
    "no": no,
    "save": save,
    "guide": guide,
    "document": document,
    "finish": finish,
}
"""What is done for each intent that needs no picture."""
