"""`rpiq` as a user types it: its output, its one-line errors, its exit status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from rpiq.cli.main import main
from tests.rpiq.folders import save_model
from tests.rpiq.formats.test_checkpoint import WEIGHTS, write_model
from tests.rpiq.formats.test_weights import gguf_of
from tests.rpiq.tiny import CONFIGS, write_text
from tests.rpiq.tiny import write_model as write_tiny


def test_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(write_model(tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "ToyForCausalLM" in out
    assert f"{sum(w.size for w in WEIGHTS.values()):,} in 5 tensors" in out
    assert "24 × 8  F16" in out


def test_inspect_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--json", str(write_model(tmp_path))]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["by_dtype"]["F32"] == {"tensors": 1, "parameters": 48, "size_bytes": 192}
    assert {tuple(linear["shape"]) for linear in values["linears"]} == {(50, 8), (24, 8)}


def test_error_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "nowhere")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rpiq: error: ")
    assert captured.err.count("\n") == 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("rpiq 0.")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source, a text, and the source quantized twice, symmetric and not."""
    folder = tmp_path_factory.mktemp("made")
    write_tiny(folder / "source", CONFIGS["llama"])
    write_text(folder / "text.txt")
    for name, options in {"out": ["--json", str(folder / "report.json")], "symmetric": ["--symmetric"]}.items():
        assert main(quantize_line(folder, name, *options)) == 0
    return folder


def quantize_line(folder: Path, out: str, *more: str) -> list[str]:
    options = "--group-size 32 --samples 16 --sequence-length 32 --device cpu".split()
    places = [str(folder / "source"), "--out", str(folder / out), "--calibration", str(folder / "text.txt")]
    return ["quantize", *places, *options, *more]


@pytest.mark.makes_models
def test_quantize(made: Path) -> None:
    values = json.loads((made / "report.json").read_text("utf-8"))
    assert len(values["linears"]) == 14
    assert values["linears"][0].keys() == {"name", "rows", "loss_stage1", "loss_final", "changed_codes"}
    assert values["seconds"] > 0
    assert values["peak_memory_bytes"] > 0
    assert (made / "out" / "config.json").is_file()


def quantize_other(made: Path, source: Path, out: Path, *more: str) -> dict[str, Any]:
    """Quantize something else than the fixture's source with its settings; the report."""
    line = quantize_line(made, "unused", "--method", "rtn", "--json", str(out.with_suffix(".json")), *more)
    line[1:4] = [str(source), "--out", str(out)]
    assert main(line) == 0
    values: dict[str, Any] = json.loads(out.with_suffix(".json").read_text("utf-8"))
    return values


