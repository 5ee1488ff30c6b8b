"""GPTQModel: GPTQ and GPTAQ, asymmetric, with its default order of columns (group-aware activation order).

`-mse` is its search of the range of each group with the exponent that its documentation recommends. The weights are those of
its packed layers.
"""

from __future__ import annotations

import torch
import worker
from gptqmodel import BACKEND, GPTQModel, QuantizeConfig, extension
from gptqmodel.nn_modules.qlinear import BaseQuantLinear
from gptqmodel.quantization import FORMAT
from gptqmodel.quantization.config import GPTAQConfig

MSE = 2.4
METHODS = ("gptq", "gptq-mse", "gptaq", "gptaq-mse")


def main() -> None:
    job = worker.read_job(METHODS)
    config = QuantizeConfig(
        bits=job.bits,
        group_size=job.group_size,
        sym=False,
        format=FORMAT.GPTQ_V2,  # the first one corrupts the neighbours of a zero point that is 0
        mse=MSE if job.method.endswith("mse") else 0.0,
        gptaq=GPTAQConfig() if job.method.startswith("gptaq") else None,
        offload_to_disk=False,
        device="cpu",
    )
    model = GPTQModel.load(str(job.model), config, dtype=torch.float32, local_files_only=True)
    rows = [{"input_ids": row.tolist(), "attention_mask": [1] * len(row)} for row in job.ids]
    extension.load("pack_block_cpu")  # compiled when it is first used, which is no part of quantizing
    with worker.Meter() as meter:
        model.quantize(rows, batch_size=1, calibration_sort=None, backend=BACKEND.TORCH)
    packed = {name: module for name, module in model.model.named_modules() if isinstance(module, BaseQuantLinear)}
    # [in, out] in a layer of GPTQModel's
    worker.write(job, {name: layer.dequantize_weight().T for name, layer in packed.items()}, meter, "gptqmodel")


if __name__ == "__main__":
    main()
