"""Relation classification as it is published, in plain transformers and torch: the baseline of the speed of SelfORE.

Every epoch, those included in which the encoder is frozen, takes every sentence, padded to 128 tokens, through the
whole model; and so does the reading of the features that are clustered next. A representation is the states at the
first tokens of the two mentions (SelfORE eq. 2). What is not as slow as it could be: sentences are tokenised once for
all epochs, no gradients are computed in the frozen ones, and dropout acts only where layers train.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, dropout
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup

from relscout import RelationInstance
from relscout.encoders.settings import BUNDLED, locate
from relscout.training.classification import ClassificationSettings

_PADDED_TO = 128
_WEIGHT_DECAY = 0.01


class Published:
    """The bundled encoder with a linear head, trained in whole passes.

    Args:
        instances: What to train on.
        trained_layers: How many of the top layers train; -1 trains the whole model, as the paper does.
    """

    def __init__(self, instances: Sequence[RelationInstance], *, trained_layers: int) -> None:
        folder = locate(BUNDLED)
        self._model: Any = AutoModel.from_pretrained(folder).eval()
        self._model.pooler = None
        self._trained: list[torch.nn.Module] = [self._model]
        if trained_layers != -1:
            self._model.requires_grad_(False)
            self._trained = list(self._model.encoder.layer[-trained_layers:])
            for layer in self._trained:
                layer.requires_grad_(True)
        self._tokens = AutoTokenizer.from_pretrained(folder)(
            [instance.text for instance in instances],
            padding="max_length",
            truncation=True,
            max_length=_PADDED_TO,
            return_tensors="pt",
        )
        starts = [
            [self._tokens.char_to_token(row, mention.start) or 0 for mention in (one.head, one.tail)]
            for row, one in enumerate(instances)
        ]
        self._starts = torch.tensor(starts)  # (N, 2); what was cut off counts as the first token

    def features(self, batch: int) -> NDArray[np.float32]:
        """Return the representations (N, 2D), float32."""
        with torch.inference_mode():
            rows = torch.arange(len(self._starts)).split(batch)
            found: NDArray[np.float32] = torch.cat([self._represent(one) for one in rows]).numpy()
        return found

    def classify(self, labels: NDArray[np.int64], settings: ClassificationSettings) -> list[float]:
        """Train on labels (N,) and return the seconds of every epoch; the layers go on from where they are."""
        wanted, n_labels = torch.from_numpy(labels), int(labels.max()) + 1
        head = torch.nn.Linear(2 * self._model.config.hidden_size, n_labels)
        trained = [one for one in self._model.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(
            [
                {"params": trained, "lr": settings.classifier_learning_rate},
                {"params": head.parameters(), "lr": settings.head_learning_rate},
            ],
            weight_decay=_WEIGHT_DECAY,
            fused=True,
        )
        steps = settings.classifier_epochs * -(-len(wanted) // settings.classifier_batch)
        schedule = get_linear_schedule_with_warmup(optimizer, round(settings.warm_up * steps), steps)
        seconds = []
        for epoch in range(settings.classifier_epochs):
            started = time.perf_counter()
            frozen = epoch < settings.frozen_epochs
            for module in self._trained:
                module.train(not frozen)
            for rows in torch.randperm(len(wanted)).split(settings.classifier_batch):
                with torch.set_grad_enabled(not frozen):
                    represented = self._represent(rows)  # (B, 2D)
                scores = head(dropout(represented, settings.classifier_dropout))  # (B, n_labels)
                optimizer.zero_grad()
                cross_entropy(scores, wanted[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
            seconds.append(time.perf_counter() - started)
        self._model.eval()
        return seconds

    def _represent(self, rows: torch.Tensor) -> torch.Tensor:
        given = {name: self._tokens[name][rows] for name in ("input_ids", "attention_mask", "token_type_ids")}
        states = self._model(**given).last_hidden_state  # (B, 128, D)
        place = torch.arange(len(rows))
        starts = self._starts[rows]
        return torch.cat([states[place, starts[:, 0]], states[place, starts[:, 1]]], dim=1)
