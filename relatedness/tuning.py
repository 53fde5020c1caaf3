"""Trains the top layers of the encoder, by low-rank factors, together with the network that reads its vectors.

All pairs of a sentence share one pass. The layers below stay as they are, and their states are computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relatedness.learning import Network, NetworkSettings, Targets

if TYPE_CHECKING:
    import torch

    from relscout.instances import RelationInstance

#: What the trained encoder's vectors are made of; :func:`_pooled` computes the same for all pairs of a sentence.
POOLING = "span-mean@3+span-mean@5+span-mean@6+between+sentence@4"
#: Width of each part, and whether it is a head half and a tail half.
PARTS = ((768, True), (768, True), (768, True), (384, False), (384, False))
#: Factor of the vectors.
SCALE = 20.0
_FROZEN = 3


@dataclass(frozen=True)
class TuningSettings:
    """How encoder and network are trained together."""

    base: str = "relation"
    """The encoder to start from; its first three layers stay as they are."""
    rank: int = 16
    """Rank of the factors."""
    epochs: int = 5
    """Passes over the sentences."""
    batch: int = 12
    """Sentences in a batch."""
    rate: float = 7e-4
    """Highest learning rate of the factors."""
    warm_up: float = 0.12
    """Share of the steps in which the learning rates rise; then they fall to 0 on a cosine."""
    dropout: float = 0.1
    """Dropout of the transformer's own layers."""
    network: NetworkSettings = field(
        default_factory=lambda: NetworkSettings(dropout=0.35, drop_features=0.25)
    )
    """How the network is trained; its epochs and batch are not read."""


@dataclass(frozen=True)
class Sentences:
    """What the frozen layers say of each sentence, and where the entities of each pair are.

    Args:
        states: States after the last frozen layer (tokens of all sentences, D), float16.
        ends: Where each sentence ends in ``states``, after a 0, (S + 1,).
        number: Number of the sentence of each pair, (N,).
        spans: Tokens of the first and the second entity of each pair, (N, 2, 2) as ``[start, end)``.
    """

    states: NDArray[np.float16]
    ends: NDArray[np.int64]
    number: NDArray[np.int64]
    spans: NDArray[np.int64]


def sentences_of(instances: Sequence[RelationInstance], base: str) -> Sentences:
    """Run the frozen layers once over every sentence.

    Args:
        instances: Pairs in the order of the text.
        base: The encoder.
    """
    import torch

    from relscout.encoders.settings import EncoderSettings
    from relscout.encoders.transformer import TransformerEncoder

    encoder = TransformerEncoder(EncoderSettings(model=base, pooling=f"sentence@{_FROZEN}", device="cpu"))
    vocabulary = encoder.vocabulary
    inputs = vocabulary.inputs(instances)
    numbers: dict[tuple[int, ...], int] = {}
    for one in inputs:
        numbers.setdefault(tuple(one.marked.ids), len(numbers))
    spans = np.array([(one.marked.head, one.marked.tail) for one in inputs]) + len(vocabulary.before)
    tokens = [(*vocabulary.before, *ids, *vocabulary.after) for ids in numbers]
    ends = np.cumsum([0, *map(len, tokens)])
    states = np.zeros((int(ends[-1]), encoder.hidden_size), dtype=np.float16)
    by_length = sorted(range(len(tokens)), key=lambda number: len(tokens[number]))
    for begin in range(0, len(by_length), 32):
        chosen = by_length[begin : begin + 32]
        lengths = [len(tokens[number]) for number in chosen]
        ids = torch.zeros(len(chosen), max(lengths), dtype=torch.long)
        for row, number in enumerate(chosen):
            ids[row, : lengths[row]] = torch.tensor(tokens[number])
        attention = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
        with torch.inference_mode():
            found = encoder.model(input_ids=ids, attention_mask=attention).last_hidden_state
        for row, number in enumerate(chosen):
            states[ends[number] : ends[number + 1]] = found[row, : lengths[row]].numpy()
    number = np.array([numbers[tuple(one.marked.ids)] for one in inputs])
    return Sentences(states, ends, number, spans)


@dataclass(frozen=True)
class Tuned:
    """What was trained.

    Args:
        factors: The low-rank factors, as :func:`relscout.encoders.saved.save_adapter` takes them.
        network: Weights of the network, as :mod:`relscout.text.relatedness` reads them.
    """

    factors: Mapping[str, NDArray[np.float32]]
    network: Mapping[str, NDArray[np.float32]]


