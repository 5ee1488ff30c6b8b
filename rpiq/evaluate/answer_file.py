"""The answers of an evaluation that takes hours, in a file that grows with each, so that a killed run goes on.

The first line says what was asked of whom; every other is one answer. All of them are JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from rpiq.errors import CheckpointError, EvaluationError, ResourceError

_MODEL_FILES = (
    *("*.safetensors", "*config.json", "chat_template*", "token*", "vocab*", "merges.txt"),
    *("special_tokens_map.json", "added_tokens.json"),
)
"""What answers depend on in the folder of a model; reports and results that lie there as well are left out."""


def model_sha256(folder: Path) -> str:
    """Of the names and contents of a model's files. CheckpointError when one cannot be read."""
    total = hashlib.sha256()
    for file in sorted({file for pattern in _MODEL_FILES for file in folder.glob(pattern) if file.is_file()}):
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise CheckpointError(f"{file} cannot be read ({error.strerror}); give yourself access to it") from error
        total.update(f"{digest}  {file.name}\n".encode())
    return total.hexdigest()


class AnswerFile:
    """Answers by the ids of their questions; a context manager, in which `add` writes.

    source: what the answers depend on. EvaluationError for a file with answers of another source, or that is none of ours;
    ResourceError when it cannot be written. A last line that a kill has torn is dropped.
    """

    def __init__(self, file: Path, source: Mapping[str, str]) -> None:
        self._file, self._source = file, dict(source)
        self.answers: dict[str, str] = {}
        """Those so far."""
        try:
            data = file.read_bytes() if file.exists() else b""
            whole = data[: data.rfind(b"\n") + 1]
            if whole:
                self._read(whole.splitlines())
            if len(whole) < len(data):  # not before it is known to be ours
                with file.open("r+b") as stream:
                    stream.truncate(len(whole))
            self._stream: IO[str] = file.open("a", encoding="utf-8")
            if not whole:
                self._write({"answers_of": self._source})
        except OSError as error:
            raise ResourceError(f"{file} cannot be written ({error.strerror}); choose another place") from error

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        if error is not None and self.answers:
            error.add_note(f"{len(self.answers):,} answers are kept in {self._file}: the same command goes on")

    def add(self, question: str, answer: str) -> None:
        """Keep one answer, whatever happens next to this process. ResourceError when there is no room for it."""
        try:
            self._write({"question": question, "answer": answer})
        except OSError as error:
            raise ResourceError(f"{self._file} cannot be written ({error.strerror}); make room, then go on") from error
        self.answers[question] = answer

    def _write(self, values: object) -> None:
        self._stream.write(json.dumps(values, ensure_ascii=False) + "\n")
        self._stream.flush()

    def _read(self, lines: list[bytes]) -> None:
        for number, line in enumerate(lines, 1):
            try:
                values = json.loads(line)
                if number == 1:
                    source = dict(values["answers_of"])
                else:
                    self.answers[str(values["question"])] = str(values["answer"])
            except (ValueError, KeyError, TypeError) as error:
                raise EvaluationError(
                    f"{self._file}:{number} is no line of an answer file; remove the file, or choose another --json"
                ) from error
        other = sorted(name for name in {*source, *self._source} if source.get(name) != self._source.get(name))
        if other:
            raise EvaluationError(
                f"{self._file} holds answers with another {' and another '.join(other)}; remove it, or choose another --json"
            )
