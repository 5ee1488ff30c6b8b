"""Calibration rows with pictures: questions about them with their answers, as the model's own processor puts them.

Two layouts are read: JSON lines, and the folders of CogVLM-SFT-311K. Nothing is downloaded. Rows of text: `rpiq/calibration/text.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from rpiq.calibration.picture_files import open_picture
from rpiq.calibration.questions import read_questions
from rpiq.calibration.text import BATCH_TOKENS, Batch
from rpiq.errors import CalibrationError, EvaluationError

if TYPE_CHECKING:
    from PIL.Image import Image

_LABELS = ("labels", "labels_en")
"""Folders beside `images/` that hold one .json for each picture."""
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_DESCRIBE = "Describe this image in detail."
"""What a description without a question answers."""
_NOT_INPUTS = ("labels",)


@runtime_checkable
class TeachingProcessor(Protocol):
    """A processor that knows how its family puts a question and its answer."""

    def answered(self, image: Image, question: str, answer: str) -> Mapping[str, Any]:
        """The model's inputs, `input_ids` `[1, tokens]` among them, and `labels` like these, -100 before the answer."""


@dataclass(frozen=True)
class Sample:
    """A question about a picture, and its answer."""

    picture: Path | str
    """A file, or base64 text."""
    question: str
    answer: str
    where: str
    """Its place in the data, for messages."""


@dataclass(frozen=True)
class PictureCalibration:
    """Rows of one picture, one question and one answer each. Pictures are opened when they are needed, and let go."""

    samples: tuple[Sample, ...]
    processor: TeachingProcessor
    source: str
    sha256: str
    """Of the file's bytes; of a folder, of the names and contents of its labels."""

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.samples)

    @cached_property
    def _ids(self) -> tuple[tuple[Tensor, int], ...]:
        """Of each row its ids, and how many of them follow the picture."""
        found = []
        for sample in self.samples:
            inputs = _answered(self.processor, sample)
            found.append((inputs["input_ids"], _tail(inputs)))
        return tuple(found)

    @property
    def longest(self) -> int:
        """Tokens in the longest."""
        return max(ids.shape[1] for ids, _ in self._ids)

    @cached_property
    def ids(self) -> Tensor:
        """int64: every token that occurs, once."""
        return torch.bincount(torch.cat([ids.flatten() for ids, _ in self._ids])).nonzero().flatten()

    @cached_property
    def ids_sha256(self) -> str:
        """Of all ids, row after row, and of the bytes of the pictures."""
        digest = hashlib.sha256()
        for sample, (ids, _) in zip(self.samples, self._ids, strict=True):
            digest.update(ids.contiguous().numpy().tobytes())
            picture = sample.picture
            digest.update(picture.read_bytes() if isinstance(picture, Path) else picture.encode())
        return digest.hexdigest()

    def batches(self, rows: range) -> tuple[Batch, ...]:
        """These rows; equally long ones together, as many as fit into BATCH_TOKENS, since padding would be taken for text."""
        groups: list[list[int]] = []
        open_groups: dict[tuple[int, int], list[int]] = {}
        for row in rows:
            ids, tail = self._ids[row]
            group = open_groups.get((ids.shape[1], tail))
            if group is None or (len(group) + 1) * ids.shape[1] > BATCH_TOKENS:
                group = open_groups[ids.shape[1], tail] = []
                groups.append(group)
            group.append(row)
        return tuple(
            Batch(
                torch.cat([self._ids[row][0] for row in group]),
                self._ids[group[0]][1],
                partial(_inputs, self.processor, tuple(self.samples[row] for row in group)),
            )
            for group in groups
        )


def has_pictures(file: Path) -> bool:
    """Whether a calibration is one of questions about pictures: a folder, or JSON lines with an "image" each."""
    if file.is_dir():
        return True
    if file.suffix != ".jsonl":
        return False
    try:
        with file.open(encoding="utf-8") as lines:
            first = json.loads(next((line for line in lines if line.strip()), "{}"))
    except (OSError, ValueError):
        return False  # said in full where texts are read
    return isinstance(first, dict) and "image" in first


