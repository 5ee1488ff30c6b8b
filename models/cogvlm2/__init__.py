"""CogVLM2: a language model that sees, with one set of experts for pictures and one for text.

Importing a part of this package loads torch and transformers and makes the model known to transformers' Auto classes.
"""

from __future__ import annotations

from collections.abc import Mapping

from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from models.cogvlm2.configuration import CogVLM2Config
from models.cogvlm2.conversation import Conversation, Turn
from models.cogvlm2.modeling import CogVLM2ForConditionalGeneration
from models.cogvlm2.opening import open_model
from models.cogvlm2.processing import CogVLM2Processor
from models.cogvlm2.session import ImageSession, Piece

__all__ = [
    "CogVLM2Config",
    "CogVLM2ForConditionalGeneration",
    "CogVLM2Processor",
    "Conversation",
    "ImageSession",
    "Piece",
    "Turn",
    "claims",
    "model_type",
    "open_model",
]

model_type = CogVLM2Config.model_type
"""What a config.json of ours names; the published one names none."""


def claims(values: Mapping[str, object]) -> bool:
    """Whether a config.json that names no type is the published CogVLM2's, or CogVLM's, which is then refused by name."""
    return values.get("architectures") == ["CogVLMForCausalLM"]


AutoConfig.register(CogVLM2Config.model_type, CogVLM2Config)
AutoModelForImageTextToText.register(CogVLM2Config, CogVLM2ForConditionalGeneration)
AutoProcessor.register(CogVLM2Config, CogVLM2Processor)
