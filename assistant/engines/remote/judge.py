"""The judge on another machine: the likelihood of texts from `/v1/completions` with `echo` and `logprobs`.

vLLM, SGLang and llama-cpp-python give that; llama.cpp's own server and `transformers serve` do not. Where it cannot be had, the
judge of this machine is asked, and that is said in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import openai
from openai import AsyncOpenAI

from assistant.engines.remote.client import SEE, Connection, connected
from assistant.errors import ServerError
from assistant.ports.engines import LanguageModel

log = logging.getLogger(__name__)


class CannotScoreError(ServerError):
    """The server answers, but does not tell how likely a given text is."""


class RemoteJudge:
    """Protocol `LanguageModel`, with another one to fall back on."""

    def __init__(self, connection: Connection, here: Callable[[], LanguageModel]) -> None:
        """`here` opens the judge of this machine, when it is first needed."""
        self._connection = connection
        self._here = here
        self._cannot = False
        self._failing = False

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """As `LanguageModel`, where possible from the server. Errors: those of the judge of this machine."""
        if not self._cannot:
            try:
                scores = score(self._connection, prompt, continuations)
            except CannotScoreError as error:
                self._cannot = True
                log.warning("%s", error)
            except ServerError as error:
                if not self._failing:  # once, until it works again
                    log.warning("%s; the judge of this machine is asked", error)
                self._failing = True
            else:
                self._failing = False
                return scores
        return self._here().score(prompt, continuations)


def score(connection: Connection, prompt: str, continuations: Sequence[str]) -> list[float]:
    """Mean log-likelihood per token (nats) of each continuation after `prompt`, from the server.

    Errors: CannotScoreError where the server has no such thing, ServerError where it does not answer, ValueError for empty texts.
    """
    if not prompt or not continuations or not all(continuations):
        raise ValueError("a prompt and continuations of at least one token each are needed")
    return asyncio.run(_scores(connection, prompt, continuations))


async def _scores(connection: Connection, prompt: str, continuations: Sequence[str]) -> list[float]:
    texts = [prompt, *(prompt + text for text in continuations)]
    async with connected(connection) as client, asyncio.timeout(connection.timeout):
        before, *rows = await asyncio.gather(*(_likelihoods(client, connection, text) for text in texts))
    return [_after(before, row, connection) for row in rows]


@dataclass(frozen=True)
class _Tokens:
    """A text, cut into tokens by the server."""

    texts: tuple[str, ...]
    likely: tuple[float | None, ...]
    """Log-likelihood of each; None for the first, which nothing comes before."""


async def _likelihoods(client: AsyncOpenAI, connection: Connection, text: str) -> _Tokens:
    """Of the tokens of `text`. One more is asked for, since not every server writes none at all."""
    try:
        answered = await client.completions.create(
            model=connection.language_model, prompt=text, max_tokens=1, temperature=0, echo=True, logprobs=1
        )
    except (openai.BadRequestError, openai.UnprocessableEntityError, openai.NotFoundError) as error:
        raise _cannot(connection) from error
    try:
        told = answered.choices[0].logprobs
        written = answered.usage.completion_tokens if answered.usage else 1
        texts, likely = tuple(told.tokens or ()), tuple(told.token_logprobs or ())  # type: ignore[union-attr]
        count = len(likely) - written
        fits = (
            len(texts) == len(likely) and count > 0 and all(isinstance(each, float | int) for each in likely[1:count])
        )
    except (AttributeError, TypeError, LookupError) as error:
        raise _cannot(connection) from error
    if not fits:
        raise _cannot(connection)
    return _Tokens(texts[:count], likely[:count])


def _after(before: _Tokens, whole: _Tokens, connection: Connection) -> float:
    """Mean over the tokens of `whole` that are not those of `before`; the last of `before` may have grown together with the next."""
    pairs = zip(before.texts, whole.texts, strict=False)
    shared = next((place for place, (one, other) in enumerate(pairs) if one != other), len(before.texts))
    rest = [each for each in whole.likely[max(shared, 1) :] if each is not None]
    if shared < len(before.texts) - 1 or not rest:
        raise _cannot(connection)
    return sum(rest) / len(rest)


def _cannot(connection: Connection) -> CannotScoreError:
    return CannotScoreError(
        f"the server at {connection.host} does not tell how likely a text is, so the language model of this machine judges; {SEE}",
        "The other machine cannot judge.",
    )
