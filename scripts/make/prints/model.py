"""The small reader of answers as a torch module: an encoder with heads for where an answer begins and ends and whether there is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel

from scripts.make.prints.examples import VERDICTS, Example

WEIGHTS = "answer_reader.safetensors"
_FAR = -1e4


class AnswerReader(nn.Module):
    """Question and page in; logits of beginning, end (one each a token) and verdict (`VERDICTS`) out."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.ends = nn.Linear(config.hidden_size, 2)
        self.verdict = nn.Sequential(
            nn.Linear(config.hidden_size, config.hidden_size), nn.GELU(), nn.Linear(config.hidden_size, len(VERDICTS))
        )

    def forward(self, ids: Tensor, segments: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`ids`, `segments` (1 for the page), `mask` (1 for tokens): [batch, tokens]. Out: two of [batch, tokens], one of [batch, 4]."""
        hidden = self.encoder(input_ids=ids, token_type_ids=segments, attention_mask=mask).last_hidden_state
        begin, end = self.ends(hidden).unbind(-1)
        away = _FAR * (1 - (segments * mask).to(hidden.dtype))
        return begin + away, end + away, self.verdict(hidden[:, 0])

    def loss(self, batch: Sequence[Example]) -> Tensor:
        """Cross entropy of beginning and end, over every right answer, and of the verdict."""
        longest = max(len(one.ids) for one in batch)
        ids, segments, mask = (torch.zeros(len(batch), longest, dtype=torch.long) for _ in range(3))
        for row, one in enumerate(batch):
            ids[row, : len(one.ids)] = torch.tensor(one.ids)
            segments[row, one.first : len(one.ids) - 1] = 1
            mask[row, : len(one.ids)] = 1
        begin, end, verdict = self(ids, segments, mask)
        total = cross_entropy(verdict, torch.tensor([one.verdict for one in batch]))
        spans = [(row, one.spans) for row, one in enumerate(batch) if one.spans]
        if spans:
            for logits, which in ((begin, 0), (end, 1)):
                logs = logits.log_softmax(-1)
                right = [
                    torch.logsumexp(logs[row, torch.tensor([span[which] for span in found])], 0) for row, found in spans
                ]
                total = total - torch.stack(right).mean()
        return total


def load(folder: Path) -> AnswerReader:
    """The encoder of `folder` (as transformers keeps it), or all of a reader that `save` wrote there."""
    config = BertConfig.from_json_file(str(folder / "config.json"))
    model = AnswerReader(config)
    if (folder / WEIGHTS).exists():
        model.load_state_dict(load_file(folder / WEIGHTS))
        return model
    weights = load_file(folder / "model.safetensors")
    missing, _ = model.encoder.load_state_dict(
        {name.removeprefix("bert."): each for name, each in weights.items()}, strict=False
    )
    if missing:
        raise ValueError(f"{folder}: the weights {', '.join(missing[:3])} are not there")
    return model


def export(model: AnswerReader, target: Path) -> None:
    """The reader as ONNX with matrices and embeddings in 8 bits (onnxruntime's dynamic quantization)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model.eval()
    model.encoder.set_attn_implementation("eager")
    whole = target.with_suffix(".whole.onnx")
    axes = {0: "batch", 1: "tokens"}
    ids = torch.ones(1, 16, dtype=torch.long)
    torch.onnx.export(
        model,
        (ids, torch.zeros_like(ids), torch.ones_like(ids)),
        str(whole),
        input_names=["ids", "segments", "mask"],
        output_names=["begin", "end", "verdict"],
        dynamic_axes={**dict.fromkeys(("ids", "segments", "mask", "begin", "end"), axes), "verdict": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(str(whole), str(target), weight_type=QuantType.QInt8, per_channel=True)
    whole.unlink()


def save(model: AnswerReader, folder: Path) -> None:
    """Weights and shape in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    model.encoder.config.to_json_file(str(folder / "config.json"))
    part = folder / f"{WEIGHTS}.part"
    save_file({name: each.contiguous() for name, each in model.state_dict().items()}, part)
    part.replace(folder / WEIGHTS)
