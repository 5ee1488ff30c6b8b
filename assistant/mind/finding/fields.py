"""Where each kind of answer stands on a page: totals, dates, numbers, names of shops, ingredients, amounts.

One finder per kind of question, each a function from a question and a page to candidate spans, best first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise

from assistant.mind.finding import cover
from assistant.mind.finding import patterns as p
from assistant.mind.finding.patterns import EXPIRES, is_date
from assistant.mind.finding.spans import (
    LIKELY,
    SURE,
    WEAK,
    Span,
    anywhere,
    beside,
    fold,
    labelled,
    match,
    matches,
    of_rows,
)
from assistant.mind.understanding.question import Question
from assistant.picture.page import Page, Row

Finder = Callable[[Question, Page], list[Span]]

_TOTALS = ("total", "amount due", "balance due", "grand total", "net total", "to pay", "summe", "totaal")
_NOT_TOTAL = r"sub|qty|quantity|saving|discount|items? sold|points|disc\b|tax\b.*summary"
_COMPANY = re.compile(
    r"\b(sdn|bhd|ltd|llc|inc|gmbh|co|corp|plc|enterprise|trading|hardware|restaurant|cafe|café|store|stores|market"
    r"|mart|supermarket|grocer\w*|hotel|pharmacy|bakery|bank|machinery|group|shop|foods?)\b",
    re.IGNORECASE,
)
_TABLE_HEAD = re.compile(r"nutrition|facts|ingredients|allerg|daily value|serving", re.IGNORECASE)
_ADDRESS = re.compile(
    r"\b(jalan|jln|street|st|road|rd|ave|avenue|lot|no|tel|fax|gst|tax|invoice|receipt|reg|date|taman|plaza|thank)\b|\d{4,}",
    re.IGNORECASE,
)
HEAD = 0.6
"""Weight of the first key word in a question of quantity: in "how many calories per serving" calories count most."""
_FUNCTION_WORDS = frozenset("of for your our you to on back see the with please is are was a this that by".split())


def total(_: Question, page: Page) -> list[Span]:
    """The amount to pay: beside the word, preferring a rounded or inclusive total and a figure that recurs."""
    found = list(beside(page, _TOTALS, p.MONEY, but_not=_NOT_TOTAL, last=True))
    values = Counter(_figure(span.text) for span in anywhere(page, p.MONEY, WEAK))
    spans = []
    for span in found:
        row = " ".join(line.text for line in span.lines)
        belief = span.belief * (0.9 if _figure(span.text) else 0.3)
        belief += 0.04 * min(values[_figure(span.text)], 3)
        if re.search(r"round|incl|net|due|grand|pay", row, re.IGNORECASE):
            belief += 0.05
        if re.search(r"items?\b|type|gst (analysis|summary)|exclud|before", row, re.IGNORECASE):
            belief -= 0.08
        spans.append(replace(span, belief=min(belief, SURE)))
    return _ranked(spans)


def tax(_: Question, page: Page) -> list[Span]:
    return _ranked(
        beside(page, ("tax", "gst", "vat", "mwst", "sst"), p.MONEY, but_not=r"total|reg|invoice|id\b|no\b", last=True)
    )


def change(_: Question, page: Page) -> list[Span]:
    return _ranked(beside(page, ("change", "change due"), p.MONEY, last=True))


def paid(question: Question, page: Page) -> list[Span]:
    exact = list(beside(page, ("total paid", "amount paid", "paid"), p.MONEY, last=True))
    cash = [
        replace(span, belief=0.75 * span.belief) for span in beside(page, ("cash", "visa", "card", "tendered"), p.MONEY)
    ]
    return _ranked(exact or cash) or total(question, page)


def cost(_: Question, page: Page) -> list[Span]:
    """A price: beside the word, else the price in the largest print."""
    near = list(beside(page, ("price", "cost"), p.MONEY, but_not="unit"))
    prices = sorted(
        anywhere(page, p.MONEY, LIKELY), key=lambda span: max(line.height for line in span.lines), reverse=True
    )
    belief = SURE if len(prices) == 1 else LIKELY
    return _ranked(near) + [replace(span, belief=belief) for span in prices[:1]]


def date(_: Question, page: Page) -> list[Span]:
    near = beside(page, ("date", "dated", "datum"), p.DATE, but_not="exp|best before|printed")
    anyhow = [replace(span, belief=0.9 - 0.05 * rank) for rank, span in enumerate(anywhere(page, p.DATE, SURE))]
    return _ranked([*near, *anyhow])


def expiry(_: Question, page: Page) -> list[Span]:
    """An expiry date, with its time if one stands beside it; never a date that is not called so, or called something else."""
    called = [pair.value for pair in page.structure.pairs if EXPIRES.search(pair.label.text)]
    dated = [Span(value.text, value.lines, SURE) for value in called if is_date(value.text)]
    if dated:
        return dated
    keys = (
        "exp",
        "expiry",
        "expires",
        "expiration",
        "best before",
        "use by",
        "best by",
        "sell by",
        "bb",
        "mhd",
        "valid until",
    )
    rows = page.rows
    spans = []
    for index, row in enumerate(rows):
        if max(match(key, row.text) for key in keys) < 0.9:
            continue
        for near in (rows[index : index + 1], rows[index + 1 : index + 3]):
            text = ", ".join(each.text for each in near)
            dates, times = p.DATE.findall(text), p.TIME.findall(text)
            if dates or times:
                said = " ".join(
                    [found.group() for found in p.TIME.finditer(text)][:1]
                    + [f.group() for f in p.DATE.finditer(text)][:1]
                )
                spans.append(Span(said, of_rows([row, *near], SURE).lines, SURE if dates else LIKELY))
                break
    return spans


def time(_: Question, page: Page) -> list[Span]:
    return _ranked([*beside(page, ("time",), p.TIME), *anywhere(page, p.TIME, LIKELY)])


def phone(_: Question, page: Page) -> list[Span]:
    near = beside(page, ("tel", "telephone", "phone", "call", "mobile"), p.PHONE, but_not=r"^fax")
    return _ranked([*near, *anywhere(page, p.PHONE, 0.8)])


def email(_: Question, page: Page) -> list[Span]:
    return list(anywhere(page, p.EMAIL, SURE))


def website(_: Question, page: Page) -> list[Span]:
    return [span for span in anywhere(page, p.WEBSITE, SURE) if "@" not in span.lines[0].text]


def items(_: Question, page: Page) -> list[Span]:
    near = [*beside(page, ("items sold", "item count", "number of items"), p.NUMBER, last=True)]
    return _ranked(near or beside(page, ("items", "item", "qty"), p.NUMBER, but_not="price|name|amount"))


def cashier(_: Question, page: Page) -> list[Span]:
    return _ranked(labelled(page, ("cashier", "served by", "server", "operator")))


def company(_: Question, page: Page) -> list[Span]:
    """The name at the head of a receipt: known company words, capitals, height and an early place speak for a row."""
    tallest = max((row.height for row in page.rows), default=1.0)
    spans = []
    for place, row in enumerate(page.rows[:8]):
        letters = sum(character.isalpha() for character in row.text)
        words = fold(row.text).split()
        if letters < 3 or letters < 0.55 * len(row.text.replace(" ", "")):
            continue
        belief = 0.62 + 0.3 * bool(_COMPANY.search(row.text)) + 0.1 * row.height / tallest - 0.03 * place
        belief += 0.08 * (row.text.upper() == row.text)
        belief -= 0.5 * bool(_ADDRESS.search(row.text)) * (not _COMPANY.search(row.text))
        belief -= 0.3 * (sum(word in _FUNCTION_WORDS for word in words) >= 2) + 0.2 * (row.text.lower() == row.text)
        spans.append(of_rows([row], max(0.0, min(belief, 0.98))))
    for block in page.blocks[:3]:
        for name, what in pairwise(block.rows[:4]):  # "CHO EUN" over "KOREAN RESTAURANT"
            if _COMPANY.search(what.text) and not _COMPANY.search(name.text) and not re.search(r"\d", name.text):
                spans.append(of_rows([name, what], SURE))
    return _ranked(spans)


def city(_: Question, page: Page) -> list[Span]:
    named = [
        Span(found.group().strip(), row.lines, SURE)
        for row in page.rows
        for found in re.finditer(r"\b(?:city|town) of [^\W\d_]+(?: [^\W\d_]+)?", row.text, re.IGNORECASE)
    ]
    postal = [of_rows([row], 0.6) for row in page.rows if re.search(r"\b\d{5}\b[ ,]+[^\W\d_]{3,}", row.text)]
    return named or postal


def direction(_: Question, page: Page) -> list[Span]:
    names = {"←": "left", "→": "right", "↑": "up", "↓": "down", "↖": "up and left", "↗": "up and right"}
    return [Span(name, row.lines, SURE) for row in page.rows for arrow, name in names.items() if arrow in row.text]


def percentage(question: Question, page: Page) -> list[Span]:
    return _quantity(question, page, p.PERCENT)


def duration(question: Question, page: Page) -> list[Span]:
    return _near_words(question, page, p.DURATION)


def count(question: Question, page: Page) -> list[Span]:
    measured = question.asks("grams?", "milligrams?", "ounces?", "lit(er|re)s?", "milliliters?")
    return _quantity(question, page, p.AMOUNT if measured else p.NUMBER)


def amount(question: Question, page: Page) -> list[Span]:
    units = _quantity(question, page, p.AMOUNT)
    return units if units and units[0].belief >= LIKELY else _ranked([*units, *_quantity(question, page, p.MONEY)])


def ingredient(_: Question, page: Page) -> list[Span]:
    """The text after "Ingredients" up to the first comma."""
    for index, row in enumerate(page.rows):
        found = re.search(r"\b(ingredients?|ingr[ée]dients|zutaten)\b\W*", row.text, re.IGNORECASE)
        if found:
            following = page.rows[index + 1 : index + 3]
            rest = " ".join([row.text[found.end() :], *(each.text for each in following)])
            first = re.split(r"[,;(\[]", rest, maxsplit=1)[0].strip()
            if 3 <= len(first) <= 60:
                return [Span(first, of_rows([row, *following[:1]], SURE).lines, SURE)]
    return []


def instructions(question: Question, page: Page) -> list[Span]:
    """The heading that names instructions and what follows it to the end of that part of the page."""
    for index, block in enumerate(page.blocks):
        for place, row in enumerate(block.rows):
            if re.search(r"\b(instructions?|directions|preparation|how to|method|care)\b", row.text, re.IGNORECASE):
                following = (
                    page.blocks[index + 1].rows if place == len(block.rows) - 1 and index + 1 < len(page.blocks) else ()
                )
                return [of_rows([*block.rows[place:], *following], SURE)]
    return []


def line(question: Question, page: Page) -> list[Span]:
    """A line by its number; of a page with a heading, the lines under the heading are counted."""
    rows = list(page.rows)
    first = page.blocks[0] if page.blocks else None
    if first and len(page.blocks) > 1 and len(first.rows) <= 2 and first.height >= 1.25 * page.body_height:
        rows = rows[len(first.rows) :]
    numbers = {"first": 0, "top": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1, "bottom": -1}
    wanted = next((number for word, number in numbers.items() if question.asks(word)), 0)
    return [of_rows([rows[wanted]], SURE)] if -len(rows) <= wanted < len(rows) else []


def heading(question: Question, page: Page) -> list[Span]:
    columns = sorted({block.column for block in page.blocks if block.column})
    side: tuple[int, ...] = ()
    if columns and question.asks("left", "first"):
        side = (columns[0],)
    elif columns and question.asks("right", "second"):
        side = (columns[-1],)
    found = cover.headings(page, side)
    return found or cover.titles(page)


def large(_: Question, page: Page) -> list[Span]:
    """All lines in print nearly as large as the largest, in reading order."""
    readable = [each for each in page.lines if sum(c.isalpha() for c in each.text) >= 3]
    tallest = max((each.height for each in readable), default=0.0)
    lines = tuple(each for each in readable if each.height >= 0.8 * tallest)
    return [Span(" ".join(each.text for each in lines), lines, SURE)] if lines else []


def series(_: Question, page: Page) -> list[Span]:
    return [of_rows([row], SURE) for row in page.rows if match("series", row.text) >= 0.95]


def title(_: Question, page: Page) -> list[Span]:
    return [*labelled(page, ("title",)), *cover.titles(page)]


def product(question: Question, page: Page) -> list[Span]:
    """What a thing is: the printed words that name the kind asked for, else the largest words."""
    named = (span for span in _rows_with(question, page) if len(span.text.split()) <= 8 and span.text[-1:] != ".")
    keyed = list(named) if question.keys else []  # a name is no sentence
    largest = [span for span in cover.titles(page) if not _TABLE_HEAD.search(span.text) and len(fold(span.text)) >= 4]
    return _ranked([replace(span, belief=0.9) for span in keyed[:1]] + largest[:1])


def open_question(question: Question, page: Page) -> list[Span]:
    """Anything else: a printed label, or the block in which the question's own words occur."""
    printed = list(labelled(page, (question.phrase,))) if question.phrase else []
    printed += [span for key in question.keys for span in labelled(page, key)]
    return _ranked([*printed, *_rows_with(question, page)])


