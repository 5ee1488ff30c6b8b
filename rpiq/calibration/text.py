"""Calibration rows: token ids cut from a text, the same ones for the same file, tokenizer and seed.

Nothing is downloaded. One English set comes with the package, for whoever has no better; what a model was calibrated on is
recorded by its hash.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from rpiq.errors import CalibrationError, CheckpointError

_log = logging.getLogger(__name__)
_DATA = Path(__file__).with_name("data")
NAMED_SETS = {"c4": _DATA / "c4.jsonl"}
"""Texts that come with the package, by the names they can be asked for; their sources and licences: data/README.md."""
_SUFFIXES = (".txt", ".jsonl", ".raw")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")


BATCH_TOKENS = 1024
"""Tokens that run through a block at once."""


@dataclass(frozen=True)
class Batch:
    """Rows that run through the model together."""

    ids: Tensor
    """int64 `[rows, tokens]`."""
    judged: int
    """How many positions, counted from the end, are text that the model could write: what stage 3 learns from."""
    inputs: Callable[[], Mapping[str, Tensor]]
    """Makes what the model is called with, the ids among it."""


class CalibrationRows(Protocol):
    """The rows of one run, whatever they are made of, and where they come from."""

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    @property
    def longest(self) -> int:
        """Tokens in the longest."""
        ...

    @property
    def ids(self) -> Tensor:
        """int64: every token that occurs, at least once."""
        ...

    @property
    def ids_sha256(self) -> str:
        """Of the rows: two runs with the same value saw the same data."""
        ...

    @property
    def source(self) -> str:
        """Name of the file, or what else the rows are."""
        ...

    @property
    def sha256(self) -> str:
        """Of the file's bytes."""
        ...

    def batches(self, rows: range) -> tuple[Batch, ...]:
        """These rows, in their order."""
        ...


