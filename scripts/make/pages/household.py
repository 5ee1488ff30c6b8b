"""Kinds of page that the rules of `assistant/picture/structure` were developed on from the beginning."""

from __future__ import annotations

from scripts.make.pages.sheet import MARGIN, Fonts, Kind, Sheet

SENTENCES = """The heating in the front rooms will be off from Monday until the new pump has been fitted.
Please keep the windows closed while the work is going on.
Mr. Harris from no. 14 has the key and will let the men in.
If you cannot be at home, leave a note with your name at the office.
The pump costs £1,250.50 and is paid by the owner, not by you.
A second visit is planned for 3 p.m. on Thursday.
We found a leak of approx. 2.5 litres an hour under the stairs.
Nobody was hurt, and the water was turned off at once.
Do not pour anything down the sink before the plumber has been there.
Children under 12 may swim only with an adult.
The library opens again on 4 May with longer hours in the evening.
Bring a pen, a cup, etc. and wear old clothes.
Dr. Lowe will see you in room 3 on the second floor.
She asked whether the bus would still stop at St. Mary's church.
Yes!
It is the oldest bridge in the county and was built of grey stone in 1742.
Can you spare an hour a week?
Then ring Anne on 020 7946 0018 or send a letter to the address below.
All cakes are made on the day they are sold.
Wash dark colours separately and do not bleach.
The blackbird had built its nest above the kitchen door, and nobody used that door until June.
Visitors are asked not to touch the paintings.
Take the second road on the left after the mill and follow the signs.
Mix the flour with the butter until it looks like crumbs.
Warm the milk to 37.5 °C and stir in the yeast.
Leave to rise for 45 min. in a warm place, e.g. near the stove.
In 1998 the orchestra played here for the first time.
Members who have not paid by 31 March lose their vote.
Tickets bought online cannot be returned, but they may be given to somebody else.
The garden belongs to everyone who lives in the street.""".split("\n")
ITEMS = "Milk 1 L,Brown bread,Cheddar 200 g,Bananas,Olive oil,Green tea,Washing powder,Tomatoes,Eggs 12,Butter,Rice 1 kg,Honey".split(
    ","
)
DISHES = "Leek soup,Grilled trout with almonds,Mushroom risotto,Lamb stew,Apple crumble,House salad,Roast chicken,Lemon tart".split(
    ","
)


def said(sheet: Sheet, count: int) -> list[str]:
    return sheet.chance.sample(SENTENCES, count)


def money(sheet: Sheet, most: int = 30) -> str:
    return f"{sheet.chance.randint(0, most)}.{sheet.chance.randint(0, 99):02d}"


def clock(sheet: Sheet, hour: int) -> str:
    return f"{hour:02d}:{sheet.chance.randint(0, 11) * 5:02d}"


def letter(sheet: Sheet) -> None:
    sheet.put(sheet.width - MARGIN, MARGIN, "Northgate Housing", 24, True, "right")
    sheet.put(sheet.width - MARGIN, MARGIN + 34, "14 Mill Lane, Wexby WX3 4TR", 24, False, "right")
    sheet.pair("Date:", "12 May 2027", MARGIN, 190)
    top = sheet.title("Work in your building", 34, top=270)
    for count in (3, 4, 2):
        top = sheet.text(said(sheet, count), MARGIN, top, 880, hyphens=sheet.chance.random() < 0.4) + 26
    sheet.put(MARGIN, top, "Yours sincerely")


def leaflet(sheet: Sheet) -> None:
    columns = sheet.chance.choice((2, 3, 3))
    gap = sheet.chance.choice((14, 24, 40))
    width = (sheet.width - 2 * 40 - (columns - 1) * gap) // columns
    top = sheet.title("News from the village", 44)
    for column in range(columns):
        sheet.text(said(sheet, 5 if columns == 3 else 7), 40 + column * (width + gap), top, width, 22)


