"""Trains the parts of the relatedness model: small networks over vectors and features, and boosted trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class NetworkSettings:
    """How a network is trained."""

    projection: int = 128
    """Dimensions that the vectors are projected to."""
    hidden: int = 128
    """Units of the layer that sees vectors and features together."""
    epochs: int = 8
    """Passes over the training pairs."""
    batch: int = 512
    """Pairs in a batch, whole sentences."""
    rate: float = 2e-3
    """Highest learning rate of AdamW; it falls to 0 on a cosine."""
    decay: float = 0.5
    """Weight decay of AdamW."""
    dropout: float = 0.3
    """Share of hidden units that are dropped."""
    drop_features: float = 0.35
    """Share of the sentences whose syntax, and of those whose document features, are taken away in training."""
    unjudged: float = 0.3
    """Weight of a pair that is related in the document while no label has this sentence as evidence."""
    related: float = 0.3
    """Weight of the second task: is the pair related in the document?"""
    relations: float = 0.3
    """Weight of the third task: which relations does the sentence express?"""


def train_network(
    vectors: NDArray[np.float32],
    features: NDArray[np.float32],
    groups: Sequence[NDArray[np.int64]],
    nodes: NDArray[np.int64],
    targets: Targets,
    *,
    blocks: Mapping[str, slice],
    settings: NetworkSettings,
    seed: int,
) -> dict[str, NDArray[np.float32]]:
    """Train a network and return its weights, as :mod:`relscout.text.relatedness` reads them.

    Args:
        vectors: (N, D), in the order of the text, scaled.
        features: (N, F).
        groups: Rows of each sentence to learn from.
        nodes: (N, 2): number of the first and the second entity of each pair, different in every sentence.
        targets: What is learnt.
        blocks: Columns of ``features`` that are taken away together at times, by name.
        settings: How it is trained.
        seed: Decides everything that is random.
    """
    import torch
    from torch import nn

    generator = np.random.default_rng(seed)
    torch.manual_seed(seed)
    net = Network(vectors.shape[1], features.shape[1], targets.relations.shape[1], settings)
    v, x = torch.from_numpy(vectors), torch.from_numpy(features)
    y = torch.from_numpy(targets.expressed.astype(np.float32))
    z = torch.from_numpy(targets.related.astype(np.float32))
    r = torch.from_numpy(targets.relations.astype(np.float32))
    weights = torch.from_numpy(targets.weights(settings.unjudged))
    has_document = torch.from_numpy(targets.has_document.astype(np.float32))
    node = torch.from_numpy(nodes)
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=settings.decay)
    sizes = np.array([len(group) for group in groups])
    steps = settings.epochs * (int(sizes.sum()) // settings.batch + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=steps + settings.epochs + 1, pct_start=0.15
    )
    lossy = nn.BCEWithLogitsLoss(reduction="none")
    net.train()
    for _ in range(settings.epochs):
        order = generator.permutation(len(groups))
        ends = np.cumsum(sizes[order]) // settings.batch
        for number in range(int(ends[-1]) + 1):
            chosen = [groups[place] for place in order[ends == number]]
            if not chosen:
                continue
            rows = np.concatenate(chosen)
            lengths = [len(group) for group in chosen]
            features_of = x[rows].clone()
            for block in blocks.values():
                gone = generator.random(len(chosen)) < settings.drop_features
                features_of[torch.from_numpy(np.repeat(gone, lengths)), block] = 0
            _, local = torch.unique(node[rows], return_inverse=True)
            one, document, kinds = net(v[rows], features_of, local)
            weight = weights[rows]
            loss = (lossy(one, y[rows]) * weight).sum() / weight.sum()
            known = has_document[rows]
            if settings.related:
                loss = loss + settings.related * (lossy(document, z[rows]) * known).sum() / known.sum().clamp(
                    min=1
                )
            if settings.relations:
                of_relations = lossy(kinds, r[rows]).sum(dim=1)
                loss = loss + settings.relations * (of_relations * known * weight).sum() / known.sum().clamp(
                    min=1
                )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return net.exported()


@dataclass(frozen=True)
class Targets:
    """What is learnt of each pair; every field has a row per pair.

    Args:
        expressed: Whether the sentence expresses a relation, (N,), bool.
        related: Whether the pair is related in its document, (N,), bool.
        relations: Which relations the sentence expresses, (N, R), bool.
        has_document: Whether ``related`` and ``relations`` are known, (N,), bool.
        trust: How far what is said of a pair is trusted, (N,), 0 to 1.
    """

    expressed: NDArray[np.bool_]
    related: NDArray[np.bool_]
    relations: NDArray[np.bool_]
    has_document: NDArray[np.bool_]
    trust: NDArray[np.float32]

    def weights(self, unjudged: float) -> NDArray[np.float32]:
        """Return how much each pair counts."""
        doubtful = self.related & ~self.expressed
        return (np.where(doubtful, unjudged, 1.0) * self.trust).astype(np.float32)


def _network() -> Any:
    import torch
    from torch import nn

    class _Network(nn.Module):
        def __init__(self, width: int, n_features: int, n_relations: int, settings: NetworkSettings) -> None:
            super().__init__()
            self.project = nn.Linear(width, settings.projection)
            self.first = nn.Linear(settings.projection + n_features, settings.hidden)
            # its own units, and the strongest of all pairs of either entity
            self.second = nn.Linear(3 * settings.hidden, settings.hidden)
            self.out = nn.Linear(settings.hidden, 1)
            self.document = nn.Linear(settings.hidden, 1)
            self.kinds = nn.Linear(settings.hidden, n_relations)
            self.drop = nn.Dropout(settings.dropout)

        def forward(self, vectors: Any, features: Any, nodes: Any) -> tuple[Any, Any, Any]:
            projected = self.drop(torch.relu(self.project(vectors)))
            hidden = self.drop(torch.relu(self.first(torch.cat([projected, features], dim=1))))
            n_nodes = int(nodes.max()) + 1
            spread = nodes.T.reshape(-1, 1).expand(
                -1, hidden.shape[1]
            )  # first entities of all pairs, then second ones
            around = torch.zeros(n_nodes, hidden.shape[1])
            around = around.scatter_reduce(0, spread, hidden.repeat(2, 1), "amax")
            hidden = torch.cat([hidden, around[nodes[:, 0]], around[nodes[:, 1]]], dim=1)
            top = self.drop(torch.relu(self.second(hidden)))
            return self.out(top)[:, 0], self.document(top)[:, 0], self.kinds(top)

        def exported(self) -> dict[str, NDArray[np.float32]]:
            found = {}
            for name in ("project", "first", "second", "out"):
                layer = getattr(self, name)
                found[f"{name}.weight"] = layer.weight.detach().numpy().T.copy()
                found[f"{name}.bias"] = layer.bias.detach().numpy().copy()
            return found

    return _Network


def Network(*arguments: Any) -> Any:  # noqa: N802 - stands for a class of a library that is imported late
    """Return an untrained network."""
    return _network()(*arguments)


@dataclass(frozen=True)
class TreeSettings:
    """How the trees are grown."""

    trees: int = 150
    """Number of trees."""
    rate: float = 0.08
    """Share of each tree that counts."""
    leaves: int = 15
    """Most leaves of a tree."""
    fewest: int = 30
    """Fewest pairs in a leaf."""
    copies: float = 0.4
    """Share of the pairs that are learnt from once more with some of their features missing."""


def train_trees(
    features: NDArray[np.float32],
    expressed: NDArray[np.bool_],
    weights: NDArray[np.float32],
    *,
    blocks: Mapping[str, slice],
    settings: TreeSettings,
    seed: int,
) -> tuple[dict[str, NDArray[Any]], float]:
    """Grow boosted trees; return their arrays, as :mod:`relscout.text.relatedness` reads them, and the base logit.

    Args:
        features: (N, F).
        expressed: (N,).
        weights: How much each pair counts, (N,).
        blocks: Columns that are missing together at times, by name.
        settings: How they are grown.
        seed: Decides everything that is random.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    generator = np.random.default_rng(seed)
    again = np.flatnonzero(generator.random(len(features)) < settings.copies)
    copies = features[again]
    for block in blocks.values():
        copies[generator.random(len(again)) < 2 / 3, block] = 0
    columns = np.flatnonzero((features != 0).sum(axis=0) >= settings.fewest)
    grown = HistGradientBoostingClassifier(
        max_iter=settings.trees,
        learning_rate=settings.rate,
        max_leaf_nodes=settings.leaves,
        min_samples_leaf=settings.fewest,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    ).fit(
        np.concatenate([features, copies])[:, columns],
        np.concatenate([expressed, expressed[again]]),
        sample_weight=np.concatenate([weights, weights[again]]),
    )
    trees = [predictors[0].nodes for predictors in grown._predictors]
    size = max(map(len, trees))
    shape = (len(trees), size)
    found: dict[str, NDArray[Any]] = {
        "feature": np.zeros(shape, dtype=np.int16),
        "threshold": np.full(shape, np.inf, dtype=np.float32),
        "left": np.tile(np.arange(size, dtype=np.int16), (len(trees), 1)),
        "right": np.tile(np.arange(size, dtype=np.int16), (len(trees), 1)),
        "value": np.zeros(shape, dtype=np.float32),
    }
    for number, nodes in enumerate(trees):
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        found["feature"][number, inner] = columns[nodes["feature_idx"][inner]]
        # features are small fractions, between which thresholds lie: float32 keeps the sides apart
        found["threshold"][number, inner] = nodes["num_threshold"][inner]
        found["left"][number, inner] = nodes["left"][inner]
        found["right"][number, inner] = nodes["right"][inner]
        found["value"][number, : len(nodes)] = nodes["value"]
    return found, float(grown._baseline_prediction.ravel()[0])
