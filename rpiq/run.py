"""One model on its way through its blocks: each is filled from the shards, quantized, written, and let go.

The hidden states between two blocks lie in files and every block is committed, so that a killed run goes on where it was
and ends with the same bytes. How one block is solved: `rpiq/solve.py`; what a run was: `rpiq/result.py`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from rpiq import budget
from rpiq.activations import Activations
from rpiq.blocks import Skeleton
from rpiq.calibration import Calibration, read_calibration, read_tokenizer
from rpiq.card import write_card
from rpiq.config import QuantizationConfig
from rpiq.errors import ArchitectureError, CheckpointError, ResourceError
from rpiq.head import PIECE, pieces_of, solve_head
from rpiq.recording import Call, differ, head_input, input_groups, logits, record
from rpiq.result import REPORT_FILE, BlockReport, Check, Progress, Report, peak_memory, read_block, versions
from rpiq.solve import Rows, Solved, output_error, put_all, solve_block
from rpiq.verify import MOST_TOKENS, verify
from rpiq.weights import Weights
from rpiq.writer import QuantizedWriter

_OUTSIDE = "outside of the blocks, part"
_OUTSIDE_BYTES = 1 << 28
"""Of the tensors outside of the blocks that are committed together."""


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
        self._skeleton = Skeleton(weights, _compute_dtype(weights, device), device)
        self.plan = budget.plan(self._skeleton, weights, config)
        if isinstance(calibration, Path):
            tokenizer = read_tokenizer(weights.folder)
            rows = (config.samples, config.sequence_length, config.seed, config.chat_template)
            calibration = read_calibration(calibration, tokenizer, *rows)
        self._calibration = calibration
        self._check_ids()
        self._calls: dict[int, tuple[Call, ...]] = {}
        self._done = 0
        held = min(config.held_out_rows, len(calibration.ids) // 4)
        self._set_rows(calibration.ids[: len(calibration.ids) - held], calibration.ids[len(calibration.ids) - held :])

    def to_folder(self, writer: QuantizedWriter, source: Path, resumed: bool) -> Report:
        """All blocks, the folder, the check."""
        count = len(self._skeleton.blocks)
        self._tell("calibration", 0)
        with torch.inference_mode():
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
                for kind in self._kinds:
                    self._activations.remove(_stage(index, kind))
                self._done += 1
                blocks.append(block)
            if self._config.head:
                blocks.append(self._head(writer, count))
            self._tell("saving", count)
            row = self._calibration.ids[:1, :MOST_TOKENS]
            wanted = self._logits(count, row)
        facts = self._facts(source, blocks, resumed)
        writer.add_file("README.md", write_card(facts))
        writer.finish(self._weights.folder)
        self._tell("checking", count)
        check = verify(writer.folder, row, wanted, self._skeleton.device)
        seconds = time.monotonic() - self._started
        report = self._facts(source, blocks, resumed, check, seconds)
        report.write(writer.folder / REPORT_FILE)
        self._tell("done", count)
        return report

    def rehearse(self) -> BlockReport:
        """The first block on at most four rows and, if there are any, one held-out row."""
        self._set_rows(self._train[:4], self._held[:1])
        with torch.inference_mode():
            self._embed(write=True)
            return self._block(0)[0]

    def _set_rows(self, train: Tensor, held: Tensor) -> None:
        self._train, self._held = train, held
        self._kinds = ["train"]
        if self._config.cross_layer:
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
                hidden, calls = record(self._skeleton, batch.to(self._skeleton.device))
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
        rows = Rows(
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

    def _logits(self, count: int, ids: Tensor) -> Tensor:
        """Of the quantized model in memory, for `ids`: the beginning of the first calibration row."""
        hidden = next(self._activations.read(_stage(count, "train")))[:1, : ids.shape[1]].to(self._skeleton.device)
        self._skeleton.fill_outside(ids)
        result = logits(self._skeleton, ids.to(self._skeleton.device), hidden).float().cpu()
        self._skeleton.empty_outside()
        return result

    def _facts(
        self, source: Path, blocks: list[BlockReport], resumed: bool, check: Check | None = None, seconds: float = 0.0
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

    def _tell(self, stage: str, block: int, detail: str = "") -> None:
        if self._listener is None:
            return
        count = len(self._skeleton.blocks)
        seconds = time.monotonic() - self._started
        # Blocks of a resumed run took no time now, so only those done in this one tell how long the others will take.
        left = seconds / self._done * (count - block) if self._done else None
        self._listener(Progress(stage, block, count, detail, seconds, left))


def _stage(index: int, kind: str) -> str:
    return f"{index:05}-{kind}"


def _compute_dtype(weights: Weights, device: torch.device) -> torch.dtype:
    """float32 on a processor, where it is exact and mostly faster; on a GPU what most of the weights are stored as."""
    if device.type == "cpu":
        return torch.float32
    stored = weights.checkpoint.totals[0].dtype
    return {"BF16": torch.bfloat16, "F16": torch.float16}.get(stored, torch.float32)
