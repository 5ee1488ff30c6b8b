"""What the blocks of a model are called with: the model's own forward runs with recorders in the place of its blocks.

So masks, rotary embeddings, routing and what lies between two stacks of blocks are the model's own, whatever the architecture.
Also which Linears of a block share one input, found by running it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from rpiq.architectures.blocks import LinearInfo, Skeleton
from rpiq.errors import ArchitectureError


def products(device: torch.device) -> AbstractContextManager[Any]:
    """Matrix products in bfloat16 on processors that have them in hardware, where they are at least twice as fast; what is
    between the products stays in float32. On a GPU the model is in its own narrow type anyway.
    """
    has = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast("cpu", torch.bfloat16, enabled=device.type == "cpu" and has)


@dataclass(frozen=True)
class Call:
    """Arguments of one block, besides the hidden states."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    fast: bool = False
    """With `products`, where the block is in float32."""

    def __call__(self, block: nn.Module, hidden: Tensor) -> Tensor:
        """Hidden states `[rows, sequence length, hidden]` → the same after the block, in their type."""
        with products(hidden.device) if self.fast else nullcontext():
            output = block(hidden, *self.args, **self.kwargs)
        return cast(Tensor, output[0] if isinstance(output, tuple) else output).to(hidden.dtype)


class _StopError(Exception):
    """Ends a forward that has shown what was wanted."""


