"""Whether the models on another machine can do what the assistant wants of them: each is asked once, for real."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assistant.engines.remote.client import SEE, Connection
from assistant.engines.remote.eye import RemoteEye
from assistant.engines.remote.judge import score
from assistant.errors import ServerError
from assistant.picture.photo import Photo

_RED, _BLUE = (200, 30, 30), (30, 30, 200)
_SIDE = 224
"""Pixels of the pictures that are shown."""


@dataclass(frozen=True)
class Health:
    """What came of asking."""

    host: str
    picture_model: str
    """Its name; empty where none is asked there."""
    picture_problem: str
    """Why it cannot be used, and what to do; empty when it answers from the picture."""
    language_model: str
    language_problem: str
    """Likewise, of the judge."""


def examine(connection: Connection) -> Health:
    """Ask each model that `connection` names; takes as long as they do, at most a few times its time-out. Nothing is raised."""
    picture = language = ""
    if connection.picture_model:
        try:
            _check_that_it_sees(connection)
        except ServerError as error:
            picture = str(error)
    if connection.language_model:
        try:
            score(connection, "Ready", [" or not"])
        except ServerError as error:
            language = str(error)
    return Health(connection.host, connection.picture_model, picture, connection.language_model, language)


def _check_that_it_sees(connection: Connection) -> None:
    """ServerError also for a model that says the same of a red picture and a blue one: some servers leave pictures out silently."""
    eye = RemoteEye(connection)
    said = ["".join(eye.ask(_plain(colour), "What colour is it?", style="short")) for colour in (_RED, _BLUE)]
    if said[0] == said[1]:
        raise ServerError(
            f"{connection.picture_model} at {connection.host} says the same of a red picture and of a blue one, so it does not see: "
            f"name a model there that sees in server.picture_model; {SEE}",
            "The picture model on the other machine does not see.",
        )


def _plain(colour: tuple[int, int, int]) -> Photo:
    return Photo(np.full((_SIDE, _SIDE, 3), colour, np.uint8))
