"""Model families that come with other packages, and what they can tell rpiq. rpiq knows none of them by name.

A package names modules as entry points of the group `rpiq.architectures`. When one is imported it registers its classes with
transformers; what else it may have:

* the module: `model_type` and `claims(values)`, which says whether a config.json that names no type is of this family;
* the model class: `rpiq_stacks`, the `Stack`s of a model that is more than one row of equal blocks; `rpiq_seldom_needed`,
  patterns for the names of modules that `low_memory` leaves in the files (`rpiq/runtime/lending.py`);
* the processor: `vqa(image, question)` makes the inputs for a short answer, and `answered(image, question, answer)` those of
  a question with its answer, from which `rpiq quantize` calibrates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType

from rpiq.errors import ArchitectureError

GROUP = "rpiq.architectures"
WHOLE = "decoder"
"""The only part of a model that is one stack."""


@dataclass(frozen=True)
class Stack:
    """Blocks that run one after the other. What the model does between two stacks is left to the model."""

    path: str
    """Of a list of modules, or of one module that is a block by itself."""
    parts: tuple[tuple[str, str], ...] = ((WHOLE, ""),)
    """Name and regular expression: a Linear belongs to the first part whose expression is found in its name inside the block.
    Parts may be quantized differently, and are reported on their own."""
    tokens: int | None = None
    """Positions of one row of inputs in these blocks; None for as many as it has tokens."""
    optional: bool = False
    """Not all positions run through all of its Linears: those of a vision tower see pictures only, experts what is theirs."""


def load_architectures() -> None:
    """Import each module of the group, so that the model folders of its family can be opened.

    ArchitectureError that names the entry point when one cannot be imported.
    """
    _modules()


def claimed_type(values: Mapping[str, object]) -> str | None:
    """The type of the model that a config.json without `model_type` describes, if a family says that it is one of its own."""
    for module in _modules():
        claims = getattr(module, "claims", None)
        if claims is not None and claims(values):
            return str(module.model_type)
    return None


def _modules() -> list[ModuleType]:
    modules = []
    for entry in entry_points(group=GROUP):
        try:
            modules.append(entry.load())
        except Exception as error:  # the code of another package: what it may raise is not known
            package = "" if entry.dist is None else f" of the package {entry.dist.name}"
            raise ArchitectureError(
                f"the model family {entry.name} ({entry.value}){package} cannot be imported "
                f"({type(error).__name__}: {error}); mend or uninstall what offers it"
            ) from error
    return modules
