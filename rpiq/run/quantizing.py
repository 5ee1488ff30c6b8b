"""One model on its way through its blocks: each is filled from the shards, quantized, written, and let go.

Where there are several stacks of blocks, as a vision tower and a decoder, the model itself makes what goes into the next of
what came out of the last. The hidden states between two blocks lie in files and every block is committed, so that a killed
run goes on where it was and ends with the same bytes. How one block is solved: `rpiq/run/solve.py`; what a run was:
`rpiq/run/result.py`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from rpiq.architectures.blocks import Skeleton, compute_dtype
from rpiq.calibration.text import Batch, CalibrationRows
from rpiq.config import QuantizationConfig
from rpiq.errors import ResourceError
from rpiq.formats.compressed_tensors import SCALE
from rpiq.formats.weights import Weights
from rpiq.formats.writer import QuantizedWriter
from rpiq.run import budget
from rpiq.run.activations import Activations
from rpiq.run.card import write_card
from rpiq.run.distill import Distillation, Rows, distill
from rpiq.run.head import PIECE, pieces_of, solve_head
from rpiq.run.recording import Call, differ, head_input, input_groups, logits, record
from rpiq.run.result import (
    REPORT_FILE,
    BlockReport,
    Check,
    Progress,
    Report,
    peak_memory,
    read_block,
    read_distillation,
    versions,
)
from rpiq.run.rows import read_rows
from rpiq.run.solve import Passes, Solved, output_error, put_all, solve_block
from rpiq.run.student import Lesson, Student, scaled_blocks
from rpiq.run.telling import Teller
from rpiq.run.verify import Probe, same_as_stored, verify

_OUTSIDE = "outside of the blocks, part"
_OUTSIDE_BYTES = 1 << 28
"""Of the tensors outside of the blocks that are committed together."""
_DISTILLED = "distillation"


class Run:
    """One model on its way through the blocks."""

    def __init__(
        self,
        weights: Weights,
        config: QuantizationConfig,
        calibration: Path | CalibrationRows,
        text: Path | None,
        device: torch.device,
        activations: Activations,
        listener: Callable[[Progress], None] | None,
        started: float,
    ) -> None:
        """Everything that can be refused without looking at the weights is. `started` is time.monotonic()'s."""
        self._weights, self._config, self._activations = weights, config, activations
        self._started = started
        self._skeleton = Skeleton(weights, compute_dtype(weights, device), device)
        self._tell = Teller(listener, started, len(self._skeleton.names), config.distills)
        self._calibration = read_rows(calibration, text, self._skeleton, weights, config)
        self.plan = budget.plan(self._skeleton, weights, config, self._calibration)
        self._stack = -1
        self._calls: dict[str, list[tuple[Call, ...]]] = {}
        """Of the blocks of stack `_stack`, by kind of rows and number of the batch."""
        rows = self._calibration.rows
        held = min(config.held_out_rows, rows // 4)
        self._set_rows(range(rows - held), range(rows - held, rows))

    def to_folder(self, writer: QuantizedWriter, source: Path, resumed: bool) -> Report:
        """All blocks, the folder, the check."""
        count = len(self._skeleton.names)
        self._tell("calibration", 0)
        with torch.no_grad():
            if not writer.committed:
                self._enter(0)
            for number, names in enumerate(self._outside()):
                key = f"{_OUTSIDE} {number}"
                if key not in writer.committed:
                    for name in names:
                        writer.add_plain(name, self._skeleton.read(name))
                    writer.commit(key)
            blocks = []
            for index in range(count):
                key = self._skeleton.names[index]
                if key in writer.committed:
                    blocks.append(read_block(writer.committed[key]))
                    self._tell("finished", index + 1, key, finished=blocks[-1])
                    continue
                self._enter(self._skeleton.stack_of(index))
                block, solved = self._block(index)
                self._write(writer, index, solved)
                writer.commit(key, asdict(block))
                self._forget(index)
                blocks.append(block)
                self._tell("finished", index + 1, key, finished=block)
            self._enter(len(self._skeleton.stacks) - 1)
            distillation, hidden = self._distill(writer) if self._config.distills else (None, self._last())
            if self._config.head:
                blocks.append(self._head(writer))
            self._tell("saving", count)
            batch = self._batches("train")[0]
            probe = Probe.of(batch)
            wanted = self._logits(hidden[:1, : len(probe.judged[0])], probe.judged)
        facts = self._facts(source, blocks, distillation, resumed)
        writer.add_file("README.md", write_card(facts))
        # The published config.json of some families names no type, which is how they are found again.
        writer.finish(self._weights.folder, {"model_type": self._skeleton.config.model_type})
        self._tell("checking", count)
        check = verify(writer.folder, probe, wanted, self._skeleton.device)
        seconds = time.monotonic() - self._started
        report = self._facts(source, blocks, distillation, resumed, check, seconds)
        report.write(writer.folder / REPORT_FILE)
        self._tell("done", count)
        return report

    def rehearse(self) -> BlockReport:
        """The first block on at most four rows and, if there are any, one held-out row."""
        self._set_rows(self._train[:4], self._held[:1])
        with torch.no_grad():
            self._enter(0)
            return self._block(0)[0]

    def _forget(self, index: int) -> None:
        """Remove what went into block `index`, but for what stage 3 begins with."""
        for kind in self._kinds:
            if index != self._last_span[0] or not self._config.distills or kind.endswith("full"):
                self._activations.remove(_into(index, kind))

    def _set_rows(self, train: range, held: range) -> None:
        self._train, self._held = train, held
        self._kinds = ["train"]
        if self._config.cross_layer or self._config.distills:
            self._kinds.append("train-full")
        if len(held):
            self._kinds += ["held", "held-full"]

    @property
    def _last_span(self) -> range:
        return self._skeleton.spans[-1]

    def _outside(self) -> list[list[str]]:
        """Names of the tensors outside of the blocks, in parts that are committed together."""
        parts: list[list[str]] = []
        room = 0
        head = self._skeleton.stored_name(f"{self._skeleton.head_linear().name}.weight") if self._config.head else None
        for name in self._skeleton.outside():
            if name == head:
                continue
            size = self._weights.info(name).size_bytes
            if not parts or size > room:
                parts.append([])
                room = _OUTSIDE_BYTES
            parts[-1].append(name)
            room -= size
        return parts

    def _batches(self, kind: str) -> tuple[Batch, ...]:
        return self._calibration.batches(self._held if kind.startswith("held") else self._train)

    def _enter(self, stack: int) -> None:
        """Learn what each block of a stack is called with and, if its first block is still to be done, store what goes into it.

        Also lets the model run up to there: of the stacks before it is known what came out of them.
        """
        if stack == self._stack:
            return
        self._skeleton.fill_outside(self._calibration.ids)
        device, first = self._skeleton.device, self._skeleton.spans[stack][0]
        self._calls = {}

        def states(kind: str) -> Iterator[Tensor]:
            calls: list[tuple[Call, ...]] = []
            for number, batch in enumerate(self._batches(kind)):
                inputs = {name: value.to(device) for name, value in batch.inputs().items()}
                answers = [self._activations.batch(_out_of(before, kind), number).to(device) for before in range(stack)]
                hidden, recorded = record(self._skeleton, inputs, stack, answers)
                found = tuple(replace(call, fast=True) for call in recorded)
                # Where nothing depends on the text, the calls of all batches share their memory.
                known = next((one for one in calls[-1:] if not differ(list(one), list(found))), found)
                calls.append(known)
                yield hidden
            self._calls[kind.removesuffix("-full")] = calls

        for kind in self._kinds:
            if _into(first, kind) not in self._activations and not self._done(stack, kind):
                self._activations.write(_into(first, kind), states(kind))
            elif kind.removesuffix("-full") not in self._calls:
                for _ in states(kind):
                    pass
        self._skeleton.empty_outside()
        self._stack = stack

    def _done(self, stack: int, kind: str) -> bool:
        """Whether any block of the stack was finished: what went into the first is gone then."""
        later = [_into(index, kind) for index in self._skeleton.spans[stack][1:]] + [_out_of(stack, kind)]
        return any(stage in self._activations for stage in later)

    def _inputs(self, index: int, kind: str) -> Callable[[], Iterator[tuple[Tensor, Call]]]:
        """Passes over what goes into block `index`, with the call for each batch."""
        place = index - self._skeleton.spans[self._stack][0]

        def batches() -> Iterator[tuple[Tensor, Call]]:
            calls = self._calls[kind.removesuffix("-full")]
            for hidden, of_stack in zip(self._activations.read(_into(index, kind)), calls, strict=True):
                if of_stack:
                    yield hidden.to(self._skeleton.device), of_stack[place]

        return batches

    def _block(self, index: int) -> tuple[BlockReport, list[Solved]]:
        """Fill, solve, and advance the hidden states through block `index`."""
        started = time.monotonic()
        skeleton, config = self._skeleton, self._config
        linears = skeleton.linears(index)
        self._tell("block", index, skeleton.names[index])
        missing = [kind for kind in self._kinds if _into(index, kind) not in self._activations]
        if missing:
            raise ResourceError(
                f"the activations that go into {skeleton.names[index]} are gone; start again without --resume"
            )
        block = skeleton.fill_block(index)
        original: nn.Module | None = copy.deepcopy(block) if config.cross_layer else None
        groups = input_groups(block, linears, self._inputs(index, "train")())
        for kind in self._kinds:
            if kind.endswith("full"):
                self._advance(block, index, kind)
        after = self._activations.read(self._after(index, "held-full")) if len(self._held) else ()
        target = [states for states in after if len(states)]
        rows = Passes(
            self._inputs(index, "train"),
            self._inputs(index, "train-full") if config.cross_layer else None,
            self._inputs(index, "held") if target else None,
            target,
        )
        dtypes = {linear.name: self._stored_dtype(linear.name) for linear in linears}

        def tell(name: str) -> None:
            self._tell("block", index, name)

        solved, guards = solve_block(block, original, groups, rows, dtypes, config, time.monotonic, tell)
        put_all(block, solved)
        for kind in self._kinds:
            if not kind.endswith("full"):
                self._advance(block, index, kind)
        error = output_error(block, self._inputs(index, "held")(), target) if target else None
        skeleton.empty_block(index)
        reports = tuple(one.report for one in solved)
        name = skeleton.names[index]
        return BlockReport(name, reports, tuple(guards), error, time.monotonic() - started), solved

    def _advance(self, block: nn.Module, index: int, kind: str) -> None:
        inputs = self._inputs(index, kind)()
        used = [bool(calls) for calls in self._calls[kind.removesuffix("-full")]]
        # Of a batch that does not run through this stack nothing goes in, and nothing comes out.
        outputs = (_output(block, *next(inputs)) if one else torch.empty(0) for one in used)
        self._activations.write(self._after(index, kind), outputs)

    def _after(self, index: int, kind: str) -> str:
        """The stage that block `index` makes."""
        span = self._skeleton.spans[self._stack]
        return _out_of(self._stack, kind) if index == span[-1] else _into(index + 1, kind)

    def _stored_dtype(self, linear: str) -> torch.dtype:
        info = self._weights.info(self._skeleton.stored_name(f"{linear}.weight"))
        return {"BF16": torch.bfloat16, "F16": torch.float16}.get(info.dtype, torch.float32)

    def _write(self, writer: QuantizedWriter, index: int, solved: list[Solved]) -> None:
        packed = set()
        for one in solved:
            stored = self._skeleton.stored_name(f"{one.linear.name}.weight")
            writer.add(stored.removesuffix(".weight"), one.codes, one.grid, self._stored_dtype(one.linear.name))
            packed.add(stored)
        for stored in self._skeleton.block_tensors(index).values():
            if stored not in packed:
                writer.add_plain(stored, self._skeleton.read(stored))

    def _distill(self, writer: QuantizedWriter) -> tuple[Distillation, Tensor]:
        """Stage 3, of the last stack alone, and what it makes of the judged positions of the first batch. The output head is
        in full precision here.
        """
        skeleton, config = self._skeleton, self._config

        def stored(name: str) -> str:
            return skeleton.stored_name(f"{name}.weight").removesuffix(".weight")

        def tell(step: int) -> None:
            steps = config.distill_steps
            self._tell("distillation", len(skeleton.names), f"step {step}/{steps}", step / steps)

        tell(0)
        skeleton.fill_outside(self._calibration.ids)
        with skeleton.head.resident(), scaled_blocks(skeleton, lambda name: writer.linear(stored(name))) as linears:
            lessons = self._lessons("train"), self._lessons("held")
            student = Student(skeleton, [*lessons[0], *lessons[1]])
            if _DISTILLED in writer.committed:
                result = read_distillation(writer.committed[_DISTILLED])
            else:
                same_as_stored(student.hidden(0), self._last())
                rows = Rows(*map(len, lessons))
                state = writer.scratch / "distillation.safetensors"
                settings = (config.distill_steps, config.distill_rate, config.seed)
                result = distill(student, linears, rows, *settings, state, tell)
                for name, module in linears.items():
                    writer.replace(f"{stored(name)}.{SCALE}", module.settle().scale.to(self._stored_dtype(name)))
                writer.commit(_DISTILLED, asdict(result))
            with torch.no_grad():
                hidden = student.hidden(0)
        skeleton.empty_outside()
        return result, hidden

    def _last(self) -> Tensor:
        """What came out of the last block at the judged positions of the first batch."""
        stage = _out_of(len(self._skeleton.stacks) - 1, "train")
        return self._activations.batch(stage, 0)[:, -self._batches("train")[0].judged :].to(self._skeleton.device)

    def _lessons(self, kind: str) -> list[Callable[[], Lesson]]:
        """What stage 3 learns from, or is judged by: each is read from the disk when it is called."""
        device, first = self._skeleton.device, self._last_span[0]
        end = _out_of(len(self._skeleton.stacks) - 1, f"{kind}-full")

        def lesson(number: int, batch: Batch) -> Lesson:
            hidden = self._activations.batch(_into(first, kind), number).to(device)
            teacher = self._activations.batch(end, number).to(device)
            later = slice(-batch.judged, None)
            return Lesson(batch.ids[:, later].to(device), hidden, teacher[:, later], self._calls[kind][number])

        return [partial(lesson, number, batch) for number, batch in enumerate(self._batches(kind))]

    def _head(self, writer: QuantizedWriter) -> BlockReport:
        """Quantize the output head; a resumed run that has it already does so again, to compare with its logits."""
        started = time.monotonic()
        skeleton = self._skeleton
        head = skeleton.head_linear()
        self._tell("head", len(skeleton.names), head.name)
        skeleton.fill_outside(self._calibration.ids)
        dtype = self._stored_dtype(head.name)
        stored = skeleton.stored_name(f"{head.name}.weight")
        pieces = self._weights.pieces(stored, max(1, PIECE // head.in_features))
        train, held = self._head_inputs("train"), self._head_inputs("held")
        solved, guard = solve_head(head, pieces, train, held, dtype, self._config, time.monotonic)
        skeleton.empty_outside()
        seconds = time.monotonic() - started
        report = BlockReport(head.name, (solved.report,), (guard,) if guard else (), None, seconds)
        if head.name not in writer.committed:
            writer.add(stored.removesuffix(".weight"), solved.codes, solved.grid, dtype)
            writer.commit(head.name, asdict(report))
        skeleton.head.pieces = lambda: pieces_of(solved)
        return report

    def _head_inputs(self, kind: str) -> Iterator[Tensor]:
        batches, device = self._batches(kind), self._skeleton.device
        states = self._activations.read(_out_of(len(self._skeleton.stacks) - 1, kind)) if batches else ()
        for batch, hidden in zip(batches, states, strict=True):
            later = slice(-batch.judged, None)
            yield head_input(self._skeleton, batch.ids[:, later].to(device), hidden[:, later].to(device))

    def _logits(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Of the quantized model in memory, for `ids`, of which the blocks have made `hidden`."""
        self._skeleton.fill_outside(self._calibration.ids)
        result = logits(self._skeleton, ids.to(self._skeleton.device), hidden).float().cpu()
        self._skeleton.empty_outside()
        return result

    def _facts(
        self,
        source: Path,
        blocks: list[BlockReport],
        distillation: Distillation | None,
        resumed: bool,
        check: Check | None = None,
        seconds: float = 0.0,
    ) -> Report:
        calibration = self._calibration
        return Report(
            source=source.name,
            architecture=str(self._skeleton.config.model_type),
            config=self._config,
            calibration=calibration.source,
            calibration_sha256=calibration.sha256,
            calibration_ids_sha256=calibration.ids_sha256,
            rows=len(self._train),
            held_out_rows=len(self._held),
            row_tokens=calibration.longest,
            blocks=tuple(blocks),
            distillation=distillation,
            kept=self.plan.kept,
            source_bytes=self.plan.source_bytes,
            output_bytes=self.plan.output_bytes,
            versions=versions(),
            seconds=seconds,
            peak_memory_bytes=peak_memory(),
            device=str(self._skeleton.device),
            resumed=resumed,
            check=check,
        )


def _output(block: nn.Module, hidden: Tensor, call: Call) -> Tensor:
    return call(block, hidden)


def _into(index: int, kind: str) -> str:
    """What goes into a block."""
    return f"{index:05}-{kind}"


def _out_of(stack: int, kind: str) -> str:
    """What comes out of the last block of a stack."""
    return f"end-{stack}-{kind}"