def read_picture_calibration(path: Path, processor: Any, samples: int, seed: int = 0) -> PictureCalibration:
    """`samples` questions with answers, which the seed chooses without repetition; all, if there are fewer.

    path: a .jsonl of objects with image, question and answers; or a folder, either with such a `questions.jsonl`, or of
    CogVLM-SFT-311K: `images/NAME.jpg`, and `labels/NAME.json` with "captions" or "conversations".
    CalibrationError when something is malformed or a picture is missing, or the model's processor cannot put an answer.
    """
    if not isinstance(processor, TeachingProcessor):
        raise CalibrationError(
            f"{path} has pictures, and this model is calibrated with text alone; give a .txt, or a .jsonl with texts"
        )
    labels = next((path / name for name in _LABELS if (path / name).is_dir()), None)
    if labels is not None:
        found, digest = list(_labelled(path, labels)), _folder_sha256(labels)
    else:
        try:
            questions = read_questions(path)
        except EvaluationError as error:
            raise CalibrationError(str(error)) from error
        found = [Sample(one.picture, one.text, one.answers[0], one.where) for one in questions.asked]
        digest = questions.sha256
    if not found:
        raise CalibrationError(f"{labels} holds no answer to any question; give the folder of the data set")
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))[:samples]
    return PictureCalibration(tuple(found[int(at)] for at in order), processor, path.name, digest)


def picture_calibration_sha256(path: Path) -> str:
    """As `PictureCalibration.sha256`, without reading the questions. CalibrationError when it cannot be read."""
    labels = next((path / name for name in _LABELS if (path / name).is_dir()), None)
    if labels is not None:
        return _folder_sha256(labels)
    try:
        return read_questions(path).sha256
    except EvaluationError as error:
        raise CalibrationError(str(error)) from error


def _answered(processor: TeachingProcessor, sample: Sample) -> Mapping[str, Tensor]:
    try:
        picture = open_picture(sample.picture, sample.where)
    except EvaluationError as error:
        raise CalibrationError(str(error)) from error
    try:
        inputs: Mapping[str, Tensor] = processor.answered(picture, sample.question, sample.answer)
    except ValueError as error:
        raise CalibrationError(f"{sample.where}: {error}") from error
    return inputs


def _inputs(processor: TeachingProcessor, samples: tuple[Sample, ...]) -> Mapping[str, Tensor]:
    rows = [_answered(processor, sample) for sample in samples]
    return {name: torch.cat([row[name] for row in rows]) for name in rows[0] if name not in _NOT_INPUTS}


def _tail(inputs: Mapping[str, Tensor]) -> int:
    """Positions after the picture."""
    types = inputs.get("token_type_ids")
    length = int(inputs["input_ids"].shape[1])
    if types is None or not bool(types.any()):
        return length
    return length - 1 - int(types[0].nonzero()[-1])


def _labelled(folder: Path, labels: Path) -> Iterator[Sample]:
    pictures = {file.stem: file for file in (folder / "images").glob("*") if file.suffix.lower() in _PICTURES}
    for file in sorted(labels.glob("*.json")):
        if file.stem not in pictures:
            raise CalibrationError(f"{file}: {folder / 'images'} holds no picture of this name; get the data set again")
        try:
            values = json.loads(file.read_text("utf-8"))
            yield from chain(_captions(pictures[file.stem], values, file), _turns(pictures[file.stem], values, file))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CalibrationError(
                f'{file} holds no "captions" or "conversations" of texts ({error}); get the data set again'
            ) from error


def _captions(picture: Path, values: Mapping[str, Any], file: Path) -> Iterator[Sample]:
    for caption in values.get("captions", ()):
        yield Sample(picture, _DESCRIBE, str(caption["content"]), str(file))


def _turns(picture: Path, values: Mapping[str, Any], file: Path) -> Iterator[Sample]:
    """Of a conversation the first question alone: the later ones lean on what was said before."""
    turns = values.get("conversations", ())
    if len(turns) >= 2:
        yield Sample(picture, str(turns[0]["content"]), str(turns[1]["content"]), str(file))


def _folder_sha256(labels: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(labels.glob("*.json")):
        digest.update(file.name.encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
