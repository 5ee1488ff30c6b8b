"""The rows of the paper's tables: one model, quantized with one method, and measured.

Every step leaves a JSON file and is skipped while the file is there. The steps are run in processes of their own
(`scripts/reproduce/all_tables`), so that the peak memory of each is its own; `tables.py` puts together what they leave.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

METHODS = ("full", "gptq", "rpiq-paper", "rpiq", "rtn", "nf4")
BASELINES = ("full", "nf4")
"""The methods that make no folder: the model as it is, and bitsandbytes while it is loaded."""
TASKS = ("perplexity", "perplexity-autogptq", "sentiment")
QUANTIZED = "quantize"
"""What the file about a quantization is called, beside those of the tasks."""


@dataclass(frozen=True)
class Settings:
    """What all rows of one output folder have in common."""

    calibration: str
    """A file, or the name of a set."""
    perplexity_text: str
    tweets: str
    bits: int
    group_size: int
    symmetric: bool
    samples: int
    sequence_length: int
    window: int
    """Tokens in a window of the usual perplexity."""
    limit: int | None
    """Most windows and tweets."""
    seed: int
    dtype: str | None
    device: str


def is_measured(place: Path) -> bool:
    """Whether all tasks of a row are done."""
    return all((place / f"{task}.json").is_file() for task in TASKS)


def run(step: Callable[..., Any], *values: Any) -> Any:
    """The step, with a full GPU as an error like others. ResourceError, or what the step raises."""
    import torch

    from rpiq.errors import ResourceError

    try:
        return step(*values)
    except torch.OutOfMemoryError as error:
        raise ResourceError(f"the GPU has too little memory ({str(error).splitlines()[0]}); use a larger one") from None


def convert(model: Path, place: Path) -> Path:
    """A GGUF file as a folder inside `place`, made once."""
    from rpiq.formats.weights import converted

    return converted(model, place)


def quantize(source: Path, method: str, place: Path, settings: Settings) -> None:
    """Quantize `source` into `place`/model, going on where a killed run was, and copy its report beside it."""
    import rpiq
    from rpiq.calibration.text import calibration_file
    from rpiq.cli.terminal import show_progress
    from rpiq.run.result import REPORT_FILE

    folder = place / "model"
    if not (folder / REPORT_FILE).is_file():
        config = rpiq.QuantizationConfig(
            method=method,  # type: ignore[arg-type]  # one of METHODS
            scheme=rpiq.Scheme(settings.bits, settings.group_size, settings.symmetric),
            samples=settings.samples,
            sequence_length=settings.sequence_length,
            seed=settings.seed,
        )
        rpiq.quantize(
            source,
            folder,
            config,
            calibration_file(settings.calibration),
            device=settings.device,
            resume=True,
            report=show_progress(),
        )
    _write(place / f"{QUANTIZED}.json", json.loads((folder / REPORT_FILE).read_text("utf-8")))


def evaluate(folder: Path, method: str, place: Path, settings: Settings) -> None:
    """Measure the model in `folder`: of `TASKS` those that are still missing, each into `place`/TASK.json."""
    import torch

    from rpiq.calibration.text import read_tokenizer
    from rpiq.cli.terminal import show_count
    from rpiq.evaluate.memory import weight_bytes
    from rpiq.evaluate.perplexity import joined_rows, perplexity, perplexity_autogptq, read_text
    from rpiq.evaluate.sentiment import read_tweets, sentiment
    from rpiq.run.pipeline import choose_device
    from rpiq.runtime.loading import load

    tokenizer, text = read_tokenizer(folder), read_text(Path(settings.perplexity_text))
    rows = joined_rows(text) if settings.perplexity_text.endswith(".raw") else text
    tweets = read_tweets(Path(settings.tweets), settings.limit)
    dtype = None if settings.dtype is None else getattr(torch, settings.dtype)
    model = load(folder, choose_device(settings.device), dtype, "nf4" if method == "nf4" else None)
    common = {"weight_bytes": weight_bytes(model), "dtype": str(model.dtype), "device": str(model.device)}
    measures: dict[str, Callable[[Callable[[int, int], None]], Any]] = {
        "perplexity": lambda count: perplexity(model, tokenizer, rows, settings.window, settings.limit, count),
        "perplexity-autogptq": lambda count: perplexity_autogptq(model, tokenizer, text, settings.limit, count),
        "sentiment": lambda count: sentiment(model, tokenizer, tweets, count),
    }
    for task in TASKS:
        if not (place / f"{task}.json").is_file():
            started = time.monotonic()
            values = asdict(measures[task](show_count(task)))
            _write(place / f"{task}.json", {**values, **common, "seconds": time.monotonic() - started})


def _write(path: Path, values: object) -> None:
    part = path.with_name(f"{path.name}.writing")
    part.write_text(json.dumps(values, indent=1) + "\n", "utf-8")
    part.replace(path)
