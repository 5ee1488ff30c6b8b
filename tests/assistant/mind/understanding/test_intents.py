"""Intents: commands in many words, questions that stay questions, and what no sentence about something else may set off."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import get_args

import pytest

from assistant.engines.opening import ProfileEngines
from assistant.mind.understanding.alike import difference, sounds
from assistant.mind.understanding.commands import DESTRUCTIVE
from assistant.mind.understanding.intents import IntentName, interpret
from assistant.mind.understanding.question import understand
from tests.paths import ROOT

SAMPLES = ROOT / "samples/utterances"
CAREFUL = {*DESTRUCTIVE, "save"}


def samples(name: str) -> list[tuple[str, str]]:
    lines = (SAMPLES / f"{name}.tsv").read_text("utf-8").splitlines()
    return [(wanted, text) for wanted, _, text in (line.partition("\t") for line in lines)]


@pytest.mark.parametrize("name", ["tuning", "held-out"])
def test_the_written_utterances_are_understood(name: str) -> None:
    rows = samples(name)
    wrong = [(wanted, interpret(text).name, text) for wanted, text in rows if interpret(text).name != wanted]
    assert len(wrong) <= 0.03 * len(rows), wrong
    assert not [row for row in wrong if row[1] in CAREFUL]


def test_every_intent_has_its_utterances_and_no_utterance_is_in_both_files() -> None:
    tuning, held_out = samples("tuning"), samples("held-out")
    for name in get_args(IntentName):
        assert sum(wanted == name for wanted, _ in tuning) >= 10
        assert sum(wanted == name for wanted, _ in held_out) >= 4
    assert not {text for _, text in tuning} & {text for _, text in held_out}


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("Stop!", "stop", ""),
        ("OK, now boo. Stop.", "stop", ""),
        ("Stop. Thank you.", "stop", ""),
        ("Would you be quiet, please?", "stop", ""),
        ("Stuff.", "stop", ""),
        ("What is at the bus stop?", "ask", ""),
        ("Wait, somebody is at the door.", "pause", ""),
        ("Boss.", "pause", ""),
        ("Council.", "cancel", ""),
        ("No, stop.", "stop", ""),
        ("No. Go back.", "previous", ""),
        ("Again.", "repeat", ""),
        ("Try again.", "again", ""),
        ("What did you say?", "repeat", ""),
        ("What does it say?", "ask", ""),
        ("Read it.", "read", ""),
        ("Read the third line.", "ask", ""),
        ("What time is it?", "time", ""),
        ("What's the date today?", "time", "date"),
        ("What time does the shop open?", "ask", ""),
        ("What date is on the receipt?", "ask", ""),
        ("What is the name?", "ask", ""),
        ("Where am I?", "where", ""),
        ("Please tell me where I am right now. What's the name of this street?", "ask", ""),
        ("Can you help me? What is this?", "ask", ""),
        ("Spell that.", "spell", ""),
        ("Please spell the name.", "spell", "the name"),
        ("Read the phone number digit by digit.", "digits", "the phone number"),
        ("Number by number.", "digits", ""),
        ("Much louder, please.", "louder", "2"),
        ("A bit louder.", "louder", ""),
        ("What colour is this?", "colour", ""),
        ("What colour is the car in the picture?", "ask", ""),
        ("What color is my bag?", "ask", ""),
        ("Is the light on?", "light", ""),
        ("Is the kettle light on?", "ask", ""),
        ("Which is cheaper, this or the last one?", "compare", ""),
        ("Which of these two is cheaper?", "ask", ""),
        ("That was the last page.", "finish", ""),
        ("Thanks for watching!", "nothing", ""),
        ("♪", "nothing", ""),
        ("", "nothing", ""),
        ("Okay.", "yes", ""),
        ("No, thanks a lot.", "no", ""),
        ("I said stop.", "stop", ""),
    ],
)
def test_hard_cases(text: str, name: str, argument: str) -> None:
    intent = interpret(text)
    assert (intent.name, intent.argument) == (name, argument)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("No, I said the price.", "the price."),
        ("I meant the phone number", "the phone number"),
        ("That's not what I said, I said describe it", "describe it"),
        ("I didn't say price, I said brand", "brand"),
        ("No, I said, what colour is my shirt?", "what colour is my shirt?"),
    ],
)
def test_a_repair_gives_the_words_that_were_meant(text: str, meant: str) -> None:
    intent = interpret(text)
    assert (intent.name, intent.text) == ("repair", meant)


@pytest.mark.parametrize(
    "text",
    [
        "Don't forget everything.", "Please don't turn off the camera.", "Don't forget the milk.", "Forget it.", "Forget that.",
        "Can I forget about the oven?", "Can I delete everything?", "Should I delete everything?", "Did you forget everything?",
        "I want to forget everything about today.", "How do I delete everything on this phone?", "Does it say delete all?",
        "The screen says erase everything. What do I press?", "Delete everything?", "No. Delete everything.", "Race everything.",
        "It says: forget everything.", "Delete oil.", "Read everything.", "What happens if I delete all my pictures?",
        "Is the camera off?", "Camera off?", "Which button turns the camera off?", "How do I turn off the camera on my phone?",
        "Delete the picture.", "Delete this picture.", "Clear the table.",
        "Turn off the light.", "Shed off the camera.", "Is this camera off the shelf?", "The camera of my friend.",
        "How much do I save?", "Should I save this receipt?", "Is there a save button?", "This picture.", "Does it say save this?",
    ],
)  # fmt: skip
def test_near_misses_set_nothing_off(text: str) -> None:
    assert interpret(text).name not in CAREFUL


@pytest.mark.parametrize(
    "text", ["Forget everything.", "Okay, nabu. Could you delete everything, please?", "Wipe your memory now."]
)
def test_forget_is_done_when_it_is_said(text: str) -> None:
    assert interpret(text).name == "forget"


@pytest.mark.parametrize("text", ["Camera off.", "Could you turn off the camera?", "Turn of the camera.", "Camera of."])
def test_the_camera_is_switched_off_also_when_off_is_written_as_of(text: str) -> None:
    assert interpret(text).name == "camera_off"


@pytest.mark.parametrize("text", ["Camera of.", "Come along.", "Cover on.", "Come on."])
def test_the_camera_is_never_switched_on_by_what_sounds_like_it(text: str) -> None:
    assert interpret(text).name != "camera_on"


def test_a_question_keeps_its_own_words_for_whoever_answers_it() -> None:
    asked = "Okay Nabu, could you please tell me what the total is on this bill? Thank you."
    intent = interpret(asked)
    assert (intent.name, intent.text) == ("ask", "tell me what the total is on this bill?")
    assert understand(intent.text).kind == understand(asked).kind == "total"
    assert interpret("What do you see on the table?").text == "What do you see on the table?"


def test_courtesy_does_not_change_what_a_question_asks_for() -> None:
    for wanted, text in samples("tuning"):
        if wanted == "ask":
            assert understand(interpret(text).text).kind == understand(text).kind, text


def test_any_string_is_taken_in_no_time() -> None:
    chance = random.Random(0)
    signs = "aeinost .,?!'’\"()[]*♪-—0139éßЖ漢🙂\u200b\u202e\ud800\x00\n\t"
    words = [word for _, text in samples("tuning")[:300] for word in text.split()]
    odd = [
        *("".join(chance.choices(signs, k=chance.randrange(120))) for _ in range(500)),
        *(" ".join(chance.choices(words, k=chance.randrange(1, 25))) for _ in range(500)),
        *(sign * 10_000 for sign in ("a", "stop ", "no, ", "[", "(", "*", "i said ", "\u0301", "ﷺ", "?", " ")),
    ]
    started = time.process_time()  # the processor's, so that a busy machine is no failure
    for text in odd:
        assert interpret(text).name in get_args(IntentName)
    assert time.process_time() - started < 60


def test_none_of_the_real_questions_sets_anything_off(shared: Path) -> None:
    lines = (shared / "data/blind_user_questions/questions.txt").read_text("utf-8").splitlines()
    others = {line: interpret(line).name for line in lines if interpret(line).name != "ask"}
    assert others == {"Can you read this?": "read", "Could you please read this?": "read"}


def test_what_sounds_alike_differs_little() -> None:
    assert difference(sounds("boss"), sounds("pause")) < 0.2 < difference(sounds("boss"), sounds("louder"))
    assert difference(sounds("council"), sounds("cancel")) == 0
    assert difference("", "") == 0
    assert difference("", sounds("stop")) == 1


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Forget everything.", "forget"),
        ("Turn off the camera.", "camera_off"),
        ("Stop talking.", "stop"),
        ("Say that again, please.", "repeat"),
        ("What is the total on this receipt?", "ask"),
        ("How much battery is left?", "battery"),
    ],
)
def test_spoken_by_the_voice_and_heard_by_the_recogniser(remembering: ProfileEngines, said: str, name: str) -> None:
    (sound,) = remembering.speaker.speak(said, 1.0)
    assert interpret(remembering.recogniser.transcribe(sound).text).name == name
