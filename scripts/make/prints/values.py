"""What stands in a slot: names, amounts, dates and codes as they are printed in many countries."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import lru_cache

from faker import Faker

_LOCALES = ("en_GB", "en_US", "en_IN", "en_AU", "en_IE", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "sv_SE")
_WEIGHTS = (6, 6, 2, 2, 1, 1, 1, 1, 1, 1, 0.5, 0.5)
_DATE_FORMS = (
    "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d.%m.%y", "%m/%d/%Y", "%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%B %d, %Y",
    "%b %d, %Y", "%d%b%y", "%d%b%Y", "%d %b %y", "%b %d %Y", "%m/%Y", "%b %Y", "%b%Y", "%d-%b-%Y", "%A %d %B %Y", "%a %d %b", "%d %B",
)  # fmt: skip
_CURRENCIES = (
    "£{}",
    "${}",
    "€{}",
    "{} €",
    "{}",
    "{} EUR",
    "{} kr",
    "Rs. {}",
    "₹{}",
    "CHF {}",
    "{} GBP",
    "A${}",
    "{} zł",
    "{}€",
)
_CODES = (
    "AA9999",
    "A9999999",
    "99AA999",
    "AAA-9999",
    "A9-9999-A",
    "999999A",
    "AA99 9999",
    "9999/99",
    "L99999",
    "AAAAA9",
)
_CURRENCY_WEIGHTS = (6, 8, 3, 2, 5, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 1)


@dataclass
class Habits:
    """How one page writes dates, money, times and names; each page has its own."""

    chance: random.Random
    locale: str = ""
    date_form: str = ""
    currency: str = ""
    point: str = "."
    time_form: str = ""
    capitals: bool = False
    day: date = field(default_factory=lambda: date(2026, 1, 1))

    @classmethod
    def drawn(cls, chance: random.Random) -> Habits:
        currency = chance.choices(_CURRENCIES, _CURRENCY_WEIGHTS)[0]
        comma = "€" in currency or "EUR" in currency or currency.startswith("{} ")
        return cls(
            chance,
            chance.choices(_LOCALES, _WEIGHTS)[0],
            chance.choice(_DATE_FORMS),
            currency,
            "," if comma and chance.random() < 0.7 else ".",
            chance.choice(("%H:%M", "%H:%M", "%H.%M", "%I:%M %p", "%I:%M%p", "%I%p", "%H:%M:%S", "%I.%M %p")),
            chance.random() < 0.3,
            date(2015, 1, 1) + timedelta(days=chance.randrange(5500)),
        )


@lru_cache
def _faker(locale: str) -> Faker:
    return Faker(locale)


def _fake(habits: Habits, name: str) -> str:
    fake = _faker(habits.locale)
    fake.seed_instance(habits.chance.getrandbits(32))
    return " ".join(str(getattr(fake, name)()).split())


def _number(low: float, high: float) -> Callable[[Habits], str]:
    return lambda habits: str(habits.chance.randint(int(low), int(high)))


def _amount(habits: Habits) -> str:
    chance = habits.chance
    size = chance.choice((1, 1, 10, 10, 100, 100, 1000, 10000))
    value = chance.uniform(0.3 * size, 9 * size)
    if chance.random() < 0.15:
        return f"{value:.0f}"
    said = f"{value:,.2f}" if chance.random() < 0.6 else f"{value:.2f}"
    return said.translate(str.maketrans(",.", ".,")) if habits.point == "," else said


def _money(habits: Habits) -> str:
    return habits.currency.format(_amount(habits))


def _date(habits: Habits) -> str:
    day = habits.day + timedelta(days=habits.chance.randrange(-400, 800))
    said = day.strftime(habits.date_form)
    if habits.chance.random() < 0.3:
        said = said.lstrip("0")
    return said.upper() if habits.capitals else said


def _time(habits: Habits) -> str:
    minutes = habits.chance.choice((0, 15, 30, 45, habits.chance.randrange(60)))
    said = time(habits.chance.randrange(24), minutes, habits.chance.randrange(60)).strftime(habits.time_form)
    return said.lstrip("0") if habits.chance.random() < 0.4 and said[1:2] != ":" else said


def _digits(count: int) -> Callable[[Habits], str]:
    def make(habits: Habits) -> str:
        said = "".join(habits.chance.choices(string.digits, k=count))
        step = habits.chance.choice((0, 0, 0, 3, 4))
        return " ".join(said[at : at + step] for at in range(0, count, step)) if step and count > 6 else said

    return make


def _code(habits: Habits) -> str:
    shape = habits.chance.choice(
        (
            "AA9999",
            "A9999999",
            "99AA999",
            "AAA-9999",
            "A9-9999-A",
            "999999A",
            "AA99 9999",
            "9999/99",
            "L99999",
            "AAAAA9",
        )
    )
    return "".join(
        habits.chance.choice(string.ascii_uppercase)
        if sign == "A"
        else habits.chance.choice(string.digits)
        if sign == "9"
        else sign
        for sign in shape
    )


def _weight(units: tuple[str, ...], low: float, high: float) -> Callable[[Habits], str]:
    def make(habits: Habits) -> str:
        value = habits.chance.choice(
            (habits.chance.randint(int(low), int(high)), habits.chance.randrange(25, 1000, 25))
        )
        return f"{value}{habits.chance.choice(('', ' '))}{habits.chance.choice(units)}"

    return make


def _temperature(habits: Habits) -> str:
    value = habits.chance.choice((habits.chance.randint(-25, 40), habits.chance.randrange(100, 260, 10)))
    return f"{value}{habits.chance.choice(('°C', ' °C', '°', '°F', ' degrees', 'C'))}"


def _duration(habits: Habits) -> str:
    count = habits.chance.choice((2, 3, 5, 10, 12, 15, 20, 25, 30, 40, 45, 60, 90))
    return f"{count}{habits.chance.choice((' minutes', ' min', ' mins', ' hours', ' hrs', ' days', ' weeks', ' months', 'h', ' seconds'))}"


def _isbn(habits: Habits) -> str:
    body = "978" + "".join(habits.chance.choices(string.digits, k=9))
    check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10
    return f"{body[:3]}-{body[3]}-{body[4:8]}-{body[8:]}-{check}" if habits.chance.random() < 0.6 else f"{body}{check}"


_TITLE_NOUNS = """river winter garden letter house shadow lamp orchard harbour widow clock mountain daughter bridge silence island
stranger memory fire salt machine kingdom sparrow history economics chemistry bread night train summer storm language map promise""".split()
_TITLE_ADJECTIVES = """last quiet lost hidden long small burning blue broken secret invisible modern complete young distant golden
seventh""".split()


_TITLES = (
    "the {adjective} {noun}", "the {noun} and the {other}", "a {noun} of {other}s", "{adjective} {noun}", "{noun}", "the {noun}'s {other}",
    "how to build a {noun}", "{adjective} {noun}s: a history of the {other}", "beyond the {noun}", "what the {noun} knew",
)  # fmt: skip


def _title(habits: Habits) -> str:
    pick = habits.chance.choice
    said = pick(_TITLES).format(noun=pick(_TITLE_NOUNS), other=pick(_TITLE_NOUNS), adjective=pick(_TITLE_ADJECTIVES))
    return said.title().replace("'S", "'s")


def _prose(habits: Habits) -> str:
    fake = _faker("en_US")
    fake.seed_instance(habits.chance.getrandbits(32))
    return str(fake.sentence(nb_words=habits.chance.randint(5, 14)))


def _shop(habits: Habits) -> str:
    return _fake(habits, "last_name") + habits.chance.choice(("", "'s", " & Sons", " Store", " Market", " Bros"))


def _percent(habits: Habits) -> str:
    value = habits.chance.choice((habits.chance.randint(1, 99), round(habits.chance.uniform(0.5, 30), 1)))
    return f"{value}{habits.chance.choice(('%', ' %'))}"


def _weekday(habits: Habits) -> str:
    return (habits.day + timedelta(days=habits.chance.randrange(7))).strftime(habits.chance.choice(("%A", "%A", "%a")))


def _phone(habits: Habits) -> str:
    return _fake(habits, "phone_number").split("x")[0].strip()


def _website(habits: Habits) -> str:
    return habits.chance.choice(("www.", "", "https://")) + _fake(habits, "domain_name")


MAKERS: dict[str, Callable[[Habits], str]] = {
    "company": lambda habits: _fake(habits, "company"),
    "shop": _shop,
    "person": lambda habits: _fake(habits, "name"),
    "firstname": lambda habits: _fake(habits, "first_name"),
    "street": lambda habits: _fake(habits, "street_address").split("\n")[0],
    "city": lambda habits: _fake(habits, "city"),
    "country": lambda habits: _faker("en_US").country(),
    "postcode": lambda habits: _fake(habits, "postcode"),
    "phone": _phone,
    "email": lambda habits: _fake(habits, "email"),
    "website": _website,
    "date": _date,
    "time": _time,
    "weekday": _weekday,
    "month": lambda habits: date(2026, habits.chance.randint(1, 12), 1).strftime("%B"),
    "year": _number(1952, 2029),
    "money": _money,
    "amount": _amount,
    "percent": _percent,
    "grams": _weight(("g", "g", "kg", "oz", "G"), 5, 900),
    "millilitres": _weight(("ml", "ml", "cl", "ML", "fl oz", "l"), 5, 900),
    "quantity": _weight(("g", "ml", "mg", "kg", "pcs", "m", "cm"), 1, 500),
    "count": _number(1, 20),
    "number": _number(21, 999),
    "bignumber": lambda habits: f"{habits.chance.randint(1000, 2000000):,}",
    "digits4": _digits(4),
    "digits6": _digits(6),
    "digits8": _digits(8),
    "digits10": _digits(10),
    "digits12": _digits(12),
    "code": _code,
    "temperature": _temperature,
    "duration": _duration,
    "isbn": _isbn,
    "title": _title,
    "word": lambda habits: habits.chance.choice(_TITLE_NOUNS),
    "prose": _prose,
    "age": _number(3, 90),
}  # fmt: skip
"""Every maker by its name in the files of kinds."""
