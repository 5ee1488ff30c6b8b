"""CogVLM2 through rpiq: stack after stack, each expert from the tokens that it really receives, and back from 4 bits."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models.cogvlm2 import CogVLM2Config, CogVLM2ForConditionalGeneration, CogVLM2Processor, ImageSession
from rpiq.architectures.blocks import LinearInfo
from rpiq.calibration.pictures import read_picture_calibration
from rpiq.calibration.text import Calibration
from rpiq.cli.main import main
from rpiq.config import PartSettings, QuantizationConfig, Scheme
from rpiq.errors import ArchitectureError, CalibrationError, CheckpointError, ConfigError
from rpiq.formats import compressed_tensors
from rpiq.formats.export import export_gptq
from rpiq.formats.weights import Weights
from rpiq.run.budget import packed_bytes
from rpiq.run.pipeline import quantize
from rpiq.run.report.page import page
from rpiq.run.report.plots import plots
from rpiq.run.result import Progress, Report
from rpiq.runtime.linear import QuantLinear
from rpiq.runtime.loading import load
from tests.models.cogvlm2.tiny import byte_tokenizer, picture, processor_of, tiny_model
from tests.rpiq.tiny import CONFIGS, write_model

SIZES = {"hidden_size": 64, "intermediate_size": 96, "max_position_embeddings": 512}
TOWER = {"hidden_size": 32, "num_hidden_layers": 3, "num_heads": 2, "intermediate_size": 64}
VISION = {"vision_config": TOWER | {"patch_size": 4, "image_size": 16, "num_positions": 17}}
PICTURES = 8
GPTQ = QuantizationConfig(method="gptq", scheme=Scheme(4, 32), samples=PICTURES)
CONFIG = replace(GPTQ, method="rpiq", distill_steps=3)
PARTS = ("vision", "adapter", "vision-expert", "language")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model in full precision, with its processor."""
    folder = tmp_path_factory.mktemp("cogvlm2") / "model"
    model = tiny_model(**SIZES, **VISION)
    model.save_pretrained(folder)
    processor_of(model.config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with a question and an answer each, of different lengths."""
    folder = tmp_path_factory.mktemp("questions")
    rows = []
    for number in range(PICTURES):
        picture(number).save(folder / f"{number}.png")
        question = "What is this?" + " Say it." * (number % 3)
        rows.append({"image": f"{number}.png", "question": question, "answers": [f"number {number}"]})
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def quantized(source: Path, questions: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """By all three stages."""
    out = tmp_path_factory.mktemp("out") / "model-4bit"
    return out, quantize(source, out, CONFIG, questions, device="cpu")


@pytest.mark.makes_models
def test_every_linear_but_the_head_is_quantized(source: Path, quantized: tuple[Path, Report]) -> None:
    model = load(quantized[0])
    kinds = {
        name: type(module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | QuantLinear)
    }
    assert [name for name, kind in kinds.items() if kind is not QuantLinear] == ["lm_head"]
    assert {part.part: part.linears for part in quantized[1].parts} == dict(zip(PARTS, (12, 4, 10, 10), strict=True))
    full = CogVLM2ForConditionalGeneration.from_pretrained(source)
    assert (
        sum(kind is QuantLinear for kind in kinds.values())
        == sum(isinstance(module, torch.nn.Linear) for module in full.modules()) - 1
    )


@pytest.mark.makes_models
def test_each_expert_learns_from_its_own_tokens(source: Path, questions: Path, quantized: tuple[Path, Report]) -> None:
    report = quantized[1]
    processor: CogVLM2Processor = CogVLM2Processor.from_pretrained(source)
    rows = read_picture_calibration(questions, processor, PICTURES, CONFIG.seed)
    train = rows.batches(range(report.rows))
    text = sum(batch.judged * len(batch.ids) for batch in train)
    image, patches = processor.image_tokens, 17
    seen = {part.part: part.least_rows for part in report.parts}
    # The begin token and the end of the image go to the language experts, the begin of the image and its patches do not.
    assert seen == {
        "vision": patches * report.rows,
        "adapter": (image - 2) * report.rows,
        "vision-expert": (image - 1) * report.rows,
        "language": text + 2 * report.rows,
    }


@pytest.mark.makes_models
def test_it_answers_from_four_bits(source: Path, quantized: tuple[Path, Report]) -> None:
    model: Any = load(quantized[0])
    processor: CogVLM2Processor = CogVLM2Processor.from_pretrained(quantized[0])
    session = ImageSession(model, processor, picture(3))
    answer = [piece.token_id for piece in session.ask("What is this?", template="vqa", max_new_tokens=6)]
    inputs = processor.vqa(picture(3), "What is this?")
    ids = model.generate(**inputs, max_new_tokens=6, do_sample=False)
    assert answer == ids[0, inputs["input_ids"].shape[1] :].tolist()
    assert sum(module.codes.nbytes for module in model.modules() if isinstance(module, QuantLinear)) < 0.2 * sum(
        tensor.size_bytes for tensor in Weights(source).checkpoint.tensors
    )


@pytest.mark.makes_models
def test_a_part_may_have_settings_of_its_own(source: Path, questions: Path, tmp_path: Path) -> None:
    parts = (PartSettings("vision", ("bits=8", "group_size=-1", "damping=0.05")), PartSettings("language", ("bits=3",)))
    report = quantize(source, tmp_path / "out", replace(GPTQ, parts=parts), questions, device="cpu")
    assert {part.part: part.scheme.bits for part in report.parts} == dict(zip(PARTS, (8, 4, 4, 3), strict=True))
    damped = {linear.part: linear.damping for linear in report.linears}
    assert damped == dict(zip(PARTS, (0.05, 0.01, 0.01, 0.01), strict=True))
    model = load(tmp_path / "out")
    layer: Any = model.get_submodule("model.vision.transformer.layers.0.mlp.fc1")
    assert (layer.scheme.bits, layer.scheme.group_size) == (8, -1)
    assert report.check is not None
    assert report.check.logits_error < 0.1
    drawn = page(report, plots(report))
    assert all(f">{part}<" in drawn for part in PARTS)
    assert main(["compare", str(tmp_path / "out"), str(source)]) == 0
    with pytest.raises(ConfigError, match="no part 'tower'; its parts are vision, adapter, vision-expert, language"):
        quantize(source, tmp_path / "no", replace(GPTQ, parts=(PartSettings("tower", ("bits=8",)),)), questions)
    with pytest.raises(ConfigError, match="several schemes"):
        export_gptq(tmp_path / "out", tmp_path / "gptq")


@pytest.mark.makes_models
def test_experts_without_a_token_are_rounded_and_reported(source: Path, tmp_path: Path) -> None:
    rows = Calibration(torch.arange(256).view(8, 32), "bytes", "0" * 64, 0)
    report = quantize(source, tmp_path / "out", replace(CONFIG, distill_steps=0), rows, device="cpu")
    starved = {part.part: len(part.fallbacks) for part in report.parts}
    assert starved == dict(zip(PARTS, (12, 4, 10, 0), strict=True))
    name = "model.layers.1.mlp.vision_mlp.down_proj"
    assert f"{name}: rounded to nearest: 0 rows for 96 columns are too few" in next(
        part.fallbacks for part in report.parts if part.part == "vision-expert"
    )
    assert "Too few rows" in page(report, plots(report))
    with Weights(source) as weights, Weights(tmp_path / "out") as written:
        weight = weights.read(f"{name}.weight")
        stored = {suffix: written.read(f"{name}.{suffix}") for suffix in compressed_tensors.SUFFIXES}
    codes, grid = compressed_tensors.from_tensors(stored, CONFIG.scheme)
    expected = ((weight / grid.scale.repeat_interleave(32, 1)).round() + grid.zero.repeat_interleave(32, 1)).clamp(
        0, 15
    )
    assert torch.equal(codes, expected.to(torch.uint8))


@pytest.mark.makes_models
def test_text_beside_pictures_is_for_the_language_experts(source: Path, questions: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Some words and others. " * 100)
    config = replace(CONFIG, sequence_length=40, distill_steps=2)
    report = quantize(source, tmp_path / "out", config, questions, text=text, device="cpu")
    assert (report.rows, report.held_out_rows) == (14, 2)
    seen = {part.part: part.least_rows for part in report.parts}
    assert seen["vision"] == 7 * 17
    assert seen["language"] > 7 * 40
    assert report.calibration == f"{questions.name} and text.txt"
    assert report.distillation is not None
    with pytest.raises(CalibrationError, match="is text itself"):
        quantize(source, tmp_path / "no", config, text, text=text, device="cpu")


@pytest.mark.makes_models
def test_a_killed_run_goes_on_to_the_same_bytes(
    source: Path, questions: Path, quantized: tuple[Path, Report], tmp_path: Path
) -> None:
    wanted = (quantized[0] / "model.safetensors").read_bytes()
    out = tmp_path / quantized[0].name

    def stop_at(name: str) -> Any:
        def listen(step: Progress) -> None:
            if step.detail.startswith(name):
                raise KeyboardInterrupt

        return listen

    # In the middle of each stack, at the beginning of the next, and in stage 3.
    for name in (
        "model.vision.transformer.layers.1.mlp",
        "model.vision.linear_proj",
        "model.layers.0.mlp",
        "model.layers.1",
        "step 2",
    ):
        with pytest.raises(KeyboardInterrupt):
            quantize(source, out, CONFIG, questions, device="cpu", resume=True, report=stop_at(name))
    report = quantize(source, out, CONFIG, questions, device="cpu", resume=True)
    assert report.resumed
    assert (out / "model.safetensors").read_bytes() == wanted


@pytest.mark.makes_models
def test_the_published_folder_is_understood(source: Path, questions: Path, tmp_path: Path) -> None:
    """Its config.json names no type, and it stores what is computed here."""
    from safetensors.torch import load_file, save_file

    published = tmp_path / "published"
    shutil.copytree(source, published)
    config = json.loads((published / "config.json").read_text())
    for name in ("model_type", "dtype", "transformers_version"):
        config.pop(name, None)
    config["architectures"] = ["CogVLMForCausalLM"]
    (published / "config.json").write_text(json.dumps(config))
    tensors = load_file(published / "model.safetensors")
    for layer in range(2):
        tensors[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    save_file(tensors, published / "model.safetensors", metadata={"format": "pt"})
    report = quantize(published, tmp_path / "out", GPTQ, questions, device="cpu")
    assert report.check is not None
    assert report.check.logits_error < 0.1
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "cogvlm2"
    assert not [name for name in Weights(tmp_path / "out").names if "inv_freq" in name]


@pytest.mark.makes_models
def test_the_reference_from_end_to_end(reference: Path, questions: Path, tmp_path: Path) -> None:
    """Weights and layout as published, tokens of our own: from pictures, and from text alone."""
    folder = tmp_path / "reference"
    shutil.copytree(reference, folder, ignore=shutil.ignore_patterns("cases", "real19b*"))
    config = CogVLM2ForConditionalGeneration.from_pretrained(reference).config
    byte_tokenizer(config).save_pretrained(folder)
    settings = replace(GPTQ, scheme=Scheme(4, 16))
    report = quantize(folder, tmp_path / "out", settings, questions, device="cpu")
    assert {part.part: len(part.fallbacks) for part in report.parts} == dict.fromkeys(PARTS, 0)
    model: Any = load(tmp_path / "out")
    assert isinstance(model.get_submodule("model.layers.3.mlp.vision_mlp.down_proj"), QuantLinear)
    session = ImageSession(model, CogVLM2Processor.from_pretrained(tmp_path / "out"), picture(1))
    assert len(list(session.ask("What?", max_new_tokens=4))) == 4
    rows = Calibration(torch.arange(256).view(8, 32), "bytes", "0" * 64, 0)
    starved = quantize(folder, tmp_path / "text", settings, rows, device="cpu")
    assert {part.part for part in starved.parts if part.fallbacks} == {"vision", "adapter", "vision-expert"}


def test_the_folders_of_the_instruction_data_are_read(source: Path, tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for number in range(3):
        picture(number).save(tmp_path / "images" / f"{number}.jpg")
    said = [
        {"role": role, "content": text} for role, text in (("user", "Who?"), ("assistant", "Me."), ("user", "Why?"))
    ]
    (tmp_path / "labels" / "0.json").write_text(json.dumps({"conversations": said}))
    (tmp_path / "labels" / "1.json").write_text(json.dumps({"captions": [{"role": "caption", "content": "A cat."}]}))
    processor = CogVLM2Processor.from_pretrained(source)
    rows = read_picture_calibration(tmp_path, processor, 64)
    assert {(one.question, one.answer) for one in rows.samples} == {
        ("Who?", "Me."),
        ("Describe this image in detail.", "A cat."),
    }
    assert rows.longest == max(batch.ids.shape[1] for batch in rows.batches(range(2)))
    (tmp_path / "labels" / "9.json").write_text("{}")
    with pytest.raises(CalibrationError, match="holds no picture of this name"):
        read_picture_calibration(tmp_path, processor, 64)
    (tmp_path / "labels" / "9.json").rename(tmp_path / "labels" / "2.json")
    (tmp_path / "labels" / "2.json").write_text('{"captions": [1]}')
    with pytest.raises(CalibrationError, match=r'2\.json holds no "captions"'):
        read_picture_calibration(tmp_path, processor, 64)


def test_bad_calibration_says_what_to_do(source: Path, questions: Path, tmp_path: Path) -> None:
    def refuse(text: str, said: str) -> None:
        data = tmp_path / "questions.jsonl"
        data.write_text(text)
        with pytest.raises(CalibrationError, match=said):
            quantize(source, tmp_path / "out", GPTQ, data, device="cpu")
        assert not (tmp_path / "out").exists()

    row = {"image": "no.png", "question": "What?", "answers": ["This"]}
    refuse(json.dumps(row), r"no\.png")
    picture().save(tmp_path / "yes.png")
    row["image"] = "yes.png"
    refuse(json.dumps(row | {"answers": []}), "answers")
    refuse(json.dumps(row | {"question": "long " * 200}), "positions and the model has 512")
    (tmp_path / "yes.png").write_bytes(b"no picture")
    refuse(json.dumps(row), "yes.png cannot be read")
    (tmp_path / "text.txt").write_text("Some text. " * 500)
    with pytest.raises(CalibrationError, match="is text, and this model sees"):
        quantize(source, tmp_path / "out", GPTQ, tmp_path / "text.txt", device="cpu")


def test_a_half_downloaded_checkpoint_is_refused_at_once(source: Path, questions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(source, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        quantize(folder, tmp_path / "out", GPTQ, questions, device="cpu")


def test_a_text_model_refuses_pictures(questions: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "text", CONFIGS["llama"])
    with pytest.raises(ArchitectureError, match="no processor for pictures; give the folder of a model that sees"):
        quantize(folder, tmp_path / "out", GPTQ, questions, device="cpu")


def test_the_dry_run_lists_the_parts(source: Path, questions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--group-size", "32", "--calibration", str(questions), "--dry-run", "--device", "cpu", "--out", "never"]
    assert main(["quantize", str(source), *options]) == 0
    said = capsys.readouterr().out
    assert all(part in said for part in PARTS)
    assert "rehearsed model.vision.transformer.layers.0" in said
    assert not Path("never").exists()


def test_the_19b_takes_less_than_11_8_gb_on_the_disk() -> None:
    """Every Linear of the three stacks in 4 bits, groups of 128; everything else in bfloat16."""
    with torch.device("meta"):
        model = CogVLM2ForConditionalGeneration(CogVLM2Config())
    stacks = [stack.path for stack in model.rpiq_stacks]
    assert stacks == ["model.vision.transformer.layers", "model.vision.linear_proj", "model.layers"]
    size = 0
    linears = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    packed = {name: module for name, module in linears.items() if name.startswith(tuple(stacks))}
    assert linears.keys() - packed.keys() == {"lm_head"}
    for name, parameter in model.named_parameters():
        linear = packed.get(name.removesuffix(".weight"))
        if linear is None:
            size += 2 * parameter.numel()
        else:
            size += packed_bytes(LinearInfo(name, name, linear.out_features, linear.in_features), Scheme(4, 128))
    assert 11.6e9 < size < 11.8e9
