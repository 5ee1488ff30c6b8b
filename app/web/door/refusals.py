"""What a request is refused for, whoever sends it: too much, too often, too slowly, or for a place that is not there."""

from __future__ import annotations

from assistant.errors import AssistantError


class TooOftenError(AssistantError):
    """Too many requests, or too many tries, from one side."""

    def __init__(self, message: str, spoken: str, seconds: float) -> None:
        super().__init__(message, spoken)
        self.seconds = seconds
        """After these it may be tried again."""


class BusyError(AssistantError):
    """Too much at once, of all together."""


class TooSlowError(AssistantError):
    """A body came in too slowly."""


class PathError(AssistantError):
    """A path that none of our pages has."""


class ForbiddenError(AssistantError):
    """It is there, but not for this session."""


class UpgradeError(AssistantError):
    """There are no websockets here."""


def too_often(seconds: float) -> TooOftenError:
    """The refusal of one who asks too often."""
    return TooOftenError(
        f"too many requests: try again in {seconds:.0f} s", "That was too often. Wait a moment, and try again.", seconds
    )


def not_there() -> PathError:
    """The refusal of a path."""
    return PathError("there is no such page", "There is no such page. Go back to the start.")
