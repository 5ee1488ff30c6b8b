"""The API as a program uses it: a real server, real engines, real pictures and recordings."""

from __future__ import annotations

import base64
import io
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app import settings
from app.web.visitors.service import Service
from assistant.sound.speaking import phrases
from models.store import Store
from tests.app.web.serving import Event, events, places, serving, visitor
from tests.paths import SAMPLES

SIGN, RECEIPT = SAMPLES / "parking-sign.jpg", SAMPLES / "parking-receipt.jpg"
QUESTION = SAMPLES / "what-does-the-sign-say.wav"


@pytest.fixture(scope="module")
def service(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(places(tmp_path_factory.mktemp("web")))


@pytest.fixture(scope="module")
def address(service: Service) -> Iterator[str]:
    with serving(service) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with visitor(address) as found:
        yield found


def ask(client: httpx.Client, question: str, picture: Path | None = None, **fields: object) -> httpx.Response:
    files = {"picture": picture.read_bytes()} if picture else None
    return client.post("/api/ask", data={"question": question, **fields}, files=files)


def test_a_question_is_answered_and_a_second_one_needs_no_picture(client: httpx.Client) -> None:
    first = ask(client, "What does the sign say?", SIGN).json()
    assert "PARKING" in first["text"]
    assert first["sentences"]
    assert first["evidence"][0]["text"]
    assert ask(client, "repeat").json()["text"] == first["text"]
    assert "PARKING" in ask(client, "read everything").json()["text"]


def test_a_recording_is_heard_and_the_answer_comes_in_events(client: httpx.Client) -> None:
    files = {"audio": QUESTION.read_bytes(), "picture": SIGN.read_bytes()}
    found = list(events(client, files=files))
    assert [event.name for event in found] == ["line", "heard", *["sentence"] * (len(found) - 3), "answer"]
    assert found[0].data == {"place": 0}
    assert "sign" in found[1].data["question"].lower()
    assert " ".join(event.data["text"] for event in found if event.name == "sentence") == found[-1].data["text"]


def test_the_answer_brings_its_sound(client: httpx.Client) -> None:
    given = ask(client, "What does it say?", SIGN, speech="true", speed="2").json()
    with wave.open(io.BytesIO(base64.b64decode(given["audio"]))) as file:
        assert file.getnframes() > file.getframerate()


def test_a_sentence_becomes_sound_and_is_shorter_when_faster(client: httpx.Client) -> None:
    lengths = []
    for speed in (1.0, 2.0):
        response = client.post("/api/speech", json={"text": "Keep out of reach of children.", "speed": speed})
        assert response.headers["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(response.content)) as file:
            lengths.append(file.getnframes())
    assert lengths[1] < 0.7 * lengths[0]


def test_a_picture_is_looked_at_ahead(client: httpx.Client) -> None:
    seen = client.post("/api/picture", files={"picture": RECEIPT.read_bytes()}).json()
    assert seen["usable"]
    assert seen["lines"] > 5
    assert "total" in ask(client, "What is the total?").json()["text"].lower()


def test_frames_are_guided(client: httpx.Client) -> None:
    for number in range(3):
        said = client.post("/api/guide", files={"frame": SIGN.read_bytes()}, data={"restart": str(number == 0)})
        assert set(said.json()) == {"kind", "words", "capture"}
    blank = client.post("/api/guide", files={"frame": SIGN.read_bytes()[:200]})
    assert blank.status_code == 415


def test_one_session_sees_nothing_of_another(client: httpx.Client, address: str) -> None:
    ask(client, "What does it say?", SIGN)
    with visitor(address) as other:
        assert ask(other, "What does it say?").json()["text"] == phrases.NO_PICTURE_YET
        assert ask(other, "repeat").json()["text"] == phrases.NO_PICTURE_YET


def test_forgetting_forgets(client: httpx.Client) -> None:
    ask(client, "What does it say?", SIGN)
    assert client.post("/api/forget").status_code == 204
    assert ask(client, "What does it say?").json()["text"] == phrases.NO_PICTURE_YET


@pytest.mark.parametrize(
    ("status", "kind", "sent"),
    [
        (415, "picture", {"data": {"question": "What?"}, "files": {"picture": b"no picture"}}),
        (415, "picture", {"data": {"question": "What?"}, "files": {"picture": b""}}),
        (422, "sound", {"files": {"audio": b"no sound"}}),
        (422, "question", {"data": {"question": " "}}),
        (422, "question", {"data": {}}),
        (422, "field", {"data": {"question": "What?", "speed": "9"}}),
        (422, "field", {"data": {"question": "What?", "at": "-1"}}),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    client: httpx.Client, status: int, kind: str, sent: dict[str, object]
) -> None:
    response = client.post("/api/ask", **sent)  # type: ignore[arg-type]
    error = response.json()["error"]
    assert (response.status_code, error["kind"]) == (status, kind)
    assert error["message"]
    assert error["spoken"].endswith((".", "?"))


def test_an_error_in_a_stream_is_its_last_event(client: httpx.Client) -> None:
    *_, last = events(client, data={"question": "What?"}, files={"picture": b"no picture"})
    assert (last.name, last.data["kind"]) == ("error", "picture")
    assert last.data["spoken"]


def test_many_at_once_are_answered_one_after_the_other(address: str) -> None:
    found: dict[int, list[Event]] = {}

    def one(number: int) -> None:
        with visitor(address) as client:
            files = {"picture": (SIGN if number % 2 else RECEIPT).read_bytes()}
            found[number] = list(events(client, data={"question": "What does it say?"}, files=files))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each[-1].name == "answer" for each in found.values())
    places_ = [[event.data["place"] for event in each if event.name == "line"] for each in found.values()]
    assert all(each == sorted(each, reverse=True) and each[-1] == 0 for each in places_)
    assert max(max(each) for each in places_) >= 2


def test_a_new_question_takes_the_place_of_one_that_waits(address: str) -> None:
    with visitor(address) as busy, visitor(address) as client:
        held = threading.Thread(target=lambda: ask(busy, "read everything", RECEIPT))
        held.start()
        dropped = events(client, data={"question": "What does it say?"}, files={"picture": RECEIPT.read_bytes()})
        assert next(dropped).name == "line"
        assert "PARKING" in ask(client, "What does it say?", SIGN).json()["text"]
        held.join()
        names = [event.name for event in dropped]
        assert names[-1] in ("error", "answer")  # it may have been answered before the other came


def test_settings_that_change_are_taken_on(client: httpx.Client, service: Service) -> None:
    settings.change(service.places.file, "answers.sentences", "1")
    deadline = threading.Event()
    for _ in range(100):
        client.get("/api/health")
        if service.preferences.answers.sentences == 1:
            break
        deadline.wait(0.1)
    assert service.preferences.answers.sentences == 1
    assert service.state == "ready"


def test_health_is_open_to_all_and_says_nothing_private(address: str) -> None:
    found = httpx.get(f"{address}/api/health", trust_env=False).json()
    assert set(found) == {"status", "login", "problem", "profile", "engines", "waiting"}


def test_the_description_names_every_route(client: httpx.Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert {"/api/ask", "/api/picture", "/api/guide", "/api/speech", "/api/stop", "/api/forget", "/api/health"} == set(
        paths
    )
