"""Incremental learning: one classifier for pre-defined and novel relations, and what labels of both would give.

After section 5.5 and figure 4 of RoCORE. A fifth of either side of a development draw is kept for the test. RoCORE
learns from a share of the labelled rest, and from the rest of the novel relations' instances without their labels. The
supervised classifier learns from the same share of both with their labels: the same encoder, of which the same layer
trains, and a linear layer for all relations. Accuracies are those of ``relscout.metrics.open_world_scores``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.open_world import split
from benchmarks.records import write_result
from relscout import RelationInstance, TransformerEncoder, VectorCache
from relscout.core.instances import canonical_order
from relscout.finetuning.supervised import RelationClassifier
from relscout.lab.protocols import load
from relscout.methods.rocore import RoCORE
from relscout.metrics import open_world_scores
from relscout.training.labels import canonical, drawn_share


def run(
    data: Path, cache: VectorCache, *, draws: Sequence[str], seeds: Sequence[int], shares: Sequence[float]
) -> None:
    """Measure every draw, share and seed and write the result."""
    rows = []
    for draw in draws:
        for seed in seeds:
            for share in shares:
                rows += measure(data, cache, draw, seed, share)
    details = {"note": " ".join(str(__doc__).split()), "rows": rows}
    print(f"written to {write_result('incremental', details)}")


def measure(data: Path, cache: VectorCache, draw: str, seed: int, share: float) -> list[dict[str, Any]]:
    """Return the accuracies of RoCORE and of the supervised classifier."""
    task = load(f"dev-transfer-{draw}", data)
    labelled, held_out = split(canonical(task.labeled or ())[0], seed)
    novel, novel_out = split([task.fitted[place] for place in canonical_order(task.fitted)], seed)
    some = drawn_share(labelled, share, seed=0)
    test = [*held_out, *novel_out]
    predefined = {str(one.relation) for one in labelled}
    encoder = TransformerEncoder(RoCORE.ENCODER, cache=cache)

    started = time.perf_counter()
    learner = RoCORE(
        encoder, n_relations=len({one.relation for one in novel}), seed=seed, incremental=True
    ).fit([one.without_relation() for one in novel], some)
    rows = [
        _row(
            "RoCORE",
            [learner.names_.get(label, label) for label in learner.predict(test).tolist()],
            test,
            predefined,
            {"labelled": len(some), "unlabelled": len(novel), "kept_epoch": learner.report_["kept_epoch"]},
            started,
        )
    ]
    started = time.perf_counter()
    both = [*some, *drawn_share(novel, share, seed=0)]
    taught = RelationClassifier(encoder, seed=seed, trained_layers=1).fit(both)
    # a novel relation has its name here, and the match that scores it finds that or a better one
    rows.append(_row("supervised", taught.predict(test), test, predefined, {"labelled": len(both)}, started))
    for row in rows:
        row |= {"draw": draw, "seed": seed, "share": share}
        print(row, flush=True)
    return rows


def _row(
    name: str,
    details: Sequence[str | int],
    test: Sequence[RelationInstance],
    predefined: set[str],
    what: dict[str, Any],
    started: float,
) -> dict[str, Any]:
    scores = open_world_scores(list(details), [str(one.relation) for one in test], predefined)
    accuracies = {
        "predefined": scores.predefined_accuracy,
        "novel": scores.novel_accuracy,
        "all": scores.accuracy,
    }
    counts = {"n_predefined": scores.n_predefined, "n_novel": scores.n_novel}
    rounded = {key: None if value is None else round(value, 4) for key, value in accuracies.items()}
    return {"method": name, **what, **rounded, **counts, "seconds": round(time.perf_counter() - started)}
