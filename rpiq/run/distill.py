"""Stage 3: all scales of the quantized model learn together from what the full-precision model predicts.

Codes and zero points stay, and so does the format. Training nothing but the scales of a quantized model end to end is
EfficientQAT's second phase (Chen et al. 2024); here the full-precision model's distribution of the next token is the target
instead of the text, from hidden states that the run has stored, so that the model itself is not needed any more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from rpiq.errors import ResourceError
from rpiq.run.recording import products
from rpiq.solvers.grid import Grid, columns, group_width, representable

_BETAS = (0.9, 0.95)
"""Of Adam: there are few steps, so that what it remembers has to be renewed fast."""
_SAVE_STEPS = 8
"""After so many steps what was learned is saved."""
PIECE_TOKENS = 256
"""Whose logits are in memory at once, at most."""
PIECE_LOGITS = 1 << 24
"""As many logits at most: with a vocabulary of 128,000 those of 130 tokens, 67 MB, and several such matrices are needed."""
_PIECE_WEIGHTS = 1 << 24
"""Weights that are de-quantized at once."""


class ScaledLinear(nn.Module):
    """A Linear on its grid, in the place of the one it is made of, whose scales can learn."""

    def __init__(self, codes: Tensor, grid: Grid, bias: Tensor | None) -> None:
        """codes: uint8 `[out, in]`. bias: `[out]`, which does not learn."""
        super().__init__()
        out, inside = codes.shape
        width = group_width(inside, grid.scheme.group_size)
        levels = codes.to(torch.int16) - columns(grid.zero, inside, grid.scheme).to(torch.int16)
        if grid.scheme.bits < 8:
            levels = levels.to(torch.int8)
        self._grid, self._bias = grid, bias
        self.levels: Tensor
        self.register_buffer("levels", pad(levels, (0, -inside % width)).view(out, -1, width))
        self.start: Tensor
        self.register_buffer("start", grid.scale)
        self.change = nn.Parameter(torch.zeros_like(grid.scale))
        """Share by which each scale is larger than at the beginning, `[out, groups]`."""

    def forward(self, x: Tensor) -> Tensor:
        """`[..., in]` → `[..., out]`."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        scale = self.start * (1 + self.change)
        product: Tensor = _Product.apply(x.to(dtype), scale, self.levels)  # type: ignore[no-untyped-call]
        return product if self._bias is None else product + self._bias.to(dtype)

    @torch.no_grad()
    def forget(self) -> None:
        """Take the scales that it began with."""
        self.change.zero_()

    @torch.no_grad()
    def settle(self) -> Grid:
        """Round the scales to what can be stored, and say which they are."""
        scale = representable(self.start * (1 + self.change), self._grid.dtype)
        self.change.copy_(scale / self.start - 1)
        return replace(self._grid, scale=scale)


class Pupil(Protocol):
    """A quantized model whose Linears are `ScaledLinear`s, with the rows to learn from."""

    @property
    def vocabulary(self) -> int:
        """Tokens that it knows."""
        ...

    def hidden(self, batch: int) -> Tensor:
        """What its blocks make of a batch, `[rows, sequence length, hidden]`, with a gradient."""
        ...

    def teacher(self, batch: int) -> Tensor:
        """What the blocks in full precision make of it."""
        ...

    def logits(self, batch: int, hidden: Tensor, positions: slice) -> Tensor:
        """What the rest of the model makes of the hidden states at these positions: `[rows, positions, vocabulary]`."""
        ...


@dataclass(frozen=True)
class Distillation:
    """What stage 3 did."""

    steps: int
    divergence: tuple[float, ...]
    """Kullback-Leibler divergence from the full-precision model in nats per token, before each step, on the step's batch."""
    held_out_before: float | None
    """The same on rows that nothing has learned from; None without such rows."""
    held_out_after: float | None
    kept: bool
    """False where it rose on these rows: the scales are those of stage 2 then."""
    seconds: float


