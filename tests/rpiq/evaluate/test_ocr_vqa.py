"""OCR-VQA on a tiny model that sees: through the command line, killed and gone on with, and with a family of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL.Image import Image
from safetensors.torch import save_file

from rpiq.calibration.questions import read_questions
from rpiq.cli.main import main
from rpiq.errors import EvaluationError, ResourceError
from rpiq.evaluate.answer_file import AnswerFile, model_sha256
from rpiq.evaluate.ocr_vqa import OcrVqa, Score, ocr_vqa
from rpiq.runtime.loading import load
from tests.rpiq.tiny import CONFIGS, write_model
from tests.rpiq.tiny_vision import BOOKS, write_questions, write_vision_model

SOURCE = {"model": "m", "data": "d"}


class Known:
    """Answers each question of `write_questions` as told, and counts them; the picture tells which book it is."""

    def __init__(self, titles: tuple[str, ...] = BOOKS, novel: str = "Yes", fails_after: int | None = None) -> None:
        self._titles, self._novel, self._fails_after = titles, novel, fails_after
        self.asked = 0

    def answer(self, image: Image, question: str) -> str:
        if self.asked == self._fails_after:
            raise KeyboardInterrupt
        self.asked += 1
        red, green, blue = image.getpixel((0, 0))  # type: ignore[misc]
        return self._titles[(red, green, blue).index(255)] if "title" in question else self._novel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vision_model(tmp_path_factory.mktemp("model"))


def line(model: Path, data: Path, *more: str) -> list[str]:
    return ["evaluate", str(model), "--task", "ocr-vqa", "--data", str(data), "--device", "cpu", *more]


def test_scores_by_category_and_kind(tmp_path: Path) -> None:
    asked = read_questions(write_questions(tmp_path)).asked
    steps: list[tuple[int, int]] = []
    found = ocr_vqa(Known(("Emma", "ulysses", "Odyssey"), "No"), asked, progress=lambda *step: steps.append(step))
    assert found == OcrVqa(
        Score(6, 1 / 6, 2 / 6, 3 / 6),
        {"cold": Score(4, 0, 1 / 4, 2 / 4), "warm": Score(2, 1 / 2, 1 / 2, 1 / 2)},
        {"title": Score(3, 1 / 3, 2 / 3, 1), "yes-no": Score(3, 0, 0, 0)},
    )
    assert steps == [(number, 6) for number in range(1, 7)]
    with pytest.raises(EvaluationError, match="no questions"):
        ocr_vqa(Known(), [])


@pytest.mark.parametrize("before", [0, 1, 5, 6])
def test_a_killed_run_goes_on(tmp_path: Path, before: int) -> None:
    """Interrupted after any number of answers, with half a line behind them, and it asks only what is left."""
    asked = read_questions(write_questions(tmp_path)).asked
    whole = ocr_vqa(Known(novel="no"), asked)
    file = tmp_path / "a.jsonl"
    if before < 6:
        with pytest.raises(KeyboardInterrupt) as caught, AnswerFile(file, SOURCE) as kept:
            ocr_vqa(Known(novel="no", fails_after=before), asked, kept)
        told = f"{before} answers are kept in {file}: the same command goes on"
        assert getattr(caught.value, "__notes__", []) == ([told] if before else [])
    else:
        with AnswerFile(file, SOURCE) as kept:
            ocr_vqa(Known(novel="no"), asked, kept)
    with file.open("a", encoding="utf-8") as stream:
        stream.write('{"question": "6", "answer": "Y')
    second = Known(novel="no")
    with AnswerFile(file, SOURCE) as kept:
        assert ocr_vqa(second, asked, kept) == whole
    assert second.asked == 6 - before
    assert [json.loads(one).get("question") for one in file.read_text("utf-8").splitlines()] == [None, *"123456"]


def test_a_first_line_that_was_torn_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"answers_of": {"mod', "utf-8")
    with AnswerFile(tmp_path / "a.jsonl", SOURCE) as kept:
        kept.add("1", "two\nlines\u2028here")
    with AnswerFile(tmp_path / "a.jsonl", SOURCE) as kept:
        assert kept.answers == {"1": "two\nlines\u2028here"}


def test_answers_of_something_else_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    with AnswerFile(file, SOURCE) as kept:
        kept.add("1", "Emma")
    before = file.read_bytes()
    with pytest.raises(EvaluationError, match=r"a.jsonl holds answers with another model; remove it"):
        AnswerFile(file, SOURCE | {"model": "n"})
    with pytest.raises(EvaluationError, match="another data and another model"):
        AnswerFile(file, {"model": "n", "data": "e"})
    assert file.read_bytes() == before
    file.write_bytes(before + b'{"answer": 1}\n')
    with pytest.raises(EvaluationError, match=r"a.jsonl:3 is no line of an answer file"):
        AnswerFile(file, SOURCE)
    file.write_text("[]\n", "utf-8")
    with pytest.raises(EvaluationError, match=r"a.jsonl:1 is no line of an answer file"):
        AnswerFile(file, SOURCE)
    with pytest.raises(ResourceError, match="choose another place"):
        AnswerFile(tmp_path / "nowhere" / "a.jsonl", SOURCE)


def test_a_model_is_known_by_its_files(model: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    (copy / "result.json").write_text("{}", "utf-8")
    assert model_sha256(copy) == model_sha256(model)
    (copy / "chat_template.jinja").write_text("another", "utf-8")
    assert model_sha256(copy) != model_sha256(model)


@pytest.mark.makes_models
def test_the_command(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model whose answers are the accepted ones is right; gone on with after half of them, the result is the same."""
    result, answers = tmp_path / "r.json", tmp_path / "r.json.answers.jsonl"
    data = write_questions(tmp_path / "data")
    assert main(line(model, data, "--json", str(result))) == 0
    given = [json.loads(one) for one in answers.read_text("utf-8").splitlines()[1:]]
    assert len({one["answer"] for one in given}) == 6, "answers depend on pictures and questions"
    assert json.loads(result.read_text("utf-8"))["overall"]["normalized"] == 0

    write_questions(data, [one["answer"] for one in given[::2]])
    capsys.readouterr()
    assert main(line(model, data, "--json", str(result))) == 2
    assert "holds answers with another data" in capsys.readouterr().err
    answers.unlink()
    assert main(line(model, data, "--json", str(result), "--limit", "3")) == 0
    assert len(answers.read_text("utf-8").splitlines()) == 4
    assert main(line(model, data, "--json", str(result))) == 0
    whole, table = json.loads(result.read_text("utf-8")), capsys.readouterr().out.splitlines()
    assert whole["by_kind"]["title"] == {"questions": 3, "exact": 1.0, "caseless": 1.0, "normalized": 1.0}
    assert whole["by_category"]["warm"]["exact"] == 0.5
    assert (whole["task"], whole["overall"]["questions"]) == ("ocr-vqa", 6)
    assert "title 3 100.00 100.00 100.00" in [" ".join(row.split()) for row in table]

    assert main(line(model, data)) == 0, "nothing is kept without --json"
    assert "overall                      6      50.00" in capsys.readouterr().out


