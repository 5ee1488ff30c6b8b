"""CogVLM2 for transformers: text and pictures to logits, with the stock `generate`, from safetensors alone.

Published tensor names, so the published folder opens as it is. The layers are in `language.py` and `vision.py`, what goes
into the model is made by `processing.py`, what a folder must hold is checked by `folder.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, GenerationConfig, GenerationMixin, PreTrainedModel
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import CausalLMOutputWithPast

from models.cogvlm2 import folder, tokens
from models.cogvlm2.configuration import CogVLM2Config
from models.cogvlm2.language import CogVLM2DecoderLayer, RMSNorm, Routing, rotary_tables
from models.cogvlm2.vision import CogVLM2Vision
from models.errors import PromptError
from rpiq.architectures.plugins import Stack
from rpiq.formats.gguf_source import no_progress_bars


class CogVLM2Model(nn.Module):
    """Everything but the output head."""

    def __init__(self, config: CogVLM2Config) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(CogVLM2DecoderLayer(config, index) for index in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.vision = CogVLM2Vision(config)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor,
        positions: Tensor,
        attention_mask: Tensor | None,
        pixel_values: Tensor | None,
        past_key_values: Cache | None,
    ) -> Tensor:
        """Hidden states `[rows, length, width]` after the last norm; arguments as of `CogVLM2ForConditionalGeneration`."""
        hidden, routing = self.embed_tokens(input_ids), None
        # One position alone is a token being written, never an image; not looking spares a GPU the wait.
        if input_ids.shape[1] > 1 or pixel_values is not None:
            hidden = self._with_images(hidden, token_type_ids, pixel_values, past_key_values)
            routing = Routing.of(tokens.vision_expert_mask(token_type_ids))
        # Without the positions: equal ones, as patches have, would be taken for borders between packed texts.
        mask = create_causal_mask(
            config=self.config, inputs_embeds=hidden, attention_mask=attention_mask, past_key_values=past_key_values
        )
        head_size = self.config.hidden_size // self.config.num_attention_heads
        tables = rotary_tables(positions, head_size, self.config.rotary_in_bfloat16)
        for layer in self.layers:
            hidden = layer(
                hidden,
                routing=routing,
                position_embeddings=tables,
                attention_mask=mask,
                past_key_values=past_key_values,
            )
        return cast(Tensor, self.norm(hidden))

    def _with_images(self, hidden: Tensor, types: Tensor, pixel_values: Tensor | None, past: Cache | None) -> Tensor:
        """Put the vectors of the images into the positions of type 1, rows in order, images in order."""
        where = (types == tokens.IMAGE).flatten().nonzero().flatten()
        images = 0 if pixel_values is None else len(pixel_values)
        if len(where) == 0 and past is not None and past.get_seq_length() > 0:
            return hidden  # the images are in the cache
        if len(where) != images * self.config.image_tokens:
            raise PromptError(
                f"{len(where)} positions of type {tokens.IMAGE} and {images} images of {self.config.image_tokens} each do not "
                "fit; give pixel_values and token_type_ids of the same call of the processor"
            )
        if pixel_values is None:
            return hidden
        vectors = self.vision(pixel_values).flatten(0, 1).to(hidden)
        return hidden.flatten(0, 1).index_copy(0, where, vectors).view_as(hidden)


class CogVLM2ForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """CogVLM2 with its output head."""

    config_class = CogVLM2Config
    config: CogVLM2Config
    base_model_prefix = "model"
    main_input_name = "input_ids"
    input_modalities = ["image", "text"]  # noqa: RUF012 - these as the base class declares them
    _supports_sdpa = True
    _no_split_modules = ["CogVLM2DecoderLayer", "CogVLM2VisionLayer"]  # noqa: RUF012
    _keys_to_ignore_on_load_unexpected = [folder.COMPUTED]  # noqa: RUF012
    rpiq_seldom_needed = (
        r"model\.embed_tokens",
        r"model\.vision\.(patch_embedding|conv)",
        r"model\.vision\.transformer\.layers\.\d+\.(attention\.(query_key_value|dense)|mlp\.fc[12])",
        r"model\.vision\.linear_proj\.(linear_proj|gate_proj|dense_h_to_4h|dense_4h_to_h)",
        r"model\.layers\.\d+\.(self_attn\.vision_expert_|mlp\.vision_mlp\.)\w+",
    )
    """Modules that `rpiq.load` leaves in the files with `low_memory`: what looks at pictures, which is done once for each, and
    the table of embeddings, of which a prompt needs few rows. Each takes one tensor."""

    @property
    def rpiq_stacks(self) -> tuple[Stack, ...]:
        """What is quantized, in the order in which it runs. The paper treats the two modalities differently (CMDQ): so each
        has parts of its own.
        """
        patches = self.config.vision.num_positions
        return (
            Stack("model.vision.transformer.layers", (("vision", ""),), patches, optional=True),
            Stack("model.vision.linear_proj", (("adapter", ""),), self.config.vision.tokens, optional=True),
            Stack("model.layers", (("vision-expert", "vision_"), ("language", "")), optional=True),
        )

    def __init__(self, config: CogVLM2Config) -> None:
        super().__init__(config)
        self.model = CogVLM2Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]
        self.generation_config = greedy(config)

    @classmethod
    def from_pretrained(  # type: ignore[override]  # what the base class names one by one is passed on
        cls, pretrained_model_name_or_path: str | Path, *model_args: Any, **kwargs: Any
    ) -> Any:
        """The model in a folder, published or written by `save_pretrained`; the options are those of transformers.

        Reads safetensors only, runs no code of the folder, and uses no network. With `output_loading_info` a pair.
        Errors: Corrupt when a file is missing or cut short, or tensors are not those of config.json; Unsuitable for another
        model, or one that is quantized, which `rpiq.load` opens.
        """
        path = Path(pretrained_model_name_or_path)
        config = kwargs.pop("config", None)
        if config is None:
            config, kwargs = folder.read_config(path, **kwargs)
        with torch.device("meta"):
            folder.check_tensors(path, cls(config).state_dict())
        fixed = {"local_files_only": True, "use_safetensors": True}
        with no_progress_bars():
            loaded = super().from_pretrained(path, *model_args, config=config, **(kwargs | fixed))
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.generation_config = greedy(config)  # what a generation_config.json says is not relied on
        return loaded

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        return_dict: bool = True,
    ) -> CausalLMOutputWithPast | tuple[Any, ...]:
        """Logits, float32 `[rows, length, vocabulary]`, of the last `logits_to_keep` positions, or of all if 0.

        input_ids, token_type_ids (1 on all positions of an image; None: all text), position_ids (`tokens.position_ids`;
        None: made by it) and labels (-100: not learned) are int64 `[rows, length]`. attention_mask: `[rows, cached + length]`,
        0 on left padding. pixel_values: `[images, 3, side, side]`, rows in order; left out, or not looked at, when the images
        are in the cache.

        PromptError when images and positions of type 1 do not fit, or positions are left out with a filled cache: the number
        of tokens in it does not tell them.
        """
        cached = past_key_values is not None and past_key_values.get_seq_length() > 0
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        if position_ids is None:
            if cached:
                raise PromptError("position_ids are missing; give them with a cache that holds tokens already")
            position_ids = tokens.position_ids(token_type_ids, attention_mask)
        if past_key_values is None and (self.config.use_cache if use_cache is None else use_cache):
            past_key_values = DynamicCache(config=self.config)
        hidden = self.model(input_ids, token_type_ids, position_ids, attention_mask, pixel_values, past_key_values)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(hidden[:, kept]).float()
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size)
        output = CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=past_key_values)
        return output if return_dict else output.to_tuple()

    def _prepare_attention_mask_for_generation(  # type: ignore[override]  # Tensor is what it is
        self, inputs_tensor: Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]
    ) -> Tensor:
        """A mask left out is guessed from pad ids; but these stand at image positions too, which are seen."""
        guessed: Tensor = super()._prepare_attention_mask_for_generation(inputs_tensor, generation_config, model_kwargs)
        types = model_kwargs.get("token_type_ids")
        return guessed if types is None else guessed | (types == tokens.IMAGE)

    def _prepare_position_ids_for_generation(self, inputs_tensor: Tensor, model_kwargs: dict[str, Any]) -> Tensor:
        """The model's own rule, where transformers would count tokens and the text would silently be wrong."""
        types = model_kwargs.get("token_type_ids")
        mask = model_kwargs.get("attention_mask")
        types = torch.zeros_like(inputs_tensor) if types is None else types
        if mask is not None and mask.shape != types.shape:
            raise PromptError("position_ids are missing; give them with a cache that holds tokens already")
        return tokens.position_ids(types, mask)

    def _update_model_kwargs_for_generation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What is written is text, also after a prompt that ends with an image."""
        updated: dict[str, Any] = super()._update_model_kwargs_for_generation(*args, **kwargs)
        if updated.get("token_type_ids") is not None:
            updated["token_type_ids"][:, -kwargs.get("num_new_tokens", 1) :] = tokens.TEXT
        return updated


def greedy(config: CogVLM2Config) -> GenerationConfig:
    """How the model was published to write."""
    return GenerationConfig(
        bos_token_id=config.bos_token_id,
        eos_token_id=list(config.stop_ids),
        pad_token_id=config.pad_token_id,
        max_new_tokens=2048,
    )
