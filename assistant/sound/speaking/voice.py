"""Text to speech: a natural voice (piper) and a quick one (espeak-ng), both a sentence at a time.

Writing numbers and signs out as words comes before, in `pronounce.py`; playing or saving the sound after, in `sound/samples.py`.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    RuntimeException,
)
from piper import PiperConfig, PiperVoice, SynthesisConfig

from assistant.errors import EngineError
from assistant.settings.preferences import FASTEST, SLOWEST
from assistant.sound.samples import Sound, quicker
from assistant.sound.speaking.written.words import without_inner_dots

FIRST_WORDS = 12
"""A longer first sentence is cut at a pause, because nothing is heard before its first piece is made."""
_INNER_DOT = "\ue000"
"""Stands for a dot that ends no sentence, while a text is cut; no text has it, for it is not printable."""
MOST_WORDS = 40
"""Any longer run of words is cut: a page without a full stop must not take a minute and a gigabyte."""

# They have no base of their own.
_ONNX_ERRORS = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile, RuntimeException)


class PiperSpeaker:
    """A piper voice on the CPU."""

    def __init__(self, onnx: Path, steady: bool = False) -> None:
        """Open the voice `onnx`, whose settings lie beside it in `<onnx>.json`.

        steady: say the same words the same way each time, which sounds a little flatter.
        Errors: EngineError when either file is missing or damaged.
        """
        self._noise = 0.0 if steady else None
        try:
            self._voice = _open(onnx)
        except (OSError, ValueError, KeyError, *_ONNX_ERRORS) as error:
            raise EngineError(
                f"cannot open the voice {onnx} ({error}): run `assistant models fetch`",
                "My voice is missing or damaged. Run: assistant models fetch.",
            ) from error

    def speak(self, text: str, speed: float = 1.0) -> Iterator[Sound]:
        """One Sound for each sentence of `text`, or piece of a long one; `speed` 0.5 to 3 times the usual.

        Piper itself only goes slower: asked for three times the speed it reaches 1.9 times, so the rest is `quicker`.
        It would take [[...]] for phonemes: what was read from a picture must not choose them.
        Errors: ValueError for another speed; EngineError when the voice fails.
        """
        _check(speed)
        settings = SynthesisConfig(
            length_scale=self._voice.config.length_scale / min(speed, 1),
            noise_scale=self._noise,
            noise_w_scale=self._noise,
        )
        for piece in pieces(text):
            try:
                blocks = [
                    chunk.audio_float_array for chunk in self._voice.synthesize(piece.replace("[[", "["), settings)
                ]
            except _ONNX_ERRORS as error:
                raise EngineError(
                    f"the voice failed on {piece!r} ({error}): try --voice fast", "My voice failed. Try the fast voice."
                ) from error
            if blocks:
                yield quicker(Sound(np.concatenate(blocks), self._voice.config.sample_rate), max(speed, 1))


def _open(onnx: Path) -> PiperVoice:
    """As `PiperVoice.load`, but without ONNX Runtime's arena, which keeps for good what the longest sentence took, and with
    threads that sleep while they have nothing to do.

    A sentence of 40 words at half the speed: 290 MB instead of 710, in the same processor time. Threads that wait awake take
    1.5 times the processor time for the same samples, and are no sooner done (eight seconds of speech on two cores, 1.24 and
    0.85 s of it).
    """
    options = SessionOptions()
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = InferenceSession(str(onnx), sess_options=options, providers=["CPUExecutionProvider"])
    settings = json.loads(Path(f"{onnx}.json").read_text("utf-8"))
    return PiperVoice(config=PiperConfig.from_dict(settings), session=session, download_dir=onnx.parent)


class EspeakSpeaker:
    """The espeak-ng program: sounds like a machine, and starts at once."""

    WORDS_PER_MINUTE = 175
    """espeak-ng's own usual speed."""
    TIMEOUT = 10.0
    """Seconds; a sentence takes it some hundredths of one."""

    def __init__(self, program: str = "espeak-ng", voice: str = "en-us") -> None:
        """Find the program.

        Errors: EngineError when it is not installed.
        """
        found = shutil.which(program)
        if found is None:
            raise EngineError(
                f"{program} is not installed: install it (Debian: apt install espeak-ng) or use --voice natural",
                "The fast voice is not installed. Use the natural one.",
            )
        self._command = [found, "-v", voice, "--stdin", "--stdout"]

    def speak(self, text: str, speed: float = 1.0) -> Iterator[Sound]:
        """Like `PiperSpeaker.speak`."""
        _check(speed)
        for piece in pieces(text):
            yield self._say(piece, round(self.WORDS_PER_MINUTE * speed))

    def _say(self, piece: str, words_per_minute: int) -> Sound:
        # The text goes by standard input: what was read from a picture must never be taken for an option.
        command = [*self._command, "-s", str(words_per_minute)]
        try:
            done = subprocess.run(command, input=piece.encode(), capture_output=True, timeout=self.TIMEOUT, check=True)
            return _parse_wav(done.stdout)
        except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
            raise EngineError(
                f"espeak-ng failed on {piece!r} ({error}): try --voice natural",
                "The fast voice failed. Try the natural one.",
            ) from error


def _check(speed: float) -> None:
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"speed {speed} is not between {SLOWEST} and {FASTEST}")


def _parse_wav(data: bytes) -> Sound:
    with wave.open(io.BytesIO(data)) as reader:
        # Written to a pipe, the header claims two gigabytes: take what is there.
        samples = np.frombuffer(reader.readframes(len(data)), "<i2")
        return Sound(samples.astype(np.float32) / np.float32(32768), reader.getframerate())


def pieces(text: str) -> list[str]:
    """`text` cut where one breathes: at the end of a sentence or line, and inside a sentence too long to wait for."""
    # Some voices stop at a zero byte or choke on half a surrogate, and pictures yield the oddest characters.
    text = "".join(letter if letter.isprintable() or letter.isspace() else " " for letter in text)
    text = without_inner_dots(text, _INNER_DOT)
    parts = re.split(r"(?<=[.!?…])[\"'”’)]*\s+(?![a-z\s])|\n+", text)
    sentences = [part.replace(_INNER_DOT, ".").strip() for part in parts]
    spoken = [sentence for sentence in sentences if re.search(r"\w", sentence)]
    cut: list[str] = []
    for sentence in spoken:
        cut += _cut(sentence, FIRST_WORDS if not cut else MOST_WORDS)
    return cut


def _cut(sentence: str, most: int) -> list[str]:
    """`sentence` itself if it has at most `most` words, or its first words up to a pause, and the rest cut likewise."""
    words = sentence.split()
    if len(words) <= most:
        return [sentence]
    at = _breath(words, most)
    return [" ".join(words[:at]), *_cut(" ".join(words[at:]), MOST_WORDS)] if at else [sentence]


_JOINING = {"and", "or", "but", "which", "who", "that", "because", "when", "while", "where", "if", "with", "by", "from"}


def _breath(words: list[str], most: int) -> int:
    """How many words to say before the pause: up to punctuation, or before a joining word; 0 for no pause at all."""
    places = range(most, 2, -1)
    after_mark = next((at for at in places if words[at - 1][-1] in ",;:–—)"), 0)
    before_word = next((at for at in places if words[at].lower() in _JOINING), 0)
    return after_mark or before_word or (most if most == MOST_WORDS else 0)
