"""Whatever is sent to the API, it answers as its description says, and never with an error of its own. Real server, real engines."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from app import settings as app_settings
from app.web.visitors.service import Service
from models.store import Store
from tests.app.web.door.secured import Served, secured
from tests.app.web.serving import PATIENCE, places, wait_for_ready

EXAMPLES = 25
"""For each operation, right and wrong ones: about a minute on two cores."""
DOCUMENTED = {400, 401, 403, 408, 409, 413, 415, 422, 429, 503, 504}


@pytest.fixture(scope="module")
def served(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    here = places(tmp_path_factory.mktemp("fuzz"))
    app_settings.change(here.file, "devices.loudspeaker", "no such loudspeaker")  # nobody wants to hear this
    with secured(Service(here)) as one:
        wait_for_ready(one.address)
        yield one


@pytest.fixture(scope="module")
def description(served: Served) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{served.address}/api/openapi.json", headers=served.program()).json()
    return found


def test_every_operation_documents_its_refusals_in_one_form(description: dict[str, object]) -> None:
    for path, item in description["paths"].items():  # type: ignore[attr-defined]
        for operation in item.values():
            for status in DOCUMENTED:
                told = operation["responses"][str(status)]["content"]["application/json"]["schema"]
                assert told == {"$ref": "#/components/schemas/Refusal"}, (path, status)


def test_no_request_that_can_be_made_from_the_description_breaks_the_server(served: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{served.address}/api/openapi.json", headers=served.program())
    tried: set[str] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        tried.add(f"{operation.method.upper()} {operation.path}")
        takes = "requestBody" in operation.definition.raw  # otherwise there is nothing that could be wrong
        for mode in (GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes else [])):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=EXAMPLES, deadline=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck), derandomize=True,
            )  # fmt: skip
            def send(case: schemathesis.Case) -> None:
                response = case.call(headers=served.program(), timeout=PATIENCE)
                told = (case.method, case.path, case.body, response.status_code, response.content[:300])
                if response.status_code == 503:  # full lines and absent devices alone
                    assert response.json()["error"]["kind"] in ("line", "busy", "engine"), told
                    assert response.headers["retry-after"], told
                else:
                    assert response.status_code < 500 or response.status_code == 504, told
                if response.status_code >= 400:
                    assert response.json()["error"]["spoken"], told

            send()
    assert len(tried) == 7


ODD = st.one_of(
    st.text(max_size=300),
    st.sampled_from(
        ["\0", "\ud800", "\u202e", "a" * 501, "\n" * 400, "𝔘" * 200, "<script>", "%s%n", "' OR 1=1 --", "\x1b[2J"]
    ),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=ODD, speed=st.one_of(st.floats(), st.text(max_size=5)), at=st.one_of(st.integers(), st.text(max_size=5)))
def test_odd_words_and_numbers_are_answered_or_refused(served: Served, text: str, speed: object, at: object) -> None:
    data = {"question": text.encode("utf-8", "surrogatepass"), "speed": str(speed), "at": str(at)}
    fields = {
        name: value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        for name, value in data.items()
    }
    with httpx.Client(base_url=served.address, headers=served.program(), timeout=PATIENCE) as client:
        response = client.post("/api/ask", files={name: (None, value) for name, value in fields.items()})
        assert response.status_code in (200, 422), response.text
        response.json()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    text=st.sampled_from(
        [
            '"\\ud800"',
            '"\\u0000"',
            '""',
            '"\\n\\n"',
            '"..."',
            '"日本語"',
            '"🎉"',
            "null",
            "1",
            '"a"',
            '"\\u202e!"',
            "[]",
        ]
    ),
    speed=st.sampled_from(["1", "0.5", "3", "NaN", "Infinity", "-1", "1e999", '"fast"', "null", "0"]),
)
def test_odd_things_to_say_are_said_or_refused(served: Served, text: str, speed: str) -> None:
    body = f'{{"text": {text}, "speed": {speed}}}'.encode()
    headers = {**served.program(), "Content-Type": "application/json"}
    response = httpx.post(f"{served.address}/api/speech", content=body, headers=headers, timeout=PATIENCE)
    assert response.status_code in (200, 422), (body, response.status_code, response.text)
