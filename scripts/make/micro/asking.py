"""What is asked about a cover, in the words of OCR-VQA, and what is right.

The books: `books.py`. Questions are only told apart by their categories, never by their words.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from scripts.make.micro.books import Book

WORDINGS = {
    "title": (
        "What is the title of this book?",
        "What is the name of this book?",
        "What book is this?",
        "What is this book called?",
    ),
    "author": (
        "Who wrote this book?",
        "Who is the author of this book?",
        "What is the name of the author?",
        "By whom was this book written?",
    ),
    "genre": (
        "What is the genre of this book?",
        "What type of book is this?",
        "What kind of book is this?",
        "Which genre does this book belong to?",
    ),
    "year": (
        "What year was this printed?",
        "In which year was this book printed?",
        "What is the year on the cover?",
        "In what year was this book published?",
    ),
    "colour": (
        "What colour is the cover?",
        "What is the colour of the cover?",
        "Which colour does this book have?",
        "What color is the cover?",
    ),
    "counting": (
        "How many {marks} are on the cover?",
        "How many {marks} are there?",
        "How many {marks} does the cover show?",
        "What is the number of {marks}?",
    ),
}
"""By category; the first wording is the usual one."""


@dataclass(frozen=True)
class Asked:
    """One question with its only right answer."""

    category: str
    question: str
    answer: str


def answer_of(book: Book, category: str) -> str:
    """The answer to every question of the category."""
    answers = {
        "title": " ".join(book.title),
        "author": " ".join(book.author),
        "genre": book.genre,
        "year": str(book.year),
        "colour": book.colour,
        "counting": str(book.count),
    }
    return answers[category]


def questions_about(book: Book, chance: random.Random) -> list[Asked]:
    """One question of each category, in any order, each in words chosen by chance."""
    asked = [
        Asked(category, chance.choice(wordings).format(marks=book.marks), answer_of(book, category))
        for category, wordings in WORDINGS.items()
    ]
    chance.shuffle(asked)
    return asked
