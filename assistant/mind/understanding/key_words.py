"""Looser ways to know a command: by key words in any order, and by phrases that sound like what was heard.

The exact words stand in `commands.py`; when each way is tried is known to `intents.py`. Neither way leads to a destructive intent.
"""

from __future__ import annotations

from assistant.mind.understanding.alike import sounds
from assistant.mind.understanding.commands import TEMPLATES, IntentName
from assistant.mind.understanding.templates import words_of

KEY_WORDS: dict[IntentName, str] = {
    # One of these groups has to be said, and nothing but words of the intent's own templates and `COMMON` words beside it.
    "stop": "stop, quiet, silence, enough, shut up",
    "cancel": "cancel, never mind, nevermind, changed mind, scrap",
    "pause": "pause, wait, hold on, hang on",
    "resume": "continue, carry on, resume, keep going, keep reading, left off",
    "repeat": "repeat, say again, pardon, catch not, hear not",
    "more": "tell more, details, more details, more detail, more information, more about, hear rest, what else",
    "next": "next, skip",
    "previous": "previous, go back, one back, rewind, sentence before, line before, paragraph before, page before",
    "again": "try again, look again, check again, another look, another try, another go, more try, more look",
    "slower": "slower, slow down, slowly, too fast",
    "faster": "faster, speed up, quickly, quicker, too slow",
    "louder": "louder, speak up, volume up, volume higher, turn up, loudly, too quiet",
    "quieter": "quieter, softer, volume down, volume lower, turn down, quietly, softly, too loud",
    "digits": "digit, digits, one by one, one at time",
    "headings": "headings, headlines",
    "read": "read everything, read all, read whole, read aloud, read loud, from beginning, from start, from top",
    "save": "save, note of, write down, note down",
    "document": (
        "several pages, few pages, two pages, three pages, more than one page, new document, scan document, long letter"
    ),
    "finish": "finished, done, last page, no more pages, end of letter, end of document, the end",
    "guide": (
        "guide me, aim, point camera, hold camera, move camera, way camera, take picture, take photo, in frame, in view"
    ),
    "where": "where we, pages left, how left, far we, page we on, much longer, line we on, far through",
    "battery": (
        "battery left, battery you, battery your, battery level, battery charge, battery the, battery much, "
        "battery check, charge you, fully charged, charging you"
    ),
    "help": "can you do what, commands, help me, use you, can say what, can ask what",
    "privacy": (
        "you listening, you recording, my pictures stored, my voice, my data, you internet, private this, private "
        "it, you online"
    ),
    "compare": (
        "compare, same they, same these, same as, changed, different than, different from, last one, difference "
        "before, different now"
    ),
    "colour": "colour, color, colours, colors",
    "light": (
        "light on, light off, lights on, lights off, lamp on, lamps off, dark it, bright it, dark in, dark room, "
        "light in"
    ),
}
ASKED: frozenset[IntentName] = frozenset(
    {"where", "battery", "help", "privacy", "compare", "colour", "light", "guide", "more", "headings"}
)
"""What may be put as a question; the others are no command when they are."""
COMMON = frozenset(
    """
    a all already am an and anything are as at away be been before bit but by can could did do does else first for
    from get give go got had has have here i if immediately in is it its just know let like little lot make me my
    near need next no not now of oh on one or other our out over own part please quite reading really right said say
    see should so some something still tell that the them then there these they thing this those tiny to today too
    up us very want was we were what which who will with would yes yet you your
    """.split()
)
PHRASES: dict[IntentName, str] = {
    # What people say most, to be compared by sound. To save or to open the camera is meant for sure or not done.
    "stop": (
        "stop, stop it, stop talking, stop reading, stop now, shut up, quiet, be quiet, enough, that is enough, "
        "silence, stop please, i have heard enough, oh shut up, enough already, stop speaking, no more"
    ),
    "cancel": (
        "cancel, cancel that, cancel it, never mind, forget it, scrap that, abort, oh never mind, i changed my "
        "mind, call it off"
    ),
    "pause": (
        "pause, hold on, hang on, wait a moment, wait a minute, one moment, give me a minute, pause the reading, "
        "pause there, pause for a bit, pause that, just a minute, wait a second, hold on a moment"
    ),
    "resume": (
        "continue, go on, carry on, resume, keep going, go on reading, continue reading, resume reading, keep "
        "reading, carry on reading, carry on then, continue please, proceed"
    ),
    "repeat": (
        "repeat, repeat that, say that again, say it again, what did you say, pardon me, once more, could you "
        "repeat that, repeat what you said, i did not catch that, i did not hear you, one more time, repeat the "
        "answer"
    ),
    "more": (
        "tell me more, more details, more please, what else, say more, tell me the rest, tell me more about it, "
        "is there more, what else is there, give me more, expand on that"
    ),
    "next": (
        "next, next sentence, next line, next page, next paragraph, skip this, skip ahead, forward, move on, skip "
        "to the next paragraph, go to the next page, read the next line"
    ),
    "previous": (
        "previous, go back, previous sentence, previous line, previous page, rewind, back one sentence, the line "
        "before, step back, back up, go back a line, previous paragraph"
    ),
    "again": (
        "try again, look again, check again, have another look, take another look, try once more, give it another "
        "try, have another go, try it again, let us try again"
    ),
    "slower": (
        "slower, slower please, slow down, speak slower, speak more slowly, too fast, talk slower, read slower, a "
        "bit slower, not so fast, slow it down, reduce the speed"
    ),
    "faster": (
        "faster, faster please, speed up, speak faster, read faster, talk faster, too slow, quicker, a bit "
        "faster, not so slow, hurry up, increase the speed"
    ),
    "louder": (
        "louder, louder please, speak up, turn it up, turn up the volume, volume up, i can not hear you, too "
        "quiet, up the volume, a bit louder, speak louder, turn the volume up"
    ),
    "quieter": (
        "quieter, quieter please, turn it down, turn down the volume, volume down, lower the volume, less volume, "
        "too loud, softer, a bit quieter, not so loud, turn the volume down, that is too loud"
    ),
    "spell": (
        "spell it, spell that, spell it out, how is that spelled, how do you spell that, letter by letter, say it "
        "letter by letter, spell the name, spell that word, spell it slowly"
    ),
    "digits": (
        "digit by digit, number by number, one by one, one at a time, read it digit by digit, say the digits one "
        "by one, give me the numbers one by one, say each number separately, one digit at a time, digits please"
    ),
    "read": (
        "read it, read everything, read this to me, read it to me, read the whole page, read from the beginning, "
        "read the text, read the whole letter to me, read it all, read all of it, start reading, read it out loud"
    ),
    "headings": (
        "headings, read the headings, just the headings, only the headings, headings only, the headlines, list "
        "the headings, which headings are there, give me the headlines, what are the headings, only the titles"
    ),
    "where": (
        "where are we, where am i, how much is left, how far are we, which page are we on, what line are we on, "
        "how many pages are left, where are we now, how much more is there, are we nearly done, how far along are "
        "we, where was i"
    ),
    "time": (
        "what time is it, what is the time, what day is it today, tell me the time, what is the date today, what "
        "time is it now, what is todays date, what day of the week is it, do you have the time"
    ),
    "battery": (
        "battery, battery level, battery status, how much battery is left, how much battery do you have left, is "
        "the battery low, how long will the battery last, how charged are you, is your battery full, what is your "
        "battery percentage, battery please"
    ),
    "help": (
        "help me, what can you do, what can i say, what can i ask, list the commands, which commands are there, i "
        "need help, what words can i use, help please, what are my options, tell me what you can do"
    ),
    "privacy": (
        "privacy, what do you store, who hears this, are you recording, is my data safe, who can hear me, do you "
        "save my pictures, is this private, is anyone listening, does anybody else see this, who else can hear "
        "this, is this being recorded, tell me about privacy"
    ),
    "yes": "exactly, certainly, absolutely, definitely",
    "no": "not really, not at all, absolutely not, incorrect, no thank you, that is wrong, that is not right",
    "document": (
        "start a document, scan a document, read a document, new document, several pages, start scanning, i have "
        "several pages, i have a document with several pages, this letter has three pages, i would like to scan a "
        "document, document mode"
    ),
    "finish": (
        "that was the last page, that is the last page, last page, end of document, i am done, finished, all "
        "done, no more pages, that is all, that is it, that is everything, that is the end"
    ),
    "guide": (
        "guide me, help me aim, take a picture, take a photo, take another picture, help me take a picture, help "
        "me hold the camera, how do i hold the camera, help me point the camera, guide me please"
    ),
    "compare": (
        "compare, compare the two, compare them, is it the same as before, what changed, did anything change, "
        "compare with the last one, compare this to the previous picture, which is cheaper this or the last one, "
        "has anything changed since the last picture, has anything changed"
    ),
    "colour": "colour please, what shade is it, the colour of this, colour",
    "light": (
        "is the light on, are the lights on, is it dark, is it dark in here, is it bright in here, is the lamp "
        "on, is it dark outside, is there any light in here, is it light in here, is it day or night, did i leave "
        "the light on, are any lights on, is the light off"
    ),
}

VOCABULARY = tuple(
    (name, tuple(frozenset(group.split()) for group in row.split(", ")), COMMON | words_of(TEMPLATES[name]))
    for name, row in KEY_WORDS.items()
)
"""Intent, what has to be said for it, and what else may be."""
SOUNDS = tuple((name, sounds(phrase)) for name, row in PHRASES.items() for phrase in row.split(", "))
"""Intent, and a phrase as `alike.sounds`."""
