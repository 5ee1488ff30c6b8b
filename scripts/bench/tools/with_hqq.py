"""HQQ: half-quadratic search of scale and zero point, with the settings of its BaseQuantizeConfig; no calibration data."""

from __future__ import annotations

import torch
import worker
from hqq.core.quantize import BaseQuantizeConfig, Quantizer


def main() -> None:
    job = worker.read_job(["hqq"])
    model = worker.load_model(job)
    options = BaseQuantizeConfig(nbits=job.bits, group_size=job.group_size)["weight_quant_params"]
    packed = {}
    with worker.Meter() as meter:
        for name, linear in worker.linears(model):
            packed[name] = Quantizer.quantize(linear.weight.data, device="cpu", compute_dtype=torch.float32, **options)
    weights = {
        name: Quantizer.dequantize(codes, {**meta, "compute_dtype": torch.float32})
        for name, (codes, meta) in packed.items()
    }
    worker.write(job, weights, meter, "hqq")


if __name__ == "__main__":
    main()