class _Recorder(nn.Module):
    """Stands in a block's place, notes what it is called with, and answers with its input or with `answer`."""

    def __init__(self, block: nn.Module, as_tuple: bool, answer: Tensor | None = None, stop: bool = False) -> None:
        super().__init__()
        self.__dict__["block"] = block  # no submodule: attributes of the block are looked up, nothing else
        self._as_tuple, self._answer, self._stop = as_tuple, answer, stop
        self.hidden: Tensor | None = None
        self.call: Call | None = None

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["block"], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Note and pass on."""
        if not args:
            args = (kwargs.pop("hidden_states"),)
        self.hidden, self.call = args[0], Call(args[1:], kwargs)
        if self._stop:
            raise _StopError
        answer = self.hidden if self._answer is None else self._answer
        return (answer,) if self._as_tuple else answer


def record(
    skeleton: Skeleton, inputs: Mapping[str, Tensor], stack: int = 0, answers: Sequence[Tensor] = ()
) -> tuple[Tensor, tuple[Call, ...]]:
    """What the first block of a stack receives, `[rows, positions, hidden]`, and the call of each of its blocks; an empty tensor
    and no calls where an optional stack has nothing to do.

    inputs: of the model. answers: what came out of the last block of each stack before. The weights outside of the blocks must
    be filled. ArchitectureError when a block was not called, or its input changes between blocks.
    """
    first, recorders = _run(skeleton, inputs, stack, answers, _answers_tuples(skeleton, inputs, stack, answers))
    if not len(first):
        return first, ()
    calls = []
    for index, recorder in zip(skeleton.spans[stack], recorders, strict=True):
        if recorder.call is None or recorder.hidden is None or recorder.hidden.shape != first.shape:
            name = skeleton.names[index]
            raise ArchitectureError(f"{name} is not called with the hidden states of the block before; not understood")
        calls.append(recorder.call)
    return first, tuple(calls)


def logits(skeleton: Skeleton, ids: Tensor, hidden: Tensor) -> Tensor:
    """The logits `[rows, positions, vocabulary]` that follow from the output of the last block at positions with these `ids`.

    The weights outside of the blocks, the head too, must be filled.
    """
    last = len(skeleton.stacks) - 1
    _answers_tuples(skeleton, {"input_ids": ids}, last)
    recorders = _replace(skeleton, {skeleton.spans[last][-1]: hidden})
    try:
        return cast(Tensor, skeleton.model(input_ids=ids, use_cache=False).logits)
    finally:
        _restore(skeleton, recorders)


def head_input(skeleton: Skeleton, ids: Tensor, hidden: Tensor) -> Tensor:
    """What the output head receives when `hidden` comes out of the last block: `[rows, sequence length, in]`.

    The weights outside of the blocks must be filled.
    """
    seen: list[Tensor] = []

    def hook(_: nn.Module, args: tuple[Any, ...]) -> None:
        seen.append(args[0])
        raise _StopError

    handle = skeleton.head.register_forward_pre_hook(hook)
    try:
        logits(skeleton, ids, hidden)
    except _StopError:
        pass
    finally:
        handle.remove()
    return seen[0]


def differ(left: Any, right: Any) -> bool:
    """Whether two recorded values differ, tensors looked into."""
    if isinstance(left, Call) and isinstance(right, Call):
        return differ(left.args, right.args) or differ(dict(left.kwargs), dict(right.kwargs))
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return left.shape != right.shape or not torch.equal(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() != right.keys() or any(differ(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) != len(right) or any(differ(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is not type(right) or (isinstance(left, str | int | float | bool) and left != right)


def input_groups(
    block: nn.Module, linears: tuple[LinearInfo, ...], batches: Iterable[tuple[Tensor, Call]]
) -> list[list[LinearInfo]]:
    """The Linears of a filled block that share one input, in the order in which they are computed.

    Found by running it on `batches`, until each was used. Optional ones that none of them uses are a group each, at the end.
    ArchitectureError names other Linears that were not used, or were used twice.
    """
    groups: list[list[LinearInfo]] = []
    for hidden, call in batches:
        for group in _used_together(block, linears, hidden, call):
            known = {linear.name for one in groups for linear in one}
            if new := [linear for linear in group if linear.name not in known]:
                groups.append(new)
        if sum(map(len, groups)) == len(linears):
            return groups
        if not any(linear.optional for linear in linears):
            break
    used = {linear.name for group in groups for linear in group}
    unused = [linear for linear in linears if linear.name not in used]
    if strange := [linear.name for linear in unused if not linear.optional]:
        raise ArchitectureError(f"not understood: Linears that are not used exactly once: {', '.join(strange)}")
    return groups + [[linear] for linear in unused]


def _used_together(
    block: nn.Module, linears: tuple[LinearInfo, ...], hidden: Tensor, call: Call
) -> list[list[LinearInfo]]:
    """Of one run."""
    groups: list[list[LinearInfo]] = []
    inputs: list[Tensor] = []  # kept, so that no two have the same address

    def note(linear: LinearInfo, value: Tensor) -> None:
        for group, known in zip(groups, inputs, strict=True):
            same = known.data_ptr() == value.data_ptr() and known.shape == value.shape
            if same and known.stride() == value.stride():
                group.append(linear)
                return
        groups.append([linear])
        inputs.append(value)

    handles = []
    for linear in linears:
        module = block.get_submodule(linear.local)

        def hook(_: nn.Module, args: tuple[Any, ...], linear: LinearInfo = linear) -> None:
            note(linear, args[0])

        handles.append(module.register_forward_pre_hook(hook))
    try:
        call(block, hidden)
    finally:
        for handle in handles:
            handle.remove()
    used = [linear.name for group in groups for linear in group]
    if twice := sorted({name for name in used if used.count(name) > 1}):
        raise ArchitectureError(f"not understood: Linears that are not used exactly once: {', '.join(twice)}")
    return groups


def inputs_of(block: nn.Module, linears: Sequence[LinearInfo], hidden: Tensor, call: Call) -> list[Tensor | None]:
    """What each of `linears` receives when the block computes `hidden`: `[rows, positions, in]`, float32; of an optional
    one `[1, its positions, in]`, or None when it was not used.
    """
    seen: dict[str, Tensor] = {}
    handles = []
    for linear in linears:

        def hook(_: nn.Module, args: tuple[Any, ...], name: str = linear.name) -> None:
            seen[name] = args[0]

        handles.append(block.get_submodule(linear.local).register_forward_pre_hook(hook))
    try:
        call(block, hidden)
    finally:
        for handle in handles:
            handle.remove()
    found: list[Tensor | None] = []
    for linear in linears:
        x = seen.get(linear.name)
        rows = 1 if linear.optional else len(hidden)
        found.append(None if x is None else x.reshape(rows, -1, linear.in_features).float())
    return found


def _answers_tuples(
    skeleton: Skeleton, inputs: Mapping[str, Tensor], stack: int, answers: Sequence[Tensor] = ()
) -> bool:
    """Whether the model takes the first item of what a block returns: one of a plain tensor would lose the rows."""
    if stack not in skeleton.answers_tuples:
        first, recorders = _run(skeleton, inputs, stack, answers, as_tuple=False)
        if not len(first):
            return False
        shapes = {recorder.hidden.shape for recorder in recorders if recorder.hidden is not None}
        skeleton.answers_tuples[stack] = len(shapes) > 1
    return skeleton.answers_tuples[stack]


def _run(
    skeleton: Skeleton, inputs: Mapping[str, Tensor], stack: int, answers: Sequence[Tensor], as_tuple: bool
) -> tuple[Tensor, list[_Recorder]]:
    """The model up to the last block of `stack`; what its first block received, and its recorders."""
    span = skeleton.spans[stack]
    ends = {before[-1]: answer for before, answer in zip(skeleton.spans, answers, strict=False)}
    recorders = _replace(skeleton, ends, span[-1], {stack: as_tuple})
    try:
        skeleton.model(**inputs, use_cache=False)
    except _StopError:
        pass
    finally:
        _restore(skeleton, recorders)
    mine = [recorders[index] for index in span]
    first = mine[0].hidden
    if first is None and skeleton.stacks[stack].optional:
        return torch.empty(0), mine
    if first is None:
        raise ArchitectureError(f"{skeleton.names[span[0]]} is never called; not understood")
    return first, mine


def _replace(
    skeleton: Skeleton,
    answers: Mapping[int, Tensor],
    stop: int | None = None,
    tuples: Mapping[int, bool] | None = None,
) -> list[_Recorder]:
    """Put recorders in the place of all blocks. answers, stop: by index of the block; tuples: by stack, where not known yet."""
    as_tuples = {**skeleton.answers_tuples, **(tuples or {})}
    recorders = []
    for number, span in enumerate(skeleton.spans):
        for index in span:
            block, as_tuple = skeleton.block(index), as_tuples.get(number, False)
            recorders.append(_Recorder(block, as_tuple, answers.get(index), index == stop))
    for index, recorder in enumerate(recorders):
        skeleton.put_block(index, recorder)
    return recorders


def _restore(skeleton: Skeleton, recorders: list[_Recorder]) -> None:
    for index, recorder in enumerate(recorders):
        skeleton.put_block(index, recorder.__dict__["block"])
