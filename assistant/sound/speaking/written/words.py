"""Abbreviations of titles, streets and everyday words, and Roman numerals."""

from __future__ import annotations

import re

from assistant.sound.speaking.written.figures import Rule, any_of

_BEFORE_A_NAME = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missis", "Ms": "Miz", "Prof": "Professor", "Rev": "Reverend",
    "Sgt": "Sergeant", "Capt": "Captain", "Lt": "Lieutenant", "Col": "Colonel", "Gen": "General", "Hon": "Honourable",
    "Gov": "Governor", "Maj": "Major", "Sen": "Senator", "Fr": "Father", "St": "Saint", "Mt": "Mount", "Ft": "Fort",
}  # fmt: skip
_WITH_A_DOT = {
    "vs": "versus", "ref": "reference", "tel": "telephone", "approx": "approximately", "min": "minimum", "dept": "department",
    "incl": "including", "excl": "excluding", "ext": "extension", "qty": "quantity", "bldg": "building", "wt": "weight",
    "cf": "compare", "avg": "average", "misc": "miscellaneous", "govt": "government", "assn": "association",
}  # fmt: skip
_WITHIN_A_SENTENCE = {
    "max": "maximum", "co": "Company", "est": "established", "apt": "apartment", "jr": "junior",
    "sr": "senior", "inc": "including", "Inc": "incorporated", "corp": "corporation", "bros": "brothers",
    "temp": "temperature",
}  # fmt: skip
"""A name may follow the others; after these a capital begins a new sentence."""
_BEFORE_A_FIGURE = {
    "vol": "volume", "pp": "pages", "p": "page", "fig": "figure", "figs": "figures", "ch": "chapter", "sec": "section",
    "art": "article", "pt": "part", "nos": "numbers", "no": "number", "nr": "number", "ca": "about", "c": "about", "ed": "edition",
    "para": "paragraph", "rm": "room",
}  # fmt: skip
_ANYWHERE = {
    "Qty": "quantity", "QTY": "quantity", "qty": "quantity", "c/o": "care of", "C/O": "care of", "w/o": "without",
    "w/": "with ", "approx": "approximately", "Dept": "department", "Apt": "apartment", "Bldg": "building",
    "Sgt": "sergeant", "Jr": "junior", "incl": "including", "excl": "excluding", "EXP": "expiry", "Exp": "expiry",
    "P.O. Box": "P O Box", "PO Box": "P O Box", "Pkg": "package", "Ste": "suite", "Pvt": "private", "PTO": "P T O",
    "Attn": "attention",
}  # fmt: skip
_STREETS = {
    "Rd": "Road", "Ave": "Avenue", "Av": "Avenue", "Blvd": "Boulevard", "Ln": "Lane", "Sq": "Square", "Ct": "Court",
    "Pl": "Place", "Hwy": "Highway", "Pkwy": "Parkway", "Cres": "Crescent", "Gdns": "Gardens", "Tce": "Terrace",
    "Ter": "Terrace", "Cl": "Close", "Gr": "Grove", "Jln": "Jalan", "St": "Street", "Dr": "Drive",
}  # fmt: skip
_STREETS |= {
    short.upper(): said for short, said in _STREETS.items() if short not in ("Ct", "Pl", "Cl", "Gr", "Av", "Ter")
}

