"""Whatever way tokens are computed, they are those of transformers on the same 4-bit model; a known beginning is not read again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import (
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from rpiq.config import Scheme
from rpiq.errors import ConfigError
from rpiq.runtime import compiled, fast
from rpiq.runtime.compiled import CompiledBlock
from rpiq.runtime.decoding import Decoder, Engine, Sampling, TransformersEngine, generate
from rpiq.runtime.loading import load
from tests.rpiq.folders import round_to_nearest, save_model

SIZE = {"vocab_size": 96, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 600}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 128}
ENDS = {"eos_token_id": None, "bos_token_id": None, "pad_token_id": 0}
TURNING = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
FAMILY: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**SIZE, **HEADS, **ENDS, tie_word_embeddings=True),
    "llama with biases": LlamaConfig(**SIZE, **HEADS, **ENDS, attention_bias=True, mlp_bias=True),
    "llama 3": LlamaConfig(**SIZE, **HEADS, **ENDS, rope_parameters=TURNING | {"original_max_position_embeddings": 64}),
    "mistral": MistralConfig(**SIZE, **HEADS, **ENDS, sliding_window=None),
    "qwen2": Qwen2Config(**SIZE, **(HEADS | {"num_attention_heads": 2, "num_key_value_heads": 2}), **ENDS),
    "qwen3": Qwen3Config(**SIZE, **HEADS, **ENDS),
}
OTHERS: dict[str, PreTrainedConfig] = {
    "opt": OPTConfig(**SIZE, **ENDS, ffn_dim=128, num_attention_heads=4, word_embed_proj_dim=64),
    "gemma": Gemma3TextConfig(**SIZE, **HEADS, **ENDS, sliding_window=8, layer_types=["sliding_attention"] * 2),
    "mistral with a window": MistralConfig(**SIZE, **HEADS, **ENDS, sliding_window=8),
}
ROUNDING = 0.04
"""Of logits in bfloat16, as a share of the largest: every step rounds, and the ways round at different places."""
TEXT = torch.randint(0, 96, (400,), generator=torch.Generator().manual_seed(2)).tolist()


def four_bits(folder: Path, config: PreTrainedConfig) -> PreTrainedModel:
    return load(round_to_nearest(save_model(folder / "model", config), folder / "four", Scheme(4, 32)))


def all_logits(model: PreTrainedModel, tokens: list[int]) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(input_ids=torch.tensor([tokens])).logits[0].float()
    return logits


def close(found: Tensor, expected: Tensor) -> bool:
    return bool((found.float() - expected).abs().max() <= ROUNDING * expected.abs().max())


def held(model: PreTrainedModel) -> int:
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in model.state_dict().values()}
    return sum(storage.nbytes() for storage in storages.values())


def likeliest(model: PreTrainedModel, prompt: list[int], found: list[int]) -> bool:
    """Whether each token is the likeliest after those before, but for ties within rounding."""
    logits = all_logits(model, prompt + found)[len(prompt) - 1 : -1]
    short = logits.amax(1) - logits.gather(1, torch.tensor(found)[:, None])[:, 0]
    return bool((short <= 2 * ROUNDING * logits.abs().amax(1)).all())


@pytest.fixture
def model(tmp_path: Path) -> PreTrainedModel:
    return four_bits(tmp_path, FAMILY["llama"])


@pytest.fixture
def decoder(model: PreTrainedModel) -> Decoder:
    return Decoder(model, compiled=False)


@pytest.fixture
def taken(decoder: Decoder) -> Iterator[list[int]]:
    """How many tokens the engine took each time."""
    counts: list[int] = []
    before = decoder._engine.extend
    decoder._engine.extend = lambda tokens: (counts.append(len(tokens)), before(tokens))[1]  # type: ignore[method-assign]
    yield counts
    decoder._engine.extend = before  # type: ignore[method-assign]


@pytest.mark.makes_models
@pytest.mark.parametrize("name", FAMILY)
def test_logits_are_those_of_transformers(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_PROMPT_ROWS", 100)  # several pieces of a prompt, and more room twice
    model = four_bits(tmp_path, FAMILY[name])
    expected = all_logits(model, TEXT)
    decoder = Decoder(model, compiled=False)
    assert decoder.way == "uncompiled"
    engine = decoder._engine
    assert close(engine.extend(TEXT[:1]), expected[0])
    assert close(engine.extend(TEXT[1:20]), expected[19])
    for position in range(20, 30):
        assert close(engine.extend(TEXT[position : position + 1]), expected[position])
    assert close(engine.extend(TEXT[30:]), expected[-1])
    assert engine.crop(250) == 250
    assert close(engine.extend(TEXT[250:260]), expected[259])
    assert close(all_logits(model, TEXT), expected)  # the model itself still works


@pytest.mark.makes_models
@pytest.mark.parametrize("name", [*FAMILY, *OTHERS])
def test_tokens_are_those_of_transformers(tmp_path: Path, name: str) -> None:
    model = four_bits(tmp_path, (FAMILY | OTHERS)[name])
    decoder = Decoder(model, compiled=False)
    assert (decoder.way == "transformers") == (name in OTHERS)
    for prompt in (TEXT[:12], TEXT[:9], TEXT[:9] + TEXT[50:53], TEXT[100:101]):
        found = list(decoder.stream(prompt, 15))
        assert len(found) == 15
        assert likeliest(model, prompt, found)


@pytest.mark.makes_models
def test_equals_generate_of_transformers(tmp_path: Path) -> None:
    """In float32 nothing is near a tie: the very same tokens, along the way of transformers."""
    source = round_to_nearest(save_model(tmp_path / "model", FAMILY["llama"]), tmp_path / "four", Scheme(4, 32))
    model = load(source, dtype=torch.float32)
    expected = model.generate(torch.tensor([TEXT[:12]]), max_new_tokens=30, do_sample=False)[0, 12:].tolist()
    assert generate(model, TEXT[:12], 30) == expected


def test_memory_stays_in_four_bits(tmp_path: Path) -> None:
    model = four_bits(tmp_path, FAMILY["qwen3"])
    before = held(model)
    decoders = [Decoder(model, compiled=False) for _ in range(2)]
    assert held(model) == before
    engines = [decoder._engine for decoder in decoders]
    assert all(isinstance(engine, fast.FastEngine) for engine in engines)
    first, second = (engine._packed[0] for engine in engines if isinstance(engine, fast.FastEngine))
    assert first.joined.codes.data_ptr() == second.joined.codes.data_ptr()
    own = model.model.layers[0].self_attn.q_proj.codes
    assert own.untyped_storage().data_ptr() == first.joined.codes.untyped_storage().data_ptr()


def test_a_known_beginning_is_not_read_again(decoder: Decoder, taken: list[int]) -> None:
    first = list(decoder.stream(TEXT[:50], 5))
    assert taken == [50, 1, 1, 1, 1]  # the last token is never needed
    taken.clear()
    list(decoder.stream(TEXT[:50] + first + TEXT[50:60], 1))
    assert taken == [11]
    taken.clear()
    again = list(decoder.stream(TEXT[:50], 5))
    assert taken[0] == 1
    assert again == first
    taken.clear()
    list(decoder.stream(TEXT[:20] + TEXT[:5], 1))
    assert taken == [5]


def test_tokens_come_one_by_one_and_can_be_left(decoder: Decoder, taken: list[int]) -> None:
    stream = decoder.stream(TEXT[:10], 100)
    assert taken == []
    begun = [next(stream), next(stream)]
    assert taken == [10, 1]
    other = list(decoder.stream(TEXT[:5], 3))
    with pytest.raises(RuntimeError, match="another text"):
        next(stream)
    assert list(decoder.stream(TEXT[:5], 3)) == other
    assert list(decoder.stream(TEXT[:10], 2)) == begun


@pytest.mark.parametrize("name", ["llama", "opt"])
def test_an_interruption_leaves_nothing_half(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = four_bits(tmp_path, (FAMILY | OTHERS)[name])
    decoder = Decoder(model, compiled=False)
    expected = list(decoder.stream(TEXT[:10], 5))
    head, calls = model.get_output_embeddings(), []

    def interrupted(*_: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    handle = head.register_forward_pre_hook(interrupted)
    monkeypatch.setattr(torch, "mv", lambda matrix, vector: head(vector[None])[0])  # so that the hook is passed
    with pytest.raises(KeyboardInterrupt):
        list(decoder.stream(TEXT[:10], 5))
    handle.remove()
    monkeypatch.undo()
    assert list(decoder.stream(TEXT[:10], 5)) == expected


def test_where_it_ends(decoder: Decoder) -> None:
    free = list(decoder.stream(TEXT[:10], 20))
    stop = free[7]
    assert list(decoder.stream(TEXT[:10], 20, stop={stop})) == free[: free.index(stop)]
    assert list(decoder.stream(TEXT[:10], 0)) == []
    full = (TEXT * 2)[:598]
    assert len(list(decoder.stream(full, 20))) == 2
    for prompt in ([], TEXT * 2):
        with pytest.raises(ConfigError, match="1 to 600 tokens"):
            decoder.stream(prompt, 1)


def test_stops_where_the_model_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "shutil.which", lambda name: None
    )  # what is compiled is another test's affair, and takes half a minute
    model = four_bits(tmp_path, FAMILY["llama"])
    free = generate(model, TEXT[:10], 20)
    assert model.generation_config is not None
    model.generation_config.eos_token_id = [free[3], 1000]
    assert generate(model, TEXT[:10], 20) == free[: free.index(free[3])]


def test_sampling(decoder: Decoder) -> None:
    greedy = list(decoder.stream(TEXT[:10], 20))
    for one in (Sampling(1.0, top_k=1), Sampling(1.0, top_p=1e-6), Sampling(1e-4)):
        assert list(decoder.stream(TEXT[:10], 20, sampling=one)) == greedy
    drawn = [tuple(decoder.stream(TEXT[:10], 20, sampling=Sampling(3.0, seed=seed))) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.makes_models
def test_samples_have_the_shares_of_the_model(model: PreTrainedModel, decoder: Decoder) -> None:
    """1,000 draws against the two likeliest tokens' probabilities; the bounds are six standard deviations."""
    shares = (all_logits(model, TEXT[:10])[-1] / 5.0).softmax(-1)
    likely = shares.topk(2)
    drawn = [next(decoder.stream(TEXT[:10], 1, sampling=Sampling(5.0, top_k=2, seed=seed))) for seed in range(1000)]
    first, second = likely.indices.tolist()
    assert set(drawn) == {first, second}
    assert abs(drawn.count(first) / 1000 - float(likely.values[0] / likely.values.sum())) < 6 * 0.5 / 1000**0.5


