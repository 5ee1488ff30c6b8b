"""The doctor names every gap with one action, and knows when `ask` can work."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from app.commands import doctor as command
from assistant.checkup.advice import advise
from assistant.checkup.doctor import PACKAGES, Machine, as_text, diagnose, look
from assistant.checkup.readiness import surroundings
from assistant.settings.preferences import Devices, Preferences
from models.store import Listing, Store

FULL = Machine(
    system="Linux", python="3.11.7", processor="A processor", cores=2, memory_bytes=8_000_000_000,
    memory_free_bytes=6_000_000_000, store_root="/models", store_free_bytes=10_000_000_000, gpus=("A GPU, 24 GiB",),
    outputs=("Speaker",), inputs=("Microphone",), sound_problem="", cameras=("Camera",), espeak="1.51",
    packages=dict.fromkeys(PACKAGES, "1.0"),
)  # fmt: skip
QUANTIZED = ["smollm2-135m-instruct"]


def rows(store: Store, profile: str = "embedded") -> list[Listing]:
    return [row for row in store.listing() if profile in row.entry.profiles]


def test_this_machine(store: Store) -> None:
    machine = look(store.root)
    assert machine.cores >= 1
    assert 0 < machine.memory_free_bytes < machine.memory_bytes
    assert machine.store_free_bytes > 0
    assert all(machine.packages.values())
    assert diagnose(machine, rows(store), "embedded").ready


def test_a_full_machine_has_no_gap(store: Store) -> None:
    diagnosis = diagnose(FULL, rows(store), "embedded", QUANTIZED)
    assert diagnosis.ready
    assert diagnosis.gaps == ()
    assert "What to do" not in as_text(diagnosis)


def test_a_store_that_does_not_exist_yet(tmp_path: Path) -> None:
    store = Store(tmp_path / "not" / "yet")
    assert look(store.root).store_free_bytes > 0
    diagnosis = diagnose(FULL, rows(store), "embedded")
    assert not diagnosis.ready
    assert {gap.mend for gap in diagnosis.gaps} == {"run: assistant models fetch --profile embedded"}
    assert as_text(diagnosis).startswith(f"Not ready: {len(rows(store))} needed things are missing.")


@pytest.mark.parametrize(
    ("change", "what", "mend", "needed"),
    [
        ({"outputs": ()}, "no loudspeaker", "--out", False),
        ({"inputs": ()}, "no microphone", "--audio", False),
        ({"cameras": ()}, "no camera", "--image", False),
        ({"espeak": ""}, "no espeak-ng", "apt install espeak-ng", False),
        ({"sound_problem": "PortAudio is missing: install it"}, "sound devices", "install it", False),
        ({"memory_free_bytes": 100_000_000}, "memory", "close other programs", False),
        ({"packages": {"torch": ""}}, "torch", "./scripts/demo", True),
    ],
)
def test_each_gap_has_an_action(store: Store, change: dict[str, object], what: str, mend: str, needed: bool) -> None:
    diagnosis = diagnose(replace(FULL, **change), rows(store), "embedded", QUANTIZED)  # type: ignore[arg-type]
    (gap,) = diagnosis.gaps
    assert what in gap.what
    assert mend in gap.mend
    assert gap.needed is needed
    assert diagnosis.ready is not needed
    assert gap.mend in as_text(diagnosis)


def test_a_file_chosen_as_the_camera_is_one(store: Store, tmp_path: Path) -> None:
    for camera, missing in ((__file__, []), ("C920", ["no camera"])):
        around = surroundings(tmp_path / "settings.toml", "", Preferences(devices=Devices(camera=camera)))
        found = diagnose(replace(FULL, cameras=()), rows(store), "embedded", QUANTIZED, listening=around)
        assert [gap.what for gap in found.gaps if "camera" in gap.what] == missing


def test_a_language_model_in_full_precision_works_and_can_be_set_up(store: Store) -> None:
    diagnosis = diagnose(FULL, rows(store), "embedded")
    (gap,) = diagnosis.gaps
    assert (gap.mend, gap.needed) == ("run: assistant setup (once, it takes a while)", False)
    assert diagnosis.ready
    assert "smollm2-135m-instruct (profile embedded, full precision)" in as_text(diagnosis)


def test_too_little_disk_for_what_is_missing(tmp_path: Path) -> None:
    diagnosis = diagnose(replace(FULL, store_free_bytes=1_000_000), rows(Store(tmp_path)), "embedded")
    assert any(gap.what.startswith("disk space") and gap.needed for gap in diagnosis.gaps)


def test_a_profile_that_sees_names_its_own_commands(tmp_path: Path) -> None:
    store = Store(tmp_path)
    full = rows(store, "full")
    diagnosis = diagnose(FULL, full, "full")
    assert {gap.mend for gap in diagnosis.gaps if gap.what.startswith("model ")} == {
        "run: assistant models fetch --profile full"
    }
    here = [replace(row, state="ready", problem="") for row in full]
    quantized = [row.entry.name for row in full if row.entry.four_bits == "setup"]
    (gap,) = [gap for gap in diagnose(FULL, here, "full", QUANTIZED).gaps if "precision" in gap.what]
    assert gap.mend.startswith("run: assistant setup --profile full")
    assert gap.needed, "39 GB are not opened by mistake"
    report = as_text(diagnose(FULL, here, "full", quantized))
    assert "For seeing: cogvlm2-llama3-chat-19b (profile full, 4 bits)" in report
    assert "the picture model runs on it" in report


def test_the_best_profile_is_told_with_its_reason_and_its_command(store: Store) -> None:
    advice = advise(FULL.gpus, FULL.memory_bytes, store.catalogue)
    report = as_text(diagnose(FULL, rows(store), "embedded", QUANTIZED, advice))
    assert (
        "The profile that fits this machine best: full\n  Why: The picture model of the profile full needs 13.5 gigabytes of"
        in report
    )
    assert "run: assistant setup --profile full, then ask with: --profile full" in report
    advice = advise((), FULL.memory_bytes // 4, store.catalogue)
    report = as_text(diagnose(FULL, rows(store), "embedded", QUANTIZED, advice))
    assert "best: embedded\n  Why: " in report
    assert "run: assistant setup" not in report


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    arguments = parser.parse_args(["doctor", *words])
    status: int = arguments.run(arguments)
    return status


def test_the_command(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert capsys.readouterr().out.startswith("Ready")
    assert run("--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ready"] is True
    assert report["machine"].keys() == asdict(FULL).keys()
    assert report["advice"]["profile"] in {"embedded", "small", "full"}


def test_the_command_without_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RPIQ_ASSISTANT_MODELS", str(tmp_path))
    assert run() == 1
    assert "assistant models fetch" in capsys.readouterr().out


def test_what_listening_lacks_is_told_and_is_not_needed_to_ask(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[voice]\nspeed = 9\n")
    assert run("--settings", str(file)) == 0
    told = capsys.readouterr().out
    assert f"  Settings: {file}" in told
    assert "Optional: the settings cannot be used: correct them: " in told
    assert "voice.speed is 9: give a number from 0.5 to 3" in told
    file.write_text("profile = 'small'\n[devices]\nmicrophone = 'No such microphone'\n")
    assert run("--settings", str(file), "--json") in (0, 1)
    report = json.loads(capsys.readouterr().out)
    assert report["profile"] == "small"
    assert any("No such microphone" in gap["what"] for gap in report["gaps"])
    assert report["listening"]["settings_problem"] == ""
