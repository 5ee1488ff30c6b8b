"""What a CogVLM2 model consists of: the values of its config.json, in the published layout, checked.

The published file names no `model_type` and leaves out two values that the published code fills in; so does this class.
Which tensors follow from the values is the modules' affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from transformers import PreTrainedConfig

from models.errors import Unsuitable

Template = Literal["chat", "vqa", "base"]
"""How a question is put to the model; the prompts are in `conversation.py`."""

_V1_POSITIONS = 1226
"""Rows of the position table of CogVLM, which shares its class name with CogVLM2."""
_STRIDE = 2
"""Of the convolution that follows the vision tower; fixed in the published code."""


@dataclass(frozen=True)
class VisionConfig:
    """The vision tower; the defaults are those of the 19B."""

    hidden_size: int = 1792
    num_hidden_layers: int = 63
    num_heads: int = 16
    intermediate_size: int = 15360
    patch_size: int = 14
    in_channels: int = 3
    image_size: int = 1344
    """Pixels a side."""
    num_positions: int = 9217
    """Patches, and one for the class vector."""
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-6
    dropout_prob: float = 0.0

    @property
    def patches_a_side(self) -> int:
        """Before the convolution."""
        return self.image_size // self.patch_size

    @property
    def tokens(self) -> int:
        """Vectors that one image becomes, without those that mark its begin and end."""
        return (self.patches_a_side // _STRIDE) ** 2


class CogVLM2Config(PreTrainedConfig):
    """Values of config.json; the defaults are those of `cogvlm2-llama3-chat-19B`.

    Unsuitable, naming the value, for a CogVLM of the first version, a text-only model, and sizes that do not fit together.
    """

    model_type = "cogvlm2"
    attribute_map = {"num_key_value_heads": "num_multi_query_heads"}  # noqa: RUF012 - as the base class declares it
    keys_to_ignore_at_inference = ["past_key_values"]  # noqa: RUF012

    vocab_size: int = 128256
    hidden_size: int = 4096
    intermediate_size: int = 14336
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_multi_query_heads: int = 8
    """Key/value heads."""
    hidden_act: str = "silu"
    max_position_embeddings: int = 8192
    """Positions, not tokens: all patches of an image share one."""
    initializer_range: float = 0.02
    rms_norm_eps: float = 1e-5
    template_version: str = "chat"
    bos_token_id: int = 128000
    eos_token_id: int | list[int] | None = None
    """All ids at which an answer ends; training appends the first. None: those of the 19B."""
    pad_token_id: int = 128002
    """Stands at padding, and at every position of an image."""
    tie_word_embeddings: bool = False
    use_cache: bool = True
    vision_config: dict[str, Any] | None = None
    """The fields of `VisionConfig`; None: those of the 19B."""
    rotary_in_bfloat16: bool = False
    """Make the rotary tables in bfloat16, as the published code does with a model in bfloat16; positions beyond 256 then
    collide. An explicit switch there suggests that training did the same."""

    def __post_init__(self, **kwargs: Any) -> None:
        """Fill in what depends on other values, and check them all."""
        kwargs.pop("auto_map", None)  # names the published code, which is never run
        kwargs.pop("model_type", None)
        if self.eos_token_id is None:
            self.eos_token_id = [128001, 128009]
        if self.vision_config is None:
            self.vision_config = {}
        known = [field.name for field in fields(VisionConfig)]
        if unknown := sorted(self.vision_config.keys() - set(known)):
            raise Unsuitable(f"vision_config: {', '.join(unknown)} is not a value of CogVLM2; open a CogVLM2 model")
        self.vision_config = {name: getattr(self.vision, name) for name in known}
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        self._check()

    @property
    def vision(self) -> VisionConfig:
        """`vision_config` with types."""
        return VisionConfig(**(self.vision_config or {}))

    @property
    def image_tokens(self) -> int:
        """Positions that one image takes in a prompt, its begin and end included."""
        return self.vision.tokens + 2

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The ids at which an answer ends."""
        ids = self.eos_token_id
        return tuple(ids) if isinstance(ids, list) else () if ids is None else (ids,)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As the base class: the configuration, or with `return_unused_kwargs` a pair. Unsuitable for another model's."""
        _refuse_others(config_dict)
        return super().from_dict(config_dict, **kwargs)

    def _check(self) -> None:
        vision = self.vision
        if vision.num_positions == _V1_POSITIONS:
            raise Unsuitable(
                "num_positions 1226 in vision_config is CogVLM's, the first version, whose layers differ; get CogVLM2"
            )
        _check_numbers(self, type(self).__annotations__)
        _check_numbers(vision, VisionConfig.__annotations__)
        patches = vision.patches_a_side**2
        wrong = {
            f"hidden_size {self.hidden_size} is no multiple of 2 * num_attention_heads": self.hidden_size
            % (2 * self.num_attention_heads),
            "num_attention_heads is no multiple of num_multi_query_heads": self.num_attention_heads
            % self.num_multi_query_heads,
            "hidden_size of vision_config is no multiple of its num_heads": vision.hidden_size % vision.num_heads,
            "image_size is no multiple of 2 * patch_size": vision.image_size % (_STRIDE * vision.patch_size),
            f"num_positions {vision.num_positions} is not {patches} patches and 1": vision.num_positions != patches + 1,
            f"hidden_act {self.hidden_act!r} is not 'silu'": self.hidden_act != "silu",
            f"hidden_act {vision.hidden_act!r} of vision_config is not 'gelu'": vision.hidden_act != "gelu",
            "dropout_prob of vision_config is not 0": vision.dropout_prob != 0,
            "tie_word_embeddings is true": self.tie_word_embeddings,
            "eos_token_id is empty": not self.stop_ids,
            f"template_version {self.template_version!r} is none of {', '.join(get_args(Template))}": (
                self.template_version not in get_args(Template)
            ),
        }
        if reasons := [reason for reason, holds in wrong.items() if holds]:
            raise Unsuitable(f"config.json is not of a CogVLM2 that can be run: {'; '.join(reasons)}")


def _check_numbers(values: object, types: Mapping[str, str]) -> None:
    """Token ids and the rate of dropout may be 0, other numbers not."""
    for name, kind in types.items():
        value = getattr(values, name)
        if kind not in ("int", "float"):
            continue
        if isinstance(value, bool) or not isinstance(value, int if kind == "int" else int | float):
            raise Unsuitable(f"{name} is {value!r} in config.json and must be a number ({kind}); get it again")
        if value < 0 or (value == 0 and not name.endswith(("_token_id", "_prob"))):
            raise Unsuitable(f"{name} is {value!r} in config.json and must be above 0; get it again")


def _refuse_others(values: Mapping[str, Any]) -> None:
    kind = values.get("model_type", CogVLM2Config.model_type)
    named = values.get("architectures") or [kind]
    if "vision_config" not in values:
        raise Unsuitable(
            f"config.json describes {named[0]}, a model without a vision tower; give the folder of CogVLM2"
        )
    if kind != CogVLM2Config.model_type:
        raise Unsuitable(f"config.json describes {named[0]} of type {kind!r}; give the folder of CogVLM2")
