"""Open world: pre-defined relations, novel relations and unlabelled pairs, mixed in one corpus.

A fifth of the labelled instances of a development draw is held out and added, without labels, to those of the novel
relations. Unlabelled pairs are added too: the head of some of these sentences with another capitalised word.
``transfer`` with ``open_world`` is scored on each part separately. For comparison: ``closed_set_accuracy``, the
accuracy of the held-out instances if no relation is novel, and ``novel_alone``, the scores of ``transfer`` on the novel
instances alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.records import write_result
from relscout import Mention, RelationInstance, TransformerEncoder, VectorCache, score
from relscout.clustering.kmeans import means, nearest
from relscout.core.instances import canonical_order
from relscout.encoders.whitening import WithinClassProjection
from relscout.lab.protocols import load
from relscout.methods.transfer import Transfer
from relscout.training.labels import canonical, classes_of

_HELD_OUT = 0.2
_NONE = "(none)"
_WORD = re.compile(r"\b[A-Z]\w+")


def run(data: Path, cache: VectorCache, *, draws: Sequence[str], seeds: Sequence[int], n_none: int) -> None:
    """Measure every draw with every seed and write the result."""
    rows = []
    for draw in draws:
        for seed in seeds:
            rows.append({"draw": draw, "seed": seed, **measure(data, cache, draw, seed, n_none)})
            print(rows[-1], flush=True)
    result = {"held_out": _HELD_OUT, "note": " ".join(str(__doc__).split()), "rows": rows}
    print(f"written to {write_result('open-world', result)}")


def measure(data: Path, cache: VectorCache, draw: str, seed: int, n_none: int) -> dict[str, Any]:
    """Return the scores of one draw and seed."""
    task = load(f"dev-transfer-{draw}", data)
    labelled, held_out = split(canonical(task.labeled or ())[0], seed)
    novel = [task.fitted[place] for place in canonical_order(task.fitted)]
    none = unlabelled_pairs([*novel, *held_out], n_none, seed)
    mixed = [*novel, *held_out, *none]
    n_novel, n_relations = len(novel), len({one.relation for one in novel})
    bare = [one.without_relation() for one in mixed]
    encoder = TransformerEncoder(cache=cache)
    found = Transfer(encoder, n_relations=n_relations, seed=seed, open_world=True).fit(bare, labelled)
    alone = Transfer(encoder, n_relations=n_relations, seed=seed).fit(bare[:n_novel], labelled)

    answers = [_NONE if label < 0 else found.names_.get(label) for label in found.labels_.tolist()]
    known = range(n_novel, n_novel + len(held_out))
    right = float(np.mean([answers[row] == mixed[row].relation for row in known]))
    gold = [str(one.relation) for one in novel]
    is_none = np.arange(len(mixed)) >= n_novel + len(held_out)
    is_rejected = np.array([name == _NONE for name in answers])
    if found.none_ is None:
        raise SystemExit("too few pairs could be re-drawn to learn what no relation is like")
    of_none = found.probabilities_[:, -1] / found.probabilities_[:, :-1].max(axis=1)
    opened, closed = (score(one.labels_[:n_novel], gold) for one in (found, alone))
    return {
        "instances": {
            "novel": n_novel,
            "predefined": len(held_out),
            "none": len(none),
            "labelled": len(labelled),
        },
        "predefined_accuracy": round(right, 4),
        "closed_set_accuracy": round(closed_set_accuracy(found, labelled, held_out), 4),
        "novel_classified_as_novel": round(float(np.mean([name is None for name in answers[:n_novel]])), 4),
        "novel": {"b3_f1": round(opened.b3_f1, 4), "ari": round(opened.ari, 4)},
        "novel_alone": {"b3_f1": round(closed.b3_f1, 4), "ari": round(closed.ari, 4)},
        "none_auroc": round(float(roc_auc_score(is_none, of_none)), 4),
        "classified_as_none": {
            "novel": round(float(is_rejected[:n_novel].mean()), 4),
            "predefined": round(float(is_rejected[n_novel : n_novel + len(held_out)].mean()), 4),
            "none": round(float(is_rejected[is_none].mean()), 4),
        },
    }


def split(
    labelled: Sequence[RelationInstance], seed: int
) -> tuple[list[RelationInstance], list[RelationInstance]]:
    """Return labelled instances apart: those to learn from, and a share of every relation that is held out."""
    random = np.random.default_rng(seed)
    held: set[int] = set()
    for name in sorted({str(one.relation) for one in labelled}):
        rows = [row for row, one in enumerate(labelled) if one.relation == name]
        held |= set(random.permutation(rows)[: int(len(rows) * _HELD_OUT)].tolist())
    kept = [one for row, one in enumerate(labelled) if row not in held]
    return kept, [labelled[row] for row in sorted(held)]


def unlabelled_pairs(instances: Sequence[RelationInstance], count: int, seed: int) -> list[RelationInstance]:
    """Return instances in which the head stands with a capitalised word that is in neither mention."""
    random, found = np.random.default_rng(seed), []
    for place in random.permutation(len(instances)):
        one = instances[place]
        free = [
            match.span()
            for match in _WORD.finditer(one.text)
            if match.start() > 0
            and all(
                match.end() <= mention.start or match.start() >= mention.end
                for mention in (one.head, one.tail)
            )
        ]
        if free:
            start, end = free[int(random.integers(len(free)))]
            found.append(
                dataclasses.replace(one, id=f"{one.id} none", tail=Mention(start, end), relation=None)
            )
        if len(found) == count:
            break
    return found


def closed_set_accuracy(
    model: Transfer, labelled: Sequence[RelationInstance], held_out: Sequence[RelationInstance]
) -> float:
    """Return the accuracy on held-out instances of the nearest relation's mean, where none is novel."""
    names, classes = classes_of(labelled)
    vectors = model.transform(labelled)
    view = WithinClassProjection.of(vectors, classes)
    details = nearest(view(model.transform(held_out)), means(view(vectors), classes, len(names)))[0]
    return float(
        np.mean([names[label] == one.relation for label, one in zip(details, held_out, strict=True)])
    )
