"""The 4-bit copy of a language model: made once, resumed after a kill, and never used when it is not what was made."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models import derived, four_bits
from models.errors import Corrupt, Unavailable
from models.four_bits import four_bit_folder, make_four_bits, needed_bytes
from rpiq import Progress, load
from rpiq.run import pipeline
from rpiq.runtime.linear import QuantLinear
from tests import warm
from tests.assistant.engines.local.seers import write_cogvlm2
from tests.models.tiny import write_gguf, write_text

SMALL = replace(four_bits.SETTINGS, samples=8, sequence_length=64, distill_steps=4)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four_bits, "SETTINGS", SMALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a store with its two copies, made without an interruption; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    source = folder / "store" / "tiny"
    source.mkdir(parents=True)
    shutil.move(write_gguf(folder, layers=4), source)
    write_text(folder / "text.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(four_bits, "SETTINGS", SMALL)
        make_four_bits(source, calibration=str(folder / "text.txt"))
    return source


@pytest.fixture
def source(made: Path, tmp_path: Path) -> Path:
    """The same in a store of its own."""
    return shutil.copytree(made.parent, tmp_path / "store") / made.name


def text(made: Path) -> str:
    return str(made.parents[1] / "text.txt")


def weights(source: Path) -> bytes:
    return (source.parent / four_bits.FOLDER / source.name / "model.safetensors").read_bytes()


@pytest.mark.makes_models
def test_made_once_with_every_linear_of_the_blocks_in_four_bits(made: Path, source: Path) -> None:
    said: list[Progress] = []
    folder = make_four_bits(source, said.append, text(made))
    assert said == []  # there was nothing to do
    assert folder == four_bit_folder(source)
    assert sum(isinstance(module, QuantLinear) for module in load(folder).modules()) == 4 * 7


@pytest.mark.makes_models
def test_a_damaged_one_is_not_used_and_made_anew(made: Path, source: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_four_bits(source, calibration=text(made))
    content = weights(source)
    (folder / "model.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert four_bit_folder(source) is None
    assert "run: assistant setup" in caplog.text
    make_four_bits(source, calibration=text(made))
    assert weights(source) == content


@pytest.mark.makes_models
def test_other_settings_or_another_model_make_it_void(
    made: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert four_bit_folder(source)
    with monkeypatch.context() as patch:
        patch.setattr(four_bits, "SETTINGS", replace(SMALL, seed=1))
        assert four_bit_folder(source) is None
    with (source / "tiny.gguf").open("ab") as file:
        file.write(b"\0")
    assert four_bit_folder(source) is None


@pytest.mark.makes_models
def test_killed_and_resumed_is_the_same(made: Path, source: Path) -> None:
    """SIGKILL once something is committed; what an earlier run left unchecked is not taken over."""
    target = source.parent / four_bits.FOLDER / source.name
    shutil.rmtree(target)
    target.with_name("tiny.ready").mkdir()
    script = (
        "import sys, torch; from pathlib import Path; from dataclasses import replace; from models import four_bits;"
        f"torch.set_num_threads({torch.get_num_threads()});"  # sums depend on it
        "four_bits.SETTINGS = replace(four_bits.SETTINGS, samples=8, sequence_length=64, distill_steps=4);"
        "four_bits.make_four_bits(Path(sys.argv[1]), calibration=sys.argv[2])"
    )
    process = warm.start(["-c", script, source, text(made)])
    # Each part is written before it is committed: with the third, the first block is.
    part = target.with_name(".tiny.ready.partial") / "part-00003.safetensors"
    deadline = time.monotonic() + 200
    while not part.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert four_bit_folder(source) is None
    left = needed_bytes(source, 1_000_000)
    said: list[Progress] = []
    make_four_bits(source, said.append, text(made))
    assert min(step.block for step in said if step.stage == "block") >= 1
    assert left < 4_000_000
    assert weights(source) == weights(made)
    assert sorted(path.name for path in target.parent.iterdir()) == ["tiny", "tiny.lock"]


@pytest.mark.makes_models
def test_what_a_run_with_other_settings_left_is_no_obstacle(
    made: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(step: Progress) -> None:
        if step.block == 2:
            raise KeyboardInterrupt

    shutil.rmtree(source.parent / four_bits.FOLDER)
    with monkeypatch.context() as patch:
        patch.setattr(four_bits, "SETTINGS", replace(SMALL, seed=1))
        with pytest.raises(KeyboardInterrupt):
            make_four_bits(source, interrupt, text(made))
    make_four_bits(source, calibration=text(made))
    assert weights(source) == weights(made)


@pytest.mark.makes_models
def test_errors_are_the_stores(source: Path, tmp_path: Path) -> None:
    shutil.rmtree(source.parent / four_bits.FOLDER)
    with pytest.raises(Unavailable, match=r"tiny could not be quantized: .*none\.txt does not exist.*assistant setup"):
        make_four_bits(source, calibration=str(tmp_path / "none.txt"))
    (source / "second.gguf").touch()
    with pytest.raises(Corrupt, match="instead of one"):
        make_four_bits(source)


@pytest.fixture
def sees(tmp_path: Path) -> Path:
    return write_cogvlm2(tmp_path / "store" / "sees")


def test_a_model_that_sees_is_calibrated_on_pictures_with_questions(
    sees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rpiq's part is its own tests' affair; here it is what it is asked, and what is made of its folder."""
    asked: list[tuple[object, ...]] = []

    def quantize(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        shutil.copytree(sees, str(arguments[1]))

    monkeypatch.setattr(pipeline, "quantize", quantize)
    monkeypatch.setattr(four_bits, "PICTURES", tmp_path / "calibration.jsonl")
    with pytest.raises(Unavailable, match=r"calibration\.jsonl is missing, which calibrates sees"):
        make_four_bits(sees)
    (tmp_path / "calibration.jsonl").touch()
    folder = make_four_bits(sees)
    assert folder == four_bit_folder(sees) == sees.parent / four_bits.FOLDER / "sees"
    assert [(source, file) for source, _, _, file in asked] == [(sees, tmp_path / "calibration.jsonl")]
    (sees / "config.json").write_text((sees / "config.json").read_text() + " ")
    assert four_bit_folder(sees) is None


@pytest.mark.parametrize(
    ("width", "tower", "group"), [(4096, 1792, 128), (192, 128, 64), (256, 96, 32), (128, 128, 128)]
)
def test_groups_are_as_large_as_all_rows_allow(tmp_path: Path, width: int, tower: int, group: int) -> None:
    values = {"hidden_size": width, "intermediate_size": 2 * width, "vision_config": {"hidden_size": tower}}
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "model.safetensors").touch()
    assert four_bits._settings(tmp_path).scheme.group_size == group


def test_what_was_sealed_is_not_hashed_again_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").write_bytes(b"1234")
    derived.seal(tmp_path, "x")
    with monkeypatch.context() as patch:
        patch.setattr(derived, "sha256", None)  # would fail if it were asked
        assert derived.is_whole(tmp_path, "x")
    times = (tmp_path / "weights").stat()
    (tmp_path / "weights").write_bytes(b"1235")
    os.utime(tmp_path / "weights", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not derived.is_whole(tmp_path, "x")
