"""A GGUF model as transformers saves it: de-quantized once by transformers itself, kept beside the store's model.

transformers takes 18 s to open SmolLM2-135M from GGUF and 0.3 s from its own format. The copy names the file it was made
from, so a new model makes a new copy; a copy that was tampered with or cut off is made anew.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
from pathlib import Path
from typing import Any

from models.derived import RECORD, is_whole, only_gguf, seal, sha256
from models.errors import Corrupt, Unavailable

FOLDER = ".converted"

log = logging.getLogger(__name__)


def transformers_folder(source: Path) -> Path:
    """The copy of the model in `source`, a verified folder of the store that holds one GGUF file; made if need be.

    Errors: Corrupt when there is no such file or transformers cannot read it; Unavailable when the copy cannot be written.
    """
    gguf = only_gguf(source)
    target = source.parent / FOLDER / source.name
    origin = sha256(gguf)
    if is_whole(target, origin):
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _convert(gguf, part)
        seal(part, origin)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    except OSError as error:
        raise Unavailable(f"cannot write {target} ({error.strerror or error}): free some space there") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def is_converted(source: Path) -> bool:
    """Whether there is a copy already; whether it is whole is seen when it is opened."""
    return (source.parent / FOLDER / source.name / RECORD).exists()


def _convert(gguf: Path, folder: Path) -> None:
    from transformers.utils import logging as chatter

    log.info("converting %s once, about 20 s", gguf.name)
    chatter.disable_progress_bar()  # does not reach the bar of the GGUF reader, hence the redirection
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            tokenizer, model = _read_gguf(gguf)
    except (ValueError, KeyError, IndexError, RuntimeError) as error:
        raise Corrupt(f"transformers cannot read {gguf} ({error}); run: assistant models fetch") from error
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


def _read_gguf(gguf: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    origin = {"gguf_file": gguf.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **origin)
    dequantize = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, dtype=torch.bfloat16, quantization_config=dequantize, **origin
    )
    return tokenizer, model