def _rows_with(question: Question, page: Page) -> list[Span]:
    """Blocks, or sentences of long blocks, in which the question's key words occur, best first."""
    spans = []
    for block in page.blocks:
        short = sum(len(row.text.split()) for row in block.rows) <= 20
        inside = {line for row in block.rows for line in row.lines}
        whole = [of_rows(block.rows, 0.0)]
        sentences = [Span(each.text, each.lines, 0.0) for each in page.structure.statements if each.lines[0] in inside]
        for span in whole if short else sentences:
            belief = _weighed(question, span.text)
            if belief and not _echo(question, span.text):
                spans.append(replace(span, belief=belief * LIKELY + 0.2 * (belief >= 0.99)))
    return _ranked(spans)


def _quantity(question: Question, page: Page, pattern: re.Pattern[str]) -> list[Span]:
    """A figure in the row that names the thing: next to the word itself where a row holds several figures."""
    spans = []
    for row in page.rows:
        figures = list(pattern.finditer(row.text))
        belief = _weighed(question, row.text)
        if belief < 0.3 or not figures:
            continue
        place = _place(question, row)
        nearest = min(figures, key=lambda found: (found.start() < place, abs(found.start() - place)))
        spans.append(Span(nearest.group().strip(), row.lines, belief))
    only = list(anywhere(page, pattern, LIKELY)) if pattern is p.PERCENT else []
    return _ranked(spans) or (only if len(only) == 1 else [])


