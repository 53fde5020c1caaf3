"""How fast a bootstrapping loop of SelfORE is: against whole passes padded to 128 tokens in every epoch, as published.

A loop here is relation classification, all epochs, and the reading of the features that are clustered next. Clustering
is the same for both and left out. The published way (:mod:`benchmarks.selfore_published`) is timed twice: with the same
layers training, and with the whole model training as in the paper. Ours is too, where the processor has instructions
for bfloat16: as it comes, and in float32 like the published way. What a whole fit takes beside its loops is in the
ratios for fits: the first features, and for ours the frozen layers, computed once, and the last encoding, which makes
sure that ``transform`` gives what was clustered. Sentences, epochs and batch size are the same; the alternatives run in
turn, and quoted are medians of the rounds' ratios.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.records import write_result
from benchmarks.selfore_ours import Ours
from benchmarks.selfore_published import Published
from relscout.core.settings import to_mapping
from relscout.lab.protocols import load
from relscout.training.classification import ClassificationSettings

_RELATIONS, _FITS = 16, (1, 3, 5)
_IN_LOOP = ("frozen epochs", "other epochs", "features")
_ONCE = ("frozen layers", "first features", "last encoding")

Seconds = dict[str, float]


def run(data: Path, *, n_instances: int, rounds: int) -> None:
    """Time a loop on ``n_instances`` sentences drawn from FewRel, and write the result."""
    everything = load("fewrel-unsupervised", data).scored
    chosen = np.random.default_rng(0).choice(len(everything), n_instances, replace=False)
    instances = [everything[place] for place in chosen]
    labels = (
        np.arange(n_instances, dtype=np.int64) % _RELATIONS
    )  # which ones does not change what a step costs
    settings = ClassificationSettings()
    ours = {"ours": Ours(instances, labels, settings)}
    if ours["ours"].in_bfloat16:
        in_float32 = ClassificationSettings(training_dtype="float32")
        ours["ours in float32"] = Ours(instances, labels, in_float32)
    published = {
        "published, same layers train": Published(instances, trained_layers=settings.trained_layers),
        "published, all layers train": Published(instances, trained_layers=-1),
    }
    rows: list[dict[str, Seconds]] = []
    for number in range(rounds):
        row = {name: one.seconds() for name, one in ours.items()}
        row |= {name: _published(one, labels, settings) for name, one in published.items()}
        rows.append({name: {part: round(took, 3) for part, took in one.items()} for name, one in row.items()})
        print(f"round {number + 1}:", {name: round(_loop(one), 2) for name, one in row.items()}, flush=True)
    quoted = {
        "loop_seconds": {name: _median([_loop(row[name]) for row in rows]) for name in rows[0]},
        "published_over_ours": {
            f"{other} / {name}": _ratios(rows, other, name) for name in ours for other in published
        },
        "share_of_loop_in_trained_layers": {
            name: _median([row[name]["trained layers alone"] / _loop(row[name]) for row in rows])
            for name in ours
        },
    }
    details: dict[str, Any] = {
        "instances": n_instances,
        "rounds": rounds,
        "threads": torch.get_num_threads(),
        "settings": to_mapping(settings),
        "mean_tokens": round(float(ours["ours"].lengths.mean()), 1),
        "in_bfloat16": ours["ours"].in_bfloat16,
        **quoted,
        "seconds": rows,
    }
    path = write_result("selfore-speed", details)
    for key, value in quoted.items():
        print(key, value)
    print(f"written to {path}")


def _published(one: Published, labels: NDArray[np.int64], settings: ClassificationSettings) -> Seconds:
    epochs = one.classify(labels, settings)
    started = time.perf_counter()
    one.features(settings.classifier_batch)
    features = time.perf_counter() - started
    n_frozen = settings.frozen_epochs
    return {
        "frozen epochs": sum(epochs[:n_frozen]),
        "other epochs": sum(epochs[n_frozen:]),
        "features": features,
        "first features": features,  # the same work
    }


def _ratios(rows: list[dict[str, Seconds]], other: str, ours: str) -> dict[str, float]:
    """Return how many times as long the published way takes: for a loop, and for whole fits of some loops."""
    found = {"a loop": _median([_loop(row[other]) / _loop(row[ours]) for row in rows])}
    for loops in _FITS:
        name = f"a fit of {loops} loop{'s' if loops > 1 else ''}"
        found[name] = _median([_fit(row[other], loops) / _fit(row[ours], loops) for row in rows])
    return found


def _loop(seconds: Seconds) -> float:
    return sum(seconds[part] for part in _IN_LOOP)


def _fit(seconds: Seconds, loops: int) -> float:
    return sum(seconds.get(part, 0.0) for part in _ONCE) + loops * _loop(seconds)


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)
