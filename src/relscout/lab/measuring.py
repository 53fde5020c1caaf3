"""One run: fit, score, and record what tables and figures need."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.files import whole_file
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.settings import from_mapping, to_mapping
from relscout.discovery import Discovery, discover, versions
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.settings import learnt_note, settings_for
from relscout.lab import records
from relscout.lab.learners import (
    EPISODES,
    EPISODES_SEED,
    N_EPISODES,
    SHOTS,
    WAYS,
    Classifying,
    Episodic,
    Learner,
    learner,
    scores_of,
)
from relscout.lab.probes import probe
from relscout.lab.protocols import SupervisedTask, Task
from relscout.lab.records import RelationRow, measured
from relscout.lab.schema import Figure, Preset, Probes, Row
from relscout.methods import method
from relscout.methods.estimator import Estimator, NRelations
from relscout.metrics import majority_mapped, open_world_scores, score
from relscout.naming.frequent import most_frequent_ngrams

#: Increased whenever a code change alters results, so that older results are not reused.
_SCHEME = 1
#: Settings of the encoder that its fingerprint covers, or that only affect rounding.
_NOT_IN_KEYS = ("model", "device", "batch_tokens", "seed")


@dataclass(frozen=True)
class Run:
    """A row of a preset, or a variation of it, with one seed."""

    row: Row
    variation: Mapping[str, Any]
    """The setting that the sweep changes, or nothing."""
    seed: int
    settings: Mapping[str, Any]
    encoder: EncoderSettings
    n_relations: int | str | None
    """Number of relations, or ``auto``; ``None`` for given relations."""
    figure: Figure | None
    """The figure that needs the points of the run, if any."""


@dataclass(frozen=True)
class Keys:
    """Hashes of the instances of a task."""

    fitted: str
    scored: str
    """With the gold relations."""
    labeled: str
    """With the gold relations."""

    @classmethod
    def of(cls, task: Task) -> Keys:
        """Hash the instances, whatever their order."""
        return cls(
            hash_of_instances(instance.without_relation() for instance in task.fitted),
            hash_of_instances(task.scored),
            hash_of_instances(task.labeled or ()),
        )

    def with_labeled(self, labeled: Sequence[RelationInstance]) -> Keys:
        """Return the hashes with those of other labelled instances."""
        return replace(self, labeled=hash_of_instances(labeled))


def runs_of(
    preset: Preset, n_gold: int, seeds: Sequence[int] | None = None, rows: Collection[str] | None = None
) -> Iterator[Run]:
    """Yield the runs: all rows with the first seed, then with the next; after that the variations.

    Args:
        preset: The experiment.
        n_gold: Number of gold relations, for rows with ``n_relations: gold``.
        seeds: Seeds in place of the preset's.
        rows: Names of the rows; all by default.
    """
    chosen = [row for row in preset.rows if rows is None or row.name in rows]
    for varied in (False, True):
        for seed in preset.seeds if seeds is None else seeds:
            for row in chosen:
                variations = preset.variations(row)
                for variation in variations[1:] if varied else variations[:1]:
                    yield _run(preset, row, variation, seed, n_gold)


def setup_of(run: Run, protocol: str, keys: Keys, *, labeled: bool) -> str:
    """Return the hash of a run without its seed."""
    encoder = encoder_in_keys(run.encoder)
    supervised = run.row.kind == "supervised"
    kind = learner(run.row.method, "supervised").settings if supervised else method(run.row.method).SETTINGS
    # all settings, so that a changed default is another setup
    settings = to_mapping(from_mapping(kind, run.settings))
    instances = [keys.fitted, keys.scored, keys.labeled if labeled else ""]
    return hash_of([_SCHEME, protocol, instances, run.row.method, settings, run.n_relations, encoder])


def encoder_in_keys(settings: EncoderSettings) -> dict[str, Any]:
    """Return the encoder settings that are part of a setup."""
    values = {key: value for key, value in to_mapping(settings).items() if key not in _NOT_IN_KEYS}
    # without types, the setup is that of records from before there were any
    types = sorted(values.pop("types"))
    return values | ({"types": types} if types else {})


def trivial_key(row: str, protocol: str, keys: Keys) -> str:
    """Return the hash of a trivial row."""
    return hash_of([_SCHEME, protocol, keys.scored, row])


def hash_of(value: Any) -> str:
    """Return a hash of plain values."""
    return blake2b(json.dumps(value, sort_keys=True).encode("ascii"), digest_size=16).hexdigest()


def _run(preset: Preset, row: Row, variation: Mapping[str, Any], seed: int, n_gold: int) -> Run:
    n_relations = preset.n_relations_of(row)
    figures = [figure for figure in preset.figures if figure.kind == "tsne" and row.name in figure.rows]
    return Run(
        row=row,
        variation=variation,
        seed=seed,
        settings=preset.settings_of(row, variation),
        encoder=_encoder({"seed": seed, **preset.encoder_of(row)}),
        n_relations=n_gold if n_relations == "gold" else n_relations,
        figure=figures[0] if figures and not variation else None,
    )


def _encoder(stated: Mapping[str, Any]) -> EncoderSettings:
    """Return the settings of an encoder: those of the preset, else those in the encoder's folder."""
    checked = from_mapping(EncoderSettings, stated)
    return settings_for(checked.model, **{name: getattr(checked, name) for name in stated if name != "model"})


