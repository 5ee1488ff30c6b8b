"""Every choice of a quantization run, as values that are built once and passed on.

Why each default is what it is: docs/quantization.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args

from rpiq.errors import ConfigError

Method = Literal["rpiq", "rpiq-paper", "gptq", "rtn"]
WHOLE_ROW = -1
"""A group size that stands for one group over the whole input."""


@dataclass(frozen=True)
class Scheme:
    """How one Linear's weights are stored. ConfigError for a width outside 2 … 8 or a group size below 1."""

    bits: int = 4
    group_size: int = 128
    """Input columns that share a scale; `WHOLE_ROW` for all of them."""
    symmetric: bool = False
    """No zero points: the middle code stands for nought."""

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise ConfigError(f"{self.bits} bits are not possible; choose 2 to 8")
        if self.group_size < 1 and self.group_size != WHOLE_ROW:
            raise ConfigError(
                f"a group of {self.group_size} columns is not possible; choose 32, 64, 128 or {WHOLE_ROW}"
            )


PART_SETTINGS = (
    "damping",
    "few_rows_damping",
    "activation_order",
    "grid_search",
    "weigh_tokens",
    "sweeps",
    "refine_damping",
    "rounds",
    "step",
    "refits",
    "guard",
    "least_rows",
)
"""Fields of `QuantizationConfig` that a part may have its own values of, besides those of the scheme."""


@dataclass(frozen=True)
class PartSettings:
    """What is different for one part of a model. ConfigError for a setting that concerns the model as a whole."""

    part: str
    """As the model's family names it; for CogVLM2 vision, adapter, language or vision-expert."""
    settings: tuple[str, ...]
    """Of the form NAME=VALUE, with the fields of `Scheme` and those in `PART_SETTINGS`."""

    def __post_init__(self) -> None:
        known = [*(one.name for one in fields(Scheme)), *PART_SETTINGS]
        for setting in self.settings:
            if setting.partition("=")[0] not in known:
                raise ConfigError(f"{self.part}: {setting!r} cannot be set for a part; there are {', '.join(known)}")


