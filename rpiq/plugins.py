"""Model families that come with other packages: modules which register their classes with transformers when they are imported.

A package names them as entry points of the group `rpiq.architectures`. rpiq knows none of them by name.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from rpiq.errors import ArchitectureError

GROUP = "rpiq.architectures"


def load_architectures() -> None:
    """Import each module of the group, so that the model folders of its family can be opened.

    ArchitectureError that names the entry point when one cannot be imported.
    """
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # the code of another package: what it may raise is not known
            package = "" if entry.dist is None else f" of the package {entry.dist.name}"
            raise ArchitectureError(
                f"the model family {entry.name} ({entry.value}){package} cannot be imported "
                f"({type(error).__name__}: {error}); mend or uninstall what offers it"
            ) from error
