"""The notation in which `commands.py` writes what people say, and what becomes of it: a regular expression.

Notation: (a|b) one of these, [a] may be left out, (a|b)+ one after the other, <name> a row of `LISTS`, {argument} any words.
"""

from __future__ import annotations

import re

LISTS = {
    "this": "this|that|it|these|those|them",
    "is": "[this|that|it|you] (is|was|are)",
    "unit": "sentence|sentences|line|lines|page|pages|paragraph|paragraphs|bit|part|section|word|item",
    "go": "go|skip|jump|move|step|turn|read [me]|take me",
    "speak": "speak|talk|read|say|go|speaking|talking|reading|going|do|make|sound|be",
    "fast": "fast|quick|quickly|rapid",
    "slow": "slow|slowly",
    "soft": "quiet|quietly|soft|softly|low",
    "loud": "loud|loudly|noisy",
    "less": "reduce|lower|decrease|drop",
    "raise": "increase|raise|up",
    "named": "(the|his|her|their) [first|last|street|brand] "
             "(name|title|brand|author|address|street|website|email|company|product|medicine|town|city)",
    "start": "[very] (start|beginning|top)",
    "mine": "[all] [of] (my|your) [own]|all [of] [the]",
    "pictures": "pictures|photos|photographs|images|data|recordings|voice|history|conversations",
    "camera": "(the|your|that|this|my) camera",
    "old": "[the] (last|previous|other|earlier|former|first) [one|picture|photo|page|product|thing|time] [i showed you] [before]"
           "|[the] [one|picture|photo|page] [i showed you] [from] (before|earlier)",
    "lamp": "[the|any|your|my] (light|lights|lamp|lamps)",
    "shot": "picture|photo|photograph|snapshot|snap|shot|pic|image",
    "several": "several|multiple|many|some|a few|more than one|two|three|four|five|six|ten|a couple of|more",
    "sheet": "document|letter|text|booklet|leaflet|brochure|contract|manual|book|report",
    "anyone": "anyone|anybody|someone|somebody|other people|people",
    "hear": "hear|hears|see|sees|listen|listens|listening|watch|watching|access|read|reads|get|gets|know|knows",
}  # fmt: skip


def pattern(template: str) -> str:
    """The regular expression of a template, for words that are each followed by a space."""
    signs = {"(": "(?:", ")": ")", "[": "(?:", "]": ")?", "|": "|", "+": "+"}
    parts = []
    for token in re.findall(r"[()\[\]|+]|<\w+>|\{[\w:|]+\}|[^\s()\[\]|+<>{}]+", template):
        name, _, choices = token.strip("<>{}").partition(":")
        if token.startswith("<"):
            parts.append(f"(?:{pattern(LISTS[name])})")
        elif choices:
            parts.append(f"({choices}) ")
        elif token.startswith("{"):
            free = r"(?:\S+ ){1,6}?"
            parts.append(free if name == "any" else f"({pattern(LISTS[name]) if name in LISTS else free})")
        else:
            parts.append(signs.get(token) or f"{re.escape(token)} ")
    return "".join(parts)


def words_of(template: str) -> set[str]:
    """All words of a template and of the lists in it."""
    lists = (words_of(LISTS[name]) for name in re.findall(r"[<{](\w+)[>}]", template) if name in LISTS)
    return set(re.findall(r"[a-z]+", re.sub(r"<\w+>|\{\w+\}", " ", template))).union(*lists)
