"""Vocabulary and name of a GGUF file: taken over from another GGUF of the model, or made from a byte-level tokenizer.json.

llama.cpp does not read how a text is split before it is merged; it knows ways of splitting by name. Those that are recognised
here are in a small table; others are refused rather than guessed. The weights: `rpiq/formats/export.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gguf import GGUFReader, GGUFWriter, TokenType

from rpiq.errors import CheckpointError, ConfigError
from rpiq.formats.gguf_source import METADATA, copy_fields

_PREFIX, _GENERAL = "tokenizer.", "general."
_OURS = {"general.architecture", "general.file_type", "general.quantization_version", "general.alignment"}
"""What is true of a file, and not of its model."""
_SPECIAL = {"bos_token": "add_bos_token_id", "eos_token": "add_eos_token_id", "unk_token": "add_unk_token_id"}
_SPECIAL |= {"pad_token": "add_pad_token_id"}
_LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def write(writer: GGUFWriter, folder: Path, source: Path | None) -> None:
    """Add the vocabulary of the model in `folder`, or that of the GGUF file `source`, and the model's name to `writer`.

    Where the folder was made from a GGUF file, that file's vocabulary and all that it says of the model in general are kept.
    ConfigError for a tokenizer that llama.cpp is not known to have a name for; CheckpointError when it cannot be read.
    """
    kept = folder / METADATA
    if kept.is_file():
        copy_fields(_fields(kept), writer, lambda key: key.startswith(_GENERAL) and key not in _OURS)
        source = source or kept
    else:
        writer.add_name(folder.name)
    if source is not None:
        if not copy_fields(_fields(source), writer, lambda key: key.startswith(_PREFIX)):
            raise CheckpointError(f"{source} holds no vocabulary; take another GGUF file of the model")
        return
    advice = "give a GGUF file of the same model to take the vocabulary from"
    try:
        values = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / 'tokenizer.json'} cannot be read ({error}); {advice}") from error
    model = values.get("model") or {}
    name = _splitting(values.get("pre_tokenizer") or {})
    if model.get("type") != "BPE" or model.get("byte_fallback") or values.get("normalizer") or name is None:
        raise ConfigError(f"{folder / 'tokenizer.json'} is of a kind that cannot be named to llama.cpp; {advice}")
    _byte_level(writer, values, name)
    _special(writer, folder, {**model["vocab"], **{t["content"]: t["id"] for t in values.get("added_tokens", [])}})


def _fields(source: Path) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = GGUFReader(source).fields
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise CheckpointError(f"{source} is not a whole GGUF file ({error}); get it again") from error
    return fields


def _splitting(pre: dict[str, Any]) -> str | None:
    """llama.cpp's name for the way a text is split, by the structure of tokenizer.json's pre_tokenizer."""
    steps = pre.get("pretokenizers", [pre])
    kinds = [step.get("type") for step in steps]
    if kinds == ["ByteLevel"] and steps[0].get("use_regex", True):
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits") and steps[1].get("use_regex", True):
        return "smollm"
    if kinds == ["Split", "ByteLevel"] and steps[0].get("pattern") == {"Regex": _LLAMA3}:
        return "llama-bpe"
    return None


def _byte_level(writer: GGUFWriter, values: dict[str, Any], name: str) -> None:
    tokens: dict[int, tuple[str, TokenType]] = {
        number: (token, TokenType.NORMAL) for token, number in values["model"]["vocab"].items()
    }
    for token in values.get("added_tokens", []):
        kind = TokenType.CONTROL if token.get("special") else TokenType.USER_DEFINED
        tokens[token["id"]] = (token["content"], kind)
    unused = [number for number in range(max(tokens) + 1) if number not in tokens]
    tokens |= {number: (f"[PAD{number}]", TokenType.UNUSED) for number in unused}
    ordered = [tokens[number] for number in sorted(tokens)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    writer.add_token_list([token for token, _ in ordered])
    writer.add_token_types([kind for _, kind in ordered])
    merges = values["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])


def _special(writer: GGUFWriter, folder: Path, numbers: dict[str, int]) -> None:
    """The tokens with a role, and the chat template, as tokenizer_config.json has them."""
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        template = folder / "chat_template.jinja"
        chat = template.read_text("utf-8") if template.is_file() else config.get("chat_template")
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder / 'tokenizer_config.json'} cannot be read ({error}); get the model again"
        ) from error
    for role, method in _SPECIAL.items():
        token = config.get(role)
        content = token.get("content") if isinstance(token, dict) else token
        if content in numbers:
            getattr(writer, method)(numbers[content])
    writer.add_add_bos_token(bool(config.get("add_bos_token", False)))
    writer.add_add_space_prefix(False)
    if isinstance(chat, str):
        writer.add_chat_template(chat)
