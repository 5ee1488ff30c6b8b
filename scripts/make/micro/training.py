"""Trains a micro CogVLM2 on generated covers; can be stopped at any step and goes on as if it had not been.

What it learns from: `examples.py`. Nothing is printed here, and the finished folder is written by `folders.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from models.cogvlm2 import CogVLM2Config, CogVLM2ForConditionalGeneration, CogVLM2Processor
from scripts.make.micro.examples import Batch, Examples
from scripts.make.micro.packing import answer_logits
from scripts.make.micro.reading import Reader
from scripts.make.micro.tokenizer import make_tokenizer, vocabulary_size

_BETAS = (0.9, 0.98)
_MOST_GRADIENT = 1.0
"""Length to which the gradient is cut."""
_LAST_RATE = 0.02
"""Of the highest learning rate, at the last step."""
_WEIGHT = "weight."
_STATE = (("momentum_buffer",), ("step", "exp_avg", "exp_avg_sq"))
"""What Muon and AdamW keep of each weight, by their own names; so are the tensors of a checkpoint called."""
_MUON_RATE = 10.0
"""Its learning rate, of AdamW's."""
_MUON_DECAY = 0.01
_READING_WEIGHT = 0.3
"""Of the reader's loss, beside that of the answers."""
_PATCH_SPREAD, _PLACE_SPREAD = 0.03, 1.0
"""Standard deviations at the start: a patch's place must be seen beside what is in it."""
_AHEAD = 8
"""Batches that are drawn before they are needed."""


class TrainingError(Exception):
    """One line: what, where, what to do."""


@dataclass(frozen=True)
class Size:
    """Of a model; widths are multiples of 64, so that groups of 64 weights divide all rows."""

    hidden_size: int = 128
    intermediate_size: int = 384
    layers: int = 3
    heads: int = 4
    key_value_heads: int = 2
    vision_layers: int = 3
    patch_size: int = 16
    image_size: int = 128
    """Pixels a side."""


@dataclass(frozen=True)
class Plan:
    """All that the result follows from, but for the machine."""

    steps: int = 5000
    covers: int = 16
    """In one step; each is asked six questions."""
    learning_rate: float = 3e-3
    """The highest, of AdamW; ten times as much of Muon. Both rise during the first `rising` steps, and again when questions
    begin, and fall along half a cosine."""
    rising: int = 100
    weight_decay: float = 0.05
    reading: float = 0.3
    """Share of the steps, at the start, that ask nothing: the tower learns to read, which is cheap."""
    seed: int = 0
    bfloat16: bool = True
    """Multiply in bfloat16; weights stay float32."""

    @property
    def reading_steps(self) -> int:
        """Before the first question."""
        return round(self.reading * self.steps)

    def rate(self, step: int) -> float:
        """What the learning rates of a step, from 0, are multiplied by: between 0 and 1."""
        since = step - self.reading_steps if step >= self.reading_steps else step
        fall = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return min(1.0, (since + 1) / self.rising) * (_LAST_RATE + (1 - _LAST_RATE) * fall)


