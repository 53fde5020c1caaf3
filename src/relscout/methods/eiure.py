"""EIURE: representations that depend neither on the names of the entities alone nor on the context alone.

Liu, Yan, Lin, Han and Sun, "Element Intervention for Open Relation Extraction" (ACL 2021). The names of two entities
and the words around them each say something about the relation, but a model that reads only one of them collapses. An
intervention fixes one element and exchanges the other:

- **Entities exchanged.** The context is fixed, and both entities are replaced by others of the same types. The relation
  that the context expresses stays, so both versions should be near each other (:func:`instance_contrast`).
- **Contexts exchanged.** The entities are fixed and moved into other sentences about entities of the same types: one
  with a similar context, and one with a different context. The first should be nearer than the second
  (:func:`context_ranking`), so that the names alone do not decide.

Then k-means on the representations gives the relations.

Only the paper's abstract and introduction were read. They describe the interventions: the paper writes other contexts
with a language model and takes types from a knowledge base. Here, other contexts are sentences of the corpus, which
needs no generator, and types are those of the instances. The form of both losses, the margin, the temperature and the
weights are our own, so this is a method after the paper's idea, not a reproduction of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Start, check_finite, unit_length
from relscout.clustering.neighbours import nearest_neighbours
from relscout.core.errors import SettingError
from relscout.core.instances import Mention, RelationInstance, normalized
from relscout.core.seeding import generator
from relscout.core.settings import (
    AboveZero,
    AtLeast1,
    AtLeast2,
    NotNegative,
    Rate,
    TrainedLayers,
    settings_class,
)
from relscout.encoders import Encoder, EncoderSettings
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import Prepared
from relscout.methods.estimator import NRelations
from relscout.methods.features import typed
from relscout.methods.hiure import instance_contrast
from relscout.methods.self_training import Rows, SelfTrained, SelfTraining
from relscout.text.spacy_pipeline import looks_english
from relscout.training.checkpointing import TrainingState
from relscout.training.loop import batches_by_length

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TypePair = tuple[str | None, str | None]


@settings_class
class EIURESettings:
    """Settings of the method ``eiure``."""

    contrast_weight: NotNegative = 1.0
    """Weight of the contrast of contexts under exchanged entities; 0 leaves it out."""
    ranking_weight: NotNegative = 1.0
    """Weight of the ranking of entities in exchanged contexts; 0 leaves it out."""
    temperature: AboveZero = 0.05
    """τ of the contrast, above 0."""
    margin: AboveZero = 0.2
    """By how much a similar context must be nearer than a different one, in cosine similarity, above 0."""
    neighbours: AtLeast1 = 10
    """Number of nearest sentences with the same entity types that count as similar contexts, at least 1."""
    dropout: Rate = 0.1
    """Dropout rate of the layers that train, in [0, 1)."""
    epochs: AtLeast1 = 2
    """Epochs, at least 1."""
    batch: AtLeast2 = 64
    """Instances in a step, at least 2."""
    learning_rate: AboveZero = 1e-5
    """Learning rate of AdamW."""
    weight_decay: NotNegative = 1e-4
    """Weight decay, at least 0."""
    trained_layers: TrainedLayers = 1
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder."""
    training_dtype: Arithmetic = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    max_instances: AtLeast2 = 5_000
    """Most different instances that the encoder trains on, a sample if there are more; all are clustered."""
    annotate: bool = True
    """Whether missing entity types are those of the default spaCy pipeline, if the texts look English. Only exchanged
    entities and contexts depend on them, never what the encoder reads."""
    start: Start = "neighbours"
    """Where the last k-means starts: ``neighbours`` (parts of the neighbour graph) or ``k-means++``, 10 times."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        if not self.contrast_weight and not self.ranking_weight:
            raise SettingError(
                "contrast_weight and ranking_weight are 0, so that nothing is trained; one of them must be above 0"
            )


def with_entities(instance: RelationInstance, head: str, tail: str) -> RelationInstance:
    """Return the instance with other names in the place of its mentions, which keep their types.

    Where one mention lies inside the other, the instance is returned as it is, since no text can hold both names.
    """
    first, second = sorted((instance.head, instance.tail), key=lambda mention: mention.start)
    if second.start < first.end:
        return instance
    of_first, of_second = (head, tail) if first is instance.head else (tail, head)
    before, between = instance.text[: first.start], instance.text[first.end : second.start]
    start = len(before) + len(of_first) + len(between)
    text = "".join((before, of_first, between, of_second, instance.text[second.end :]))
    moved = (
        Mention(len(before), len(before) + len(of_first), first.type),
        Mention(start, start + len(of_second), second.type),
    )
    at_head, at_tail = moved if first is instance.head else moved[::-1]
    return RelationInstance(text, at_head, at_tail)


def entities_exchanged(
    instances: Sequence[RelationInstance], kinds: Sequence[TypePair], random: np.random.Generator
) -> list[RelationInstance]:
    """Return each instance with two other entities of the same types, drawn from all instances.

    An entity that is the only one of its type keeps its name.

    Args:
        instances: The instances.
        kinds: Entity types of head and tail of each; unknown types are of one kind.
        random: Draws the entities.
    """
    names: defaultdict[str | None, dict[str, str]] = defaultdict(dict)
    for instance, (head, tail) in zip(instances, kinds, strict=True):
        for kind, name in ((head, instance.head_text), (tail, instance.tail_text)):
            names[kind].setdefault(normalized(name), name)
    sorted_names = {kind: sorted(of_kind) for kind, of_kind in names.items()}
    place = {kind: {name: row for row, name in enumerate(keys)} for kind, keys in sorted_names.items()}

    def other(kind: str | None, name: str) -> str:
        keys = sorted_names[kind]
        if len(keys) < 2:
            return name
        drawn = int(random.integers(len(keys) - 1))
        return names[kind][keys[drawn + (drawn >= place[kind][normalized(name)])]]

    return [
        with_entities(instance, other(head, instance.head_text), other(tail, instance.tail_text))
        for instance, (head, tail) in zip(instances, kinds, strict=True)
    ]


def contexts_exchanged(
    vectors: NDArray[np.float32], kinds: Sequence[TypePair], *, neighbours: int, random: np.random.Generator
) -> tuple[Rows, Rows]:
    """Return a row with a similar context and one with a different context for each instance, (N,) int64 each.

    Both have the entity types of the instance. Similar are the nearest neighbours of these, at most half of them, and
    different are the others. An instance with fewer than two others gets its own row twice.

    Args:
        vectors: (N, D), float32, of unit length.
        kinds: Entity types of head and tail of each instance.
        neighbours: Number of nearest neighbours that are similar.
        random: Draws from either kind.
    """
    near = np.arange(len(vectors))
    far = near.copy()
    groups: defaultdict[TypePair, list[int]] = defaultdict(list)
    for row, kind in enumerate(kinds):
        groups[kind].append(row)
    for members in groups.values():
        if len(members) < 3:
            continue
        rows = np.array(members)
        mined = nearest_neighbours(vectors[rows], min(neighbours, (len(rows) - 1) // 2))
        for place, similar in enumerate(mined):
            near[rows[place]] = rows[random.choice(similar)]
            different = np.ones(len(rows), dtype=bool)
            different[similar] = different[place] = False
            far[rows[place]] = rows[random.choice(np.flatnonzero(different))]
    return near, far


def context_ranking(anchors: Tensor, near: Tensor, far: Tensor, *, margin: float) -> Tensor:
    """Return mean_i max(0, margin − v_i·v⁺_i + v_i·v⁻_i), a scalar; 0 without instances.

    Args:
        anchors: v, entities in their own context (B, D), of unit length.
        near: v⁺, the same entities in a similar context (B, D).
        far: v⁻, the same entities in a different context (B, D).
        margin: Above 0.
    """
    if not len(anchors):
        return anchors.sum()
    apart = (anchors * far).sum(dim=1) - (anchors * near).sum(dim=1)
    return (margin + apart).clamp(min=0).mean()


@dataclass
class EIURETraining(SelfTraining):
    """The training of :class:`EIURE`; for the arguments, see :class:`SelfTraining`."""

    settings: EIURESettings
    #: Contents that are trained on (S,), and the place of each content among them (M,).
    _rows: Rows = field(init=False)
    _place: Rows = field(init=False)
    #: The exchanged instances, and the content of each (S, 3): other entities, similar context, different context.
    _exchanged: Prepared = field(init=False)
    _contents: Rows = field(init=False)
    #: Whether there was another context (S,).
    _ranked: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        settings, n_contents = self.settings, len(self.prepared.lengths)
        rows = np.arange(n_contents)
        if n_contents > settings.max_instances:
            random = generator(self.seed, "eiure sample")
            rows = np.sort(random.choice(n_contents, settings.max_instances, replace=False))
            self.warnings.append(
                f"the encoder trained on {len(rows)} of {n_contents} different instances, drawn at random (setting "
                "max_instances)"
            )
        self._rows, self._place = rows, np.full(n_contents, -1)
        self._place[rows] = np.arange(len(rows))
        first = np.unique(self.prepared.row_of, return_index=True)[1]
        instances = [self.instances[place] for place in first[rows]]
        annotates = settings.annotate and looks_english([instance.text for instance in instances])
        read = typed(instances, self.progress) if annotates else instances
        kinds = [instance.type_pair for instance in read]
        vectors = np.empty((n_contents, self.encoder.dimension), dtype=np.float32)
        for contents, batch in self.encoder.encoded(self.prepared, self.progress, contents=rows):
            vectors[contents] = batch
        vectors = vectors[rows]
        check_finite(vectors)
        near, far = contexts_exchanged(
            unit_length(vectors),
            kinds,
            neighbours=settings.neighbours,
            random=generator(self.seed, "eiure contexts"),
        )
        self._ranked = near != far
        others = entities_exchanged(instances, kinds, generator(self.seed, "eiure entities"))
        exchanged: list[RelationInstance] = []
        for row, instance in enumerate(instances):
            contexts = (instances[near[row]], instances[far[row]])
            moved = [with_entities(context, instance.head_text, instance.tail_text) for context in contexts]
            exchanged += [others[row], *moved]
        self._exchanged = self.encoder.prepare(exchanged, progress=self.progress)
        self._contents = self._exchanged.row_of.reshape(-1, 3)

    def _state(self) -> TrainingState:
        import torch

        optimizer = torch.optim.AdamW(
            list(self.encoder.parameters()),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            fused=True,
        )
        return TrainingState({"encoder": self.encoder}, optimizer)

    def _batches(self, epoch: int) -> Sequence[Rows]:
        lengths, random = self.prepared.lengths[self._rows], generator(self.seed, f"batches {epoch}")
        return [
            self._rows[batch] for batch in batches_by_length(lengths, self.settings.batch, random, least=2)
        ]

    def _loss(self, _: int, rows: Rows) -> torch.Tensor:
        """Return w_C · InfoNCE + w_E · ranking of a batch, a scalar."""
        import torch
        from torch.nn.functional import normalize

        settings, places = self.settings, self._place[rows]
        self.encoder.train(True)
        anchors = normalize(self.encoder(self.prepared, rows), dim=1)  # (B, D)
        losses = []
        if settings.contrast_weight:
            others = normalize(self.encoder(self._exchanged, self._contents[places, 0]), dim=1)  # (B, D)
            contrast = instance_contrast(anchors, others, temperature=settings.temperature)
            losses.append(settings.contrast_weight * self._terms("contrast", contrast))
        ranked = np.flatnonzero(self._ranked[places])
        if settings.ranking_weight and len(ranked):
            contents = self._contents[places[ranked], 1:].T.ravel()  # (2R,)
            near, far = normalize(self.encoder(self._exchanged, contents), dim=1).chunk(2)  # (R, D) each
            ranking = context_ranking(anchors[torch.from_numpy(ranked)], near, far, margin=settings.margin)
            losses.append(settings.ranking_weight * self._terms("ranking", ranking))
        if not losses:  # no instance of the batch has another context
            return 0 * anchors.sum()
        return torch.stack(losses).sum()

    def _begin(self, epoch: int) -> None:
        """Prepare nothing: what is exchanged was drawn before the first epoch."""

    def _end(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        self.epochs.append({"losses": self._terms.means(), "ranked": round(float(self._ranked.mean()), 6)})
        return {}, {}

    def _restore(self, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore nothing: what is exchanged follows from seed, instances and the untrained encoder."""


