"""Every choice has a meaning and bounds, and everything that is wrong with a table is named at once."""

from __future__ import annotations

import pytest

from assistant.settings.keys import ANY, HIGHEST, key_code
from assistant.settings.preferences import Preferences, Problem, check, choices, from_text


def test_nothing_said_means_the_defaults() -> None:
    assert check({}) == (Preferences(), ())


def test_every_default_is_allowed_and_explained() -> None:
    for choice in choices(Preferences()):
        assert choice.rule.accepts(choice.value), choice.key
        assert len(choice.rule.about) > 30, choice.key
        assert choice.rule.about.endswith((".", 'faster".')), choice.key


def test_what_is_said_counts_and_the_rest_stays() -> None:
    chosen, problems = check({"voice": {"speed": 2, "kind": "fast"}, "answers": {"sentences": 5}})
    assert problems == ()
    assert (chosen.voice.speed, chosen.voice.kind, chosen.answers.sentences) == (2.0, "fast", 5)
    assert isinstance(chosen.voice.speed, float)
    assert chosen.listening == Preferences().listening


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"voice": {"speed": 3.1}}, "voice.speed"),
        ({"voice": {"speed": float("nan")}}, "voice.speed"),
        ({"voice": {"speed": 10**400}}, "voice.speed"),
        ({"voice": {"speed": True}}, "voice.speed"),
        ({"voice": {"speed": "1"}}, "voice.speed"),
        ({"voice": {"volume": -0.01}}, "voice.volume"),
        ({"voice": 3}, "voice"),
        ({"listening": {"mode": "never"}}, "listening.mode"),
        ({"listening": {"end_silence_seconds": 0.49}}, "listening.end_silence_seconds"),
        ({"listening": {"echo_cancellation": 1}}, "listening.echo_cancellation"),
        ({"answers": {"sentences": 2.0}}, "answers.sentences"),
        ({"answers": {"sentences": 0}}, "answers.sentences"),
        ({"devices": {"camera": 0}}, "devices.camera"),
        ({"devices": {"microphone": "a\nb"}}, "devices.microphone"),
        ({"trigger": {"http_port": 80}}, "trigger.http_port"),
        ({"trigger": {"key": "KEY_NONE_SUCH"}}, "trigger.key"),
        ({"server": {"engine": "anthropic"}}, "server.engine"),
        ({"server": {"address": "https://api.openai.com/v1"}}, "server.address"),
        ({"server": {"timeout_seconds": 0.5}}, "server.timeout_seconds"),
        ({"profile": "huge"}, "profile"),
        ({"profile": ["embedded"]}, "profile"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(table: dict[str, object], key: str) -> None:
    chosen, (problem,) = check(table)
    assert chosen == Preferences()
    assert problem.key == key
    assert key in str(problem)
    assert problem.allowed in str(problem)
    assert not set("._`") & set(
        problem.spoken.removesuffix(".").replace("0.5", "").replace("0.7", "").replace("3.1", "")
    )


def test_all_that_is_wrong_is_named_and_what_is_right_is_kept() -> None:
    chosen, problems = check(
        {"voice": {"speed": 9, "kind": "fast", "sped": 1}, "answer": {}, "listening": {"mode": "x"}}
    )
    assert {problem.key for problem in problems} == {"voice.speed", "voice.sped", "answer", "listening.mode"}
    assert chosen.voice.kind == "fast"
    meant = {problem.key: problem.allowed for problem in problems}
    assert meant["voice.sped"] == "did you mean voice.speed?"
    assert meant["answer"] == "did you mean answers?"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("voice.speed", "1.5", 1.5),
        ("voice.speed", "quick", "quick"),
        ("answers.sentences", "3", 3),
        ("answers.sentences", "3.5", "3.5"),
        ("answers.earcons", "Off", False),
        ("answers.earcons", "1", "1"),
        ("devices.camera", "1", "1"),
        ("devices.microphone", "true", "true"),
    ],
)
def test_what_is_typed_becomes_a_value_of_the_right_kind(key: str, text: str, value: object) -> None:
    found = from_text(key, text)
    assert (found, type(found)) == (value, type(value))


def test_an_unknown_key_is_a_problem() -> None:
    assert from_text("voice.spede", "1") == Problem("voice.spede", "is no setting", "did you mean voice.speed?")


def test_names_of_keys() -> None:
    assert key_code("any") == ANY
    assert key_code("KEY_F13") == key_code("f13") == key_code(" 183 ") == 183
    assert key_code("BTN_LEFT") == 0x110
    assert key_code("space") == 57
    assert [key_code(name) for name in ("", "0", str(HIGHEST + 1), "9" * 5000, "KEY_", "²")] == [None] * 6
