"""How what is printed is said."""

from __future__ import annotations

import pytest

from assistant.sound.speaking.phrases import plain
from assistant.sound.speaking.pronounce import as_spoken, digit_by_digit

SAID = {
    # money
    "The total is $128.27.": "The total is 128 dollars and 27 cents.",
    "RM 128.27": "128 ringgit and 27 sen",
    "RM128.00 in all": "128 ringgit in all",
    "$1.01": "1 dollar and 1 cent",
    "£1,234.50": "1234 pounds and 50 pence",
    "US$20": "20 US dollars",
    "€3.5": "3.5 euros",
    "$3.529 a gallon": "3.529 dollars a gallon",
    "200 165.00 €": "200 165 euros",
    "21.20 RM 5kg": "21.20 RM 5 kilograms",  # a currency before a weight is not its price
    # numbers that nobody counts with
    "Call 03-8890 5522.": "Call 0 3, 8 8 9 0, 5 5 2 2.",
    "+60 3-8890 5522": "plus 6 0, 3, 8 8 9 0, 5 5 2 2",
    "(03) 8890 5522": "0 3, 8 8 9 0, 5 5 2 2",
    "5901234123457": "5 9 0, 1 2 3, 4 1 2, 3 4 5, 7",
    "ISBN 978-0-14-143951-8": "ISBN 9 7 8, 0, 1 4, 1 4 3 9 5 1, 8",
    "room 007": "room 0 0 7",
    # numbers that stay
    "10-5": "10-5",
    "Card 25.00, VAT 4.17, call 24/7": "Card 25.00, VAT 4.17, call 24 7",
    "Push.It opens": "Push.It opens",
    "version 1.2.3": "version 1.2.3",
    "1.5 L 2024": "1.5 L 2024",
    # dates: the month only where the order is certain
    "2018-12-25": "25 December 2018",
    "25/12/2018": "25 December 2018",
    "12/25/2018": "December 25, 2018",
    "11/12/2018": "11, 12, 2018",
    "31.12.27": "31, 12, 27",
    "the 4th of March": "the 4th of March",
    "may 5 people come": "may 5 people come",
    # no unit without a figure of its own
    "14-MAY-2027 L 26134": "14 May 2027 L 2 6 1 3 4",
    "2027 L 26134": "2027 L 2 6 1 3 4",
    "L 26134": "L 2 6 1 3 4",
    # ranges, years
    "1939-1945": "1939 to 1945",
    "120/80 mmHg": "120 over 80 millimetres of mercury",
    "Psalm 23:1": "Psalm 23 1",
    "at 12:30": "at 12:30",
    "100 200 300": "100 200 300",
    "0.125": "0.125",
    "in 1984": "in 1984",
    # units
    "0.5 mg": "0.5 milligrams",
    "200mg": "200 milligrams",
    "5 mcg": "5 micrograms",
    "1 g": "1 gram",
    "5 fl oz": "5 fluid ounces",
    "A4 paper, 3 miles": "A4 paper, 3 miles",
    # what somebody may have to type
    "with: assistant setup --profile small.": "with: assistant setup dash dash profile small.",
    "well -- or not": "well -- or not",
    # abbreviations, whose dot would end the sentence
    "Dr. Smith and Mrs. Jones": "Doctor Smith and Missis Jones",
    "J. K. Rowling": "J K Rowling",
    "J.R.R. Tolkien": "J R R Tolkien",
    "Vol. 2": "volume 2",
    "No. 5": "number 5",
    "See p. 4": "See page 4",
    "at 5 p.m. today": "at 5 p.m. today",
    "No. I do not": "No. I do not",
    # signs
    "#4": "number 4",
    "https://www.example.com": "www dot example dot com",
    "john_smith@x.com": "john underscore smith at x dot com",
    "Overtime [x] Yes [ ] No": "Overtime ticked: Yes not ticked: No",
    "one • two | three": "one two three",
    # capitals
    "MOBY DICK": "MOBY DICK",
    "AS I SEE IT": "AS I SEE it",
    "May contain SOY": "May contain soy",  # the voices would spell it
    "CONTAINS SOY": "CONTAINS SOY",
    # Roman numerals, and letters that are none
    "I, II and III": "1, 2 and 3",
    "Appendix C": "Appendix C",
    "the R22 and R44": "the R22 and R44",
    "John M Harrel": "John M Harrel",
    "IV drip": "IV drip",
    "Size XL": "Size XL",
    # dots that end a sentence, and others
    "vitamin C. Store dry": "vitamin C. Store dry",
    "It is by Max. He likes it": "It is by Max. He likes it",
    "the U.S. army": "the U S army",
    "Baker St. London": "Baker Street, London",
    "Visit St. Paul's": "Visit Saint Paul's",
    "the IT department": "the IT department",
}


@pytest.mark.parametrize(("printed", "said"), SAID.items())
def test_as_spoken(printed: str, said: str) -> None:
    assert as_spoken(printed) == said


@pytest.mark.parametrize("printed", SAID)
def test_what_is_said_stays_as_it_is(printed: str) -> None:
    assert as_spoken(as_spoken(printed)) == as_spoken(printed)


@pytest.mark.parametrize("printed", ["200 mg", "RM 12.05", "03-8890 5522", "5901234123457", "x 0.25 y 1,500 z 007"])
def test_no_digit_is_lost_or_made_up(printed: str) -> None:
    def digits(text: str) -> list[str]:
        return [letter for letter in text if letter.isdigit() and letter != "0"]  # RM 12.05 is said "5 sen"

    assert digits(as_spoken(printed)) == digits(printed)


def test_digit_by_digit() -> None:
    assert digit_by_digit("123456") == "1 2 3 4 5 6"
    assert digit_by_digit("1234567") == "1 2 3, 4 5 6, 7"
    assert digit_by_digit("12-34") == "1 2, 3 4"


def test_a_minus_sign_before_a_figure_is_kept_and_a_dash_is_not() -> None:
    assert [plain(text) for text in ("-7.2", "- milk", "- 5 eggs", "total -")] == ["-7.2", "milk", "5 eggs", "total"]
