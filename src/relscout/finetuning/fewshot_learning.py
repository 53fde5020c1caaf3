"""What few-shot classification learns of labelled, pre-defined relations: layers, a centre, what is not novel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import TransformerEncoder, loss_warnings
from relscout.finetuning.fewshot_settings import FewShotSettings
from relscout.finetuning.fewshot_tuning import tune
from relscout.finetuning.prototypes import placed
from relscout.finetuning.seen import CHOSEN_BY, Seen
from relscout.instances import RelationInstance
from relscout.progress import Progress
from relscout.training.labels import canonical
from relscout.training.trained import Trained, trainable
from relscout.training.work import Work


@dataclass(frozen=True)
class Learnt:
    """What a fit left; made of nothing, what there is before one.

    Args:
        relations: Names of the pre-defined relations that were learnt, sorted.
        trained: The layers that were tuned; ``None`` where nothing was fitted.
        centre: What is taken off every vector (D,), float32; ``None`` for nothing.
        seen: What was learnt from.
        held: What chose the weights.
        report: How training went, as JSON values.
    """

    relations: tuple[str, ...] = ()
    trained: Trained | None = None
    centre: NDArray[np.float32] | None = None
    seen: Seen = field(default_factory=Seen)
    held: Seen = field(default_factory=lambda: Seen(how=CHOSEN_BY))
    report: dict[str, Any] = field(default_factory=lambda: {"warnings": []})


def learn(
    encoder: TransformerEncoder,
    labeled: Sequence[RelationInstance],
    dev: Sequence[RelationInstance] | None,
    settings: FewShotSettings,
    *,
    seed: int,
    described: Mapping[str, Any],
    checkpoints: Path | None,
    progress: Progress,
) -> tuple[Learnt, Work]:
    """Learn from labelled instances; return what was learnt, and the work, to be cleared once the result is safe.

    Args:
        encoder: What it starts from.
        labeled: Instances with gold relations; what repeats counts once, what contradicts itself not at all.
        dev: Instances of other relations, with gold ones, on which the best weights are chosen; or ``None``.
        settings: How.
        seed: Draws everything random.
        described: What decides the fit beside the instances, as JSON values.
        checkpoints: Folder that keeps what is done.
        progress: Told how far it is.

    Raises:
        InputError: An instance has no gold relation, there are too few relations or instances of them, or relations are
            labelled in ``dev``, too.
        SettingError: The encoder cannot be tuned.
        DivergedError: The loss is no longer a number.
    """
    known, warnings = canonical(labeled)
    seen = Seen.of(known)
    held = None
    if dev is not None:
        unseen, left_out = seen.apart(dev, "raise", where="dev")
        held, repeated = canonical(unseen)
        warnings += [*left_out, *(f"dev: {one}" for one in repeated)]
    lost: Counter[str] = Counter()

    def on_loss(_: RelationInstance, what: str) -> None:
        lost.update([what])

    told: dict[str, Any] = {}
    weights: dict[str, NDArray[np.float32]] = {}
    work = Work(None)
    if settings.iterations:
        weights, vectors, told, work = tune(
            trainable("FewShot", encoder),
            known,
            held,
            settings,
            seed=seed,
            described=described,
            checkpoints=checkpoints,
            progress=progress,
            on_loss=on_loss,
        )
        warnings += told.pop("warnings")
    else:
        vectors = encoder.encode(known, progress=progress, on_loss=on_loss)
    mean = placed(vectors, None).mean(axis=0, dtype=np.float64).astype(np.float32)
    relations = tuple(sorted(seen.relations))
    counts = {"labelled": len(known), "predefined": len(relations)}
    learnt = Learnt(
        relations,
        Trained(encoder.fingerprint, weights),
        mean if settings.centred else None,
        seen,
        Seen.of(held or (), how=CHOSEN_BY),
        {**counts, **told, "warnings": [*warnings, *loss_warnings(lost)]},
    )
    return learnt, work
