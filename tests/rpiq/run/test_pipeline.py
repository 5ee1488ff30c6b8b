"""The driver on tiny random models: end to end for every architecture, resumed after kills, refusing what it must."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig

from rpiq.architectures.blocks import TESTED, LinearInfo
from rpiq.calibration.text import Calibration
from rpiq.config import QuantizationConfig, Scheme
from rpiq.errors import CalibrationError, CheckpointError, ConfigError, ResourceError, RpiqError, VerificationError
from rpiq.formats.checkpoint import read
from rpiq.run import budget, pipeline
from rpiq.run.pipeline import quantize, rehearse
from rpiq.run.recording import Call
from rpiq.run.result import REPORT_FILE, Progress, Report, read_report
from rpiq.run.solve import Passes, gather
from rpiq.runtime.loading import load
from tests import warm
from tests.rpiq.tiny import CONFIGS, GPT2, LATER, write_model, write_text

CONFIG = QuantizationConfig(scheme=Scheme(group_size=32), samples=16, sequence_length=32, distill_steps=4)
"""With few steps of stage 3, which then lowers the divergence, so that its scales are kept: after 32 the tiny model's are put back."""


@dataclass(frozen=True)
class Made:
    """The tiny Llama quantized by `CONFIG`, for tests that only look at it."""

    folder: Path
    report: Report
    steps: tuple[Progress, ...]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text") / "text.txt")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("llama") / "tiny", CONFIGS["llama"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, text: Path, llama: Path) -> Made:
    folder, steps = tmp_path_factory.mktemp("made") / "whole", list[Progress]()
    return Made(folder, quantize(llama, folder, CONFIG, text, report=steps.append), tuple(steps))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the one that holds times."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.name != REPORT_FILE}


def total(report: Report, name: str) -> float:
    return sum(float(getattr(linear, name)) for linear in report.linears)


@pytest.mark.makes_models
@pytest.mark.parametrize("name", TESTED)
def test_every_architecture(tmp_path: Path, text: Path, name: str) -> None:
    source = write_model(tmp_path / name, CONFIGS[name])
    report = quantize(source, tmp_path / "out", CONFIG, text)
    assert len(report.blocks) == 2
    assert all(linear.rows == 12 * 32 for linear in report.linears), "4 of 16 rows are held out"
    assert report.check is not None
    assert report.check.logits_error < 0.05
    assert report.check.generated
    model = load(tmp_path / "out", dtype=torch.float32)
    original = load(source, dtype=torch.float32)
    ids = torch.arange(30)[None]
    with torch.inference_mode():
        wanted, found = (one(input_ids=ids).logits for one in (original, model))
    assert 0 < (found - wanted).norm() / wanted.norm() < 0.6, "quantized, and still the same model"
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == (source / "tokenizer.json").read_bytes()
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.makes_models
def test_conv1d_weights(tmp_path: Path, text: Path) -> None:
    source = write_model(tmp_path / "gpt2", GPT2)
    report = quantize(source, tmp_path / "out", CONFIG, text)
    assert len(report.linears) == 8
    assert report.check is not None
    assert report.check.logits_error < 0.05


