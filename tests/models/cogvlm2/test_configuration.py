"""The values of config.json: defaults of the 19B, what is refused and how it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.cogvlm2 import CogVLM2Config
from models.errors import Unsuitable
from tests.models.cogvlm2.tiny import tiny_config


def test_defaults_are_the_real_models(reference: Path) -> None:
    published = json.loads((reference / "real19b_config.json").read_text())
    config = CogVLM2Config()
    for name, value in published.items():
        if name != "architectures":
            assert getattr(config, name) == value, name
    assert (config.image_tokens, config.stop_ids) == (2306, (128001, 128009))


def test_what_the_published_file_leaves_out_is_filled_in() -> None:
    values = {"vision_config": {"image_size": 1344}, "auto_map": {"AutoConfig": "configuration_cogvlm.CogVLMConfig"}}
    config = CogVLM2Config.from_dict(values | {"architectures": ["CogVLMForCausalLM"]})
    assert (config.num_multi_query_heads, config.tie_word_embeddings) == (8, False)
    assert not hasattr(config, "auto_map")


def test_saved_and_read_again(tmp_path: Path) -> None:
    config = tiny_config(rotary_in_bfloat16=True)
    config.save_pretrained(tmp_path)
    again = CogVLM2Config.from_pretrained(tmp_path)
    assert again.to_dict() == config.to_dict()
    assert again.vision == config.vision


V1 = {"image_size": 490, "num_positions": 1226}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"vision_config": V1}, "CogVLM's, the first version"),
        ({"hidden_size": 30}, "hidden_size 30 is no multiple of 2 * num_attention_heads"),
        ({"num_multi_query_heads": 3}, "no multiple of num_multi_query_heads"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"hidden_act": "relu"}, "'relu' is not 'silu'"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings is true"),
        ({"template_version": "poem"}, "'poem' is none of chat, vqa, base"),
        ({"eos_token_id": []}, "eos_token_id is empty"),
        ({"vision_config": {"image_size": 1330}}, "image_size is no multiple of 2 * patch_size"),
        ({"vision_config": {"num_positions": 9216}}, "num_positions 9216 is not 9216 patches and 1"),
        ({"vision_config": {"num_heads": 15}}, "hidden_size of vision_config"),
        ({"vision_config": {"hidden_act": "quick_gelu"}}, "'quick_gelu' of vision_config"),
        ({"vision_config": {"dropout_prob": 0.1}}, "dropout_prob"),
        ({"vision_config": {"patch_size": 0}}, "patch_size is 0"),
        ({"vision_config": {"window_size": 7}}, "window_size is not a value of CogVLM2"),
    ],
)
def test_impossible_values_are_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Unsuitable, match=told.replace("*", r"\*")):
        tiny_config(**changes) if "vision_config" not in changes else CogVLM2Config(**changes)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM, a model without a vision"),
        ({"model_type": "llava", "vision_config": {}}, "of type 'llava'"),
        ({"vision_config": {}, "hidden_size": "wide"}, "hidden_size is 'wide'.*must be a number"),
        ({"vision_config": {}, "rms_norm_eps": "small"}, "rms_norm_eps.*get it again"),
    ],
)
def test_another_models_file_is_refused_in_one_line(values: dict[str, Any], told: str) -> None:
    with pytest.raises(Unsuitable, match=told) as caught:
        CogVLM2Config.from_dict(values)
    assert "\n" not in str(caught.value)
