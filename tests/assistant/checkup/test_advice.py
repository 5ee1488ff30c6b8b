"""The profile that a machine's memory allows, and the reason in plain words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from assistant.checkup.advice import advise
from models.catalogue import Catalogue, load

GB = 10**9


@pytest.mark.parametrize(
    ("gpus", "memory", "profile", "why"),
    [
        (("NVIDIA GeForce RTX 4090, 24564 MiB",), 16 * GB, "full", "25.8 gigabytes of the graphics card NVIDIA GeForce"),
        (("NVIDIA RTX A2000, 6138 MiB",), 16 * GB, "small", "needs 2.6 gigabytes of the 6.4 gigabytes of the graphics card"),
        (("NVIDIA T4, 15360 MiB", "NVIDIA T400, 2048 MiB"), 16 * GB, "full", "of the graphics card NVIDIA T4."),
        ((), 16 * GB, "small", "there is none. The picture model of the profile small needs, with the others, 4.0 gigabytes of the 16.0"),
        (("something else",), 16 * GB, "small", "Without a graphics card an answer about a picture takes longer."),
        ((), 4 * GB, "embedded", "which is more than half of this computer's 4.0 gigabytes. So the assistant reads text"),
        (("NVIDIA T400, 2048 MiB",), 4 * GB, "embedded", "needs a graphics card with 13.5 gigabytes of memory; this one has 2.1"),
    ],
)  # fmt: skip
def test_profile_and_reason(gpus: tuple[str, ...], memory: int, profile: str, why: str) -> None:
    advice = advise(gpus, memory, load())
    assert advice is not None
    assert advice.profile == profile
    assert why in advice.why
    assert not re.search(r"\b(GPU|VRAM|RAM|MiB|GiB|quantiz)", advice.why)


def test_the_command_names_the_profile() -> None:
    commands = [advice.command for memory in (16, 2) if (advice := advise((), memory * GB, load()))]
    assert commands == ["assistant setup --profile small", "assistant setup"]


def test_a_catalogue_without_the_usual_profiles_gives_none() -> None:
    entry = replace(load().entries[0], profiles=("tiny",))
    assert advise((), 16 * GB, Catalogue((entry,))) is None
