"""From judged pairs to a relatedness model: what is learnt from, its folds, its calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relatedness.data import JudgedPair, conll04, redocred
from relatedness.learning import Targets, TreeSettings, train_trees
from relatedness.tuning import PARTS, POOLING, SCALE, Sentences, Tuned, Tuning, TuningSettings, sentences_of
from relscout.text.pair_features import PAIR_FEATURES, pair_features, sentence_groups
from relscout.text.relatedness import Relatedness, entity_numbers, tree_sums

#: The encoder whose vectors the model reads.
ENCODER: Mapping[str, Any] = {
    "model": "relatedness",
    "marking": "none",
    "pooling": POOLING,
    "max_length": 128,
}
#: Share of the trees in the mean logit.
TREE_SHARE = 0.3
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
        sentences: What the encoder's frozen layers say of their sentences.
        features: (N, F).
        nodes: (N, 2), numbers of the two entities.
        groups: Rows of each sentence.
        targets: What is learnt.
    """

    pairs: Sequence[JudgedPair]
    sentences: Sentences
    features: NDArray[np.float32]
    nodes: NDArray[np.int64]
    groups: Sequence[NDArray[np.int64]]
    targets: Targets

    @property
    def documents(self) -> NDArray[np.int64]:
        """Number of each pair's document; -1 where a sentence stands by itself."""
        names = np.array([pair.instance.document for pair in self.pairs])
        numbers = np.unique(names[names != ""], return_inverse=True)[1]
        found = np.full(len(names), -1, dtype=np.int64)
        found[names != ""] = numbers
        return found


@dataclass(frozen=True)
class Scores:
    """Logits of networks and trees that did not see the document, (N,) each; not a number where no fold was scored.

    Args:
        network: Of the network, with syntax.
        trees: Of the trees, with syntax.
        bare_network: Of the network, without syntax.
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


def prepared(pairs: Sequence[JudgedPair], *, sentences: Sentences | None = None) -> Prepared:
    """Return the pairs with what the parts of the model read.

    Args:
        pairs: The pairs, with a parse.
        sentences: What the frozen layers say, where it is known already.
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
        sentences or sentences_of(instances, TuningSettings().base),
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


def tune(data: Prepared, rows: NDArray[np.bool_], *, seed: int) -> Tuning:
    """Return encoder and network trained on some of the pairs; the others of a sentence do not exist for them.

    Args:
        data: All pairs.
        rows: Which of them are learnt from, (N,).
        seed: Decides everything that is random.
    """
    tuning = Tuning(
        data.sentences,
        data.features,
        data.nodes,
        data.targets,
        blocks=BLOCKS,
        settings=TuningSettings(),
        seed=seed,
    )
    for _ in tuning.train(kept(data.groups, rows)):
        pass
    return tuning


def grow(data: Prepared, rows: NDArray[np.bool_], *, seed: int) -> tuple[Mapping[str, NDArray[Any]], float]:
    """Return trees trained on some of the pairs, and their base logit."""
    targets = data.targets
    return train_trees(
        data.features[rows],
        targets.expressed[rows],
        targets.weights(TuningSettings().network.unjudged)[rows],
        blocks=BLOCKS,
        settings=TreeSettings(),
        seed=seed,
    )


def kept(groups: Sequence[NDArray[np.int64]], rows: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return the groups with only those rows that are true, empty ones left out."""
    return [left for group in groups if len(left := group[rows[group]])]


def folds_of(documents: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the fold (N,) of each pair: those of a document are in one; -1 for sentences by themselves."""
    order = np.random.default_rng(seed).permutation(int(documents.max()) + 1)
    return np.where(documents < 0, -1, order[documents] % FOLDS)


def out_of_fold(
    data: Prepared, *, seed: int, fold_seed: int = 0, folds: Sequence[int] = range(FOLDS), alone: bool = False
) -> Scores:
    """Score documents by parts that never saw them.

    Args:
        data: The pairs.
        seed: Decides everything that is random in training.
        fold_seed: Decides which documents are in which fold.
        folds: The folds to score.
        alone: Whether sentences without a document are left out of training.
    """
    of_pair = folds_of(data.documents, fold_seed)
    found = Scores(*(np.full(len(of_pair), np.nan) for _ in range(4)))
    for fold in folds:
        seen = (of_pair != fold) & ((of_pair >= 0) | (not alone))
        held = of_pair == fold
        score_fold(found, data, held, tune(data, seen, seed=seed), grow(data, seen, seed=seed))
    return found


def score_fold(
    found: Scores,
    data: Prepared,
    held: NDArray[np.bool_],
    tuning: Tuning,
    grown: tuple[Mapping[str, NDArray[Any]], float],
) -> None:
    """Write the logits of the held-out pairs into ``found``."""
    trees, base = grown
    groups = kept(data.groups, held)
    without = data.features[held].copy()
    without[:, BLOCKS["syntax"]] = 0
    found.network[held] = tuning.logits(groups)[held]
    found.trees[held] = base + tree_sums(trees, data.features[held])
    found.bare_network[held] = tuning.logits(groups, without=BLOCKS["syntax"])[held]
    found.bare_trees[held] = base + tree_sums(trees, without)


def assembled(
    data: Prepared,
    tuned: Tuned,
    grown: tuple[Mapping[str, NDArray[Any]], float],
    scores: Scores,
    *,
    seed: int,
) -> Relatedness:
    """Return the model: parts that were trained on all pairs, with the calibration of those that were not.

    Args:
        data: The pairs.
        tuned: Encoder and network.
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
    probabilities = 1 / (1 + np.exp(-(slope * scores.mixed[scored] + shift)))
    return Relatedness(
        encoder=ENCODER,
        parts=PARTS,
        networks=(tuned.network,),
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
            "calibration_error": round(calibration_error(probabilities, expressed[scored]), 4),
        },
    )


def save_encoder_of(tuned: Tuned, folder: Path, *, seed: int) -> None:
    """Write the trained layers as an adapter, in half precision.

    Args:
        tuned: What was trained.
        folder: Where the adapter is written.
        seed: What it was trained with.
    """
    from relscout.encoders.low_rank import alpha_of
    from relscout.encoders.saved import save_adapter
    from relscout.encoders.settings import EncoderSettings
    from relscout.encoders.transformer import TransformerEncoder

    settings = TuningSettings()
    save_adapter(
        folder,
        TransformerEncoder(EncoderSettings(model=settings.base, pooling=POOLING)),
        {name: array.astype(np.float16) for name, array in tuned.factors.items()},
        rank=settings.rank,
        alpha=alpha_of(settings.rank),
        made={"objective": "relatedness", "seed": seed, "encoder": settings.base},
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
