"""Whisper as CTranslate2 stores it, opened as a model of transformers.

The layout of model.bin, as CTranslate2's `model_spec.py` writes it: version, name and revision of the specification, then every
variable with its name, shape, type and bytes, little-endian, and last the names that stand for other variables. No code is in it.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor
from transformers import WhisperConfig, WhisperForConditionalGeneration

_FLOAT16 = 4
"""The type that all weights of a converted Whisper have."""
_LAYERS = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_1": "self_attn.out_proj",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "attention/linear_0": "encoder_attn.q_proj",
    "attention/linear_2": "encoder_attn.out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}
_JOINED = {
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
}
_OUTSIDE = {
    "encoder/conv1": "encoder.conv1",
    "encoder/conv2": "encoder.conv2",
    "encoder/position_encodings/encodings": "encoder.embed_positions.weight",
    "encoder/layer_norm": "encoder.layer_norm",
    "decoder/embeddings": "decoder.embed_tokens",
    "decoder/position_encodings/encodings": "decoder.embed_positions.weight",
    "decoder/layer_norm": "decoder.layer_norm",
}
_PARTS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


def open_whisper(folder: Path) -> WhisperForConditionalGeneration:
    """The model in `folder`, whose weights are float16, in float32. ValueError for a file that is something else."""
    variables = _variables(folder / "model.bin")
    vocabulary, width = variables["decoder/embeddings/weight"].shape
    layers = {
        side: len({name.split("/")[1] for name in variables if name.startswith(f"{side}/layer_")} - {"layer_norm"})
        for side in ("encoder", "decoder")
    }
    wide = len(variables["encoder/layer_0/ffn/linear_0/bias"])
    heads = width // 64
    config = WhisperConfig(
        vocab_size=vocabulary,
        d_model=width,
        encoder_layers=layers["encoder"],
        decoder_layers=layers["decoder"],
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=wide,
        decoder_ffn_dim=wide,
        num_mel_bins=variables["encoder/conv1/weight"].shape[1],
    )
    model = WhisperForConditionalGeneration(config)
    model.eval().requires_grad_(False)
    found: dict[str, Tensor] = {}
    for name, value in variables.items():
        found.update(_renamed(name, value))
    missing, strange = model.model.load_state_dict(found, strict=False)
    if missing or strange:
        raise ValueError(f"{folder}: not the Whisper that is understood; missing {missing[:3]}, unknown {strange[:3]}")
    model.tie_weights()
    return model


def special_tokens(folder: Path) -> dict[str, int]:
    """The numbers of tokens like <|startoftranscript|>."""
    tokens = json.loads((folder / "tokenizer.json").read_text("utf-8"))["added_tokens"]
    return {one["content"]: one["id"] for one in tokens}


def _renamed(name: str, value: Tensor) -> dict[str, Tensor]:
    if name in _OUTSIDE:
        return {_OUTSIDE[name]: value}
    place, _, part = name.rpartition("/")
    if part not in _PARTS:
        return {}
    if place in _OUTSIDE:
        return {f"{_OUTSIDE[place]}.{_PARTS[part]}": value}
    side, layer, *inner = place.split("/")
    local = "/".join(inner)
    if local not in _LAYERS and local not in _JOINED:
        return {}
    names = _JOINED.get(local) or (_LAYERS[local],)
    prefix = f"{side}.layers.{layer.removeprefix('layer_')}"
    return {
        f"{prefix}.{one}.{_PARTS[part]}": piece
        for one, piece in zip(names, value.chunk(len(names)), strict=True)
        if not (one.endswith("k_proj") and part == "bias")  # always nought: Whisper has none
    }


def _variables(file: Path) -> dict[str, Tensor]:
    """Those in float16, as float32."""
    found: dict[str, Tensor] = {}
    with file.open("rb") as stream:
        _number(stream, "<I")
        specification = _text(stream)
        if specification != "WhisperSpec":
            raise ValueError(f"{file} holds a {specification!r}, not Whisper")
        _number(stream, "<I")
        for _ in range(_number(stream, "<I")):
            name = _text(stream)
            shape = [_number(stream, "<I") for _ in range(_number(stream, "<B"))]
            kind, size = _number(stream, "<B"), _number(stream, "<I")
            data = bytearray(stream.read(size))
            if kind == _FLOAT16 and shape:
                found[name] = torch.frombuffer(data, dtype=torch.float16).view(shape).float()
    return found


def _number(stream: BinaryIO, kind: str) -> int:
    (value,) = struct.unpack(kind, stream.read(struct.calcsize(kind)))
    return int(value)


def _text(stream: BinaryIO) -> str:
    return stream.read(_number(stream, "<H")).rstrip(b"\0").decode()