def hash_of_instances(instances: Iterable[RelationInstance]) -> str:
    """Return a hash of instances with their gold relations, whatever their order."""
    digests = sorted(
        blake2b(
            repr((instance.id, instance.text, instance.head, instance.tail, instance.relation)).encode(),
            digest_size=16,
        ).digest()
        for instance in instances
    )
    return blake2b(b"".join(digests), digest_size=16).hexdigest()


def draw(gold: Sequence[str], figure: Figure) -> list[int]:
    """Return the positions of the instances in a figure, the same for every row and seed.

    SelfORE's figure 2 draws four relations at random, with 50 instances of each. Here only relations with that many
    instances are drawn; if there are too few, the most frequent relations are selected.

    Args:
        gold: Gold relations of the scored instances (N,) in canonical order.
        figure: Number of relations and instances.
    """
    random = generator(0, "figure")
    counts = Counter(gold)
    frequent = sorted(counts, key=lambda relation: (-counts[relation], relation))
    large = sorted(relation for relation in counts if counts[relation] >= figure.instances)
    if len(large) >= figure.relations:
        chosen = [large[place] for place in random.choice(len(large), figure.relations, replace=False)]
    else:
        chosen = frequent[: figure.relations]
    places = []
    for relation in sorted(chosen):
        members = [place for place, name in enumerate(gold) if name == relation]
        drawn = random.permutation(len(members))[: figure.instances]
        places += [members[place] for place in sorted(drawn)]
    return places


def points_file(results: Path, key: str, figure: Figure) -> Path:
    """Return the file for the points of a run, next to the results."""
    return results.with_name(f"{results.stem}-{key[:16]}-{figure.relations}x{figure.instances}.npz")


def write_points(
    path: Path,
    *,
    vectors: NDArray[np.float32],
    earlier: NDArray[np.float32] | None = None,
    gold: Sequence[str],
    found: NDArray[np.int64],
) -> None:
    """Write the points of a run: arrays ``vectors`` (n, D) float16, ``gold`` (n,) text and ``found`` (n,) int64.

    Args:
        path: The file.
        vectors: (n, D).
        earlier: Vectors after pre-training (n, Z), written as ``earlier``, if any.
        gold: Gold relations.
        found: Assigned relations.

    Raises:
        OutputError: The file cannot be written.
    """
    arrays: dict[str, Any] = {} if earlier is None else {"earlier": _halved(earlier)}
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            vectors=_halved(vectors),
            **arrays,
            gold=np.array(gold, dtype=np.str_),
            found=found.astype(np.int64),
        )


