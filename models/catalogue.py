"""The catalogue: which models exist, what each is for, and exactly which bytes it consists of.

The table itself is `catalogue.toml`; this module gives its rows types and refuses a malformed one.
Where the files lie is `store.py`, how they come here is `fetch.py`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar, cast, get_args

from models.errors import CatalogueError

Role = Literal["recogniser", "speaker", "reader", "language", "vision-language"]
"""What a model does for the assistant."""
FourBits = Literal["", "setup", "nf4"]
"""How a model gets into 4 bits: not at all, by rpiq at `assistant setup`, or by bitsandbytes whenever it is loaded."""

PROJECT = Path(__file__).parents[1]
"""The folder of the clone, in which the models that come with the project lie."""
_TABLE = Path(__file__).with_name("catalogue.toml")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_T = TypeVar("_T")


@dataclass(frozen=True)
class WheelSource:
    """A model that lies inside a Python wheel. The wheel is downloaded without its dependencies and not installed."""

    package: str
    version: str
    sha256: str
    """Of the wheel itself."""
    size_bytes: int
    """Of the wheel: what goes over the network."""


@dataclass(frozen=True)
class HubSource:
    """A model in a repository of a model hub."""

    repo_id: str
    """`owner/name`."""
    revision: str | None
    """A commit, 40 hexadecimal digits: a branch or a tag could change under us. None: the one found at the first download, where
    the hub is asked which files there are and what they hash to (`pin.py`); the catalogue lists none then."""
    size_bytes: int = 0
    """About what goes over the network, where the files are not listed."""


@dataclass(frozen=True)
class ProjectSource:
    """A model that comes with the project: a folder of a clone."""

    folder: str
    """Below the project's own folder."""


Source = WheelSource | HubSource | ProjectSource


