"""Kinds of page that were unseen when first measured (sentences 100 %, cells 36 %, pairs 77 %), and developed on since."""

from __future__ import annotations

from scripts.make.pages.sheet import MARGIN, Fonts, Kind, Sheet

SENTENCES = """A ferry leaves the small harbour every hour between April and October.
Passengers with bicycles should board first and stay on the lower deck.
The crossing takes 25 min. if the sea is calm.
Mrs. Okafor has run the kiosk on the pier since 1987.
Fresh crab, prawns, mussels, etc. are sold from the boats at noon.
Dogs are welcome on a lead!
The lighthouse was built by J. P. Merrow and stands 31.5 metres above the water.
Is there a toilet on the island?
There is one behind the café, approx. 200 m from the landing stage.
Nobody may light a fire on the beach, not even in a tray.
Our choir meets on Wednesdays in the upper hall of the school.
You need not read music, but it helps if you can hold a tune.
Last winter we sang in St. Albans and raised £2,310.75 for the hospice.
New voices are wanted above all among the basses.
Please do not park in front of the fire station, e.g. to unload instruments.
The boiler must be serviced once a year by somebody who is registered.
If you smell gas, open the windows, leave the house and ring the emergency number.
Do not switch anything on or off until the engineer says that it is safe.
The filter is cleaned with warm water and left to dry overnight.
Press the left button for three seconds and wait until the lamp turns green.
Keep the box, for the guarantee ends if the device is sent back without it.
Batteries do not belong in the household rubbish.
In the end the fox took only two of the hens, and the third came back by itself.
Grandmother had hidden the letters in the clock that had not gone for forty years.
It rained for nine days; on the tenth the river came into the kitchen.
They carried the piano up to the attic, where it still stands.
When the water fell again, a carp was lying in the bread oven.
Nobody believed the postman, who swore that he had seen the mayor in a rowing boat.
Payment is due within 14 days of the date of this letter.
After that we charge a fee of 5.5 per cent.""".split("\n")
NAMES = (
    "Ines Albrecht",
    "Tom Varga",
    "Mei Lindqvist",
    "Paul Achebe",
    "Rosa Fontaine",
    "Jack Sorensen",
    "Ana Duarte",
    "Ruth Malone",
)


def said(sheet: Sheet, count: int) -> list[str]:
    return sheet.chance.sample(SENTENCES, count)


def money(sheet: Sheet, most: int = 90) -> str:
    return f"{sheet.chance.randint(1, most)},{sheet.chance.randint(0, 99):02d} €"


def newspaper(sheet: Sheet) -> None:
    sheet.width = 1300
    top = sheet.title("The Harbour Herald", 64, "centre")
    gap = sheet.chance.choice((18, 26))
    width = (sheet.width - 80 - 3 * gap) // 4
    for column in range(4):
        sheet.text(said(sheet, 4), 40 + column * (width + gap), top, width, 24, hyphens=True)


def centred_poster(sheet: Sheet) -> None:
    top = sheet.title("Harbour Choir", 72, "centre")
    for count in (2, 1, 2):
        top = sheet.text(said(sheet, count), 150, top, 700, 32, align="centre") + 50


def statement(sheet: Sheet) -> None:
    top = sheet.title("Account statement", 40)
    sheet.pair("Account holder", sheet.chance.choice(NAMES), MARGIN, top, at=420)
    sheet.pair("Account number", f"{sheet.chance.randint(10**7, 10**8)}", MARGIN, top + 36, at=420)
    shops = sheet.chance.sample(
        ("Card payment bakery", "Standing order rent", "Salary", "Cash machine", "Refund ferry"), 4
    )
    rows = [[f"{sheet.chance.randint(1, 28):02d}.06.2027", shop, money(sheet), money(sheet)] for shop in shops]
    sheet.table(["Date", "Details", "Amount", "Balance"], rows, [MARGIN, 250, 780, 940], top + 120, 24, head_column=1)


def lessons(sheet: Sheet) -> None:
    top = sheet.title("Class 4b", 44)
    subjects = ("Maths", "English", "Music", "Sport", "Art", "Science", "History")
    rows = [
        [f"{8 + n}:{sheet.chance.choice(('00', '15', '30'))}", *sheet.chance.choices(subjects, k=5)] for n in range(5)
    ]
    sheet.table(
        ["Time", "Mon", "Tue", "Wed", "Thu", "Fri"],
        rows,
        [MARGIN, 190, 350, 510, 670, 830],
        top,
        26,
        right=False,
        step=1.7,
    )


