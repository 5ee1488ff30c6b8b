"""Codes of 2 to 8 bits in 32-bit words, the way compressed-tensors' `pack-quantized` lays them out.

A row is one stream of bits: code i takes bits i·b to i·b + b − 1, the lowest bit of a word first; where b does not divide
32 a code may begin in one word and end in the next. Only a row's last word is padded, with noughts. This is the layout of
compressed-tensors 0.18 and later; up to 0.17 it was the same for 2, 4 and 8 bits alone, the widths that divide a word.
What a code means is the affair of `rpiq/solvers/grid.py`.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

WORD = 32
"""Bits of a word; also the number of codes after which the pattern of words repeats, whatever the width."""


def words(columns: int, bits: int) -> int:
    """How many words a row of `columns` codes takes."""
    return -(-columns * bits // WORD)


def pack(codes: Tensor, bits: int) -> Tensor:
    """Pack `codes`, uint8 `[rows, columns]` with values below 2^bits, along the columns: int32 `[rows, words]`.

    ValueError when the codes are no uint8 matrix, one of them is too large, or `bits` is not 2 to 8.
    """
    _check(bits)
    if codes.dtype != torch.uint8 or codes.dim() != 2:
        raise ValueError(f"codes must be an uint8 matrix, not {codes.dtype} of shape {list(codes.shape)}")
    if codes.numel() and int(codes.max()) >> bits:
        raise ValueError(f"a code is {int(codes.max())}, which takes more than {bits} bits")
    rows, columns = codes.shape
    if bits == 8 or bits == 4:
        # Whole bytes, many times faster: the bytes of a row, then the same memory as words.
        padded = torch.nn.functional.pad(codes, (0, -columns % (WORD // bits)))
        filled = padded if bits == 8 else padded[:, 0::2] | (padded[:, 1::2] << 4)
        return _as_words(filled)
    padded = torch.nn.functional.pad(codes, (0, -columns % WORD))
    padded = padded.reshape(rows, padded.shape[1] // WORD, WORD)
    packed = torch.zeros(rows, padded.shape[1], bits, dtype=torch.int32, device=codes.device)
    for position in range(WORD):
        word, offset = divmod(position * bits, WORD)
        code = padded[:, :, position].to(torch.int32)
        packed[:, :, word] |= code << offset
        if offset + bits > WORD:  # its upper bits open the next word
            packed[:, :, word + 1] |= code >> (WORD - offset)
    return packed.flatten(1)[:, : words(columns, bits)].contiguous()


def unpack(packed: Tensor, bits: int, columns: int) -> Tensor:
    """The inverse of `pack`: uint8 `[rows, columns]` from int32 `[rows, words]`.

    ValueError when `packed` is no int32 matrix, has not the width that `columns` codes take, or `bits` is not 2 to 8.
    """
    _check(bits)
    if packed.dtype != torch.int32 or packed.dim() != 2:
        raise ValueError(f"packed codes must be an int32 matrix, not {packed.dtype} of shape {list(packed.shape)}")
    rows, width = packed.shape
    if width != words(columns, bits):
        raise ValueError(f"{columns} codes of {bits} bits take {words(columns, bits)} words, not {width}")
    if bits == 8 or bits == 4:
        stored = _as_bytes(packed)
        if bits == 4:
            stored = torch.stack((stored & 15, stored >> 4), dim=-1).flatten(1)
        return stored[:, :columns].contiguous()
    padded = torch.nn.functional.pad(packed, (0, -width % bits))
    padded = padded.reshape(rows, padded.shape[1] // bits, bits)
    codes = torch.empty(rows, padded.shape[1], WORD, dtype=torch.uint8, device=packed.device)
    for position in range(WORD):
        word, offset = divmod(position * bits, WORD)
        # Shifting right repeats the sign: mask what is left of the word before the next one's bits are put above it.
        low = min(bits, WORD - offset)
        code = (padded[:, :, word] >> offset) & ((1 << low) - 1)
        if low < bits:
            code |= (padded[:, :, word + 1] & ((1 << (bits - low)) - 1)) << low
        codes[:, :, position] = code.to(torch.uint8)
    return codes.flatten(1)[:, :columns].contiguous()


def _check(bits: int) -> None:
    if not 2 <= bits <= 8:
        raise ValueError(f"codes have 2 to 8 bits, not {bits}")


def _as_words(stored: Tensor) -> Tensor:
    """Bytes `[rows, 4 n]` as words `[rows, n]`, the first byte lowest."""
    flat = stored.reshape(-1)  # a single row may have any stride, which a view of another width would refuse
    if stored.device.type == "cpu" and sys.byteorder == "big":
        flat = flat.view(-1, 4).flip(-1).reshape(-1)
    return flat.view(torch.int32).view(stored.shape[0], stored.shape[1] // 4)


def _as_bytes(packed: Tensor) -> Tensor:
    """Words `[rows, n]` as bytes `[rows, 4 n]`, the lowest first."""
    flat = packed.reshape(-1).view(torch.uint8)
    if packed.device.type == "cpu" and sys.byteorder == "big":
        flat = flat.view(-1, 4).flip(-1).reshape(-1)
    return flat.view(packed.shape[0], packed.shape[1] * 4)