_KINGS = (
    "Louis|Henry|George|Charles|Elizabeth|Edward|William|James|Richard|Philip|Benedict|Pius|Paul|John|Gregory|Leo|Innocent|"
    "Clement|Alexander|Napoleon|Frederick|Friedrich|Wilhelm|Catherine|Peter|Nicholas|Ivan|Mary|Ramses|Rameses|Ptolemy|Carl|"
    "Karl|Gustav|Gustaf|Christian|Haakon|Harald|Olav|Felipe|Carlos|Alfonso|Ferdinand|Emmanuel|Leopold|Albert|Rama|Mehmed|"
    "Murad|Selim|Urban|Boniface|Julius|Sixtus|Victor|Margrethe|Isabella|Umberto|Constantine|Theodosius|Henri|Francis|Joseph"
)
_NUMBERED = (
    "Chapter|Part|Volume|Vol|Book|Act|Scene|Section|Article|Appendix|War|Type|Phase|Stage|Level|Grade|Class|Unit|Schedule|"
    "Title|Annex|Figure|Table|Episode|Season|Bowl|Mark|Mk|Group|Category|Canto|Symphony|Clause|Zone|Form|Step|Lesson|Module|"
    "Year|Division|Tier|Sonata|Concerto|Quartet"
)
_DIVISIONS = "Chapter|Part|Volume|Vol|Book|Act|Scene|Section|Article|Psalm"
_NUMERAL = r"(?=[IVXL]{2,}\b)(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b"
"""Two letters or more: one letter is an initial, or a letter."""
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman(numeral: str) -> int:
    """The value of a well-formed Roman numeral."""
    values = [_VALUES[letter] for letter in numeral]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def ordinal(number: int) -> str:
    """`8` → `8th`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _king(match: re.Match[str]) -> str:
    return f"{match[1]} the {ordinal(roman(match[2]))}"


def _numbered(match: re.Match[str]) -> str:
    return f"{match[1]}{roman(match[2].upper())}"


def _year(match: re.Match[str]) -> str:
    value = roman(match[0])
    return str(value) if 1500 <= value <= 2100 else match[0]


def _street(match: re.Match[str]) -> str:
    """The dot stays where the text ends, and is a pause where it goes on."""
    dot = match["dot"]
    name = match.groupdict().get("name") or ""
    return name + _STREETS[match["street"]] + ("," if dot and match.string[match.end() :].strip() else dot)


def _titled(match: re.Match[str]) -> str:
    return _BEFORE_A_NAME[(match[1] or match[2]).title()] + " "


def _dotted(match: re.Match[str]) -> str:
    short = match[1] or match[2] or match[3]
    names = _WITH_A_DOT | _WITHIN_A_SENTENCE | _BEFORE_A_FIGURE
    follows = match.string[match.end() : match.end() + 1]
    return (names.get(short) or names[short.lower()]) + ("" if follows in ",:;" else " ")


def _letters(match: re.Match[str]) -> str:
    """`U.S. army` is no sentence's end."""
    return re.sub("A (?=[A-Z])", "A, ", " ".join(match[0].replace(".", "")))


def _lowered(match: re.Match[str]) -> str:
    """In capitals altogether, nothing is spelled."""
    before = re.split(r"[.,:;!?()\n]", match.string[: match.start()])[-1]
    after = re.split(r"[.,:;!?()\n]", match.string[match.end() :], maxsplit=1)[0]
    return match[0].lower() if re.search("[a-z]", re.sub(r"\bit\b", "", before + after)) else match[0]


def _initial(match: re.Match[str]) -> str:
    if not _is_initial(match):
        return match[0]
    return "A, " if match[1] == "A" else f"{match[1]} "


def _is_initial(match: re.Match[str]) -> bool:
    """`Vitamin C. Store dry`: the letter is no name's, and the dot ends the sentence."""
    if re.match(r"[A-Z]\.", match.string[match.end() :]):
        return True
    return not re.search(rf"\b(?:{_LETTERED}) $", match.string[: match.start()][-20:], re.IGNORECASE)


def without_inner_dots(text: str, mark: str) -> str:
    """`text` with `mark` for each dot of an abbreviation or initial, which ends no sentence."""
    for pattern in (_TITLE, _DOTTED, _LETTERS):
        text = pattern.sub(lambda match: match[0].replace(".", mark), text)
    return _INITIAL.sub(lambda match: match[0].replace(".", mark) if _is_initial(match) else match[0], text)