@dataclass(frozen=True)
class ModelFile:
    """One file of a model."""

    name: str
    """Its name in the store; no folders."""
    origin: str
    """Its path inside the wheel or the hub repository."""
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One model."""

    name: str
    role: Role
    languages: tuple[str, ...]
    """ISO 639-1 codes of the languages it was tried in."""
    licence: str
    """SPDX identifier."""
    licence_source: str
    """Where that licence is stated."""
    source: Source
    files: tuple[ModelFile, ...]
    """None for a model that is pinned at its first download and was not brought here yet."""
    memory_bytes: int
    """Memory needed beyond the bare process, for opening and using it once."""
    profiles: tuple[str, ...]
    """Profiles it belongs to."""
    four_bits: FourBits = ""

    @property
    def size_bytes(self) -> int:
        """Size in the store; about, while the files are not known."""
        if not self.files and isinstance(self.source, HubSource):
            return self.source.size_bytes
        return sum(file.size_bytes for file in self.files)

    @property
    def download_bytes(self) -> int:
        """What goes over the network."""
        if isinstance(self.source, ProjectSource):
            return 0
        return self.source.size_bytes if isinstance(self.source, WheelSource) else self.size_bytes


@dataclass(frozen=True)
class Catalogue:
    """All models, in the order of the table: where several could serve, the first is the default."""

    entries: tuple[Entry, ...]

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of all profiles, in order of appearance."""
        return tuple(dict.fromkeys(profile for entry in self.entries for profile in entry.profiles))

    def entry(self, name: str) -> Entry:
        """The model called `name`; CatalogueError if there is none."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.entries)
        raise CatalogueError(f"no model is called {name!r}; the catalogue has: {known}")

    def profile(self, name: str) -> tuple[Entry, ...]:
        """The models of one profile; CatalogueError if there is no such profile."""
        entries = tuple(entry for entry in self.entries if name in entry.profiles)
        if not entries:
            raise CatalogueError(f"no profile is called {name!r}; there are: {', '.join(self.profiles)}")
        return entries

    def role(self, profile: str, role: Role) -> Entry:
        """The model that plays `role` in `profile`; CatalogueError if the profile has none."""
        for entry in self.profile(profile):
            if entry.role == role:
                return entry
        raise CatalogueError(f"profile {profile!r} has no {role} model; choose another profile")


@cache
def load() -> Catalogue:
    """The catalogue shipped with this package."""
    return parse(_TABLE.read_text(encoding="utf-8"))


def parse(text: str) -> Catalogue:
    """A catalogue from TOML text; CatalogueError names the model and the key at fault."""
    try:
        rows = tomllib.loads(text).get("model", [])
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"the model catalogue is not valid TOML: {error}") from error
    entries = tuple(_entry(row) for row in rows)
    names = [entry.name for entry in entries]
    if not entries or len(set(names)) != len(names):
        raise CatalogueError(f"the model catalogue must hold models of different names, it holds: {names}")
    return Catalogue(entries)


class _Row:
    """One table of the TOML, read key by key; a key nobody asks for is an error, so a misspelling cannot hide."""

    def __init__(self, where: str, values: object) -> None:
        if not isinstance(values, dict):
            raise CatalogueError(f"model catalogue, {where}: expected a table")
        self.where, self.values = where, dict(values)

    def take(self, key: str, kind: type[_T], valid: Callable[[_T], bool], meaning: str) -> _T:
        """The value of `key`, removed from the row; CatalogueError unless it is of `kind` and `valid`."""
        value = self.values.pop(key, None)
        if not isinstance(value, kind) or isinstance(value, bool) or not valid(value):
            raise CatalogueError(f"model catalogue, {self.where}: {key} must be {meaning}, it is {value!r}")
        return value

    def text(self, key: str, pattern: str = r".+", meaning: str = "a text") -> str:
        return self.take(key, str, lambda value: re.fullmatch(pattern, value) is not None, meaning)

    def count(self, key: str) -> int:
        return self.take(key, int, lambda value: value > 0, "a positive whole number")

    def sha256(self) -> str:
        return self.text("sha256", r"[0-9a-f]{64}", "64 lower-case hexadecimal digits")

    def texts(self, key: str) -> tuple[str, ...]:
        def valid(values: list[object]) -> bool:
            return bool(values) and all(isinstance(value, str) and value for value in values)

        return tuple(str(value) for value in self.take(key, list, valid, "a list of texts"))

    def done(self) -> None:
        if self.values:
            raise CatalogueError(f"model catalogue, {self.where}: unknown keys {sorted(self.values)}")


def _entry(values: object) -> Entry:
    row = _Row("a model", values)
    name = row.text("name", _PLAIN_NAME.pattern, "a plain name")
    row.where = name
    roles, ways = get_args(Role), [way for way in get_args(FourBits) if way]
    source = _source(name, row.values.pop("source", None))
    listed = not (isinstance(source, HubSource) and source.revision is None)
    entry = Entry(
        name=name,
        role=cast(Role, row.text("role", "|".join(roles), f"one of {', '.join(roles)}")),
        languages=row.texts("languages"),
        licence=row.text("licence"),
        licence_source=row.text("licence_source"),
        source=source,
        files=tuple(_file(name, file) for file in row.take("file", list, bool, "at least one table")) if listed else (),
        memory_bytes=row.count("memory_bytes"),
        profiles=row.texts("profiles"),
        four_bits=cast(
            FourBits, row.text("four_bits", "|".join(ways), " or ".join(ways)) if "four_bits" in row.values else ""
        ),
    )
    row.done()
    names = [file.name for file in entry.files]
    if len(set(names)) != len(names):
        raise CatalogueError(f"model catalogue, {name}: two files share a name: {names}")
    return entry


def _source(name: str, values: object) -> Source:
    row = _Row(f"{name}, source", values)
    source: Source
    if "package" in row.values:
        source = WheelSource(
            package=row.text("package", _PLAIN_NAME.pattern, "a package name"),
            version=row.text("version", r"[0-9][0-9A-Za-z.+!]*", "a version"),
            sha256=row.sha256(),
            size_bytes=row.count("size_bytes"),
        )
    elif "folder" in row.values:
        source = ProjectSource(row.text("folder"))
        _inside(row.where, "folder", source.folder)
    else:
        pinned = "revision" in row.values
        source = HubSource(
            repo_id=row.text("repo_id", r"[\w.-]+/[\w.-]+", "owner/name"),
            revision=row.text("revision", r"[0-9a-f]{40}", "a commit of 40 hexadecimal digits") if pinned else None,
            size_bytes=0 if pinned else row.count("size_bytes"),
        )
    row.done()
    return source


def _file(model: str, values: object) -> ModelFile:
    row = _Row(f"{model}, file", values)
    file = ModelFile(
        name=row.text("name", _PLAIN_NAME.pattern, "a plain file name"),
        origin=row.text("origin"),
        size_bytes=row.count("size_bytes"),
        sha256=row.sha256(),
    )
    row.done()
    _inside(row.where, "origin", file.origin)
    return file


def _inside(where: str, key: str, path: str) -> None:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise CatalogueError(f"model catalogue, {where}: {key} must be a path inside its source: {path!r}")
