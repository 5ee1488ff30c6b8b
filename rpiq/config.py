"""Every choice of a quantization run, as values that are built once and passed on.

Why each default is what it is: docs/quantization.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Method = Literal["rpiq", "rpiq-paper", "gptq", "rtn"]
WHOLE_ROW = -1
"""A group size that stands for one group over the whole input."""


@dataclass(frozen=True)
class Scheme:
    """How one Linear's weights are stored."""

    bits: int = 4
    group_size: int = 128
    """Input columns that share a scale; `WHOLE_ROW` for all of them."""
    symmetric: bool = False
    """No zero points: the middle code stands for nought."""


@dataclass(frozen=True)
class QuantizationConfig:
    """One run, whatever the model."""

    method: Method = "rpiq"
    scheme: Scheme = field(default_factory=Scheme)
    samples: int = 128
    """Calibration rows."""
    sequence_length: int = 2048
    """Tokens in each."""
    seed: int = 0
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
    """Times that scales are refitted with codes fixed, each followed by another sweep."""
    cross_layer: float = 0.0
    """Share of the correction towards the full-precision output taken over from layer to layer; 0 for none."""
