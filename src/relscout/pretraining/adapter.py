"""Train a small adapter of an encoder on labelled relations, like that of the bundled encoder.

Contrast between pairs needs many sentences. With labels, each relation and its inverse get a direction, and training
turns vectors towards the direction of their relation (:mod:`relscout.training.cosine_classifier`). This is the contrast
of CP (Peng et al. 2020, section 3.1: sentences of one relation are similar, those of different relations are not) with
one prototype per relation instead of one sampled sentence. A larger encoder that knows more relations can be the
teacher, also of sentences that nobody has labelled (:mod:`relscout.training.neighbourhoods`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.settings import (
    AboveZero,
    AtLeast0,
    AtLeast1,
    NotNegative,
    Width,
    from_mapping,
    settings_class,
    to_mapping,
)
from relscout.encoders import EncoderSettings, TransformerEncoder, loss_warnings
from relscout.encoders.pooling import of_text
from relscout.encoders.saved import check_adapter, save_adapter
from relscout.encoders.settings import learnt_relations
from relscout.encoders.tunable import Prepared, TunableEncoder, can_turn, turned_by
from relscout.encoders.whitening import Whitening
from relscout.pretraining.corpus import Excluded
from relscout.training.checkpointing import CheckpointedTraining
from relscout.training.cosine_classifier import (
    NO_INVERSE,
    UNLABELED,
    CosineClassifierSettings,
    CosineClassifierTrainer,
    Heads,
)
from relscout.training.labels import canonical, check_left, classes_of, content, digest
from relscout.training.neighbourhoods import Neighbourhoods
from relscout.training.stored import Checkpoints

#: The relation of instances that have none, among the classes.
NO_RELATION = "no relation"


@settings_class
class AdapterSettings(CosineClassifierSettings):
    """Settings of an adapter trained on labelled relations; chosen on the development draws."""

    supervised_learning_rate: AboveZero = 1e-3
    """Highest learning rate of the adapter."""
    rank: Width = 16
    """Rank of the adapter's factors, at least 1 (α is twice as large)."""
    whitening_rank: AtLeast0 = 256
    """Number of directions, at most, in which the vectors are whitened; 0 does not whiten them."""
    whitening_shrinkage: AboveZero = 3.0
    """How much of the mean variance is added to that of each direction; the larger, the weaker is the whitening."""
    whitening_samples: AtLeast1 = 150
    """Maximum number of instances of a relation that the whitening is measured on."""
    unrelated: bool = False
    """Whether the instances of a set whose relation means "no relation" get a direction of their own."""
    distillation: NotNegative = 1.0
    """Weight of the loss that repeats the teacher's neighbourhoods, if there is a teacher, at least 0."""
    distillation_queue: AtLeast0 = 2048
    """Number of earlier vectors that sentences are compared with, besides the batch, at least 0."""
    distillation_sharpness: AboveZero = 16.0
    """Factor of cosines of teacher and student before the softmax, above 0; the larger, the fewer neighbours count."""


@dataclass(frozen=True)
class TrainedAdapter:
    """A trained adapter.

    Args:
        factors: The two factors of each changed weight, for :func:`save_adapter`.
        whitening: How its vectors are whitened; ``None`` if they are not.
        report: Report of the training, as JSON values.
    """

    factors: dict[str, NDArray[np.float32]]
    whitening: Whitening | None
    report: dict[str, Any]