@pytest.mark.makes_models
def test_sharded_source(made: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(made / "source")
    model.save_pretrained(tmp_path / "shards", max_shard_size="30KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(made / "source" / name, tmp_path / "shards")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 2
    quantize_other(made, tmp_path / "shards", tmp_path / "sharded")
    quantize_other(made, made / "source", tmp_path / "whole")
    found, wanted = (load_file(tmp_path / name / "model.safetensors") for name in ("sharded", "whole"))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.makes_models
def test_gguf_source(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a GGUF file to 4 bits, evaluated, and back to a GGUF file with its vocabulary and name."""
    source = gguf_of(save_model(tmp_path / "model"), tmp_path)
    letters = tmp_path / "letters.txt"
    letters.write_text("the quick brown fox jumps over the lazy dog " * 40, "utf-8")
    capsys.readouterr()
    values = quantize_other(made, source, tmp_path / "out", "--calibration", str(letters))
    assert len(values["linears"]) == 14
    errors = capsys.readouterr().err
    assert "conversion 20/20" in errors
    assert "%|" not in errors, "no progress bar of transformers"
    line = [
        "evaluate",
        str(tmp_path / "out"),
        "--task",
        "perplexity",
        "--data",
        str(letters),
        "--sequence-length",
        "32",
    ]
    assert main(line) == 0
    again = tmp_path / "again.gguf"
    assert main(["export", str(tmp_path / "out"), "--to", "gguf", "--out", str(again)]) == 0
    before, after = (GGUFReader(path).fields for path in (source, again))
    for key in ("general.name", "tokenizer.ggml.pre", "tokenizer.ggml.tokens", "tokenizer.chat_template"):
        assert after[key].contents() == before[key].contents()


@pytest.mark.makes_models
def test_chat_template(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chatty = shutil.copytree(made / "source", tmp_path / "chatty")
    (chatty / "chat_template.jinja").write_text("{% for m in messages %}</s> {{ m['content'] }} {% endfor %}", "utf-8")
    plain, chat = (quantize_other(made, chatty, tmp_path / name, *more) for name, more in CHAT.items())
    assert (plain["config"]["chat_template"], chat["config"]["chat_template"]) == (False, True)
    assert plain["calibration_ids_sha256"] != chat["calibration_ids_sha256"]
    assert "| chat_template | True |" in (tmp_path / "chat/README.md").read_text("utf-8")
    assert main(quantize_line(made, "never", "--chat-template")) == 2
    assert "has no chat template" in capsys.readouterr().err


CHAT: dict[str, list[str]] = {"plain": [], "chat": ["--chat-template"]}


@pytest.mark.makes_models
def test_named_calibration(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["quantize", str(made / "source"), "--out", str(tmp_path / "out"), "--method", "rtn", "--group-size", "32"]
    line += ["--samples", "4", "--sequence-length", "16", "--device", "cpu"]
    assert main([*line, "--calibration", "c5"]) == 2
    assert "no calibration set 'c5'; give c4, or" in capsys.readouterr().err
    assert main(line) == 0, "c4 if nothing is said"
    assert "tokens from c4.jsonl" in (tmp_path / "out/README.md").read_text("utf-8")


@pytest.mark.makes_models
def test_dry_run(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(quantize_line(made, "dry", "--dry-run")) == 0
    out = capsys.readouterr().out
    for part in ("memory", "disk", "4 bits, asymmetric, groups of 32", "model.layers.1.mlp.down_proj", "rehearsed"):
        assert part in out
    assert not (made / "dry").exists()


@pytest.mark.makes_models
def test_quantizing_again_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(quantize_line(made, "out")) == 2
    error = capsys.readouterr().err
    assert "exists already" in error
    assert error.count("\n") == 1


@pytest.mark.makes_models
@pytest.mark.parametrize("option", [["--bits", "9"], ["--group-size", "48"], ["--method", "awq"], ["--samples", "0"]])
def test_impossible_options(made: Path, option: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(quantize_line(made, "never", *option))
    assert left.value.code == 2


@pytest.mark.makes_models
@pytest.mark.parametrize("model", ["source", "out"])
def test_evaluate(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str) -> None:
    result = tmp_path / "result.json"
    line = ["evaluate", str(made / model), "--data", str(made / "text.txt"), "--limit", "2", "--json", str(result)]
    assert main([*line, "--task", "perplexity", "--sequence-length", "64"]) == 0
    values = json.loads(result.read_text("utf-8"))
    assert (values["task"], values["protocol"], values["windows"], values["window"]) == ("perplexity", "usual", 2, 64)
    assert f"{values['value']:.4f}" in capsys.readouterr().out
    assert main([*line, "--task", "perplexity-autogptq"]) == 0
    assert json.loads(result.read_text("utf-8"))["protocol"] == "autogptq"
    assert main([*line, "--task", "sentiment"]) == 2, "these are no tweets"
    (tmp_path / "test_text.txt").write_text("w1 w2\nw3\nw4", "utf-8")
    (tmp_path / "test_labels.txt").write_text("0\n2\n1", "utf-8")
    line[line.index("--data") + 1] = str(tmp_path)
    assert main([*line, "--task", "sentiment"]) == 0
    values = json.loads(result.read_text("utf-8"))
    assert values["tweets"] == 2
    assert 0 <= values["generation_accuracy"] <= 1 - values["unanswered"]
    assert {values["likelihood_accuracy"]} <= {0, 0.5, 1}
    stored = sum(file.stat().st_size for file in (made / model).glob("*.safetensors"))
    assert stored * 0.5 < values["weight_bytes"] < stored * 1.5


@pytest.mark.makes_models
def test_compare(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--json", str(made / "source"), str(made / "out")]) == 0
    values = json.loads(capsys.readouterr().out)
    quantized = [one for one in values["differences"] if "proj" in one["name"]]
    assert len(quantized) == 14
    assert all(0 < one["relative"] < 0.3 for one in quantized)
    assert values["bytes_b"] < values["bytes_a"]
    assert main(["compare", str(made / "out"), str(made / "out")]) == 0
    assert "0.000% of codes differ" in capsys.readouterr().out


@pytest.mark.makes_models
def test_report(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(made / "out"), "--out", str(tmp_path / "page")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'page/report.html'}\n"
    assert (tmp_path / "page/report.html").read_text("utf-8").startswith("<!doctype html>")
    assert (tmp_path / "page/convergence.png").read_bytes().startswith(b"\x89PNG")
    assert main(["report", str(made / "source")]) == 2
    assert "folder that rpiq has written" in capsys.readouterr().err


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    for command in ("quantize", "evaluate", "inspect", "compare", "report", "export"):
        assert command in out


@pytest.mark.makes_models
def test_export(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(made / "symmetric"), "--to", "gptq", "--out", str(tmp_path / "gptq")]) == 0
    assert str(tmp_path / "gptq") in capsys.readouterr().out
    assert (tmp_path / "gptq" / "config.json").is_file()
    assert main(["export", str(made / "out"), "--to", "gptq", "--out", str(tmp_path / "refused")]) == 2
    assert "--symmetric" in capsys.readouterr().err
    assert main(["export", str(made / "out"), "--to", "gguf", "--out", str(tmp_path / "model.gguf")]) == 2
    assert "vocabulary" in capsys.readouterr().err, "the tests' tokenizer is of no kind that llama.cpp knows"
    assert not (tmp_path / "model.gguf").exists()


def test_help_of_evaluate_says_what_ocr_vqa_wants(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    for part in ("ocr-vqa", "dataset.json", "FILE.answers.jsonl", "goes on after an interruption"):
        assert part in out
