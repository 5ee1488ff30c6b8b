"""Which profile fits a machine, and why, in words for a caregiver. Decided by memory alone; a pure function.

The facts come from `doctor.py`, what each model needs from the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.catalogue import Catalogue, Entry

ON_PROCESSOR = ("small",)
"""Profiles whose picture model may run without a graphics card. With the others one picture takes minutes there: CogVLM2 needs
150 trillion operations for it."""
BEST_FIRST = ("full", "small")
PLAIN = "embedded"
"""What is left for all others."""
_SHARE_OF_MEMORY = 0.5
"""Of a computer's memory, which other programs need too."""
_GPU_MEMORY = re.compile(r"^(?P<name>.*?),\s*(?P<size>[\d.]+)\s*(?P<unit>MiB|GiB)\s*$")


@dataclass(frozen=True)
class Advice:
    """The profile that fits best."""

    profile: str
    why: str
    """A sentence or two."""
    command: str
    """Makes it ready."""


@dataclass(frozen=True)
class Card:
    """A graphics card."""

    name: str
    memory_bytes: int


def advise(gpus: tuple[str, ...], memory_bytes: int, catalogue: Catalogue) -> Advice | None:
    """The best profile of `catalogue` for a machine with these GPUs, as nvidia-smi names them, and so much memory.

    None for a catalogue without the usual profiles.
    """
    if PLAIN not in catalogue.profiles:
        return None
    card = max((card for card in map(_card, gpus) if card), key=lambda card: card.memory_bytes, default=None)
    said: list[str] = []
    for profile in BEST_FIRST:
        if profile not in catalogue.profiles:
            continue
        eye = catalogue.role(profile, "vision-language")
        others = sum(entry.memory_bytes for entry in catalogue.profile(profile) if entry is not eye)
        fits, why = _fit(profile, eye, others, card, memory_bytes)
        said.append(why)
        if fits:
            return _advice(profile, said)
    return _advice(PLAIN, [*said, "So the assistant reads text here and does not describe pictures."])


def _fit(profile: str, eye: Entry, others: int, card: Card | None, memory_bytes: int) -> tuple[bool, str]:
    need = gigabytes(eye.memory_bytes)
    model = f"The picture model of the profile {profile}"
    if card and card.memory_bytes >= eye.memory_bytes:
        return True, f"{model} needs {need} of the {gigabytes(card.memory_bytes)} of the graphics card {card.name}."
    has = f"this one has {gigabytes(card.memory_bytes)}" if card else "there is none"
    if profile not in ON_PROCESSOR:
        return False, f"{model} needs a graphics card with {need} of memory; {has}."
    together = gigabytes(eye.memory_bytes + others)
    if eye.memory_bytes + others <= _SHARE_OF_MEMORY * memory_bytes:
        return True, (
            f"{model} needs, with the others, {together} of the {gigabytes(memory_bytes)} of this computer's memory. "
            "Without a graphics card an answer about a picture takes longer."
        )
    return False, (
        f"{model} needs, with the others, {together}, which is more than half of this computer's {gigabytes(memory_bytes)}."
    )


def _advice(profile: str, said: list[str]) -> Advice:
    option = "" if profile == PLAIN else f" --profile {profile}"
    return Advice(profile, " ".join(said), f"assistant setup{option}")


def _card(text: str) -> Card | None:
    found = _GPU_MEMORY.match(text)
    if found is None:
        return None
    return Card(found["name"], int(float(found["size"]) * (1 << 20 if found["unit"] == "MiB" else 1 << 30)))


def gigabytes(count: int) -> str:
    """For the ear: "13.5 gigabytes"."""
    return f"{count / 1e9:.1f} gigabytes"
