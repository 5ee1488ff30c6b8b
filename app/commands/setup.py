"""`assistant setup`: brings the models here and quantizes those that are too large to 4 bits, once; it may be stopped at any time."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from app import settings
from app.commands.models import DEFAULT_PROFILE, bring
from app.terminal import ProgressLine, SpokenProgress, WrittenProgress, add_progress_option, complain, say
from models.errors import Unavailable
from models.fetch import hub_offline, needed_bytes
from models.store import Store

if TYPE_CHECKING:
    from app.commands import Subparsers
    from models.catalogue import Entry
    from rpiq import Progress


def register(subparsers: Subparsers) -> None:
    """Add `setup` to the command line."""
    parser = subparsers.add_parser(
        "setup",
        help="fetch the models of a profile and make the large ones small, once",
        description="Fetch the models that are missing and quantize the language model, and the picture model of the profile full, to "
        "4 bits. It takes some minutes, once; what is done when it is stopped is kept.",
    )
    parser.add_argument("--profile", default=DEFAULT_PROFILE, help="which models (see `assistant models list`)")
    add_progress_option(parser)
    parser.set_defaults(run=run, online=True)


def run(arguments: argparse.Namespace) -> int:
    """Does only what is not done yet; exit status 0 when all of it is."""
    from models.four_bits import four_bit_folder

    store = Store(settings.read().store_root)
    entries = store.catalogue.profile(arguments.profile)
    missing = [row.entry for row in store.listing() if row.entry in entries and row.problem]
    large = [entry for entry in entries if entry.four_bits == "setup"]
    _check_room(store, missing, large)
    written = WrittenProgress() if arguments.progress == "json" else None
    for entry in entries:
        say(f"{entry.name}: {bring(store, entry.name, written or ProgressLine())}")
    hub_offline()  # nothing below has anything to look for in the network
    for entry in large:
        folder = store.open(entry.name)
        if four_bit_folder(folder):
            say(f"{entry.name}: already in 4 bits")
        else:
            say(f"{entry.name}: {_megabytes(_quantize(folder, written))} MB in 4 bits")
    return 0


def _check_room(store: Store, missing: list[Entry], large: list[Entry]) -> None:
    """Everything together, so that a full disk is not noticed minutes later."""
    from models import four_bits

    needed = sum(needed_bytes(entry) for entry in missing)
    for entry in large:
        if entry in missing or not four_bits.four_bit_folder(store.folder(entry.name)):
            sees = entry.role == "vision-language"
            needed += four_bits.needed_bytes(store.folder(entry.name), entry.size_bytes, sees)
    place = next(folder for folder in (store.root, *store.root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise Unavailable(
            f"{needed / 1e6:,.0f} MB are needed in {store.root} and {free / 1e6:,.0f} MB are free; "
            "make room or choose another store"
        )


def _quantize(folder: Path, written: WrittenProgress | None) -> Path:
    from models.four_bits import make_four_bits

    complain(f"making {folder.name} small: this takes a while, once")
    line = SpokenProgress(f"making {folder.name} small")

    def report(progress: Progress) -> None:
        if progress.stage == "finished":  # a resumed run tells all that was done before, which is no news
            return
        if written is not None:
            written.tell(f"making {folder.name} small", progress.share, progress.seconds_left)
        else:
            line(progress.share, progress.seconds_left)

    try:
        return make_four_bits(folder, report)
    except KeyboardInterrupt:
        complain("what is done is kept; assistant setup goes on from there")
        raise


def _megabytes(folder: Path) -> str:
    return f"{sum(path.stat().st_size for path in folder.iterdir()) / 1e6:,.0f}"
