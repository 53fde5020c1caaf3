"""Is a pair related at all? The relatedness model on documents, relations and texts that it did not see.

``documents``: five folds over the documents of Re-DocRED ``dev``. ``relations``: in addition, the relations are dealt
out to five folds by frequency; pairs that a held-out relation relates, in the sentence or the document, are not
learnt from, and of the held-out documents those positives are scored that only held-out relations express, among all
negatives. ``conll04``: models that never saw CoNLL04 on its pairs, one from each fold over the documents. All of them
also learn from the other corpora of the shipped model but CoNLL04: the bundled corpus, Wiki80, SemEval and NYT+FB;
``relations`` without the sentences of held-out relations, and without NYT+FB, whose relations have no names there.
Negatives are all pairs of which no label has the sentence as evidence, though half of the labels have no evidence at
all. The calibration that gives the calibration error was fitted to the other folds. ``precision_of_surest`` is that
of the surest 4 %: 1,000 of 25,000. Rows with ``without`` show what the same models lose where something is missing;
``ablation`` rows were trained without it, on Re-DocRED alone, with one network instead of three.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.records import write_result
from relatedness import fitting
from relatedness.data import JudgedPair
from relscout.text.pair_features import PAIR_FEATURES

_SURE_SHARE = 0.04  # 1,000 of 25,000


def run(
    data: Path,
    *,
    seeds: Sequence[int],
    folds: Sequence[int],
    unseen: Sequence[int],
    ablated: Sequence[int],
    cache: Path,
) -> None:
    """Measure with every seed and write the result.

    Args:
        data: Folder with the corpora of :func:`relatedness.fitting.learning_pairs`.
        seeds: Seeds of training.
        folds: Folds over the documents to score.
        unseen: Folds over documents and relations to score.
        ablated: Folds over the documents that ablations are scored on.
        cache: Folder that keeps vectors and the logits of every fold between runs.
    """
    cache.mkdir(parents=True, exist_ok=True)
    pairs = fitting.learning_pairs(data)
    prepared = fitting.prepared(pairs, fitting.kept_vectors(pairs, fitting.ENCODER["model"], cache))
    rows = []
    for seed in seeds:
        rows += documents(prepared, seed, folds, cache)
        if unseen:
            rows.append(relations(prepared, seed, unseen, cache))
    if ablated:
        rows += ablations([pair for pair in pairs if pair.source == "redocred"], ablated, cache)
    for row in rows:
        print(row, flush=True)
    result = {"note": " ".join(str(__doc__).split()), "rows": rows}
    print(f"written to {write_result('relatedness', result)}")


def documents(data: fitting.Prepared, seed: int, folds: Sequence[int], cache: Path) -> list[dict[str, Any]]:
    """Score folds over the documents, and CoNLL04 by their models."""
    of_pair = fitting.folds_of(data.documents, 0)
    source = np.array([pair.source for pair in data.pairs])
    alone, others = source == "conll04", ~np.isin(source, ("redocred", "conll04"))
    every = _empty(len(of_pair))
    of_conll = []
    for fold in folds:
        seen = ((of_pair >= 0) & (of_pair != fold)) | others
        scores = _scored(data, seen, (of_pair == fold) | alone, seed, cache / f"documents-{fold}-{seed}.npz")
        _copy(scores, every, of_pair == fold)
        of_conll.append(scores)
    expressed, held = data.targets.expressed, np.isin(of_pair, folds)
    found = {"test": "documents", "seed": seed, "folds": list(folds), "pairs": int(held.sum())}
    per_fold = [
        round(float(roc_auc_score(expressed[of_pair == fold], every.mixed[of_pair == fold])), 4)
        for fold in folds
    ]
    rows = [
        {**found, **measures(every.mixed[held], expressed[held]), "auroc_of_folds": per_fold}
        | {"calibration_error": _crossed_error(every.mixed, expressed, of_pair, folds)},
        {**found, "without": "syntax", **measures(every.bare[held], expressed[held])},
        {**found, "without": "vectors", **measures(every.trees[held], expressed[held])},
        {**found, "without": "trees", **measures(every.network[held], expressed[held])},
        {
            **found,
            "gold": "related in the document",
            **measures(every.mixed[held], data.targets.related[held]),
        },
    ]
    judged = held & (expressed | ~data.targets.related)
    rows.append({**found, "without": "unjudged pairs", **measures(every.mixed[judged], expressed[judged])})
    for fold, scores in zip(folds, of_conll, strict=True):
        rows.append(
            {"test": "conll04", "seed": seed, "fold": fold, "pairs": int(alone.sum())}
            | measures(scores.mixed[alone], expressed[alone])
        )
    return rows


def relations(data: fitting.Prepared, seed: int, folds: Sequence[int], cache: Path) -> dict[str, Any]:
    """Score folds that share neither documents nor relations with what is learnt from."""
    of_pair, of_relation = fitting.folds_of(data.documents, 0), relation_folds(data)
    others = np.array([pair.source not in ("redocred", "conll04", "nyt-fb") for pair in data.pairs])
    each = []
    for fold in folds:
        known = np.array(
            [
                not any(of_relation.get(name) == fold for name in pair.document_relations)
                for pair in data.pairs
            ]
        )
        new = np.array(
            [
                bool(pair.relations) and all(of_relation[name] == fold for name in pair.relations)
                for pair in data.pairs
            ]
        )
        seen = (((of_pair >= 0) & (of_pair != fold)) | others) & known
        scores = _scored(data, seen, of_pair == fold, seed, cache / f"relations-{fold}-{seed}.npz")
        scored = (of_pair == fold) & (new | ~data.targets.expressed)
        each.append(measures(scores.mixed[scored], new[scored]))
    return {
        "test": "relations",
        "seed": seed,
        "folds": list(folds),
        "auroc": round(float(np.mean([one["auroc"] for one in each])), 4),
        "auroc_of_folds": [one["auroc"] for one in each],
    }


def ablations(pairs: Sequence[JudgedPair], folds: Sequence[int], cache: Path) -> list[dict[str, Any]]:
    """Score models that were trained on Re-DocRED without something, with one network each."""
    (own := cache / "redocred").mkdir(exist_ok=True)
    data, other = (
        fitting.prepared(pairs, fitting.kept_vectors(pairs, model, own)) for model in ("relation", "minilm")
    )
    nothing = np.zeros_like(data.vectors)
    variants = {
        "nothing": data,
        **{name: _without(data, name) for name in ("syntax", "types", "document")},
        "vectors": replace(data, vectors=nothing),
        "relation (minilm)": other,
    }
    of_pair = fitting.folds_of(data.documents, 0)
    expressed, held = data.targets.expressed, np.isin(of_pair, folds)
    rows = []
    for name, variant in variants.items():
        every = _empty(len(of_pair))
        for fold in folds:
            rows_of = of_pair == fold
            path = own / f"ablation-{name.split()[0]}-{fold}.npz"
            _copy(_scored(variant, (of_pair >= 0) & ~rows_of, rows_of, 0, path, members=1), every, rows_of)
        rows.append(
            {"test": "ablation", "without": name, "seed": 0, "folds": list(folds)}
            | measures(every.mixed[held], expressed[held])
        )
    return rows


def _without(data: fitting.Prepared, group: str) -> fitting.Prepared:
    features = data.features.copy()
    features[:, [name.startswith(f"{group}:") for name in PAIR_FEATURES]] = 0
    return replace(data, features=features)


def relation_folds(data: fitting.Prepared) -> dict[str, int]:
    """Return the fold of each relation of Re-DocRED: of every five that are about as frequent, one in each."""
    counts = Counter(name for pair in data.pairs if pair.source == "redocred" for name in pair.relations)
    by_frequency = sorted(counts, key=lambda name: (-counts[name], name))
    random = np.random.default_rng(0)
    found: dict[str, int] = {}
    for begin in range(0, len(by_frequency), fitting.FOLDS):
        five = by_frequency[begin : begin + fitting.FOLDS]
        found |= dict(zip(five, random.permutation(fitting.FOLDS).tolist(), strict=False))
    # relations of other corpora are held out only where Re-DocRED has them, too
    return {name: -1 for pair in data.pairs for name in pair.relations} | found


def measures(logits: NDArray[np.float64], expressed: NDArray[np.bool_]) -> dict[str, float]:
    """Return AUROC, average precision and the precision of the surest pairs, 1,000 of 25,000."""
    surest = np.argsort(-logits, kind="stable")[: round(len(logits) * _SURE_SHARE)]
    return {
        "auroc": round(float(roc_auc_score(expressed, logits)), 4),
        "average_precision": round(float(average_precision_score(expressed, logits)), 4),
        "precision_of_surest": round(float(expressed[surest].mean()), 4),
    }


def _crossed_error(
    logits: NDArray[np.float64],
    expressed: NDArray[np.bool_],
    of_pair: NDArray[np.int64],
    folds: Sequence[int],
) -> float | None:
    if len(folds) < 2:
        return None
    found = np.zeros(len(logits))
    held = np.isin(of_pair, folds)
    for fold in folds:
        others = held & (of_pair != fold)
        slope, shift = fitting.platt(logits[others], expressed[others])
        found[of_pair == fold] = 1 / (1 + np.exp(-(slope * logits[of_pair == fold] + shift)))
    return round(fitting.calibration_error(found[held], expressed[held]), 4)


def _scored(
    data: fitting.Prepared,
    seen: NDArray[np.bool_],
    held: NDArray[np.bool_],
    seed: int,
    path: Path,
    *,
    members: int = fitting.MEMBERS,
) -> fitting.Scores:
    if path.is_file():
        with np.load(path) as kept:
            return fitting.Scores(**{name: kept[name] for name in kept.files})
    scores = _empty(len(seen))
    trained = fitting.networks(data, seen, seed=seed, members=members)
    fitting.score_fold(scores, data, held, trained, fitting.grow(data, seen, seed=seed))
    np.savez(path, **vars(scores))
    return scores


def _empty(count: int) -> fitting.Scores:
    return fitting.Scores(*(np.full(count, np.nan) for _ in range(4)))


def _copy(source: fitting.Scores, target: fitting.Scores, rows: NDArray[np.bool_]) -> None:
    for name, array in vars(source).items():
        getattr(target, name)[rows] = array[rows]
