"""A block of `rpiq/runtime/llama.py` for one token, compiled by torch's inductor to C++ once per machine and shape of model.

The first time takes about half a minute and a C++ compiler, in a process of its own, so that the memory it needs is given back.
The result lies in the user's cache folder; opening it takes a moment and nothing of the compiler. All blocks of a model go through
the same code, their weights are arguments. Who uses it: `rpiq/runtime/fast.py`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from torch import Tensor, nn

from rpiq.runtime import kernels, llama
from rpiq.runtime.llama import Block, Packed, Shape

log = logging.getLogger(__name__)

COMPILER = "g++"
"""What inductor calls unless it is told otherwise."""
_LONGEST = 1 << 20
"""Positions that the compiled code provides for."""
_COMMAND = ("-m", "rpiq.runtime.compiled")
_TOLERANCE = 0.02
"""Of the largest output: compiled and plain block round at different places."""


class NotCompiledError(Exception):
    """The reason, in words, for which there is no compiled block."""


@dataclass(frozen=True)
class Recipe:
    """All that the compiled code depends on, but for the machine."""

    shape: Shape
    biases: tuple[bool, ...]
    """Of the four Linears of a block, in the order of `Block`."""
    head_gain: bool

    @classmethod
    def of(cls, shape: Shape, block: Block[Packed]) -> Recipe:
        """The recipe for blocks like this one."""
        linears = (block.joined, block.out, block.gate_up, block.down)
        return cls(shape, tuple(one.bias is not None for one in linears), block.head_gain is not None)

    @property
    def name(self) -> str:
        """A name that changes with the recipe, the code it is compiled from, torch, and the processor."""
        sources = [Path(module.__file__ or "").read_text("utf-8") for module in (llama, kernels, sys.modules[__name__])]
        machine = [platform.machine(), torch.__version__, sorted(torch.cpu.get_capabilities().items())]
        known = json.dumps([asdict(self), machine, sources], default=str)
        return hashlib.sha256(known.encode()).hexdigest()[:32]


class CompiledBlock:
    """Computes one block for one token."""

    def __init__(self, file: Path) -> None:
        """Open what `make` wrote. RuntimeError when it cannot be."""
        # torch._inductor.aoti_load_package does the same, after importing all of the compiler: 80 MB and a second.
        loader: Any = torch._C._aoti.AOTIModelPackageLoader(str(file), "model", True, 1, -1)
        self._run = loader.run

    def __call__(self, row: Tensor, turns: tuple[Tensor, Tensor], past: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """As `llama.compute`; `weights` as `flat` gives them."""
        result: Tensor = self._run([row, *turns, past, *weights])[0]
        return result


def flat(block: Block[Packed]) -> list[Tensor]:
    """The weights of a block in a row, without what is missing."""
    parts = [part for entry in block for part in (entry if isinstance(entry, Packed) else (entry,))]
    return [part for part in parts if part is not None]


def compiled_block(shape: Shape, block: Block[Packed], folder: Path | None = None) -> CompiledBlock:
    """The compiled block for all blocks like `block`, from `folder` (the user's cache), or compiled now and put there.

    It is compared with the plain one before it is returned. Errors: NotCompiledError.
    """
    recipe = Recipe.of(shape, block)
    file = (folder or user_cache_path("rpiq", appauthor=False)) / f"block-{recipe.name}.pt2"
    try:
        found = CompiledBlock(file) if file.is_file() else None
    except RuntimeError as error:
        log.warning("%s cannot be opened (%s) and is compiled again", file, str(error).splitlines()[0])
        found = None
    if found is None:
        _make_apart(recipe, file)
        found = CompiledBlock(file)
    difference = _difference(found, shape, block)
    if not difference <= _TOLERANCE:
        raise NotCompiledError(f"the compiled block {file} computes something else (by {difference:.1%}); delete it")
    return found


def _make_apart(recipe: Recipe, file: Path) -> None:
    if shutil.which(COMPILER) is None:
        raise NotCompiledError(
            f"there is no C++ compiler ({COMPILER}) here; on Debian and Ubuntu: apt install {COMPILER}"
        )
    log.info("compiling the decoding step for this machine, once: about half a minute")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".making-") as making:
            command = [sys.executable, *_COMMAND, json.dumps(asdict(recipe)), str(Path(making) / file.name)]
            root = Path(__file__).resolve().parents[2]
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=root
            )
            if done.returncode != 0:
                said = [line for line in done.stderr.splitlines() if "rror:" in line] or [f"status {done.returncode}"]
                raise NotCompiledError(f"the decoding step could not be compiled: {said[-1].strip()}")
            (Path(making) / file.name).replace(file)
    except OSError as error:
        raise NotCompiledError(f"the compiled decoding step cannot be kept in {file.parent} ({error})") from error


def _difference(found: CompiledBlock, shape: Shape, block: Block[Packed]) -> float:
    """Largest difference of compiled and plain block on random states, as a share of the largest output."""
    row, turns, past = _example(shape, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        multiply, norm = llama.multiply_packed(shape.group_size), llama.norm_of(shape.epsilon)
        expected = llama.compute(shape, block, multiply, norm, row, turns, past)
        difference = (found(row, turns, past, flat(block)) - expected).abs().max() / expected.abs().max()
    return float(difference)


def _example(
    shape: Shape, generator: torch.Generator, positions: int = 7
) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
    def random(*size: int) -> Tensor:
        return torch.randn(size, generator=generator).to(torch.bfloat16)

    angle = torch.randn(1, shape.head_size // 2, generator=generator).repeat(1, 2)
    turns = llama.turns_of(shape, angle.cos().to(torch.bfloat16), angle.sin().to(torch.bfloat16))
    return random(1, shape.hidden), turns, random(positions, 2 * shape.key_heads, shape.head_size)


def make(recipe: Recipe, file: Path) -> None:
    """Compile for this processor into `file`, in this process."""
    from torch._inductor import aoti_compile_and_package
    from torch._inductor.utils import fresh_cache

    shape = recipe.shape
    block = _block(recipe)
    row, turns, past = _example(shape, torch.Generator().manual_seed(0))
    arguments = (row, *turns, past, *flat(block))
    longer = {0: torch.export.Dim("positions", min=2, max=_LONGEST)}
    dynamic = (None, None, None, longer, (None,) * len(flat(block)))
    with torch.no_grad(), fresh_cache():
        program = torch.export.export(_Step(recipe), arguments, dynamic_shapes=dynamic)
        # The small loops between the products are over before a second thread has started; products have their own threads.
        aoti_compile_and_package(program, package_path=str(file), inductor_configs={"cpp.threads": 1})


class _Step(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe

    def forward(self, row: Tensor, cosine: Tensor, sine: Tensor, past: Tensor, *weights: Tensor) -> Tensor:
        shape, biases = self.recipe.shape, iter(self.recipe.biases)
        given = iter(weights)

        def packed() -> Packed:
            return Packed(next(given), next(given), next(given) if next(biases) else None)

        # In the order of `flat`.
        before, joined, out, after, gate_up, down = next(given), packed(), packed(), next(given), packed(), packed()
        block = Block(before, joined, out, after, gate_up, down, next(given) if self.recipe.head_gain else None)
        multiply, norm = llama.multiply_packed(shape.group_size), llama.norm_of(shape.epsilon)
        return llama.compute(shape, block, multiply, norm, row, (cosine, sine), past)


def _block(recipe: Recipe) -> Block[Packed]:
    """A block of noughts of this shape."""
    shape = recipe.shape
    wide, narrow = (shape.heads + 2 * shape.key_heads) * shape.head_size, shape.heads * shape.head_size
    sizes = (
        (wide, shape.hidden),
        (shape.hidden, narrow),
        (2 * shape.between, shape.hidden),
        (shape.hidden, shape.between),
    )
    linears = []
    for (outputs, inputs), biased in zip(sizes, recipe.biases, strict=True):
        codes = torch.zeros(outputs, inputs // 2, dtype=torch.uint8)
        pairs = torch.zeros(inputs // shape.group_size, outputs, 2, dtype=torch.bfloat16)
        linears.append(Packed(codes, pairs, torch.zeros(outputs, dtype=torch.bfloat16) if biased else None))
    gain = torch.zeros(shape.hidden, dtype=torch.bfloat16)
    heads = torch.zeros(shape.heads + shape.key_heads, shape.head_size, dtype=torch.bfloat16)
    joined, out, gate_up, down = linears
    return Block(gain, joined, out, gain.clone(), gate_up, down, heads if recipe.head_gain else None)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    make(Recipe(Shape(**given["shape"]), tuple(given["biases"]), given["head_gain"]), Path(sys.argv[2]))