# Words of three letters that the voices spell when they stand in capitals among small letters: "The plate is H O T".
_SPELLED_IN_CAPITALS = """
age ago aid aim air ant ape apt ark arm art ash ask ate awe axe bad bag ban bar bat bay bed bee beg bet bib bid big bin
bit boa box boy bud bug bun buy bye cab cap car cat cod cop cot cow cry cub cup cut dad dam day den dew die dig dim din
dip doe dog dot dry due dug dye ear eat ebb eel elf elm end era eve eye fan far fat fed fee few fig fin fir fit fly foe
fog fox fry fun fur gap gas gin god gum gun gut guy gym ham has hat hay hem hen hey hid hip hit hog hop hot hub hue hug
hum hut ice icy ill ink inn ivy jam jar jaw jet job jog joy jug key kid kin kit lab lad lap law lay leg let lid lie lip
lit log lot low mad man map mat men met mix mob mom mop mud mug mum nap net new nil nod nun nut oak oar oat odd off oil
old out owe owl own pad pan paw pay pea peg pen pet pie pig pin pit pod pop pot pub pun pup rag ram ran rap rat raw ray
red rib rid rig rim rip rob rod rot rub rug rum run rye sad sap sat saw say sea see set sew shy sin sip sit six sky sly
sob sow soy spa spy sue sum sun tab tan tap tar tax tea tie tin tip toe too top tow toy try tub tug van vet wag war wax
way web wed wet wig win wit woe won yam yes yet zip zoo
ada amy ann ben bob dan eva guy ian jim joe jon kay ken kim lee leo liz lou max meg mia ned pam pat ron roy sam ted tim
tom zoe
"""

