"""Sound files in, sound files out, and what is said when a file is none."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import EngineError, OutputError, SoundError
from assistant.sound import samples as sound_module
from assistant.sound.samples import (
    HEARING_RATE,
    Sound,
    at_once,
    has_output,
    load_sound,
    play,
    quicker,
    resample,
    write_wav,
)


def tone(seconds: float, rate: int = HEARING_RATE, hertz: float = 440.0) -> Sound:
    return Sound(np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate).astype(np.float32) * 0.5, rate)


def write_stereo(path: Path, seconds: float, rate: int = 44_100) -> None:
    left = (tone(seconds, rate).samples * 32767).astype("<i2")
    with wave.open(str(path), "wb") as writer:
        writer.setparams((2, 2, rate, 0, "NONE", ""))
        writer.writeframes(np.stack([left, np.zeros_like(left)], 1).tobytes())


def loudest_hertz(sound: Sound) -> float:
    spectrum = np.abs(np.fft.rfft(sound.samples))
    return float(np.fft.rfftfreq(len(sound.samples), 1 / sound.rate)[spectrum.argmax()])


def test_stereo_at_44100_becomes_mono_at_16000(tmp_path: Path) -> None:
    write_stereo(tmp_path / "question.wav", 1.5)
    heard = load_sound(tmp_path / "question.wav")
    assert heard.rate == HEARING_RATE
    assert heard.seconds == pytest.approx(1.5, abs=0.01)
    assert heard.samples.dtype == np.float32
    assert loudest_hertz(heard) == pytest.approx(440, abs=2)


def test_a_written_sound_is_read_back(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", iter([tone(0.5), tone(0.25)]))
    back = load_sound(tmp_path / "a.wav")
    np.testing.assert_allclose(back.samples, np.concatenate([tone(0.5).samples, tone(0.25).samples]), atol=1e-4)


def test_flac_is_read(shared: Path) -> None:
    assert load_sound(shared / "data/speech/jfk.flac").seconds == pytest.approx(11.0, abs=0.01)


def test_resampling_keeps_length_and_pitch() -> None:
    resampled = resample(tone(1.0), 22_050)
    assert resampled.seconds == pytest.approx(1.0, abs=0.01)
    assert loudest_hertz(resampled) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("times", [1.0, 1.3, 2.0, 3.0])
def test_quicker_shortens_at_the_same_pitch(times: float) -> None:
    hurried = quicker(tone(2.0), times)
    assert hurried.seconds == pytest.approx(2.0 / times, rel=0.05)
    assert loudest_hertz(hurried) == pytest.approx(440, abs=5)
    assert hurried.samples.dtype == np.float32


def test_what_is_heard_at_once_has_lost_its_first_silence_and_nothing_else() -> None:
    silence = np.full(4000, 0.001, np.float32)
    begun = at_once(Sound(np.concatenate([silence, tone(0.5).samples, silence]), HEARING_RATE))
    assert begun.seconds == pytest.approx(0.5 + 0.25 + 0.005, abs=0.001)
    assert np.array_equal(begun.samples[-4000:], silence)
    assert len(at_once(Sound(np.zeros(100, np.float32), HEARING_RATE)).samples) == 100
    assert len(at_once(Sound(np.zeros(0, np.float32), HEARING_RATE)).samples) == 0


def refusal(path: Path) -> SoundError:
    with pytest.raises(SoundError) as caught:
        load_sound(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert str(path) not in caught.value.spoken
    assert caught.value.spoken.endswith(".")
    return caught.value


def test_half_an_hour_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    write_stereo(path, 61, 8_000)
    with path.open("r+b") as file:  # the rest of the half hour is a hole in the file: silence that takes no disk
        file.truncate(1800 * 8_000 * 4)
        file.seek(4)
        file.write((1800 * 8_000 * 4 - 8).to_bytes(4, "little"))
        file.seek(40)
        file.write((1800 * 8_000 * 4 - 44).to_bytes(4, "little"))
    before = resource.getrusage(resource.RUSAGE_SELF)
    error = refusal(path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert "longer than 60 s" in str(error)
    assert "minute" in error.spoken
    assert after.ru_utime - before.ru_utime < 1.0
    assert after.ru_maxrss - before.ru_maxrss < 40_000  # KB; the whole would take 115 MB


def test_a_header_that_understates_the_length_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    write_stereo(path, 75, 8_000)
    with path.open("r+b") as file:
        file.seek(40)
        file.write(b"\xff\xff\xff\xff")  # "length unknown", as recorders leave it
    assert "longer than 60 s" in str(refusal(path))


def test_bad_files_are_refused_each_in_its_way(tmp_path: Path) -> None:
    empty, text, picture = tmp_path / "empty.wav", tmp_path / "text.wav", tmp_path / "cut.wav"
    empty.touch()
    text.write_text("What is this?\n" * 100)
    write_stereo(picture, 1.0)
    picture.write_bytes(picture.read_bytes()[:44])  # a header and nothing after it
    assert "0 bytes" in str(refusal(empty))
    assert "cannot be read as sound" in str(refusal(text))
    assert "no samples" in str(refusal(picture))
    assert "folder" in str(refusal(tmp_path))
    assert "check the name" in str(refusal(tmp_path / "missing.wav"))


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may read everything: be somebody else for a while."""
    if os.geteuid():
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_no_permission(tmp_path: Path, unprivileged: None) -> None:
    if os.getuid():
        (tmp_path / "secret.wav").touch(mode=0o000)
    assert "no permission" in str(refusal(tmp_path / "secret.wav"))


