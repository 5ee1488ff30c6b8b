"""rpiq itself, through its library as a user has it.

A method is a name, and after it any settings of QuantizationConfig: `gptq activation_order=false grid_search=false`.
Time counts from the first calibration row to the last block; reading, packing and writing the blocks are in it, since rpiq
streams, the comparison of the written folder with the model is not.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
import worker

from rpiq import Calibration, Progress, QuantizationConfig, Scheme, dequantize, load, quantize
from rpiq.runtime.linear import QuantLinear


def settings(method: str) -> dict[str, Any]:
    """Arguments of QuantizationConfig."""
    name, *pairs = method.split()
    found: dict[str, Any] = {"method": name}
    for pair in pairs:
        key, _, value = pair.partition("=")
        found[key] = json.loads(value)
    return found


def main() -> None:
    job = worker.read_job()
    rows, length = job.ids.shape
    config = QuantizationConfig(
        scheme=Scheme(job.bits, job.group_size),
        samples=rows,
        sequence_length=length,
        seed=job.seed,
        **settings(job.method),
    )
    digest = hashlib.sha256(job.ids.numpy().tobytes()).hexdigest()
    meter = worker.Meter()
    running = True

    def listen(step: Progress) -> None:
        nonlocal running
        if step.stage == "calibration":
            meter.start()
        elif step.stage == "saving" and running:
            meter.stop()
            running = False

    with tempfile.TemporaryDirectory(dir=job.out.parent) as folder:
        out = Path(folder) / "quantized"
        quantize(job.model, out, config, Calibration(job.ids, "rows", digest, job.seed), device="cpu", report=listen)
        model = load(out, dtype=torch.float32)
    packed = {name: layer for name, layer in model.named_modules() if isinstance(layer, QuantLinear)}
    weights = {name: dequantize(*layer.grid_and_codes()) for name, layer in packed.items()}
    worker.write(job, weights, meter, "rpiq-assistant")


if __name__ == "__main__":
    main()
