"""The image side: pixels to the vectors that stand in the prompt for an image, with names as in the published checkpoint.

An EVA2-CLIP tower, a convolution that leaves a quarter of its patches, and an adapter to the language model's width.
Pixels come from `processing.py`.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.cogvlm2.configuration import CogVLM2Config, VisionConfig
from models.errors import PromptError


class PatchEmbedding(nn.Module):
    """Patches as vectors, the class vector before them, each with its row of the position table."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        size = config.patch_size
        self.proj = nn.Conv2d(config.in_channels, config.hidden_size, kernel_size=size, stride=size)
        self.cls_embedding = nn.Parameter(torch.zeros(1, config.hidden_size))
        self.position_embedding = nn.Embedding(config.num_positions, config.hidden_size)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """`[images, 3, side, side]` to `[images, 1 + patches, width]`, patches row by row."""
        patches = self.proj(pixel_values).flatten(2).transpose(1, 2)
        first = self.cls_embedding.expand(len(patches), 1, -1)
        return torch.cat([first, patches], 1) + self.position_embedding.weight


class VisionAttention(nn.Module):
    """Two-way attention; the rows of the one projection are all of Q, all of K, all of V, each split into heads."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """`[images, positions, width]` to the same."""
        images, positions, width = hidden_states.shape
        joined = self.query_key_value(hidden_states).view(images, positions, 3, self.num_heads, -1)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        # Fused kernels compute this block by block: the 9217 x 9217 matrix of 16 heads would take 5.4 GB.
        attended = functional.scaled_dot_product_attention(query, key, value)
        return cast(Tensor, self.dense(attended.transpose(1, 2).reshape(images, positions, width)))


class VisionMLP(nn.Module):
    """Two Linears with the exact GELU between them."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """`[..., width]` to the same."""
        return cast(Tensor, self.fc2(functional.gelu(self.fc1(hidden_states))))


class CogVLM2VisionLayer(nn.Module):
    """One layer of the tower. It is post-norm, whatever the names say: both norms act on what is added."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = VisionAttention(config)
        self.mlp = VisionMLP(config)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """`[images, 1 + patches, width]` to the same."""
        hidden_states = hidden_states + self.input_layernorm(self.attention(hidden_states))
        return cast(Tensor, hidden_states + self.post_attention_layernorm(self.mlp(hidden_states)))


class VisionTransformer(nn.Module):
    """The layers, with no norm after them."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CogVLM2VisionLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """`[images, 1 + patches, width]` to the same."""
        for layer in self.layers:
            hidden_states = layer(hidden_states)
        return hidden_states


class Adapter(nn.Module):
    """From the tower's width to the language model's, then a gated MLP without residual."""

    def __init__(self, config: CogVLM2Config) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.linear_proj = nn.Linear(config.vision.hidden_size, width, bias=False)
        self.norm1 = nn.LayerNorm(width)  # with torch's 1e-5, not the tower's epsilon
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.dense_h_to_4h = nn.Linear(width, inner, bias=False)
        self.dense_4h_to_h = nn.Linear(inner, width, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """`[images, tokens, tower width]` to `[images, tokens, width]`."""
        hidden = functional.gelu(self.norm1(self.linear_proj(features)))
        gated = functional.silu(self.gate_proj(hidden)) * self.dense_h_to_4h(hidden)
        return cast(Tensor, self.dense_4h_to_h(gated))


class CogVLM2Vision(nn.Module):
    """All of the image side."""

    def __init__(self, config: CogVLM2Config) -> None:
        super().__init__()
        self.config = config.vision
        self.patch_embedding = PatchEmbedding(config.vision)
        self.transformer = VisionTransformer(config.vision)
        width = config.vision.hidden_size
        self.conv = nn.Conv2d(width, width, kernel_size=2, stride=2)
        self.linear_proj = Adapter(config)
        self.boi = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.eoi = nn.Parameter(torch.zeros(1, 1, config.hidden_size))

    def forward(self, pixel_values: Tensor) -> Tensor:
        """`[images, 3, side, side]` to `[images, tokens + 2, width]`: begin, patches row by row, end.

        PromptError for pixels of another shape.
        """
        channels, side, grid = self.config.in_channels, self.config.image_size, self.config.patches_a_side
        if pixel_values.dim() != 4 or pixel_values.shape[1:] != (channels, side, side):
            raise PromptError(
                f"pixel_values are {list(pixel_values.shape)} and must be [images, {channels}, {side}, {side}]; "
                "make them with this model's processor"
            )
        hidden = self.transformer(self.patch_embedding(pixel_values.to(self.boi.dtype)))
        # Without the class vector, back on the grid.
        patches = hidden[:, 1:].transpose(1, 2).unflatten(2, (grid, grid))
        features = self.linear_proj(self.conv(patches).flatten(2).transpose(1, 2))
        edges = (self.boi.expand(len(features), -1, -1), self.eoi.expand(len(features), -1, -1))
        return torch.cat([edges[0], features, edges[1]], 1)
