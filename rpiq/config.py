"""Every choice of a quantization run, as values that are built once and passed on.

Why each default is what it is: docs/quantization.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    activation_order: bool = True
    """Columns by falling diagonal of H, groups fixed beforehand (static), so that no index is stored."""
    grid_search: bool = True
    """Try shrunk ranges per row and group and keep the one with the least diag(H)-weighted error."""
    sweeps: int = 5
    """Most rounds of stage 2."""
    step: float = 0.01
    """α of equation 8, for `rpiq-paper` alone."""
    refits: int = 2
    """Rounds, from the first on, in which each group gets a new scale after its codes."""
    cross_layer: float = 0.0
    """Share of the correction towards the full-precision output taken over from layer to layer; 0 for none."""
    first_positions: int = 4
    """Tokens at the start of every row that are left out of the cross-layer statistics: their few massive activations
    would decide the fit alone."""
    guard: bool = True
    """`rpiq` keeps stage 2 of a group of Linears only where the block's output error on held-out rows does not rise."""
    held_out: int = 8
    """Rows kept out of H for the guard, at most a quarter of `samples`; none when there are fewer than four."""

    head: bool = False
    """Quantize the output head too; not possible where it is tied to the embeddings."""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ConfigError(f"there is no method {self.method!r}; choose {', '.join(get_args(Method))}")
        least = {"samples": 1, "sequence_length": 2, "sweeps": 0, "refits": 0, "first_positions": 0, "held_out": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least {bound}")
        for name in ("damping", "step", "cross_layer"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")

    @property
    def refines(self) -> bool:
        """Whether there is a stage 2."""
        return self.method in ("rpiq", "rpiq-paper")

    @property
    def held_out_rows(self) -> int:
        """How many of the `samples` are kept out of H; only `rpiq` looks at them."""
        wanted = self.held_out if self.method == "rpiq" and self.guard else 0
        return min(wanted, self.samples // 4)
