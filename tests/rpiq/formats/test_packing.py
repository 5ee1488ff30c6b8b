"""Packing loses nothing at any width and shape, and puts every bit where compressed-tensors puts it."""

from __future__ import annotations

import importlib.metadata

import pytest
import torch

from rpiq.formats.packing import pack, unpack, words

BITS = range(2, 9)


def codes_of(bits: int, rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 1 << bits, (rows, columns), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("columns", [1, 2, 7, 8, 31, 32, 33, 63, 64, 65, 96, 129])
@pytest.mark.parametrize("rows", [1, 5])
def test_unpack_is_the_inverse(bits: int, columns: int, rows: int) -> None:
    codes = codes_of(bits, rows, columns, seed=columns)
    packed = pack(codes, bits)
    assert packed.shape == (rows, words(columns, bits))
    assert packed.dtype == torch.int32
    assert torch.equal(unpack(packed, bits, columns), codes)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (3, 64), (0, 7)])
def test_any_strides(bits: int, shape: tuple[int, int]) -> None:
    """A transposed matrix, whose single row or column has strides of its own kind, packs like a fresh one."""
    codes = codes_of(bits, *shape)
    turned = codes.T.contiguous().T
    assert torch.equal(pack(turned, bits), pack(codes, bits))
    packed = pack(codes, bits)
    assert torch.equal(unpack(packed.T.contiguous().T, bits, shape[1]), codes)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("fill", ["noughts", "ones"])
def test_extremes(bits: int, fill: str) -> None:
    """All ones set the sign bit of every word, which shifting right would repeat."""
    codes = torch.full((2, 70), (1 << bits) - 1 if fill == "ones" else 0, dtype=torch.uint8)
    packed = pack(codes, bits)
    assert torch.equal(unpack(packed, bits, 70), codes)
    assert bool((packed[:, : 70 * bits // 32] == (-1 if fill == "ones" else 0)).all())


@pytest.mark.parametrize("bits", BITS)
def test_a_row_is_one_stream_of_bits(bits: int) -> None:
    """Against the definition, written with Python's own integers."""
    codes = codes_of(bits, 3, 45)
    for row, packed in zip(codes.tolist(), pack(codes, bits).tolist(), strict=True):
        stream = sum(code << (position * bits) for position, code in enumerate(row))
        assert [word & 0xFFFFFFFF for word in packed] == [(stream >> (32 * i)) & 0xFFFFFFFF for i in range(len(packed))]


# What compressed_tensors.compressors.pack_quantized.helpers.pack_to_int32 of 0.20.0 makes of
# (arange(40) * 7 + 3) % 2^bits (as signed numbers, 2^(bits − 1) less), so that the test needs no such package.
EXPECTED: dict[int, list[int]] = {
    2: [454761243, 454761243, 6939],
    3: [1402433619, 1884526448, -1754246249, 9924691],
    4: [1299153315, -974714581, 1299153315, -974714581, 1299153315],
    5: [1308378435, 2015648675, 122904957, 1260874996, -446926746, 1308378435, 163],
    6: [-1621028221, -1866738983, -1302882496, -1893720397, -1666477611, 1901299459, -1075635549, 20689],
    7: [-217823997, 996717873, -176549279, 2104744342, 1957753088, 240724808, -1185516424, -14912157, 2634807],
    8: [
        403769859,
        875374111,
        1346978363,
        1818582615,
        -2004780429,
        -1533176177,
        -1061571925,
        -589967673,
        -118363421,
        336398079,
    ],
}


@pytest.mark.parametrize("bits", BITS)
def test_words_of_compressed_tensors(bits: int) -> None:
    codes = ((torch.arange(40) * 7 + 3) % (1 << bits)).to(torch.uint8)[None]
    assert pack(codes, bits)[0].tolist() == EXPECTED[bits]


@pytest.mark.parametrize("bits", BITS)
def test_compressed_tensors_itself(bits: int) -> None:
    helpers = pytest.importorskip(
        "compressed_tensors.compressors.pack_quantized.helpers", reason="needs compressed-tensors 0.18 or newer"
    )
    codes = codes_of(bits, 6, 77)
    signed = (codes.to(torch.int16) - (1 << (bits - 1))).to(torch.int8)
    version = tuple(int(part) for part in importlib.metadata.version("compressed-tensors").split(".")[:2])
    if bits in (3, 5, 6, 7) and version < (0, 18):
        pytest.skip("before 0.18 compressed-tensors padded each word of such codes")
    assert torch.equal(pack(codes, bits), helpers.pack_to_int32(signed, bits))
    assert torch.equal(pack(codes.T.contiguous(), bits).T, helpers.pack_to_int32(signed, bits, packed_dim=0))
    assert torch.equal(helpers.unpack_from_int32(pack(codes, bits), bits, signed.shape), signed)


def test_what_cannot_be_packed() -> None:
    with pytest.raises(ValueError, match="a code is 9, which takes more than 3 bits"):
        pack(torch.tensor([[1, 9]], dtype=torch.uint8), 3)
    with pytest.raises(ValueError, match="2 to 8 bits, not 1"):
        pack(torch.zeros(1, 1, dtype=torch.uint8), 1)
    with pytest.raises(ValueError, match=r"uint8 matrix, not torch\.int32"):
        pack(torch.zeros(1, 1, dtype=torch.int32), 4)
    with pytest.raises(ValueError, match="9 codes of 4 bits take 2 words, not 1"):
        unpack(torch.zeros(1, 1, dtype=torch.int32), 4, 9)
    with pytest.raises(ValueError, match=r"int32 matrix, not torch\.uint8"):
        unpack(torch.zeros(1, 1, dtype=torch.uint8), 4, 1)
