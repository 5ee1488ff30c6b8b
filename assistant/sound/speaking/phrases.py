"""The sentences of answers and orders; what is said of a bad picture stands in `picture/gate.py`, of an error in `errors.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence

SENTENCES: dict[str, str] = {
    "total": "The total is {}.",
    "tax": "The tax is {}.",
    "change": "The change is {}.",
    "paid": "The amount paid is {}.",
    "cost": "The price is {}.",
    "date": "The date is {}.",
    "time": "The time is {}.",
    "expiry": "It expires: {}.",
    "phone": "The phone number is {}.",
    "email": "The e-mail address is {}.",
    "website": "The web address is {}.",
    "items": "The number of items is {}.",
    "cashier": "The cashier is {}.",
    "company": "It is from {}.",
    "title": "The title is {}.",
    "subtitle": "The subtitle is {}.",
    "author": "The author is {}.",
    "publisher": "The publisher is {}.",
    "edition": "It is the {}.",
    "brand": "The brand is {}.",
    "heading": "The heading is {}.",
    "direction": "The arrow points {}.",
    "ingredient": "The first ingredient is {}.",
    "product": "It says {}.",
}
"""A frame for each kind of answer; kinds without one are answered with the printed words alone."""

WHAT: dict[str, str] = {
    "total": "a total", "tax": "a tax", "change": "any change", "paid": "an amount paid", "cost": "a price",
    "date": "a date", "time": "a time", "expiry": "an expiry date", "phone": "a phone number",
    "email": "an e-mail address", "website": "a web address", "items": "a number of items", "cashier": "a cashier",
    "company": "a name of the business", "city": "a city", "title": "a title", "subtitle": "a subtitle",
    "author": "an author's name", "publisher": "a publisher", "edition": "an edition", "brand": "a brand name",
    "heading": "a heading", "direction": "an arrow", "ingredient": "a list of ingredients", "series": "a series",
    "percentage": "a percentage", "count": "that number", "amount": "that amount", "duration": "a length of time",
    "barcode": "a barcode",
}  # fmt: skip

NO_TEXT = "I see no text in this picture. Move nearer, or point the camera at the writing."
OTHER_SCRIPT = "The writing is in {} letters, which I cannot say yet."
ALSO_OTHER_SCRIPT = "There is also writing in {} letters."
NEEDS_EYES = (
    "I can only read text with this setup. A caregiver can add a picture model with: assistant setup --profile small."
)
LOOK_ALIKE = "I may have taken a letter for a digit in: {}."
MEDICINE_END = "Check with a pharmacist."
NOT_HEARD_WELL = "You asked: {}"


NOT_SAID: dict[str, str] = {
    "safety": "I cannot judge distance, traffic, or whether it is safe. Please ask a person.",
    "person": "I do not say who people are, how old they are or whether they look good.",
}
"""Questions that no engine is asked."""
AS_SEEN = "As far as I can see: {}"
CANNOT_TELL = "I cannot tell from this picture."
ONLY_READ = "So I only read."
"""After a sentence on what is wrong with the picture model of another machine."""
BROKE_OFF = "There the other machine broke off."
DISAGREE = "The picture model says {said}, but I read {read}{where}. Please check."
MEDICINE_IS_READ = "This looks like medicine, so I only read what is printed."


def plain(text: str) -> str:
    """Printed words without the marks at their ends that would break a sentence."""
    said = text.replace("_", " ").strip(" .,;:|-")
    below_zero = re.search(r"(?:^|\s)[-−]\Z", text[: text.find(said)]) and said[:1].isdigit()
    return " ".join((f"-{said}" if below_zero else said).split())


def sentence(kind: str, said: str) -> str:
    """One sentence that gives `said` as the answer to a question of `kind`."""
    said = plain(said)
    frame = SENTENCES.get(kind)
    if frame:
        return frame.format(said)
    return said if said.endswith(("?", "!")) else f"{said}."


def reading(blocks: Sequence[str]) -> str:
    """A whole page: each block is a sentence, so that the voice pauses between them."""
    return " ".join(
        text if text.rstrip().endswith((".", "?", "!", ":")) else f"{plain(text)}." for text in blocks if plain(text)
    )


def not_read(places: Sequence[float]) -> str:
    """That lines were found but not read; `places`: how far down each stands, from 0 at the top to 1. Empty for none."""
    if not places:
        return ""
    parts = ("at the top", "in the middle", "at the bottom")
    where = " and ".join(dict.fromkeys(parts[min(2, int(3 * place))] for place in sorted(places)))
    return f"{'One line' if len(places) == 1 else f'{len(places)} lines'} {where} I could not read."


def could_read(words: str, most: int = 12) -> str:
    """What can be offered when the answer was not found."""
    parts = words.split()
    short = " ".join(parts[:most])
    return f"I can read: {plain(short)}{', and more' if len(parts) > most else ''}."


def not_found(kind: str, words: str) -> str:
    """Abstention, with what there is to read."""
    what = WHAT.get(kind)
    first = f"I cannot find {what} here." if what else "I cannot find the answer in the text."
    return f"{first} {could_read(words)}"


SENTIMENT = "The text sounds {}."
SENTIMENT_UNSURE = "I am not sure of the mood of this text; it may be {}."


READY = "Ready."
GONE_WRONG = "Something went wrong in me. Please ask again."
NO_MEMORY = "There is too little memory. Close other programs, and ask again."
HEARD_NOTHING = "I heard nothing. Please say it again, a little nearer."
STILL_WORKING = "I am still working on it."
TOOK_TOO_LONG = "That took too long, so I stopped. Please ask again."
NO_PICTURE = "I get no picture from the camera. Check that it is connected."
NO_PICTURE_YET = "There is no picture yet. Take or choose one, and ask again."
SHOW_ANOTHER = "Show me another picture, and ask again."
NOT_SAVED_FROM_HERE = "From here I cannot save. Copy the answer, or ask on the device itself."
CAMERA_IS_OFF = "The camera is off. To switch it on, say: camera on."
CAMERA_NOW_OFF = "The camera is off."
CAMERA_NOW_ON = "The camera is on."
FORGOTTEN = "Everything is forgotten."
NOTHING_SAID_YET = "I have not said anything yet."
NO_MORE = "There is no more."
THERE_IS_MORE = "There is more."
AT_THE_END = "That was the end."
AT_THE_START = "That is the beginning."
NOTHING_TO_SPELL = "There is nothing to spell yet."
NO_NUMBERS = "There are no numbers in it."
NO_HEADINGS = "I find no headings here."
NOTHING_TO_COMPARE = "I have only one picture. Show me another one, and ask again."
DID_YOU_SAY = "Did you say: {}? Say yes or no."
ALL_RIGHT = "All right."
NOT_UNDERSTOOD_NO = "All right. What did you say?"
FASTEST_ALREADY = "That is as fast as I speak."
SLOWEST_ALREADY = "That is as slowly as I speak."
LOUDEST_ALREADY = "That is as loud as I am."
QUIETEST_ALREADY = "That is as quiet as I am."
SAVED = "Saved in the folder {}."
NOTHING_TO_SAVE = "There is nothing to save yet."
NO_BATTERY = "I find no battery in this machine."
TIME = "It is {}."
DATE = "Today is {}."
BATTERY = "The battery is at {} percent{}."
SHOW_THE_PAGE = "Show me the page."
NEXT_PAGE = "Show me the next page."
PAGE = "Page {}."
ON_PAGE = "On page {}:"
PAGES_KEPT = "I have {} in memory. Ask about them, or say: forget everything."
NO_PAGES = "I have read no page yet."
BACK = {
    "microphone": "I can hear you again.",
    "loudspeaker": "You can hear me again.",
    "camera": "I can see again.",
}
"""Said when a lost device works again."""
HELP = (
    "Ask what you want to know about what is in front of the camera, for example: what does it say, or: when does it expire. "
    "Say stop, repeat, more, slower, faster, spell that, or next, at any time. "
    "Say: read everything, guide me, read a document, compare with the last picture, or camera off. "
    "Say forget everything, and I keep nothing. I am no mobility aid, and I can be wrong: ask a person where it matters."
)
PRIVACY = (
    "Everything stays on this machine. Pictures and sound are only in its memory, and nothing is written down unless you say: save this. "
    "Say forget everything, and it is gone."
)
PRIVACY_ELSEWHERE = (
    "What I cannot answer alone I ask the machine {} in your own network: the picture, what is read in it, and your question go there. "
    "Your voice stays here, and nothing is written down here unless you say: save this. Say forget everything, and I keep nothing."
)
PRIVACY_FROM_AFAR = (
    "What you show and ask goes to the machine that answers, over your own network. It is only in that machine's memory. "
    "Say forget everything, and it is gone."
)

# Colours and light (colours.py).
COLOUR = "It is {}."
TWO_COLOURS = "It is mostly {}, some {}."
DIM_LIGHT = "The light is dim, so this may be wrong."
COLOURED_LIGHT = "Everything here has a tint, so this may be wrong."
LIGHT = {"bright": "It is bright", "dim": "It is dim", "dark": "It is dark"}
BRIGHTEST = {
    "left": "brightest on the left", "right": "brightest on the right",
    "top": "brightest at the top", "bottom": "brightest at the bottom",
}  # fmt: skip