@pytest.mark.parametrize("options", [{"temperature": -1}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.1}])
def test_sampling_that_makes_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="makes no sense"):
        Sampling(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (OTHERS["opt"], "the blocks of OPTForCausalLM are not known"),
        (OTHERS["mistral with a window"], "sliding window"),
        (LlamaConfig(**SIZE, **HEADS, **ENDS, hidden_act="gelu"), "activation is gelu"),
        (
            LlamaConfig(
                **SIZE, **HEADS, **ENDS, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
            ),
            "dynamic",
        ),
        (LlamaConfig(**SIZE, **(HEADS | {"head_dim": 8}), **ENDS), "whole blocks"),
    ],
)
def test_what_is_not_understood_goes_through_transformers_and_says_so(
    tmp_path: Path, config: PreTrainedConfig, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    decoder = Decoder(four_bits(tmp_path, config))
    assert decoder.way == "transformers"
    assert reason in decoder.why
    assert reason in caplog.text


def test_a_model_in_full_precision_goes_through_transformers(tmp_path: Path) -> None:
    decoder = Decoder(load(save_model(tmp_path, FAMILY["llama"])))
    assert decoder.way == "transformers"
    assert "4-bit kernel" in decoder.why


def test_without_a_compiler(
    model: PreTrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    decoder = Decoder(model, cache=tmp_path / "cache")
    assert decoder.way == "uncompiled"
    assert "no C++ compiler" in decoder.why
    assert "no C++ compiler" in caplog.text
    assert likeliest(model, TEXT[:10], list(decoder.stream(TEXT[:10], 10)))


def test_a_compiler_that_fails(model: PreTrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_COMMAND", ("-c", "raise SystemError('it does not work')"))
    decoder = Decoder(model, cache=tmp_path / "cache")
    assert decoder.way == "uncompiled"
    assert "SystemError: it does not work" in decoder.why
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.long
@pytest.mark.makes_models
def test_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The real compiler, once, on a block that has all optional parts."""
    config = Qwen3Config(**SIZE, **HEADS, **ENDS, attention_bias=True)
    model, cache = four_bits(tmp_path, config), tmp_path / "cache"
    decoder = Decoder(model, cache=cache)
    assert (decoder.way, decoder.why) == ("compiled", "")
    assert caplog.text == ""
    expected = all_logits(model, TEXT[:300])
    engine = decoder._engine
    for position in range(3):
        assert close(engine.extend(TEXT[position : position + 1]), expected[position])
    engine.extend(TEXT[3:290])
    for position in range(290, 300):
        assert close(engine.extend(TEXT[position : position + 1]), expected[position])
    found = list(decoder.stream(TEXT[:12], 20))
    assert likeliest(model, TEXT[:12], found)

    file = next(cache.iterdir())
    assert [*cache.iterdir()] == [file]
    with monkeypatch.context() as patch:  # what is there needs no compiler
        patch.setattr("shutil.which", lambda name: None)
        assert list(Decoder(model, cache=cache).stream(TEXT[:12], 20)) == found
    with monkeypatch.context() as patch:
        right = CompiledBlock.__call__
        patch.setattr(CompiledBlock, "__call__", lambda *arguments: right(*arguments) * 1.1)
        wrong = Decoder(model, cache=cache)
        assert wrong.way == "uncompiled"
        assert "computes something else" in wrong.why
    with monkeypatch.context() as patch:
        patch.setattr("shutil.which", lambda name: None)
        file.write_bytes(file.read_bytes()[:1000])
        assert "no C++ compiler" in Decoder(model, cache=cache).why
        assert "cannot be opened" in caplog.text


def test_engines_of_other_caches_forget_everything(tmp_path: Path) -> None:
    engine: Engine = TransformersEngine(four_bits(tmp_path, OTHERS["gemma"]))
    engine.extend(TEXT[:20])
    assert engine.crop(15) == 0
    assert engine.length == 0
