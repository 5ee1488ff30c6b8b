"""Options are checked when they are made, so that a typing error does not end a run after hours."""

from __future__ import annotations

from typing import Any

import pytest

from rpiq.config import WHOLE_ROW, PartSettings, QuantizationConfig, Scheme, changed
from rpiq.errors import ConfigError


@pytest.mark.parametrize("bits", [1, 9, 0, -4])
def test_impossible_widths(bits: int) -> None:
    with pytest.raises(ConfigError, match="choose 2 to 8"):
        Scheme(bits=bits)


@pytest.mark.parametrize("size", [0, -2])
def test_impossible_groups(size: int) -> None:
    with pytest.raises(ConfigError, match="32, 64, 128"):
        Scheme(group_size=size)


def test_a_whole_row_is_a_group() -> None:
    assert Scheme(group_size=WHOLE_ROW).group_size == -1


@pytest.mark.parametrize(
    "values",
    [
        {"method": "awq"},
        {"samples": 0},
        {"sequence_length": 1},
        {"damping": -0.1},
        {"cross_layer": 1.5},
        {"sweeps": -1},
        {"held_out": -1},
    ],
)
def test_impossible_values_are_named(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(values.values()))}"):
        QuantizationConfig(**values)


def test_held_out_rows_come_from_the_samples() -> None:
    assert QuantizationConfig(samples=64, held_out=8).held_out_rows == 8
    assert QuantizationConfig(samples=10, held_out=8).held_out_rows == 2
    assert QuantizationConfig(samples=3).held_out_rows == 0
    assert QuantizationConfig(guard=False).held_out_rows == 0
    assert QuantizationConfig(method="gptq").held_out_rows == 0, "a method without a guard uses every row"


def test_settings_by_name() -> None:
    config = changed(QuantizationConfig(), ["distill_steps=0", "guard=false", "damping=1", "method=gptq"])
    assert config == QuantizationConfig(method="gptq", distill_steps=0, guard=False, damping=1.0)


@pytest.mark.parametrize(
    "setting", ["speed=1", "scheme=4", "samples=many", "samples=1.5", "guard=1", "damping", "sweeps=-1"]
)
def test_settings_that_make_no_sense_are_named(setting: str) -> None:
    with pytest.raises(ConfigError, match=setting.partition("=")[0]):
        changed(QuantizationConfig(), [setting])


def test_a_part_has_its_own_settings() -> None:
    config = QuantizationConfig(parts=(PartSettings("vision", ("bits=8", "damping=0.2")),))
    assert config.of("vision") == QuantizationConfig(scheme=Scheme(8), damping=0.2)
    assert config.of("language") is config
    with pytest.raises(ConfigError, match="vision: 'samples=3' cannot be set for a part"):
        PartSettings("vision", ("samples=3",))
    with pytest.raises(ConfigError, match="9 bits are not possible"):
        QuantizationConfig(parts=(PartSettings("vision", ("bits=9",)),))
    with pytest.raises(ConfigError, match="given twice"):
        QuantizationConfig(parts=(PartSettings("vision", ("bits=8",)), PartSettings("vision", ("bits=3",))))


def test_few_rows_are_damped_more() -> None:
    assert QuantizationConfig().damping_of(rows=1000, columns=10) == 0.01
    assert QuantizationConfig().damping_of(rows=10, columns=20) == pytest.approx(0.6)
    assert QuantizationConfig(method="gptq").damping_of(rows=10, columns=20) == 0.01
