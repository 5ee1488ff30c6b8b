"""The web application: the page, its files, the API and the console, put together; and the program that serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.formparsers import MultiPartParser

from app.web import access, api, failures
from app.web.console.mount import mount as mount_console
from app.web.guard import Guard
from app.web.service import Service
from app.web.uploads import MOST_BYTES

PAGE = Path(__file__).parent / "page"
"""The page's own files."""


def create_app(service: Service) -> FastAPI:
    """Everything that is served, for `service`."""
    # Otherwise what is larger than a megabyte would be written to a temporary file.
    MultiPartParser.spool_max_size = 2 * MOST_BYTES

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="rpiq assistant",
        version=version("rpiq-assistant"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    failures.install(app)
    app.include_router(api.router)

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        response = FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})
        access.welcome(request, response)
        return response

    @app.get("/manifest.webmanifest", include_in_schema=False)
    async def manifest() -> Response:
        return FileResponse(PAGE / "manifest.webmanifest", media_type="application/manifest+json")

    mount_console(app, service.places, access.welcome, service.models_changed)
    app.mount("/static", StaticFiles(directory=PAGE), name="static")
    app.add_middleware(Guard)
    return app
