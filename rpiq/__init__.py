"""4-bit quantization of language models; usable alone, without anything of the assistant.

Names are imported when they are first used, so that `import rpiq` and small commands do not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpiq.calibration.text import Calibration, calibration_file, read_calibration
    from rpiq.config import QuantizationConfig, Scheme
    from rpiq.errors import RpiqError
    from rpiq.run.pipeline import quantize, rehearse
    from rpiq.run.result import Progress, Report
    from rpiq.runtime.decoding import Decoder, Sampling, generate
    from rpiq.runtime.loading import load
    from rpiq.solvers.gptq import GptqResult, gptq, rtn
    from rpiq.solvers.grid import Grid, dequantize, fit_grid
    from rpiq.solvers.hessian import Hessian
    from rpiq.solvers.refine import RefineResult, refine
    from rpiq.solvers.refine_paper import PaperResult, refine_paper

_HOMES = {
    "Calibration": "calibration.text",
    "Decoder": "runtime.decoding",
    "GptqResult": "solvers.gptq",
    "Grid": "solvers.grid",
    "Hessian": "solvers.hessian",
    "PaperResult": "solvers.refine_paper",
    "Progress": "run.result",
    "QuantizationConfig": "config",
    "RefineResult": "solvers.refine",
    "Report": "run.result",
    "RpiqError": "errors",
    "Sampling": "runtime.decoding",
    "Scheme": "config",
    "calibration_file": "calibration.text",
    "dequantize": "solvers.grid",
    "fit_grid": "solvers.grid",
    "generate": "runtime.decoding",
    "gptq": "solvers.gptq",
    "load": "runtime.loading",
    "quantize": "run.pipeline",
    "read_calibration": "calibration.text",
    "refine": "solvers.refine",
    "refine_paper": "solvers.refine_paper",
    "rehearse": "run.pipeline",
    "rtn": "solvers.gptq",
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
