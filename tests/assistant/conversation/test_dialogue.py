"""The conversation in a simulated world: real engines and listener, counted time."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.conversation.simulation.simulator import TAKES
from assistant.conversation.turns import KEPT_SECONDS
from assistant.engines.opening import ProfileEngines
from assistant.engines.remote.client import Connection
from assistant.errors import EngineError
from assistant.picture.photo import Photo
from assistant.ports.events import Pressed, Released, Trouble
from assistant.sound.samples import HEARING_RATE, Sound, Utterance
from models.store import Store
from tests.assistant.conversation.scenes import Scene, covered, picture

SIGN, COVER, RECEIPT = "parking-sign.jpg", "book-cover.jpg", "parking-receipt.jpg"
PROHIBITED = "DOUBLE PARKING PROHIBITED"


def test_after_the_wake_word_a_question_is_answered_and_a_second_one_needs_none(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN))
    scene.user_says("What does the sign say?")
    assert scene.said() == ""  # nobody was called
    scene.wake()
    assert scene.signals() == ["listening"]
    scene.user_says("What does the sign say?", wait=False)
    ended = scene.world.time
    scene.until(lambda: scene.dialogue.mouth.saying is not None)
    assert scene.world.time - ended < 1.3
    assert "thinking" in scene.signals()
    scene.settle()
    assert PROHIBITED in scene.said()
    scene.user_says("Repeat that.")
    assert PROHIBITED in scene.said()
    scene.until(lambda: scene.state == "asleep", 10)
    scene.user_says("Repeat that.")
    assert scene.said() == ""


def test_work_ahead_of_the_end_makes_it_quicker_and_no_different(engines: ProfileEngines) -> None:
    waits, answers = [], []
    for ahead in (True, False):
        scene = Scene(engines, picture(SIGN), ahead=ahead, mode="always")
        scene.user_says("What does the sign say?", wait=False)
        waits.append(scene.until(lambda scene=scene: scene.dialogue.mouth.saying is not None))
        scene.settle()
        answers.append(scene.said())
    assert answers[0] == answers[1]
    assert waits[0] + 0.5 < waits[1]


def test_a_picture_is_read_once_for_all_questions_about_it(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(RECEIPT))
    assert "15.00" in scene.type("How much was paid?")
    assert "11:59 PM" in scene.type("When does it expire?")
    assert scene.engines.reads == 1
    scene.world.camera.shown = picture(SIGN)
    scene.world.run(4.0)
    assert PROHIBITED in scene.type("What does it say?")
    assert scene.engines.reads == 2


def test_no_model_sees_a_covered_camera(engines: ProfileEngines) -> None:
    scene = Scene(engines, covered())
    said = scene.type("What does it say?")
    assert said.startswith("I see only darkness. Uncover the camera or turn on a light.")
    scene.world.run(5.0)
    assert scene.engines.reads == 0


def test_the_users_voice_stops_what_is_said_within_300_ms_and_a_false_alarm_resumes(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(RECEIPT))
    scene.type("Read everything.", wait=False)
    scene.until(lambda: scene.audible)
    scene.world.run(1.0)
    sentence = scene.dialogue.mouth.saying.sentences[scene.dialogue.mouth.saying.at]
    voice = next(iter(engines.speaker.speak("Ah, oh dear.", 1.0)))
    onset = np.flatnonzero(np.abs(voice.samples) > 0.02)[0] / voice.rate
    scene.world.air.add(voice)
    assert scene.until(lambda: scene.dialogue.mouth.paused) - onset <= 0.3
    assert scene.until(lambda: not scene.dialogue.mouth.paused, 6.0) < 5.0
    assert scene.dialogue.mouth.saying.sentences[scene.dialogue.mouth.saying.at] == sentence
    scene.user_says("Stop.", wait=False)
    scene.until(lambda: scene.dialogue.mouth.saying is None, 3.0)
    assert scene.state == "attending"


def test_the_assistants_own_voice_never_interrupts_it(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(RECEIPT), mode="always")
    scene.type("Read everything.", wait=False)
    scene.until(lambda: scene.dialogue.mouth.saying is not None)
    scene.until(lambda: scene.dialogue.mouth.saying is None, 90)
    assert "hearing" not in [each.text for each in scene.noted]


def test_who_asks_what_is_kept_hears_of_another_machine_where_one_is_asked(
    engines: ProfileEngines, store: Store
) -> None:
    assert "Everything stays on this machine." in Scene(engines, picture(SIGN)).type("what do you store about me")
    there = Connection("http://gpu.lan:8000/v1", "sees")
    asking = ProfileEngines(store, steady=True, threads=1, elsewhere=there)
    told = Scene(asking, picture(SIGN)).type("what do you store about me")
    assert "I ask the machine gpu.lan in your own network: the picture" in told
    assert "Everything stays" not in told


def test_words_of_command_work_at_any_time(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN))
    assert scene.type("repeat") == "I have not said anything yet."
    assert "forget everything" in scene.type("help")
    assert scene.type("What does the sign say?").startswith("NOTICE DOUBLE")
    assert scene.type("spell that").startswith("N, O, T, I, C, E. D, O, U, B, L, E.")
    assert scene.type("what time is it").startswith("It is 12:0")
    assert scene.type("what day is it today") == "Today is Thursday, 1 January 2026."
    speed, volume = scene.dialogue.mouth.speed, scene.world.mixer.volume
    scene.type("faster")
    assert scene.dialogue.mouth.speed > speed
    scene.type("slower")
    assert scene.dialogue.mouth.speed == speed
    scene.type("quieter")
    assert scene.world.mixer.volume < volume
    assert scene.type("louder") == "All right."
    assert scene.world.mixer.volume == volume
    assert scene.type("louder") == "That is as loud as I am."
    assert "battery" in scene.type("how is the battery")
    assert "machine" in scene.type("what do you store about me")
    assert scene.type("camera off") == "The camera is off."
    assert not scene.world.camera.on
    assert scene.type("what does it say") == "The camera is off. To switch it on, say: camera on."
    assert scene.type("camera on") == "The camera is on."
    assert PROHIBITED in scene.type("what does it say")
    assert scene.type("save this").startswith("Saved in the folder")
    assert PROHIBITED in scene.world.saved[0]
    assert scene.type("forget everything") == "Everything is forgotten."
    assert scene.dialogue.lookout.seen is None
    assert scene.dialogue.memory.history == []
    assert scene.type("spell that") == "There is nothing to spell yet."


def test_a_reading_can_be_paused_and_stepped_through(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(RECEIPT))
    scene.type("read everything", wait=False)
    scene.until(lambda: scene.audible)
    reading = scene.dialogue.mouth.saying
    scene.type("next", wait=False)
    assert reading.at == 1
    scene.type("previous", wait=False)
    assert reading.at == 0
    scene.until(lambda: reading.at == 2, 30)
    scene.type("pause", wait=False)
    scene.world.run(20)
    assert scene.dialogue.mouth.paused
    assert reading.at == 2
    scene.engines.heard = Utterance("mumble mumble", 0.3)
    scene.user_says("Mumble mumble.", wait=False)
    scene.world.run(5)
    assert scene.dialogue.mouth.paused  # who said "pause" hears nothing more before saying so
    scene.engines.heard = None
    scene.type("where am I", wait=False)
    assert "Sentence 3 of" in " ".join(scene.dialogue.mouth.saying.sentences)
    scene.type("continue", wait=False)
    scene.until(lambda: reading.at == 3, 30)
    scene.type("stop", wait=False)
    assert scene.dialogue.mouth.saying is None
    scene.type("continue", wait=False)
    assert scene.dialogue.mouth.saying is reading
    assert reading.at >= 3


def test_answers_are_short_and_more_goes_on(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(RECEIPT))
    first = scene.type("What does it say?")
    assert first.endswith("There is more.")
    assert first.count(". ") <= 4
    assert scene.type("more") not in ("", first)


def test_what_was_heard_badly_is_repeated_first_and_can_be_put_right(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(RECEIPT), mode="always")
    scene.engines.heard = Utterance("How much was paid?", 0.45)
    scene.user_says("How much was paid?")
    assert scene.said().startswith("You asked: How much was paid? The amount paid is")
    scene.engines.heard = Utterance("No, I said when does it expire?", 0.9)
    scene.user_says("No, I said when does it expire?")
    assert "11:59 PM" in scene.said()
    assert [question for question, _ in scene.dialogue.memory.history] == ["when does it expire?"]


def test_what_was_heard_badly_is_said_as_soon_as_any_answer(engines: ProfileEngines) -> None:
    waits = []
    for confidence in (0.9, 0.45):
        scene = Scene(engines, picture(RECEIPT), {**TAKES, "hear": 0.05, "voice": 0.3}, mode="always")
        scene.engines.heard = Utterance("How much was paid?", confidence)
        scene.user_says("How much was paid?", wait=False)
        scene.until(lambda scene=scene: "thinking" in scene.signals())
        waits.append(scene.until(lambda scene=scene: scene.dialogue.mouth._numbers))
    assert waits[0] < 0.1  # it was made ahead
    assert waits[1] < 0.1


def test_what_cannot_be_undone_is_asked_back_when_heard_badly(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN), mode="always")
    scene.type("What does it say?")
    scene.engines.heard = Utterance("Forget everything.", 0.45)
    scene.user_says("Forget everything.")
    assert scene.said().startswith("Did you say: Forget everything? Say yes or no.")
    assert scene.dialogue.lookout.seen is not None
    assert scene.type("no") == "All right."
    assert scene.dialogue.lookout.seen is not None
    scene.user_says("Forget everything.")
    assert scene.type("yes").endswith("Everything is forgotten.")
    assert scene.dialogue.lookout.seen is None


def test_silence_and_noise_become_no_question(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN))
    scene.world.happen(Pressed(0.0))
    hiss = np.random.default_rng(2).standard_normal(3 * HEARING_RATE).astype(np.float32)
    scene.world.air.add(Sound(hiss * np.float32(0.05), HEARING_RATE))
    scene.until(lambda: scene.state == "asleep", 20)
    assert scene.said() == ""
    scene.world.happen(Pressed(scene.world.time))
    scene.world.run(0.2)
    scene.engines.heard = Utterance("", 0.0)
    scene.user_says("Mhm.")
    assert scene.said() == "I heard nothing. Please say it again, a little nearer."


def test_a_button_that_is_let_go_ends_the_question(engines: ProfileEngines) -> None:
    waits = []
    for release in (0.0, 0.15, 3.0):  # soon after the voice, in its pause, not at all
        scene = Scene(engines, picture(SIGN), mode="button")
        scene.user_says("What does the sign say?")
        assert scene.said() == ""
        scene.world.happen(Pressed(scene.world.time))
        scene.world.run(0.2)
        scene.user_says("What does the sign say?", wait=False)
        ended = scene.world.time
        if not scene.world.run(release, lambda scene=scene: scene.state == "thinking"):
            scene.world.happen(Released(scene.world.time))
        scene.until(lambda scene=scene: scene.state == "thinking" or scene.dialogue.mouth.saying is not None)
        waits.append(scene.world.time - ended)
        scene.settle()
        assert PROHIBITED in scene.said()
    assert waits[0] < waits[1] < waits[2] - 0.1


def test_lost_devices_are_said_and_healed(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN))
    scene.world.lose("camera", "The camera is gone. Plug it in again.")
    scene.settle()
    assert scene.said() == "The camera is gone. Plug it in again."
    assert scene.type("What does it say?") == "The camera is gone. Plug it in again."
    scene.world.regain("camera")
    scene.settle()
    assert scene.said() == "I can see again."
    scene.world.lose("loudspeaker", "The loudspeaker is gone.")
    scene.world.run(1.0)
    assert scene.said() == ""  # nobody could hear it
    scene.world.regain("loudspeaker")
    scene.settle()
    assert scene.said() == "You can hear me again."
    scene.type("Read everything.", wait=False)
    scene.until(lambda: scene.audible)
    scene.world.lose("microphone", "The microphone is gone. Plug it in again.")
    scene.settle()
    said = scene.said()
    assert "The microphone is gone." in said
    assert PROHIBITED in said


def test_a_microphone_that_goes_in_the_middle_of_a_question_leaves_no_question(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN), mode="always")
    scene.user_says("What does the", wait=False)
    scene.world.lose("microphone", "The microphone is gone. Plug it in again.")
    scene.settle()
    assert scene.said() == "The microphone is gone. Plug it in again."
    assert scene.state in ("asleep", "attending")


def test_a_notice_waits_until_the_user_has_spoken(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN), mode="always")
    for sound in engines.speaker.speak("What does the sign say?", 1.0):
        scene.world.air.add(sound)
    scene.until(lambda: scene.state == "hearing")
    scene.world.happen(Trouble(scene.world.time, "The pedal is gone."))
    scene.world.run(0.3)
    assert not scene.audible
    scene.settle()
    said = scene.said()
    assert "The pedal is gone." in said
    assert PROHIBITED in said


@pytest.mark.parametrize(
    ("engine", "fault", "spoken"),
    [
        ("recogniser", EngineError("x: y", "I cannot hear. Restart me."), "I cannot hear. Restart me."),
        ("recogniser", RuntimeError("odd"), "Something went wrong in me. Please ask again."),
        ("reader", MemoryError(), "There is too little memory. Close other programs, and ask again."),
    ],
)
def test_what_goes_wrong_is_said_and_the_next_question_is_answered(
    engines: ProfileEngines, engine: str, fault: Exception, spoken: str
) -> None:
    scene = Scene(engines, picture(SIGN), mode="always")
    scene.engines.faults[engine] = fault
    scene.user_says("What does the sign say?")
    assert scene.said() == spoken
    scene.engines.faults.clear()
    scene.user_says("What does the sign say?")
    assert PROHIBITED in scene.said()


def test_when_no_voice_speaks_a_signal_says_so(engines: ProfileEngines, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(engines, picture(SIGN))
    scene.engines.faults["speaker"] = EngineError("the voice is broken", "My voice failed.")
    monkeypatch.setenv("PATH", "")  # nor does espeak-ng
    scene.type("What does it say?", wait=False)
    scene.world.run(2.0)
    assert "error" in scene.signals()
    assert scene.state in ("asleep", "attending")


def test_the_other_voice_speaks_when_the_usual_one_fails(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN))
    scene.engines.faults["speaker"] = EngineError("the voice is broken", "My voice failed.")
    scene.type("What does it say?", wait=False)
    scene.until(lambda: scene.audible)
    scene.settle()
    assert PROHIBITED in scene.said()


def test_long_work_gives_signs_of_life_and_has_a_limit(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN), takes={"answer": 1000.0})
    scene.type("What does it say?", wait=False)
    assert 3.5 < scene.until(lambda: scene.dialogue.mouth.saying is not None) < 4.5
    assert scene.said() == "I am still working on it."
    assert scene.until(lambda: "took too long" in " ".join(each.text for each in scene.noted)) < 20
    scene.settle()
    assert scene.state == "attending"


def test_stop_ends_a_question_that_is_being_thought_about(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN), takes={"answer": 5.0})
    scene.type("What does it say?", wait=False)
    assert scene.type("stop") == ""
    scene.world.run(10.0)
    assert scene.said() == ""


def test_everything_is_forgotten_after_a_time_without_a_word(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN))
    scene.type("What does it say?")
    assert scene.dialogue.lookout.seen is not None
    scene.world.time += KEPT_SECONDS - 5.0  # listening to ten minutes of silence would take minutes
    scene.world.run(1.0)
    assert scene.dialogue.lookout.seen is not None
    scene.world.run(10.0)
    assert scene.dialogue.lookout.seen is None
    assert scene.dialogue.mouth.last is None


def part_of(name: str, box: tuple[float, float, float, float]) -> Photo:
    """What a camera sees that is held too far to one side: `box` in shares of the picture, at the size of a frame."""
    pixels = picture(name).pixels
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    cut = pixels[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
    return Photo(np.ascontiguousarray(cut))


def framed(name: str) -> Photo:
    """The whole thing on a table, with room around it."""
    pixels = picture(name).pixels
    height, width = pixels.shape[:2]
    table = np.full((round(1.6 * height), round(1.6 * width), 3), 120, np.uint8)
    table[round(0.3 * height) :, round(0.3 * width) :][:height, :width] = pixels
    return Photo(table)


def test_after_a_bad_picture_the_user_is_led_to_a_good_one_and_the_question_is_answered(
    engines: ProfileEngines,
) -> None:
    scene = Scene(engines, covered())
    assert "Uncover the camera" in scene.type("What does the sign say?")
    scene.world.camera.shown = framed(SIGN)
    scene.until(lambda: "capture" in scene.signals(), 15)
    scene.settle()
    assert PROHIBITED in scene.said()


def test_guide_me_speaks_directions_and_then_reads(engines: ProfileEngines) -> None:
    scene = Scene(engines, part_of(SIGN, (0.0, 0.0, 0.62, 1.0)))
    scene.type("guide me", wait=False)
    scene.until(lambda: any("Move" in each.text or "urther" in each.text for each in scene.noted), 20)
    scene.world.camera.shown = framed(SIGN)
    scene.until(lambda: "capture" in scene.signals(), 20)
    scene.settle()
    assert PROHIBITED in scene.said()


def test_a_document_is_read_page_by_page_and_kept(engines: ProfileEngines) -> None:
    scene = Scene(engines, framed(SIGN))
    assert "Show me the page." in scene.type("read a document", wait=False)
    scene.until(lambda: "Page 1." in [each.text for each in scene.noted], 20)
    scene.settle()
    assert PROHIBITED in scene.said()
    scene.world.run(6.0)
    assert scene.said() == ""  # the same page is not read again
    scene.world.camera.shown = framed(RECEIPT)
    scene.until(lambda: "Page 2." in [each.text for each in scene.noted], 20)
    assert "2 pages" in scene.type("that was the last page")
    scene.world.camera.shown = picture(COVER)
    scene.world.run(4.0)
    assert scene.type("How much was paid?").startswith("On page 2:")
    scene.type("forget everything")
    assert scene.dialogue.memory.pages == []


def test_two_pictures_are_compared(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN))
    assert scene.type("compare it with the last picture").startswith("I have only one picture.")
    scene.type("What does it say?")
    scene.world.camera.shown = picture(COVER)
    scene.world.run(4.0)
    said = scene.type("compare it with the last picture")
    assert said.startswith("This is another text.")


def test_look_again_asks_the_last_question_of_a_new_picture(engines: ProfileEngines) -> None:
    scene = Scene(engines, picture(SIGN))
    scene.type("What does it say?")
    reads = scene.engines.reads
    assert PROHIBITED in scene.type("look again")
    assert scene.engines.reads == reads + 1


def test_colour_and_light_need_no_text(engines: ProfileEngines) -> None:
    scene = Scene(engines, Photo(np.full((480, 640, 3), (205, 30, 35), np.uint8)))
    assert "red" in scene.type("What colour is this?").lower()
    assert scene.type("Is the light on?") != ""
