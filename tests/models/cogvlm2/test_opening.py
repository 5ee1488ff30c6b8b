"""Opening without all weights in memory: the same answers, less memory, and nothing read that is not needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from models.cogvlm2 import (
    CogVLM2ForConditionalGeneration,
    CogVLM2Processor,
    Conversation,
    ImageSession,
    Turn,
    open_model,
)
from models.errors import Corrupt, Unsuitable
from rpiq.cli.main import main
from rpiq.config import Scheme
from rpiq.errors import ArchitectureError, CheckpointError, ConfigError
from rpiq.evaluate.memory import weight_bytes
from rpiq.formats.weights import Weights
from rpiq.runtime.lending import Lent, LentLinear
from rpiq.runtime.linear import QuantLinear
from rpiq.runtime.loading import load
from tests import warm
from tests.models.cogvlm2.tiny import LINEARS, four_bits, picture, processor_of, tiny_model
from tests.rpiq.folders import round_to_nearest, save_model

MOST = 8
LARGER = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "vision_config": {
        "hidden_size": 64,
        "num_hidden_layers": 3,
        "num_heads": 2,
        "intermediate_size": 128,
        "patch_size": 4,
        "image_size": 16,
        "num_positions": 17,
    },
}
"""Sizes that the 4-bit kernels take."""


def saved(target: Path, dtype: torch.dtype = torch.float32, shard: str = "60KB", **changes: object) -> Path:
    model = tiny_model(**changes).to(dtype)
    model.save_pretrained(target, max_shard_size=shard)
    processor_of(model.config).save_pretrained(target)
    return target


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Full precision in both types; 4 bits that a kernel multiplies, and 4 bits that none does."""
    at = tmp_path_factory.mktemp("folders")
    whole = {"float32": saved(at / "float32"), "bfloat16": saved(at / "bfloat16", torch.bfloat16, **LARGER)}
    mixed = round_to_nearest(
        whole["bfloat16"], at / "mixed", lambda name: Scheme(8 if "vision_" in name else 4, 32), LINEARS
    )
    return whole | {
        "4 and 8 bits": mixed,
        "4 bits": four_bits(whole["bfloat16"], at / "four"),
        "4 bits, no kernel": four_bits(whole["float32"], at / "plain", 16),
    }


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tensors that are read from now on."""
    names: list[str] = []
    reads: Callable[[Weights, str], torch.Tensor] = Weights.read

    def noted(weights: Weights, name: str) -> torch.Tensor:
        names.append(name)
        return reads(weights, name)

    monkeypatch.setattr(Weights, "read", noted)
    return names


def answers(model: CogVLM2ForConditionalGeneration, processor: CogVLM2Processor) -> list[list[int]]:
    """Two questions about a picture, and one about none."""
    session = ImageSession(model, processor, picture())
    told = [session.ask("What is it?", max_new_tokens=MOST)]
    told.append(session.ask("And there?", [Turn("What is it?", "A door.")], max_new_tokens=MOST))
    batch = processor(Conversation("Who are you?"))
    text = model.generate(**batch, max_new_tokens=MOST)[0, batch["input_ids"].shape[1] :]
    return [*([piece.token_id for piece in pieces] for pieces in told), text.tolist()]


@pytest.mark.makes_models
@pytest.mark.parametrize("kind", ["float32", "bfloat16", "4 bits", "4 bits, no kernel", "4 and 8 bits"])
def test_answers_are_those_of_the_whole_model(folders: dict[str, Path], kind: str) -> None:
    whole, lent = (open_model(folders[kind], low_memory=low) for low in (False, True))
    processor = CogVLM2Processor.from_pretrained(folders[kind])
    assert lent.dtype == whole.dtype
    assert answers(lent, processor) == answers(whole, processor)
    batch = processor([Conversation("What is it?", picture()), Conversation("Who are you, and why?")])
    with torch.no_grad():
        assert torch.equal(lent(**batch).logits, whole(**batch).logits)
    assert lent.generation_config.to_dict() == whole.generation_config.to_dict()
    assert weight_bytes(lent) < 0.6 * weight_bytes(whole)


def test_the_reference_opens_as_it_was_published(reference: Path) -> None:
    """Without a model_type, with stored frequencies."""
    whole, lent = (open_model(reference, low_memory=low) for low in (False, True))
    processor = processor_of(whole.config)
    assert answers(lent, processor) == answers(whole, processor)


@pytest.mark.makes_models
def test_published_frequencies_are_passed_over_in_4_bits_too(folders: dict[str, Path], tmp_path: Path) -> None:
    tensors = load_file(four_bits(folders["float32"], tmp_path / "four", 16) / "model.safetensors")
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    save_file(tensors, tmp_path / "four" / "model.safetensors", {"format": "pt"})
    processor = CogVLM2Processor.from_pretrained(folders["float32"])
    expected = answers(open_model(folders["4 bits, no kernel"]), processor)
    assert answers(open_model(tmp_path / "four"), processor) == expected
    assert answers(open_model(tmp_path / "four", low_memory=True), processor) == expected
    tensors["model.layers.0.self_attn.other"] = torch.ones(4)
    save_file(tensors, tmp_path / "four" / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"1 unexpected \(model\.layers\.0\.self_attn\.other\)"):
        open_model(tmp_path / "four")


def test_only_what_a_text_needs_stays(folders: dict[str, Path]) -> None:
    model = open_model(folders["4 bits"], low_memory=True)
    config = model.config
    lent = [name for name, module in model.named_modules() if isinstance(module, Lent)]
    assert len(lent) == 1 + 2 + 4 * config.vision.num_hidden_layers + 4 + 5 * config.num_hidden_layers
    kept = {name for name, module in model.named_modules() if isinstance(module, nn.Linear | QuantLinear)}
    assert all("language" in name or name == "lm_head" for name in kept)
    assert isinstance(model.get_submodule("model.vision.transformer.layers.0.mlp.fc1"), LentLinear)
    assert not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


def test_a_second_question_reads_embeddings_and_nothing_else(folders: dict[str, Path], read: list[str]) -> None:
    model = open_model(folders["4 bits"], low_memory=True)
    processor = CogVLM2Processor.from_pretrained(folders["4 bits"])
    read.clear()
    session = ImageSession(model, processor, picture())
    modules = [module for module in model.modules() if isinstance(module, Lent)]
    assert sorted(read) == sorted(name for module in modules for name in module.stored.values())  # each of them once
    for question in ("What is it?", "And there?"):
        read.clear()
        assert list(session.ask(question, max_new_tokens=MOST))
        assert set(read) == {"model.embed_tokens.weight"}


def test_a_text_never_touches_what_sees(folders: dict[str, Path], read: list[str]) -> None:
    model = open_model(folders["bfloat16"], low_memory=True)
    processor = CogVLM2Processor.from_pretrained(folders["bfloat16"])
    read.clear()
    model.generate(**processor(Conversation("Who are you?")), max_new_tokens=MOST)
    assert set(read) == {"model.embed_tokens.weight"}


@pytest.mark.makes_models
def test_an_interruption_leaves_a_usable_model(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    """In the middle of looking, and between two tokens."""
    model = open_model(folders["4 bits"], low_memory=True)
    processor = CogVLM2Processor.from_pretrained(folders["4 bits"])
    held = weight_bytes(model)
    expected = answers(model, processor)
    noted = Weights.read

    def interrupted(weights: Weights, name: str) -> torch.Tensor:
        if name.startswith("model.layers.1.mlp.vision_mlp.up_proj"):
            raise KeyboardInterrupt
        return noted(weights, name)

    monkeypatch.setattr(Weights, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ImageSession(model, processor, picture())
    monkeypatch.setattr(Weights, "read", noted)
    assert weight_bytes(model) == held
    session = ImageSession(model, processor, picture())
    heard: list[int] = []
    for piece in session.ask("What is it?", max_new_tokens=MOST, stopped=lambda: len(heard) == 2):
        heard.append(piece.token_id)
    assert heard == expected[0][:2]
    read.clear()
    assert [piece.token_id for piece in session.ask("What is it?", max_new_tokens=MOST)] == expected[0]
    assert set(read) == {"model.embed_tokens.weight"}
    assert answers(model, processor) == expected


@pytest.mark.makes_models
@pytest.mark.parametrize("kind", ["bfloat16", "4 bits"])
def test_embeddings_alone_can_stay_in_the_files(folders: dict[str, Path], read: list[str], kind: str) -> None:
    processor = CogVLM2Processor.from_pretrained(folders[kind])
    whole, lent = (open_model(folders[kind], host_embeddings=host) for host in (False, True))
    read.clear()
    assert answers(lent, processor) == answers(whole, processor)
    assert set(read) == {"model.embed_tokens.weight"}
    assert weight_bytes(whole) - weight_bytes(lent) == 2 * whole.config.vocab_size * whole.config.hidden_size


@pytest.mark.makes_models
def test_it_can_be_moved_to_another_type(folders: dict[str, Path]) -> None:
    processor = CogVLM2Processor.from_pretrained(folders["4 bits"])
    moved = open_model(folders["4 bits"], low_memory=True).to(torch.float32)
    expected = open_model(folders["4 bits"], dtype=torch.float32)
    assert answers(moved, processor) == answers(expected, processor)


RESIDENT = """
import ctypes, json, sys, threading, time
from pathlib import Path
import psutil, torch
from models.cogvlm2 import CogVLM2Processor, ImageSession, open_model
from tests import warm
from tests.models.cogvlm2.tiny import picture
torch.set_num_threads(1)
# M_MMAP_THRESHOLD: the allocator would otherwise keep some tens of MB that were let go, for the next to ask.
ctypes.CDLL(None).mallopt(-3, 262144)

