"""Whatever goes wrong between us and a server becomes one error with a sentence for the ear; nothing hangs, nothing leaks."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from assistant.engines.remote.client import Connection
from assistant.engines.remote.eye import RemoteEye
from assistant.engines.remote.judge import RemoteJudge
from assistant.errors import ServerError
from tests.assistant.engines.local.seers import photo
from tests.assistant.engines.remote.servers import Behaviour, Stub, begin, piece, says, send, status, stub

pytestmark = pytest.mark.servers

SOON = 30.0
"""Seconds within which something that needs a fraction of one has happened, also on a busy machine."""


def asked(server: Stub, history: list[tuple[str, str]] | None = None, timeout: float = SOON) -> list[str]:
    eye = RemoteEye(Connection(server.address, "sees", timeout=timeout))
    return list(eye.ask(photo(), "What is this?", history or []))


def html(handler: BaseHTTPRequestHandler) -> None:
    begin(handler, "text/html")
    send(handler, "<html>Welcome to your router</html>")
    send(handler, "")


def odd(data: str) -> Behaviour:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        begin(handler)
        send(handler, f"data: {data}\n\n")
        send(handler, "")

    return answer


@pytest.mark.parametrize(
    ("behaviour", "printed", "spoken"),
    [
        (status(401), r"wants a key: set server\.key_file", "does not take my key"),
        (status(404), r"correct server\.picture_model", "does not have the model"),
        (status(400), r"can its model see pictures", "did not take the question"),
        (status(422), r"did not take the question \(422\)", "did not take the question"),
        (status(429, **{"retry-after": "3600"}), r"too much to do \(429\)", "too busy"),
        (status(500), r"\(500\) failed: look at its log", "has a fault"),
        (status(503), r"too much to do \(503\)", "too busy"),
        (html, "does server.address end in /v1", "has a fault"),
        (odd("{"), "makes no sense", "has a fault"),
        (odd("[]"), "makes no sense", "has a fault"),
        (odd('{"choices": 7}'), "makes no sense", "has a fault"),
        (odd('{"choices": [{"delta": {"content": 7}, "finish_reason": null}]}'), "makes no sense", "has a fault"),
        (odd('{"choices": [{"delta": {"content": "A"}}]}'), "broke off", "broke off"),
        (odd('{"error": {"message": "SECRET question"}}'), "failed: look at its log", "has a fault"),
        (says(end=False), "cannot be reached|broke off", "broke off"),
        (says(), "answered nothing", "said nothing"),
        (says(" ", "\n"), "answered nothing", "said nothing"),
        (says("<thi", "nk>Let me see", " …"), "thinks aloud", "cannot use"),
    ],
)
def test_every_fault_has_its_words(behaviour: Behaviour, printed: str, spoken: str) -> None:
    with stub(behaviour) as server, pytest.raises(ServerError, match=printed) as caught:
        asked(server)
    assert spoken in caught.value.spoken
    assert "SECRET" not in str(caught.value) + caught.value.spoken
    assert len(server.requests) == 1  # who waits for a spoken answer does not wait for another try


def test_nobody_there() -> None:
    with stub(says("A")) as server:
        pass
    with pytest.raises(ServerError, match="cannot be reached") as caught:
        asked(server)
    assert caught.value.spoken == "The other machine does not answer."


@pytest.mark.parametrize("signs", ["", ": still here\n\n"])
def test_a_server_without_a_word_is_given_up_also_if_it_gives_signs_of_life(signs: str) -> None:
    over = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        begin(handler)
        send(handler, piece("A blue "))
        while not over.wait(0.05):
            if signs:
                send(handler, signs)

    with stub(slow) as server:
        stream = RemoteEye(Connection(server.address, "sees", timeout=3.0)).ask(photo(), "What is this?")
        assert next(stream) == "A blue "
        with pytest.raises(ServerError, match="within 3 seconds") as caught:
            next(stream)
        over.set()
    assert caught.value.spoken == "The other machine takes too long."


def test_what_was_said_before_a_server_broke_off_is_heard() -> None:
    with stub(says("A blue ", "book.", end=False)) as server:
        stream = RemoteEye(Connection(server.address, "sees")).ask(photo(), "What is this?")
        assert [next(stream), next(stream)] == ["A blue ", "book."]
        with pytest.raises(ServerError, match="broke off in the middle"):
            next(stream)
    with pytest.raises(StopIteration):
        next(stream)


def test_an_answer_without_an_end_is_cut() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        begin(handler)
        while True:
            send(handler, piece("la " * 20))

    with stub(endless) as server:
        assert 500 < len("".join(asked(server))) < 5_000
        assert server.gone.wait(SOON)


@pytest.mark.parametrize("after", [(), ("A ",)])
def test_stop_lets_go_at_once_and_closes_the_connection(after: tuple[str, ...]) -> None:
    here = threading.Event()

    def waiting(handler: BaseHTTPRequestHandler) -> None:
        if after:
            begin(handler)
            for text in after:
                send(handler, piece(text))
        here.set()
        # An empty read: the other end has closed.
        if handler.connection.recv(1) == b"":
            server.gone.set()

    with stub(waiting) as server:
        stream = RemoteEye(Connection(server.address, "sees", timeout=600)).ask(photo(), "What is this?")
        assert here.wait(SOON)
        read: list[str] = []
        reader = threading.Thread(target=lambda: read.extend(stream))
        reader.start()
        stream.stop()
        reader.join(SOON)
        assert not reader.is_alive()
        assert stream.wait(SOON)
        assert server.gone.wait(SOON)
        stream.stop()  # again does no harm


def test_turns_that_are_too_many_for_the_server_are_left_out() -> None:
    def small(handler: BaseHTTPRequestHandler) -> None:
        if len(server.requests[-1].body["messages"]) > 1:
            status(400)(handler)
            time.sleep(0.5)  # and then it closes the connection, which it has not announced
        else:
            says("A book.")(handler)

    with stub(small) as server:
        assert asked(server, [("What is it?", "A thing.")]) == ["A book."]
    before, after = server.requests
    assert [message["role"] for message in before.body["messages"]] == ["user", "assistant", "user"]
    assert [part["type"] for part in before.body["messages"][0]["content"]] == ["image_url", "text"]
    assert before.body["messages"][1]["content"] == "A thing."
    assert [part["type"] for part in after.body["messages"][0]["content"]] == ["image_url", "text"]
    assert "What is this?" in after.body["messages"][0]["content"][1]["text"]


class Here:
    """A judge of this machine."""

    def __init__(self) -> None:
        self.asked = 0

    def score(self, prompt: str, continuations: object) -> list[float]:
        self.asked += 1
        return [-1.0]


def completion(**logprobs: object) -> Behaviour:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = {"choices": [{"text": "a b c", "index": 0, "logprobs": logprobs or None, "finish_reason": "length"}]}
        raw = json.dumps(body | {"usage": {"completion_tokens": 1, "prompt_tokens": 2, "total_tokens": 3}}).encode()
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


@pytest.mark.parametrize(
    ("behaviour", "again"),
    [
        (status(400), False),
        (status(422), False),
        (status(404), False),
        (completion(), False),
        (completion(tokens=["c"], token_logprobs=[-1.0]), False),
        (completion(tokens=["a", "b", "c"], token_logprobs=[None, "x", -1.0]), False),
        (completion(tokens=["a", "b"], token_logprobs=[None, -1.0, -1.0]), False),
        (status(500), True),
        (status(429), True),
        (html, False),
    ],
)
def test_a_judge_elsewhere_that_cannot_is_replaced_and_that_is_logged_once(
    behaviour: Behaviour, again: bool, caplog: pytest.LogCaptureFixture
) -> None:
    here = Here()
    with stub(behaviour) as server:
        judge = RemoteJudge(Connection(server.address, language_model="judge"), lambda: here)
        assert judge.score("SECRET", [" words"]) == [-1.0]
        first = len(server.requests)
        assert judge.score("SECRET", [" words"]) == [-1.0]
        assert (len(server.requests) > first) == again  # what may work again is tried again
    assert here.asked == 2
    said = [record.getMessage() for record in caplog.records if record.name.startswith("assistant")]
    assert len(said) == 1
    assert "of this machine" in said[0]
    assert "SECRET" not in caplog.text


def test_nothing_to_score_is_a_mistake_of_ours() -> None:
    judge = RemoteJudge(Connection("http://127.0.0.1:9/v1", language_model="judge"), Here)
    for prompt, continuations in (("", [" a"]), ("a", []), ("a", [""])):
        with pytest.raises(ValueError, match="at least one token"):
            judge.score(prompt, continuations)


def test_many_questions_at_once_do_not_wait_for_each_other() -> None:
    all_here = threading.Barrier(4)

    def together(handler: BaseHTTPRequestHandler) -> None:
        all_here.wait(SOON)
        says("A book.")(handler)

    with stub(together) as server:
        eye = RemoteEye(Connection(server.address, "sees", timeout=SOON))
        streams = [eye.ask(photo(), "What is this?") for _ in range(4)]
        assert ["".join(stream) for stream in streams] == ["A book."] * 4
