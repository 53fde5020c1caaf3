"""From judged pairs to a relatedness model: what is learnt from, its folds, its calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relatedness.data import JudgedPair, conll04, redocred
from relatedness.learning import NetworkSettings, Targets, TreeSettings, train_network, train_trees
from relscout.instances import RelationInstance
from relscout.text.pair_features import PAIR_FEATURES, pair_features, sentence_groups
from relscout.text.relatedness import (
    Relatedness,
    entity_numbers,
    in_text_order_of,
    network_logits,
    tree_sums,
)

#: The encoder whose vectors are read: the default one, so that no second pass is needed.
ENCODER: Mapping[str, Any] = {
    "model": "relation",
    "marking": "none",
    "pooling": "span-mean@3+span-mean@5+sentence@4+between",
    "max_length": 128,
}
#: Width of each part of its vectors, and whether it is a head half and a tail half.
PARTS = ((768, True), (768, True), (384, False), (384, False))
SCALE = 20.0
#: Blocks of features that are missing at times: a file has no parse, a sentence no document.
MISSING = ("syntax", "document")
FOLDS = 5


@dataclass(frozen=True)
class Prepared:
    """Judged pairs with everything that the parts of the model read; every field has a row per pair."""

    pairs: Sequence[JudgedPair]
    vectors: NDArray[np.float32]
    features: NDArray[np.float32]
    nodes: NDArray[np.int64]
    groups: Sequence[NDArray[np.int64]]
    targets: Targets

    @property
    def documents(self) -> NDArray[np.int64]:
        """Number of each pair's document; a sentence without one is its own."""
        names = [pair.instance.document or pair.instance.text for pair in self.pairs]
        return np.unique(names, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class Parts:
    """The trained parts of a model, before they are weighed and calibrated."""

    networks: tuple[Mapping[str, NDArray[np.float32]], ...]
    trees: Mapping[str, NDArray[Any]]
    base: float

    def logits(
        self, vectors: NDArray[np.float32], features: NDArray[np.float32], nodes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean logit of the networks (N,) and the logit of the trees (N,)."""
        found = np.mean(
            [network_logits(network, vectors, features, nodes) for network in self.networks], axis=0
        )
        return found.astype(np.float64), self.base + tree_sums(self.trees, features)


def learning_pairs(data: Path) -> list[JudgedPair]:
    """Return the pairs that the shipped model learns from.

    Args:
        data: Folder with ``redocred/dev.json`` and ``conll04/train_dev.json``.
    """
    return [*redocred(data / "redocred" / "dev.json"), *conll04(data / "conll04" / "train_dev.json")]


def with_syntax(pairs: Sequence[JudgedPair]) -> list[JudgedPair]:
    """Return the pairs with the parse of the default pipeline."""
    from relscout.text.spacy_pipeline import SpacyPipeline
    from relscout.text.syntax import parsed

    instances = parsed([pair.instance for pair in pairs], SpacyPipeline.load())
    return [replace(pair, instance=instance) for pair, instance in zip(pairs, instances, strict=True)]


def encoded(instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
    """Return the vectors of the encoder that the model reads."""
    from relscout.encoders.settings import EncoderSettings
    from relscout.encoders.transformer import TransformerEncoder

    return TransformerEncoder(EncoderSettings(**ENCODER)).encode(instances)


def prepared(pairs: Sequence[JudgedPair], vectors: NDArray[np.float32]) -> Prepared:
    """Return the pairs with their features.

    Args:
        pairs: The pairs, with a parse.
        vectors: (N, D), as :func:`encoded` gives them.
    """
    instances = [pair.instance for pair in pairs]
    names = sorted({name for pair in pairs if pair.instance.document for name in pair.relations})
    place = {name: number for number, name in enumerate(names)}
    relations = np.zeros((len(pairs), len(names)), dtype=bool)
    for row, pair in enumerate(pairs):
        if pair.instance.document:
            relations[row, [place[name] for name in pair.relations]] = True
    return Prepared(
        pairs,
        in_text_order_of(instances, vectors, PARTS) * np.float32(SCALE),
        pair_features(instances),
        entity_numbers(instances),
        [np.array(group) for group in sentence_groups(instances)],
        Targets(
            expressed=np.array([pair.expressed for pair in pairs]),
            related=np.array([pair.related for pair in pairs]),
            relations=relations,
            has_document=np.array([bool(pair.instance.document) for pair in pairs]),
        ),
    )


def fit_parts(
    data: Prepared,
    rows: NDArray[np.bool_],
    *,
    seeds: Sequence[int],
    networks: NetworkSettings | None = None,
    trees: TreeSettings | None = None,
) -> Parts:
    """Train the parts on some of the pairs.

    Args:
        data: All pairs.
        rows: Which of them are learnt from, (N,).
        seeds: One network is trained with each.
        networks: How the networks are trained.
        trees: How the trees are trained.
    """
    blocks = {name: _block(name) for name in MISSING}
    groups = [kept for group in data.groups if len(kept := group[rows[group]])]
    settings = networks or NetworkSettings()
    found = tuple(
        train_network(
            data.vectors,
            data.features,
            groups,
            data.nodes,
            data.targets,
            blocks=blocks,
            settings=settings,
            seed=seed,
        )
        for seed in seeds
    )
    grown, base = train_trees(
        data.features[rows],
        data.targets.expressed[rows],
        data.targets.weights(settings.unjudged)[rows],
        blocks=blocks,
        settings=trees or TreeSettings(),
        seed=seeds[0],
    )
    return Parts(found, grown, base)


def folds_of(documents: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the fold (N,) of each pair; those of a document are in one."""
    return np.random.default_rng(seed).permutation(int(documents.max()) + 1)[documents] % FOLDS


def out_of_fold(
    data: Prepared, *, seeds: Sequence[int], fold_seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logits (2, N) of networks and trees that never saw the document: with syntax, and without."""
    folds = folds_of(data.documents, fold_seed)
    whole, bare = np.zeros((2, len(folds))), np.zeros((2, len(folds)))
    without = data.features.copy()
    without[:, _block("syntax")] = 0
    for fold in range(FOLDS):
        parts = fit_parts(data, folds != fold, seeds=seeds)
        held = folds == fold
        whole[:, held] = parts.logits(data.vectors[held], data.features[held], data.nodes[held])
        bare[:, held] = parts.logits(data.vectors[held], without[held], data.nodes[held])
    return whole, bare


def fitted_model(data: Prepared, *, seed: int = 0, members: int = 3) -> Relatedness:
    """Return the model taught on all pairs, with the weighing and calibration that five folds gave.

    Args:
        data: The pairs.
        seed: Decides everything that is random.
        members: Number of networks.
    """
    seeds = range(seed, seed + members)
    whole, bare = out_of_fold(data, seeds=seeds, fold_seed=seed)
    expressed = data.targets.expressed
    of_documents = data.targets.has_document
    mixed, mixed_bare = ((1 - TREE_SHARE) * both[0] + TREE_SHARE * both[1] for both in (whole, bare))
    calibration = (
        platt(mixed[of_documents], expressed[of_documents]),
        platt(mixed_bare[of_documents], expressed[of_documents]),
    )
    parts = fit_parts(data, np.ones(len(expressed), dtype=bool), seeds=seeds)
    slope, shift = calibration[0]
    probabilities = 1 / (1 + np.exp(-(slope * mixed + shift)))
    card = {
        "pairs": len(expressed),
        "expressed": int(expressed.sum()),
        "seed": seed,
        "calibration_error": round(
            calibration_error(probabilities[of_documents], expressed[of_documents]), 4
        ),
    }
    return Relatedness(
        encoder=ENCODER,
        parts=PARTS,
        networks=parts.networks,
        trees=parts.trees,
        tree_share=TREE_SHARE,
        base=parts.base,
        calibration=calibration,
        scale=SCALE,
        card=card,
    )


#: Share of the trees in the mean logit.
TREE_SHARE = 0.4


def platt(logits: NDArray[np.float64], expressed: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the slope and the shift of the logit that fit the outcomes best."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=1e6).fit(logits[:, None], expressed)
    return float(found.coef_[0, 0]), float(found.intercept_[0])


def calibration_error(
    probabilities: NDArray[np.float64], expressed: NDArray[np.bool_], bins: int = 15
) -> float:
    """Return the expected calibration error over bins of equal width."""
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = place == number
        if inside.any():
            error += float(inside.mean()) * abs(
                float(probabilities[inside].mean() - expressed[inside].mean())
            )
    return error


def _block(name: str) -> slice:
    places = [place for place, feature in enumerate(PAIR_FEATURES) if feature.startswith(f"{name}:")]
    return slice(places[0], places[-1] + 1)