def menu(sheet: Sheet) -> None:
    top = sheet.title("The Old Forge", 56, "centre") + 20
    for name in ("Starters", "Mains"):
        sheet.put(MARGIN, top, name, 34, True)
        top += 60
        for dish in sheet.chance.sample(DISHES, 3):
            top = sheet.pair(dish, money(sheet), MARGIN, top, 28, at=sheet.width - MARGIN, align="right") + 8
        top += 30


def receipt(sheet: Sheet) -> None:
    sheet.width = 640
    sheet.put(320, MARGIN, "GREEN GROCERS LTD", 36, True, "centre")
    sheet.put(320, MARGIN + 52, "8 Station Road, Wexby", 24, False, "centre")
    top = MARGIN + 130
    rows = [(item, money(sheet, 9)) for item in sheet.chance.sample(ITEMS, 5)]
    for item, price in [
        *rows,
        ("Subtotal", "31.20"),
        ("VAT", "1.80"),
        ("TOTAL", "33.00"),
        ("Cash", "40.00"),
        ("Change", "7.00"),
    ]:
        top = sheet.pair(item, price, 40, top, 26, at=600, align="right")
    sheet.pair("Date:", "03/04/2027", 40, top + 30, 24)
    sheet.text(["Thank you for shopping with us."], 40, top + 80, 560, 24)


def nutrition(sheet: Sheet) -> None:
    top = sheet.title("Nutrition", 36)
    portion = f"per {sheet.chance.choice((25, 30, 45))} g serving"
    names = "Energy,Fat,of which saturates,Carbohydrate,of which sugars,Fibre,Protein,Salt".split(",")
    rows = [
        [name, *(f"{sheet.chance.randint(0, 60)}.{sheet.chance.randint(0, 9)} g" for _ in range(2))] if name != "Energy"
        else [name, f"{sheet.chance.randint(900, 1900)} kJ", f"{sheet.chance.randint(200, 600)} kJ"]
        for name in names
    ]  # fmt: skip
    right = sheet.chance.random() < 0.6
    sheet.table(
        ["Typical values", "per 100 g", portion],
        rows,
        [MARGIN, 560, 900] if right else [MARGIN, 420, 680],
        top,
        right=right,
    )
    sheet.text(said(sheet, 2), MARGIN, sheet.bottom + 40, 860, 24)


