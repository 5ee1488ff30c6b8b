"""Answers: from what was read and from nothing else, or an abstention that says what could be read."""

from __future__ import annotations

import pytest

from assistant.mind.finding.grounding import Answer, answer
from assistant.mind.understanding.question import understand
from assistant.picture.page import Page
from assistant.sound.speaking.phrases import MEDICINE_END
from tests.assistant.picture.pages import COVER, RECEIPT, line, page, stacked


def ask(text: str, read: Page) -> Answer:
    return answer(understand(text), read)


def test_an_answer_is_a_sentence_with_its_evidence() -> None:
    given = ask("What is the total?", RECEIPT)
    assert (given.text, given.abstained, given.reason) == ("The total is 10.40.", False, "")
    assert "10.40" in [each.text for each in given.evidence]


def test_an_empty_page_is_said_to_be_empty() -> None:
    given = ask("What does it say?", page())
    assert given.abstained
    assert given.text.startswith("I see no text")


def test_what_is_not_there_is_not_answered_but_what_could_be_read_is_said() -> None:
    given = ask("What is the phone number?", COVER)
    assert given.abstained
    assert given.text == "I cannot find a phone number here. I can read: THE PICTURE OF DORIAN GRAY OSCAR WILDE."


def test_looks_need_eyes() -> None:
    assert ask("What colour is it?", COVER).reason == "needs a vision model"


def test_yes_needs_the_words_and_their_absence_is_no_no() -> None:
    label = stacked("Ingredients: sugar, whey derivatives (Milk),", "palm oil, salt")
    assert ask("Does this contain milk?", label).text.startswith("Yes. It says:")
    missing = ask("Does this contain peanuts?", label)
    assert missing.abstained
    assert "may have missed" in missing.text
    assert " no" not in missing.text.lower().split(".")[0].replace(" not", "")


def test_free_of_something_is_not_said_to_contain_it() -> None:
    assert ask("Does this contain gluten?", stacked("OAT BISCUITS", "contains no gluten")).text.startswith("It says:")


def test_reading_goes_through_the_page_in_order_and_scraps_are_left_out() -> None:
    read = page(
        line("Shopping List", 100, 50, 90), line("Bread", 100, 250), line("Eggs", 100, 288), line("|", 900, 1300)
    )
    assert ask("Read it to me.", read).text == "Shopping List. Bread Eggs."


def test_only_latin_print_is_said_and_other_letters_are_announced() -> None:
    read = stacked("小心地滑", "Carefully slide", height=60)
    assert ask("What does the sign say in English?", read).text == "Carefully slide."
    assert ask("What does the sign say?", read).text == "Carefully slide. There is also writing in Chinese letters."


def test_a_page_in_other_letters_is_not_pretended_to_be_read() -> None:
    for text, name in (
        ("小心地滑请注意安全", "Chinese"),
        ("Осторожно скользко", "Cyrillic"),
        ("注意してください", "Japanese"),
    ):
        given = ask("What does the sign say?", stacked(text))
        assert given.abstained
        assert given.text == f"The writing is in {name} letters, which I cannot say yet."


def test_an_unclear_line_is_not_given_as_an_answer() -> None:
    given = ask("What is the total?", page(line("Total 18.40", 50, 50, confidence=0.52)))
    assert given.abstained
    assert given.reason == "unclear print"


def test_answers_are_at_most_two_sentences_unless_all_is_read() -> None:
    for text in ("What is the total?", "Who was the cashier?", "What is the barcode colour?", "Where is the exit?"):
        assert ask(text, RECEIPT).text.rstrip(".").count(". ") <= 1


MEDICINE = page(
    line("Paracetamol 500 mg", 100, 100, 80),
    line("24 film-coated tablets", 100, 220, 40),
    line("Take 2 tablets every 4 to 6 hours", 100, 300, 30),
    line("Do not take more than 8 tablets in 24 hours", 100, 338, 30, confidence=0.7),
)


