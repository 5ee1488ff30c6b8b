"""A quantized folder appears whole or not at all, holds what was added, and goes on after a kill as if there had been none."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from rpiq.config import Scheme
from rpiq.errors import CheckpointError, ConfigError, ResourceError
from rpiq.formats import compressed_tensors, writer
from rpiq.formats.checkpoint import read
from rpiq.formats.writer import QuantizedWriter
from rpiq.solvers.grid import Grid, fit_grid, quantize
from tests import warm
from tests.rpiq.folders import SMALL_FILES, round_to_nearest, save_model

SCHEME = Scheme(4, 32)


def linear(seed: int = 0, scheme: Scheme = SCHEME) -> tuple[torch.Tensor, Grid]:
    weight = torch.randn(16, 64, generator=torch.Generator().manual_seed(seed))
    grid = fit_grid(weight, scheme).rounded(torch.bfloat16)
    return quantize(weight, grid), grid


def add_block(to: QuantizedWriter, number: int) -> None:
    to.add(f"layers.{number}.up_proj", *linear(number), torch.bfloat16)
    to.add_plain(f"layers.{number}.norm.weight", torch.full((16,), float(number)))
    to.commit(f"layers.{number}", {"loss": number / 2})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "toy", "vocab_size": 3}')
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_holds_what_was_added(tmp_path: Path, source: Path) -> None:
    made = QuantizedWriter(tmp_path / "out")
    add_block(made, 0)
    made.add_plain("head.weight", torch.ones(8, 4))
    made.add_plain("model.embed_tokens.weight", torch.ones(8, 4))
    made.commit("outside")
    assert not (tmp_path / "out").exists()
    assert made.committed == {"layers.0": {"loss": 0.0}, "outside": None}
    folder = made.finish(source, {"rpiq": {"seed": 7}})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]
    config = json.loads((folder / "config.json").read_text())
    quantization = config.pop("quantization_config")
    assert config == {"model_type": "toy", "vocab_size": 3, "rpiq": {"seed": 7}}
    assert quantization == compressed_tensors.quantization_config(
        compressed_tensors.Schemes.uniform(SCHEME), ["head", "lm_head"]
    )
    assert quantization["quantization_status"] == "compressed"
    with safe_open(folder / "model.safetensors", framework="pt") as opened:
        stored = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dict
    assert torch.equal(stored.pop("head.weight"), torch.ones(8, 4))
    parts = {suffix: stored[f"layers.0.up_proj.{suffix}"] for suffix in compressed_tensors.SUFFIXES}
    codes, grid = compressed_tensors.from_tensors(parts, SCHEME)
    assert torch.equal(codes, linear(0)[0])
    assert torch.equal(grid.scale, linear(0)[1].scale)


@pytest.mark.parametrize("shard_bytes", [1, 1500, 10_000_000])
def test_shards(tmp_path: Path, source: Path, shard_bytes: int) -> None:
    made = QuantizedWriter(tmp_path / "out", shard_bytes=shard_bytes)
    for number in range(4):
        add_block(made, number)
    checkpoint = read(made.finish(source))
    names = [tensor.name for tensor in checkpoint.tensors]
    assert len(names) == len(set(names)) == 4 * 5
    shards = {tensor.file.name for tensor in checkpoint.tensors}
    assert (len(shards) == 1) == (shard_bytes == 10_000_000)
    assert ((tmp_path / "out/model.safetensors.index.json").exists()) == (len(shards) > 1)
    if len(shards) > 1:
        index = json.loads((tmp_path / "out/model.safetensors.index.json").read_text())
        assert index["metadata"]["total_size"] == checkpoint.size_bytes


def test_small_files_are_copied_byte_for_byte(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source")
    for name in ("pytorch_model.bin", "old.safetensors", ".gitattributes"):
        (source / name).write_bytes(b"left out")
    (source / "additional_chat_templates").mkdir()
    (source / "additional_chat_templates/tool.jinja").write_text("{{ x }}\n")
    (source / "old.safetensors").unlink()
    found = contents(round_to_nearest(source, tmp_path / "out", SCHEME))
    assert {name: found[name] for name in SMALL_FILES} == SMALL_FILES
    assert set(found) == {
        *SMALL_FILES,
        "additional_chat_templates/tool.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
    }


def test_own_files_win(tmp_path: Path, source: Path) -> None:
    (source / "README.md").write_text("theirs")
    made = QuantizedWriter(tmp_path / "out")
    add_block(made, 0)
    made.add_file("README.md", "ours")
    assert (made.finish(source) / "README.md").read_text() == "ours"


def test_resumed_equals_uninterrupted(tmp_path: Path, source: Path) -> None:
    whole = QuantizedWriter(tmp_path / "whole", shard_bytes=3000)
    for number in range(5):
        add_block(whole, number)
    whole.finish(source)
    first = QuantizedWriter(tmp_path / "out", settings={"seed": 1}, shard_bytes=3000)
    add_block(first, 0)
    add_block(first, 1)
    first.add_plain("lost.weight", torch.ones(3))  # never committed
    second = QuantizedWriter(tmp_path / "out", settings={"seed": 1}, resume=True, shard_bytes=3000)
    assert second.committed == {"layers.0": {"loss": 0.0}, "layers.1": {"loss": 0.5}}
    for number in range(2, 5):
        add_block(second, number)
    second.finish(source)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
from rpiq.formats.writer import QuantizedWriter
from tests.rpiq.formats.test_writer import add_block

def run(folder):
    made = QuantizedWriter(folder / "out", resume=True, shard_bytes=3000)
    for number in range(4):
        if f"layers.{number}" not in made.committed:
            add_block(made, number)
    made.finish(folder.parent / "source")

def killed(before, *arguments, **options):
    steps.pop()
    if not steps:
        os.kill(os.getpid(), signal.SIGKILL)
    return before(*arguments, **options)

for step in range(1, 100):
    folder = Path(sys.argv[1]) / f"run-{step}"
    folder.mkdir()
    child = os.fork()
    if not child:
        steps = [None] * step
        for name in ("rename", "replace", "unlink", "write_text"):
            setattr(Path, name, lambda *a, before=getattr(Path, name), **k: killed(before, *a, **k))
        run(folder)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
    if not (folder / "out").exists():
        run(folder)
print(step - 1)
"""


