"""The words of answers and of orders, the same by ear (`turns.py`, `orders.py`) and over the web (`exchange.py`).

Pure: what is said is decided here, who says it and what else happens is known to these. An empty list means that there is nothing
to say it of.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from assistant.mind.answering.reading_aloud import printed_words, shortened, spelled
from assistant.mind.answering.replies import whole
from assistant.mind.answering.thinking import ground
from assistant.mind.finding.grounding import Answer
from assistant.mind.understanding.intents import Intent
from assistant.mind.understanding.question import understand
from assistant.picture.looking import Seen
from assistant.settings.preferences import FASTEST, SLOWEST
from assistant.sound.speaking import phrases

SPEED_STEP = 0.25
NO_END = 10_000
"""Sentences; more than any page has."""

Kind = Literal["answer", "reading"]


def kind_of(intent: Intent) -> Kind:
    """A reading can be stepped through sentence by sentence."""
    return "reading" if intent.name in ("read", "headings") else "answer"


def worded(part: Answer, intent: Intent, seen: Seen, sentences: int) -> tuple[list[str], list[str]]:
    """The sentences of a part of an answer that are said at once, and those that are held back for "more"."""
    first, rest = shortened(part.text, NO_END if whole(intent, seen) else sentences)
    return first, [*rest, *part.rest]


def doubt(intent: Intent, confidence: float, confirm_below: float) -> list[str]:
    """What was understood, which is said before the answer if it is doubtful."""
    return [phrases.NOT_HEARD_WELL.format(f"{intent.text.rstrip('.?! ')}?")] if confidence < confirm_below else []


def did_you_say(intent: Intent) -> str:
    """Asked before what cannot be undone."""
    return phrases.DID_YOU_SAY.format(intent.text.rstrip(".!?"))


def spelling(intent: Intent, seen: Seen | None, that: str) -> list[str]:
    """A word, "the title" of what is seen, or `that`, letter by letter."""
    return spelled(_named(intent.argument, seen) if intent.argument else that)


def _named(argument: str, seen: Seen | None) -> str:
    """What is to be spelled: a word as it was said, or "the title", which stands in the picture."""
    if not argument.startswith("the ") or seen is None or seen.page is None or not seen.page.lines:
        return argument
    given = ground(understand(f"What is {argument}?"), seen.page, seen.quality)
    return "" if given.abstained else printed_words(given)


def sentence_at(sentences: Sequence[str], at: int) -> str:
    """What is meant by "that" in a reading: the sentence that is heard."""
    return sentences[min(at, len(sentences) - 1)] if sentences else ""


def time(intent: Intent, now: datetime) -> str:
    """The clock, or the date for who asks for the day."""
    return (
        phrases.DATE.format(f"{now:%A}, {now.day} {now:%B %Y}")
        if intent.argument
        else phrases.TIME.format(f"{now:%H:%M}")
    )


def battery(found: tuple[int, bool] | None) -> str:
    """Percent and whether it is being charged; None without a battery."""
    return phrases.BATTERY.format(found[0], ", charging" if found[1] else "") if found else phrases.NO_BATTERY


def help_() -> list[str]:
    """What one can say."""
    return shortened(phrases.HELP, NO_END)[0]


def privacy(asks: str, here: str = phrases.PRIVACY) -> list[str]:
    """What becomes of what is said, seen and read. `asks`: the other machine that is asked; `here`: what is said where none is."""
    return shortened(phrases.PRIVACY_ELSEWHERE.format(asks) if asks else here, NO_END)[0]


def pages_kept(count: int) -> str:
    """At the end of a document."""
    return phrases.PAGES_KEPT.format(f"{count} page{'' if count == 1 else 's'}") if count else phrases.NO_PAGES


def steps(intent: Intent) -> int:
    """Two of them for "much faster"."""
    return int(intent.argument) if intent.argument.isdigit() else 1


def new_speed(speed: float, intent: Intent) -> float:
    """Of the voice, after "slower" or "faster"; `speed` itself at an end of what there is."""
    by = steps(intent) * (SPEED_STEP if intent.name == "faster" else -SPEED_STEP)
    return min(max(speed + by, SLOWEST), FASTEST)


def at_an_end(intent: Intent) -> str:
    """Said where the voice can go no further."""
    return phrases.FASTEST_ALREADY if intent.name == "faster" else phrases.SLOWEST_ALREADY