class Tuning:
    """The encoder's top layers and the network, while they train.

    Args:
        sentences: What the frozen layers say.
        features: (N, F).
        nodes: (N, 2), as :func:`relscout.text.relatedness.entity_numbers` gives them.
        targets: What is learnt.
        blocks: Columns of ``features`` that are taken away together at times, by name.
        settings: How it is trained.
        seed: Decides everything that is random.
    """

    def __init__(
        self,
        sentences: Sentences,
        features: NDArray[np.float32],
        nodes: NDArray[np.int64],
        targets: Targets,
        *,
        blocks: Mapping[str, slice],
        settings: TuningSettings,
        seed: int,
    ) -> None:
        import torch
        from torch import nn

        from relscout.encoders.loading import load_weights
        from relscout.encoders.low_rank import add_factors

        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.settings, self.sentences, self.blocks, self.targets = settings, sentences, blocks, targets
        self.model = load_weights(settings.base, dtype="float32")
        self.layers = list(self.model.encoder.layer[_FROZEN:])
        add_factors(self.model, self.layers, rank=settings.rank, seed=seed)
        for part in self.model.modules():
            if isinstance(part, nn.Dropout):
                part.p = settings.dropout
        width = sum(size for size, _ in PARTS)
        n_relations = targets.relations.shape[1]
        self.net = Network(width, features.shape[1], n_relations, settings.network)
        self.features = torch.from_numpy(features)
        self.nodes = torch.from_numpy(nodes)
        self.spans = torch.from_numpy(sentences.spans)

    def train(self, groups: Sequence[NDArray[np.int64]]) -> Iterator[int]:
        """Train on the pairs of some sentences; yield the number of passes done, after each.

        Args:
            groups: Rows of each sentence's pairs.
        """
        import torch
        from torch import nn

        settings, of_net, targets = self.settings, self.settings.network, self.targets
        y, z, relations, known = (
            torch.from_numpy(array.astype(np.float32))
            for array in (targets.expressed, targets.related, targets.relations, targets.has_document)
        )
        weights = torch.from_numpy(targets.weights(of_net.unjudged))
        factors = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(
            [
                {"params": factors, "lr": settings.rate, "weight_decay": 0.0},
                {"params": self.net.parameters(), "lr": of_net.rate, "weight_decay": of_net.decay},
            ]
        )
        steps = settings.epochs * len(self._batches(groups)) + 1
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [settings.rate, of_net.rate], total_steps=steps, pct_start=settings.warm_up
        )
        lossy = nn.BCEWithLogitsLoss(reduction="none")
        for epoch in range(1, settings.epochs + 1):
            self.model.train()
            self.net.train()
            for batch in self._batches(groups):
                rows, (one, document, kinds) = self._forward(batch, drop=True)
                weight, judged = weights[rows], known[rows]
                count = judged.sum().clamp(min=1)
                loss = (lossy(one, y[rows]) * weight).sum() / weight.sum().clamp(min=1)
                loss = loss + of_net.related * (lossy(document, z[rows]) * judged).sum() / count
                of_relations = lossy(kinds, relations[rows]).sum(dim=1) * weight * judged
                loss = loss + of_net.relations * of_relations.sum() / count
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_([*factors, *self.net.parameters()], 1.0)
                optimizer.step()
                schedule.step()
            yield epoch

    def logits(
        self, groups: Sequence[NDArray[np.int64]], *, without: slice | None = None
    ) -> NDArray[np.float64]:
        """Return the logits of the pairs of some sentences, (N,); not a number elsewhere.

        Args:
            groups: Rows of each sentence's pairs.
            without: Columns of the features that are taken away.
        """
        import torch

        self.model.eval()
        self.net.eval()
        found = np.full(len(self.features), np.nan)
        order = sorted(range(len(groups)), key=lambda place: self._length(groups[place]))
        with torch.no_grad():
            for begin in range(0, len(order), self.settings.batch):
                chosen = [groups[place] for place in order[begin : begin + self.settings.batch]]
                rows, (one, _, _) = self._forward(chosen, drop=False, without=without)
                found[rows] = one.numpy()
        return found

    def result(self) -> Tuned:
        """Return what was trained so far."""
        from relscout.encoders.low_rank import is_factor, plain_name

        factors = {
            plain_name(name): parameter.detach().numpy()
            for name, parameter in self.model.named_parameters()
            if is_factor(name)
        }
        return Tuned(factors, self.net.exported())

    def _length(self, group: NDArray[np.int64]) -> int:
        number = self.sentences.number[group[0]]
        return int(self.sentences.ends[number + 1] - self.sentences.ends[number])

    def _batches(self, groups: Sequence[NDArray[np.int64]]) -> list[list[NDArray[np.int64]]]:
        lengths = np.array([self._length(group) for group in groups])
        # sentences of much the same length, not the same ones together in every pass
        order = np.argsort(lengths + self.random.random(len(groups)) * 12, kind="stable")
        batch = self.settings.batch
        found = [[groups[place] for place in order[at : at + batch]] for at in range(0, len(order), batch)]
        return [found[place] for place in self.random.permutation(len(found))]

    def _forward(
        self, groups: Sequence[NDArray[np.int64]], *, drop: bool, without: slice | None = None
    ) -> tuple[NDArray[np.int64], Any]:
        import torch

        sentences = self.sentences
        lengths = [self._length(group) for group in groups]
        states = torch.zeros(len(groups), max(lengths), sentences.states.shape[1])
        for place, (group, length) in enumerate(zip(groups, lengths, strict=True)):
            begin = sentences.ends[sentences.number[group[0]]]
            states[place, :length] = torch.from_numpy(
                sentences.states[begin : begin + length].astype(np.float32)
            )
        inside = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        attention = (1.0 - inside[:, None, None, :].float()) * -1e9
        every = [states]
        for layer in self.layers:
            given = layer(every[-1], attention_mask=attention)
            every.append(given[0] if isinstance(given, tuple) else given)
        rows = np.concatenate(list(groups))
        counts = [len(group) for group in groups]
        place_of = torch.from_numpy(np.repeat(np.arange(len(groups)), counts))
        vectors = _pooled(every, torch.tensor(lengths), place_of, self.spans[rows])
        features = self.features[rows].clone()
        if without is not None:
            features[:, without] = 0
        if drop:
            for block in self.blocks.values():
                missing = self.random.random(len(groups)) < self.settings.network.drop_features
                features[torch.from_numpy(np.repeat(missing, counts)), block] = 0
        _, nodes = torch.unique(self.nodes[rows], return_inverse=True)
        return rows, self.net(vectors, features, nodes)