def _near_words(question: Question, page: Page, pattern: re.Pattern[str]) -> list[Span]:
    """A value whose row, with its neighbours, shares words with the question."""
    rows = page.rows
    spans = []
    for index, row in enumerate(rows):
        for found in pattern.finditer(row.text):
            around = " ".join(each.text for each in rows[max(0, index - 1) : index + 2])
            spans.append(Span(found.group().strip(), row.lines, min(SURE, 0.6 + matches(question.keys, around))))
    return _ranked(spans)


def _weighed(question: Question, text: str) -> float:
    """Share of the question's key words in `text`, the first counting most."""
    return HEAD * matches(question.keys[:1], text) + (1 - HEAD) * matches(question.keys, text)


def _echo(question: Question, text: str) -> bool:
    """Whether `text` holds nothing but the question's own words: a label, not an answer."""
    return all(word in fold(question.text).split() for word in fold(text).split())


def _place(question: Question, row: Row) -> int:
    folded = row.text.lower()
    places = [folded.find(word) for synonyms in question.keys for word in synonyms if word in folded]
    return min(places, default=0)


def _figure(text: str) -> int:
    """The digits of a figure as a number, to compare 1,234.50 with 1234.50; 0 for nought."""
    return int(re.sub(r"\D", "", text) or 0)


def _ranked(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: span.belief, reverse=True)


FINDERS: dict[str, Finder] = {
    "total": total, "tax": tax, "change": change, "paid": paid, "cost": cost,
    "date": date, "time": time, "expiry": expiry, "duration": duration,
    "phone": phone, "email": email, "website": website,
    "items": items, "count": count, "amount": amount, "percentage": percentage,
    "cashier": cashier, "company": company, "city": city, "place": title,
    "title": title, "heading": heading, "large": large, "line": line, "series": series,
    "subtitle": lambda _, page: cover.subtitles(page),
    "author": lambda _, page: cover.authors(page),
    "publisher": lambda _, page: cover.publishers(page),
    "edition": lambda _, page: cover.editions(page),
    "brand": lambda _, page: cover.brands(page),
    "direction": direction, "ingredient": ingredient, "instructions": instructions, "product": product, "open": open_question,
}  # fmt: skip
