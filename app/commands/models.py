"""`assistant models list|verify|fetch|remove`: what is in the model store, whether it is whole, how to fill and to empty it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app import settings
from app.terminal import ProgressLine, WrittenProgress, add_progress_option, complain, say, say_json
from models.errors import ModelError, NotFetched
from models.fetch import Outcome, fetch
from models.remove import remove
from models.store import Listing, Store

if TYPE_CHECKING:
    from app.commands import Subparsers

DEFAULT_PROFILE = "embedded"


def register(subparsers: Subparsers) -> None:
    """Add `models` and its actions to the command line."""
    parser = subparsers.add_parser("models", help="list, verify, fetch or remove the models", description=__doc__)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, run: object, text: str, profile: str | None, default: str) -> None:
        added = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name != "list":
            added.add_argument("names", nargs="*", metavar="NAME", help="models by name, instead of by profile")
        added.add_argument("--profile", default=profile, help=f"the models of one profile (default: {default})")
        added.add_argument("--json", action="store_true", help="write the result as JSON")
        if name != "list":
            add_progress_option(added)
        added.set_defaults(run=run, online=name == "fetch")

    action("list", list_models, "list the models and how they stand in the store", None, "all")
    action("verify", verify_models, "hash every file and compare it with the catalogue", None, "all that were fetched")
    action("fetch", fetch_models, "bring models into the store", DEFAULT_PROFILE, DEFAULT_PROFILE)
    removed = actions.add_parser(
        "remove", help="delete models", description="Delete models, with the copies made of them."
    )
    removed.add_argument("names", nargs="+", metavar="NAME", help="as `assistant models list` names them")
    removed.set_defaults(run=remove_models)


def list_models(arguments: argparse.Namespace) -> int:
    """One line for each model; hashes nothing."""
    store = _store()
    rows = [row for row in store.listing() if arguments.profile is None or arguments.profile in row.entry.profiles]
    if arguments.profile is not None:
        store.catalogue.profile(arguments.profile)  # an unknown one is an error, not an empty list
    if arguments.json:
        say_json([_row(row) for row in rows])
        return 0
    say(f"Store: {store.root}")
    for row in rows:
        entry = row.entry
        facts = f"{entry.size_bytes / 1e6:6,.0f} MB  {entry.licence:<10}  {', '.join(entry.languages)}"
        say(f"{entry.name:<23}  {entry.role:<15}  {row.state:<11}  {facts}")
        if row.state == "damaged":
            say(f"  {row.problem}")
    return 0


def verify_models(arguments: argparse.Namespace) -> int:
    """Every model is looked at even when one is bad; status 2 if any is."""
    store = _store()
    names = _names(store, arguments)
    if not names:
        names = [row.entry.name for row in store.listing() if row.state != "not fetched"]
    if not names:
        raise NotFetched(f"the store ({store.root}) holds no model yet; run: assistant models fetch")
    line = _progress(arguments)
    problems: dict[str, str] = {}
    for name in names:
        try:
            store.verify(name, line)
        except ModelError as error:
            problems[name] = str(error)
        line.clear()
        if not arguments.json:
            say(f"{name}: {'damaged' if name in problems else 'verified'}")
    if arguments.json:
        say_json([{"name": name, "verified": name not in problems, "problem": problems.get(name)} for name in names])
    for problem in problems.values():
        complain(f"assistant: error: {problem}")
    return 2 if problems else 0


def fetch_models(arguments: argparse.Namespace) -> int:
    """Stops at the first that cannot be had; what came before it stays."""
    store = _store()
    done = []
    for name in _names(store, arguments):
        outcome = bring(store, name, _progress(arguments))
        if any(file.name.endswith(".gguf") for file in store.catalogue.entry(name).files):
            _prepare(store, name)
        done.append({"name": name, "outcome": outcome, "folder": store.folder(name)})
        if not arguments.json:
            say(f"{name}: {outcome}")
    if arguments.json:
        say_json(done)
    return 0


def remove_models(arguments: argparse.Namespace) -> int:
    """Stops at the first that cannot be removed."""
    store = _store()
    for name in _names(store, arguments):
        say(f"{name}: removed, {remove(store, name) / 1e6:,.0f} MB are free again")
    return 0


def bring(store: Store, name: str, progress: ProgressLine | WrittenProgress) -> Outcome:
    """Fetch one model and show how far it has come; errors as `models.fetch.fetch`."""
    try:
        return fetch(store, name, progress)
    finally:
        progress.clear()


def _progress(arguments: argparse.Namespace) -> ProgressLine | WrittenProgress:
    return WrittenProgress() if arguments.progress == "json" else ProgressLine()


def _prepare(store: Store, name: str) -> None:
    """The first opening takes 20 s and the others less than one: better here than under a question."""
    from models.conversion import is_converted, transformers_folder
    from models.four_bits import four_bit_folder

    folder = store.open(name)
    if four_bit_folder(folder):
        return
    if not is_converted(folder):
        complain(f"preparing {name} for quick opening, once: about 20 s")
    transformers_folder(folder)


def _store() -> Store:
    return Store(settings.read().store_root)


def _names(store: Store, arguments: argparse.Namespace) -> list[str]:
    if arguments.names:
        return [store.catalogue.entry(name).name for name in arguments.names]
    if arguments.profile is not None:
        return [entry.name for entry in store.catalogue.profile(arguments.profile)]
    return []


def _row(row: Listing) -> dict[str, object]:
    entry = row.entry
    return {
        "name": entry.name,
        "role": entry.role,
        "languages": entry.languages,
        "licence": entry.licence,
        "profiles": entry.profiles,
        "size_bytes": entry.size_bytes,
        "download_bytes": entry.download_bytes,
        "memory_bytes": entry.memory_bytes,
        "state": row.state,
        "problem": row.problem,
        "folder": row.folder,
    }
