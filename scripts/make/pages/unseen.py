"""Kinds of page, texts and fonts on which nothing was developed: many tables, of sorts that the other sets do not have."""

from __future__ import annotations

from scripts.make.pages.sheet import MARGIN, Fonts, Kind, Sheet

SENTENCES = """The allotment by the canal will be shared out anew in spring.
Whoever wants a plot should write to Ms. Tanaka before 15 January.
Each plot is about 12.5 m long and as wide as a lorry.
Sheds, greenhouses, etc. need the consent of the neighbours.
Hens are allowed, but cocks are not!
Who will look after the bees?
The tap is turned off from November so that the pipe does not burst.
Do not burn rubber, plastic or painted wood.
The old pear tree at the gate must stay, for a woodpecker lives in it.
On Saturdays the club lends out tools at 9.30 a.m. and wants them back by noon.
The dentist Dr. Rahman has moved from no. 8 to no. 18.
His rooms are on the ground floor and can be reached with a wheelchair.
If your tooth hurts at night, ring the hospital and ask for the duty dentist.
Two actors are ill, so the play has been put off until the autumn.
Money will be returned at the box office within six weeks.
A replacement bus runs between the bridge and the town hall.""".split("\n")


def said(sheet: Sheet, count: int) -> list[str]:
    return sheet.chance.sample(SENTENCES, count)


def number(sheet: Sheet, low: int, high: int) -> str:
    return str(sheet.chance.randint(low, high))


def league(sheet: Sheet) -> None:
    top = sheet.title("Second league", 46)
    teams = sheet.chance.sample(("Canal United", "Rovers", "Mill Town", "Red Star", "Athletic", "Wanderers"), 5)
    rows = [
        [team, number(sheet, 8, 20), number(sheet, 0, 12), number(sheet, 0, 9), number(sheet, 3, 40)] for team in teams
    ]
    sheet.table(["Team", "Played", "Won", "Lost", "Points"], rows, [MARGIN, 480, 620, 760, 920], top, 28)


def tides(sheet: Sheet) -> None:
    top = sheet.title("Tides in May", 50, "centre")
    rows = [[f"{day} May", f"0{number(sheet, 1, 9)}:{number(sheet, 10, 59)}", f"1{number(sheet, 3, 9)}:{number(sheet, 10, 59)}",
             f"{number(sheet, 2, 6)}.{number(sheet, 0, 9)} m"] for day in range(3, 9)]  # fmt: skip
    sheet.table(["Date", "Low water", "High water", "Height"], rows, [MARGIN, 260, 500, 740], top, 28, right=False)


def paint(sheet: Sheet) -> None:
    top = sheet.title("Colours in stock", 42)
    rows = [[name, f"P-{number(sheet, 100, 999)}", f"{number(sheet, 1, 20)} l", f"£{number(sheet, 4, 60)}.{number(sheet, 10, 99)}"]
            for name in ("Chalk white", "Moss", "Brick red", "Night blue")]  # fmt: skip
    top = sheet.table(["Colour", "Code", "Tin", "Price"], rows, [MARGIN, 380, 600, 780], top, 28, right=False, step=1.8)
    sheet.text(said(sheet, 2), MARGIN, top + 40, 800, 26)


def allotment(sheet: Sheet) -> None:
    top = sheet.title("Allotments", 44)
    for count in (4, 3):
        top = sheet.text(said(sheet, count), MARGIN, top, 760, 27, hyphens=True) + 24
    sheet.pair("Rent:", f"£{number(sheet, 20, 90)}.00", MARGIN, top)
    sheet.pair("Deposit:", f"£{number(sheet, 10, 50)}.00", MARGIN + 440, top)


def calories(sheet: Sheet) -> None:
    sheet.width = 720
    sheet.put(MARGIN, MARGIN, "Nutrition information", 32, True)
    names = ("Energy (kJ)", "Protein (g)", "Fat (g)", "Sugars (g)", "Sodium (mg)")
    rows = [[name, f"{number(sheet, 1, 900)}", f"{number(sheet, 1, 90)}.{number(sheet, 0, 9)}"] for name in names]
    sheet.table(["", "100 ml", "250 ml"], rows, [MARGIN, 480, 650], 130, 26)


