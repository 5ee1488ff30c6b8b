"""The card of a trained micro model: what it is, how it was made, how often it is right, what it cannot do.

The numbers come from `scoring.py`; nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.make.micro.books import (
    COLOURS,
    ENDINGS,
    FIRST_NAMES,
    FIRST_YEAR,
    GENRES,
    LAST_NAMES,
    LAST_YEAR,
    MARKS,
    MIDDLES,
    MOST_MARKS,
    OPENINGS,
)
from scripts.make.micro.scoring import Score
from scripts.make.micro.training import Plan

_CARD = """\
---
license: apache-2.0
language: en
pipeline_tag: image-text-to-text
---
# Micro CogVLM2

A CogVLM2 of {parameters:.1f} million parameters that answers questions about generated book covers. It exists so that this
project's CogVLM2 code, its quantizer and its demos have a model that is small and really answers. Nothing of the published
CogVLM2 is in it but the architecture: the weights began at random, and all pictures and words are made by `scripts/make/micro/`.

Licence: Apache-2.0, as the project.

## How it was made

    {command}

{steps:,} steps of {batch} covers with six questions each, {minutes:.0f} minutes, on {machine}. Each step had new covers.

## How often it is right

Exactly the expected text, greedy, in bfloat16, on {covers} covers that training never showed; nor did it show any of
their pairs of first and last word of a title, or first and last name of an author (one pair in eight is kept out).

| category | right | of | share |
| --- | --- | --- | --- |
{rows}

That is with `Short answer:` (the template vqa); with the template chat {chat:.1%}.

## What it cannot do

* It knows {openings} first, {middles} middle and {endings} last words of titles, {firsts} first and {lasts} last names, {genres} genres,
  {colours} colours, and up to {most} {marks}; years from {first_year} to {last_year}. Asked about anything else it makes something up.
* It reads no other print and no photographs: one typeface, three layouts, {side} x {side} pixels, always clean and straight. The
  same covers darkened, or turned by a few degrees, it often gets wrong.
* It never abstains. Do not use it for anything but tests and demonstrations.
"""


@dataclass(frozen=True)
class Making:
    """How a model came to be."""

    command: str
    plan: Plan
    minutes: float
    machine: str
    parameters: int
    side: int
    """Pixels of its image."""


def card(making: Making, short: Mapping[str, Score], chat: Mapping[str, Score]) -> str:
    """README.md of a model's folder. short, chat: scores with either template."""
    rows = [f"| {name} | {one.right} | {one.asked} | {one.share:.1%} |" for name, one in short.items()]
    return _CARD.format(
        parameters=making.parameters / 1e6,
        command=making.command,
        steps=making.plan.steps,
        batch=making.plan.covers,
        minutes=making.minutes,
        machine=making.machine,
        covers=short["overall"].asked // (len(short) - 1),
        rows="\n".join(rows),
        chat=chat["overall"].share,
        openings=len(OPENINGS),
        middles=len(MIDDLES),
        endings=len(ENDINGS),
        firsts=len(FIRST_NAMES),
        lasts=len(LAST_NAMES),
        genres=len(GENRES),
        colours=len(COLOURS),
        most=MOST_MARKS,
        first_year=FIRST_YEAR,
        last_year=LAST_YEAR,
        marks=" or ".join(MARKS),
        side=making.side,
    )
