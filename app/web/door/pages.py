"""Plain pages of our own: to log in, to say what went wrong, to read about the API. HTML without script, for every reader."""

from __future__ import annotations

from html import escape
from pathlib import Path

from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers

STYLE = Path(__file__).parent / "plain.css"


def page(title: str, content: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    """A page with `content`, which is HTML already, under a heading that is its title."""
    name = escape(title)
    return HTMLResponse(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{name} - Assistant</title>\n<link rel="stylesheet" href="/plain.css">\n</head>\n'
        f"<body>\n<main>\n<h1>{name}</h1>\n{content}\n</main>\n</body>\n</html>\n",
        status,
        headers,
    )


def failure_page(status: int, spoken: str, message: str, headers: dict[str, str] | None = None) -> HTMLResponse:
    """What went wrong and what to do, in the words for the ear first."""
    return page(
        "That did not work",
        f'<p role="alert">{escape(spoken)}</p>\n<p>In technical words: {escape(message)} (status {status}).</p>\n'
        '<p><a href="/">Go to the start</a></p>',
        status,
        headers,
    )


def wants_page(headers: Headers, path: str) -> bool:
    """Whether a person at a browser reads the answer, not a program."""
    return "text/html" in headers.get("accept", "") and (not path.startswith("/api/") or path == "/api/docs")
