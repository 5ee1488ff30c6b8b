"""Opens the engines that a profile of the model catalogue names: each when first needed, or ahead of time by `warm`."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args

import numpy as np
import psutil

from assistant.engines.local.streamed_answer import stop_all
from assistant.errors import EngineError
from assistant.picture.photo import Photo
from assistant.picture.readers import BarcodeReader, Reader, TextFinder
from assistant.ports.engines import EVERYDAY, EngineName, LanguageModel, Recogniser, Speaker, VisionLanguageModel
from models.catalogue import Role
from models.conversion import transformers_folder
from models.errors import ModelError
from models.four_bits import four_bit_folder
from models.store import Store

if TYPE_CHECKING:
    from assistant.engines.remote.client import Connection

Voice = Literal["natural", "fast"]
"""`natural`: the profile's neural voice; `fast`: espeak-ng, which starts sooner."""

log = logging.getLogger(__name__)
_Engine = TypeVar("_Engine")


class ProfileEngines:
    """The engines of one profile on this machine. Safe to share between threads."""

    def __init__(
        self,
        store: Store,
        profile: str = "embedded",
        voice: Voice = "natural",
        threads: int = 0,
        picture_model: Path | None = None,
        steady: bool = False,
        elsewhere: Connection | None = None,
    ) -> None:
        """`threads` for each engine; 0 for one per core. `picture_model`: a folder, in place of the profile's.

        steady: a voice that says the same words the same way each time.
        elsewhere: a server that is asked for the models it names, in place of those here.
        """
        self._store = store
        self._elsewhere = elsewhere
        self._picture_model = picture_model
        self.profile = profile
        self.voice = voice
        self._steady = steady
        self._threads = threads or os.cpu_count() or 1
        self._opened: dict[EngineName, Any] = {}
        self._locks = {name: threading.Lock() for name in get_args(EngineName)}

    @property
    def recogniser(self) -> Recogniser:
        from assistant.sound.hearing.recogniser import WhisperRecogniser

        return self._open("recogniser", lambda: WhisperRecogniser(self._folder("recogniser"), self._threads))

    @property
    def reader(self) -> Reader:
        from assistant.picture.displays.reader import DisplayReader
        from assistant.picture.reading.reader import RapidOcrReader

        return DisplayReader(self._open("reader", lambda: RapidOcrReader(self._folder("reader"), self._threads)))

    @property
    def finder(self) -> TextFinder:
        """The reader, which also finds text without reading it."""
        from assistant.picture.reading.reader import RapidOcrReader

        return self._open("reader", lambda: RapidOcrReader(self._folder("reader"), self._threads))

    @property
    def speaker(self) -> Speaker:
        from assistant.sound.speaking.voice import EspeakSpeaker, PiperSpeaker

        def open_voice() -> Speaker:
            if self.voice == "fast":
                return EspeakSpeaker()
            return PiperSpeaker(next(self._folder("speaker").glob("*.onnx")), self._steady)

        return self._open("speaker", open_voice)

    @property
    def barcodes(self) -> BarcodeReader:
        from assistant.picture.barcode import ZxingBarcodeReader

        return self._open("barcodes", ZxingBarcodeReader)

    @property
    def judge(self) -> LanguageModel:
        from assistant.engines.local.language_model import TransformersLanguageModel

        def open_judge() -> LanguageModel:
            source = self._folder("language")
            # Without `assistant setup`, in full precision.
            return TransformersLanguageModel(four_bit_folder(source) or transformers_folder(source), self._threads)

        if self._elsewhere is None or not self._elsewhere.language_model:
            return self._open("judge", open_judge)
        from assistant.engines.remote.judge import RemoteJudge

        there = self._elsewhere
        return self._open("judge elsewhere", lambda: RemoteJudge(there, lambda: self._open("judge", open_judge)))

    @property
    def asks(self) -> str:
        """The other machine that is asked, by name or number; empty when nothing leaves this one."""
        return self._elsewhere.machine if self._elsewhere else ""

    @property
    def sees(self) -> bool:
        """Whether there is a model that sees, here, elsewhere or to be fetched. CatalogueError when there is no such profile."""
        roles = [entry.role for entry in self._store.catalogue.profile(self.profile)]
        there = self._elsewhere is not None and bool(self._elsewhere.picture_model)
        return there or self._picture_model is not None or "vision-language" in roles

    @property
    def eye(self) -> VisionLanguageModel:
        def open_it() -> VisionLanguageModel:
            if self._elsewhere is not None and self._elsewhere.picture_model:
                from assistant.engines.remote.eye import RemoteEye

                return RemoteEye(self._elsewhere)
            from assistant.engines.local.picture_model import open_eye

            if self._picture_model is not None:
                return open_eye(self._picture_model, self._threads)
            source = self._folder("vision-language")
            entry = self._store.catalogue.role(self.profile, "vision-language")
            folder = four_bit_folder(source)
            if folder is None:
                _check_memory(entry.name, source)
            return open_eye(folder or source, self._threads, nf4=entry.four_bits == "nf4")

        return self._open("eye", open_it)

    def warm(self, names: Sequence[EngineName] = EVERYDAY) -> None:
        """Open these engines in parallel and run each once, so that the first question is not the slow one."""
        with ThreadPoolExecutor(len(names)) as pool:
            for done in [pool.submit(self._warm, name) for name in names]:
                done.result()

    def leave_off(self) -> None:
        """Nobody waits for the picture model any more; what it was writing ends."""
        if "eye" in self._opened:
            stop_all()

    def names(self) -> str:
        """The models in use, for the record: "whisper-tiny.en, ..."."""
        names = {entry.role: entry.name for entry in self._store.catalogue.profile(self.profile)}
        if self._picture_model is not None:
            names["vision-language"] = self._picture_model.name
        there = self._elsewhere
        if there is not None and there.picture_model:
            names["vision-language"] = f"{there.picture_model} at {there.host}"
        if there is not None and there.language_model:
            names["language"] = f"{there.language_model} at {there.host}"
        return ", ".join(names.values())

    def _warm(self, name: EngineName) -> None:
        if name == "recogniser":
            # Real speech, because silence would not get past the voice detector to the model.
            self.recogniser.transcribe(next(self.speaker.speak("Ready.", 1.0)))
        elif name == "reader":
            self.reader.read(Photo(np.full((320, 320, 3), 255, np.uint8)))
        elif name == "speaker":
            for _ in self.speaker.speak("Ready.", 1.0):
                pass
        elif name in ("judge", "judge elsewhere"):
            self.judge.score("Ready", [" or not"])
        elif name == "eye":
            for _ in self.eye.ask(Photo(np.full((64, 64, 3), 255, np.uint8)), "Ready?", style="short"):
                pass
        else:
            self.barcodes.codes(Photo(np.full((64, 64, 3), 255, np.uint8)))

    def _folder(self, role: Role) -> Any:
        try:
            return self._store.open(self._store.catalogue.role(self.profile, role).name)
        except ModelError as error:
            raise EngineError(
                str(error), "One of my models is missing or damaged. Run: assistant models fetch."
            ) from error

    def _open(self, name: EngineName, opener: Callable[[], _Engine]) -> _Engine:
        with self._locks[name]:
            if name not in self._opened:
                log.info("opening the %s", name)
                self._opened[name] = opener()
            return cast(_Engine, self._opened[name])


def _check_memory(name: str, folder: Path) -> None:
    """EngineError for a model in full precision that would only make the machine grind to a halt."""
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    free = psutil.virtual_memory().available
    if size > free:
        raise EngineError(
            f"{name} takes {size / 1e9:.1f} GB in full precision and {free / 1e9:.1f} GB of memory are free: run "
            "`assistant setup` with its profile, or close other programs",
            "There is too little memory for the picture model. A caregiver can make it small with: assistant setup.",
        )
