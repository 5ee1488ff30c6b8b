"""`assistant web`: the page to ask on, the caregiver's console and the API, served on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app import settings
from app.terminal import complain

if TYPE_CHECKING:
    from app.commands import Subparsers

HOST, PORT = "127.0.0.1", 8017


def register(subparsers: Subparsers) -> None:
    """Add `web` to the command line."""
    parser = subparsers.add_parser(
        "web",
        help="serve a page to ask on, and the caregiver's console",
        description="Serve a page to ask on, the caregiver's console and an API. Only this machine can open it, unless --lan is given.",
    )
    settings.add_option(parser)
    parser.add_argument("--host", default=HOST, help=f"the address to listen on (usual: {HOST}, this machine alone)")
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"the port to listen on (usual: {PORT}; 0: any free one)"
    )
    parser.set_defaults(run=run, online=True)


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C."""
    import uvicorn

    from app.web.server import create_app
    from app.web.service import Service
    from assistant.privacy import forbid_memory_dumps

    forbid_memory_dumps()
    service = Service(settings.read(arguments.settings))
    config = uvicorn.Config(
        create_app(service),
        host=arguments.host,
        port=arguments.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    complain(f"open http://{arguments.host}:{arguments.port} in a browser; Ctrl-C ends it")
    uvicorn.Server(config).run()
    return 0
