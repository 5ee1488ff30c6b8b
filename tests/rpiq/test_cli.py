"""`rpiq` as a user types it: its output, its one-line errors, its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rpiq.cli import main
from tests.rpiq.test_checkpoint import WEIGHTS, write_model
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


def test_quantize(made: Path) -> None:
    values = json.loads((made / "report.json").read_text("utf-8"))
    assert len(values["linears"]) == 14
    assert values["linears"][0].keys() == {"name", "rows", "loss_stage1", "loss_final", "changed_codes"}
    assert values["seconds"] > 0
    assert values["peak_memory_bytes"] > 0
    assert (made / "out" / "config.json").is_file()


def test_dry_run(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(quantize_line(made, "dry", "--dry-run")) == 0
    out = capsys.readouterr().out
    for part in ("memory", "disk", "4 bits, asymmetric, groups of 32", "model.layers.1.mlp.down_proj", "rehearsed"):
        assert part in out
    assert not (made / "dry").exists()


def test_quantizing_again_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(quantize_line(made, "out")) == 2
    error = capsys.readouterr().err
    assert "exists already" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", [["--bits", "9"], ["--group-size", "48"], ["--method", "awq"], ["--samples", "0"]])
def test_impossible_options(made: Path, option: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(quantize_line(made, "never", *option))
    assert left.value.code == 2


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


def test_compare(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--json", str(made / "source"), str(made / "out")]) == 0
    values = json.loads(capsys.readouterr().out)
    quantized = [one for one in values["differences"] if "proj" in one["name"]]
    assert len(quantized) == 14
    assert all(0 < one["relative"] < 0.3 for one in quantized)
    assert values["bytes_b"] < values["bytes_a"]
    assert main(["compare", str(made / "out"), str(made / "out")]) == 0
    assert "0.000% of codes differ" in capsys.readouterr().out


def test_report(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(made / "out"), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")
    assert main(["report", str(made / "source")]) == 2
    assert "folder that rpiq has written" in capsys.readouterr().err


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    for command in ("quantize", "evaluate", "inspect", "compare", "report", "export"):
        assert command in out


def test_export(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(made / "symmetric"), "--to", "gptq", "--out", str(tmp_path / "gptq")]) == 0
    assert str(tmp_path / "gptq") in capsys.readouterr().out
    assert (tmp_path / "gptq" / "config.json").is_file()
    assert main(["export", str(made / "out"), "--to", "gptq", "--out", str(tmp_path / "refused")]) == 2
    assert "--symmetric" in capsys.readouterr().err
    assert main(["export", str(made / "out"), "--to", "gguf", "--out", str(tmp_path / "model.gguf")]) == 2
    assert "vocabulary" in capsys.readouterr().err, "the tests' tokenizer is of no kind that llama.cpp knows"
    assert not (tmp_path / "model.gguf").exists()
