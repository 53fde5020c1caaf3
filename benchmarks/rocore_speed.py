"""How fast RoCORE's training is: against whole passes padded to 128 tokens, as published.

An epoch here is one pass of joint training over both sides, and the reading of the codes that are clustered next and of
the class means. K-means is the same for both and left out. The published way (:mod:`benchmarks.rocore_published`) reads
the maximum over the mentions in layer 5 of 6; ours is timed with the same reading, and as it comes. A whole fit has,
beside its epochs, ten epochs of pre-training, which pass the encoder in the published way, and for ours the frozen
layers, computed once, and the last encoding. The alternatives run in turn, and quoted are medians of the rounds'
ratios.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.records import write_result
from benchmarks.rocore_published import Published
from relscout import RelationInstance, TransformerEncoder
from relscout.core.settings import to_mapping
from relscout.encoders import EncoderSettings
from relscout.lab.protocols import load
from relscout.methods.rocore import RoCORE, RoCORESettings
from relscout.training.labels import classes_of

_RELATIONS, _LAYER, _EPOCHS, _FITS = 16, 5, 2, (11, 30)
_POOLINGS = {"ours": None, "ours, read as published": f"span-max@{_LAYER}"}
_IN_EPOCHS = ("train", "encode again")

Seconds = dict[str, float]


def run(data: Path, *, n_instances: int, rounds: int) -> None:
    """Time epochs on ``n_instances`` sentences of either side, drawn from FewRel's transfer, and write the result."""
    task = load("fewrel-transfer", data)
    random = np.random.default_rng(0)
    novel, known = (_drawn(side, n_instances, random) for side in (task.fitted, task.labeled or ()))
    settings = RoCORESettings(
        epochs=_EPOCHS, epoch_steps=0, pretrain_steps=0, start="k-means++", stop_change=0
    )
    # which pseudo labels does not change what a step costs
    labels = np.arange(n_instances, dtype=np.int64) % _RELATIONS
    published = Published((novel, known), (labels, classes_of(known)[1]), layer=_LAYER, settings=settings)
    rows: list[dict[str, Seconds]] = []
    for number in range(rounds):
        row = {name: _ours(novel, known, pooling, settings) for name, pooling in _POOLINGS.items()}
        row["published"] = {
            "features": published.features(),
            "pre-train": settings.pretrain_epochs * published.pretrain(),
            "epoch": published.train() + published.features(),
        }
        rows.append({name: {part: round(took, 3) for part, took in one.items()} for name, one in row.items()})
        print(f"round {number + 1}:", {name: one["epoch"] for name, one in rows[-1].items()}, flush=True)
    quoted = {
        f"published / {name}": {
            "an epoch": _median([row["published"]["epoch"] / row[name]["epoch"] for row in rows]),
            **{
                f"a fit of {epochs} epochs": _median(
                    [_fit(row["published"], epochs) / _fit(row[name], epochs) for row in rows]
                )
                for epochs in _FITS
            },
        }
        for name in _POOLINGS
    }
    details: dict[str, Any] = {
        "note": " ".join(str(__doc__).split()),
        "instances": n_instances,
        "rounds": rounds,
        "threads": torch.get_num_threads(),
        "settings": to_mapping(settings),
        "published_over_ours": quoted,
        "seconds": rows,
    }
    for key, value in quoted.items():
        print(key, value)
    print(f"written to {write_result('rocore-speed', details)}")


def _drawn(
    instances: Sequence[RelationInstance], count: int, random: np.random.Generator
) -> list[RelationInstance]:
    return [instances[place] for place in random.choice(len(instances), count, replace=False)]


def _ours(
    novel: Sequence[RelationInstance],
    known: Sequence[RelationInstance],
    pooling: str | None,
    settings: RoCORESettings,
) -> Seconds:
    """Return the seconds of the parts of a fit, by the stage that it reports."""
    encoder = TransformerEncoder(EncoderSettings(pooling=pooling) if pooling else RoCORE.ENCODER)
    method = RoCORE(encoder, n_relations=_RELATIONS, **to_mapping(settings))
    encoder.model  # noqa: B018 - loaded before the clock starts, as the other's is
    seconds: defaultdict[str, float] = defaultdict(float)
    before = time.perf_counter()

    def progress(stage: str, done: int, total: int | None) -> None:
        nonlocal before
        del done, total  # how far within a stage does not matter
        now = time.perf_counter()
        seconds[stage] += now - before
        before = now

    method.fit([one.without_relation() for one in novel], known, progress=progress)
    # both sides are read once more, before pre-training, which counts among the epochs here: against ours
    return {
        "frozen layers and last encoding": seconds["encode"],
        "pre-train": seconds["pre-train"],
        "epoch": sum(seconds[part] for part in _IN_EPOCHS) / _EPOCHS,
    }


def _fit(seconds: Seconds, epochs: int) -> float:
    return epochs * seconds["epoch"] + sum(took for part, took in seconds.items() if part != "epoch")


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)
