"""What is said at once, and what is kept for "more"."""

from __future__ import annotations

import numpy as np

from assistant.conversation.wording import worded
from assistant.mind.answering.thinking import joined
from assistant.mind.finding.grounding import answer
from assistant.mind.understanding.intents import interpret
from assistant.mind.understanding.question import understand
from assistant.picture.gate import judge
from assistant.picture.looking import Seen
from assistant.picture.photo import Photo
from tests.assistant.picture.pages import stacked

LABEL = stacked("Corvadin 20 mg", "56 tablets", "Take 1 tablet twice daily", "EXP 11/2028")


def test_a_label_says_what_was_asked_for_and_keeps_the_rest_for_more() -> None:
    photo = Photo(np.full((40, 40, 3), 255, np.uint8))
    given = joined([answer(understand("When does it expire?"), LABEL)])
    first, rest = worded(given, interpret("When does it expire?"), Seen(photo, judge(photo), LABEL, {}), 1)
    assert first == ["The label says: EXP 11/2028.", "Check with a pharmacist."]
    assert rest == ["Corvadin 20 mg.", "56 tablets.", "Take 1 tablet twice daily."]