@pytest.mark.makes_models
def test_killed_at_any_step(tmp_path: Path, source: Path) -> None:
    """Killed before the n-th change to the folder, for every n; resumed, it equals the uninterrupted one."""
    whole = QuantizedWriter(tmp_path / "whole", shard_bytes=3000)
    for number in range(4):
        add_block(whole, number)
    whole.finish(source)
    done = warm.run(["-c", KILLED, str(tmp_path)], env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
    for step in range(1, int(done.stdout) + 1):
        assert contents(tmp_path / f"run-{step}" / "out") == contents(tmp_path / "whole"), step


def test_without_resume_a_run_starts_anew(tmp_path: Path) -> None:
    add_block(QuantizedWriter(tmp_path / "out", settings={"seed": 1}), 0)
    assert QuantizedWriter(tmp_path / "out", settings={"seed": 1}).committed == {}


def test_what_cannot_be_resumed(tmp_path: Path) -> None:
    made = QuantizedWriter(tmp_path / "out", settings={"seed": 1})
    add_block(made, 0)
    with pytest.raises(ConfigError, match="begun with other settings"):
        QuantizedWriter(tmp_path / "out", settings={"seed": 2}, resume=True)
    part = next(made.scratch.parent.glob("part-*"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="missing or cut short"):
        QuantizedWriter(tmp_path / "out", settings={"seed": 1}, resume=True)
    (made.scratch.parent / "manifest.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"manifest\.json is damaged"):
        QuantizedWriter(tmp_path / "out", settings={"seed": 1}, resume=True)


def test_nothing_is_stored_twice(tmp_path: Path) -> None:
    made = QuantizedWriter(tmp_path / "out")
    add_block(made, 0)
    with pytest.raises(CheckpointError, match=r"layers\.0\.norm\.weight would be stored twice"):
        made.add_plain("layers.0.norm.weight", torch.ones(16))
    with pytest.raises(CheckpointError, match=r"layers\.0\.up_proj\.weight_packed would be stored twice"):
        made.add("layers.0.up_proj", *linear(), torch.bfloat16)
    made = QuantizedWriter(tmp_path / "out", resume=True)
    with pytest.raises(CheckpointError, match="would be stored twice"):
        made.add_plain("layers.0.norm.weight", torch.ones(16))
    with pytest.raises(ValueError, match=r"layers\.0 is committed already"):
        made.commit("layers.0")


def test_memory_that_two_names_share(tmp_path: Path, source: Path) -> None:
    made = QuantizedWriter(tmp_path / "out")
    add_block(made, 0)
    table = torch.arange(32.0).view(8, 4)
    for name, tensor in (
        ("a.weight", table),
        ("b.weight", table),
        ("part.weight", table[4:]),
        ("turned.weight", table.T),
    ):
        made.add_plain(name, tensor)
    made.commit("rest")
    with safe_open(made.finish(source) / "model.safetensors", framework="pt") as opened:
        assert torch.equal(opened.get_tensor("a.weight"), opened.get_tensor("b.weight"))
        assert torch.equal(opened.get_tensor("part.weight"), table[4:])
        assert torch.equal(opened.get_tensor("turned.weight"), table.T)


def test_several_schemes_are_groups_of_named_linears(tmp_path: Path, source: Path) -> None:
    made = QuantizedWriter(tmp_path / "out")
    add_block(made, 0)
    other = Scheme(3, 32)
    made.add("layers.1.up_proj", *linear(1, other), torch.bfloat16)
    made.commit("another")
    assert made.linear("layers.1.up_proj")[1].scheme == other
    made.finish(source)
    values = json.loads((tmp_path / "out" / "config.json").read_text())
    schemes = compressed_tensors.read_schemes(tmp_path / "out", values)
    assert schemes is not None
    assert schemes.only is None
    assert schemes.of("layers.1.up_proj") == other
    assert {schemes.of(name) for name in schemes.groups[0][1]} == {SCHEME}
    with pytest.raises(CheckpointError, match=r"no scheme for layers\.9\.up_proj"):
        schemes.of("layers.9.up_proj")


def test_targets_that_cannot_be_written(tmp_path: Path, source: Path) -> None:
    with pytest.raises(ConfigError, match="source exists already"):
        QuantizedWriter(source)
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be written"):
        QuantizedWriter(tmp_path / "file" / "out")
    with pytest.raises(ResourceError, match=r"lacks \d+\.\d\d GB"):
        QuantizedWriter(tmp_path / "out", needed_bytes=10**17)


def test_full_disk(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = QuantizedWriter(tmp_path / "out")
    add_block(made, 0)
    made.add_plain("x.weight", torch.ones(3))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer, "save_file", full)
    with pytest.raises(ResourceError, match=r"No space left on device.*free some space there and resume"):
        made.commit("rest")
    monkeypatch.undo()
    made = QuantizedWriter(tmp_path / "out", resume=True)
    made.add_plain("x.weight", torch.ones(3))
    made.commit("rest")
    assert len(read(made.finish(source)).tensors) == 6


def test_unfinished_or_empty(tmp_path: Path, source: Path) -> None:
    made = QuantizedWriter(tmp_path / "out")
    made.add_plain("x.weight", torch.ones(3))
    with pytest.raises(ValueError, match=r"x\.weight is not committed"):
        made.finish(source)
    made.commit("rest")
    with pytest.raises(CheckpointError, match=r"no Linear of .* was quantized"):
        made.finish(source)
    add_block(made, 0)
    (source / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        made.finish(source)
