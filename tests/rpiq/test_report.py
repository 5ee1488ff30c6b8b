"""The page says what the report says, stands alone, and is well-formed."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rpiq.config import Method, QuantizationConfig, Scheme
from rpiq.errors import CheckpointError
from rpiq.pipeline import quantize
from rpiq.report import page, relative
from rpiq.result import REPORT_FILE, Report, read_report
from tests.rpiq.tiny import CONFIGS, write_model, write_text

VOID = {"meta", "path", "circle", "polyline"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[Method, Report]:
    folder = tmp_path_factory.mktemp("runs")
    source, text = write_model(folder / "tiny", CONFIGS["llama"]), write_text(folder / "text.txt")
    methods: tuple[Method, ...] = ("rpiq", "rpiq-paper", "gptq")
    config = QuantizationConfig(scheme=Scheme(group_size=32), samples=16, sequence_length=32)
    return {m: quantize(source, folder / m, replace(config, method=m), text) for m in methods}


class Tags(HTMLParser):
    """Fails on an end tag that closes something else than what was opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass


@pytest.mark.parametrize("method", ["rpiq", "rpiq-paper", "gptq"])
def test_the_page(runs: dict[Method, Report], method: Method) -> None:
    report = runs[method]
    html = page(report)
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert not re.search(r"https?://|<script|src=|@import", html), "nothing is fetched, nothing is run"
    for linear in report.linears:
        assert f"{linear.name}</td>" in html
    assert ("Convergence of stage 2" in html) == (method != "gptq")
    assert ("The guard" in html) == (method == "rpiq")


def test_curves_have_a_point_for_each_round(runs: dict[Method, Report]) -> None:
    report = runs["rpiq-paper"]
    lines = re.findall(r'stroke-opacity=".35" points="([^"]+)"', page(report))
    assert sorted(len(line.split()) for line in lines) == sorted(len(one.rounds) for one in report.linears)


def test_names_are_escaped(runs: dict[Method, Report]) -> None:
    assert "<b>" not in page(replace(runs["gptq"], source="<b>model"))


def test_reports_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_report(tmp_path / REPORT_FILE)
    (tmp_path / REPORT_FILE).write_text('{"linears": []}', "utf-8")
    with pytest.raises(CheckpointError, match="no report of this version"):
        read_report(tmp_path / REPORT_FILE)


def test_relative_is_a_share(runs: dict[Method, Report]) -> None:
    one = runs["gptq"].linears[0]
    assert relative(one, one.energy) == 1
    assert relative(replace(one, energy=0.0), 1.0) == 0
