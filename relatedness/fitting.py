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
from relatedness.marked import extra_pairs
from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.text.pair_features import PAIR_FEATURES, pair_features, sentence_groups
from relscout.text.relatedness import Relatedness, entity_numbers, in_text_order_of, network_logits, tree_sums

#: The encoder whose vectors are read: the default one, so that no second pass over the text is needed.
ENCODER: Mapping[str, Any] = {
    "model": "relation",
    "marking": "none",
    "pooling": "span-mean@3+span-mean@5+sentence@4+between",
    "max_length": 128,
}
#: Width of each part of its vectors, and whether it is a head half and a tail half.
PARTS = ((768, True), (768, True), (384, False), (384, False))
#: Factor that brings the vectors, whose parts are of unit length, near a mean square of 1.
SCALE = 20.0
#: Number of networks.
MEMBERS = 3
#: Share of the trees in the mean logit.
TREE_SHARE = 0.4
#: Blocks of features that are missing at times: a file has no parse, a sentence no document.
MISSING = ("syntax", "document")
FOLDS = 5
BLOCKS: Mapping[str, slice] = {
    name: slice(
        min(place for place, feature in enumerate(PAIR_FEATURES) if feature.startswith(f"{name}:")),
        max(place for place, feature in enumerate(PAIR_FEATURES) if feature.startswith(f"{name}:")) + 1,
    )
    for name in MISSING
}


@dataclass(frozen=True)
class Prepared:
    """Judged pairs with everything that the parts of the model read; every field has a row per pair.

    Args:
        pairs: The pairs.
        vectors: (N, D), scaled, in the order of the text.
        features: (N, F).
        nodes: (N, 2), numbers of the two entities.
        groups: Rows of each sentence.
        targets: What is learnt.
    """

    pairs: Sequence[JudgedPair]
    vectors: NDArray[np.float32]
    features: NDArray[np.float32]
    nodes: NDArray[np.int64]
    groups: Sequence[NDArray[np.int64]]
    targets: Targets

    @property
    def documents(self) -> NDArray[np.int64]:
        """Number of each pair's document; -1 where a sentence stands by itself."""
        names = np.array([_document(pair) for pair in self.pairs])
        numbers = np.unique(names[names != ""], return_inverse=True)[1]
        found = np.full(len(names), -1, dtype=np.int64)
        found[names != ""] = numbers
        return found


@dataclass(frozen=True)
class Scores:
    """Logits of networks and trees that did not see the document, (N,) each; not a number where no fold was scored.

    Args:
        network: Mean of the networks, with syntax.
        trees: Of the trees, with syntax.
        bare_network: Mean of the networks, without syntax.
        bare_trees: Of the trees, without syntax.
    """

    network: NDArray[np.float64]
    trees: NDArray[np.float64]
    bare_network: NDArray[np.float64]
    bare_trees: NDArray[np.float64]

    @property
    def mixed(self) -> NDArray[np.float64]:
        """The mean logit, with syntax."""
        return (1 - TREE_SHARE) * self.network + TREE_SHARE * self.trees

    @property
    def bare(self) -> NDArray[np.float64]:
        """The mean logit, without syntax."""
        return (1 - TREE_SHARE) * self.bare_network + TREE_SHARE * self.bare_trees


def learning_pairs(data: Path) -> list[JudgedPair]:
    """Return the pairs that the shipped model learns from, with the parse of the default pipeline.

    Args:
        data: Folder with ``redocred/dev.json`` and ``conll04/train_dev.json``, in which every pair is judged, and with
            ``fewrel/``, ``nyt_fb/``, ``semeval/`` and ``wiki80/``, in which one pair of a sentence is.
    """
    from relscout.text.spacy_pipeline import SpacyPipeline, with_syntax

    pipeline = SpacyPipeline.load()
    judged = [*redocred(data / "redocred" / "dev.json"), *conll04(data / "conll04" / "train_dev.json")]
    instances = with_syntax([pair.instance for pair in judged], pipeline=pipeline)
    parsed = [replace(pair, instance=instance) for pair, instance in zip(judged, instances, strict=True)]
    return [*parsed, *extra_pairs(data, pipeline)]


def encoded(instances: Sequence[RelationInstance], model: str = ENCODER["model"]) -> NDArray[np.float32]:
    """Return the vectors (N, D) of an encoder.

    Args:
        instances: The pairs.
        model: The encoder, read in the way of :data:`ENCODER`.
    """
    from relscout.encoders.settings import EncoderSettings
    from relscout.encoders.transformer import TransformerEncoder

    return TransformerEncoder(EncoderSettings(**{**ENCODER, "model": model})).encode(instances)


def kept_vectors(pairs: Sequence[JudgedPair], model: str, cache: Path) -> NDArray[np.float32]:
    """Return the vectors (N, D) of an encoder, from a folder that keeps them from one run to the next."""
    path = cache / f"vectors-{model}.npy"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, encoded([pair.instance for pair in pairs], model).astype(np.float16))
    vectors: NDArray[np.float32] = np.load(path).astype(np.float32)
    if len(vectors) != len(pairs):
        raise InputError(f"{path} holds vectors of {len(vectors)} pairs, not of {len(pairs)}; delete it")
    return vectors


