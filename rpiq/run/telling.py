"""How far a run is, told to whoever listens: the share that is done, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable

from rpiq.run.result import BlockReport, Progress

_BLOCKS_SHARE = 0.3
"""Of the time of a run with stage 3 that its blocks take, as measured on SmolLM2-135M; only for saying how far it is."""


class Teller:
    """Tells of one run."""

    def __init__(
        self, listener: Callable[[Progress], None] | None, started: float, blocks: int, distills: bool
    ) -> None:
        """`started` is time.monotonic()'s; `distills`: whether stage 3 follows the blocks."""
        self._listener = listener
        self._started = started
        self._blocks = blocks
        self._distills = distills
        self._share: float | None = None  # that was done when this run began

    def __call__(
        self, stage: str, block: int, detail: str = "", learned: float = 0.0, finished: BlockReport | None = None
    ) -> None:
        """learned: which share of the distillation is done."""
        if self._listener is None:
            return
        share = block / self._blocks
        if self._distills:
            share = _BLOCKS_SHARE * share + (1 - _BLOCKS_SHARE) * learned
        if stage in ("saving", "checking", "done"):
            share = 1.0
        # What a resumed run found done took no time now, so only what this one did tells how long the rest will take.
        if self._share is None and stage == "block":
            self._share = share
        seconds, won = time.monotonic() - self._started, share - (self._share or 0.0)
        found = stage == "finished" and self._share is None
        left = seconds / won * (1 - share) if won > 0 and not found else None
        self._listener(Progress(stage, block, self._blocks, detail, seconds, left, share, finished))
