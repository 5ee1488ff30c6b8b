"""4-bit quantization of language models; usable alone, without anything of the assistant.

Names are imported when they are first used, so that `import rpiq` and small commands do not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpiq.calibration import Calibration, calibration_file, read_calibration
    from rpiq.config import QuantizationConfig, Scheme
    from rpiq.decoding import Decoder, Sampling, generate
    from rpiq.errors import RpiqError
    from rpiq.gptq import GptqResult, gptq, rtn
    from rpiq.grid import Grid, dequantize, fit_grid
    from rpiq.hessian import Hessian
    from rpiq.loading import load
    from rpiq.pipeline import quantize, rehearse
    from rpiq.refine import RefineResult, refine
    from rpiq.refine_paper import PaperResult, refine_paper
    from rpiq.result import Progress, Report

_HOMES = {
    "Calibration": "calibration",
    "Decoder": "decoding",
    "GptqResult": "gptq",
    "Grid": "grid",
    "Hessian": "hessian",
    "PaperResult": "refine_paper",
    "Progress": "result",
    "QuantizationConfig": "config",
    "RefineResult": "refine",
    "Report": "result",
    "RpiqError": "errors",
    "Sampling": "decoding",
    "Scheme": "config",
    "calibration_file": "calibration",
    "dequantize": "grid",
    "fit_grid": "grid",
    "generate": "decoding",
    "gptq": "gptq",
    "load": "loading",
    "quantize": "pipeline",
    "read_calibration": "calibration",
    "refine": "refine",
    "refine_paper": "refine_paper",
    "rehearse": "pipeline",
    "rtn": "gptq",
}

__all__ = [
    "Calibration",
    "Decoder",
    "GptqResult",
    "Grid",
    "Hessian",
    "PaperResult",
    "Progress",
    "QuantizationConfig",
    "RefineResult",
    "Report",
    "RpiqError",
    "Sampling",
    "Scheme",
    "calibration_file",
    "dequantize",
    "fit_grid",
    "generate",
    "gptq",
    "load",
    "quantize",
    "read_calibration",
    "refine",
    "refine_paper",
    "rehearse",
    "rtn",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
