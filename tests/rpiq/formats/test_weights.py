"""Tensors are read one at a time, the same from one file, from shards, and from GGUF, whose q and k are un-permuted."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import AutoModelForCausalLM

from rpiq.config import Scheme
from rpiq.errors import CheckpointError, ResourceError
from rpiq.formats.export import export_gguf
from rpiq.formats.gguf_source import copy_fields
from rpiq.formats.weights import Weights
from tests.rpiq.folders import round_to_nearest, save_model
from tests.rpiq.formats.test_export import SMOLLM, add_tokenizer


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path / "model")


def gguf_of(model: Path, tmp_path: Path) -> Path:
    folder = round_to_nearest(add_tokenizer(model, SMOLLM), tmp_path / "four", Scheme(4, 32))
    return export_gguf(folder, tmp_path / "model.gguf")


def test_one_file_and_shards(tmp_path: Path, model: Path) -> None:
    expected = load_file(model / "model.safetensors")
    AutoModelForCausalLM.from_pretrained(model).save_pretrained(tmp_path / "shards", max_shard_size="30KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 2
    for source in (model, tmp_path / "shards", model / "model.safetensors"):
        with Weights(source) as weights:
            assert set(weights.names) == set(expected)
            assert "model.norm.weight" in weights
            assert "lm_head.weight" not in weights
            for name in reversed(weights.names):  # back and forth between the shards
                assert torch.equal(weights.read(name), expected[name])
                assert weights.info(name).shape == tuple(expected[name].shape)


def test_tensors_outlive_their_shard(model: Path) -> None:
    expected = load_file(model / "model.safetensors")["model.norm.weight"]
    with Weights(model) as weights:
        tensor = weights.read("model.norm.weight")
    assert torch.equal(tensor, expected)


def test_no_such_tensor(model: Path) -> None:
    with Weights(model) as weights:
        with pytest.raises(CheckpointError, match="holds no tensor nothing"):
            weights.read("nothing")
        with pytest.raises(CheckpointError, match="holds no tensor nothing"):
            weights.info("nothing")


def test_shard_that_vanishes(model: Path) -> None:
    with Weights(model) as weights:
        (model / "model.safetensors").unlink()
        with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read at model\.norm\.weight"):
            weights.read("model.norm.weight")


def test_gguf_is_converted_once(tmp_path: Path, model: Path) -> None:
    source = gguf_of(model, tmp_path)
    with Weights(source, tmp_path / "scratch") as weights:
        folder = weights.folder
        assert folder.parent == tmp_path / "scratch"
        assert weights.checkpoint.architecture == "LlamaForCausalLM"
        found = {name: weights.read(name).float() for name in weights.names}
    dense = load_file(model / "model.safetensors")
    assert set(found) == set(dense)
    for name in dense:  # rounded to 4 bits, but in place: a permuted q would be as far away as a random one
        assert float((found[name] - dense[name].float()).norm() / dense[name].float().norm()) < 0.15, name
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    with Weights(source, tmp_path / "scratch") as weights:
        assert (weights.folder / "model.safetensors").stat().st_mtime_ns == stamp
    with Weights(source, tmp_path / "scratch", torch.float32) as weights:
        assert weights.info("model.norm.weight").dtype == "F32"
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["model.converted"]


def digits_gguf(model: Path, tmp_path: Path, pre: str) -> Path:
    """A GGUF whose vocabulary would join "2" and "0", and white space, if it were not for the way the text is split."""
    words = ["Ġ", "ĠĠ", "2", "0", "4", "20", "24", "a", *(f"u{number}" for number in range(86))]
    tokenizer = Tokenizer(BPE({w: n for n, w in enumerate(words)}, [("2", "0"), ("2", "4"), ("Ġ", "Ġ")]))
    tokenizer.pre_tokenizer = SMOLLM
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.save(str(model / "tokenizer.json"))
    (model / "tokenizer_config.json").write_text('{"bos_token": "<s>", "eos_token": "</s>"}')
    plain = export_gguf(round_to_nearest(model, tmp_path / "four", Scheme(4, 32)), tmp_path / "smollm.gguf")
    if pre == "smollm":
        return plain
    other = tmp_path / "other.gguf"
    other.write_bytes(plain.read_bytes().replace(b"smollm", pre.encode()))
    return other


@pytest.mark.parametrize(
    ("pre", "tokens"), [("smollm", ["ĠĠ", "2", "0", "2", "4"]), ("refact", ["ĠĠ", "2", "0", "2", "4"])]
)
def test_gguf_splits_as_it_says(tmp_path: Path, model: Path, pre: str, tokens: list[str]) -> None:
    with Weights(digits_gguf(model, tmp_path, pre)) as weights:
        found = Tokenizer.from_file(str(weights.folder / "tokenizer.json"))
    assert found.encode("  2024").tokens == tokens


def test_gguf_of_another_kind_is_left_to_transformers(tmp_path: Path, model: Path) -> None:
    with Weights(digits_gguf(model, tmp_path, "gpt-2_")) as weights:  # six letters, as the name that it replaces
        found = Tokenizer.from_file(str(weights.folder / "tokenizer.json"))
    assert found.encode("  2024").tokens == ["Ġ", "Ġ", "20", "24"]


def test_gguf_tells_its_progress_and_nothing_else(
    tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = gguf_of(model, tmp_path)
    capfd.readouterr()
    steps: list[tuple[int, int]] = []
    with Weights(source, tmp_path / "scratch", progress=lambda *step: steps.append(step)):
        assert steps == [(done, 20) for done in range(1, 21)]
    assert capfd.readouterr() == ("", "")


def test_gguf_metadata_comes_back(tmp_path: Path, model: Path) -> None:
    """From a GGUF file to a folder, to 4 bits, and to a GGUF file again: what is said of the model in general is the same."""
    first = gguf_of(model, tmp_path)
    named = tmp_path / "named.gguf"
    writer = gguf.GGUFWriter(named, "llama")
    fields = gguf.GGUFReader(first).fields
    copy_fields(fields, writer, lambda key: key.startswith(("llama.", "tokenizer.")))
    writer.add_name("A name")
    writer.add_license("apache-2.0")
    writer.add_languages(["en"])
    for tensor in gguf.GGUFReader(first).tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with Weights(named, tmp_path / "scratch") as weights:
        again = export_gguf(
            round_to_nearest(weights.folder, tmp_path / "again", Scheme(4, 32)), tmp_path / "again.gguf"
        )
    kept = {key: field.contents() for key, field in gguf.GGUFReader(again).fields.items()}
    wanted = {"general.name": "A name", "general.license": "apache-2.0", "general.languages": ["en"]}
    assert wanted.items() <= kept.items()
    for key, field in fields.items():
        if key.startswith("tokenizer."):
            assert kept[key] == field.contents(), key


def test_temporary_copy_of_a_gguf_goes(tmp_path: Path, model: Path) -> None:
    with Weights(gguf_of(model, tmp_path)) as weights:
        folder = weights.folder
        assert folder.exists()
    assert not folder.exists()


def test_gguf_that_transformers_cannot_read(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "toy.gguf", "toy")
    writer.add_tensor("token_embd.weight", torch.zeros(4, 32).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(CheckpointError, match=r"transformers cannot read .*toy\.gguf"):
        Weights(tmp_path / "toy.gguf", tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_scratch_that_cannot_be_written(tmp_path: Path, model: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be written"):
        Weights(gguf_of(model, tmp_path), tmp_path / "file")
