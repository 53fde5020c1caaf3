"""One run: find relations, score them, and take down everything a table or a figure will ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from relscout.config import to_mapping
from relscout.discovery import Discovery, discover
from relscout.encoders import TransformerEncoder
from relscout.encoders.learnt import learnt_note
from relscout.errors import SettingError
from relscout.experiments import points
from relscout.experiments.provenance import measured
from relscout.experiments.record import RelationRow
from relscout.experiments.runs import Run
from relscout.experiments.tasks import Task
from relscout.instances import RelationInstance, canonical_order
from relscout.methods.estimator import Estimator, NRelations
from relscout.metrics import majority_mapped, score
from relscout.progress import Progress

#: What ``Estimator.settings`` tells beside the settings of the method, and records keep elsewhere.
_ELSEWHERE = ("encoder", "seed", "n_relations")
#: A warning of runs of which the beginning was done before.
RESUMED = "went on after an interruption: seconds and memory are those of the rest"


def measure(
    run: Run,
    task: Task,
    encoder: TransformerEncoder,
    *,
    labeled: Sequence[RelationInstance] | None,
    points_file: Path | None,
    checkpoints: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Do a run and return what its record says of it.

    Args:
        run: What to do.
        task: The instances.
        encoder: The encoder that the run describes.
        labeled: Labelled instances, where the run gets some.
        points_file: Where the points of a figure go; ``None`` where none are asked for.
        checkpoints: Folder for work in progress, with which an interrupted run goes on.
        progress: Told how far it is.
    """
    resumed = [RESUMED] if checkpoints.is_dir() and any(checkpoints.iterdir()) else []
    with measured() as cost:
        discovery = discover(
            task.fitted,
            method=run.row.method,
            n_relations=cast(NRelations, run.n_relations),
            encoder=encoder,
            seed=run.seed,
            labeled=labeled,
            settings=run.settings,
            progress=progress,
            checkpoints=checkpoints,
        )
        found = _found(discovery, task.scored, progress)
    gold = [str(instance.relation) for instance in task.scored]
    if points_file is not None and run.figure is not None:
        _keep_points(points_file, run, task, discovery, found)
    report = discovery.model.report_
    settings = discovery.model.settings()
    return {
        "settings": {key: value for key, value in settings.items() if key not in _ELSEWHERE},
        "scores": {
            "raw": score(found, gold).as_dict(),
            "majority_mapped": majority_mapped(found, gold).as_dict(),
            **_gold_selected(discovery.model, task),
        },
        "n_relations": discovery.model.n_relations_,
        "sizes": [relation.size for relation in discovery.relations],
        "names": _names(discovery, found, gold),
        "warnings": [
            *task.notes,
            *resumed,
            *filter(None, [learnt_note(encoder.settings.model, gold)]),
            *discovery.run["warnings"],
        ],
        "report": {key: value for key, value in report.items() if key != "warnings"},
        "instances": len(task.fitted),
        "labeled": len(labeled or ()),
        "encoder": {
            **to_mapping(encoder.settings),
            "device": str(encoder.device),
            "parameters": sum(tensor.numel() for tensor in encoder.model.parameters()),
        },
        "seconds": {"total": round(cost.seconds, 3), **discovery.run["seconds"]},
        "peak_mib": None if cost.peak_mib is None else round(cost.peak_mib, 1),
        "points": None if points_file is None else points_file.name,
        "versions": discovery.run["versions"],
    }


def _found(discovery: Discovery, scored: Sequence[RelationInstance], progress: Progress) -> NDArray[np.int64]:
    """Return the relation of each scored instance (N,): as assigned where it was fitted, else predicted."""
    assignments = discovery.assignments
    assigned = dict(zip(map(_content, assignments.instances), assignments.relation_ids.tolist(), strict=True))
    unseen = list({_content(one): one for one in scored if _content(one) not in assigned}.values())
    if unseen:
        predicted = discovery.predict(unseen, progress=progress).relation_ids.tolist()
        assigned.update(zip(map(_content, unseen), predicted, strict=True))
    return np.array([assigned[_content(one)] for one in scored], dtype=np.int64)


def _gold_selected(model: Estimator, task: Task) -> dict[str, dict[str, Any]]:
    """Return the scores of the epoch that is best by gold relations, where the method tells what each would have given.

    It stands in a table of its own (see :data:`relscout.experiments.tables.MEANINGS`) and decides nothing.
    """
    epochs: NDArray[np.signedinteger[Any]] | None = getattr(model, "epochs_labels_", None)
    # in the order in which ``discover`` hands instances to a method
    ordered = [task.fitted[place] for place in canonical_order(task.fitted)]
    column = {_content(instance): place for place, instance in enumerate(ordered)}
    # where there are more outputs than relations, or one classifier for all of them, what an epoch told is not what it
    # would have given
    if (
        epochs is None
        or model.names_
        or epochs.max() >= model.n_relations_
        or any(_content(one) not in column for one in task.scored)
    ):
        return {}
    columns = [column[_content(one)] for one in task.scored]
    gold = [str(one.relation) for one in task.scored]
    scores = [score(labels[columns].astype(np.int64), gold) for labels in epochs]
    return {"gold_selected": max(scores, key=lambda one: one.b3_f1).as_dict()}


def _content(instance: RelationInstance) -> tuple[object, ...]:
    return instance.id, instance.text, instance.head, instance.tail


def _names(discovery: Discovery, found: NDArray[np.int64], gold: Sequence[str]) -> list[RelationRow]:
    """Return the relations with their majority gold relation; of equally frequent ones the larger, then by name."""
    sizes = Counter(gold)
    of_relation: dict[int, Counter[str]] = {}
    for label, one in zip(found.tolist(), gold, strict=True):
        of_relation.setdefault(label, Counter())[one] += 1
    rows: list[RelationRow] = []
    for relation in discovery.relations:
        counts = of_relation.get(relation.id, Counter())
        majority = min(counts, key=lambda one: (-counts[one], -sizes[one], one), default=None)
        share = 0.0 if majority is None else counts[majority] / counts.total()
        rows.append(
            {"name": relation.name, "size": relation.size, "gold": majority, "share": round(share, 4)}
        )
    return rows


def _keep_points(path: Path, run: Run, task: Task, discovery: Discovery, found: NDArray[np.int64]) -> None:
    if run.figure is None:
        return
    order = canonical_order(task.scored)
    gold = [str(task.scored[place].relation) for place in order]
    places = [order[place] for place in points.draw(gold, run.figure)]
    bare = [task.scored[place].without_relation() for place in places]
    points.write_points(
        path,
        vectors=discovery.model.transform(bare),
        earlier=_earlier(discovery.model, bare),
        gold=[str(task.scored[place].relation) for place in places],
        found=found[places],
    )


def _earlier(model: Estimator, instances: Sequence[RelationInstance]) -> NDArray[np.float32] | None:
    """Return vectors (n, Z) of an earlier moment, where the method tells what they were behind its pre-training."""
    codes: Callable[[Sequence[RelationInstance]], NDArray[np.float32]] | None
    codes = getattr(model, "pretrained_codes", None)
    try:
        return None if codes is None else codes(instances)
    except SettingError:  # its settings leave the pre-training out
        return None
