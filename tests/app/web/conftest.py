"""Fixtures for the web: the real server of the embedded profile, and a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.app.web.browser import CHROMIUM, QUESTION, SIGN, BusyService, as_camera, browsing
from tests.app.web.serving import places, serving
from tests.assistant.remembering import RememberingEngines


@pytest.fixture(scope="session")
def busy_service(remembering: RememberingEngines, tmp_path_factory: pytest.TempPathFactory) -> BusyService:
    service = BusyService(places(tmp_path_factory.mktemp("web")))
    service.engines = remembering
    return service


@pytest.fixture(scope="session")
def site(busy_service: BusyService) -> Iterator[str]:
    """The address of a server that answers with real engines."""
    with serving(busy_service) as address:
        yield address


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser: its microphone asks what the sign says, its camera sees the sign. Closed after each file, since while Playwright
    is there nothing else in this thread can run an event loop."""
    if CHROMIUM is None:
        pytest.skip("needs a browser (Debian: chromium)")
    with browsing(QUESTION, as_camera(SIGN, tmp_path_factory.mktemp("camera"))) as browser:
        yield browser
