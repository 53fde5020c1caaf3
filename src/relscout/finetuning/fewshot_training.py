"""Training for few-shot classification: settings, episodes of known relations, and the best epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.core.settings import (
    AboveZero,
    AtLeast0,
    AtLeast1,
    AtLeast2,
    OneOf,
    Rate,
    Share,
    TrainedLayers,
    settings_class,
)
from relscout.encoders import OnLoss, TransformerEncoder, loss_warnings
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import TunableEncoder, can_turn, turned_by
from relscout.finetuning.episodes import (
    SIMILARITIES,
    Comparison,
    Episode,
    accuracies,
    draw_episodes,
    large_enough,
    placed,
    similarities,
)
from relscout.training.checkpointing import CheckpointedTraining, EpochResult, Trainer, TrainingState
from relscout.training.classification import Learner, Read
from relscout.training.cosine_classifier import CosineClassifierSettings, CosineClassifierTrainer
from relscout.training.labels import canonical, classes_of, content, digest
from relscout.training.loop import train
from relscout.training.stored import Checkpoints, Trained, below, trainable

if TYPE_CHECKING:
    import torch


#: Objective → what the encoder learns of the labelled, pre-defined relations.
OBJECTIVES: dict[str, str] = {
    "relations": "move each sentence towards a direction of its relation, all relations at once",
    "episodes": "classify few relations with prototypes of few examples, as in the test (Snell et al. 2017)",
}


@settings_class
class FewShotSettings:
    """Settings of few-shot classification; chosen on the development draws."""

    similarity: Annotated[str, OneOf(SIMILARITIES)] = "euclid"
    """How a sentence is compared with a prototype: ``dot`` (paper), ``euclid`` or ``cosine``."""
    unit_length: bool = True
    """Whether vectors have length 1 before they are compared; if not, they are the hidden states (paper)."""
    centred: bool = True
    """Whether the mean of the labelled instances is subtracted from all vectors, which are then normalised again."""
    refinements: AtLeast0 = 0
    """Rounds in which the queries refine the prototypes; they then depend on each other, at least 0."""
    objective: Annotated[str, OneOf(OBJECTIVES)] = "relations"
    """What the encoder learns: ``episodes`` (paper), or ``relations``, all labelled ones at once."""
    iterations: AtLeast0 = 200
    """Steps of training at least, so that all epochs are of one length (released code: 20,000); 0 trains nothing."""
    learning_rate: AboveZero = 2e-4
    """Highest learning rate of the encoder (released code: 2e-5, for BERT-base)."""
    dropout: Rate = 0.1
    """Dropout rate on the representation, in [0, 1) (released code: 0.5); the encoder keeps its own."""
    trained_layers: TrainedLayers = 3
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder (paper)."""
    inverses: bool = True
    """Whether relations are learnt backwards, too, where the encoder allows it: marking ``none``, mentions read."""
    train_ways: AtLeast2 = 16
    """Relations in an episode of training, at least 2 (or as many as there are): more teach more."""
    train_shots: AtLeast1 = 2
    """Examples of each relation in an episode of training, at least 1."""
    train_queries: AtLeast1 = 2
    """Queries of each relation in an episode of training, at least 1."""
    train_batch: AtLeast1 = 1
    """Episodes in a step of training, at least 1 (paper: 4)."""
    sharpness: AboveZero = 16.0
    """Factor of the similarities before the softmax, above 0; without ``unit_length`` there is none (paper)."""
    warm_up: Share = 0.1
    """Share of the steps in which learning rates rise, in [0, 1]; then they fall."""
    dtype: Arithmetic = "auto"
    """Arithmetic of the layers that learn: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    check_every: AtLeast1 = 50
    """Steps of ``episodes`` after which work is kept and ``dev`` scored; ``relations`` does so after each pass."""
    dev_ways: AtLeast2 = 5
    """Relations in an episode of ``dev``, at least 2."""
    dev_shots: AtLeast1 = 1
    """Examples of each relation in an episode of ``dev``, at least 1."""
    dev_episodes: AtLeast2 = 1000
    """Episodes of ``dev`` by which the best weights are chosen, at least 2."""

    @property
    def of_training(self) -> Episode:
        """Shape of an episode of training."""
        return Episode(self.train_ways, self.train_shots, self.train_queries)

    @property
    def of_dev(self) -> Episode:
        """Shape of an episode of ``dev``."""
        return Episode(self.dev_ways, self.dev_shots)

    @property
    def of_comparison(self) -> Comparison:
        """How queries are compared with prototypes."""
        sharpness = self.sharpness if self.unit_length else 1.0
        return Comparison(self.similarity, sharpness=sharpness, refinements=self.refinements)

    @property
    def of_cosine_classifier(self) -> CosineClassifierSettings:
        """Settings of the objective ``relations``."""
        return CosineClassifierSettings(
            inverses=self.inverses,
            supervised_layers=self.trained_layers,
            supervised_epochs=1,
            supervised_steps=self.iterations,
            supervised_learning_rate=self.learning_rate,
            supervised_dropout=self.dropout,
            sharpness=self.sharpness,
            supervised_warm_up=self.warm_up,
            supervised_dtype=self.dtype,
        )


#: What to do with instances of relations that were seen in training.
Known = Literal["raise", "drop", "keep"]
_CHOICES = ("raise", "drop", "keep")
_NAMED = 3
#: Use of labelled instances and of those of ``dev``, for messages.
LEARNT, CHOSEN_BY = "learnt in training", "used to choose the weights (dev)"


@dataclass(frozen=True)
class Seen:
    """Relations and sentences that were used in training, or to choose the weights.

    Args:
        relations: Names of the relations.
        keys: Hashes of the sentences with their mentions, 16 bytes each.
        how: Their use, ``LEARNT`` or ``CHOSEN_BY``, a participle for messages.
    """

    relations: frozenset[str] = frozenset()
    keys: frozenset[bytes] = frozenset()
    how: str = LEARNT

    @classmethod
    def of(cls, instances: Iterable[RelationInstance], *, how: str = LEARNT) -> Self:
        """Return the relations and sentences of labelled instances."""
        kept = list(instances)
        return cls(frozenset(str(instance.relation) for instance in kept), frozenset(map(_key, kept)), how)

    def apart(
        self, instances: Sequence[RelationInstance], known: Known, *, where: str
    ) -> tuple[list[RelationInstance], list[str]]:
        """Return the instances that were not seen, and warnings about the others.

        Args:
            instances: Instances with gold relations.
            known: What to do with relations that were seen: ``raise`` an error, ``drop`` their instances, or ``keep``
                all. Unless all are kept, sentences that were seen with another relation are left out, too.
            where: Name of the instances, for messages.

        Raises:
            InputError: Relations were seen, and ``known`` is ``raise``.
            UnknownNameError: ``known`` is none of the choices.
        """
        if known not in _CHOICES:
            raise UnknownNameError("choice for known relations", known, _CHOICES)
        if known == "keep":
            return list(instances), []
        both = sorted(self.relations & {str(instance.relation) for instance in instances})
        named = ", ".join(map(repr, both[:_NAMED])) + (", …" if len(both) > _NAMED else "")
        many, are = ("relation was", "is") if len(both) == 1 else ("relations were", "are")
        overlap = f"{len(both)} {many} {self.how} and {are} in {where}, too: {named}"
        if both and known == "raise":
            raise InputError(
                f"{overlap}; give instances of other relations, leave these out with --known drop (known='drop' in "
                "Python), or allow it with --known keep"
            )
        novel = [instance for instance in instances if instance.relation not in self.relations]
        kept = [instance for instance in novel if _key(instance) not in self.keys]
        warnings = []
        if both:
            warnings.append(f"{len(instances) - len(novel)} instances were left out: {overlap}")
        if len(kept) < len(novel):
            warnings.append(
                f"{len(novel) - len(kept)} instances in {where} were left out: their sentences were {self.how}"
            )
        return kept, warnings

    def array(self) -> NDArray[np.uint8]:
        """Return the hashes (N, 16), uint8, to be saved."""
        return np.frombuffer(b"".join(sorted(self.keys)), dtype=np.uint8).reshape(-1, 16)

    @classmethod
    def restored(cls, array: NDArray[np.uint8], relations: Iterable[str], *, how: str = LEARNT) -> Self:
        """Restore it from what :meth:`array` returned."""
        return cls(frozenset(map(str, relations)), frozenset(row.tobytes() for row in array), how)


def _key(instance: RelationInstance) -> bytes:
    return blake2b(repr(content(instance)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


#: Decoupled weight decay.
_WEIGHT_DECAY = 0.01


class EpisodicTraining(Generic[Read]):
    """Trains an encoder, such as the top layers of a transformer, to classify queries by prototypes in episodes.

    A step has ``train_batch`` episodes. The loss is the cross entropy over the softmax of the similarities (Snell et
    al. 2017, eq. 2), the mean over their queries. Unlike in the paper, vectors have unit length by default, and
    similarities are then multiplied by ``sharpness``. With ``inverses``, head and tail are exchanged in a random half
    of the steps, which then have the inverse relations. This needs no further pass of the encoder: two halves of the
    vectors are exchanged.

    Args:
        encoder: The encoder to train.
        prepared: The labelled instances.
        classes: Relation of each (N,), int64, from 0.
        names: Name of each relation.
        settings: See :class:`FewShotSettings`; ``inverses`` needs vectors in which head and tail can be exchanged.
        seed: Random seed of episodes and dropout.

    Raises:
        InputError: Fewer than two relations have enough instances for an episode.
    """

    def __init__(
        self,
        encoder: Learner[Read],
        prepared: Read,
        classes: NDArray[np.int64],
        names: list[str],
        *,
        settings: FewShotSettings,
        seed: int,
    ) -> None:
        import torch

        self._encoder, self._prepared, self._settings, self._seed = encoder, prepared, settings, seed
        of_content = np.empty(len(prepared.lengths), dtype=np.int64)
        of_content[prepared.row_of] = classes
        self._classes = of_content
        wanted = settings.of_training
        least = Episode(2, wanted.shots, wanted.queries)
        self._chosen, self.warnings = large_enough(of_content, names, least)
        self._episode = Episode(min(wanted.ways, len(self._chosen)), wanted.shots, wanted.queries)
        optimizer = torch.optim.AdamW(
            encoder.parameters(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
        )
        #: What a checkpoint restores.
        self.state = TrainingState({"encoder": encoder}, optimizer)

    @property
    def n_epochs(self) -> int:
        """Number of epochs, each of the same number of steps, at most ``check_every``.

        There are at least ``iterations`` steps, and less than one more step per epoch.
        """
        return -(-self._settings.iterations // self._settings.check_every)

    def epochs(self, *, first: int = 0, progress: Progress = silent) -> Iterator[EpochResult]:
        """Train, and yield the result of each epoch; between epochs, :attr:`state` can be saved.

        Args:
            first: The first epoch to train, above 0 when resuming.
            progress: Called with the steps done, stage ``"episodes"``.
        """
        losses: list[float] = []
        right = 0

        def loss(_: int, rows: NDArray[np.int64]) -> torch.Tensor:
            nonlocal right
            self._encoder.train(True)
            value, count = self._loss(rows)
            right += count
            return value

        for step in train(
            self._episodes,
            loss,
            self.state.optimizer,
            epochs=self.n_epochs,
            first_epoch=first,
            warm_up=self._settings.warm_up,
            seed=self._seed,
        ):
            progress("episodes", step.number, step.total)
            losses.append(step.loss)
            if step.ends_epoch:
                self._encoder.train(False)
                in_step = self._settings.train_batch * self._episode.ways * self._episode.queries
                n_queries = len(losses) * in_step
                yield EpochResult(step.epoch, float(np.mean(losses)), right / n_queries)
                losses, right = [], 0

    def _episodes(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        """Return the rows (E, N, K + Q) of the episodes of each step of an epoch."""
        length, size = -(-self._settings.iterations // self.n_epochs), self._settings.train_batch
        random = generator(self._seed, f"training episodes {epoch}")
        drawn = draw_episodes(
            self._classes, self._chosen, self._episode, episodes=length * size, random=random
        )
        return list(drawn.reshape(length, size, *drawn.shape[1:]))

    def _loss(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, int]:
        """Return the loss of the episodes of a step, and how many queries were classified correctly."""
        import torch
        from torch.nn.functional import cross_entropy, dropout, normalize

        ways, shots, compared = self._episode.ways, self._episode.shots, self._settings.of_comparison
        h = self._encoder(self._prepared, rows.reshape(-1))  # (E N (K + Q), D)
        if (
            self._settings.inverses
            and bool(torch.rand(()) < 0.5)
            and isinstance(self._encoder, TunableEncoder)
        ):
            h = turned_by(self._encoder.base, h)
        if self._settings.unit_length:
            h = normalize(h, dim=1)
        h = dropout(h, self._settings.dropout).view(*rows.shape, -1)  # (E, N, K + Q, D)
        queries = h[:, :, shots:].flatten(1, 2)  # (E, N Q, D)
        prototypes = h[:, :, :shots].mean(dim=2)  # (E, N, D)
        scores = compared.sharpness * similarities(queries, prototypes, compared.similarity)  # (E, N Q, N)
        truth = torch.arange(ways, device=h.device).repeat_interleave(self._episode.queries)  # (N Q,)
        right = int((scores.detach().argmax(dim=2) == truth).sum())
        return cross_entropy(scores.flatten(0, 1), truth.repeat(len(rows))), right


@dataclass(frozen=True)
class DevEpisodes:
    """Episodes of held-out relations, by which the best weights are chosen.

    The mean of the labelled instances is not subtracted here, since it would have to be computed after each epoch.

    Args:
        encode: Returns the vectors of the held-out instances (M, D) by the encoder in training; takes ``progress``.
        episodes: Rows of these (E, N, K + 1).
        shots: K.
        compared: How queries are compared with prototypes.
        unit_length: Whether vectors have length 1.
    """

    encode: Callable[..., NDArray[np.float32]]
    episodes: NDArray[np.int64]
    shots: int
    compared: Comparison
    unit_length: bool

    def accuracy(self, progress: Progress) -> float:
        """Return the share of the queries that the encoder classifies correctly in its current state."""
        vectors = placed(self.encode(progress=progress), None, unit_length=self.unit_length)
        shares = accuracies(vectors, self.episodes, shots=self.shots, compared=self.compared)
        return float(shares.mean())


def tune(
    base: TransformerEncoder,
    known: Sequence[RelationInstance],
    held: Sequence[RelationInstance] | None,
    settings: FewShotSettings,
    *,
    seed: int,
    described: Mapping[str, Any],
    checkpoints: Path | None,
    progress: Progress,
    on_loss: OnLoss,
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32], dict[str, Any], Checkpoints]:
    """Train an encoder.

    Args:
        base: The encoder to start from.
        known: Labelled instances in canonical order, without repetitions.
        held: The same of other relations, on which the best weights are selected; or ``None``.
        settings: See :class:`FewShotSettings`.
        seed: Random seed.
        described: All settings that determine the fit, as JSON values.
        checkpoints: Folder for checkpoints.
        progress: Progress callback.
        on_loss: Called with each truncated instance of ``known`` and what was lost.

    Returns:
        The best weights, the vectors of ``known`` (N, D) with them, the report, and the checkpoint, which must be
        cleared when the result is saved.

    Raises:
        InputError: Too few relations of ``known`` or ``held`` have enough instances for an episode.
        SettingError: The encoder cannot be trained.
        DivergedError: The loss is no longer a number.
    """
    names, classes = classes_of(known)
    settings = replace(settings, inverses=settings.inverses and can_turn(base))
    encoder = TunableEncoder(base, trained_layers=settings.trained_layers, arithmetic=settings.dtype)
    episodes, warnings = None, list[str]()
    dev_names, dev_classes = classes_of(held or ())
    if held is not None:
        shape = settings.of_dev
        chosen, small = large_enough(dev_classes, dev_names, shape)
        warnings += [f"dev: {warning}" for warning in small]
        random = generator(seed, "dev episodes")
        episodes = draw_episodes(dev_classes, chosen, shape, episodes=settings.dev_episodes, random=random)
    prepared = encoder.prepare(known, progress=progress, on_loss=on_loss)
    trainer: Trainer
    if settings.objective == "episodes":
        trainer = EpisodicTraining(encoder, prepared, classes, names, settings=settings, seed=seed)
        warnings += trainer.warnings
    else:
        trainer = CosineClassifierTrainer(
            encoder, prepared, classes, settings=settings.of_cosine_classifier, seed=seed
        )
    dev = None
    if held is not None and episodes is not None:
        dev = DevEpisodes(
            partial(encoder.encode, encoder.prepare(held, progress=progress)),
            episodes,
            settings.dev_shots,
            replace(settings.of_comparison, refinements=0),
            settings.unit_length,
        )
    work = Checkpoints.of(
        checkpoints,
        settings={**described, "kind": "few-shot", "classes": digest(classes), "dev": digest(dev_classes)},
        fingerprint=base.fingerprint,
        instances=[*known, *(held or ())],
    )
    training = CheckpointedTraining(
        trainer, work, None if dev is None else dev.accuracy, untrained_competes=True
    )
    best = training.run(progress)
    weights = below("encoder.", best) if training.best else {}
    vectors = encoder.encode(prepared, progress=progress)
    report = {
        "epochs": training.epochs,
        "chosen_epoch": training.best,
        "dev_untuned": training.untrained,
        "inverses": settings.inverses,
        "warnings": warnings,
    }
    return weights, vectors, report, work


@dataclass(frozen=True)
class FewShotFit:
    """The result of a fit; without arguments, the state before a fit.

    Args:
        relations: Names of the pre-defined relations, sorted.
        trained: The trained layers; ``None`` before a fit.
        centre: Mean vector to subtract from every vector (D,), float32; ``None`` for none.
        seen: Relations and sentences of the training.
        held: Relations and sentences by which the weights were chosen.
        report: Losses, accuracies and warnings, as JSON values.
    """

    relations: tuple[str, ...] = ()
    trained: Trained | None = None
    centre: NDArray[np.float32] | None = None
    seen: Seen = field(default_factory=Seen)
    held: Seen = field(default_factory=lambda: Seen(how=CHOSEN_BY))
    report: dict[str, Any] = field(default_factory=lambda: {"warnings": []})


def apart(
    labeled: Sequence[RelationInstance], dev: Sequence[RelationInstance] | None
) -> tuple[list[RelationInstance], list[RelationInstance] | None, Seen, list[str]]:
    """Return the instances to learn from, those to select weights on, what was seen, and warnings.

    Raises:
        InputError: An instance has no gold relation, or ``labeled`` and ``dev`` share relations.
    """
    known, warnings = canonical(labeled)
    seen = Seen.of(known)
    if dev is None:
        return known, None, seen, warnings
    unseen, left_out = seen.apart(dev, "raise", where="dev")
    held, repeated = canonical(unseen)
    return known, held, seen, [*warnings, *left_out, *(f"dev: {warning}" for warning in repeated)]


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
) -> tuple[FewShotFit, Checkpoints]:
    """Fit on labelled instances; return the fit, and its checkpoint, which must be cleared when the fit is saved.

    Args:
        encoder: The encoder to start from; without ``unit_length``, one :meth:`~TransformerEncoder.as_states`.
        labeled: Instances with gold relations. Repetitions count once, instances with contradictory labels not at all.
        dev: Instances with other gold relations, on which the best weights are selected; or ``None``.
        settings: See :class:`FewShotSettings`.
        seed: Random seed.
        described: All settings that determine the fit, as JSON values.
        checkpoints: Folder for checkpoints.
        progress: Progress callback.

    Raises:
        InputError: An instance has no gold relation, there are too few relations or instances of them, or ``labeled``
            and ``dev`` share relations.
        SettingError: The encoder cannot be trained.
        DivergedError: The loss is no longer a number.
    """
    known, held, seen, warnings = apart(labeled, dev)
    lost: Counter[str] = Counter()

    def on_loss(_: RelationInstance, what: str) -> None:
        lost.update([what])

    report: dict[str, Any] = {}
    weights: dict[str, NDArray[np.float32]] = {}
    work = Checkpoints(None)
    if settings.iterations:
        weights, vectors, report, work = tune(
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
        warnings += report.pop("warnings")
    else:
        vectors = encoder.encode(known, progress=progress, on_loss=on_loss)
    given = placed(vectors, None, unit_length=settings.unit_length)
    mean = given.mean(axis=0, dtype=np.float64).astype(np.float32)
    relations = tuple(sorted(seen.relations))
    counts = {"labelled": len(known), "predefined": len(relations)}
    learnt = FewShotFit(
        relations,
        Trained(encoder.fingerprint, weights),
        mean if settings.centred else None,
        seen,
        Seen.of(held or (), how=CHOSEN_BY),
        {**counts, **report, "warnings": [*warnings, *loss_warnings(lost)]},
    )
    return learnt, work
