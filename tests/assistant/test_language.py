"""The language model as a judge: its scores are those of a plain forward pass, and of the reference implementation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from assistant.errors import EngineError
from assistant.language import GgufLanguageModel, fast_dtype
from models.gguf import read_gguf
from models.llama import Llama
from models.store import Store

PROMPT = "Text: Moby Dick. Herman Melville. Penguin Classics.\nQuestion: Who wrote it?\nAnswer:"
CONTINUATIONS = [" Herman Melville", " Penguin", " the dog ate my homework", " 1851", " M"]


@pytest.fixture(scope="module")
def folder(store: Store) -> Path:
    return store.open("smollm2-135m-instruct")


@pytest.fixture(scope="module")
def judge(folder: Path) -> GgufLanguageModel:
    return GgufLanguageModel(folder)


@pytest.fixture(scope="module")
def exact(folder: Path, monkeypatch_module: pytest.MonkeyPatch) -> GgufLanguageModel:
    """In float32, so that differences of rounding do not hide differences of method."""
    monkeypatch_module.setattr("assistant.language.fast_dtype", lambda: torch.float32)
    return GgufLanguageModel(folder)


@pytest.fixture(scope="module")
def monkeypatch_module() -> pytest.MonkeyPatch:
    return pytest.MonkeyPatch()


def naive(judge: GgufLanguageModel, prompt: str, continuation: str) -> float:
    """One forward pass over everything, without a cache or a batch."""
    asked, told = (judge._tokenizer.encode(text).ids for text in (prompt, continuation))
    with torch.inference_mode():
        hidden, _ = judge._model.hidden(torch.tensor([asked + told]))
        likely = judge._model.log_probabilities(hidden[0, len(asked) - 1 : -1])
    return float(likely.gather(1, torch.tensor(told)[:, None]).mean())


def test_scores_equal_a_plain_forward_pass(exact: GgufLanguageModel) -> None:
    for prompt in (PROMPT, PROMPT.replace("wrote", "published"), "Another", PROMPT):
        scores = exact.score(prompt, CONTINUATIONS)
        assert scores == pytest.approx([naive(exact, prompt, text) for text in CONTINUATIONS], abs=1e-3)


def test_scores_do_not_depend_on_what_was_asked_before(exact: GgufLanguageModel) -> None:
    fresh = exact.score(PROMPT, CONTINUATIONS)
    exact.score(PROMPT + " It was", CONTINUATIONS[:1])
    assert exact.score(PROMPT, CONTINUATIONS[::-1])[::-1] == pytest.approx(fresh, abs=1e-4)


def test_the_fast_type_is_near_the_exact_one(judge: GgufLanguageModel, exact: GgufLanguageModel) -> None:
    fast, slow = judge.score(PROMPT, CONTINUATIONS), exact.score(PROMPT, CONTINUATIONS)
    assert fast == pytest.approx(slow, abs=0.3 if fast_dtype() == torch.bfloat16 else 1e-3)


def test_the_decoder_equals_the_reference(folder: Path, exact: GgufLanguageModel) -> None:
    """`transformers`' Llama with the same weights. Its query and key rows pair a number with the one half a head away."""
    transformers = pytest.importorskip("transformers")
    content = read_gguf(next(folder.glob("*.gguf")), torch.float32)
    config = transformers.LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, rms_norm_eps=1e-5, rope_theta=100_000.0, tie_word_embeddings=True,
    )  # fmt: skip
    names = {"token_embd": "embed_tokens", "output_norm": "norm", "attn_norm": "input_layernorm",
             "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj",
             "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}  # fmt: skip
    weights = {}
    for name, weight in content.weights.items():
        *layer, kind, _ = name.split(".")
        if kind in ("attn_q", "attn_k"):
            weight = weight.view(-1, 32, 2, 576).transpose(1, 2).reshape(weight.shape)
        weights[".".join([*(["layers", layer[1]] if layer else []), names[kind], "weight"])] = weight
    reference = transformers.LlamaModel(config).eval()
    reference.load_state_dict(weights, strict=True)
    tokens = torch.tensor([exact._tokenizer.encode(PROMPT).ids])
    with torch.inference_mode():
        expected = reference(tokens).last_hidden_state
        actual, _ = exact._model.hidden(tokens)
    torch.testing.assert_close(actual, expected, atol=2e-3, rtol=1e-3)


def test_sense_outranks_nonsense(judge: GgufLanguageModel) -> None:
    paris, banana, chair = judge.score("The capital of France is", [" Paris", " banana", " sitting on a chair"])
    assert paris > -1.0
    assert paris > chair > banana


def test_token_scores_add_up(judge: GgufLanguageModel) -> None:
    (tokens,) = judge.token_scores(PROMPT, [" Herman Melville"])
    assert len(tokens) > 1
    assert judge.score(PROMPT, [" Herman Melville"]) == pytest.approx([sum(tokens) / len(tokens)], abs=1e-3)


def test_text_is_cut_as_in_training(judge: GgufLanguageModel) -> None:
    cut = judge._tokenizer.encode
    assert cut("The capital of France is").ids == [504, 3575, 282, 4649, 314]
    assert len(cut("2024").ids) == 4
    assert cut("<|im_start|>user").tokens == ["<|im_start|>", "user"]
    assert cut("café 中文 \n\n x").ids


@pytest.mark.parametrize(
    ("prompt", "continuations"), [("", [" a"]), ("a", []), ("a", [" b", ""]), ("a " * 9000, [" b"])]
)
def test_what_cannot_be_scored_is_refused(judge: GgufLanguageModel, prompt: str, continuations: list[str]) -> None:
    with pytest.raises(ValueError, match="token"):
        judge.score(prompt, continuations)


def test_a_missing_or_damaged_model(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="assistant models fetch"):
        GgufLanguageModel(tmp_path)
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + bytes(50))
    with pytest.raises(EngineError, match="assistant models fetch"):
        GgufLanguageModel(tmp_path)


def test_another_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="mamba"):
        Llama({"general.architecture": "mamba"}, {})
