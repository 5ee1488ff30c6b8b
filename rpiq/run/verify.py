"""Is what was written what was meant? Reloads a finished folder, compares it with the model in memory, and lets it generate.

What the model in memory said comes from the driver (`rpiq/run/pipeline.py`); loading is `rpiq/runtime/loading.py`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from rpiq.calibration.text import Batch
from rpiq.errors import VerificationError
from rpiq.run.result import Check
from rpiq.runtime.loading import load

MOST_LOGITS_ERROR = 0.1
"""Rounding of a model in bfloat16 stays well below; a Linear that is mixed up does not."""
_NEW_TOKENS = 8
MOST_TOKENS = 256
"""Of a row that are compared: enough to notice any mistake."""


@dataclass(frozen=True)
class Probe:
    """One calibration row, or its beginning, for which logits are compared."""

    inputs: Mapping[str, Tensor]
    """Of the model."""
    judged: Tensor
    """The ids `[1, positions]` at the end of the inputs that are compared."""

    @classmethod
    def of(cls, batch: Batch) -> Probe:
        """The first row of a batch: its first MOST_TOKENS tokens if it is text, the whole if there is a picture."""
        if batch.judged == batch.ids.shape[1]:
            ids = batch.ids[:1, :MOST_TOKENS]
            return cls({"input_ids": ids}, ids)
        inputs = {name: value[:1] for name, value in batch.inputs().items()}
        return cls(inputs, batch.ids[:1, -batch.judged :])


def same_as_stored(found: Tensor, wanted: Tensor) -> None:
    """Compare what the committed blocks compute `[rows, sequence length, hidden]` with what was computed when they were made.

    VerificationError when the tokens are too far apart to be rounding.
    """
    wanted = wanted.to(found.device)
    size = wanted.norm(dim=-1).clamp(min=torch.finfo(torch.float32).tiny)
    error = float(((found - wanted).norm(dim=-1) / size).mean())
    if not error <= MOST_LOGITS_ERROR:
        raise VerificationError(
            f"what was written does not compute what the quantized blocks computed: hidden states differ by {error:.1%}; "
            "start again without --resume, and report this with your settings"
        )


def verify(folder: Path, probe: Probe, wanted: Tensor, device: torch.device) -> Check:
    """Compare the model in `folder` on the probe with its logits in memory, `wanted` `[1, positions, vocabulary]`; on `device`.

    VerificationError when they are too far apart to be rounding, or the model generates nothing.
    """
    model = load(folder, device)
    inputs = {name: value.to(model.device) for name, value in probe.inputs.items()}
    text_alone = len(inputs) == 1
    with torch.inference_mode():
        found = model(**inputs).logits[:, -probe.judged.shape[1] :].float().cpu()
        if text_alone:
            beginning = inputs["input_ids"][:, : max(1, probe.judged.shape[1] // 2)]
            inputs = {"input_ids": beginning, "attention_mask": torch.ones_like(beginning)}
        # The least is one, so that an end-of-text token does not end it at once.
        generate = cast(Callable[..., Tensor], model.generate)  # which transformers leaves untyped
        output = generate(**inputs, max_new_tokens=_NEW_TOKENS, min_new_tokens=1, do_sample=False)
    error = float((found - wanted).norm() / wanted.norm())
    agreement = float((found.argmax(-1) == wanted.argmax(-1)).double().mean())
    generated = tuple(int(token) for token in output[0, inputs["input_ids"].shape[1] :])
    # A comparison with NaN is false: written so that one fails.
    if not error <= MOST_LOGITS_ERROR:
        raise VerificationError(
            f"{folder} does not compute what the quantized model computed: logits differ by {error:.1%}; "
            "do not use it, and report this with the settings in its README.md"
        )
    if not generated:
        raise VerificationError(f"{folder} loads but generates nothing; do not use it, and report this")
    return Check(error, agreement, generated)
