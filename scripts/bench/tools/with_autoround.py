"""AutoRound with its light recipe (50 iterations, learning rate 5e-3, batches of 8), asymmetric.

It casts the model to bfloat16 where the processor computes with it, as it does for everybody. Compiling is off, in its favour:
two blocks of SmolLM2-135M took 36 processor seconds without and 85 with it (64 × 256 tokens, one run each).
"""

from __future__ import annotations

import torch
import worker
from auto_round import AutoRound
from transformers import AutoTokenizer

LIGHT = {"iters": 50, "lr": 5e-3, "batch_size": 8}


def main() -> None:
    job = worker.read_job(["light"])
    model = worker.load_model(job)
    tokenizer = AutoTokenizer.from_pretrained(job.model, local_files_only=True)
    batches = [{"input_ids": ids, "attention_mask": torch.ones_like(ids)} for ids in job.ids.split(LIGHT["batch_size"])]
    with worker.Meter() as meter:
        rounder = AutoRound(
            model,
            tokenizer,
            bits=job.bits,
            group_size=job.group_size,
            sym=False,
            dataset=batches,
            nsamples=len(job.ids),
            seqlen=job.ids.shape[1],
            seed=job.seed,
            device_map="cpu",
            enable_torch_compile=False,
            **LIGHT,
        )
        quantized, _ = rounder.quantize()
    worker.write(job, {name: linear.weight for name, linear in worker.linears(quantized)}, meter, "auto-round")


if __name__ == "__main__":
    main()
