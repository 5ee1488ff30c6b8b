"""`rpiq quantize` on what users really give it: one line that says what, where and what to do; nothing half-written."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, MambaConfig, MixtralConfig, PreTrainedConfig, T5Config

from rpiq.cli.main import main
from rpiq.run.result import REPORT_FILE
from tests import warm
from tests.rpiq.tiny import CONFIGS, LATER, write_model, write_text

SETTINGS = "--samples 16 --sequence-length 32 --set distill_steps=2 --device cpu".split()


@dataclass(frozen=True)
class Case:
    """A folder of its own with a source, a text, and the command that would quantize one with the other."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def text(self) -> Path:
        return self.folder / "text.txt"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def line(self, *more: str, out: Path | None = None, group: str = "32") -> list[str]:
        places = [str(self.source), "--out", str(out or self.out), "--calibration", str(self.text)]
        return ["quantize", *places, *SETTINGS, "--group-size", group, *more]

    def start(self, *more: str, error: IO[Any] | None = None, file_bytes: int | None = None) -> warm.Process:
        """The command in a process of its own, which may write files of at most `file_bytes`."""
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        line = ["-m", "rpiq.cli.main", *self.line(*more)]
        return warm.start(line, environment, stderr=error, file_bytes=file_bytes)

    def run(self, *more: str, file_bytes: int | None = None) -> tuple[int, str]:
        """Its status and what it said, when it has ended."""
        with tempfile.TemporaryFile("w+") as error:
            status = self.start(*more, error=error, file_bytes=file_bytes).wait()
            error.seek(0)
            return status, error.read()

    def left(self) -> list[str]:
        """What lies beside the source and the text."""
        return sorted(file.name for file in self.folder.iterdir() if file not in (self.source, self.text))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Case:
    case = Case(tmp_path_factory.mktemp("whole"))
    write_model(case.source, CONFIGS["llama"])
    write_text(case.text)
    return case


@pytest.fixture
def case(tmp_path: Path, whole: Case) -> Case:
    made = Case(tmp_path / "case")
    shutil.copytree(whole.folder, made.folder)
    return made