class EIURE(SelfTrained):
    """Train on instances with exchanged entities and exchanged contexts, then cluster by k-means.

    Args:
        encoder: The :class:`TransformerEncoder` to start from; the bundled encoder by default.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the untrained representations.
        seed: Random seed.

    The other parameters are the fields of :class:`EIURESettings`.
    """

    NAME: ClassVar[str] = "eiure"
    CITATION: ClassVar[str] = (
        "Liu, Yan, Lin, Han, Sun: Element Intervention for Open Relation Extraction. ACL 2021"
    )
    SETTINGS: ClassVar[type[EIURESettings]] = EIURESettings
    TRAINING: ClassVar[type[SelfTraining]] = EIURETraining
    # as for Siamese URE
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings(
        pooling="span-mean@3+span-mean@5+sentence@4+types*0.6"
    )

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        contrast_weight: float = EIURESettings.contrast_weight,
        ranking_weight: float = EIURESettings.ranking_weight,
        temperature: float = EIURESettings.temperature,
        margin: float = EIURESettings.margin,
        neighbours: int = EIURESettings.neighbours,
        dropout: float = EIURESettings.dropout,
        epochs: int = EIURESettings.epochs,
        batch: int = EIURESettings.batch,
        learning_rate: float = EIURESettings.learning_rate,
        weight_decay: float = EIURESettings.weight_decay,
        trained_layers: int = EIURESettings.trained_layers,
        training_dtype: Arithmetic = EIURESettings.training_dtype,
        max_instances: int = EIURESettings.max_instances,
        annotate: bool = EIURESettings.annotate,
        start: Start = EIURESettings.start,
        max_relations: int = EIURESettings.max_relations,
    ) -> None:
        self._store(locals())