@pytest.mark.makes_models
def test_what_cannot_be_asked(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_questions(tmp_path / "data")
    assert main(line(write_model(tmp_path / "blind", CONFIGS["llama"]), data)) == 2
    assert "blind has no processor for pictures" in capsys.readouterr().err
    silent = Path(shutil.copytree(model, tmp_path / "silent"))
    (silent / "chat_template.jinja").unlink()
    assert main(line(silent, data)) == 2
    assert "silent has no chat template" in capsys.readouterr().err
    (silent / "tokenizer.json").write_text("{", "utf-8")
    assert main(line(silent, data)) == 2
    assert "silent holds no processor that can be read" in capsys.readouterr().err
    (data / "images/lime.png").write_bytes(b"no picture")
    assert main(line(model, data, "--json", str(tmp_path / "r.json"))) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"questions.jsonl:3: the picture {data / 'images/lime.png'} cannot be read" in error
    assert error.endswith("2 answers are kept in " + f"{tmp_path / 'r.json.answers.jsonl'}: the same command goes on")
    assert main(line(model, data, "--json", str(tmp_path / "nowhere/r.json"))) == 2
    assert "cannot be written" in capsys.readouterr().err


FAMILY = """
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from transformers import LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

class TinyFamilyConfig(LlavaConfig):
    model_type = "tiny_family"

class TinyFamilyModel(LlavaForConditionalGeneration):
    config_class = TinyFamilyConfig

class TinyFamilyProcessor(LlavaProcessor):
    def vqa(self, image, question):
        return self(images=image, text=f"<image>Question: {question} Short answer:", return_tensors="pt")

AutoConfig.register("tiny_family", TinyFamilyConfig)
AutoModelForImageTextToText.register(TinyFamilyConfig, TinyFamilyModel)
AutoProcessor.register(TinyFamilyConfig, TinyFamilyProcessor)
"""


def change_json(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | values), "utf-8")


def install(folder: Path, package: str, code: str) -> None:
    """A package as pip leaves it: a module, and the metadata with its entry point."""
    (folder / f"{package}.py").write_text(code, "utf-8")
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text(f"[rpiq.architectures]\n{package} = {package}\n", "utf-8")


@pytest.mark.makes_models
def test_a_family_with_a_prompt_of_its_own(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Known to rpiq by its entry point alone; its `vqa` is asked, not the chat template."""
    folder = Path(shutil.copytree(model, tmp_path / "family"))
    change_json(folder / "config.json", model_type="tiny_family", architectures=["TinyFamilyModel"])
    change_json(folder / "processor_config.json", processor_class="TinyFamilyProcessor")
    # LLaVA's tensors have other names in its files than in the model, and transformers knows that of LLaVA alone.
    save_file(load(model).state_dict(), folder / "model.safetensors", {"format": "pt"})
    (folder / "chat_template.jinja").unlink()
    data = write_questions(tmp_path / "data")
    assert main(line(folder, data)) == 2
    capsys.readouterr()

    install(tmp_path, "tiny_family", FAMILY)
    monkeypatch.syspath_prepend(tmp_path)
    result = tmp_path / "r.json"
    assert main(line(folder, data, "--json", str(result), "--limit", "1")) == 0
    # The same prompt through the chat template of the plain model gives the same answer.
    plain = Path(shutil.copytree(model, tmp_path / "plain"))
    template = "<image>Question: {{ (messages[0]['content'][1]['text']).split('\\n')[0] }} Short answer:"
    (plain / "chat_template.jinja").write_text(template, "utf-8")
    other = tmp_path / "other.json"
    assert main(line(plain, data, "--json", str(other), "--limit", "1")) == 0
    mine, theirs = (Path(f"{file}.answers.jsonl").read_text("utf-8").splitlines()[1] for file in (result, other))
    assert mine == theirs


def test_a_family_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, "broken_family", "raise RuntimeError('half installed')")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(line(tmp_path, tmp_path)) == 2
    error = capsys.readouterr().err
    assert "the model family broken_family (broken_family) of the package broken_family cannot be imported" in error
    assert "RuntimeError: half installed" in error
