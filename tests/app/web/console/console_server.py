"""A program of its own: the server with a small console of Gradio's, which asks for more than ours does (it has a picture).

Gradio leaves things open and uses what is deprecated, which in the process of the tests would be errors.
Arguments: a folder for all that it keeps, and "login" or "open". Prints its port.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from app.web.door.access import Access, Rules
from app.web.door.connections import configuration, listen, serve
from app.web.door.credentials import Credentials
from app.web.scratch import private_folder
from app.web.server import create_app
from tests.app.web.door.secured import PASSWORD, without_engines


def main(folder: Path, login: bool) -> None:
    """Serves until it is told to end."""
    with private_folder(folder) as scratch:
        (scratch / "a.png").write_bytes(b"somebody's picture")
        service = without_engines(folder)
        credentials = Credentials(service.places.state)
        credentials.set_password(PASSWORD)
        app = create_app(service, Access(service.sessions, credentials, Rules(login=login)))
        mount(app)
        sockets = listen(("127.0.0.1",), 0)
        sys.stdout.write(f"{sockets[0].getsockname()[1]} {scratch}\n")
        sys.stdout.flush()
        serve(uvicorn.Server(configuration(app)), sockets)


def mount(app: FastAPI) -> None:
    """The console."""
    import gradio as gr

    with gr.Blocks(title="Console", analytics_enabled=False) as blocks:
        words = gr.Textbox(label="Question")
        shown = gr.Markdown("nothing yet")
        gr.Button("Ask").click(lambda text: f"You asked: {text}", words, shown)
        picture = gr.Image(label="Picture", type="filepath")
        gr.Button("Name").click(lambda path: f"It is at {path}", picture, shown)
    gr.mount_gradio_app(app, blocks, "/setup", footer_links=[])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "login")
