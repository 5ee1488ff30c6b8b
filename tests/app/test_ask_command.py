"""`assistant ask` as a person runs it: real models, the samples, and everything that can be wrong with what is given."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from app.cli import main
from assistant.engines.local import families
from assistant.engines.opening import ProfileEngines
from assistant.mind.answering import sight
from assistant.sound.samples import Sound, load_sound, write_wav
from models.cogvlm2 import ImageSession
from models.store import Store
from tests.assistant.engines.local.seers import write_cogvlm2
from tests.paths import ROOT
from tests.rpiq.folders import llama_config, save_model
from tests.rpiq.formats.test_export import SMOLLM, add_tokenizer

SAMPLES = ROOT / "samples"
SIGN = SAMPLES / "parking-sign.jpg"
SPOKEN = SAMPLES / "what-does-the-sign-say.wav"
SAID = "DOUBLE PARKING PROHIBITED AT ALL TIMES"

pytestmark = pytest.mark.usefixtures("store")


def ask(*options: object) -> int:
    return main(["ask", "--silent", *map(str, options)])


def test_a_spoken_question_is_answered_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, record = tmp_path / "answer.wav", tmp_path / "answer.json"
    assert ask("--image", SIGN, "--audio", SPOKEN, "--out", out, "--json", record) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("Heard", "Seen", "Answer", "Times", "Wrote"))
    answered = json.loads(record.read_text("utf-8"))
    assert answered["question"].lower().strip("?. ") == "what does the sign say"
    assert 0.5 < answered["heard_confidence"] <= 1
    assert SAID in answered["answer"]
    assert (answered["abstained"], answered["reason"]) == (False, "")
    assert answered["evidence"][0].keys() == {"text", "box", "confidence"}
    assert answered["evidence"][0]["box"].keys() == {"left", "top", "right", "bottom"}
    assert answered["quality"]["findings"] == []
    assert {"hear", "gate", "read", "think", "speak", "first_audible"} <= answered["timings_ms"].keys()
    assert answered["engine"].startswith("embedded: ")
    with wave.open(str(out)) as sound:
        assert sound.getnframes() / sound.getframerate() > 1.5


def test_what_is_spoken_is_what_is_printed(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "answer.wav"
    assert ask("--image", SIGN, "--text", "What does the sign say?", "--out", out) == 0
    heard = ProfileEngines(store).recogniser.transcribe(load_sound(out)).text.lower()
    assert "double parking" in heard
    assert "all times" in heard


def test_several_questions_share_one_reading(capsys: pytest.CaptureFixture[str]) -> None:
    questions = [
        "--text",
        "How much was paid?",
        "--text",
        "When does the parking expire?",
        "--text",
        "What is the fax number?",
    ]
    assert ask("--image", SAMPLES / "parking-receipt.jpg", *questions, "--json", "-") == 0
    paid, expiry, fax = json.loads(capsys.readouterr().out)
    assert "15.00" in paid["answer"]
    assert "11:59 PM" in expiry["answer"]
    assert fax["abstained"]
    assert paid["timings_ms"]["read"] == expiry["timings_ms"]["read"] == fax["timings_ms"]["read"]


def test_a_follow_up_is_asked_of_the_picture_model_which_looks_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real model with random weights: what it writes is of no interest here."""
    looks: list[int] = []
    prompts: list[str] = []

    class Counted(ImageSession):
        def __init__(self, *arguments: Any) -> None:
            looks.append(1)
            super().__init__(*arguments)

        def ask(self, question: str, history: Any = (), *others: Any) -> Any:
            prompts.append(f"{len(history)} {others[0]} {question}")
            return super().ask(question, history, *others)

    monkeypatch.setattr(families, "ImageSession", Counted)
    monkeypatch.setattr(sight, "disagreement", lambda *_: None)
    monkeypatch.setattr(sight, "_DOES_NOT_KNOW", re.compile("(?!)"))
    questions = ["--text", "What is around me?", "--text", "What colour is it?", "--text", "What does the sign say?"]
    folder = write_cogvlm2(tmp_path / "model")
    capsys.readouterr()
    assert ask("--image", SIGN, *questions, "--picture-model", folder, "--json", "-") == 0
    around, colour, says = json.loads(capsys.readouterr().out)
    assert (looks, prompts) == (
        [1],
        ["0 chat What is around me?", f"{int(not around['abstained'])} vqa What colour is it?"],
    )
    assert around["answer"].startswith(("As far as I can see: ", "I cannot tell"))
    assert SAID in says["answer"]
    assert says["seen"] == ""
    assert colour["timings_ms"]["read"] == around["timings_ms"]["read"]


