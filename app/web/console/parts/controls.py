"""A labelled control for each setting, made from its rule (`settings/preferences.py`), and its way to and from the settings file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from app import settings
from app.web.console.parts.html import QUIET
from assistant.errors import SettingsError
from assistant.settings.preferences import Choice, Preferences, Value, choices
from models.catalogue import load as load_catalogue

GROUPS = {
    "": "General",
    "voice": "Voice",
    "listening": "Listening",
    "devices": "Devices",
    "answers": "Answers",
    "trigger": "Buttons and programs",
    "server": "Models on another machine",
}
"""The tables of the settings file, for people."""


def label(key: str) -> str:
    """What a setting is called: "Voice: speed"."""
    table, _, name = key.rpartition(".")
    name = name.replace("_", " ")
    return f"{GROUPS.get(table, table)}: {name}" if table else name.capitalize()


def control(choice: Choice) -> Any:
    """The control of a setting; it says what the setting means and what is allowed."""
    rule, usual = choice.rule, next(one.value for one in choices(Preferences()) if one.key == choice.key)
    about = f"{rule.about} Allowed: {rule.allowed}."
    name = label(choice.key)
    if isinstance(usual, bool):
        return gr.Checkbox(value=bool(choice.value), label=name, info=rule.about)
    options = rule.choices or (load_catalogue().profiles if choice.key == "profile" else ())
    if options:
        return gr.Radio(list(options), value=str(choice.value), label=name, info=rule.about)
    return gr.Textbox(value=as_text(choice.value), label=name, info=about, max_lines=1)


def controls(wanted: Sequence[str], preferences: Preferences) -> dict[str, Any]:
    """The controls of the settings `wanted`, by their keys, in that order."""
    known = {choice.key: choice for choice in choices(preferences)}
    return {key: control(known[key]) for key in wanted}


def as_text(value: Value) -> str:
    """As it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def texts(keys: Sequence[str], values: Sequence[Any]) -> Mapping[str, str]:
    """What the controls of `keys` hold, as `app.settings.change_all` takes it."""
    return {key: as_text("" if value is None else value) for key, value in zip(keys, values, strict=True)}


def values(keys: Sequence[str], preferences: Preferences) -> list[Any]:
    """What the controls of `keys` should hold."""
    known = {choice.key: choice.value for choice in choices(preferences)}
    return [known[key] if isinstance(known[key], bool) else as_text(known[key]) for key in keys]


class Form:
    """Controls that show what the settings file holds. Until it was read there is nothing to type into.

    Coming back to its tab shows what was changed elsewhere, and leaves alone what was changed here and not saved.
    """

    def __init__(
        self, places: settings.Settings, made: Mapping[str, Any], column: Any, page: gr.Blocks, tab: Any
    ) -> None:
        """made: the controls by their keys, in the hidden `column` of `tab`."""
        self.keys, self.fields = list(made), list(made.values())
        self._places = places
        self._known = gr.State(values(self.keys, Preferences()))
        page.load(lambda: [*self.fill(), gr.Column(visible=True)], None, [*self.outputs, column], **QUIET)
        tab.select(self.refresh, self.outputs, self.outputs, **QUIET)

    @property
    def outputs(self) -> list[Any]:
        """What `fill` and `refresh` give: what the file held, and the controls."""
        return [self._known, *self.fields]

    def fill(self) -> list[Any]:
        """Everything as it is in the file; as usual where that is no file of settings."""
        now = self._now()
        return [now, *now]

    def refresh(self, known: list[Any], *shown: Any) -> list[Any]:
        """What has changed in the file since it held `known`, where the person has not changed it as well."""
        now = self._now()
        return [
            now,
            *(new if new != old == mine else gr.skip() for new, old, mine in zip(now, known, shown, strict=True)),
        ]

    def _now(self) -> list[Any]:
        try:
            return values(self.keys, settings.load(self._places.file))
        except SettingsError:  # the settings tab tells it
            return values(self.keys, Preferences())
