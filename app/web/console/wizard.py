"""The tab of the first steps: one thing after the other, each tried on the spot and kept when it is left, until the assistant is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from app import settings
from app.checkup import checkup
from app.web.console.parts import html
from app.web.console.parts.controls import Form, controls, texts
from app.web.console.parts.html import QUIET, shown
from app.web.console.parts.panel import Panel
from app.web.console.parts.trying import Shown, try_it
from app.web.console.parts.work import Work
from assistant.errors import AssistantError, SettingsError
from assistant.settings.preferences import Preferences
from models.errors import ModelError

STEPS = ("Language", "Models", "Voice", "Loudspeaker", "Microphone", "Wake word", "Camera", "Ready")
_KEYS: dict[str, tuple[str, ...]] = {
    "Models": ("profile",),
    "Voice": ("voice.kind", "voice.speed"),
    "Loudspeaker": ("devices.loudspeaker",),
    "Microphone": ("devices.microphone",),
    "Wake word": ("listening.mode", "listening.wake_word", "listening.sensitivity"),
    "Camera": ("devices.camera",),
}
_ABOUT = {
    "Language": "The assistant hears, reads and speaks English. Other languages do not exist yet.",
    "Models": "The assistant needs models, which are brought here once and then used without the network.",
    "Voice": "Choose how the assistant speaks, and listen to it.",
    "Loudspeaker": "Where the assistant is heard. Leave it empty for the system's own choice.",
    "Microphone": "Where the assistant hears you. Leave it empty for the system's own choice.",
    "Wake word": "Call the assistant with this word, and it listens.",
    "Camera": "What the assistant sees with. Hold a page before it, as you would later.",
    "Ready": "Everything is chosen. You can come back to each step, and to the settings, whenever you like.",
}


class Wizard:
    """The steps; one is shown at a time."""

    def __init__(self, places: settings.Settings, work: Work, panel: Panel, page: gr.Blocks, tab: Any) -> None:
        """Build it, in `tab`."""
        self._places, self._work, self._panel = places, work, panel
        self._made: dict[str, Any] = {}
        self._columns: list[Any] = []
        self._moves: list[tuple[Any, int, int]] = []
        shown(html.heading("First steps"))
        with gr.Column(visible=False) as steps:
            for number, name in enumerate(STEPS):
                self._step(number, name)
            self._message = shown()
        for button, number, where in self._moves:
            self._connect(button, number, where)
        Form(places, self._made, steps, page, tab)

    def _step(self, number: int, name: str) -> None:
        with gr.Column(visible=number == 0) as column:
            shown(html.heading(f"Step {number + 1} of {len(STEPS)}: {name}", 3, focus=True))
            shown(html.paragraph(_ABOUT[name]))
            self._made |= controls(_KEYS.get(name, ()), Preferences())
            build = {
                "Language": self._language,
                "Models": self._models,
                "Voice": self._voice,
                "Loudspeaker": self._loudspeaker,
                "Microphone": self._microphone,
                "Wake word": self._wake_word,
                "Camera": self._camera,
                "Ready": self._ready,
            }
            build[name]()
            with gr.Row():
                if number > 0:
                    self._moves.append((gr.Button(f"Back to {STEPS[number - 1]}"), number, number - 1))
                if number + 1 < len(STEPS):
                    following = STEPS[number + 1]
                    self._moves.append((gr.Button(f"Next: {following}", variant="primary"), number, number + 1))
        self._columns.append(column)

    def _connect(self, button: Any, number: int, where: int) -> None:
        """The button keeps what was chosen, and goes to another step; not when it cannot be kept."""
        keys = _KEYS.get(STEPS[number], ())

        def go(*given: Any) -> list[Any]:
            try:
                self._keep(keys, given)
            except SettingsError as error:
                return [html.failed(error), *(gr.skip() for _ in self._columns)]
            return ["", *(gr.Column(visible=place == where) for place in range(len(STEPS)))]

        button.click(go, [self._made[key] for key in keys], [self._message, *self._columns], **QUIET)

    def _keep(self, keys: Sequence[str], given: Sequence[Any]) -> None:
        if keys:
            settings.change_all(self._places.file, texts(keys, given))

    def _trial(self, button: str, step: str, arguments: Sequence[str], begin: str, places: tuple[Any, Any]) -> None:
        """A button that keeps what was chosen in this step and tries it."""
        keys = _KEYS[step]

        def run(*given: Any) -> Iterator[Shown]:
            try:
                self._keep(keys, given)
            except SettingsError as error:
                yield html.failed(error), ""
                return
            yield from try_it(self._places, arguments, begin)

        gr.Button(button).click(run, [self._made[key] for key in keys], list(places), **QUIET)

    def _language(self) -> None:
        gr.Radio(["English"], value="English", label="Language")

    def _models(self) -> None:
        advice = shown()
        start = gr.Button("Bring and prepare the models")
        message = shown()

        def begin(*given: Any) -> str:
            try:
                self._keep(_KEYS["Models"], given)
                profile = str(given[0])
                arguments = ["setup", "--profile", profile, "--progress", "json"]
                self._work.start(f"Preparing the profile {profile}", "app.cli", arguments)
            except AssistantError as error:
                return html.failed(error)
            return html.said("It has begun, and goes on while you go to the next steps. How far it is stands above.")

        self._panel.after(start.click(begin, self._made["profile"], message, **QUIET))
        self._panel.listen(advice, self._advise)

    def _advise(self) -> str:
        try:
            found = checkup(self._places)
        except ModelError as error:
            return html.failed(error)
        ready = [model for model in found.models if not model.problem]
        lines = [f"{len(ready)} of {len(found.models)} models of the profile {found.profile} are here."]
        if found.advice is not None:
            lines.append(f"Best for this machine: {found.advice.profile}. {found.advice.why}")
        return "".join(map(html.paragraph, lines))

    def _voice(self) -> None:
        with gr.Row():
            places = self._later()
            self._sample("Hear it from the device", (), places)
            self._sample("Hear it in this browser", ("--silent",), places)
        for place in places:
            place.render()

    def _sample(self, button: str, more: Sequence[str], places: tuple[Any, Any]) -> None:
        self._trial(button, "Voice", ["voice", *more], "A moment: the voice is being made.", places)

    def _later(self) -> tuple[Any, Any]:
        return shown(render=False), shown(render=False)

    def _loudspeaker(self) -> None:
        self._names("loudspeaker")
        places = self._later()
        self._trial("Play a signal", "Loudspeaker", ["loudspeaker"], "You will hear two rising notes, twice.", places)
        for place in places:
            place.render()

    def _microphone(self) -> None:
        self._names("microphone")
        places = self._later()
        begin = "Speak now, for five seconds."
        self._trial("Test the microphone", "Microphone", ["microphone"], begin, places)
        for place in places:
            place.render()

    def _wake_word(self) -> None:
        places = self._later()
        begin = "Say the wake word now. You have twenty seconds."
        self._trial("Test the wake word", "Wake word", ["wake-word"], begin, places)
        for place in places:
            place.render()

    def _camera(self) -> None:
        places = self._later()
        begin = "The camera is being switched on, for fifteen seconds."
        self._trial("Show what the camera sees", "Camera", ["camera", "--pictures"], begin, places)
        for place in places:
            place.render()

    def _names(self, kind: str) -> None:
        """Which devices there are, as a list that is made when it is asked for."""
        find = gr.Button(f"List the {kind}s of this machine")
        found = shown()
        find.click(self._listing(kind), None, found, **QUIET)

    def _listing(self, kind: str) -> Callable[[], str]:
        def listing() -> str:
            machine = checkup(self._places).machine
            names = machine.outputs if kind == "loudspeaker" else machine.inputs
            if machine.sound_problem:
                return html.wrong(machine.sound_problem)
            return html.said(f"{len(names) or 'No'} {kind}{'' if len(names) == 1 else 's'}:", names)

        return listing

    def _ready(self) -> None:
        look = gr.Button("Is everything ready?")
        found = shown()
        look.click(self._summary, None, found, **QUIET)
        shown(
            html.items(
                (
                    "Start it on this machine: assistant listen.",
                    "Have it start by itself at power-on: assistant service install.",
                    "Or ask on the first page of this server, or in the tab Ask.",
                )
            )
        )

    def _summary(self) -> str:
        try:
            found = checkup(self._places)
        except ModelError as error:
            return html.failed(error)
        gaps = [f"{gap.what}: {gap.mend}" for gap in found.gaps]
        if not found.ready:
            return html.wrong(
                "Not yet. This is missing:", [f"{gap.what}: {gap.mend}" for gap in found.gaps if gap.needed]
            )
        return html.said("Ready." if not gaps else "Ready. This could be better:", gaps)