def duties(sheet: Sheet) -> None:
    top = sheet.title("Who does what", 44)
    people = ("Ana", "Boris", "Chen", "Dora", "Emil")
    rows = [[day, *sheet.chance.sample(people, 3)] for day in ("Monday", "Tuesday", "Wednesday", "Thursday")]
    sheet.table(["Day", "Kitchen", "Garden", "Stairs"], rows, [MARGIN, 330, 560, 780], top, 28, right=False)
    sheet.text(said(sheet, 2), MARGIN, sheet.bottom + 30, 800, 26)


def meter(sheet: Sheet) -> None:
    top = sheet.title("Meter reading", 40)
    rows = [
        [name, number(sheet, 1000, 5000), number(sheet, 5001, 9999), number(sheet, 20, 900)]
        for name in ("Gas", "Water", "Electricity")
    ]
    top = sheet.table(["Meter", "Before", "Now", "Used"], rows, [MARGIN, 460, 680, 900], top, 30)
    sheet.pair("Read on", f"{number(sheet, 10, 28)}.02.2028", MARGIN, top + 30)
    sheet.pair("Reader", f"K{number(sheet, 100, 999)}", MARGIN + 460, top + 30)


def flights(sheet: Sheet) -> None:
    top = sheet.title("Departures", 56)
    towns = sheet.chance.sample(("Oslo", "Cork", "Porto", "Riga", "Bergen", "Malaga"), 5)
    rows = [
        [f"{6 + n}:{number(sheet, 10, 59)}", town, f"ZK {number(sheet, 100, 999)}", f"A{number(sheet, 1, 30)}"]
        for n, town in enumerate(towns)
    ]
    sheet.table(
        ["Time", "To", "Flight", "Gate"], rows, [MARGIN, 250, 520, 800], top, 32, right=False, step=1.7, head_column=1
    )


def two_columns(sheet: Sheet) -> None:
    top = sheet.title("Notes from the canal", 42)
    gap = sheet.chance.choice((16, 30, 60))
    width = (1000 - 2 * 50 - gap) // 2
    for column in range(2):
        sheet.text(said(sheet, 6), 50 + column * (width + gap), top, width, 25)


def clinic(sheet: Sheet) -> None:
    top = sheet.title("Dental practice", 44, "centre")
    for day, time in zip(
        ("Mon, Tue", "Wed", "Thu, Fri"), ("8:30 - 17:00", "8:30 - 12:00", "10:00 - 18:30"), strict=True
    ):
        top = sheet.pair(day, time, 180, top, 30, at=560) + 6
    top += 20
    for words in said(sheet, 3):
        top = sheet.text([words], 120, top, 700, 26, mark="•", indent=24) + 6
    sheet.pair("Phone:", f"01632 960 {number(sheet, 100, 999)}", 180, top + 20)


def sizes(sheet: Sheet) -> None:
    top = sheet.title("Size guide", 42)
    rows = [
        [size, *(f"{number(sheet, low, low + 12)} cm" for low in (76, 60, 84))]
        for size in ("Small", "Medium", "Large", "Extra large")
    ]
    sheet.table(["Size", "Chest", "Waist", "Hips"], rows, [MARGIN, 480, 700, 920], top, 28)


KINDS: tuple[Kind, ...] = (
    league, tides, paint, allotment, calories, duties, meter, flights, two_columns, clinic, sizes,
)  # fmt: skip

_DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVu"
FONTS = (
    Fonts(f"{_DEJAVU}SerifCondensed-Italic.ttf", f"{_DEJAVU}SerifCondensed-BoldItalic.ttf"),
    Fonts("DejaVuSansMono-Oblique.ttf", "DejaVuSansMono-BoldOblique.ttf"),
    Fonts(f"{_DEJAVU}Sans-ExtraLight.ttf", f"{_DEJAVU}SansCondensed-BoldOblique.ttf"),
    Fonts("STIXGeneralBol.ttf", "STIXGeneralBolIta.ttf"),
)
