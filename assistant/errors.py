"""The assistant's errors: each says what failed and what to do, once in print and once as a sentence to be spoken."""

from __future__ import annotations

from collections.abc import Mapping


class AssistantError(Exception):
    """Something the user can mend.

    `str(error)` is one line for a terminal or a log: what, where, what to do.
    `spoken` is the same for the ear: no path, no jargon, and one action.
    """

    def __init__(self, message: str, spoken: str) -> None:
        super().__init__(message)
        self.spoken = spoken


class PictureError(AssistantError):
    """The picture file cannot be used."""


class SoundError(AssistantError):
    """The sound file cannot be used, or nothing was heard in it."""


class QuestionError(AssistantError):
    """The question is empty, too long, or in a language the engines do not know."""


class SettingsError(AssistantError):
    """The settings cannot be read, used or kept; `problems` says what is wrong with each of them, by its key."""

    def __init__(self, message: str, spoken: str, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(message, spoken)
        self.problems = dict(problems or {})


class TriggerError(AssistantError):
    """A button, a pedal or a socket to talk by cannot be used."""


class AlreadyRunningError(TriggerError):
    """Another assistant of this account runs; two would answer at once."""


class ServiceError(AssistantError):
    """The assistant cannot be made to start by itself."""


class EngineError(AssistantError):
    """An engine is missing, cannot be opened, or failed while working."""


class ServerError(EngineError):
    """A model on another machine cannot be asked, or did not answer; what was asked of it can still be answered by reading."""


class VoiceError(EngineError):
    """No voice speaks; there is nobody to say so but an earcon."""


class OutputError(AssistantError):
    """The answer cannot be written."""


class ScriptError(AssistantError):
    """A script of a simulated conversation has a mistake."""


class CameraError(AssistantError):
    """The camera, or what stands in for it, is wrong, missing, taken, or stopped working."""