def test_a_medicine_label_is_read_verbatim_and_never_reckoned() -> None:
    for question in ("How many tablets can I take a day?", "What is the dose?", "Read it.", "What is this?"):
        given = ask(question, MEDICINE)
        assert given.text.endswith(MEDICINE_END)
        assert "1 line was unclear." in given.text
        printed = " ".join(each.text for each in MEDICINE.lines)
        quoted = given.text.removeprefix("The label says: ").split(" 1 line was")[0]
        assert all(word.strip(".") in printed for word in quoted.split())
    assert "Take 2 tablets every 4 to 6 hours" in ask("How many tablets can I take a day?", MEDICINE).text


@pytest.mark.parametrize(
    ("strength", "doubt"),
    [
        ("400 mg", ""),
        ("4OO mg", "I may have taken a letter for a digit in: 4OO."),
        ("l0 mg", "I may have taken a letter for a digit in: l0."),
        ("5mg/10l", ""),
    ],
)
def test_letters_that_look_like_digits_are_doubted_on_a_medicine(strength: str, doubt: str) -> None:
    said = ask("Read everything.", stacked(f"IBUPROFEN {strength}", "24 tablets", "Take 1 tablet 3 times daily")).text
    assert said.endswith("Check with a pharmacist.")
    assert ("I may have taken" in said) == bool(doubt)
    assert doubt in said


def test_food_with_a_vitamin_is_no_medicine() -> None:
    food = stacked("Nutrition Facts", "Calories 110", "Sodium 15mg", "Vitamin C 60 mg", "Take with milk daily")
    assert MEDICINE_END not in ask("How many calories?", food).text


def test_yes_or_no_is_answered_with_the_whole_sentence() -> None:
    label = stacked(
        "Best eaten warm. Heat it in the pan for",
        "four minutes. Check that it is hot. Do",
        "not reheat. Suitable for",
        "vegans.",
    )
    assert ask("Can I reheat it?", label).text == "It says: Do not reheat."
    assert ask("Is it vegan?", label).text == "Yes. It says: Suitable for vegans."


def test_a_long_list_is_not_broken_off_before_the_word_asked_for() -> None:
    rows = (
        "Ingredients: oat flakes, honey, rape seed oil, raisins, wheat",
        "flour, apple juice, sea salt, barley malt, dried pears, linseed,",
        "skimmed milk powder, cinnamon.",
    )
    said = ask("Does it contain milk?", stacked(*rows)).text
    assert said.startswith("Yes. It says: Ingredients: oat flakes")
    assert said.endswith("skimmed milk powder, cinnamon.")


def test_an_answer_from_running_text_is_a_whole_sentence() -> None:
    letter = stacked(
        "The water will be off on Monday because of a burst",
        "main. The lorries with drinking water stand in",
        "Corn Street. Bring your own cans, and come",
        "before noon, for they leave again.",
    )
    assert ask("Where do the lorries stand?", letter).text == "The lorries with drinking water stand in Corn Street."


def test_of_a_very_long_list_the_things_asked_for_are_said() -> None:
    rows = (
        "Ingredients: rye flour, wheat flour, sunflower oil, raisins, honey, barley",
        "malt extract, sugar, dried apricots, dried pears, skimmed milk powder,",
        "sea salt, cinnamon, cloves, raising agent, vanilla extract, linseed, poppy",
        "seeds, whole almonds, orange peel, lemon peel.",
    )  # fmt: skip
    assert ask("Does it contain milk?", stacked(*rows)).text == "Yes. It says: Ingredients: skimmed milk powder."


def test_a_warning_is_never_shortened_to_a_thing_in_it() -> None:
    rows = (
        "Made in a bakery in which these are used and of which it may hold traces: rye,",
        "barley, sesame, hazelnuts, almonds, walnuts, lupin,",
        "mustard, celery, eggs, milk, soya, sulphites, oats, cashew nuts and pecan nuts.",
    )  # fmt: skip
    said = ask("Does it contain milk?", stacked(*rows)).text
    assert "may hold traces" in said


def test_free_is_a_no_only_where_nobody_asked_for_it() -> None:
    milk = stacked("MEADOW MILK", "Lactose free")
    assert ask("Is this milk lactose free?", milk).text == "Yes. It says: Lactose free."
    assert ask("Does it contain lactose?", milk).text == "It says: Lactose free."
