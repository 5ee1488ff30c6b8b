"""HTML that the tabs show: escaped, and marked so that `console.js` announces what is new, moves the focus, or plays a sound.

`gr.HTML` would need 'unsafe-eval' in the Content-Security-Policy, `gr.Markdown` does not: so all of this is shown by the latter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import gradio as gr

from assistant.errors import AssistantError, SettingsError

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""For every event: Gradio's own progress announces "common.complete", and no event is an API for strangers."""

_numbers = itertools.count(1)
_INDENT = re.compile(r"\n\s*")


def shown(html: str = "", **options: Any) -> gr.Markdown:
    """A place that shows HTML."""
    return gr.Markdown(html, sanitize_html=False, latex_delimiters=[], container=False, **options)


def said(text: str, more: Sequence[str] = ()) -> str:
    """A message, with a list below it; announced once, politely."""
    return _message(text, more, "said", "polite")


def wrong(text: str, more: Sequence[str] = ()) -> str:
    """A mistake, with a list below it; announced once, at once."""
    return _message(text, more, "said wrong", "assertive")


def failed(error: Exception) -> str:
    """What went wrong and what to do, as an error of ours says it."""
    if isinstance(error, SettingsError) and len(error.problems) > 1:
        return wrong(
            f"There are {len(error.problems)} mistakes. Nothing was changed.",
            [f"{key} {problem}" for key, problem in error.problems.items()],
        )
    text = str(error) if not isinstance(error, AssistantError) else f"{error.spoken} ({error})"
    return wrong(text)


def _message(text: str, more: Sequence[str], classes: str, tone: str) -> str:
    items = "".join(f"<li>{escape(item)}</li>" for item in more)
    below = f"<ul>{items}</ul>" if items else ""
    return (
        f'<div class="{classes}" data-said="{next(_numbers)}" data-tone="{tone}"><p>{one_line(text)}</p>{below}</div>'
    )


def sound(wav: str) -> str:
    """Nothing to see: a WAV file in base64 that is played once."""
    return f'<span hidden data-sound="{next(_numbers)}" data-wav="{escape(wav)}"></span>'


def one_line(text: str) -> str:
    """Escaped; without line breaks, which Markdown would take for the end of the HTML."""
    return _INDENT.sub(" ", escape(text))


def heading(text: str, level: int = 2, focus: bool = False) -> str:
    """focus: it is moved there when this replaces what had the focus."""
    return f"<h{level}{' tabindex=-1 data-focus' if focus else ''}>{one_line(text)}</h{level}>"


def paragraph(text: str) -> str:
    return f"<p>{one_line(text)}</p>"


def items(texts: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{one_line(text)}</li>' for text in texts)}</ul>"


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first cell of each row is its heading. It can be scrolled with the keyboard where it is too wide."""
    top = "".join(f'<th scope="col">{one_line(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{one_line(row[0])}</th>{"".join(f"<td>{one_line(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    inner = f"<table><caption>{one_line(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return wide(caption, inner)


def wide(name: str, html: str) -> str:
    """A part of the page that scrolls by itself."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{one_line(name)}">{html}</div>'


def picture(alt: str, data: str, kind: str) -> str:
    """`data` is in base64, `kind` is png or jpeg."""
    return f'<img alt="{one_line(alt)}" src="data:image/{kind};base64,{data}">'


def meter(label: str, percent: int) -> str:
    """A level."""
    return (
        f'<label class="meter">{one_line(label)} <meter min="0" max="100" low="50" value="{percent}">'
        f"{percent} of 100</meter></label>"
    )
