"""Errors of the model store and of the models themselves: each message says what failed, where, and what to do.

What is said aloud to a blind user is the assistant's part, which wraps these.
"""

from __future__ import annotations


class ModelError(Exception):
    """Something about a model that the user can mend; `str(error)` is one line for a terminal or a log."""


class CatalogueError(ModelError):
    """The catalogue table is malformed, or holds no such model, profile or role."""


class NotFetched(ModelError):  # noqa: N818 - named for what is said, not for being an error
    """The model is not in the store yet."""


class Corrupt(ModelError):  # noqa: N818
    """A file is missing, truncated, altered or not listed in the catalogue."""


class Unavailable(ModelError):  # noqa: N818
    """The model cannot be brought here or written: no network, no such package, no room, no permission."""


class Unsuitable(ModelError):  # noqa: N818
    """A folder or a configuration of another kind of model than the one that is opened."""


class PromptError(ModelError, ValueError):
    """A question, its history or its picture in a form, or of a length, that the model cannot take."""
