"""Unrelated pairs: are they recognised without labels, and are the clusters better without them?

Kinds of mixtures. ``redrawn``: unrelated pairs are added to the sentences of a protocol by replacing one mention with
another entity of the sentence; an entity is a name that is a mention in any sentence. ``capitalised``: the tail is
replaced by any other capitalised word, so that the pairs are not drawn as the detector draws them. ``other``: SemEval,
whose ``Other`` are related pairs, by none of its nine relations. ``pure``: nothing is added.

If enough pairs can be drawn, half of a mixture is unrelated. Unrelated pairs count as one gold relation. ``rejected_…``
is the share of a kind that is left out; ``auroc_distance`` ranks the pairs by the distance from the mean of their
cluster instead. ``…_judged``: with a threshold set on 40 judged pairs, half of either kind, which are drawn at random
and not scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.open_world import unlabelled_pairs
from benchmarks.records import write_result
from relscout import RelationInstance, TransformerEncoder, VectorCache, score
from relscout.io.readers import read
from relscout.lab.protocols import load
from relscout.methods.kmeans import KMeans
from relscout.methods.unrelated import NoRelationWrapper
from relscout.methods.unrelated.detector import redrawn_pairs

_NONE = "(none)"
#: Pairs of either kind that are judged, and what their gold relation is called.
_EACH = 20
_JUDGED = {True: "no_relation", False: "related"}


def run(
    data: Path, cache: VectorCache, *, protocols: Sequence[str], kinds: Sequence[str], seeds: Sequence[int]
) -> None:
    """Measure every kind with every seed and write the result."""
    rows = []
    for kind in kinds:
        for protocol in protocols if kind != "other" else ("semeval",):
            for seed in seeds:
                rows.append(
                    {
                        "kind": kind,
                        "protocol": protocol,
                        "seed": seed,
                        **measure(data, cache, kind, protocol, seed),
                    }
                )
                print(rows[-1], flush=True)
    result = {"note": " ".join(str(__doc__).split()), "rows": rows}
    print(f"written to {write_result('no-relation', result)}")


def measure(data: Path, cache: VectorCache, kind: str, protocol: str, seed: int) -> dict[str, Any]:
    """Return the scores of one mixture."""
    instances, is_none = mixture(data, kind, protocol, seed)
    gold = [_NONE if none else str(one.relation) for one, none in zip(instances, is_none, strict=True)]
    bare = [one.without_relation() for one in instances]
    n_relations = len(set(gold) - {_NONE})
    encoder = TransformerEncoder(cache=cache)
    everything = KMeans(encoder, n_relations=n_relations, seed=seed).fit(bare)
    found = NoRelationWrapper(KMeans(encoder, n_relations=n_relations, seed=seed)).fit(bare)
    judged = _judged(is_none, seed)
    rejected = found.labels_ < 0
    of_all, of_found = (score(gold, one.labels_.tolist()) for one in (everything, found))
    measured: dict[str, Any] = {
        "instances": len(instances),
        "relations": n_relations,
        "none_share": round(float(is_none.mean()), 4),
        "estimated_share": found.report_.get("none_share"),
        "rejected_related": round(float(rejected[~is_none].mean()), 4),
        "b3_f1_clustering_everything": round(of_all.b3_f1, 4),
        "b3_f1": round(of_found.b3_f1, 4),
    }
    if len(judged):
        examples = [
            replace(bare[row], relation=_JUDGED[bool(is_none[row])], source=f"judged {row}") for row in judged
        ]
        by_few = NoRelationWrapper(KMeans(encoder, n_relations=n_relations, seed=seed), examples).fit(bare)
        scored = np.setdiff1d(np.arange(len(bare)), judged)
        of_scored = [gold[row] for row in scored]
        rejected_by_few = (by_few.labels_ < 0)[scored]
        measured |= {
            "judged": len(judged),
            "judged_share": by_few.report_["none_share"],
            "b3_f1_judged": round(score(of_scored, by_few.labels_[scored].tolist()).b3_f1, 4),
            "rejected_unrelated_judged": round(float(rejected_by_few[is_none[scored]].mean()), 4),
            "rejected_related_judged": round(float(rejected_by_few[~is_none[scored]].mean()), 4),
        }
    if is_none.any():
        measured["rejected_unrelated"] = round(float(rejected[is_none].mean()), 4)
        if found.none_ is not None:
            speaks = found.probabilities_[:, -1] / found.probabilities_[:, :-1].max(axis=1)
            measured["auroc"] = round(float(roc_auc_score(is_none, speaks)), 4)
        vectors = everything.vectors_
        means = np.stack([vectors[everything.labels_ == label].mean(axis=0) for label in range(n_relations)])
        far = np.linalg.norm(vectors - means[everything.labels_], axis=1)
        measured["auroc_distance"] = round(float(roc_auc_score(is_none, far)), 4)
    return measured


def _judged(is_none: np.ndarray[Any, np.dtype[np.bool_]], seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the rows of the pairs that are judged, half of either kind; none where there is one kind only."""
    random = np.random.default_rng(seed + 2000)
    kinds = [np.flatnonzero(is_none == kind) for kind in (False, True)]
    if min(map(len, kinds)) < _EACH:
        return np.empty(0, dtype=np.int64)
    return np.sort(np.concatenate([random.choice(rows, _EACH, replace=False) for rows in kinds]))


def mixture(
    data: Path, kind: str, protocol: str, seed: int
) -> tuple[list[RelationInstance], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return instances, and which of them no relation relates."""
    if kind == "other":
        found = list(read(data / "semeval" / "train.txt"))
        return found, np.array([one.relation == "Other" for one in found])
    related = list(load(protocol, data).fitted)
    if kind == "redrawn":
        pairs = redrawn_pairs(related, seed=seed + 1000)
    else:
        pairs = [] if kind == "pure" else unlabelled_pairs(related, len(related), seed + 1000)
    if pairs and len(pairs) < len(related):
        # as many related ones as pairs could be drawn
        kept = np.sort(np.random.default_rng(seed).permutation(len(related))[: len(pairs)])
        related = [related[place] for place in kept]
    return [*related, *pairs], np.arange(len(related) + len(pairs)) >= len(related)
