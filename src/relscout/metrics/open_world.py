"""Scores where pre-defined relations, novel relations and unrelated pairs are mixed in one corpus.

This is generalised open relation extraction: Hogan, Li, Shang: "Open-world Semi-supervised Generalized Relation
Discovery Aligned in a Real-world Setting" (KNoRD), EMNLP 2023; Wang, Li, Qiao, Zhou, Li: "Towards a More Generalized
Approach in Open Relation Extraction" (MixORE), ACL 2025. As there, pre-defined relations are scored as a
classification and novel ones as a clustering, each on the instances that have such a gold relation.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relscout.core.errors import InputError
from relscout.metrics.classification import ClassificationScores, classification_scores
from relscout.metrics.clustering import Labels, align, paired, score


@dataclass(frozen=True, slots=True)
class OpenWorldScores:
    """Scores of a mixed corpus, 0 to 1 except ARI; ``None`` if no instance has such a gold relation."""

    n_predefined: int
    """Instances of pre-defined relations."""

    n_novel: int
    """Instances of novel relations."""

    n_no_relation: int
    """Unrelated pairs."""

    predefined_accuracy: float | None
    """Share of the instances of pre-defined relations that have the name of their relation."""

    predefined_micro_f1: float | None
    """Micro-F1 over the pre-defined relations: any other instance that gets such a name costs precision."""

    predefined_macro_f1: float | None
    """Mean of the F1 of the pre-defined relations that occur, counted in the same way."""

    novel_accuracy: float | None
    """Of the instances of novel relations, those in the cluster that the best one-to-one match gives their relation."""

    novel_b3_f1: float | None
    """B³ F1 of the instances of novel relations; those with one pre-defined name are a cluster."""

    novel_v_measure: float | None
    """V-measure of the same."""

    novel_ari: float | None
    """Adjusted Rand index of the same."""

    novelty_f1: float | None
    """F1 of classifying related instances as novel; ``None`` without instances of both sides."""

    novelty_auroc: float | None
    """Area under the ROC curve of the evidence for novelty; ``None`` as above, or without evidence."""

    no_relation_f1: float | None
    """F1 of classifying pairs as unrelated."""

    accuracy: float
    """Share of all instances that are right on their side."""

    b3_f1: float
    """B³ F1 of all instances as one clustering."""

    v_measure: float
    """V-measure of the same."""

    ari: float
    """Adjusted Rand index of the same."""

    def as_dict(self) -> dict[str, float | int | None]:
        """Return all fields by name, ready for JSON."""
        return asdict(self)


def open_world_scores(
    found: Labels,
    gold: Labels,
    predefined: Collection[str],
    *,
    novelty: ArrayLike | None = None,
    no_relation: Hashable | None = None,
) -> OpenWorldScores:
    """Score predictions for instances of pre-defined and novel relations.

    A pre-defined relation is right by its name only (RoCORE, section 5.5). A novel one has none, so for the accuracy
    clusters and novel gold relations are matched one to one (the Hungarian method) on the instances of novel relations;
    what stands there under a pre-defined name is wrong.

    Args:
        found: (N,) predicted label of each instance: the name of a pre-defined relation, ``no_relation``, or any other
            label.
        gold: (N,) gold relations of the same instances.
        predefined: Names of the pre-defined relations.
        novelty: (N,) evidence that an instance is of a novel relation rather than of a pre-defined one; any scale.
        no_relation: The label of unrelated pairs on both sides; ``None`` where there are none, and -1 is then a cluster
            like any other, as it is to :func:`~relscout.metrics.score`.

    Raises:
        InputError: The lengths differ, nothing is given, a label is missing, or ``predefined`` is a single name.
    """
    paired(found, gold, roles=("found", "gold"))
    if isinstance(predefined, str):
        raise InputError(
            f"predefined is {predefined!r}, expected a collection of names, such as {{{predefined!r}}}"
        )
    labels, truths, names = list(found), list(gold), frozenset(predefined)
    evidence = None if novelty is None else np.asarray(novelty, dtype=np.float64)
    if evidence is not None and evidence.shape != (len(truths),):
        raise InputError(
            f"novelty has the shape {evidence.shape} for {len(truths)} instances; expected one value for each"
        )
    is_known = np.array([truth in names for truth in truths])
    is_none = np.array([no_relation is not None and truth == no_relation for truth in truths])
    is_novel = ~(is_known | is_none)
    right = np.array([label == truth for label, truth in zip(labels, truths, strict=True)])
    novel = [(labels[row], truths[row]) for row in np.flatnonzero(is_novel)]
    right_novel = _matched([pair for pair in novel if pair[0] not in names and pair[0] != no_relation])
    n_known, n_none = int(is_known.sum()), int(is_none.sum())
    named = _named(labels, truths, names) if n_known else None
    clustered = score([label for label, _ in novel], [truth for _, truth in novel]) if novel else None
    everything = score(labels, truths)
    return OpenWorldScores(
        n_predefined=n_known,
        n_novel=len(novel),
        n_no_relation=n_none,
        predefined_accuracy=float(right[is_known].mean()) if n_known else None,
        predefined_micro_f1=named.micro_f1 if named else None,
        predefined_macro_f1=named.macro_f1 if named else None,
        novel_accuracy=right_novel / len(novel) if novel else None,
        novel_b3_f1=clustered.b3_f1 if clustered else None,
        novel_v_measure=clustered.v_measure if clustered else None,
        novel_ari=clustered.ari if clustered else None,
        **_novelty(labels, names, no_relation, is_known, is_novel, evidence),
        no_relation_f1=_f1(np.array([label == no_relation for label in labels]), is_none) if n_none else None,
        accuracy=(int(right[is_known | is_none].sum()) + right_novel) / len(truths),
        b3_f1=everything.b3_f1,
        v_measure=everything.v_measure,
        ari=everything.ari,
    )


def _matched(novel: Sequence[tuple[Hashable, Hashable]]) -> int:
    """Return how many instances of novel relations the best one-to-one match of clusters and relations gets right."""
    if not novel:
        return 0
    matched = align([label for label, _ in novel], [truth for _, truth in novel])
    return round(matched.accuracy * len(novel))


def _named(
    labels: Sequence[Hashable], truths: Sequence[Hashable], names: frozenset[str]
) -> ClassificationScores:
    """Return the scores of the pre-defined relations, where everything else is one class that is not a positive."""
    others = "\0"  # no name of a relation
    predicted, gold = ([label if label in names else others for label in side] for side in (labels, truths))
    return classification_scores(predicted, gold, na_label=others if others in {*predicted, *gold} else None)


def _novelty(
    labels: Sequence[Hashable],
    names: frozenset[str],
    no_relation: Hashable | None,
    is_known: NDArray[np.bool_],
    is_novel: NDArray[np.bool_],
    evidence: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """Return F1 and AUROC of classifying related instances as novel."""
    if not is_known.any() or not is_novel.any():
        return {"novelty_f1": None, "novelty_auroc": None}
    called_novel = np.array(
        [label not in names and (no_relation is None or label != no_relation) for label in labels]
    )
    related = is_known | is_novel
    auroc = None
    if evidence is not None:
        from sklearn.metrics import roc_auc_score

        auroc = float(roc_auc_score(is_novel[related], evidence[related]))
    return {"novelty_f1": _f1(called_novel[related], is_novel[related]), "novelty_auroc": auroc}


def _f1(found: NDArray[np.bool_], gold: NDArray[np.bool_]) -> float:
    total = int(found.sum() + gold.sum())
    return 2 * int((found & gold).sum()) / total if total else 0.0
