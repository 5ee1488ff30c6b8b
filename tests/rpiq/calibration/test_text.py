"""The same file, tokenizer and seed give the same rows; what cannot be used is refused with the reason."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from rpiq.calibration.text import (
    NAMED_SETS,
    calibration_file,
    file_sha256,
    prefix_ids,
    read_calibration,
    read_tokenizer,
)
from rpiq.errors import CalibrationError, CheckpointError
from tests.paths import ROOT
from tests.rpiq.tiny import CONFIGS, write_model, write_text


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), CONFIGS["llama"])


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> PreTrainedTokenizerBase:
    return read_tokenizer(model)


def test_rows_are_windows_of_the_text(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    file = tmp_path / "text.txt"
    file.write_text(" ".join(f"w{number % 90}" for number in range(200)), "utf-8")
    ids = read_calibration(file, tokenizer, samples=6, sequence_length=32, seed=3).ids
    assert ids.shape == (6, 32)
    assert ids.dtype == torch.int64
    starts = {int(row[0]) for row in ids}
    assert len(starts) == 6, "no window is taken twice"
    for row in ids:
        assert [(int(token) - 3) % 90 for token in row] == [(int(row[0]) - 3 + step) % 90 for step in range(32)]


def test_seed_decides_and_nothing_else(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    file = write_text(tmp_path / "text.txt")
    first, again, other = (read_calibration(file, tokenizer, 8, 32, seed) for seed in (1, 1, 2))
    assert torch.equal(first.ids, again.ids)
    assert first.ids_sha256 == again.ids_sha256 != other.ids_sha256
    assert first.sha256 == hashlib.sha256(file.read_bytes()).hexdigest() == file_sha256(file)


def test_jsonl_is_its_texts(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    text = write_text(tmp_path / "text.txt", words=90)
    words = text.read_text("utf-8").split()
    lines = [json.dumps({"text": " ".join(words[start : start + 30])}) for start in (0, 30, 60)]
    file = tmp_path / "text.jsonl"
    file.write_text("\n".join([*lines, ""]), "utf-8")
    assert torch.equal(read_calibration(file, tokenizer, 3, 30).ids, read_calibration(text, tokenizer, 3, 30).ids)


def test_a_text_shorter_than_one_row(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    file = write_text(tmp_path / "text.txt", words=20)
    with pytest.raises(CalibrationError, match="20 tokens, less than one sample of 32"):
        read_calibration(file, tokenizer, 1, 32)


def test_too_few_rows_are_all_taken(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_text(tmp_path / "text.txt", words=100)
    with caplog.at_level(logging.WARNING):
        assert len(read_calibration(file, tokenizer, 8, 32).ids) == 3
    assert "3 of 8" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.csv", b"a", "no .txt or .jsonl"),
        ("text.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("text.jsonl", b'{"text": "w1"}\n{"txt": "w2"}', 'line 2 has no "text"'),
        ("text.jsonl", b'{"text": "w1"}\n{', "line 2 is not JSON"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CalibrationError, match=message):
        read_calibration(tmp_path / name, tokenizer, 1, 4)


def test_a_missing_file(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(CalibrationError, match="does not exist"):
        read_calibration(tmp_path / "none.txt", tokenizer, 1, 4)


def test_names_and_files(tmp_path: Path) -> None:
    assert calibration_file("c4") == NAMED_SETS["c4"]
    for name in ("text.txt", str(tmp_path / "none"), "folder/c4"):
        assert calibration_file(name) == Path(name)
    with pytest.raises(CalibrationError, match="no calibration set 'c5'; give c4, or"):
        calibration_file("c5")


@pytest.mark.parametrize("name", NAMED_SETS)
def test_named_sets_are_as_their_table_says(name: str) -> None:
    """Their bytes, their licence, and enough words for the default of 128 × 2,048 tokens (at least one a word)."""
    file = NAMED_SETS[name]
    row = next(line for line in (file.parent / "README.md").read_text("utf-8").splitlines() if f"`{name}`" in line)
    assert f"{file.stat().st_size:,} bytes" in row
    assert file_sha256(file) in (file.parent / "README.md").read_text("utf-8")
    documents = [json.loads(line)["text"] for line in file.read_text("utf-8").splitlines()]
    assert sum(len(document.split()) for document in documents) > 128 * 2048
    assert file.name in (ROOT / "NOTICE").read_text("utf-8")


def test_chat_template(tmp_path: Path, model: Path) -> None:
    tokenizer = read_tokenizer(model)
    file = write_text(tmp_path / "text.txt")
    with pytest.raises(CalibrationError, match="no chat template"):
        read_calibration(file, tokenizer, 1, 16, chat_template=True)
    tokenizer.chat_template = "{% for m in messages %}</s> {{ m['content'] }} {% endfor %}"
    assert 1 in read_calibration(file, tokenizer, 500, 8, chat_template=True).ids


def test_what_is_put_before_a_text_begins_each_row(tmp_path: Path, model: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = read_tokenizer(model)
    assert prefix_ids(tokenizer) == []
    backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    backend.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    assert prefix_ids(tokenizer) == [0]
    ids = read_calibration(write_text(tmp_path / "text.txt"), tokenizer, 4, 16).ids
    assert ids.shape == (4, 16)
    assert (ids[:, 0] == 0).all()
    assert (ids[:, 1:] > 2).all()


def test_a_missing_tokenizer(tmp_path: Path, model: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no tokenizer"):
        read_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tokenizer(tmp_path)
