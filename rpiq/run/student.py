"""The quantized model as a whole, with scales that can learn, between the rows that a run has stored on the disk.

Made of what the blocks were committed as: no Linear's full weight is read again. How it learns: `rpiq/run/distill.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from rpiq.architectures.blocks import Skeleton
from rpiq.run.distill import ScaledLinear
from rpiq.run.recording import Call, logits
from rpiq.solvers.grid import Grid


@dataclass(frozen=True)
class Lesson:
    """One batch of rows."""

    ids: Tensor
    """int64 `[rows, judged positions]`: those at the end of which the model's next token is looked at."""
    hidden: Tensor
    """What goes into the first block of the last stack, `[rows, positions, hidden]`."""
    teacher: Tensor
    """What comes out of the last block in full precision, `[rows, judged positions, hidden]`."""
    calls: tuple[Call, ...]
    """Of each block of the stack."""


class Student:
    """A `rpiq.run.distill.Pupil`."""

    def __init__(self, skeleton: Skeleton, lessons: Sequence[Callable[[], Lesson]]) -> None:
        """Its blocks are the last stack of `skeleton`, as `scaled_blocks` has filled it; what is outside must be filled too."""
        self._skeleton, self._lessons = skeleton, lessons

    @property
    def vocabulary(self) -> int:
        """Tokens that it knows."""
        return self._skeleton.vocabulary

    def hidden(self, batch: int) -> Tensor:
        """What the quantized blocks make of a batch, `[rows, judged positions, hidden]`."""
        lesson = self._lessons[batch]()
        hidden = lesson.hidden
        for index, call in zip(self._skeleton.spans[-1], lesson.calls, strict=True):
            hidden = call(self._skeleton.block(index), hidden)
        return hidden[:, -lesson.ids.shape[1] :]

    def teacher(self, batch: int) -> Tensor:
        """What the blocks in full precision have made of it."""
        return self._lessons[batch]().teacher

    def logits(self, batch: int, hidden: Tensor, positions: slice) -> Tensor:
        """`[rows, positions, vocabulary]`."""
        return logits(self._skeleton, self._lessons[batch]().ids[:, positions], hidden)


@contextmanager
def scaled_blocks(skeleton: Skeleton, coded: Callable[[str], tuple[Tensor, Grid]]) -> Iterator[dict[str, ScaledLinear]]:
    """The blocks of the last stack filled, with `ScaledLinear`s in the place of their Linears; yields these by their names in the model.

    coded: codes uint8 `[out, in]` and grid of a Linear, by its name. Everything is as before afterwards.
    """
    originals: list[tuple[nn.Module, str, nn.Module]] = []
    scaled: dict[str, ScaledLinear] = {}
    try:
        for index in skeleton.spans[-1]:
            linears = skeleton.linears(index)
            block = skeleton.fill_block(index, without=frozenset(f"{linear.local}.weight" for linear in linears))
            for linear in linears:
                original = block.get_submodule(linear.local)
                codes, grid = coded(linear.name)
                bias = original.bias if isinstance(original.bias, Tensor) else None
                module = ScaledLinear(codes, grid, bias).to(skeleton.device)
                block.set_submodule(linear.local, module)
                originals.append((block, linear.local, original))
                scaled[linear.name] = module
        yield scaled
    finally:
        for block, local, original in originals:
            block.set_submodule(local, original)
        for index in skeleton.spans[-1]:
            skeleton.empty_block(index)
