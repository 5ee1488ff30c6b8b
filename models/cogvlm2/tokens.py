"""Two rules that follow from token types alone: which position counts how far, and which experts a position uses.

Types are int64 `[rows, length]`: 1 on all positions of an image, its begin and end included, else 0; padding has 0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

TEXT, IMAGE = 0, 1


def position_ids(token_type_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """Compressed positions, int64 `[rows, length]`: all patches of an image share one, padding adds nothing.

    attention_mask: `[rows, length]`, 0 on padding; None when there is none. The first index has position 0; every later one
    is 1 further if it is visible text, the begin or end of an image, or its first patch. So they never follow from the
    number of tokens: an image of 2,306 adds 3.
    """
    seen = torch.ones_like(token_type_ids) if attention_mask is None else attention_mask
    text = (token_type_ids == TEXT) & seen.bool()
    image = (token_type_ids == IMAGE) & seen.bool()
    # The edges of a row count as text: an image may open or close it.
    beside_text = pad(text[:, :-1], (1, 0), value=True) | pad(text[:, 1:], (0, 1), value=True)
    counted = text | (image & beside_text)
    first_patch = image & ~counted & pad(counted[:, :-1], (1, 0), value=False)
    steps = (counted | first_patch).long()
    steps[:, 0] = 0
    return steps.cumsum(-1)


def vision_expert_mask(token_type_ids: Tensor) -> Tensor:
    """True, `[rows, length]`, where the vision experts work: where this position and the next are of an image.

    So the end of an image, and the last position of whatever is computed at once, go to the language experts.
    """
    image = token_type_ids == IMAGE
    return image & pad(image[:, 1:], (0, 1), value=False)
