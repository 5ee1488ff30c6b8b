"""Opening a folder: the published layout, our own, and every way in which one can be incomplete."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from models.cogvlm2 import CogVLM2Config, CogVLM2ForConditionalGeneration, CogVLM2Processor
from models.errors import Corrupt, Unsuitable
from tests.models.cogvlm2.tiny import processor_of

Model = CogVLM2ForConditionalGeneration


@pytest.fixture(scope="module")
def saved(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As we write it, in shards."""
    folder = tmp_path_factory.mktemp("saved")
    model.save_pretrained(folder, max_shard_size="40KB")
    processor_of(model.config).save_pretrained(folder)
    return folder


@pytest.fixture
def broken(saved: Path, tmp_path: Path) -> Path:
    """A copy to be spoiled."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def logits(model: Model) -> torch.Tensor:
    with torch.no_grad():
        output: torch.Tensor = model(input_ids=torch.tensor([[1, 2, 3]])).logits
    return output


def test_saved_and_opened_again(model: Model, saved: Path) -> None:
    assert len(list(saved.glob("*.safetensors"))) > 1
    again, told = Model.from_pretrained(saved, output_loading_info=True)
    assert not any(told.values())
    assert torch.equal(logits(again), logits(model))
    assert again.generation_config.eos_token_id == list(model.config.stop_ids)
    assert not again.generation_config.do_sample


def test_the_auto_classes_know_it(saved: Path) -> None:
    assert isinstance(AutoConfig.from_pretrained(saved), CogVLM2Config)
    assert isinstance(AutoModelForImageTextToText.from_pretrained(saved), Model)
    assert isinstance(AutoProcessor.from_pretrained(saved), CogVLM2Processor)


def test_the_published_layout_opens_as_it_is(model: Model, broken: Path) -> None:
    """No model_type, another class name, foreign code that is not run, stored rotary frequencies, and a will to sample."""
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for at in range(model.config.num_hidden_layers):
        tensors[f"model.layers.{at}.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    for path in broken.glob("model*"):
        path.unlink()
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    (broken / "processor_config.json").unlink()
    (broken / "generation_config.json").write_text('{"do_sample": true, "temperature": 0.9}')
    config = json.loads((broken / "config.json").read_text())
    del config["model_type"], config["tie_word_embeddings"], config["dtype"]
    config["architectures"] = ["CogVLMForCausalLM"]
    config["auto_map"] = {"AutoConfig": "configuration_cogvlm.CogVLMConfig", "AutoModelForCausalLM": "m.CogVLM"}
    (broken / "config.json").write_text(json.dumps(config))
    opened = Model.from_pretrained(broken)
    assert torch.equal(logits(opened), logits(model))
    assert not opened.generation_config.do_sample
    assert CogVLM2Processor.from_pretrained(broken).to_dict() == processor_of(model.config).to_dict()


def test_a_missing_shard_is_named(broken: Path) -> None:
    shard = sorted(broken.glob("*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(Corrupt, match=f"{shard.name} is missing"):
        Model.from_pretrained(broken)


def test_a_shard_cut_short_is_named(broken: Path) -> None:
    shard = sorted(broken.glob("*.safetensors"))[1]
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(Corrupt, match=f"{shard.name} is not a whole"):
        Model.from_pretrained(broken)


def test_pickles_are_not_opened(broken: Path) -> None:
    for path in broken.glob("model*"):
        path.unlink()
    (broken / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(Corrupt, match="run code"):
        Model.from_pretrained(broken)


def test_tensors_of_another_model_are_named(broken: Path) -> None:
    index = broken / "model.safetensors.index.json"
    listed = json.loads(index.read_text())
    shard = broken / listed["weight_map"]["lm_head.weight"]
    tensors = load_file(shard)
    tensors["head.weight"] = tensors.pop("lm_head.weight")
    listed["weight_map"]["head.weight"] = listed["weight_map"].pop("lm_head.weight")
    save_file(tensors, shard, {"format": "pt"})
    index.write_text(json.dumps(listed))
    with pytest.raises(Corrupt, match=r"1 missing \(lm_head.weight\); 1 unexpected \(head.weight\); get it again"):
        Model.from_pretrained(broken)


def test_shapes_of_another_model_are_named(broken: Path) -> None:
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"vocab_size": 400}))
    with pytest.raises(Corrupt, match=r"2 of another shape \(lm_head.weight, model.embed_tokens.weight\)"):
        Model.from_pretrained(broken)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "cannot be read"), ("{", "cannot be read"), ("[]", "no JSON object")]
)
def test_a_missing_or_damaged_config_is_told(broken: Path, content: str | None, told: str) -> None:
    (broken / "config.json").unlink() if content is None else (broken / "config.json").write_text(content)
    with pytest.raises(Corrupt, match=told):
        Model.from_pretrained(broken)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="is no folder"):
        Model.from_pretrained(tmp_path / "nowhere")


def test_a_text_model_is_refused(broken: Path) -> None:
    (broken / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(Unsuitable, match="LlamaForCausalLM, a model without a vision tower"):
        Model.from_pretrained(broken)


def test_a_quantized_model_is_sent_elsewhere(broken: Path) -> None:
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"quantization_config": {"bits": 4}}))
    with pytest.raises(Unsuitable, match=r"rpiq\.load"):
        Model.from_pretrained(broken)


@pytest.mark.parametrize("content", [None, '{"version": "1.0"'])
def test_a_missing_or_damaged_tokenizer_is_told(broken: Path, content: str | None) -> None:
    file = broken / "tokenizer.json"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(Corrupt, match="no tokenizer that can be read"):
        CogVLM2Processor.from_pretrained(broken)