@dataclass(frozen=True)
class Rows:
    """How many batches the pupil has, first those to learn from."""

    train: int
    held_out: int


def distill(
    pupil: Pupil,
    linears: dict[str, ScaledLinear],
    rows: Rows,
    steps: int,
    rate: float,
    seed: int,
    state: Path | None = None,
    tell: Callable[[int], None] = lambda step: None,
) -> Distillation:
    """Let the scales of `linears`, which are the pupil's, learn for `steps` batches; arguments as `Trainer`.

    Where the held-out rows say that it got worse, the scales are put back. `state` is a file that a killed run goes on
    from, with the same result. `tell` hears how many steps are done. ResourceError when the file cannot be written.
    """
    started = time.monotonic()
    judged = range(rows.train, rows.train + rows.held_out)
    before = _mean(pupil, judged)
    trainer = Trainer(pupil, linears, rows.train, steps, rate, seed)
    if state is not None and state.is_file():
        trainer.restore(load_file(state))
    while trainer.left:
        trainer.step()
        done = len(trainer.divergence)
        tell(done)
        if state is not None and done % _SAVE_STEPS == 0:
            _save(trainer.state(), state)
    for module in linears.values():
        module.settle()
    after = _mean(pupil, judged)
    kept = before is None or after is None or after <= before
    if not kept:
        for module in linears.values():
            module.forget()
    return Distillation(steps, tuple(trainer.divergence), before, after, kept, time.monotonic() - started)


def _mean(pupil: Pupil, batches: range) -> float | None:
    return sum(divergence(pupil, batch) for batch in batches) / len(batches) if batches else None


def _save(state: dict[str, Tensor], file: Path) -> None:
    part = file.with_suffix(".writing")
    try:
        save_file(state, part)
        part.replace(file)
    except (OSError, SafetensorError) as error:
        raise ResourceError(f"{part} cannot be written ({error}); free some space there and --resume") from error


class Trainer:
    """Adam over the scales, which can be stopped after any step and go on with the same result."""

    def __init__(
        self, pupil: Pupil, linears: dict[str, ScaledLinear], batches: int, steps: int, rate: float, seed: int
    ):
        """Each of the `steps` looks at one of the `batches`, in an order that follows from `seed`; a scale moves by at most
        about `rate` of itself in a step, less and less towards the end.
        """
        self._pupil, self._linears, self._steps, self._rate = pupil, linears, steps, rate
        self._order = _order(batches, steps, seed)
        for module in linears.values():
            module.change.grad = torch.zeros_like(module.change)  # experts that a batch does not use get no other
        self._optimizer = torch.optim.Adam([module.change for module in linears.values()], lr=rate, betas=_BETAS)
        self.divergence: list[float] = []
        """Before each step that is done."""

    @property
    def left(self) -> int:
        """Steps that are still to be done."""
        return self._steps - len(self.divergence)

    def step(self) -> None:
        """One batch."""
        done = len(self.divergence)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * (1 + math.cos(math.pi * done / self._steps)) / 2
        self._optimizer.zero_grad(set_to_none=False)
        self.divergence.append(divergence(self._pupil, self._order[done], learn=True))
        self._optimizer.step()

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs, as tensors for a file."""
        kept = {"divergence": torch.tensor(self.divergence, dtype=torch.float64)}
        for name, module in self._linears.items():
            values = self._optimizer.state[module.change]
            parts = {"change": module.change.detach(), "first": values["exp_avg"], "second": values["exp_avg_sq"]}
            kept |= {f"{name}.{part}": value.contiguous() for part, value in parts.items()}
        return kept

    @torch.no_grad()
    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on where `state` was taken. KeyError for one of another model."""
        self.divergence = state["divergence"].tolist()
        for name, module in self._linears.items():
            change, first, second = (
                state[f"{name}.{part}"].to(module.change) for part in ("change", "first", "second")
            )
            module.change.copy_(change)
            number = torch.tensor(float(len(self.divergence)))
            self._optimizer.state[module.change] = {"step": number, "exp_avg": first, "exp_avg_sq": second}


