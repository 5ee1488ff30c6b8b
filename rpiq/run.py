"""One model on its way through its blocks: each is filled from the shards, quantized, written, and let go.

The hidden states between two blocks lie in files and every block is committed, so that a killed run goes on where it was
and ends with the same bytes. How one block is solved: `rpiq/solve.py`; what a run was: `rpiq/result.py`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from rpiq import budget
from rpiq.activations import Activations
from rpiq.blocks import Skeleton, compute_dtype
from rpiq.calibration import Calibration, read_calibration, read_tokenizer
from rpiq.card import write_card
from rpiq.config import QuantizationConfig
from rpiq.distill import Distillation, Rows, distill
from rpiq.errors import ArchitectureError, CheckpointError, ResourceError
from rpiq.head import PIECE, pieces_of, solve_head
from rpiq.layout import SCALE
from rpiq.recording import Call, differ, head_input, input_groups, logits, record
from rpiq.result import (
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
from rpiq.solve import Passes, Solved, output_error, put_all, solve_block
from rpiq.student import Lesson, Student, scaled_blocks
from rpiq.verify import MOST_TOKENS, same_as_stored, verify
from rpiq.weights import Weights
from rpiq.writer import QuantizedWriter

_OUTSIDE = "outside of the blocks, part"
_OUTSIDE_BYTES = 1 << 28
"""Of the tensors outside of the blocks that are committed together."""
_DISTILLED = "distillation"
_BLOCKS_SHARE = 0.3
"""Of the time of a run with stage 3 that its blocks take, as measured on SmolLM2-135M; only for saying how far it is."""


class Run:
    """One model on its way through the blocks."""

    def __init__(
        self,
        weights: Weights,
        config: QuantizationConfig,
        calibration: Path | Calibration,
        device: torch.device,
        activations: Activations,
        listener: Callable[[Progress], None] | None,
        started: float,
    ) -> None:
        """Everything that can be refused without looking at the weights is. `started` is time.monotonic()'s."""
        self._weights, self._config, self._activations = weights, config, activations
        self._listener, self._started = listener, started
        self._skeleton = Skeleton(weights, compute_dtype(weights, device), device)
        self.plan = budget.plan(self._skeleton, weights, config)
        if isinstance(calibration, Path):
            tokenizer = read_tokenizer(weights.folder)
            rows = (config.samples, config.sequence_length, config.seed, config.chat_template)
            calibration = read_calibration(calibration, tokenizer, *rows)
        self._calibration = calibration
        self._check_ids()
        self._calls: dict[int, tuple[Call, ...]] = {}
        self._share: float | None = None  # that was done when this run began
        held = min(config.held_out_rows, len(calibration.ids) // 4)
        self._set_rows(calibration.ids[: len(calibration.ids) - held], calibration.ids[len(calibration.ids) - held :])

    def to_folder(self, writer: QuantizedWriter, source: Path, resumed: bool) -> Report:
        """All blocks, the folder, the check."""
        count = len(self._skeleton.blocks)
        self._tell("calibration", 0)
        with torch.no_grad():
            self._embed(write=not writer.committed)
            for number, names in enumerate(self._outside()):
                key = f"{_OUTSIDE} {number}"
                if key not in writer.committed:
                    for name in names:
                        writer.add_plain(name, self._skeleton.read(name))
                    writer.commit(key)
            blocks = []
            for index in range(count):
                key = self._skeleton.block_name(index)
                if key in writer.committed:
                    blocks.append(read_block(writer.committed[key]))
                    continue
                block, solved = self._block(index)
                self._write(writer, index, solved)
                writer.commit(key, asdict(block))
                self._forget(index)
                blocks.append(block)
            row = self._calibration.ids[:1, :MOST_TOKENS]
            distillation, hidden = self._distill(writer) if self._config.distills else (None, self._last(count))
            if self._config.head:
                blocks.append(self._head(writer, count))
            self._tell("saving", count)
            wanted = self._logits(hidden[:1, : row.shape[1]], row)
        facts = self._facts(source, blocks, distillation, resumed)
        writer.add_file("README.md", write_card(facts))
        writer.finish(self._weights.folder)
        self._tell("checking", count)
        check = verify(writer.folder, row, wanted, self._skeleton.device)
        seconds = time.monotonic() - self._started
        report = self._facts(source, blocks, distillation, resumed, check, seconds)
        report.write(writer.folder / REPORT_FILE)
        self._tell("done", count)
        return report

    def rehearse(self) -> BlockReport:
        """The first block on at most four rows and, if there are any, one held-out row."""
        self._set_rows(self._train[:4], self._held[:1])
        with torch.no_grad():
            self._embed(write=True)
            return self._block(0)[0]

    def _forget(self, index: int) -> None:
        """Remove what went into block `index`, but for what stage 3 needs of the first."""
        for kind in self._kinds:
            if index or not self._config.distills or kind.endswith("full"):
                self._activations.remove(_stage(index, kind))

    def _set_rows(self, train: Tensor, held: Tensor) -> None:
        self._train, self._held = train, held
        self._kinds = ["train"]
        if self._config.cross_layer or self._config.distills:
            self._kinds.append("train-full")
        if len(held):
            self._kinds += ["held", "held-full"]

    def _check_ids(self) -> None:
        largest = int(self._calibration.ids.max())
        if largest >= self._skeleton.vocabulary:
            raise CheckpointError(
                f"{self._weights.folder}: the tokenizer makes the token {largest}, "
                f"the model knows {self._skeleton.vocabulary}; "
                "they are not of one model"
            )

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

    def _batches(self, ids: Tensor) -> tuple[Tensor, ...]:
        return torch.split(ids, max(1, budget.BATCH_TOKENS // ids.shape[1])) if len(ids) else ()

    def _embed(self, write: bool) -> None:
        """Run the embeddings; learn what every block is called with, and store what goes into the first."""
        self._skeleton.fill_outside(self._calibration.ids)

        def first(ids: Tensor) -> Iterator[Tensor]:
            for batch in self._batches(ids):
                hidden, recorded = record(self._skeleton, batch.to(self._skeleton.device))
                calls = tuple(replace(call, fast=True) for call in recorded)
                known = self._calls.setdefault(len(batch), calls)
                if differ(list(known), list(calls)):
                    raise ArchitectureError(
                        f"{self._skeleton.config.model_type!r} passes values that depend on the text to its blocks; not understood"
                    )
                yield hidden

        for kind in self._kinds:
            states = first(self._held if kind.startswith("held") else self._train)
            if write:
                self._activations.write(_stage(0, kind), states)
            else:
                for _ in states:
                    pass
        self._skeleton.empty_outside()

    def _inputs(self, index: int, kind: str) -> Callable[[], Iterator[tuple[Tensor, Call]]]:
        """Passes over what goes into block `index`, with the call for each batch."""

        def batches() -> Iterator[tuple[Tensor, Call]]:
            for hidden in self._activations.read(_stage(index, kind)):
                yield hidden.to(self._skeleton.device), self._calls[len(hidden)][index]

        return batches

    def _block(self, index: int) -> tuple[BlockReport, list[Solved]]:
        """Fill, solve, and advance the hidden states through block `index`."""
        started = time.monotonic()
        skeleton, config = self._skeleton, self._config
        linears = skeleton.linears(index)
        self._tell("block", index, skeleton.block_name(index))
        missing = [kind for kind in self._kinds if _stage(index, kind) not in self._activations]
        if missing:
            raise ResourceError(
                f"the activations that go into {skeleton.block_name(index)} are gone; start again without --resume"
            )
        block = skeleton.fill_block(index)
        original: nn.Module | None = copy.deepcopy(block) if config.cross_layer else None
        groups = input_groups(block, linears, *next(self._inputs(index, "train")()))
        for kind in self._kinds:
            if kind.endswith("full"):
                self._advance(block, index, kind)
        target = list(self._activations.read(_stage(index + 1, "held-full"))) if len(self._held) else []
        rows = Passes(
            self._inputs(index, "train"),
            self._inputs(index, "train-full") if config.cross_layer else None,
            self._inputs(index, "held") if len(self._held) else None,
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
        error = output_error(block, self._inputs(index, "held")(), target) if len(self._held) else None
        skeleton.empty_block(index)
        reports = tuple(one.report for one in solved)
        name = skeleton.block_name(index)
        return BlockReport(name, reports, tuple(guards), error, time.monotonic() - started), solved

    def _advance(self, block: nn.Module, index: int, kind: str) -> None:
        outputs = (call(block, hidden) for hidden, call in self._inputs(index, kind)())
        self._activations.write(_stage(index + 1, kind), outputs)

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
        """Stage 3, and what the finished blocks make of the first batch. The output head is in full precision here."""
        skeleton, config = self._skeleton, self._config
        batches, held = self._batches(self._train), self._batches(self._held)

        def stored(name: str) -> str:
            return skeleton.stored_name(f"{name}.weight").removesuffix(".weight")

        def tell(step: int) -> None:
            steps = config.distill_steps
            self._tell("distillation", len(skeleton.blocks), f"step {step}/{steps}", step / steps)

        tell(0)
        skeleton.fill_outside(self._calibration.ids)
        with skeleton.head.resident(), scaled_blocks(skeleton, lambda name: writer.linear(stored(name))) as linears:
            student = Student(skeleton, self._lessons(batches, "train") + self._lessons(held, "held"))
            if _DISTILLED in writer.committed:
                result = read_distillation(writer.committed[_DISTILLED])
            else:
                same_as_stored(student.hidden(0), self._last(len(skeleton.blocks)))
                rows = Rows(len(batches), len(held))
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

    def _last(self, count: int) -> Tensor:
        """What came out of the last block for the first batch."""
        return self._activations.batch(_stage(count, "train"), 0).to(self._skeleton.device)

    def _lessons(self, batches: Sequence[Tensor], kind: str) -> list[Callable[[], Lesson]]:
        """What stage 3 learns from, or is judged by: each is read from the disk when it is called."""
        device, count = self._skeleton.device, len(self._skeleton.blocks)

        def lesson(number: int) -> Lesson:
            hidden = self._activations.batch(_stage(0, kind), number).to(device)
            teacher = self._activations.batch(_stage(count, f"{kind}-full"), number).to(device)
            return Lesson(batches[number].to(device), hidden, teacher, self._calls[len(hidden)])

        return [partial(lesson, number) for number in range(len(batches))]

    def _head(self, writer: QuantizedWriter, count: int) -> BlockReport:
        """Quantize the output head; a resumed run that has it already does so again, to compare with its logits."""
        started = time.monotonic()
        skeleton = self._skeleton
        head = skeleton.head_linear()
        self._tell("head", count, head.name)
        skeleton.fill_outside(self._calibration.ids)
        dtype = self._stored_dtype(head.name)
        stored = skeleton.stored_name(f"{head.name}.weight")
        pieces = self._weights.pieces(stored, max(1, PIECE // head.in_features))
        train, held = self._head_inputs(count, "train"), self._head_inputs(count, "held")
        solved, guard = solve_head(head, pieces, train, held, dtype, self._config, time.monotonic)
        skeleton.empty_outside()
        seconds = time.monotonic() - started
        report = BlockReport(head.name, (solved.report,), (guard,) if guard else (), None, seconds)
        if head.name not in writer.committed:
            writer.add(stored.removesuffix(".weight"), solved.codes, solved.grid, dtype)
            writer.commit(head.name, asdict(report))
        skeleton.head.pieces = lambda: pieces_of(solved)
        return report

    def _head_inputs(self, count: int, kind: str) -> Iterator[Tensor]:
        ids = self._batches(self._held if kind == "held" else self._train)
        states = self._activations.read(_stage(count, kind)) if len(ids) else ()
        for batch, hidden in zip(ids, states, strict=True):
            device = self._skeleton.device
            yield head_input(self._skeleton, batch.to(device), hidden.to(device))

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

    def _tell(self, stage: str, block: int, detail: str = "", learned: float = 0.0) -> None:
        """learned: which share of the distillation is done."""
        if self._listener is None:
            return
        count = len(self._skeleton.blocks)
        share = (
            _BLOCKS_SHARE * block / count + (1 - _BLOCKS_SHARE) * learned if self._config.distills else block / count
        )
        if stage in ("saving", "checking", "done"):
            share = 1.0
        # What a resumed run found done took no time now, so only what this one did tells how long the rest will take.
        if self._share is None and stage == "block":
            self._share = share
        seconds, won = time.monotonic() - self._started, share - (self._share or 0.0)
        left = seconds / won * (1 - share) if won > 0 else None
        self._listener(Progress(stage, block, count, detail, seconds, left, share))


def _stage(index: int, kind: str) -> str:
    return f"{index:05}-{kind}"