@dataclass(frozen=True)
class Calibration:
    """Rows of text, all equally long."""

    ids: Tensor
    """int64 `[rows, sequence length]`."""
    source: str
    """Name of the file, or what else the ids are."""
    sha256: str
    """Of the file's bytes."""
    seed: int
    chat_template: bool = False
    """Whether each document was put into the model's chat template."""

    @property
    def ids_sha256(self) -> str:
        """Of the ids themselves, little-endian int64 row after row: two runs with the same value saw the same data."""
        return hashlib.sha256(self.ids.contiguous().numpy().tobytes()).hexdigest()

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.ids)

    @property
    def longest(self) -> int:
        """Tokens in each."""
        return int(self.ids.shape[1])

    def batches(self, rows: range) -> tuple[Batch, ...]:
        """These rows, in their order."""
        parts = torch.split(self.ids[rows.start : rows.stop], max(1, BATCH_TOKENS // self.longest)) if rows else ()
        return tuple(Batch(part, self.longest, partial(_text_inputs, part)) for part in parts)


@dataclass(frozen=True)
class MixedCalibration:
    """Rows of two kinds, as pictures and text, spread evenly among each other."""

    first: CalibrationRows
    second: CalibrationRows

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.first.rows + self.second.rows

    @property
    def longest(self) -> int:
        """Tokens in the longest."""
        return max(self.first.longest, self.second.longest)

    @property
    def ids(self) -> Tensor:
        """int64: every token that occurs, at least once."""
        return torch.cat([self.first.ids.flatten(), self.second.ids.flatten()])

    @property
    def ids_sha256(self) -> str:
        """Of the hashes of both."""
        return _joined_sha256(self.first.ids_sha256, self.second.ids_sha256)

    @property
    def source(self) -> str:
        """Names of both."""
        return f"{self.first.source} and {self.second.source}"

    @property
    def sha256(self) -> str:
        """Of the hashes of both."""
        return _joined_sha256(self.first.sha256, self.second.sha256)

    def batches(self, rows: range) -> tuple[Batch, ...]:
        """These rows, the first kind before the second."""
        kinds = (self.first, self.second)
        places = [(kind, row) for kind in kinds for row in range(kind.rows)]
        chosen = sorted(places, key=lambda place: (place[1] + 0.5) / place[0].rows)[rows.start : rows.stop]
        mine = [[row for one, row in chosen if one is kind] for kind in kinds]
        return sum((kind.batches(range(min(m), max(m) + 1)) for kind, m in zip(kinds, mine, strict=True) if m), ())


def _joined_sha256(*digests: str) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`; CheckpointError when there is none or it is damaged. Runs no code of the folder."""
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise CheckpointError(
            f"{folder} holds no tokenizer (tokenizer.json or tokenizer.model); copy the model's own into it"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise CheckpointError(f"the tokenizer in {folder} cannot be read ({_line(error)}); get it again") from error
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise CheckpointError(f"the tokenizer in {folder} is a {type(tokenizer).__name__}; get the model's own")
    return tokenizer


def calibration_file(name: str) -> Path:
    """The file that FILE or NAME on a command line stands for; whether a file exists is seen when it is read.

    What has neither a suffix nor a folder is a name. CalibrationError lists the names when there is no such set.
    """
    if name in NAMED_SETS:
        return NAMED_SETS[name]
    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        return path
    raise CalibrationError(
        f"there is no calibration set {name!r}; give {', '.join(NAMED_SETS)}, or a .txt or .jsonl file"
    )


def read_calibration(
    file: Path,
    tokenizer: PreTrainedTokenizerBase,
    samples: int,
    sequence_length: int,
    seed: int = 0,
    chat_template: bool = False,
) -> Calibration:
    """`samples` rows of `sequence_length` tokens from a .txt file, or from the "text" of each line of a .jsonl file.

    The documents are joined in their order and cut into windows, of which the seed chooses without repetition; each row
    begins with what the tokenizer puts before any text. Fewer windows than `samples` are all taken, with a warning.
    CalibrationError when the file cannot be read, or is shorter than one row.
    """
    documents, digest = _documents(file)
    if chat_template:
        if not tokenizer.chat_template:
            raise CalibrationError("this model has no chat template; leave --chat-template out")
        documents = [_conversation(tokenizer, document) for document in documents]
    prefix = [] if chat_template else prefix_ids(tokenizer)
    ids = _tokens(tokenizer, documents)
    width = sequence_length - len(prefix)
    windows = len(ids) // width if width > 0 else 0
    if windows == 0:
        raise CalibrationError(
            f"{file} has {len(ids):,} tokens, less than one sample of {sequence_length:,}; "
            "give a longer text or a smaller --sequence-length"
        )
    if windows < samples:
        _log.warning("%s is long enough for %d of %d samples; all of it is used", file, windows, samples)
    order = torch.randperm(windows, generator=torch.Generator().manual_seed(seed))[:samples]
    rows = [prefix + ids[int(at) * width : (int(at) + 1) * width] for at in order]
    return Calibration(torch.tensor(rows, dtype=torch.int64), file.name, digest, seed, chat_template)


def _text_inputs(ids: Tensor) -> Mapping[str, Tensor]:
    return {"input_ids": ids}


def prefix_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What the tokenizer puts before every text by itself: a begin-of-text token, or nothing."""
    bare = _tokens(tokenizer, ["a"])
    whole = [int(token) for token in tokenizer("a")["input_ids"]]
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return whole[:start]
    return []


def file_sha256(file: Path) -> str:
    """Of the file's bytes. CalibrationError when it cannot be read."""
    return hashlib.sha256(_bytes(file)).hexdigest()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise CalibrationError(f"{file} does not exist; give a .txt or .jsonl file with text") from error
    except OSError as error:
        raise CalibrationError(f"{file} cannot be read ({error.strerror}); give yourself access to it") from error


def _tokens(tokenizer: PreTrainedTokenizerBase, documents: Sequence[str]) -> list[int]:
    # A text longer than the model's context is no mistake here: it is cut into windows afterwards.
    encoded = tokenizer(list(documents), add_special_tokens=False, verbose=False)["input_ids"]
    return [int(token) for document in encoded for token in document]


def _documents(file: Path) -> tuple[list[str], str]:
    if file.suffix not in _SUFFIXES:
        raise CalibrationError(f"{file} is no .txt or .jsonl file; convert it to one")
    data = _bytes(file)
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CalibrationError(
            f"{file} is not UTF-8 text ({error.reason} at byte {error.start}); convert it"
        ) from error
    if file.suffix != ".jsonl":
        return [text], digest
    documents = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise CalibrationError(f"{file}, line {number} is not JSON ({error}); correct it") from error
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            raise CalibrationError(f'{file}, line {number} has no "text"; each line is an object with one')
        documents.append(value["text"])
    return documents, digest


def _conversation(tokenizer: PreTrainedTokenizerBase, document: str) -> str:
    """The document as an answer: most tokens of a conversation are the model's own."""
    head, _, rest = document.strip().partition(". ")
    messages = [{"role": "user", "content": f"Continue: {head}."}, {"role": "assistant", "content": rest or head}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False))


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
