"""Kinds of page that were unseen when first measured (sentences 100 %, cells 75 %, pairs 99 %); one rule was mended since."""

from __future__ import annotations

from scripts.make.pages.sheet import MARGIN, Fonts, Kind, Sheet

SENTENCES = """The museum of clocks has moved to the old brewery in Corn Street.
Its oldest piece, a water clock of 1611, still runs three minutes slow.
Groups of more than eight people are asked to book.
Prof. Lindgren gives a talk on the last Friday of each month.
The lift holds four persons or 320 kg.
Flash may not be used in the upper rooms.
Who built the first pendulum?
Nobody knows for sure, but a baker from Delft said that it was he.
Open the valve by a quarter of a turn and let the water run for 1.5 minutes.
Never reach under the cover while the blade is moving!
Clean the seal with a soft cloth, a little vinegar, etc. but not with sand.
If the red lamp blinks twice, the tank is empty or has not been pushed in.
Sow the beans 3 cm deep from the middle of May, when the ground is warm.
They want sun, but they suffer if the wind is cold.
Tie the plants to canes as soon as they have five leaves.
Pick them young, for then they are sweet.
My uncle kept his money in a teapot that stood on top of the wardrobe.
On the day of the fire he saved the teapot and forgot his trousers.
The whole street came to see him, and Mrs. Petersen lent him an apron.
He wore it to the bank.
Parents of pupils in year 7 will meet their teachers on 9 October.
The coach leaves from the gate at 7.45 a.m. and does not wait.
Every child needs a packed lunch, a raincoat and a little money.
Lost property is kept for six weeks and then given away.
Your parcel was handed to a neighbour at no. 27.
Please have your identity card ready when you collect it.
A fee of $4.50 is due if it is not fetched within ten days.
We could not find a safe place to leave it.
Cut along the dotted line and keep the lower part.
Anyone may object in writing to the council before the end of June.""".split("\n")
PEOPLE = (
    "Karin Vogel",
    "Sam Adeyemi",
    "Lucia Moretti",
    "Owen Price",
    "Nora Blake",
    "Ivan Petrov",
    "Leila Haddad",
    "Hugo Jansen",
)


def said(sheet: Sheet, count: int) -> list[str]:
    return sheet.chance.sample(SENTENCES, count)


def dollars(sheet: Sheet, most: int = 80) -> str:
    return f"${sheet.chance.randint(1, most)}.{sheet.chance.randint(0, 99):02d}"


def magazine(sheet: Sheet) -> None:
    width = 560
    sheet.width = 2 * width + 2 * MARGIN + 30
    top = sheet.title("Time and clocks", 60)
    for column in range(2):
        left = MARGIN + column * (width + 30)
        sheet.put(left, top, ("Upstairs", "In the yard")[column], 32, True)
        below = top + 60
        for count in (4, 4):
            below = sheet.text(said(sheet, count), left, below, width, 26, hyphens=column == 1) + 22


def manual(sheet: Sheet) -> None:
    top = sheet.title("Care of the machine", 44)
    for number, words in enumerate(said(sheet, 5), 1):
        top = sheet.text([words], MARGIN, top, 700, 26, mark=f"({number})", indent=46) + 12


def hotel(sheet: Sheet) -> None:
    top = sheet.title("Hotel Corona", 50, "centre")
    sheet.pair("Guest:", sheet.chance.choice(PEOPLE), MARGIN, top)
    sheet.pair("Room:", str(sheet.chance.randint(101, 520)), 640, top)
    goods = sheet.chance.sample(("Breakfast", "Double room", "Parking", "Minibar", "Laundry", "City tax"), 4)
    rows = [[name, f"{sheet.chance.randint(1, 7)}", dollars(sheet, 99), dollars(sheet, 300)] for name in goods]
    top = sheet.table(["Service", "Nights", "Rate", "Sum"], rows, [MARGIN, 500, 700, 920], top + 90, 26, step=1.8)
    sheet.pair("Grand total", dollars(sheet, 900), MARGIN, top + 20, 30, at=920, align="right")
    sheet.text(said(sheet, 2), MARGIN, top + 110, 800, 24)


