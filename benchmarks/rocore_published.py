"""RoCORE's training as it is published, in plain transformers and torch: the baseline of its speed.

Every pass, those of pre-training included, takes every sentence, padded to 128 tokens, through the whole model; a
representation is the maximum over the tokens of each mention in one hidden state (RoCORE eq. 2), and the layer below it
trains. What is not as slow as it could be: sentences are tokenised once, no gradients are computed in pre-training or
in frozen layers, and dropout acts only where a layer trains.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import AutoModel, AutoTokenizer

from relscout import RelationInstance
from relscout.encoders.settings import BUNDLED, locate
from relscout.methods.rocore import RoCORESettings
from relscout.methods.rocore.training import (
    center_loss,
    class_means,
    pairwise_loss,
    reconstruction_loss,
    same_cluster,
)

_PADDED_TO = 128


class Published:
    """The bundled encoder with both mappings and both classifiers, trained in whole passes.

    Args:
        sides: The unlabelled and the labelled instances.
        labels: Pseudo labels and classes (N,), int64, of either.
        layer: Hidden state that is read, the output of the layer that trains.
        settings: Batch, widths, rates and weights.
    """

    def __init__(
        self,
        sides: tuple[Sequence[RelationInstance], Sequence[RelationInstance]],
        labels: tuple[NDArray[np.int64], NDArray[np.int64]],
        *,
        layer: int,
        settings: RoCORESettings,
    ) -> None:
        folder = locate(BUNDLED)
        self._model: Any = AutoModel.from_pretrained(folder).eval()
        self._model.pooler = None
        self._model.requires_grad_(False)
        self._layer, self._settings = layer, settings
        self._trained: nn.Module = self._model.encoder.layer[layer - 1]
        self._trained.requires_grad_(True)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        self._sides = [_tokenised(tokenizer, side) for side in sides]
        self._labels = [torch.from_numpy(one) for one in labels]
        widths = [2 * self._model.config.hidden_size, *settings.widths]
        self._g, self._d = _mapping(widths), _mapping(widths[::-1])
        n_novel, n_known = (int(one.max()) + 1 for one in labels)
        self._novel, self._known = nn.Linear(widths[0], n_novel), nn.Linear(widths[0], n_known)
        modules = (self._trained, self._g, self._d, self._novel, self._known)
        self._optimizer = torch.optim.Adam(
            [one for module in modules for one in module.parameters()], lr=settings.learning_rate, fused=True
        )
        self._centroids = torch.zeros((n_known, widths[-1]))

    def pretrain(self) -> float:
        """Pass both sides once to restore h, and return the seconds."""
        return self._passed(self._pretraining_loss)

    def train(self) -> float:
        """Pass both sides once in joint training, and return the seconds."""
        self._trained.train()
        seconds = self._passed(self._joint_loss)
        self._trained.eval()
        return seconds

    def features(self) -> float:
        """Read the codes of what is clustered and the class means, and return the seconds."""
        started = time.perf_counter()
        with torch.inference_mode():
            codes = [
                torch.cat(
                    [
                        self._g(self._h(side, rows))
                        for rows in torch.split(torch.arange(len(self._labels[side])), 200)
                    ]
                )
                for side in (0, 1)
            ]
        self._centroids = class_means(codes[1].clone(), self._labels[1], len(self._centroids))
        return time.perf_counter() - started

    def _passed(self, loss: Any) -> float:
        started = time.perf_counter()
        batches = [torch.split(torch.randperm(len(labels)), self._settings.batch) for labels in self._labels]
        for rows in zip(*batches, strict=True):
            self._optimizer.zero_grad()
            loss(*rows).backward()
            self._optimizer.step()
        return time.perf_counter() - started

    def _pretraining_loss(self, novel: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            h = torch.cat([self._h(0, novel), self._h(1, known)])
        return reconstruction_loss(self._d(self._g(h)), h, scale="mean")

    def _joint_loss(self, novel: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        settings = self._settings
        h_u, h_l = self._h(0, novel), self._h(1, known)
        same, details = same_cluster(self._labels[0][novel]), self._labels[1][known]
        total = pairwise_loss(self._novel(h_u), same, margin=settings.margin)
        total = total + cross_entropy(self._known(h_l), details)
        h_u, h_l = h_u.detach(), h_l.detach()
        code = self._g(h_l)
        total = total + reconstruction_loss(self._d(code), h_l, scale="mean") / 2
        total = total + reconstruction_loss(self._d(self._g(h_u)), h_u, scale="mean") / 2
        return total + settings.center_weight * center_loss(code, self._centroids[details])

    def _h(self, side: int, rows: torch.Tensor) -> torch.Tensor:
        tokens, spans = self._sides[side]
        given = {name: values[rows] for name, values in tokens.items()}
        states = self._model(**given, output_hidden_states=True).hidden_states[self._layer]  # (B, 128, D)
        return torch.cat(
            [
                states.masked_fill(~spans[rows, mention][:, :, None], -torch.inf).amax(dim=1)
                for mention in (0, 1)
            ],
            dim=1,
        )


def _tokenised(tokenizer: Any, instances: Sequence[RelationInstance]) -> tuple[dict[str, Any], torch.Tensor]:
    """Return token ids and masks, padded, and which tokens are of the head and of the tail (N, 2, 128), bool."""
    tokens = tokenizer(
        [one.text for one in instances],
        padding="max_length",
        truncation=True,
        max_length=_PADDED_TO,
        return_offsets_mapping=True,
        return_tensors="pt",
    )
    offsets = tokens.pop("offset_mapping")
    spans = torch.zeros((len(instances), 2, _PADDED_TO), dtype=torch.bool)
    for row, one in enumerate(instances):
        for place, mention in enumerate((one.head, one.tail)):
            inside = (offsets[row, :, 0] < mention.end) & (offsets[row, :, 1] > mention.start)
            spans[row, place] = inside
            spans[row, place, 0] |= not bool(inside.any())  # what was cut off counts as the first token
    names = ("input_ids", "attention_mask", "token_type_ids")
    return {name: tokens[name] for name in names}, spans


def _mapping(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