def make_config(size: Size, vocabulary: int, ids: tuple[int, int, int]) -> CogVLM2Config:
    """ids: begin, end, pad."""
    tower = {
        "hidden_size": size.hidden_size,
        "num_hidden_layers": size.vision_layers,
        "num_heads": size.heads,
        "intermediate_size": size.intermediate_size,
        "patch_size": size.patch_size,
        "image_size": size.image_size,
        "num_positions": (size.image_size // size.patch_size) ** 2 + 1,
    }
    return CogVLM2Config(
        vocab_size=vocabulary,
        hidden_size=size.hidden_size,
        intermediate_size=size.intermediate_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_multi_query_heads=size.key_value_heads,
        max_position_embeddings=2048,
        initializer_range=0.08,  # about one over the root of the width: nothing starts drowned
        bos_token_id=ids[0],
        eos_token_id=[ids[1]],
        pad_token_id=ids[2],
        vision_config=tower,
    )


class Trainer:
    """A model on its way."""

    def __init__(self, plan: Plan, size: Size, device: torch.device) -> None:
        """A model that has learned nothing yet, the same one for the same plan and size."""
        tokenizer = make_tokenizer()
        ids = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
        torch.manual_seed(plan.seed)
        model = CogVLM2ForConditionalGeneration(make_config(size, vocabulary_size(tokenizer), ids))
        embedding = model.model.vision.patch_embedding
        nn.init.normal_(embedding.proj.weight, std=_PATCH_SPREAD)
        nn.init.normal_(embedding.position_embedding.weight, std=_PLACE_SPREAD)
        self.model = model.to(device).train()  # type: ignore[arg-type]
        self.processor = CogVLM2Processor.for_config(model.config, tokenizer)
        self.reader = Reader(size.hidden_size).to(device)
        self.step = 0
        """Steps that are done."""
        self.seconds = 0.0
        """Spent on them, as whoever runs it says; kept in the checkpoint."""
        self._plan, self._size = plan, size
        # The fused kernel for processors is slow backwards, with a mask and in bfloat16.
        fused = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION] if device.type != "cpu" else []
        self._kernels = [*fused, SDPBackend.MATH]
        self._features: list[Tensor] = []
        self.model.model.vision.register_forward_hook(lambda module, given, made: self._features.append(made))
        self._optimizers = self._make_optimizers()

    def _make_optimizers(self) -> tuple[torch.optim.Optimizer, ...]:
        """Muon for the matrices inside, AdamW for all else."""
        plan = self._plan
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, weight in self._weights().items():
            inside = weight.dim() == 2 and (".layers." in name or ".linear_proj." in name)
            (matrices if inside else others).append(weight)
        return (
            torch.optim.Muon(
                matrices, lr=_MUON_RATE * plan.learning_rate, weight_decay=_MUON_DECAY, adjust_lr_fn="original"
            ),
            torch.optim.AdamW(others, lr=plan.learning_rate, betas=_BETAS, weight_decay=plan.weight_decay),
        )

    def run(self, progress: Callable[[int, float], bool], workers: int = 1) -> bool:
        """Take the steps that are left; whether all are done.

        progress: called after each with the number of steps done and the loss; it stops the run by returning False.
        workers: processes that draw covers; 0: draw them here.
        """
        plan = self._plan
        rows = self.model.config.vision.patches_a_side // 2
        examples = Examples(self.processor, rows, plan.covers, plan.reading_steps, plan.seed)
        left = range(self.step, plan.steps)
        ahead = _AHEAD if workers else None
        # batch_size None: the examples are batches already
        batches = DataLoader(
            examples, None, sampler=left, num_workers=workers, prefetch_factor=ahead, collate_fn=_as_it_is
        )
        for batch in batches:
            loss = self._learn(batch)
            if not progress(self.step, loss):
                break
        return self.step == plan.steps

    def _learn(self, batch: Batch) -> float:
        """One step; the loss before it: of the answers in nats a token, or of reading alone, in nats an image token."""
        for optimizer, highest in zip(self._optimizers, (_MUON_RATE, 1.0), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = highest * self._plan.learning_rate * self._plan.rate(self.step)
            optimizer.zero_grad()
        device = self.model.device
        batch = batch.to(device)
        with sdpa_kernel(self._kernels), torch.autocast(device.type, torch.bfloat16, enabled=self._plan.bfloat16):
            if batch.packed is None:
                self.model.model.vision(batch.pixel_values)
                loss = self.reader.loss(self._features.pop(), batch.printed)
                told = float(loss.detach())
            else:
                logits, right = answer_logits(self.model, batch.packed, batch.pixel_values)
                loss = cross_entropy(logits, right)
                told = float(loss.detach())
                loss = loss + _READING_WEIGHT * self.reader.loss(self._features.pop(), batch.printed)
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._weights().values(), _MOST_GRADIENT)
        for optimizer in self._optimizers:
            optimizer.step()
        self.step += 1
        return told

    def save(self, file: Path) -> None:
        """Everything needed to go on, as one safetensors file; an older one is replaced when the new one is whole."""
        tensors: dict[str, Tensor] = {}
        for name, weight in self._weights().items():
            tensors[f"{_WEIGHT}{name}"] = weight.detach()
            for optimizer in self._optimizers:
                for kept, value in optimizer.state.get(weight, {}).items():
                    tensors[f"{kept}.{name}"] = value
        new = file.with_name(f"{file.name}.new")
        save_file(tensors, new, self._metadata() | {"step": str(self.step), "seconds": str(self.seconds)})
        new.replace(file)

    def resume(self, file: Path) -> None:
        """Go on from what `save` wrote. TrainingError when the file is damaged or of another training."""
        try:
            with safe_open(file, "pt") as stored:
                metadata = stored.metadata() or {}
                if {name: metadata.get(name) for name in self._metadata()} != self._metadata():
                    raise TrainingError(
                        f"{file} is of a training with other options; repeat these, or remove it to begin anew"
                    )
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - it is no dict
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"{file} cannot be read ({error}); remove it to begin anew") from error
        self.step, self.seconds = int(metadata["step"]), float(metadata["seconds"])
        matrices = {id(weight) for group in self._optimizers[0].param_groups for weight in group["params"]}
        with torch.no_grad():
            for name, weight in self._weights().items():
                weight.copy_(tensors[f"{_WEIGHT}{name}"])
                inside = id(weight) in matrices
                kept = {
                    one: tensors[f"{one}.{name}"] for one in _STATE[not inside] if f"{one}.{name}" in tensors
                }  # nothing yet for what no step has used
                if kept:
                    state = {one: value.to(weight.device if one != "step" else "cpu") for one, value in kept.items()}
                    self._optimizers[not inside].state[weight] = state

    def _weights(self) -> dict[str, nn.Parameter]:
        """All that learns, by its name in a checkpoint."""
        reader = {f"reader.{name}": weight for name, weight in self.reader.named_parameters()}
        return dict(self.model.named_parameters()) | reader

    def _metadata(self) -> dict[str, str]:
        """What must be equal for a training to go on."""
        return {"plan": json.dumps(asdict(self._plan)), "size": json.dumps(asdict(self._size))}


def _as_it_is(batch: Any) -> Any:
    return batch
