"""The loudspeaker: a PortAudio stream that pulls from the mixer, and remembers what it put out for echo cancellation.

When it is opened, watched and opened again, is the work of `soundcard.py`; what sounds and in which order, that of `mixer.py`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.ports.events import Event, Played
from assistant.sound.mixer import HEARING_STEP, OUTPUT_RATE, Mixer
from assistant.sound.samples import Sound, portaudio
from assistant.sound.streaming import Buffer, Resampling

Samples = NDArray[np.float32]

LATENCY = 0.05
"""Seconds of sound that the device may hold: less is torn when the machine is busy, more is heard after a stop."""
MOST_REMEMBERED = 100
"""Steps of what was put out that are kept while nobody asks for them."""
SPARE = 3
"""Steps that what was put out may be ahead of what was heard; more is drift, and the oldest are left out."""


class PortAudioLoudspeaker:
    """A `ports.Loudspeaker`. While it is closed, sounds are kept and none is played."""

    def __init__(self, report: Callable[[Event], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`report` is called from the sound system's thread, so it must not wait."""
        self._report = report
        self._clock = clock
        self._mixer = Mixer()
        self._stream: Any = None
        self._put_out: deque[Samples] = deque(maxlen=MOST_REMEMBERED)
        self._to_report: deque[tuple[float, int]] = deque()
        self.ticked = 0.0
        """When the device last asked for sound."""

    def play(self, sound: Sound) -> int:
        return self._mixer.play(sound)

    def cue(self, sound: Sound) -> None:
        self._mixer.cue(sound)

    def pause(self) -> None:
        self._mixer.pause()

    def resume(self) -> None:
        self._mixer.resume()

    def stop(self) -> None:
        self._to_report.clear()
        self._mixer.stop()

    @property
    def volume(self) -> float:
        return self._mixer.volume

    @volume.setter
    def volume(self, value: float) -> None:
        self._mixer.volume = min(1.0, max(0.0, value))

    @property
    def idle(self) -> bool:
        """Whether nothing is to be heard now."""
        return self._mixer.idle

    def played(self, steps: int, waiting: int = 0) -> Samples:
        """`[steps * 160]`: what was put out while the microphone heard as much, silence where nothing was.

        `waiting`: steps that the microphone has heard and nobody has asked about yet.
        """
        while len(self._put_out) > steps + waiting + SPARE:
            self._put_out.popleft()
        blocks = [self._put_out.popleft() for _ in range(min(steps, len(self._put_out)))]
        return np.concatenate([*blocks, np.zeros((steps - len(blocks)) * HEARING_STEP, np.float32)])

    @property
    def active(self) -> bool:
        """Whether the stream is open and has not ended by itself."""
        return self._stream is not None and self._stream.active

    def open(self, device: int | None) -> None:
        """Open PortAudio's device of this number, None for its default, and go on with what was playing.

        Errors: PortAudioError.
        """
        rate = OUTPUT_RATE
        try:
            portaudio().check_output_settings(device, channels=1, dtype="float32", samplerate=rate)
        except portaudio().PortAudioError:
            rate = round(portaudio().query_devices(device, "output")["default_samplerate"])
        self._rate, self._pulled = rate, Buffer()
        self._resampling = None if rate == OUTPUT_RATE else Resampling(OUTPUT_RATE, rate)
        self._mixer.rewind()
        self._put_out.clear()
        self._stream = portaudio().OutputStream(
            samplerate=rate,
            blocksize=rate // 100,
            device=device,
            channels=1,
            dtype="float32",
            latency=LATENCY,
            callback=self._called,
        )
        self._stream.start()

    def close(self) -> None:
        """Let go of the device. Never fails: it may be gone."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)

    def _called(self, out: Samples, frames: int, times: Any, status: Any) -> None:
        """PortAudio wants `[frames, 1]` samples. Nothing here waits for a lock or the disk."""
        self.ticked = now = self._clock()
        while len(self._pulled) < frames:
            self._pulled.put(self._pull())
        out[:, 0] = self._pulled.take(frames)
        heard_at = now + max(0.0, times.outputBufferDacTime - times.currentTime) + frames / self._rate
        self._to_report.extend((heard_at, number) for number in self._mixer.finished())
        while self._to_report and self._to_report[0][0] <= now:
            at, number = self._to_report.popleft()
            self._report(Played(at, number))

    def _pull(self) -> Samples:
        out, heard = self._mixer.pull()
        self._put_out.append(heard)
        return self._resampling(out) if self._resampling else out
