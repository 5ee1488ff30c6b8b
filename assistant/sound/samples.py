"""Sound as a value: samples with their rate, read from a file, written to one, or played.

Recognising words is the work of `hearing/recogniser.py`, making speech that of `speaking/voice.py`. Listening all the time: `soundcard.py`.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, cast

import av
import av.error
import av.filter
import numpy as np
from numpy.typing import NDArray

from assistant.errors import EngineError, OutputError, SoundError

HEARING_RATE = 16_000
"""Samples per second of everything that is listened to; what Whisper and Silero were trained on."""
LONGEST_SECONDS = 60.0
"""A question fits in a minute; a longer file is a mistake, and is refused before its rest is read."""
SILENCE = 0.01
"""Of a sound's peak: nobody hears what is fainter (40 dB) before it."""
LED_IN = 0.005
"""Seconds left before what is heard, so that no consonant loses its edge."""

CONTAINERS = "wav,w64,aiff,flac,ogg,mp3,aac,amr,caf,matroska,webm,mov,mp4,m4a,3gp"
"""What recordings from elsewhere come in, by FFmpeg's names: phones, recorders and browsers write these. FFmpeg knows hundreds,
among them play lists and formats that nobody has looked at for years."""

_WAV_HEADER_BYTES = 44

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sound:
    """Mono sound."""

    samples: NDArray[np.float32]
    """`[n]`, -1 to 1."""
    rate: int
    """Samples per second."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Utterance:
    """What was heard."""

    text: str
    """The words; empty when nobody spoke."""
    confidence: float
    """0 to 1: the recogniser's mean token probability."""
    language: str = "en"


def load_sound(path: Path) -> Sound:
    """The sound in `path`, in any format FFmpeg knows, mixed down to mono at `HEARING_RATE`.

    Never reads more than the first `LONGEST_SECONDS`, whatever the file's header claims.
    Errors: SoundError when the file is missing, unreadable, empty, too long, or not sound.
    """
    try:
        with path.open("rb") as file:
            if path.is_file() and path.stat().st_size == 0:
                raise SoundError(
                    f"{path} is empty (0 bytes): record the question again",
                    "The recording is empty. Record your question again.",
                )
            blocks = list(_decode(file, path))
    except IsADirectoryError:
        raise SoundError(
            f"{path} is a folder: give a sound file", "That is a folder, not a recording. Choose a file."
        ) from None
    except FileNotFoundError:
        raise SoundError(f"no file {path}: check the name", "I cannot find the recording. Check its name.") from None
    except PermissionError:
        raise SoundError(
            f"no permission to read {path}: change its permissions (chmod +r) or use a copy",
            "I am not allowed to open the recording. Use a copy of it.",
        ) from None
    except (av.error.FFmpegError, OSError) as error:
        raise _not_sound(path, error.strerror or str(error)) from error
    return _joined(blocks, path)


def sound_of(data: bytes, name: str = "the recording") -> Sound:
    """The sound in `data`, a file's content that never was on the disk, in one of `CONTAINERS`; else as `load_sound`.

    `name` is for the error's words.
    """
    if not data:
        raise SoundError(
            f"{name} is empty (0 bytes): record the question again",
            "The recording is empty. Record your question again.",
        )
    try:
        blocks = list(_decode(BytesIO(data), name, {"format_whitelist": CONTAINERS}))
    except (av.error.FFmpegError, OSError) as error:
        raise _not_sound(name, error.strerror or str(error)) from error
    return _joined(blocks, name)


def _joined(blocks: list[NDArray[np.float32]], name: object) -> Sound:
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not len(samples):
        raise _not_sound(name, "it holds no samples")
    return Sound(np.clip(np.nan_to_num(samples), -1, 1), HEARING_RATE)


def _not_sound(name: object, reason: str) -> SoundError:
    return SoundError(
        f"{name} cannot be read as sound ({reason}): give a sound file such as WAV, FLAC, OGG or MP3",
        "That file is not a recording I can read. Record your question again.",
    )


