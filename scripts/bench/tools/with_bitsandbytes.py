"""bitsandbytes NF4: rounds each block of weights to the quantiles of a normal distribution; uses no calibration data."""

from __future__ import annotations

import worker
from bitsandbytes import functional


def main() -> None:
    job = worker.read_job(["nf4"])
    if job.bits != 4:
        raise worker.unsupported("bitsandbytes has no type of this width but NF4 and FP4, both of 4 bits")
    model = worker.load_model(job)
    packed = {}
    with worker.Meter() as meter:
        for name, linear in worker.linears(model):
            packed[name] = functional.quantize_4bit(linear.weight.data, blocksize=job.group_size, quant_type="nf4")
    worker.write(job, {name: functional.dequantize_4bit(*each) for name, each in packed.items()}, meter, "bitsandbytes")


if __name__ == "__main__":
    main()
