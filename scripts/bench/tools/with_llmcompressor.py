"""llm-compressor: GPTQModifier, asymmetric, with its default order of columns (static activation order).

`gptq-mse` lets its observer search the range of each group; `gptq` takes the whole range, its default.
"""

from __future__ import annotations

import worker
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

OBSERVERS = {"gptq": "minmax", "gptq-mse": "mse"}


class Rows(Dataset[dict[str, Tensor]]):
    """The calibration rows in their order."""

    def __init__(self, ids: Tensor) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        ids = self._ids[index]
        return {"input_ids": ids, "attention_mask": ids.new_ones(ids.shape)}


def main() -> None:
    job = worker.read_job(list(OBSERVERS))
    model = worker.load_model(job)
    weights = {
        "num_bits": job.bits,
        "type": "int",
        "symmetric": False,
        "strategy": "group",
        "group_size": job.group_size,
        "observer": OBSERVERS[job.method],
    }
    recipe = GPTQModifier(config_groups={"group_0": {"targets": ["Linear"], "weights": weights}}, ignore=["lm_head"])
    with worker.Meter() as meter:
        # As it leaves the model in memory: every weight is de-quantized already, nothing is packed yet.
        oneshot(model=model, dataset=DataLoader(Rows(job.ids)), recipe=recipe)
    worker.write(job, {name: linear.weight for name, linear in worker.linears(model)}, meter, "llmcompressor")


if __name__ == "__main__":
    main()
