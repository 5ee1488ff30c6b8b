"""What a question asks for, by plain words: a table of kinds, and the words that point at the answer on a page.

Knows nothing of pictures; finding the answer is the work of `fields.py`, `cover.py` and `grounding.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assistant.errors import QuestionError

LONGEST_QUESTION = 500
"""Characters. A spoken question of a minute is about 900 characters, a long one of ten seconds 150."""

_POLITE = re.compile(
    r"^\W*(?:(?:hi|hello|hey)(?: there)?|okay|ok|so|please|excuse me|speaker)\b[\s,:.]*"
    r"|^\W*(?:can|could|would|will) you (?:please )?(?:tell )?(?:me |us )?(?:please\b)?[\s,:]*"
    r"|^\W*(?:i(?:'d| would) like to know|i want to know|do you know|tell me|let me know)\b[\s,:]*"
    r"|[\s,.]*\b(?:please|thank you|thanks|for me)\b[\s,.!?]*$",
    re.IGNORECASE,
)

_SOMEBODY = (
    r"(he|she|they|(this|that|the) (man|woman|person|boy|girl|guy|lady|child)|(these|those|the) (people|men|women))"
)

KINDS: tuple[tuple[str, str], ...] = (
    # The first pattern that fits decides, so the narrower ones stand first.
    ("sentiment", r"\b(sentiment|mood|tone)\b|\b(is|was|sounds?|seems?) .*\b(positive|negative|happy|angry|friendly)\b"),
    ("barcode", r"\b((bar|qr|product)[ -]?codes?|data ?matrix)\b"),
    ("safety", r"\bsafe to (cross|walk|go|step|drive|enter)\b|\b(can|may|should|shall) i (cross|walk|go across|step|drive)\b"
               r"|\bcross(ing)? the (road|street)\b|\bhow far (away )?(is|are|am) (it|that|this|they|i|he|she)\b(?! (to|from)\b)"),
    ("person", rf"\bhow old (is|are) {_SOMEBODY}\b|\bwho(?:'s| is| are) {_SOMEBODY}\b"
               rf"|\b(is|are) {_SOMEBODY} .*\b(attractive|handsome|pretty|beautiful|ugly)\b"),
    ("scene", r"\bdescribe\b|\bwhat (do|can) you see\b(?! written)|\bwhere am i\b|\bwhat(?:'s| is) (happening|going on)\b"
              r"|^(?!.*\b(say|says|said|read|reads|written|writing|print|printed|text)\b)"
              r".*\b(around|in front of|ahead of|behind|beside|next to|near) (me|us)\b"
              r"|^\W*what(?:'s| is| are)?(?: there)? (in|on) (this|the) (picture|photo|photograph|image|scene|room)\b"),
    ("eyes", r"\b(colou?r|wearing|face|look(s|ing)? like|bright|light on|picture of|photo of)\b"),
    ("email", r"\be-?mail\b"),
    ("website", r"\b(web ?site|web address|url|internet address)\b"),
    ("phone", r"\b(phone|telephone|fax) number\b|\bwhat number (do|can|should) i call\b"),
    ("expiry", r"\b(expir\w*|best before|use by|sell by|best by|go(es)? off|still good|shelf life)\b"),
    ("subtitle", r"\bsub-?title\b|\b(small|smaller) (text|words|print|writing|letters)\b.*\b(under|below|beneath)\b"),
    ("series", r"\bseries\b"),
    ("edition", r"\bedition\b"),
    ("publisher", r"\b(publisher|published|publishing)\b"),
    ("author", r"\b(author|writer|wrote|written by)\b|\bwho (is|was) (this|it) (book )?by\b"),
    ("direction", r"\barrows?\b"),
    ("large", r"\b(large|larger|largest|big|bigger|biggest)\b.*\b(word|words|letter|letters|text|print|writing)\b"),
    ("line", r"\b(first|second|third|fourth|fifth|last|bottom|top) (line|row|sentence)\b"),
    ("heading", r"\bhead(ing|line|er|ings)\b"),
    ("ingredient", r"\b(first|main|1st) ingredient\b"),
    ("tax", r"\bhow much .*\b(tax|gst|vat)\b|\b(sales tax|tax amount)\b|\bwhat(?:'s| is| was) the (tax|gst|vat)\b"),
    ("change", r"\bchange\b"),
    ("paid", r"\b(was|were|did .*|i|been) (paid|pay)\b|\bamount paid\b"),
    ("total", r"\b(total|amount due|altogether|grand total|bill come to|balance due)\b"),
    ("cashier", r"\b(cashier|served)\b"),
    ("date", r"\b(what|which|the) (is the )?date\b|\bwhat day\b|\bdated\b|\bwhen (was|is|were)\b"),
    ("time", r"\bwhat time\b"),
    ("items", r"\bhow many (items|articles|things|products)\b"),
    ("company", r"\b(company|store|shop|restaurant|merchant|business|cafe|supermarket)\b.*\b(this|it|from|receipt|is|name)\b"),
    ("city", r"\b(which|what) (city|town)\b"),
    ("place", r"\bname of (this|the) (place|building|shop|street|station|museum|hotel|bar|pub|gallery)\b"),
    ("brand", r"\b(brand|manufacturer|make is|who makes|maker)\b"),
    ("title", r"\btitle\b|\b(what|which) (is (this|the) )?(book|novel|magazine|dvd|movie|cd|album|game)\b|\bname of (this|the) book\b"),
    ("percentage", r"\b(percent|percentage|per cent)\b"),
    ("duration", r"\bhow long\b"),
    ("cost", r"\b(cost|price|how expensive|how much is (this|it|that))\b"),
    ("count", r"\bhow many\b|\bwhat(?:'s| is) the number of\b"),
    ("amount", r"\bhow much\b"),
    ("instructions", r"\b(instructions?|directions|recipe|how (do|can|should) (i|you) (cook|make|use|prepare|wash|open) )"),
    ("read", r"\bread\b|\binformation on\b|\b(say|says|said|written|printed|writing|displayed|shown on|showing)\b"
             r"|\bwhat(?:'s| is| are) on (the|this|that|my)\b|\bask(s|ing)? (people|you|us|me)\b|\bwarn(s|ing)?\b"),
    ("whether", r"^\W*(does|do|is|are|has|have|can|was|were|will)\b"),
    ("product", r"\bwhat(?:'s| is| are| was) (this|that|it|these|those|in (this|the|here|that))\b"
                r"|\bwhat (kind|type|sort|flavou?r) of\b|\bwhat flavou?r\b"
                r"|\bwhat (\w+ )?(this|that|it|these|those) (is|are)\b|\bname of (this|the|my) (product|item|thing)\b"
                r"|\b(what|which) (\w+ ){1,3}(is|are) (this|that|it|these|those|in|on)\b|\bidentify\b"),
)  # fmt: skip
_PATTERNS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in KINDS)

_STOP = frozenset(
    """a about all am an and any anything are as ask asks at be been box buy by can could did do does for from give
    good have here how i if in into is it its just know label like long look many may me mean mentioned much my name
    named near need of off on one or our out package people per please product read receipt say says see should show
    shown sign so some tell text than that the their them there these they thing this those to type up us want was way
    we were what when where which who whose why will with word words would write written wrote you your kind sort
    picture photo page document item contain contains include includes shelf gram grams percent percentage number""".split()
)

SYNONYMS: dict[str, tuple[str, ...]] = {
    "calories": ("calories", "energy", "kcal"),
    "sugar": ("sugars", "sugar"),
    "fiber": ("fiber", "fibre"),
    "fibre": ("fibre", "fiber"),
    "salt": ("salt", "sodium"),
    "fat": ("total fat", "fat"),
    "carbs": ("carbohydrate", "carbohydrates"),
    "opening": ("opening", "opened", "open"),
    "capsules": ("capsules", "capsule", "caps", "kapseln"),
    "tablets": ("tablets", "tablet", "tabs", "tabletten"),
    "slice": ("slice", "slices"),
    "forbidden": ("forbidden", "prohibited", "not allowed"),
    "prohibited": ("prohibited", "forbidden", "not allowed"),
}

_OTHER_LANGUAGES: dict[str, frozenset[str]] = {
    "German": frozenset("wie wer wo das der die ist ich steht auf dem und ein eine nicht kannst mir bitte auf".split()),
    "French": frozenset("qu'est est ce que quel quelle où qui le les des une sur dans je écrit combien s'il".split()),
    "Spanish": frozenset("qué que cuál cuánto dónde quién el los las una es está en por esto dice".split()),
    "Italian": frozenset("che cosa quale quanto dove chi il gli una è questo questa scritto per".split()),
    "Dutch": frozenset("wat hoe waar het een dit deze staat op er geschreven van".split()),
    "Portuguese": frozenset("qual quanto onde quem uma isto está escrito não você diz".split()),
}
_ENGLISH = frozenset(
    """what who whose where when which how why is are does do can could the this that it of on in to read tell a an
    i my me please there any i'd say says written""".split()
)


