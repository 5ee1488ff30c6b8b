"""Several questions about one picture: the answers of plain generation, with the picture encoded once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from models.cogvlm2 import (
    CogVLM2Config,
    CogVLM2ForConditionalGeneration,
    CogVLM2Processor,
    Conversation,
    ImageSession,
    Piece,
    Turn,
)
from models.errors import PromptError
from tests.models.cogvlm2.tiny import picture, processor_of

Model = CogVLM2ForConditionalGeneration
MOST = 10


@pytest.fixture(scope="module")
def referring(reference: Path) -> CogVLM2Processor:
    return processor_of(CogVLM2Config.from_dict(json.loads((reference / "config.json").read_text())))


@contextmanager
def counted(module: nn.Module) -> Iterator[list[int]]:
    """Lengths of what the module is called with."""
    calls: list[int] = []
    handle = module.register_forward_pre_hook(lambda _, given: calls.append(given[0].shape[1]))
    try:
        yield calls
    finally:
        handle.remove()


def plainly(model: Model, processor: CogVLM2Processor, conversation: Conversation) -> list[int]:
    """What `generate` writes, without a cache, less the token that ends it."""
    batch = processor(conversation)
    ids = model.generate(**batch, max_new_tokens=MOST, use_cache=False)[0, batch["input_ids"].shape[1] :].tolist()
    return [token for token in ids if token not in model.config.stop_ids]


def ids_of(pieces: Iterator[Piece]) -> list[int]:
    return [piece.token_id for piece in pieces]


def test_answers_are_those_of_plain_generation_with_one_look(native: Model, referring: CogVLM2Processor) -> None:
    image = picture(3)
    history: list[Turn] = []
    with counted(native.model.vision) as looks, counted(native.model.layers[0]) as lengths:
        session = ImageSession(native, referring, image)
        answers = []
        for question in ("What is ahead?", "And on the left?", "Is it safe?"):
            pieces = list(session.ask(question, history, max_new_tokens=MOST))
            answers.append((Conversation(question, image, tuple(history)), [piece.token_id for piece in pieces]))
            history.append(Turn(question, "A crosswalk."))
    assert len(looks) == 1
    for conversation, ids in answers:
        assert ids == plainly(native, referring, conversation)
    assert lengths[0] == 1 + referring.image_tokens
    # Nothing that a question shares with the one before is computed again.
    prompts = [length for length in lengths[1:] if length > 1]
    total = len(referring.row(answers[-1][0]).input_ids)
    assert sum(prompts) < total - lengths[0] + 3 * len("A crosswalk.") + 20


def test_the_shared_beginning_of_two_prompts_is_kept(model: Model, processor: CogVLM2Processor) -> None:
    session = ImageSession(model, processor, picture())
    list(session.ask("What is on the left?", max_new_tokens=3))
    with counted(model.model.layers[0]) as lengths:
        ids = ids_of(session.ask("What is on the right?", max_new_tokens=MOST))
    assert lengths[0] == len("right? Answer:")
    with counted(model.model.layers[0]) as lengths:
        assert ids_of(session.ask("What is on the right?", max_new_tokens=MOST)) == ids
    assert lengths[0] == 1  # all but the last token, whose logits are wanted
    assert ids == plainly(model, processor, Conversation("What is on the right?", picture()))


def test_two_answers_at_once_do_not_mix(model: Model, processor: CogVLM2Processor) -> None:
    session = ImageSession(model, processor, picture())
    questions = ("What is it?", "What is on the left?")
    alone = [ids_of(session.ask(question, max_new_tokens=MOST)) for question in questions]
    session = ImageSession(model, processor, picture())
    both = [session.ask(question, max_new_tokens=MOST) for question in questions]
    mixed: list[list[int]] = [[], []]
    for _ in range(MOST):
        for at, pieces in enumerate(both):
            mixed[at] += [piece.token_id for piece in [next(pieces, None)] if piece]
    assert mixed == alone


def test_stopping_between_two_tokens(model: Model, processor: CogVLM2Processor) -> None:
    session = ImageSession(model, processor, picture())
    whole = ids_of(session.ask("What is it?", max_new_tokens=MOST))
    heard: list[int] = []
    with counted(model.model.layers[0]) as calls:
        for piece in session.ask("What is it?", max_new_tokens=MOST, stopped=lambda: len(heard) == 2):
            heard.append(piece.token_id)
    assert heard == whole[:2]
    assert len(calls) == 2
    assert ids_of(session.ask("What is it?", max_new_tokens=MOST)) == whole
    assert ids_of(session.ask("What is it?", stopped=lambda: True)) == []


def test_a_step_that_fails_spoils_nothing(model: Model, processor: CogVLM2Processor) -> None:
    """The first layer's cache has grown by then, the second's has not."""
    session = ImageSession(model, processor, picture())
    whole = ids_of(session.ask("What is it?", max_new_tokens=MOST))

    def fail(*_: object) -> None:
        raise MemoryError

    pieces = session.ask("What is it, then?", max_new_tokens=MOST)
    next(pieces)
    handle = model.model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(MemoryError):
        next(pieces)
    handle.remove()
    assert ids_of(session.ask("What is it?", max_new_tokens=MOST)) == whole


def test_an_answer_ends_at_a_stop_id(
    model: Model, processor: CogVLM2Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ImageSession(model, processor, picture())
    whole = ids_of(session.ask("What is it?", max_new_tokens=MOST))
    stop = whole[4]
    monkeypatch.setattr(model.config, "eos_token_id", [1, stop])
    assert ids_of(session.ask("What is it?", max_new_tokens=MOST)) == whole[: whole.index(stop)]


def test_an_answer_ends_with_the_context(model: Model, processor: CogVLM2Processor) -> None:
    question = (processor.max_position_embeddings - 4 - 3) * "a"
    session = ImageSession(model, processor, picture())
    with counted(model.model.layers[0]) as calls:
        assert len(ids_of(session.ask(question, template="base"))) <= 4
    assert len(calls) <= 4
    with pytest.raises(PromptError, match="positions"):
        session.ask(question + "aaaa", template="base")


def test_an_empty_question_is_told(model: Model, processor: CogVLM2Processor) -> None:
    with pytest.raises(PromptError, match="the question is empty"):
        ImageSession(model, processor, picture()).ask("", template="base")


def test_letters_of_several_tokens_come_whole(
    model: Model, processor: CogVLM2Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = iter("Tür, 門.".encode())
    session = ImageSession(model, processor, picture())
    monkeypatch.setattr(session, "_step", lambda *_: next(spoken, model.config.stop_ids[0]))
    pieces = [piece.text for piece in session.ask("What is it?")]
    assert "".join(pieces) == "Tür, 門."
    assert pieces == ["T", "", "ü", "r", ",", " ", "", "", "門", "."]


def test_nothing_of_it_is_kept_for_gradients(model: Model, processor: CogVLM2Processor) -> None:
    with counted(model.lm_head) as calls, torch.enable_grad():
        list(ImageSession(model, processor, picture()).ask("What is it?", max_new_tokens=2))
        assert torch.is_grad_enabled()
    assert set(calls) == {1}