@dataclass(frozen=True)
class QuantizationConfig:
    """One run, whatever the model. ConfigError for values that make no sense."""

    method: Method = "rpiq"
    scheme: Scheme = field(default_factory=Scheme)
    samples: int = 128
    """Calibration rows, the held-out ones among them."""
    sequence_length: int = 2048
    """Tokens in each."""
    seed: int = 0
    chat_template: bool = False
    """Put each calibration document into the model's chat template."""
    damping: float = 0.01
    """Share of the mean diagonal of H added to it (equation 10); raised in steps when the factorisation fails."""
    few_rows_damping: float = 0.3
    """`rpiq` damps at least by this times √(columns / rows): the fewer rows H has seen, the less it knows of other rows."""
    activation_order: bool = True
    """Columns by falling diagonal of H, groups fixed beforehand (static), so that no index is stored."""
    grid_search: bool = True
    """Try shrunk ranges per row and group and keep the one with the least diag(H)-weighted error."""
    weigh_tokens: bool = True
    """`rpiq` divides every token's input by its root mean square, so that in H each token counts alike, however large its
    activations."""
    sweeps: int = 1
    """Most rounds of stage 2."""
    refine_damping: float = 0.03
    """Damping of H in stage 2 alone, where nothing is inverted: it keeps the codes from being fitted to what H does not know."""
    rounds: int = 5
    """Most rounds of `rpiq-paper`."""
    step: float = 0.01
    """α of equation 8, for `rpiq-paper` alone."""
    refits: int = 0
    """Rounds, from the first on, in which each group gets a new scale after its codes."""
    cross_layer: float = 0.0
    """Share of the correction towards the full-precision output taken over from layer to layer; 0 for none."""
    first_positions: int = 4
    """Tokens at the start of every row that are left out of the cross-layer statistics: their few massive activations
    would decide the fit alone."""
    distill_steps: int = 32
    """Batches of about 1,024 tokens on which all scales of the finished model learn from the full-precision one; 0 for none."""
    distill_rate: float = 2e-3
    """Share of itself by which a scale moves at most in such a step, at the beginning."""
    guard: bool = True
    """`rpiq` keeps stage 2 of a group of Linears only where the block's output error on held-out rows does not rise."""
    held_out: int = 8
    """Rows kept out of H for the guard, at most a quarter of `samples`; none when there are fewer than four."""

    least_rows: float = 0.02
    """Share of its input columns for which a Linear must have seen calibration rows. One that has seen fewer, as an
    expert may, is rounded to nearest, each group on the range with the least squared error, and the report says so."""
    head: bool = False
    """Quantize the output head too; not possible where it is tied to the embeddings."""
    parts: tuple[PartSettings, ...] = ()
    """What is different for parts of a model that has several, as a vision tower and a decoder."""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ConfigError(f"there is no method {self.method!r}; choose {', '.join(get_args(Method))}")
        least = {
            "samples": 1,
            "sequence_length": 2,
            "sweeps": 0,
            "rounds": 0,
            "refits": 0,
            "first_positions": 0,
            "held_out": 0,
            "distill_steps": 0,
        }
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least {bound}")
        for name in ("damping", "few_rows_damping", "refine_damping", "step", "cross_layer", "distill_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        if self.least_rows < 0:
            raise ConfigError(f"least_rows is {self.least_rows}; it must not be negative")
        names = [one.part for one in self.parts]
        if len(set(names)) < len(names):
            raise ConfigError(f"settings for one part are given twice: {', '.join(names)}; give them together")
        for name in names:
            self.of(name)

    def of(self, part: str) -> QuantizationConfig:
        """The settings that hold for this part of the model."""
        for one in self.parts:
            if one.part == part:
                return changed(replace(self, parts=()), one.settings)
        return self

    def damping_of(self, rows: int, columns: int) -> float:
        """For an H of so many columns that has seen so many rows."""
        if self.method != "rpiq" or rows == 0:
            return self.damping
        return max(self.damping, self.few_rows_damping * math.sqrt(columns / rows))

    @property
    def refines(self) -> bool:
        """Whether there is a stage 2."""
        return self.method in ("rpiq", "rpiq-paper")

    @property
    def weighs_tokens(self) -> bool:
        """Whether tokens count alike in H; `gptq` and `rpiq-paper` take equation 9 as it is."""
        return self.weigh_tokens and self.method == "rpiq"

    @property
    def distills(self) -> bool:
        """Whether there is a stage 3."""
        return self.distill_steps > 0 and self.method == "rpiq"

    @property
    def held_out_rows(self) -> int:
        """How many of the `samples` are kept out of H; only `rpiq` looks at them."""
        wanted = self.held_out if self.method == "rpiq" and self.guard else 0
        return min(wanted, self.samples // 4)


def changed(config: QuantizationConfig, settings: Sequence[str]) -> QuantizationConfig:
    """`config` with settings of the form NAME=VALUE, as in "distill_steps=0", "guard=false" or, of the scheme, "bits=3".

    ConfigError for a name that is none of the simple fields, or a value of another type.
    """
    of_scheme = {one.name: getattr(config.scheme, one.name) for one in fields(Scheme)}
    others = {one.name: getattr(config, one.name) for one in fields(config) if one.name not in ("scheme", "parts")}
    known = others | of_scheme
    found: dict[str, object] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in known:
            raise ConfigError(f"there is no setting {name!r}; there are {', '.join(known)}")
        try:
            value = text if isinstance(known[name], str) else json.loads(text)
        except ValueError:
            value = None
        if isinstance(known[name], float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(known[name]):
            raise ConfigError(f"{setting!r} is not understood; {name} is a value like {json.dumps(known[name])}")
        found[name] = value
    scheme = replace(config.scheme, **{name: found.pop(name) for name in of_scheme if name in found})  # type: ignore[arg-type]
    return replace(config, scheme=scheme, **found)  # type: ignore[arg-type]