def _pooled(
    every: Sequence[torch.Tensor], lengths: torch.Tensor, place: torch.Tensor, spans: torch.Tensor
) -> torch.Tensor:
    """Return the scaled vectors (P, D) of pairs, as :data:`POOLING` says.

    Args:
        every: States (B, T, D) after the last frozen layer and after each that trains.
        lengths: Tokens of each sentence, (B,).
        place: The sentence of each pair in the batch, (P,).
        spans: (P, 2, 2).
    """
    import torch
    from torch.nn.functional import normalize

    count, longest, width = every[0].shape
    # a mean over tokens is a difference of two running sums
    sums = [
        torch.cat([torch.zeros(count, 1, width), states.cumsum(1)], dim=1).flatten(0, 1) for states in every
    ]

    def mean(layer: int, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        begin = place * (longest + 1)
        of_layer = sums[layer]
        total = of_layer.index_select(0, begin + end) - of_layer.index_select(0, begin + start)
        return total / (end - start)[:, None]

    def part(*pieces: torch.Tensor) -> torch.Tensor:
        return normalize(torch.cat(pieces, dim=1), dim=1) * SCALE

    first, second = spans[:, 0], spans[:, 1]
    nothing, whole = torch.zeros_like(place), lengths[place]
    start, end = spans[:, :, 1].min(1).values, spans[:, :, 0].max(1).values
    empty = start >= end
    start, end = torch.where(empty, nothing, start), torch.where(empty, whole, end)
    return torch.cat(
        [
            *(
                part(mean(layer, first[:, 0], first[:, 1]), mean(layer, second[:, 0], second[:, 1]))
                for layer in (0, 2, 3)
            ),
            part(mean(3, start, end)),
            part(mean(1, nothing, whole)),
        ],
        dim=1,
    )