def prepared(pairs: Sequence[JudgedPair], vectors: NDArray[np.float32]) -> Prepared:
    """Return the pairs with what the parts of the model read.

    Args:
        pairs: The pairs, with a parse.
        vectors: (N, D), as :func:`encoded` gives them.
    """
    instances = [pair.instance for pair in pairs]
    names = sorted({name for pair in pairs if _document(pair) for name in pair.relations})
    place = {name: number for number, name in enumerate(names)}
    relations = np.zeros((len(pairs), len(names)), dtype=bool)
    for row, pair in enumerate(pairs):
        if _document(pair):
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
            has_document=np.array([bool(_document(pair)) for pair in pairs]),
            trust=np.array([pair.weight for pair in pairs], dtype=np.float32),
        ),
    )


def _document(pair: JudgedPair) -> str:
    """Return the document in which all relations of a pair are known; empty where only its sentence is judged."""
    return pair.instance.document if pair.source == "redocred" else ""


Network = Mapping[str, NDArray[np.float32]]
Trees = tuple[Mapping[str, NDArray[Any]], float]


def networks(
    data: Prepared,
    rows: NDArray[np.bool_],
    *,
    seed: int,
    members: int = MEMBERS,
    settings: NetworkSettings | None = None,
) -> tuple[Network, ...]:
    """Return networks trained on some of the pairs; the others of a sentence do not exist for them.

    Args:
        data: All pairs.
        rows: Which of them are learnt from, (N,).
        seed: Decides everything that is random.
        members: Number of networks.
        settings: How they are trained.
    """
    rows = rows & (data.targets.trust > 0)
    groups = [left for group in data.groups if len(left := group[rows[group]])]
    return tuple(
        train_network(
            data.vectors,
            data.features,
            groups,
            data.nodes,
            data.targets,
            blocks=BLOCKS,
            settings=settings or NetworkSettings(),
            seed=seed * MEMBERS + member,
        )
        for member in range(members)
    )


def grow(data: Prepared, rows: NDArray[np.bool_], *, seed: int) -> Trees:
    """Return trees trained on some of the pairs, and their base logit."""
    targets = data.targets
    rows = rows & (targets.trust > 0)
    return train_trees(
        data.features[rows],
        targets.expressed[rows],
        targets.weights(NetworkSettings().unjudged)[rows],
        blocks=BLOCKS,
        settings=TreeSettings(),
        seed=seed,
    )


def folds_of(documents: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the fold (N,) of each pair: those of a document are in one; -1 for sentences by themselves."""
    order = np.random.default_rng(seed).permutation(int(documents.max()) + 1)
    return np.where(documents < 0, -1, order[documents] % FOLDS)


def out_of_fold(data: Prepared, *, seed: int, fold_seed: int = 0) -> Scores:
    """Score documents by parts that learnt from the other documents and from everything else.

    Args:
        data: The pairs.
        seed: Decides everything that is random in training.
        fold_seed: Decides which documents are in which fold.
    """
    of_pair = folds_of(data.documents, fold_seed)
    found = Scores(*(np.full(len(of_pair), np.nan) for _ in range(4)))
    for fold in range(FOLDS):
        held = of_pair == fold
        score_fold(found, data, held, networks(data, ~held, seed=seed), grow(data, ~held, seed=seed))
    return found


def score_fold(
    found: Scores,
    data: Prepared,
    held: NDArray[np.bool_],
    trained: Sequence[Network],
    grown: Trees,
) -> None:
    """Write the logits of the held-out pairs into ``found``."""
    trees, base = grown
    features, without = data.features[held], data.features[held].copy()
    without[:, BLOCKS["syntax"]] = 0
    for of_networks, of_trees, seen in (
        (found.network, found.trees, features),
        (found.bare_network, found.bare_trees, without),
    ):
        each = [network_logits(one, data.vectors[held], seen, data.nodes[held]) for one in trained]
        of_networks[held] = np.mean(each, axis=0)
        of_trees[held] = base + tree_sums(trees, seen)


def assembled(
    data: Prepared,
    trained: tuple[Network, ...],
    grown: Trees,
    scores: Scores,
    *,
    seed: int,
) -> Relatedness:
    """Return the model: parts that were trained on all pairs, with the calibration of those that were not.

    Args:
        data: The pairs.
        trained: Networks.
        grown: Trees and their base logit.
        scores: What parts that had not seen the documents say.
        seed: What the parts were trained with.
    """
    expressed = data.targets.expressed
    scored = np.isfinite(scores.network)
    with_syntax, bare = (
        platt(scores.mixed[scored], expressed[scored]),
        platt(scores.bare[scored], expressed[scored]),
    )
    trees, base = grown
    slope, shift = with_syntax
    logits = slope * scores.mixed[scored] + shift
    probabilities = 1 / (1 + np.exp(-logits))
    return Relatedness(
        encoder=ENCODER,
        parts=PARTS,
        networks=trained,
        trees=trees,
        tree_share=TREE_SHARE,
        base=base,
        calibration=(with_syntax, bare),
        scale=SCALE,
        card={
            "pairs": len(expressed),
            "expressed": int(expressed.sum()),
            "seed": seed,
            "calibrated_on": int(scored.sum()),
            # from "expressed, by the evidence that annotators noted" to "related at all"
            "holds": platt(logits, data.targets.related[scored]),
            "calibration_error": round(calibration_error(probabilities, expressed[scored]), 4),
        },
    )


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
