"""Opens a folder with CogVLM2, whatever is in it: published or ours, full precision or 4 bits, whole in memory or not.

The work is done by `rpiq.load`; `from_pretrained` is for those who know transformers, and have a full-precision folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch

from models.cogvlm2 import folder as folders
from models.cogvlm2.modeling import CogVLM2ForConditionalGeneration, greedy
from rpiq.runtime.loading import load


def open_model(
    folder: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    low_memory: bool = False,
    host_embeddings: bool = False,
) -> CogVLM2ForConditionalGeneration:
    """The model in `folder`, ready to answer on `device`; `dtype`: of the computation, the model's own if left out.

    With `low_memory` the vision tower, the vision experts and the table of embeddings stay in the files of `folder` and are
    read, one Linear at a time, while a picture is looked at (`rpiq/runtime/lending.py`). Answers are the same; looking takes longer by
    the time of reading, and answering does not. With `host_embeddings` only the table of embeddings, 1 GB in the 19B, stays there.
    What all this takes: `memory.py`.

    Corrupt and Unsuitable as `from_pretrained`, CheckpointError as `rpiq.load`; both are one line.
    """
    config, _ = folders.read_config(folder, quantized=True)
    model = load(folder, device, dtype, low_memory=low_memory, host_embeddings=host_embeddings)
    model.generation_config = greedy(config)
    return cast(CogVLM2ForConditionalGeneration, model)
