"""The page says what the report says, stands alone, and is well-formed."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from dataclasses import dataclass, replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from rpiq.config import Method, QuantizationConfig, Scheme
from rpiq.errors import CheckpointError, ConfigError, ResourceError
from rpiq.run.pipeline import quantize
from rpiq.run.report import page as pages
from rpiq.run.report.page import page, write
from rpiq.run.report.plots import Plot, plots
from rpiq.run.result import REPORT_FILE, Report, read_report
from tests.rpiq.tiny import CONFIGS, write_model, write_text

VOID = {"meta", "img"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[Method, Report]:
    folder = tmp_path_factory.mktemp("runs")
    source, text = write_model(folder / "tiny", CONFIGS["llama"]), write_text(folder / "text.txt")
    methods: tuple[Method, ...] = ("rpiq", "rpiq-paper", "gptq")
    config = QuantizationConfig(scheme=Scheme(group_size=32), samples=16, sequence_length=32, distill_steps=4)
    return {m: quantize(source, folder / m, replace(config, method=m), text) for m in methods}


@dataclass(frozen=True)
class Written:
    """What was made of all runs, once: drawing takes seconds."""

    pages: dict[Method, Path]
    drawn: dict[Method, list[Plot]]


@pytest.fixture(scope="module")
def written(runs: dict[Method, Report], tmp_path_factory: pytest.TempPathFactory) -> Written:
    drawn: dict[Method, list[Plot]] = {}

    def noted(report: Report) -> list[Plot]:
        return drawn.setdefault(report.config.method, plots(report))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "plots", noted)
        made = {method: write(runs[method], tmp_path_factory.mktemp("page") / "new/page") for method in runs}
    return Written(made, drawn)


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


@pytest.mark.makes_models
@pytest.mark.parametrize("method", ["rpiq", "rpiq-paper", "gptq"])
def test_the_page(runs: dict[Method, Report], written: Written, method: Method) -> None:
    report = runs[method]
    html = written.pages[method].read_text("utf-8")
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert not re.search(r"https?://|<script|@import", html), "nothing is fetched, nothing is run"
    assert set(re.findall(r'src="([^,]*),', html)) == {"data:image/png;base64"}
    for linear in report.linears:
        assert f'<th scope="row">{linear.name}</th>' in html
    assert ("The guard" in html) == (method == "rpiq")
    wanted = {"losses", "sizes", "times"} | (set() if method == "gptq" else {"convergence", "codes"})
    wanted |= {"distillation"} if method == "rpiq" else set()
    assert {file.stem for file in written.pages[method].parent.glob("*.png")} == wanted


@pytest.mark.makes_models
def test_every_drawing_has_its_words_and_its_table(runs: dict[Method, Report], written: Written) -> None:
    html = page(runs["rpiq"], written.drawn["rpiq"])
    for plot in written.drawn["rpiq"]:
        picture = Image.open(io.BytesIO(plot.png))
        assert picture.width > 800
        assert len(picture.convert("L").getcolors() or []) > 2, "it is not blank"
        assert f'<img alt="{escape(plot.alt)}" src="data:image/png;base64,{b64encode(plot.png).decode()}">' in html
        assert f"<figcaption>{escape(plot.caption)}</figcaption>" in html
        assert all(len(row) == len(plot.heads) for row in plot.rows)
        assert all(f"<td>{escape(cell)}</td>" in html for row in plot.rows for cell in row[1:])


@pytest.mark.makes_models
def test_the_curves_are_the_rounds(runs: dict[Method, Report], written: Written) -> None:
    report = runs["rpiq-paper"]
    curves = [[value / one.rounds[0] for value in one.rounds] for one in report.linears]
    convergence = next(plot for plot in written.drawn["rpiq-paper"] if plot.name == "convergence")
    total = next(row for row in convergence.rows if row[0] == "all")
    for step, cell in enumerate(total[1:]):
        mean = sum(curve[min(step, len(curve) - 1)] for curve in curves) / len(curves)
        assert float(cell) == pytest.approx(mean, abs=1e-4)
    assert "Γ on the single instance" in convergence.caption


@pytest.mark.makes_models
def test_the_numbers_are_the_reports(runs: dict[Method, Report], written: Written) -> None:
    report = runs["rpiq"]
    tables = {plot.name: {row[0]: row[1:] for row in plot.rows} for plot in written.drawn["rpiq"]}
    downs = [one for one in report.linears if one.name.endswith("down_proj")]
    assert tables["losses"]["down_proj"][1] == f"{sum(one.loss_final / one.energy for one in downs) / len(downs):.5f}"
    assert tables["codes"]["down_proj"][2] == f"{max(one.changed_codes for one in downs):.3%}"
    assert tables["sizes"]["after"][0] == f"{report.output_bytes / 1e6:,.1f}"
    assert tables["times"]["stage 1"][0] == f"{sum(one.seconds_stage1 for one in report.linears):.1f}"


@pytest.mark.makes_models
def test_without_matplotlib(runs: dict[Method, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'rpiq-assistant\[report\]'"):
        write(runs["gptq"], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.makes_models
def test_a_folder_that_cannot_be_written(runs: dict[Method, Report], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be written"):
        write(runs["gptq"], tmp_path / "file")


@pytest.mark.makes_models
def test_names_are_escaped(runs: dict[Method, Report]) -> None:
    assert "<b>" not in page(replace(runs["gptq"], source="<b>model"), [])


def test_reports_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_report(tmp_path / REPORT_FILE)
    (tmp_path / REPORT_FILE).write_text('{"linears": []}', "utf-8")
    with pytest.raises(CheckpointError, match="no report of this version"):
        read_report(tmp_path / REPORT_FILE)


@pytest.mark.makes_models
def test_relative_is_a_share(runs: dict[Method, Report]) -> None:
    one = runs["gptq"].linears[0]
    assert one.relative(one.energy) == 1
    assert replace(one, energy=0.0).relative(1.0) == 0
