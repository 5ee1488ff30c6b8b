"""A head in 8 bits computes what its dense weights compute, and halves the memory of head and embedding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import Gemma3TextConfig, PhiConfig, PreTrainedModel

from rpiq.config import Scheme
from rpiq.errors import ConfigError
from rpiq.runtime.byte_head import ByteEmbedding, ByteHead, ByteRows
from rpiq.runtime.loading import load
from tests.rpiq.folders import llama_config, round_to_nearest, save_model

TOKENS = torch.randint(0, 96, (1, 11), generator=torch.Generator().manual_seed(1))


def weight(dtype: torch.dtype, rows: int = 5000, columns: int = 400) -> torch.Tensor:
    values = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))
    values[7] = 0
    return (values * torch.logspace(-1, 2, rows)[:, None]).to(dtype)


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=TOKENS).logits.float()
    return found


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_rows_err_by_half_a_step(dtype: torch.dtype) -> None:
    dense = weight(dtype)
    found = ByteEmbedding(ByteRows(dense))(torch.arange(len(dense)))
    assert found.dtype == dtype
    step = dense.float().abs().amax(1, keepdim=True) / 127
    rounding = 128 * torch.finfo(dtype).eps  # of the scale, times the largest code
    assert bool(((found.float() - dense.float()).abs() <= (0.5 + rounding) * step).all())
    assert bool((found[7] == 0).all())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", [(1,), (1, 1), (3,), (2, 30)])
def test_head_multiplies_with_its_rows(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    rows = ByteRows(weight(dtype))
    inputs = torch.randn(*shape, 400, generator=torch.Generator().manual_seed(1)).to(dtype)
    found = ByteHead(rows)(inputs)
    dense = (rows.codes.float() * rows.scale.float()[:, None]).T
    expected = inputs.float() @ dense
    assert found.shape == (*shape, 5000)
    assert found.dtype == dtype
    error = (found.float() - expected).abs()
    assert bool((error <= 2 * torch.finfo(dtype).eps * (inputs.float().abs() @ dense.abs())).all())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("quantized", [True, False])
def test_loading(tmp_path: Path, tied: bool, quantized: bool) -> None:
    folder = save_model(tmp_path / "model", llama_config(tie_word_embeddings=tied))
    if quantized:
        folder = round_to_nearest(folder, tmp_path / "four", Scheme(4, 32))
    plain, model = load(folder), load(folder, head_bits=8)
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    assert isinstance(head, ByteHead)
    assert isinstance(embedding, ByteEmbedding if tied else nn.Embedding)
    expected = logits(plain)
    assert float((logits(model) - expected).abs().max() / expected.abs().max()) < 0.05
    saved = held(plain) - held(model)
    assert saved == 96 * (64 * 2 - 64 - 2)
    assert len(model.generate(TOKENS, max_new_tokens=5, do_sample=False, pad_token_id=0)[0]) == 16


def test_heads_that_are_not_plain(tmp_path: Path) -> None:
    sizes = {"vocab_size": 96, "hidden_size": 64, "num_hidden_layers": 1, "intermediate_size": 128, "head_dim": 16}
    phi = PhiConfig(**(sizes | {"num_attention_heads": 4}))  # its head has a bias
    gemma = Gemma3TextConfig(**sizes, num_attention_heads=4, num_key_value_heads=2)  # its embedding is scaled
    for name, config in (("phi", phi), ("gemma", gemma)):
        with pytest.raises(ConfigError, match="leave head_bits out"):
            load(save_model(tmp_path / name, config), head_bits=8)


def held(model: PreTrainedModel) -> int:
    tensors = [*model.parameters(), *model.buffers()]
    return sum(tensor.nbytes for tensor in {tensor.data_ptr(): tensor for tensor in tensors}.values())