def boarding(sheet: Sheet) -> None:
    values = [("Passenger", sheet.chance.choice(NAMES)), ("Flight", f"KL {sheet.chance.randint(100, 999)}"),
              ("Gate", f"B{sheet.chance.randint(1, 40)}"),
              ("Seat", f"{sheet.chance.randint(1, 40)}C"), ("Date", "17 JUN 2027"), ("Boarding", "09:35")]  # fmt: skip
    top = sheet.title("Boarding pass", 38)
    for number, (label, value) in enumerate(values):
        sheet.pair(label, value, MARGIN + 310 * (number % 3), top + 140 * (number // 3), 32, small=22)


def weather(sheet: Sheet) -> None:
    top = sheet.title("Weather this week", 40)
    days = ["", "Monday", "Tuesday", "Wednesday", "Thursday"]
    rows = [[name, *(f"{sheet.chance.randint(low, high)}{unit}" for _ in range(4))]
            for name, low, high, unit in (("Highest", 14, 29, " °C"), ("Lowest", 3, 13, " °C"), ("Rain", 0, 90, "%"),
                ("Wind", 4, 60, " km/h"))]  # fmt: skip
    sheet.table(days, rows, [MARGIN, 260, 440, 620, 820], top, 28, right=False)
    sheet.text(said(sheet, 2), MARGIN, sheet.bottom + 30, 820, 26)


def cafe(sheet: Sheet) -> None:
    top = sheet.title("Café on the pier", 50)
    for dish in sheet.chance.sample(
        ("Fish soup", "Crab sandwich", "Pot of tea", "Scone with jam", "Hot chocolate", "Ginger beer", "Waffle"), 5
    ):
        price, end = (
            f"{sheet.chance.randint(2, 18)}.{sheet.chance.choice(('50', '80', '95'))}",
            sheet.length(dish, 30) + MARGIN,
        )
        dots = "." * ((700 - end) // max(1, sheet.length(".", 30)))
        top = sheet.pair(f"{dish} {dots}", price, MARGIN, top, 30) + 10


def rating_plate(sheet: Sheet) -> None:
    sheet.width = 760
    top = sheet.title("Dishwasher", 34)
    for label, value in (
        ("Model:", f"DW-{sheet.chance.randint(100, 999)}"),
        ("Serial no.:", f"SN{sheet.chance.randint(10**5, 10**6)}"),
        ("Voltage:", "230 V"),
        ("Power:", f"{sheet.chance.randint(12, 24)}00 W"),
    ):
        top = sheet.pair(label, value, MARGIN, top, 24) + 4
    sheet.text(said(sheet, 2), MARGIN, top + 30, 620, 22)


def rules(sheet: Sheet) -> None:
    top = sheet.title("House rules", 46)
    top = sheet.text(said(sheet, 1), MARGIN, top, 860, 26) + 20
    style = sheet.chance.choice(("a)", "1)", "*"))
    for number, words in enumerate(said(sheet, 4)):
        mark = {"a)": f"{'abcd'[number]})", "1)": f"{number + 1})", "*": "*"}[style]
        top = sheet.text([words], MARGIN + 20, top, 700, 26, mark=mark, indent=34) + 4


def fares(sheet: Sheet) -> None:
    top = sheet.title("Fares", 54)
    rows = [
        [zone, *(f"€{sheet.chance.randint(1, 40)}.{sheet.chance.choice(('00', '20', '50'))}" for _ in range(3))]
        for zone in ("Zone A", "Zones A-B", "Zones A-C", "Whole county")
    ]
    sheet.table(["Valid in", "Single", "Day", "Month"], rows, [MARGIN, 480, 690, 900], top, 34)
    sheet.text(said(sheet, 2), MARGIN, sheet.bottom + 40, 860, 26)


def ingredients(sheet: Sheet) -> None:
    sheet.width = 700
    top = sheet.title("Seeded crackers", 48)
    flour = sheet.chance.choice(("rye flour (62.5%)", "oat flour (40%)"))
    top = (
        sheet.text(
            [f"Ingredients: {flour}, sunflower seeds, linseed, rapeseed oil, barley malt extract, sea salt."],
            MARGIN,
            top,
            560,
            24,
        )
        + 16
    )
    top = (
        sheet.text(["May contain traces of milk and nuts.", "Not suitable for children under 3."], MARGIN, top, 560, 24)
        + 16
    )
    sheet.pair("Best before:", f"{sheet.chance.randint(10, 28)}.11.2027", MARGIN, top, 24)


def syrup(sheet: Sheet) -> None:
    sheet.width = 760
    top = sheet.title("Tussol cough syrup", 46)
    top = (
        sheet.text(["Adults: 10 ml every 4 to 6 hours, but no more than 4 doses in 24 hours."], MARGIN, top, 600, 26)
        + 14
    )
    top = (
        sheet.text(
            [
                "Shake the bottle well before use.",
                "Do not give to children under 6 years unless a doctor has advised it.",
            ],
            MARGIN,
            top,
            600,
            26,
        )
        + 14
    )
    top = sheet.pair("Use by", f"0{sheet.chance.randint(1, 9)}/2028", MARGIN, top)
    sheet.pair("Batch", f"T{sheet.chance.randint(1000, 9999)}B", MARGIN, top)


def story(sheet: Sheet) -> None:
    top = sheet.title("The wet summer", 42, "centre")
    width = sheet.chance.choice((420, 620, 880))
    for count in (4, 4):
        top = sheet.text(said(sheet, count), MARGIN, top, width, 27, hyphens=True) + sheet.chance.choice((0, 24))


def electricity(sheet: Sheet) -> None:
    sheet.put(MARGIN, MARGIN, sheet.chance.choice(NAMES), 26)
    sheet.pair("Customer number", f"{sheet.chance.randint(10**6, 10**7)}", 540, MARGIN, 24, at=960, align="right")
    sheet.pair("Due date", "21.07.2027", 540, MARGIN + 36, 24, at=960, align="right")
    top = sheet.title("Your electricity bill", 38, top=200)
    top = sheet.text(said(sheet, 3), MARGIN, top, 880, 25) + 30
    rows = [
        [name, f"{sheet.chance.randint(50, 900)}", f"0.{sheet.chance.randint(10, 40)}", money(sheet)]
        for name in ("Day rate", "Night rate", "Standing charge")
    ]
    top = sheet.table(["", "kWh", "Price (€)", "Total"], rows, [MARGIN, 520, 720, 940], top, 26)
    sheet.pair("To pay", money(sheet), MARGIN, top + 30, 34, at=940, align="right")


KINDS: tuple[Kind, ...] = (
    newspaper, centred_poster, statement, lessons, boarding, weather, cafe, rating_plate, rules,
    fares, ingredients, syrup, story, electricity,
)  # fmt: skip

FONTS = (
    Fonts("STIXGeneral.ttf", "STIXGeneralBol.ttf"),
    Fonts(),
    Fonts("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
)
