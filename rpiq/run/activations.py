"""The hidden states between two blocks, row after row: in files when a run can be resumed, in memory for a rehearsal.

A stage (what goes into one block) appears whole or not at all. What computes the states is `rpiq/run/pipeline.py`'s affair.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rpiq.errors import ResourceError

_UNFINISHED = ".unfinished"


class MemoryActivations:
    """Stages held in memory."""

    def __init__(self) -> None:
        self._stages: dict[str, list[Tensor]] = {}

    def __contains__(self, stage: object) -> bool:
        return stage in self._stages

    def write(self, stage: str, batches: Iterable[Tensor]) -> None:
        """Keep the batches, each `[rows, sequence length, hidden]`, as `stage`."""
        self._stages[stage] = list(batches)

    def read(self, stage: str) -> Iterator[Tensor]:
        """The batches of `stage`, in the order they were written."""
        return iter(self._stages[stage])

    def batch(self, stage: str, number: int) -> Tensor:
        """One of the batches of `stage`."""
        return self._stages[stage][number]

    def remove(self, stage: str) -> None:
        """Forget `stage`, if it is there."""
        self._stages.pop(stage, None)


class StoredActivations:
    """Stages in files below a folder: one batch at a time is in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __contains__(self, stage: object) -> bool:
        return (self._folder / str(stage)).is_dir()

    def write(self, stage: str, batches: Iterable[Tensor]) -> None:
        """Keep the batches, each `[rows, sequence length, hidden]`, as `stage`; it replaces one that is there.

        ResourceError when the disk is full.
        """
        unfinished = self._folder / (stage + _UNFINISHED)
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unfinished.mkdir()
            for number, batch in enumerate(batches):
                save_file({"hidden": batch.cpu().contiguous()}, unfinished / f"{number:06}.safetensors")
            self.remove(stage)
            unfinished.rename(self._folder / stage)
        except (OSError, SafetensorError) as error:
            raise ResourceError(
                f"{self._folder} cannot take the activations ({error}); make room and --resume"
            ) from error

    def read(self, stage: str) -> Iterator[Tensor]:
        """The batches of `stage`, in the order they were written. ResourceError when a file is damaged."""
        for number in range(len(list((self._folder / stage).glob("*.safetensors")))):
            yield self.batch(stage, number)

    def batch(self, stage: str, number: int) -> Tensor:
        """One of the batches of `stage`. ResourceError when its file is damaged."""
        file = self._folder / stage / f"{number:06}.safetensors"
        try:
            return load_file(file)["hidden"]
        except (OSError, SafetensorError) as error:
            raise ResourceError(f"{file} is damaged ({error}); start again without --resume") from error

    def remove(self, stage: str) -> None:
        """Delete `stage`, if it is there."""
        shutil.rmtree(self._folder / stage, ignore_errors=True)


Activations = MemoryActivations | StoredActivations