def ticket(sheet: Sheet) -> None:
    top = sheet.title("Day return", 48)
    values = [
        ("From", "Delft"),
        ("To", "Corn Street"),
        ("Class", "2"),
        ("Price", dollars(sheet)),
        ("Valid on", f"{sheet.chance.randint(10, 28)}/09/2027"),
        ("Ticket no.", f"{sheet.chance.randint(10**5, 10**6)}"),
    ]
    for number, (label, value) in enumerate(values):
        left = MARGIN + 470 * (number % 2)
        sheet.pair(f"{label}:", value, left, top + 56 * (number // 2), 28, at=left + 190)


def dosing(sheet: Sheet) -> None:
    top = sheet.title("Febrol for children", 46)
    top = (
        sheet.text(
            ["Give the syrup with the spoon that is in the box.", "Wait at least six hours before the next dose."],
            MARGIN,
            top,
            760,
            26,
        )
        + 24
    )
    rows = [
        [age, f"{sheet.chance.randint(2, 20)} ml", f"{sheet.chance.randint(2, 4)}"]
        for age in ("3 to 6 months", "6 to 12 months", "1 to 4 years", "5 to 7 years")
    ]
    top = sheet.table(["Age", "Single dose", "Doses a day"], rows, [MARGIN, 420, 690], top, 28, right=False)
    sheet.pair("Expiry date:", f"0{sheet.chance.randint(1, 9)}/2029", MARGIN, top + 30)


def phones(sheet: Sheet) -> None:
    top = sheet.title("Choose your plan", 46, "centre")
    rows = [
        [name, *(f"{sheet.chance.randint(2, 90)}{unit}" for _ in range(3))]
        for name, unit in (("Data", " GB"), ("Minutes", "0"), ("Texts", "00"))
    ]
    rows.append(["Price", *(dollars(sheet, 40) for _ in range(3))])
    sheet.table(["", "Small", "Medium", "Large"], rows, [MARGIN, 420, 640, 860], top, 30, step=1.9)


def sports(sheet: Sheet) -> None:
    top = sheet.title("Gym", 60)
    classes = sheet.chance.sample(("Yoga", "Boxing", "Spinning", "Back school", "Pilates", "Zumba"), 5)
    for number, name in enumerate(classes):
        top = (
            sheet.pair(name, f"{9 + 2 * number}:{sheet.chance.choice(('00', '15', '45'))}", MARGIN, top, 34, at=520) + 8
        )
    sheet.text(said(sheet, 2), MARGIN, top + 30, 760, 26)


def vaccination(sheet: Sheet) -> None:
    top = sheet.title("Vaccination record", 40)
    boxes = [
        ("Surname", sheet.chance.choice(("Vogel", "Moretti", "Haddad"))),
        ("Date of birth", "04/11/1961"),
        ("Card number", f"V{sheet.chance.randint(10**5, 10**6)}"),
    ]
    for number, (label, value) in enumerate(boxes):
        sheet.pair(label, value, MARGIN + 320 * number, top, 30, small=20)
    names = sheet.chance.sample(("Tetanus", "Measles", "Influenza", "Polio", "Rabies"), 3)
    rows = [
        [
            name,
            f"{sheet.chance.randint(1, 28):02d}/0{sheet.chance.randint(1, 9)}/2026",
            f"B{sheet.chance.randint(100, 999)}",
        ]
        for name in names
    ]
    sheet.table(["Vaccine", "Given on", "Batch"], rows, [MARGIN, 400, 700], top + 170, 26, right=False)


def seeds(sheet: Sheet) -> None:
    sheet.width = 640
    top = sheet.title("Runner beans", 46)
    top = sheet.text(said(sheet, 3), MARGIN, top, 480, 24) + 18
    for label, value in (
        ("Sow by", f"0{sheet.chance.randint(6, 9)}/2028"),
        ("Height", f"{sheet.chance.randint(150, 250)} cm"),
        ("Spacing", f"{sheet.chance.randint(10, 40)} cm"),
    ):
        top = sheet.pair(label, value, MARGIN, top, 24, at=420)


def school(sheet: Sheet) -> None:
    sheet.put(MARGIN, MARGIN, "Corn Street School", 32, True)
    top = sheet.text(said(sheet, 4), MARGIN, 140, 860, 27) + 24
    for words in said(sheet, 3):
        top = sheet.text([words], MARGIN + 40, top, 720, 27, mark="–", indent=26) + 4
    sheet.text(said(sheet, 2), MARGIN, top + 24, 860, 27, hyphens=True)


def parking(sheet: Sheet) -> None:
    top = sheet.title("Car park", 64)
    rows = [[name, dollars(sheet, 9), dollars(sheet, 20)] for name in ("1 hour", "2 hours", "Half a day", "Whole day")]
    top = sheet.table(["Length of stay", "Mon - Fri", "Sat - Sun"], rows, [MARGIN, 640, 880], top, 32)
    sheet.text(said(sheet, 1), MARGIN, top + 30, 800, 28)


def tale(sheet: Sheet) -> None:
    sheet.width = 1120
    gap = sheet.chance.choice((20, 34))
    width = (1120 - 80 - 2 * gap) // 3
    for column in range(3):
        sheet.text(said(sheet, 6), 40 + column * (width + gap), MARGIN, width, 23)


def rates(sheet: Sheet) -> None:
    top = sheet.title("Postage", 48)
    rows = [
        [kind, f"{sheet.chance.randint(20, 500)}", dollars(sheet, 9), dollars(sheet, 30)]
        for kind in ("Letter", "Large letter", "Parcel", "Heavy parcel")
    ]
    sheet.table(["Kind", "Weight (g)", "Inland", "Abroad"], rows, [MARGIN, 380, 580, 780], top, 28, right=False)


def contact(sheet: Sheet) -> None:
    sheet.width = 720
    sheet.put(360, MARGIN, sheet.chance.choice(PEOPLE), 44, True, "centre")
    sheet.put(360, 130, "Clock repairs", 28, False, "centre")
    top = 210
    for label, value in (
        ("Phone", f"0151 496 0{sheet.chance.randint(100, 999)}"),
        ("Mobile", f"07700 900{sheet.chance.randint(100, 999)}"),
        ("Fax", f"0151 496 1{sheet.chance.randint(100, 999)}"),
    ):
        top = sheet.pair(f"{label}:", value, 120, top, 26)
    sheet.text(said(sheet, 1), 60, top + 20, 600, 24)


KINDS: tuple[Kind, ...] = (
    magazine, manual, hotel, ticket, dosing, phones, sports, vaccination, seeds, school, parking, tale, rates, contact,
)  # fmt: skip

FONTS = (
    Fonts("DejaVuSerif-Italic.ttf", "DejaVuSerif-BoldItalic.ttf"),
    Fonts("STIXGeneralItalic.ttf", "STIXGeneralBolIta.ttf"),
    Fonts("DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf"),
)