_SAINTS = (
    "Agnes|Aidan|Alban|Alphege|Andrew|Ann|Anthony|Anton|Augustin|Barbara|Barnabas|Bart|Benedict|Bernard|Catherine|Cecil|"
    "Chad|Christopher|Clair|Clement|Columba|Cuthbert|David|Edmund|Elizabeth|Francis|Gallen|George|Germain|Giles|Helen|"
    "Helier|Hilda|Ignatius|Ives|James|Joan|John|Joseph|Jude|Kath|Kevin|Kilda|Kitts|Lawrence|Leonard|Louis|Luc|Luke|"
    "Margaret|Mark|Martin|Mary|Matthew|Michael|Moritz|Mungo|Neots|Nicholas|Nick|Olaf|Oswald|Pancras|Patrick|Paul|Peter|"
    "Philip|Stephen|Swithin|Teresa|Therese|Thomas|Tropez|Valentin|Vincent|Vitus|Winifred"
)
_BEGINNINGS = "The|I|It|He|She|We|They|You|This|That|There|In|If|But|And|At|On|For|What|When|All|No"
"""A letter with a dot before one of these is no initial: its dot ends a sentence."""
_CLEAR = "XX?X?(?:IX|IV|V?I{1,3})|XX?X?V|VI{1,3}|I{2,3}|IX|IV"
"""Numerals that are hardly ever anything else."""
_LETTERED = (
    "vitamin|hepatitis|option|plan|section|group|type|class|grade|part|appendix|unit|gate|block|zone|bay|platform|size|cup|"
    "terminal|hall|building|room|category|of|is|or|and|to|the|answer|level|influenza"
)
_TITLE = re.compile(rf"\b({any_of(_BEFORE_A_NAME)})(\b)\. ?(?=[A-Z(&]|and )")
_DOTTED = re.compile(
    rf"\b(?:((?i:{any_of(_WITH_A_DOT)}))\.(?: ?(?=\d)|(?= ?[,:;])| (?=[\w(£€$]))"
    rf"|((?i:{any_of(_WITHIN_A_SENTENCE)}))\.(?: ?(?=\d)|(?=[,:;])| (?=[a-z(£€$]|Ltd|LTD|Inc))"
    rf"|((?i:{any_of(_BEFORE_A_FIGURE)}))\. ?(?=\d|{_CLEAR}\b))"
)
# A dot after an initial would end the sentence between "J." and "K.".
_LETTERS = re.compile(r"\b(?![AP]\.M)(?:[A-Z]\.){2,}(?=[-,;:)]|\s+[a-z(\d])")
_INITIAL = re.compile(rf"\b(?![AP]\. ?M\b)([A-Z])\. ?(?=[A-Z])(?!(?:{_BEGINNINGS})\b)")
_AFTER_A_NAME = r"(?<=[A-Za-z] )(?<! [a-z] )"
_NO_NAME_FOLLOWS = (
    r"(?=\s*(?:$|\n|[,;:)(–/-]|\d|(?:and|in|at|near|to|is|for|from|station|entrance|car|bus)\b|[A-Z][A-Z]?\b))"
)
RULES: list[Rule] = [
    (
        re.compile(
            rf"{_AFTER_A_NAME}(?<![Tt]he )(?P<street>{any_of(set(_STREETS) - {'St', 'ST', 'Dr', 'DR'})})\b(?P<dot>\.?)(?![\w'’])"
        ),
        _street,
    ),
    (re.compile(rf"{_AFTER_A_NAME}(?P<street>St|ST|Dr)\b(?P<dot>\.?){_NO_NAME_FOLLOWS}"), _street),
    (re.compile(rf"(?P<name>\b[A-Z][a-z’']+ )(?P<street>St)\b(?P<dot>\.?)(?= [A-Z])(?! (?:{_SAINTS}))"), _street),
    (_TITLE, _titled),
    (re.compile(rf"\b(St|Sgt|Capt|Prof|Ms|Rev|Lt|DR|MR|MRS|Mt) (?=[A-Z])|\b(ST) (?=(?:{_SAINTS.upper()}))"), _titled),
    (_DOTTED, _dotted),
    (re.compile(rf"(?<!\w)({any_of(_ANYWHERE)})(?!\w)\.?(?=[ :]|$)"), lambda match: _ANYWHERE[match[1]]),
    (re.compile(r"(?<=\d(?:st|nd|rd|th) )F[lL]\b\.?"), "floor"),
    (re.compile(r"(?<=\w )No ?(?=\d)|\b[Nn][°º] ?(?=\d)|№ ?(?=\d)|#\s?(?=\d)"), "number "),
    (re.compile(rf"\b((?:King|Queen|Pope|Tsar|Emperor|Saint) (?:{_KINGS})) ([IVX]|{_NUMERAL})\b"), _king),
    (re.compile(rf"\b({_KINGS}) ({_NUMERAL}|[VX]\b(?![.] ?[A-Z]| [A-Z]))"), _king),
    (re.compile(rf"\b((?i:{_NUMBERED})s?\.? )({_NUMERAL}|(?=[ivx]{{2,}}\b)x{{0,3}}(?:ix|iv|v?i{{0,3}})\b)"), _numbered),
    (re.compile(rf"\b((?i:{_DIVISIONS})\.? )([IVX])\b(?!['’]| [a-z])"), _numbered),
    (re.compile(rf"\b((?:{_NUMBERED}) )([IV])\b(?!['’]| [a-z])"), _numbered),
    # A dot after an initial would end the sentence between "J." and "K.".
    (_LETTERS, _letters),
    (_INITIAL, _initial),
    (re.compile(r"()\b(I)(?=(?:,| and| &|–|-| or| to) ?I{2,3}\b|(?:,|–|-| to) ?I?V\b)"), _numbered),
    (re.compile(rf"(?<![\w'’.])()({_CLEAR})\b(?!['’-]\w| (?:drip|fluid|line|infusion|bag))"), _numbered),
    (re.compile(r"\bM{1,2}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b"), _year),
    (re.compile(rf"\b(?=[A-Z]{{3}}\b)(?:{'|'.join(_SPELLED_IN_CAPITALS.split()).upper()})\b(?![.'’&]\w)"), _lowered),
    # In a title printed in capitals IT is a word, not an abbreviation.
    (re.compile(r"(?<=[A-Z] )IT\b|\bIT(?= [A-Z]{2})"), "it"),
]