def train_adapter(
    labeled: Sequence[RelationInstance] | Mapping[str, Sequence[RelationInstance]],
    encoder: TransformerEncoder | None = None,
    *,
    settings: AdapterSettings | Mapping[str, Any] | None = None,
    seed: int = 0,
    out: Path | None = None,
    card: str | None = None,
    flexible: bool = False,
    teacher: TransformerEncoder | None = None,
    unlabeled: Sequence[RelationInstance] = (),
    exclude: Iterable[RelationInstance] = (),
    inverse_of: Mapping[str, str] | None = None,
    checkpoints: Path | None = None,
    progress: Progress = silent,
) -> TrainedAdapter:
    """Train an adapter of an encoder on labelled relations.

    The result does not depend on the order of the instances or the names of the relations. Interrupted training resumes
    after the last finished pass in ``checkpoints``, and gives the same bytes.

    Args:
        labeled: Instances with gold relations, at least two; those that mean "no relation" are left out. Or several
            such sets by name, for example corpora that define relations differently: each instance is then classified
            among the relations of its own set, and what two sets have in common is learnt from the first by name.
        encoder: The encoder to adapt; the bundled encoder by default.
        settings: See :class:`AdapterSettings`.
        seed: Random seed.
        out: Folder to save the adapter in; an older one in it is replaced.
        card: Text of its model card, Markdown.
        flexible: Whether methods may use their own marking and pooling instead of those of ``encoder``.
        teacher: An encoder whose neighbourhoods of sentences the trained one repeats, for example a larger one.
        unlabeled: Instances that only the teacher says something about; their relations are not read.
        exclude: Test instances, whose entity pairs are left out.
        inverse_of: Relation → the relation of the same set that is its inverse; a symmetric relation → itself. The
            inverses of other relations get directions of their own.
        checkpoints: Folder for checkpoints.
        progress: Called with the instances encoded, stage ``"encode"``, and the steps done, stage ``"train"``.

    Raises:
        InputError: An instance has no gold relation, or fewer than two relations are left.
        SettingError: A setting is invalid, training diverged, the adapter cannot be saved because the encoder has
            weights that are in no folder, or unlabelled instances have no teacher.
        MissingExtraError: peft is not installed.
        OutputError: A folder cannot be written.
    """
    options = (
        settings if isinstance(settings, AdapterSettings) else from_mapping(AdapterSettings, settings or {})
    )
    encoder = encoder or TransformerEncoder(EncoderSettings())
    if encoder.whitening is not None:
        # the new whitening takes its place, because it is measured on what training makes of the vectors
        encoder = TransformerEncoder(encoder.settings, weights=encoder.weights, whitens=False)
    if out is not None:
        check_adapter(out, encoder)
    if unlabeled and teacher is None:
        raise SettingError(
            f"{len(unlabeled)} unlabelled instances were given without a teacher, so nothing can be learnt from "
            "them; give a teacher, or leave them out"
        )
    if not options.distillation:
        # what a loss of no weight would be computed from takes time, and would be noted as learnt
        teacher, unlabeled = None, ()
    sets = labeled if isinstance(labeled, Mapping) else {"": labeled}
    excluded = Excluded(exclude)
    data = _classified(sets, excluded, inverse_of or {}, unrelated=options.unrelated)
    more = _more(unlabeled, data.instances, excluded)
    instances = [*data.instances, *more]
    classes = np.concatenate([data.classes, np.full(len(more), UNLABELED)])
    tunable = TunableEncoder(
        encoder,
        trained_layers=options.supervised_layers,
        arithmetic=options.supervised_dtype,
        rank=options.rank,
        seed=seed,
    )
    work = Checkpoints.of(
        checkpoints,
        settings={
            "taught": to_mapping(options),
            "seed": seed,
            "labelled": digest(np.concatenate([classes, data.heads.set_of, data.heads.inverse_of])),
            "teacher": teacher and teacher.fingerprint,
        },
        fingerprint=encoder.fingerprint,
        instances=instances,
    )
    lost: Counter[str] = Counter()
    prepared = tunable.prepare(instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
    trainer = CosineClassifierTrainer(
        tunable,
        prepared,
        classes,
        settings=options,
        seed=seed,
        heads=data.heads,
        neighbourhoods=_neighbourhoods(teacher, instances, prepared, options, progress),
    )
    training = CheckpointedTraining(trainer, work)
    training.run(progress)
    factors = tunable.weights()
    whitening = _whitening(tunable, prepared, data, options, progress)
    report = {
        "objective": "labels",
        "settings": to_mapping(options),
        "seed": seed,
        "encoder": encoder.settings.model,
        "fingerprint": encoder.fingerprint,
        "instances": len(data.instances),
        "relations": sorted(set(data.names)),
        **({"sets": {name: len(sets[name]) for name in sorted(sets)}} if len(sets) > 1 else {}),
        **(
            {}
            if teacher is None
            else {
                "teacher": {
                    "encoder": teacher.settings.model,
                    "fingerprint": teacher.fingerprint,
                    "unlabeled": len(more),
                    "learnt": sorted(learnt_relations(teacher.settings.model)),
                }
            }
        ),
        "parameters": sum(array.size for array in factors.values()),
        **training.history(),
        "warnings": [*data.warnings, *loss_warnings(lost)],
    }
    if out is not None:
        save_adapter(
            out,
            encoder,
            factors,
            rank=tunable.rank,
            alpha=tunable.alpha,
            card=card,
            made=report,
            flexible=flexible,
            whitening=whitening,
        )
    work.clear()
    return TrainedAdapter(factors, whitening, report)


def _neighbourhoods(
    teacher: TransformerEncoder | None,
    instances: Sequence[RelationInstance],
    prepared: Prepared,
    options: AdapterSettings,
    progress: Progress,
) -> Neighbourhoods | None:
    if teacher is None:
        return None
    import torch

    first = np.empty(len(prepared.lengths), dtype=np.int64)  # an instance of each content
    first[prepared.row_of] = np.arange(len(instances))
    shown = [instances[place].without_relation() for place in first.tolist()]
    vectors = teacher.encode(shown, progress=progress)
    turned = None
    if options.inverses and can_turn(teacher):
        turned = turned_by(teacher, torch.from_numpy(vectors)).numpy()
    elif options.inverses:
        turned = teacher.encode([instance.swapped() for instance in shown], progress=progress)
    return Neighbourhoods(
        vectors,
        turned,
        size=options.distillation_queue,
        sharpness=options.distillation_sharpness,
        weight=options.distillation,
    )


def _whitening(
    tunable: TunableEncoder,
    prepared: Prepared,
    data: _Classified,
    options: AdapterSettings,
    progress: Progress,
) -> Whitening | None:
    """Return the whitening of a trained encoder, fitted to what it was trained on; none next to entity types."""
    encoder = tunable.base
    pooling = encoder.settings.pooling
    if not options.whitening_rank or pooling != of_text(pooling):
        return None
    measured = np.sort(
        np.concatenate(
            [
                np.flatnonzero(data.classes == relation)[: options.whitening_samples]
                for relation in range(len(data.heads.set_of))
                # what is no relation differs in everything
                if relation not in data.unrelated
            ]
        )
    )
    contents = np.unique(prepared.row_of[measured])
    vectors = np.empty((len(contents), tunable.dimension), dtype=np.float32)
    row_of = np.full(len(prepared.lengths), -1)
    row_of[contents] = np.arange(len(contents))
    for batch, encoded in tunable.encoded(prepared, progress, contents=contents):
        vectors[row_of[batch]] = encoded
    left, classes = np.unique(data.classes[measured], return_inverse=True)
    return Whitening.fit(
        vectors[row_of[prepared.row_of[measured]]],
        classes,
        data.heads.set_of[left],
        rank=options.whitening_rank,
        shrinkage=options.whitening_shrinkage,
        marking=encoder.settings.marking,
        pooling=pooling,
        hidden_size=encoder.hidden_size,
    )


@dataclass(frozen=True)
class _Classified:
    """The labelled instances of all sets (L,), the relation of each (L,), and what is known of the C relations.

    Args:
        instances: The instances, L of them.
        classes: Relation of each (L,), int64.
        names: Relations, without those that mean "no relation".
        heads: Sets of the relations.
        unrelated: Numbers of the relations that mean "no relation".
        warnings: Warnings for the user.
    """

    instances: list[RelationInstance]
    classes: NDArray[np.int64]
    names: list[str]
    heads: Heads
    unrelated: frozenset[int]
    warnings: list[str]


def _classified(
    sets: Mapping[str, Sequence[RelationInstance]],
    excluded: Excluded,
    inverse_of: Mapping[str, str],
    *,
    unrelated: bool,
) -> _Classified:
    """Sort the instances of all sets, and number their relations.

    Raises:
        InputError: A set has fewer than two relations, or an instance has none.
    """
    known: list[RelationInstance] = []
    names: list[str] = []
    classes, set_of, inverses, warnings = [], [], [], []
    contents: set[object] = set()
    # exchanging head and tail makes no relation of none
    inverse_of = {**inverse_of, NO_RELATION: NO_RELATION}
    for number, name in enumerate(sorted(sets)):
        learnable, left_out = _learnable(sets[name], excluded, unrelated=unrelated)
        of_set, repeated = canonical(learnable)
        warnings += [f"{name}: {text}" if name else text for text in (*left_out, *repeated)]
        own = [instance for instance in of_set if content(instance) not in contents]
        contents.update(map(content, own))
        check_left(own, [f"the others of {name!r} are in other sets, too"])
        own_names, own_classes = classes_of(own)
        place = {relation: len(names) + position for position, relation in enumerate(own_names)}
        inverses += [place.get(inverse_of.get(relation, ""), NO_INVERSE) for relation in own_names]
        classes.append(own_classes + len(names))
        set_of += [number] * len(own_names)
        known += own
        names += own_names
    return _Classified(
        known,
        np.concatenate(classes),
        [name for name in names if name != NO_RELATION],
        Heads(np.array(set_of, dtype=np.int64), np.array(inverses, dtype=np.int64)),
        frozenset(number for number, name in enumerate(names) if name == NO_RELATION),
        warnings,
    )


def _more(
    unlabeled: Sequence[RelationInstance], known: Sequence[RelationInstance], excluded: Excluded
) -> list[RelationInstance]:
    """Return the unlabelled instances that are not labelled or excluded, once each, in canonical order."""
    seen = set(map(content, known))
    kept = []
    for place in canonical_order(unlabeled):
        instance = unlabeled[place]
        if content(instance) not in seen and instance not in excluded:
            seen.add(content(instance))
            kept.append(instance.without_relation())
    return kept


def _learnable(
    labeled: Sequence[RelationInstance], excluded: Excluded, *, unrelated: bool
) -> tuple[list[RelationInstance], list[str]]:
    """Return the instances that express a relation and are not excluded, and warnings about the others.

    Raises:
        InputError: Some were left out, and fewer than two relations are left.
    """
    if unrelated:
        labeled = [
            replace(instance, relation=NO_RELATION) if instance.is_unrelated else instance
            for instance in labeled
        ]
    related = [instance for instance in labeled if unrelated or not instance.is_unrelated]
    kept = [instance for instance in related if instance not in excluded]
    warnings = [
        f"{count} of {len(labeled)} labelled instances were left out: {why}"
        for count, why in (
            (len(labeled) - len(related), "they have no relation"),
            (len(related) - len(kept), "their entity pair is excluded"),
        )
        if count
    ]
    if warnings:
        check_left(kept, warnings)
    return kept, warnings
