"""What the words of command do: stop, repeat, slower, spell that, next, forget everything, and all others that need no picture.

Which words mean what is known to `mind/intents.py`, when they are obeyed to `dialogue.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from assistant.conversation.pages import PAGE_SECONDS
from assistant.conversation.turn import Turn
from assistant.mind.answering.reading_aloud import number_by_number, position, printed_words, shortened, spelled
from assistant.mind.answering.thinking import ground
from assistant.mind.understanding.intents import Intent
from assistant.mind.understanding.question import understand
from assistant.settings.preferences import FASTEST, SLOWEST
from assistant.sound.samples import Utterance
from assistant.sound.speaking import phrases

if TYPE_CHECKING:
    from assistant.conversation.dialogue import Dialogue

PAUSED_SECONDS = 300.0
"""How long a reading that was paused is kept."""
SPEED_STEP, VOLUME_STEP = 0.25, 0.15


def stop(dialogue: Dialogue, _: Intent) -> None:
    dialogue.stop()


def cancel(dialogue: Dialogue, _: Intent) -> None:
    dialogue.stop()
    dialogue.answer(phrases.ALL_RIGHT)


def pause(dialogue: Dialogue, _: Intent) -> None:
    if dialogue.mouth.saying is None:
        dialogue.answer(phrases.NOTHING_SAID_YET if dialogue.mouth.last is None else phrases.ALL_RIGHT)
        return
    dialogue.mouth.pause(held=True)
    dialogue.mouth.signal("done")
    dialogue.called = False
    dialogue.timers.set("attending", PAUSED_SECONDS)
    dialogue.become("attending")


def resume(dialogue: Dialogue, _: Intent) -> None:
    before = (
        dialogue.mouth.reading if dialogue.mouth.reading and not dialogue.mouth.reading.over else dialogue.mouth.last
    )
    if dialogue.mouth.saying is None and before is not None and not before.over:
        dialogue.mouth.go(before, before.at)
        dialogue.speaking()
    elif dialogue.mouth.saying is None:
        more(dialogue, _)
    else:
        dialogue.go_on()


def repeat(dialogue: Dialogue, _: Intent) -> None:
    if dialogue.mouth.again():
        dialogue.speaking()
    else:
        dialogue.answer(phrases.NOTHING_SAID_YET)


def more(dialogue: Dialogue, _: Intent) -> None:
    saying = dialogue.mouth.last
    if saying is None or not saying.rest:
        dialogue.answer(phrases.NOTHING_SAID_YET if saying is None else phrases.NO_MORE)
        return
    most = max(dialogue.preferences.answers.sentences, 1)
    now, rest = saying.rest[:most], saying.rest[most:]
    dialogue.mouth.say([*now, *([phrases.THERE_IS_MORE] if rest else [])], saying.kind, rest)
    dialogue.speaking()


def next_(dialogue: Dialogue, _: Intent) -> None:
    if dialogue.mouth.step(1):
        dialogue.speaking()
    elif dialogue.pages.open:
        dialogue.pages.next()
    else:
        dialogue.answer(phrases.NOTHING_SAID_YET if dialogue.mouth.last is None else phrases.AT_THE_END)


def previous(dialogue: Dialogue, _: Intent) -> None:
    if dialogue.mouth.step(-1):
        dialogue.speaking()
    else:
        dialogue.answer(phrases.NOTHING_SAID_YET if dialogue.mouth.last is None else phrases.AT_THE_START)


def slower(dialogue: Dialogue, intent: Intent) -> None:
    _speed(dialogue, -steps(intent) * SPEED_STEP)


def faster(dialogue: Dialogue, intent: Intent) -> None:
    _speed(dialogue, steps(intent) * SPEED_STEP)


def steps(intent: Intent) -> int:
    """Two of them for "much faster"."""
    return int(intent.argument) if intent.argument.isdigit() else 1


def _speed(dialogue: Dialogue, by: float) -> None:
    speed = min(max(dialogue.mouth.speed + by, SLOWEST), FASTEST)
    if speed == dialogue.mouth.speed:
        dialogue.beside(phrases.FASTEST_ALREADY if by > 0 else phrases.SLOWEST_ALREADY)
        return
    dialogue.mouth.quicken(speed)
    dialogue.world.remember(speed, dialogue.world.loudspeaker.volume)
    dialogue.go_on()


def louder(dialogue: Dialogue, intent: Intent) -> None:
    _volume(dialogue, steps(intent) * VOLUME_STEP)


def quieter(dialogue: Dialogue, intent: Intent) -> None:
    _volume(dialogue, -steps(intent) * VOLUME_STEP)


def _volume(dialogue: Dialogue, by: float) -> None:
    loudspeaker = dialogue.world.loudspeaker
    # Never quite silent: who cannot hear it could not find the way back.
    volume = min(max(loudspeaker.volume + by, VOLUME_STEP), 1.0)
    if volume == loudspeaker.volume:
        dialogue.beside(phrases.LOUDEST_ALREADY if by > 0 else phrases.QUIETEST_ALREADY)
        return
    loudspeaker.volume = volume
    dialogue.world.remember(dialogue.mouth.speed, volume)
    dialogue.go_on()


def spell(dialogue: Dialogue, intent: Intent) -> None:
    said = spelled(_named(dialogue, intent.argument) if intent.argument else _said_words(dialogue))
    dialogue.answer(*said) if said else dialogue.answer(phrases.NOTHING_TO_SPELL)


def _named(dialogue: Dialogue, argument: str) -> str:
    """What is to be spelled: a word as it was said, or "the title", which stands in the picture."""
    seen = dialogue.lookout.seen
    if not argument.startswith("the ") or seen is None or seen.page is None or not seen.page.lines:
        return argument
    given = ground(understand(f"What is {argument}?"), seen.page, seen.quality, None)
    return "" if given.abstained else printed_words(given)


def digits(dialogue: Dialogue, _: Intent) -> None:
    said = number_by_number(_said_words(dialogue))
    dialogue.answer(*said) if said else dialogue.answer(phrases.NO_NUMBERS)


def _said_words(dialogue: Dialogue) -> str:
    """What is meant by "that": of a reading the sentence heard last, of an answer the words that stand in the picture."""
    saying = dialogue.mouth.last
    if saying is not None and saying.kind == "reading":
        return saying.sentences[min(saying.at, len(saying.sentences) - 1)]
    return printed_words(dialogue.given_last.parts[0]) if dialogue.given_last and dialogue.given_last.parts else ""


def where(dialogue: Dialogue, intent: Intent) -> None:
    saying = dialogue.mouth.saying or dialogue.mouth.last
    if saying is not None and saying.kind == "reading" and saying.sentences:
        dialogue.beside(position(saying.at, saying.sentences))
    else:
        dialogue.submit(Utterance(intent.text, 1.0), replace(intent, name="ask"))


def time(dialogue: Dialogue, intent: Intent) -> None:
    """The clock, or the date for who asks for the day."""
    now = dialogue.world.now()
    if intent.argument:
        dialogue.beside(phrases.DATE.format(f"{now:%A}, {now.day} {now:%B %Y}"))
    else:
        dialogue.beside(phrases.TIME.format(f"{now:%H:%M}"))


def battery(dialogue: Dialogue, _: Intent) -> None:
    found = dialogue.world.battery()
    dialogue.beside(phrases.BATTERY.format(found[0], ", charging" if found[1] else "") if found else phrases.NO_BATTERY)


def help_(dialogue: Dialogue, _: Intent) -> None:
    dialogue.answer(*shortened(phrases.HELP, 100)[0])


def privacy(dialogue: Dialogue, _: Intent) -> None:
    dialogue.answer(*shortened(dialogue.privacy(), 100)[0])


def forget(dialogue: Dialogue, _: Intent) -> None:
    dialogue.forget()
    dialogue.answer(phrases.FORGOTTEN)


def camera_off(dialogue: Dialogue, _: Intent) -> None:
    dialogue.camera_on = False
    dialogue.lookout.forget()
    dialogue.world.camera.switch(False)
    dialogue.answer(phrases.CAMERA_NOW_OFF)


def camera_on(dialogue: Dialogue, _: Intent) -> None:
    dialogue.camera_on = True
    dialogue.world.camera.switch(True)
    dialogue.answer(phrases.CAMERA_NOW_ON)


def repair(dialogue: Dialogue, intent: Intent) -> None:
    """What was understood was wrong: forget that it was asked, and do what was meant."""
    given = dialogue.given_last
    if given and given.intent and dialogue.history and dialogue.history[-1][0] == given.intent.text:
        dialogue.history.pop()
    if not intent.text:
        no(dialogue, intent)
        return
    dialogue.submit(Utterance(intent.text, 1.0))


def yes(dialogue: Dialogue, _: Intent) -> None:
    asked, dialogue.asked_back = dialogue.asked_back, None
    if asked is not None:
        dialogue.obey(asked)
    else:
        dialogue.go_on()


def no(dialogue: Dialogue, _: Intent) -> None:
    asked, dialogue.asked_back = dialogue.asked_back, None
    dialogue.answer(phrases.ALL_RIGHT if asked is not None else phrases.NOT_UNDERSTOOD_NO)


def save(dialogue: Dialogue, _: Intent) -> None:
    seen = dialogue.lookout.seen
    if seen is None:
        dialogue.answer(phrases.NOTHING_TO_SAVE)
        return
    words = " ".join(dialogue.mouth.last.sentences) if dialogue.mouth.last else ""
    folder = dialogue.world.save(seen, words)
    dialogue.mouth.signal("done")
    dialogue.answer(phrases.SAVED.format(folder))


def guide(dialogue: Dialogue, _: Intent) -> None:
    if not dialogue.camera_on:
        dialogue.answer(phrases.CAMERA_IS_OFF)
        return
    dialogue.answer(phrases.ALL_RIGHT)
    asked = Intent("ask", "What does it say?")
    dialogue.pages.aim(Turn(None, True, utterance=Utterance(asked.text, 1.0), intent=asked), PAGE_SECONDS)


def document(dialogue: Dialogue, _: Intent) -> None:
    dialogue.pages.begin()


def finish(dialogue: Dialogue, _: Intent) -> None:
    dialogue.pages.stop()
    count = len(dialogue.pages.kept)
    dialogue.answer(
        phrases.PAGES_KEPT.format(f"{count} page{'' if count == 1 else 's'}") if count else phrases.NO_PAGES
    )


def again(dialogue: Dialogue, intent: Intent) -> None:
    """Look once more, and answer what was asked last."""
    given = dialogue.given_last
    if given is None or given.utterance is None:
        repeat(dialogue, intent)
        return
    dialogue.lookout.discard()
    dialogue.submit(given.utterance, given.intent)


ORDERS: dict[str, Callable[[Dialogue, Intent], None]] = {
    "stop": stop,
    "cancel": cancel,
    "pause": pause,
    "resume": resume,
    "repeat": repeat,
    "again": again,
    "more": more,
    "next": next_,
    "previous": previous,
    "slower": slower,
    "faster": faster,
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