def _decode(file: BinaryIO, name: object, options: dict[str, str] | None = None) -> Iterator[NDArray[np.float32]]:
    """Mono blocks of `file` at `HEARING_RATE`; SoundError once they exceed `LONGEST_SECONDS`."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=HEARING_RATE)
    length = 0
    # An empty list of protocols: a play list given as a recording must not open other files, nor the network.
    with av.open(
        file, "r", metadata_errors="ignore", options={"protocol_whitelist": "", **(options or {})}
    ) as container:
        if not container.streams.audio:
            raise _not_sound(name, "it has no sound track")
        for packet in container.demux(container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                log.warning("%s: skipped a damaged packet after %.1f s", name, length / HEARING_RATE)
                continue
            for frame in frames:
                frame.pts = None  # gaps between time stamps are not sound
            last = [None] if packet.dts is None and not packet.size else []  # the flushing packet empties the resampler
            for block in itertools.chain.from_iterable(resampler.resample(frame) for frame in [*frames, *last]):
                length += block.samples
                if length > LONGEST_SECONDS * HEARING_RATE:
                    raise SoundError(
                        f"{name} is longer than {LONGEST_SECONDS:.0f} s: record the question alone",
                        "The recording is longer than a minute. Ask in a shorter one.",
                    )
                yield block.to_ndarray().reshape(-1).astype(np.float32)


def resample(sound: Sound, rate: int) -> Sound:
    """`sound` at `rate` samples per second."""
    if sound.rate == rate or not len(sound.samples):
        return Sound(sound.samples, rate)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    blocks = [
        block.to_ndarray().reshape(-1) for part in (audio_frame(sound), None) for block in resampler.resample(part)
    ]
    return Sound(np.concatenate(blocks) if blocks else np.zeros(0, np.float32), rate)


def quicker(sound: Sound, times: float) -> Sound:
    """`sound` played `times` (1 to 3) as quickly at the same pitch."""
    if times == 1:
        return sound
    time_base = Fraction(1, sound.rate)
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=sound.rate, layout="mono", time_base=time_base)
    # Past twice the speed the filter leaves samples out instead of blending them, so it runs twice.
    step = f"{times**0.5:.6f}"
    sink = graph.add("abuffersink")
    graph.link_nodes(source, graph.add("atempo", step), graph.add("atempo", step), sink).configure()
    frame = audio_frame(sound)
    frame.pts, frame.time_base = 0, time_base
    source.push(frame)
    source.push(None)
    blocks = []
    with contextlib.suppress(av.error.EOFError):
        while True:
            blocks.append(cast(av.AudioFrame, sink.pull()).to_ndarray().reshape(-1))
    return Sound(np.concatenate(blocks).astype(np.float32), sound.rate)


def at_once(sound: Sound) -> Sound:
    """`sound` without the silence that it begins with: voices leave some 50 ms of it before the first word."""
    loudness = np.abs(sound.samples)
    loud = np.flatnonzero(loudness > SILENCE * loudness.max(initial=0.0))
    first = max(0, int(loud[0]) - round(LED_IN * sound.rate)) if len(loud) else 0
    return Sound(sound.samples[first:], sound.rate)


def audio_frame(sound: Sound) -> av.AudioFrame:
    """`sound` as FFmpeg's filters take it."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.samples[None]), format="flt", layout="mono")
    frame.sample_rate = sound.rate
    return frame


def write_wav(path: Path, sounds: Iterable[Sound]) -> None:
    """Write `sounds`, one after the other as they come, to `path`: 16-bit mono WAV at the first one's rate.

    All or nothing: a hidden file beside `path` is filled and takes its name only when it is whole and on the disk.
    Errors: OutputError when the place cannot be written (no such folder, no permission, disk full);
    whatever `sounds` raises goes through. Nothing is left behind in either case.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.exists() and not path.is_file():
            raise OutputError(
                f"{path} is not a file: name a file for the answer",
                "I cannot write the answer there. Choose another place.",
            )
        try:
            with part.open("xb") as file:
                _write_frames(file, sounds)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write {path} ({error.strerror or error}): free some space or choose another place with --out",
            "I could not save the answer: the disk may be full. Choose another place.",
        ) from error


def wav_of(sounds: Iterable[Sound]) -> bytes:
    """`sounds`, one after the other, as the content of a file such as `write_wav` writes."""
    file = BytesIO()
    _write_frames(file, sounds)
    return file.getvalue()


def _write_frames(file: BinaryIO, sounds: Iterable[Sound]) -> None:
    # `wave` would write the header, but cannot be left half-way without a second error.
    rate = 0
    file.write(bytes(_WAV_HEADER_BYTES))
    for sound in sounds:
        rate = rate or sound.rate
        samples = np.clip(resample(sound, rate).samples, -1, 1)
        file.write((samples * 32767).astype("<i2").tobytes())
    length = file.tell()
    file.seek(0)
    file.write(_wav_header(rate or HEARING_RATE, length))


def _wav_header(rate: int, length: int) -> bytes:
    """The first 44 bytes of a file of `length` bytes: PCM, one channel, 16 bits."""
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", length - 8, b"WAVE")
        + layout
        + struct.pack("<4sI", b"data", length - _WAV_HEADER_BYTES)
    )


def has_output() -> bool:
    """Whether `play` has something to play on."""
    with contextlib.suppress(EngineError):
        return any(device["max_output_channels"] > 0 for device in portaudio().query_devices())
    return False


def play(sound: Sound) -> None:
    """Play `sound` on the default loudspeaker and return when it has been heard.

    Errors: EngineError when there is no loudspeaker, no PortAudio library, or the device fails.
    """
    library = portaudio()
    if not has_output():
        raise EngineError(
            "no sound output device: connect one, or write the answer to a file with --out",
            "I find no loudspeaker. Connect one.",
        )
    try:
        library.play(sound.samples, sound.rate, blocking=True)
    except library.PortAudioError as error:
        raise EngineError(
            f"the sound device failed ({error}): check it and try again", "The loudspeaker failed. Connect it again."
        ) from error


def look_again() -> None:
    """Have the library notice what was plugged in or out. All streams must be closed.

    Errors: EngineError when its system library is missing.
    """
    portaudio()._terminate()
    portaudio()._initialize()


def portaudio() -> ModuleType:
    """The library that knows the sound devices.

    Errors: EngineError when its system library is missing.
    """
    try:
        import sounddevice  # loads a system library, which may be missing: not needed to read or write files
    except OSError as error:
        raise EngineError(
            f"the PortAudio library is missing ({error}): install it, on Debian with `apt install libportaudio2`",
            "I cannot play sound: the system library PortAudio is missing. Install it.",
        ) from error
    module: ModuleType = sounddevice
    return module