@dataclass(frozen=True)
class Question:
    """A question as it will be looked up on a page."""

    text: str
    """As asked, without words of courtesy."""
    phrase: str
    """The thing asked for in "what is the ...": it may stand on the page as a label; lower case, may be empty."""
    kind: str
    """A row of `KINDS`, or "open" when none fits."""
    keys: tuple[tuple[str, ...], ...]
    """Content words in the order asked, each with its synonyms as they may be printed; lower case."""

    def asks(self, *words: str) -> bool:
        """Whether any of these words occurs in the question."""
        return re.search(rf"\b({'|'.join(words)})\b", self.text, re.IGNORECASE) is not None


def understand(text: str) -> Question:
    """A Question from what was typed or heard.

    Raises QuestionError when it is empty, too long, or not English.
    """
    plain = " ".join(text.split())
    if not any(character.isalnum() for character in plain):
        raise QuestionError(
            "the question is empty: say what you want to know, for example --text 'What does it say?'",
            "I did not get a question. Ask, for example: what does it say?",
        )
    if len(plain) > LONGEST_QUESTION:
        raise QuestionError(
            f"the question has {len(plain):,} characters, the limit is {LONGEST_QUESTION}: ask one short question",
            "That question is too long. Ask one short question.",
        )
    _refuse_other_languages(plain)
    while (shorter := _POLITE.sub("", plain)) != plain and shorter.strip(" ?.!"):
        plain = shorter.strip()
    kind = next((kind for kind, pattern in _PATTERNS if pattern.search(plain)), "open")
    named = re.match(
        r"\W*(?:what|which|where)(?:'s| is| are| was) (?:the|my|its|this) ([\w '-]+?)(?: (?:of|on|in|for|at|from)\b|\W*$)",
        plain,
        re.IGNORECASE,
    )
    return Question(plain, named.group(1).lower() if named else "", kind, _keys(plain, kind))