def timetable(sheet: Sheet) -> None:
    top = sheet.title("Bus 41 Airport", 44)
    stops = ["Days", "Mill Lane", "Station", "Hospital", "Airport"]
    rows = [
        [day, *(clock(sheet, hour + n // 2) for n in range(4))]
        for day, hour in (("Mon-Fri", 7), ("Mon-Fri", 12), ("Sat", 9), ("Sun", 10))
    ]
    for n, row in enumerate(rows):
        row[0] = ("Mon-Fri early", "Mon-Fri noon", "Sat", "Sun")[n]
    sheet.table(stops, rows, [MARGIN, 320, 500, 660, 830], top, right=False)


def form_left(sheet: Sheet) -> None:
    top = sheet.title("Membership", 40)
    people = [
        ("First name", "Anna"),
        ("Last name", "Whitfield"),
        ("Street", "9 Harbour Row"),
        ("Telephone", "01632 960 441"),
        ("Member no.", "M 20447"),
    ]
    for label, value in sheet.chance.sample(people, 4):
        top = sheet.pair(f"{label}:", value, MARGIN, top, 28, at=sheet.chance.choice((None, 380))) + 14
    sheet.text(said(sheet, 2), MARGIN, top + 40, 860, 24)


def form_above(sheet: Sheet) -> None:
    top = sheet.title("Insurance card", 40)
    boxes = [
        ("Member name", "Robert Ashdown"),
        ("Group number", "88213"),
        ("Member number", "123456789"),
        ("Valid until", "08/2028"),
        ("Plan", "Family Plus"),
        ("Doctor", "Dr. E. Lowe"),
    ]
    sheet.chance.shuffle(boxes)
    for number, (label, value) in enumerate(boxes):
        left = MARGIN + 460 * (number % 2)
        sheet.pair(label, value, left, top + 110 * (number // 2), 30, small=20)


def medicine(sheet: Sheet) -> None:
    top = sheet.title("Amoxil 250 mg", 60)
    sheet.put(MARGIN, top, "21 capsules", 34)
    top += 70
    for words in (["Take one capsule three times a day until the course is finished, unless your doctor tells you otherwise."],
                  ["Do not take more than 3 capsules in 24 hours.", "Keep out of the reach of children."]):  # fmt: skip
        top = sheet.text(words, MARGIN, top, sheet.chance.choice((480, 640)), 28) + 24
    sheet.pair("EXP", "08/2027", MARGIN, top + 20)
    sheet.pair("LOT", "27A4413", MARGIN + 400, top + 20)


def notice(sheet: Sheet) -> None:
    top = sheet.title("Before you swim", 44, "centre")
    mark = sheet.chance.choice(("•", "-", "1"))
    for number, words in enumerate(said(sheet, 4), 1):
        top = sheet.text([words], 90, top, 760, 28, mark=f"{number}." if mark == "1" else mark, indent=30) + 10


def prices(sheet: Sheet) -> None:
    top = sheet.title("Haircuts", 60)
    rows = [
        [name, f"£{sheet.chance.randint(8, 30)}.00", f"£{sheet.chance.randint(31, 60)}.00"]
        for name in ("Children", "Adults", "Students", "Over 65")
    ]
    sheet.table(["", "Dry", "Wash and cut"], rows, [MARGIN, 520, 880], top, 34)


def bill(sheet: Sheet) -> None:
    top = sheet.title("Invoice", 48)
    sheet.pair("Invoice no.:", "INV-20931", MARGIN, top)
    sheet.pair("Due date:", "30/06/2027", 560, top)
    rows = [
        [item, str(sheet.chance.randint(1, 9)), money(sheet), money(sheet, 90)]
        for item in sheet.chance.sample(ITEMS, 4)
    ]
    top = sheet.table(["Description", "Quantity", "Unit price", "Amount"], rows, [MARGIN, 560, 760, 930], top + 80)
    sheet.pair("Total due", money(sheet, 200), 560, top + 40, at=930, align="right")
    sheet.text(said(sheet, 2), MARGIN, top + 120, 860, 24)


def hours(sheet: Sheet) -> None:
    top = sheet.title("Opening hours", 50, "centre")
    for day, time in zip(
        "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday".split(","),
        ["9 am - 5 pm"] * 5 + ["10 am - 2 pm", "closed"],
        strict=True,
    ):
        top = sheet.pair(day, time, 140, top, 32, at=520) + 6


def recipe(sheet: Sheet) -> None:
    top = sheet.title("Plum cake", 54)
    left = top
    for item in ("200 g flour", "100 g butter", "2 eggs", "500 g plums", "1 tsp salt"):
        sheet.put(MARGIN, left, item, 24)
        left += 36
    for words in sheet.chance.sample(SENTENCES[23:26] + SENTENCES[7:9] + SENTENCES[18:20], 4):
        top = sheet.text([words], 380, top, 420, 24) + 4


KINDS: tuple[Kind, ...] = (
    letter, leaflet, menu, receipt, nutrition, timetable, form_left, form_above, medicine, notice, prices, bill, hours, recipe,
)  # fmt: skip

_DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVu"
FONTS = (
    Fonts(f"{_DEJAVU}Sans.ttf", f"{_DEJAVU}Sans-Bold.ttf"),
    Fonts(f"{_DEJAVU}Serif.ttf", f"{_DEJAVU}Serif-Bold.ttf"),
    Fonts(f"{_DEJAVU}SansCondensed.ttf", f"{_DEJAVU}SansCondensed-Bold.ttf"),
)
