"""The web application: the page, its files, the API and the console, put together; and the program that serves it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.formparsers import MultiPartParser

from app.web import api
from app.web.docs import docs_page
from app.web.door import failures, login
from app.web.door.access import Access, spoken_code
from app.web.door.credentials import Credentials
from app.web.door.guard import Guard
from app.web.visitors.service import Service
from app.web.visitors.uploads import MOST_BYTES
from assistant.errors import AssistantError
from models.errors import ModelError

PAGE = Path(__file__).parent / "page"
"""The page's own files."""

log = logging.getLogger(__name__)


def create_app(service: Service, access: Access | None = None) -> FastAPI:
    """Everything that is served, for `service`, to those whom `access` lets in: everybody on this machine, if left out."""
    door = access or Access(service.sessions, Credentials(service.places.state))
    # Otherwise what is larger than a megabyte would be written to a temporary file.
    MultiPartParser.spool_max_size = 2 * MOST_BYTES

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            greeting = asyncio.create_task(_greet(service, door))
            try:
                yield
            finally:
                greeting.cancel()

    app = FastAPI(
        title="rpiq assistant",
        version=version("rpiq-assistant"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.access = door
    failures.install(app)
    app.include_router(api.router, responses=failures.REFUSALS)
    app.include_router(login.router)

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html")

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> Response:
        return docs_page(app)

    @app.get("/manifest.webmanifest", include_in_schema=False)
    async def manifest() -> Response:
        return FileResponse(PAGE / "manifest.webmanifest", media_type="application/manifest+json")

    app.mount("/static", StaticFiles(directory=PAGE), name="static")
    app.add_middleware(Guard, access=door)
    return app


async def _greet(service: Service, door: Access) -> None:
    """Tell whoever is near how to log in, as soon as there is a voice."""
    if not (door.rules.login and door.by_code):
        return
    code = door.pairing.code()
    door.show(code)
    while service.state == "getting ready":
        await asyncio.sleep(0.2)
    try:
        await service.announce(spoken_code(code))
    except (AssistantError, ModelError) as error:
        log.warning("the code was not said: %s", error)