def _halved(vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    # float16 ends at 65,504; only relative distances matter in a figure
    scale = max(float(np.abs(vectors).max(initial=0.0)) / 60_000, 1.0)
    return (vectors / scale).astype(np.float16)


#: Entries of ``settings()`` that have keys of their own in a record.
_ELSEWHERE = ("encoder", "seed", "n_relations")
#: Warning in the record of a resumed run.
RESUMED = "went on after an interruption: seconds and memory are those of the rest"


def measure(
    run: Run,
    task: Task,
    encoder: TransformerEncoder,
    *,
    labeled: Sequence[RelationInstance] | None,
    points_file: Path | None,
    probes: Probes | None = None,
    checkpoints: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Run a discovery and return the entries of its record.

    Args:
        run: The run.
        task: The instances.
        encoder: Its encoder.
        labeled: Labelled instances, if the row uses them.
        points_file: File for the points of a figure, if any.
        probes: What else to measure, if anything.
        checkpoints: Folder for checkpoints; an interrupted run resumes from it.
        progress: Progress callback.
    """
    resumed = [RESUMED] if checkpoints.is_dir() and any(checkpoints.iterdir()) else []
    with measured() as cost:
        discovery = discover(
            task.fitted,
            method=_watching(run.row.method, task),
            n_relations=cast(NRelations, run.n_relations),
            encoder=encoder,
            seed=run.seed,
            labeled=labeled,
            known="keep" if task.mixed and labeled is not None else "raise",
            settings=run.settings,
            # a row shows its own method, even where k-means would be kept
            check_training=False,
            progress=progress,
            checkpoints=checkpoints,
        )
        assigned = _assigned(discovery, task, progress)
    gold = [str(instance.relation) for instance in task.scored]
    if points_file is not None and run.figure is not None:
        _keep_points(points_file, run.figure, task, discovery, assigned)
    report = discovery.model.report_
    settings = discovery.model.settings()
    return {
        "settings": {key: value for key, value in settings.items() if key not in _ELSEWHERE},
        "scores": {
            "raw": score(assigned, gold).as_dict(),
            "majority_mapped": majority_mapped(assigned, gold).as_dict(),
            **epoch_scores(discovery.model, task),
            **open_world(discovery, task, assigned, labeled),
        },
        "n_relations": discovery.model.n_relations_,
        "sizes": [relation.size for relation in discovery.relations],
        "names": _names(discovery, assigned, gold),
        "warnings": [
            *task.notes,
            *resumed,
            *filter(None, [learnt_note(encoder.settings.model, gold)]),
            *discovery.run["warnings"],
        ],
        "report": {key: value for key, value in report.items() if key != "warnings"},
        "instances": len(task.fitted),
        "labeled": len(labeled or ()),
        "encoder": _encoder_record(encoder),
        "seconds": {"total": round(cost.seconds, 3), **discovery.run["seconds"]},
        "peak_mib": None if cost.peak_mib is None else round(cost.peak_mib, 1),
        "points": None if points_file is None else points_file.name,
        **({} if probes is None else {"probes": _probed(probes, task, discovery, assigned)}),
        "versions": discovery.run["versions"],
    }


def measure_with_gold(
    run: Run,
    task: Task,
    encoder: TransformerEncoder,
    *,
    labeled: Sequence[RelationInstance],
    checkpoints: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Run a supervised method on what a discovery clusters, with gold relations, and return the entries of its record.

    Args:
        run: The run.
        task: The instances; the scored ones are not among the fitted ones.
        encoder: The encoder.
        labeled: Instances of all relations, with gold relations.
        checkpoints: Folder for checkpoints; an interrupted run resumes from it.
        progress: Progress callback.

    Raises:
        SettingError: The scored instances are among those that it would learn from.
    """
    gold = [str(instance.relation) for instance in task.scored]
    if len(_unseen(task)) < len({_content(instance) for instance in task.scored}):
        raise SettingError(
            f"row {run.row.name!r} would learn the gold relations of the instances that are scored; choose a protocol "
            "that scores unseen instances, such as fewrel-incremental"
        )
    resumed = [RESUMED] if checkpoints.is_dir() and any(checkpoints.iterdir()) else []
    chosen = learner(run.row.method, "supervised")
    model = chosen.estimator(*([encoder] if chosen.reads == "encoder" else []), seed=run.seed, **run.settings)
    with measured() as cost:
        model.fit(labeled, progress=progress, checkpoints=checkpoints)
        names = model.predict([instance.without_relation() for instance in task.scored], progress=progress)
    number = {name: place for place, name in enumerate(sorted({*names}))}
    assigned = [number[name] for name in names]
    report = model.report_
    return {
        "settings": {key: value for key, value in model.settings().items() if key not in _ELSEWHERE},
        "scores": {
            "raw": score(assigned, gold).as_dict(),
            "majority_mapped": majority_mapped(assigned, gold).as_dict(),
            **_open_world(task, list(names), task.labeled or (), None),
        },
        "n_relations": len({instance.relation for instance in labeled}),
        "sizes": [],
        "names": [],
        "warnings": [
            *task.notes,
            *resumed,
            *filter(None, [learnt_note(encoder.settings.model, gold)]),
            *report.get("warnings", ()),
        ],
        "report": {key: value for key, value in report.items() if key != "warnings"},
        "instances": len(labeled),
        "labeled": len(labeled),
        "encoder": _encoder_record(encoder) if chosen.reads == "encoder" else None,
        "seconds": {"total": round(cost.seconds, 3)},
        "peak_mib": None if cost.peak_mib is None else round(cost.peak_mib, 1),
        "points": None,
        "versions": versions("relscout", "numpy", "torch", "transformers"),
    }


def _probed(probes: Probes, task: Task, discovery: Discovery, assigned: NDArray[np.int64]) -> dict[str, Any]:
    """Return what is measured of the representations of the scored instances, which are computed if not fitted."""
    places = canonical_order(task.scored)
    ordered = [task.scored[place].without_relation() for place in places]
    # ``discover`` passes instances to a method in canonical order
    rows = {_content(task.fitted[place]): row for row, place in enumerate(canonical_order(task.fitted))}
    if all(_content(instance) in rows for instance in ordered):
        vectors = discovery.model.vectors_[[rows[_content(instance)] for instance in ordered]]
    else:
        vectors = discovery.model.transform(ordered)
    return probe(probes, vectors, assigned[places], [str(task.scored[place].relation) for place in places])


def _assigned(discovery: Discovery, task: Task, progress: Progress) -> NDArray[np.int64]:
    """Return the relation of each scored instance (N,), predicted if it was not fitted."""
    assignments = discovery.assignments
    assigned = dict(zip(map(_content, assignments.instances), assignments.relation_ids.tolist(), strict=True))
    if unseen := _unseen(task):
        predicted = discovery.predict(unseen, progress=progress).relation_ids.tolist()
        assigned.update(zip(map(_content, unseen), predicted, strict=True))
    return np.array([assigned[_content(instance)] for instance in task.scored], dtype=np.int64)


def _unseen(task: Task) -> list[RelationInstance]:
    """Return the scored instances that are not fitted, each content once."""
    fitted = {_content(instance) for instance in task.fitted}
    by_content = {_content(instance): instance for instance in task.scored}
    return [instance for content, instance in by_content.items() if content not in fitted]


def _watching(name: str, task: Task) -> str | type[Estimator]:
    """Return a method that predicts the unseen scored instances after every epoch; its name if it has no epochs."""
    kind = method(name)
    watching: Callable[[Sequence[RelationInstance]], type[Estimator]] | None
    watching = getattr(kind, "watching", None)
    unseen = _unseen(task)
    return name if watching is None or not unseen else watching(unseen)


def epoch_scores(model: Estimator, task: Task) -> dict[str, dict[str, Any]]:
    """Return the scores of other choices of the epoch, if the method reports the labels of each epoch.

    ``last_epoch`` are those of the last epoch. ``gold_selected`` are those of the epoch with the best gold B³ F1, with
    its number ``epoch``, from 1, and the B³ F1 of all epochs (``epochs_b3_f1``). They are computed once the fit has
    ended, and select nothing.
    """
    epochs: NDArray[np.signedinteger[Any]] | None = getattr(model, "epochs_labels_", None)
    watched: NDArray[np.int64] | None = getattr(model, "watched_labels_", None)
    unseen = _unseen(task)
    # with more outputs than relations, or one classifier for all, the outputs of an epoch are no predictions
    merged = getattr(model, "n_clusters", 0) not in (0, model.n_relations)
    if epochs is None or model.names_ or merged or (unseen and watched is None):
        return {}
    # ``discover`` passes instances to a method in canonical order
    columns = [task.fitted[place] for place in canonical_order(task.fitted)]
    if watched is not None and unseen:
        columns += unseen
        epochs = np.hstack([epochs, watched])
    column = {_content(instance): place for place, instance in enumerate(columns)}
    scored = [column[_content(instance)] for instance in task.scored]
    gold = [str(instance.relation) for instance in task.scored]
    scores = [score(labels[scored].astype(np.int64), gold) for labels in epochs]
    best = max(range(len(scores)), key=lambda epoch: scores[epoch].b3_f1)
    of_epochs = {"epoch": best + 1, "epochs_b3_f1": [round(epoch.b3_f1, 6) for epoch in scores]}
    return {"last_epoch": scores[-1].as_dict(), "gold_selected": {**scores[best].as_dict(), **of_epochs}}


def open_world(
    discovery: Discovery,
    task: Task,
    assigned: NDArray[np.int64],
    labeled: Sequence[RelationInstance] | None,
) -> dict[str, dict[str, Any]]:
    """Return the scores of a task in which labelled and novel relations are mixed; nothing for other tasks.

    Args:
        discovery: The discovery.
        task: Its instances; if some scored ones are unseen, the evidence of novelty is not scored.
        assigned: Relation of each scored instance (N,), int64.
        labeled: Labelled instances, if the row uses them; those of the task by default.
    """
    if not task.mixed:
        return {}
    model = discovery.model
    given = labeled or task.labeled or ()
    predefined = {str(instance.relation) for instance in given}
    names = {number: name for number, name in model.names_.items() if name in predefined}
    predicted: list[Hashable] = [names.get(label, label) for label in assigned.tolist()]
    evidence = None
    if names and len(names) < model.n_relations_ and not _unseen(task):
        # ``discover`` passes instances to a method in canonical order
        rows = {_content(task.fitted[place]): row for row, place in enumerate(canonical_order(task.fitted))}
        shares = model.probabilities_[[rows[_content(instance)] for instance in task.scored]]
        is_known = np.isin(np.arange(model.n_relations_), list(names))
        novel, known = (
            shares[:, : model.n_relations_][:, side].max(axis=1) for side in (~is_known, is_known)
        )
        evidence = novel / np.maximum(novel + known, np.finfo(np.float32).tiny)
    return _open_world(task, predicted, given, evidence)


def _open_world(
    task: Task,
    predicted: list[Hashable],
    labeled: Sequence[RelationInstance],
    evidence: NDArray[np.float32] | None,
) -> dict[str, dict[str, Any]]:
    if not task.mixed:
        return {}
    none = -1
    gold: list[Hashable] = [
        none if instance.is_unrelated else str(instance.relation) for instance in task.scored
    ]
    predefined = {str(instance.relation) for instance in labeled}
    scores = open_world_scores(predicted, gold, predefined, novelty=evidence, no_relation=none)
    return {"open_world": scores.as_dict()}


def _content(instance: RelationInstance) -> tuple[object, ...]:
    return instance.id, instance.text, instance.head, instance.tail


def _names(discovery: Discovery, assigned: NDArray[np.int64], gold: Sequence[str]) -> list[RelationRow]:
    """Return the relations with their names by both rules and their majority gold relation.

    Ties go to the larger gold relation, then by name.
    """
    sizes = Counter(gold)
    of_relation: dict[int, Counter[str]] = {}
    for label, name in zip(assigned.tolist(), gold, strict=True):
        of_relation.setdefault(label, Counter())[name] += 1
    members: dict[int, list[RelationInstance]] = {}
    for instance, id in zip(
        discovery.assignments.instances, discovery.assignments.relation_ids.tolist(), strict=True
    ):
        members.setdefault(id, []).append(instance)
    rows: list[RelationRow] = []
    for relation in discovery.relations:
        ngrams = most_frequent_ngrams(members.get(relation.id, []), most=1)
        counts = of_relation.get(relation.id, Counter())
        majority = min(counts, key=lambda name: (-counts[name], -sizes[name], name), default=None)
        share = 0.0 if majority is None else counts[majority] / counts.total()
        rows.append(
            {
                "name": relation.name,
                "size": relation.size,
                "gold": majority,
                "share": round(share, 4),
                "ngram": ngrams[0].name if ngrams else None,
            }
        )
    return rows


def _keep_points(
    path: Path, figure: Figure, task: Task, discovery: Discovery, assigned: NDArray[np.int64]
) -> None:
    order = canonical_order(task.scored)
    gold = [str(task.scored[place].relation) for place in order]
    places = [order[place] for place in draw(gold, figure)]
    bare = [task.scored[place].without_relation() for place in places]
    write_points(
        path,
        vectors=discovery.model.transform(bare),
        earlier=_earlier(discovery.model, bare),
        gold=[str(task.scored[place].relation) for place in places],
        found=assigned[places],
    )


def _earlier(model: Estimator, instances: Sequence[RelationInstance]) -> NDArray[np.float32] | None:
    """Return the vectors after pre-training (n, Z), if the method reports them."""
    codes: Callable[[Sequence[RelationInstance]], NDArray[np.float32]] | None
    codes = getattr(model, "pretrained_codes", None)
    try:
        return None if codes is None else codes(instances)
    except SettingError:  # no pre-training
        return None


def measure_supervised_task(
    run: Run,
    learner: Learner,
    task: SupervisedTask,
    encoder: TransformerEncoder | None,
    *,
    checkpoints: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Run a supervised or few-shot method and return the entries of its record.

    Args:
        run: The run.
        learner: The method.
        task: The instances; gold relations are removed before prediction.
        encoder: Its encoder, if it needs one.
        checkpoints: Folder for checkpoints; an interrupted run resumes from it.
        progress: Progress callback.
    """
    warnings = [*task.notes]
    if checkpoints.is_dir() and any(checkpoints.iterdir()):
        warnings.append(RESUMED)
    if learner.kind == "supervised" and encoder is not None:
        # the scores of episodes have this warning already
        gold = {str(instance.relation) for instance in task.scored}
        warnings += filter(None, [learnt_note(encoder.settings.model, gold)])
    model = learner.estimator(*() if encoder is None else (encoder,), seed=run.seed, **run.settings)
    frozen = run.row.kind == "frozen"
    with records.measured() as whole:
        if not frozen:
            model.fit(task.train, task.dev, progress=progress, checkpoints=checkpoints)
        fitted = perf_counter()
        if learner.kind == "supervised":
            classifier: Classifying = model
            bare = [instance.without_relation() for instance in task.scored]
            scores = scores_of(classifier.predict(bare, progress=progress), task)
        else:
            scores = _in_episodes(model, task, progress, warnings)
        scoring = perf_counter() - fitted
    report = model.report_
    return {
        "settings": {key: value for key, value in model.settings().items() if key not in _ELSEWHERE},
        "scores": scores,
        "n_relations": len({instance.relation for instance in (task.scored if frozen else task.train)}),
        "sizes": [],
        "names": [],
        "warnings": [*warnings, *report.get("warnings", ())],
        "report": {key: value for key, value in report.items() if key != "warnings"},
        "instances": len(task.train),
        "labeled": 0 if frozen else len(task.train),
        "encoder": None if encoder is None else _encoder_record(encoder),
        "seconds": {"total": round(whole.seconds, 3), "fit": round(whole.seconds - scoring, 3)},
        "peak_mib": None if whole.peak_mib is None else round(whole.peak_mib, 1),
        "points": None,
        "versions": versions("relscout", "numpy", "torch", "transformers"),
    }


def _in_episodes(
    model: Episodic, task: SupervisedTask, progress: Progress, warnings: list[str]
) -> dict[str, dict[str, Any]]:
    scores = model.evaluate_grid(
        task.scored,
        ways=WAYS,
        shots=SHOTS,
        episodes=N_EPISODES,
        seed=EPISODES_SEED,
        progress=progress,
    )
    warnings += dict.fromkeys(warning for score in scores for warning in score.warnings)
    return {
        name: {"accuracy": score.accuracy, "standard_error": score.standard_error, "episodes": N_EPISODES}
        for name, score in zip(EPISODES, scores, strict=True)
    }


def _encoder_record(encoder: TransformerEncoder) -> dict[str, Any]:
    return {
        **to_mapping(encoder.settings),
        "device": str(encoder.device),
        "parameters": sum(tensor.numel() for tensor in encoder.model.parameters()),
    }
