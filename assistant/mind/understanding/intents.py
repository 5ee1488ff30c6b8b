"""What an utterance asks the assistant to do, by plain words; whatever is no command is a question about a picture.

The words themselves stand in `commands.py`; what a question asks for is found by `question.py`; what follows from an intent,
which may depend on what is going on ("where am I" in a reading or in a street), is decided by the dialogue.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from assistant.mind.understanding.alike import difference, length, sounds
from assistant.mind.understanding.commands import DESTRUCTIVE, PATTERNS, IntentName
from assistant.mind.understanding.key_words import ASKED, SOUNDS, VOCABULARY
from assistant.mind.understanding.question import LONGEST_QUESTION

__all__ = ["Intent", "IntentName", "interpret"]

LONGEST_COMMAND = 120
"""Characters. The longest of the samples has 60."""
ALIKE, ALIKE_SHORT, ALIKE_QUESTION = 0.25, 0.22, 0.13
"""Up to this `difference` words are taken for a phrase that was misheard: of more than a few sounds, of few, and of what may as
well be a question. Chosen on the spoken tuning half and 482 real questions, so that hardly a question is lost."""
SHORT = 5.0
"""Up to this `length` words have few sounds."""

_NOISE = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\*[^*]*\*|[♪♫]")
"""How Whisper writes down what is no speech."""
_WAKE = (
    r"(?:okay|ok|hey|hi|oh)[\s,.!]*(?:nabu|naboo|nabo|nobu|navu|(?:now|not|no|nah?|hot|nab) ?(?:boo|blue|bu|b|you|who|we|do|move))"
    r"|(?:hey|hi|okay|ok)[\s,]*jarvis"
)
_WAKE_ALONE = re.compile(rf"\W*(?:{_WAKE})\W*", re.IGNORECASE)
_BEFORE = re.compile(
    rf"^\W*(?:{_WAKE}|(?:hi|hello|hey)(?: there)?|okay|ok|so|well|uh+|um+|uhm|hm+|er+m?|mm+|ah|oh|please|excuse me|alright"
    r"|(?:can|could|would|will) you(?: mind)?(?: please)?(?: just)?|i(?:'d| would) (?:like|want) you to|i (?:want|need) you to"
    r")(?![\w'])[\s,.:;!…-]*",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s,;…-]*\b(?:please|thank you(?: (?:very|so) much)?|thanks(?: a lot)?|for me|if you (?:can|could|would|please)|uh+|um+)"
    r"[\s,.!?…]*$",
    re.IGNORECASE,
)
_LOOSE_BEFORE = re.compile(
    r"^(?:and|so|now|just|then|right|alright|all right|actually|yes|yeah|no(?! more)|okay|oh|but|sorry|please|go and|let us"
    r"|(?:can|could) (?:we|i|you)|you (?:can|may|could)|i (?:want|need|would like|have|had) to|i would like|i want|do you mind"
    r"|(?:see|check|tell me|do you know) (?:if|whether)|(?:tell|show) me|do you know|i wonder) "
)
"""What may stand before a command that harms nothing."""
_LOOSE_AFTER = re.compile(
    r" (?:now|right now|just now|then|immediately|straight away|right away|at once|first|today|already|very well|too|okay|please"
    r"|will you|would you|to me)$"
)
_DEGREE = re.compile(
    r"\b(?:(much|a lot|lots|way|far)|(?:just )?a (?:little |tiny |wee )?(?:bit|tad)|a little|slightly|even|quite|very) ?"
)
_CONTRACTIONS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"\bcan(?:'t|not)\b", "can not"), (r"\bwon't\b", "will not"), (r"n't\b", " not"), (r"\bdont\b", "do not"),
        (r"\b(let)'?s\b", r"\1 us"), (r"\b(what|who|how|where|that|it|there|here|when)'s\b", r"\1 is"),
        (r"\b(what|that)s\b", r"\1 is"), (r"'m\b", " am"), (r"'re\b", " are"), (r"'ve\b", " have"), (r"'ll\b", " will"),
        (r"'d\b", " would"), (r"'", ""), (r"\b1 by 1\b", "one by one"), (r"\be[- ]mail\b", "email"),
    )
)  # fmt: skip
_REPAIR = re.compile(
    r"(?:(?:no|nope|wrong|sorry|actually|not that)\b[\s,.!]*)*"
    r"(?:(?:that's|that is|it's|it is) not what i (?:said|asked|meant|wanted)\b[\s,.!]*|you misheard(?: me)?[\s,.!]*"
    r"|i (?:didn't|did not) (?:say|mean|ask)\b[^,.!]*[,.!]\s*)?(?:no\b[\s,.!]*)*"
    r"(?:i (?:said|meant to (?:say|ask)|meant|met|asked (?:for|about)|asked|was (?:asking|talking) about)"
    r"|what i (?:said|meant|asked) (?:was|is))\b[\s,:]*(?P<words>.*\w.*)",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"no\b[\s,.!]*(?:no\b[\s,.!]*)*i (?:want|went|wanted|need|was after)\b[\s,:]*(?P<words>.*\w.*)", re.IGNORECASE
)
_ASKING = frozenset({"what", "which", "who", "where", "how", "when"})
_QUESTION = re.compile(
    r"(what|which|who|when|where|how|why|is|are|was|were|does|do|did|has|have|can|should|would|could|shall|may|must"
    r"|find|tell|describe|read)\b"
)
_JUST_SAID = frozenset(
    "this|that|it|these|those|them|this out|that out|it out|this word|that word|the word|this name|that name|the number|this number"
    "|that number|the numbers|these numbers|the digits|the".split("|")
)
"""Arguments that name nothing but what is being talked of."""


@dataclass(frozen=True)
class Intent:
    """What is to be done."""

    name: IntentName
    text: str
    """What was said, without the wake word and words of courtesy; of a repair the words that were meant."""
    argument: str = ""
    """What is to be spelled or read digit by digit ("the name"; empty for what was just said). Of `time`: "date", "day", "month",
    "year" or a day of the week; empty for the clock. Of slower, faster, louder and quieter: "2" for by much."""


def interpret(text: str) -> Intent:
    """The Intent of what was said or typed. Never fails: what cannot be a command is a question.

    Destructive intents have to be said in so many words; the others are recognised in what sounds like them too.
    """
    said = " ".join(_NOISE.sub(" ", unicodedata.normalize("NFKC", text[: 2 * LONGEST_QUESTION])).split())
    if len(said) > LONGEST_COMMAND:
        return Intent("ask", " ".join(text.split()))
    said = said.replace("’", "'").replace("`", "'")
    if not any(map(str.isalnum, said)) or _WAKE_ALONE.fullmatch(said):
        return Intent("nothing", "")
    kept = _without_courtesy(said)
    repaired = _REPAIR.fullmatch(kept) or _WISH.fullmatch(kept)
    if repaired:
        meant = _without_courtesy(repaired["words"])
        short = _command(plain(meant))
        # "I said no" is said for emphasis and corrects nothing.
        return replace(short, text=meant) if short and short.name in ("stop", "yes", "no") else Intent("repair", meant)
    whole = _match(plain(said)) or _command(plain(kept)) or _command(plain(said))
    if whole and not (whole.name in DESTRUCTIVE and said == kept and said.endswith("?")):
        return replace(whole, text=kept)
    return replace(_by_clauses(kept) or _by_key_words(kept) or _misheard(plain(kept)) or Intent("ask", kept), text=kept)


def plain(text: str) -> str:
    """Words in lower case, contractions written out, no punctuation."""
    text = text.lower()
    for pattern, words in _CONTRACTIONS:
        text = pattern.sub(words, text)
    return " ".join(re.findall(r"[^\W_]+", text))


def _without_courtesy(text: str) -> str:
    """`text` in its own writing; at least a word of it stays."""
    for pattern in (_BEFORE, _AFTER):
        while (shorter := pattern.sub("", text)) != text and any(map(str.isalnum, shorter)):
            text = shorter
    return text


def _command(words: str) -> Intent | None:
    """The command that `words` are, as they are or without what may stand around one."""
    found = _match(words)
    if found:
        return found
    bare = re.sub(r"\b(\w+)(?: \1\b)+", r"\1", words)
    for pattern in (_LOOSE_BEFORE, _LOOSE_AFTER):
        while (shorter := pattern.sub("", bare)) != bare:
            bare = shorter
    degree = _DEGREE.search(bare)
    found = _match(bare) or _match(_DEGREE.sub("", bare).strip())
    if found is None or found.name in DESTRUCTIVE:
        return None
    if degree and degree.group(1) and found.name in ("slower", "faster", "louder", "quieter"):
        return replace(found, argument="2")
    return found


def _match(words: str) -> Intent | None:
    for name, pattern in PATTERNS:
        match = pattern.fullmatch(f"{words} ")
        if match:
            argument = next((group.strip() for group in match.groups() if group), "")
            return Intent(name, words, "" if argument in _JUST_SAID else argument)
    return None


def _by_clauses(text: str) -> Intent | None:
    """The command of several short clauses that are nothing else ("No, stop. Go back."): the last one holds."""
    parts = [part for part in (plain(clause) for clause in re.split(r"[.,;:!?…]+", text)) if part]
    if len(parts) < 2:
        return None
    found = [_command(part) for part in parts]
    if found[0] and found[0].name == "pause" and not any(map(_QUESTION.match, parts[1:])):
        return found[0]  # "wait, there is somebody at the door"
    commands = [each for each in found if each]
    names = {each.name for each in commands}
    if len(commands) < len(parts) or (names & DESTRUCTIVE and len(names) > 1):
        return None
    weighty = [each for each in commands if each.name not in ("yes", "no", "nothing")]
    answers = [each for each in commands if each.name != "nothing"]
    return (weighty or answers[:1] or commands)[-1]


def _by_key_words(text: str) -> Intent | None:
    """The command whose words these are, in whatever order, with nothing of substance beside them."""
    if re.search(r"[.!?]\s+\w", text):
        return None  # somebody who says several sentences tells more than a command
    words = plain(text)
    said = set(words.split())
    if len(said & _ASKING) > 1:
        return None
    question = _QUESTION.match(words) is not None
    for name, keys, vocabulary in VOCABULARY:
        if said <= vocabulary and any(key <= said for key in keys) and (name in ASKED or not question):
            return Intent(name, words)
    return None


def _misheard(words: str) -> Intent | None:
    """The command with the phrase that sounds most like `words`, if one is alike enough."""
    heard = sounds(words)
    most = ALIKE_QUESTION if _QUESTION.match(words) else ALIKE if length(heard) > SHORT else ALIKE_SHORT
    best, name = min((difference(heard, sound, most), name) for name, sound in SOUNDS)
    return Intent(name, words) if best <= most else None