_ASKING = re.compile(
    r"^\W*(what|which|who|whose|where|when|why|how|is|are|was|were|does|do|did|can|could|will|would|has|have|should"
    r"|tell|read|find|describe|show|look|say|give|explain|any|ask)\b",
    re.IGNORECASE,
)


def sounds_meant(text: str) -> bool:
    """Whether words that nobody was called for sound like a question, and not like talk in the room."""
    plain = " ".join(text.split())
    while (shorter := _POLITE.sub("", plain)) != plain and shorter.strip(" ?.!"):
        plain = shorter.strip()
    return _ASKING.match(plain) is not None or any(
        pattern.search(plain) for kind, pattern in _PATTERNS if kind != "whether"
    )


def _keys(text: str, kind: str) -> tuple[tuple[str, ...], ...]:
    words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.lower())
    content = [word for word in words if word not in _STOP and len(word) > 1]
    subject = re.match(r"\W*(?:is|are|was|does|do|has|have) (?:this|the|that|these|those|it|my) (\w+)", text.lower())
    if kind == "whether" and subject and len(content) >= 3 and subject.group(1) == content[0]:
        content = content[1:]  # "is this milk lactose free?" asks of the milk, not for the word
    return tuple(SYNONYMS.get(word, (word,)) for word in content)


def _refuse_other_languages(text: str) -> None:
    """The embedded recogniser and language model know English alone; saying so beats a wrong answer."""
    letters = [character for character in text if character.isalpha()]
    foreign = sum(not _latin(character) for character in letters) > 0.3 * len(letters) if letters else False
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text.lower())
    english = sum(word in _ENGLISH for word in words)
    other = max(sum(word in known for word in words) for known in _OTHER_LANGUAGES.values())
    if foreign or (other >= 2 and other > english):
        raise QuestionError(
            "the question is not in English, and this profile's models know only English: ask in English",
            "I understand only English so far. Please ask in English.",
        )


def _latin(character: str) -> bool:
    return ord(character) < 0x250 or 0x1E00 <= ord(character) < 0x1F00
