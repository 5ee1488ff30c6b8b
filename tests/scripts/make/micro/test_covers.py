"""Generated covers: the same ones for the same seed, and what is kept out of training stays out."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from PIL import ImageChops

from rpiq.calibration.picture_files import open_picture
from rpiq.calibration.questions import read_questions
from scripts.make.micro import books
from scripts.make.micro.asking import WORDINGS
from scripts.make.micro.books import author_is_kept_out, draw_book, title_is_kept_out
from scripts.make.micro.covers import HEIGHT, WIDTH, draw_cover
from scripts.make.micro.folders import write_covers
from scripts.make.micro.reading import LABELS, printed_at
from scripts.make.micro.scoring import held_out_covers, training_covers

BOOKS = 4000


def test_the_same_seed_gives_the_same_covers() -> None:
    one, other = held_out_covers(3, seed=5), held_out_covers(4, seed=5)
    for left, right in zip(one, other, strict=False):
        assert (left.book, left.printed, left.asked) == (right.book, right.printed, right.asked)
        assert ImageChops.difference(left.picture, right.picture).getbbox() is None
    assert [cover.book for cover in held_out_covers(3, seed=6)] != [cover.book for cover in one]


def test_what_is_kept_out_is_never_trained_on() -> None:
    chance = random.Random(0)
    trained = [draw_book(chance, held_out=False) for _ in range(BOOKS)]
    others = [draw_book(chance, held_out=True) for _ in range(BOOKS)]
    assert not any(title_is_kept_out(book.title) or author_is_kept_out(book.author) for book in trained)
    assert all(title_is_kept_out(book.title) and author_is_kept_out(book.author) for book in others)
    assert {book.title for book in trained}.isdisjoint(book.title for book in others)
    assert {book.author for book in trained}.isdisjoint(book.author for book in others)


def test_every_word_is_trained_on() -> None:
    chance = random.Random(0)
    seen = {word for _ in range(BOOKS) for book in [draw_book(chance, False)] for word in (*book.title, *book.author)}
    listed = (*books.OPENINGS, *books.MIDDLES, *books.ENDINGS, *books.FIRST_NAMES, *books.LAST_NAMES)
    assert seen == set(listed)
    assert len(listed) == len(seen)  # no word stands in two lists


def test_a_cover_shows_all_that_is_asked() -> None:
    chance = random.Random(1)
    book = draw_book(chance, held_out=False)
    picture, printed = draw_cover(book, chance)
    assert picture.size == (WIDTH, HEIGHT)
    marks = f"{book.count} {book.marks}"
    assert {one.what for one in printed} == {*book.title, *book.author, book.genre, str(book.year), marks, book.colour}
    assert all(one.height is None or 0 < one.height < 1 for one in printed)
    found = printed_at([printed], rows=4)[0]
    assert 1 <= found[:, LABELS[book.genre]].sum() <= 2
    assert found[:, LABELS[book.colour]].sum() == 4
    assert found[:, LABELS[f"digit 3 is {book.year % 10}"]].sum() >= 1


def test_rpiq_reads_the_folder(tmp_path: Path) -> None:
    covers = held_out_covers(3, seed=0)
    assert write_covers(tmp_path, covers) == 18
    questions = read_questions(tmp_path).asked
    assert {question.category for question in questions} == WORDINGS.keys()
    assert [question.answers[0] for question in questions] == [one.answer for cover in covers for one in cover.asked]
    picture = questions[0].picture
    assert isinstance(picture, Path)
    assert picture.stat().st_size < 10_000
    difference = ImageChops.difference(open_picture(picture, "here"), covers[0].picture)
    assert np.asarray(difference).max() < 32  # fewer colours, but the same picture


def test_calibration_covers_are_of_training() -> None:
    assert not any(title_is_kept_out(cover.book.title) for cover in training_covers(20, seed=0))
