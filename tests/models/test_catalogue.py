"""The shipped table is sound, and a table with a mistake is refused by name of model and key."""

from __future__ import annotations

import re

import pytest

from models.catalogue import HubSource, ProjectSource, load, parse
from models.errors import CatalogueError

REVISION = "0123456789abcdef0123456789abcdef01234567"
ROW = """
[[model]]
name = "toy"
role = "language"
languages = ["en"]
licence = "MIT"
licence_source = "here"
memory_bytes = 1_000
profiles = ["tiny"]
[model.source]
repo_id = "somebody/toy"
revision = "0123456789abcdef0123456789abcdef01234567"
[[model.file]]
name = "weights.bin"
origin = "sub/weights.bin"
size_bytes = 10
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
"""


def test_embedded_profile_has_one_model_for_each_role_it_needs() -> None:
    catalogue = load()
    roles = [entry.role for entry in catalogue.profile("embedded")]
    assert sorted(roles) == ["language", "reader", "recogniser", "speaker"]
    for role in roles:
        assert catalogue.role("embedded", role).role == role


def test_every_shipped_model_says_its_licence_and_size() -> None:
    for entry in load().entries:
        assert entry.licence in {"MIT", "Apache-2.0", "LicenseRef-CogVLM2 AND LicenseRef-Llama-3"}
        assert entry.size_bytes > 0
        if entry.files:
            assert entry.size_bytes == sum(file.size_bytes for file in entry.files)
        assert entry.memory_bytes > entry.size_bytes / (4 if entry.four_bits == "setup" else 2)


@pytest.mark.parametrize("profile", ["small", "full", "micro"])
def test_profiles_that_see_hear_speak_and_read_as_well(profile: str) -> None:
    roles = [entry.role for entry in load().profile(profile)]
    assert sorted(roles) == ["language", "reader", "recogniser", "speaker", "vision-language"]


def test_nothing_is_claimed_of_bytes_that_nobody_saw() -> None:
    for entry in load().entries:
        if isinstance(entry.source, HubSource):
            assert entry.source.revision is None
            assert entry.files == ()


def test_hub_row() -> None:
    entry = parse(ROW).entry("toy")
    assert entry.source == HubSource("somebody/toy", "0123456789abcdef0123456789abcdef01234567")
    assert entry.download_bytes == entry.size_bytes == 10


def test_hub_row_that_is_pinned_at_its_first_download() -> None:
    text = ROW[: ROW.index("[[model.file]]")].replace(f'revision = "{REVISION}"', "size_bytes = 900")
    entry = parse(text).entry("toy")
    assert entry.source == HubSource("somebody/toy", None, 900)
    assert (entry.files, entry.size_bytes, entry.download_bytes) == ((), 900, 900)
    with pytest.raises(CatalogueError, match="unknown keys"):
        parse(ROW.replace(f'revision = "{REVISION}"', "size_bytes = 900"))


def test_row_of_a_model_that_comes_with_the_project() -> None:
    text = re.sub(r"repo_id = .*\nrevision = .*", 'folder = "samples/toy"', ROW).replace(
        'profiles = ["tiny"]', 'profiles = ["tiny"]\nfour_bits = "setup"'
    )
    entry = parse(text).entry("toy")
    assert entry.source == ProjectSource("samples/toy")
    assert (entry.size_bytes, entry.download_bytes, entry.four_bits) == (10, 0, "setup")
    with pytest.raises(CatalogueError, match="folder must be a path inside"):
        parse(text.replace("samples/toy", "../toy"))
    with pytest.raises(CatalogueError, match="four_bits must be setup or nf4"):
        parse(text.replace('"setup"', '"soon"'))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "toy"', 'name = "../toy"'), "name must be a plain name"),
        (('role = "language"', 'role = "oracle"'), "toy: role must be one of"),
        (("memory_bytes = 1_000", "memory_bytes = -1"), "memory_bytes must be a positive"),
        (("memory_bytes = 1_000", "memory_bytes = true"), "memory_bytes must be a positive"),
        (('licence = "MIT"', 'license = "MIT"'), "licence must be a text"),
        (('licence = "MIT"', 'licence = "MIT"\nhomepage = "x"'), "unknown keys ['homepage']"),
        (('profiles = ["tiny"]', "profiles = []"), "profiles must be a list"),
        (("0123456789abcdef0123456789abcdef01234567", "main"), "revision must be a commit"),
        (("sub/weights.bin", "../weights.bin"), "origin must be a path inside its source"),
        (("sub/weights.bin", "/weights.bin"), "origin must be a path inside its source"),
        (('name = "weights.bin"', 'name = ".receipt.json"'), "name must be a plain file name"),
        (("sha256 = ", "sha1 = "), "toy, file: sha256 must be 64"),
        (("[[model]]", "[[model"), "not valid TOML"),
    ],
)
def test_mistake_is_named(change: tuple[str, str], said: str) -> None:
    with pytest.raises(CatalogueError, match=re.escape(said)):
        parse(ROW.replace(*change, 1))


@pytest.mark.parametrize("text", ["", ROW + ROW])
def test_none_or_two_of_a_name(text: str) -> None:
    with pytest.raises(CatalogueError, match="different names"):
        parse(text)


def test_unknown_name_profile_and_role_name_the_choices() -> None:
    catalogue = parse(ROW)
    with pytest.raises(CatalogueError, match=r"'nobody'.*toy"):
        catalogue.entry("nobody")
    with pytest.raises(CatalogueError, match=r"'huge'.*tiny"):
        catalogue.profile("huge")
    with pytest.raises(CatalogueError, match="'tiny' has no speaker"):
        catalogue.role("tiny", "speaker")
