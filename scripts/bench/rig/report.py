"""The rows of the bench as figures by kind and way of working, and as a page."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scripts.bench.rig.measures import MODELS, STAGES, Row

AIM_MEDIAN_MS, AIM_P95_MS = 1000.0, 2500.0
"""First word of a reading, from the end of the voice."""
AIM_EARCON_MS, AIM_REFUSAL_MS, AIM_SHARE = 150.0, 1000.0, 0.1
FIGURES = ("earcon_ms", "earcon_after_voice_ms", "first_word_ms", "complete_ms", "outside_ms", "silenced_ms")
KINDS = {
    "reading": "Questions about what is printed",
    "refusal": "Pictures that the gate refuses",
    "order": "Orders (repeat, spell, the time)",
    "interruption": "Words that interrupt a reading",
}


def spread(values: Sequence[float | None]) -> dict[str, float | int] | None:
    """Median, 95th percentile (the smallest value that 95 % do not exceed) and number; None without values."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    p95 = known[max(0, math.ceil(0.95 * len(known)) - 1)]
    return {"median": round(statistics.median(known), 3), "p95": round(p95, 3), "n": len(known)}


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of rows of one kind and way."""
    figures: dict[str, Any] = {name: spread([getattr(row, name) for row in rows]) for name in FIGURES}
    figures["outside_share"] = spread([row.outside_share for row in rows])
    figures["outside_share_after_silence"] = spread([row.outside_share_after_silence for row in rows])
    figures["stages_ms"] = {stage: spread([row.stages_ms.get(stage) for row in rows]) for stage in STAGES}
    figures["models_ms"] = {name: spread([row.models_ms.get(name, 0.0) for row in rows]) for name in MODELS}
    return {
        "n": len(rows),
        "verdicts": dict(Counter(row.verdict for row in rows)),
        "misheard_questions": sum(row.misheard_words > 0 for row in rows),
        "device_lost": sum(row.device_lost for row in rows),
        **{name: each for name, each in figures.items() if each is not None},
    }


def result(rows: Sequence[Row], ways: Sequence[str], facts: dict[str, Any]) -> dict[str, Any]:
    """Everything that is filed: the first way's figures by kind, then each other's under its name."""
    by_way = {
        way: {
            kind: summary(chosen) for kind in KINDS if (chosen := [r for r in rows if (r.way, r.kind) == (way, kind)])
        }
        for way in ways
    }
    first, *others = ways
    return {**facts, **by_way[first], **{way: by_way[way] for way in others}, "rows": [asdict(row) for row in rows]}


def page(found: dict[str, Any], ways: Sequence[str]) -> str:
    """The same as Markdown."""
    first, *others = ways
    by_way = {first: found, **{way: found[way] for way in others}}
    sound = found["sound_system_ms"]
    parts = [
        "# From the end of a question to the first word",
        f"Made by `{found['command']}` on: {found['machine']}. {found['conditions']} "
        f"Load of the machine before: {found['load_before']:.1f}.",
        f"The conversation is the real one on a virtual sound system. Times count from the last audible sample of the voice in "
        f"the air, and are those at which a sound leaves the virtual loudspeaker. A click takes {_ms(sound['microphone'])} ms from "
        f"the air to the listener, and {_ms(sound['loudspeaker'])} ms from the call that plays it to the loudspeaker (both are part of the "
        f"figures); two recorders of the same sound differ by up to {_ms(sound['recorders'])} ms.",
        *_verdicts(found),
        *(_section(kind, title, by_way) for kind, title in KINDS.items() if kind in found),
        f"Peak memory of the process: {found['memory_peak_bytes'] / 2**30:.2f} GiB, the bench with its recordings included.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _verdicts(found: dict[str, Any]) -> list[str]:
    """The aims, and plainly whether they are met."""
    lines = []
    if reading := found.get("reading", {}):
        if word := reading.get("first_word_ms"):
            lines += [
                _aim("first word of a reading, median", word["median"], AIM_MEDIAN_MS),
                _aim("first word of a reading, 95th percentile", word["p95"], AIM_P95_MS),
            ]
        if earcon := reading.get("earcon_ms"):
            lines.append(
                _aim("signal after speech was found to be over, 95th percentile", earcon["p95"], AIM_EARCON_MS)
            )
    if word := found.get("refusal", {}).get("first_word_ms"):
        lines.append(_aim("first word of a refusal, 95th percentile", word["p95"], AIM_REFUSAL_MS))
    for name in ("outside_share", "outside_share_after_silence"):
        if share := found.get("reading", {}).get(name):
            of = "of the wait" if name == "outside_share" else "of the wait after the silence that ends speech"
            met = "met" if share["median"] < AIM_SHARE else "**missed**"
            lines.append(f"outside the engines: {share['median']:.0%} {of} (median), aim below {AIM_SHARE:.0%}: {met}")
    return ["## Aims", "\n".join(f"* {line}" for line in lines)] if lines else []


def _aim(what: str, value: float, most: float) -> str:
    return f"{what}: {value:.0f} ms, aim at most {most:.0f} ms: {'met' if value <= most else '**missed**'}"


def _section(kind: str, title: str, by_way: dict[str, dict[str, Any]]) -> str:
    counted = {way: figures[kind] for way, figures in by_way.items() if kind in figures}
    heads = [f"{way}: {end}" for way in counted for end in ("median", "95 %")]
    lines = [_line(NAMES[name], [each.get(name) for each in counted.values()]) for name in FIGURES]
    lines += [
        _line(f"… {NAMES[stage]}", [each["stages_ms"][stage] for each in counted.values()]) for stage in STAGES[:-1]
    ]
    lines += [_line(f"engine: {name}", [each["models_ms"][name] for each in counted.values()]) for name in MODELS]
    outcomes = [
        f"{way}: {each['n']} asked, "
        + ", ".join(f"{count} {name}" for name, count in sorted(each["verdicts"].items()))
        + f"; {each['misheard_questions']} not heard word for word"
        + (
            f"; while {each['device_lost']} were asked a device stopped, the machine being busy."
            if each["device_lost"]
            else "."
        )
        for way, each in counted.items()
    ]
    table = [
        f"| milliseconds | {' | '.join(heads)} |",
        f"| --- |{' --- |' * len(heads)}",
        *(line for line in lines if line),
    ]
    return "\n".join([f"## {title}", "", *outcomes, "", *table])


NAMES = {
    "earcon_ms": "decision that speech is over → signal",
    "earcon_after_voice_ms": "end of the voice → signal",
    "first_word_ms": "**end of the voice → first word**",
    "complete_ms": "end of the voice → end of the answer",
    "outside_ms": "of the wait for the first word, outside the engines",
    "silenced_ms": "beginning of the voice → silence",
    "paused": "a pause is noticed",
    "decided": "speech is found to be over",
    "heard": "the words are known",
    "looked": "the picture is read",
    "thought": "the answer is found",
    "made": "its first piece is sound",
    "queued": "and is given to the loudspeaker",
}


def _line(name: str, spreads: Sequence[dict[str, float] | None]) -> str:
    """A row of the table; empty where there is nothing to say."""
    if not any(spreads):
        return ""
    cells = [f"{each['median']:.0f} | {each['p95']:.0f}" if each else "– | –" for each in spreads]
    return f"| {name} | {' | '.join(cells)} |"


def _ms(figures: dict[str, float] | None) -> str:
    return "–" if figures is None else f"{figures['median']:.0f}"