def use(folder, low):
    model = open_model(folder, low_memory=low)
    session = ImageSession(model, CogVLM2Processor.from_pretrained(folder), picture())
    list(session.ask("What is it?", max_new_tokens=4))
    return model

def resident():
    return psutil.Process().memory_info().rss

def watch():
    while not done.is_set():
        seen.append(resident())
        time.sleep(0.002)

small, large, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
for low in (False, True):  # whatever is imported and made once
    use(small, low)
before, seen, done = resident(), [], threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
model = use(large, kind == "low")
after = resident()
done.set()
watcher.join()
print(json.dumps([after - before, max(seen) - before]))
"""


@pytest.mark.makes_models
def test_less_memory_is_resident(folders: dict[str, Path], tmp_path: Path) -> None:
    """Of a process of its own. The model has 253 MB of weights; 50 MB of them stay, and one more Linear has 2 MB."""
    tower = {"hidden_size": 512, "num_hidden_layers": 24, "num_heads": 4, "intermediate_size": 2048}
    vision = {"vision_config": tower | {"patch_size": 4, "image_size": 16, "num_positions": 17}}
    sizes = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 4, "vocab_size": 20000}
    folder = saved(tmp_path / "model", torch.bfloat16, "1GB", **sizes, **vision)
    for kind, least, most in (("whole", 230, 330), ("low", 40, 110)):
        done = warm.run(["-c", RESIDENT, folders["bfloat16"], folder, kind])
        assert done.returncode == 0, done.stderr
        grown, peak = (float(value) / 1e6 for value in json.loads(done.stdout))
        assert least < grown <= peak < most, (kind, grown, peak)


def test_what_is_lent_cannot_be_saved(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="load the model without low_memory to save it"):
        open_model(folders["bfloat16"], low_memory=True).save_pretrained(tmp_path / "copy")


@pytest.mark.makes_models
def test_errors_are_those_of_the_whole_model(folders: dict[str, Path], tmp_path: Path) -> None:
    broken = four_bits(folders["bfloat16"], tmp_path / "four")
    shard, config = broken / "model.safetensors", broken / "config.json"
    tensors, values = load_file(shard), json.loads(config.read_text())
    part = "model.vision.transformer.layers.0.mlp.fc1.weight_scale"
    save_file({name: tensor for name, tensor in tensors.items() if name != part}, shard, {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"layers\.0\.mlp\.fc1: there is no weight_scale; get the quantized"):
        open_model(broken, low_memory=True)
    save_file(tensors, shard, {"format": "pt"})
    config.write_text(json.dumps(values | {"intermediate_size": 96}))
    with pytest.raises(CheckpointError, match=r"it is Linear\(.*different models"):
        open_model(broken, low_memory=True)
    config.write_text(json.dumps(values | {"vocab_size": 321}))
    with pytest.raises(CheckpointError, match=r"embed_tokens\.weight is \[320, 64\], the model has \[321, 64\]"):
        open_model(broken, low_memory=True)
    config.write_text(json.dumps(values))
    model = open_model(broken, low_memory=True)
    processor = CogVLM2Processor.from_pretrained(broken)
    shard.unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read at model\.\S+"):
        ImageSession(model, processor, picture())
    with pytest.raises(Corrupt, match="is no folder"):
        open_model(tmp_path / "nowhere")
    with pytest.raises(Unsuitable, match="without a vision tower"):
        open_model(save_model(tmp_path / "text"))


def test_a_model_that_needs_everything(tmp_path: Path) -> None:
    source = save_model(tmp_path / "text")
    with pytest.raises(ArchitectureError, match="LlamaForCausalLM does not say what it seldom needs"):
        load(source, low_memory=True)
    with pytest.raises(ConfigError, match="LlamaForCausalLM shares the table of embeddings; leave host_embeddings out"):
        load(source, host_embeddings=True)
    with pytest.raises(ConfigError, match="nf4 holds the whole model in memory"):
        load(source, fallback="nf4", low_memory=True)


@pytest.mark.makes_models
def test_rpiq_evaluates_with_little_memory(folders: dict[str, Path], tmp_path: Path) -> None:
    """The longer prompts of the task need more positions than the tiny model has; it asks in a longer one."""
    folder = saved(tmp_path / "model", max_position_embeddings=512)
    four = four_bits(folder, tmp_path / "four", 16)
    picture().save(tmp_path / "book.png")
    row = {"image": "book.png", "question": "Who wrote this book?", "answers": ["nobody"]}
    (tmp_path / "questions.jsonl").write_text(json.dumps(row) + "\n")
    told: list[list[object]] = []
    for options in ([], ["--low-memory"]):
        result = tmp_path / f"result{len(told)}.json"
        data = ["--task", "ocr-vqa", "--data", str(tmp_path / "questions.jsonl"), "--device", "cpu"]
        assert main(["evaluate", str(four), *data, "--json", str(result), *options]) == 0
        told.append([json.loads(line) for line in Path(f"{result}.answers.jsonl").read_text().splitlines()])
        assert json.loads(result.read_text())["weight_bytes"] > 0
    assert told[0][1:] == told[1][1:]
    assert told[0][1:]
