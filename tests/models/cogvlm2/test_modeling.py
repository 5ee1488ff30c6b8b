"""What a random model shows: who computes which tokens, what generate does with it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import BatchFeature, DynamicCache

from models.cogvlm2 import CogVLM2ForConditionalGeneration, CogVLM2Processor, Conversation
from models.cogvlm2.configuration import VisionConfig
from models.cogvlm2.language import Routing, rotary_tables
from models.cogvlm2.tokens import vision_expert_mask
from models.cogvlm2.vision import VisionAttention
from models.errors import PromptError
from tests.models.cogvlm2.tiny import BOS, PAD, picture

Model = CogVLM2ForConditionalGeneration
ABOUT_PICTURE = Conversation("What is it?", picture())
TEXT_ONLY = Conversation("Who are you, and why?")


@pytest.fixture
def batch(processor: CogVLM2Processor) -> BatchFeature:
    """A row with an image, padded, and one without."""
    return processor([ABOUT_PICTURE, TEXT_ONLY])


def rows_seen(model: Model, batch: BatchFeature) -> dict[str, Tensor]:
    """What each Linear of the first layer receives."""
    seen: dict[str, Tensor] = {}
    handles = []
    for name, module in model.model.layers[0].named_modules():
        if isinstance(module, nn.Linear):

            def note(_: nn.Module, given: tuple[Any, ...], name: str = name) -> None:
                seen[name] = given[0].flatten(0, -2)

            handles.append(module.register_forward_pre_hook(note))
    with torch.no_grad():
        model(**batch)
    for handle in handles:
        handle.remove()
    return seen


def test_each_expert_sees_its_own_tokens_and_no_others(model: Model, batch: BatchFeature) -> None:
    seen = rows_seen(model, batch)
    assert len(seen) == 10
    mask = vision_expert_mask(batch["token_type_ids"])
    assert int(mask.sum()) == model.config.image_tokens - 1
    joined: list[Tensor] = []
    layer = model.model.layers[0]
    assert isinstance(layer.input_layernorm, nn.Module)
    handle = layer.input_layernorm.register_forward_hook(lambda _, __, output: joined.append(output))
    with torch.no_grad():
        model(**batch)
    handle.remove()
    assert torch.equal(seen["self_attn.vision_expert_query_key_value"], joined[0][mask])
    assert torch.equal(seen["self_attn.language_expert_query_key_value"], joined[0][~mask])
    for name, states in seen.items():
        assert len(states) == int((mask if "vision" in name else ~mask).sum()), name


def test_without_an_image_the_vision_experts_compute_nothing(model: Model, processor: CogVLM2Processor) -> None:
    seen = rows_seen(model, processor(TEXT_ONLY))
    assert len(seen) == 5
    assert all("language" in name for name in seen)


def test_blocks_can_be_called_one_by_one(model: Model, processor: CogVLM2Processor) -> None:
    """As a quantizer does it."""
    batch = processor(ABOUT_PICTURE)
    inner = model.model
    assert (len(inner.layers), len(inner.vision.transformer.layers)) == (2, 3)
    with torch.no_grad():
        image = inner.vision.patch_embedding(batch["pixel_values"])
        for layer in inner.vision.transformer.layers:
            image = layer(image)
        firsts: list[Tensor] = []
        hook = inner.layers[0].register_forward_pre_hook(lambda _, given: firsts.append(given[0]))
        wanted = model(**batch).logits
        hook.remove()
        hidden = firsts[0]
        size = model.config.hidden_size // model.config.num_attention_heads
        tables = rotary_tables(batch["position_ids"], size)
        routing = Routing.of(vision_expert_mask(batch["token_type_ids"]))
        for layer in inner.layers:
            hidden = layer(hidden, routing, tables)
        assert torch.equal(model.lm_head(inner.norm(hidden)), wanted)


@pytest.mark.makes_models
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_over_a_whole_image_is_never_a_matrix(dtype: torch.dtype) -> None:
    """The fused kernel alone is allowed here, and torch refuses where it does not apply. One head of the real size."""
    attention = VisionAttention(VisionConfig(hidden_size=112, num_heads=1)).to(dtype)
    with torch.no_grad(), sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        out = attention(torch.randn(1, 9217, 112, dtype=dtype))
    assert out.shape == (1, 9217, 112)


def test_cached_and_uncached_generation_agree(model: Model, batch: BatchFeature) -> None:
    cached = model.generate(**batch, max_new_tokens=8)
    assert torch.equal(model.generate(**batch, max_new_tokens=8, use_cache=False), cached)


def test_padding_changes_nothing(model: Model, processor: CogVLM2Processor, batch: BatchFeature) -> None:
    together = model.generate(**batch, max_new_tokens=8)[:, -8:]
    for row, conversation in enumerate((ABOUT_PICTURE, TEXT_ONLY)):
        alone = model.generate(**processor(conversation), max_new_tokens=8)[:, -8:]
        assert torch.equal(alone[0], together[row][: alone.shape[1]])


def test_a_mask_left_out_does_not_hide_the_image(model: Model, processor: CogVLM2Processor) -> None:
    batch = processor(ABOUT_PICTURE)
    whole = model.generate(**batch, max_new_tokens=8)
    fewer = {name: batch[name] for name in ("input_ids", "token_type_ids", "pixel_values")}
    assert torch.equal(model.generate(**fewer, max_new_tokens=8), whole)


def test_several_samples_of_a_row_share_its_image(model: Model, batch: BatchFeature) -> None:
    beams = model.generate(**batch, max_new_tokens=4, num_beams=2, num_return_sequences=2)
    assert len(beams) == 4


@pytest.mark.parametrize("use_cache", [True, False])
def test_after_an_image_at_the_end_comes_text(model: Model, processor: CogVLM2Processor, use_cache: bool) -> None:
    """Not more image positions, as transformers would have it."""
    batch = processor(Conversation("", picture(), template="base"))
    assert batch["token_type_ids"][0, -1] == 1
    ids = model.generate(**batch, max_new_tokens=3, use_cache=use_cache, eos_token_id=[])
    step = dict(batch)
    for token in ids[0, -3:]:
        with torch.no_grad():
            assert model(**step).logits[0, -1].argmax() == token
        step["input_ids"] = torch.cat([step["input_ids"], token.view(1, 1)], 1)
        step["token_type_ids"] = torch.cat([step["token_type_ids"], torch.tensor([[0]])], 1)
        step["position_ids"] = step["attention_mask"] = None


def test_labels_give_a_loss_that_trains_both_experts(model: Model, processor: CogVLM2Processor) -> None:
    batch = processor(Conversation("What?", picture(), answer="A door."))
    output = model(**batch)
    learned = batch["labels"][0, 1:] != -100
    expected = nn.functional.cross_entropy(output.logits[0, :-1][learned], batch["labels"][0, 1:][learned])
    torch.testing.assert_close(output.loss, expected)
    first = model.model.layers[0].self_attn
    assert isinstance(first, nn.Module)
    weights = [first.get_parameter(f"{kind}_expert_query_key_value.weight") for kind in ("vision", "language")]
    assert all(grad.abs().sum() > 0 for grad in torch.autograd.grad(output.loss, weights))


def test_a_tuple_on_request(model: Model) -> None:
    (logits,) = model(input_ids=torch.tensor([[1, 2]]), use_cache=False, return_dict=False)
    assert logits.shape == (1, 2, model.config.vocab_size)


def test_a_wrong_number_of_image_positions_is_told(model: Model, processor: CogVLM2Processor) -> None:
    batch = processor(ABOUT_PICTURE)
    batch["token_type_ids"][0, 1] = 0
    with pytest.raises(PromptError, match="5 positions of type 1 and 1 images of 6 each do not fit"):
        model(**batch)
    with pytest.raises(PromptError, match="6 positions of type 1 and 0 images"):
        model(input_ids=torch.tensor([[BOS, *6 * [PAD]]]), token_type_ids=torch.tensor([[0, *6 * [1]]]))
    with pytest.raises(PromptError, match="0 positions of type 1 and 1 images"):
        model(input_ids=torch.tensor([[BOS]]), pixel_values=batch["pixel_values"])


def test_pixels_of_another_size_are_told(model: Model, processor: CogVLM2Processor) -> None:
    batch = processor(ABOUT_PICTURE)
    batch["pixel_values"] = batch["pixel_values"][..., :8]
    with pytest.raises(PromptError, match=r"\[1, 3, 16, 8\] and must be \[images, 3, 16, 16\]"):
        model(**batch)


def test_positions_are_not_guessed_from_the_cache(model: Model, processor: CogVLM2Processor) -> None:
    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(**processor(ABOUT_PICTURE), past_key_values=cache)
    with pytest.raises(PromptError, match="position_ids are missing"):
        model(input_ids=torch.tensor([[1]]), past_key_values=cache)
    with pytest.raises(PromptError, match="position_ids are missing"):
        model.generate(input_ids=torch.tensor([[1]]), attention_mask=torch.ones(1, 30), past_key_values=cache)