def test_ctrl_c_while_the_picture_is_looked_at_ends_it_at_once() -> None:
    """In a process of its own, with a model that would take many seconds."""
    script = (
        "import sys; from app.cli import main; from assistant.engines.local import picture_model;"
        "from assistant.engines.local.families import CogVLM2Seer;"
        "from tests.assistant.engines.local.seers import slow_cogvlm2; from tests.models.cogvlm2.tiny import processor_of;"
        "model = slow_cogvlm2(tower_layers=200);"
        "model.model.vision.register_forward_pre_hook(lambda *_: print('looking', flush=True));"
        "eye = picture_model.SeeingModel(CogVLM2Seer(model, processor_of(model.config)));"
        "picture_model.open_eye = lambda *_, **__: eye;"
        "sys.exit(main(sys.argv[1:]))"
    )
    options = ["ask", "--silent", "--image", SIGN, "--text", "What is around me?", "--picture-model", SAMPLES]
    command = [sys.executable, "-c", script, *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "looking\n"
    time.sleep(0.2)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    until_now = psutil.Process(process.pid).cpu_times()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    whole = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Of the processor, since a busy machine is slow at everything; most of it is Python's own way out.
    assert whole.ru_utime + whole.ru_stime - spent.ru_utime - spent.ru_stime - until_now.user - until_now.system < 6
    assert process.returncode == 130
    assert said.endswith("assistant: interrupted\n")


def test_several_spoken_questions_share_one_reading(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("--image", SIGN, "--audio", SPOKEN, "--audio", SPOKEN, "--json", "-") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["answer"] == second["answer"]
    assert first["timings_ms"]["read"] == second["timings_ms"]["read"]


def test_without_a_picture_model_it_is_said_who_can_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("--image", SIGN, "--text", "What is around me?") == 0
    assert "A caregiver can add a picture model with: assistant setup --profile small." in capsys.readouterr().out


def test_the_record_is_strict_json_even_of_a_picture_with_nothing_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "grey.png"
    Image.new("RGB", (640, 480), (180, 180, 180)).save(path)
    assert ask("--image", path, "--text", "What does it say?", "--json", "-") == 0

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    answered = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert answered["abstained"]
    assert answered["evidence"] == []


def test_with_the_network_cut_the_answer_is_the_same(tmp_path: Path) -> None:
    """In a network namespace of its own, with not even a loopback device up."""
    cut = ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*cut, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let its users make a network namespace (unshare -rn)")
    command = [sys.executable, "-m", "app.cli", "ask", "--silent", "--image", SIGN, "--audio", SPOKEN, "--json", "-"]
    answers = []
    for prefix in ([], cut):
        done = subprocess.run([*prefix, *map(str, command)], capture_output=True, text=True, check=True, cwd=tmp_path)
        answers.append(json.loads(done.stdout)["answer"])
    assert answers[0] == answers[1]
    assert SAID in answers[1]


def test_a_speed_beyond_the_bounds_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        ask("--image", SIGN, "--text", "What is it?", "--speed", "9")
    assert stopped.value.code == 2
    assert "0.5 to 3" in capsys.readouterr().err


def silence(path: Path, seconds: float) -> Path:
    write_wav(path, [Sound(np.zeros(int(16_000 * seconds), np.float32), 16_000)])
    return path


def picture(path: Path, size: tuple[int, int] = (8, 8), **options: object) -> Path:
    Image.new("1", size).save(path, **options)
    return path


def animation(path: Path) -> Path:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    return path


def text_file(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def text_only(folder: Path) -> Path:
    return add_tokenizer(save_model(folder, llama_config()), SMOLLM)


def half(folder: Path) -> Path:
    weights = write_cogvlm2(folder) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return folder


SEE = ["--image", SIGN, "--text", "What is around me?", "--picture-model"]
BAD = {
    "not an image": lambda t: ["--image", text_file(t / "a.jpg", "hello"), "--text", "What is it?"],
    "an empty file": lambda t: ["--image", text_file(t / "a.png", ""), "--text", "What is it?"],
    "a huge image": lambda t: ["--image", picture(t / "a.png", (20_000, 20_000)), "--text", "What is it?"],
    "an animation": lambda t: ["--image", animation(t / "a.gif"), "--text", "What is it?"],
    "a folder": lambda t: ["--image", t, "--text", "What is it?"],
    "a missing image": lambda t: ["--image", t / "none.jpg", "--text", "What is it?"],
    "an empty question": lambda t: ["--image", SIGN, "--text", "  "],
    "a long question": lambda t: ["--image", SIGN, "--text", "what" * 2500],
    "a foreign question": lambda t: ["--image", SIGN, "--text", "Was steht auf dem Schild?"],
    "silence": lambda t: ["--image", SIGN, "--audio", silence(t / "a.wav", 3)],
    "half an hour of sound": lambda t: ["--image", SIGN, "--audio", silence(t / "a.wav", 1800)],
    "sound that is none": lambda t: ["--image", SIGN, "--audio", text_file(t / "a.wav", "hello")],
    "a folder as sound": lambda t: ["--image", SIGN, "--audio", t],
    "an unknown profile": lambda t: ["--image", SIGN, "--text", "What is it?", "--profile", "none"],
    "a picture model that cannot see": lambda t: [*SEE, text_only(t / "text")],
    "half a picture model": lambda t: [*SEE, half(t / "half")],
    "no picture model": lambda t: [*SEE, t / "none"],
    "a profile that was not fetched": lambda t: ["--image", SIGN, "--text", "What is around me?", "--profile", "full"],
    "an answer in no folder": lambda t: ["--image", SIGN, "--text", "What is it?", "--out", t / "none" / "a.wav"],
    "a folder as the answer": lambda t: ["--image", SIGN, "--text", "What is it?", "--out", t],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, empty = tmp_path / "given", tmp_path / "empty"
    given.mkdir()
    empty.mkdir()
    options = BAD[case](given)
    before = sorted(given.iterdir())
    out = [] if "--out" in options else ["--out", empty / "answer.wav"]
    assert ask(*options, *out, "--json", empty / "answer.json") == 2
    complaint = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in complaint if line.startswith("assistant: error: ")]) == 1
    assert complaint[-1].startswith("assistant: error: ")
    assert len(complaint[-1]) > len("assistant: error: ") + 20
    assert list(empty.iterdir()) == []
    assert sorted(given.iterdir()) == before


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file-size limit makes the system refuse to write, as a full disk does."""
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from app.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    options = ["ask", "--silent", "--image", SIGN, "--text", "What does it say?", "--out", tmp_path / "answer.wav"]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_stereo_sound_at_another_rate_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mono = load_sound(SPOKEN)
    path = tmp_path / "stereo.wav"
    count = int(len(mono.samples) * 44_100 / mono.rate)
    samples = np.interp(np.arange(count) / 44_100, np.arange(len(mono.samples)) / mono.rate, mono.samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(np.repeat((samples * 32_767).astype("<i2"), 2).tobytes())
    assert ask("--image", SIGN, "--audio", path, "--json", "-") == 0
    assert SAID in json.loads(capsys.readouterr().out)["answer"]
