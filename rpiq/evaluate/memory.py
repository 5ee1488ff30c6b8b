"""How much memory the weights of a loaded model take, packed ones as they lie there."""

from __future__ import annotations

from torch import Tensor
from transformers import PreTrainedModel


def weight_bytes(model: PreTrainedModel) -> int:
    """Bytes of all parameters and buffers, shared memory once; the scales that bitsandbytes keeps beside its codes as well."""
    tensors: list[Tensor] = [*model.parameters(), *model.buffers()]
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            tensors += [state.absmax, state.code]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())
