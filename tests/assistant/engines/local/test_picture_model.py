"""The eye: streams, remembers its picture, says what is wrong in two ways, and is stopped within a tenth of a second."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn
from transformers import AutoProcessor

from assistant.engines.local import families, prompts
from assistant.engines.local.families import CogVLM2Seer, TransformersSeer
from assistant.engines.local.picture_model import SeeingModel, open_eye
from assistant.engines.local.streamed_answer import Answering
from assistant.errors import EngineError, QuestionError
from assistant.picture.photo import Photo
from assistant.ports.engines import Style
from models.cogvlm2 import ImageSession
from rpiq.errors import RpiqError
from tests.assistant.engines.local.seers import photo, slow_cogvlm2, write_cogvlm2
from tests.models.cogvlm2.tiny import processor_of
from tests.rpiq.folders import llama_config, save_model
from tests.rpiq.formats.test_export import SMOLLM, add_tokenizer
from tests.rpiq.tiny_vision import write_vision_model

pytestmark = pytest.mark.makes_models

BOUND = 0.1
"""Seconds within which whoever waits for an answer is let go."""
LEAVING = 0.25
"""Seconds within which the model leaves off: a single step of it, on a machine that may be busy with other things."""


@pytest.fixture(scope="module")
def cogvlm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cogvlm2(tmp_path_factory.mktemp("cogvlm2"))


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vision_model(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="module")
def slow() -> SeeingModel:
    model = slow_cogvlm2()
    return SeeingModel(CogVLM2Seer(model, processor_of(model.config)))


@contextmanager
def counted(module: nn.Module) -> Iterator[list[int]]:
    calls: list[int] = []
    handle = module.register_forward_hook(lambda *_: calls.append(1))
    try:
        yield calls
    finally:
        handle.remove()


def seer_of(eye: SeeingModel) -> CogVLM2Seer:
    seer = eye._seer
    assert isinstance(seer, CogVLM2Seer)
    return seer


def test_the_pieces_are_what_the_model_writes(cogvlm2: Path) -> None:
    eye = open_eye(cogvlm2, 1)
    pieces = list(eye.ask(photo(), "What is this?"))
    assert len(pieces) > 5
    seer = seer_of(eye)
    session = ImageSession(seer.model, seer._processor, _image())
    alone = session.ask("What is this?", template="chat", max_new_tokens=prompts.MOST_TOKENS["chat"])
    assert "".join(pieces) == "".join(piece.text for piece in alone)


def test_a_follow_up_about_the_same_picture_encodes_nothing_again(cogvlm2: Path) -> None:
    eye = open_eye(cogvlm2, 1)
    model = seer_of(eye).model
    history: list[tuple[str, str]] = []
    with counted(model.model.vision) as looks, counted(model.model.layers[0].mlp.vision_mlp) as experts:
        for question in ("What is this?", "And behind it?", "What colour is it?"):
            history.append((question, "".join(eye.ask(photo(), question, history))))
        assert (len(looks), len(experts)) == (1, 1)
        "".join(eye.ask(photo(1), "What is this?"))
        assert len(looks) == 2


@pytest.mark.parametrize(("style", "asked"), [("short", "Q? Short answer:"), ("chat", "Q? Answer:")])
def test_the_style_chooses_the_template(cogvlm2: Path, style: Style, asked: str) -> None:
    eye = open_eye(cogvlm2, 1)
    seer = seer_of(eye)
    list(eye.ask(photo(), "Q?", [("P?", "Yes")], style))
    assert seer._seen is not None
    known = seer._processor.tokenizer.decode(seer._seen[1]._known.ids[seer._seen[1]._prefix :])
    answer = asked.removeprefix("Q? ")
    assert known.startswith(f"Question: P? {answer} Yes\nQuestion: {asked}")


def test_turns_that_do_not_fit_are_left_out_and_a_question_that_does_not_is_told(tmp_path: Path) -> None:
    eye = open_eye(write_cogvlm2(tmp_path, max_position_embeddings=128), 1)
    history = [("a" * 60, "b" * 60), ("Short?", "Yes")]
    list(eye.ask(photo(), "What is this?", history, "short"))
    seen = seer_of(eye)._seen
    assert seen is not None
    assert "Short? Short answer: Yes" in seer_of(eye)._processor.tokenizer.decode(seen[1]._known.ids[seen[1]._prefix :])
    with pytest.raises(QuestionError, match="positions") as caught:
        list(eye.ask(photo(), "a" * 130))
    assert caught.value.spoken == "Ask a shorter question."
    assert list(eye.ask(photo(), "Again?"))  # nothing is spoiled


def test_a_model_of_transformers_is_asked_through_its_template(llava: Path) -> None:
    eye = open_eye(llava, 1)
    seer = eye._seer
    assert isinstance(seer, TransformersSeer)
    pieces = list(eye.ask(photo(), "What is this?"))
    assert len(pieces) > 1
    assert pieces == list(eye.ask(photo(), "What is this?"))
    inputs = seer._inputs(_image(), "And this?", [("What is it?", "A cat")], "short")
    asked = seer._processor.decode(inputs["input_ids"][0]).replace("<image>", "")
    assert asked == f"What is it?A catAnd this?\n{prompts.INSTRUCTION}:"
    with pytest.raises(QuestionError, match=r"takes \d+ tokens"):
        list(eye.ask(photo(), "a" * 400))
    long = seer._fitting(_image(), "And this?", [("a" * 300, "b"), ("What?", "A cat")], "short")
    assert "A cat" in seer._processor.decode(long["input_ids"][0])


def _image() -> Image.Image:
    return Image.fromarray(photo().pixels)


def test_nf4_while_it_is_loaded(tmp_path: Path) -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    # On processors bitsandbytes takes only Linears that can be cut into blocks of 64.
    eye = open_eye(write_vision_model(tmp_path, wider=4), 1, nf4=True)
    linears = [module for module in eye._seer.model.modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]
    assert linears
    assert list(eye.ask(photo(), "What is this?", style="short"))


def test_without_bitsandbytes_it_is_used_as_it_is(
    llava: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(families.importlib.util, "find_spec", lambda name: None)
    assert list(open_eye(llava, 1, nf4=True).ask(photo(), "What is this?", style="short"))
    assert "pip install bitsandbytes" in caplog.text


def text_only(folder: Path) -> Path:
    save_model(folder, llama_config())
    return add_tokenizer(folder, SMOLLM)


def half(folder: Path, whole: Path) -> Path:
    shutil.copytree(whole, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return folder


def test_folders_that_are_none_are_told_in_print_and_aloud(tmp_path: Path, cogvlm2: Path, llava: Path) -> None:
    cases = {
        text_only(tmp_path / "text"): ("holds no model that sees", "cannot see pictures"),
        half(tmp_path / "half", cogvlm2): ("cannot open the picture model", "missing or damaged"),
        half(tmp_path / "half too", llava): ("cannot open the picture model", "missing or damaged"),
        tmp_path / "none": ("cannot open the picture model", "missing or damaged"),
    }
    for folder, (printed, spoken) in cases.items():
        with pytest.raises(EngineError, match=printed) as caught:
            open_eye(folder, 1)
        assert spoken in caught.value.spoken
        assert str(tmp_path) not in caught.value.spoken


def test_a_missing_package_is_told_as_such(llava: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ImportError("\nIt requires the Torchvision library\nbut it was not found")

    monkeypatch.setattr(AutoProcessor, "from_pretrained", refuse)
    with pytest.raises(
        EngineError, match=r"not installed .*requires the Torchvision library but.*pip install"
    ) as caught:
        open_eye(llava, 1)
    assert "\n" not in str(caught.value)


def test_what_fails_in_the_model_is_raised_where_the_answer_is_read(cogvlm2: Path) -> None:
    eye = open_eye(cogvlm2, 1)

    def fail(*_: object) -> None:
        raise failure

    handle = seer_of(eye).model.lm_head.register_forward_pre_hook(fail)
    failure: Exception = MemoryError()
    with pytest.raises(EngineError, match="memory"):
        list(eye.ask(photo(), "What is this?"))
    failure = ZeroDivisionError()
    stream = eye.ask(photo(), "What is this?")
    with pytest.raises(ZeroDivisionError):
        list(stream)
    assert list(stream) == []
    handle.remove()
    assert list(eye.ask(photo(), "What is this?"))


def stopped_after(answering: Answering, seconds: float) -> tuple[float, float, list[str]]:
    """Stop it from another thread; how long the reader waited for its end from then on, and the model, and what was read."""
    told: list[float] = []

    def stop() -> None:
        time.sleep(seconds)
        told.append(time.perf_counter())
        answering.stop()

    threading.Thread(target=stop).start()
    pieces = list(answering)
    reader = time.perf_counter()
    assert answering.wait(20)
    return reader - told[0], time.perf_counter() - told[0], pieces


def begun(eye: SeeingModel, about: Photo) -> None:
    """Have it look at a picture, write a token, and leave off."""
    answering = eye.ask(about, "What is this?")
    assert next(answering)
    answering.stop()
    assert answering.wait(20)


def test_it_is_stopped_while_the_picture_is_encoded(slow: SeeingModel) -> None:
    model = seer_of(slow).model
    started = time.perf_counter()
    begun(slow, photo())
    whole = time.perf_counter() - started
    assert whole > 3 * BOUND, "the model is too quick for this test"
    with counted(model.model.vision) as looks:
        reader, left, pieces = stopped_after(slow.ask(photo(1), "What is this?"), whole / 4)
    assert (pieces, looks) == ([], [])
    assert reader < BOUND
    assert left < LEAVING
    begun(slow, photo(1))  # it can be asked again


def test_it_is_stopped_while_a_long_prompt_is_read(slow: SeeingModel) -> None:
    model = seer_of(slow).model
    begun(slow, photo())
    history = [("a" * 300, "b" * 300)]
    with counted(model.model.layers[0]) as began, counted(model.lm_head) as ended:
        answering = slow.ask(photo(), "And this?", history)
        while not began:
            time.sleep(0.001)
        reader, left, pieces = stopped_after(answering, 0)
    assert (pieces, ended) == ([], [])
    assert reader < BOUND
    assert left < LEAVING


def test_it_is_stopped_while_it_writes(slow: SeeingModel) -> None:
    answering = slow.ask(photo(), "What is this?")
    next(answering)
    reader, left, pieces = stopped_after(answering, 0.3)
    assert len(pieces) < prompts.MOST_TOKENS["chat"] - 1
    assert reader < BOUND
    assert left < LEAVING


def test_a_question_that_was_stopped_before_its_turn_is_never_begun(slow: SeeingModel) -> None:
    first = slow.ask(photo(), "What is this?")
    second = slow.ask(photo(2), "And this?")
    second.stop()
    assert list(second) == []
    assert not second.wait(0)
    next(first)
    with counted(seer_of(slow).model.model.vision) as looks:
        first.stop()
        assert second.wait(5)
    assert looks == []


def test_a_folder_that_says_it_is_in_four_bits_is_opened_by_rpiq(cogvlm2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cogvlm2, tmp_path / "four")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "other"}}))
    with pytest.raises(EngineError, match="cannot open the picture model") as caught:
        open_eye(folder, 1)
    assert isinstance(caught.value.__cause__, RpiqError)


def test_a_published_folder_is_opened_also_when_rpiq_has_written_it(
    cogvlm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names no type, and holds no processor. What rpiq makes of the weights is its own tests' affair."""
    folder = shutil.copytree(cogvlm2, tmp_path / "published")
    (folder / "processor_config.json").unlink()
    config = json.loads((folder / "config.json").read_text("utf-8")) | {"architectures": ["CogVLMForCausalLM"]}
    del config["model_type"]
    (folder / "config.json").write_text(json.dumps(config))
    answer = list(open_eye(folder, 1).ask(photo(), "What is this?"))
    assert answer
    model = seer_of(open_eye(folder, 1)).model
    monkeypatch.setattr(families, "open_model", lambda *_, **__: model)
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "x"}}))
    assert list(open_eye(folder, 1).ask(photo(), "What is this?")) == answer


def test_it_computes_without_gradients(llava: Path, cogvlm2: Path) -> None:
    with torch.enable_grad():
        for folder in (llava, cogvlm2):
            assert list(open_eye(folder, 1).ask(photo(), "What is this?", style="short"))
        assert torch.is_grad_enabled()
