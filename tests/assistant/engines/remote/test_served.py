"""Against `transformers serve` with real weights; and the reader's answers where a server fails in the middle of a conversation."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from assistant.engines.local.families import TransformersSeer
from assistant.engines.local.language_model import TransformersLanguageModel
from assistant.engines.local.picture_model import SeeingModel
from assistant.engines.opening import ProfileEngines
from assistant.engines.remote.client import Connection
from assistant.engines.remote.eye import RemoteEye, data_url
from assistant.engines.remote.health import Health, examine
from assistant.engines.remote.judge import CannotScoreError, score
from assistant.mind.answering.thinking import think, think_aloud
from assistant.mind.understanding.question import understand
from assistant.picture import gate
from assistant.picture.looking import Seen
from assistant.picture.page import Page
from assistant.picture.photo import Photo, load_photo
from assistant.ports.engines import Style
from models.conversion import transformers_folder
from models.store import Store
from rpiq import load
from rpiq.architectures.processor import read_processor
from tests.assistant.engines.local.seers import photo
from tests.assistant.engines.remote.servers import Behaviour, says, status, stub, transformers_serve
from tests.assistant.picture.pages import line, page
from tests.paths import SAMPLES
from tests.rpiq.tiny_vision import write_vision_model

pytestmark = pytest.mark.servers

COVER = load_photo(SAMPLES / "book-cover.jpg")
NOVEL = page(line("MOBY DICK", 200, 300, 90), line("HERMAN MELVILLE", 220, 900, 50), line("1978", 400, 1200, 30))
EMPTY = Page((), 1000, 1400, 0)
PATIENT = 120.0


@pytest.fixture(scope="module")
def smollm(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The language model of the profile embedded: it writes and sees nothing."""
    folder = transformers_folder(store.open("smollm2-135m-instruct"))
    with transformers_serve(folder, tmp_path_factory.mktemp("smollm") / "log") as address:
        yield Connection(address, str(folder), str(folder), timeout=PATIENT)


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A tiny model that sees, with random weights: what it says follows from the picture and from each word of the question."""
    folder = write_vision_model(tmp_path_factory.mktemp("llava"))
    with transformers_serve(folder, tmp_path_factory.mktemp("served") / "log") as address:
        yield Connection(address, str(folder), timeout=PATIENT)


def test_a_real_server_answers_piece_by_piece(smollm: Connection) -> None:
    pieces = list(RemoteEye(smollm).ask(photo(), "What is the capital of France?"))
    assert "Paris" in "".join(pieces)
    assert len(pieces) > 3


def test_a_real_server_can_be_stopped_and_asked_again(smollm: Connection) -> None:
    eye = RemoteEye(smollm)
    stream = eye.ask(photo(), "Tell me a long story about the sea.")
    assert next(stream)
    stream.stop()
    assert list(stream) == []
    assert stream.wait(PATIENT)
    assert "Paris" in "".join(eye.ask(photo(), "What is the capital of France?"))


def decoded(shown: Photo) -> Photo:
    """As the server gets it."""
    data = base64.b64decode(data_url(shown).partition(",")[2])
    return Photo(np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("style", get_args(Style))
def test_a_model_elsewhere_is_asked_as_one_here(llava: Connection, style: Style) -> None:
    # In the type in which the server opens it, so that both write the same.
    folder = Path(llava.picture_model)
    here = SeeingModel(TransformersSeer(load(folder, dtype=torch.float32), read_processor(folder)))
    there = RemoteEye(llava)
    history = [("What is it?", "A thing.")]
    answers = []
    asked: list[tuple[int, list[tuple[str, str]]]] = [(0, []), (1, []), (0, history)]
    for seed, turns in asked:
        said = "".join(there.ask(photo(seed), "What?", turns, style))
        assert said == "".join(here.ask(decoded(photo(seed)), "What?", turns, style))
        answers.append(said)
    assert len(set(answers)) == 3  # the picture and the turns matter


def test_the_doctor_finds_out_who_sees_and_who_judges(smollm: Connection, llava: Connection) -> None:
    healthy = examine(llava)
    assert healthy == Health(llava.host, llava.picture_model, "", "", "")
    found = examine(smollm)
    assert "says the same of a red picture and of a blue one" in found.picture_problem
    assert "does not tell how likely a text is" in found.language_problem


def test_a_judge_that_a_real_server_cannot_be_is_asked_here(
    smollm: Connection, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CannotScoreError):
        score(smollm, "The capital of France is", [" Paris"])
    engines = ProfileEngines(store, threads=1, elsewhere=smollm)
    paris, rome = engines.judge.score("The capital of France is", [" Paris", " Rome"])
    assert paris > rome
    assert engines.judge.score("The capital of France is", [" Paris", " Rome"]) == [paris, rome]
    assert caplog.text.count("does not tell how likely a text is") == 1


def likelihoods(judge: TransformersLanguageModel) -> Behaviour:
    """`/v1/completions` with `echo` and `logprobs`, computed by real weights and told as vLLM does."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = handler.asked.body  # type: ignore[attr-defined]
        assert (asked["echo"], asked["logprobs"], asked["max_tokens"]) == (True, 1, 1)
        ids = judge._tokenizer(asked["prompt"], return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            likely = judge._model(ids).logits.float().log_softmax(-1)[0]
        best = int(likely[-1].argmax())
        told = [None, *likely[:-1].gather(1, ids[0, 1:, None]).flatten().tolist(), float(likely[-1, best])]
        tokens = [judge._tokenizer.decode(each) for each in [*ids[0].tolist(), best]]
        choice = {"index": 0, "text": "".join(tokens), "finish_reason": "length"}
        choice["logprobs"] = {"tokens": tokens, "token_logprobs": told, "top_logprobs": None, "text_offset": []}
        used = {"prompt_tokens": len(ids[0]), "completion_tokens": 1, "total_tokens": len(tokens)}
        raw = json.dumps({"id": "1", "object": "text_completion", "choices": [choice], "usage": used}).encode()
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def test_a_judge_elsewhere_says_what_the_same_one_here_says(store: Store) -> None:
    here = TransformersLanguageModel(transformers_folder(store.open("smollm2-135m-instruct")), 1)
    prompt = "Question: Who wrote it?\nText: Moby Dick / Herman Melville / 1978\nAnswer:"
    texts = [" Herman Melville", " Moby Dick", " 1978", " nobody knows it for certain"]
    with stub(likelihoods(here)) as server:
        there = score(Connection(server.address, language_model="judge", timeout=PATIENT), prompt, texts)
    assert there == pytest.approx(here.score(prompt, texts), abs=0.05)  # the weights may be bfloat16
    assert max(there) - min(there) > 0.5


def engines_at(address: str) -> ProfileEngines:
    """With nothing in the store: who asks another engine gets an error."""
    return ProfileEngines(Store(Path("/nowhere")), elsewhere=Connection(address, "sees", timeout=PATIENT))


def seen(read: Page) -> Seen:
    return Seen(COVER, gate.judge(COVER), read, {})


def given_by(behaviour: Behaviour, question: str, read: Page = NOVEL) -> list[str]:
    with stub(behaviour) as server:
        parts = list(think_aloud(understand(question), seen(read), engines_at(server.address)))
    assert all(part.text for part in parts)
    return [part.text for part in parts]


def test_a_picture_model_elsewhere_answers_like_one_here() -> None:
    assert given_by(says("A blue ", "book. It ", "is old."), "What is around me?") == [
        "As far as I can see: A blue book.",
        "It is old.",
    ]


@pytest.mark.parametrize(
    ("question", "read", "end"),
    [
        ("What is around me?", NOVEL, "I can read: MOBY DICK HERMAN MELVILLE."),
        (
            "What colour is it?",
            EMPTY,
            "I see no text in this picture. Move nearer, or point the camera at the writing.",
        ),
        ("What is the price?", NOVEL, "I cannot find a price here. I can read: MOBY DICK HERMAN MELVILLE."),
        ("What genre is this book?", NOVEL, "It says MOBY DICK."),
        ("What is this?", NOVEL, "It says MOBY DICK."),
    ],
)
def test_where_the_server_fails_the_reader_answers_and_says_so(question: str, read: Page, end: str) -> None:
    assert given_by(status(500), question, read) == [f"The other machine has a fault. So I only read. {end}"]


def test_where_nobody_is_there_it_says_that_too(caplog: pytest.LogCaptureFixture) -> None:
    with stub(says()) as server:
        pass
    given = think(understand("What is around me?"), seen(NOVEL), engines_at(server.address))
    assert given.text == "The other machine does not answer. So I only read. I can read: MOBY DICK HERMAN MELVILLE."
    assert (given.abstained, given.reason) == (True, "needs a vision model")
    assert f"the server at {server.address[7:-3]} cannot be reached" in caplog.text


@pytest.mark.parametrize(
    ("pieces", "heard"),
    [
        (("A blue book. ", "It is "), ["As far as I can see: A blue book.", "There the other machine broke off."]),
        (("A blue bo",), ["The other machine broke off. So I only read. I can read: MOBY DICK HERMAN MELVILLE."]),
    ],
)
def test_what_was_said_before_it_broke_off_stays_said(pieces: tuple[str, ...], heard: list[str]) -> None:
    assert given_by(says(*pieces, end=False), "What is around me?") == heard


def test_a_cut_answer_is_an_answer_with_a_doubt() -> None:
    with stub(says("A blue book. ", "It", end=False)) as server:
        given = think(understand("What is around me?"), seen(NOVEL), engines_at(server.address))
    assert (given.abstained, given.reason, given.seen) == (False, "the other machine broke off", "A blue book.")


def test_what_print_answers_is_not_asked_elsewhere(store: Store) -> None:
    with stub(says("Nobody.")) as server:
        engines = ProfileEngines(store, threads=1, elsewhere=Connection(server.address, "sees"))
        for question in ("Who wrote this?", "What does it say?", "When does it expire?", "Is it safe to cross?"):
            think(understand(question), seen(NOVEL), engines)
    assert server.requests == []


def test_engines_know_whom_they_ask(store: Store) -> None:
    there = Connection("http://gpu.lan:8000/v1", "qwen", "judge")
    engines = ProfileEngines(store, elsewhere=there)
    assert engines.sees
    assert engines.asks == "gpu.lan"
    assert "qwen at gpu.lan:8000" in engines.names()
    assert "judge at gpu.lan:8000" in engines.names()
    assert "smollm2" not in engines.names()
    assert (ProfileEngines(store).asks, ProfileEngines(store).sees) == ("", False)


def test_leaving_off_stops_what_is_being_asked_elsewhere() -> None:
    here = threading.Event()

    def waiting(handler: BaseHTTPRequestHandler) -> None:
        here.set()
        if handler.connection.recv(1) == b"":
            server.gone.set()

    with stub(waiting) as server:
        engines = engines_at(server.address)
        stream = engines.eye.ask(photo(), "What?")
        assert here.wait(30)
        engines.leave_off()
        assert list(stream) == []
        assert server.gone.wait(30)
