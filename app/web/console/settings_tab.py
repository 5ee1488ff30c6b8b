"""The tab with all settings, and their way out of and into this machine as a text."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr

from app import settings
from app.web.console.parts import html
from app.web.console.parts.controls import GROUPS, Form, controls, texts
from app.web.console.parts.html import QUIET, shown
from assistant.errors import SettingsError
from assistant.settings.preferences import Preferences, choices

KEYS = [choice.key for choice in choices(Preferences())]
PLACE = "import-text"
"""Id of the box into which `console.js` puts the text of a chosen file."""
_FILE = (
    '<p class="file"><label for="import-file">Or choose the file</label> '
    f'<input type="file" id="import-file" accept=".toml,text/plain" data-into="{PLACE}" data-most="{settings.LARGEST_BYTES}"></p>'
)


def settings_tab(places: settings.Settings, page: gr.Blocks, tab: Any) -> None:
    """Build it, in `tab`."""
    shown(html.heading("Settings"))
    shown(html.paragraph(f"They are kept in the file {places.file}. On the command line: assistant settings."))
    made: dict[str, Any] = {}
    with gr.Column(visible=False) as column:
        for group, name in GROUPS.items():
            shown(html.heading(name, 3))
            made |= controls([key for key in KEYS if key.rpartition(".")[0] == group], Preferences())
        save = gr.Button("Save all settings", variant="primary")
    form = Form(places, made, column, page, tab)
    message = shown()

    def problem() -> str:
        try:
            settings.load(places.file)
        except SettingsError as error:
            return html.failed(error)
        return ""

    def keep(*given: Any) -> str:
        try:
            settings.change_all(places.file, texts(form.keys, given))
        except SettingsError as error:
            return html.failed(error)
        return html.said("The settings are saved.")

    page.load(problem, None, message, **QUIET)
    save.click(keep, form.fields, message, **QUIET).then(form.refresh, form.outputs, form.outputs, **QUIET)
    _export(places)
    _import(places, form)


def _export(places: settings.Settings) -> None:
    shown(html.heading("Take the settings to another machine", 3))
    export = gr.Button("Show the settings as a text")
    link = shown()
    text = gr.Textbox(label="Settings as a text", lines=8, max_lines=8, interactive=False, visible=False)

    def show() -> tuple[Any, str]:
        try:
            toml = settings.as_toml(settings.load(places.file))
        except SettingsError as error:
            return gr.skip(), html.failed(error)
        data = base64.b64encode(toml.encode()).decode()
        where = f'<p><a download="settings.toml" href="data:application/toml;base64,{data}">Save it as a file</a></p>'
        return gr.Textbox(value=toml, visible=True), html.said("The settings stand below.") + where

    export.click(show, None, [text, link], **QUIET)


def _import(places: settings.Settings, form: Form) -> None:
    shown(html.heading("Take over settings from a text", 3))
    text = gr.Textbox(
        label="Text of a settings file",
        lines=5,
        max_lines=8,
        elem_id=PLACE,
        info="As it was shown above on another machine. What it leaves out becomes usual.",
    )
    shown(_FILE)
    take = gr.Button("Take over these settings")
    message = shown()

    def take_over(given: str) -> str:
        if not given.strip():
            return html.wrong("The text is empty. Paste the settings, or choose the file.")
        try:
            settings.replace_all(places.file, given)
        except SettingsError as error:
            return html.failed(error)
        return html.said("These settings are in force now.")

    take.click(take_over, text, message, **QUIET).then(form.fill, None, form.outputs, **QUIET)