@pytest.mark.makes_models
@pytest.mark.parametrize("method", ["rtn", "gptq", "rpiq", "rpiq-paper"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_methods(tmp_path: Path, text: Path, llama: Path, method: str, symmetric: bool) -> None:
    config = QuantizationConfig(
        method=method,  # type: ignore[arg-type]
        scheme=Scheme(bits=3, group_size=-1, symmetric=symmetric),
        samples=8,
        sequence_length=32,
        distill_steps=4,
    )
    report = quantize(llama, tmp_path / "out", config, text)
    assert report.output_bytes == read(tmp_path / "out").size_bytes
    assert total(report, "loss_final") <= total(report, "loss_stage1") * (1 + 1e-5) or method == "rpiq-paper"
    if method == "rpiq":
        assert total(report, "loss_final") < total(report, "loss_stage1")
        assert [guard.kept for block in report.blocks for guard in block.guards].count(True) > 0
    if method == "rpiq-paper":
        assert all(len(linear.rounds) >= 2 and linear.off_grid_loss is not None for linear in report.linears)
    if method in ("rtn", "gptq"):
        assert total(report, "changed_codes") == 0


@pytest.mark.makes_models
def test_gptq_beats_rounding_and_rpiq_beats_gptq(tmp_path: Path, text: Path, llama: Path) -> None:
    calibration = {
        m: QuantizationConfig(method=m, scheme=CONFIG.scheme, samples=16, sequence_length=32) for m in ("rtn", "gptq")
    }  # type: ignore[arg-type]
    losses = {m: total(quantize(llama, tmp_path / m, config, text), "loss_final") for m, config in calibration.items()}
    unguarded = replace(CONFIG, guard=False, weigh_tokens=False)  # the same H for all
    losses["rpiq"] = total(quantize(llama, tmp_path / "rpiq", unguarded, text), "loss_final")
    assert losses["rpiq"] < losses["gptq"] < losses["rtn"]


@pytest.mark.makes_models
def test_cross_layer_target_and_guard(tmp_path: Path, text: Path, llama: Path) -> None:
    report = quantize(llama, tmp_path / "out", replace(CONFIG, cross_layer=0.25), text)
    for block in report.blocks:
        for guard in block.guards:
            assert guard.kept == (guard.stage2 <= guard.stage1)
            linears = [linear for linear in block.linears if linear.name in guard.linears]
            if not guard.kept:
                assert all(one.changed_codes == 0 and one.loss_final == one.loss_stage1 for one in linears)
    errors = [block.held_out_error for block in report.blocks]
    assert None not in errors


@pytest.mark.makes_models
def test_the_report_survives_json(made: Made) -> None:
    assert read_report(made.folder / REPORT_FILE) == made.report
    values = json.loads((made.folder / REPORT_FILE).read_text("utf-8"))
    assert {"linears", "seconds", "peak_memory_bytes"} <= values.keys()
    assert values["linears"][0].keys() == {"name", "rows", "loss_stage1", "loss_final", "changed_codes"}
    card = (made.folder / "README.md").read_text("utf-8")
    assert made.report.calibration_sha256 in card
    assert f"| seed | {CONFIG.seed} |" in card


@pytest.mark.makes_models
def test_progress_counts_up_to_done(made: Made) -> None:
    steps = made.steps
    assert [step.block for step in steps] == sorted(step.block for step in steps)
    assert steps[-1].stage == "done"
    assert {step.detail for step in steps if step.stage == "block"} >= {"model.layers.1.mlp.down_proj"}
    assert all(step.seconds_left is not None for step in steps if step.block == 1)
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert {step.stage for step in steps if 0.3 < step.share < 1} == {"distillation"}


@pytest.mark.makes_models
def test_a_dry_run_writes_nothing(tmp_path: Path, text: Path, llama: Path, made: Made) -> None:
    before = {file: file.stat().st_mtime_ns for file in [*llama.parent.rglob("*"), *tmp_path.rglob("*")]}
    plan, block = rehearse(llama, CONFIG, text)
    assert {file: file.stat().st_mtime_ns for file in [*llama.parent.rglob("*"), *tmp_path.rglob("*")]} == before
    assert block.name == "model.layers.0"
    assert all(linear.energy > 0 for linear in block.linears)
    assert len(plan.linears) == 14
    assert plan.output_bytes == read(made.folder).size_bytes
    assert plan.output_bytes == made.report.output_bytes


@pytest.mark.makes_models
@pytest.mark.parametrize("step", [1, 4, 9, 17, 18, 19])
def test_interrupted_and_resumed_is_the_same(tmp_path: Path, text: Path, llama: Path, made: Made, step: int) -> None:
    """Ctrl-C at a given step of the run."""
    seen = 0

    def interrupt(_: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(llama, tmp_path / "out", CONFIG, text, report=interrupt)
    if not (tmp_path / "out").exists():
        quantize(llama, tmp_path / "out", CONFIG, text, resume=True)
    assert contents(tmp_path / "out") == contents(made.folder)
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.makes_models
def test_killed_at_random_moments_and_resumed_is_the_same(tmp_path: Path, text: Path) -> None:
    """SIGKILL, wherever it strikes, three times in a row."""
    source = write_model(tmp_path / "six", LlamaConfig(**{**LATER, "num_hidden_layers": 6, "hidden_size": 128}))
    chosen = random.Random(20261122)
    options = "--group-size 32 --samples 64 --sequence-length 64 --set distill_steps=4".split()
    command = ["-m", "rpiq.cli.main", "quantize", str(source), "--calibration", str(text), *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    whole = warm.run([*command, "--out", str(tmp_path / "whole")], env=environment, timeout=300)
    assert whole.returncode == 0, whole.stderr
    out, manifest = tmp_path / "out", tmp_path / ".out.partial" / "manifest.json"
    killed = []
    for number in range(3):
        before = records(manifest)
        process = warm.start([*command, "--out", str(out), "--resume"], env=environment)
        deadline = time.monotonic() + 120
        while process.poll() is None and records(manifest) < before + 1 + number % 2 and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chosen.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        killed.append(process.wait())
        if out.exists():
            break
    assert killed[0] == -signal.SIGKILL
    if not out.exists():
        done = warm.run([*command, "--out", str(out), "--resume"], env=environment, timeout=300)
        assert done.returncode == 0, done.stderr
    assert contents(out) == contents(tmp_path / "whole")


def records(manifest: Path) -> int:
    """Blocks committed so far."""
    try:
        return len(json.loads(manifest.read_text("utf-8"))["records"])
    except (FileNotFoundError, ValueError):
        return 0


def test_resuming_with_other_settings_is_refused(tmp_path: Path, text: Path, llama: Path) -> None:
    def interrupt(step: Progress) -> None:
        if step.block == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(llama, tmp_path / "out", CONFIG, text, report=interrupt)
    with pytest.raises(ConfigError, match="other settings"):
        quantize(llama, tmp_path / "out", replace(CONFIG, seed=1), text, resume=True)


def broken(llama: Path, folder: Path) -> Path:
    return Path(shutil.copytree(llama, folder))


def test_nan_weights_name_the_tensor(tmp_path: Path, text: Path, llama: Path) -> None:
    source = broken(llama, tmp_path / "nan")
    tensors = load_file(source / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = float("nan")
    save_file(tensors, source / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"model\.layers\.1\.mlp\.up_proj\.weight holds NaN"):
        quantize(source, tmp_path / "out", CONFIG, text)
    assert not (tmp_path / "out").exists()


def cut_shard(source: Path) -> None:
    data = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(data[: len(data) // 2])


def no_tokenizer(source: Path) -> None:
    (source / "tokenizer.json").unlink()


def foreign_tokenizer(source: Path) -> None:
    values = json.loads((source / "tokenizer.json").read_text("utf-8"))
    values["model"]["vocab"] = {word: 10 * number for word, number in values["model"]["vocab"].items()}
    (source / "tokenizer.json").write_text(json.dumps(values), "utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_shard, "not a whole safetensors file"),
        (no_tokenizer, "holds no tokenizer"),
        (foreign_tokenizer, "not of one model"),
        (lambda source: (source / "config.json").unlink(), r"holds no config\.json"),
        (shutil.rmtree, "does not exist"),
    ],
)
def test_damaged_sources(tmp_path: Path, text: Path, llama: Path, damage: object, message: str) -> None:
    source = broken(llama, tmp_path / "source")
    damage(source)  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=message):
        quantize(source, tmp_path / "out", CONFIG, text)
    assert [file.name for file in tmp_path.iterdir() if file.name != "source"] == [], "nothing is left behind"


def test_calibration_shorter_than_one_sample(tmp_path: Path, llama: Path) -> None:
    with pytest.raises(CalibrationError, match="less than one sample"):
        quantize(llama, tmp_path / "out", CONFIG, write_text(tmp_path / "short.txt", words=10))


def test_a_group_size_that_does_not_divide(tmp_path: Path, text: Path, llama: Path) -> None:
    with pytest.raises(ConfigError, match=r"q_proj has 64 input columns.*use --group-size 64 or 32 or -1"):
        quantize(llama, tmp_path / "out", replace(CONFIG, scheme=Scheme(group_size=128)), text)


def test_no_space_left(tmp_path: Path, text: Path, llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ResourceError, match="lacks 0"):
        quantize(llama, tmp_path / "out", CONFIG, text)


def test_too_little_memory(tmp_path: Path, text: Path, llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = type("Memory", (), {"available": 1_000_000})
    monkeypatch.setattr(budget.psutil, "virtual_memory", memory)
    with pytest.raises(ResourceError, match="GB of memory are needed"):
        quantize(llama, tmp_path / "out", CONFIG, text)


def test_an_existing_and_an_unwritable_target(tmp_path: Path, text: Path, llama: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        quantize(llama, tmp_path / "there", CONFIG, text)
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ResourceError, match="cannot be written"):
        quantize(llama, tmp_path / "file" / "out", CONFIG, text)


def test_no_such_device(tmp_path: Path, text: Path, llama: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ResourceError, match="no CUDA device"):
        quantize(llama, tmp_path / "out", CONFIG, text, device="cuda")


def test_a_wrong_result_does_not_pass_for_a_right_one(
    tmp_path: Path, text: Path, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One Linear with its codes turned round on the way to the disk."""
    add = pipeline.QuantizedWriter.add

    def turned(self: pipeline.QuantizedWriter, name: str, codes: torch.Tensor, *rest: object) -> None:
        add(self, name, codes.flip(0) if name.endswith("o_proj") else codes, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline.QuantizedWriter, "add", turned)
    with pytest.raises(VerificationError, match="states differ"):
        quantize(llama, tmp_path / "out", CONFIG, text)


@pytest.mark.makes_models
def test_rows_read_before_are_taken_as_they_are(tmp_path: Path, llama: Path) -> None:
    calibration = Calibration(torch.arange(96).repeat(4, 1)[:, :40], "counted", "0" * 64, 0)
    report = quantize(llama, tmp_path / "out", CONFIG, calibration)
    assert (report.rows, report.held_out_rows, report.calibration) == (3, 1, "counted")


def test_every_error_is_of_one_family() -> None:
    assert issubclass(VerificationError, RpiqError)


LEARNING = replace(CONFIG, distill_steps=20)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, text: Path, llama: Path) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("taught") / "whole"
    return folder, quantize(llama, folder, LEARNING, text)


@pytest.mark.makes_models
@pytest.mark.parametrize("stopped", [1, 11, 20])
def test_stopped_while_learning_it_goes_on_with_the_same_result(
    tmp_path: Path, text: Path, llama: Path, taught: tuple[Path, Report], stopped: int
) -> None:
    folder, whole = taught

    def interrupt(step: Progress) -> None:
        if step.stage == "distillation" and step.detail == f"step {stopped}/20":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(llama, tmp_path / "out", LEARNING, text, report=interrupt)
    done: list[Progress] = []
    resumed = quantize(llama, tmp_path / "out", LEARNING, text, resume=True, report=done.append)
    assert contents(tmp_path / "out") == contents(folder)
    assert resumed.distillation is not None
    assert whole.distillation is not None
    assert resumed.distillation.divergence == whole.distillation.divergence
    assert ("step 5/20" in {step.detail for step in done}) == (stopped < 8), "what was saved is not done again"


def test_where_tokens_are_weighed_alike_the_size_of_their_activations_does_not_matter() -> None:
    block = torch.nn.Sequential(torch.nn.Linear(8, 8, bias=False))
    linear = LinearInfo("block.0", "0", 8, 8)
    x = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    sizes = torch.logspace(-2, 3, 6)[:, None]

    def gathered(hidden: torch.Tensor, weigh: bool) -> torch.Tensor:
        config = QuantizationConfig(weigh_tokens=weigh)
        passes = Passes(lambda: iter([(hidden, Call((), {}))]))
        moments, _ = gather(block, None, [[linear]], passes, config)
        return moments[0].all.matrix

    assert torch.allclose(gathered(x, True), gathered(x * sizes, True), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(gathered(x, False), gathered(x * sizes, False), rtol=0.5)
    assert torch.allclose(gathered(x, True).trace(), torch.tensor(2.0 * 6 * 8)), "each token has the root mean square 1"
    assert torch.isfinite(gathered(x * 0, True)).all()
