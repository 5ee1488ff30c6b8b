"""The training of the small reader of displays, on made crops alone, and its measurement on crops of other styles."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assistant.picture.displays.segments import SIGNS, TALL, WIDE, prepared
from scripts.make.displays.pictures import made

Crop = tuple[NDArray[np.float32], str | None]

BATCH, FRESH = 48, 20
"""Crops of a step, and how many of them are new: making one takes as long as learning from it."""
POOL = 8_000
"""So many made crops are kept to be used again, each time a little different."""


class Network(nn.Module):
    """Convolutions to 80 steps of 96 features; from them the sign of each step, and whether this is a display."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _layer(1, 16, stride=2),
            _layer(16, 32),
            nn.MaxPool2d((2, 1)),
            _layer(32, 48),
            nn.MaxPool2d((2, 1)),
            _layer(48, 64),
            nn.Conv2d(64, 96, (TALL // 8, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(96),
            nn.ReLU(),
        )
        self.along = nn.Sequential(nn.Conv1d(96, 96, 7, padding=3, bias=False), nn.BatchNorm1d(96), nn.ReLU())
        self.signs = nn.Conv1d(96, 1 + len(SIGNS), 1)
        self.display = nn.Linear(2 * 96, 1)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """`crops` `[n, 1, TALL, WIDE]`; logarithms `[n, steps, 1 + signs]`, and of the display its log-odds `[n]`."""
        features = self.along(self.body(crops).squeeze(2))
        pooled = torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1)
        return self.signs(features).transpose(1, 2).log_softmax(dim=2), self.display(pooled).squeeze(1)


class _Exported(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        steps, odds = self.network(crops)
        return steps, odds.sigmoid()


def _layer(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


def trained(seed: int, steps: int, say: Callable[[str], None]) -> Network:
    """A network after `steps` batches of fresh made crops."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    pool: list[Crop] = [fresh(random) for _ in range(BATCH)]
    network = Network().train()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps, pct_start=0.2)
    started = time.monotonic()
    for step in range(steps):
        pool = [*(fresh(random) for _ in range(FRESH)), *pool][:POOL]
        known = random.choice(len(pool) - FRESH, BATCH - FRESH, replace=False) + FRESH
        crops = [crop for crop, _ in pool[:FRESH]] + [varied(pool[place][0], random) for place in known]
        texts = [text for _, text in pool[:FRESH]] + [pool[place][1] for place in known]
        predicted, odds = network(torch.from_numpy(np.stack(crops)))
        shown = torch.tensor([text is not None for text in texts])
        loss = _text_loss(predicted[shown], [text for text in texts if text is not None])
        loss = loss + nn.functional.binary_cross_entropy_with_logits(odds, shown.float())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            say(f"{step + 1}/{steps} loss {loss.item():.3f} after {time.monotonic() - started:.0f} s")
    return network.eval()


def fresh(random: np.random.Generator) -> Crop:
    """A new made crop as the network sees it, and what it says."""
    crop, text = made(random)
    return prepared(crop), text


def varied(crop: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """The same crop, perhaps dark for light, moved by up to two pixels, with other contrast and noise."""
    moved = np.roll(crop, random.integers(-2, 3, 2), axis=(1, 2))
    sign = 1 if random.random() < 0.6 else -1
    noise = random.normal(0, random.choice([0.01, 0.08]), crop.shape)
    return (sign * moved * random.uniform(0.7, 1.1) + random.uniform(-0.2, 0.2) + noise).astype(np.float32)


def _text_loss(predicted: Tensor, texts: list[str]) -> Tensor:
    signs = torch.tensor([SIGNS.index(sign) + 1 for text in texts for sign in text])
    lengths = torch.tensor([len(text) for text in texts])
    times = torch.full((len(texts),), predicted.shape[1])
    losses = nn.functional.ctc_loss(
        predicted.transpose(0, 1), signs, times, lengths, reduction="none", zero_infinity=True
    )
    return losses.mean() / 2


def export(network: Network, path: Path) -> None:
    """Write the network as ONNX for any number of crops."""
    example = torch.zeros(2, 1, TALL, WIDE)
    torch.onnx.export(
        _Exported(network).eval(),
        (example,),
        str(path),
        input_names=["crops"],
        output_names=["steps", "display"],
        dynamic_axes={"crops": {0: "n"}, "steps": {0: "n"}, "display": {0: "n"}},
        dynamo=False,
    )
