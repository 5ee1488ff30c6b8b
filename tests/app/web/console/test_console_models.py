"""The console's long work in a real Chromium: models fetched, verified and removed, and a model quantized, in a small store of its own."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect

from app import settings
from app.web.console.parts.work import BusyError, Work
from app.web.console.quantize_tab import RUNS, RunError, command, results
from models.store import Store
from rpiq.run.result import REPORT_FILE, read_report
from scripts.random_models.language_model import SHAPES, write_random_model
from tests.app.web.chromium import PATIENCE, Visit, chromium, visit, web
from tests.paths import SAMPLES

MODEL = "micro-cogvlm2"
BLOCKS = 5


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def small(store: Store, tmp_path: Path) -> Path:
    """A store with the everyday models of this machine, and room."""
    root = tmp_path / "store"
    root.mkdir()
    for entry in store.catalogue.profile("embedded"):
        shutil.copytree(store.folder(entry.name), root / entry.name)
    return root


def _places(store: Path, folder: Path) -> settings.Settings:
    return replace(settings.read(folder / "settings.toml"), store_root=store)


def _do(here: Visit, button: str, then: str) -> None:
    here.forget()
    here.page.get_by_role("button", name=button, exact=True).click()
    here.hears(then)


def test_a_model_is_fetched_verified_found_damaged_and_removed(browser: Browser, small: Path, tmp_path: Path) -> None:
    folder = small / MODEL
    with web(tmp_path, small) as address, visit(browser, address) as here:
        here.open("Models")
        row = here.page.get_by_role("row", name=re.compile(f"^{MODEL}"))
        expect(row).to_contain_text("not fetched")
        here.page.get_by_label("Model", exact=True).locator("visible=true").click()
        here.page.get_by_role("option", name=MODEL).click()
        _do(here, "Verify", "failed: micro-cogvlm2 is not in the store")
        _do(here, "Fetch", f"Fetching {MODEL} is done.")
        expect(row).to_contain_text("ready")
        assert (folder / "model.safetensors").read_bytes() == (SAMPLES / MODEL / "model.safetensors").read_bytes()
        _do(here, "Verify", f"Checking {MODEL} is done.")
        assert here.violations() == []
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
        _do(here, "Verify", "is damaged")
        assert here.violations() == []
        _do(here, "Remove", f"Remove {MODEL}?")
        assert folder.exists()
        _do(here, "No, keep it", "It is kept.")
        _do(here, "Remove", f"Remove {MODEL}?")
        _do(here, "Yes, remove it", f"Removing {MODEL} is done.")
        assert not folder.exists()
        expect(row).to_contain_text("not fetched")


@contextmanager
def _held(out: Path, blocks: int) -> Iterator[None]:
    """The quantization that makes `out` stands still after so many blocks or a little later, while one looks."""
    manifest = out.with_name(f".{out.name}.partial") / "manifest.json"
    until = time.monotonic() + PATIENCE
    while not manifest.exists() or len(json.loads(manifest.read_text())["parts"]) < blocks:
        assert time.monotonic() < until, "it does not begin"
        time.sleep(0.05)
    (process,) = (one for one in psutil.process_iter(["cmdline"]) if str(out) in (one.info["cmdline"] or ()))
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_a_model_is_quantized_before_ones_eyes(browser: Browser, small: Path, tmp_path: Path) -> None:
    shape = replace(SHAPES["small"], num_hidden_layers=BLOCKS, vocab_size=8192)
    write_random_model(small / "mine", shape, SAMPLES / MODEL)
    with web(tmp_path, small) as address:
        with visit(browser, address) as here:
            here.open("Quantize")
            here.page.get_by_label("Model", exact=True).locator("visible=true").click()
            here.page.get_by_role("option", name="mine").click()
            here.page.get_by_label("Name of the result").fill("tried")
            here.page.get_by_label("Samples").fill("many")
            _do(here, "Start", "samples: give a whole number from 1 to 4096")
            here.page.get_by_label("Samples").fill("4")
            _do(here, "Start", "It has begun.")
            with _held(small / RUNS / "tried", 3):
                here.page.get_by_role("img", name=re.compile("Falling lines")).wait_for()
                expect(here.page.get_by_role("button", name="Stop this work")).to_be_visible()
                expect(here.page.get_by_role("table", name=re.compile("finished blocks"))).to_have_count(1)
                assert here.violations() == []
        # Whoever looks away and comes back finds it going on, or done.
        with visit(browser, address, "dark") as here:
            here.open("Quantize")
            expect(here.page.get_by_role("main").get_by_text("Quantizing tried is done")).to_be_visible(
                timeout=2000 * PATIENCE
            )
            here.page.get_by_label("Result", exact=True).click()
            here.page.get_by_role("option", name="tried").click()
            _do(here, "Show its report", "The report stands below.")
            expect(here.page.get_by_role("heading", name="Summary")).to_be_visible()
            assert here.page.get_by_role("img").count() >= 4
            assert here.violations() == []
    assert read_report(small / RUNS / "tried" / REPORT_FILE).config.scheme.bits == 4


def test_work_is_stopped_and_gone_on_with(small: Path, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / MODEL, small / "mine")
    places = _places(small, tmp_path)
    done: list[bool] = []
    work = Work(places, lambda: done.append(True))
    fields = ("mine", "tried", "4", "64", "rpiq", "questions about pictures of book covers", "6", "256")
    out, arguments = command(places, *fields, False)
    work.start("Quantizing tried", "rpiq.cli.main", arguments, out, "rpiq")
    with pytest.raises(BusyError, match="Quantizing tried is still going on"):
        work.start("another", "rpiq.cli.main", arguments)
    while not work.state.blocks:
        assert work.running, work.state
    work.stop()
    assert work.state.outcome == "stopped"
    assert not out.exists()
    stopped_at = len(work.state.blocks)
    _, again = command(places, *fields, True)
    work.start("Quantizing tried", "rpiq.cli.main", again, out, "rpiq")
    assert work.state.blocks == ()
    assert work._thread is not None
    work._thread.join(2 * PATIENCE)
    assert (work.state.outcome, work.state.problem) == ("done", "")
    assert done == [True]
    assert results(places) == ["tried"]
    report = read_report(out / REPORT_FILE)
    assert report.resumed
    assert work.state.blocks == report.blocks[: len(work.state.blocks)]
    assert len(work.state.blocks) > stopped_at


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "x" * 65, "a b"])
def test_a_result_has_a_plain_name(name: str, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / MODEL, tmp_path / "store" / "mine")
    places = _places(tmp_path / "store", tmp_path)
    with pytest.raises(RunError, match="that is no name"):
        command(places, "mine", name, "4", "64", "rpiq", "text", "1", "1", False)
    with pytest.raises(RunError, match="no such model in the store"):
        command(places, "../mine", "x", "4", "64", "rpiq", "text", "1", "1", False)


def test_progress_for_a_program_is_json(small: Path, tmp_path: Path) -> None:
    places = _places(small, tmp_path)
    work = Work(places)
    work.start("Checking", "app.cli", ["models", "verify", "piper-joe", "--progress", "json"])
    assert work._thread is not None
    work._thread.join(PATIENCE)
    state = work.state
    assert (state.outcome, state.what, state.said) == ("done", "checking piper-joe", ("piper-joe: verified",))
    assert state.share == pytest.approx(1)