def refused(
    case: Case, capsys: pytest.CaptureFixture[str], *more: str, out: Path | None = None, group: str = "32"
) -> str:
    """The one line of an error with status 2; checks that nothing was left."""
    assert main(case.line(*more, out=out, group=group)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    errors = [line for line in lines if line.startswith("rpiq: error: ")]
    assert errors == lines[-1:], "one line, and the last"
    assert "Traceback" not in captured.err
    assert case.left() == []
    return errors[0]


def cut(case: Case) -> None:
    data = (case.source / "model.safetensors").read_bytes()
    (case.source / "model.safetensors").write_bytes(data[:-100])


def flip_header(case: Case) -> None:
    """The dtype of a tensor: its size no longer fits its place."""
    data = (case.source / "model.safetensors").read_bytes()
    (case.source / "model.safetensors").write_bytes(data.replace(b'"BF16"', b'"F8XX"', 1))


def flip_length(case: Case) -> None:
    data = bytearray((case.source / "model.safetensors").read_bytes())
    data[5] ^= 0xFF
    (case.source / "model.safetensors").write_bytes(data)


def flip_name(case: Case) -> None:
    data = (case.source / "model.safetensors").read_bytes()
    (case.source / "model.safetensors").write_bytes(data.replace(b"1.mlp.up_proj", b"1.mlp.uq_proj", 1))


def put(case: Case, name: str, value: float) -> None:
    tensors = load_file(case.source / "model.safetensors")
    tensors[name].view(-1)[7] = value
    save_file(tensors, case.source / "model.safetensors", metadata={"format": "pt"})


def foreign(config: PreTrainedConfig) -> Callable[[Case], None]:
    return lambda case: config.save_pretrained(case.source)


def of_mamba(case: Case) -> None:
    shutil.rmtree(case.source)
    write_model(case.source, MAMBA)


def own_code(case: Case) -> None:
    """A model that would run code of its own, as many on the hub do."""
    values = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.MineConfig", "AutoModelForCausalLM": "mine.Mine"}}
    (case.source / "config.json").write_text(json.dumps(values), "utf-8")
    (case.source / "mine.py").write_text(f"open({str(case.folder / 'ran')!r}, 'w')\n", "utf-8")


MAMBA = MambaConfig(vocab_size=96, hidden_size=64, num_hidden_layers=2, state_size=4, time_step_rank=4)
T5 = T5Config(vocab_size=96, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4)
MIXTRAL = MixtralConfig(**{**LATER, "num_local_experts": 4})


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (cut, ("model.safetensors is not a whole safetensors file", "download it again")),
        (flip_header, ("model.safetensors is not a whole safetensors file", "download it again")),
        (flip_length, ("model.safetensors is not a whole safetensors file", "download it again")),
        (flip_name, ("lacks the tensor model.layers.1.mlp.up_proj.weight", "get the model again")),
        (
            lambda case: (case.source / "tokenizer.json").unlink(),
            ("holds no tokenizer", "copy the model's own into it"),
        ),
        (
            lambda case: (case.source / "tokenizer.json").write_text("{", "utf-8"),
            ("the tokenizer in", "cannot be read", "get it again"),
        ),
        (
            lambda case: put(case, "model.embed_tokens.weight", float("inf")),
            ("model.embed_tokens.weight holds NaN or infinite values", "get the model again"),
        ),
        (
            lambda case: case.text.write_text("w1 w2 w3", "utf-8"),
            ("3 tokens, less than one sample of 32", "a longer text or a smaller --sequence-length"),
        ),
        (lambda case: case.text.write_bytes(b"\xff\xfe\x00"), ("text.txt is not UTF-8 text", "convert it")),
        (of_mamba, ("not understood", "conv1d (Conv1d)", "only Linear and Conv1D can be quantized")),
        (foreign(T5), ("no causal language model of type 't5'",)),
        (foreign(MIXTRAL), ("'mixtral' is a mixture of 4 experts", "choose a dense model")),
        (own_code, ("the model is not known to transformers",)),
        (
            lambda case: (case.source / "config.json").write_text("{", "utf-8"),
            ("config.json",),
        ),
    ],
)
def test_sources_and_texts(
    case: Case, capsys: pytest.CaptureFixture[str], damage: Callable[[Case], None], parts: tuple[str, ...]
) -> None:
    damage(case)
    error = refused(case, capsys)
    for part in parts:
        assert part in error


@pytest.mark.makes_models
def test_nan_in_a_later_block_keeps_what_was_done(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """What is mended can be gone on with: the checkpoint is got again, and the result is as if nothing had been."""
    good = (case.source / "model.safetensors").read_bytes()
    put(case, "model.layers.1.mlp.up_proj.weight", float("nan"))
    assert main(case.line()) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "model.layers.1.mlp.up_proj.weight holds NaN or infinite values" in error
    assert f"finished parts are kept beside {case.out}: go on with --resume" in error
    assert case.left() == [".out.partial"]
    (case.source / "model.safetensors").write_bytes(good)
    assert main(case.line("--resume")) == 0
    assert main(case.line(out=case.folder / "undisturbed")) == 0
    assert contents(case.out) == contents(case.folder / "undisturbed")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != REPORT_FILE}