def divergence(pupil: Pupil, batch: int, learn: bool = False) -> float:
    """Mean over the tokens of a batch of the divergence from the full-precision model's next token, in nats.

    With `learn`, gradients are added to the scales.
    """
    teacher = pupil.teacher(batch)
    with torch.set_grad_enabled(learn), products(teacher.device):
        hidden = pupil.hidden(batch)
    outside, tokens = torch.zeros_like(hidden), hidden[..., 0].numel()
    total = 0.0
    for positions in _pieces(hidden, pupil.vocabulary):
        piece = hidden[:, positions].detach().requires_grad_(learn)
        with products(teacher.device), torch.no_grad():
            wanted = pupil.logits(batch, teacher[:, positions], positions).log_softmax(-1, dtype=torch.float32)
        with products(teacher.device), torch.set_grad_enabled(learn):
            logits = pupil.logits(batch, piece, positions)
        found = logits.detach().log_softmax(-1, dtype=torch.float32)
        likely = wanted.exp()
        total += float(torch.dot(likely.flatten(), wanted.sub_(found).flatten())) / tokens
        if learn:
            # The divergence's gradient, written down: through log_softmax and kl_div it takes four more matrices of this size.
            logits.backward(found.exp_().sub_(likely).to(logits))  # type: ignore[no-untyped-call]
            outside[:, positions] = cast(Tensor, piece.grad) / tokens
    if learn:
        hidden.backward(outside)  # type: ignore[no-untyped-call]
    return total


def _pieces(hidden: Tensor, vocabulary: int) -> Iterator[slice]:
    step = max(1, min(PIECE_TOKENS, PIECE_LOGITS // vocabulary) // len(hidden))
    for first in range(0, hidden.shape[1], step):
        yield slice(first, min(first + step, hidden.shape[1]))


def _order(batches: int, steps: int, seed: int) -> list[int]:
    """Round after round over all batches, each in another order."""
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = []
    while len(order) < steps:
        order += torch.randperm(batches, generator=generator).tolist()
    return order[:steps]


class _Product(torch.autograd.Function):
    """x Bᵀ for B = levels · scale. B is made anew on the way back, so that no de-quantized weight is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, levels: Tensor) -> Tensor:
        """x `[..., in]`, scale `[out, groups]`, levels = code − zero `[out, groups, width]` → `[..., out]`."""
        ctx.save_for_backward(x, scale, levels)
        products = [linear(x, _dequantized(levels[part], scale[part], x)) for part in _parts(levels)]
        return products[0] if len(products) == 1 else torch.cat(products, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """For x and scale."""
        x, scale, levels = ctx.saved_tensors
        rows, gradient = x.flatten(0, -2), gradients[0].to(x.dtype).flatten(0, -2)
        of_x, of_scale = torch.zeros_like(rows), torch.empty_like(scale)
        for part in _parts(levels):
            here, known = gradient[:, part], levels[part].to(x.dtype)
            of_weight = pad(here.T @ rows, (0, known[0].numel() - x.shape[-1])).view(known.shape)
            of_scale[part] = torch.linalg.vecdot(of_weight, known).to(scale)
            of_x.addmm_(here, _dequantized(known, scale[part], x))
        return of_x.view(x.shape), of_scale, None


def _parts(levels: Tensor) -> list[slice]:
    rows = max(1, _PIECE_WEIGHTS // levels[0].numel())
    return [slice(first, first + rows) for first in range(0, len(levels), rows)]


def _dequantized(levels: Tensor, scale: Tensor, x: Tensor) -> Tensor:
    """`[out, in]` in the type of x."""
    weight = levels.to(x.dtype) * scale.to(x.dtype)[..., None]
    return weight.flatten(1)[:, : x.shape[-1]]
