"""scripts/bench/latency: sounds are found in made recordings to the millisecond, and the real thing runs with few questions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.sound.earcons import earcon
from assistant.sound.samples import HEARING_RATE, Sound, load_sound, resample
from models.store import Store
from scripts.bench.rig.questions import noise_at, shaped_noise
from scripts.bench.rig.recording import Track, audible, begins, ends, outside, silent_from, track, without
from scripts.bench.rig.report import spread
from tests.assistant.devices.pulse import missing
from tests.paths import ROOT

START = 1000.0
"""When the made recordings begin."""
STEP = HEARING_RATE // 100


def voice() -> Sound:
    return load_sound(ROOT / "samples" / "who-wrote-this-book.wav")


def signal() -> Sound:
    return earcon("thinking", HEARING_RATE)


def room(*placed: tuple[float, Sound], seconds: float = 8.0) -> NDArray[np.float32]:
    """Sounds at these seconds, mixed, in a little noise."""
    made = 1e-4 * np.random.default_rng(0).standard_normal(round(seconds * HEARING_RATE)).astype(np.float32)
    for at, sound in placed:
        samples = resample(sound, HEARING_RATE).samples
        first = round(at * HEARING_RATE)
        made[first : first + len(samples)] += samples
    return made


def recorded(samples: NDArray[np.float32], late: float = 0.03) -> Track:
    """Its blocks of 10 ms, each of which came late by chance, as from a busy machine; some promptly."""
    random = np.random.default_rng(1)
    blocks = []
    came = 0.0
    for at in range(0, len(samples), STEP):
        due = START + (at + STEP) / HEARING_RATE
        came = max(came, due + (0.0 if random.random() < 0.3 else late * random.random()))
        blocks.append((came, samples[at : at + STEP]))
    return track(blocks)


def audible_from(sound: Sound) -> float:
    return audible(sound.samples)[0] / HEARING_RATE


def audible_to(sound: Sound) -> float:
    return audible(sound.samples)[1] / HEARING_RATE


def test_blocks_that_come_late_do_not_move_the_sound() -> None:
    recording = recorded(room((2.0, voice())))
    begin, end = (find(recording, voice(), START, START + 8) for find in (begins, ends))
    assert begin == pytest.approx(START + 2.0 + audible_from(voice()), abs=0.002)
    assert end == pytest.approx(START + 2.0 + audible_to(voice()), abs=0.002)


def test_sound_that_was_lost_does_not_move_what_comes_long_after() -> None:
    samples = room((6.0, voice()), seconds=10)
    whole = [(START + (at + STEP) / HEARING_RATE, samples[at : at + STEP]) for at in range(0, len(samples), STEP)]
    recording = track(whole[:200] + whole[230:])
    begin = begins(recording, voice(), START, START + 10)
    assert begin == pytest.approx(START + 6.0 + audible_from(voice()), abs=0.002)


def test_the_end_of_a_voice_is_found_in_noise_that_goes_on() -> None:
    clean = room((2.0, voice()))
    noisy = clean + noise_at(np.resize(shaped_noise(), len(clean)), voice().samples, 10.0)
    end = ends(recorded(noisy.astype(np.float32)), voice(), START, START + 8)
    assert end == pytest.approx(START + 2.0 + audible_to(voice()), abs=0.002)


def test_noise_is_as_loud_as_asked_for() -> None:
    noise = noise_at(shaped_noise(), voice().samples, 10.0)
    assert np.mean(voice().samples ** 2) / np.mean(noise**2) == pytest.approx(10.0, rel=0.01)


@pytest.mark.parametrize("apart", [-0.02, 0.05, 0.4])
def test_signal_and_speech_are_told_apart_also_at_once(apart: float) -> None:
    recording = recorded(room((3.0, signal()), (3.0 + apart, voice())))
    of_voice = begins(recording, voice(), START + 2.5, START + 3.9)
    assert of_voice is not None
    of_signal = begins(without(recording, voice(), of_voice), signal(), START + 2.5, START + 3.5)
    assert of_signal == pytest.approx(START + 3.0 + audible_from(signal()), abs=0.005)
    assert of_voice == pytest.approx(START + 3.0 + apart + audible_from(voice()), abs=0.002)


def test_a_signal_alone_is_no_speech_and_speech_alone_no_signal() -> None:
    assert begins(recorded(room((3.0, signal()))), voice(), START, START + 7) is None
    assert begins(recorded(room((3.0, voice()))), signal(), START, START + 7) is None


def test_silence_holds_nothing() -> None:
    silence = track([(START + at / 100, np.zeros(STEP, np.float32)) for at in range(500)])
    assert begins(silence, voice(), START, START + 5) is None
    assert silent_from(silence, START, START + 5) is None


def test_it_is_silent_after_the_last_sound() -> None:
    recording = recorded(room((1.0, voice()), (5.0, signal())))
    found = silent_from(recording, START, START + 4.5)
    assert found == pytest.approx(START + 1.0 + audible_to(voice()), abs=0.1)


def test_time_outside_spans() -> None:
    assert outside(0, 10, []) == 10
    assert outside(0, 10, [(2, 4), (3, 5), (9, 20), (-5, 1)]) == pytest.approx(5)
    assert outside(0, 10, [(-1, 11), (3, 4)]) == 0


def test_spread() -> None:
    assert spread([None, *range(1, 21)]) == {"median": 10.5, "p95": 19, "n": 20}
    assert spread([None]) is None


@pytest.mark.realtime
def test_the_bench_runs(store: Store, tmp_path: Path) -> None:
    if reason := missing():
        pytest.skip(reason)
    command = [sys.executable, "scripts/bench/latency", "--limit", "2", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "latency-cpu.json").read_text("utf-8"))
    assert {row["way"] for row in found["rows"]} == {"ahead", "waiting"}
    assert found["sound_system_ms"]["loudspeaker"]["median"] > 0
    assert found["reading"]["first_word_ms"]["median"] > 0
    assert found["waiting"]["reading"]["earcon_ms"]["n"] >= 1
    assert "## Questions about what is printed" in (tmp_path / "latency-cpu.md").read_text("utf-8")