@pytest.mark.makes_models
def test_random_bytes_in_the_header(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is flipped there, it is found or does not matter: never a traceback."""
    file = case.source / "model.safetensors"
    good = file.read_bytes()
    length = int.from_bytes(good[:8], "little")
    chosen = random.Random(7)
    statuses = []
    for _ in range(40):
        data = bytearray(good)
        data[chosen.randrange(8 + length)] ^= 1 << chosen.randrange(8)
        file.write_bytes(data)
        statuses.append(main(case.line("--dry-run")))
    assert "Traceback" not in capsys.readouterr().err
    assert set(statuses) <= {0, 2}
    assert statuses.count(2) > 30


def test_a_group_size_that_does_not_divide_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(case, capsys, group="128")
    assert "q_proj has 64 input columns, which groups of 128 do not divide" in error
    assert "use --group-size 64 or 32 or -1 (one group for the whole row)" in error


@pytest.mark.parametrize("place", ["text.txt/out", "../../../proc/nowhere/out"])
def test_unwritable_targets(case: Case, capsys: pytest.CaptureFixture[str], place: str) -> None:
    out = Path("/proc/nowhere/out") if "proc" in place else case.folder / place
    error = refused(case, capsys, out=out)
    assert "cannot be written" in error
    assert "choose another folder" in error


@pytest.mark.makes_models
@pytest.mark.parametrize(
    ("most", "message", "kept"),
    [
        (10_000, "cannot take the activations", "nothing was finished yet, so nothing is kept"),
        (150_000, "part-00002.safetensors cannot be written", "1 finished parts are kept"),
    ],
)
def test_no_space_left(case: Case, most: int, message: str, kept: str) -> None:
    """The system refuses to write on, in the middle of a file; with room the run goes on, or starts anew."""
    remake(case, intermediate_size=2048)
    status, error = case.run(file_bytes=most)
    assert status == 2, error
    last = error.splitlines()[-1]
    assert last.startswith("rpiq: error: ")
    assert message in last
    assert "File too large" in last
    assert "make room" in last or "free some space" in last
    assert kept in last
    assert "Traceback" not in error
    assert not case.out.exists()
    same_as_undisturbed(case)


@pytest.mark.makes_models
def test_ctrl_c(case: Case) -> None:
    """SIGINT as a terminal sends it, after the first block: status 130, and one line that says how to go on."""
    remake(case, num_hidden_layers=6, hidden_size=128)
    manifest = case.folder / ".out.partial" / "manifest.json"
    deadline = time.monotonic() + 300
    with tempfile.TemporaryFile("w+") as error:
        process = case.start(error=error)
        while "model.layers.0" not in (manifest.read_text("utf-8") if manifest.exists() else ""):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        status = process.wait()
        error.seek(0)
        said = error.read()
    assert status == 130, said
    last = said.splitlines()[-1]
    assert last.startswith("rpiq: interrupted; ")
    assert last.endswith(f"finished parts are kept beside {case.out}: go on with --resume")
    assert "Traceback" not in said
    assert case.left() == [".out.partial"]
    same_as_undisturbed(case)


def remake(case: Case, **changes: int) -> None:
    shutil.rmtree(case.source)
    write_model(case.source, LlamaConfig(**{**LATER, **changes}))


def same_as_undisturbed(case: Case) -> None:
    """Resumed, the result has the bytes of a run that nothing disturbed."""
    for line in (["--resume"], ["--out", str(case.folder / "undisturbed")]):
        status, error = case.run(*line)
        assert status == 0, error
    assert contents(case.out) == contents(case.folder / "undisturbed")


def test_no_memory_left(case: Case, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.\nmore")

    monkeypatch.setattr("rpiq.run.quantizing.solve_block", exhausted)
    assert main(case.line()) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "no memory is left (CUDA out of memory. Tried to allocate 1.00 GiB.)" in error
    assert "smaller --sequence-length" in error
    assert "go on with --resume" in error


def test_the_processor_has_no_memory_left(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """A real refusal of the operating system, as `ulimit -v` or a container's limit brings about."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.MonkeyPatch.context() as patch:

        def huge(*_: object, **__: object) -> None:
            resource.setrlimit(resource.RLIMIT_AS, (1 << 40, limits[1]))
            torch.empty(1 << 45, dtype=torch.uint8)

        patch.setattr("rpiq.run.quantizing.solve_block", huge)
        try:
            assert main(case.line()) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)
    assert "no memory is left" in capsys.readouterr().err


def test_sizes_that_are_no_models(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """A config.json of another size than the shards."""
    LlamaConfig(**{**LATER, "hidden_size": 32}).save_pretrained(case.source)
    assert "config.json is another model's" in refused(case, capsys)