def test_a_play_list_opens_no_other_file(tmp_path: Path) -> None:
    """FFmpeg would follow it, to the network too."""
    write_wav(tmp_path / "a.wav", [tone(1.0)])
    play_list = tmp_path / "list.m3u8"
    entry = f"#EXTINF:1.0,\nfile://{tmp_path}/a.wav\n"
    play_list.write_text(f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n{entry}#EXT-X-ENDLIST\n")
    assert "cannot be read as sound" in str(refusal(play_list))


def test_nothing_is_left_when_the_voice_fails(tmp_path: Path) -> None:
    def sentences() -> Iterator[Sound]:
        yield tone(1.0)
        raise EngineError("the voice failed", "My voice failed.")

    with pytest.raises(EngineError, match="the voice failed"):
        write_wav(tmp_path / "a.wav", sentences())
    assert list(tmp_path.iterdir()) == []


def test_the_old_answer_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("old")

    def sentences() -> Iterator[Sound]:
        yield tone(0.1)
        assert path.read_text() == "old"

    write_wav(path, sentences())
    assert load_sound(path).seconds == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["missing/a.wav", ".", "/dev/null"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError) as caught:
        write_wav(tmp_path / name, [tone(0.1)])
    assert "--out" in str(caught.value) or "name a file" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from assistant.errors import OutputError
from assistant.sound.samples import Sound, write_wav
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_wav(Path(sys.argv[1]), [Sound(np.zeros(16_000, np.float32), 16_000)] * 20)
except OutputError as error:
    print(error)
    print(error.spoken)
"""


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files makes the kernel refuse a write half-way, as a full disk does."""
    command = [sys.executable, "-W", "error", "-c", FULL_DISK, str(tmp_path / "a.wav")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "cannot write" in done.stdout
    assert "could not save the answer" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_playing_without_a_loudspeaker_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if has_output():
        pytest.skip("this machine has a loudspeaker")
    with pytest.raises(EngineError, match=r"--out|libportaudio2"):
        play(tone(0.1))


def test_a_missing_portaudio_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sounddevice` raises OSError at import when its system library is not there."""
    import ctypes.util

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(EngineError, match="libportaudio2"):
        sound_module.portaudio()
    assert not has_output()
